"""What a parsed message says, whoever parsed it: the same tree of numbers from every peer's objects.

Octets and addresses are taken as one number. Counts, lengths and links are left out: they follow from the
rest, some peers keep them and some don't, and a message that is built again shows them.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from gsakmp.wire import Element

__all__ = ["forgetful", "of_construct", "of_handwritten", "of_library", "of_scapy"]

ADDRESSES: Final = (
    "source_id_type source_id_port source_id_data destination_id_type destination_id_port destination_id_data"
)

LIBRARY: Final = {
    "SA": "reserved doi situation proposals",
    "Proposal": "reserved proposal_number protocol_id spi transforms",
    "IKETransform": "reserved transform_number transform_id reserved2 attributes",
    "KeyExchange": "reserved key_exchange_data",
    "Nonce": "reserved nonce_data",
    "Signature": "reserved signature_data",
    "SequenceNumber": "reserved sequence_number",
    "GroupSA": "reserved doi situation reserved2 sa_attributes",
    "SAKEK": f"reserved protocol {ADDRESSES} spi reserved2 attributes",
    "GroupAssociatedPolicy": "reserved attributes",
    "SATEK": "reserved protocol_id tek",
    "ESPTEK": f"protocol {ADDRESSES} transform_id spi attributes",
    "KeyDownload": "reserved reserved2 key_packets",
    "KeyPacket": "kd_type reserved spi attributes",
    "LKHDownloadArray": "lkh_version reserved lkh_keys",
    "LKHKey": "lkh_id key_type reserved key_creation_date key_expiration_date key_handle key_data",
    "Attribute": "type value",
}
"""The library's fields, in the order in which the other peers' are named."""

ENDS: Final = "source.id_type source.port source.data destination.id_type destination.port destination.data"

BY_HAND: Final = {
    "SA": "reserved doi situation proposals",
    "Proposal": "reserved number protocol_id spi transforms",
    "Transform": "reserved number transform_id reserved2 attributes",
    "KeyExchange": "reserved data",
    "Nonce": "reserved data",
    "Signature": "reserved data",
    "SequenceNumber": "reserved sequence_number",
    "GroupSA": "reserved doi situation reserved2 sa_attributes",
    "SAK": f"reserved protocol {ENDS} spi reserved2 attributes",
    "GAP": "reserved attributes",
    "KeyDownload": "reserved reserved2 key_packets",
    "KeyPacket": "type reserved spi attributes",
    "LKHArray": "version reserved keys",
    "LKHKey": "lkh_id key_type reserved creation_date expiration_date handle data",
    "Attribute": "type value",
}

TEK_BY_HAND: Final = f"protocol {ENDS} transform_id spi attributes"

SCAPY: Final = {
    "ISAKMP_payload_SA": "res doi situation prop",
    "ISAKMP_payload_Proposal": "res proposal proto SPI trans",
    "ISAKMP_payload_Transform": "res transform_count transform_id res2 transforms",
    "ISAKMP_payload_KE": "res ke",
    "ISAKMP_payload_Nonce": "res nonce",
}

HEADER: Final = "initiator_cookie responder_cookie {} exchange_type flags message_id"


def number(value: Any) -> Any:
    """A leaf as a number; nothing at all, and octets that are zero, as 0."""
    if value is None:
        return 0
    return int.from_bytes(value, "big") if isinstance(value, bytes) else int(value)


def fields(value: Any, names: str) -> tuple[Any, ...]:
    return tuple(attrgetter(*names.split())(value))


def of_library(message: Any) -> Any:
    """The facts of a `gsakmp.Message`."""
    version = message.major_version << 4 | message.minor_version
    head = message.initiator_cookie, message.responder_cookie, version
    rest = message.exchange_type, message.flags, message.message_id
    return (*map(number, head + rest), library_tree(message.payloads))


def library_tree(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(library_tree, value))
    name = type(value).__name__
    if name in LIBRARY:
        return tuple(map(library_tree, fields(value, LIBRARY[name])))
    return (name, repr(value)) if isinstance(value, Element) else number(value)


def of_handwritten(message: Any) -> Any:
    """The facts of a `handwritten.Message`."""
    names = "initiator_cookie responder_cookie version exchange_type flags message_id"
    return (*map(number, fields(message.header, names)), hand_tree(message.payloads))


def hand_tree(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(hand_tree, value))
    name = type(value).__name__
    if name == "SAT":
        return number(value.reserved), value.protocol_id, tuple(map(hand_tree, fields(value, TEK_BY_HAND)))
    names = BY_HAND.get(name)
    return number(value) if names is None else tuple(map(hand_tree, fields(value, names)))


def of_construct(message: Any) -> Any:
    """The facts of a construct Container. Its items have no class; their fields tell what they are."""
    version = message.major_version << 4 | message.minor_version
    head = message.initiator_cookie, message.responder_cookie, version
    rest = message.exchange_type, message.flags, message.message_id
    return (*map(number, head + rest), container_tree(message.payloads))


def container_tree(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(container_tree, value))
    if not isinstance(value, dict):
        return number(value)
    names = next(
        names
        for names in LIBRARY.values()
        if set(names.split()) <= value.keys() and len(value.keys() & FIELDS) == len(names.split())
    )
    return tuple(container_tree(value[name]) for name in names.split())


FIELDS: Final = frozenset(name for names in LIBRARY.values() for name in names.split())


def of_scapy(packet: Any) -> Any:
    """The facts of scapy's ISAKMP packet; attributes turned back from names to numbers by its own table."""
    head = fields(packet, "init_cookie resp_cookie version exch_type flags id")
    return (*map(number, head), scapy_chain(packet.payload))


def scapy_chain(packet: Any) -> tuple[Any, ...]:
    out = []
    while packet:
        names = SCAPY[type(packet).__name__]
        out.append(tuple(map(scapy_value, fields(packet, names))))
        packet = packet.payload
    return tuple(out)


def scapy_value(value: Any) -> Any:
    if hasattr(value, "fields_desc"):
        return scapy_chain(value)
    return tuple(map(scapy_attribute, value)) if isinstance(value, list) else number(value)


def scapy_attribute(pair: tuple[Any, Any]) -> tuple[int, int]:
    from scapy.layers.isakmp import ISAKMPAttributeTypes

    kind, value = pair
    known, values, _ = ISAKMPAttributeTypes.get(kind, (kind, {}, 0))
    return known, values.get(value, value)


AUTOMATIC: Final = ("length", "SPIsize")


def forgetful(packet: Any) -> Any:
    """A copy of scapy's packet without the octets that it keeps, and with its automatic fields automatic."""
    copy = packet.copy()
    layers = [copy]
    while layers:
        layer = layers.pop()
        layer.raw_packet_cache = layer.raw_packet_cache_fields = None
        for name in AUTOMATIC:
            layer.fields.pop(name, None)
        layers += [v for v in layer.fields.values() if hasattr(v, "fields_desc")]
        if layer.payload:
            layers.append(layer.payload)
    return copy
