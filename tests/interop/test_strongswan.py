"""Phase 1 with strongSwan's charon, in both directions and every mode that is spoken here."""

from __future__ import annotations

import time

import pytest

from gsakmp.exchanges.credentials import Credentials
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.identities import Identity
from gsakmp.message import NAT_KEEPALIVE
from gsakmp.peers.events import ISAKMPSADeleted, PeerDead
from gsakmp.registries import AuthenticationMethod, PayloadType
from tests.interop.charon import find_charon
from tests.interop.charon_world import (
    DIRECTIONS,
    QUICK,
    SECONDS,
    SUITES,
    USUAL,
    agreed,
    charon_asks,
    deleted_by_us,
    impatient,
    moved,
    refused,
    sent,
    we_ask,
    world,
)
from tests.interop.namespaces import FAR, NEAR, require_root
from tests.unit.exchanges.phase1 import CURVES, MEMBER, RSA, SHARED, certificate_of, credentials, key_of

require_root()
find_charon()

NEXT_PAYLOAD = 16
"""Where a header tells the type of the first payload (RFC 2408, 3.1)."""


# -- modes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("suite", SUITES)
def test_main_mode_with_a_shared_key(suite: str, direction: str) -> None:
    with world(SHARED, suite) as here:
        agreed(here, direction, SHARED, suite)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("method", [RSA, *CURVES], ids=lambda method: method.name)
def test_main_mode_with_certificates(method: AuthenticationMethod, direction: str) -> None:
    with world(method) as here:
        agreed(here, direction, method, USUAL)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("suite", ["aes-256-sha256-group14", "aes-128-sha256-group19"])
def test_aggressive_mode_with_a_shared_key(suite: str, direction: str) -> None:
    with world(SHARED, suite, aggressive=True) as here:
        agreed(here, direction, SHARED, suite)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    "method", [RSA, AuthenticationMethod.ECDSA_SHA256_P256], ids=lambda method: method.name
)
def test_aggressive_mode_with_certificates(method: AuthenticationMethod, direction: str) -> None:
    with world(method, aggressive=True) as here:
        agreed(here, direction, method, USUAL)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_identities_that_are_names_of_certificates(direction: str) -> None:
    ours = Identity.from_text("dn:CN=member.example")
    phase1 = {"identity": ours, "credentials": credentials(MEMBER, RSA)}
    with world(RSA, identity="gcks.example", peer="CN=member.example", phase1=phase1) as here:
        event = here.establish(direction)
        theirs = here.of(event)
        assert theirs is not None
        assert theirs["remote-id"] == "CN=member.example"


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_one_suite_of_several_is_agreed_on(direction: str) -> None:
    with world(
        suite="aes-256-sha256-group19",
        phase1={"suites": ("aes-192-sha384-group20", "aes-256-sha256-group19")},
        connection="proposals = aes128-sha1-modp2048, aes256-sha256-modp2048, aes256-sha256-ecp256",
    ) as here:
        agreed(here, direction, SHARED, "aes-256-sha256-group19")


# -- a NAT ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("method", [SHARED, RSA], ids=lambda method: method.name)
def test_we_begin_behind_a_nat(method: AuthenticationMethod, aggressive: bool) -> None:
    with world(
        method, nat="near", aggressive=aggressive, connection="dpd_delay = 1s", keepalive_seconds=0.5
    ) as here:
        event = here.establish("we begin")
        theirs = here.of(event)
        assert theirs is not None
        assert event.nat
        assert (theirs["remote-host"], theirs["local-port"]) == (NEAR, "4500")
        assert 20_000 <= int(theirs["remote-port"]) <= 29_999
        assert "nat-remote" in theirs
        assert "nat-local" not in theirs
        moved(here)
        assert here.shell.run(SECONDS, lambda: (4500, NAT_KEEPALIVE) in sent(here)), "no keepalive"
        charon_asks(here)
        deleted_by_us(here)


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("method", [SHARED, RSA], ids=lambda method: method.name)
def test_charon_begins_behind_a_nat(method: AuthenticationMethod, aggressive: bool) -> None:
    with world(method, nat="far", aggressive=aggressive, dead_peer_interval=0.3) as here:
        event = here.establish("charon begins")
        theirs = here.of(event)
        assert theirs is not None
        assert event.nat
        assert str(event.address.host) == FAR
        assert 20_000 <= event.address.port <= 29_999
        assert (theirs["local-port"], theirs["remote-port"]) == ("4500", "4500")
        assert "nat-local" in theirs
        assert "nat-remote" not in theirs
        moved(here)
        we_ask(here)
        deleted_by_us(here)


@pytest.mark.parametrize("inside", ["near", "far"])
def test_a_nat_forgets_its_mapping(inside: str) -> None:
    """The next message of who is inside comes from another port, and is answered there."""
    with world(
        nat=inside,
        connection="" if inside == "near" else "dpd_delay = 3s",
        dead_peer_interval=3.0 if inside == "near" else 0,
    ) as here:
        here.network.forget_after(1)
        event = here.establish("we begin" if inside == "near" else "charon begins")
        assert not here.shell.run(2.0, lambda: False)
        here.network.translate(30_000, 39_999)
        if inside == "near":
            we_ask(here)
            theirs = here.of(event)
            assert theirs is not None
            assert int(theirs["remote-port"]) >= 30_000
        else:
            charon_asks(here)
            assert here.shell.sent[-1][1].port >= 30_000
        deleted_by_us(here)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_charon_pretends_that_there_is_a_nat(direction: str) -> None:
    with world(connection="encap = yes") as here:
        event = here.establish(direction)
        assert event.nat
        moved(here)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_without_nat_traversal_nobody_moves(direction: str) -> None:
    with world(phase1={"nat_traversal": False}) as here:
        event = here.establish(direction)
        assert not event.nat
        assert {port for port, _ in sent(here)} == {500}


# -- what is said under the SA --------------------------------------------------------------------------


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_charon_asks_whether_we_are_there(direction: str) -> None:
    with world(connection="dpd_delay = 1s\ndpd_timeout = 2s", dead_peer_interval=0) as here:
        here.establish(direction)
        charon_asks(here, times=3)
        assert here.charon.established()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_we_ask_whether_charon_is_there(direction: str) -> None:
    with world(dead_peer_interval=0.3) as here:
        here.establish(direction)
        # More often than an unanswered question is repeated: the answers are taken.
        we_ask(here, times=QUICK.tries + 3)
        assert not here.shell.told(PeerDead)
        assert here.engine.sessions


def test_a_charon_that_is_gone_is_noticed() -> None:
    with world(dead_peer_interval=0.3, retransmission=RetransmissionPolicy(tries=1)) as here:
        here.establish()
        here.charon.kill()
        assert here.shell.run(SECONDS, lambda: here.shell.told(PeerDead))
        assert not here.engine.sessions


def test_charon_notices_that_we_are_gone() -> None:
    with world(connection="dpd_delay = 1s\ndpd_timeout = 2s") as here:
        here.establish()
        until = time.monotonic() + SECONDS
        while here.charon.sas() and time.monotonic() < until:
            time.sleep(0.1)
        assert not here.charon.sas()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_charon_deletes(direction: str) -> None:
    with world() as here:
        event = here.establish(direction)
        assert "completed successfully" in here.charon.terminate(here.shell)
        assert here.shell.run(SECONDS, lambda: here.shell.told(ISAKMPSADeleted)), here.story()
        (deleted,) = here.shell.told(ISAKMPSADeleted)
        assert deleted.responder_cookie == event.responder_cookie
        assert deleted.reason == "deleted by the peer"
        assert not here.engine.sessions


def test_charon_makes_a_new_sa_beside_an_old_one() -> None:
    with world() as here:
        first = here.establish("charon begins")
        here.charon.authenticate_again(here.shell)
        assert here.shell.run(SECONDS, lambda: len(here.told()) == 2), here.story()
        second = here.told()[-1]
        assert here.shell.run(SECONDS, lambda: here.of(second)), here.story()
        assert {session.key[8:].hex() for session in here.engine.sessions.values()} == {
            first.responder_cookie,
            second.responder_cookie,
        }


def test_charon_s_initial_contact() -> None:
    with world() as here:
        first = here.establish("charon begins")
        here.charon.restart()
        second = here.establish("charon begins")
        (deleted,) = here.shell.told(ISAKMPSADeleted)
        assert deleted.responder_cookie == first.responder_cookie
        assert deleted.reason == "the peer's initial contact"
        assert [session.key[8:].hex() for session in here.engine.sessions.values()] == [
            second.responder_cookie
        ]


def test_our_initial_contact() -> None:
    with world(phase1={"initial_contact": True}, connection="unique = no") as here:
        here.establish()
        second = here.establish()
        assert here.shell.run(SECONDS, lambda: len(here.charon.sas()) == 1), here.story()
        assert here.of(second)


# -- fragments, losses ----------------------------------------------------------------------------------


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_long_messages_go_in_fragments(direction: str, aggressive: bool) -> None:
    with world(
        RSA,
        aggressive=aggressive,
        connection="fragmentation = force",
        settings="fragment_size = 600",
        fragment_octets=500,
    ) as here:
        agreed(here, direction, RSA, USUAL)
        for traffic, limit in ((here.shell.received, 600), (here.shell.sent, 500)):
            messages = [data for _, _, data in traffic]
            assert any(data[NEXT_PAYLOAD] == PayloadType.FRAGMENT for data in messages)
            assert max(map(len, messages)) <= limit


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("lost", ["ours", "charon's"])
def test_each_message_is_lost_once(lost: str, aggressive: bool, direction: str) -> None:
    settings = "retransmit_timeout = 0.4\nretransmit_tries = 6"
    with world(aggressive=aggressive, settings=settings) as here:
        here.shell.lose_first = lost
        here.establish(direction)
        deleted_by_us(here)


# -- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_wrong_key_establishes_nothing(direction: str, aggressive: bool) -> None:
    with impatient(key="another key", aggressive=aggressive) as here:
        refused(here, direction)


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_certificate_of_a_stranger_is_refused(direction: str, aggressive: bool) -> None:
    # charon's is by another authority than the one that both believe.
    with impatient(RSA, authority="stranger.example", aggressive=aggressive) as here:
        refused(here, direction, charon_proves_last=(direction == "we begin") is not aggressive)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_certificate_of_somebody_else_is_refused(direction: str) -> None:
    other = Identity.from_text("fqdn:other.example")
    with impatient(RSA, phase1={"peer_identity": other}) as here:
        refused(here, direction, charon_proves_last=direction == "we begin")


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_charon_does_not_believe_our_certificate(direction: str, aggressive: bool) -> None:
    strange = Credentials(
        private_key=key_of("member.example", RSA),
        certificates=(certificate_of("member.example", RSA, "stranger.example"),),
        authorities=(certificate_of("authority.example", RSA),),
    )
    with impatient(RSA, phase1={"credentials": strange}, aggressive=aggressive) as here:
        if (direction == "we begin") is not aggressive:
            refused(here, direction)
            return
        # We prove last, and have an SA until charon says that it has none.
        if direction == "we begin":
            here.connect()
        else:
            here.charon.initiate(here.shell)
        assert here.shell.run(SECONDS, lambda: here.shell.told(ISAKMPSADeleted)), here.story()
        assert not here.engine.sessions
        assert not here.charon.established()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_no_suite_in_common_establishes_nothing(direction: str) -> None:
    with impatient(connection="proposals = aes256-sha512-modp2048") as here:
        refused(here, direction)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_aggressive_mode_that_is_not_wanted_establishes_nothing(direction: str) -> None:
    ours = direction == "we begin"
    with impatient(aggressive=ours, connection=f"aggressive = {'no' if ours else 'yes'}") as here:
        refused(here, direction)
