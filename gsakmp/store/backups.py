"""Copies of a store, and stores made of copies.

A copy's sequence numbers and sender ids are those of its time. A key server that went on from them would use
both again under the same keys, which breaks a counter mode (RFC 6054, 2) and lets old pushes pass. So a copy
is marked, only a reader opens it, and what is restored from it begins with neither SAs nor members: groups,
policies, authorisations, exclusions and the audit stay, and members register again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, update

from gsakmp.errors import ConfigurationError
from gsakmp.store import schema
from gsakmp.store.connecting import forget_mark
from gsakmp.store.failures import opening
from gsakmp.store.files import SHARED_READING, check_mode, make_private

__all__ = ["begin_anew", "copy_to_backup", "copy_to_store"]


@contextmanager
def new_file(path: Path) -> Iterator[None]:
    """An empty file, gone again if the block fails. Raises `ConfigurationError` if there is one already."""
    try:
        make_private(path)
    except FileExistsError:
        raise ConfigurationError(f"there is a file {path} already; it is left as it is") from None
    try:
        yield
    except BaseException:
        for suffix in ("", "-wal", "-shm", "-journal", ".lock"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise


def copy_to_backup(connection: sqlite3.Connection, path: Path) -> None:
    """A copy of what is committed, marked as one and durable. Raises `sqlite3.Error`, `OSError`."""
    with new_file(path):
        connection.execute("VACUUM INTO ?", (str(path),))
        with closing(sqlite3.connect(path, isolation_level=None)) as copy:
            copy.executescript(
                "BEGIN; DELETE FROM meta WHERE name IN ('owner', 'backup');"
                "INSERT INTO meta (name, value) VALUES ('backup', x'01'); COMMIT;"
            )
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def copy_to_store(backup: Path, path: Path) -> Iterator[None]:
    """The backup's content at `path`, where the block makes it a store; nothing is left if that fails."""
    with opening(backup):
        check_mode(backup, SHARED_READING, "backup", "600")
    with new_file(path):
        with (
            opening(backup),
            closing(sqlite3.connect(backup.as_uri() + "?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(path)) as copy,
        ):
            source.backup(copy)
        yield


def begin_anew(connection: Connection, now: float) -> None:
    """Take out what must not go on, within the transaction that is open."""
    for table in (
        *(schema.rekey_sas, schema.data_sas, schema.members),
        *(schema.rekey_algorithms, schema.rekey_parts),
    ):
        connection.execute(delete(table))
    connection.execute(update(schema.groups).values(next_sender_id=0, policy_digest=b""))
    entry = {"at": float(now), "kind": "restored", "member": "", "detail": "from a backup"}
    for name in connection.execute(select(schema.groups.c.name)).scalars().all():
        connection.execute(insert(schema.audit), {"group_name": name, **entry})
    forget_mark(connection, "backup")
