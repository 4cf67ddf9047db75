"""What the views of a capture share: their options, and the opened messages of one input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gsakmp.captures.keyring import Keyring
from gsakmp.captures.opened import Opened
from gsakmp.cli.filters import Filters
from gsakmp.cli.inputs import Input, classified
from gsakmp.cli.options import all_keys, opener_of, reader_of
from gsakmp.cli.report import progress
from gsakmp.cli.show import Line, Style
from gsakmp.cli.sieve import Sieve
from gsakmp.cli.status import MALFORMED, SOUND, UNUSABLE, complain
from gsakmp.errors import GsakmpError
from gsakmp.reports.words import Row
from gsakmp.wire.spans import printable

__all__ = ["Viewing", "lines"]


class Viewing:
    """One input, opened message by message. What is filtered out is opened all the same: others may need what
    it says.

    Raises `ConfigurationError`, `LocalError` for what the user has mistyped.
    """

    def __init__(
        self,
        source: str,
        keys: Sequence[Path] | None = None,
        filters: Filters | None = None,
        *,
        port: Sequence[int] | None = None,
        doi: str | None = None,
        dialect: str | None = None,
    ) -> None:
        reader = reader_of(port, doi, dialect)
        self.opener = opener_of(all_keys(keys) if keys else Keyring(), reader, dialect)
        self.sieve = Sieve(reader, filters or Filters(), self.opener, keys=bool(keys))
        self.tally = self.sieve.tally
        self.input: Input = classified(source)
        self.unusable = False

    def opened(self) -> Iterator[Opened]:
        """The messages that are wanted. Where the file can't be read further, that is said on standard error
        and they end."""
        try:
            with progress(self.input) as bar:
                for datagram in self.input.datagrams(self.sieve.reader.ports, esp=True):
                    bar.step()
                    opened = self.sieve.opened(datagram, self.opener)
                    if opened is not None:
                        yield opened
        except GsakmpError as error:
            self.unusable = True
            complain(str(error))
        finally:
            self.tally.capture(self.input.counts)

    def status(self, quiet: bool = False) -> int:
        """The exit status, after the summary on standard error."""
        if not quiet and self.tally.notable:
            complain(self.tally.text())
        return UNUSABLE if self.unusable else SOUND if self.tally.sound else MALFORMED


def lines(rows: Iterator[Row] | Sequence[Row]) -> Iterator[Line]:
    """Rows of a report, for the screen; whatever is in them, they stay text in one line."""
    return (Line(0, tuple((printable(text), style or Style.VALUE) for text, style in row)) for row in rows)
