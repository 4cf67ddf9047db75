"""A group as operators look at it: no keys, and nothing that changes later."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from gsakmp.group.acknowledgements import Acknowledgements
from gsakmp.group.periods import periods_text
from gsakmp.group.records import DataSARecord, MemberRecord, RekeySARecord
from gsakmp.group.schedule import data_due, rekey_due
from gsakmp.group.server_core import ServerCore, unicast
from gsakmp.group.server_types import (
    DataSAStatus,
    GroupStatus,
    MemberStatus,
    RekeySAStatus,
    StructureStatus,
)
from gsakmp.group.suites import data_suite
from gsakmp.registries import AHTransformID, ESPTransformID, TEKProtocolID

__all__ = ["group_status", "member_page"]


def group_status(
    core: ServerCore, acknowledgements: Acknowledgements, next_timeout: float | None, now: float
) -> GroupStatus:
    """See `GroupServer.status`."""
    state, ledger = core.state, core.ledger
    return GroupStatus(
        name=core.name,
        identity=state.identity.to_text(),
        created_at=state.created_at,
        dissolved=core.dissolved,
        null_rekey=any(rekey.transport == "null" for rekey in core.policy.rekey),
        members=len(state.members),
        leaving=_leaving(core),
        structures=tuple(_structure(core, index) for index in core.indices() if index in core.algorithms),
        rekey=tuple(
            _rekey(core, record, now)
            for record in (*ledger.rekey_records(), *ledger.rekey_records(retired=True))
        ),
        data=tuple(
            _data(core, record, now)
            for record in (*ledger.data_records(), *ledger.data_records(retired=True))
        ),
        next_sender_id=state.next_sender_id,
        sender_id_limit=core.sender_ids.limit,
        rekeys_sent=core.rekeys_sent,
        acknowledgements=acknowledgements.total,
        next_timeout=next_timeout,
    )


def member_page(
    core: ServerCore, acknowledgements: Acknowledgements, offset: int, limit: int
) -> tuple[MemberStatus, ...]:
    """See `GroupServer.members`."""
    records = islice(core.state.members.values(), offset, offset + limit)
    return tuple(_member(record, acknowledgements) for record in records)


def _leaving(core: ServerCore) -> int:
    """Each counts once, though it may be in two structures."""
    if core.batch_at is None:
        return 0
    return len({identity for leaving in core.leaving.values() for identity in leaving.known})


def _structure(core: ServerCore, index: int) -> StructureStatus:
    algorithm, rekey = core.algorithms[index], core.policy.rekey[index]
    root = next(iter(algorithm.tree()), None)
    degree = {"lkh": rekey.degree, "oft": 2}.get(rekey.management, 0)
    if rekey.management == "flat" and root is not None:
        degree = algorithm.capacity
    return StructureStatus(
        policy_index=index,
        algorithm=rekey.management,
        members=len(algorithm),
        capacity=algorithm.capacity,
        depth=root.place[0] if root is not None else 0,
        degree=degree,
    )


def _member(record: MemberRecord, acknowledgements: Acknowledgements) -> MemberStatus:
    """With what the open round has heard, which is not on record yet."""
    if last := acknowledgements.last_heard(record.identity):
        record = replace(record, acknowledged=last, silent_rekeys=0)
    return MemberStatus(
        identity=record.identity.to_text(),
        address=record.address,
        registered_at=record.registered_at,
        sender_ids=record.sender_ids,
        acknowledged=record.acknowledged,
        silent_rekeys=record.silent_rekeys,
        certificate=record.certificate,
    )


def _rekey(core: ServerCore, record: RekeySARecord, now: float) -> RekeySAStatus:
    sa, suite = record.sa, record.sa.suite
    retired = record.retired_at is not None
    return RekeySAStatus(
        policy_index=sa.policy_index,
        spi=sa.spi.hex(),
        encryption=suite.encryption.name,
        key_length=suite.key_length,
        signature=suite.signature.name,
        signature_hash=suite.signature_hash.name,
        signature_key_length=suite.signature_key_length,
        management=suite.management.name if suite.management is not None else "",
        acknowledgement=suite.acknowledgement.name if suite.acknowledgement is not None else "",
        transport="unicast" if unicast(record) else "multicast",
        destination=str(sa.destination.data),
        destination_port=sa.destination_port,
        lifetime_seconds=sa.lifetime_seconds,
        remaining_seconds=max(0.0, sa.expires_at - now),
        rekey_in_seconds=None if retired else max(0.0, rekey_due(core.policy, sa) - now),
        sequence_number=sa.sequence_number,
        retired=retired,
    )


def _data(core: ServerCore, record: DataSARecord, now: float) -> DataSAStatus:
    sa, retired = record.sa, record.retired_at is not None
    esp = sa.protocol == TEKProtocolID.GDOI_PROTO_IPSEC_ESP
    transform = ESPTransformID(sa.transform_id) if esp else AHTransformID(sa.transform_id)
    source = sa.selector.source
    policies = core.policy.data
    counter = (
        data_suite(policies[sa.policy_index], allow_weak=core.policy.allow_weak).counter_mode
        if sa.policy_index < len(policies)
        else False
    )
    return DataSAStatus(
        policy_index=sa.policy_index,
        protocol="esp" if esp else "ah",
        spi=sa.spi.hex(),
        transform=transform.name,
        key_length=sa.key_length,
        integrity=sa.integrity.name if sa.integrity is not None else "",
        source=source.to_text() if source is not None else "",
        destination=sa.selector.destination.to_text(),
        counter_mode=counter,
        lifetime_seconds=sa.lifetime_seconds,
        remaining_seconds=max(0.0, sa.expires_at - now),
        rekey_in_seconds=None if retired else max(0.0, data_due(core.policy, sa) - now),
        retired=retired,
        periods=periods_text(sa.periods, now) if sa.periods is not None else "",
    )
