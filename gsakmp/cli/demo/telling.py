"""How the demo talks: sections with an explanation, and one line for each thing that happens."""

from __future__ import annotations

import os
import sys
import time
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
            highlight=False, width=None if sys.stdout.isatty() else WIDTH, no_color=not colour, soft_wrap=False
        )
        self._start = time.monotonic()
        self._colours: dict[str, str] = {}

    def section(self, title: str, explanation: str = "") -> None:
        """A new part of the story."""
        from rich.padding import Padding
        from rich.text import Text

        self.console.print()
        self.console.print(Text(title, style="bold"))
        if explanation:
            self.console.print(Padding(Text(explanation, style="dim"), (0, 0, 0, 2)))

    def line(self, who: str, what: str) -> None:
        """Something that somebody did, or that happened to somebody."""
        from rich.table import Table
        from rich.text import Text

        colour = self._colours.setdefault(who, COLOURS[len(self._colours) % len(COLOURS)])
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=8, justify="right")
        grid.add_column(width=6)
        grid.add_column()
        elapsed = f"{time.monotonic() - self._start:.2f} s"
        grid.add_row(Text(elapsed, style="dim"), Text(who, style=colour), Text(what))
        self.console.print(grid)

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
