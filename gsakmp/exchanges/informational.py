"""Informational exchanges: one message that nobody answers (RFC 2408, 4.8; RFC 2409, 5.7).

Under an ISAKMP SA it is encrypted and led by HASH(1); before there is one it goes in the clear, proves
nothing, and must change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gsakmp.crypto import Random, hash_1
from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.grammar import Grammar, Slot, refused
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, ProtectedExchange, new_message_id
from gsakmp.message import Message
from gsakmp.payloads import Delete, Hash, Notification
from gsakmp.registries import DOINumber, ExchangeType, NotifyType, ProtocolID
from gsakmp.wire import Payload

__all__ = [
    "PROTECTED",
    "UNPROTECTED",
    "delete_isakmp",
    "initial_contact",
    "open_protected",
    "protect",
    "unprotected",
]

FIRST_STATUS: Final = 16_384
"""From here on a notification is a status, below it an error (RFC 2408, 3.14.1)."""
SOURCE: Final = "RFC 2409, 5.7"
PROTECTED: Final = Grammar(
    "Informational, protected",
    SOURCE,
    first=(Slot(Hash),),
    # The RFC draws one N or D; a peer that ends may delete many SAs in one message.
    others=(Slot(Notification, 0, 16), Slot(Delete, 0, 16)),
    encrypted=True,
)
UNPROTECTED: Final = Grammar("Informational", SOURCE, others=(Slot(Notification, 1, 8),))
"""A Delete must be protected (RFC 2408, 5.15), so in the clear it has no place."""


def protect(sa: ISAKMPSA, payloads: Sequence[Payload], random: Random) -> bytes:
    """The octets of a protected message with a message id of its own:
    ``HDR*, HASH(1), N/D``, ``HASH(1) = prf(SKEYID_a, M-ID | N/D)``. Raises `EncodeError`."""
    exchange = ProtectedExchange(sa, ExchangeType.INFORMATIONAL, new_message_id(random))
    return exchange.seal(payloads, lambda covered: hash_1(sa.keys, exchange.message_id, covered))


def open_protected(sa: ISAKMPSA, message: Message) -> tuple[Payload, ...]:
    """The payloads after HASH(1) of a message that is the peer's. Whether it came before, the caller knows by
    its message id.

    Raises `RemoteError`: `InvalidHash` for one that somebody else has made or altered.
    """
    if not message.message_id:
        raise refused("message id 0 is that of phase 1", NotifyType.INVALID_MESSAGE_ID)
    exchange = ProtectedExchange(sa, ExchangeType.INFORMATIONAL, message.message_id)
    opened = exchange.open(message)
    exchange.verify(opened, hash_1(sa.keys, message.message_id, opened.covered))
    return PROTECTED.check(opened.message).payloads[1:]


def unprotected(
    initiator_cookie: bytes, responder_cookie: bytes, notify_type: int, doi: DOINumber, random: Random
) -> bytes:
    """The octets of an error in the clear, about a phase 1 that has no keys yet (RFC 2408, 5.14).

    Raises `ConfigurationError` for a status, which must be protected (RFC 2407, 4.6.3), `EncodeError` for a
    cookie that has not eight octets.
    """
    if not 0 < notify_type < FIRST_STATUS:
        raise ConfigurationError(f"{notify_type} is no error to send in the clear")
    notification = Notification(
        doi=doi,
        protocol_id=ProtocolID.PROTO_ISAKMP,
        notify_message_type=NotifyType(notify_type),
        spi=initiator_cookie + responder_cookie,
    )
    return Message(
        initiator_cookie=initiator_cookie,
        responder_cookie=responder_cookie,
        exchange_type=ExchangeType.INFORMATIONAL,
        message_id=new_message_id(random),
        payloads=(notification,),
    ).build()


def delete_isakmp(sa: ISAKMPSA) -> Delete:
    """The payload that says that we have deleted `sa` (RFC 2408, 3.15): the SPI is both cookies.

    Its domain is IPsec whatever the SA's is: in GDOI's a Delete tells of the group's SAs, and protocol 1 is
    ESP there (RFC 6407, 5.9).
    """
    return Delete(doi=DOINumber.IPSEC, protocol_id=ProtocolID.PROTO_ISAKMP, spis=(sa.cookies,))


def initial_contact(cookies: bytes) -> Notification:
    """The payload that says that we know of no other SA with the peer than the one with both these cookies,
    in the layout of RFC 2407, 4.6.3.3, whatever the SA's own domain is."""
    return Notification(
        doi=DOINumber.IPSEC,
        protocol_id=ProtocolID.PROTO_ISAKMP,
        notify_message_type=NotifyType.INITIAL_CONTACT,
        spi=cookies,
    )
