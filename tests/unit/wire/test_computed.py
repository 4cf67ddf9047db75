"""Counts, lengths and links: AUTO follows the rest, a number is sent as it is, right or wrong."""

from __future__ import annotations

from typing import Any

import pytest

import gsakmp
from gsakmp.doi import GDOI, IPSEC
from gsakmp.errors import DecodeError, EncodeError, LengthMismatch
from gsakmp.message import Message
from gsakmp.payloads import (
    SA,
    Attribute,
    Delete,
    GroupSA,
    IKETransform,
    KeyDownload,
    KeyPacket,
    LKHDownloadArray,
    LKHKey,
    Nonce,
    Notification,
    Proposal,
    UnknownPayload,
    VendorID,
)
from gsakmp.wire import AUTO
from tests.vectors.check import built

TRANSFORM = IKETransform(transform_number=1, transform_id=1, attributes=(Attribute(1, 7),))
PROPOSAL = Proposal(proposal_number=1, protocol_id=1, transforms=(TRANSFORM,))
MAIN_MODE = Message(
    exchange_type=2, doi=IPSEC, payloads=(SA(doi=1, situation=1, proposals=(PROPOSAL,)), VendorID(b"x"))
)


def test_auto_is_what_a_parse_gives() -> None:
    message = gsakmp.parse(MAIN_MODE.build(), port=500)
    (sa, vendor) = message.payloads
    assert (message.length, message.next_payload, sa.length, sa.next_payload) == (AUTO, AUTO, AUTO, AUTO)
    assert isinstance(sa, SA)
    assert sa.proposals[0].transform_count is AUTO
    assert sa.proposals[0].spi_size is AUTO
    assert vendor.length is AUTO


def test_replace_leaves_nothing_stale() -> None:
    message = gsakmp.parse(MAIN_MODE.build(), port=500)
    sa = message.payloads[0]
    assert isinstance(sa, SA)
    second = TRANSFORM.replace(transform_number=2)
    proposal = sa.proposals[0].replace(transforms=(TRANSFORM, second), spi=b"1234")
    longer = message.replace(
        payloads=(sa.replace(proposals=(proposal,)), message.payloads[1], Nonce(b"n" * 8))
    )
    octets = longer.build()
    assert gsakmp.parse(octets, port=500) == longer
    assert octets[24:28] == len(octets).to_bytes(4, "big")
    assert octets[28 + 12 + 6 : 28 + 12 + 8] == b"\4\2"  # SPI size and transform count


@pytest.mark.parametrize("count", [0, 2, 3, 255])
def test_a_wrong_count_is_sent_refused_and_kept(count: int) -> None:
    message = MAIN_MODE.replace(
        payloads=(SA(doi=1, situation=1, proposals=(PROPOSAL.replace(transform_count=count),)),)
    )
    octets = message.build()
    assert octets[28 + 12 + 7] == count
    with pytest.raises(LengthMismatch) as caught:
        gsakmp.parse(octets, port=500)
    assert caught.value.path == "payloads[0].proposals[0].transform_count"
    assert caught.value.offset == 28 + 12 + 7
    kept = gsakmp.parse(octets, port=500, lenient=True)
    assert kept == message
    assert [problem.path for problem in kept.problems()] == ["payloads[0].proposals[0].transform_count"]
    assert kept.build() == octets
    assert Message.from_json(kept.to_json()) == kept


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (KeyDownload(key_packet_count=2, key_packets=(KeyPacket(kd_type=1),)), "key_packet_count"),
        (KeyDownload(key_packets=(KeyPacket(kd_type=1, kd_length=6),)), "key_packets[0].kd_length"),
        (KeyDownload(key_packets=(KeyPacket(kd_type=1, spi=b"12", spi_size=3),)), "key_packets[0].spi"),
        (Notification(doi=1, protocol_id=1, spi_size=9), "spi"),
        (Delete(doi=1, protocol_id=1, spi_count=1, spi_size=4), "spis"),
        (Nonce(b"12345678", length=3), "length"),
        (Nonce(b"12345678", length=40), "length"),
        (Nonce(b"12345678", length=11), None),
        (Nonce(b"12345678", next_payload=13), None),
    ],
)
def test_wrong_numbers_are_sent_refused_and_kept(payload: Any, path: str | None) -> None:
    message = Message(exchange_type=33, doi=GDOI, payloads=(payload,))
    octets = message.build()
    with pytest.raises(DecodeError) as caught:
        gsakmp.parse(octets)
    if path is not None:
        assert caught.value.path.startswith(f"payloads[0].{path}")
    kept = gsakmp.parse(octets, lenient=True)
    assert kept.problems()
    assert kept.build() == octets
    assert Message.from_json(kept.to_json()) == kept


def test_a_right_number_is_as_good_as_none() -> None:
    message = MAIN_MODE.replace(
        payloads=(
            SA(doi=1, situation=1, proposals=(PROPOSAL.replace(transform_count=1, spi_size=0),), length=32),
        )
    )
    assert gsakmp.parse(message.build(), port=500) == MAIN_MODE.replace(payloads=MAIN_MODE.payloads[:1])


def test_sizes_of_governed_fields() -> None:
    """SRC ID Data Len of an SA KEK: by the data, or as given."""
    from gsakmp.payloads import SAKEK

    rules = GDOI.rules(32)
    kek = SAKEK(protocol=17, source_id_type=11, source_id_data=b"12345", destination_id_type=11)
    assert built(kek, rules)[4] == 5
    assert built(kek.replace(source_id_data_length=9), rules)[4] == 9
    message = Message(
        exchange_type=33,
        doi=GDOI,
        payloads=(GroupSA(sa_attributes=(kek.replace(source_id_data_length=200),)),),
    )
    kept = gsakmp.parse(message.build(), lenient=True)
    assert isinstance(kept.payloads[0], GroupSA)
    (inner,) = kept.payloads[0].sa_attributes
    assert isinstance(inner, UnknownPayload)
    assert "source_id_data" in inner.problem
    assert kept.build() == message.build()


def test_the_whole_length_of_a_key_packet() -> None:
    rules = GDOI.rules(33)
    packet = KeyPacket(kd_type=3, attributes=(Attribute(1, LKHDownloadArray(lkh_keys=(LKHKey(1, 3),))),))
    octets = built(packet, rules)
    assert octets[2:4] == len(octets).to_bytes(2, "big")
    assert built(packet.replace(kd_length=77), rules)[2:4] == (77).to_bytes(2, "big")


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (PROPOSAL.replace(transform_count=256), "transform_count"),
        (PROPOSAL.replace(spi=bytes(256)), "spi"),
        (PROPOSAL.replace(proposal_number=-1), "proposal_number"),
        (PROPOSAL.replace(proposal_number="1"), "proposal_number"),
        (PROPOSAL.replace(spi="1234"), "spi"),
        (PROPOSAL.replace(transforms=None), "transforms"),
        (PROPOSAL.replace(transforms=(TRANSFORM.replace(attributes=(Attribute(1, 65536),)),)), "transforms[0].attributes[0]"),
        (PROPOSAL.replace(transforms=(TRANSFORM.replace(attributes=(Attribute(40000, 1),)),)), "transforms[0].attributes[0]"),
        (PROPOSAL.replace(transforms=(TRANSFORM.replace(attributes=(Attribute(12, -1),)),)), "transforms[0].attributes[0]"),
        (PROPOSAL.replace(transforms=(TRANSFORM.replace(attributes=(Attribute(12, 256, length=1),)),)), "transforms[0].attributes[0]"),
        (PROPOSAL.replace(transforms=(TRANSFORM.replace(attributes=(Attribute(12, "x"),)),)), "transforms[0].attributes[0]"),
        (PROPOSAL.replace(transforms=(TRANSFORM.replace(attributes=(Attribute(99, bytes(65536)),)),)), "transforms[0].attributes[0]"),
        (PROPOSAL.replace(transforms=(TRANSFORM.replace(attributes=("no attribute",)),)), "transforms[0]"),
        (PROPOSAL.replace(transforms=("no payload",)), ""),
        (PROPOSAL.replace(reserved=256), ""),
        (PROPOSAL.replace(length=70000), ""),
        (PROPOSAL.replace(next_payload=256), ""),
        ("no payload", ""),
        (Attribute(1, 1), ""),
    ],
)  # fmt: skip
def test_what_does_not_fit(payload: Any, path: str) -> None:
    """An `EncodeError`, with the path of the field."""
    inner = SA(doi=1, situation=1, proposals=(payload,))
    with pytest.raises(EncodeError) as caught:
        MAIN_MODE.replace(payloads=(inner,)).build()
    assert path in caught.value.path
    assert str(caught.value)
