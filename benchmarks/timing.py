"""Timing side by side: every round measures each peer once, so that what the machine does meanwhile hits all.

The collector is off for all of them, as in `timeit`, and runs between the rounds. The process is pinned to
one processor where the system allows it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns
from typing import Any

__all__ = ["Measured", "measure", "pinned", "uncollected"]

Work = tuple[Callable[[Any], Any], Sequence[Sequence[Any]]]
"""A function, and batches of arguments: a turn calls it with each of a batch, and takes the next batch in
the next round. The first batch is for warming up."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Nanoseconds for one call, round by round, of each peer."""

    rounds: Mapping[str, Sequence[float]]

    def best(self, name: str) -> float:
        """The shortest, in microseconds."""
        return min(self.rounds[name]) / 1000

    def ratio(self, peer: str, to: str) -> float:
        """How many times as long `peer` took as `to`: the median over the rounds, each compared in itself."""
        return median(p / t for p, t in zip(self.rounds[peer], self.rounds[to], strict=True))

    def best_ratio(self, peer: str, to: str) -> float:
        """The same from the shortest of each."""
        return min(self.rounds[peer]) / min(self.rounds[to])


@contextmanager
def pinned() -> Iterator[int | None]:
    """Keep this process, and those that it starts, on one processor; gives its number."""
    if not hasattr(os, "sched_setaffinity"):
        yield None
        return
    before = os.sched_getaffinity(0)
    processor = max(before)
    os.sched_setaffinity(0, {processor})
    try:
        yield processor
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def uncollected() -> Iterator[None]:
    """The garbage collector off, what lives now out of its sight, and both as before afterwards."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def turn(work: Work, index: int) -> float:
    """Nanoseconds for one call, over the batch of that round."""
    function, batches = work
    batch = batches[index % len(batches)]
    start = perf_counter_ns()
    for argument in batch:
        function(argument)
    return (perf_counter_ns() - start) / len(batch)


def measure(works: Mapping[str, Work], rounds: int) -> Measured:
    """Each of `works` once in each of `rounds`, in changing order."""
    names = list(works)
    found: dict[str, list[float]] = {name: [] for name in names}
    with uncollected():
        for name in names:
            turn(works[name], 0)  # code is generated, tables are filled
        for index in range(1, rounds + 1):
            for name in names[index % len(names) :] + names[: index % len(names)]:
                found[name].append(turn(works[name], index))
            gc.collect()
    return Measured(found)
