"""What a member costs a GCKS, in memory and, however many there are, in time. In a process of its own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import thread_time_ns
from typing import Final

from benchmarks.engines.floor import floor_of, recorded
from benchmarks.engines.world import Rig

__all__ = ["Grown", "grow", "table"]

AT_ONCE: Final = 50
WINDOW: Final = 250
"""Registrations over which a rate is taken."""
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Grown:
    """By the number of members there were: microseconds for one registration, and how many times the floor's
    that is (`rates`), and octets of the process (`resident`). `with_sa` and `without` are octets for one
    member that Python has allocated."""

    rates: dict[int, tuple[float, float]]
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


def growing(sizes: tuple[int, ...]) -> tuple[dict[int, tuple[float, float]], dict[int, int]]:
    rig, rates, resident = Rig(), dict[int, tuple[float, float]](), dict[int, int]()
    floor = floor_of(recorded("PSK"), "PSK")
    gc.disable()
    rig.register(AT_ONCE)
    for size in sizes:
        window = min(WINDOW, size - rig.members)
        register(rig, size - window - rig.members)
        gc.collect()
        rig.taken()
        steps = []
        while rig.members < size:
            rig.register(AT_ONCE)
            taken, start = rig.taken()[0], thread_time_ns()
            for _ in range(AT_ONCE):
                floor()
            steps.append((taken / AT_ONCE / 1000, taken / (thread_time_ns() - start)))
        rates[size] = min(step[0] for step in steps), median(step[1] for step in steps)
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
    lines = [f"{'members':>9}{'best':>12}{'times floor':>13}{'resident':>14}", "-" * 48]
    for size, (rate, times) in found.rates.items():
        resident = found.resident[size] / 2**20
        lines.append(f"{size:>9}{rate:>9.0f} us{times:>13.2f}{resident:>10.1f} MiB")
    *_, first, last = sorted(found.resident)
    more = (found.resident[last] - found.resident[first]) / (last - first) / 1024
    lines += [
        f"a member with a live ISAKMP SA: {more:.1f} KiB resident, {found.with_sa / 1024:.1f} KiB of objects",
        f"a member without one: {found.without / 1024:.1f} KiB of objects",
    ]
    return "\n".join(lines)
