"""Who acknowledges pushes, and who falls silent (RFC 8263, 5 and 6).

Pushes that follow one another closely are one round: a member that acknowledges any of them is heard of, and
one that acknowledges none until the round is over was silent for one rekey. What a round finds is
written when it is over, not with every acknowledgement; a crash forgets the round, and blames nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from gsakmp.errors import AuthenticationFailed, GsakmpError, UnexpectedMessage
from gsakmp.group.acknowledgement_keys import acknowledgement_base_key
from gsakmp.group.records import MemberRecord, PutMember, RekeySARecord
from gsakmp.group.schedule import acknowledgement_seconds
from gsakmp.group.server_core import ServerCore
from gsakmp.group.server_types import MemberWentSilent, Push
from gsakmp.identities import Identity

__all__ = ["Acknowledgements"]

PUSHES_PER_ROUND: Final = 4096
"""Pushes that one round looks for: it lasts seconds, and even a rekey in parts stays far below."""


@dataclass(slots=True)
class Round:
    """Pushes whose acknowledgements are waited for."""

    started: float
    deadline: float
    indices: set[int] = field(default_factory=set)
    """The SA2s that they went under."""
    pushes: set[tuple[bytes, int]] = field(default_factory=set)
    heard: dict[Identity, set[tuple[bytes, int]]] = field(default_factory=dict)
    exempt: set[Identity] = field(default_factory=set)
    """Who has registered meanwhile."""


class Acknowledgements:
    """The acknowledgements of one group's members."""

    def __init__(self, core: ServerCore) -> None:
        self.core = core
        self.total = 0
        self.round: Round | None = None
        core.on_push = self.pushed
        core.on_registered = self.registered
        core.on_clean_slate = self.forget

    def pushed(self, push: Push, now: float) -> None:
        """A push that members should acknowledge. It joins the round that is open: rekeys that follow on one
        another would else put its end off for ever."""
        if self.round is None:
            deadline = now + acknowledgement_seconds(self.core.policy, push.sa)
            self.round = Round(started=now, deadline=deadline)
        self.round.indices.add(push.sa.policy_index)
        if len(self.round.pushes) < PUSHES_PER_ROUND:
            self.round.pushes.add((push.sa.spi, push.sequence_number))

    def registered(self, identity: Identity) -> None:
        """Nobody owes an acknowledgement of what went before its registration."""
        if self.round is not None:
            self.round.exempt.add(identity)

    def forget(self) -> None:
        """Blame nobody: what was pushed has been overtaken by a clean slate."""
        self.round = None

    # -- one acknowledgement ---------------------------------------------------------------------------

    def base_key(self, spi: bytes, identity: Identity) -> bytes:
        """See `GroupServer.base_key`."""
        record = self._record(spi)
        members = self._members(identity)
        own = self.core.state.members[members[0]].key if len(members) == 1 else b""
        try:
            return acknowledgement_base_key(record.sa, own)
        except GsakmpError:
            raise AuthenticationFailed(f"{identity} has no key that protects an acknowledgement") from None

    def acknowledge(self, spi: bytes, sequence_number: int, identity: Identity) -> bool:
        """See `GroupServer.acknowledge`."""
        record = self._record(spi)
        if not 1 <= sequence_number <= record.sa.sequence_number:
            raise UnexpectedMessage(f"push {sequence_number} of Rekey SA {spi.hex()} was never sent")
        first = [member for member in self._members(identity) if self._heard(member, (spi, sequence_number))]
        self.total += bool(first)
        return bool(first)

    def _heard(self, identity: Identity, push: tuple[bytes, int]) -> bool:
        """Note it; whether it is news."""
        if self.round is not None and push in self.round.pushes:
            heard = self.round.heard.setdefault(identity, set())
            if push in heard:
                return False
            heard.add(push)
            return True
        if self._record(push[0]).retired_at is not None:  # of another Rekey SA than what is on record
            return False
        record = self.core.state.members[identity]
        if push[1] <= record.acknowledged:  # after a restart an old one, sent again, is not known as such
            return False
        self._put(record, push[1], 0)
        return True

    def _record(self, spi: bytes) -> RekeySARecord:
        record = self.core.state.rekey_sas.get(spi)
        if record is None or record.sa.suite.acknowledgement is None:
            raise AuthenticationFailed("no acknowledgement is asked for under this SPI")
        return record

    def _members(self, identity: Identity) -> list[Identity]:
        """Whom an acknowledgement's ID payload means: it holds the address that the member registered from
        (RFC 8263, 3.4). Where a NAT stands before several, that is all of them: too little blame is better
        than too much (6)."""
        state = self.core.state
        if identity in state.members:
            return [identity]
        found = [name for name in self.core.ledger.members_at(str(identity.data)) if name in state.members]
        if not found:
            raise AuthenticationFailed(f"{identity} is no member")
        return found

    # -- the end of a round ----------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When the round is over."""
        return self.round.deadline if self.round is not None else None

    def handle_timeout(self, now: float) -> list[Identity]:
        """Counts what an ended round found. Gives those whom the policy wants dropped: silent for long, and
        heard of before, since one that never acknowledged anything may be unable to (RFC 8263, 6)."""
        ended = self.round
        if ended is None or now < ended.deadline:
            return []
        self.round = None
        dropped = []
        for record in list(self.core.state.members.values()):
            heard = ended.heard.get(record.identity)
            if heard:
                last = max(number for _, number in heard)
                if (record.acknowledged, record.silent_rekeys) != (last, 0):
                    self._put(record, last, 0)
            elif self._expected(record, ended):
                self._put(record, record.acknowledged, record.silent_rekeys + 1)
                if self._fell_silent(record, record.silent_rekeys + 1, now):
                    dropped.append(record.identity)
        return dropped

    def _expected(self, record: MemberRecord, ended: Round) -> bool:
        """Whether a member was there, and was pushed to."""
        if record.identity in ended.exempt or record.registered_at > ended.started:
            return False
        index = self.core.index_of(record.identity, record.address)
        return index is None or index in ended.indices

    def _fell_silent(self, record: MemberRecord, rekeys: int, now: float) -> bool:
        """Report it, once; whether it is to be dropped."""
        index = self.core.index_of(record.identity, record.address)
        if index is None:
            return False
        rekey = self.core.policy.rekey[index]
        if rekeys == rekey.silent_rekeys:
            event = MemberWentSilent(group=self.core.name, member=record.identity, rekeys=rekeys)
            self.core.events.append(event)
            self.core.audit(now, "silent", record.identity, f"{rekeys} rekeys in a row")
        return rekeys >= rekey.silent_rekeys and rekey.drop_silent and record.acknowledged > 0

    def _put(self, record: MemberRecord, acknowledged: int, silent_rekeys: int) -> None:
        changed = replace(record, acknowledged=acknowledged, silent_rekeys=silent_rekeys)
        self.core.ledger.stage(PutMember(group=self.core.name, record=changed))

    def last_heard(self, identity: Identity) -> int:
        """The highest sequence number that a member has acknowledged in the open round, 0 for none."""
        heard = self.round.heard.get(identity) if self.round is not None else None
        return max((number for _, number in heard), default=0) if heard else 0
