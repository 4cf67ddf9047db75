"""The store's files: made for their owner alone, and the lock that keeps a second key server out."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from gsakmp.errors import ConfigurationError, StateError

__all__ = ["OwnerLock", "absolute", "check_mode", "check_size", "make_private"]

PRIVATE: Final = 0o600
"""Read and write for the owner, nothing for anybody else."""

SHARED_READING: Final = 0o027
"""What a database must not grant: its group may read (keys are sealed), nobody else may do anything."""

SHORTEST: Final = 512
"""Octets of SQLite's smallest page, so of the shortest file that holds anything."""


def absolute(path: str | os.PathLike[str]) -> Path:
    """The path from the root. Raises `ConfigurationError` for what is none."""
    try:
        text: object = os.fspath(path)
        if not isinstance(text, str) or not text or "\0" in text:
            raise ValueError
        return Path(text).absolute()
    except (TypeError, ValueError, OSError):
        raise ConfigurationError(f"{path!r} is no path of a file") from None


def make_private(path: Path, octets: bytes = b"") -> None:
    """Make a file that only its owner may read, durably. Raises `FileExistsError`, `OSError`.

    A file that exists is not even opened: closing any descriptor of it would drop the locks that SQLite
    holds on it for this process (POSIX advisory locks).
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_folder(path: Path) -> None:
    """Make the entry of `path` in its folder durable, where a folder can be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_mode(path: Path, forbidden: int, what: str, mode: str) -> None:
    """Raises `ConfigurationError` where `path` is no file, or grants others what `forbidden` names.

    `mode` is what to tell chmod. Systems without such modes have nothing to check.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"the {what} {path} is not a regular file")
    if os.name == "posix" and status.st_mode & forbidden:
        granted = stat.S_IMODE(status.st_mode)
        raise ConfigurationError(
            f"others may read or change the {what} {path} (mode {granted:04o}): run chmod {mode} {path}"
        )


def check_size(path: Path) -> None:
    """Raises `ConfigurationError` for a file so short that SQLite takes it as empty, and writes over it.

    One that has a journal beside it is the rest of a transaction that SQLite undoes.
    """
    if 0 < path.stat().st_size < SHORTEST and not path.with_name(path.name + "-journal").exists():
        raise ConfigurationError(f"the store {path} can't be opened: the file is damaged or no store")


class OwnerLock:
    """Held by the one process that writes to a store, and gone with it, however it ends.

    It is SQLite's own exclusive lock on an empty file beside the store: the kernel drops it with the process,
    it works wherever the store itself does, and readers of the store are not held up.
    """

    def __init__(self, store: Path) -> None:
        """Raises `StateError` where somebody holds it, `OSError` and `sqlite3.Error` for what else fails."""
        path = store.with_name(store.name + ".lock")
        with contextlib.suppress(FileExistsError):
            make_private(path)
        self._connection = sqlite3.connect(
            path.as_uri() + "?mode=rw", uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("PRAGMA journal_mode = MEMORY")  # nothing is ever written there
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._connection.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise StateError(
                f"the store {store} is in use{by_whom(store)}; only one key server may write to it"
            ) from None

    def release(self) -> None:
        """Let the next one have it."""
        self._connection.close()


def by_whom(store: Path) -> str:
    """Who holds the store, as it wrote there itself; empty where that can't be read."""
    try:
        connection = sqlite3.connect(store.as_uri() + "?mode=ro", uri=True, timeout=0)
        try:
            row = connection.execute("SELECT value FROM meta WHERE name = 'owner'").fetchone()
        finally:
            connection.close()
        return f" by {bytes(row[0]).decode()[:200]}" if row else ""
    except (sqlite3.Error, ValueError, TypeError):
        return ""
