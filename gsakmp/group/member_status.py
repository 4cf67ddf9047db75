"""A member's side of a group as operators look at it: no keys."""

from __future__ import annotations

from gsakmp.group.held import HeldDataSA, HeldRekeySA
from gsakmp.group.holdings import Holdings
from gsakmp.group.member_changes import MemberChanges
from gsakmp.group.member_types import HeldDataSAStatus, HeldRekeySAStatus, MembershipStatus
from gsakmp.group.reregistration import RegistrationPlan
from gsakmp.group.strengths import data_strength, rekey_strength

__all__ = ["membership_status"]


def membership_status(
    holdings: Holdings,
    changes: MemberChanges,
    plan: RegistrationPlan,
    next_timeout: float | None,
    now: float,
) -> MembershipStatus:
    """All of it at `now`."""
    first = plan.first()
    return MembershipStatus(
        registered_at=changes.registered_at,
        rekey=tuple(rekey_status(held, now) for held in holdings.rekey.values()),
        data=tuple(data_status(held, now) for held in holdings.data.values()),
        activation_delay=changes.activation_delay,
        deactivation_delay=changes.deactivation_delay,
        sender_id_bits=changes.sender_id_bits,
        sender_ids=changes.sender_ids,
        rekeys=changes.rekeys,
        registration=first[0].value if first else "",
        registration_in=max(0.0, first[1] - now) if first else None,
        next_timeout=next_timeout,
        periods=changes.periods.status(now),
    )


def rekey_status(held: HeldRekeySA, now: float) -> HeldRekeySAStatus:
    sa, strength = held.sa, rekey_strength(held.sa.suite)
    acknowledgement = sa.suite.acknowledgement
    return HeldRekeySAStatus(
        spi=sa.spi.hex(),
        lifecycle=held.lifecycle_at(now).value,
        encryption=strength.cipher,
        signature=strength.signature_name,
        acknowledgement=acknowledgement.name if acknowledgement else "",
        destination=str(sa.destination),
        destination_port=sa.destination_port,
        sequence_number=sa.sequence_number,
        remaining_seconds=max(0.0, held.ends_at - now),
    )


def data_status(held: HeldDataSA, now: float) -> HeldDataSAStatus:
    sa, strength = held.sa, data_strength(held.sa)
    source = sa.selector.source
    return HeldDataSAStatus(
        protocol="esp" if strength.cipher else "ah",
        spi=sa.spi.hex(),
        lifecycle=held.lifecycle_at(now).value,
        cipher=strength.cipher,
        integrity=strength.integrity_name,
        source=str(source) if source else "",
        destination=str(sa.selector.destination),
        sends=held.sends,
        counter_mode=held.counter_mode,
        remaining_seconds=max(0.0, held.ends_at - now),
    )
