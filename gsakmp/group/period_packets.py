"""MARKS and NARK key packets: what a member is given of a data SA's periods, made and read.

They stand in a KD in place of the TEK packet of their data SA, whose SPI they have. See
`gsakmp.payloads.gdoi.periods`; never in a push.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from gsakmp.crypto import Random, TEKSizes
from gsakmp.errors import ConfigurationError, DecodeError
from gsakmp.group.attribute_values import refused
from gsakmp.group.rekey.marks import INTERVALS, Interval, KeySequence, Seed, check_sequence, union
from gsakmp.group.rekey.marks_keys import IntervalKeys
from gsakmp.group.rekey.marks_periods import fits_sequence
from gsakmp.group.rekey.nark import ModuleIdentity, NamedSequence, seal_grant
from gsakmp.group.sa import DataSA
from gsakmp.group.sa import PeriodSequence as Periods
from gsakmp.payloads import (
    Attribute,
    KeyPacket,
    PeriodInterval,
    PeriodSeed,
    PeriodSeeds,
    PeriodSequence,
    SealedSeeds,
)
from gsakmp.registries import KeyDownloadType, MARKSAttribute, ModuleSealing, NotifyType

__all__ = ["PERIOD_TYPES", "GrantedPeriods", "period_key_packet", "read_period_packet"]

PERIOD_TYPES: Final = frozenset({KeyDownloadType.MARKS, KeyDownloadType.NARK})

E = TypeVar("E")


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedPeriods:
    """What a pull brings of a data SA with periods: which of them, and what their keys follow from."""

    pattern: DataSA
    """With `periods`, and without keys."""
    sizes: TEKSizes
    intervals: tuple[Interval, ...]
    keys: IntervalKeys | None = None
    """None where a module is to have the seeds."""
    sealed: SealedSeeds | None = field(default=None, repr=False)
    """For that module."""


# -- made ----------------------------------------------------------------------------------------------


def period_key_packet(
    sa: DataSA, intervals: Sequence[Interval], group: str, module: ModuleIdentity | None, random: Random
) -> KeyPacket:
    """What a member gets of a data SA with periods. `group` is the group's identity as text.

    Raises `PolicyRefused` for intervals that the construction can't give apart, `StateError` for periods that
    there are not, `ConfigurationError` for a module that is missing."""
    periods = sa.periods
    if periods is None or (periods.modules and module is None):
        raise ConfigurationError(f"the data SA {sa.spi.hex()} has no periods, or the member no module")
    seeds = KeySequence(periods.construction, periods.count, sa.algorithm_key).seeds(intervals)
    sequence = PeriodSequence(
        construction=periods.construction,
        first_start=periods.starts_at,
        period_seconds=periods.seconds,
        period_count=periods.count,
    )
    attributes = [
        Attribute(MARKSAttribute.PERIOD_SEQUENCE, sequence),
        *(
            Attribute(MARKSAttribute.PERIOD_INTERVAL, PeriodInterval(interval.first, interval.last))
            for interval in intervals
        ),
    ]
    if periods.modules and module is not None:
        public, sealed = seal_grant(module, group, NamedSequence.of(sa), intervals, seeds, random)
        box = SealedSeeds(public_value=public, sealed=sealed)
        attributes.append(Attribute(MARKSAttribute.SEALED_SEEDS, box))
        kind = KeyDownloadType.NARK
    else:
        plain = tuple(PeriodSeed(level=s.level, seed_index=s.index, seed=s.octets) for s in seeds)
        attributes.append(Attribute(MARKSAttribute.PERIOD_SEEDS, PeriodSeeds(seeds=plain)))
        kind = KeyDownloadType.MARKS
    return KeyPacket(kd_type=kind, spi=sa.spi, attributes=tuple(attributes))


# -- read ----------------------------------------------------------------------------------------------


def read_period_packet(packet: KeyPacket, sa: DataSA, sizes: TEKSizes, path: str) -> GrantedPeriods:
    """What a packet grants of a data SA that was offered. Raises `DecodeError` for what contradicts itself or
    the SA, `PolicyRefused` for what is not supported; both say where."""
    known = {int(kind) for kind in MARKSAttribute}
    for attribute in packet.attributes:
        if attribute.type not in known:
            raise refused(path, f"{attribute.type!r} is not supported", NotifyType.ATTRIBUTES_NOT_SUPPORTED)
    modules = packet.kd_type == KeyDownloadType.NARK
    periods = _sequence(_only(packet, MARKSAttribute.PERIOD_SEQUENCE, PeriodSequence, path), modules, path)
    if not fits_sequence(sa.spi, periods.count):
        raise DecodeError(f"the SPI {sa.spi.hex()} has no room for {periods.count} periods", path)
    intervals = _intervals(packet, periods, path)
    pattern = replace(sa, periods=periods)
    other = MARKSAttribute.PERIOD_SEEDS if modules else MARKSAttribute.SEALED_SEEDS
    if any(attribute.type == other for attribute in packet.attributes):
        raise DecodeError(f"{other.name} in a key packet of type {packet.kd_type.name}", path)
    if modules:
        sealed = _only(packet, MARKSAttribute.SEALED_SEEDS, SealedSeeds, path)
        if sealed.sealing != ModuleSealing.X25519_HKDF_SHA256_AES_256_GCM:
            raise refused(path, f"{sealed.sealing!r} is not supported")
        return GrantedPeriods(pattern=pattern, sizes=sizes, intervals=intervals, sealed=sealed)
    seeds = _only(packet, MARKSAttribute.PERIOD_SEEDS, PeriodSeeds, path).seeds
    try:
        keys = IntervalKeys(
            periods.construction,
            periods.count,
            [Seed(each.level, each.seed_index, each.seed) for each in seeds],
        )
    except DecodeError as error:
        raise error.within(path) from None
    if keys.intervals != intervals:
        raise DecodeError("the seeds are not for the intervals that are granted", path)
    return GrantedPeriods(pattern=pattern, sizes=sizes, intervals=intervals, keys=keys)


def _sequence(said: PeriodSequence, modules: bool, path: str) -> Periods:
    if said.period_version != 1:
        raise refused(path, f"period version {said.period_version} is not 1")
    try:
        check_sequence(said.construction, said.period_count)
    except ConfigurationError as error:
        raise refused(path, str(error)) from None
    if not said.period_seconds:
        raise DecodeError("periods of no seconds", path)
    return Periods(
        construction=said.construction,
        starts_at=said.first_start,
        seconds=said.period_seconds,
        count=said.period_count,
        modules=modules,
    )


def _intervals(packet: KeyPacket, periods: Periods, path: str) -> tuple[Interval, ...]:
    said = [
        Interval(value.first_period, value.last_period)
        for value in _values(packet, MARKSAttribute.PERIOD_INTERVAL, PeriodInterval, path)
    ]
    if not 0 < len(said) <= INTERVALS or any(not one.first <= one.last < periods.count for one in said):
        raise DecodeError("no intervals of the sequence, or too many", path)
    merged = union(said)
    if list(merged) != said:
        raise DecodeError("intervals out of order, or that touch", path)
    return merged


def _values(packet: KeyPacket, kind: MARKSAttribute, form: type[E], path: str) -> Iterable[E]:
    for attribute in packet.attributes:
        if attribute.type == kind:
            value: Any = attribute.value
            if not isinstance(value, form):
                raise DecodeError(f"{kind.name} is not what it must be", path)
            yield value


def _only(packet: KeyPacket, kind: MARKSAttribute, form: type[E], path: str) -> E:
    found = list(_values(packet, kind, form, path))
    if len(found) != 1:
        raise DecodeError(f"{len(found)} attributes {kind.name}, and there is one", path)
    return found[0]
