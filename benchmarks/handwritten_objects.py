"""The objects of the handwritten peer, and how each builds its octets; `handwritten` parses them.

Layouts: RFC 2408 section 3, RFC 2407 section 4.6.2, RFC 6407 section 5.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

HEADER = struct.Struct(">8s8sBBBBII")
GENERIC = struct.Struct(">BBH")
ATTRIBUTE = struct.Struct(">HH")
SA_FIXED = struct.Struct(">II")
PROPOSAL_FIXED = struct.Struct(">BBBB")
TRANSFORM_FIXED = struct.Struct(">BBH")
ID_FIXED = struct.Struct(">BBH")
NOTIFICATION_FIXED = struct.Struct(">IBBH")
GROUP_SA_FIXED = struct.Struct(">IIHH")
ENDPOINT = struct.Struct(">BHB")
TRANSFORM_SPI = struct.Struct(">BI")
KD_FIXED = struct.Struct(">HH")
KEY_PACKET = struct.Struct(">BBHB")
LKH_FIXED = struct.Struct(">BHB")
LKH_UPDATE = struct.Struct(">HHI")
LKH_KEY = struct.Struct(">HBBIII")
WORD = struct.Struct(">I")

ENCRYPTION = 0x01


class Payload:
    """Every payload has a type, the generic header's reserved octet, and a body to build."""

    __slots__ = ()
    type: int
    reserved: int

    def body(self) -> bytes:
        raise NotImplementedError


@dataclass(slots=True)
class Header:
    """RFC 2408, 3.1; `version` holds both numbers, 0x10 for 1.0."""

    initiator_cookie: bytes
    responder_cookie: bytes
    next_payload: int
    version: int
    exchange_type: int
    flags: int
    message_id: int
    length: int


@dataclass(slots=True)
class Message:
    """A header, its payloads, and the octets behind them: padding, or all of an encrypted body."""

    header: Header
    payloads: list[Payload]
    rest: bytes


@dataclass(slots=True)
class LKHKey:
    lkh_id: int
    key_type: int
    reserved: int
    creation_date: int
    expiration_date: int
    handle: int
    data: bytes


@dataclass(slots=True)
class LKHArray:
    """RFC 6407, 5.6.3; `update` holds (LKH ID, RESERVED2, key handle) of an update array."""

    version: int
    reserved: int
    update: tuple[int, int, int] | None
    keys: list[LKHKey]

    def build(self) -> bytes:
        parts = [LKH_FIXED.pack(self.version, len(self.keys), self.reserved)]
        if self.update is not None:
            parts.append(LKH_UPDATE.pack(*self.update))
        for k in self.keys:
            dates = (k.creation_date, k.expiration_date)
            parts.append(LKH_KEY.pack(k.lkh_id, k.key_type, k.reserved, *dates, k.handle))
            parts.append(k.data)
        return b"".join(parts)


@dataclass(slots=True)
class Attribute:
    af: int
    type: int
    value: int | bytes | LKHArray


@dataclass(slots=True)
class Opaque(Payload):
    """A payload whose body is one field of octets."""

    data: bytes
    reserved: int = 0

    def body(self) -> bytes:
        return self.data


class KeyExchange(Opaque):
    __slots__ = ()
    type = 4


class Hash(Opaque):
    __slots__ = ()
    type = 8


class Signature(Opaque):
    __slots__ = ()
    type = 9


class Nonce(Opaque):
    __slots__ = ()
    type = 10


class VendorID(Opaque):
    __slots__ = ()
    type = 13


@dataclass(slots=True)
class Unknown(Payload):
    """A type that nothing here reads; its octets are kept."""

    type: int
    data: bytes
    reserved: int = 0

    def body(self) -> bytes:
        return self.data


@dataclass(slots=True)
class Transform(Payload):
    type = 3
    number: int
    transform_id: int
    reserved2: int
    attributes: list[Attribute]
    reserved: int = 0

    def body(self) -> bytes:
        fixed = TRANSFORM_FIXED.pack(self.number, self.transform_id, self.reserved2)
        return fixed + build_attributes(self.attributes)


@dataclass(slots=True)
class Proposal(Payload):
    type = 2
    number: int
    protocol_id: int
    spi: bytes
    transforms: list[Transform]
    reserved: int = 0

    def body(self) -> bytes:
        fixed = PROPOSAL_FIXED.pack(self.number, self.protocol_id, len(self.spi), len(self.transforms))
        return fixed + self.spi + build_chain(self.transforms)


@dataclass(slots=True)
class SA(Payload):
    type = 1
    doi: int
    situation: int
    proposals: list[Proposal]
    reserved: int = 0

    def body(self) -> bytes:
        return SA_FIXED.pack(self.doi, self.situation) + build_chain(self.proposals)


@dataclass(slots=True)
class Identification(Payload):
    type = 5
    id_type: int
    protocol_id: int
    port: int
    data: bytes
    reserved: int = 0

    def body(self) -> bytes:
        return ID_FIXED.pack(self.id_type, self.protocol_id, self.port) + self.data


@dataclass(slots=True)
class Notification(Payload):
    type = 11
    doi: int
    protocol_id: int
    message_type: int
    spi: bytes
    data: bytes
    reserved: int = 0

    def body(self) -> bytes:
        fixed = NOTIFICATION_FIXED.pack(self.doi, self.protocol_id, len(self.spi), self.message_type)
        return fixed + self.spi + self.data


@dataclass(slots=True)
class Delete(Payload):
    type = 12
    doi: int
    protocol_id: int
    spi_size: int
    spis: list[bytes]
    reserved: int = 0

    def body(self) -> bytes:
        fixed = NOTIFICATION_FIXED.pack(self.doi, self.protocol_id, self.spi_size, len(self.spis))
        return fixed + b"".join(self.spis)


@dataclass(slots=True)
class Endpoint:
    """One half of the traffic that a SAK or SAT names."""

    id_type: int
    port: int
    data: bytes

    def build(self) -> bytes:
        return ENDPOINT.pack(self.id_type, self.port, len(self.data)) + self.data


@dataclass(slots=True)
class SAK(Payload):
    """RFC 6407, 5.3; `reserved2` is kept as octets because some peers send 6 of them, not 4."""

    type = 15
    protocol: int
    source: Endpoint
    destination: Endpoint
    spi: bytes
    reserved2: bytes
    attributes: list[Attribute]
    reserved: int = 0

    def body(self) -> bytes:
        ends = bytes((self.protocol,)) + self.source.build() + self.destination.build()
        return ends + self.spi + self.reserved2 + build_attributes(self.attributes)


@dataclass(slots=True)
class SAT(Payload):
    """RFC 6407, 5.5.1: ESP (1) or AH (2)."""

    type = 16
    protocol_id: int
    protocol: int
    source: Endpoint
    destination: Endpoint
    transform_id: int
    spi: int
    attributes: list[Attribute]
    reserved: int = 0

    def body(self) -> bytes:
        ends = bytes((self.protocol_id, self.protocol)) + self.source.build() + self.destination.build()
        return ends + TRANSFORM_SPI.pack(self.transform_id, self.spi) + build_attributes(self.attributes)


@dataclass(slots=True)
class GAP(Payload):
    type = 22
    attributes: list[Attribute]
    reserved: int = 0

    def body(self) -> bytes:
        return build_attributes(self.attributes)


@dataclass(slots=True)
class GroupSA(Payload):
    """RFC 6407, 5.2."""

    type = 1
    doi: int
    situation: int
    reserved2: int
    sa_attributes: list[Payload]
    reserved: int = 0

    def body(self) -> bytes:
        first = self.sa_attributes[0].type if self.sa_attributes else 0
        fixed = GROUP_SA_FIXED.pack(self.doi, self.situation, first, self.reserved2)
        return fixed + build_chain(self.sa_attributes)


@dataclass(slots=True)
class KeyPacket:
    type: int
    reserved: int
    spi: bytes
    attributes: list[Attribute]

    def build(self) -> bytes:
        inner = self.spi + build_attributes(self.attributes)
        return KEY_PACKET.pack(self.type, self.reserved, 5 + len(inner), len(self.spi)) + inner


@dataclass(slots=True)
class KeyDownload(Payload):
    type = 17
    reserved2: int
    key_packets: list[KeyPacket]
    reserved: int = 0

    def body(self) -> bytes:
        packets = b"".join([packet.build() for packet in self.key_packets])
        return KD_FIXED.pack(len(self.key_packets), self.reserved2) + packets


@dataclass(slots=True)
class SequenceNumber(Payload):
    type = 18
    sequence_number: int
    reserved: int = 0

    def body(self) -> bytes:
        return WORD.pack(self.sequence_number)


# Building


def build_attributes(attributes: list[Attribute]) -> bytes:
    parts = []
    for attribute in attributes:
        value = attribute.value
        if isinstance(value, int):
            parts.append(ATTRIBUTE.pack(0x8000 | attribute.type, value))
        else:
            octets = value.build() if isinstance(value, LKHArray) else value
            parts.append(ATTRIBUTE.pack(attribute.type, len(octets)) + octets)
    return b"".join(parts)


def build_chain(payloads: Sequence[Payload]) -> bytes:
    parts: list[bytes] = []
    following = 0
    for payload in reversed(payloads):
        body = payload.body()
        parts += (body, GENERIC.pack(following, payload.reserved, 4 + len(body)))
        following = payload.type
    parts.reverse()
    return b"".join(parts)


def build_message(message: Message) -> bytes:
    """The octets of `message`; lengths, counts and links are computed, `header.length` is not read."""
    header = message.header
    try:
        body = build_chain(message.payloads) + message.rest
        fixed = HEADER.pack(
            header.initiator_cookie,
            header.responder_cookie,
            message.payloads[0].type if message.payloads else header.next_payload,
            header.version,
            header.exchange_type,
            header.flags,
            header.message_id,
            HEADER.size + len(body),
        )
    except struct.error as problem:
        raise ValueError(f"a value does not fit its field: {problem}") from None
    return fixed + body
