"""What the views of a capture share: their options, and the opened messages of one input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO, Final

from gsakmp.captures import PORTS
from gsakmp.captures.keyring import Keyring
from gsakmp.captures.opened import Opened, Status
from gsakmp.captures.opening import Opener
from gsakmp.cli.filters import Filters
from gsakmp.cli.inputs import Input, classified
from gsakmp.cli.options import all_keys, doi_named
from gsakmp.cli.report import Tally, progress
from gsakmp.cli.show import Line, Style
from gsakmp.cli.status import MALFORMED, SOUND, UNUSABLE, complain
from gsakmp.doi import GDOI, dialect_named
from gsakmp.errors import ConfigurationError, GsakmpError, LocalError
from gsakmp.reports.words import Row
from gsakmp.wire.spans import printable

__all__ = [
    "Viewing",
    "lines",
    "written",
]

NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


class Viewing:
    """One input, opened message by message. What is filtered out is opened all the same: others may need what
    it says.

    Raises `ConfigurationError`, `LocalError` for what the user has mistyped.
    """

    def __init__(
        self,
        source: str,
        keys: Sequence[Path] | None = None,
        *,
        port: Sequence[int] | None = None,
        doi: str | None = None,
        dialect: str | None = None,
        exchange: Sequence[str] | None = None,
        cookie: Sequence[str] | None = None,
        address: Sequence[str] | None = None,
    ) -> None:
        self.ports = PORTS | frozenset(port or ())
        self.default_port = port[0] if port else next(iter(GDOI.ports))
        self.filters = Filters.of(exchange or (), cookie or (), address or ())
        self.keyring = all_keys(keys) if keys else Keyring()
        self.opener = Opener(
            self.keyring,
            doi=doi_named(doi),
            dialect=None if dialect is None else dialect_named(dialect),
            ports=self.ports,
            default_port=self.default_port,
        )
        self.input: Input = classified(source)
        self.tally = Tally()
        self.unusable = False
        self.failed = False

    def opened(self) -> Iterator[Opened]:
        """The messages that are wanted. Where the file can't be read further, that is said on standard error
        and they end."""
        try:
            with progress(self.input) as bar:
                for datagram in self.input.datagrams(self.ports, esp=True):
                    bar.step()
                    opened = self.opener.feed(datagram)
                    if self.counts(opened):
                        yield opened
        except GsakmpError as error:
            self.unusable = True
            complain(str(error))
        finally:
            self.tally.capture(self.input.counts)

    def counts(self, opened: Opened) -> bool:
        """Whether a message is wanted; the tally has it either way."""
        tally = self.tally
        if opened.message is None and opened.error is None and opened.esp is None:
            tally.other["NAT keepalive"] += 1
            return False
        if not self.wanted(opened):
            tally.unwanted += 1
            return False
        if opened.esp is not None:
            tally.other["ESP"] += 1
        else:
            tally.messages += 1
            tally.malformed += opened.error is not None or opened.status is Status.MALFORMED
        self.failed |= opened.failed
        return True

    def wanted(self, opened: Opened) -> bool:
        """Whether the filters let it pass."""
        datagram = opened.datagram
        message = opened.message
        marker = message is not None and message.non_esp_marker
        return self.filters.datagram(datagram, marker) and self.filters.message(opened.shown)

    def status(self, quiet: bool = False) -> int:
        """The exit status, after the summary on standard error."""
        if not quiet and self.tally.notable:
            complain(self.tally.text())
        return UNUSABLE if self.unusable else MALFORMED if self.failed else SOUND


def lines(rows: Iterator[Row] | Sequence[Row]) -> Iterator[Line]:
    """Rows of a report, for the screen; whatever is in them, they stay text in one line."""
    return (Line(0, tuple((printable(text), style or Style.VALUE) for text, style in row)) for row in rows)


@contextmanager
def written(output: str, source: str = "", *, mode: int | None = None) -> Iterator[BinaryIO]:
    """A file to write in the place of `output`, or standard output for ``-``.

    What is there stays until the new one is whole. A link is not followed and the `source` is not written
    over. `mode` is that of the file, whatever was there before; None leaves it to the umask. Raises
    `ConfigurationError`, `LocalError`.
    """
    if output == "-":
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    check_target(target, source)
    if is_special(target):
        try:
            with opened_for(target, lambda: os.open(target, os.O_WRONLY | NO_FOLLOW)) as file:
                yield file
        except BrokenPipeError:  # whoever read it went away
            raise
        except OSError as error:
            raise LocalError(f"{output} can't be written: {reason(error)}") from None
        return
    try:
        handle, name = mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")  # for its owner alone
    except (OSError, ValueError) as error:
        raise LocalError(f"{output} can't be written: {reason(error)}") from None
    part = Path(name)
    try:
        with opened_for(target, lambda: handle) as file:
            yield file
            file.flush()
            os.fchmod(handle, 0o666 & ~umask() if mode is None else mode)
        part.replace(target)
    except OSError as error:
        raise LocalError(f"{output} can't be written: {reason(error)}") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def opened_for(target: Path, descriptor: Callable[[], int]) -> Iterator[BinaryIO]:
    """A descriptor as a file. Raises `LocalError`."""
    try:
        file = open(descriptor(), "wb")  # noqa: SIM115  # closed below; errors in the body have their own text
    except OSError as error:
        raise LocalError(f"{target} can't be written: {reason(error)}") from None
    with file:
        yield file


def check_target(target: Path, source: str) -> None:
    """Raises `ConfigurationError` for a file that must not be written over."""
    with suppress(OSError, ValueError):
        if target.is_symlink():
            raise ConfigurationError(f"{target} is a link, which is not followed; name the file itself")
        if target.is_dir():
            raise ConfigurationError(f"{target} is a folder; a file is wanted")
        if source not in ("", "-") and target.exists() and target.samefile(source):
            raise ConfigurationError(f"{target} is what is read; give another file to write")


def is_special(target: Path) -> bool:
    """Whether it is a pipe or a device: nothing that a new file could take the place of."""
    with suppress(OSError, ValueError):  # a name that can't be is told when the file is made
        return target.exists() and not target.is_file()
    return False


def reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "that is no path"


def umask() -> int:
    """The permissions that new files go without."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
