"""Main Mode (RFC 2409, 5.1 and 5.4): six messages, the last two encrypted.

The responder's part begins without a machine: `answer_offer` makes message 2 and keeps nothing. Who then
sends message 3 with the cookie that message 2 brought can receive where it claims to be, and is worth one.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple

from gsakmp.crypto import Random
from gsakmp.errors import UnexpectedMessage
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.grammar import Payloads
from gsakmp.exchanges.isakmp_sa import Extensions, Role, Step
from gsakmp.exchanges.machine import Table
from gsakmp.exchanges.phase1 import grammar
from gsakmp.exchanges.phase1.agreement import Agreement, Part, Proven, authenticating
from gsakmp.exchanges.phase1.common import (
    COOKIE,
    NO_COOKIE,
    Opened,
    PhaseOne,
    body_of,
    check_domain,
    check_header,
    common_extensions,
    own_vendor_ids,
    says_initial_contact,
)
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.proposals import Choice, accepted, choose, offer
from gsakmp.message import Message, parse
from gsakmp.payloads import SA, Identification, KeyExchange
from gsakmp.registries import ExchangeType, PayloadType

__all__ = ["MainModeInitiator", "MainModeResponder", "answer_offer"]


OFFERS: Final = 64
"""Different messages 1 whose meaning is remembered. An initiator's are short, `CookieJar` sees to that."""


class InitiatorState(StrEnum):
    """What the initiator waits for."""

    START = "START"
    EXPECT_MESSAGE_2 = "EXPECT_MESSAGE_2"
    EXPECT_MESSAGE_4 = "EXPECT_MESSAGE_4"
    EXPECT_MESSAGE_6 = "EXPECT_MESSAGE_6"
    ESTABLISHED = "ESTABLISHED"


class ResponderState(StrEnum):
    """What the responder waits for."""

    EXPECT_MESSAGE_3 = "EXPECT_MESSAGE_3"
    EXPECT_MESSAGE_5 = "EXPECT_MESSAGE_5"
    ESTABLISHED = "ESTABLISHED"


class Input(StrEnum):
    """What happens to either."""

    START = "START"
    RECV_MESSAGE_2 = "RECV_MESSAGE_2"
    RECV_MESSAGE_3 = "RECV_MESSAGE_3"
    RECV_MESSAGE_4 = "RECV_MESSAGE_4"
    RECV_MESSAGE_5 = "RECV_MESSAGE_5"
    RECV_MESSAGE_6 = "RECV_MESSAGE_6"


class MainMode(PhaseOne):
    """What both roles do in Main Mode."""

    exchange_type = ExchangeType.IDENTITY_PROTECTION
    by_content: ClassVar[tuple[Input, Input, Input]]
    """The inputs that a message with an SA, with a KE, and an encrypted one are."""

    def receive(self, message: Message, octets: bytes, now: float, local: Address, remote: Address) -> Step:
        """Take a message of the peer, parsed and as it came (without non-ESP marker), from `remote` to
        `local`. Raises `RemoteError` for what is not to be taken, and nothing has changed then."""
        self._check(message, self._cookie_wanted(message))
        step: Step = self.fire(self._input_of(message), message, octets, now, local, remote)
        return step

    def _cookie_wanted(self, message: Message) -> bytes:
        return self.responder_cookie

    def _input_of(self, message: Message) -> Input:
        with_sa, with_key, encrypted = self.by_content
        check_domain(message)
        if message.encrypted:
            return encrypted
        if any(isinstance(payload, SA) for payload in message.payloads):
            return with_sa
        if any(isinstance(payload, KeyExchange) for payload in message.payloads):
            return with_key
        raise UnexpectedMessage("a message that is none of Main Mode's")

    def _key_exchange(self, part: Part, extensions: Extensions, local: Address, remote: Address) -> bytes:
        """``HDR, KE, N``, and what else goes with them."""
        payloads = (
            *self._exchange(part),
            *self._requests((part.choice.method,)),
            *self._discovery(part, extensions, local, remote),
        )
        return self._message(payloads, part.responder_cookie).build()

    def _identify(self, agreed: Agreement, iv: bytes) -> tuple[bytes, bytes]:
        """Our last message, encrypted, and its last block: who we are, and the proof."""
        identification = self.configuration.identity.payload()
        proof = agreed.proof(self.configuration, self.role, self.configuration.identity_body)
        return self._seal(agreed, iv, (identification, *proof, *self._initial_contact(agreed)))

    def _contacted(self, agreed: Agreement, opened: Opened) -> Extensions:
        """What is known of the peer, with what its last message says of older SAs."""
        return replace(self._extensions, initial_contact=says_initial_contact(opened.payloads, agreed))

    def _prove(self, agreed: Agreement, role: Role, opened: Opened, now: float) -> Proven:
        body = body_of(PayloadType.IDENTIFICATION, opened.plaintext, opened.first)
        identification = opened.payloads.one(Identification)
        return agreed.verify(self.configuration, role, identification, body, opened.payloads, now)


_I, _R, _IN = InitiatorState, ResponderState, Input


class MainModeInitiator(MainMode):
    """The side that begins. ``start`` is called once, then every message goes to `receive`."""

    role = Role.INITIATOR
    by_content = (Input.RECV_MESSAGE_2, Input.RECV_MESSAGE_4, Input.RECV_MESSAGE_6)
    table: ClassVar[Table] = Table(
        _I.START,
        {
            (_I.START, _IN.START): ("send_offer", _I.EXPECT_MESSAGE_2),
            (_I.EXPECT_MESSAGE_2, _IN.RECV_MESSAGE_2): ("send_key_exchange", _I.EXPECT_MESSAGE_4),
            (_I.EXPECT_MESSAGE_4, _IN.RECV_MESSAGE_4): ("send_identity", _I.EXPECT_MESSAGE_6),
            (_I.EXPECT_MESSAGE_6, _IN.RECV_MESSAGE_6): ("verify_responder", _I.ESTABLISHED),
        },
    )

    def __init__(
        self,
        configuration: PhaseOneConfiguration,
        *,
        local: Address,
        remote: Address,
        random: Random,
        now: float,
    ) -> None:
        super().__init__(configuration, local=local, remote=remote, random=random, now=now)
        self.initiator_cookie = self._new_cookie()
        self._offered = offer(configuration)
        self._sa_body = b""
        self._part: Part
        self._agreed: Agreement
        self._iv = b""

    def start(self, now: float) -> Step:
        """Message 1. Raises `StateError` the second time."""
        step: Step = self.fire(Input.START, now)
        return step

    def _cookie_wanted(self, message: Message) -> bytes:
        # Message 2 brings the responder's cookie.
        if self.state is InitiatorState.EXPECT_MESSAGE_2 and message.responder_cookie != NO_COOKIE:
            return message.responder_cookie
        return self.responder_cookie

    def send_offer(self, now: float) -> Step:
        """``HDR, SA``."""
        octets = self._message((self._offered, *self._vendor_ids())).build()
        self._sa_body = body_of(PayloadType.SA, octets)
        return Step((octets,), expects_reply=True)

    def send_key_exchange(
        self, message: Message, octets: bytes, now: float, local: Address, remote: Address
    ) -> Step:
        """On message 2, with the offer that the peer has taken: ``HDR, KE, Ni``."""
        payloads = grammar.MAIN_2.check(message)
        if message.responder_cookie == NO_COOKIE:
            raise UnexpectedMessage("message 2 without a responder cookie")
        choice = accepted(self.configuration, self._offered, payloads.one(SA))
        extensions = self._common_extensions(payloads)
        part = Part(
            choice=choice,
            pair=self._key_pair(choice),
            nonce=self._nonce(),
            sa_body=self._sa_body,
            initiator_cookie=self.initiator_cookie,
            responder_cookie=message.responder_cookie,
        )
        answer = self._key_exchange(part, extensions, local, remote)
        self.responder_cookie = message.responder_cookie
        self._part, self._extensions = part, extensions
        return Step((answer,), expects_reply=True)

    def send_identity(
        self, message: Message, octets: bytes, now: float, local: Address, remote: Address
    ) -> Step:
        """On message 4, with the peer's KE and nonce: ``HDR*, IDii, HASH_I`` or SIG_I."""
        payloads = grammar.MAIN_4.check(message)
        self._check_material(payloads, self._part.choice)
        agreed = self._agree(self._part, payloads, remote, self.configuration.peer_identity)
        extensions = self._detected(self._extensions, agreed, payloads, local, remote)
        sealed, last_block = self._identify(agreed, agreed.first_iv)
        self._agreed, self._iv, self._extensions = agreed, last_block, extensions
        return Step((sealed,), expects_reply=True)

    def verify_responder(
        self, message: Message, octets: bytes, now: float, local: Address, remote: Address
    ) -> Step:
        """On message 6: the peer is who it says."""
        agreed = self._agreed
        with authenticating():
            opened = self._open(agreed, self._iv, message, grammar.main_6(agreed.choice.method))
            proven = self._prove(agreed, Role.RESPONDER, opened, now)
        self._finish(agreed, proven, self._contacted(agreed, opened), opened.last_block, now)
        return Step()


class MainModeResponder(MainMode):
    """The side that answers, from message 3 on; `message_1` is the initiator's offer, as it came."""

    role = Role.RESPONDER
    by_content = (Input.RECV_MESSAGE_2, Input.RECV_MESSAGE_3, Input.RECV_MESSAGE_5)
    table: ClassVar[Table] = Table(
        _R.EXPECT_MESSAGE_3,
        {
            (_R.EXPECT_MESSAGE_3, _IN.RECV_MESSAGE_3): ("send_key_exchange", _R.EXPECT_MESSAGE_5),
            (_R.EXPECT_MESSAGE_5, _IN.RECV_MESSAGE_5): ("verify_initiator", _R.ESTABLISHED),
        },
    )

    def __init__(
        self,
        configuration: PhaseOneConfiguration,
        message_1: bytes,
        *,
        responder_cookie: bytes,
        local: Address,
        remote: Address,
        random: Random,
        now: float,
    ) -> None:
        super().__init__(configuration, local=local, remote=remote, random=random, now=now)
        known = taken_offer(configuration, message_1[COOKIE:])
        self._choice, self._sa_body, self._extensions = known.choice, known.sa_body, known.extensions
        self.initiator_cookie = message_1[:COOKIE]
        self.responder_cookie = responder_cookie
        self._agreed: Agreement

    def send_key_exchange(
        self, message: Message, octets: bytes, now: float, local: Address, remote: Address
    ) -> Step:
        """On message 3, with the peer's KE and nonce: ``HDR, KE, Nr``."""
        payloads = grammar.MAIN_3.check(message)
        self._check_material(payloads, self._choice)  # before our own costs anything
        part = Part(
            choice=self._choice,
            pair=self._key_pair(self._choice),
            nonce=self._nonce(),
            sa_body=self._sa_body,
            initiator_cookie=self.initiator_cookie,
            responder_cookie=self.responder_cookie,
        )
        agreed = self._agree(part, payloads, remote, self.configuration.peer_identity)
        extensions = self._detected(self._extensions, agreed, payloads, local, remote)
        answer = self._key_exchange(part, extensions, local, remote)
        self._agreed, self._extensions = agreed, extensions
        return Step((answer,), expects_reply=True)

    def verify_initiator(
        self, message: Message, octets: bytes, now: float, local: Address, remote: Address
    ) -> Step:
        """On message 5, the peer is who it says: ``HDR*, IDir, HASH_R`` or SIG_R."""
        agreed = self._agreed
        with authenticating():
            grammar_ = grammar.main_5(agreed.choice.method)
            opened = self._open(agreed, agreed.first_iv, message, grammar_)
            proven = self._prove(agreed, Role.INITIATOR, opened, now)
        sealed, last_block = self._identify(agreed, opened.last_block)
        self._finish(agreed, proven, self._contacted(agreed, opened), last_block, now)
        return Step((sealed,))


def check_offer(message: Message) -> Payloads:
    """The payloads of message 1. Raises `UnexpectedMessage`."""
    check_header(message, ExchangeType.IDENTITY_PROTECTION, message.initiator_cookie, NO_COOKIE)
    check_domain(message)
    return grammar.MAIN_1.check(message)


def answer_offer(
    configuration: PhaseOneConfiguration, message: Message, octets: bytes, responder_cookie: bytes
) -> bytes:
    """Message 2, the answer to message 1: ``HDR, SA``. Nothing is kept; the same offer and cookie get the
    same octets. `octets` are the message as it came.

    Raises `PolicyRefused` if no offer is acceptable, `UnexpectedMessage` for what is no message 1.
    """
    check_header(message, ExchangeType.IDENTITY_PROTECTION, message.initiator_cookie, NO_COOKIE)
    return octets[:COOKIE] + responder_cookie + taken_offer(configuration, octets[COOKIE:]).answer


class TakenOffer(NamedTuple):
    """What becomes of a message 1."""

    choice: Choice
    sa_body: bytes
    extensions: Extensions
    answer: bytes
    """Message 2 behind its cookies."""


@lru_cache(maxsize=OFFERS)
def taken_offer(configuration: PhaseOneConfiguration, offered: bytes) -> TakenOffer:
    """What becomes of a message 1, whose octets behind the initiator's cookie are `offered`. The members of a
    group all send the same, so it is remembered. Raises as `answer_offer`."""
    cookie = b"\1" * COOKIE  # any
    message = parse(cookie + offered, doi=configuration.doi, dialect=configuration.dialect)
    payloads = check_offer(message)
    choice, answer = choose(configuration, payloads.one(SA))
    built = Message(
        exchange_type=ExchangeType.IDENTITY_PROTECTION,
        payloads=(answer, *own_vendor_ids(configuration)),
        doi=configuration.doi,
        dialect=configuration.dialect,
    ).build()
    sa_body = body_of(PayloadType.SA, cookie + offered)
    return TakenOffer(choice, sa_body, common_extensions(configuration, payloads), built[2 * COOKIE :])
