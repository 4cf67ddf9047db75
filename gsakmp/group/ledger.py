"""Changes of one group as they are made: each is applied to the state in memory and kept to be made durable.

`records.apply` makes the change here as it does in the journal, so memory and journal can't differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

from gsakmp.errors import StateError
from gsakmp.group.records import (
    Change,
    DataSARecord,
    GroupState,
    MemberRecord,
    PutMember,
    RekeySARecord,
    RemoveMember,
    apply,
)
from gsakmp.identities import Identity

__all__ = ["Ledger", "host_of"]


class Ledger:
    """The state of the group `name`, and the changes to it that nobody has taken yet."""

    def __init__(self, name: str, state: GroupState | None) -> None:
        self.name = name
        self._groups: dict[str, GroupState] = {}
        self._staged: list[Change] = []
        self._hosts: dict[str, list[Identity]] = {}
        if state is not None:
            self._groups[name] = replace(
                state,
                rekey_sas=dict(state.rekey_sas),
                data_sas=dict(state.data_sas),
                members=dict(state.members),
                rekey_algorithm=dict(state.rekey_algorithm),
                rekey_parts={index: dict(parts) for index, parts in state.rekey_parts.items()},
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
        if isinstance(change, PutMember | RemoveMember):
            identity = change.record.identity if isinstance(change, PutMember) else change.identity
            self._forget_host(self.state.members.get(identity))
        apply(self._groups, change)
        if isinstance(change, PutMember):
            self._note_host(change.record)
        self._staged.append(change)

    def take(self) -> list[Change]:
        """The changes since the last call, in order."""
        staged, self._staged = self._staged, []
        return staged

    # -- what is in it ---------------------------------------------------------------------------------

    def rekey_records(self, *, retired: bool = False) -> list[RekeySARecord]:
        """The Rekey SAs in force by policy index, or those that were replaced, the oldest first."""
        found = [r for r in self.state.rekey_sas.values() if (r.retired_at is not None) == retired]
        return sorted(found, key=lambda r: (r.retired_at or 0.0, r.sa.policy_index))

    def data_records(self, *, retired: bool = False) -> list[DataSARecord]:
        """The data SAs in force by policy index, or those that were replaced, the oldest first."""
        found = [r for r in self.state.data_sas.values() if (r.retired_at is not None) == retired]
        return sorted(found, key=lambda r: (r.retired_at or 0.0, r.sa.policy_index))

    def members_at(self, host: str) -> Iterable[Identity]:
        """Who registered from an IP address; several where a NAT stands before them."""
        return tuple(self._hosts.get(host, ()))

    def _note_host(self, record: MemberRecord) -> None:
        if host := host_of(record.address):
            self._hosts.setdefault(host, []).append(record.identity)

    def _forget_host(self, record: MemberRecord | None) -> None:
        if record is None or not (host := host_of(record.address)):
            return
        there = self._hosts.get(host, [])
        if record.identity in there:
            there.remove(record.identity)
        if not there:
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
