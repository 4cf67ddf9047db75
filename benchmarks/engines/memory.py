"""What a member costs a GCKS, in memory and, however many there are, in time. In a process of its own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.engines.world import Rig

__all__ = ["Grown", "grow", "table"]

AT_ONCE: Final = 50
WINDOW: Final = 250
"""Registrations over which a rate is taken."""
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Grown:
    """`rates` and `resident` by the number of members there were: microseconds for one registration, octets
    of the process. `with_sa` and `without` are octets for one member that Python has allocated."""

    rates: dict[int, float]
    resident: dict[int, int]
    with_sa: float
    without: float


def grow(sizes: tuple[int, ...], traced: int) -> Grown:
    """Register up to the last of `sizes` in one process, then `traced` in another, which is slower."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(2, maxtasksperchild=1) as pool:
        rates, resident = pool.apply(growing, (sizes,))
        with_sa, without = pool.apply(tracing, (traced,))
    return Grown(rates, resident, with_sa, without)


def growing(sizes: tuple[int, ...]) -> tuple[dict[int, float], dict[int, int]]:
    rig, rates, resident = Rig(), dict[int, float](), dict[int, int]()
    gc.disable()
    rig.register(AT_ONCE)
    for size in sizes:
        window = min(WINDOW, size)
        register(rig, size - window - rig.members)
        rig.taken()
        steps = []
        while rig.members < size:
            rig.register(AT_ONCE)
            steps.append(rig.taken()[0] / AT_ONCE / 1000)
        rates[size] = sorted(steps)[len(steps) // 2]
        gc.collect()
        resident[size] = resident_octets()
    return rates, resident


def register(rig: Rig, count: int) -> None:
    for done in range(0, count, AT_ONCE):
        rig.register(min(AT_ONCE, count - done))
        if not done % 1000:
            gc.collect(1)


def tracing(members: int) -> tuple[float, float]:
    rig = Rig()
    register(rig, AT_ONCE)
    tracemalloc.start()
    before = allocated()
    register(rig, members)
    with_sa = allocated()
    for session in list(rig.gcks.sessions.values()):
        rig.gcks.close(session, "closed", rig.now, tell=False)
    while rig.gcks.next_event() is not None:
        pass
    return (with_sa - before) / members, (allocated() - before) / members


def allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def resident_octets() -> int:
    """0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * PAGE if statm.exists() else 0


def table(found: Grown) -> str:
    lines = [f"{'members':>9}{'registration':>15}{'resident':>14}", "-" * 38]
    for size, rate in found.rates.items():
        lines.append(f"{size:>9}{rate:>12.0f} us{found.resident[size] / 2**20:>10.1f} MiB")
    first, last = min(found.resident), max(found.resident)
    more = (found.resident[last] - found.resident[first]) / (last - first) / 1024
    lines += [
        f"a member with a live ISAKMP SA: {more:.1f} KiB resident, {found.with_sa / 1024:.1f} KiB of objects; "
        f"without: {found.without / 1024:.1f} KiB",
    ]
    return "\n".join(lines)


