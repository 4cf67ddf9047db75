"""Phase 1 of all sorts, with a Diffie-Hellman private value and what else it takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gsakmp.captures import Datagram
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import ISAKMPSAEstablished, Opened, Status
from gsakmp.captures.opening import Opener
from gsakmp.crypto import diffie_hellman_group
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.registries import AuthenticationMethod
from tests.unit.captures.opening_world import verdicts
from tests.unit.exchanges.phase1 import PSK, SHARED, Exchange, pair, stream

RSA = AuthenticationMethod.RSA_SIGNATURES
ECDSA = AuthenticationMethod.ECDSA_SHA256_P256
ECP_521, LARGEST = 66, 2**521 - 1
"""Octets of a private value on that curve, and the bits that it has of them."""
CASES = [
    (SHARED, "aes-128-sha256-group19", False),
    (SHARED, "aes-256-sha512-group21", True),
    (SHARED, "aes-192-sha384-group14", False),
    (SHARED, "3des-md5-group2", False),
    (SHARED, "3des-sha1-group2", True),
    (SHARED, "aes-256-md5-group14", False),  # SKEYID_e is too short for the key
    (RSA, "aes-128-sha256-group19", False),
    (RSA, "aes-128-sha256-group19", True),
    (ECDSA, "aes-128-sha256-group19", False),
]


def ran(method: AuthenticationMethod, suite: str, aggressive: bool) -> Exchange:
    return pair(method, (suite,), aggressive, allow_weak=True).run()


def name_of(exchange: Exchange) -> str:
    last = exchange.sent[-1]
    return f"{last[:8].hex()}:{last[8:16].hex()}"


def private_values(suite: str) -> Iterator[bytes]:
    """What each side drew for its key: the second draw of the initiator, and one of the responder's first."""
    size = diffie_hellman_group(phase1_suite(suite).group, allow_weak=True).private_size
    for side, before in (("initiator", (8,)), ("responder", ()), ("responder", (8,))):
        draw = stream(side)
        for count in before:
            draw(count)
        value = int.from_bytes(draw(size), "big")
        yield (value & LARGEST if size == ECP_521 else value).to_bytes(size, "big")


def fed(exchange: Exchange, keyring: Keyring) -> list[Opened]:
    opener = Opener(keyring)
    return [
        opener.feed(
            Datagram(
                octets,
                source_address=f"192.0.2.{1 + number % 2}",
                source_port=848,
                destination_address=f"192.0.2.{2 - number % 2}",
                destination_port=848,
            )
        )
        for number, octets in enumerate(exchange.sent)
    ]


@pytest.mark.parametrize(("method", "suite", "aggressive"), CASES)
def test_with_one_side_s_private_value(method: AuthenticationMethod, suite: str, aggressive: bool) -> None:
    exchange = ran(method, suite, aggressive)
    more = [Secret(Kind.PSK, "fqdn:*.example", PSK)] if method == SHARED else []
    sides = 0
    for private in private_values(suite):
        keyring = Keyring([Secret(Kind.DH_PRIVATE, name_of(exchange), private), *more])
        found = fed(exchange, keyring)
        if found[-1].status is not Status.OPENED:
            continue
        sides += 1
        opened = [each for each in found if each.status is not Status.CLEAR]
        assert {each.status for each in opened} == {Status.OPENED}
        proofs = {name: passed for each in found for name, passed in verdicts(each).items()}
        kind = "HASH" if method == SHARED else "SIG"
        assert proofs == {f"{kind}_I": True, f"{kind}_R": True}
        (event,) = found[-1].events
        assert isinstance(event, ISAKMPSAEstablished)
        assert event.suite == suite
        assert {event.initiator, event.responder} == {"fqdn:member.example", "fqdn:gcks.example"}
    assert sides >= 1


@pytest.mark.parametrize(("method", "suite", "aggressive"), CASES)
def test_with_g_xy_skeyid_or_the_key(method: AuthenticationMethod, suite: str, aggressive: bool) -> None:
    exchange = ran(method, suite, aggressive)
    keys = exchange.initiator.sa.keys
    name = name_of(exchange)
    for secrets in (
        [Secret(Kind.SKEYID, name, keys.skeyid), Secret(Kind.SKEYID_E, name, keys.skeyid_e)],
        [Secret(Kind.ENCRYPTION_KEY, name[:16], keys.key)],
    ):
        found = fed(exchange, Keyring(secrets))
        assert {each.status for each in found} == {Status.CLEAR, Status.OPENED}
        assert not any(each.failed for each in found)
    learnt = Opener(Keyring([Secret(Kind.SKEYID_E, name, keys.skeyid_e)]))
    for octets in exchange.sent:
        learnt.feed(octets)
    assert {secret.octets for secret in learnt.learnt} == {keys.skeyid_e, keys.key}


def test_a_private_value_without_the_pre_shared_key_opens_nothing() -> None:
    exchange = ran(SHARED, "aes-128-sha256-group19", False)
    secrets = (
        Secret(Kind.DH_PRIVATE, name_of(exchange), each) for each in private_values("aes-128-sha256-group19")
    )
    found = fed(exchange, Keyring(secrets))
    assert found[-1].status is Status.SEALED


@pytest.mark.parametrize("aggressive", [False, True])
def test_a_wrong_pre_shared_key_with_the_right_private_value(aggressive: bool) -> None:
    suite = "aes-128-sha256-group19"
    exchange = ran(SHARED, suite, aggressive)
    secrets = [Secret(Kind.DH_PRIVATE, name_of(exchange), each) for each in private_values(suite)]
    found = fed(exchange, Keyring([Secret(Kind.PSK, "*", b"wrong"), *secrets]))
    assert found[-1].status is Status.WRONG_KEY
    if aggressive:
        assert verdicts(found[1]) == {"HASH_R": False}
