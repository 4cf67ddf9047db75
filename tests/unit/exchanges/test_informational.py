"""RFC 2409, 5.7, against a peer that is written from the RFC with hashlib and the provider alone."""

from __future__ import annotations

from typing import Any

import pytest

import gsakmp
from gsakmp.doi import GDOI, IPSEC
from gsakmp.errors import (
    ConfigurationError,
    DecodeError,
    EncodeError,
    GsakmpError,
    InvalidHash,
    UnexpectedMessage,
)
from gsakmp.exchanges.informational import (
    PROTECTED,
    UNPROTECTED,
    delete_isakmp,
    initial_contact,
    open_protected,
    protect,
    unprotected,
)
from gsakmp.exchanges.isakmp_sa import Role
from gsakmp.payloads import Delete, Notification
from gsakmp.registries import DOINumber, ProtocolID
from tests.unit.exchanges.gdoi import COOKIES, GCKS_SA, MEMBER_SA, WirePeer, isakmp_sa, stream

INFORMATIONAL = 5
N, D, NONCE, HASH = 11, 12, 10, 8
MESSAGE_ID = 0x0A0B0C0D

# Bodies octet by octet: RFC 2408, 3.15, and RFC 2407, 4.6.3.3.
DELETE_BODY = bytes([0, 0, 0, 1, 1, 16, 0, 1]) + COOKIES
CONTACT_BODY = bytes([0, 0, 0, 1, 1, 16]) + (24578).to_bytes(2, "big") + COOKIES


def message_id_of(octets: bytes) -> int:
    return int.from_bytes(octets[20:24], "big")


def opened(octets: bytes, sa: Any = MEMBER_SA) -> tuple[Any, ...]:
    return open_protected(sa, gsakmp.parse(octets))


@pytest.mark.parametrize("sa", [MEMBER_SA, isakmp_sa(Role.INITIATOR, doi=IPSEC)], ids=["GDOI", "IPsec"])
def test_what_we_make_the_peer_reads(sa: Any) -> None:
    octets = protect(sa, (delete_isakmp(sa), initial_contact(sa.cookies)), stream("made"))
    peer = WirePeer(message_id_of(octets), INFORMATIONAL)
    assert peer.open(octets) == [(D, DELETE_BODY), (N, CONTACT_BODY)]


def test_each_message_has_an_id_of_its_own() -> None:
    random = stream("ids")
    ids = {message_id_of(protect(MEMBER_SA, (delete_isakmp(MEMBER_SA),), random)) for _ in range(50)}
    assert len(ids) == 50
    assert 0 not in ids
    zero = protect(MEMBER_SA, (delete_isakmp(MEMBER_SA),), bytes)  # a source of zeros
    assert message_id_of(zero) != 0


def test_what_the_peer_makes_we_read() -> None:
    octets = WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(D, DELETE_BODY)])
    (delete,) = opened(octets)
    assert type(delete) is Delete
    assert delete == delete_isakmp(MEMBER_SA)
    assert delete.protocol_id is ProtocolID.PROTO_ISAKMP
    (contact,) = opened(WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(N, CONTACT_BODY)]))
    assert contact == initial_contact(MEMBER_SA.cookies)


def test_both_sides_of_ours() -> None:
    payloads = (initial_contact(MEMBER_SA.cookies), delete_isakmp(MEMBER_SA))
    assert opened(protect(MEMBER_SA, payloads, stream("ours")), GCKS_SA) == payloads


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(N, CONTACT_BODY)], wrong_hash=bytes(32)), InvalidHash),
        (WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(N, CONTACT_BODY)], wrong_hash=b""), InvalidHash),
        (WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(N, CONTACT_BODY)], b"a nonce"), InvalidHash),
        (WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(N, CONTACT_BODY)], lead=[]), UnexpectedMessage),
        (WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(NONCE, bytes(16))]), UnexpectedMessage),
        (WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(HASH, bytes(16)), (N, CONTACT_BODY)]), UnexpectedMessage),
        (WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(N, CONTACT_BODY)] * 17), UnexpectedMessage),
        (WirePeer(MESSAGE_ID, 32).seal([(N, CONTACT_BODY)]), UnexpectedMessage),
        (WirePeer(0, INFORMATIONAL).seal([(N, CONTACT_BODY)]), UnexpectedMessage),
        (WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(D, DELETE_BODY[:-1])]), DecodeError),
    ],
    ids=[
        *("wrong hash", "empty hash", "hash over more", "no hash", "nonce", "two hashes", "too many"),
        *("another exchange", "message id 0", "malformed"),
    ],
)
def test_what_is_refused(octets: bytes, error: type[GsakmpError]) -> None:
    with pytest.raises(error):
        opened(octets)


def test_no_changed_octet_passes() -> None:
    octets = WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(N, CONTACT_BODY)])
    for at in range(len(octets)):
        changed = bytearray(octets)
        changed[at] ^= 1
        with pytest.raises(GsakmpError):
            opened(bytes(changed))


def test_another_sa() -> None:
    octets = WirePeer(MESSAGE_ID, INFORMATIONAL).seal([(N, CONTACT_BODY)])
    other = isakmp_sa(Role.INITIATOR, secret=b"another g^xy")
    with pytest.raises(GsakmpError):
        opened(octets, other)


def test_in_the_clear_it_proves_nothing() -> None:
    octets = unprotected(COOKIES[:8], COOKIES[8:], 14, DOINumber.GDOI, stream("clear"))
    with pytest.raises(UnexpectedMessage):
        opened(octets)


def test_an_error_in_the_clear() -> None:
    octets = unprotected(COOKIES[:8], bytes(8), 14, DOINumber.IPSEC, stream("clear"))
    notification = bytes([0, 0, 0, 28, 0, 0, 0, 1, 1, 16]) + (14).to_bytes(2, "big") + COOKIES[:8] + bytes(8)
    assert octets[:20] == COOKIES[:8] + bytes(8) + bytes([11, 0x10, 5, 0])
    assert message_id_of(octets) != 0
    assert octets[24:] == (28 + len(notification)).to_bytes(4, "big") + notification
    message = gsakmp.parse(octets)
    (found,) = UNPROTECTED.check(message).all(Notification)
    assert found.notify_message_type == 14


@pytest.mark.parametrize("kind", [-1, 0, 16384, 24578, 36136, 65536])
def test_no_status_in_the_clear(kind: int) -> None:
    with pytest.raises(ConfigurationError):
        unprotected(COOKIES[:8], COOKIES[8:], kind, DOINumber.IPSEC, stream("clear"))


def test_cookies_have_eight_octets() -> None:
    with pytest.raises(EncodeError):
        unprotected(COOKIES, COOKIES, 14, DOINumber.IPSEC, stream("clear"))


def test_no_delete_in_the_clear() -> None:
    message = gsakmp.Message(exchange_type=5, payloads=(delete_isakmp(MEMBER_SA),), doi=GDOI)
    with pytest.raises(UnexpectedMessage):
        UNPROTECTED.check(message)


def test_the_grammars_in_a_line() -> None:
    assert PROTECTED.to_text() == "HDR*, Hash, [Notification...], [Delete...]"
    assert UNPROTECTED.to_text() == "HDR, Notification..."
