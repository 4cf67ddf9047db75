"""A grammar remembers what it has judged, and judges by nothing else than before."""

from __future__ import annotations

import pytest

from gsakmp.errors import UnexpectedMessage
from gsakmp.exchanges.grammar import SHAPES, Grammar, Slot
from gsakmp.message import Message
from gsakmp.payloads import Nonce, Payload, SequenceNumber, UnknownPayload, VendorID

NONCE, NUMBER, VENDOR = Nonce(bytes(16)), SequenceNumber(1), VendorID(b"somebody")


def grammar() -> Grammar:
    return Grammar("a test", "nowhere", (Slot(Nonce),), (Slot(VendorID, 0, 200),), (Slot(SequenceNumber),))


def checked(table: Grammar, *payloads: Payload) -> bool:
    try:
        table.check(Message(payloads=payloads))
    except UnexpectedMessage:
        return False
    return True


def test_what_was_right_once_is_right_again_and_what_was_wrong_is_wrong() -> None:
    table = grammar()
    for _ in range(3):
        assert checked(table, NONCE, VENDOR, NUMBER)
        assert checked(table, NONCE, NUMBER)
        assert not checked(table, NUMBER, NONCE)
        assert not checked(table, NONCE, VENDOR)
        with pytest.raises(UnexpectedMessage, match="encrypted"):
            table.check(Message(payloads=(NONCE, NUMBER), flags=1, ciphertext=b"?"))


def test_an_unknown_payload_is_judged_by_its_number_each_time() -> None:
    """Private ones are passed over (RFC 2408, 3.1); their class is that of others."""
    table = grammar()
    for _ in range(2):
        assert checked(table, NONCE, UnknownPayload(kind=200), NUMBER)
        assert not checked(table, NONCE, UnknownPayload(kind=100), NUMBER)


def test_it_remembers_so_many_and_no_more() -> None:
    table = grammar()
    for _ in range(2):
        for count in range(2 * SHAPES):
            assert checked(table, NONCE, *[VENDOR] * count, NUMBER)
    assert len(table._shapes) == SHAPES
    assert not checked(table, NONCE, *[VENDOR] * 201, NUMBER)


def test_tables_are_equal_whatever_they_remember() -> None:
    one, other = grammar(), grammar()
    assert checked(one, NONCE, NUMBER)
    assert (one, hash(one), repr(one)) == (other, hash(other), repr(other))
