"""Opening what is not as it should be: frames lost, repeated, in another order, altered; wrong keys."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsakmp import limits
from gsakmp.captures import Datagram
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import GroupJoined, ISAKMPSAEstablished, Lost, Opened, Status
from gsakmp.captures.opening import Opener, candidates
from gsakmp.captures.opening.draft import Recent
from gsakmp.crypto import Group, KeyPair, PhaseOneKeys
from gsakmp.errors import ConfigurationError
from tests.unit.captures.opening_world import (
    LONG,
    SESSIONS,
    at,
    cookies,
    datagrams,
    flipped,
    opened,
    psk_and_dh,
    recorded,
    some,
    verdicts,
    without,
)

BLOCK = 8
"""Octets of a block of 3DES, the cipher of phase 1 in all sessions."""


def plaintext(frame: int) -> bytes:
    return bytes.fromhex(recorded(LONG)["messages"][frame - 1]["plaintext_after_header"])


def rest_is_opened(found: list[Opened], *but: int) -> None:
    for each in found:
        if each.datagram.frame not in but and each.message is not None and each.message.encrypted:
            assert each.status is Status.OPENED, each
            assert each.plaintext_octets == plaintext(each.datagram.frame)


# -- lost --------------------------------------------------------------------------------------------------


def test_a_message_of_the_pull_is_lost_and_the_next_one_rebuilt() -> None:
    found = without(LONG, 9)
    after = at(found, 10)
    assert after.status is Status.PARTLY
    assert after.plaintext_octets == plaintext(10)  # the hash tells what the lost block was
    assert verdicts(after) == {"HASH(4)": True}
    assert "first 4 octets" in after.checks[0].detail
    assert [event.what for event in after.events if isinstance(event, Lost)] == ["message 3 of this exchange"]
    assert any(isinstance(event, GroupJoined) for event in after.events)
    rest_is_opened(found, 10)


def test_a_nonce_is_lost() -> None:
    found = without(LONG, 8)
    third, fourth = at(found, 9), at(found, 10)
    assert (third.status, verdicts(third)) == (Status.PARTLY, {"HASH(3)": None})
    assert third.plaintext_octets[BLOCK:] == plaintext(9)[BLOCK:]
    assert (fourth.status, verdicts(fourth)) == (Status.OPENED, {"HASH(4)": None})
    # The policy was in the message that is lost; the keys are there, and the pushes prove them.
    assert ("policy", None) in [(check.name, check.passed) for check in fourth.checks]
    joined = next(event for event in fourth.events if isinstance(event, GroupJoined))
    assert joined.rekey == at(found, 11).sa
    wanted = at(opened(LONG), 10)
    assert joined.data == next(event for event in wanted.events if isinstance(event, GroupJoined)).data
    for frame in (11, 13, 16):
        assert verdicts(at(found, frame)) == {"signature": True, "sequence number": True}
    # What was learnt opens the pushes for who has nothing else.
    opener = Opener(psk_and_dh(LONG))
    for datagram in datagrams(LONG)[:10]:
        if datagram.frame != 8:
            opener.feed(datagram)
    assert Opener(opener.learnt).feed(datagrams(LONG)[10]).status is Status.OPENED


@pytest.mark.parametrize("lost", [5, 6])
def test_the_end_of_phase_1_is_lost(lost: int) -> None:
    found = without(LONG, lost)
    after = at(found, lost + 1)
    assert after.status is Status.PARTLY
    assert after.plaintext_octets[BLOCK:] == plaintext(lost + 1)[BLOCK:]
    if lost == 6:
        assert after.plaintext_octets == plaintext(7)
        assert verdicts(after) == {"HASH(1)": True}
    assert any(isinstance(event, Lost) for event in after.events)
    assert sum(isinstance(event, ISAKMPSAEstablished) for each in found for event in each.events) == 1
    rest_is_opened(found, lost + 1)


def test_all_of_phase_1_is_lost() -> None:
    keyring = some(LONG, Kind.SKEYID_A, Kind.SKEYID_E)
    opener = Opener(keyring)
    found = [opener.feed(datagram) for datagram in datagrams(LONG) if datagram.frame > 6]
    assert at(found, 7).plaintext_octets == plaintext(7)
    rest_is_opened(found, 7)
    assert all(passed for each in found for passed in verdicts(each).values())


def test_pushes_that_are_lost_are_counted() -> None:
    found = without(LONG, 11, 12)
    third = at(found, 13)
    assert [
        (event.what.split(" of ")[0], event.count) for event in third.events if isinstance(event, Lost)
    ] == [("2 pushes", 2)]
    rest_is_opened(found)


def test_a_rollover_that_is_lost_closes_what_follows() -> None:
    found = without(LONG, 13)
    assert [at(found, frame).status for frame in (14, 15, 16)] == [Status.SEALED] * 3


# -- repeated, and in another order ------------------------------------------------------------------------


def test_retransmissions_open_and_are_told() -> None:
    opener, plain = Opener(psk_and_dh(LONG)), opened(LONG)
    for datagram, single in zip(datagrams(LONG), plain, strict=True):
        first = opener.feed(datagram)
        again = opener.feed(datagram)
        assert (again.retransmission_of, first.retransmission_of) == (first.number, 0)
        assert again.plaintext_octets == first.plaintext_octets == single.plaintext_octets
        assert again.status is first.status
        assert not again.failed
        assert len(again.events) == 1
    late = opener.feed(datagrams(LONG)[8])
    assert late.retransmission_of == 17
    assert not late.failed


def test_a_pull_in_another_order() -> None:
    frames = datagrams(LONG)
    order = [*frames[:6], frames[6], frames[8], frames[7], frames[9], *frames[10:]]
    opener = Opener(psk_and_dh(LONG))
    found = [opener.feed(datagram) for datagram in order]
    early = at(found, 9)
    assert (early.status, verdicts(early)) == (Status.PARTLY, {"HASH(3)": None})
    assert (at(found, 8).status, verdicts(at(found, 8))) == (Status.OPENED, {"HASH(2)": True})
    rest_is_opened(found, 9)


def test_a_push_that_comes_late_is_a_replay_and_changes_nothing() -> None:
    frames = datagrams(LONG)
    order = [*frames[:11], frames[12], frames[11], *frames[13:]]
    opener = Opener(psk_and_dh(LONG))
    found = [opener.feed(datagram) for datagram in order]
    late = at(found, 12)
    assert late.status is Status.OPENED
    assert verdicts(late) == {"signature": True, "sequence number": False}
    assert late.events == ()
    rest_is_opened(found)


@given(st.permutations(range(16)))
def test_no_order_makes_it_fail(order: list[int]) -> None:
    opener, frames = Opener(psk_and_dh(LONG)), datagrams(LONG)
    for place in order:
        each = opener.feed(frames[place])
        wrong = [check for check in each.checks if check.passed is False]
        assert all(check.name == "sequence number" for check in wrong)
        if each.status is Status.OPENED:
            assert each.plaintext_octets == plaintext(each.datagram.frame)


@given(st.permutations(range(11, 17)))
def test_pushes_in_any_order(order: list[int]) -> None:
    """Frames 14 to 16 are under the KEK that frame 13 brings; what comes after a later one is a replay."""
    opener, frames = Opener(psk_and_dh(LONG)), datagrams(LONG)
    for datagram in frames[:10]:
        assert not opener.feed(datagram).failed
    taken: set[int] = set()
    for frame in order:
        each, of_next = opener.feed(frames[frame - 1]), frame > 13
        if of_next and 13 not in order[: order.index(frame)]:
            assert each.status is Status.SEALED
            continue
        late = any(other > frame and (other > 13) == of_next for other in taken)
        taken.add(frame)
        assert each.status is Status.OPENED
        assert verdicts(each) == {"signature": True, "sequence number": not late}
        assert each.plaintext_octets == plaintext(frame)


# -- altered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", range(5, 17))
def test_an_altered_message_shows(frame: int) -> None:
    frames = datagrams(LONG)
    size = len(frames[frame - 1].octets)
    places = (28, 28 + (size - 28) // 2, size - 1)
    if frame in (5, 6):  # the notification at the end of phase 1 is covered by nothing (RFC 2409, 5)
        places = (28, 28 + 16, 28 + 24)
    for place in places:
        opener = Opener(psk_and_dh(LONG))
        found = [opener.feed(flipped(d, place) if d.frame == frame else d) for d in frames]
        altered = at(found, frame)
        assert altered.failed or altered.status is Status.PARTLY, (frame, place, altered)
        learnt = {type(event).__name__ for event in altered.events} - {
            "Lost",
            "Notified",
            "ISAKMPSAEstablished",
        }
        if altered.failed:
            assert not learnt, altered


@pytest.mark.parametrize("frame", [1, 3, 4])  # of the responder's SA no proof speaks (RFC 2409, 5)
def test_an_altered_message_in_the_clear_shows_in_the_proofs(frame: int) -> None:
    frames = datagrams(LONG)
    opener = Opener(psk_and_dh(LONG))
    found = [opener.feed(flipped(d, len(d.octets) - 1) if d.frame == frame else d) for d in frames]
    assert any(each.failed for each in found)


def test_an_altered_push_teaches_nothing() -> None:
    frames = datagrams(LONG)
    opener = Opener(psk_and_dh(LONG))
    found = [opener.feed(flipped(d, len(d.octets) - 1) if d.frame == 13 else d) for d in frames]
    assert at(found, 13).failed
    assert at(found, 14).status is Status.SEALED


# -- wrong keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SESSIONS)
def test_a_wrong_key_is_said(name: str) -> None:
    secrets = [
        Keyring([Secret(Kind.PSK, "*", b"not it"), *some(name, Kind.DH_SHARED)]),
        Keyring([Secret(Kind.ENCRYPTION_KEY, cookies(name), bytes(range(24)))]),
        Keyring([Secret(Kind.SKEYID_E, cookies(name), bytes(range(20)))]),
    ]
    for keyring in secrets:
        found = opened(name, keyring)
        sealed = [each for each in found if each.message is not None and each.message.encrypted]
        first = next(each for each in sealed)
        assert first.status is Status.WRONG_KEY
        assert "do not fit" in first.reason or "another key" in first.reason
        assert not any(each.status is Status.OPENED for each in sealed)


def test_a_degenerate_key_is_no_crash() -> None:
    keyring = Keyring([Secret(Kind.ENCRYPTION_KEY, cookies(LONG), bytes(24))])
    assert opened(LONG, keyring)[4].status is Status.WRONG_KEY


def test_a_pre_shared_key_alone_says_what_is_missing() -> None:
    found = opened(LONG, Keyring([Secret(Kind.PSK, "*", b"mekmitasdigoat")]))
    assert found[4].status is Status.SEALED
    assert "dh_private" in found[4].reason


def test_many_secrets_that_do_not_fit_are_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sealed message is tried on all keys that there might be; those are derived once for an SA, and a
    private value's public one once at all."""
    made: list[str] = []
    pair, derive = Group.key_pair, PhaseOneKeys.derive

    def counted_pair(group: Group, private: bytes) -> KeyPair:
        made.append("pair")
        return pair(group, private)

    def counted_keys(**parts: Any) -> PhaseOneKeys:
        made.append("keys")
        return derive(**parts)

    monkeypatch.setattr(Group, "key_pair", counted_pair)
    monkeypatch.setattr(PhaseOneKeys, "derive", counted_keys)
    secrets = [Secret(Kind.PSK, f"fqdn:m{n}.example", bytes([n]) * 16) for n in range(10)]
    secrets += [Secret(Kind.DH_PRIVATE, f"*p{n}", bytes([n + 1]) * 32) for n in range(3)]
    secrets += [Secret(Kind.DH_SHARED, f"*s{n}", bytes([n + 1]) * 128) for n in range(5)]
    opener = Opener(Keyring(secrets))
    found = [opener.feed(datagram) for datagram in (*datagrams(LONG), *datagrams(LONG))]
    assert sum(each.status is Status.SEALED for each in found) > 8
    # Of message 5 the identity is not known, but for the addresses.
    assert made.count("pair") == 3
    assert made.count("keys") == 10 * 5


def test_more_candidates_than_are_kept_are_all_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "KEPT", 4)
    others = [Secret(Kind.PSK, f"fqdn:m{n}.example", b"wrong%d" % n) for n in range(10)]
    keyring = Keyring([*others, *psk_and_dh(LONG)])
    assert not any(each.failed or each.status is Status.SEALED for each in opened(LONG, keyring))
    sealed = Keyring([*others, *some(LONG, Kind.DH_SHARED)])
    assert {each.status for each in opened(LONG, sealed)} == {Status.CLEAR, Status.SEALED, Status.WRONG_KEY}


# -- anything ----------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=200), max_size=5), st.randoms())
def test_octets_of_any_sort(pieces: list[bytes], rng: random.Random) -> None:
    opener = Opener(psk_and_dh(LONG))
    for datagram in datagrams(LONG):
        octets = bytearray(datagram.octets)
        for _ in range(rng.randrange(3)):
            octets[rng.randrange(len(octets))] = rng.randrange(256)
        cut = bytes(octets[: rng.randrange(len(octets) + 1)]) if rng.random() < 0.2 else bytes(octets)
        whole = Datagram(cut, 0, 0, datagram.source_address, 848, datagram.destination_address, 848)
        found = opener.feed(whole)
        assert found.shown is None or repr(found.shown)
        found.to_builtins()
    for piece in pieces:
        for port in (500, 848, 4500):
            opener.feed(Datagram(piece, destination_port=port))
        opener.feed(Datagram(piece, protocol=50))


def test_what_is_no_datagram_is_refused() -> None:
    wrong: Any
    for wrong in (None, "text", 5):
        with pytest.raises(ConfigurationError):
            Opener().feed(wrong)
    wrong = {}
    with pytest.raises(ConfigurationError):
        Opener(wrong)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OPENED_PHASES_1", 16)
    opener = Opener(psk_and_dh(LONG))
    first = datagrams(LONG)[0].octets
    second = datagrams(LONG)[1].octets
    for number in range(200):
        cookie = number.to_bytes(8, "big")
        opener.feed(cookie + first[8:])
        opener.feed(cookie + second[8:])
    assert len(opener._phase1._states) == len(opener._phase1._offers) == 16
    recent: Recent[int, int] = Recent(2)
    for number in (1, 2):
        recent.put(number, number)
    recent.get(1)
    recent.put(3, 3)
    assert 1 in recent
    assert 2 not in recent
