"""Data SAs whose keys go by periods (MARKS, NARK), as pulls bring them; each is made when it is asked for.

See `gsakmp.group.rekey.marks_periods`: period p of a sequence has the SPI that is p above the sequence's own,
which has as many low bits zero as the periods need. No key is derived before a packet asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gsakmp import limits
from gsakmp.captures.opening.draft import Recent
from gsakmp.errors import GsakmpError
from gsakmp.group.period_packets import GrantedPeriods
from gsakmp.group.periods import period_map
from gsakmp.group.rekey.marks import PERIODS
from gsakmp.group.rekey.marks_periods import period_sa, spi_bits
from gsakmp.group.sa import DataSA, PeriodSequence

__all__ = ["Found", "PeriodBook", "Sequence"]

SPI_OCTETS: Final = 4
MOST_BITS: Final = spi_bits(max(PERIODS.values()))


@dataclass(slots=True, eq=False)
class Sequence:
    """A sequence in which somebody has been given periods."""

    number: int
    """Tells it from others with its SPI."""
    pattern: DataSA
    periods: PeriodSequence
    group: str
    granted: dict[str, GrantedPeriods] = field(default_factory=dict)
    """By member."""


class Found(NamedTuple):
    """What an SPI is in a sequence."""

    sequence: Sequence
    period: int


class PeriodBook:
    """The sequences of a capture, and what each member has been given of them; bounded by `gsakmp.limits`."""

    def __init__(self) -> None:
        self._sequences: Recent[bytes, Sequence] = Recent(limits.OPENED_GROUP_SAS)
        self._grants: Recent[tuple[int, str], Sequence] = Recent(limits.OPENED_GRANTS)
        self._made = 0

    def take(self, granted: GrantedPeriods, group: str, member: str) -> bool:
        """What a pull grants a member. False for what it has been granted before."""
        pattern, periods = granted.pattern, granted.pattern.periods
        if periods is None:
            return False
        known = self._sequences.get(pattern.spi)
        if known is None or not same_sequence(known, pattern, group):
            self._made += 1
            known = self._sequences.put(pattern.spi, Sequence(self._made, pattern, periods, group))
        before = known.granted.get(member)
        known.granted[member] = granted
        if len(self._grants) >= self._grants.limit and (known.number, member) not in self._grants:
            (_, oldest), sequence = self._grants.oldest()
            sequence.granted.pop(oldest, None)
        self._grants.put((known.number, member), known)
        return before is None or before.intervals != granted.intervals

    def find(self, spi: bytes) -> Found | None:
        """The sequence that has a period of this SPI."""
        if len(spi) != SPI_OCTETS or not len(self._sequences):
            return None
        number = int.from_bytes(spi, "big")
        for bits in range(MOST_BITS + 1):
            base = number >> bits << bits
            sequence = self._sequences.get(base.to_bytes(SPI_OCTETS, "big"))
            if sequence is not None and number - base < sequence.periods.count:
                return Found(sequence, number - base)
        return None


def holders(found: Found) -> tuple[str, ...]:
    """The members that have been given a period."""
    return tuple(
        member
        for member, granted in found.sequence.granted.items()
        if any(found.period in interval for interval in granted.intervals)
    )


def derived(found: Found) -> DataSA | None:
    """The data SA of a period, with its keys; None where nobody whose seeds are known here was given it."""
    sequence, period = found
    for granted in sequence.granted.values():
        if granted.keys is None or period not in granted.keys:
            continue
        try:
            key = granted.keys.key(period)
            return period_sa(sequence.pattern, period_map(sequence.periods), period, key, granted.sizes)
        except GsakmpError:
            continue
    return None


def missing(found: Found) -> str:
    """Why a period's SA has no keys here."""
    sequence, period = found
    name = f"period {period} of the data SA {sequence.pattern.spi.hex()}"
    if sequence.periods.modules:
        return f"{name}: its seeds are sealed to members' modules (NARK)"
    return f"{name}: no member whose registration was opened has it"


def same_sequence(known: Sequence, pattern: DataSA, group: str) -> bool:
    """Whether what a pull offers is that sequence again."""
    one = known.pattern
    return (known.group, one.periods, one.selector, one.protocol, one.transform_id, one.key_length) == (
        *(group, pattern.periods, pattern.selector, pattern.protocol, pattern.transform_id),
        pattern.key_length,
    ) and one.integrity == pattern.integrity
