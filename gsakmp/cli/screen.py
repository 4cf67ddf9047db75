"""Where lines go: coloured and with guides on a terminal, as plain text anywhere else."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

from gsakmp.cli.show import Line, Style

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["MOST_WIDTH", "Screen", "screen", "usual_width"]

USUAL_WIDTH: Final = 100
"""Columns where there is no terminal."""
MOST_WIDTH: Final = 1000

STYLES: Final = {
    Style.HEAD: "bold",
    Style.ADDRESS: "blue",
    Style.TITLE: "bold cyan",
    Style.NAME: "green",
    Style.VALUE: "",
    Style.NOTE: "dim",
    Style.SECRET: "yellow",
    Style.OCTETS: "cyan",
    Style.PROBLEM: "bold red",
}
INDENT: Final = "    "


class Screen(Protocol):
    """Takes lines."""

    def tree(self, lines: Iterable[Line]) -> None:
        """Lines that hang below one another by their depth."""

    def rows(self, lines: Iterable[Line]) -> None:
        """Lines that stand by themselves."""


class Plain:
    """Text without colours or drawing, for pipes and files: the same at any width."""

    def tree(self, lines: Iterable[Line]) -> None:
        write = sys.stdout.write
        for line in lines:
            write(f"{INDENT * line.depth}{line.text}\n")

    rows = tree


class Colour:
    """Rich text for a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console: Console = Console(highlight=False)

    def text(self, line: Line) -> Text:
        from rich.text import Text

        return Text.assemble(*((text, STYLES[style]) for text, style in line.pieces))

    def tree(self, lines: Iterable[Line]) -> None:
        from rich.tree import Tree

        above: list[Tree] = []
        for line in lines:
            del above[line.depth :]
            if above:
                above.append(above[-1].add(self.text(line)))
            else:
                above.append(Tree(self.text(line), guide_style="dim"))
                root = above[0]
        if above:
            self.console.print(root)

    def rows(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self.console.print(self.text(line), soft_wrap=True)


def screen() -> Screen:
    """The screen for standard output as it is now; ``FORCE_COLOR`` asks for colours anywhere."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # names in certificates have any letters
    if os.environ.get("FORCE_COLOR") or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb"):
        return Colour()
    return Plain()


def usual_width() -> int:
    """The terminal's columns, those that COLUMNS says, or 100; no more than `MOST_WIDTH`."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return min(shutil.get_terminal_size((USUAL_WIDTH, 24)).columns, MOST_WIDTH)
    return USUAL_WIDTH
