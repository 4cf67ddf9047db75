"""What the ratios should be, and whether they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.peers import LIBRARY
from benchmarks.timing import Measured

__all__ = ["TARGETS", "Target", "Verdict", "verdicts"]

Key = tuple[str, str]
"""A case and what was done: ``parse``, ``build`` or ``decode``."""


@dataclass(frozen=True, slots=True)
class Target:
    """`peer` should take at least `times` as long as the library."""

    case: str
    action: str
    peer: str
    times: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and the median ratio; None where the peer was not there."""

    target: Target
    ratio: float | None

    @property
    def met(self) -> bool | None:
        return None if self.ratio is None else self.ratio >= self.target.times


NESTED: Final = ("Main Mode 1", "PULL SA", "KD LKH", "PUSH")

TARGETS: Final = (
    Target("Main Mode 1", "parse", "scapy", 25),
    Target("Main Mode 3", "parse", "scapy", 60),
    *(Target(case, "parse", "construct", 30) for case in NESTED),
    *(Target(case, "parse", "by hand", 1) for case in ("Main Mode 1", "Main Mode 3", *NESTED[1:])),
    Target("Main Mode 1", "build", "scapy", 15),
    Target("Main Mode 3", "build", "scapy", 15),
    Target("whole file", "decode", "tshark", 2),
)


def verdicts(results: Mapping[Key, Measured]) -> list[Verdict]:
    """Of every target whose case was measured."""
    out = []
    for target in TARGETS:
        measured = results.get((target.case, target.action))
        if measured is not None:
            there = target.peer in measured.rounds
            out.append(Verdict(target, measured.ratio(target.peer, LIBRARY) if there else None))
    return out
