"""Policies and authorisations as they were loaded: for the record, and for who looks at a store later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from gsakmp.errors import ConfigurationError, StateError
from gsakmp.group.policy import MemberPolicy
from gsakmp.store.schema import authorisations, policies

__all__ = ["PolicyRecord", "add_policy", "put_authorisations", "read_authorisations", "read_policies"]

POLICY_CHARACTERS: Final = 4 * 1024 * 1024
"""Of one policy's text: 10,000 members by name, and room."""
AUTHORISATIONS: Final = 1_000_000
"""Entries of one group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """A policy that a group has had."""

    group: str
    text: str
    """JSON."""
    digest: bytes
    """As `gsakmp.group.records.GroupState.policy_digest` was then: two halves of 16 octets, of SHA-256 each
    (`gsakmp.group.recovery.digest`), or empty for a group that had no SAs made from it."""
    loaded_at: float


def add_policy(connection: Connection, group: str, text: str, digest: bytes, at: float) -> None:
    """Note a policy, unless it is the one that the group has already."""
    if len(text) > POLICY_CHARACTERS:
        raise ConfigurationError(f"a policy's text has at most {POLICY_CHARACTERS} characters")
    newest = connection.execute(
        select(policies.c.digest, policies.c.text)
        .where(policies.c.group_name == group)
        .order_by(policies.c.id.desc())
        .limit(1)
    ).one_or_none()
    if newest is None or (newest.digest, newest.text) != (digest, text):
        row = {"group_name": group, "text": text, "digest": digest, "loaded_at": float(at)}
        connection.execute(insert(policies), row)


def read_policies(connection: Connection, group: str) -> tuple[PolicyRecord, ...]:
    """In the order in which they were loaded."""
    found = connection.execute(select(policies).where(policies.c.group_name == group).order_by(policies.c.id))
    return tuple(
        PolicyRecord(group=row.group_name, text=row.text, digest=row.digest, loaded_at=row.loaded_at)
        for row in found
    )


def put_authorisations(
    connection: Connection, group: str, entries: Sequence[MemberPolicy], at: float
) -> None:
    """Those of before are gone."""
    if len(entries) > AUTHORISATIONS:
        raise ConfigurationError(f"a group has at most {AUTHORISATIONS} authorisations")
    connection.execute(delete(authorisations).where(authorisations.c.group_name == group))
    found = [{"group_name": group, "loaded_at": float(at), "entry": entry_text(entry)} for entry in entries]
    if found:
        connection.execute(insert(authorisations), found)


def read_authorisations(connection: Connection, group: str) -> tuple[MemberPolicy, ...]:
    """In the policy's order."""
    wanted = select(authorisations).where(authorisations.c.group_name == group).order_by(authorisations.c.id)
    try:
        return tuple(msgspec.json.decode(row.entry, type=MemberPolicy) for row in connection.execute(wanted))
    except (msgspec.DecodeError, TypeError):
        raise StateError(f"group {group!r} has an authorisation that can't be read") from None


def entry_text(entry: MemberPolicy) -> str:
    """JSON. Raises `ValueError` for what would not be read back."""
    octets = msgspec.json.encode(entry)
    msgspec.json.decode(octets, type=MemberPolicy)
    return octets.decode()
