"""Fragments: any order, duplicates, gaps, contradictions, floods."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gsakmp
from gsakmp.errors import ConfigurationError, EncodeError, GsakmpError, LimitExceeded, UnexpectedMessage
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.fragments import (
    DATAGRAM_OCTETS,
    WAITING,
    WAITING_OCTETS,
    WAITING_OF_HOST,
    WAITING_SECONDS,
    Reassembler,
    split,
)
from gsakmp.message import Message
from gsakmp.payloads import Fragment, VendorID

HERE = Address.from_text("192.0.2.7:848")
COOKIES = bytes(range(0x10, 0x20))


def message(size: int = 5000, seed: int = 1, **changes: Any) -> bytes:
    """An encrypted message of about that size."""
    values: dict[str, Any] = {
        "initiator_cookie": COOKIES[:8],
        "responder_cookie": COOKIES[8:],
        "exchange_type": 32,
        "flags": 1,
        "message_id": 0x01020304,
        "next_payload": 8,
        "ciphertext": random.Random(seed).randbytes(size),
    }
    return Message(**values | changes).build()


def fragment(number: int, data: bytes, *, name: int = 1, last: int = 0, **changes: Any) -> Message:
    piece = Fragment(fragment_id=name, fragment_number=number, last_fragment=last, fragment_data=data)
    values: dict[str, Any] = {
        "initiator_cookie": COOKIES[:8],
        "responder_cookie": COOKIES[8:],
        "exchange_type": 32,
        "message_id": 0x01020304,
        "payloads": (piece,),
    }
    return Message(**values | changes)


def pieces_of(octets: bytes, limit: int = DATAGRAM_OCTETS) -> list[Message]:
    return [gsakmp.parse(piece) for piece in split(octets, limit)]


def feed(kept: Reassembler, pieces: list[Message], now: float = 0.0) -> list[bytes]:
    """What comes out as the pieces go in."""
    found = (kept.add(piece, HERE, now) for piece in pieces)
    return [whole for whole in found if whole is not None]


def test_the_layout_on_the_wire() -> None:
    """[MS-IKEE], 2.2, octet by octet."""
    octets = message(1300)
    first, second = split(octets, 1228)
    assert len(first) == 1228
    assert first[:16] == second[:16] == COOKIES
    assert first[16:20] == second[16:20] == bytes([132, 0x10, 32, 0])  # not encrypted
    assert first[20:24] == second[20:24] == bytes([1, 2, 3, 4])
    assert int.from_bytes(first[24:28], "big") == 1228
    # generic header, fragment id, number, last
    assert first[28:32] == bytes([0, 0]) + (1200).to_bytes(2, "big")
    assert first[32:34] == second[32:34] != bytes(2)
    assert first[34:36] == bytes([1, 0])
    assert second[34:36] == bytes([2, 1])
    assert first[36:] + second[36:] == octets


def test_what_fits_is_left_alone() -> None:
    octets = message(DATAGRAM_OCTETS - 28)
    assert split(octets) == (octets,)
    assert len(split(octets + b"\0")) == 2
    assert DATAGRAM_OCTETS == 1228


@pytest.mark.parametrize("limit", [37, 100, 576, 1228, 4999])
def test_no_piece_is_too_long(limit: int) -> None:
    octets = message(5000) if limit > 100 else message(200)
    pieces = split(octets, limit)
    assert max(map(len, pieces)) == limit
    assert feed(Reassembler(), pieces_of(octets, limit)) == [octets]


def test_any_order() -> None:
    octets = message(4000)
    for order in itertools.permutations(pieces_of(octets)):
        kept = Reassembler()
        assert feed(kept, list(order)) == [octets]
        assert (kept.waiting, kept.octets) == (0, 0)


def test_duplicates() -> None:
    octets = message()
    pieces = pieces_of(octets)
    assert feed(Reassembler(), [piece for piece in pieces[:-1] for _ in range(3)] + pieces[-1:]) == [octets]


def test_a_retransmission_fills_the_gaps() -> None:
    octets = message()
    first, again = pieces_of(octets), pieces_of(octets)
    assert first == again
    assert feed(Reassembler(), first[:2] + again[2:]) == [octets]


def test_missing_pieces() -> None:
    pieces = pieces_of(message())
    for missing in range(len(pieces)):
        kept = Reassembler()
        assert feed(kept, pieces[:missing] + pieces[missing + 1 :]) == []
        assert kept.waiting == 1


def test_pieces_wait_for_a_time() -> None:
    octets = message()
    *most, last = pieces_of(octets)
    kept = Reassembler()
    feed(kept, most)
    assert kept.add(last, HERE, WAITING_SECONDS) == octets
    feed(kept, most)
    assert kept.add(last, HERE, WAITING_SECONDS + 0.1) is None
    assert kept.waiting == 1  # the last one alone
    kept = Reassembler()
    feed(kept, most, now=1e9)
    assert kept.add(last, HERE, 0) is None  # a clock that was set back


@pytest.mark.parametrize(
    "other",
    [
        {"source": HERE._replace(port=849)},
        {"source": Address.from_text("192.0.2.8:848")},
        {"initiator_cookie": bytes(7) + b"\1"},
        {"responder_cookie": bytes(7) + b"\1"},
        {"message_id": 5},
        {"exchange_type": 5},
        {"name": 2},
    ],
)
def test_pieces_of_different_messages_do_not_mix(other: dict[str, Any]) -> None:
    kept = Reassembler()
    kept.add(fragment(1, COOKIES), HERE, 0)
    source = other.pop("source", HERE)
    assert kept.add(fragment(2, b"end", last=1, **other), source, 0) is None
    assert kept.waiting == 2


def test_two_messages_at_once() -> None:
    one, two = message(seed=1, message_id=1), message(seed=2, message_id=2)
    both = [piece for pair in zip(pieces_of(one), pieces_of(two), strict=True) for piece in pair]
    assert feed(Reassembler(), both) == [one, two]


def test_a_contradiction_begins_anew() -> None:
    """Some peers give every message the same name; what they sent before and in vain must not stand in the
    way."""
    kept = Reassembler()
    old = fragment(1, COOKIES + b"old")
    new = [fragment(1, COOKIES + b"new"), fragment(2, b"end", last=1)]
    kept.add(old, HERE, 0)
    assert feed(kept, new) == [COOKIES + b"newend"]
    # overlapping: a second piece 2, a last one before others, one after the last
    for first, second in (
        (fragment(2, b"x"), fragment(2, b"y")),
        (fragment(3, b"x"), fragment(2, b"y", last=1)),
        (fragment(2, b"x", last=1), fragment(3, b"y")),
        (fragment(2, b"x", last=1), fragment(3, b"y", last=1)),
        (fragment(2, b"x", last=1), fragment(2, b"x", last=0)),
    ):
        kept = Reassembler()
        feed(kept, [first, second])
        assert kept.waiting == 1
        assert kept.octets == len(b"y") + 100  # the first one is gone


def test_a_message_in_one_piece() -> None:
    assert Reassembler().add(fragment(1, COOKIES + b"all", last=1), HERE, 0) == COOKIES + b"all"


def test_a_message_of_another_sa() -> None:
    kept = Reassembler()
    with pytest.raises(UnexpectedMessage, match="another SA"):
        kept.add(fragment(1, bytes(40), last=1), HERE, 0)
    assert (kept.waiting, kept.octets) == (0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        fragment(0, b"x"),
        fragment(1, b""),
        fragment(1, b"x", last=2),
        fragment(1, b"x", payloads=()),
        fragment(1, b"x", payloads=(VendorID(b"x"),)),
        fragment(1, b"x", payloads=(*fragment(1, b"x").payloads, VendorID(b"x"))),
        fragment(1, b"x", payloads=fragment(1, b"x").payloads * 2),
        fragment(1, b"x", payloads=(), flags=1, ciphertext=bytes(16)),
    ],
)
def test_what_is_no_fragment(wrong: Message) -> None:
    kept = Reassembler()
    with pytest.raises(UnexpectedMessage):
        kept.add(wrong, HERE, 0)
    assert kept.waiting == 0


def test_a_message_longer_than_any() -> None:
    kept = Reassembler()
    feed(kept, [fragment(number, bytes(1000)) for number in range(1, 66)])
    with pytest.raises(LimitExceeded):
        kept.add(fragment(66, bytes(1000)), HERE, 0)
    assert (kept.waiting, kept.octets) == (0, 0)
    longest = message(65_535 - 28)
    assert feed(Reassembler(), pieces_of(longest)) == [longest]


def test_a_flood_stays_within_bounds() -> None:
    kept = Reassembler()
    for number in range(10_000):
        source = Address(HERE.host + number % 500, 848)
        kept.add(fragment(1 + number % 255, bytes(60_000), name=number % 0xFFFF), source, number / 1e6)
        assert kept.waiting <= WAITING
        assert kept.octets <= WAITING_OCTETS
    assert len(kept._hosts) <= WAITING


def test_many_messages_stay_within_bounds() -> None:
    kept = Reassembler()
    for number in range(10 * WAITING):
        kept.add(fragment(1, b"x"), Address(HERE.host + number, 848), 0)
    assert kept.waiting == WAITING


def test_small_pieces_are_no_cheaper() -> None:
    kept = Reassembler()
    for number in range(WAITING * 300):
        source = Address(HERE.host + number % WAITING, 848)
        kept.add(fragment(2 + number // WAITING % 250, b"x", name=number // WAITING // 250 + 1), source, 0)
        assert kept.octets <= WAITING_OCTETS
    assert sum(len(waiting.pieces) for waiting in kept._waiting.values()) <= WAITING_OCTETS // 100


def test_one_host_leaves_room_for_others() -> None:
    kept = Reassembler()
    octets = message()
    *most, last = pieces_of(octets)
    feed(kept, most)
    flooder = Address.from_text("198.51.100.1:848")
    for number in range(10_000):
        kept.add(fragment(1, bytes(1000), name=number % 0xFFFF), flooder._replace(port=number), 0)
    assert kept.waiting == WAITING_OF_HOST + 1
    assert kept.add(last, HERE, 0) == octets


def test_more_pieces_than_numbers() -> None:
    octets = message(64 * 255 - 28)
    assert len(split(octets, 100)) == 255
    with pytest.raises(EncodeError):
        split(octets + b"\0", 100)
    with pytest.raises(ConfigurationError):
        split(octets, 36)


@given(st.data())
def test_whatever_comes_it_is_taken_or_refused(data: st.DataObject) -> None:
    """Against a simple model: a message comes out only as its own pieces, all of them."""
    kept = Reassembler()
    whole = {
        name: [COOKIES + b"%d" % name, *(b"part %d of %d" % (n, name) for n in range(2, 5))]
        for name in (1, 2)
    }
    for name, number in data.draw(
        st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 6)), max_size=40)
    ):
        parts = whole[name]
        part = parts[number - 1] if 0 < number <= 4 else b"junk"
        try:
            found = kept.add(fragment(number, part, name=name, last=int(number == 4)), HERE, 0)
        except GsakmpError:
            assert number == 0
            continue
        if found is not None:
            assert found == b"".join(parts)
        assert kept.waiting <= 2
