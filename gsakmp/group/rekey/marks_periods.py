"""Which period a moment or a packet is in, and the data SA of a period.

A sequence's data SA is a pattern: its SPI has as many low bits zero as its periods need, and period p has the
SPI that is p greater. The keys of that SA follow from key(p) by HKDF-Expand with SHA-256 (RFC 5869, 2.3):

    TEK_ALGORITHM_KEY = Expand(key(p), "gsakmp period encryption" || 0 || protocol || SPI, octets)
    TEK_INTEGRITY_KEY = Expand(key(p), "gsakmp period integrity" || 0 || protocol || SPI, octets)

with one octet of protocol (TEKProtocolID), the four of period p's SPI, and octets as the algorithms take them
(RFC 6407, 5.6.1), a salt included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import Final

from gsakmp.crypto import TEKSizes
from gsakmp.crypto.sealed import expand
from gsakmp.errors import ConfigurationError, StateError
from gsakmp.group.rekey.marks import Interval, depth_of
from gsakmp.group.sa import DataSA

__all__ = ["PeriodMap", "fits_sequence", "period_sa", "spi_bits"]

ENCRYPTION: Final = b"gsakmp period encryption\0"
INTEGRITY: Final = b"gsakmp period integrity\0"


@dataclass(frozen=True, slots=True)
class PeriodMap:
    """Periods of equal size, one after the other, from `first` on: seconds of a clock, or the sequence
    numbers of packets. Raises `ConfigurationError` for sizes and counts that are none."""

    first: float
    size: float
    count: int

    def __post_init__(self) -> None:
        if not (isfinite(self.first) and isfinite(self.size) and self.size > 0 and self.count > 0):
            raise ConfigurationError(f"{self.count} periods of {self.size} from {self.first} are none")

    @classmethod
    def of_time(cls, starts_at: float, seconds: float, count: int) -> PeriodMap:
        """Periods of so many seconds; `starts_at` is when period 0 begins."""
        return cls(starts_at, seconds, count)

    @classmethod
    def of_numbers(cls, first: int, numbers: int, count: int) -> PeriodMap:
        """Periods of so many sequence numbers; `first` is the first of period 0."""
        return cls(first, numbers, count)

    @property
    def end(self) -> float:
        """Where the last period ends."""
        return self.first + self.size * self.count

    def period_at(self, point: float) -> int | None:
        """The period that a moment or number is in; None before the first and after the last."""
        if not self.first <= point < self.end:
            return None
        return min(int((point - self.first) // self.size), self.count - 1)

    def span(self, period: int) -> tuple[float, float]:
        """Where a period begins and ends; its end is no longer in it. Raises `StateError`."""
        if not 0 <= period < self.count:
            raise StateError(f"period {period} of {self.count}")
        return self.first + period * self.size, self.first + (period + 1) * self.size

    def within(self, begin: float, end: float) -> Interval | None:
        """The periods of which something lies from `begin` up to, and without, `end`."""
        begin, end = max(begin, self.first), min(end, self.end)
        first = self.period_at(begin)
        if first is None or begin >= end:
            return None
        last = self.period_at(end)
        if last is None:
            return Interval(first, self.count - 1)
        return Interval(first, last if self.span(last)[0] < end else last - 1)


def spi_bits(count: int) -> int:
    """Low bits of a sequence's SPI that are zero."""
    return depth_of(count)


def fits_sequence(spi: bytes, count: int) -> bool:
    """Whether a data SA's SPI leaves room for so many periods."""
    return int.from_bytes(spi, "big") & ((1 << spi_bits(count)) - 1) == 0


def period_spi(base: bytes, period: int) -> bytes:
    """The SPI of a period's data SA."""
    return (int.from_bytes(base, "big") + period).to_bytes(4, "big")


def period_sa(pattern: DataSA, periods: PeriodMap, period: int, key: bytes, sizes: TEKSizes) -> DataSA:
    """The data SA of a period, with its keys and its lifetime. Raises `StateError` for a period that there is
    not."""
    begin, end = periods.span(period)
    spi = period_spi(pattern.spi, period)
    context = bytes([pattern.protocol]) + spi
    return replace(
        pattern,
        spi=spi,
        algorithm_key=expand(key, ENCRYPTION + context, sizes.algorithm),
        integrity_key=expand(key, INTEGRITY + context, sizes.integrity),
        periods=None,
        created_at=begin,
        lifetime_seconds=round(end - begin),
    )
