"""``gsakmp view``: a capture as one HTML file to look at."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

import typer

from gsakmp.captures.opened import Opened, Status
from gsakmp.cli.filters import Filters
from gsakmp.cli.inputs import Input
from gsakmp.cli.options import Address, Cookie, Dialect, Domain, Exchange, Keys, Ports, Quiet, Source
from gsakmp.cli.status import complain, guarded, paragraphs
from gsakmp.cli.viewing import Viewing
from gsakmp.cli.writing import PRIVATE, written
from gsakmp.errors import ConfigurationError
from gsakmp.reports.page import MOST_MESSAGES, USUAL_MESSAGES, Written, write_page
from gsakmp.reports.words import amount, counted

__all__ = ["register"]

SUFFIXES: Final = (".gz", ".pcap", ".pcapng", ".cap", ".hex", ".txt")

EXAMPLES: Final = paragraphs(
    "Examples:",
    "[bold]gsakmp view capture.pcap[/]  writes capture.html",
    "[bold]gsakmp view --keys my.keys -o my.html my.pcap[/]  with all that the keys open",
    "[bold]gsakmp view --exchange GROUPKEY_PUSH --limit 500 big.pcap[/]  the first 500",
    "The file needs no server and no network. Who has it can read what was decrypted, so it is readable by "
    "you alone.",
    "Exit status: 0 if all is well, 1 if something is malformed or wrong, 2 for wrong usage or a file that "
    "can't be read to its end.",
)


def view(
    source: Source,
    keys: Keys = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Where the page goes, - for standard output; else it is called like the capture. What is "
            "there is replaced.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST_MESSAGES, metavar="NUMBER", help="Take so many messages at most.")
    ] = USUAL_MESSAGES,
    exchange: Exchange = None,
    cookie: Cookie = None,
    address: Address = None,
    port: Ports = None,
    doi: Domain = None,
    dialect: Dialect = None,
    quiet: Quiet = False,
) -> None:
    """Write a capture as one HTML file: ladder, fields and octets, all linked, to search and to filter.

    What the keys open is in it in plaintext; the keys that you give are not.
    """

    def command() -> int:
        filters = Filters.of(exchange, cookie, address)
        viewing = Viewing(source, keys, filters, port=port, doi=doi, dialect=dialect)
        target = output or usual_output(viewing.input)
        if target == "-" and sys.stdout.isatty():
            raise ConfigurationError("a page is nothing for a terminal; -o names a file")
        page = Paging(viewing, described(exchange, cookie, address))
        replaced = Path(target).is_file()
        found = page.save(target, source, limit)
        if found is not None and not quiet:
            complain(summary(target, found, page.sealed, replaced=replaced))
        return viewing.status(quiet)

    raise typer.Exit(guarded(command))


class Paging:
    """One capture on its way into a page."""

    def __init__(self, viewing: Viewing, filters: str) -> None:
        self.viewing, self.filters = viewing, filters
        self.sealed = 0

    def records(self) -> Iterator[Opened]:
        """The messages that are wanted; of ESP what could be opened, others may have much of it."""
        for opened in self.viewing.opened():
            if opened.esp is not None and opened.status is not Status.OPENED:
                self.sealed += 1
            else:
                yield opened

    def notes(self) -> Iterator[str]:
        """What the reader of the page has to know; right once all is read."""
        if self.filters:
            yield self.filters
        if self.sealed:
            yield f"{counted(self.sealed, 'ESP packet')} that could not be opened: left out."
        if self.viewing.unusable:
            yield "The capture could not be read to its end."

    def save(self, target: str, source: str, limit: int) -> Written | None:
        """Write the page; None, and no file, where nothing could be read. Raises `LocalError`."""
        given = self.viewing.input
        name = "hex" if given.octets is not None else Path(given.label).name
        records = self.records()
        first = next(records, None)
        if first is None and self.viewing.unusable:
            return None
        taken = records if first is None else chain((first,), records)
        with written(target, source if given.octets is None else "", mode=PRIVATE) as file:
            return write_page(taken, file, name=name, limit=limit, notes=self.notes())


def usual_output(source: Input) -> str:
    """A name for the page, in this folder."""
    if source.octets is not None:
        return "message.html"
    name = "capture" if source.name == "-" else Path(source.name).name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return f"{name or 'capture'}.html"


def described(exchange: list[str] | None, cookie: list[str] | None, address: list[str] | None) -> str:
    """Which filters were on."""
    parts = [
        f"{what} {' or '.join(values)}"
        for what, values in (("exchange", exchange), ("cookie", cookie), ("address", address))
        if values
    ]
    return f"Only messages of {', '.join(parts)} are here." if parts else ""


def summary(target: str, found: Written, sealed: int = 0, *, replaced: bool = False) -> str:
    """What was written, in one line; `sealed` ESP packets were not."""
    opened = found.decrypted + found.packets_decrypted
    parts = [amount(found.messages, found.packets)]
    parts += [f"{opened:,} decrypted"] if opened else []
    parts += [f"{found.failed:,} failed"] if found.failed else []
    parts += [f"without {counted(sealed, 'ESP packet')} that stay closed"] if sealed else []
    parts += [] if found.complete else ["and the capture has more (--limit)"]
    place = "standard output" if target == "-" else f"{target} (replaced)" if replaced else target
    return f"{place}: {', '.join(parts)}"


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(view)
