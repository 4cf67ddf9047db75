"""Where SQLAlchemy's, SQLite's and the operating system's exceptions become ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from gsakmp.errors import ConfigurationError, GsakmpError, StateError

__all__ = ["opening", "unharmed", "using"]

PRIMARY: Final = 0xFF
"""The part of an extended result code that is the primary one (SQLite, "Result and Error Codes")."""

PROBLEMS: Final = {
    sqlite3.SQLITE_PERM: "the file system does not permit it",
    sqlite3.SQLITE_BUSY: "the file is locked by another program",
    sqlite3.SQLITE_LOCKED: "the file is locked by another program",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only",
    sqlite3.SQLITE_IOERR: "the disk gave an error",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a backup",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened",
    sqlite3.SQLITE_CONSTRAINT: "a value contradicts what is stored",
    sqlite3.SQLITE_TOOBIG: "a value is too long",
    sqlite3.SQLITE_NOTADB: "the file is damaged or no store",
}
"""What each of SQLite's primary result codes means to an operator."""

HARMED: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""After these, whether the last transaction is on disk is not known."""

UNSUITABLE: Final = (OverflowError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What values raise that no column takes."""


def code_of(error: BaseException) -> int:
    """SQLite's primary result code; 0 where there is none."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorcode", 0)
    return code & PRIMARY if isinstance(code, int) else 0


def unharmed(error: BaseException) -> bool:
    """Whether a store may go on after `error`: its file is as it was before."""
    return code_of(error) not in HARMED


def problem_of(error: BaseException) -> str:
    """In words. Nothing of a statement or its values is in them."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, UNSUITABLE):
        return f"a value can't be stored ({type(error).__name__})"
    code = code_of(error)
    return PROBLEMS.get(code) or f"SQLite failed with code {code} ({type(error).__name__})"


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """What fails in opening is a `ConfigurationError`, but for a file that is busy or a disk that fails."""
    try:
        yield
    except GsakmpError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError, *UNSUITABLE) as error:
        passing = code_of(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL}
        kind = StateError if passing else ConfigurationError
        raise kind(f"the store {path} can't be opened: {problem_of(error)}") from None


@contextmanager
def using(path: Path, what: str) -> Iterator[None]:
    """What fails in use is a `StateError`."""
    try:
        yield
    except GsakmpError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError, *UNSUITABLE) as error:
        raise StateError(f"the store {path} can't {what}: {problem_of(error)}") from None
