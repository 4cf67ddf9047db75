"""What of a GCKS's group must survive a crash, and the changes that are made durable before they are sent.

An engine gives a `Journal` the changes of one step, all or none of which become durable, before any datagram
leaves that depends on them. `gsakmp.store` has a journal on SQLite; `MemoryJournal` is for tests and demos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from gsakmp.errors import StateError
from gsakmp.group.sa import DataSA, RekeySA
from gsakmp.identities import Identity

__all__ = [
    "AdvanceSequenceNumber",
    "AllocateSenderIDs",
    "Audit",
    "Change",
    "DataSARecord",
    "Exclude",
    "GroupState",
    "Journal",
    "MemberRecord",
    "MemoryJournal",
    "PutDataSA",
    "PutGroup",
    "PutMember",
    "PutRekeyAlgorithm",
    "PutRekeySA",
    "Readmit",
    "RekeySARecord",
    "RemoveDataSA",
    "RemoveMember",
    "RemoveRekeySA",
    "ResetSenderIDs",
]

AUDIT_ENTRIES: Final = 100_000
"""Entries of the audit that `MemoryJournal` keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeySARecord:
    """A Rekey SA and the private key that signs its pushes (PKCS #8, DER)."""

    sa: RekeySA
    signing_key: bytes = field(repr=False)
    retired_at: float | None = None
    """When it was replaced; it is kept until no member can still need it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSARecord:
    """A data SA, and whether it was replaced."""

    sa: DataSA
    retired_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord:
    """A member that has registered, by the identity that it proved in phase 1."""

    identity: Identity
    registered_at: float
    address: str = ""
    """Where it registered from, and where a unicast push goes: ``192.0.2.7:848``, ``[2001:db8::1]:848``."""
    sender_ids: tuple[int, ...] = ()
    """Those of its last registration."""
    acknowledged: int = 0
    """Sequence number of the last push that it acknowledged."""
    silent_rekeys: int = 0
    """Pushes in a row that it did not acknowledge."""
    key: bytes = field(default=b"", repr=False)
    """Its own key, where the rekey algorithm gives each member one (IV, then key)."""
    certificate: str = ""
    """Subject of the certificate that it showed."""


@dataclass(slots=True, kw_only=True)
class GroupState:
    """All of one group that is durable."""

    name: str
    identity: Identity
    created_at: float
    policy_digest: bytes = b""
    """SHA-256 of the policy that the SAs were made from; another policy means new SAs."""
    rekey_sas: dict[bytes, RekeySARecord] = field(default_factory=dict)
    """By SPI."""
    data_sas: dict[bytes, DataSARecord] = field(default_factory=dict)
    """By SPI, with the protocol's number in front (an AH and an ESP SA may have the same)."""
    members: dict[Identity, MemberRecord] = field(default_factory=dict)
    excluded: dict[Identity, float] = field(default_factory=dict)
    """Who was evicted for good, and when: the policy may admit them, the group does not."""
    next_sender_id: int = 0
    rekey_algorithm: dict[int, bytes] = field(default_factory=dict, repr=False)
    """By policy index: the rekey algorithm's own state, as it gives and takes it."""
    rekey_parts: dict[int, dict[bytes, bytes]] = field(default_factory=dict, repr=False)
    """By policy index, and then by names of the algorithm's own: what it keeps beside that, such as its
    members' places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutGroup:
    """A group is made, or made anew; its SAs and members stay."""

    group: str
    identity: Identity
    created_at: float
    policy_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRekeySA:
    """A Rekey SA is made, or changes."""

    group: str
    record: RekeySARecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRekeySA:
    """A Rekey SA is gone."""

    group: str
    spi: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceSequenceNumber:
    """A push is about to be sent with this number; it never goes back."""

    group: str
    spi: bytes
    sequence_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutDataSA:
    """A data SA is made, or changes."""

    group: str
    record: DataSARecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDataSA:
    """A data SA is gone."""

    group: str
    protocol: int
    spi: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PutMember:
    """A member registers, acknowledges, or stays silent."""

    group: str
    record: MemberRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember:
    """A member leaves or is evicted."""

    group: str
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclude:
    """Whoever proves this identity is not admitted any more."""

    group: str
    identity: Identity
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Readmit:
    """An exclusion ends."""

    group: str
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateSenderIDs:
    """The counter moves on to `next_sender_id`; it never goes back but by `ResetSenderIDs`."""

    group: str
    next_sender_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetSenderIDs:
    """All data SAs were replaced, so the counter starts again (RFC 6407, 3.5)."""

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRekeyAlgorithm:
    """The rekey algorithm's state for one Rekey SA of the policy; empty octets remove it with its parts."""

    group: str
    policy_index: int
    state: bytes = field(repr=False)
    parts: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    """Parts that are new or have changed, by name; empty ones are gone. The others stay,"""
    anew: bool = False
    """or, with this, are gone, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Something that an operator may ask about later. `detail` holds no key."""

    group: str
    at: float
    kind: str
    """``joined``, ``left``, ``evicted``, ``refused``, ``rekeyed``, ``silent``, ``restarted``..."""
    member: str = ""
    detail: str = ""


Change = (
    PutGroup
    | PutRekeySA
    | RemoveRekeySA
    | AdvanceSequenceNumber
    | PutDataSA
    | RemoveDataSA
    | PutMember
    | RemoveMember
    | Exclude
    | Readmit
    | AllocateSenderIDs
    | ResetSenderIDs
    | PutRekeyAlgorithm
    | Audit
)


class Journal(Protocol):
    """Where changes become durable."""

    def commit(self, changes: Sequence[Change]) -> None:
        """All of them, or none: durable when it returns. Raises `StateError` if that can't be."""

    def load(self) -> dict[str, GroupState]:
        """Every group, by name, as it was after the last commit."""


def apply(groups: dict[str, GroupState], change: Change) -> None:
    """One change, made to the states in memory. Raises `StateError` for a number that would go back."""
    if isinstance(change, PutGroup):
        made = groups.get(change.group)
        if made is None:
            made = groups[change.group] = GroupState(
                name=change.group, identity=change.identity, created_at=change.created_at
            )
        made.identity, made.policy_digest = change.identity, change.policy_digest
        return
    state = groups.get(change.group)
    if state is None:
        if isinstance(change, Audit):
            return
        raise StateError(f"there is no group {change.group!r}")
    match change:
        case PutRekeySA(record=rekey):
            known = state.rekey_sas.get(rekey.sa.spi)
            if known is not None and rekey.sa.sequence_number < known.sa.sequence_number:
                raise StateError(
                    f"sequence number {rekey.sa.sequence_number} after {known.sa.sequence_number}"
                )
            state.rekey_sas[rekey.sa.spi] = rekey
        case RemoveRekeySA(spi=spi):
            state.rekey_sas.pop(spi, None)
        case AdvanceSequenceNumber(spi=spi, sequence_number=number):
            held = state.rekey_sas.get(spi)
            if held is None:
                raise StateError("a sequence number of a Rekey SA that there is not")
            if number <= held.sa.sequence_number:
                raise StateError(f"sequence number {number} after {held.sa.sequence_number}")
            state.rekey_sas[spi] = replace(held, sa=replace(held.sa, sequence_number=number))
        case PutDataSA(record=data):
            state.data_sas[bytes([data.sa.protocol]) + data.sa.spi] = data
        case RemoveDataSA(protocol=protocol, spi=spi):
            state.data_sas.pop(bytes([protocol]) + spi, None)
        case PutMember(record=member):
            state.members[member.identity] = member
        case RemoveMember(identity=identity):
            state.members.pop(identity, None)
        case Exclude(identity=identity, at=at):
            state.excluded[identity] = at
        case Readmit(identity=identity):
            state.excluded.pop(identity, None)
        case AllocateSenderIDs(next_sender_id=following):
            if following < state.next_sender_id:
                raise StateError(f"sender id {following} after {state.next_sender_id}")
            state.next_sender_id = following
        case ResetSenderIDs():
            state.next_sender_id = 0
        case PutRekeyAlgorithm():
            _put_rekey_algorithm(state, change)
        case Audit():
            pass


def _put_rekey_algorithm(state: GroupState, change: PutRekeyAlgorithm) -> None:
    index = change.policy_index
    if not change.state:
        state.rekey_algorithm.pop(index, None)
        state.rekey_parts.pop(index, None)
        return
    state.rekey_algorithm[index] = change.state
    parts = {} if change.anew else state.rekey_parts.get(index, {})
    for name, part in change.parts.items():
        if part:
            parts[name] = part
        else:
            parts.pop(name, None)
    if parts:
        state.rekey_parts[index] = parts
    else:
        state.rekey_parts.pop(index, None)


class MemoryJournal:
    """A journal that forgets when the process ends; `audit` holds what was written to it."""

    def __init__(self) -> None:
        self.groups: dict[str, GroupState] = {}
        self.audit: list[Audit] = []
        self.commits = 0
        self._broken = False

    def commit(self, changes: Sequence[Change]) -> None:
        """See `Journal.commit`. What is refused leaves it broken: it takes nothing more."""
        if self._broken:
            raise StateError("the journal was given changes that contradict one another")
        self._broken = True
        for change in changes:
            apply(self.groups, change)
            if isinstance(change, Audit) and len(self.audit) < AUDIT_ENTRIES:
                self.audit.append(change)
        self._broken = False
        self.commits += 1

    def load(self) -> dict[str, GroupState]:
        """See `Journal.load`; a copy, which later commits don't change."""
        return {
            name: replace(
                state,
                rekey_sas=dict(state.rekey_sas),
                data_sas=dict(state.data_sas),
                members=dict(state.members),
                excluded=dict(state.excluded),
                rekey_algorithm=dict(state.rekey_algorithm),
                rekey_parts={index: dict(parts) for index, parts in state.rekey_parts.items()},
            )
            for name, state in self.groups.items()
        }
