"""What the machines of both modes and both roles share: headers, encryption, extensions, the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, Final, NamedTuple

from gsakmp.crypto import KeyPair, Random, diffie_hellman_group, hash_function, random_octets
from gsakmp.errors import DecodeError, UnexpectedMessage
from gsakmp.exchanges import nat
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.grammar import Grammar, Payloads, nonce_octets, refused
from gsakmp.exchanges.informational import initial_contact
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, Extensions, Role
from gsakmp.exchanges.machine import Machine
from gsakmp.exchanges.phase1.agreement import Agreement, Part, Proven, is_shared_key
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.proposals import Choice
from gsakmp.identities import Identity
from gsakmp.message import HEADER_OCTETS, Message
from gsakmp.payloads import KeyExchange, NATDiscovery, Nonce, Notification, UnknownSA, VendorID
from gsakmp.registries import (
    AuthenticationMethod,
    ExchangeType,
    HeaderFlag,
    NotifyType,
    PayloadType,
)
from gsakmp.wire import Payload

__all__ = [
    "COOKIE",
    "NAT_PORT",
    "NO_COOKIE",
    "Opened",
    "PhaseOne",
    "body_of",
    "check_domain",
    "check_header",
    "common_extensions",
    "own_vendor_ids",
    "says_initial_contact",
]

COOKIE: Final = 8
"""Octets of a cookie (RFC 2408, 3.1)."""
NO_COOKIE: Final = bytes(COOKIE)
NONCE: Final = 32
"""Octets of our nonces; 8 to 256 are allowed (RFC 2409, 5)."""
FIRST_PAYLOAD: Final = 16
"""Where the header says the first payload's type (RFC 2408, 3.1)."""
GENERIC_HEADER: Final = 4
"""Octets of a payload's generic header (RFC 2408, 3.2)."""
NAT_PORT: Final = 4500
"""Where both move once a NAT is seen (RFC 3947, 4)."""


class Opened(NamedTuple):
    """An encrypted message, decrypted and not yet verified."""

    payloads: Payloads
    plaintext: bytes
    first: int
    """Type of the first payload."""
    last_block: bytes


class PhaseOne(Machine):
    """A machine of phase 1, between `local` and `remote`, which every received message gives anew: a NAT may
    change them. `sa` is there once it is done; until then nothing that it knows of the peer is verified."""

    role: ClassVar[Role]
    exchange_type: ClassVar[ExchangeType]

    def __init__(
        self,
        configuration: PhaseOneConfiguration,
        *,
        local: Address,
        remote: Address,
        random: Random,
        now: float,
    ) -> None:
        super().__init__()
        self.configuration = configuration
        self.initiator_cookie = NO_COOKIE
        self.responder_cookie = NO_COOKIE
        self.sa: ISAKMPSA | None = None
        self.started_at = now
        self._random = random
        self._extensions = Extensions()

    @property
    def floating(self) -> bool:
        """Whether, as the initiator, we now send from port 4500 to port 4500: RFC 3947 was agreed on, and one
        of us is behind a NAT. A responder answers where the messages come from."""
        found = self._extensions
        return self.role is Role.INITIATOR and (found.local_nat or found.remote_nat)

    @property
    def extensions(self) -> Extensions:
        """What is known so far of what the peer can do; unverified until `sa` is there."""
        return self._extensions

    # -- messages ------------------------------------------------------------------------------------------

    def _message(self, payloads: Sequence[Payload], responder_cookie: bytes = b"") -> Message:
        return Message(
            initiator_cookie=self.initiator_cookie,
            responder_cookie=responder_cookie or self.responder_cookie,
            exchange_type=self.exchange_type,
            payloads=tuple(payloads),
            doi=self.configuration.doi,
            dialect=self.configuration.dialect,
        )

    def _seal(self, agreed: Agreement, iv: bytes, payloads: Sequence[Payload]) -> tuple[bytes, bytes]:
        """The octets of an encrypted message, and its last block."""
        message = self._message(payloads, agreed.keys.responder_cookie)
        ciphertext = agreed.keys.encrypt(iv, message.plaintext())
        sealed = message.replace(
            flags=HeaderFlag.ENCRYPTION, payloads=(), ciphertext=ciphertext, next_payload=payloads[0].kind
        )
        return sealed.build(), agreed.keys.cipher.next_iv(ciphertext)

    def _open(self, agreed: Agreement, iv: bytes, message: Message, grammar: Grammar) -> Opened:
        """Raises `RemoteError` for what does not decrypt to the payloads that `grammar` wants."""
        plaintext = agreed.keys.decrypt(iv, message.ciphertext)
        opened = message.replace(doi=self.configuration.doi, dialect=self.configuration.dialect)
        opened = opened.with_plaintext(plaintext)
        last_block = agreed.keys.cipher.next_iv(message.ciphertext)
        return Opened(grammar.check(opened), plaintext, message.next_payload or 0, last_block)

    def _check(self, message: Message, responder_cookie: bytes) -> None:
        """The header of a message that is to belong here."""
        check_header(message, self.exchange_type, self.initiator_cookie, responder_cookie)

    # -- pieces of messages --------------------------------------------------------------------------------

    def _new_cookie(self) -> bytes:
        """A cookie of ours, never zero."""
        cookie = random_octets(self._random, COOKIE)
        return cookie if cookie != NO_COOKIE else b"\1" * COOKIE

    def _nonce(self) -> bytes:
        return random_octets(self._random, NONCE)

    def _key_pair(self, choice: Choice) -> KeyPair:
        group = diffie_hellman_group(choice.suite.group, allow_weak=self.configuration.allow_weak)
        return group.generate(self._random)

    def _vendor_ids(self) -> tuple[VendorID, ...]:
        return own_vendor_ids(self.configuration)

    def _requests(self, methods: Iterable[AuthenticationMethod]) -> tuple[Payload, ...]:
        """Certificate Requests, where a signature is to come (RFC 2408, 3.10)."""
        if all(is_shared_key(method) for method in methods):
            return ()
        return self.configuration.credentials.request_payloads()

    def _initial_contact(self, agreed: Agreement) -> tuple[Notification, ...]:
        return (initial_contact(agreed.cookies),) if self.configuration.initial_contact else ()

    # -- extensions ----------------------------------------------------------------------------------------

    def _common_extensions(self, payloads: Payloads) -> Extensions:
        """What the vendor ids of a message say that the peer can do, and we too."""
        return common_extensions(self.configuration, payloads)

    def _discovery(
        self, part: Part, extensions: Extensions, local: Address, remote: Address
    ) -> tuple[NATDiscovery, ...]:
        """NAT-D payloads for a message from `local` to `remote`, if the peer knows what they are."""
        if not extensions.nat_traversal:
            return ()
        negotiated = hash_function(part.choice.suite.hash, allow_weak=self.configuration.allow_weak)
        return nat.discovery_payloads(negotiated, part.cookies, local, remote)

    def _detected(
        self, extensions: Extensions, agreed: Agreement, payloads: Payloads, local: Address, remote: Address
    ) -> Extensions:
        """`extensions`, and which of us is behind a NAT as the peer's NAT-D payloads tell."""
        if not extensions.nat_traversal:
            return extensions
        received = payloads.all(NATDiscovery)
        local_nat, remote_nat = nat.detect(received, agreed.keys.hash_function, agreed.cookies, local, remote)
        return replace(extensions, local_nat=local_nat, remote_nat=remote_nat)

    # -- keys ----------------------------------------------------------------------------------------------

    def _check_material(self, payloads: Payloads, choice: Choice) -> None:
        """The sizes of the peer's KE (RFC 2409, 5) and nonce. Raises `RemoteError`."""
        group = diffie_hellman_group(choice.suite.group, allow_weak=self.configuration.allow_weak)
        size, wanted = len(payloads.one(KeyExchange).key_exchange_data), group.public_size
        if size != wanted:
            wrong = DecodeError(f"a public value of {size} octets, {group.name} has {wanted}", "key_exchange")
            wrong.notify_type = NotifyType.INVALID_KEY_INFORMATION
            raise wrong
        nonce_octets(payloads.one(Nonce))

    def _agree(self, part: Part, payloads: Payloads, remote: Address, identity: Identity | None) -> Agreement:
        """What follows from our part and the peer's, who is `identity` as far as that is known."""
        return Agreement.make(
            self.configuration,
            part,
            self.role,
            public=payloads.one(KeyExchange).key_exchange_data,
            nonce=nonce_octets(payloads.one(Nonce)),
            host=remote.host,
            identity=identity,
        )

    def _exchange(self, part: Part) -> tuple[Payload, ...]:
        """KE and nonce."""
        return KeyExchange(part.pair.public), Nonce(part.nonce)

    # -- the end -------------------------------------------------------------------------------------------

    def _finish(
        self,
        agreed: Agreement,
        proven: Proven,
        extensions: Extensions,
        last_block: bytes,
        now: float,
    ) -> None:
        """The SA is there."""
        configuration, choice = self.configuration, agreed.choice
        self._extensions = extensions
        self.sa = ISAKMPSA(
            keys=agreed.keys,
            role=self.role,
            local_identity=configuration.identity,
            peer=proven.peer,
            suite=choice.suite.name,
            strength=min(choice.suite.strength, proven.strength),
            doi=configuration.doi,
            dialect=configuration.dialect,
            extensions=extensions,
            last_block=last_block,
            established_at=now,
            lifetime_seconds=choice.lifetime,
        )


def own_vendor_ids(configuration: PhaseOneConfiguration) -> tuple[VendorID, ...]:
    """What we can do beside the standards' minimum."""
    return nat.vendor_ids(
        configuration.nat_traversal, configuration.dead_peer_detection, configuration.fragmentation
    )


def common_extensions(ours: PhaseOneConfiguration, payloads: Payloads) -> Extensions:
    """What the vendor ids of a message say that the peer can do, and we too."""
    offered = nat.extensions_offered(payloads.all(VendorID))
    return Extensions(
        nat_traversal=ours.nat_traversal and offered.nat_traversal,
        dead_peer_detection=ours.dead_peer_detection and offered.dead_peer_detection,
        fragmentation=ours.fragmentation and offered.fragmentation,
    )


def says_initial_contact(payloads: Payloads, agreed: Agreement) -> bool:
    """Whether the peer has lost older SAs: the notification names the cookies of this one (RFC 2407,
    4.6.3.3)."""
    return any(
        notification.notify_message_type == NotifyType.INITIAL_CONTACT and notification.spi == agreed.cookies
        for notification in payloads.all(Notification)
    )


def check_header(
    message: Message, exchange_type: ExchangeType, initiator_cookie: bytes, responder_cookie: bytes
) -> None:
    """Raises `UnexpectedMessage` for a header that does not belong to this phase 1 (RFC 2408, 5.2)."""
    if message.major_version != 1:
        raise refused(f"major version {message.major_version}", NotifyType.INVALID_MAJOR_VERSION)
    if message.minor_version:  # RFC 2408, 3.1
        raise refused(f"minor version {message.minor_version}", NotifyType.INVALID_MINOR_VERSION)
    if message.exchange_type != exchange_type:
        raise refused(
            f"{message.exchange_name} in an exchange of {exchange_type.name}",
            NotifyType.INVALID_EXCHANGE_TYPE,
        )
    if message.initiator_cookie != initiator_cookie or message.responder_cookie != responder_cookie:
        raise refused("cookies of another exchange", NotifyType.INVALID_COOKIE)
    if initiator_cookie == NO_COOKIE:
        raise refused("an initiator cookie of zero", NotifyType.INVALID_COOKIE)
    if message.message_id:
        raise refused("a message id in phase 1, where it is zero", NotifyType.INVALID_MESSAGE_ID)


def check_domain(message: Message) -> None:
    """Raises `UnexpectedMessage` for an SA of a domain of interpretation that nothing here knows."""
    for payload in message.payloads:
        if isinstance(payload, UnknownSA):
            raise refused(
                f"the SA payload's domain of interpretation is {payload.doi!r}", NotifyType.DOI_NOT_SUPPORTED
            )


def body_of(kind: PayloadType, octets: bytes, first: int | None = None) -> bytes:
    """The body of the payload of that type: the very octets that the peer hashes.

    `octets` are a message, or a plaintext whose first payload has the type `first`; they were parsed before.
    """
    at = 0 if first is not None else HEADER_OCTETS
    link = octets[FIRST_PAYLOAD] if first is None else first
    while link and at + GENERIC_HEADER <= len(octets):
        size = max(int.from_bytes(octets[at + 2 : at + 4], "big"), GENERIC_HEADER)
        if link == kind:
            return octets[at + GENERIC_HEADER : at + size]
        link, at = octets[at], at + size
    raise UnexpectedMessage(f"there is no {kind.name} payload")
