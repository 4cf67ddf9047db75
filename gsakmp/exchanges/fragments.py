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
from gsakmp.message import Message
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
    header = header_of(octets)
    name = int.from_bytes(SHA256.digest(octets)[:2], "big") or 1
    pieces = []
    for number, part in enumerate(parts, 1):
        last = int(number == len(parts))
        fragment = Fragment(fragment_id=name, fragment_number=number, last_fragment=last, fragment_data=part)
        pieces.append(header.replace(payloads=(fragment,)).build())
    return tuple(pieces)


def header_of(octets: bytes) -> Message:
    """A message without payloads that has cookies, exchange type and message id of `octets`."""
    return Message(
        initiator_cookie=octets[:8],
        responder_cookie=octets[8:16],
        exchange_type=octets[18],
        message_id=int.from_bytes(octets[20:24], "big"),
    )


class Key(NamedTuple):
    """What the pieces of one message have in common."""

    source: Address
    cookies: bytes
    exchange_type: int
    message_id: int
    fragment_id: int


@dataclass(slots=True)
class Waiting:
    """The pieces of a message that have come so far."""

    since: float
    pieces: dict[int, bytes] = field(default_factory=dict)
    last: int = 0
    """The number of the last piece, 0 until it has come."""
    cost: int = 0

    def contradicts(self, number: int, fragment: Fragment) -> bool:
        """Whether the piece can't be of the same message as those before."""
        if number in self.pieces and self.pieces[number] != fragment.fragment_data:
            return True
        if fragment.last_fragment:
            return max(self.pieces, default=0) > number or self.last not in (0, number)
        return 0 < self.last <= number


class Reassembler:
    """Puts the pieces of messages together, whatever order they come in. The oldest gives way when there is
    no more room, first of those from the same address."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Key, Waiting] = OrderedDict()  # the oldest first
        self._hosts: Counter[IPv4Address | IPv6Address] = Counter()
        self._cost = 0

    @property
    def waiting(self) -> int:
        """Messages that lack pieces."""
        return len(self._waiting)

    @property
    def octets(self) -> int:
        """What they take, with an allowance for each piece."""
        return self._cost

    def add(self, message: Message, source: Address, now: float) -> bytes | None:
        """The octets of the whole message if this was the piece that it lacked, else None.

        A piece that contradicts earlier ones of the same name ends their wait and begins another: some peers
        give all their messages one name. Raises `UnexpectedMessage` for what is no fragment, or makes a
        message of another SA, `LimitExceeded` for pieces that make too long a message.
        """
        fragment = _fragment_of(message)
        self._expire(now)
        cookies = message.initiator_cookie + message.responder_cookie
        key = Key(*(source, cookies, int(message.exchange_type), message.message_id, fragment.fragment_id))
        number = fragment.fragment_number
        waiting = self._waiting.get(key)
        if waiting is not None and waiting.contradicts(number, fragment):
            self._drop(key)
            waiting = None
        if waiting is None:
            waiting = self._begin(key, now)
        if number not in waiting.pieces:
            self._take(key, waiting, number, fragment)
        if not waiting.last or len(waiting.pieces) < waiting.last:
            return None
        self._drop(key)
        whole = b"".join(waiting.pieces[number] for number in range(1, waiting.last + 1))
        if whole[: len(cookies)] != cookies:
            raise UnexpectedMessage("fragments that make a message of another SA than theirs")
        return whole

    def _begin(self, key: Key, now: float) -> Waiting:
        host = key.source.host
        if self._hosts[host] >= WAITING_OF_HOST:
            self._drop(next(other for other in self._waiting if other.source.host == host))
        elif len(self._waiting) >= WAITING:
            self._drop(next(iter(self._waiting)))
        waiting = self._waiting[key] = Waiting(now)
        self._hosts[host] += 1
        return waiting

    def _take(self, key: Key, waiting: Waiting, number: int, fragment: Fragment) -> None:
        cost = len(fragment.fragment_data) + PIECE_COST
        if waiting.cost + cost > MESSAGE_OCTETS + PIECE_COST * (len(waiting.pieces) + 1):
            self._drop(key)
            raise LimitExceeded(f"fragments of a message of more than {MESSAGE_OCTETS} octets")
        while self._cost + cost > WAITING_OCTETS:
            self._drop(next(other for other in self._waiting if other != key))
        waiting.pieces[number] = fragment.fragment_data
        waiting.last = number if fragment.last_fragment else waiting.last
        waiting.cost += cost
        self._cost += cost

    def _drop(self, key: Key) -> None:
        waiting = self._waiting.pop(key)
        self._cost -= waiting.cost
        host = key.source.host
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]

    def _expire(self, now: float) -> None:
        while self._waiting:
            key, waiting = next(iter(self._waiting.items()))
            if 0 <= now - waiting.since <= WAITING_SECONDS:
                return
            self._drop(key)


def _fragment_of(message: Message) -> Fragment:
    """Raises `UnexpectedMessage` unless the message is a Fragment payload and nothing else, in the clear."""
    if message.encrypted:
        raise refused("an encrypted fragment", NotifyType.INVALID_FLAGS)
    if len(message.payloads) != 1 or not isinstance(message.payloads[0], Fragment):
        raise refused("not one Fragment payload")
    fragment = message.payloads[0]
    if not fragment.fragment_number or not fragment.fragment_data or fragment.last_fragment > 1:
        raise refused("a fragment without a number, without octets, or neither last nor not")
    return fragment
