"""Proofs of who the peer is: garbage, other keys, other names; all fail alike, and leave the machine as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import gsakmp
from gsakmp.crypto import PhaseOneKeys, phase1_signature
from gsakmp.errors import (
    AuthenticationFailed,
    InvalidHash,
)
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import Hash, Identification, Signature
from gsakmp.registries import AuthenticationMethod, NotifyType, PayloadType
from tests.unit.exchanges.phase1 import (
    ENCRYPTED,
    GCKS,
    MEMBER,
    METHODS,
    PSK,
    RSA,
    SHARED,
    Exchange,
    at,
    certificate_of,
    configuration,
    goes_on,
    key_of,
    names,
    pair,
    refuses,
    with_payload,
)

# -- proofs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ENCRYPTED, ids=names)
def test_garbage_ciphertext(case: tuple[bool, int]) -> None:
    exchange, octets = at(case)
    body = len(octets) - 28
    for wrong in (
        b"\0" * body,
        bytes(range(256)) * 2,
        octets[28:-16],
        octets[28:-1],
        octets[28:44],
        b"\0" * 16,
    ):
        message = gsakmp.parse(octets).replace(ciphertext=wrong, length=None)
        refuses(exchange, message.build(), AuthenticationFailed)
    goes_on(exchange)


@pytest.mark.parametrize("case", ENCRYPTED, ids=names)
def test_every_altered_block(case: tuple[bool, int]) -> None:
    """A changed octet spoils its block and the next: identity, HASH or links are no longer what they were.

    What follows HASH, NAT-D in the third aggressive message, nothing covers (RFC 2409, 5)."""
    exchange, octets = at(case)
    for place in range(28, 28 + 36 if case[0] else len(octets) - 16):
        refuses(
            exchange,
            octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :],
            AuthenticationFailed,
        )
    goes_on(exchange)


def resealed(exchange: Exchange, change: Callable[[Message], Message]) -> bytes:
    """The message on its way with other contents, encrypted with the right key."""
    octets = exchange.sent[-1]
    number = len(exchange.sent)
    sender = exchange.initiator if number % 2 else exchange.responder
    keys: PhaseOneKeys = (exchange.responder._agreed if exchange.aggressive else sender._agreed).keys
    agreed = exchange.responder._agreed
    iv = agreed.first_iv if number != 6 else keys.cipher.next_iv(exchange.sent[4])
    message = gsakmp.parse(octets)
    opened = message.with_plaintext(keys.decrypt(iv, message.ciphertext))
    plain = change(opened).replace(flags=0, ciphertext=b"", next_payload=None)
    return message.replace(
        ciphertext=keys.encrypt(iv, plain.replace(padding=b"").plaintext()),
        next_payload=plain.payloads[0].kind,
        length=None,
    ).build()


def altered(kind: type[Any], **changes: Any) -> Callable[[Message], Message]:
    return lambda message: message.replace(
        payloads=tuple(p.replace(**changes) if isinstance(p, kind) else p for p in message.payloads)
    )


@pytest.mark.parametrize("case", ENCRYPTED, ids=names)
def test_resealing_unchanged_is_taken(case: tuple[bool, int]) -> None:
    """Or the tests below would show nothing."""
    exchange, octets = at(case)
    assert resealed(exchange, lambda message: message) == octets


@pytest.mark.parametrize("case", ENCRYPTED, ids=names)
@pytest.mark.parametrize("value", [b"", bytes(32), bytes(31), bytes(33)])
def test_a_wrong_hash(case: tuple[bool, int], value: bytes) -> None:
    exchange, _ = at(case)
    refuses(exchange, resealed(exchange, altered(Hash, hash_data=value)), InvalidHash)
    goes_on(exchange)


def test_a_wrong_hash_in_the_clear() -> None:
    exchange, octets = at((True, 2))
    refuses(exchange, with_payload(octets, Hash, hash_data=bytes(32)), InvalidHash)
    goes_on(exchange)


@pytest.mark.parametrize("method", METHODS[1:], ids=lambda method: method.name)
@pytest.mark.parametrize("case", ENCRYPTED, ids=names)
def test_a_wrong_signature(case: tuple[bool, int], method: AuthenticationMethod) -> None:
    exchange, _ = at(case, method)
    for value in (b"", b"\1", bytes(64), bytes(256)):
        wrong = resealed(exchange, altered(Signature, signature_data=value))
        refuses(exchange, wrong, AuthenticationFailed)
    goes_on(exchange)


def test_another_keys_signature() -> None:
    """A valid certificate, and a signature by somebody else."""
    exchange, _ = at((False, 5), RSA)
    keys = exchange.initiator._agreed
    body = exchange.member.identity.body()
    forged = phase1_signature(RSA).sign(
        key_of("somebody.example", RSA), keys.hash(exchange.initiator.role, body)
    )
    refuses(exchange, resealed(exchange, altered(Signature, signature_data=forged)), AuthenticationFailed)
    goes_on(exchange)


@pytest.mark.parametrize("case", [(False, 5), (False, 6)], ids=names)
def test_another_identity_than_was_hashed(case: tuple[bool, int]) -> None:
    exchange, _ = at(case)
    wrong = resealed(exchange, altered(Identification, identification_data="other.example"))
    refuses(exchange, wrong, InvalidHash)
    goes_on(exchange)


@pytest.mark.parametrize(("protocol", "port"), [(17, 501), (6, 500), (0, 1)])
@pytest.mark.parametrize("case", [(False, 5), (False, 6), (True, 1), (True, 2)], ids=names)
def test_identities_with_a_port(case: tuple[bool, int], protocol: int, port: int) -> None:
    """RFC 2407, 4.6.2: any other than zero or UDP 500 aborts."""
    exchange, octets = at(case)
    if case[0]:
        wrong = with_payload(octets, Identification, protocol_id=protocol, port=port)
    else:
        wrong = resealed(exchange, altered(Identification, protocol_id=protocol, port=port))
    refuses(exchange, wrong, AuthenticationFailed)
    goes_on(exchange)


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_other_pre_shared_keys(aggressive: bool) -> None:
    other = Credentials(shared_keys=(SharedKey(b"another key of some length"),))
    exchange = Exchange(configuration(MEMBER), configuration(GCKS, credentials=other), aggressive)
    exchange.run(until=2 if aggressive else 5)
    error = refuses(exchange, exchange.sent[-1], AuthenticationFailed)
    assert isinstance(error, AuthenticationFailed)
    assert error.notify_type == NotifyType.AUTHENTICATION_FAILED


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_no_pre_shared_key_for_the_peer(aggressive: bool) -> None:
    other = Credentials(shared_keys=(SharedKey(PSK, address="198.51.100.0/24"),))
    exchange = Exchange(configuration(MEMBER), configuration(GCKS, credentials=other), aggressive)
    exchange.run(until=1 if aggressive else 3)
    refuses(exchange, exchange.sent[-1], AuthenticationFailed)


def test_main_mode_does_not_let_one_peer_go_by_anothers_name() -> None:
    """The key is the address's; the identity has another."""
    keys = (
        SharedKey(PSK, address="192.0.2.1"),
        SharedKey(b"the administrator's", identity="fqdn:member.example", address="192.0.2.1"),
    )
    gcks = configuration(GCKS, credentials=Credentials(shared_keys=keys))
    exchange = Exchange(configuration(MEMBER), gcks).run(until=5)
    refuses(exchange, exchange.sent[-1], AuthenticationFailed)
    plain = Exchange(configuration(Identity.from_text("fqdn:guest.example")), gcks)
    plain.member = configuration(
        Identity.from_text("fqdn:guest.example"), credentials=Credentials(shared_keys=(SharedKey(PSK),))
    )
    goes_on(plain)


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("method", [SHARED, RSA], ids=lambda method: method.name)
def test_a_peer_that_is_somebody_else(aggressive: bool, method: AuthenticationMethod) -> None:
    other = Identity.from_text("fqdn:other.example")
    exchange = Exchange(
        configuration(MEMBER, method, peer_identity=other), configuration(GCKS, method), aggressive
    ).run(until=2 if aggressive else 6)
    refuses(exchange, exchange.sent[-1], AuthenticationFailed)
    exchange = Exchange(
        configuration(MEMBER, method, peer_identity=GCKS),
        configuration(GCKS, method, peer_identity=MEMBER),
        aggressive,
    )
    goes_on(exchange)


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_an_address_that_the_peer_does_not_come_from(aggressive: bool) -> None:
    """RFC 4945, 3.1.1; the certificate itself vouches for the address."""
    member = Identity.from_text("ipv4:192.0.2.1")
    exchange = Exchange(configuration(member, RSA), configuration(GCKS, RSA), aggressive)
    goes_on(exchange)
    exchange = Exchange(configuration(member, RSA), configuration(GCKS, RSA), aggressive)
    exchange.member_seen = Address.from_text("198.51.100.9:4711")
    exchange.run(until=3 if aggressive else 5)
    refuses(exchange, exchange.sent[-1], AuthenticationFailed)


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_a_certificate_of_nobody_we_believe(aggressive: bool) -> None:
    stranger = Identity.from_text("fqdn:stranger.example")
    exchange = Exchange(configuration(stranger, RSA), configuration(GCKS, RSA), aggressive)
    own = exchange.member.credentials
    certificate = certificate_of("stranger.example", RSA, "rogue.example")
    exchange.initiator.configuration = replace(
        exchange.member, credentials=replace(own, certificates=(certificate,))
    )
    exchange.run(until=3 if aggressive else 5)
    refuses(exchange, exchange.sent[-1], AuthenticationFailed)


def test_a_third_aggressive_message_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """As RFC 2409, 5 draws it."""
    exchange = pair(aggressive=True)

    def clear(agreed: Any, iv: bytes, payloads: Any) -> tuple[bytes, bytes]:
        octets = exchange.initiator._message(payloads, agreed.keys.responder_cookie).build()
        return octets, iv

    monkeypatch.setattr(exchange.initiator, "_seal", clear)
    exchange.run(until=3)
    octets = exchange.sent[-1]
    assert gsakmp.parse(octets).payloads[0].kind == PayloadType.HASH
    refuses(exchange, with_payload(octets, Hash, hash_data=bytes(32)), InvalidHash)
    refuses(exchange, with_payload(octets, Hash, hash_data=b""), InvalidHash)
    exchange.deliver(octets)
    assert exchange.responder.sa.last_block == exchange.initiator.sa.last_block
