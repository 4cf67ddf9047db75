"""What an engine gives its shell: datagrams to send, events, and when it wants to be called again."""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from gsakmp.crypto import Random
from gsakmp.errors import GsakmpError, UnexpectedMessage
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.exchanges.fragments import split
from gsakmp.exchanges.isakmp_sa import Extensions, Step
from gsakmp.exchanges.retransmission import Conversation
from gsakmp.message import NON_ESP_MARKER, Message
from gsakmp.peers.causes import cause_of
from gsakmp.peers.configuration import EndpointConfiguration
from gsakmp.peers.events import DatagramRefused, Event
from gsakmp.peers.phase1 import NAT_PORT
from gsakmp.peers.session import Path
from gsakmp.peers.timers import Timers

__all__ = ["Engine"]

EVENTS: Final = 10_000
"""Events that wait to be taken; the oldest goes first. A shell takes them after every datagram."""
QUEUED: Final = 100_000
"""Datagrams that wait to be sent. A shell takes them after every few datagrams that it brings."""


class Extended(Protocol):
    """An ISAKMP SA, or a phase 1 that is to become one."""

    @property
    def extensions(self) -> Extensions:
        """What the peer can do, as far as it is known."""


class Engine:
    """The side of an endpoint that a shell takes from, and what the rest of it sends, tells and counts by."""

    def __init__(self, configuration: EndpointConfiguration, random: Random) -> None:
        self.endpoint_configuration = configuration
        self.refused: dict[str, int] = {}
        """Datagrams dropped, by cause."""
        self.retransmissions = 0
        self._random = random
        self._timers = Timers()
        self._queue: deque[Datagram] = deque()
        self._events: deque[Event] = deque(maxlen=EVENTS)

    # -- three of the five verbs ---------------------------------------------------------------------------

    def datagrams_to_send(self, now: float) -> list[Datagram]:
        """What is to be sent, in order; each is given once."""
        out = list(self._queue)
        self._queue.clear()
        return out

    def next_event(self) -> Event | None:
        """What has happened, the oldest first; None when there is no more."""
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, None if nothing is waited for."""
        return self._timers.next_timeout()

    # -- datagrams out -------------------------------------------------------------------------------------

    def send(self, messages: tuple[bytes, ...], path: Path, sa: Extended | None, now: float) -> None:
        """Send messages, in fragments where they are long and the peer can put them together, as `sa` or a
        phase 1 under way knows."""
        limit = self.endpoint_configuration.fragment_octets
        for octets in messages:
            fragmented = sa is not None and sa.extensions.fragmentation and len(octets) > limit
            for piece in split(octets, limit) if fragmented else (octets,):
                marked = NON_ESP_MARKER + piece if path.local.port == NAT_PORT else piece
                self._enqueue(Datagram(marked, path.remote, path.local))

    def sent(
        self, conversation: Conversation, step: Step, path: Path, now: float, sa: Extended | None = None
    ) -> None:
        """Send what an exchange's step gave, and again until it is answered if it wants an answer."""
        conversation.sent(step.send, step.expects_reply, now)
        self.send(step.send, path, sa, now)

    def _repeat(
        self, conversation: Conversation, octets: bytes, path: Path, sa: Extended | None, now: float
    ) -> None:
        """Answer a peer's retransmission with the same octets. Raises `UnexpectedMessage` if it is none."""
        again = conversation.repeated(octets, now)
        if again is None:
            raise UnexpectedMessage("a message of an exchange that is over")
        self.retransmissions += len(again)
        self.send(again, path, sa, now)

    def _enqueue(self, datagram: Datagram) -> None:
        if len(self._queue) < QUEUED:
            self._queue.append(datagram)
        else:
            self.refused["queue"] = self.refused.get("queue", 0) + 1

    # -- events --------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Something has happened."""
        self._events.append(event)

    def _refuse(self, error: GsakmpError, message: Message | None, source: Address) -> None:
        cause = cause_of(error)
        self.refused[cause] = self.refused.get(cause, 0) + 1
        self._events.append(
            DatagramRefused(
                source=source,
                cause=cause,
                problem=str(error),
                initiator_cookie=message.initiator_cookie.hex() if message else "",
                responder_cookie=message.responder_cookie.hex() if message else "",
                message_id=message.message_id if message else 0,
            )
        )
