"""Files that commands write: whole or not at all, and never over what is read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO, Final

from gsakmp.errors import ConfigurationError, LocalError

__all__ = ["PRIVATE", "written"]

PRIVATE: Final = 0o600
"""The mode of files with keys or plaintext: for their owner alone."""
NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def written(output: str, *sources: str, mode: int | None = None) -> Iterator[BinaryIO]:
    """A file to write in the place of `output`, or standard output for ``-``.

    What is there stays until the new one is whole, and for good where the block ends with an error. A link is
    not followed and none of the `sources` is written over. `mode` is that of the file, whatever was there
    before; None leaves it to the umask. Raises `ConfigurationError`, `LocalError`.
    """
    if output == "-":
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    check_target(target, sources)
    try:
        if is_special(target):
            with opened_for(target, lambda: os.open(target, os.O_WRONLY | NO_FOLLOW)) as file:
                yield file
        else:
            yield from replacing(target, mode)
    except BrokenPipeError:  # whoever read it went away
        raise
    except OSError as error:
        raise cannot(target, error) from None


def replacing(target: Path, mode: int | None) -> Iterator[BinaryIO]:
    """A new file, which takes the place of `target` once it is whole."""
    try:
        handle, name = mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")  # for its owner alone
    except (OSError, ValueError) as error:
        raise cannot(target, error) from None
    part = Path(name)
    try:
        with opened_for(target, lambda: handle) as file:
            yield file
            file.flush()
            os.fchmod(handle, 0o666 & ~umask() if mode is None else mode)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def opened_for(target: Path, descriptor: Callable[[], int]) -> Iterator[BinaryIO]:
    """A descriptor as a file. Raises `LocalError`."""
    try:
        file = open(descriptor(), "wb")  # noqa: SIM115  # closed below; errors in the body have their own text
    except OSError as error:
        raise cannot(target, error) from None
    with file:
        yield file


def check_target(target: Path, sources: tuple[str, ...]) -> None:
    """Raises `ConfigurationError` for a file that must not be written over."""
    with suppress(OSError, ValueError):
        if target.is_symlink():
            raise ConfigurationError(f"{target} is a link, which is not followed; name the file itself")
        if target.is_dir():
            raise ConfigurationError(f"{target} is a folder; a file is wanted")
    for source in sources:
        with suppress(OSError, ValueError):  # a source that is not there is told when it is read
            if source not in ("", "-") and target.samefile(source):
                raise ConfigurationError(f"{target} is what is read; give another file to write")


def is_special(target: Path) -> bool:
    """Whether it is a pipe or a device: nothing that a new file could take the place of."""
    with suppress(OSError, ValueError):  # a name that can't be is told when the file is made
        return target.exists() and not target.is_file()
    return False


def cannot(target: Path, error: Exception) -> LocalError:
    reason = getattr(error, "strerror", None) or "that is no path"
    return LocalError(f"{target} can't be written: {reason}")


def umask() -> int:
    """The permissions that new files go without."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
