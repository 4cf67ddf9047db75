"""When a group's SAs are due: to be replaced, and to be forgotten. Times are seconds."""

from __future__ import annotations

from typing import Final

from gsakmp.group.policy import GroupPolicy
from gsakmp.group.records import DataSARecord, RekeySARecord
from gsakmp.group.sa import DataSA, RekeySA

__all__ = [
    "JOIN_REKEY_SECONDS",
    "LAST_SEQUENCE_NUMBER",
    "RETIRED_REKEY_SECONDS",
    "SEQUENCE_RESERVE",
    "acknowledgement_seconds",
    "data_due",
    "data_gone",
    "rekey_due",
    "rekey_gone",
]

LAST_SEQUENCE_NUMBER: Final = 0xFFFF_FFFF
"""SEQ has 32 bits (RFC 6407, 5.7)."""

SEQUENCE_RESERVE: Final = 1 << 16
"""A KEK is replaced when no more numbers than this are left: a rollover in many parts, and whatever an
operator asks for meanwhile, stay far below it."""

ACKNOWLEDGEMENT_SECONDS: Final = 10.0
"""Wait for an acknowledgement: a member may take 5 seconds, and none is missing before 10 (RFC 8263, 6)."""

RETIRED_REKEY_SECONDS: Final = 60.0
"""How long a replaced KEK is kept, beyond its pushes' retransmissions: for late acknowledgements (RFC 8263,
6), and to tell those that a crash left behind. A policy change or a crash in that time costs nothing else."""

JOIN_REKEY_SECONDS: Final = 1.0
"""Between the admission of a joiner and the push that brings new data SAs (RFC 6407, 7.4.2): message 4 is
there first, and one push serves all who join meanwhile."""


def rekey_due(policy: GroupPolicy, sa: RekeySA) -> float:
    """When a Rekey SA is to be replaced: the policy's margin before its end, which is never more than half
    of its lifetime; at once where its sequence numbers run out."""
    if sa.sequence_number >= LAST_SEQUENCE_NUMBER - SEQUENCE_RESERVE:
        return sa.created_at
    margin = policy.rekey[sa.policy_index].rollover_margin if sa.policy_index < len(policy.rekey) else 0
    return sa.expires_at - min(margin, sa.lifetime_seconds / 2)


def data_due(policy: GroupPolicy, sa: DataSA) -> float:
    """When a data SA is to be replaced, as `rekey_due`."""
    margin = policy.data[sa.policy_index].rollover_margin if sa.policy_index < len(policy.data) else 0
    return sa.expires_at - min(margin, sa.lifetime_seconds / 2)


def acknowledgement_seconds(policy: GroupPolicy, sa: RekeySA) -> float:
    """How long after a push its acknowledgements are waited for."""
    return ACKNOWLEDGEMENT_SECONDS + _retransmitting(policy, sa)


def rekey_gone(policy: GroupPolicy, record: RekeySARecord) -> float | None:
    """When a replaced Rekey SA is forgotten; None while it is in force."""
    if record.retired_at is None:
        return None
    return record.retired_at + RETIRED_REKEY_SECONDS + _retransmitting(policy, record.sa)


def data_gone(policy: GroupPolicy, record: DataSARecord, pushed: bool) -> float | None:
    """When a replaced data SA is forgotten, None while it is in force: after DTD (RFC 6407, 5.4.1), or at
    its end in a group where no push tells members of its replacement."""
    if record.retired_at is None:
        return None
    if not pushed:
        return record.sa.expires_at
    return min(record.sa.expires_at, record.retired_at + policy.deactivation_delay)


def _retransmitting(policy: GroupPolicy, sa: RekeySA) -> float:
    if sa.policy_index >= len(policy.rekey):
        return 0.0
    rekey = policy.rekey[sa.policy_index]
    return rekey.retransmissions * rekey.retransmission_interval
