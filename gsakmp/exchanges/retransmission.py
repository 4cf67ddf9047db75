"""When a message is sent again, and what a peer gets that sends its own again (RFC 2408, 5.1).

Intervals grow by a factor and follow the round trips that were measured. A peer that repeats its last message
gets the very octets that answered it, so that hashes and IVs on both sides stay the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from typing import Final

from gsakmp.errors import ConfigurationError

__all__ = ["Conversation", "RetransmissionPolicy"]

REPEATS: Final = 16
"""How often the peer gets the same answer again. It asks half a dozen times before it gives up; who asks more
often uses us to flood somebody."""
REPEAT_SECONDS: Final = 0.1
"""Between two answers to the same message, where the time is known; no peer asks faster."""
EARLIER: Final = 4
"""Messages before the last that are still known as the peer's, and met with silence; an exchange has four or
fewer from each side."""


@dataclass(frozen=True, slots=True)
class RetransmissionPolicy:
    """How long an answer is waited for, in seconds, and how often it is asked for again.

    Raises `ConfigurationError` for numbers that make no sense.
    """

    first: float = 2.0
    """Before the first repetition, at least; more where a round trip takes long."""
    factor: float = 1.8
    """By which each interval is longer than the one before."""
    tries: int = 5
    """Repetitions. After the last one's interval the peer counts as silent."""
    maximum: float = 30
    """The longest interval."""

    def __post_init__(self) -> None:
        times = (self.first, self.factor, self.maximum)
        if not all(isfinite(value) for value in times) or not 0 < self.first <= self.maximum:
            raise ConfigurationError("retransmission: 0 < first <= maximum is wanted, in seconds")
        if self.factor < 1:
            raise ConfigurationError("retransmission: the factor is at least 1")
        if not 0 <= self.tries <= 100:
            raise ConfigurationError("retransmission: 0 to 100 tries")

    def interval(self, repetitions: int, round_trip: float = 0.0) -> float:
        """Seconds to wait after so many repetitions; at first at least two round trips."""
        first, longest = max(self.first, 2 * round_trip), self.maximum
        # The exponent's bound keeps the power from overflowing; the longest interval is reached before.
        return float(min(longest, first * self.factor ** min(repetitions, 100)))


class Conversation:
    """One exchange as its messages go to and fro: a timer for what we sent, and the peer's last message."""

    __slots__ = (
        *("_due", "_peers", "_repeated_at", "_repeats", "_repetitions", "_round_trip", "_sent", "_sent_at"),
        *("_waiting", "exhausted", "policy", "retransmissions"),
    )

    def __init__(self, policy: RetransmissionPolicy) -> None:
        self.policy = policy
        self.exhausted = False
        """The peer has not answered, however often it was asked."""
        self.retransmissions = 0
        """Messages of ours that were sent again, for want of an answer or because the peer asked again."""
        self._sent: tuple[bytes, ...] = ()
        self._sent_at = 0.0
        self._due: float | None = None
        self._repetitions = 0
        self._round_trip = 0.0
        self._waiting = False
        self._peers: tuple[bytes, ...] = ()  # hashes, the last accepted message's last
        self._repeats = 0
        self._repeated_at: float | None = None

    def sent(self, octets: tuple[bytes, ...], expects_reply: bool, now: float) -> None:
        """These messages are sent now; they answer the message that `answered` was last told of."""
        self._sent = tuple(octets)
        self._sent_at = now
        self._repetitions = 0
        self._repeats = 0
        self._repeated_at = None
        self._waiting = expects_reply and bool(octets)
        self._due = now + self.policy.interval(0, self._round_trip) if self._waiting else None

    def answered(self, request: bytes, now: float | None = None) -> None:
        """The peer's message `request` was accepted, so ours has arrived; what is sent next is its answer.

        With `now` the round trip is measured, unless ours was sent more than once, which would leave open
        which one was answered.
        """
        if now is not None and self._waiting and not self._repetitions:
            self._round_trip = max(0.0, now - self._sent_at)
        self._waiting = False
        self._due = None
        self._sent = ()
        digest = sha256(request).digest()
        self._peers = (*(known for known in self._peers if known != digest), digest)[-EARLIER - 1 :]

    def repeated(self, octets: bytes, now: float | None = None) -> tuple[bytes, ...] | None:
        """What to send to a peer that sends `octets` again: the same as before.

        Nothing for a message before its last, or for one that comes too often; None for one that is new.
        """
        if not self._peers:
            return None
        digest = sha256(octets).digest()
        if digest not in self._peers:
            return None
        if digest != self._peers[-1] or self._repeats >= REPEATS:
            return ()
        if now is not None:
            if self._repeated_at is not None and 0 <= now - self._repeated_at < REPEAT_SECONDS:
                return ()
            self._repeated_at = now
        self._repeats += 1
        self.retransmissions += len(self._sent)
        return self._sent

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called; None while nothing is waited for."""
        return self._due

    def handle_timeout(self, now: float) -> tuple[bytes, ...]:
        """What to send again at `now`. After the last try nothing, and `exhausted` is set."""
        if self._due is None or now < self._due:
            return ()
        if self._repetitions >= self.policy.tries:
            self._due = None
            self._waiting = False
            self.exhausted = True
            return ()
        self._repetitions += 1
        self.retransmissions += len(self._sent)
        self._due = now + self.policy.interval(self._repetitions, self._round_trip)
        return self._sent
