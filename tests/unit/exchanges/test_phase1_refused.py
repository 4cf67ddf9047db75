"""What is wrong is refused, and leaves the machine as it was: the right message still fits afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import gsakmp
from gsakmp.crypto import PhaseOneKeys, phase1_signature
from gsakmp.errors import (
    AuthenticationFailed,
    DecodeError,
    GsakmpError,
    InvalidHash,
    PolicyRefused,
    RemoteError,
    UnexpectedMessage,
)
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.exchanges.phase1 import main
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import SA, Hash, Identification, KeyExchange, Nonce, Signature, UnknownSA, VendorID
from gsakmp.registries import AuthenticationMethod, DOINumber, IKEAttribute, NotifyType, PayloadType
from tests.unit.exchanges.phase1 import (
    COOKIE,
    GCKS,
    GCKS_AT,
    MEMBER,
    MEMBER_AT,
    METHODS,
    PSK,
    RSA,
    SHARED,
    Exchange,
    certificate_of,
    changed,
    configuration,
    everything,
    key_of,
    pair,
    with_payload,
)

MESSAGES = [(False, number) for number in (2, 3, 4, 5, 6)] + [(True, number) for number in (1, 2, 3)]
"""Mode and number of every message that a machine gets."""
ENCRYPTED = [(False, 5), (False, 6), (True, 3)]


def names(case: Any) -> str:
    return f"{'aggressive' if case[0] else 'main'}-{case[1]}"


def refuses(
    exchange: Exchange, wrong: bytes, error: type[GsakmpError] = RemoteError, number: int | None = None
) -> GsakmpError:
    """The receiver of message `number` (the next one) refuses `wrong`, and holds what it held before."""
    number = number or len(exchange.sent)
    machine = exchange.receiver(number)
    before = everything(machine)
    with pytest.raises(error) as caught:
        exchange.deliver(wrong, number)
    assert everything(machine) == before
    assert machine.sa is None
    return caught.value


def goes_on(exchange: Exchange) -> None:
    """The exchange still comes to its end."""
    exchange.run()
    assert exchange.initiator.sa.keys == exchange.responder.sa.keys


def at(case: tuple[bool, int], method: AuthenticationMethod = SHARED) -> tuple[Exchange, bytes]:
    """An exchange in which that message is on its way, and its octets."""
    exchange = pair(method, aggressive=case[0]).run(until=case[1])
    return exchange, exchange.sent[-1]


# -- headers -------------------------------------------------------------------------------------------

HEADERS: dict[str, tuple[Callable[[Message], Message], int]] = {
    "initiator cookie": (lambda m: m.replace(initiator_cookie=b"otherone"), NotifyType.INVALID_COOKIE),
    "message id": (lambda m: m.replace(message_id=1), NotifyType.INVALID_MESSAGE_ID),
    "exchange": (lambda m: m.replace(exchange_type=1), NotifyType.INVALID_EXCHANGE_TYPE),
}


@pytest.mark.parametrize("what", HEADERS)
@pytest.mark.parametrize("case", MESSAGES, ids=names)
def test_wrong_headers(case: tuple[bool, int], what: str) -> None:
    if case == (True, 1) and what == "initiator cookie":
        pytest.skip("the first message brings it")
    exchange, octets = at(case)
    change, notify_type = HEADERS[what]
    error = refuses(exchange, changed(octets, change), UnexpectedMessage)
    assert isinstance(error, UnexpectedMessage)
    assert error.notify_type == notify_type
    goes_on(exchange)


@pytest.mark.parametrize("case", [c for c in MESSAGES if c not in ((False, 2), (True, 2))], ids=names)
def test_wrong_responder_cookies(case: tuple[bool, int]) -> None:
    exchange, octets = at(case)
    refuses(exchange, changed(octets, lambda m: m.replace(responder_cookie=b"otherone")), UnexpectedMessage)
    goes_on(exchange)


@pytest.mark.parametrize("case", [(False, 2), (True, 2)], ids=names)
def test_message_2_brings_a_cookie(case: tuple[bool, int]) -> None:
    exchange, octets = at(case)
    refuses(exchange, changed(octets, lambda m: m.replace(responder_cookie=bytes(8))), UnexpectedMessage)
    goes_on(exchange)


def test_an_initiator_cookie_of_zero() -> None:
    exchange, octets = at((True, 1))
    refuses(exchange, bytes(8) + octets[8:], UnexpectedMessage)
    octets = pair().run(until=1).sent[0]
    with pytest.raises(UnexpectedMessage):
        main.answer_offer(exchange.gcks, gsakmp.parse(bytes(8) + octets[8:]), octets, COOKIE)


# -- order ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_every_other_message_at_every_moment(aggressive: bool) -> None:
    """Replays, messages too early, the peer's own sent back: only the next message is taken."""
    whole = pair(aggressive=aggressive).run()
    exchange = pair(aggressive=aggressive)
    while len(exchange.sent) < exchange.length:
        exchange.next()
        assert exchange.sent == whole.sent[: len(exchange.sent)]  # the same random octets
        number = len(exchange.sent)
        if number == 1 and not aggressive:
            continue
        for other, octets in enumerate(whole.sent, 1):
            # Messages 3 and 4 look alike: see below.
            if other != number and (aggressive or {other, number} != {3, 4}):
                refuses(exchange, octets, RemoteError, number)
    exchange.deliver(exchange.sent[-1])
    for machine in (exchange.initiator, exchange.responder):
        before = everything(machine)
        for octets in whole.sent:
            with pytest.raises(UnexpectedMessage):
                exchange.handed(machine, octets, GCKS_AT, MEMBER_AT)
        assert everything(machine) == before


def test_our_own_public_value_sent_back() -> None:
    exchange = pair().run(until=4)
    refuses(exchange, exchange.sent[2], UnexpectedMessage)
    goes_on(exchange)


# -- negotiation ---------------------------------------------------------------------------------------


def with_attribute(octets: bytes, kind: IKEAttribute, value: int | None) -> bytes:
    """A message whose one transform has another value there, or (None) lacks the attribute."""

    def change(message: Message) -> Message:
        offered = message.payloads[0]
        assert isinstance(offered, SA)
        (proposal,) = offered.proposals
        (transform,) = proposal.transforms
        attributes = tuple(
            attribute.replace(value=value) if attribute.type == kind else attribute
            for attribute in transform.attributes
            if attribute.type != kind or value is not None
        )
        assert attributes != transform.attributes
        answer = offered.replace(
            proposals=(proposal.replace(transforms=(transform.replace(attributes=attributes),)),)
        )
        return message.replace(payloads=(answer, *message.payloads[1:]))

    return changed(octets, change)


@pytest.mark.parametrize("case", [(False, 2), (True, 2)], ids=names)
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (IKEAttribute.KEY_LENGTH, 256),
        (IKEAttribute.KEY_LENGTH, None),
        (IKEAttribute.HASH_ALGORITHM, 2),
        (IKEAttribute.ENCRYPTION_ALGORITHM, 5),
        (IKEAttribute.GROUP_DESCRIPTION, 14),
        (IKEAttribute.AUTHENTICATION_METHOD, 3),
        (IKEAttribute.LIFE_DURATION, 60),
        (IKEAttribute.LIFE_DURATION, None),
    ],
)
def test_an_answer_that_is_no_offer_of_ours(
    case: tuple[bool, int], kind: IKEAttribute, value: int | None
) -> None:
    exchange, octets = at(case)
    refuses(exchange, with_attribute(octets, kind, value), PolicyRefused)
    goes_on(exchange)


def unknown_domain(message: Message) -> Message:
    return message.replace(payloads=(UnknownSA(doi=DOINumber(77), body=b"what"), *message.payloads[1:]))


@pytest.mark.parametrize("case", [(False, 2), (True, 1), (True, 2)], ids=names)
def test_an_unknown_domain(case: tuple[bool, int]) -> None:
    exchange, octets = at(case)
    error = refuses(exchange, changed(octets, unknown_domain), UnexpectedMessage)
    assert isinstance(error, UnexpectedMessage)
    assert error.notify_type == NotifyType.DOI_NOT_SUPPORTED
    goes_on(exchange)


@pytest.mark.parametrize("number", [DOINumber(77), DOINumber.ISAKMP, DOINumber.IPSEC])
def test_main_mode_offers_of_another_domain(number: DOINumber) -> None:
    exchange = pair().run(until=1)
    octets = exchange.sent[0]
    wrong = changed(octets, unknown_domain) if number == 77 else with_payload(octets, SA, doi=number)
    with pytest.raises(UnexpectedMessage) as caught:
        main.answer_offer(exchange.gcks, gsakmp.parse(wrong), wrong, COOKIE)
    assert caught.value.notify_type == NotifyType.DOI_NOT_SUPPORTED


def test_nothing_acceptable_is_offered() -> None:
    for aggressive in (False, True):
        exchange = Exchange(
            configuration(MEMBER), configuration(GCKS, suites=("aes-256-sha384-group20",)), aggressive
        ).run(until=1)
        with pytest.raises(PolicyRefused, match="aes-128-sha256-group19 with PRE_SHARED_KEY") as caught:
            exchange.run(until=2)
        assert caught.value.notify_type == NotifyType.NO_PROPOSAL_CHOSEN


# -- keys and nonces -----------------------------------------------------------------------------------

KEY_MESSAGES = [(False, 3), (False, 4), (True, 1), (True, 2)]


@pytest.mark.parametrize("size", [0, 32, 63, 65, 128])
@pytest.mark.parametrize("case", KEY_MESSAGES, ids=names)
def test_public_values_of_another_size(case: tuple[bool, int], size: int) -> None:
    exchange, octets = at(case)
    wrong = with_payload(octets, KeyExchange, key_exchange_data=b"\1" * size)
    error = refuses(exchange, wrong, DecodeError)
    assert isinstance(error, DecodeError)
    assert error.notify_type == NotifyType.INVALID_KEY_INFORMATION
    goes_on(exchange)


@pytest.mark.parametrize("case", KEY_MESSAGES, ids=names)
def test_public_values_that_are_no_point(case: tuple[bool, int]) -> None:
    exchange, octets = at(case)
    refuses(exchange, with_payload(octets, KeyExchange, key_exchange_data=b"\1" * 64))
    goes_on(exchange)


@pytest.mark.parametrize("size", [0, 7, 257])
@pytest.mark.parametrize("case", KEY_MESSAGES, ids=names)
def test_nonces_of_another_size(case: tuple[bool, int], size: int) -> None:
    exchange, octets = at(case)
    refuses(exchange, with_payload(octets, Nonce, nonce_data=b"\1" * size), UnexpectedMessage)
    goes_on(exchange)


@pytest.mark.parametrize("kind", [KeyExchange, Nonce])
@pytest.mark.parametrize("case", KEY_MESSAGES, ids=names)
def test_payloads_missing_and_twice(case: tuple[bool, int], kind: type[Any]) -> None:
    exchange, octets = at(case)
    message = gsakmp.parse(octets)
    (payload,) = (p for p in message.payloads if isinstance(p, kind))
    rest = tuple(p for p in message.payloads if p is not payload)
    refuses(exchange, message.replace(payloads=rest).build(), UnexpectedMessage)
    refuses(exchange, message.replace(payloads=(*message.payloads, payload)).build(), UnexpectedMessage)
    goes_on(exchange)


@pytest.mark.parametrize("case", KEY_MESSAGES, ids=names)
def test_payloads_that_have_no_place(case: tuple[bool, int]) -> None:
    exchange, octets = at(case)
    message = gsakmp.parse(octets)
    refuses(exchange, message.replace(payloads=(*message.payloads, Signature(b"s"))).build())
    goes_on(exchange)


@pytest.mark.parametrize("case", KEY_MESSAGES, ids=names)
def test_unknown_vendor_ids_pass(case: tuple[bool, int]) -> None:
    exchange, octets = at(case)
    exchange.deliver(
        changed(octets, lambda m: m.replace(payloads=(*m.payloads, VendorID(b"from the future"))))
    )


# -- proofs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ENCRYPTED, ids=names)
def test_garbage_ciphertext(case: tuple[bool, int]) -> None:
    exchange, octets = at(case)
    body = len(octets) - 28
    for wrong in (b"\0" * body, bytes(range(256)) * 2, octets[28:-16], octets[28:-1], octets[28:44], b"\0" * 16):
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
    forged = phase1_signature(RSA).sign(key_of("somebody.example", RSA), keys.hash(exchange.initiator.role, body))
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
