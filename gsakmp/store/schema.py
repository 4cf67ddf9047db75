"""The tables of the store, as the newest version of the schema has them.

A change here needs a migration in `gsakmp.store.migrations`. What is sealed, `gsakmp.store.rows` says. Times
are seconds since 1970. Rows keep the order in which they were made (`id`).
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

__all__ = [
    "APPLICATION_ID",
    "METADATA",
    "audit",
    "authorisations",
    "data_sas",
    "exclusions",
    "groups",
    "members",
    "meta",
    "policies",
    "rekey_algorithms",
    "rekey_parts",
    "rekey_sas",
    "schema_version",
]

APPLICATION_ID: Final = 0x67736B31
"""What SQLite's header calls the file's application: a store of ours, and no other program's database."""

METADATA: Final = MetaData()


def needed(name: str, kind: type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def optional(name: str, kind: type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=True)


def of_group() -> Column[int]:
    return Column("group_id", Integer, ForeignKey("groups.id"), nullable=False)


def row_id() -> Column[int]:
    return Column("id", Integer, primary_key=True)


schema_version: Final = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, primary_key=True),
    needed("migrated_at", Float),
)
"""A row for each version that the file has had; the largest is the present one."""

meta: Final = Table("meta", METADATA, Column("name", Text, primary_key=True), needed("value", LargeBinary))
"""``store_id``: random octets that every sealing binds. ``check``: sealed, to tell a wrong key. ``owner``:
the process that has the file open for writing. ``backup``: the file is a copy (`gsakmp.store.backups`)."""

groups: Final = Table(
    "groups",
    METADATA,
    row_id(),
    Column("name", Text, nullable=False, unique=True),
    needed("identity_type", Integer),
    needed("identity_data", LargeBinary),
    needed("created_at", Float),
    needed("policy_digest", LargeBinary),
    needed("next_sender_id", Integer),
)
"""`next_sender_id` is the counter of sender ids (RFC 6407, 3.5)."""

rekey_sas: Final = Table(
    "rekey_sas",
    METADATA,
    row_id(),
    of_group(),
    needed("spi", LargeBinary),
    needed("policy_index", Integer),
    needed("encryption", Integer),
    needed("key_length", Integer),
    needed("signature", Integer),
    needed("signature_hash", Integer),
    needed("signature_key_length", Integer),
    optional("management", Integer),
    optional("acknowledgement", Integer),
    needed("source_type", Integer),
    needed("source_data", LargeBinary),
    needed("source_port", Integer),
    needed("destination_type", Integer),
    needed("destination_data", LargeBinary),
    needed("destination_port", Integer),
    needed("signature_key", LargeBinary),
    needed("created_at", Float),
    needed("lifetime_seconds", Integer),
    optional("retired_at", Float),
    needed("sequence_number", Integer),
    needed("key", LargeBinary),
    needed("signing_key", LargeBinary),
    UniqueConstraint("group_id", "spi"),
)
"""Category 2 SAs and their sequence numbers (RFC 6407, 5.7)."""

data_sas: Final = Table(
    "data_sas",
    METADATA,
    row_id(),
    of_group(),
    needed("protocol", Integer),
    needed("spi", LargeBinary),
    needed("policy_index", Integer),
    needed("selector_protocol", Integer),
    optional("source_type", Integer),
    optional("source_data", LargeBinary),
    needed("source_port", Integer),
    needed("destination_type", Integer),
    needed("destination_data", LargeBinary),
    needed("destination_port", Integer),
    needed("transform_id", Integer),
    optional("key_length", Integer),
    optional("integrity", Integer),
    needed("mode", Integer),
    optional("address_preservation", Integer),
    optional("direction", Integer),
    needed("created_at", Float),
    needed("lifetime_seconds", Integer),
    optional("lifetime_kilobytes", Integer),
    optional("periods", Text),
    optional("retired_at", Float),
    needed("algorithm_key", LargeBinary),
    needed("integrity_key", LargeBinary),
    UniqueConstraint("group_id", "protocol", "spi"),
)
"""Category 3 SAs. `periods` are the numbers of a `PeriodSequence` with commas between, in its order; the key
is then its root seed."""

members: Final = Table(
    "members",
    METADATA,
    row_id(),
    of_group(),
    needed("identity_type", Integer),
    needed("identity_data", LargeBinary),
    needed("registered_at", Float),
    needed("address", Text),
    needed("sender_ids", Text),
    needed("acknowledged", Integer),
    needed("silent_rekeys", Integer),
    needed("certificate", Text),
    needed("key", LargeBinary),
    UniqueConstraint("group_id", "identity_type", "identity_data"),
)
"""Who has registered. `sender_ids` are decimal numbers with commas between."""

exclusions: Final = Table(
    "exclusions",
    METADATA,
    row_id(),
    of_group(),
    needed("identity_type", Integer),
    needed("identity_data", LargeBinary),
    needed("excluded_at", Float),
    UniqueConstraint("group_id", "identity_type", "identity_data"),
)
"""Who was evicted for good, whatever the policy says."""

rekey_algorithms: Final = Table(
    "rekey_algorithms",
    METADATA,
    row_id(),
    of_group(),
    needed("policy_index", Integer),
    needed("state", LargeBinary),
    UniqueConstraint("group_id", "policy_index"),
)
"""The rekey algorithm's own state, for each of the policy's SA2."""

rekey_parts: Final = Table(
    "rekey_parts",
    METADATA,
    row_id(),
    of_group(),
    needed("policy_index", Integer),
    needed("name", LargeBinary),
    needed("part", LargeBinary),
    UniqueConstraint("group_id", "policy_index", "name"),
)
"""What the algorithm keeps beside it, by names of its own, such as its members' places and keys."""

policies: Final = Table(
    "policies",
    METADATA,
    row_id(),
    needed("group_name", Text),
    needed("digest", LargeBinary),
    needed("loaded_at", Float),
    needed("text", Text),
)
"""Every policy that a group has had, in order. A policy may come before its group does."""

authorisations: Final = Table(
    "authorisations",
    METADATA,
    row_id(),
    needed("group_name", Text),
    needed("loaded_at", Float),
    needed("entry", Text),
)
"""Whom the policy admits, as last loaded: an entry is the JSON of a `gsakmp.group.policy.MemberPolicy`."""

audit: Final = Table(
    "audit",
    METADATA,
    row_id(),
    Column("group_name", Text, nullable=False, index=True),
    needed("at", Float),
    needed("kind", Text),
    needed("member", Text),
    needed("detail", Text),
    sqlite_autoincrement=True,
)
"""Joins, leaves, rekeys and what else an operator may ask about; no keys."""
