"""Joins and leaves of one structure, each round beside the cryptography alone of that very change."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from statistics import median
from time import perf_counter, thread_time_ns
from typing import Final

from benchmarks.rekey.signing import SIGNATURES, Signer, wraps_alone
from benchmarks.rekey.structures import member
from benchmarks.timing import Measured, uncollected
from gsakmp.crypto import system_random
from gsakmp.group.rekey import RekeyAlgorithm, RekeyPlan
from gsakmp.identities import Identity

__all__ = ["BATCHES", "FLOOR", "KINDS", "OURS", "WITH_KEK", "Changed", "Changes", "kind_of_leave"]

OURS: Final = "gsakmp"
FLOOR: Final = "alone"
BATCHES: Final = (1, 10, 100, 1_000)
WITH_KEK: Final = "join, new KEK"
KINDS: Final = ("leave", *(f"{size} leave" for size in BATCHES[1:]), WITH_KEK, "join")
AT_ONCE: Final = 10
"""Joins or leaves of single members in one round, one after the other: a busy key server's."""
SECONDS: Final = 6.0
"""After which no more rounds are begun."""
SLOW_SIGNATURES: Final = 2_000
"""Pushes beyond which a change is signed with ECDSA alone: one with RSA of 2048 bits takes half a
millisecond."""

Verb = Callable[[bytes], RekeyPlan]
"""What an algorithm does for the new Rekey SA that has this SPI."""


@dataclass(slots=True)
class Changed:
    """One kind of change. Counts are medians over the rounds; times are the processor's, in nanoseconds:
    planned, wraps included; the wraps alone; and by signature all of it, and what its wraps and its
    signatures take alone."""

    kind: str
    wraps: list[float] = field(default_factory=list)
    pushes: list[float] = field(default_factory=list)
    octets: list[float] = field(default_factory=list)
    planned: list[float] = field(default_factory=list)
    wrapped: list[float] = field(default_factory=list)
    signed: dict[str, Measured] = field(default_factory=dict)

    def without_messages(self, name: str) -> float:
        """How many times as long as the floor takes what is planned and wrapped, with the signatures alone:
        all but the making of messages."""
        alone = zip(self.planned, self.wrapped, self.signed[name].rounds[FLOOR], strict=True)
        return median((planned + floor - wrapped) / floor for planned, wrapped, floor in alone)

    def plain(self) -> dict[str, object]:
        """For JSON: microseconds, and how many times the floor's."""
        times: dict[str, object] = {
            name: {
                "microseconds": median(measured.rounds[OURS]) / 1000,
                "alone_microseconds": median(measured.rounds[FLOOR]) / 1000,
                "median_ratio": measured.ratio(OURS, FLOOR),
                "best_ratio": measured.best_ratio(OURS, FLOOR),
                "ratio_without_messages": self.without_messages(name),
            }
            for name, measured in self.signed.items()
        }
        return {
            "kind": self.kind,
            "rounds": len(self.planned),
            "wraps": median(self.wraps),
            "pushes": median(self.pushes),
            "octets": median(self.octets),
            "planned_microseconds": median(self.planned) / 1000,
            "wraps_alone_microseconds": median(self.wrapped) / 1000,
            "signed": times,
        }


def kind_of_leave(size: int) -> str:
    """What a leave of so many at once is called."""
    return "leave" if size == 1 else f"{size} leave"


class Changes:
    """Changes of an algorithm that has the members of these numbers in it, and knows none above them."""

    def __init__(self, algorithm: RekeyAlgorithm, members: range, rounds: int) -> None:
        self.algorithm = algorithm
        self.rounds = rounds
        self.next_member = members.stop
        self.signers = [Signer.of(name, algorithm.management) for name in SIGNATURES]
        self.size, self.inside = len(members), list(members)
        self.draw = Random(len(members))

    def all(self, batches: Sequence[int] = BATCHES, at_once: int = AT_ONCE) -> list[Changed]:
        """Every kind there is, of single leaves so many in a row. Joins without a new KEK come last: with OFT
        they make the next change longer."""
        found = [
            self.measure(kind_of_leave(size), partial(self.leave, size), at_once if size == 1 else 1)
            for size in batches
        ]
        found.append(self.measure(WITH_KEK, partial(self.join, True), AT_ONCE))
        found.append(self.measure("join", partial(self.join, False), AT_ONCE))
        return found

    def leave(self, size: int) -> Verb:
        """So many members, drawn; they are gone once the function that this gives is called."""
        gone = [self.drawn() for _ in range(size)]
        return lambda spi: self.algorithm.remove(gone, spi, system_random)

    def join(self, new_kek: bool) -> Verb:
        """A newcomer."""
        newcomer = member(self.next_member)
        self.inside.append(self.next_member)
        self.next_member += 1
        return lambda spi: self.algorithm.add([newcomer], spi, new_kek, system_random)

    def refill(self) -> None:
        """As many members as there were at first."""
        missing = self.size - len(self.inside)
        if missing > 0:
            newcomers = range(self.next_member, self.next_member + missing)
            self.algorithm.add([member(number) for number in newcomers], os.urandom(16), True, system_random)
            self.inside += newcomers
            self.next_member = newcomers.stop

    def drawn(self) -> Identity:
        """A member, which is no longer to be drawn."""
        at = self.draw.randrange(len(self.inside))
        self.inside[at], self.inside[-1] = self.inside[-1], self.inside[at]
        return member(self.inside.pop())

    def measure(self, kind: str, change: Callable[[], Verb], at_once: int = 1) -> Changed:
        """Rounds of one kind, with `at_once` changes each; the first warms up where there are several."""
        found = Changed(kind)
        times: dict[str, dict[str, list[float]]] = {name: {OURS: [], FLOOR: []} for name in SIGNATURES}
        started = perf_counter()
        with uncollected():
            for _ in range(self.rounds):
                self.refill()
                self.round(found, times, [change() for _ in range(at_once)])
                gc.collect(1)
                if perf_counter() - started > SECONDS:
                    break
        several = len(found.planned) > 1
        for counts in (found.wraps, found.pushes, found.octets, found.planned, found.wrapped):
            del counts[:several]
        for name, spent in times.items():
            if spent[OURS]:
                found.signed[name] = Measured({peer: one[several:] for peer, one in spent.items()})
        return found

    def round(
        self, found: Changed, times: dict[str, dict[str, list[float]]], changes: Sequence[Verb]
    ) -> None:
        count, spis = len(changes), [os.urandom(16) for _ in changes]
        plans: list[RekeyPlan] = []
        planned = timed(lambda: plans.extend(change(spi) for change, spi in zip(changes, spis, strict=True)))
        wraps = timed(wraps_alone(sum(plan.wraps for plan in plans)))
        sizes: list[int] = []
        for name, signer in zip(SIGNATURES, self.signers, strict=True):
            if len(sizes) > SLOW_SIGNATURES:
                break
            made: list[bytes] = []
            pushed = timed(lambda: made.extend(signer.all(plans, spis)))  # noqa: B023  (called at once)
            sizes = [len(push) for push in made]
            if made:
                times[name][OURS].append((planned + pushed) / count)
                times[name][FLOOR].append((wraps + timed(signer.alone(sizes))) / count)
            if signer is self.signers[0]:
                found.octets.append(sum(sizes) / count)
        found.wraps.append(sum(plan.wraps for plan in plans) / count)
        found.pushes.append(len(sizes) / count)
        found.planned.append(planned / count)
        found.wrapped.append(wraps / count)


def timed(work: Callable[[], None]) -> int:
    """Nanoseconds of the processor."""
    start = thread_time_ns()
    work()
    return thread_time_ns() - start
