"""Records as rows, and rows as records.

What is secret stands in a row sealed, and the sealing binds all else that the row says but a sequence number,
which moves without it. Somebody who may write to the file but lacks the key can thus take rows away, put old
ones back, set counters, or exclude people (an exclusion has nothing secret), but make nothing up that lets
anybody in: no member's key, public key, algorithm or lifetime.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from gsakmp.errors import GsakmpError, StateError
from gsakmp.group.records import DataSARecord, MemberRecord, RekeySARecord
from gsakmp.group.sa import DataSA, PeriodSequence, RekeySA, RekeySuite, TrafficSelector
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.registries import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    GDOIIDType,
    KEKAckRequested,
    KEKAlgorithm,
    KEKManagementAlgorithm,
    PayloadType,
    PeriodConstruction,
    SigAlgorithm,
    SigHashAlgorithm,
    TEKProtocolID,
)
from gsakmp.store.sealing import Sealer

__all__ = [
    "algorithm_place",
    "data_sa_record",
    "data_sa_row",
    "exclusion",
    "exclusion_row",
    "identity_columns",
    "identity_of",
    "member_record",
    "member_row",
    "part_place",
    "rekey_sa_record",
    "rekey_sa_row",
]

Row = dict[str, Any]

# What is bound, in this order for good: another one would make rows unreadable that are on disk. A column
# that a later version adds gets a list of its own, under another name of the sealed column.
SUITE: Final = (
    "encryption",
    "key_length",
    "signature",
    "signature_hash",
    "signature_key_length",
    "management",
    "acknowledgement",
)
SOURCE: Final = ("source_type", "source_data", "source_port")
DESTINATION: Final = ("destination_type", "destination_data", "destination_port")
LIFE: Final = ("created_at", "lifetime_seconds", "retired_at")
REKEY_SA: Final = (*("spi", "policy_index", *SUITE, *SOURCE, *DESTINATION, "signature_key", *LIFE),)
DATA_SA: Final = (
    *("protocol", "spi", "policy_index", "selector_protocol", *SOURCE, *DESTINATION, "transform_id"),
    *("key_length", "integrity", "mode", "address_preservation", "direction", "lifetime_kilobytes", *LIFE),
    "periods",
)
MEMBER: Final = (
    *("identity_type", "identity_data", "registered_at", "address", "sender_ids", "acknowledged"),
    *("silent_rekeys", "certificate"),
)
NAMES: Final = {int(kind): kind for kind in (GDOIIDType.ID_FQDN, GDOIIDType.ID_USER_FQDN)}
"""Identities that are text on the wire, whose octets need no parser as long as they are printable ASCII."""
PLAIN: Final = frozenset(range(0x21, 0x7F))
LONGEST_NAME: Final = 1024
IDENTITIES: Final = 4096
"""Identities whose octets are remembered: those of pushes and selectors return all the time."""

GENERIC_HEADER: Final = 4
"""Octets (RFC 2408, 3.2) in front of a payload's body."""
IDENTITY_HEADER: Final = 4
"""Octets of type, protocol and port (RFC 2407, 4.6.2) in front of the identification data."""
IDENTIFICATION: Final = Message(next_payload=PayloadType.IDENTIFICATION)
"""What parses a plaintext that is one Identification payload."""

bound = msgspec.msgpack.Encoder().encode


def octets_of_row(row: Mapping[str, Any], columns: tuple[str, ...]) -> bytes:
    return bound([row[column] for column in columns])


# -- identities: the type's number, and the identification data's octets -----------------------------


@lru_cache(maxsize=IDENTITIES)
def identity_columns(identity: Identity) -> tuple[int, bytes]:
    """Type and octets. Raises `StateError` for an identity that would not come back as it is."""
    try:
        columns = int(identity.id_type), identity.body()[IDENTITY_HEADER:]
        survives = identity_of(*columns) == identity
    except (GsakmpError, ValueError, AttributeError, TypeError):
        survives = False
    if not survives:
        raise StateError(f"an identity of type {identity.id_type} has data that is not that type's")
    return columns


def identity_of(id_type: int, data: bytes) -> Identity:
    """The identity of those octets. Raises `DecodeError`."""
    if id_type in NAMES and 0 < len(data) <= LONGEST_NAME and PLAIN.issuperset(data):  # nearly all are
        return Identity(NAMES[id_type], data.decode("ascii"))
    length = GENERIC_HEADER + IDENTITY_HEADER + len(data)
    body = bytes([0, 0]) + length.to_bytes(2, "big") + bytes([id_type, 0, 0, 0]) + data
    payload: Any = IDENTIFICATION.with_plaintext(body).payloads[0]
    return Identity.from_payload(payload)


def identity_row(prefix: str, identity: Identity | None) -> Row:
    id_type, data = (None, None) if identity is None else identity_columns(identity)
    return {f"{prefix}_type": id_type, f"{prefix}_data": data}


def known_identity(row: Mapping[str, Any], prefix: str) -> Identity:
    return identity_of(row[f"{prefix}_type"], row[f"{prefix}_data"])


def maybe(value: float | None) -> float | None:
    return None if value is None else float(value)


def number(value: int | None) -> int | None:
    return None if value is None else int(value)


# -- Rekey SAs ---------------------------------------------------------------------------------------


def rekey_sa_row(group: str, group_id: int, record: RekeySARecord, sealer: Sealer) -> Row:
    """A row of `rekey_sas`."""
    sa, suite = record.sa, record.sa.suite
    row = {
        "group_id": group_id,
        "spi": sa.spi,
        "policy_index": sa.policy_index,
        "encryption": int(suite.encryption),
        "key_length": suite.key_length,
        "signature": int(suite.signature),
        "signature_hash": int(suite.signature_hash),
        "signature_key_length": suite.signature_key_length,
        "management": number(suite.management),
        "acknowledgement": number(suite.acknowledgement),
        **identity_row("source", sa.source),
        "source_port": sa.source_port,
        **identity_row("destination", sa.destination),
        "destination_port": sa.destination_port,
        "signature_key": sa.signature_key,
        "created_at": float(sa.created_at),
        "lifetime_seconds": sa.lifetime_seconds,
        "retired_at": maybe(record.retired_at),
        "sequence_number": sa.sequence_number,
    }
    place = octets_of_row(row, REKEY_SA)
    row["key"] = sealer.seal(sa.key, "rekey_sas", "key", group, place)
    row["signing_key"] = sealer.seal(record.signing_key, "rekey_sas", "signing_key", group, place)
    return row


def rekey_sa_record(group: str, row: Mapping[str, Any], sealer: Sealer) -> RekeySARecord:
    """The record of a row. Raises `StateError` for one that was tampered with."""
    place = octets_of_row(row, REKEY_SA)
    management, acknowledgement = row["management"], row["acknowledgement"]
    sa = RekeySA(
        policy_index=row["policy_index"],
        spi=row["spi"],
        suite=RekeySuite(
            encryption=KEKAlgorithm(row["encryption"]),
            key_length=row["key_length"],
            signature=SigAlgorithm(row["signature"]),
            signature_hash=SigHashAlgorithm(row["signature_hash"]),
            signature_key_length=row["signature_key_length"],
            management=None if management is None else KEKManagementAlgorithm(management),
            acknowledgement=None if acknowledgement is None else KEKAckRequested(acknowledgement),
        ),
        source=known_identity(row, "source"),
        source_port=row["source_port"],
        destination=known_identity(row, "destination"),
        destination_port=row["destination_port"],
        key=sealer.unseal(row["key"], "rekey_sas", "key", group, place),
        signature_key=row["signature_key"],
        sequence_number=row["sequence_number"],
        created_at=row["created_at"],
        lifetime_seconds=row["lifetime_seconds"],
    )
    signing_key = sealer.unseal(row["signing_key"], "rekey_sas", "signing_key", group, place)
    return RekeySARecord(sa=sa, signing_key=signing_key, retired_at=row["retired_at"])


# -- data SAs ----------------------------------------------------------------------------------------


def data_sa_row(group: str, group_id: int, record: DataSARecord, sealer: Sealer) -> Row:
    """A row of `data_sas`."""
    sa, selector = record.sa, record.sa.selector
    row = {
        "group_id": group_id,
        "protocol": int(sa.protocol),
        "spi": sa.spi,
        "policy_index": sa.policy_index,
        "selector_protocol": int(selector.protocol),
        **identity_row("source", selector.source),
        "source_port": selector.source_port,
        **identity_row("destination", selector.destination),
        "destination_port": selector.destination_port,
        "transform_id": int(sa.transform_id),
        "key_length": sa.key_length,
        "integrity": number(sa.integrity),
        "mode": int(sa.mode),
        "address_preservation": number(sa.address_preservation),
        "direction": number(sa.direction),
        "created_at": float(sa.created_at),
        "lifetime_seconds": sa.lifetime_seconds,
        "lifetime_kilobytes": sa.lifetime_kilobytes,
        "periods": periods_column(sa.periods),
        "retired_at": maybe(record.retired_at),
    }
    place = octets_of_row(row, DATA_SA)
    row["algorithm_key"] = sealer.seal(sa.algorithm_key, "data_sas", "algorithm_key", group, place)
    row["integrity_key"] = sealer.seal(sa.integrity_key, "data_sas", "integrity_key", group, place)
    return row


def data_sa_record(group: str, row: Mapping[str, Any], sealer: Sealer) -> DataSARecord:
    """The record of a row. Raises `StateError` for one that was tampered with."""
    place = octets_of_row(row, DATA_SA)
    integrity = row["integrity"]
    sa = DataSA(
        policy_index=row["policy_index"],
        protocol=TEKProtocolID(row["protocol"]),
        spi=row["spi"],
        selector=TrafficSelector(
            protocol=row["selector_protocol"],
            source=None if row["source_type"] is None else known_identity(row, "source"),
            source_port=row["source_port"],
            destination=known_identity(row, "destination"),
            destination_port=row["destination_port"],
        ),
        transform_id=row["transform_id"],
        key_length=row["key_length"],
        integrity=None if integrity is None else AuthenticationAlgorithm(integrity),
        mode=EncapsulationMode(row["mode"]),
        address_preservation=row["address_preservation"],
        direction=row["direction"],
        algorithm_key=sealer.unseal(row["algorithm_key"], "data_sas", "algorithm_key", group, place),
        integrity_key=sealer.unseal(row["integrity_key"], "data_sas", "integrity_key", group, place),
        created_at=row["created_at"],
        lifetime_seconds=row["lifetime_seconds"],
        lifetime_kilobytes=row["lifetime_kilobytes"],
        periods=periods_of(row["periods"]),
    )
    return DataSARecord(sa=sa, retired_at=row["retired_at"])


def periods_column(periods: PeriodSequence | None) -> str | None:
    if periods is None:
        return None
    p = periods
    return ",".join(map(str, (int(p.construction), p.starts_at, p.seconds, p.count, int(p.modules))))


def periods_of(column: str | None) -> PeriodSequence | None:
    if column is None:
        return None
    construction, starts_at, seconds, count, modules = map(int, column.split(","))
    return PeriodSequence(
        construction=PeriodConstruction(construction),
        starts_at=starts_at,
        seconds=seconds,
        count=count,
        modules=bool(modules),
    )


# -- members, exclusions, and rekey algorithms -------------------------------------------------------


def member_row(group: str, group_id: int, record: MemberRecord, sealer: Sealer) -> Row:
    """A row of `members`."""
    id_type, data = identity_columns(record.identity)
    row = {
        "group_id": group_id,
        "identity_type": id_type,
        "identity_data": data,
        "registered_at": float(record.registered_at),
        "address": record.address,
        "sender_ids": ",".join(map(str, record.sender_ids)),
        "acknowledged": record.acknowledged,
        "silent_rekeys": record.silent_rekeys,
        "certificate": record.certificate,
    }
    row["key"] = sealer.seal(record.key, "members", "key", group, octets_of_row(row, MEMBER))
    return row


def member_record(group: str, row: Mapping[str, Any], sealer: Sealer) -> MemberRecord:
    """The record of a row. Raises `StateError` for one that was tampered with."""
    key = sealer.unseal(row["key"], "members", "key", group, octets_of_row(row, MEMBER))
    return MemberRecord(
        identity=known_identity(row, "identity"),
        registered_at=row["registered_at"],
        address=row["address"],
        sender_ids=tuple(map(int, filter(None, row["sender_ids"].split(",")))),
        acknowledged=row["acknowledged"],
        silent_rekeys=row["silent_rekeys"],
        key=key,
        certificate=row["certificate"],
    )


def exclusion_row(group_id: int, identity: Identity, at: float) -> Row:
    """A row of `exclusions`."""
    return {"group_id": group_id, **identity_row("identity", identity), "excluded_at": float(at)}


def exclusion(row: Mapping[str, Any]) -> tuple[Identity, float]:
    """Who is excluded, and since when."""
    return known_identity(row, "identity"), float(row["excluded_at"])


def algorithm_place(group: str, policy_index: int) -> tuple[str | bytes, ...]:
    """What the sealing of a rekey algorithm's state binds."""
    return ("rekey_algorithms", "state", group, bound([policy_index]))


def part_place(group: str, policy_index: int, name: bytes) -> tuple[str | bytes, ...]:
    """What the sealing of a part of it binds."""
    return ("rekey_parts", "part", group, bound([policy_index, name]))
