"""Rows as the states that an engine goes on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, bindparam, select

from gsakmp.errors import DecodeError, StateError
from gsakmp.group.records import Audit, GroupState
from gsakmp.identities import Identity
from gsakmp.store import rows, schema
from gsakmp.store.sealing import Sealer

__all__ = ["audit_entries", "load"]

ROWS_AT_ONCE: Final = 10_000
"""Rows that are fetched at a time; a load holds no more of them beside the records that it makes."""


def of_group(table: Table) -> Any:
    return select(table).where(table.c.group_id == bindparam("of_group")).order_by(table.c.id)


GROUPS: Final = select(schema.groups).order_by(schema.groups.c.id)
REKEY_SAS: Final = of_group(schema.rekey_sas)
DATA_SAS: Final = of_group(schema.data_sas)
MEMBERS: Final = of_group(schema.members)
EXCLUSIONS: Final = of_group(schema.exclusions)
ALGORITHMS: Final = of_group(schema.rekey_algorithms)
PARTS: Final = of_group(schema.rekey_parts)


def load(connection: Connection, sealer: Sealer) -> dict[str, GroupState]:
    """Every group by name. Raises `StateError` for rows that contradict their sealing or themselves."""
    found = [row._asdict() for row in connection.execute(GROUPS).all()]
    return {row["name"]: group_state(connection, row, sealer) for row in found}


def group_state(connection: Connection, row: Mapping[str, Any], sealer: Sealer) -> GroupState:
    name, group = row["name"], row["id"]

    def records(statement: Any, record_of: Callable[..., Any]) -> Iterator[Any]:
        for found in fetched(connection, statement, group):
            yield readable(name, record_of, name, found, sealer)

    state = GroupState(
        name=name,
        identity=readable(name, rows.identity_of, row["identity_type"], row["identity_data"]),
        created_at=row["created_at"],
        policy_digest=row["policy_digest"],
        next_sender_id=row["next_sender_id"],
    )
    state.rekey_sas = {record.sa.spi: record for record in records(REKEY_SAS, rows.rekey_sa_record)}
    state.data_sas = {
        bytes([record.sa.protocol]) + record.sa.spi: record
        for record in records(DATA_SAS, rows.data_sa_record)
    }
    state.members = {record.identity: record for record in records(MEMBERS, rows.member_record)}
    state.excluded = dict(records(EXCLUSIONS, exclusion))
    state.rekey_algorithm = dict(records(ALGORITHMS, algorithm))
    for index, part, octets in records(PARTS, rekey_part):
        state.rekey_parts.setdefault(index, {})[part] = octets
    return state


def exclusion(_group: str, row: Mapping[str, Any], _sealer: Sealer) -> tuple[Identity, float]:
    return rows.exclusion(row)


def algorithm(group: str, row: Mapping[str, Any], sealer: Sealer) -> tuple[int, bytes]:
    index = row["policy_index"]
    return index, sealer.unseal(row["state"], *rows.algorithm_place(group, index))


def rekey_part(group: str, row: Mapping[str, Any], sealer: Sealer) -> tuple[int, bytes, bytes]:
    index, name = row["policy_index"], row["name"]
    return index, name, sealer.unseal(row["part"], *rows.part_place(group, index, name))


def fetched(connection: Connection, statement: Any, group: int) -> Iterator[Mapping[str, Any]]:
    result = connection.execute(statement, {"of_group": group}).yield_per(ROWS_AT_ONCE)
    names = tuple(result.keys())
    for row in result:
        yield dict(zip(names, row, strict=True))  # half the time of `_asdict`, and there may be a million


def readable(group: str, read: Callable[..., Any], *arguments: Any) -> Any:
    """What `read` gives; a row that somebody else must have written is a `StateError`."""
    try:
        return read(*arguments)
    except StateError as error:
        raise StateError(f"group {group!r}: {error}") from None
    except (DecodeError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise StateError(f"group {group!r} has a row that can't be read ({type(error).__name__})") from None


def audit_entries(connection: Connection, group: str | None, since: float, limit: int) -> tuple[Audit, ...]:
    """The newest `limit` entries not older than `since`, the oldest of them first."""
    table = schema.audit
    wanted = select(table).where(table.c.at >= float(since)).order_by(table.c.id.desc()).limit(limit)
    if group is not None:
        wanted = wanted.where(table.c.group_name == group)
    return tuple(map(entry, reversed(connection.execute(wanted).all())))


def entry(row: Row[Any]) -> Audit:
    return Audit(group=row.group_name, at=row.at, kind=row.kind, member=row.member, detail=row.detail)
