"""Aggressive Mode (RFC 2409, 5.1 and 5.4): three messages, identities in the clear.

The group can't be negotiated, as the initiator's public value goes along with its offers. The third message
is encrypted or not, as the initiator likes (RFC 2409, 5): ours is, and both are taken. That older SAs are
lost must not be said here (RFC 2407, 4.6.3), but in an Informational exchange afterwards; of peers that say
it in an encrypted third message it is taken all the same.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import ClassVar

from gsakmp.crypto import Random, diffie_hellman_group
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.isakmp_sa import Extensions, Role, Step
from gsakmp.exchanges.machine import Table
from gsakmp.exchanges.phase1 import grammar
from gsakmp.exchanges.phase1.agreement import Agreement, Part, authenticating, identified
from gsakmp.exchanges.phase1.common import (
    NAT_PORT,
    NO_COOKIE,
    PhaseOne,
    body_of,
    check_domain,
    check_header,
    says_initial_contact,
)
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.proposals import accepted, choose, offer
from gsakmp.message import Message
from gsakmp.payloads import SA, Identification, KeyExchange, NATDiscovery, Nonce
from gsakmp.registries import ExchangeType, PayloadType

__all__ = ["AggressiveModeInitiator", "AggressiveModeResponder"]


class InitiatorState(StrEnum):
    """What the initiator waits for."""

    START = "START"
    EXPECT_MESSAGE_2 = "EXPECT_MESSAGE_2"
    ESTABLISHED = "ESTABLISHED"


class ResponderState(StrEnum):
    """What the responder waits for."""

    EXPECT_MESSAGE_1 = "EXPECT_MESSAGE_1"
    EXPECT_MESSAGE_3 = "EXPECT_MESSAGE_3"
    ESTABLISHED = "ESTABLISHED"


class Input(StrEnum):
    """What happens to either."""

    START = "START"
    RECV_MESSAGE_1 = "RECV_MESSAGE_1"
    RECV_MESSAGE_2 = "RECV_MESSAGE_2"
    RECV_MESSAGE_3 = "RECV_MESSAGE_3"


class AggressiveMode(PhaseOne):
    """What both roles do in Aggressive Mode."""

    exchange_type = ExchangeType.AGGRESSIVE

    def _input_of(self, message: Message) -> Input:
        check_domain(message)
        if message.encrypted or not any(isinstance(payload, SA) for payload in message.payloads):
            return Input.RECV_MESSAGE_3
        return Input.RECV_MESSAGE_1 if message.responder_cookie == NO_COOKIE else Input.RECV_MESSAGE_2


_I, _R, _IN = InitiatorState, ResponderState, Input


class AggressiveModeInitiator(AggressiveMode):
    """The side that begins. `start` is called once, then every message goes to `receive`. Of the suites,
    those that share the first one's group are offered."""

    role = Role.INITIATOR
    table: ClassVar[Table] = Table(
        _I.START,
        {
            (_I.START, _IN.START): ("send_offer", _I.EXPECT_MESSAGE_2),
            (_I.EXPECT_MESSAGE_2, _IN.RECV_MESSAGE_2): ("verify_responder", _I.ESTABLISHED),
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
        number = configuration.suites[0].group
        group = diffie_hellman_group(number, allow_weak=configuration.allow_weak)
        self._offered = offer(configuration, number)
        self._pair = group.generate(random)
        self._own_nonce = self._nonce()
        self._sa_body = b""

    def start(self, now: float) -> Step:
        """Message 1. Raises `StateError` the second time."""
        step: Step = self.fire(Input.START, now)
        return step

    def receive(self, message: Message, octets: bytes, now: float, local: Address, remote: Address) -> Step:
        """Take a message of the peer, parsed and as it came (without non-ESP marker), from `remote` to
        `local`. Raises `RemoteError` for what is not to be taken, and nothing has changed then."""
        begun = self.state is InitiatorState.EXPECT_MESSAGE_2
        self._check(message, message.responder_cookie if begun else self.responder_cookie)
        step: Step = self.fire(self._input_of(message), message, octets, now, local, remote)
        return step

    def send_offer(self, now: float) -> Step:
        """``HDR, SA, KE, Ni, IDii``."""
        octets = self._message(
            (
                *(self._offered, KeyExchange(self._pair.public), Nonce(self._own_nonce)),
                self.configuration.identity.payload(),
                *self._requests(self.configuration.usable_methods),
                *self._vendor_ids(),
            )
        ).build()
        self._sa_body = body_of(PayloadType.SA, octets)
        return Step((octets,), expects_reply=True)

    def verify_responder(
        self, message: Message, octets: bytes, now: float, local: Address, remote: Address
    ) -> Step:
        """On message 2, which proves who the peer is: ``HDR*, HASH_I`` or SIG_I, and the SA is there."""
        answer = next(payload for payload in message.payloads if isinstance(payload, SA))
        choice = accepted(self.configuration, self._offered, answer)
        payloads = grammar.aggressive_2(choice.method).check(message)
        self._check_material(payloads, choice)
        part = Part(
            choice=choice,
            pair=self._pair,
            nonce=self._own_nonce,
            sa_body=self._sa_body,
            initiator_cookie=self.initiator_cookie,
            responder_cookie=message.responder_cookie,
        )
        identification, body = payloads.one(Identification), body_of(PayloadType.IDENTIFICATION, octets)
        with authenticating():
            identity = identified(self.configuration, identification)
            agreed = self._agree(part, payloads, remote, identity)
            proven = agreed.verify(self.configuration, Role.RESPONDER, identification, body, payloads, now)
        extensions = self._detected(self._common_extensions(payloads), agreed, payloads, local, remote)
        sealed, last_block = self._last(agreed, part, extensions, local, remote)
        self.responder_cookie = message.responder_cookie
        self._finish(agreed, proven, extensions, last_block, now)
        return Step((sealed,))

    def _last(
        self, agreed: Agreement, part: Part, extensions: Extensions, local: Address, remote: Address
    ) -> tuple[bytes, bytes]:
        """Message 3 and its last block. The addresses in its NAT-D are those that it goes by."""
        if extensions.local_nat or extensions.remote_nat:
            local, remote = local._replace(port=NAT_PORT), remote._replace(port=NAT_PORT)
        proof = agreed.proof(self.configuration, self.role, self.configuration.identity.body())
        found = self._discovery(part, extensions, local, remote)
        return self._seal(agreed, agreed.first_iv, (*proof, *found))


class AggressiveModeResponder(AggressiveMode):
    """The side that answers, from message 1 on. It makes keys, and with a signature method signs, for whoever
    asks: hence `PhaseOneConfiguration.aggressive_responder`, which its owner heeds."""

    role = Role.RESPONDER
    table: ClassVar[Table] = Table(
        _R.EXPECT_MESSAGE_1,
        {
            (_R.EXPECT_MESSAGE_1, _IN.RECV_MESSAGE_1): ("answer_offer", _R.EXPECT_MESSAGE_3),
            (_R.EXPECT_MESSAGE_3, _IN.RECV_MESSAGE_3): ("verify_initiator", _R.ESTABLISHED),
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
        self.responder_cookie = self._new_cookie()
        self._agreed: Agreement
        self._identification: tuple[Identification, bytes]

    def receive(self, message: Message, octets: bytes, now: float, local: Address, remote: Address) -> Step:
        """Take a message of the peer, parsed and as it came (without non-ESP marker), from `remote` to
        `local`. Raises `RemoteError` for what is not to be taken, and nothing has changed then."""
        if self.state is ResponderState.EXPECT_MESSAGE_1:
            check_header(message, self.exchange_type, message.initiator_cookie, NO_COOKIE)
        else:
            self._check(message, self.responder_cookie)
        step: Step = self.fire(self._input_of(message), message, octets, now, local, remote)
        return step

    def answer_offer(
        self, message: Message, octets: bytes, now: float, local: Address, remote: Address
    ) -> Step:
        """On message 1: ``HDR, SA, KE, Nr, IDir, HASH_R`` or SIG_R."""
        payloads = grammar.AGGRESSIVE_1.check(message)
        choice, answer = choose(self.configuration, payloads.one(SA))
        self._check_material(payloads, choice)
        identification = payloads.one(Identification)
        identity = identified(self.configuration, identification)
        part = Part(
            choice=choice,
            pair=self._key_pair(choice),
            nonce=self._nonce(),
            sa_body=body_of(PayloadType.SA, octets),
            initiator_cookie=message.initiator_cookie,
            responder_cookie=self.responder_cookie,
        )
        agreed = self._agree(part, payloads, remote, identity)
        extensions = self._common_extensions(payloads)
        built = self._answer(answer, agreed, part, self._discovery(part, extensions, local, remote))
        self.initiator_cookie = message.initiator_cookie
        self._agreed, self._extensions = agreed, extensions
        self._identification = identification, body_of(PayloadType.IDENTIFICATION, octets)
        return Step((built,), expects_reply=True)

    def _answer(
        self, answer: SA, agreed: Agreement, part: Part, discovery: tuple[NATDiscovery, ...]
    ) -> bytes:
        payloads = (
            answer,
            *self._exchange(part),
            self.configuration.identity.payload(),
            *agreed.proof(self.configuration, self.role, self.configuration.identity.body()),
            *self._requests((part.choice.method,)),
            *self._vendor_ids(),
            *discovery,
        )
        return self._message(payloads).replace(initiator_cookie=part.initiator_cookie).build()

    def verify_initiator(
        self, message: Message, octets: bytes, now: float, local: Address, remote: Address
    ) -> Step:
        """On message 3: the peer is who it says."""
        agreed = self._agreed
        expected = grammar.aggressive_3(agreed.choice.method, message.encrypted)
        last_block, contact = agreed.first_iv, False
        with authenticating():
            if message.encrypted:
                opened = self._open(agreed, agreed.first_iv, message, expected)
                payloads, last_block = opened.payloads, opened.last_block
                contact = says_initial_contact(payloads, agreed)
            else:
                payloads = expected.check(message)
            proven = agreed.verify(self.configuration, Role.INITIATOR, *self._identification, payloads, now)
        extensions = self._detected(self._extensions, agreed, payloads, local, remote)
        extensions = replace(extensions, initial_contact=contact)
        self._finish(agreed, proven, extensions, last_block, now)
        return Step()
