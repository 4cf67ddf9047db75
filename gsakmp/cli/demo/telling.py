"""How the demo talks: sections with an explanation, and one line for each thing that happens."""

from __future__ import annotations

import os
import re
import sys
import time
from textwrap import wrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Teller"]

WIDTH: Final = 100
"""Columns at most; a narrower terminal has fewer."""
LEAST: Final = 40
MARGIN: Final = 18
"""Columns of the time and the name before what happened."""
COLUMNS: Final = re.compile(r" +\S+ +\S+ {2,}")
"""The first two cells of a row of three."""
COLOURS: Final = ("cyan", "green", "magenta", "yellow", "blue")


class Teller:
    """Prints, in colour on a terminal, no wider than it is."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or usual_console()
        self._width = max(LEAST, min(WIDTH, self.console.width))
        self._start = time.monotonic()
        self._colours: dict[str, str] = {}

    def section(self, title: str, explanation: str = "") -> None:
        """A new part of the story. The explanation's lines are folded one by one, rows within their last
        cell."""
        from rich.text import Text

        self.console.print()
        self.console.print(Text(title, style="bold"), soft_wrap=True)
        for line in explanation.splitlines():
            row = COLUMNS.match(line)
            following = " " * (2 + (row.end() if row else 0))
            for piece in wrap(line, self._width, initial_indent="  ", subsequent_indent=following):
                self.console.print(Text(piece, style="dim"), soft_wrap=True)

    def command(self, text: str) -> None:
        """What the reader may type next; never folded."""
        self.console.print(f"  {text}", style="dim", markup=False, soft_wrap=True)

    def line(self, who: str, what: str) -> None:
        """Something that somebody did, or that happened to somebody."""
        from rich.text import Text

        colour = self._colours.setdefault(who, COLOURS[len(self._colours) % len(COLOURS)])
        elapsed = f"{time.monotonic() - self._start:6.2f} s  "
        first, *rest = wrap(what, self._width - MARGIN) or [""]
        self.console.print(Text.assemble((elapsed, "dim"), (f"{who:<8}", colour), first), soft_wrap=True)
        for piece in rest:
            self.console.print(" " * MARGIN + piece, markup=False, soft_wrap=True)

    def drawing(self, text: str) -> None:
        """A line of a drawing, below what happened; never folded."""
        self.console.print(" " * MARGIN + text, style="dim", markup=False, soft_wrap=True)

    def table(self, title: str, head: list[str], rows: list[list[str]]) -> None:
        """Rows below a head."""
        from rich.text import Text

        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        self.console.print()
        self.console.print(Text(title, style="bold"))
        for number, row in enumerate([head, *rows]):
            cells = "    ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.console.print(Text(f"  {cells.rstrip()}", style="dim" if not number else ""), soft_wrap=True)


def usual_console() -> Console:
    """Standard output."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    colour = terminal or bool(os.environ.get("FORCE_COLOR"))
    return Console(highlight=False, width=None if terminal else WIDTH, no_color=not colour)
