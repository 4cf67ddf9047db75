"""Changes as statements, within one transaction.

Changes of one kind that may come together (`gsakmp.store.batches`) are one statement with many rows, where
nothing has to be checked for each. Counters have their guard in the statement itself: the row is only
touched where the number moves on, whatever the caller believes the present one to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Delete, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as upsert

from gsakmp.errors import StateError
from gsakmp.group import records
from gsakmp.group.records import Change
from gsakmp.identities import Identity
from gsakmp.store import rows, schema
from gsakmp.store.batches import algorithm_changes, runs
from gsakmp.store.sealing import Sealer

__all__ = ["AUDIT_ENTRIES", "write"]

AUDIT_ENTRIES: Final = 1_000_000
"""Entries of the audit that are kept, about 150 megabytes; the oldest go."""


def put(table: Table, key: tuple[str, ...], kept: tuple[str, ...] = ()) -> Insert:
    """A row that takes the place of the one with the same `key`, but for its `id` and what is `kept`."""
    statement = upsert(table)
    left = {"id", *key, *kept}
    new = {column.name: statement.excluded[column.name] for column in table.c if column.name not in left}
    return statement.on_conflict_do_update(index_elements=key, set_=new)


def put_rekey_sa() -> Insert:
    statement = upsert(schema.rekey_sas)
    key = ("group_id", "spi")
    new = {
        column.name: statement.excluded[column.name]
        for column in schema.rekey_sas.c
        if column.name not in {"id", *key}
    }
    forward = statement.excluded.sequence_number >= schema.rekey_sas.c.sequence_number
    return statement.on_conflict_do_update(index_elements=key, set_=new, where=forward)


def remove_person(table: Table) -> Delete:
    return delete(table).where(
        table.c.group_id == bindparam("of_group"),
        table.c.identity_type == bindparam("of_type"),
        table.c.identity_data == bindparam("of_data"),
    )


G, R, D = schema.groups.c, schema.rekey_sas.c, schema.data_sas.c
A, P, L = schema.rekey_algorithms.c, schema.rekey_parts.c, schema.audit.c
PERSON: Final = ("group_id", "identity_type", "identity_data")

GROUP_ID: Final = select(G.id).where(G.name == bindparam("of_name"))
PUT_GROUP: Final = put(schema.groups, ("name",), kept=("created_at", "next_sender_id"))
PUT_REKEY_SA: Final = put_rekey_sa()
PUT_DATA_SA: Final = put(schema.data_sas, ("group_id", "protocol", "spi"))
PUT_MEMBER: Final = put(schema.members, PERSON)
EXCLUDE: Final = put(schema.exclusions, PERSON)
PUT_ALGORITHM: Final = put(schema.rekey_algorithms, ("group_id", "policy_index"))
PUT_PART: Final = put(schema.rekey_parts, ("group_id", "policy_index", "name"))
REMOVE_REKEY_SA: Final = delete(schema.rekey_sas).where(
    R.group_id == bindparam("of_group"), R.spi == bindparam("of_spi")
)
REMOVE_DATA_SA: Final = delete(schema.data_sas).where(
    D.group_id == bindparam("of_group"), D.protocol == bindparam("of_protocol"), D.spi == bindparam("of_spi")
)
REMOVE_MEMBER: Final = remove_person(schema.members)
READMIT: Final = remove_person(schema.exclusions)
REMOVE_ALGORITHM: Final = delete(schema.rekey_algorithms).where(
    A.group_id == bindparam("of_group"), A.policy_index == bindparam("of_index")
)
REMOVE_PARTS: Final = delete(schema.rekey_parts).where(
    P.group_id == bindparam("of_group"), P.policy_index == bindparam("of_index")
)
REMOVE_PART: Final = REMOVE_PARTS.where(P.name == bindparam("of_name"))
ADVANCE: Final = (
    update(schema.rekey_sas)
    .where(R.group_id == bindparam("of_group"), R.spi == bindparam("of_spi"))
    .where(R.sequence_number < bindparam("following"))
    .values(sequence_number=bindparam("following"))
)
ALLOCATE: Final = (
    update(schema.groups)
    .where(G.id == bindparam("of_group"), G.next_sender_id <= bindparam("following"))
    .values(next_sender_id=bindparam("following"))
)
RESET: Final = update(schema.groups).where(G.id == bindparam("of_group")).values(next_sender_id=0)
AUDIT: Final = insert(schema.audit)
FORGET: Final = delete(schema.audit).where(
    L.id <= select(func.max(L.id)).scalar_subquery() - bindparam("kept")
)


class Writer:
    """One transaction's changes."""

    def __init__(self, connection: Connection, sealer: Sealer, audit_entries: int) -> None:
        self.connection = connection
        self.sealer = sealer
        self.audit_entries = audit_entries
        self._groups: dict[str, int] = {}

    def group_id(self, name: str) -> int:
        """The row of a group. Raises `StateError` where there is none."""
        known = self._groups.get(name)
        if known is None:
            known = self.connection.execute(GROUP_ID, {"of_name": name}).scalar()
            if known is None:
                raise StateError(f"there is no group {name!r}")
            self._groups[name] = known
        return known

    def put_groups(self, changes: Iterable[records.PutGroup]) -> None:
        for change in changes:
            id_type, data = rows.identity_columns(change.identity)
            row = {
                "name": change.group,
                "identity_type": id_type,
                "identity_data": data,
                "created_at": float(change.created_at),
                "policy_digest": change.policy_digest,
                "next_sender_id": 0,
            }
            self.connection.execute(PUT_GROUP, row)

    def put_rekey_sas(self, changes: Iterable[records.PutRekeySA]) -> None:
        for change in changes:
            group = self.group_id(change.group)
            row = rows.rekey_sa_row(change.group, group, change.record, self.sealer)
            if self.connection.execute(PUT_REKEY_SA, row).rowcount != 1:
                raise StateError(
                    f"sequence number {change.record.sa.sequence_number} of {change.group!r} would go back"
                )

    def remove_rekey_sas(self, changes: Iterable[records.RemoveRekeySA]) -> None:
        self._many(REMOVE_REKEY_SA, [{"of_group": self.group_id(c.group), "of_spi": c.spi} for c in changes])

    def advance(self, changes: Iterable[records.AdvanceSequenceNumber]) -> None:
        for change in changes:
            group, number = self.group_id(change.group), change.sequence_number
            values = {"of_group": group, "of_spi": change.spi, "following": number}
            if self.connection.execute(ADVANCE, values).rowcount != 1:
                raise StateError(
                    f"sequence number {number} of {change.group!r} would go back, or its Rekey SA is gone"
                )

    def put_data_sas(self, changes: Iterable[records.PutDataSA]) -> None:
        self._many(
            PUT_DATA_SA,
            [rows.data_sa_row(c.group, self.group_id(c.group), c.record, self.sealer) for c in changes],
        )

    def remove_data_sas(self, changes: Iterable[records.RemoveDataSA]) -> None:
        self._many(
            REMOVE_DATA_SA,
            [
                {"of_group": self.group_id(c.group), "of_protocol": int(c.protocol), "of_spi": c.spi}
                for c in changes
            ],
        )

    def put_members(self, changes: Iterable[records.PutMember]) -> None:
        self._many(
            PUT_MEMBER,
            [rows.member_row(c.group, self.group_id(c.group), c.record, self.sealer) for c in changes],
        )

    def remove_members(self, changes: Iterable[records.RemoveMember]) -> None:
        self._many(REMOVE_MEMBER, [self._person(c.group, c.identity) for c in changes])

    def exclude(self, changes: Iterable[records.Exclude]) -> None:
        self._many(EXCLUDE, [rows.exclusion_row(self.group_id(c.group), c.identity, c.at) for c in changes])

    def readmit(self, changes: Iterable[records.Readmit]) -> None:
        self._many(READMIT, [self._person(c.group, c.identity) for c in changes])

    def allocate(self, changes: Iterable[records.AllocateSenderIDs]) -> None:
        for change in changes:
            values = {"of_group": self.group_id(change.group), "following": change.next_sender_id}
            if self.connection.execute(ALLOCATE, values).rowcount != 1:
                raise StateError(f"sender id {change.next_sender_id} of {change.group!r} would go back")

    def reset(self, changes: Iterable[records.ResetSenderIDs]) -> None:
        for change in changes:
            self.connection.execute(RESET, {"of_group": self.group_id(change.group)})

    def put_algorithms(self, changes: Iterable[records.PutRekeyAlgorithm]) -> None:
        dropped, anew, gone, states, parts = [], [], [], [], []
        for (name, index), change in algorithm_changes(changes).items():
            group = self.group_id(name)
            row = {"group_id": group, "policy_index": index}
            of_row = {"of_group": group, "of_index": index}
            if change.dropped:
                dropped.append(of_row)
            if change.anew:
                anew.append(of_row)
            else:
                gone += [{**of_row, "of_name": part} for part in change.gone]
            if change.state:
                sealed = self.sealer.seal(change.state, *rows.algorithm_place(name, index))
                states.append({**row, "state": sealed})
            for part, octets in change.parts.items():
                sealed = self.sealer.seal(octets, *rows.part_place(name, index, part))
                parts.append({**row, "name": part, "part": sealed})
        self._many(REMOVE_ALGORITHM, dropped)
        self._many(REMOVE_PARTS, anew)
        self._many(REMOVE_PART, gone)
        self._many(PUT_ALGORITHM, states)
        self._many(PUT_PART, parts)

    def add_audit(self, changes: Iterable[records.Audit]) -> None:
        entries = [
            {"group_name": c.group, "at": float(c.at), "kind": c.kind, "member": c.member, "detail": c.detail}
            for c in changes
        ]
        self._many(AUDIT, entries)
        self.connection.execute(FORGET, {"kept": self.audit_entries})

    def _person(self, group: str, identity: Identity) -> dict[str, Any]:
        id_type, data = rows.identity_columns(identity)
        return {"of_group": self.group_id(group), "of_type": id_type, "of_data": data}

    def _many(self, statement: Any, values: list[dict[str, Any]]) -> None:
        if values:
            self.connection.execute(statement, values)


HANDLERS: Final[dict[type, Callable[[Writer, Any], None]]] = {
    records.PutGroup: Writer.put_groups,
    records.PutRekeySA: Writer.put_rekey_sas,
    records.RemoveRekeySA: Writer.remove_rekey_sas,
    records.AdvanceSequenceNumber: Writer.advance,
    records.PutDataSA: Writer.put_data_sas,
    records.RemoveDataSA: Writer.remove_data_sas,
    records.PutMember: Writer.put_members,
    records.RemoveMember: Writer.remove_members,
    records.Exclude: Writer.exclude,
    records.Readmit: Writer.readmit,
    records.AllocateSenderIDs: Writer.allocate,
    records.ResetSenderIDs: Writer.reset,
    records.PutRekeyAlgorithm: Writer.put_algorithms,
    records.Audit: Writer.add_audit,
}


def write(connection: Connection, sealer: Sealer, changes: Sequence[Change], audit_entries: int) -> None:
    """All changes, as if in their order. Raises `StateError` for one that must not be; then roll back."""
    writer = Writer(connection, sealer, audit_entries)
    for kind, run in runs(changes):
        HANDLERS[kind](writer, run)
