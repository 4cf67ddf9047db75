"""GROUPKEY-PUSH ACK, by which a member tells that a push has arrived (RFC 8263)::

    HDR, HASH, SEQ, ID

It is not encrypted. HASH is keyed from `gsakmp.group.acknowledgement_keys`, where the SA KEK's
KEK_ACK_REQUESTED chooses: the KEK, which all members have, or the member's own leaf key of an LKH tree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gsakmp.crypto import acknowledgement_hash_data, acknowledgement_key, check_hash
from gsakmp.doi import DOI, GDOI
from gsakmp.errors import ConfigurationError, StateError, UnexpectedMessage
from gsakmp.exchanges.grammar import Grammar, Slot, check_header, refused
from gsakmp.exchanges.isakmp_sa import GENERIC_HEADER
from gsakmp.exchanges.push import COOKIE
from gsakmp.exchanges.recent import RecentMessages
from gsakmp.exchanges.verified import PROOF, VerifiedAck, VerifiedPush
from gsakmp.group.sa import RekeySA
from gsakmp.identities import Identity
from gsakmp.message import HEADER_OCTETS, Message, parse
from gsakmp.payloads import Hash, Identification, SequenceNumber
from gsakmp.registries import GDOIExchangeType, GDOIIDType, KEKAckRequested, NotifyType

__all__ = ["ACK", "VerifiedAck", "build_ack", "open_ack"]

ACK: Final = Grammar(
    "GROUPKEY-PUSH ACK", "RFC 8263, 3", (Slot(Hash), Slot(SequenceNumber), Slot(Identification))
)
ID_TYPES: Final = frozenset({GDOIIDType.ID_IPV4_ADDR, GDOIIDType.ID_IPV6_ADDR, GDOIIDType.ID_OID})
"""What a member may be called in an ACK (RFC 8263, 3.4)."""


def build_ack(
    verified: VerifiedPush, sa: RekeySA, base_key: bytes, identity: Identity, *, doi: DOI = GDOI
) -> bytes:
    """The octets of the ACK for a push that came under `sa`. `base_key` is what
    `gsakmp.group.acknowledgement_keys` makes, `identity` the address that the member registered from, or its
    object identifier (RFC 8263, 3.4).

    Send it from where the push went to, to where it came from, within five seconds (3 and 6). Raises
    `StateError` where `sa` asks for none or is not that of the push, `ConfigurationError` for an identity of
    another type, `PolicyRefused` for a kind of ACK that is not known: then none is sent (4).
    """
    requested = _requested(sa)
    if verified.spi != sa.spi:
        raise StateError("the push came under another Rekey SA")
    if identity.id_type not in ID_TYPES:
        raise ConfigurationError(f"{identity} is no address or object identifier")
    message = Message(
        initiator_cookie=sa.spi[:COOKIE],
        responder_cookie=sa.spi[COOKIE:],
        exchange_type=GDOIExchangeType.GROUPKEY_PUSH_ACK,
        payloads=(SequenceNumber(verified.sequence_number), identity.payload()),
        doi=doi,
    )
    key = acknowledgement_key(requested, base_key, sa.spi)
    hash_data = acknowledgement_hash_data(requested, key, message.plaintext())
    return message.replace(payloads=(Hash(hash_data), *message.payloads)).build()


def open_ack(
    message: Message,
    sa: RekeySA,
    base_key_of: Callable[[Identity], bytes],
    *,
    doi: DOI = GDOI,
    recent: RecentMessages | None = None,
    origin: str = "",
) -> VerifiedAck:
    """What an ACK says, verified. `base_key_of` gives the base key of the member with an identity, and may
    raise `RemoteError` for one that is unknown; `recent` drops duplicates before any cryptography (RFC 8263,
    5).

    Raises `UnexpectedMessage` where `sa` asks for no ACK, for another SA's or another form, and for a push
    that was never sent; `ReplayDetected`, `InvalidHash`.
    """
    if sa.suite.acknowledgement is None:
        raise UnexpectedMessage("this Rekey SA asks for no acknowledgement")
    check_header(
        message, cookies=sa.spi, exchange_type=GDOIExchangeType.GROUPKEY_PUSH_ACK, message_id=0, flags=0
    )
    digest = recent.check(message, origin) if recent is not None else b""
    octets = message.replace(non_esp_marker=False).build()
    # On port 4500 an engine's parser takes the domain for IPsec's, which has no SEQ.
    found = ACK.check(message if message.doi is doi else parse(octets, doi=doi))
    number, hash_ = found.one(SequenceNumber).sequence_number, found.one(Hash)
    if hash_.reserved:  # HASH covers all other octets, but not those of its own header
        raise refused("the reserved octet of HASH is not zero")
    identity = _identity(found.one(Identification))
    covered = octets[HEADER_OCTETS + GENERIC_HEADER + len(hash_.hash_data) :]
    key = acknowledgement_key(sa.suite.acknowledgement, base_key_of(identity), sa.spi)
    check_hash(acknowledgement_hash_data(sa.suite.acknowledgement, key, covered), hash_.hash_data)
    if not 0 < number <= sa.sequence_number:
        raise UnexpectedMessage(f"push {number} was never sent, the last one was {sa.sequence_number}")
    if recent is not None:
        recent.remember(digest)
    return VerifiedAck(proof=PROOF, spi=sa.spi, sequence_number=number, identity=identity)


def _requested(sa: RekeySA) -> KEKAckRequested:
    if sa.suite.acknowledgement is None:
        raise StateError("this Rekey SA asks for no acknowledgement")
    return sa.suite.acknowledgement


def _identity(payload: Identification) -> Identity:
    if payload.protocol_id or payload.port or payload.id_type not in ID_TYPES:
        raise refused(
            "the identity in an ACK is an address or object identifier, without protocol and port",
            NotifyType.INVALID_ID_INFORMATION,
        )
    return Identity.from_payload(payload)
