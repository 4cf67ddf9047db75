"""The receiver's side of MARKS: from the seeds of its intervals, the key of each of their periods.

See `gsakmp.group.rekey.marks` for the functions. Going from one period to the next costs two hashes on
average in a tree, about two in a chain, and memory is bounded: the path to the last key of a tree, or 512
values of a chain.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import isqrt
from typing import Protocol

from gsakmp.errors import DecodeError, StateError
from gsakmp.group.rekey.marks import (
    BACKWARD,
    FORWARD,
    SEED_OCTETS,
    Interval,
    Seed,
    chain_key,
    check_sequence,
    depth_of,
    down,
    step,
    union,
)
from gsakmp.registries import PeriodConstruction

__all__ = ["IntervalKeys", "KeySource"]


class KeySource(Protocol):
    """Gives keys by period: `IntervalKeys`, or a module that holds the seeds (`gsakmp.group.rekey.nark`)."""

    def key(self, period: int) -> bytes:
        """32 octets. Raises `StateError` for a period that is not among those given."""


class IntervalKeys:
    """Derives the keys of exactly its periods. No seed shows in its text."""

    def __init__(self, construction: PeriodConstruction, count: int, seeds: Sequence[Seed]) -> None:
        """Raises `ConfigurationError` for a sequence that can't be; `DecodeError` for seeds that are not of
        it, are of one period twice, or of a chain and no interval."""
        check_sequence(construction, count)
        self.construction = construction
        self.count = count
        if any(len(seed.octets) != SEED_OCTETS for seed in seeds) or not seeds:
            raise DecodeError(f"seeds have {SEED_OCTETS} octets each, and there is one at least", "seeds")
        tree = construction == PeriodConstruction.BINARY_HASH_TREE
        self._keys: _Tree | _Chain = _Tree(count, seeds) if tree else _Chain(count, seeds)
        self.intervals: tuple[Interval, ...] = union(self._keys.intervals)
        """The periods that there are keys of."""

    def __repr__(self) -> str:
        return f"IntervalKeys({', '.join(map(str, self.intervals))} of {self.count})"

    def __contains__(self, period: object) -> bool:
        return any(period in interval for interval in self.intervals)

    def key(self, period: int) -> bytes:
        """The key of a period. Raises `StateError` for one that it was given no seed for."""
        if period not in self:
            given = ", ".join(map(str, self.intervals))
            raise StateError(f"no key for period {period}: seeds are here for {given}")
        return self._keys.key(period)


class _Tree:
    """Seeds by the periods below them, and the seeds on the way to the last key."""

    def __init__(self, count: int, seeds: Sequence[Seed]) -> None:
        self.depth = depth_of(count)
        for seed in seeds:
            if not (0 <= seed.level <= self.depth and 0 <= seed.index < 1 << seed.level):
                raise DecodeError(f"a seed of node {seed.level}, {seed.index}: there is none", "seeds")
        self.seeds = sorted(seeds, key=self._first)
        self.starts = [self._first(seed) for seed in self.seeds]
        self.intervals = [
            Interval(start, start + (1 << self.depth - seed.level) - 1)
            for seed, start in zip(self.seeds, self.starts, strict=True)
        ]
        if any(one.last >= start for one, start in zip(self.intervals, self.starts[1:], strict=False)):
            raise DecodeError("two seeds for one period", "seeds")
        self._path: list[Seed] = []

    def _first(self, seed: Seed) -> int:
        return seed.index << self.depth - seed.level

    def key(self, period: int) -> bytes:
        seed = self.seeds[bisect_right(self.starts, period) - 1]
        path = [node for node in self._path if node.index == period >> self.depth - node.level]
        if not path or path[0] != seed:
            path = [seed]
        while path[-1].level < self.depth:
            above = path[-1]
            index = period >> self.depth - above.level - 1
            path.append(Seed(above.level + 1, index, down(above.octets, index & 1, 1)))
        self._path = path
        return path[-1].octets


class _Chain:
    """Both chains' values by period. The backward one runs against time, so values of it are kept at
    distances of about the root of the interval's length, and those of one such stretch."""

    def __init__(self, count: int, seeds: Sequence[Seed]) -> None:
        if [seed.level for seed in seeds] != [FORWARD, BACKWARD]:
            raise DecodeError("a hash chain has a seed of each direction, the forward one first", "seeds")
        forward, backward = seeds
        if not 0 <= forward.index <= backward.index < count:
            raise DecodeError(f"no interval: {forward.index} to {backward.index} of {count}", "seeds")
        self.intervals = [Interval(forward.index, backward.index)]
        self._last = backward.index
        self._forward = forward
        self._reached = forward
        self._stride = isqrt(len(self.intervals[0])) + 1
        self._marks = [backward.octets]
        """Values of the backward chain at `_last`, `_last` - stride, and so on, as far as was needed."""
        self._stretch: tuple[int, list[bytes]] = (-1, [])

    def key(self, period: int) -> bytes:
        if period < self._reached.index:
            self._reached = self._forward
        onward = step(self._reached.octets, FORWARD, period - self._reached.index)
        self._reached = Seed(FORWARD, period, onward)
        return chain_key(onward, self._backward(period))

    def _backward(self, period: int) -> bytes:
        number, offset = divmod(self._last - period, self._stride)
        while len(self._marks) <= number:
            self._marks.append(step(self._marks[-1], BACKWARD, self._stride))
        if self._stretch[0] != number:
            values = [self._marks[number]]
            for _ in range(self._stride - 1):
                values.append(step(values[-1], BACKWARD, 1))
            self._stretch = number, values
        return self._stretch[1][offset]
