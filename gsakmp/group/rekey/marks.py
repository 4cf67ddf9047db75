"""MARKS: keys by period, of which a receiver is given seeds for exactly the periods that it may read.

After Briscoe's idea of arbitrarily revealed key sequences; this is the definition of what is built here. H is
SHA-256, keys and seeds have 32 octets, and every hash starts with a label of its own, so that none of them is
another's. A sequence of N periods, numbered from 0, follows from one root seed r.

Binary hash tree (BHT), N = 2^D. Node i of level d:

    s(0, 0)        = r
    s(d + 1, 2i)   = H("gsakmp marks bht left" || 0 || s(d, i))
    s(d + 1, 2i+1) = H("gsakmp marks bht right" || 0 || s(d, i))
    key(p)         = s(D, p)

For periods m to n a receiver gets the roots of the fewest subtrees whose leaves are just these: at most
2(D - 1) for D > 1. Any set of intervals is the union of such. Receivers that put their seeds together know
the keys of the union of their intervals, and of no period more: what is above a seed, or beside it, can't be
reached from below without inverting H.

Bidirectional hash chain (BHC), any N:

    f(0)     = H("gsakmp marks bhc first" || 0 || r)
    f(i + 1) = H("gsakmp marks bhc forward" || 0 || f(i))
    b(N - 1) = H("gsakmp marks bhc last" || 0 || r)
    b(i - 1) = H("gsakmp marks bhc backward" || 0 || b(i))
    key(p)   = H("gsakmp marks bhc key" || 0 || f(p) || b(p))

For periods m to n a receiver gets f(m) and b(n), two seeds whatever the length. Two receivers learn all from
the first period that one of them has to the last that the other has, gaps included: one interval for each
receiver, and no two that work together, are part of its contract. A receiver that is later given another
interval counts as two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Final

from gsakmp.errors import ConfigurationError, PolicyRefused, StateError
from gsakmp.registries import PeriodConstruction

__all__ = [
    "BACKWARD",
    "FORWARD",
    "INTERVALS",
    "PERIODS",
    "SEED_OCTETS",
    "Interval",
    "KeySequence",
    "Seed",
    "chain_key",
    "check_sequence",
    "cover",
    "depth_of",
    "down",
    "seeds_at_most",
    "step",
    "union",
]

SEED_OCTETS: Final = 32
"""Of seeds and keys: SHA-256's."""
PERIODS: Final = {
    PeriodConstruction.BINARY_HASH_TREE: 1 << 20,
    PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN: 1 << 16,
}
"""Periods of one sequence at most. A tree's keys cost its depth; 2^20 leave 12 bits of a data SA's SPI to
draw. To reach one key of a chain may cost as many hashes as it is long: 2^16 take some 50 ms."""
INTERVALS: Final = 16
"""Intervals of one receiver in one sequence: with 38 seeds each at most they take 24 kilobytes of a
message."""

FORWARD, BACKWARD = 0, 1
"""What a chain's seed has as its level."""

_BHT: Final = (b"gsakmp marks bht left\0", b"gsakmp marks bht right\0")
_BHC: Final = (b"gsakmp marks bhc forward\0", b"gsakmp marks bhc backward\0")
_ENDS: Final = (b"gsakmp marks bhc first\0", b"gsakmp marks bhc last\0")
_KEY: Final = b"gsakmp marks bhc key\0"


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Periods from `first` to `last`, both of them included."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, period: object) -> bool:
        return isinstance(period, int) and self.first <= period <= self.last


@dataclass(frozen=True, slots=True)
class Seed:
    """What the keys of some periods follow from. `level` is that below the root of a tree; of a chain,
    `FORWARD` or `BACKWARD`."""

    level: int
    index: int
    octets: bytes = field(repr=False)


def check_sequence(construction: PeriodConstruction, count: int) -> None:
    """Raises `ConfigurationError` for a number of periods that the construction does not have."""
    most = PERIODS.get(construction)
    if most is None:
        raise ConfigurationError(f"{construction!r} is no construction of period keys")
    if not 1 <= count <= most:
        raise ConfigurationError(f"a sequence has 1 to {most} periods ({construction.name}), not {count}")
    if construction == PeriodConstruction.BINARY_HASH_TREE and count & (count - 1):
        raise ConfigurationError(f"{count} periods are no power of two, as a binary hash tree has")


def depth_of(count: int) -> int:
    """Levels of a tree of `count` leaves below its root; for a chain, those of the next larger tree."""
    return (count - 1).bit_length()


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same periods in the fewest intervals, in order."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.first <= merged[-1].last + 1:
            merged[-1] = Interval(merged[-1].first, max(merged[-1].last, interval.last))
        else:
            merged.append(interval)
    return tuple(merged)


def seeds_at_most(construction: PeriodConstruction, count: int, intervals: int = 1) -> int:
    """The most seeds that so many intervals take: 2(D - 1) each in a tree of depth D > 1."""
    if construction == PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN:
        return 2
    return intervals * max(1, 2 * (depth_of(count) - 1))


def cover(count: int, interval: Interval) -> list[tuple[int, int]]:
    """Level and index of the fewest subtrees of a tree of `count` leaves that have the interval's leaves and
    no others, from left to right."""
    depth = depth_of(count)
    left, right = interval.first, interval.last + 1
    ours: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    for level in range(depth, -1, -1):
        if left >= right:
            break
        if left & 1:  # a right child, whose parent has a leaf too many
            ours.append((level, left))
            left += 1
        if right & 1:
            right -= 1
            others.append((level, right))
        left, right = left >> 1, right >> 1
    return [*ours, *reversed(others)]


def down(octets: bytes, path: int, levels: int) -> bytes:
    """The seed `levels` below one, by the bits of `path`, the highest first."""
    for level in range(levels - 1, -1, -1):
        octets = sha256(_BHT[path >> level & 1] + octets).digest()
    return octets


def step(octets: bytes, direction: int, times: int) -> bytes:
    """A chain's value so many steps on, in its own direction."""
    label = _BHC[direction]
    for _ in range(times):
        octets = sha256(label + octets).digest()
    return octets


def chain_key(forward: bytes, backward: bytes) -> bytes:
    """The key of a period, from both chains' values of it."""
    return sha256(_KEY + forward + backward).digest()


@dataclass(frozen=True, slots=True)
class KeySequence:
    """The sequence as the key server has it: from its root seed. Raises `ConfigurationError`, see
    `check_sequence`, and for a root seed of another length."""

    construction: PeriodConstruction
    count: int
    root: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_sequence(self.construction, self.count)
        if len(self.root) != SEED_OCTETS:
            raise ConfigurationError(f"a root seed has {SEED_OCTETS} octets, not {len(self.root)}")

    def seeds(self, intervals: Sequence[Interval]) -> tuple[Seed, ...]:
        """The fewest seeds for the periods of the intervals, which are taken together first.

        Raises `StateError` for periods that there are not, and for none; `PolicyRefused` for more than
        `INTERVALS`, or more than one of a chain, which would give away the gap."""
        merged = union(intervals)
        self._check(intervals, merged)
        if self.construction == PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN:
            return self._ends(merged[0])
        depth = depth_of(self.count)
        return tuple(
            Seed(level, index, down(self.root, index, level))
            for interval in merged
            for level, index in cover(1 << depth, interval)
        )

    def key(self, period: int) -> bytes:
        """The key of a period. Raises `StateError` for one that there is not."""
        self._check((Interval(period, period),), (Interval(period, period),))
        if self.construction == PeriodConstruction.BINARY_HASH_TREE:
            return down(self.root, period, depth_of(self.count))
        return chain_key(*(seed.octets for seed in self._ends(Interval(period, period))))

    def _ends(self, interval: Interval) -> tuple[Seed, Seed]:
        first, last = (sha256(label + self.root).digest() for label in _ENDS)
        return (
            Seed(FORWARD, interval.first, step(first, FORWARD, interval.first)),
            Seed(BACKWARD, interval.last, step(last, BACKWARD, self.count - 1 - interval.last)),
        )

    def _check(self, intervals: Sequence[Interval], merged: Sequence[Interval]) -> None:
        if not merged:
            raise StateError("no interval to give seeds for")
        for interval in intervals:
            if not 0 <= interval.first <= interval.last < self.count:
                raise StateError(f"periods {interval} of a sequence whose last is {self.count - 1}")
        if len(merged) > INTERVALS:
            raise PolicyRefused(f"{len(merged)} intervals; a receiver has {INTERVALS} at most")
        if len(merged) > 1 and self.construction == PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN:
            gaps = ", ".join(str(Interval(a.last + 1, b.first - 1)) for a, b in pairwise(merged))
            raise PolicyRefused(f"a hash chain has one interval a receiver: it would learn {gaps}, too")
