"""Frames that are lost, repeated or altered on the way: the dissector opens what the library opens, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

import pytest

from gsakmp.captures import Datagram, write
from gsakmp.captures.keyring import Kind
from gsakmp.captures.opened import Opened, Status
from gsakmp.captures.opening.opener import Opener
from gsakmp.message import Message
from tests.interop.wireshark_fields import expected
from tests.interop.wireshark_pdml import Frame, difference, frames
from tests.interop.wireshark_running import TSHARK, written_script
from tests.unit.captures.opening_world import (
    GAP,
    LONG,
    SESSIONS,
    THREE_DES,
    cookies,
    datagrams,
    flipped,
    logged,
    opened,
    some,
)

HEADER = 28
EVERY = (Kind.ENCRYPTION_KEY, Kind.SKEYID, Kind.SKEYID_A, Kind.SKEYID_D, Kind.SKEYID_E)
"""With these, the library proves every HASH. The dissector has the first alone."""
BLOCK = 8
"""Phase 1 of every recorded session has 3DES."""
PULL = range(7, 11)
"""The frames of the pull in a recorded session; those of phase 1 that are encrypted are 5 and 6."""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dissector as a file."""
    return written_script(tmp_path_factory.mktemp("wireshark"))


@lru_cache
def whole(name: str) -> dict[bytes, Opened]:
    """What the library opens of the session as it was, by the octets of the messages."""
    return {each.datagram.octets: each for each in opened(name, some(name, *EVERY))}


def both(
    script: Path, folder: Path, name: str, sent: Sequence[Datagram], kinds: Sequence[Kind] = EVERY
) -> list[tuple[Opened, Frame]]:
    """What the library opens, and what Wireshark shows, of messages of a session; it has the encryption key."""
    capture = folder / "changed.pcap"
    write(capture, sent)
    keys = f"encryption_key {cookies(name)} {logged(name, 'key').hex()}"
    opener = Opener(some(name, *kinds))
    shown = frames(TSHARK, script, capture, {"keys": keys})
    return [(opener.feed(datagram), frame) for datagram, frame in zip(sent, shown, strict=True)]


def without_iv(true: Opened) -> Message:
    """A message whose first block is lost: all but the link and the length that lead it are zeros."""
    assert true.plaintext is not None
    octets = true.plaintext_octets
    return true.plaintext.with_plaintext(octets[:4] + bytes(BLOCK - 4) + octets[BLOCK:])


def noted(frame: Frame, *names: str) -> bool:
    return any(note.removeprefix("gdoi.expert.") in names for note, _ in frame.notes)


def check(name: str, found: Sequence[tuple[Opened, Frame]]) -> Counter[Status]:
    """That Wireshark shows each message of a session as it was, as far as the library opens it here; how many
    the library opens how far."""
    for place, (here, frame) in enumerate(found):
        true = whole(name)[here.datagram.octets]
        assert not frame.faults
        assert noted(frame, "partly") is (here.status is Status.PARTLY and here.plaintext is not None), place
        if here.plaintext is None and noted(frame, "keys", "encrypted"):
            assert here.status in (Status.PARTLY, Status.WRONG_KEY, Status.SEALED)
            continue
        assert true.shown is not None
        wanted = without_iv(true) if here.status is Status.PARTLY else true.shown
        assert difference(expected(wanted, here.datagram.octets), frame) == "", place
    return Counter(here.status for here, _ in found)


@pytest.mark.parametrize("name", [LONG, THREE_DES, GAP])
@pytest.mark.parametrize("lost", [5, 6, *PULL])
def test_a_frame_is_lost(script: Path, tmp_path: Path, name: str, lost: int) -> None:
    """All but its first block is there of the message whose IV was in it, and of the others everything."""
    sent = [each for each in datagrams(name) if each.frame != lost]
    counts = check(name, both(script, tmp_path, name, sent))
    assert counts[Status.PARTLY] == (1 if lost < PULL[-1] else 0)
    assert counts[Status.WRONG_KEY] == 0


def altered(datagram: Datagram, *places: int) -> list[Datagram]:
    """Copies of an encrypted message with other octets at these places of the ciphertext."""
    encrypted = datagram.octets[19] & 1
    return [flipped(datagram, HEADER + at if at >= 0 else at) for at in places if encrypted]


@pytest.mark.parametrize("name", SESSIONS)
def test_altered_copies_after_every_encrypted_message(script: Path, tmp_path: Path, name: str) -> None:
    """In the last blocks, and in the first: those that follow open as if the copies were not there."""
    sent = [copy for each in datagrams(name) for copy in (each, *altered(each, -1, -BLOCK, BLOCK, 0))]
    check_true(script, tmp_path, name, sent)


def check_true(script: Path, folder: Path, name: str, sent: Sequence[Datagram]) -> None:
    """That Wireshark shows the messages of a session as they were, whatever else is among them."""
    capture = folder / "changed.pcap"
    write(capture, sent)
    keys = f"encryption_key {cookies(name)} {logged(name, 'key').hex()}"
    count = 0
    for datagram, frame in zip(sent, frames(TSHARK, script, capture, {"keys": keys}), strict=True):
        true = whole(name).get(datagram.octets)
        assert not frame.faults
        if true is not None and true.shown is not None:
            assert difference(expected(true.shown, datagram.octets), frame) == "", datagram.frame
            count += 1
    assert count >= len(datagrams(name))


@pytest.mark.parametrize("name", SESSIONS)
def test_altered_copies_before_every_encrypted_message(script: Path, tmp_path: Path, name: str) -> None:
    """In the last block only where there is padding, by which a copy is known."""
    sent: list[Datagram] = []
    for each in datagrams(name):
        plaintext = whole(name)[each.octets].plaintext
        places = (-1, -BLOCK, BLOCK, 0) if plaintext is not None and plaintext.padding else (BLOCK, 0)
        sent += [*altered(each, *places), each]
    check_true(script, tmp_path, name, sent)


def test_a_flood_of_copies_pushes_nothing_out(script: Path, tmp_path: Path) -> None:
    """There are more than the blocks that are kept, and each has an end of its own."""
    sent: list[Datagram] = []
    for each in datagrams(LONG):
        size = len(each.octets) - HEADER
        sent += [each, *altered(each, *(size - 1 - n for n in range(2 * BLOCK)), *[0] * 20)]
    check_true(script, tmp_path, LONG, sent)


@pytest.mark.parametrize("seed", range(4))
def test_altered_and_repeated_at_random(script: Path, tmp_path: Path, seed: int) -> None:
    random, sent = Random(seed), []
    for datagram in datagrams(LONG):
        copies = altered(datagram, *(random.randrange(len(datagram.octets) - HEADER) for _ in range(2)))
        sent += [datagram, *random.sample([datagram, datagram, *copies], random.randint(0, 2))]
    check_true(script, tmp_path, LONG, sent)


def test_what_is_made_up_is_said(script: Path, tmp_path: Path) -> None:
    sent = [each for each in datagrams(LONG) if each.frame != 6]
    found = both(script, tmp_path, LONG, sent, [Kind.ENCRYPTION_KEY])
    frame = found[5][1]
    assert [text for name, text in frame.notes if name == "gdoi.expert.partly"] == [
        "Expert Info (Warning/Decryption): the IV of the first block was in a frame that is not there: "
        "octets 5 to 8 of the plaintext are made up"
    ]
    assert found[5][0].status is Status.WRONG_KEY  # the library wants SKEYID_a for as much


def test_hash_alone_proves_no_key(script: Path, tmp_path: Path) -> None:
    """The third message of a pull is HASH and padding, which any key makes of it where the IV is lost."""
    phase_1, third = datagrams(LONG)[:4], datagrams(LONG)[8]
    (_, frame) = both(script, tmp_path, LONG, [*phase_1, third])[-1]
    assert noted(frame, "keys")
    assert not noted(frame, "partly")


def test_a_public_value_from_the_same_side_is_not_the_other_s(script: Path, tmp_path: Path) -> None:
    """A copy of message 3 with another value comes before message 4."""
    sent = list(datagrams(LONG))
    sent.insert(3, flipped(sent[2], HEADER + 4))
    check_true(script, tmp_path, LONG, sent)
