"""Which periods a member may read, as the policy says it (`MemberPolicy.periods`), and when sequences
begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Final

from gsakmp.errors import ConfigurationError
from gsakmp.group.policy import PeriodPolicy
from gsakmp.group.rekey.marks import INTERVALS, Interval, check_sequence, union
from gsakmp.group.rekey.marks_periods import PeriodMap
from gsakmp.group.sa import PeriodSequence
from gsakmp.registries import PeriodConstruction

__all__ = [
    "CONSTRUCTIONS",
    "Wanted",
    "check_member_periods",
    "period_map",
    "periods_text",
    "read_periods",
    "sequence_at",
]

CONSTRUCTIONS: Final = {
    "binary-hash-tree": PeriodConstruction.BINARY_HASH_TREE,
    "hash-chain": PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN,
}
SECONDS: Final = 0xFFFF_FFFF
"""The largest number of seconds on the wire, which has 32 bits."""
DIGITS: Final = 10
"""Of a period's number."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one text asks for. Pieces of it are numbers or times."""

    onwards: bool = False
    """From the period of the registration."""
    numbers: tuple[tuple[int, int | None], ...] = ()
    times: tuple[tuple[float, float], ...] = ()

    def of(self, periods: PeriodMap, now: float) -> tuple[Interval, ...]:
        """The periods of one sequence; empty where it has none of them, or the last of them is over."""
        last = periods.count - 1
        found = [Interval(first, last if end is None else min(end, last)) for first, end in self.numbers]
        found = [interval for interval in found if interval.first <= interval.last]
        for begin, end in (*self.times, *(((now, inf),) if self.onwards else ())):
            if (within := periods.within(begin, end)) is not None:
                found.append(within)
        merged = union(found)
        return merged if merged and periods.span(merged[-1].last)[1] > now else ()


def read_periods(text: str) -> Wanted:
    """The text of a policy. Raises `ConfigurationError`."""
    text = text.strip()
    if not text:
        return Wanted(onwards=True)
    if text == "all":
        return Wanted(numbers=((0, None),))
    pieces = [piece.strip() for piece in text.split(",")]
    if len(pieces) > INTERVALS:
        raise ConfigurationError(f"{len(pieces)} intervals of periods; a member has {INTERVALS} at most")
    return Wanted(
        numbers=tuple(_numbers(piece) for piece in pieces if "/" not in piece),
        times=tuple(_times(piece) for piece in pieces if "/" in piece),
    )


def _numbers(piece: str) -> tuple[int, int | None]:
    first, dash, last = (part.strip() for part in piece.partition("-"))
    ends = (first, last) if last else (first,)
    if not all(end.isascii() and end.isdecimal() and len(end) <= DIGITS for end in ends):
        raise ConfigurationError(
            f"{piece!r} names no periods; it is all, a number, 0-59, 60-, or two times with / between"
        )
    if last and int(last) < int(first):
        raise ConfigurationError(f"{piece!r} ends before it begins")
    return int(first), int(last) if last else None if dash else int(first)


def _times(piece: str) -> tuple[float, float]:
    begin, _, end = (part.strip() for part in piece.partition("/"))
    span = _moment(begin), _moment(end) if end else inf
    if span[0] >= span[1]:
        raise ConfigurationError(f"{piece!r} ends before it begins")
    return span


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ConfigurationError(f"{text!r} says no time zone, as 2026-06-01T20:00:00Z does")
        return moment.timestamp()
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{text!r} is no time such as 2026-06-01T20:00:00Z") from None


# -- sequences -----------------------------------------------------------------------------------------


def period_map(sequence: PeriodSequence) -> PeriodMap:
    """When each of its periods is."""
    return PeriodMap.of_time(sequence.starts_at, sequence.seconds, sequence.count)


def periods_text(sequence: PeriodSequence, now: float) -> str:
    """For operators: ``period 3 of 64, 60 s each, binary hash tree``."""
    period = period_map(sequence).period_at(now)
    outside = "before the first of" if now < sequence.starts_at else "after the last of"
    where = outside if period is None else f"period {period} of"
    kind = sequence.construction.name.lower().replace("_", " ")
    return f"{where} {sequence.count}, {sequence.seconds} s each, {kind}{', in modules' * sequence.modules}"


def sequence_start(policy: PeriodPolicy) -> float | None:
    """When the policy has a sequence begin; None where it does not say. Raises `ConfigurationError`."""
    return _moment(policy.start) if policy.start else None


def sequence_at(policy: PeriodPolicy, now: float) -> int:
    """When the sequence begins that is due at `now`."""
    start = sequence_start(policy)
    if start is None:
        return int(now)
    total = policy.seconds * policy.count
    return int(start + max(0, (now - start) // total) * total)


def check_periods(policy: PeriodPolicy) -> None:
    """Raises `ConfigurationError` for periods that can't be."""
    construction = CONSTRUCTIONS[policy.construction]
    check_sequence(construction, policy.count)
    if construction == PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN and not policy.allow_collusion:
        raise ConfigurationError(
            "with a hash-chain two members that work together read all periods between their own; "
            "binary-hash-tree has no such weakness, and allow_collusion = true takes it"
        )
    if policy.seconds < 1 or not 0 < policy.seconds * policy.count <= SECONDS:
        raise ConfigurationError(f"{policy.count} periods of {policy.seconds} seconds: 1 to {SECONDS} in all")
    start = sequence_start(policy)
    if start is not None and not 0 <= start <= SECONDS - policy.seconds * policy.count:
        raise ConfigurationError(f"start {policy.start} is not within the 32 bits of seconds since 1970")


def check_member_periods(text: str, policy: PeriodPolicy) -> int:
    """How many intervals a member may have. Raises `ConfigurationError` for periods that a sequence does not
    have, and for several intervals of a hash chain."""
    wanted = read_periods(text)
    last = policy.count - 1
    for first, end in wanted.numbers:
        if first > last or (end or 0) > last:
            raise ConfigurationError(f"periods {text!r}: the last of a sequence is {last}")
    numbered = union(Interval(first, last if end is None else end) for first, end in wanted.numbers)
    count = len(numbered) + len(wanted.times) + wanted.onwards
    if count > 1 and policy.construction == "hash-chain":
        raise ConfigurationError(
            f"periods {text!r}: a member has one interval of a hash-chain, else it learns what lies between"
        )
    return count
