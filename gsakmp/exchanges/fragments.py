"""Long messages in several datagrams ([MS-IKEE], 2.2), the pieces in Fragment payloads.

Each piece has the header of the message that it is of: cookies, exchange type and message id, without the
encryption bit. Pieces are not authenticated, the message that they make is; so what waits for its other
pieces is bounded in every way, and whoever can read the peer's cookies can disturb it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from gsakmp.crypto.hashes import SHA256
from gsakmp.errors import ConfigurationError, EncodeError, LimitExceeded, UnexpectedMessage
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.grammar import refused
from gsakmp.limits import MESSAGE_OCTETS
from gsakmp.message import Message, parse
from gsakmp.payloads import Fragment
from gsakmp.registries import NotifyType

__all__ = ["DATAGRAM_OCTETS", "Reassembler", "split"]

DATAGRAM_OCTETS: Final = 1280 - 48 - 4
"""Octets of a message that pass everywhere: IPv6's smallest MTU (RFC 8200, 5) less the headers of IPv6 and
UDP, and the non-ESP marker."""
OVERHEAD: Final = 28 + 8
"""Octets of a piece beside the piece itself: ISAKMP's header, and the Fragment payload's."""
PIECES: Final = 255
"""Fragment numbers have one octet and start at 1."""

WAITING: Final = 128
"""Messages that wait for pieces at once."""
WAITING_OF_HOST: Final = 8
"""And from one address: the peers behind one NAT rarely send at the very same time."""
WAITING_OCTETS: Final = 1 << 20
"""Octets of all pieces that wait, with `PIECE_COST` for each."""
PIECE_COST: Final = 100
"""What a piece takes beside its octets, so that many small ones are no cheap way to fill memory."""
WAITING_SECONDS: Final = 15
"""How long pieces wait for the others; the sender will have sent the whole message again by then."""


def split(octets: bytes, limit: int = DATAGRAM_OCTETS) -> tuple[bytes, ...]:
    """The messages that carry the message `octets`, each of at most `limit` octets: itself if it fits.

    The same message always gives the same pieces, so those of a retransmission fill the gaps of the first
    sending. Raises `EncodeError` for one that needs more than 255 pieces, `ConfigurationError` for a limit
    that leaves no room.
    """
    if len(octets) <= limit:
        return (octets,)
    room = limit - OVERHEAD
    if room < 1:
        raise ConfigurationError(f"a limit of {limit} octets leaves no room in a fragment")
    parts = [octets[at : at + room] for at in range(0, len(octets), room)]
    if len(parts) > PIECES:
        raise EncodeError(f"{len(parts)} fragments of {limit} octets, at most {PIECES}")
    header = parse_header(octets)
    name = int.from_bytes(SHA256.digest(octets)[:2], "big") or 1
    pieces = []
    for number, part in enumerate(parts, 1):
        last = int(number == len(parts))
        fragment = Fragment(
            fragment_id=name, fragment_number=number, last_fragment=last, fragment_data=part
        )
        pieces.append(header.replace(payloads=(fragment,)).build())
    return tuple(pieces)


def parse_header(octets: bytes) -> Message:
    """A message without payloads that has cookies, exchange type and message id of `octets`."""
    return Message(
        initiator_cookie=octets[:8],
        responder_cookie=octets[8:16],
        exchange_type=octets[18],
        message_id=int.from_bytes(octets[20:24], "big"),
    )
