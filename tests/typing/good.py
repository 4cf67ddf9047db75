"""What a user writes, and what the type checker must know of it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Annotated, assert_type

import gsakmp
from gsakmp import AUTO, DOI, GDOI, GDOID, Dialect, Message, Problem
from gsakmp.captures import Datagram, read
from gsakmp.payloads import (
    ESPTEK,
    SAKEK,
    SATEK,
    Attribute,
    GroupSA,
    Identification,
    KeyDownload,
    KeyPacket,
    Nonce,
    Payload,
    Proposal,
    SequenceNumber,
    Transform,
)
from gsakmp.registries import (
    GDOIExchangeType,
    GDOIIDType,
    IPProtocol,
    KEKAlgorithm,
    KEKAttribute,
    ProtocolID,
    TEKProtocolID,
)
from gsakmp.wire import Element, Int16ub


class Beacon(Payload, kind=200, spec="private"):
    """A payload of one's own."""

    channel: Annotated[int, Int16ub, "the channel"] = 0


MINE: DOI = GDOI.extended("mine", payloads=[Beacon])
PEER: Dialect = Dialect(name="peer", sa_kek_reserved_octets=6)


def messages(path: str) -> Iterator[Message]:
    with read(path) as capture:
        for datagram in capture:
            assert_type(datagram, Datagram)
            yield gsakmp.parse(datagram.octets, port=datagram.destination_port, dialect=GDOID, lenient=True)


def nonces(message: Message) -> list[bytes]:
    assert_type(message.payloads, tuple[Payload, ...])
    return [payload.nonce_data for payload in message.payloads if isinstance(payload, Nonce)]


def transforms(proposal: Proposal) -> tuple[Transform, ...]:
    assert_type(proposal.protocol_id, ProtocolID)
    assert_type(proposal.transform_count, int | None)
    assert_type(proposal.spi, bytes)
    return proposal.transforms


def keys(payload: KeyDownload) -> list[Attribute]:
    assert_type(payload.key_packets, tuple[KeyPacket, ...])
    return [attribute for packet in payload.key_packets for attribute in packet.attributes]


def policy() -> Message:
    kek = SAKEK(
        IPProtocol.UDP,
        GDOIIDType.ID_IPV4_ADDR,
        source_id_data=IPv4Address("10.0.0.1"),
        attributes=(Attribute(KEKAttribute.KEK_ALGORITHM, KEKAlgorithm.KEK_ALG_AES),),
    )
    tek = SATEK(
        TEKProtocolID.GDOI_PROTO_IPSEC_ESP,
        ESPTEK(IPProtocol.ANY, GDOIIDType.ID_IPV4_ADDR, destination_id_data=IPv4Address("239.0.0.1")),
    )
    sa = GroupSA(sa_attributes=(kek, tek))
    assert_type(sa.replace(reserved2=1), GroupSA)
    assert_type(sa.sa_attributes, tuple[Payload, ...])
    message = Message(exchange_type=GDOIExchangeType.GROUPKEY_PULL, payloads=(sa, Beacon(7)), doi=MINE)
    assert_type(message.replace(message_id=1), Message)
    assert_type(message.problems(), tuple[Problem, ...])
    assert_type(message.to_json(), str)
    assert_type(Message.from_json(message.to_json(), dois=[MINE]), Message)
    assert_type(gsakmp.build(message), bytes)
    return message.replace(length=AUTO)


def address(identity: Identification) -> IPv4Address | None:
    data = identity.identification_data
    return data if isinstance(data, IPv4Address) else None


def number(payload: Payload) -> int:
    element: Element = payload
    assert hash(element) == hash(payload)
    if isinstance(payload, SequenceNumber):
        assert_type(payload.sequence_number, int)
        return payload.sequence_number
    try:
        return payload.kind
    except gsakmp.GsakmpError as error:
        raise SystemExit(str(error)) from error
