"""Differences: every octet that is turned over is found, at its place, and nothing else; messages find their
partners whatever is lost, repeated or put in between."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest

from gsakmp import limits
from gsakmp.captures import Datagram, read
from gsakmp.captures.opened import Opened
from gsakmp.captures.opening import Opener
from gsakmp.errors import ConfigurationError
from gsakmp.message import Message
from gsakmp.payloads import Nonce, VendorID
from gsakmp.reports.difference import IGNORABLE, Change, Ignored, differences
from gsakmp.reports.difference_captures import Pair, aligned
from gsakmp.reports.difference_text import pair_plain, pair_rows
from tests.conftest import PCAPS
from tests.unit.captures.opening_world import LONG, THREE_DES, datagrams, flipped, opened
from tests.unit.reports.pages import hostile

PLAIN = list(read(PCAPS / "gdoi" / "plaintext" / f"{LONG}.pcap"))
HEADER = 28


def one(octets: bytes) -> Opened:
    return Opener().feed(Datagram(octets))


def compared(a: Opened, b: Opened, *ignore: str, everything: bool = False) -> list[Change]:
    return differences(a, b, Ignored(ignore), everything=everything)


def covers(change: Change, place: int) -> bool:
    return any(
        side is not None and side.at is not None and side.at <= place < side.at + side.size
        for side in (change.a, change.b)
    )


# -- two messages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("datagram", PLAIN, ids=lambda datagram: str(datagram.frame))
def test_no_octet_can_be_turned_over_unseen(datagram: Datagram) -> None:
    """Whatever becomes of the message: malformed or sound, other fields or the same."""
    before = Opener().feed(datagram)
    step = max(1, len(datagram.octets) // 150)
    for place in range(0, len(datagram.octets), step):
        after = Opener().feed(flipped(datagram, place))
        found = compared(before, after, everything=True)
        assert found, place
        if before.message is not None and after.message is not None and not after.error and place >= HEADER:
            assert any(covers(change, place) for change in found), place


def test_the_same_is_no_difference() -> None:
    for each in (*opened(LONG), *opened(THREE_DES), *hostile()):
        assert compared(each, each, everything=True) == []


def test_a_payload_more_is_one_difference() -> None:
    message = Message(exchange_type=2, payloads=(Nonce(bytes(16)), VendorID(b"vendor")))
    more = message.replace(payloads=(message.payloads[0], VendorID(b"between"), message.payloads[1]))
    (change,) = compared(one(message.build()), one(more.build()))
    assert (change.a, change.path, change.name) == (None, "payloads[1]", "Vendor ID")
    (change,) = compared(one(more.build()), one(message.build()))
    assert (change.b, change.path) == (None, "payloads[1]")
    assert change.a is not None
    assert change.a.at is not None
    assert change.a.octets == more.build()[change.a.at : change.a.at + change.a.size].hex()


def test_links_and_lengths_that_follow_only_with_all() -> None:
    message = Message(exchange_type=2, payloads=(Nonce(bytes(16)),))
    longer = message.replace(payloads=(Nonce(bytes(20)),))
    a, b = one(message.build()), one(longer.build())
    assert [change.path for change in compared(a, b)] == ["payloads[0].nonce_data"]
    assert [change.path for change in compared(a, b, everything=True)] == [
        "length",
        "payloads[0].length",
        "payloads[0].nonce_data",
    ]


def test_what_the_usual_text_hides_is_shown_from_where_it_differs() -> None:
    message = Message(exchange_type=2, payloads=(Nonce(bytes(100)),))
    other = message.replace(payloads=(Nonce(bytes(60) + b"\x01" + bytes(39)),))
    (change,) = compared(one(message.build()), one(other.build()))
    assert change.a is not None
    assert change.b is not None
    assert (change.a.text, change.b.text) == (
        f"... {bytes(12).hex()} ... from octet 60",
        f"... 01{bytes(11).hex()} ... from octet 60",
    )


def test_keys_inside_attributes_are_compared() -> None:
    """Pull 4 of either session: the KEKs are as long, and others."""
    found = compared(opened(LONG)[9], opened(THREE_DES)[9])
    names = [change.name for change in found]
    assert "KEK_ALGORITHM_KEY (1)" in names
    assert "TEK_INTEGRITY_KEY (2)" in names
    assert all(change.plaintext for change in found if change.path.startswith("payloads"))


def test_the_ciphertext_counts_only_where_it_hides_something() -> None:
    sealed = [list(Opener().feed_all(datagrams(name)))[9] for name in (LONG, THREE_DES)]
    assert "ciphertext" in [change.path for change in compared(*sealed)]
    readable = [opened(name)[9] for name in (LONG, THREE_DES)]
    assert "ciphertext" not in [change.path for change in compared(*readable)]
    assert "ciphertext" in [change.path for change in compared(*readable, everything=True)]


def test_what_is_around_a_message() -> None:
    a = opened(LONG)[4]
    moved = msgspec.structs.replace(
        a, datagram=msgspec.structs.replace(a.datagram, time=1, source_address="192.0.2.7"), checks=()
    )
    assert [change.path for change in compared(a, moved)] == ["time", "source", "checks"]
    assert compared(a, moved, "times", "addresses", "checks") == []


def test_long_lists_that_differ_are_compared_by_place() -> None:
    """Aligning hundreds of payloads of one kind would take time for nothing."""
    message = Message(exchange_type=2, payloads=tuple(VendorID(bytes([n % 256])) for n in range(250)))
    fewer = message.replace(payloads=message.payloads[:-1])
    (change,) = compared(one(message.build()), one(fewer.build()))
    assert (change.path, change.b) == ("payloads[249]", None)


# -- what is ignored ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("nonce_data", 1),
        ("nonces", 1),
        ("random", 1),
        ("payloads[0].nonce_data", 1),
        ("payloads[].nonce_data", 1),
        ("payloads[0]", 1),
        ("payloads[]", 0),
        ("payloads", 0),
        ("*.vendor_id", 1),
        ("payloads[1]", 1),
        ("payloads[5]", 2),
        ("nonce", 2),
        ("payloads[0].nonce", 2),
        ("*", 0),
    ],
)
def test_what_is_left_out(pattern: str, left: int) -> None:
    a = Message(exchange_type=2, payloads=(Nonce(bytes(16)), VendorID(b"one")))
    b = Message(exchange_type=2, payloads=(Nonce(bytes(15) + b"1"), VendorID(b"two")))
    assert len(compared(one(a.build()), one(b.build()), pattern)) == left


def test_words_stand_for_fields_that_there_are() -> None:
    from gsakmp.doi.catalogue import catalogue
    from gsakmp.registries import TEKKeyAttribute
    from gsakmp.views import message_spans

    known = {"time", "source", "destination", "ciphertext", "padding", *TEKKeyAttribute.__members__}
    known.update(name for entry in catalogue().entries.values() for name in entry.cls.__struct_fields__)
    for each in (*opened(LONG), *opened(THREE_DES)):
        assert each.shown is not None
        known.update(span.name.partition(" ")[0] for span in message_spans(each.shown))
    for fields in IGNORABLE.values():
        assert set(fields) <= known


@pytest.mark.parametrize("pattern", ["", " ", "x." * 101])
def test_what_is_no_path(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="no path"):
        Ignored([pattern])


def test_a_pattern_takes_no_time() -> None:
    path = "payloads[0]." + "a." * 2000
    assert not Ignored(["*a*a*a*a*a*a*a*b."])(path)


# -- two captures ------------------------------------------------------------------------------------------------


def frames(pairs: Iterator[Pair]) -> list[tuple[int, int]]:
    return [
        (0 if pair.a is None else pair.a.datagram.frame, 0 if pair.b is None else pair.b.datagram.frame)
        for pair in pairs
    ]


def test_a_capture_with_itself() -> None:
    found = frames(aligned(iter(opened(THREE_DES)), iter(opened(THREE_DES))))
    assert found == [(n, n) for n in range(1, 22)]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("window", [limits.COMPARED_MESSAGES, 8])
def test_what_is_missing_has_no_partner_and_all_others_have_theirs(seed: int, window: int) -> None:
    """Some messages of either side are left out; all of one session, whose places tell them apart."""
    draw = random.Random(seed)
    session = opened(THREE_DES)
    sides = [[each for each in session if draw.random() > 0.2] for _ in range(2)]
    found = frames(aligned(iter(sides[0]), iter(sides[1]), window))
    numbers = [{each.datagram.frame for each in side} for side in sides]
    both = numbers[0] & numbers[1]
    assert [a for a, b in found if a == b] == sorted(both)
    assert sorted(a for a, _ in found if a) == sorted(numbers[0])
    assert sorted(b for _, b in found if b) == sorted(numbers[1])
    for a, b in found:  # two of one kind at one place, each missing on the other side, may go together
        assert a == b or not {a, b} & both


def test_messages_whose_payloads_differ_still_go_together() -> None:
    session = opened(THREE_DES)
    a = session[7]
    assert a.plaintext is not None
    more = a.plaintext.replace(payloads=(*a.plaintext.payloads, VendorID(b"more")))
    changed = [*session[:7], msgspec.structs.replace(a, plaintext=more), *session[8:]]
    assert frames(aligned(iter(session), iter(changed))) == [(n, n) for n in range(1, 22)]


def test_pushes_whose_numbers_are_others_still_go_together() -> None:
    session = opened(THREE_DES)
    later = [
        msgspec.structs.replace(each, step=each.step + 100) if each.step and n > 9 else each
        for n, each in enumerate(session)
    ]
    assert frames(aligned(iter(session), iter(later))) == [(n, n) for n in range(1, 22)]


def test_two_sessions_go_together_by_what_their_messages_are() -> None:
    """One has 16 messages and 6 pushes, the other 21 and 11."""
    found = frames(aligned(iter(opened(LONG)), iter(opened(THREE_DES))))
    assert found[:10] == [(n, n) for n in range(1, 11)]
    assert sorted(a for a, _ in found if a) == list(range(1, 17))
    assert sorted(b for _, b in found if b) == list(range(1, 22))
    assert sum(1 for a, b in found if a and b) == 16


def test_either_side_is_a_stream() -> None:
    """It looks ahead no further than the window."""
    ahead = [0, 0]

    def stream(side: int, length: int) -> Iterator[Opened]:
        for number in range(length):
            ahead[side] = number
            yield session[number % 2]

    session = opened(THREE_DES)
    for number, _ in enumerate(aligned(stream(0, 3000), stream(1, 3000), 64)):
        assert max(ahead) - number <= 130
    assert ahead == [2999, 2999]


def test_one_side_is_empty() -> None:
    assert frames(aligned(iter(()), iter(opened(LONG)[:2]))) == [(0, 1), (0, 2)]
    assert frames(aligned(iter(opened(LONG)[:2]), iter(()))) == [(1, 0), (2, 0)]
    assert frames(aligned(iter(()), iter(()))) == []


# -- what is shown -----------------------------------------------------------------------------------------------


def test_for_people_and_for_programs() -> None:
    before, after = opened(LONG)[13:15]
    pair = Pair(before, after)
    changes = compared(before, after, "random")
    shown = ["".join(text for text, _ in row) for row in pair_rows(pair, changes)]
    assert shown[0].startswith("#14 Push 4 under d58d0874  * SEQ, ")
    assert shown[1:4] == [
        "  payloads[0].sequence_number  in the plaintext",
        "    - 4  at 4, 4 octets",
        "    + 5  at 4, 4 octets",
    ]
    plain = pair_plain(pair, changes)
    assert (plain["a"]["frame"], plain["b"]["frame"]) == (14, 15)
    assert plain["changes"][0] == {
        "path": "payloads[0].sequence_number",
        "name": "sequence_number",
        "a": {"path": "payloads[0].sequence_number", "text": "4", "at": 4, "size": 4, "octets": "00000004"},
        "b": {"path": "payloads[0].sequence_number", "text": "5", "at": 4, "size": 4, "octets": "00000005"},
        "plaintext": True,
    }


def test_a_hostile_peer_steers_nothing() -> None:
    for pair in (Pair(hostile()[0], opened(LONG)[0]), Pair(hostile()[0], None), Pair(None, hostile()[0])):
        changes = [] if pair.a is None or pair.b is None else compared(pair.a, pair.b)
        for row in pair_rows(pair, changes):
            assert "".join(text for text, _ in row).isprintable()
