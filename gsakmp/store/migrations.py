"""The version of a file's schema, and the way from each version to the next.

A file without tables gets the newest schema at once. An older one goes through the migrations that it lacks,
all in one transaction, so that it is either as it was or all new. A newer one is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, inspect, select, text

from gsakmp.errors import ConfigurationError
from gsakmp.store.schema import APPLICATION_ID, METADATA, schema_version

__all__ = ["MIGRATIONS", "Migration", "create_schema", "is_empty", "migrate", "newest", "version_of"]

Migration = Callable[[Connection], None]
"""Brings the tables to the next version, by statements of its own: `gsakmp.store.schema` moves on."""


WHOLE_AUTHORISATIONS: Final = (
    "ALTER TABLE authorisations RENAME TO authorisations_1",
    "CREATE TABLE authorisations ( id INTEGER NOT NULL, group_name TEXT NOT NULL, loaded_at FLOAT NOT NULL, "
    "entry TEXT NOT NULL, PRIMARY KEY (id) )",
    "INSERT INTO authorisations SELECT id, group_name, loaded_at, json_object('identity', identity, "
    "'certificate', certificate, 'sender', json(iif(sender, 'true', 'false'))) FROM authorisations_1",
    "DROP TABLE authorisations_1",
)


def whole_authorisations(connection: Connection) -> None:
    """Version 2 keeps all that an authorisation says; before, its periods and module were left out."""
    for statement in WHOLE_AUTHORISATIONS:
        connection.execute(text(statement))


MIGRATIONS: Final[list[Migration]] = [whole_authorisations]
"""The first makes version 2 of version 1, and so on; they are never changed or taken out once released."""


def newest() -> int:
    """The version that `gsakmp.store.schema` is."""
    return len(MIGRATIONS) + 1


def is_empty(connection: Connection) -> bool:
    """Whether the file has nothing in it: it is new, or its making was broken off."""
    return not application_of(connection) and not inspect(connection).get_table_names()


def application_of(connection: Connection) -> int:
    return int(connection.execute(text("PRAGMA application_id")).scalar_one())


def create_schema(connection: Connection) -> None:
    """Make the tables, at the newest version, within the transaction that is open."""
    METADATA.create_all(connection)
    connection.execute(text(f"PRAGMA application_id = {APPLICATION_ID}"))
    record(connection, newest())


def record(connection: Connection, version: int) -> None:
    connection.execute(insert(schema_version).values(version=version, migrated_at=time.time()))


def version_of(connection: Connection, path: Path) -> int:
    """The schema's version. Raises `ConfigurationError` for a file that is no store, or a newer one."""
    if application_of(connection) != APPLICATION_ID:
        raise ConfigurationError(f"{path} is no store of gsakmp")
    version = connection.execute(
        select(schema_version.c.version).order_by(schema_version.c.version.desc()).limit(1)
    ).scalar()
    if version is None:
        raise ConfigurationError(f"the store {path} does not say which version it has")
    if version > newest():
        raise ConfigurationError(
            f"the store {path} has version {version}; this gsakmp knows versions up to {newest()} only"
        )
    return int(version)


def migrate(connection: Connection, path: Path) -> None:
    """Bring the tables to the newest version, within the transaction that is open."""
    for version in range(version_of(connection, path), newest()):
        MIGRATIONS[version - 1](connection)
        record(connection, version + 1)
