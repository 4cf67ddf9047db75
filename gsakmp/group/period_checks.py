"""Whether a policy with keys by periods makes sense; a part of `gsakmp.group.checks`."""

from __future__ import annotations

from typing import Final

from msgspec.structs import fields

from gsakmp.errors import ConfigurationError
from gsakmp.group.periods import CONSTRUCTIONS, check_member_periods, check_periods
from gsakmp.group.policy import DataPolicy, GroupPolicy, MemberPolicy, PeriodPolicy
from gsakmp.group.rekey.marks import seeds_at_most
from gsakmp.group.rekey.nark import ModuleIdentity
from gsakmp.group.suites import data_selectors

__all__ = ["check_period_policies"]

ROOM: Final = 60_000
"""Octets of message 4 that key packets may take: it has 65,535, and a header, SEQ, other SAs and padding."""
PACKET: Final = 128
"""Octets of a key packet without intervals and seeds, what sealing adds included."""
SEED: Final = 40
INTERVAL: Final = 12
LIFETIME: Final = next(part.default for part in fields(DataPolicy) if part.name == "lifetime")


def check_period_policies(policy: GroupPolicy) -> None:
    """Raises `ConfigurationError`, with the place in the group's policy."""
    with_periods = [(at, data, data.periods) for at, data in enumerate(policy.data) if data.periods]
    for at, data, periods in with_periods:
        try:
            _check_alone(data, periods, policy)
        except ConfigurationError as error:
            raise ConfigurationError(f"data[{at}].periods: {error}") from None
    for at, member in enumerate(policy.members):
        try:
            _check_member(member, with_periods)
        except ConfigurationError as error:
            raise ConfigurationError(f"members[{at}]: {error}") from None


def _check_alone(data: DataPolicy, periods: PeriodPolicy, policy: GroupPolicy) -> None:
    if any(rekey.transport != "null" for rekey in policy.rekey):
        raise ConfigurationError(
            "keys by periods are never pushed: the group's SA2 is null, or there is none, as "
            "rekey = [{ transport = 'null' }] says"
        )
    if data.lifetime != LIFETIME:
        raise ConfigurationError("a lifetime is said by seconds and count, and not beside them")
    check_periods(periods)


def _check_member(member: MemberPolicy, with_periods: list[tuple[int, DataPolicy, PeriodPolicy]]) -> None:
    if not with_periods and (member.periods or member.module):
        raise ConfigurationError("periods and module are for data with keys by periods, and there is none")
    octets = 0
    for at, data, periods in with_periods:
        intervals = check_member_periods(member.periods, periods)
        construction = CONSTRUCTIONS[periods.construction]
        seeds = seeds_at_most(construction, periods.count, intervals)
        # the present sequence and the next
        octets += 2 * len(data_selectors(data)) * (PACKET + intervals * INTERVAL + seeds * SEED)
        if periods.keys == "nark" and not member.module:
            raise ConfigurationError(f"no module, and data[{at}] gives keys to modules alone (nark)")
    if octets > ROOM:
        raise ConfigurationError(
            f"its seeds may take {octets} octets of one message, which has room for {ROOM}: fewer intervals "
            "or fewer senders"
        )
    if member.module:
        ModuleIdentity.from_text(member.module)
