"""``gsakmp ladder``: the exchanges of a capture as a sequence diagram."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Annotated, Final

import typer

from gsakmp.cli.options import Address, Cookie, Dialect, Domain, Exchange, Keys, Ports, Quiet, Source
from gsakmp.cli.screen import screen
from gsakmp.cli.status import guarded, paragraphs
from gsakmp.cli.viewing import Viewing, lines, written
from gsakmp.errors import ConfigurationError

__all__ = ["register"]

USUAL_WIDTH: Final = 100
"""Columns where there is no terminal."""
SIGNS: Final = "│─╌▶◀├┤┼↺✓✗…•µ"

EXAMPLES: Final = paragraphs(
    "Examples:",
    "[bold]gsakmp ladder --keys member.keys member.pcap[/]  in the terminal",
    "[bold]gsakmp ladder --keys member.keys --svg member.svg member.pcap[/]  as a picture, light or dark",
    "[bold]gsakmp ladder --mermaid member.pcap[/]  as text that Markdown pages draw",
    "[bold]gsakmp ladder --exchange GROUPKEY_PUSH member.pcap[/]  only some of it",
    "Exit status: 0 if all is well, 1 if something is malformed or wrong, 2 for wrong usage or a file that "
    "can't be read to its end.",
)


def ladder(
    source: Source,
    keys: Keys = None,
    svg: Annotated[
        str | None, typer.Option(metavar="OUT", help="Write an SVG picture; - for standard output.")
    ] = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Mermaid's sequenceDiagram.")] = False,
    width: Annotated[
        int | None, typer.Option(min=60, max=1000, help="Characters of a line; else the terminal's.")
    ] = None,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Draw with plain ASCII.")] = False,
    exchange: Exchange = None,
    cookie: Cookie = None,
    address: Address = None,
    port: Ports = None,
    doi: Domain = None,
    dialect: Dialect = None,
    quiet: Quiet = False,
) -> None:
    """Draw the exchanges of a capture: who said what to whom and when, retransmissions, errors and checks."""

    def command() -> int:
        from gsakmp.reports.ladder import Ladder

        if svg is not None and mermaid:
            raise ConfigurationError("--svg and --mermaid exclude each other")
        viewing = Viewing(
            source, keys, port=port, doi=doi, dialect=dialect,
            exchange=exchange, cookie=cookie, address=address,
        )  # fmt: skip
        drawn = Ladder()
        for opened in viewing.opened():
            drawn.add(opened)
        if svg is not None:
            from gsakmp.reports.ladder_svg import svg_text

            with written(svg, source) as file:
                file.writelines(text.encode() for text in svg_text(drawn.drawing(), viewing.input.label))
        elif mermaid:
            from gsakmp.reports.ladder_mermaid import mermaid_text

            sys.stdout.writelines(mermaid_text(drawn.drawing()))
        else:
            from gsakmp.reports.ladder_text import ladder_rows

            screen().rows(lines(ladder_rows(drawn, width or usual_width(), ascii_only=ascii_only or plain())))
        return viewing.status(quiet)

    raise typer.Exit(guarded(command))


def usual_width() -> int:
    """The terminal's columns, those that COLUMNS says, or 100."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size((USUAL_WIDTH, 24)).columns
    return USUAL_WIDTH


def plain() -> bool:
    """Whether standard output can't take the signs."""
    try:
        SIGNS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(ladder)
