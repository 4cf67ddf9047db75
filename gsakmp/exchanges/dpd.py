"""Whether a peer still lives (RFC 3706): asked only when nothing else was heard of it for a while."""

from __future__ import annotations

from math import isfinite
from typing import Final

from gsakmp.crypto import Random, random_octets
from gsakmp.errors import ConfigurationError, ReplayDetected, UnexpectedMessage
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.payloads import Notification
from gsakmp.registries import DOINumber, NotifyType, ProtocolID

__all__ = ["DeadPeerDetection"]

WINDOW: Final = 64
"""How far a peer's sequence number may be ahead of its last one, for questions that were lost (RFC 3706,
6.2)."""


class DeadPeerDetection:
    """Both sides of RFC 3706 under one ISAKMP SA.

    After `interval` seconds without a sign of life, `handle_timeout` gives a question to send, and up to
    `retries` repetitions of it, further and further apart; unanswered, the peer is `dead`. An `interval` of 0
    asks nothing. `cookies`, CKY-I | CKY-R, go into what is sent. The clock starts at `now`, or else at the
    first `handle_timeout` or `heard`. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        interval: float,
        retries: int,
        random: Random,
        *,
        cookies: bytes = b"",
        now: float | None = None,
    ) -> None:
        if not isfinite(interval) or interval < 0:
            raise ConfigurationError("dead peer detection: an interval of seconds, 0 for none")
        if len(cookies) not in (0, 16):
            raise ConfigurationError("cookies are sixteen octets")
        self.dead = False
        self.interval = interval
        self._policy = RetransmissionPolicy(tries=retries)
        self._cookies = cookies
        # Random at first, with the highest bit zero so that it can't run over (RFC 3706, 6.2).
        self._sequence = int.from_bytes(random_octets(random, 4), "big") & 0x7FFFFFFF
        self._asked = False
        self._asking = False
        self._repetitions = 0
        self._heard_at = now
        self._due: float | None = 0.0 if now is None else now + interval
        self.peer_sequence: int | None = None
        """The number of the peer's last question that was answered; it only grows."""
        if not interval:
            self._due = None

    def heard(self, now: float) -> None:
        """The peer has proved that it lives: by any verified message under the SA (RFC 3706, 5.4)."""
        if self.dead:
            return
        self._heard_at = now
        self._asking = False
        self._due = now + self.interval if self.interval else None

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called; None when there is nothing to wait for."""
        return self._due

    def handle_timeout(self, now: float) -> Notification | None:
        """What to ask at `now`, under protection. After the last repetition nothing, and `dead` is set."""
        if self._heard_at is None:
            self.heard(now)
        if self._due is None or now < self._due:
            return None
        if not self._asking:
            self._asked = self._asking = True
            self._repetitions = 0
            self._sequence += 1
        elif self._repetitions >= self._policy.tries:
            self.dead = True
            self._due = None
            return None
        else:
            self._repetitions += 1
        self._due = now + self._policy.interval(self._repetitions)
        return self._notification(NotifyType.R_U_THERE, self._sequence, self._cookies)

    def answer(self, notification: Notification, cookies: bytes) -> Notification | None:
        """The R-U-THERE-ACK for the peer's R-U-THERE, which came protected; None for one that gets no answer:
        of another SA, malformed, or with a sequence number before the last one or far after it."""
        sequence = _sequence(notification, NotifyType.R_U_THERE, cookies)
        if sequence is None:
            return None
        last = self.peer_sequence
        if last is not None and not last <= sequence <= last + WINDOW:
            return None
        self.peer_sequence = sequence
        return self._notification(NotifyType.R_U_THERE_ACK, sequence, cookies)

    def acknowledged(self, notification: Notification, now: float) -> bool:
        """The peer's R-U-THERE-ACK, which came protected; whether it is the first to the last question.

        Raises `UnexpectedMessage` for one that is malformed or answers nothing, `ReplayDetected` for an
        answer to an earlier question.
        """
        sequence = _sequence(notification, NotifyType.R_U_THERE_ACK, self._cookies)
        if sequence is None or not self._asked:
            raise UnexpectedMessage("an R-U-THERE-ACK of another SA, or to no question")
        if sequence != self._sequence:
            raise ReplayDetected("an R-U-THERE-ACK with another sequence number than the question's")
        first = self._asking
        self.heard(now)
        return first

    @staticmethod
    def _notification(kind: NotifyType, sequence: int, cookies: bytes) -> Notification:
        """RFC 3706, 5.3: the domain is IPsec's."""
        return Notification(
            doi=DOINumber.IPSEC,
            protocol_id=ProtocolID.PROTO_ISAKMP,
            notify_message_type=kind,
            spi=cookies,
            notification_data=sequence & 0xFFFFFFFF,
        )


def _sequence(notification: Notification, kind: NotifyType, cookies: bytes) -> int | None:
    """The sequence number of a sound notification of that kind. Its SPI is the cookies or is left out: the
    SA that protects it names them, too."""
    if notification.notify_message_type != kind or notification.protocol_id != ProtocolID.PROTO_ISAKMP:
        return None
    if cookies and notification.spi and notification.spi != cookies:
        return None
    data = notification.notification_data
    return data if isinstance(data, int) else None
