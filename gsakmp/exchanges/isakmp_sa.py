"""The ISAKMP SA that phase 1 leaves behind (category 1), and the exchanges that it protects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from gsakmp.crypto import PhaseOneKeys, Random, check_hash, random_octets
from gsakmp.doi import DOI, STANDARD, Dialect
from gsakmp.errors import EncodeError, StateError, UnexpectedMessage
from gsakmp.exchanges.grammar import check_header, refused
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import Hash
from gsakmp.registries import AuthenticationMethod, HeaderFlag
from gsakmp.wire import Payload

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = [
    "ISAKMPSA",
    "LONGEST_DATAGRAM",
    "Extensions",
    "Opened",
    "Peer",
    "ProtectedExchange",
    "Role",
    "Step",
    "new_message_id",
]

GENERIC_HEADER: Final = 4
"""Octets of a payload's generic header (RFC 2408, 3.2)."""
pack_generic_header: Final = Struct("!BBH").pack
"""Next Payload, RESERVED and Payload Length of it."""
LONGEST_DATAGRAM: Final = 65_507
"""Octets that a UDP datagram holds over IPv4: 65,535 less an IP header of 20 and a UDP header of 8."""


class Role(StrEnum):
    """Which side of an exchange this is."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class Step(NamedTuple):
    """What an exchange did with a message: messages to send, whole ISAKMP messages without non-ESP marker."""

    send: tuple[bytes, ...] = ()
    expects_reply: bool = False
    """Whether they are to be sent again until the peer answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Whom phase 1 has authenticated, and how."""

    identity: Identity
    method: AuthenticationMethod
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """What both sides can do beside the standards' minimum, as the peer's messages said."""

    nat_traversal: bool = False
    """RFC 3947: both know it."""
    local_nat: bool = False
    """A NAT stands before us."""
    remote_nat: bool = False
    """A NAT stands before the peer."""
    dead_peer_detection: bool = False
    """RFC 3706."""
    fragmentation: bool = False
    """[MS-IKEE], 2.2."""
    initial_contact: bool = False
    """The peer has lost all it shared with us (RFC 2407, 4.6.3.3)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ISAKMPSA:
    """An established ISAKMP SA. Its text shows no key."""

    keys: PhaseOneKeys
    role: Role
    """Ours, in phase 1."""
    local_identity: Identity
    peer: Peer
    suite: str
    """What was agreed, by name: ``aes-128-sha256-group19``."""
    strength: int
    """Bits, those of its weakest part."""
    doi: DOI
    """The domain that the exchanges under it belong to."""
    dialect: Dialect = STANDARD
    extensions: Extensions = Extensions()
    last_block: bytes = field(repr=False)
    """The last block of phase 1's ciphertext, from which each later exchange's IV is made (RFC 2409,
    appendix B)."""
    established_at: float
    lifetime_seconds: int

    @property
    def cookies(self) -> bytes:
        """CKY-I | CKY-R, by which it is known."""
        return self.keys.initiator_cookie + self.keys.responder_cookie

    @property
    def expires_at(self) -> float:
        """When it must no longer be used."""
        return self.established_at + self.lifetime_seconds


def new_message_id(random: Random) -> int:
    """The message id of a new exchange: never 0, which is phase 1's (RFC 2409, 5.5)."""
    return int.from_bytes(random_octets(random, 4), "big") % 0xFFFFFFFF + 1


class Opened(NamedTuple):
    """A message decrypted and not yet verified: nothing may change because of it."""

    message: Message
    hash_data: bytes
    """The body of the HASH payload that leads it."""
    covered: bytes
    """The octets of the payloads after HASH, without the encryption's padding."""
    next_iv: bytes


class ProtectedExchange:
    """One exchange under an ISAKMP SA: its message id, and the IV that goes from message to message."""

    def __init__(self, sa: ISAKMPSA, exchange_type: int, message_id: int) -> None:
        if not message_id:
            raise StateError("message id 0 is that of phase 1")
        self.sa = sa
        self.exchange_type = exchange_type
        self.message_id = message_id
        self._iv = sa.keys.message_iv(sa.last_block, message_id)

    def seal(self, payloads: Sequence[Payload], make_hash: Callable[[bytes], bytes]) -> bytes:
        """The octets of a message: HASH, then `payloads`. `make_hash` is given the octets of `payloads` and
        returns HASH's body. Raises `EncodeError`, and nothing has changed."""
        keys = self.sa.keys
        plain = self._message(payloads)
        covered = plain.plaintext()
        hash_data = make_hash(covered)
        # HASH's generic header by hand: what follows it is built already.
        head = pack_generic_header(payloads[0].kind if payloads else 0, 0, GENERIC_HEADER + len(hash_data))
        ciphertext = keys.encrypt(self._iv, head + hash_data + covered)
        octets = plain.replace(
            flags=HeaderFlag.ENCRYPTION, payloads=(), ciphertext=ciphertext, next_payload=Hash.kinds[0]
        ).build()
        if len(octets) > LONGEST_DATAGRAM:
            raise EncodeError(f"a message of {len(octets)} octets, a datagram holds {LONGEST_DATAGRAM}")
        self._iv = keys.cipher.next_iv(ciphertext)
        return octets

    def open(self, message: Message) -> Opened:
        """The message with its payloads. Raises `RemoteError` for one that is not of this exchange, or does
        not decrypt to a HASH and payloads, as one under other keys does not."""
        keys = self.sa.keys
        check_header(
            message,
            cookies=self.sa.cookies,
            exchange_type=self.exchange_type,
            message_id=self.message_id,
            flags=HeaderFlag.ENCRYPTION,
        )
        plaintext = keys.decrypt(self._iv, message.ciphertext)
        opened = message.replace(doi=self.sa.doi, dialect=self.sa.dialect).with_plaintext(plaintext)
        if not opened.payloads or not isinstance(opened.payloads[0], Hash):
            raise UnexpectedMessage("the first payload is no HASH")
        if len(opened.padding) > keys.cipher.block_size:
            raise refused(f"{len(opened.padding)} octets of padding")  # RFC 2409, appendix B
        hash_data = opened.payloads[0].hash_data
        covered = plaintext[GENERIC_HEADER + len(hash_data) : len(plaintext) - len(opened.padding)]
        return Opened(opened, hash_data, covered, keys.cipher.next_iv(message.ciphertext))

    def verify(self, opened: Opened, expected: bytes) -> None:
        """The message is the peer's if HASH is `expected`; its last block is the next IV then. Raises
        `InvalidHash`, and nothing has changed."""
        check_hash(expected, opened.hash_data)
        self._iv = opened.next_iv

    def _message(self, payloads: Sequence[Payload]) -> Message:
        keys, sa = self.sa.keys, self.sa
        return Message(
            initiator_cookie=keys.initiator_cookie,
            responder_cookie=keys.responder_cookie,
            exchange_type=self.exchange_type,
            message_id=self.message_id,
            payloads=tuple(payloads),
            doi=sa.doi,
            dialect=sa.dialect,
        )
