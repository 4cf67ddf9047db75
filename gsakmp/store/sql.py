"""`SQLStore`: a journal on SQLite that survives crashes, keeps keys sealed and counters moving forward."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Connection, text

from gsakmp.errors import ConfigurationError, StateError
from gsakmp.group.policy import MemberPolicy
from gsakmp.group.records import Audit, Change, GroupState
from gsakmp.store import policies as recorded
from gsakmp.store.backups import begin_anew, copy_to_backup, copy_to_store
from gsakmp.store.connecting import Expected, connect, forget_mark, log_ahead, prepare
from gsakmp.store.failures import opening, unharmed, using
from gsakmp.store.files import SHARED_READING, OwnerLock, absolute, check_mode, check_size, make_private
from gsakmp.store.migrations import version_of
from gsakmp.store.policies import PolicyRecord
from gsakmp.store.reading import audit_entries, load
from gsakmp.store.sealing import Sealer, read_key_file
from gsakmp.store.writing import AUDIT_ENTRIES, write

__all__ = ["PolicyRecord", "SQLStore"]

AUDIT_LIMIT: Final = 100_000
"""Entries of the audit that one call gives at most."""

FilePath = str | os.PathLike[str]


class SQLStore:
    """The groups of one key server in one file: a `gsakmp.group.records.Journal`.

    One process at a time may write. Any thread may call; calls wait for one another. It is a context manager
    that closes itself. Every method raises `StateError` when the store is closed or its file fails.
    """

    def __init__(
        self,
        path: FilePath,
        sealing_key: bytes,
        *,
        read_only: bool = False,
        audit_entries: int = AUDIT_ENTRIES,
    ) -> None:
        """Open the store at `path` under a sealing key of 32 octets; make it if there is none.

        `read_only` looks at a store that may be in use. `audit_entries` is how many entries the audit keeps.
        Raises `ConfigurationError` for a wrong key, a file that others may change or read, that is no store,
        or of a newer version; `StateError` if another process has it open for writing.
        """
        expected: Expected = "existing" if read_only else "any"
        self._start(path, sealing_key, expected, read_only=read_only, audit_entries=audit_entries)

    @classmethod
    def open(cls, path: FilePath, key_file: FilePath, *, read_only: bool = False) -> Self:
        """The store that is at `path`, with the key in `key_file`. Raises as the class does."""
        store = cls.__new__(cls)
        store._start(path, read_key_file(key_file), "existing", read_only=read_only)
        return store

    @classmethod
    def create(cls, path: FilePath, key_file: FilePath) -> Self:
        """A new store. Raises as the class does, and `ConfigurationError` if there is one already."""
        store = cls.__new__(cls)
        store._start(path, read_key_file(key_file), "new")
        return store

    @classmethod
    def restore(cls, backup: FilePath, path: FilePath, key_file: FilePath, *, now: float) -> Self:
        """A new store at `path` with the groups, policies, authorisations and audit of a backup.

        SAs, keys and members are not taken over: the counters in the backup are behind what was sent since
        it was made, and numbers must not be used twice under one key.
        """
        file, key, store = absolute(path), read_key_file(key_file), cls.__new__(cls)
        with opening(file), copy_to_store(absolute(backup), file):
            store._start(file, key, "existing", backup=True)
            try:
                with store._transaction("begin anew") as connection:
                    begin_anew(connection, now)
            except BaseException:
                store.close()
                raise
        return store

    def _start(
        self,
        path: FilePath,
        key: bytes,
        expected: Expected,
        *,
        read_only: bool = False,
        backup: bool = False,
        audit_entries: int = AUDIT_ENTRIES,
    ) -> None:
        self._path = absolute(path)
        self._read_only = read_only
        self._audit_entries = audit_entries
        self._mutex = threading.RLock()
        self._harmed = False
        self._connection: Connection | None = None
        self._lock: OwnerLock | None = None
        Sealer(key)  # its length, before a file is made
        with opening(self._path):
            try:
                self._open(key, expected, backup)
            except BaseException:
                self._release()
                raise

    def _open(self, key: bytes, expected: Expected, backup: bool) -> None:
        path = self._path
        if not path.exists():
            if expected == "existing":
                raise ConfigurationError(f"there is no store {path}")
            with contextlib.suppress(FileExistsError):  # somebody was quicker; the lock decides between us
                make_private(path)
        check_mode(path, SHARED_READING, "store", "600")
        check_size(path)
        if not self._read_only:
            self._lock = OwnerLock(path)
        self._connection = connect(path, read_only=self._read_only)
        self._sealer = prepare(
            self._connection, path, key, expected, read_only=self._read_only, backup=backup
        )
        if not self._read_only:
            log_ahead(self._connection, path)

    # -- the journal ---------------------------------------------------------------------------------

    def commit(self, changes: Sequence[Change]) -> None:
        """All of `changes`, or none: they are on disk when this returns (`synchronous=FULL`).

        Raises `StateError`, and has changed nothing, for a counter that would go back, a group that there
        is not, a value that can't be stored, and a file that can't be written.
        """
        with self._transaction("store a change", writing=True) as connection:
            if changes:
                write(connection, self._sealer, changes, self._audit_entries)

    def load(self) -> dict[str, GroupState]:
        """Every group by name, as it was after the last commit.

        Raises `StateError` where a row was changed or moved by somebody without the key.
        """
        with self._transaction("be read") as connection:
            return load(connection, self._sealer)

    # -- for the record ------------------------------------------------------------------------------

    def audit(self, group: str | None = None, since: float = 0.0, limit: int = 1000) -> tuple[Audit, ...]:
        """The newest `limit` entries of a group, or of all, from `since` (seconds) on; the oldest first."""
        with self._transaction("be read") as connection:
            return audit_entries(connection, group, since, max(0, min(limit, AUDIT_LIMIT)))

    def put_policy(self, group: str, json_text: str, digest: bytes, at: float) -> None:
        """Keep a group's policy, as a `PolicyRecord` has it, for the record, unless it is the one of last
        time."""
        with self._transaction("store a policy", writing=True) as connection:
            recorded.add_policy(connection, group, json_text, digest, at)

    def policies(self, group: str) -> tuple[PolicyRecord, ...]:
        """All that `put_policy` was given for a group, in order."""
        with self._transaction("be read") as connection:
            return recorded.read_policies(connection, group)

    def put_authorisations(self, group: str, entries: Sequence[MemberPolicy], at: float) -> None:
        """Whom the group's policy admits now, in place of before."""
        with self._transaction("store authorisations", writing=True) as connection:
            recorded.put_authorisations(connection, group, entries, at)

    def authorisations(self, group: str) -> tuple[MemberPolicy, ...]:
        """Whom the group's policy admits, as last loaded."""
        with self._transaction("be read") as connection:
            return recorded.read_authorisations(connection, group)

    # -- the file ------------------------------------------------------------------------------------

    @property
    def schema_version(self) -> int:
        """The version of the file's tables."""
        with self._transaction("be read") as connection:
            return version_of(connection, self._path)

    def check_integrity(self) -> None:
        """Read everything: SQLite's pages and indexes, and every sealed value. Raises `StateError`."""
        with self._transaction("be checked") as connection:
            verdict = connection.execute(text("PRAGMA integrity_check(1)")).scalar()
            if verdict != "ok" or connection.execute(text("PRAGMA foreign_key_check")).first():
                raise StateError(f"the store {self._path} is damaged; restore a backup")
            load(connection, self._sealer)

    def backup(self, path: FilePath) -> None:
        """Copy the store to a new file, while it is in use. Keys stay sealed, under the same key file.

        Raises `ConfigurationError` if the file exists. See `restore` for the way back.
        """
        target = absolute(path)
        with self._mutex, using(self._path, f"be copied to {target}"):
            copy_to_backup(self._driver(), target)

    def close(self) -> None:
        """Let go of the file. A second time does nothing."""
        with self._mutex, using(self._path, "be closed"):
            try:
                if self._connection is not None and not self._read_only and not self._harmed:
                    with self._connection.begin():
                        forget_mark(self._connection, "owner")
            finally:
                self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._connection is None else "read-only" if self._read_only else "open"
        return f"<SQLStore {self._path} {state}>"

    # -- within --------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self, what: str, *, writing: bool = False) -> Iterator[Connection]:
        with self._mutex, using(self._path, what):
            connection = self._live()
            if writing and self._read_only:
                raise StateError(f"the store {self._path} is open for reading only")
            try:
                with connection.begin():
                    yield connection
            except BaseException as error:
                self._harmed |= writing and not unharmed(error)
                raise

    def _live(self) -> Connection:
        if self._connection is None:
            raise StateError(f"the store {self._path} is closed")
        if self._harmed:
            raise StateError(f"the store {self._path} failed before: close it, and see what it holds")
        return self._connection

    def _driver(self) -> sqlite3.Connection:
        driver: Any = self._live().connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise StateError(f"the store {self._path} has lost its connection")
        return driver

    def _release(self) -> None:
        """The connection first: while the lock is held, nobody else comes between."""
        connection, self._connection = self._connection, None
        lock, self._lock = self._lock, None
        try:
            if connection is not None:
                connection.close()
                connection.engine.dispose()
        finally:
            if lock is not None:
                lock.release()
