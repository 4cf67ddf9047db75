"""MARKS: what a receiver's interval costs. How many receivers there are makes no difference to any of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from random import Random
from statistics import median
from time import thread_time_ns
from typing import Final

from benchmarks.timing import uncollected
from gsakmp.group.rekey.marks import SEED_OCTETS, Interval, KeySequence
from gsakmp.registries import PeriodConstruction

__all__ = ["Given", "give", "table"]

CONSTRUCTIONS: Final = {
    "marks, hash tree": (PeriodConstruction.BINARY_HASH_TREE, 1 << 20),
    "marks, hash chain": (PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN, 1 << 12),
}


@dataclass(frozen=True, slots=True)
class Given:
    """Seeds of a random interval: how many, and how many at most; their octets; and the microseconds that
    making them takes."""

    name: str
    periods: int
    seeds: float
    most: int
    microseconds: float


def give(receivers: int) -> list[Given]:
    """The seeds of so many receivers, by each construction."""
    found = []
    for name, (construction, periods) in CONSTRUCTIONS.items():
        sequence, draw = KeySequence(construction, periods, os.urandom(SEED_OCTETS)), Random(periods)
        counts, times = [], []
        with uncollected():
            for _ in range(receivers):
                first, last = sorted(draw.sample(range(periods), 2))
                start = thread_time_ns()
                seeds = sequence.seeds((Interval(first, last),))
                times.append((thread_time_ns() - start) / 1000)
                counts.append(len(seeds))
        found.append(Given(name, periods, median(counts), max(counts), median(times)))
    return found


def table(found: list[Given]) -> str:
    head = f"{'by periods':<20}{'periods':>9}{'seeds':>7}{'(most)':>8}{'octets':>8}{'join':>11}{'leave':>21}"
    lines = [head, "-" * len(head)]
    lines += [
        f"{one.name:<20}{one.periods:>9}{one.seeds:>7.0f}{f'({one.most})':>8}{one.seeds * SEED_OCTETS:>8.0f}"
        f"{one.microseconds:>8.0f} us{'nothing, no message':>21}"
        for one in found
    ]
    return "\n".join(lines)
