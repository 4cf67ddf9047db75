"""Both roles against each other: every method, mode and suite comes to the same keys."""

from __future__ import annotations

from typing import Any

import pytest

import gsakmp
from gsakmp.doi import GDOI, IPSEC
from gsakmp.errors import ConfigurationError, StateError, UnexpectedMessage
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.isakmp_sa import ProtectedExchange, Role
from gsakmp.exchanges.phase1 import main
from gsakmp.group.phase1_suites import CIPHERS, GROUPS, HASHES, phase1_suite
from gsakmp.payloads import (
    SA,
    Certificate,
    CertificateRequest,
    NATDiscovery,
    Notification,
    VendorID,
)
from gsakmp.registries import AuthenticationMethod, DOINumber, NotifyType
from tests.unit.exchanges.phase1 import (
    COOKIE,
    GCKS,
    GCKS_AT,
    MEMBER,
    MEMBER_AT,
    METHODS,
    NOW,
    RSA,
    SHARED,
    Exchange,
    configuration,
    pair,
)

SUITES = [f"aes-128-sha256-{group}" for group in GROUPS] + [
    f"{cipher}-{hash_}-group19" for cipher in CIPHERS for hash_ in HASHES
]
"""Every part in some suite; all 160 together would say no more."""


def agreed(exchange: Exchange) -> Exchange:
    """Both sides are done, and know the same."""
    ours, theirs = exchange.initiator.sa, exchange.responder.sa
    assert ours.keys == theirs.keys
    assert ours.last_block == theirs.last_block
    assert (ours.role, theirs.role) == (Role.INITIATOR, Role.RESPONDER)
    assert (ours.suite, ours.lifetime_seconds) == (theirs.suite, theirs.lifetime_seconds)
    assert (ours.peer.identity, theirs.peer.identity) == (GCKS, MEMBER)
    assert ours.peer.method == theirs.peer.method
    assert exchange.initiator.state == exchange.responder.state == "ESTABLISHED"
    # What either seals, the other opens.
    for sealing, opening in ((ours, theirs), (theirs, ours)):
        sealed = ProtectedExchange(sealing, 5, 7).seal((), lambda covered: b"h" * 32)
        assert ProtectedExchange(opening, 5, 7).open(gsakmp.parse(sealed)).hash_data == b"h" * 32
    return exchange


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_methods(method: AuthenticationMethod, aggressive: bool) -> None:
    exchange = agreed(pair(method, aggressive=aggressive).run())
    assert len(exchange.sent) == exchange.length
    for machine in (exchange.initiator, exchange.responder):
        assert machine.sa.peer.method == method
        assert (machine.sa.peer.certificate is None) == (method == SHARED)
        assert machine.sa.established_at == NOW
        assert machine.sa.doi is GDOI
    if method != SHARED:
        subject = exchange.initiator.sa.peer.certificate.subject.rfc4514_string()
        assert subject == "CN=gcks.example"


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("name", SUITES)
def test_suites(name: str, aggressive: bool) -> None:
    exchange = agreed(pair(suites=(name,), aggressive=aggressive, allow_weak=True).run())
    assert exchange.initiator.sa.suite == name
    assert exchange.initiator.sa.strength == phase1_suite(name).strength


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_which_steps_wait_for_an_answer(aggressive: bool) -> None:
    exchange = pair(aggressive=aggressive).run()
    # Message 2 of Main Mode is not kept, so nobody could send it again.
    expected = [True, True, False] if aggressive else [True, False, True, True, True, False]
    assert [step.expects_reply for step in exchange.steps] == expected


def test_the_strength_is_that_of_the_weakest_part() -> None:
    # RFC 5114, 4: RSA with 2048 bits is worth 112 bits; the suite alone 128.
    assert agreed(pair(RSA).run()).initiator.sa.strength == 112
    exchange = pair()
    short = exchange.member.credentials.shared_keys[0].__class__(b"short key")
    for side in (exchange.member, exchange.gcks):
        object.__setattr__(side.credentials, "shared_keys", (short,))
    assert agreed(exchange.run()).responder.sa.strength == 72


def test_the_shorter_lifetime_counts() -> None:
    exchange = Exchange(
        configuration(MEMBER, lifetime_seconds=600), configuration(GCKS, lifetime_seconds=86400)
    ).run()
    assert agreed(exchange).initiator.sa.expires_at == NOW + 600
    exchange = Exchange(
        configuration(MEMBER, lifetime_seconds=86400), configuration(GCKS, lifetime_seconds=600)
    ).run()
    # The responder can't say so in phase 1 without altering the offer: its side ends earlier.
    assert exchange.responder.sa.lifetime_seconds == 600
    assert exchange.initiator.sa.lifetime_seconds == 86400


def test_what_both_prefer_is_chosen() -> None:
    exchange = Exchange(
        configuration(MEMBER, suites=("aes-128-sha256-group19", "aes-256-sha384-group20")),
        configuration(GCKS, suites=("aes-256-sha384-group20", "aes-128-sha256-group19")),
    ).run()
    assert agreed(exchange).initiator.sa.suite == "aes-256-sha384-group20"


def test_aggressive_mode_offers_one_group_alone() -> None:
    suites = ("aes-128-sha256-group19", "aes-256-sha384-group20", "aes-256-sha256-group19")
    exchange = pair(suites=suites, aggressive=True)
    offered = gsakmp.parse(exchange.run(until=1).sent[0]).payloads[0]
    assert isinstance(offered, SA)
    transforms = offered.proposals[0].transforms
    assert [a.value for t in transforms for a in t.attributes if a.type == 4] == [19, 19]
    agreed(exchange.run())


@pytest.mark.parametrize(
    ("number", "doi", "situation"), [(DOINumber.IPSEC, IPSEC, 1), (DOINumber.GDOI, GDOI, 0)]
)
def test_the_sa_has_the_configured_domain(number: DOINumber, doi: Any, situation: int) -> None:
    exchange = pair(sa_doi=number, doi=doi).run()
    for octets in exchange.sent[:2]:
        payload = gsakmp.parse(octets).payloads[0]
        assert isinstance(payload, SA)
        assert (payload.doi, payload.situation) == (number, situation)
    assert agreed(exchange).initiator.sa.doi is doi


# -- certificates --------------------------------------------------------------------------------------


def test_certificates_are_asked_for_where_a_signature_is_to_come() -> None:
    def asked(octets: bytes) -> bool:
        return any(isinstance(p, CertificateRequest) for p in gsakmp.parse(octets).payloads)

    main_mode = pair(RSA).run()
    assert [asked(octets) for octets in main_mode.sent] == [False, False, True, True, False, False]
    aggressive = pair(RSA, aggressive=True).run()
    assert [asked(octets) for octets in aggressive.sent] == [True, True, False]
    assert not any(asked(octets) for octets in pair(SHARED).run().sent)
    payloads = gsakmp.parse(aggressive.sent[1]).payloads
    assert any(isinstance(payload, Certificate) for payload in payloads)


# -- extensions ----------------------------------------------------------------------------------------

BEHIND = Address.from_text("203.0.113.7:20848")


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("where", ["none", "initiator", "responder"])
def test_a_nat_is_seen_by_both(where: str, aggressive: bool) -> None:
    exchange = pair(aggressive=aggressive)
    if where == "initiator":
        exchange.member_seen = BEHIND
    elif where == "responder":
        exchange.gcks_at = Address.from_text("10.0.0.2:848")
    agreed(exchange.run())
    ours, theirs = exchange.initiator.sa.extensions, exchange.responder.sa.extensions
    assert ours.nat_traversal
    assert theirs.nat_traversal
    assert (ours.local_nat, ours.remote_nat) == (where == "initiator", where == "responder")
    assert (theirs.local_nat, theirs.remote_nat) == (where == "responder", where == "initiator")
    assert exchange.initiator.floating == (where != "none")
    assert not exchange.responder.floating


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_when_the_initiator_moves(aggressive: bool) -> None:
    """With message 5 of Main Mode, 3 of Aggressive Mode (RFC 3947, 4)."""
    exchange = pair(aggressive=aggressive)
    exchange.member_seen = BEHIND
    floating = []
    while len(exchange.sent) < exchange.length:
        exchange.next()
        floating.append(exchange.initiator.floating)
    assert floating == ([False, False, True] if aggressive else [False] * 4 + [True] * 2)


def test_which_messages_have_nat_discovery() -> None:
    """Three and four, two and three (RFC 3947, 3.2)."""

    def count(octets: bytes) -> int:
        return sum(isinstance(payload, NATDiscovery) for payload in gsakmp.parse(octets).payloads)

    assert [count(octets) for octets in pair().run().sent[:4]] == [0, 0, 2, 2]
    assert [count(octets) for octets in pair(aggressive=True).run().sent[:2]] == [0, 2]
    without = pair(nat_traversal=False)
    without.member_seen = BEHIND
    assert [count(octets) for octets in without.run().sent[:4]] == [0] * 4
    assert not without.initiator.floating


@pytest.mark.parametrize("name", ["nat_traversal", "dead_peer_detection", "fragmentation"])
@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_an_extension_takes_both(name: str, aggressive: bool) -> None:
    for ours, theirs in ((True, True), (True, False), (False, True)):
        exchange = Exchange(
            configuration(MEMBER, **{name: ours}), configuration(GCKS, **{name: theirs}), aggressive
        ).run()
        for machine in (agreed(exchange).initiator, exchange.responder):
            assert getattr(machine.sa.extensions, name) == (ours and theirs)


def test_vendor_ids() -> None:
    message = gsakmp.parse(pair().run(until=1).sent[0])
    found = [payload.vendor_id for payload in message.payloads if isinstance(payload, VendorID)]
    # RFC 3947, 3.1 and RFC 3706, 5.1.
    assert bytes.fromhex("4a131c81070358455c5728f20e95452f") in found
    assert bytes.fromhex("afcad71368a1f1c96b8696fc77570100") in found


@pytest.mark.parametrize("who", [MEMBER, GCKS], ids=str)
def test_initial_contact_is_in_main_modes_last_messages(who: Any) -> None:
    exchange = agreed(
        Exchange(
            configuration(MEMBER, initial_contact=who is MEMBER),
            configuration(GCKS, initial_contact=who is GCKS),
        ).run()
    )
    assert exchange.responder.sa.extensions.initial_contact == (who is MEMBER)
    assert exchange.initiator.sa.extensions.initial_contact == (who is GCKS)


def test_initial_contact_is_not_said_in_aggressive_mode() -> None:
    exchange = agreed(pair(aggressive=True, initial_contact=True).run())
    assert not exchange.responder.sa.extensions.initial_contact


@pytest.mark.parametrize("right", [True, False])
def test_an_aggressive_peers_initial_contact_is_taken(right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """strongSwan says it in the encrypted third message; other cookies would be somebody else's."""
    exchange = pair(aggressive=True).run(until=2)
    keys = exchange.responder._agreed.keys
    notification = Notification(
        doi=DOINumber.IPSEC,
        protocol_id=1,
        notify_message_type=NotifyType.INITIAL_CONTACT,
        spi=keys.initiator_cookie + (keys.responder_cookie if right else bytes(8)),
        notification_data=b"",
    )
    seal = exchange.initiator._seal
    monkeypatch.setattr(
        exchange.initiator, "_seal", lambda agreed, iv, payloads: seal(agreed, iv, (*payloads, notification))
    )
    exchange.next()
    exchange.deliver(exchange.sent[-1])
    assert exchange.responder.sa.extensions.initial_contact == right


# -- the beginning -------------------------------------------------------------------------------------


def test_message_2_keeps_nothing_and_is_always_the_same() -> None:
    exchange = pair().run(until=1)
    octets = exchange.sent[0]
    answers = {main.answer_offer(exchange.gcks, gsakmp.parse(octets), octets, COOKIE) for _ in range(3)}
    assert len(answers) == 1
    assert exchange.responder is None


def test_start_is_called_once() -> None:
    for aggressive in (False, True):
        exchange = pair(aggressive=aggressive).run(until=1)
        with pytest.raises(StateError):
            exchange.initiator.start(NOW)


def test_nothing_is_taken_before_the_start() -> None:
    other = pair().run(until=2).sent[1]
    exchange = pair()
    cookie = exchange.initiator.initiator_cookie
    with pytest.raises(UnexpectedMessage):
        exchange.handed(exchange.initiator, cookie + other[8:], MEMBER_AT, GCKS_AT)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"suites": ()}, "needs a suite"),
        ({"suites": ("aes-128-sha256-group19",) * 2}, "each one once"),
        ({"suites": ("3des-sha1-group2",)}, "3des-sha1-group2 is weak"),
        ({"suites": ("aes-128-md5-group19",)}, "is weak"),
        ({"methods": (AuthenticationMethod.DSS_SIGNATURES,)}, "not supported"),
        ({"methods": (RSA,)}, "no key"),
        ({"methods": ()}, "no key"),
        ({"lifetime_seconds": 0}, "lifetime"),
        ({"lifetime_seconds": 1 << 32}, "lifetime"),
        ({"sa_doi": DOINumber.ISAKMP}, "IPSEC or GDOI"),
    ],
)
def test_contradictions_in_a_configuration(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        configuration(MEMBER, **options)


def test_methods_without_a_key_are_not_offered() -> None:
    ours = configuration(MEMBER, RSA, methods=METHODS)
    assert ours.usable_methods == (RSA,)
    agreed(Exchange(ours, configuration(GCKS, RSA, methods=METHODS)).run())


def test_secrets_do_not_show() -> None:
    for aggressive in (False, True):
        exchange = pair(aggressive=aggressive).run()
        text = repr(vars(exchange.initiator)) + repr(vars(exchange.responder))
        for secret in (b"a key of some length", exchange.initiator.sa.keys.skeyid_a):
            assert repr(secret) not in text
            assert secret.hex() not in text
