"""A ladder as Mermaid's sequenceDiagram, which many Markdown viewers draw.

Mermaid has no way to quote: a semicolon ends a line and ``#`` begins an entity. So whatever is not plainly
harmless goes as an entity, ``#59;``. It draws an entity as the character that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gsakmp.reports.ladder import Arrow, Drawing, timed
from gsakmp.reports.words import NOTHING, counted

__all__ = ["mermaid_text"]

HARMLESS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:()_/+*=-[]|")
VERDICTS: Final = {True: "✓", False: "✗", None: "?"}
SIGNS: Final = frozenset("✓✗µ")


def mermaid_text(drawing: Drawing, *, ascii_only: bool = False) -> Iterator[str]:
    """The text, line by line. With `ascii_only` signs go as entities, too."""
    quote = Quote(HARMLESS if ascii_only else HARMLESS | SIGNS)
    yield "sequenceDiagram\n"
    if not drawing.columns:
        yield f"    %% {NOTHING}\n"
    for place, column in enumerate(drawing.columns):
        yield f"    participant P{place} as {quote.rows(column.rows)}\n"
    ends = over(0, len(drawing.columns) - 1)
    for arrow, time, later in timed(drawing.arrows):
        if time:
            yield f"    Note over {ends}: {quote(time)}\n"
        yield f"    P{arrow.source}{line(arrow)}P{arrow.target}: {quote(said(arrow, later))}\n"
        if arrow.notes:
            notes = quote.rows(note.text for note in arrow.notes)
            yield f"    Note over {over(*sorted((arrow.source, arrow.target)))}: {notes}\n"
    if drawing.more:
        yield f"    Note over {ends}: {quote(counted(drawing.more, 'more message'))}, not drawn\n"


class Quote:
    """Makes a text one that Mermaid takes for nothing but text."""

    def __init__(self, kept: frozenset[str]) -> None:
        """`kept` are the characters that stay as they are."""
        self.kept = kept

    def __call__(self, text: str) -> str:
        """In one line."""
        return "".join(c if c in self.kept else f"#{ord(c)};" for c in text)

    def rows(self, texts: Iterable[str]) -> str:
        """One below the other."""
        return "<br/>".join(map(self, texts))


def line(arrow: Arrow) -> str:
    """Dotted for a retransmission, with a cross for what is wrong."""
    return f"{'--' if arrow.again else '-'}{'x' if arrow.failed else '>>'}"


def said(arrow: Arrow, later: str) -> str:
    """What stands on an arrow."""
    checks = " ".join(f"{VERDICTS[passed]} {name}" for passed, name in arrow.checks)
    return "  ".join(filter(None, (f"[{arrow.shown_number}]", later, arrow.text, checks)))


def over(low: int, high: int) -> str:
    """The columns from one to another, of a note."""
    return f"P{low}" if low == high else f"P{low},P{high}"
