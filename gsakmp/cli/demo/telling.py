"""How the demo talks: sections with an explanation, and one line for each thing that happens."""

from __future__ import annotations

import os
import sys
import time
from textwrap import wrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Teller"]

WIDTH: Final = 100
COLOURS: Final = ("cyan", "green", "magenta", "yellow", "blue")


class Teller:
    """Prints, in colour on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        colour = bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()
        self.console: Console = Console(
            highlight=False, width=None if sys.stdout.isatty() else WIDTH, no_color=not colour
        )
        self._start = time.monotonic()
        self._colours: dict[str, str] = {}

    def section(self, title: str, explanation: str = "") -> None:
        """A new part of the story. The explanation's lines are folded one by one."""
        from rich.text import Text

        self.console.print()
        self.console.print(Text(title, style="bold"), soft_wrap=True)
        for line in explanation.splitlines():
            for piece in wrap(line, WIDTH, initial_indent="  ", subsequent_indent="  "):
                self.console.print(Text(piece, style="dim"), soft_wrap=True)

    def line(self, who: str, what: str) -> None:
        """Something that somebody did, or that happened to somebody."""
        from rich.text import Text

        colour = self._colours.setdefault(who, COLOURS[len(self._colours) % len(COLOURS)])
        elapsed = f"{time.monotonic() - self._start:6.2f} s  "
        self.console.print(Text.assemble((elapsed, "dim"), (f"{who:<7}", colour), what), soft_wrap=True)

    def table(self, title: str, head: list[str], rows: list[list[str]]) -> None:
        """Rows below a head."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2))
        for name in head:
            table.add_column(name, header_style="dim")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print()
        self.console.print(table)
