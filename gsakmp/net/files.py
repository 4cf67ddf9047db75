"""Files that a configuration names: read whole, bounded, and secret ones only when they are kept secret."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from gsakmp.errors import ConfigurationError

__all__ = ["FILE_OCTETS", "open_to_others", "read_file"]

FILE_OCTETS: Final = 1024 * 1024
"""Of a key, a chain of certificates or a revocation list."""
FOR_OTHERS: Final = 0o077
"""What the mode of a secret file must not grant: anything to its group or to others."""


def read_file(path: Path, what: str, *, limit: int = FILE_OCTETS, secret: bool = False) -> bytes:
    """The octets of a regular file. Raises `ConfigurationError`: unreadable, longer than `limit`, or a
    `secret` that others than its owner may read."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a FIFO must not stop us
    try:
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"the {what} file {path} is not a regular file")
            if secret:
                check_private(status, path, what)
            octets = file.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(f"the {what} file {path} can't be read: {error.strerror}") from None
    except ValueError:
        raise ConfigurationError(f"the {what} file {str(path)!r} can't be read: that is no path") from None
    if len(octets) > limit:
        raise ConfigurationError(f"the {what} file {path} is longer than {limit} octets")
    return octets


def open_to_others(status: os.stat_result) -> bool:
    """Whether anybody but its owner may read or change a file, where the system has such modes."""
    return os.name == "posix" and bool(status.st_mode & FOR_OTHERS)


def check_private(status: os.stat_result, path: Path, what: str) -> None:
    """Raises `ConfigurationError` for a file that others may read or change, or that is somebody else's."""
    if open_to_others(status):
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigurationError(
            f"others may read or change the {what} file {path} (mode {mode:04o}): run chmod 600 {path}"
        )
    if os.name == "posix" and status.st_uid not in {0, os.geteuid()}:
        raise ConfigurationError(f"the {what} file {path} belongs to another user ({status.st_uid})")
