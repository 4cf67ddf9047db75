"""Registrations per second of one GCKS process, in memory: only the key server's own time counts."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time_ns
from typing import Final

from benchmarks.engines.floor import described, floor_of, recorded
from benchmarks.engines.shares import LAYERS, Shares
from benchmarks.engines.world import METHODS, Rig
from benchmarks.timing import Measured, uncollected
from gsakmp.group.records import Journal, MemoryJournal
from gsakmp.store import SQLStore

__all__ = ["CASES", "Registered", "measure_case", "notes", "shares_table", "table"]

OURS: Final = "gcks"
FLOOR: Final = "cryptography"
AT_ONCE: Final = 64
"""Registrations that share a step, as many as the datagrams that the transport takes at once."""
TARGET: Final = 2.0


@dataclass(frozen=True, slots=True)
class Case:
    """How members prove who they are, and where the key server's state goes."""

    method: str
    store: bool

    @property
    def name(self) -> str:
        return f"{self.method}, {'SQLite' if self.store else 'memory'}"


CASES: Final = (*(Case(method, False) for method in METHODS), Case("PSK", True))


@dataclass(frozen=True, slots=True)
class Registered:
    """What a case came to: processor time beside the floor's, and the wall clock's in microseconds."""

    case: Case
    measured: Measured
    wall: float
    shares: Shares
    profiled: int

    @property
    def times(self) -> float:
        return self.measured.ratio(OURS, FLOOR)


@contextmanager
def journal_of(case: Case) -> Iterator[Journal]:
    if not case.store:
        yield MemoryJournal()
        return
    with TemporaryDirectory() as folder, SQLStore(Path(folder) / "store", os.urandom(32)) as store:
        yield store


def measure_case(case: Case, rounds: int, at_once: int = AT_ONCE) -> Registered:
    """`rounds` of `at_once` registrations, each followed by as many times the floor; then a profile."""
    operations = recorded(case.method)
    floor, shares = floor_of(operations, case.method), Shares()
    found: dict[str, list[float]] = {OURS: [], FLOOR: []}
    walls = []
    with journal_of(case) as journal, uncollected():
        rig = Rig(case.method, journal)
        rig.register(at_once)
        rig.taken()
        for _ in range(rounds):
            rig.register(at_once)
            processor, wall = rig.taken()
            found[OURS].append(processor / at_once)
            walls.append(wall / at_once / 1000)
            start = thread_time_ns()
            for _ in range(at_once):
                floor()
            found[FLOOR].append((thread_time_ns() - start) / at_once)
            gc.collect()
        rig.before, rig.after = shares.start, shares.stop
        for _ in range(rounds):
            rig.register(at_once)
    return Registered(case, Measured(found), sorted(walls)[len(walls) // 2], shares, rounds * at_once)


def notes() -> str:
    kinds = {method: described(recorded(method), method) for method in METHODS}
    return f"""\
One registration is Main Mode (AES-128, SHA-256, group 19) and a GROUPKEY-PULL with one Rekey SA and one data
SA. {AT_ONCE} at a time share each step and its commit, as datagrams that wait in a socket do. Time is the key
server's alone, of the processor; members work beside the clock. "wall" has the waiting for the disk and for
a machine that others use in it. The floor is the cryptography of a registration, called straight on
pyca/cryptography, in turns with ours:
""" + "\n".join(f"  {text}" for text in kinds.values())


def table(results: list[Registered]) -> str:
    head = f"{'registration':<22}{'best':>10}{'per second':>12}{'floor':>11}{'times':>8}"
    head += f"{'(best)':>9}{'wall':>11}"
    lines = [head, "-" * len(head)]
    for one in results:
        best = one.measured.best(OURS)
        best_times = f"({one.measured.best_ratio(OURS, FLOOR):.2f})"
        lines.append(
            f"{one.case.name:<22}{best:>7.0f} us{1e6 / best:>12.0f}{one.measured.best(FLOOR):>8.0f} us"
            f"{one.times:>8.2f}{best_times:>9}{one.wall:>8.0f} us"
        )
    first = results[0]
    met = "met" if first.times <= TARGET else "NOT MET"
    lines += [
        "",
        "target (one process does at least half of the registrations that its cryptography alone allows)",
        f"  {first.case.name}: {first.times:.2f} times the floor, <= {TARGET:.0f} wanted  {met}",
    ]
    return "\n".join(lines)


def shares_table(results: list[Registered]) -> str:
    """Parts of the profiled time; the profiler makes Python's calls longer, and C's not."""
    head = f"{'where the time goes':<22}" + "".join(f"{layer:>11}" for layer in LAYERS)
    lines = [head, "-" * len(head)]
    for one in results:
        found = one.shares.by_layer()
        lines.append(f"{one.case.name:<22}" + "".join(f"{100 * found[layer]:>9.1f} %" for layer in LAYERS))
    return "\n".join(lines)
