"""Every GDOI capture opened with nothing but a phase-1 secret, against what the daemon has logged.

The plaintexts, KEKs and the key of the signatures come from the daemon's own log; the TEKs from
`tests.interop.gdoi_recorded`, which reads the plaintexts without the library.
"""

from __future__ import annotations

from collections import Counter

import pytest

from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import (
    DataSALearnt,
    ExchangeKind,
    GroupJoined,
    ISAKMPSAEstablished,
    RekeySALearnt,
    RolledOver,
    SADeleted,
    Sender,
    Status,
)
from gsakmp.captures.opening import Opener
from gsakmp.doi import GDOID, STANDARD
from tests.conftest import PCAPS
from tests.interop.gdoi_recorded import RecordedKeys, RecordedSession, without_parity
from tests.unit.captures.opening_world import (
    GAP,
    LONG,
    SESSIONS,
    THREE_DES,
    at,
    cookies,
    datagrams,
    logged,
    opened,
    psk_and_dh,
    recorded,
    some,
    verdicts,
)

CHECKED = {"ID": 1, "HASH": 1, "SIG": 1}


@pytest.mark.parametrize("name", SESSIONS)
def test_every_message_is_opened_and_every_check_is_right(name: str) -> None:
    found = opened(name)
    listed = recorded(name)["messages"]
    assert len(found) == len(listed)
    for each, message in zip(found, listed, strict=True):
        hidden = message["plaintext_after_header"]
        assert each.plaintext_octets.hex() == (hidden or "")
        assert each.status is (Status.OPENED if hidden else Status.CLEAR)
        assert (each.plaintext is not None) == bool(hidden)
        if each.plaintext is not None:
            assert each.plaintext.build() == each.datagram.octets
        assert all(passed for passed in verdicts(each).values()), each
    session = RecordedSession(PCAPS / "gdoi" / f"{name}.json")
    proofs = Counter(payload["type"] for m in session.messages for payload in m.payloads)
    checks = Counter(check.name.split("(")[0].split("_")[0] for each in found for check in each.checks)
    assert checks["HASH"] == proofs[8]
    assert checks["signature"] == proofs[9] == checks["sequence number"]


@pytest.mark.parametrize("name", SESSIONS)
def test_who_says_what(name: str) -> None:
    found = opened(name)
    member = found[0].datagram.source
    kinds = {4: ExchangeKind.AGGRESSIVE, 2: ExchangeKind.MAIN, 32: ExchangeKind.PULL, 33: ExchangeKind.PUSH}
    for each, message in zip(found, recorded(name)["messages"], strict=True):
        assert each.kind is kinds[message["exchange_type"]]
        by_member = each.datagram.source == member
        assert (each.sender in (Sender.INITIATOR, Sender.MEMBER)) == by_member
    pulls = [each.step for each in found if each.kind is ExchangeKind.PULL]
    assert pulls == list(range(1, len(pulls) + 1))
    assert [each.step for each in found if each.kind in (ExchangeKind.MAIN, ExchangeKind.AGGRESSIVE)] == list(
        range(1, len(found) - len(pulls) - sum(each.kind is ExchangeKind.PUSH for each in found) + 1)
    )


@pytest.mark.parametrize("name", [GAP, LONG, THREE_DES])
def test_the_keys_learnt_are_the_daemons(name: str) -> None:
    opener = Opener(psk_and_dh(name))
    for datagram in datagrams(name):
        opener.feed(datagram)
    wanted = RecordedKeys()
    session = RecordedSession(PCAPS / "gdoi" / f"{name}.json")
    for message in session.messages:
        wanted.take(message)
    learnt = {
        (secret.kind, secret.name.partition("/")[0].replace(":", "")): secret.octets.hex()
        for secret in opener.learnt
    }
    keks = {spi: key for (kind, spi), key in learnt.items() if kind is Kind.KEK}
    # A pull's SA KEK is in the message before the KD, where that reader has the daemon's old SPI.
    assert list(keks.values()) == list(wanted.keks.values())
    teks = {spi: learnt[Kind.TEK, spi] for kind, spi in learnt if kind is Kind.TEK}
    assert teks == {spi: key for spi, (key, _) in wanted.teks.items() if key}
    integrity = {spi: key for (kind, spi), key in learnt.items() if kind is Kind.TEK_INTEGRITY}
    assert integrity == {spi: key for spi, (_, key) in wanted.teks.items()}
    assert {key for (kind, _), key in learnt.items() if kind is Kind.SIGNATURE_KEY} == wanted.signature_keys
    assert learnt[Kind.SKEYID_E, cookies(name).replace(":", "")] == logged(name, "SKEYID_e").hex()
    assert without_parity(learnt[Kind.ENCRYPTION_KEY, cookies(name).replace(":", "")]) == without_parity(
        logged(name, "key").hex()
    )


def test_what_has_happened() -> None:
    found = opened(THREE_DES)
    events = [event for each in found for event in each.events]
    (established,) = [event for event in events if isinstance(event, ISAKMPSAEstablished)]
    assert (established.sa, established.suite, established.method) == (
        cookies(THREE_DES),
        "3des-sha1-group2",
        "PRE_SHARED_KEY",
    )
    assert (established.initiator, established.responder) == ("ipv4:10.0.224.37", "ipv4:10.0.224.44")
    assert established.lifetime_seconds == 60
    (joined,) = [event for event in events if isinstance(event, GroupJoined)]
    assert (joined.member, joined.address, joined.sequence_number) == (
        "ipv4:10.0.224.37",
        "10.0.224.37:848",
        0,
    )
    assert joined.data == ("fa49ac47", "2b202903")
    rekeys = [event for event in events if isinstance(event, RekeySALearnt)]
    rolled = [event for event in events if isinstance(event, RolledOver)]
    assert [event.sa for event in rekeys] == [joined.rekey, *(event.new for event in rolled)]
    assert [event.old for event in rolled] == [event.sa for event in rekeys[:-1]]
    for event in rolled:
        assert (event.by, event.followed, event.left_behind) == ("KEK", (joined.member,), ())
    assert {(event.destination, event.encryption) for event in rekeys} == {
        ("ipv4:239.10.1.1 port 848", "3DES-CBC")
    }
    learnt = [event for event in events if isinstance(event, DataSALearnt)]
    deleted = {event.sa for event in events if isinstance(event, SADeleted)}
    assert len(learnt) == 16
    assert {event.sa for event in learnt} == deleted
    assert {event.destination for event in learnt} == {"ipv4:239.1.1.1", "ipv4:239.1.1.2"}
    assert {event.holders for event in learnt} == {("ipv4:10.0.224.37",)}


@pytest.mark.parametrize(
    ("kinds", "checked"),
    [
        ((Kind.SKEYID, Kind.DH_SHARED), {"HASH_I": True, "HASH(1)": True}),
        ((Kind.SKEYID_E,), {"HASH_I": None, "HASH(1)": None}),
        ((Kind.ENCRYPTION_KEY,), {"HASH_I": None, "HASH(1)": None}),
        ((Kind.SKEYID_E, Kind.SKEYID_A), {"HASH_I": None, "HASH(1)": True}),
        ((Kind.ENCRYPTION_KEY, Kind.SKEYID), {"HASH_I": True, "HASH(1)": None}),
    ],
)
def test_each_secret_of_phase_1_opens_all(kinds: tuple[Kind, ...], checked: dict[str, bool | None]) -> None:
    found = opened(LONG, some(LONG, *kinds))
    for each, message in zip(found, recorded(LONG)["messages"], strict=True):
        assert each.plaintext_octets.hex() == (message["plaintext_after_header"] or "")
    seen = {name: passed for each in found for name, passed in verdicts(each).items()}
    assert {name: seen[name] for name in checked} == checked
    assert seen["signature"] is True  # which needs no more than what the pull has brought


def test_a_table_by_the_initiators_cookie_and_secrets_without_a_name() -> None:
    initiator, key = cookies(LONG)[:16], logged(LONG, "key")
    for name in (initiator, "*one"):
        found = opened(LONG, Keyring([Secret(Kind.ENCRYPTION_KEY, name, key)]))
        assert {each.status for each in found} == {Status.CLEAR, Status.OPENED}


def test_the_right_pre_shared_key_is_found_among_others() -> None:
    right = [*psk_and_dh(LONG)]
    others = [Secret(Kind.PSK, f"fqdn:m{number}.example", b"wrong%d" % number) for number in range(50)]
    found = opened(LONG, Keyring([*others, *right]))
    assert all(each.status in (Status.CLEAR, Status.OPENED) and not each.failed for each in found)


def test_a_push_with_nothing_but_the_kek() -> None:
    kek = next(m["kek"] for m in recorded(LONG)["messages"] if m.get("kek"))
    spi = cookies_of_push()
    octets = bytes.fromhex(kek["initialized IV"] + kek["key"])
    key = bytes.fromhex(recorded(LONG)["sig_public_key"])
    secrets = [Secret(Kind.KEK, spi, octets), Secret(Kind.SIGNATURE_KEY, spi, key)]
    found = opened(LONG, Keyring(secrets))
    pushes = [each for each in found if each.kind is ExchangeKind.PUSH]
    assert [each.status for each in pushes] == [Status.OPENED] * 6
    assert all(verdicts(each)["signature"] for each in pushes)
    assert {each.status for each in found if each.kind is ExchangeKind.PULL} == {Status.SEALED}
    unsigned = opened(LONG, Keyring(secrets[:1]))
    assert verdicts(next(each for each in unsigned if each.kind is ExchangeKind.PUSH))["signature"] is None


def cookies_of_push() -> str:
    wire = next(m["wire"] for m in recorded(LONG)["messages"] if m["exchange_type"] == 33)
    return f"{wire[:16]}:{wire[16:32]}"


def test_both_dialects_can_be_said_and_the_wrong_one_shows() -> None:
    assert not any(each.failed for each in opened(THREE_DES, dialect=GDOID))
    wrong = opened(THREE_DES, dialect=STANDARD)
    assert wrong[7].status in (Status.WRONG_KEY, Status.PARTLY)  # its SA KEK has another layout
    guessed = at(opened(THREE_DES), 8).plaintext
    assert guessed is not None
    assert guessed.dialect is GDOID


def test_without_keys_nothing_is_opened_and_nothing_fails() -> None:
    for name in SESSIONS:
        for each in Opener().feed_all(datagrams(name)):
            assert each.status in (Status.CLEAR, Status.SEALED)
            assert not any(check.passed is False for check in each.checks)
            assert not each.plaintext_octets
