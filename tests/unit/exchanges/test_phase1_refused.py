"""What is wrong is refused, and leaves the machine as it was: the right message still fits afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies

import gsakmp
from gsakmp.errors import (
    DecodeError,
    GsakmpError,
    PolicyRefused,
    RemoteError,
    UnexpectedMessage,
)
from gsakmp.exchanges.phase1 import main
from gsakmp.message import Message
from gsakmp.payloads import SA, KeyExchange, Nonce, Signature, UnknownSA, VendorID
from gsakmp.registries import DOINumber, IKEAttribute, NotifyType
from tests.unit.exchanges.phase1 import (
    COOKIE,
    GCKS,
    GCKS_AT,
    MEMBER,
    MEMBER_AT,
    MESSAGES,
    Exchange,
    at,
    changed,
    configuration,
    everything,
    goes_on,
    names,
    pair,
    refuses,
    with_payload,
)

# -- headers -------------------------------------------------------------------------------------------

HEADERS: dict[str, tuple[Callable[[Message], Message], int]] = {
    "initiator cookie": (lambda m: m.replace(initiator_cookie=b"otherone"), NotifyType.INVALID_COOKIE),
    "message id": (lambda m: m.replace(message_id=1), NotifyType.INVALID_MESSAGE_ID),
    "exchange": (lambda m: m.replace(exchange_type=1), NotifyType.INVALID_EXCHANGE_TYPE),
}


@pytest.mark.parametrize(
    ("case", "what"),
    # The first message brings the initiator's cookie, so none is wrong there.
    [(c, w) for c in MESSAGES for w in HEADERS if c != (True, 1) or w != "initiator cookie"],
)
def test_wrong_headers(case: tuple[bool, int], what: str) -> None:
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


@pytest.mark.parametrize("case", MESSAGES, ids=names)
@given(data=strategies.data())
@settings(max_examples=60)
def test_damaged_messages(case: tuple[bool, int], data: strategies.DataObject) -> None:
    """Taken or refused, but nothing else; and nobody is authenticated by chance."""
    exchange, octets = at(case)
    damaged = bytearray(octets)
    for _ in range(data.draw(strategies.integers(1, 4))):
        damaged[data.draw(strategies.integers(0, len(damaged) - 1))] = data.draw(strategies.integers(0, 255))
    machine = exchange.receiver(case[1])
    before = everything(machine)
    try:
        exchange.deliver(bytes(damaged))
    except GsakmpError:
        assert everything(machine) == before
    else:
        last = gsakmp.parse(octets).encrypted
        assert (machine.sa is not None) == (last or case == (True, 2))
