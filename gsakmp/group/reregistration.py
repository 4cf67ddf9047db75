"""When a member registers again, and why; at a random time, so that members don't all come at once.

A push that was missed shows in a gap of the sequence numbers, in an SA whose end comes near without a
successor, or in a push under an SPI that nobody knows (RFC 6407, 3.3 and 4.4; RFC 8263, 4).
"""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import Final

from gsakmp.crypto import Random, random_octets

__all__ = ["RegistrationPlan", "RegistrationReason"]

SPREAD: Final = 20.0
"""Seconds over which the members of a group that all have one reason spread their registrations: at 1,000
members 50 in a second."""
UNKNOWN_SPI_INTERVAL: Final = 120.0
"""Seconds from one registration, or one plan for an unknown SPI, to the next plan for such a reason. Anybody
can send a push with an unknown SPI, so what it costs the GCKS must be little."""
UNKNOWN_SPI_GRACE: Final = 10.0
"""Seconds from a registration in which it means nothing: what a KEK carried that was replaced just before is
sent again for so long."""
RENEWAL_SHARE: Final = 0.05
"""Share of what is left of an SA's lifetime, counted back from its end, at which the member no longer waits
for a push. Shorter than the margins at which a GCKS rolls over, so that its push has come by then."""
RENEWAL_SECONDS: Final = 60.0
"""And seconds, at most."""
RENEWAL_LEAST: Final = 1.0
"""And at least: nearer to the end the member waits for the end."""


class RegistrationReason(StrEnum):
    """Why a member registers again."""

    GAP = "gap-in-sequence"
    """A push carried a number that is not the next one."""
    KEYS_MISSED = "keys-missed"
    """A push announced a Rekey SA, and no key of it has come that this member can open."""
    KEK_ENDS = "kek-expiry"
    DATA_ENDS = "data-sa-expiry"
    DELETED = "deleted"
    """The GCKS deleted the Rekey SA, or everything."""
    NO_SENDER_ID = "no-sender-id"
    """A push brought a counter mode to a sender without a sender id (RFC 6407, 4.4)."""
    SENDER_IDS_USED_UP = "sender-ids-used-up"
    """RFC 6407, 5.6.4.3."""
    NO_DATA = "no-data-sas"
    """The data SAs that are to come by push, as after a registration with backward rekey, do not come."""
    UNKNOWN_SPI = "unknown-spi"


class RegistrationPlan:
    """The reasons that a member has to register again, each with its time. All times are `now`'s seconds."""

    def __init__(self, random: Random, spread: float = SPREAD) -> None:
        self.spread = spread
        self._random = random
        self._due: dict[RegistrationReason, float] = {}  # at most one time for each reason
        self._reported: set[RegistrationReason] = set()
        self._registered_at = -inf
        self._quiet_until = -inf

    def fraction(self) -> float:
        """A random number from 0 up to 1."""
        return int.from_bytes(random_octets(self._random, 4), "big") / (1 << 32)

    def plan(
        self, reason: RegistrationReason, now: float, *, after: float = 0.0, spread: bool = True
    ) -> float:
        """Register for `reason`, `after` seconds from now and up to the spread later, unless an earlier time
        is set for it; the seconds until then."""
        due = now + after + (self.spread * self.fraction() if spread else 0.0)
        self._due[reason] = min(due, self._due.get(reason, inf))
        return max(0.0, self._due[reason] - now)

    def planned(self, reason: RegistrationReason) -> bool:
        """Whether this reason has a time, in the future or past."""
        return reason in self._due

    def cancel(self, *reasons: RegistrationReason) -> None:
        """These reasons hold no longer."""
        for reason in reasons:
            self._due.pop(reason, None)
            self._reported.discard(reason)

    def registered(self, now: float) -> None:
        """A registration has set everything right."""
        self.cancel(*RegistrationReason)
        self._registered_at = now
        self._quiet_until = now + UNKNOWN_SPI_INTERVAL

    def clear(self) -> None:
        """Nothing to register for any more."""
        self.cancel(*RegistrationReason)
        self._quiet_until = -inf

    def unknown_spi(self, now: float) -> float | None:
        """Plan for a push under an unknown SPI, once in an interval, and for its end if it has begun: there
        may be no other push for a long time. The seconds until then, or None."""
        reason = RegistrationReason.UNKNOWN_SPI
        if self.planned(reason) or now < self._registered_at + UNKNOWN_SPI_GRACE:
            return None
        wait = max(0.0, self._quiet_until - now)
        self._quiet_until = now + wait + UNKNOWN_SPI_INTERVAL
        return self.plan(reason, now, after=wait)

    def renewal(self, now: float, ends_at: float) -> float:
        """When to register for an SA that ends at `ends_at` and has no successor by then; infinity if its end
        is too near. A registration that finds the same SA again waits for most of what is left."""
        lead = min(RENEWAL_SHARE * (ends_at - now), RENEWAL_SECONDS)
        return inf if lead < RENEWAL_LEAST else ends_at - lead * (1 - self.fraction() / 2)

    def first(self) -> tuple[RegistrationReason, float] | None:
        """The reason that comes first, and its time."""
        return min(self._due.items(), key=lambda item: item[1], default=None)

    def next_timeout(self) -> float | None:
        """When the next reason is due that was not reported yet."""
        return min((due for reason, due in self._due.items() if reason not in self._reported), default=None)

    def handle_timeout(self, now: float) -> None:
        """What is due at `now` is no longer ahead."""
        self._reported.update(reason for reason, due in self._due.items() if due <= now)
