"""Sender ids: the part of a counter mode's nonce that keeps senders apart (RFC 6407, 3.5; RFC 6054).

The GCKS counts up, and never gives an id twice while a data SA lives that it was given for. Ids are
durable before a member sees them. When they run out, every data SA and the Rekey SAs are deleted, new ones
are made and the count starts again: see `gsakmp.group.rekeying`.
"""

from __future__ import annotations

from typing import Final

from gsakmp.errors import PolicyRefused
from gsakmp.group.policy import GroupPolicy
from gsakmp.group.suites import data_suite

__all__ = ["IDS_PER_REGISTRATION", "SenderIDs"]

IDS_PER_REGISTRATION: Final = 32
"""Ids that one member gets at once: it asks for one per encryption module (RFC 6407, 3.5), as a chassis
has line cards. Without a bound one member could use up all ids with one request, and start the group
over, which costs every member a registration."""


class SenderIDs:
    """What a policy says about sender ids."""

    def __init__(self, policy: GroupPolicy) -> None:
        suites = [(data, data_suite(data, allow_weak=policy.allow_weak)) for data in policy.data]
        bits = [data.sender_id_bits for data, suite in suites if suite.counter_mode]
        self.bits = min(bits, default=0)
        """NUMBER_OF_SID_BITS: one width for all data SAs, since a sender has the same ids for all of them
        (RFC 6407, 5.6.4.1); 0 where no data SA has a counter mode."""

    @property
    def limit(self) -> int:
        """How many ids there are."""
        return 1 << self.bits if self.bits else 0

    def wanted(self, requested: int, sender: bool) -> int:
        """How many a member gets that asked for `requested`, 0 if it asked for nothing.

        One without asking; none where it may not send, or no data SA needs them. Raises `PolicyRefused`
        for more than one member gets.
        """
        if not self.bits or not sender:
            return 0
        most = min(IDS_PER_REGISTRATION, self.limit)
        if not 0 <= requested <= most:
            raise PolicyRefused(f"{requested} sender ids asked for, one member gets at most {most}")
        return max(1, requested)

    def available(self, following: int, count: int) -> bool:
        """Whether `count` ids are left when `following` is the next."""
        return not count or following + count <= self.limit
