"""The GCKS's side of one group: who is in it, which SAs it has, and what is pushed when (RFC 6407, 3.4, 4.3).

Sans I/O. Each verb stages changes (`gsakmp.group.records`), pushes and events. The owner takes them after it:
it first makes `take_changes` durable, then sends what `take_pushes` gives and answers the member. A verb that
raises may have staged something all the same (`admit` says when), so the owner takes after an error, too.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509

from gsakmp.crypto import Random, system_random
from gsakmp.errors import ConfigurationError, PolicyRefused, StateError
from gsakmp.group.acknowledgements import Acknowledgements
from gsakmp.group.authorisation import Admissions
from gsakmp.group.policy import GroupPolicy, MemberPolicy
from gsakmp.group.records import (
    Change,
    Exclude,
    GroupState,
    PutGroup,
    Readmit,
    RemoveDataSA,
    RemoveRekeySA,
)
from gsakmp.group.recovery import Recovery, checked
from gsakmp.group.registration import Registration
from gsakmp.group.rekeying import Rekeying
from gsakmp.group.sa import RekeySA
from gsakmp.group.schedule import data_due, data_gone, rekey_due, rekey_gone
from gsakmp.group.server_core import ServerCore
from gsakmp.group.server_periods import Periods
from gsakmp.group.server_status import group_status, member_page
from gsakmp.group.server_tree import TreeView, tree_view
from gsakmp.group.server_types import Admission, GroupStatus, MemberStatus, Offer, Push, ServerEvent
from gsakmp.identities import Identity
from gsakmp.registries import AuthenticationMethod

__all__ = ["GroupServer"]

EXCLUDED: Final = 65_536
"""Who may be excluded from a group; for more, its policy should list whom it admits."""


class GroupServer:
    """One group of a GCKS. `now` is seconds on one clock that goes on over restarts (Unix time). Who is in it
    is known by `Identity.folded`: who was evicted does not come back by another spelling of its name."""

    def __init__(
        self, policy: GroupPolicy, state: GroupState | None, *, random: Random = system_random, now: float
    ) -> None:
        """From what the journal holds, None for a group that it has not. Stages what is to be made or mended:
        the first SAs, those whose lifetime has passed, what another policy changes, what a crash cut off.

        Raises `ConfigurationError` for a policy that does not hold together, or another group's state."""
        if state is not None and state.name != policy.name:
            raise ConfigurationError(f"the state of {state.name!r} for a policy of {policy.name!r}")
        self._core = ServerCore(checked(policy), state, random)
        self._rekeying = Rekeying(self._core)
        self._admissions = Admissions(policy)
        self._due: tuple[int, GroupPolicy | None, float | None] = (-1, None, None)
        self._acknowledgements = Acknowledgements(self._core)
        self._periods = Periods(self._core)
        self._registration = Registration(self._core, self._rekeying, self._periods)
        self._recovery = Recovery(self._core, self._rekeying)
        if state is None:
            self._recovery.create(now)
        else:
            self._recovery.restart(now)
            self.handle_timeout(now)

    # -- what the owner takes --------------------------------------------------------------------------

    def take_changes(self) -> list[Change]:
        """The changes since the last call, in order. All that pushes and admissions depend on is in it."""
        return self._core.ledger.take()

    def take_pushes(self) -> list[Push]:
        """The pushes since the last call, in the order in which they are to be sent."""
        pushes, self._core.pushes = self._core.pushes, []
        return pushes

    def take_events(self) -> list[ServerEvent]:
        """What has happened since the last call."""
        events, self._core.events = self._core.events, []
        return events

    @property
    def state(self) -> GroupState:
        """What the journal holds once the changes staged are durable. Not to be changed."""
        return self._core.state

    @property
    def policy(self) -> GroupPolicy:
        """The policy in force."""
        return self._core.policy

    # -- registration ----------------------------------------------------------------------------------

    def authorise(self, identity: Identity, certificate: x509.Certificate | None) -> MemberPolicy:
        """What the policy says about who has proved this identity. Raises `PolicyRefused` for a stranger, and
        for who was excluded."""
        if identity.folded() in self._core.state.excluded:
            raise PolicyRefused(f"{identity} was evicted from {self._core.name!r}")
        return self._for_policy().admitted(identity, certificate)

    def check_registration_sa(self, suite: str, method: AuthenticationMethod, strength: int) -> None:
        """Whether an ISAKMP SA may carry a registration with this group. Raises `PolicyRefused`."""
        self._for_policy().check_sa(suite, method, strength)

    def _for_policy(self) -> Admissions:
        if self._admissions.policy is not self._core.policy:
            self._admissions = Admissions(self._core.policy)
        return self._admissions

    def offer(
        self,
        identity: Identity,
        now: float,
        *,
        sender: bool = True,
        address: str = "",
        periods: str = "",
        module: str = "",
    ) -> Offer:
        """What message 2 offers; changes nothing. `sender` is `MemberPolicy.sender` of `authorise`, and
        `address` that which `admit` is given: it decides where a group has SA2s of two address families.
        `periods` and `module` are `MemberPolicy`'s as well, for keys by periods.

        Raises `PolicyRefused` where the group is full or dissolved, or the member's periods are over."""
        return self._registration.offer(identity.folded(), now, sender, address, periods, module)

    def admit(
        self,
        offer: Offer,
        identity: Identity,
        address: str,
        sender_ids: int,
        certificate_subject: str,
        now: float,
    ) -> Admission:
        """Once message 3 is verified: the member is in. `sender_ids` is what it asked for, 0 for nothing.

        Raises `StateError` where a rekey has overtaken the offer, also when the sender ids have run out and
        all SAs were deleted for that (RFC 6407, 3.5: staged, to be committed and pushed as ever): the member
        may pull again at once. Raises `PolicyRefused` for more sender ids than one member gets."""
        return self._registration.admit(
            offer, identity.folded(), address, sender_ids, certificate_subject, now
        )

    # -- acknowledgements (RFC 8263) -------------------------------------------------------------------

    def base_key(self, spi: bytes, identity: Identity) -> bytes:
        """The key, without IV, from which this member's acknowledgements under a Rekey SA are protected
        (RFC 8263, 2.1 to 2.4). `identity` is that of its ID payload: its address, or its phase-1 identity.

        Raises `AuthenticationFailed` for an SA or a member that is not known, or no acknowledgement asked
        for."""
        return self._acknowledgements.base_key(spi, identity)

    def members_at(self, host: str) -> list[Identity]:
        """Who registered last from this IP address; several where a NAT stands before them."""
        return list(self._core.ledger.members_at(host))

    def rekey_sa(self, spi: bytes) -> RekeySA | None:
        """The Rekey SA of an acknowledgement's cookies: in force, or replaced not long ago."""
        record = self._core.state.rekey_sas.get(spi)
        return record.sa if record is not None else None

    def acknowledge(self, spi: bytes, sequence_number: int, identity: Identity) -> bool:
        """A verified acknowledgement; whether it is the first of this push by this member. Raises
        `UnexpectedMessage` for a push that never was, and as `base_key`."""
        return self._acknowledgements.acknowledge(spi, sequence_number, identity)

    # -- change ----------------------------------------------------------------------------------------

    def rekey(self, now: float, reason: str = "operator", *, kek: bool = True, data: bool = True) -> None:
        """New KEKs, then new data SAs under them. Raises `StateError` for a group that was dissolved."""
        self._alive()
        self._rekeying.rekey(now, reason, kek=kek, data=data)

    def evict(self, identity: Identity, now: float, kind: str = "evicted", *, exclude: bool = False) -> None:
        """A member is out; with forward rekey it can't read what follows (RFC 6407, 7.4.1). `exclude` keeps
        it out until `readmit`, whatever the policy says, and may name who is no member yet.

        Raises `StateError` for who is no member and not to be excluded."""
        core, identity = self._core, identity.folded()
        member = identity in core.state.members
        if not member and not exclude:
            raise StateError(f"{identity} is no member of {core.name!r}")
        if exclude:
            if len(core.state.excluded) >= EXCLUDED and identity not in core.state.excluded:
                raise StateError(
                    f"{EXCLUDED} are excluded from {core.name!r}; the policy's list is the place"
                )
            core.ledger.stage(Exclude(group=core.name, identity=identity, at=now))
        if member:
            self._rekeying.remove((identity,), now, kind)

    def readmit(self, identity: Identity) -> None:
        """Who was excluded may register again. Raises `StateError` for who was not."""
        identity = identity.folded()
        if identity not in self._core.state.excluded:
            raise StateError(f"{identity} is not excluded from {self._core.name!r}")
        self._core.ledger.stage(Readmit(group=self._core.name, identity=identity))

    def leave(self, identity: Identity, now: float) -> None:
        """A member has said that it leaves: as `evict`, by its own wish."""
        self.evict(identity, now, "left")

    def start_over(self, now: float, reason: str = "operator") -> None:
        """A clean slate (RFC 6407, 5.9): all SAs deleted by push and made anew, with new signing keys;
        members register again. Raises `StateError` for a group that was dissolved."""
        self._alive()
        self._rekeying.start_over(now, reason, new_signing_key=True)

    def dissolve(self, now: float, reason: str = "operator") -> None:
        """The end of the group: everything deleted by push, nobody a member, nothing offered any more. A
        `reload`, or a restart with its policy, makes it anew."""
        core = self._core
        self._alive()
        self._rekeying.end(now, reason)
        core.ledger.stage(
            PutGroup(
                group=core.name,
                identity=core.state.identity,
                created_at=core.state.created_at,
                policy_digest=b"",
            )
        )
        core.audit(now, "dissolved", detail=reason)
        core.dissolved = True

    def reload(self, policy: GroupPolicy, now: float) -> None:
        """Another policy: who may no longer be in is evicted, and SAs that it wants otherwise are replaced.
        Raises `ConfigurationError`, and nothing has changed then."""
        if policy.name != self._core.name:
            raise ConfigurationError(f"a policy of {policy.name!r} for {self._core.name!r}")
        self._recovery.reload(checked(policy), now)

    def _alive(self) -> None:
        if self._core.dissolved:
            raise StateError(f"the group {self._core.name!r} has ended")

    # -- time ------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due next. May lie in the past."""
        core = self._core
        times = [
            *(self._sas_due(), core.join_rekey_at, core.batch_at),
            self._acknowledgements.next_timeout(),
        ]
        return min((time for time in times if time is not None), default=None)

    def _sas_due(self) -> float | None:
        """When the next SA is to be replaced or forgotten. It is asked with every registration, and only SAs
        and the policy change it."""
        core = self._core
        changes, policy, due = self._due
        if changes != core.ledger.sa_changes or policy is not core.policy:
            pushed = bool(core.indices())
            times = [rekey_gone(core.policy, record) for record in core.ledger.rekey_records(retired=True)]
            times += [
                data_gone(core.policy, record, pushed) for record in core.ledger.data_records(retired=True)
            ]
            times += [rekey_due(core.policy, record.sa) for record in core.ledger.rekey_records()]
            times += [
                data_due(core.policy, record.sa)
                for record in core.ledger.data_records()
                if record.sa.periods is None
            ]
            times.append(self._periods.next_timeout())
            due = min((time for time in times if time is not None), default=None)
            self._due = core.ledger.sa_changes, core.policy, due
        return due

    def handle_timeout(self, now: float) -> None:
        """Does what is due: rollovers, removals, and the count of who did not acknowledge."""
        core = self._core
        self._forget_retired(now)
        if silent := self._acknowledgements.handle_timeout(now):
            self._rekeying.remove(silent, now, "silent")
        if core.batch_at is not None and self._batch_due(now):
            self._rekeying.shut_out(now, "batch")
        for record in core.ledger.rekey_records():
            if rekey_due(core.policy, record.sa) <= now:
                self._rekeying.renew_kek(record.sa.policy_index, now, "lifetime")
        if core.join_rekey_at is not None and core.join_rekey_at <= now:
            self._rekeying.replace_data(now, "joined")
        due = {
            record.sa.policy_index
            for record in core.ledger.data_records()
            if record.sa.periods is None and data_due(core.policy, record.sa) <= now
        }
        if due:
            self._rekeying.replace_data(now, "lifetime", due)
        self._periods.handle_timeout(now)

    def _batch_due(self, now: float) -> bool:
        """Whether the interval is over, or something is replaced anyway, which is done once for both."""
        core = self._core
        times = [core.batch_at, core.join_rekey_at]
        times += [rekey_due(core.policy, record.sa) for record in core.ledger.rekey_records()]
        times += [data_due(core.policy, record.sa) for record in core.ledger.data_records()]
        return any(time is not None and time <= now for time in times)

    def _forget_retired(self, now: float) -> None:
        core = self._core
        pushed = bool(core.indices())
        for rekey in core.ledger.rekey_records(retired=True):
            gone = rekey_gone(core.policy, rekey)
            if gone is not None and gone <= now:
                core.ledger.stage(RemoveRekeySA(group=core.name, spi=rekey.sa.spi))
        for data in core.ledger.data_records(retired=True):
            gone = data_gone(core.policy, data, pushed)
            if gone is not None and gone <= now:
                change = RemoveDataSA(group=core.name, protocol=data.sa.protocol, spi=data.sa.spi)
                core.ledger.stage(change)

    def status(self, now: float) -> GroupStatus:
        """What operators look at. It looks at no member."""
        return group_status(self._core, self._acknowledgements, self.next_timeout(), now)

    def members(self, offset: int = 0, limit: int = 1000) -> tuple[MemberStatus, ...]:
        """Some of the members, in the order in which they joined."""
        return member_page(self._core, self._acknowledgements, offset, limit)

    def tree(self, index: int = 0, limit: int = 1000, member: Identity | None = None) -> TreeView:
        """The key tree of the policy's SA2 number `index`, its first nodes from the root on, and a member's
        path in it. Raises `ConfigurationError` for an SA2 that there is not, `StateError` for who is not in
        its structure."""
        return tree_view(self._core, index, limit, None if member is None else member.folded())
