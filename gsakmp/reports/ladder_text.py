"""A ladder for the terminal: lifelines, arrows, and what to know about each message.

An arrow has its text on it where that fits, else above it, beginning at the arrow's left end. Everything fits
the width that is given; with more columns than fit, those that talk least share one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from gsakmp.reports.ladder import Arrow, Column, Drawing, Ladder, timed
from gsakmp.reports.tables import LEAST_WIDTH, folded
from gsakmp.reports.words import NOTHING, Piece, Row, counted

__all__ = ["ladder_rows"]

LEAST_LANE: Final = 13
"""Characters that a column takes at least."""
WIDEST_LANE: Final = 44
HEADS_EVERY: Final = 60
"""Arrows after which the columns' names are said again."""
INTERVAL: Final = 9
LEAST_ROOM: Final = 14
"""Characters that texts have right of a lifeline; where there are fewer, they begin further left."""


class Signs(NamedTuple):
    """What lines are drawn with."""

    line: str
    dash: str
    again: str
    right: str
    left: str
    leaves_right: str
    leaves_left: str
    cross: str
    itself: str
    good: str
    bad: str
    more: str
    event: str


UNICODE: Final = Signs("│", "─", "╌", "▶", "◀", "├", "┤", "┼", "↺", "✓", "✗", "…", "•")
ASCII: Final = Signs("|", "-", ".", ">", "<", "+", "+", "+", "@", "ok", "WRONG", "~", "-")

STYLES: Final = {"event": "title", "problem": "problem", "quiet": "note"}


def ladder_rows(ladder: Ladder, width: int = 100, *, ascii_only: bool = False) -> Iterator[Row]:
    """The lines, none wider than `width` characters (but `LEAST_WIDTH`)."""
    width = max(LEAST_WIDTH, width)
    signs = ASCII if ascii_only else UNICODE
    last_frame = max((arrow.shown_number for arrow in ladder.drawing().arrows), default=0)
    gutter = len(f"#{last_frame}") + INTERVAL + 3
    drawing = ladder.drawing((width - gutter) // LEAST_LANE)
    if not drawing.arrows:
        yield ((NOTHING, "title"),)
        return
    yield from Sheet.of(drawing, signs, width, gutter).rows()


@dataclass
class Sheet:
    """A drawing laid out: where the lifelines are."""

    drawing: Drawing
    signs: Signs
    width: int
    gutter: int
    lane: int
    at: list[int]

    @classmethod
    def of(cls, drawing: Drawing, signs: Signs, width: int, gutter: int) -> Sheet:
        """Lay out."""
        lane = min(WIDEST_LANE, (width - gutter) // len(drawing.columns))
        at = [gutter + lane * place + lane // 2 for place in range(len(drawing.columns))]
        return cls(drawing, signs, width, gutter, lane, at)

    def rows(self) -> Iterator[Row]:
        """All lines."""
        for index, (arrow, time, later) in enumerate(timed(self.drawing.arrows)):
            if index % HEADS_EVERY == 0:
                yield from self.heads(index > 0)
            if time:
                yield self.line([], (time, "head"))
            yield from self.arrow(arrow, later.replace("µ", "u") if self.signs is ASCII else later)
        if self.drawing.more:
            more = counted(self.drawing.more, "more message")
            yield (
                (
                    f"{more}: not drawn, a ladder has {len(self.drawing.arrows):,}; filters choose others",
                    "problem",
                ),
            )

    # -- pieces ------------------------------------------------------------------------------------------

    def heads(self, again: bool) -> Iterator[Row]:
        """The columns' names, centred above their lifelines."""
        if again:
            yield ()
        heads = [heading(column, self.lane - 1) for column in self.drawing.columns]
        height = max(map(len, heads))
        for row in range(height):
            cells = []
            for head in heads:
                place = row - (height - len(head))
                text = fitted(head[place], self.lane - 1, self.signs.more) if place >= 0 else ""
                cells.append(text.center(self.lane))
            style = "head" if row < height - 1 or height == 1 else "note"
            yield ((" " * self.gutter + "".join(cells).rstrip(), style),)

    def line(self, over: list[tuple[int, str, str]], gutter: Piece = ("", "")) -> Row:
        """One line: lifelines, and over them texts at their places. A text of the gutter that is too long for
        it goes over the lifelines, too."""
        cells: list[Piece] = [(" ", "")] * self.width
        for place in self.at:
            cells[place] = (self.signs.line, "note")
        for at, text, style in [(0, gutter[0], gutter[1]), *over]:
            place = at
            for character in text:
                if place < self.width:
                    cells[place] = (character, style)
                place += 1
        return joined(cells)

    def arrow(self, arrow: Arrow, when: str) -> Iterator[Row]:
        """An arrow with its text and its notes."""
        left, right = sorted((self.at[arrow.source], self.at[arrow.target]))
        frame = f"#{arrow.shown_number}"
        gutter = f"{frame.rjust(self.gutter - INTERVAL - 3)} {when.rjust(INTERVAL)}"
        style = "problem" if arrow.failed else "note" if arrow.again or arrow.sealed else ""
        texts = self.texts(arrow)
        text_style = style or "value"
        size = size_of(texts)
        shaft = self.shaft(arrow, left, right, style)
        if left != right and size + 6 <= right - left:
            at = left + (right - left - size) // 2
            yield self.line([shaft, *placed(texts, at, text_style, " ")], (gutter, "note"))
        else:
            at = self.beside(left)
            for index, line in enumerate(packed(texts, self.width - at)):
                over = placed(line, at, text_style, "")
                yield self.line(over, (gutter, "note") if not index else ("", ""))
            yield self.line([shaft])
        for note in arrow.notes:
            yield from self.note(note.style, note.text, left)

    def texts(self, arrow: Arrow) -> list[Piece]:
        """Label, payloads and verdicts, each in one piece."""
        out = [(arrow.label, "")]
        out += [(arrow.payloads, "")] if arrow.payloads else []
        return out + verdict_texts(arrow, self.signs.good, "name", "note")

    def shaft(self, arrow: Arrow, left: int, right: int, style: str) -> tuple[int, str, str]:
        """The arrow itself, from lifeline to lifeline."""
        signs = self.signs
        if left == right:
            return (left, signs.itself, style or "address")
        dash = signs.again if arrow.again else signs.dash
        cells = [dash] * (right - left - 1)
        for place in self.at:
            if left < place < right:
                cells[place - left - 1] = signs.cross
        rightwards = self.at[arrow.source] < self.at[arrow.target]
        if rightwards:
            cells[-1] = signs.right
            text = signs.leaves_right + "".join(cells) + signs.line
        else:
            cells[0] = signs.left
            text = signs.line + "".join(cells) + signs.leaves_left
        return (left, text, style or "address")

    def beside(self, left: int) -> int:
        """Where the texts of an arrow begin: right of its left lifeline."""
        return max(self.gutter, min(left + 2, self.width - LEAST_ROOM))

    def note(self, style: str, text: str, left: int) -> Iterator[Row]:
        """What there is to know, below the arrow."""
        sign = {"event": f"{self.signs.event} ", "problem": f"{self.signs.bad} "}.get(style, "  ")
        if style == "problem" and self.signs is ASCII:
            sign = "! "
        if self.signs is ASCII:
            text = text.encode("ascii", "backslashreplace").decode()
        at = self.beside(left)
        for index, piece in enumerate(folded(text, self.width - at - 2)):
            yield self.line([(at, (sign if not index else "  ") + piece, STYLES[style])])


def verdict_texts(arrow: Arrow, good: str, right: str = "right", note: str = "note") -> list[Piece]:
    """The checks of a message with their signs; what is wrong a note says."""
    return [
        (f"{good if passed else '?'} {name}", right if passed else note)
        for passed, name in arrow.checks
        if passed is not False
    ]


def packed(texts: list[Piece], room: int) -> list[list[Piece]]:
    """Texts in lines of at most `room` characters, each text whole where that is possible."""
    out: list[list[Piece]] = [[]]
    for text, style in texts:
        for piece in folded(text, room):
            if out[-1] and size_of(out[-1]) + 2 + len(piece) > room:
                out.append([])
            out[-1].append((piece, style))
    return out


def size_of(texts: list[Piece]) -> int:
    """Characters of a line of texts."""
    return sum(len(text) for text, _ in texts) + 2 * max(0, len(texts) - 1)


def placed(texts: list[Piece], at: int, style: str, margin: str) -> list[tuple[int, str, str]]:
    """Texts one behind the other, with `margin` around them all."""
    out = [(at - len(margin), margin, style)] if margin else []
    for index, (text, own) in enumerate(texts):
        shown = f"  {text}" if index else text
        out.append((at, shown, own or style))
        at += len(shown)
    if margin:
        out.append((at, margin, style))
    return out


def heading(column: Column, room: int) -> list[str]:
    """The lines above a column: identity or group, address, and what it is; long ones folded."""
    name = column.name
    if len(name) > room and not column.hidden:
        name = name.partition(":")[2] or name  # the type of the identity
    lines = [name] if name else []
    if not column.hidden:
        host, colon, port = column.detail.rpartition(":")
        long = len(column.detail) > room and host and "." in host
        lines += [host, colon + port] if long else [column.detail]
    return [*lines, column.part] if column.part else lines


def fitted(text: str, width: int, more: str) -> str:
    return text if len(text) <= width else text[: width - len(more)] + more


def joined(cells: list[Piece]) -> Row:
    """Characters of one style together, nothing blank at the end."""
    end = len(cells)
    while end and cells[end - 1][0] == " ":
        end -= 1
    out: list[Piece] = []
    for character, style in cells[:end]:
        if out and (out[-1][1] == style or character == " "):
            out[-1] = (out[-1][0] + character, out[-1][1])
        else:
            out.append((character, style))
    return tuple(out)
