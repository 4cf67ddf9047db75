"""The member's side of one group: which policy it takes, which SAs it holds, when it registers again.

Sans I/O (RFC 6407, 3.3 and 4.4; RFC 5374, 4.2.1). A verb checks everything and then changes everything: one
that raises has changed nothing but what time itself changes.
"""

from __future__ import annotations

from dataclasses import replace

from gsakmp.crypto import KEK, Random, kek_cipher, system_random
from gsakmp.doi import STANDARD, Dialect
from gsakmp.errors import GsakmpError, PolicyRefused, ReplayDetected, StateError, UnexpectedMessage
from gsakmp.group.acceptance import Acceptance
from gsakmp.group.acknowledgement_keys import acknowledgement_base_key
from gsakmp.group.held import HeldRekeySA
from gsakmp.group.holdings import Holdings
from gsakmp.group.member_changes import MemberChanges
from gsakmp.group.member_periods import keyed
from gsakmp.group.member_status import membership_status
from gsakmp.group.member_types import (
    InstalledDataSA,
    MemberEvent,
    MembershipStatus,
    RegistrationPlanned,
    VerifiedRekey,
    VerifiedUpdate,
)
from gsakmp.group.member_updates import (
    ConsideredPolicy,
    Download,
    check_contradictions,
    check_management,
    check_sender_ids,
    read_deletes,
    read_pull,
    read_push,
    wants_sender_id,
    with_signature_key_of,
)
from gsakmp.group.payloads import read_group_sa
from gsakmp.group.rekey.nark_module import ModuleClient
from gsakmp.group.reregistration import SPREAD, RegistrationPlan, RegistrationReason
from gsakmp.group.sa import GSA, DataSA, RekeySA
from gsakmp.payloads import GroupSA

__all__ = [
    "Acceptance",
    "ConsideredPolicy",
    "GroupMember",
    "RegistrationReason",
    "VerifiedRekey",
    "VerifiedUpdate",
]


class GroupMember:
    """One group of a member. `now` is seconds on one clock, any that does not go back.

    `acceptance` may be replaced at any time; it is asked about what comes then.
    """

    def __init__(
        self,
        acceptance: Acceptance,
        *,
        random: Random = system_random,
        dialect: Dialect = STANDARD,
        spread: float = SPREAD,
        module: ModuleClient | None = None,
    ) -> None:
        """`spread` is seconds: a registration that something calls for comes at a random time within them.
        `module` holds the seeds of NARK; where keys go by periods, `now` is seconds since 1970."""
        self.acceptance = acceptance
        self.dialect = dialect
        self.module = module
        self._holdings = Holdings()
        self._plan = RegistrationPlan(random, spread)
        self._changes = MemberChanges(self._holdings, self._plan, dialect.kek_grace_seconds)

    # -- what there is -----------------------------------------------------------------------------------

    @property
    def gsa(self) -> GSA:
        """All SAs that serve receiving, those included that wait for ATD or for the end of DTD."""
        held = self._holdings
        return GSA(
            rekey=tuple(rekey.sa for rekey in held.rekey.values()),
            data=tuple(data.sa for data in held.data.values()),
        )

    @property
    def data_sas(self) -> tuple[InstalledDataSA, ...]:
        """The data SAs with what each may be used for, as of the last verb that was told the time."""
        return tuple(
            InstalledDataSA(
                sa=held.sa,
                lifecycle=held.lifecycle,
                sends=held.sends,
                counter_mode=held.counter_mode,
                ends_at=held.ends_at,
            )
            for held in self._holdings.data.values()
        )

    @property
    def patterns(self) -> tuple[DataSA, ...]:
        """The data SAs whose keys go by periods. They have no keys; those made from them, one a period, are
        in `data_sas` as their time comes."""
        return self._changes.periods.patterns

    @property
    def sender_ids(self) -> tuple[int, ...]:
        """Those of the last registration, the member's alone; empty for none."""
        return self._changes.sender_ids

    @property
    def sender_id_bits(self) -> int:
        """Bits of a sender id in the nonce (RFC 6407, 5.6.4.1); 0 without sender ids."""
        return self._changes.sender_id_bits

    def rekey_sa(self, spi: bytes) -> RekeySA | None:
        """The Rekey SA of a push's cookies: in force, or replaced so recently that pushes under it may still
        come. None for one that is not known."""
        held = self._holdings.rekey.get(spi)
        return held.sa if held else None

    def acknowledgement_key(self, spi: bytes) -> bytes | None:
        """The base key of acknowledgements for pushes under a Rekey SA (RFC 8263, 2.1 to 2.4), without IV.

        None where none is asked for, or the member has no key of the kind that is: it then takes part
        without (RFC 8263, 4). To be asked for before `apply`, as the push may delete its own Rekey SA."""
        held = self._holdings.rekey.get(spi)
        try:
            return acknowledgement_base_key(held.sa, held.leaf) if held is not None else None
        except GsakmpError:
            return None

    # -- registration ------------------------------------------------------------------------------------

    def consider(self, offered: GroupSA, now: float) -> ConsideredPolicy:
        """Whether what message 2 of a pull offers is acceptable. Changes nothing.

        Raises `PolicyRefused` and `DecodeError`; RFC 6407, 3.3 then wants the phase-1 SA torn down, with a
        Delete to the GCKS.
        """
        allow_weak = self.acceptance.allow_weak
        policy = read_group_sa(offered, now, allow_weak=allow_weak, dialect=self.dialect)
        self.acceptance.check(policy.gsa, registering=True)
        data = policy.gsa.data
        counter_mode = any(wants_sender_id(self.acceptance, sa) for sa in data)
        # With backward rekey the data SAs come later, by push, which can't bring sender ids (5.6.4.4, 7.4.2).
        to_come = self.acceptance.sender and not data
        return ConsideredPolicy(
            sender_ids=int(counter_mode or to_come), offered=policy, change=self._holdings.change
        )

    def install(self, update: VerifiedUpdate, considered: ConsideredPolicy, now: float) -> None:
        """Message 4 of a pull: the keys of what was considered. What the member holds of an earlier
        registration and the group no longer has is replaced; sender ids are always replaced.

        A sequence number below that of a push taken over since is stale and ignored (RFC 6407, 3.3).
        Raises `DecodeError` and `PolicyRefused`; `UnexpectedMessage` where SEQ or KD is missing; `StateError`
        where a push has deleted the Rekey SA meanwhile, so that the member must register once more.
        """
        self.handle_timeout(now)
        download = read_pull(update, considered, self.acceptance)
        for rekey in download.rekey:
            if self._holdings.ended_since(rekey.spi, considered.change):
                raise StateError("the Rekey SA was deleted while its keys were under way")
            if rekey.expires_at <= now:
                raise PolicyRefused("the lifetime of the Rekey SA is over")
            self._holdings.check_rekey(rekey)
        self._holdings.check_data(download.data)
        check_sender_ids(self.acceptance, download, self._holdings)
        self._changes.periods.check(download.periods)
        self._changes.periods.check_sender_ids(download.periods, frozenset(download.sender_ids))
        periods = keyed(download.periods, self.module)  # the last that may fail: a module makes receipts
        self._changes.register(download, periods, considered, self.acceptance, now)

    # -- rekey -------------------------------------------------------------------------------------------

    def apply(self, update: VerifiedRekey, now: float) -> None:
        """A push, its signature verified (RFC 6407, 4.4).

        Raises `UnexpectedMessage` under an SPI that is not held, `ReplayDetected` for a sequence number that
        is not greater than the last; `DecodeError` and `PolicyRefused` for what is not taken: all of it, with
        the sequence number, so that the next push shows a gap.
        """
        self.handle_timeout(now)
        held = self._holdings.rekey.get(update.spi)
        if held is None:
            raise UnexpectedMessage("a push under no Rekey SA that is known")
        number = update.sequence_number
        if number is None or number <= held.sa.sequence_number:
            raise ReplayDetected(f"sequence number {number} after {held.sa.sequence_number}")
        deletions = read_deletes(update.deletes, self._holdings, held.current)
        download = read_push(update, self.acceptance, self.dialect, now)
        successor = self._checked_successor(held, download)
        if successor is not None and self.dialect.sequence_number_goes_on:
            successor = replace(successor, sequence_number=number)
        self._holdings.check_data(download.data)
        check_contradictions(download, deletions)
        kek = self._key_of(held, successor, download)  # the last that may fail: its keys move on
        self._changes.rekey(held, number, successor, kek, download, deletions, self.acceptance, now)

    def _checked_successor(self, held: HeldRekeySA, download: Download) -> RekeySA | None:
        """The new Rekey SA of a push, None where it brings none or one that is known."""
        for rekey in download.rekey:
            self._holdings.check_rekey(rekey)
            if rekey.spi in self._holdings.rekey:
                continue
            if not held.current:
                raise UnexpectedMessage("a new Rekey SA under one that was replaced")
            check_management(held.management, rekey)
            successor = with_signature_key_of(held.sa, rekey)
            self.acceptance.check_successor(held.sa, successor)
            return successor
        return None

    def _key_of(self, held: HeldRekeySA, successor: RekeySA | None, download: Download) -> bytes:
        """KEK_ALGORITHM_KEY of the new Rekey SA; empty where its keys don't lead this member to it, yet.

        One change may take several pushes (RFC 6407, 4), all of them under the KEK before it: those that come
        when the new one is held already may bring keys below it all the same.
        """
        for rekey in download.rekey:
            known = self._holdings.rekey.get(rekey.spi)
            keys = held.keys if known is None else known.keys
            if keys is None:
                break
            suite = rekey.suite
            cipher = kek_cipher(suite.encryption, suite.key_length, allow_weak=self.acceptance.allow_weak)
            found = keys.follow(download.packets, cipher)
            if found is None or rekey.key:
                break
            if known is not None and not found.same(KEK.parse(cipher, known.sa.key)):
                raise PolicyRefused(f"two pushes lead to different KEKs of the Rekey SA {rekey.spi.hex()}")
            return found.build() if known is None else b""
        return b"" if successor is None else successor.key

    # -- registering again -------------------------------------------------------------------------------

    def unknown_spi(self, now: float, spi: bytes = b"") -> None:
        """A push came under an SPI that is not held, nor was before: a rekey was missed, or somebody forges.
        Nothing proves which, so the member registers again once in an interval, and never in a group without
        pushes."""
        self.handle_timeout(now)
        if self._changes.pushes and not self._holdings.ended_since(spi, 0):
            delay = self._plan.unknown_spi(now)
            if delay is not None:
                self._changes.tell(RegistrationPlanned(reason=RegistrationReason.UNKNOWN_SPI, delay=delay))

    def sender_ids_used_up(self, now: float) -> None:
        """The data plane is running out of nonces (RFC 6407, 5.6.4.3): register again."""
        if self._changes.registered_at is not None:
            self._changes.plan(RegistrationReason.SENDER_IDS_USED_UP, now)

    def wants_registration(self, now: float) -> RegistrationReason | None:
        """Why the member should register again at `now`; None if it should not. It goes on saying so until
        `install`. A member that never registered wants nothing of itself."""
        first = self._plan.first()
        return first[0] if first and first[1] <= now else None

    # -- time --------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due next, None for never. After it was called with `now`, this is later
        than `now`."""
        times = (
            self._holdings.next_timeout(),
            self._changes.periods.next_timeout(),
            self._plan.next_timeout(),
        )
        return min((when for when in times if when is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Do what is due: ATD, DTD and lifetimes that are over, reasons to register."""
        self._changes.advance(now)

    def take_events(self) -> list[MemberEvent]:
        """What has happened since the last call."""
        events = list(self._holdings.events)
        self._holdings.events.clear()
        return events

    def clear(self) -> None:
        """Forget the group: every SA, every sender id, every reason to register."""
        self._changes.clear()

    def status(self, now: float) -> MembershipStatus:
        """What operators look at."""
        return membership_status(self._holdings, self._changes, self._plan, self.next_timeout(), now)
