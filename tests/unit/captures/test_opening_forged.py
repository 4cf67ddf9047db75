"""What anybody can send without a key, in between: it is told as wrong, and changes nothing."""

from __future__ import annotations

import os

import pytest

from gsakmp.captures import Datagram
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import (
    Event,
    ExchangeKind,
    GroupJoined,
    ISAKMPSAEstablished,
    Lost,
    Opened,
    Retransmission,
    Status,
)
from gsakmp.captures.opening import Opener
from gsakmp.captures.opening.known import RekeyState
from gsakmp.crypto import KEK
from gsakmp.crypto.ciphers import AES_128_CBC
from gsakmp.payloads import GroupSA
from tests.unit.captures.opening_world import (
    LONG,
    cookies,
    datagrams,
    flipped,
    logged,
    opened,
    psk_and_dh,
    recorded,
    verdicts,
)
from tests.unit.captures.test_opening_exchanges import OTHER, QuickMode, charon

BLOCK = 8
"""Octets of a block of 3DES, the cipher of phase 1."""
HEADER = 28


def seen(found: Opened) -> tuple[object, ...]:
    """What was found out about a message, whatever went before it."""
    told: tuple[Event, ...] = tuple(each for each in found.events if not isinstance(each, Retransmission))
    return (found.status, found.plaintext_octets, found.checks, told, found.step, found.member, found.sa)


def places(frame: int) -> tuple[int, ...]:
    """Octets of the ciphertext to alter: those that only garble a hash, a nonce, an identity or a signature,
    so that payloads come out all the same, and some at random."""
    size = len(datagrams(LONG)[frame - 1].octets)
    if frame in (5, 6):  # the notification behind the hash is covered by nothing (RFC 2409, 5)
        return (HEADER, HEADER + 2 * BLOCK, HEADER + 3 * BLOCK)
    return tuple(range(HEADER, size, (size - HEADER) // 7 // BLOCK * BLOCK or BLOCK))


@pytest.mark.parametrize("frame", range(5, 17))
def test_altered_copies_before_the_true_message_change_nothing(frame: int) -> None:
    frames = datagrams(LONG)
    plain = Opener(psk_and_dh(LONG))
    wanted = [plain.feed(each) for each in frames]
    for place in places(frame):
        opener = Opener(psk_and_dh(LONG))
        found = []
        for datagram in frames:
            if datagram.frame == frame:
                altered = opener.feed(flipped(datagram, place))
                assert altered.failed or altered.status is Status.PARTLY
            found.append(opener.feed(datagram))
        assert list(map(seen, found)) == list(map(seen, wanted)), place
        assert list(opener.learnt) == list(plain.learnt)


@pytest.mark.parametrize("frame", [5, 6, 7, 9])
def test_many_altered_copies_push_nothing_out(frame: int) -> None:
    """More than there are last blocks and messages that are kept of an exchange."""
    frames = datagrams(LONG)
    opener = Opener(psk_and_dh(LONG))
    found = []
    for datagram in frames:
        found.append(opener.feed(datagram))
        if datagram.frame == frame:
            # The first blocks stay, so they decrypt to payloads; the last one is another each time.
            for bit in range(20):
                octets = bytearray(datagram.octets)
                octets[HEADER + 2 * BLOCK] ^= 1
                octets[-1 - bit // 8] ^= 1 << bit % 8
                altered = Datagram(bytes(octets), 0, 0, datagram.source_address, 848)
                assert opener.feed(altered).failed
            again = opener.feed(datagram)
            assert again.retransmission_of
            assert not again.failed
    assert list(map(seen, found)) == list(map(seen, opened(LONG)))


def test_only_what_is_right_establishes_an_sa() -> None:
    frames = datagrams(LONG)
    opener = Opener(psk_and_dh(LONG))
    for datagram in frames[:5]:
        opener.feed(datagram)
    wrong = opener.feed(flipped(frames[5], HEADER + 3 * BLOCK))
    assert verdicts(wrong) == {"HASH_R": False}
    wrong = opener.feed(flipped(frames[6], HEADER + 4 * BLOCK))
    assert verdicts(wrong) == {"HASH(1)": False}
    assert wrong.events == ()
    assert len(opener.learnt) == 0
    right = opener.feed(frames[6])
    assert verdicts(right) == {"HASH(1)": True}
    assert [type(event) for event in right.events][:2] == [Lost, ISAKMPSAEstablished]
    assert len(opener.learnt) == 5


def test_an_altered_quick_mode_does_not_say_who_began_it() -> None:
    opener = Opener(charon()[1])
    for datagram in charon()[0][:6]:
        opener.feed(datagram)
    first, *rest = QuickMode().three()
    altered = bytearray(first.octets)
    altered[-1] ^= 1
    wrong = opener.feed(Datagram(bytes(altered), 0, 0, OTHER, 500, first.source_address, 500))
    assert verdicts(wrong) == {"HASH(1)": False}
    found = [opener.feed(each) for each in (first, *rest)]
    assert [each.step for each in found] == [1, 2, 3]
    assert [verdicts(each) for each in found] == [{f"HASH({step})": True} for step in (1, 2, 3)]


def test_a_nonce_that_nothing_proved_gives_way_to_one_that_is_proven() -> None:
    """Message 2 altered, while message 1 is still to come: its HASH can't be checked yet."""
    frames = datagrams(LONG)
    opener = Opener(psk_and_dh(LONG))
    for datagram in frames[:6]:
        opener.feed(datagram)
    nonce = opened(LONG)[7].plaintext_octets.index(bytes.fromhex(nonce_of(8)))
    altered = opener.feed(flipped(frames[7], HEADER + (nonce // BLOCK + 1) * BLOCK))
    assert altered.status is not Status.SEALED
    found = [opener.feed(datagram) for datagram in frames[6:]]
    assert [verdicts(each) for each in found[:4]] == [
        {"HASH(1)": True},
        {"HASH(2)": True},
        {"HASH(3)": True},
        {"HASH(4)": True},
    ]


def nonce_of(frame: int) -> str:
    """The nonce in the daemon's own plaintext: payload type 10 (RFC 2408, 3.1)."""
    octets = bytes.fromhex(recorded(LONG)["messages"][frame - 1]["plaintext_after_header"])
    at, kind = 0, 8
    while kind != 10:
        kind, at = octets[at], at + int.from_bytes(octets[at + 2 : at + 4], "big")
    return octets[at + 4 : at + int.from_bytes(octets[at + 2 : at + 4], "big")].hex()


# -- pushes and acknowledgements ---------------------------------------------------------------------------


def test_acknowledgements_without_a_key_do_not_push_pushes_out() -> None:
    frames = datagrams(LONG)
    opener = Opener(psk_and_dh(LONG))
    for datagram in frames[:11]:
        opener.feed(datagram)
    spi = frames[10].octets[:16]
    for number in range(1100):
        body = bytes([0, 0, 0, 24]) + number.to_bytes(20, "big")
        octets = spi + bytes([8, 0x10, 35, 0]) + bytes(4) + (28 + len(body)).to_bytes(4, "big") + body
        assert opener.feed(Datagram(octets, source_address="192.0.2.66")).kind is ExchangeKind.ACK
    again = opener.feed(frames[10])
    assert again.retransmission_of == 11
    assert not again.failed


def test_a_push_with_a_wrong_signature_says_nothing_of_others() -> None:
    frames = datagrams(LONG)
    opener = Opener(psk_and_dh(LONG))
    for datagram in frames[:10]:
        opener.feed(datagram)
    wrong = opener.feed(flipped(frames[12], len(frames[12].octets) - 1))
    assert verdicts(wrong)["signature"] is False
    assert wrong.events == ()
    right = opener.feed(frames[12])
    assert [event.count for event in right.events if isinstance(event, Lost)] == [2]


def test_only_a_push_that_is_right_tells_the_cipher_of_a_kek() -> None:
    """32 octets may be a key of AES with 128 bits, or of 3DES."""
    kek = next(m["kek"] for m in recorded(LONG)["messages"] if m.get("kek"))
    octets = bytes.fromhex(kek["initialized IV"] + kek["key"])
    wire = next(m["wire"] for m in recorded(LONG)["messages"] if m["exchange_type"] == 33)
    spi, key = f"{wire[:16]}:{wire[16:32]}", bytes.fromhex(recorded(LONG)["sig_public_key"])
    opener = Opener(Keyring([Secret(Kind.KEK, spi, octets), Secret(Kind.SIGNATURE_KEY, spi, key)]))
    push = datagrams(LONG)[10]
    wrong = opener.feed(flipped(push, len(push.octets) - 1))
    assert verdicts(wrong)["signature"] is False
    state = opener._book.rekey(bytes.fromhex(spi.replace(":", "")))
    assert state is not None
    assert len(state.keks) == 2
    assert verdicts(opener.feed(push))["signature"] is True
    assert len(state.keks) == 1


@pytest.mark.parametrize(
    ("source", "seconds", "again"), [("", 2, True), ("", 3600, False), ("192.0.2.66", 2, False)]
)
def test_the_same_push_is_sent_again_by_its_sender_soon_or_else_it_is_a_replay(
    source: str, seconds: int, again: bool
) -> None:
    """RFC 6407, 4.4 and 7.3.4."""
    opener = Opener(psk_and_dh(LONG))
    for datagram in datagrams(LONG)[:12]:
        opener.feed(datagram)
    push = datagrams(LONG)[10]
    copy = Datagram(
        push.octets, 90, push.time + seconds * 10**9, source or push.source_address, push.source_port,
        push.destination_address, push.destination_port,
    )  # fmt: skip
    found = opener.feed(copy)
    assert verdicts(found) == {"signature": True} | ({} if again else {"sequence number": False})
    assert bool(found.retransmission_of) is again
    assert opener.feed(datagrams(LONG)[12]).failed is False


def test_a_push_without_a_policy_does_not_tell_the_dialect() -> None:
    """With only the KEK of a session of gdoid's, from a push that deletes on."""
    every = [each for each in opened(LONG) if each.kind is ExchangeKind.PUSH]
    bare = [
        each
        for each in every
        if each.plaintext and not any(isinstance(p, GroupSA) for p in each.plaintext.payloads)
    ]
    assert bare
    spi = bytes.fromhex(bare[0].sa.replace(":", ""))
    opener = Opener(psk_and_dh(LONG))
    for datagram in datagrams(LONG):
        if datagram.frame == bare[0].datagram.frame:
            known = opener._book.rekey(spi)
            assert known is not None
            known.dialect = None
            assert opener.feed(datagram).status is Status.OPENED
            assert known.dialect is None
            return
        opener.feed(datagram)


def test_an_altered_first_block_is_not_said_to_be_a_lost_frame() -> None:
    opener = Opener(psk_and_dh(LONG))
    for datagram in datagrams(LONG)[:7]:
        opener.feed(datagram)
    wrong = opener.feed(flipped(datagrams(LONG)[7], HEADER + 1))
    assert wrong.status is Status.PARTLY
    assert wrong.reason == "its first block is altered: the message that has its IV is there"


def test_a_rekey_sa_with_another_key_than_before_is_not_held() -> None:
    """A second pull with authentic hashes that brings another key for the SPI of the first."""
    opener = Opener(psk_and_dh(LONG))
    frames = datagrams(LONG)
    for datagram in frames[:9]:
        opener.feed(datagram)
    spi = frames[10].octets[:16]
    other = KEK.parse(AES_128_CBC, bytes(32))
    known = RekeyState(spi, (other,), last=1, holders={"fqdn:alice.example": None})
    opener._book._rekey.put(spi, known)
    found = opener.feed(frames[9])
    assert [check.passed for check in found.checks if check.name == "policy"] == [False]
    assert next(event for event in found.events if isinstance(event, GroupJoined)).rekey == ""
    assert list(known.holders) == ["fqdn:alice.example"]


def test_reasons_name_what_is_wrong_with_a_secret_or_missing_beside_it() -> None:
    name = cookies(LONG)
    short = Opener(Keyring([Secret(Kind.ENCRYPTION_KEY, name, bytes(1))]))
    assert "encryption_key of this SA has 1 octets, and 3DES" in [*map(short.feed, datagrams(LONG))][6].reason
    push = datagrams(LONG)[10]
    spi = f"{push.octets[:8].hex()}:{push.octets[8:16].hex()}"
    assert "its kek has 2 octets" in Opener(Keyring([Secret(Kind.KEK, spi, bytes(2))])).feed(push).reason
    for lost in (3, 4):
        opener = Opener(psk_and_dh(LONG))
        found = [opener.feed(each) for each in datagrams(LONG) if each.frame != lost]
        assert f"message {lost} of phase 1" in found[6].reason


# -- texts -------------------------------------------------------------------------------------------------


def test_no_text_of_what_is_in_the_making_shows_a_key() -> None:
    from gsakmp.captures.opening.ciphertexts import Reading
    from gsakmp.captures.opening.draft import Draft
    from gsakmp.captures.opening.push import Sight

    opener = Opener(psk_and_dh(LONG))
    found = [opener.feed(datagram) for datagram in datagrams(LONG)]
    secrets = [secret.octets for secret in opener.learnt if secret.kind is not Kind.SIGNATURE_KEY]
    secrets.append(logged(LONG, "g^xy"))
    for each in (found[9], found[12]):
        assert each.plaintext is not None
        draft = Draft(1, each.datagram, b"", plaintext=each.plaintext)
        draft.plaintext_octets = each.plaintext_octets
        kek = KEK.parse(AES_128_CBC, os.urandom(32))
        things = (
            draft,
            Reading(each.plaintext, each.plaintext_octets, None),
            Sight(each.plaintext, each.plaintext_octets, kek, 1),
            each,
        )
        for thing in things:
            text = repr(thing) + str(thing)
            for octets in secrets:
                assert octets.hex() not in text
                assert repr(octets)[2:-1] not in text
