"""``gsakmp ladder``: the exchanges of a capture as a sequence diagram."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from gsakmp.cli.filters import Filters
from gsakmp.cli.options import Address, Cookie, Dialect, Domain, Exchange, Keys, Ports, Quiet, Source, Width
from gsakmp.cli.screen import screen, usual_width
from gsakmp.cli.status import STATUSES, guarded, paragraphs
from gsakmp.cli.viewing import Viewing, lines
from gsakmp.cli.writing import written
from gsakmp.errors import ConfigurationError

__all__ = ["register"]

SIGNS: Final = "│─╌▶◀├┤┼↺✓✗…•µ"

EXAMPLES: Final = paragraphs(
    "Examples:",
    "[bold]gsakmp ladder --keys member.keys member.pcap[/]  in the terminal",
    "[bold]gsakmp ladder --keys member.keys --svg member.svg member.pcap[/]  a picture",
    "[bold]gsakmp ladder --mermaid member.pcap[/]  as text that Markdown pages draw",
    "[bold]gsakmp ladder --exchange GROUPKEY_PUSH member.pcap[/]  only some of it",
    STATUSES,
)


def ladder(
    source: Source,
    keys: Keys = None,
    svg: Annotated[
        str | None, typer.Option(metavar="OUT", help="Write an SVG picture; - for standard output.")
    ] = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Mermaid's sequenceDiagram.")] = False,
    width: Width = None,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Draw with plain ASCII.")] = False,
    exchange: Exchange = None,
    cookie: Cookie = None,
    address: Address = None,
    port: Ports = None,
    doi: Domain = None,
    dialect: Dialect = None,
    quiet: Quiet = False,
) -> None:
    """Draw the exchanges of a capture: who said what to whom and when, retransmissions, errors and checks.

    A ladder has 10,000 messages at most; the rest are counted. Filters choose which they are.
    """

    def command() -> int:
        from gsakmp.reports.ladder import Ladder

        if svg is not None and mermaid:
            raise ConfigurationError("--svg and --mermaid exclude each other")
        filters = Filters.of(exchange, cookie, address)
        viewing = Viewing(source, keys, filters, port=port, doi=doi, dialect=dialect)
        drawn = Ladder()
        for opened in viewing.opened():
            drawn.add(opened)
        if viewing.unusable and viewing.tally.nothing:
            return viewing.status(quiet)  # a picture that is there already stays
        plain = ascii_only or not signs_fit()
        if svg is not None:
            from gsakmp.reports.ladder_svg import svg_text

            with written(svg, source) as file:
                file.writelines(text.encode() for text in svg_text(drawn.drawing(), viewing.input.label))
        elif mermaid:
            from gsakmp.reports.ladder_mermaid import mermaid_text

            sys.stdout.writelines(mermaid_text(drawn.drawing(), ascii_only=plain))
        else:
            from gsakmp.reports.ladder_text import ladder_rows

            screen().rows(lines(ladder_rows(drawn, width or usual_width(), ascii_only=plain)))
        return viewing.status(quiet)

    raise typer.Exit(guarded(command))


def signs_fit() -> bool:
    """Whether standard output can take the signs."""
    try:
        SIGNS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(ladder)
