"""What verified and checked updates do to a member's SAs. Nothing here fails, so all of an update is done.

A new data SA replaces those for the same traffic: it receives at once and sends after ATD, while the old ones
send until then and receive until DTD is over (RFC 5374, 4.2.1; RFC 6407, 5.4.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from gsakmp.group.acceptance import Acceptance
from gsakmp.group.held import Held, HeldDataSA, HeldRekeySA
from gsakmp.group.holdings import Holdings, data_key
from gsakmp.group.member_periods import KeyedPeriods, MemberPeriods
from gsakmp.group.member_types import MemberEvent, RegistrationPlanned, SAsInstalled
from gsakmp.group.member_updates import (
    ConsideredPolicy,
    Deletions,
    Download,
    leaf_octets,
    wants_sender_id,
)
from gsakmp.group.rekey import MemberKeys
from gsakmp.group.reregistration import RegistrationPlan, RegistrationReason
from gsakmp.group.sa import DataSA, RekeySA
from gsakmp.group.strengths import counter_mode

__all__ = ["MemberChanges"]

RETIRED_REKEY_SECONDS: Final = (30.0, 600.0)
"""How long a Rekey SA is kept after its successor came, at least and at most; DTD in between. Retransmissions
of the push that replaced it come under it, and further ones where LKH arrays fill several (RFC 6407, 4)."""
KEYS_MISSED_SECONDS: Final = 10.0
"""How long further pushes with LKH arrays may take, before the one with this member's is taken for lost."""
NO_DATA_SECONDS: Final = 300.0
"""How long a member waits for the first data SAs by push; doubled each time, as each registration may make
the GCKS rekey the whole group (RFC 6407, 7.4.2)."""
NO_DATA_DOUBLINGS: Final = 4


class MemberChanges:
    """Changes `holdings` and `plan`, and keeps what is neither."""

    def __init__(self, holdings: Holdings, plan: RegistrationPlan, kek_grace: float = 0.0) -> None:
        """`kek_grace` is `Dialect.kek_grace_seconds`."""
        self.holdings = holdings
        self.periods = MemberPeriods(holdings)
        self.planned = plan
        self.kek_grace = kek_grace
        self.registered_at: float | None = None
        self.sender_ids: tuple[int, ...] = ()
        self.sender_id_bits = 0
        self.activation_delay = 0
        self.deactivation_delay = 0
        self.pushes = False
        """Whether the last registration brought a Rekey SA."""
        self.rekeys = 0
        self._waits = 0
        self._missed: tuple[float, float] | None = None  # until when to say nothing of it, and when it is due

    def tell(self, event: MemberEvent) -> None:
        """An event for who takes them."""
        self.holdings.events.append(event)

    def plan(self, reason: RegistrationReason, now: float, after: float = 0.0, spread: bool = True) -> None:
        """Register again for `reason`, and tell, unless that is planned already."""
        if not self.planned.planned(reason):
            delay = self.planned.plan(reason, now, after=after, spread=spread)
            self.tell(RegistrationPlanned(reason=reason, delay=delay))

    def clear(self) -> None:
        """See `GroupMember.clear`."""
        self.holdings.change += 1
        self.holdings.clear()
        self.periods.clear()
        self.planned.clear()
        self.registered_at, self.pushes, self._waits = None, False, 0
        self._forget_sender_ids()

    # -- time --------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Take everything to what it is at `now`."""
        made, told, renew = self.periods.advance(now, self.sender_ids)
        self._installed((), made)
        if renew:
            self.plan(RegistrationReason.DATA_ENDS, now, spread=False)  # its time was drawn at random before
        ended, due = self.holdings.advance(now)
        for held in ended:  # nothing came in its place in time
            self.plan(ends(held), now)
        for held in due:
            self.plan(ends(held), now, spread=False)  # as above
        for event in told:
            self.tell(event)
        self._await_data(now)
        self._tell_missed(now)
        self.planned.handle_timeout(now)

    def _tell_missed(self, now: float) -> None:
        """That a push has brought no key is no news as long as others may: a change may take several."""
        if self._missed is not None and not self.planned.planned(RegistrationReason.KEYS_MISSED):
            self._missed = None
        if self._missed is not None and now >= self._missed[0]:
            delay = max(0.0, self._missed[1] - now)
            self.tell(RegistrationPlanned(reason=RegistrationReason.KEYS_MISSED, delay=delay))
            self._missed = None

    def _await_data(self, now: float) -> None:
        """Plan for data SAs that don't come, or no longer."""
        reason = RegistrationReason.NO_DATA
        if self.holdings.current_rekey is None or self.holdings.serving:
            self.planned.cancel(reason)
        elif not self.planned.planned(reason):
            after = NO_DATA_SECONDS * 2 ** min(self._waits, NO_DATA_DOUBLINGS)
            self._waits += 1
            self.planned.plan(reason, now, after=after)

    # -- registration ------------------------------------------------------------------------------------

    def register(
        self,
        download: Download,
        periods: Sequence[KeyedPeriods],
        considered: ConsideredPolicy,
        acceptance: Acceptance,
        now: float,
    ) -> None:
        """See `GroupMember.install`."""
        held = self.holdings
        since, held.change = considered.change, held.change + 1
        self.registered_at, self.pushes = now, bool(download.rekey)
        self.planned.registered(now)
        self._delays(download)
        fresh_rekey = self._register_rekey(download, now)
        self._register_periods(periods, acceptance, now)
        self._take_sender_ids(download)
        fresh = [sa for sa in download.data if self._wanted(sa, since) and sa.expires_at > now]
        if download.data:
            self._retire_dropped(download, fresh, since, now)
        for sa in download.data:
            known = held.data.get(data_key(sa))
            if known is not None:
                known.shorten(sa.expires_at)
                if known.current:
                    known.renew_at = self.planned.renewal(now, known.ends_at)
        self._add_data(fresh, since, acceptance, now)
        self._installed(fresh_rekey, fresh)
        self.advance(now)

    def _register_periods(self, periods: Sequence[KeyedPeriods], acceptance: Acceptance, now: float) -> None:
        """Those of this registration are the only ones; what was made of others retires."""
        dropped = self.periods.register(
            periods,
            (self.activation_delay, self.deactivation_delay),
            lambda sa: (acceptance.sends(sa), counter_mode(sa)),
            self.planned.renewal,
            now,
        )
        for key in dropped:
            self.holdings.data[key].retire(now, now + self.deactivation_delay, "replaced")

    def _wanted(self, sa: DataSA, since: int) -> bool:
        """Whether a data SA that a pull brings is new, and not overtaken by a push."""
        key = data_key(sa)
        if key in self.holdings.data or self.holdings.ended_since(key, since):
            return False
        now_there = self.holdings.predecessors(sa, self.holdings.change)
        return all(held.change <= since for held in now_there)

    def _register_rekey(self, download: Download, now: float) -> list[RekeySA]:
        """The Rekey SA of a pull; what it replaces retires. The new ones."""
        held = self.holdings
        if not download.rekey:
            held.end(held.rekey.values(), "replaced")
            return []
        sa = download.rekey[0]
        known = held.rekey.get(sa.spi)
        if known is None:
            self._retire_rekey(now)
            leaf = leaf_octets(download.packets)
            self._add_rekey(sa, download.keys, download.management, leaf, now)
            return [sa]
        # It may have been replaced by a push that overtook this download: then it goes on retiring.
        held.accepted(sa.spi, sa.sequence_number)
        known.shorten(sa.expires_at + self.kek_grace)
        known.keys, known.leaf = download.keys, leaf_octets(download.packets)
        known.management = download.management
        if known.current:
            known.renew_at = self.planned.renewal(now, known.ends_at - self.kek_grace)
        return []

    def _add_rekey(
        self, sa: RekeySA, keys: MemberKeys | None, management: int, leaf: bytes, now: float
    ) -> None:
        self.holdings.add_rekey(
            HeldRekeySA(
                installed_at=now,
                ends_at=sa.expires_at + self.kek_grace,
                renew_at=self.planned.renewal(now, sa.expires_at),
                change=self.holdings.change,
                sa=sa,
                keys=keys,
                management=management,
                leaf=leaf,
            )
        )

    def _retire_dropped(self, download: Download, fresh: list[DataSA], since: int, now: float) -> None:
        """The group no longer has these data SAs. Those with a successor in `fresh` are its predecessors."""
        keys = {data_key(sa) for sa in download.data}
        replaced = [old for sa in fresh for old in self.holdings.predecessors(sa, since)]
        for key, held in self.holdings.data.items():
            if key not in keys and held.current and held.change <= since and held not in replaced:
                held.retire(now, now + self.deactivation_delay, "replaced")

    def _take_sender_ids(self, download: Download) -> None:
        """Those of the last registration, even none, are the only ones (RFC 6407, 5.6.4.3). An SA that one of
        them was used with before no longer sends; nor does one that the group no longer has, as the count of
        ids may have begun again since, and another member have had this one (RFC 6407, 3.5)."""
        self.sender_ids, self.sender_id_bits = download.sender_ids, download.sender_id_bits
        given = frozenset(self.sender_ids)
        there = {data_key(sa) for sa in download.data}
        for key, held in self.holdings.data.items():
            if held.counter_mode and held.sends:
                goes_on = key in there or (held.of_period and self.periods.owner(key))
                held.sends = goes_on and bool(given) and not given & held.sender_ids
                held.sender_ids |= given

    # -- rekey -------------------------------------------------------------------------------------------

    def rekey(
        self,
        held: HeldRekeySA,
        sequence_number: int,
        successor: RekeySA | None,
        kek: bytes,
        download: Download,
        deletions: Deletions,
        acceptance: Acceptance,
        now: float,
    ) -> None:
        """See `GroupMember.apply`. `kek` is KEK_ALGORITHM_KEY of `successor`, empty if it is not known."""
        holdings = self.holdings
        since = holdings.change
        holdings.change += 1
        self.rekeys += 1
        if held.current and sequence_number > held.sa.sequence_number + 1:
            self.plan(RegistrationReason.GAP, now)
        holdings.accepted(held.sa.spi, sequence_number)
        self._delays(download)
        fresh_rekey = self._roll_over(held, successor, kek, download, now)
        fresh = [sa for sa in download.data if data_key(sa) not in holdings.data]
        if not self.sender_ids:  # such an SA MUST NOT be installed (RFC 6407, 4.4)
            without = [sa for sa in fresh if wants_sender_id(acceptance, sa)]
            fresh = [sa for sa in fresh if sa not in without]
            if without:
                self.plan(RegistrationReason.NO_SENDER_ID, now, after=self._patience(now))
        replaced = [old for sa in fresh for old in holdings.predecessors(sa, since)]
        self._add_data(fresh, since, acceptance, now)
        self._delete(deletions, replaced, bool(fresh_rekey), now)
        self._installed(fresh_rekey, fresh)
        self.advance(now)

    def _patience(self, now: float) -> float:
        """A registration that has brought no sender id will not do so a moment later."""
        since = now - (self.registered_at if self.registered_at is not None else now)
        return max(0.0, NO_DATA_SECONDS - since)

    def _roll_over(
        self, held: HeldRekeySA, successor: RekeySA | None, kek: bytes, download: Download, now: float
    ) -> list[RekeySA]:
        """A new Rekey SA in place of the present one, whose keys below the KEK stay the member's."""
        if successor is None:
            return []
        if not kek:
            if not self.planned.planned(RegistrationReason.KEYS_MISSED):
                delay = self.planned.plan(RegistrationReason.KEYS_MISSED, now, after=KEYS_MISSED_SECONDS)
                self._missed = now + KEYS_MISSED_SECONDS, now + delay
            return []
        self.planned.cancel(RegistrationReason.KEYS_MISSED, RegistrationReason.KEK_ENDS)
        sa = replace(successor, key=kek)
        self._retire_rekey(now)
        self._add_rekey(sa, held.keys, held.management, held.leaf, now)
        return [sa]

    def _retire_rekey(self, now: float) -> None:
        least, most = RETIRED_REKEY_SECONDS
        ends_at = now + min(max(least, self.deactivation_delay), most)
        for held in self.holdings.rekey.values():
            if held.current:
                held.retire(now, ends_at, "replaced")

    def _delete(
        self, deletions: Deletions, replaced: list[HeldDataSA], rolled_over: bool, now: float
    ) -> None:
        """RFC 6407, 5.9. What has a successor in the same push goes as what is replaced does. An SPI of zero
        without one is a clean slate: gone at once, as the GCKS trusts these SAs no more."""
        for key in deletions.data:
            held = self.holdings.data[key]
            if any(held is old for old in replaced):
                continue
            clean = key[0] in deletions.clean_slate
            held.retire(now, now if clean else now + self.deactivation_delay, "deleted")
        if rolled_over or not deletions.rekey:
            return
        self.holdings.end([self.holdings.rekey[spi] for spi in deletions.rekey], "deleted")
        if self.holdings.current_rekey is None:
            # New SAs may come with a counter that starts again (RFC 6407, 3.5).
            self._forget_sender_ids()
            self.plan(RegistrationReason.DELETED, now)

    # -- both --------------------------------------------------------------------------------------------

    def _add_data(self, fresh: Iterable[DataSA], since: int, acceptance: Acceptance, now: float) -> None:
        for sa in fresh:
            activates_at = now + self.activation_delay
            for old in self.holdings.predecessors(sa, since):
                old.retire(activates_at, now + self.deactivation_delay, "replaced")
            sends, counted = acceptance.sends(sa), counter_mode(sa)
            self.holdings.add_data(
                HeldDataSA(
                    installed_at=now,
                    ends_at=sa.expires_at,
                    renew_at=self.planned.renewal(now, sa.expires_at),
                    change=self.holdings.change,
                    sa=sa,
                    activates_at=activates_at,
                    sends=sends,
                    counter_mode=counted,
                    sender_ids=frozenset(self.sender_ids if sends and counted else ()),
                )
            )
            self._waits = 0

    def _installed(self, rekey: Iterable[RekeySA], data: Iterable[DataSA]) -> None:
        spis = tuple(sa.spi.hex() for sa in rekey), tuple(sa.spi.hex() for sa in data)
        if any(spis):
            self.tell(SAsInstalled(rekey_spis=spis[0], data_spis=spis[1]))

    def _delays(self, download: Download) -> None:
        """ATD and DTD of an update that replaces something; a later delete has none of its own."""
        offered = download.offered
        brings = download.data or download.periods
        if offered is not None and (brings or offered.activation_delay or offered.deactivation_delay):
            self.activation_delay = offered.activation_delay
            self.deactivation_delay = offered.deactivation_delay

    def _forget_sender_ids(self) -> None:
        self.sender_ids, self.sender_id_bits = (), 0
        for held in self.holdings.data.values():
            held.sends = held.sends and not held.counter_mode


def ends(held: Held) -> RegistrationReason:
    return RegistrationReason.KEK_ENDS if isinstance(held, HeldRekeySA) else RegistrationReason.DATA_ENDS
