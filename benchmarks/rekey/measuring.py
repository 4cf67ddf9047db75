"""One structure of one size, in a process of its own: its changes, and what it takes of memory and disk."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks.engines.memory import resident_octets
from benchmarks.rekey.changes import AT_ONCE, BATCHES, Changed, Changes
from benchmarks.rekey.durable import Stored, save, stored
from benchmarks.rekey.structures import Case, member
from gsakmp.crypto import system_random

__all__ = ["Found", "measure", "resident"]

DURABLE: Final = 10
"""Leaves that are made durable one by one."""
LINEAR_AT_ONCE: Final = 1_000
"""Members beyond which leaves with a wrap for each of them are not measured several in a row."""
LINEAR_BATCHES: Final = 100_000
"""And beyond which batches are left out for them: a leave of one takes as long."""


@dataclass(frozen=True, slots=True)
class Found:
    """`octets_per_member` are resident, by which the process grew; `start_seconds` is what making the whole
    structure took."""

    case: Case
    members: int
    start_seconds: float
    octets_per_member: float
    changes: Sequence[Changed]
    stored: Stored


def measure(case: Case, members: int, rounds: int, *, apart: bool = True) -> Found:
    """`apart`: in a process of its own, whose memory is nothing else's."""
    if not apart:
        return measured(case, members, rounds)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (case, members, rounds))


def measured(case: Case, members: int, rounds: int) -> Found:
    with TemporaryDirectory() as folder:
        warm = case.algorithm(1)
        save(Path(folder) / "first", warm.start([member(0)], system_random))  # all is imported now
        before = resident()
        path = Path(folder) / "store"
        algorithm = case.algorithm(members)
        who = [member(number) for number in range(members)]
        start = perf_counter()
        plan = algorithm.start(who, system_random)
        started = perf_counter() - start
        del who
        saved = save(path, plan)
        del plan
        grown = resident() - before
        leavers = range(min(DURABLE, members // 4))
        on_disk = stored(path, case, algorithm, leavers, saved)
    changes = Changes(algorithm, range(leavers.stop, members), rounds)
    slow = case.linear and members > LINEAR_AT_ONCE
    batches = [size for size in BATCHES if 2 * size <= members]
    if case.linear and members > LINEAR_BATCHES:
        batches = batches[:1]  # the others take the same
    found = changes.all(batches, 1 if slow else AT_ONCE)
    return Found(case, members, started, grown / members, found, on_disk)


def resident() -> int:
    """Octets of the process once what nobody needs is given back; 0 where the system does not tell."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # another C library than GNU's
        ctypes.CDLL(None).malloc_trim(0)
    return resident_octets()
