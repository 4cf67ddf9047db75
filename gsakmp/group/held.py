"""One SA that a member holds, and its times: pending, active, retiring, gone (RFC 5374, 4.2.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from gsakmp.group.rekey.interface import MemberKeys
from gsakmp.group.sa import DataSA, Lifecycle, RekeySA
from gsakmp.registries import KEKManagementAlgorithm

__all__ = ["Held", "HeldDataSA", "HeldRekeySA"]


@dataclass(slots=True, kw_only=True, eq=False)
class Held:
    """What Rekey SAs and data SAs have in common. Times are on the clock of `now`."""

    installed_at: float
    ends_at: float
    """When it is gone: the end of its lifetime, or of DTD. It only ever comes nearer."""
    stops_at: float = inf
    """From here on it only receives."""
    renew_at: float = inf
    """When the member registers again if there is no successor."""
    ending: str = "lifetime"
    """Why it ends when it ends."""
    change: int
    """Which change of the member's SAs brought it: a count, not a time."""
    lifecycle: Lifecycle = Lifecycle.PENDING

    @property
    def current(self) -> bool:
        """Whether nothing has replaced or deleted it."""
        return self.stops_at == inf

    def retire(self, stops_at: float, ends_at: float, reason: str) -> None:
        """It was replaced or deleted. Neither time can be put off by this."""
        self.stops_at = min(self.stops_at, stops_at)
        if ends_at < self.ends_at:
            self.ends_at, self.ending = ends_at, reason
        self.renew_at = inf

    def shorten(self, expires_at: float) -> None:
        """The GCKS says that it ends earlier than it said before."""
        self.ends_at = min(self.ends_at, expires_at)

    def lifecycle_at(self, now: float) -> Lifecycle:
        """What it may be used for."""
        return Lifecycle.RETIRING if now >= self.stops_at else Lifecycle.ACTIVE

    def next_change(self) -> float:
        """When it next needs attention, given that all before has been attended to."""
        times = [self.ends_at, self.renew_at]
        if self.lifecycle != Lifecycle.RETIRING:
            times.append(self.stops_at)
        return min(times)


@dataclass(slots=True, kw_only=True, eq=False)
class HeldRekeySA(Held):
    """A Rekey SA, and the keys beside the KEK that the rekey algorithm gave this member."""

    sa: RekeySA
    keys: MemberKeys | None = field(default=None, repr=False)
    """Those of its predecessor, if a push brought it: one object for both."""
    management: int = KEKManagementAlgorithm.LKH
    """What they are for (RFC 6407, 5.3.1)."""
    leaf: bytes = field(default=b"", repr=False)
    """IV and key of the first LKH key of the member's download array (RFC 6407, 5.6.3.1), from which
    acknowledgements of the LKH types are made (RFC 8263, 2.2)."""


@dataclass(slots=True, kw_only=True, eq=False)
class HeldDataSA(Held):
    """A data SA. It receives from the start, and sends from `activates_at` on."""

    sa: DataSA
    activates_at: float
    sends: bool
    counter_mode: bool
    sender_ids: frozenset[int] = frozenset()
    """All that this member may have sent with under its key."""
    of_period: bool = False
    """Whether it is one period's, made by the member itself."""

    def lifecycle_at(self, now: float) -> Lifecycle:
        """What it may be used for."""
        if now < min(self.activates_at, self.stops_at):
            return Lifecycle.PENDING
        return Held.lifecycle_at(self, now)

    def next_change(self) -> float:
        """As `Held.next_change`, with the end of ATD."""
        ahead = Held.next_change(self)
        return min(ahead, self.activates_at) if self.lifecycle == Lifecycle.PENDING else ahead
