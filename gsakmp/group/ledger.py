"""Changes of one group as they are made: each is applied to the state in memory and kept to be made durable.

`records.apply` makes the change here as it does in the journal, so memory and journal can't differ. Parts of
rekey algorithms alone are not kept here: the algorithm has what they say, and the journal has them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Final, TypeVar

from gsakmp.errors import StateError
from gsakmp.group.records import (
    AdvanceSequenceNumber,
    Change,
    DataSARecord,
    GroupState,
    MemberRecord,
    PutDataSA,
    PutMember,
    PutRekeyAlgorithm,
    PutRekeySA,
    RekeySARecord,
    RemoveDataSA,
    RemoveMember,
    RemoveRekeySA,
    apply,
)
from gsakmp.identities import Identity

__all__ = ["Ledger", "host_of"]


OF_SAS: Final = (PutRekeySA, RemoveRekeySA, AdvanceSequenceNumber, PutDataSA, RemoveDataSA)

R = TypeVar("R", RekeySARecord, DataSARecord)

OnMember = Callable[[MemberRecord | None, MemberRecord | None], None]


class Ledger:
    """The state of the group `name`, and the changes to it that nobody has taken yet."""

    def __init__(self, name: str, state: GroupState | None) -> None:
        self.name = name
        self._groups: dict[str, GroupState] = {}
        self._staged: list[Change] = []
        self._hosts: dict[str, Identity | dict[Identity, None]] = {}  # nearly always one
        self._sorted: dict[tuple[str, bool], list[Any]] = {}
        self.sa_changes = 0
        """How often Rekey SAs or data SAs have changed."""
        self.on_member: OnMember = lambda before, after: None
        """Told of each member whose record changes, comes (no `before`) or goes (no `after`)."""
        if state is not None:
            self._groups[name] = replace(
                state,
                rekey_sas=dict(state.rekey_sas),
                data_sas=dict(state.data_sas),
                members=dict(state.members),
                excluded=dict(state.excluded),
                rekey_algorithm=dict(state.rekey_algorithm),
                rekey_parts=dict(state.rekey_parts),
            )
            for record in state.members.values():
                self._note_host(record)

    @property
    def state(self) -> GroupState:
        """What the journal holds after the staged changes. Raises `StateError` before a PutGroup."""
        state = self._groups.get(self.name)
        if state is None:
            raise StateError(f"there is no group {self.name!r} yet")
        return state

    def stage(self, change: Change) -> None:
        """Make a change. Raises `StateError` for a number that would go back; nothing has changed then."""
        if isinstance(change, PutMember):
            self._member(self.state.members.get(change.record.identity), change.record)
        elif isinstance(change, RemoveMember):
            self._member(self.state.members.get(change.identity), None)
        if isinstance(change, PutRekeyAlgorithm):
            apply(self._groups, replace(change, parts={}, anew=True))
        else:
            apply(self._groups, change)
        if isinstance(change, OF_SAS):
            self.sa_changes += 1
            self._sorted.clear()
        self._staged.append(change)

    def take(self) -> list[Change]:
        """The changes since the last call, in order."""
        staged, self._staged = self._staged, []
        return staged

    # -- what is in it ---------------------------------------------------------------------------------

    def rekey_records(self, *, retired: bool = False) -> list[RekeySARecord]:
        """The Rekey SAs in force by policy index, or those that were replaced, the oldest first."""
        return self._in_order("rekey", self.state.rekey_sas, retired)

    def data_records(self, *, retired: bool = False) -> list[DataSARecord]:
        """The data SAs in force by policy index, or those that were replaced, the oldest first."""
        return self._in_order("data", self.state.data_sas, retired)

    def _in_order(self, kind: str, records: Mapping[bytes, R], retired: bool) -> list[R]:
        """The list itself: it is asked for with every registration, and SAs change seldom."""
        found = self._sorted.get((kind, retired))
        if found is None:
            chosen = [record for record in records.values() if (record.retired_at is not None) == retired]
            found = sorted(chosen, key=lambda record: (record.retired_at or 0.0, record.sa.policy_index))
            self._sorted[kind, retired] = found
        return found

    def members_at(self, host: str) -> Collection[Identity]:
        """Who registered from an IP address; several where a NAT stands before them."""
        found = self._hosts.get(host, ())
        return (found,) if isinstance(found, Identity) else found

    def _member(self, before: MemberRecord | None, after: MemberRecord | None) -> None:
        if before is None or after is None or before.address != after.address:
            self._forget_host(before)
            self._note_host(after)
        self.on_member(before, after)

    def _note_host(self, record: MemberRecord | None) -> None:
        if record is None or not (host := host_of(record.address)):
            return
        known = self._hosts.get(host)
        if known is None:
            self._hosts[host] = record.identity
        elif isinstance(known, dict):
            known[record.identity] = None
        else:
            self._hosts[host] = {known: None, record.identity: None}

    def _forget_host(self, record: MemberRecord | None) -> None:
        if record is None or not (host := host_of(record.address)):
            return
        known = self._hosts.get(host)
        if isinstance(known, dict):
            known.pop(record.identity, None)
        if not known or known == record.identity:
            self._hosts.pop(host, None)


def host_of(address: str) -> str:
    """The IP address in ``192.0.2.7:848`` or ``[2001:db8::1]:848``; empty where there is none."""
    host = address[1:].partition("]")[0] if address.startswith("[") else address
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ip_address(host))
    except ValueError:
        return ""
