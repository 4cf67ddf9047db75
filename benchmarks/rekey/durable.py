"""A structure in a store on disk: written once as a whole, then leave by leave, and read again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from benchmarks.rekey.structures import Case, member
from gsakmp.crypto import system_random
from gsakmp.group.records import PutGroup, PutRekeyAlgorithm
from gsakmp.group.rekey import RekeyAlgorithm, RekeyPlan
from gsakmp.identities import Identity
from gsakmp.store import SQLStore

__all__ = ["Stored", "save", "stored"]

GROUP = "benchmark"
GROUP_IDENTITY = "key-id:0x000004d2"
SEALING_KEY = bytes(32)
SPI = bytes(range(16))


@dataclass(frozen=True, slots=True)
class Stored:
    """`load_seconds` is from the file, out of the system's cache, to an algorithm that answers;
    `load_processor` what of it the processor was busy. A leave's octets are those that the algorithm says to
    persist, and those by which SQLite's log grew, pages and all. Times of leaves are by the wall clock: the
    disk has it then."""

    save_seconds: float
    file_octets: int
    leave_octets: float
    log_octets: float
    leave_milliseconds: float
    load_seconds: float
    load_processor: float


def save(path: Path, plan: RekeyPlan) -> float:
    """A new store with a structure in it; seconds."""
    with SQLStore(path, SEALING_KEY) as store:
        identity = Identity.from_text(GROUP_IDENTITY)
        store.commit([PutGroup(group=GROUP, identity=identity, created_at=0.0, policy_digest=b"")])
        start = perf_counter()
        store.commit([changed(plan)])
        return perf_counter() - start


def stored(path: Path, case: Case, algorithm: RekeyAlgorithm, leavers: range, seconds: float) -> Stored:
    """Members of these numbers leave, each durably; then all is loaded and must be as it was. `seconds` is
    what `save` took."""
    whole = path.stat().st_size
    said, grown, spent = [], [], []
    with SQLStore(path, SEALING_KEY) as store:
        for number in leavers:
            plan = algorithm.remove([member(number)], SPI, system_random)
            before, start = log_size(path), perf_counter()
            store.commit([changed(plan)])
            spent.append(perf_counter() - start)
            grown.append(log_size(path) - before)
            said.append(len(plan.state) + sum(len(name) + len(part) for name, part in plan.parts.items()))
    forget(path)
    size = len(algorithm) + len(leavers)
    start, busy = perf_counter(), process_time()
    loaded = case.algorithm(size)
    with SQLStore(path, SEALING_KEY, read_only=True) as store:
        state = store.load()[GROUP]
    loaded.restore(state.rekey_algorithm[0], state.rekey_parts.get(0, {}))
    taken, busy = perf_counter() - start, process_time() - busy
    one = member(leavers.stop)
    if len(loaded) != len(algorithm) or loaded.download(one) != algorithm.download(one):
        raise AssertionError(f"{case.name}: what was loaded is not what was saved")
    return Stored(seconds, whole, median(said), median(grown), 1000 * median(spent), taken, busy)


def changed(plan: RekeyPlan) -> PutRekeyAlgorithm:
    return PutRekeyAlgorithm(group=GROUP, policy_index=0, state=plan.state, parts=plan.parts, anew=plan.anew)


def log_size(path: Path) -> int:
    """Octets of SQLite's write-ahead log."""
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size if log.exists() else 0


def forget(path: Path) -> None:
    """Let the system drop the file from its cache, where it can be told to."""
    if not hasattr(os, "posix_fadvise"):
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
