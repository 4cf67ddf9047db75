"""Paragraphs and tables that fit a width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from gsakmp.reports.words import Piece, Row

__all__ = ["paragraph", "table"]

INDENT = 2
GAP = 2
LEAST = 8
"""Characters that a column keeps when others need room."""


def paragraph(text: str, width: int, style: str = "", *, sign: str = "") -> Iterator[Row]:
    """A text folded to the width, indented; `sign` stands before its first line."""
    head = " " * INDENT + sign
    for index, line in enumerate(wrap(text, max(LEAST, width - len(head)), break_long_words=True)):
        yield ((head if not index else " " * len(head), "note"), (line, style))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> Iterator[Row]:
    """Rows below a head. What does not fit is folded within its column; empty columns are left out."""
    cells = [list(row) for row in rows]
    used = [place for place in range(len(head)) if any(row[place] for row in cells)]
    titles = [head[place] for place in used]
    cells = [[row[place] for place in used] for row in cells]
    widths = fitting([titles, *cells], width - INDENT - GAP * (len(used) - 1))
    yield from lines(titles, widths, "note")
    for row in cells:
        yield from lines(row, widths, "")


def fitting(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """How wide each column is: as it likes; where that is too much, the widest give way, first those that
    need not break a word for it."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    words = [max(LEAST, *(len(word) for cell in column for word in cell.split())) for column in columns]
    for least in (words, [LEAST] * len(columns)):
        while sum(widths) > room:
            slack = [width - low for width, low in zip(widths, least, strict=True)]
            if max(slack) <= 0:
                break
            widest = max(range(len(widths)), key=lambda place: (slack[place] > 0, widths[place]))
            widths[widest] -= 1
    return widths


def lines(row: Sequence[str], widths: Sequence[int], style: str) -> Iterator[Row]:
    """One row, in as many lines as its tallest cell needs."""
    folded = [wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    for index in range(max(map(len, folded), default=0)):
        cells = [cell[index] if index < len(cell) else "" for cell in folded]
        last = max((place for place, text in enumerate(cells) if text), default=-1)
        pieces: list[Piece] = [(" " * INDENT, "")]
        for place, text in enumerate(cells[: last + 1]):
            padded = text if place == last else text.ljust(widths[place] + GAP)
            pieces.append((padded, style or ("name" if not place else "")))
        yield tuple(pieces)
