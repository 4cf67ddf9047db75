"""Paragraphs, tables and lists of fields that fit a width. Lines break at blanks; a word that is too long for
one, behind a comma or a slash; else inside the word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import TextWrapper
from typing import Final

from gsakmp.reports.words import Piece, Row

__all__ = ["LEAST_WIDTH", "folded", "paragraph", "table"]

LEAST_WIDTH: Final = 40
"""Characters of a line that every report has, however few are wanted."""
INDENT: Final = 2
GAP: Final = 2
LEAST: Final = 8
"""Characters that a column keeps when others need room."""
NARROW: Final = 90
"""Below this width a table whose cells would be folded is a list of fields instead."""


class Folder(TextWrapper):
    """Breaks at blanks, but keeps a small number with what it counts: ``60 s``, ``2 TEK``."""

    wordsep_simple_re = re.compile(r"((?<![\s(]\d)(?<![\s(]\d\d)\s+)")


class LongFolder(TextWrapper):
    """Breaks long words, too, but not before the length of a prefix."""

    wordsep_simple_re = re.compile(r"(\s+|(?<=,)(?=\S)|(?<=/)(?=[A-Za-z]))")


def folded(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` characters; none for an empty text."""
    fits = all(len(word) <= width for word in unbroken(text))
    return (Folder if fits else LongFolder)(width=width, break_on_hyphens=False).wrap(text)


def paragraph(text: str, width: int, style: str = "", *, sign: str = "") -> Iterator[Row]:
    """A text folded to the width, indented; `sign` stands before its first line."""
    head = " " * INDENT + sign
    for index, line in enumerate(folded(text, max(LEAST, width - len(head)))):
        yield ((head if not index else " " * len(head), "note"), (line, style))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> Iterator[Row]:
    """Rows below a head; empty columns are left out. What does not fit is folded within its column, or where
    there is little room each row is a list of its fields, a line each."""
    cells = [list(row) for row in rows]
    used = [place for place in range(len(head)) if any(row[place] for row in cells)]
    titles = [head[place] for place in used]
    cells = [[row[place] for place in used] for row in cells]
    room = width - INDENT - GAP * (len(used) - 1)
    if width < NARROW and sum(natural([titles, *cells])) > room:
        for row in cells:
            yield from fields(titles, row, width)
        return
    widths = fitting([titles, *cells], room)
    yield from lines(titles, widths, "note")
    for row in cells:
        yield from lines(row, widths, "")


def fields(titles: Sequence[str], row: Sequence[str], width: int) -> Iterator[Row]:
    """One row as a list: the first field leads, the others are below it."""
    yield ((" " * INDENT, ""), (f"{titles[0]} " if titles[0] else "", "note"), (row[0], "name"))
    margin = 2 * INDENT + min(max(map(len, titles[1:]), default=0), width // 3) + GAP
    for title, cell in zip(titles[1:], row[1:], strict=True):
        if not cell:
            continue
        found = folded(cell, max(LEAST, width - margin))
        first = (" " * 2 * INDENT + title).ljust(margin)
        if len(title) > margin - GAP - 2 * INDENT:
            yield ((" " * 2 * INDENT + title, "note"),)
            first = " " * margin
        for index, line in enumerate(found):
            yield ((first if not index else " " * margin, "note"), (line, ""))


def unbroken(text: str) -> list[str]:
    """The pieces between the places where a line breaks readily,"""
    return Folder(width=1, break_long_words=False, break_on_hyphens=False).wrap(text)


def soft(text: str) -> list[str]:
    """and where it may."""
    return LongFolder(width=1, break_long_words=False, break_on_hyphens=False).wrap(text)


def natural(rows: Sequence[Sequence[str]]) -> list[int]:
    """How wide each column is without folding."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def fitting(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """How wide each column is: as it likes; where that is too much, the widest give way, first those that
    need not break a word for it, then those that need not do so inside."""
    columns = list(zip(*rows, strict=True))
    widths = natural(rows)
    words = [max(LEAST, *(len(word) for cell in column for word in cell.split())) for column in columns]
    pieces = [max(LEAST, *(len(piece) for cell in column for piece in soft(cell))) for column in columns]
    for least in (words, pieces, [LEAST] * len(columns)):
        while sum(widths) > room:
            slack = [width - low for width, low in zip(widths, least, strict=True)]
            if max(slack) <= 0:
                break
            widest = max(range(len(widths)), key=lambda place: (slack[place] > 0, widths[place]))
            widths[widest] -= 1
    return widths


def lines(row: Sequence[str], widths: Sequence[int], style: str) -> Iterator[Row]:
    """One row, in as many lines as its tallest cell needs."""
    found = [folded(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    for index in range(max(map(len, found), default=0)):
        cells = [cell[index] if index < len(cell) else "" for cell in found]
        last = max((place for place, text in enumerate(cells) if text), default=-1)
        pieces: list[Piece] = [(" " * INDENT, "")]
        for place, text in enumerate(cells[: last + 1]):
            padded = text if place == last else text.ljust(widths[place] + GAP)
            pieces.append((padded, style or ("name" if not place else "")))
        yield tuple(pieces)
