"""Bounds on what a peer can make us hold: one more than each is refused, leniently too."""

import sys
from typing import Annotated, Any

import pytest

import gsakmp
from gsakmp import limits
from gsakmp.doi import GDOI, IPSEC
from gsakmp.errors import EncodeError, LimitExceeded
from gsakmp.message import Message
from gsakmp.payloads import (
    Attribute,
    Delete,
    GroupAssociatedPolicy,
    KeyDownload,
    KeyPacket,
    LKHDownloadArray,
    LKHKey,
    Nonce,
    UnknownPayload,
)
from gsakmp.wire import Chain, Payload


def message(*payloads: Any) -> bytes:
    return Message(exchange_type=33, doi=GDOI, payloads=payloads).build()


def refused(octets: bytes, **how: Any) -> None:
    for lenient in (False, True):
        with pytest.raises(LimitExceeded, match=r"limits\."):
            gsakmp.parse(octets, lenient=lenient, **how)


def test_payloads_per_chain() -> None:
    most = (Nonce(b""),) * limits.PAYLOADS_PER_CHAIN
    assert len(gsakmp.parse(message(*most)).payloads) == limits.PAYLOADS_PER_CHAIN
    refused(message(*most, Nonce(b"")))


def test_attributes_per_payload() -> None:
    most = (Attribute(1, 1),) * limits.ATTRIBUTES_PER_PAYLOAD
    assert gsakmp.parse(message(GroupAssociatedPolicy(most)))
    refused(message(GroupAssociatedPolicy((*most, Attribute(1, 1)))))
    mixed = (Attribute(99, b"x"),) * (limits.ATTRIBUTES_PER_PAYLOAD + 1)
    refused(message(GroupAssociatedPolicy(mixed)))


def test_elements_per_payload() -> None:
    most = limits.ELEMENTS_PER_PAYLOAD
    assert gsakmp.parse(message(Delete(doi=1, protocol_id=3, spis=(b"1",) * most)))
    refused(message(Delete(doi=1, protocol_id=3, spis=(b"1",) * (most + 1))))
    refused(message(Delete(doi=1, protocol_id=3, spis=(b"",) * (most + 1))))
    packets = (KeyPacket(kd_type=1),) * (most + 1)
    refused(message(KeyDownload(key_packets=packets)))


def test_keys_of_an_array() -> None:
    """A count alone must not make us do work: 65,535 keys of no octets can't be."""
    array = b"\1" + (0xFFFF).to_bytes(2, "big") + b"\0"
    packet = KeyPacket(kd_type=3, attributes=(Attribute(1, array),))
    refused(message(KeyDownload(key_packets=(packet,))))
    many = LKHDownloadArray(lkh_keys=(LKHKey(1, 3),) * 4000)
    octets = message(KeyDownload(key_packets=(KeyPacket(kd_type=3, attributes=(Attribute(1, many),)),)))
    assert len(octets) < limits.MESSAGE_OCTETS
    assert gsakmp.parse(octets)


def test_octets_of_a_message() -> None:
    body = 65535 - 28 - 4
    assert len(message(UnknownPayload(99, bytes(body)))) == limits.MESSAGE_OCTETS
    assert gsakmp.parse(message(UnknownPayload(99, bytes(body))))
    refused(bytes(limits.MESSAGE_OCTETS + 5))
    refused(bytes(1 << 20), port=4500)


class Box(Payload, kind=200, spec="a test"):
    """Payloads in payloads in payloads."""

    inside: Annotated[tuple[Payload, ...], Chain(200, "payloads"), "more boxes"] = ()


NESTED = IPSEC.extended("nested", payloads=[Box])


def boxes(depth: int) -> Box:
    box = Box()
    for _ in range(depth - 1):
        box = Box(inside=(box,))
    return box


def test_nesting() -> None:
    """A payload of a user's that holds its own kind: eight chains with the message's, no recursion beyond."""
    deep = Message(exchange_type=2, doi=NESTED, payloads=(boxes(limits.NESTING - 1),))
    assert gsakmp.parse(deep.build(), doi=NESTED) == deep
    assert Message.from_json(deep.to_json(), dois=[NESTED]) == deep
    deeper = deep.replace(payloads=(boxes(limits.NESTING),)).build()
    refused(deeper, doi=NESTED)
    octets = bytes(16) + b"\xc8\x10\2\0" + bytes(4)
    body = b"".join(b"\0\0" + (65000 - 4 * n).to_bytes(2, "big") for n in range(16250))
    refused(octets + (28 + len(body)).to_bytes(4, "big") + body, doi=NESTED)


def test_nesting_on_the_way_out() -> None:
    """Building has no peer to fear, but must not end in a RecursionError."""
    octets = Message(exchange_type=2, doi=NESTED, payloads=(boxes(60),)).build()
    assert len(octets) == 28 + 60 * 4
    deep, before = boxes(5000), sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # other tests' libraries raise it
    try:
        with pytest.raises(EncodeError):
            Message(exchange_type=2, doi=NESTED, payloads=(deep,)).build()
    finally:
        sys.setrecursionlimit(before)


def test_nesting_in_json() -> None:
    plain: dict[str, Any] = {"payload": "Box", "inside": []}
    for _ in range(20):
        plain = {"payload": "Box", "inside": [plain]}
    with pytest.raises(EncodeError, match="deep"):
        Message.from_builtins({"doi": "nested", "payloads": [plain]}, dois=[NESTED])
    with pytest.raises(EncodeError):
        Message.from_json('{"payloads":' + "[" * 100_000 + "]" * 100_000 + "}")
