"""A connection to the file of a store: how SQLite is set, and what must hold before a row is read."""

from __future__ import annotations

import os
import platform
import sqlite3
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Connection, create_engine, delete, event, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.pool import NullPool

from gsakmp.crypto import system_random
from gsakmp.errors import ConfigurationError, StateError
from gsakmp.store.migrations import create_schema, is_empty, migrate, newest, version_of
from gsakmp.store.schema import meta
from gsakmp.store.sealing import Sealer

__all__ = ["Expected", "connect", "forget_mark", "log_ahead", "prepare"]

Expected = Literal["any", "new", "existing"]
"""What the caller says of the file: whether it must be made, or must be there."""

STORE_ID_OCTETS: Final = 16
CHECKED: Final = b"gsakmp"
"""What ``check`` is sealed from."""
CHECK_PLACE: Final = ("meta", "check", "", b"")

SETTINGS: Final = {
    "busy_timeout": "5000",  # milliseconds: a reader's checkpoint, a backup program
    "foreign_keys": "ON",
    "synchronous": "FULL",  # the log is on disk when a commit returns (SQLite, "PRAGMA synchronous")
    "fullfsync": "ON",  # and on macOS past the drive's cache
    "checkpoint_fullfsync": "ON",
    "secure_delete": "ON",  # what is removed does not stay in free pages, sealed as it is
    "trusted_schema": "OFF",
    "temp_store": "MEMORY",
}


def connect(path: Path, *, read_only: bool) -> Connection:
    """A connection whose transactions take the write lock at their start, unless it only reads."""

    def opened() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path.as_uri() + "?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            settings(connection, read_only)
        except BaseException:
            connection.close()
            raise
        return connection

    # hide_parameters: no error's text may show what a statement was given.
    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", begin_reading if read_only else begin_writing)
    return engine.connect()


def settings(connection: sqlite3.Connection, read_only: bool) -> None:
    for name, value in SETTINGS.items():
        connection.execute(f"PRAGMA {name} = {value}")
    if read_only:
        connection.execute("PRAGMA query_only = ON")


def log_ahead(connection: Connection, path: Path) -> None:
    """Switch to a write-ahead log, once it is sure that the file is ours; it stays so."""
    driver: Any = connection.connection.driver_connection
    if driver.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise ConfigurationError(f"the file system of the store {path} can't keep a write-ahead log")


def begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def prepare(
    connection: Connection, path: Path, key: bytes, expected: Expected, *, read_only: bool, backup: bool
) -> Sealer:
    """Make or migrate the tables, check the key, and say who owns the file; all in one transaction.

    `backup`: whether a copy is welcome. Raises `ConfigurationError`.
    """
    with connection.begin():
        if not is_empty(connection):
            if expected == "new":
                raise ConfigurationError(f"there is a store {path} already; it is left as it is")
            sealer = checked(connection, path, key, read_only=read_only, backup=backup)
        elif expected == "existing":
            raise ConfigurationError(f"{path} is empty: no store was made there")
        else:
            sealer = made(connection, key)
        if not read_only:
            put_mark(connection, "owner", f"process {os.getpid()} on {platform.node()}".encode())
    return sealer


def made(connection: Connection, key: bytes) -> Sealer:
    create_schema(connection)
    store_id = system_random(STORE_ID_OCTETS)
    sealer = Sealer(key, store_id)
    put_mark(connection, "store_id", store_id)
    put_mark(connection, "check", sealer.seal(CHECKED, *CHECK_PLACE))
    return sealer


def checked(connection: Connection, path: Path, key: bytes, *, read_only: bool, backup: bool) -> Sealer:
    version = version_of(connection, path)
    marks = {row.name: row.value for row in connection.execute(select(meta))}
    sealer = Sealer(key, marks.get("store_id", b""))
    try:
        sealer.unseal(marks.get("check", b""), *CHECK_PLACE)
    except StateError:
        raise ConfigurationError(f"the store {path} is sealed under another key than the one given") from None
    if "backup" in marks and not (backup or read_only):
        raise ConfigurationError(
            f"{path} is a backup, whose counters may be behind what was sent since: "
            "restore it to a new file, or open it for reading"
        )
    if not read_only:
        migrate(connection, path)
    elif version < newest():
        raise ConfigurationError(
            f"the store {path} has an older version {version}: open it for writing first"
        )
    return sealer


def put_mark(connection: Connection, name: str, value: bytes) -> None:
    """Write an entry of `meta`."""
    statement = insert(meta).values(name=name, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": statement.excluded.value})
    )


def forget_mark(connection: Connection, name: str) -> None:
    """Take an entry out of `meta`."""
    connection.execute(delete(meta).where(meta.c.name == name))
