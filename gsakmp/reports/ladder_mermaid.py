"""A ladder as Mermaid's sequenceDiagram, which many Markdown viewers draw.

Mermaid has no way to quote: a semicolon ends a line and ``#`` begins an entity. So whatever is not plainly
harmless goes as an entity, ``#59;``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gsakmp.reports.ladder import Arrow, Column, Drawing
from gsakmp.reports.words import clock, counted, interval

__all__ = ["mermaid_text"]

HARMLESS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:()_/+*=-[]|")
VERDICTS: Final = {True: "✓", False: "✗", None: "?"}
KNOWN: Final = frozenset("✓✗µ")


def mermaid_text(drawing: Drawing) -> Iterator[str]:
    """The text, line by line."""
    yield "sequenceDiagram\n"
    for place, column in enumerate(drawing.columns):
        yield f"    participant P{place} as {heading(column)}\n"
    before = 0
    ends = "P0" if len(drawing.columns) == 1 else f"P0,P{len(drawing.columns) - 1}"
    for arrow in drawing.arrows:
        if arrow.time and not before:
            yield f"    Note over {ends}: {safe(clock(arrow.time))} UTC\n"
        when = interval(arrow.time - before) if arrow.time and before else ""
        yield from arrow_lines(arrow, when)
        before = arrow.time or before
    if drawing.more:
        yield f"    Note over {ends}: {safe(counted(drawing.more, 'more message'))}, not drawn\n"


def heading(column: Column) -> str:
    """A column's name, address and part, one below the other."""
    part = "group" if column.group else "key server" if column.gcks else ""
    rows = [column.title, column.detail if column.name and not column.hidden else "", part]
    return "<br/>".join(safe(row) for row in rows if row)


def arrow_lines(arrow: Arrow, when: str) -> Iterator[str]:
    """The arrow: dotted for a retransmission, with a cross for what is wrong. Then its notes."""
    head = "--" if arrow.again else "-"
    tip = "x" if arrow.failed else ">>"
    checks = " ".join(f"{VERDICTS[passed]} {name}" for passed, name in arrow.checks)
    frame = f"[{arrow.frame or arrow.number}]"
    said = "  ".join(part for part in (frame, when, arrow.text, checks) if part)
    yield f"    P{arrow.source}{head}{tip}P{arrow.target}: {safe(said)}\n"
    if not arrow.notes:
        return
    low, high = sorted((arrow.source, arrow.target))
    over = f"P{low}" if low == high else f"P{low},P{high}"
    yield f"    Note over {over}: {'<br/>'.join(safe(note.text) for note in arrow.notes)}\n"


def safe(said: str) -> str:
    """A text that Mermaid takes for nothing but text."""
    return "".join(c if c in HARMLESS or c in KNOWN else f"#{ord(c)};" for c in said)
