"""``gsakmp explain``: the group security association as a capture tells it."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import msgspec
import typer

from gsakmp.cli.filters import Filters
from gsakmp.cli.options import Address, Cookie, Dialect, Domain, Exchange, Keys, Ports, Quiet, Source, Width
from gsakmp.cli.screen import screen, usual_width
from gsakmp.cli.status import STATUSES, guarded, paragraphs
from gsakmp.cli.viewing import Viewing, lines

__all__ = ["register"]

EXAMPLES: Final = paragraphs(
    "Examples:",
    "[bold]gsakmp explain --keys member.keys member.pcap[/]  in prose and tables",
    "[bold]gsakmp explain --json --keys member.keys member.pcap | jq .data_sas[/]",
    "[bold]gsakmp explain member.pcap[/]  what there is, and which key would open it",
    STATUSES,
)


def explain(
    source: Source,
    keys: Keys = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    width: Width = None,
    exchange: Exchange = None,
    cookie: Cookie = None,
    address: Address = None,
    port: Ports = None,
    doi: Domain = None,
    dialect: Dialect = None,
    quiet: Quiet = False,
) -> None:
    """Tell what a capture shows of a group: who joined, which SAs lived from when to when, who could read
    what, which rekeys there were and why, what is wrong, and what could not be opened."""

    def command() -> int:
        from gsakmp.reports.story import Teller
        from gsakmp.reports.story_facts import plain
        from gsakmp.reports.story_text import story_rows

        filters = Filters.of(exchange, cookie, address)
        viewing = Viewing(source, keys, filters, port=port, doi=doi, dialect=dialect)
        teller = Teller()
        for opened in viewing.opened():
            teller.add(opened)
        story = teller.story()
        if as_json:
            sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(plain(story)), indent=2) + b"\n")
        else:
            screen().rows(lines(story_rows(story, width or usual_width())))
        return viewing.status(quiet)

    raise typer.Exit(guarded(command))


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(explain)
