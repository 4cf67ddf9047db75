"""The library's payloads beside those of `tests.independent`: every field, by its name in the RFC."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

from gsakmp.payloads import (
    SA,
    SAKEK,
    SATEK,
    AddressRange,
    Certificate,
    CertificateRequest,
    Delete,
    GroupAssociatedPolicy,
    GroupSA,
    Hash,
    Identification,
    IPsecTEK,
    KeyDownload,
    KeyExchange,
    NATDiscovery,
    Nonce,
    Notification,
    Proposal,
    ResponderLifetime,
    SequenceNumber,
    Signature,
    Subnet,
    Transform,
    UnknownPayload,
    VendorID,
)
from gsakmp.wire import Attribute, Element, Rules

__all__ = ["disagreements"]

Fields = dict[str, Any]


def disagreements(
    payloads: Any, expected: list[Fields], rules: Rules, *, swapped_ports: bool = False
) -> list[str]:
    """Where the two readings differ."""
    mine = [reading(payload, swapped_ports) for payload in payloads]
    theirs = [without_lengths(fields) for fields in expected]
    return compare(mine, theirs, "payloads")


def compare(mine: Any, theirs: Any, path: str) -> list[str]:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        out = [f"{path}: fields {sorted(set(mine) ^ set(theirs))}"] if set(mine) != set(theirs) else []
        return out + [d for k in set(mine) & set(theirs) for d in compare(mine[k], theirs[k], f"{path}.{k}")]
    if isinstance(mine, list) and isinstance(theirs, list):
        if len(mine) != len(theirs):
            return [f"{path}: {len(mine)} and {len(theirs)}"]
        pairs = enumerate(zip(mine, theirs, strict=True))
        return [d for i, (a, b) in pairs for d in compare(a, b, f"{path}[{i}]")]
    return [] if mine == theirs and type(mine) is type(theirs) else [f"{path}: {mine!r} and {theirs!r}"]


COMPUTED = {
    "length", "spi_size", "number_of_transforms", "number_of_spis", "number_of_key_packets",
    "sa_attribute_next_payload", "number_of_lkh_keys", "oid_length", "oid_specific_payload_length",
}  # fmt: skip
"""What is AUTO in the library's objects: the octets that they build are compared instead."""

DERIVED = {
    "doi_specific_id_data", "address", "mask", "first_address", "last_address", "name", "group_identifier",
}  # fmt: skip
"""What the second reader says twice."""


def without_lengths(fields: Any) -> Any:
    if isinstance(fields, list):
        return [without_lengths(item) for item in fields]
    if not isinstance(fields, dict):
        return fields
    if (fields.get("type"), fields.get("protocol_id")) == (16, 161):
        kept = {key: fields[key] for key in ("type", "reserved", "protocol_id")}
        return kept | {"tek": early_octets(fields)}
    drop = COMPUTED | (DERIVED if "identification_data" in fields else set())
    drop |= {key for key in fields if key.startswith("early")} | {"lkh"} & set(fields)
    return {key: without_lengths(value) for key, value in fields.items() if key not in drop}


def early_octets(fields: Fields) -> str:
    """The draft's SA TEK of IEC 61850-90-5 put together again; the library keeps it as octets."""
    oid = fields["early_oid"].encode("ascii")
    sizes = {"lifetime_id": 1, "lifetime_v": 1, "lifetime_reserved": 1, "lifetime": 4, "auth_alg_id": 1,
             "auth_alg": 2, "key_length": 2}  # fmt: skip
    policy = "".join(f"{fields[name]:0{2 * size}x}" for name, size in sizes.items())
    return f"{fields['early_tag']:02x}{len(oid):04x}{oid.hex()}{fields['spi']}{policy}"


# -- the library's objects in the words of the RFC ---------------------------------------------------


def octets_of(value: Any) -> str:
    """A value's octets, worked out here."""
    match value:
        case bytes():
            return value.hex()
        case str():
            return value.encode("ascii").hex()
        case IPv4Address() | IPv6Address():
            return value.packed.hex()
        case Subnet():
            return value.address.packed.hex() + value.mask.packed.hex()
        case AddressRange():
            return value.first.packed.hex() + value.last.packed.hex()
        case int():
            return value.to_bytes(4, "big").hex()
        case None:
            return ""
        case ResponderLifetime():
            return "".join(attribute_octets(item) for item in value.attributes)
    raise AssertionError(f"{type(value).__name__} is not expected in a capture")


def attribute_octets(item: Attribute) -> str:
    fields = attribute(item)
    head = f"{fields['af'] << 15 | fields['type']:04x}"
    value = fields["value"]
    return head + (f"{value:04x}" if fields["af"] else f"{len(value) // 2:04x}{value}")


TV_BY_DEFAULT = {
    "SA_LIFE_TYPE", "GROUP_DESCRIPTION", "ENCAPSULATION_MODE", "AUTHENTICATION_ALGORITHM", "KEY_LENGTH",
    "ENCRYPTION_ALGORITHM", "HASH_ALGORITHM", "AUTHENTICATION_METHOD", "LIFE_TYPE", "ACTIVATION_TIME_DELAY",
    "DEACTIVATION_TIME_DELAY", "KEK_ALGORITHM", "KEK_KEY_LENGTH", "SIG_HASH_ALGORITHM", "SIG_ALGORITHM",
    "SIG_KEY_LENGTH", "ADDRESS_PRESERVATION", "SA_DIRECTION",
}  # fmt: skip
"""The attributes in the captures that RFC 2407, 2409 and 6407 call basic (B)."""


def attribute(item: Attribute) -> Fields:
    kind: Any = item.type  # a member of the table's registry
    tv = kind.name in TV_BY_DEFAULT if item.basic is None else item.basic
    value = item.value
    if tv:
        return {"af": 1, "type": int(item.type), "value": int(value)}
    if isinstance(value, int):
        value = value.to_bytes(item.length or 4, "big").hex()
    elif isinstance(value, Element):
        raise AssertionError("no capture has an element in an attribute")
    else:
        value = octets_of(value)
    return {"af": 0, "type": int(item.type), "value": value}


def attributes(element: Any) -> list[Fields]:
    return [attribute(item) for item in element.attributes]


def selectors(element: Any, swapped: bool) -> Fields:
    def port(value: int) -> int:
        return int.from_bytes(value.to_bytes(2, "big"), "little") if swapped else value

    return {
        "protocol": int(element.protocol),
        "src_id_type": int(element.source_id_type),
        "src_id_port": port(element.source_id_port),
        "src_id_data": octets_of(element.source_id_data),
        "dst_id_type": int(element.destination_id_type),
        "dst_id_port": port(element.destination_id_port),
        "dst_id_data": octets_of(element.destination_id_data),
    }


def reading(payload: Any, swapped: bool) -> Fields:
    head = {"type": int(payload.kind), "reserved": payload.reserved}
    return head | body(payload, swapped)


def body(payload: Any, swapped: bool) -> Fields:
    match payload:
        case SA():
            return {"doi": int(payload.doi), "situation": payload.situation,
                    "proposals": [reading(item, swapped) for item in payload.proposals]}  # fmt: skip
        case Proposal():
            return {"proposal_number": payload.proposal_number, "protocol_id": int(payload.protocol_id),
                    "spi": payload.spi.hex(), "transforms": [reading(t, swapped) for t in payload.transforms]}  # fmt: skip
        case Transform():
            return {"transform_number": payload.transform_number, "transform_id": int(payload.transform_id),
                    "reserved2": payload.reserved2, "attributes": attributes(payload)}  # fmt: skip
        case Identification():
            return {"id_type": int(payload.id_type), "protocol_id": int(payload.protocol_id), "port": payload.port,
                    "identification_data": octets_of(payload.identification_data)}  # fmt: skip
        case KeyExchange():
            return {"key_exchange_data": payload.key_exchange_data.hex()}
        case Hash():
            return {"hash_data": payload.hash_data.hex()}
        case Signature():
            return {"signature_data": payload.signature_data.hex()}
        case Nonce():
            return {"nonce_data": payload.nonce_data.hex()}
        case VendorID():
            return {"vendor_id": payload.vendor_id.hex()}
        case NATDiscovery():
            name = "hash" if payload.kind == 20 else "data"  # the second reader knows no draft's numbers
            return {name: payload.address_and_port_hash.hex()}
        case Certificate():
            return {"cert_encoding": int(payload.certificate_encoding),
                    "certificate_data": payload.certificate_data.hex()}  # fmt: skip
        case CertificateRequest():
            return {"cert_type": int(payload.certificate_type),
                    "certificate_authority": payload.certificate_authority.hex()}  # fmt: skip
        case Notification():
            return {"doi": int(payload.doi), "protocol_id": int(payload.protocol_id),
                    "notify_message_type": int(payload.notify_message_type), "spi": payload.spi.hex(),
                    "notification_data": octets_of(payload.notification_data)}  # fmt: skip
        case Delete():
            return {"doi": int(payload.doi), "protocol_id": int(payload.protocol_id),
                    "spis": [spi.hex() for spi in payload.spis]}  # fmt: skip
        case GroupSA():
            return {"doi": int(payload.doi), "situation": payload.situation, "reserved2": payload.reserved2,
                    "sa_attributes": [reading(item, swapped) for item in payload.sa_attributes]}  # fmt: skip
        case SAKEK():
            return {**selectors(payload, False), "spi": payload.spi.hex(),
                    "reserved2": int.from_bytes(payload.reserved2 or b"", "big"),
                    "attributes": attributes(payload)}  # fmt: skip
        case SATEK(tek=IPsecTEK()):
            tek = payload.tek
            return {"protocol_id": int(payload.protocol_id), **selectors(tek, swapped),
                    "transform_id": int(tek.transform_id), "spi": tek.spi.hex(),
                    "attributes": attributes(tek)}  # fmt: skip
        case GroupAssociatedPolicy():
            return {"attributes": attributes(payload)}
        case KeyDownload():
            return {"reserved2": payload.reserved2,
                    "key_packets": [{"type": int(p.kd_type), "reserved": p.reserved, "spi": p.spi.hex(),
                                     "attributes": attributes(p)} for p in payload.key_packets]}  # fmt: skip
        case SequenceNumber():
            return {"sequence_number": payload.sequence_number}
        case UnknownPayload():
            return {"data": payload.octets.hex()}
        case SATEK():  # the early draft of IEC 61850-90-5: octets here, read there
            return {"protocol_id": int(payload.protocol_id), "tek": octets_of(payload.tek)}
    raise AssertionError(f"{type(payload).__name__} is not expected in a capture")
