"""A ladder as an SVG picture: no script, nothing from elsewhere, light or dark as whoever looks at it.

Text is set in a font whose characters have one width, so that what fits can be reckoned. Every text is
escaped; a message's own `title` says all about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from gsakmp.reports.ladder import Arrow, Column, Drawing, timed
from gsakmp.reports.ladder_text import packed, size_of, verdict_texts
from gsakmp.reports.tables import folded
from gsakmp.reports.words import NOTHING, Piece, clean, clock, counted

__all__ = ["svg_text"]

CHARACTER: Final = 6.65
"""Width of a character, in pixels at the size of 11."""
LINE: Final = 15
GUTTER: Final = 170
LANE: Final = 300
NARROW_LANE: Final = 190
"""With more than three columns."""
FEW_COLUMNS: Final = 3
LEAST_ROOM: Final = 24
"""Characters that texts have right of a lifeline; where there are fewer, they begin further left."""
MARGIN: Final = 20
HEAD: Final = 74
"""Height of the boxes above."""

STYLE: Final = """
    svg { --bg: #ffffff; --ink: #1c2330; --faint: #6b7686; --line: #c5ccd6; --box: #f1f4f8; --arrow: #1f5fbf;
      --good: #16794a; --bad: #c42b2b; --event: #6b3fa0; background: var(--bg);
      font: 11px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    @media (prefers-color-scheme: dark) {
      svg { --bg: #12161d; --ink: #e4e9f1; --faint: #93a0b4; --line: #38424f; --box: #1d2430;
        --arrow: #6ea8ff; --good: #58c98f; --bad: #ff7b72; --event: #c9a2ff; } }
    .bg { fill: var(--bg); } text { fill: var(--ink); white-space: pre; }
    .life { stroke: var(--line); } .box { fill: var(--box); stroke: var(--line); }
    .name { font-weight: 600; } .note, .quiet, .when { fill: var(--faint); } .label { font-weight: 600; }
    .right { fill: var(--good); } .event { fill: var(--event); }
    .problem, .failed .label { fill: var(--bad); }
    .shaft { stroke: var(--arrow); stroke-width: 1.4; fill: none; } .tip { fill: var(--arrow); }
    .again .shaft { stroke-dasharray: 4 3; } .again .label, .sealed .label { fill: var(--faint); }
    .failed .shaft { stroke: var(--bad); } .failed .tip { fill: var(--bad); }
    .m:hover .shaft { stroke-width: 2.6; }
"""


def svg_text(drawing: Drawing, name: str = "") -> Iterator[str]:
    """The picture, piece by piece. `name` is what it is of."""
    yield from Picture(drawing, name).pieces()


class Picture:
    """A drawing laid out: where the lifelines are."""

    def __init__(self, drawing: Drawing, name: str) -> None:
        self.drawing, self.name = drawing, name
        number = max(1, len(drawing.columns))
        self.lane = LANE if number <= FEW_COLUMNS else NARROW_LANE
        self.at = [GUTTER + self.lane // 2 + self.lane * place for place in range(number)]
        self.width = max(GUTTER + self.lane * number + MARGIN, 640)

    def pieces(self) -> Iterator[str]:
        """All of it. The arrows come first, for the height is known only after them."""
        arrows: list[str] = []
        y = HEAD + 2 * MARGIN
        for arrow, time, later in timed(self.drawing.arrows):
            if time:
                y += LINE
                arrows.append(text(MARGIN, y, "when", time))
            piece, y = self.arrow(arrow, later, y)
            arrows.append(piece)
        if not self.drawing.arrows:
            y += LINE
            arrows.append(text(MARGIN, y, "note", NOTHING))
        if self.drawing.more:
            y += 2 * LINE
            said = f"{counted(self.drawing.more, 'more message')}: not drawn"
            arrows.append(text(MARGIN, y, "problem", said))
        yield from self.frame(y + 2 * MARGIN)
        yield from arrows
        yield "</svg>\n"

    def frame(self, height: int) -> Iterator[str]:
        """What is around the arrows: head, style, boxes, lifelines."""
        about = self.drawing.amount + (f" of {self.name}" if self.name else "")
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height}" '
            f'width="{self.width}" height="{height}" role="img" aria-labelledby="about">\n'
            f'  <title id="about">Sequence diagram: {shown(about)}</title>\n  <style>{STYLE}  </style>\n'
            f'  <rect class="bg" width="{self.width}" height="{height}"/>\n'
        )
        for column, x in zip(self.drawing.columns, self.at, strict=False):
            yield f'  <path class="life" d="M{x} {MARGIN + HEAD}V{height - MARGIN}"/>\n'
            yield self.box(column, x)

    def box(self, column: Column, x: int) -> str:
        """A column's head."""
        rows, width = column.rows, self.lane - 16
        out = [
            f"  <g><title>{shown('; '.join(rows))}</title>"
            f'<rect class="box" x="{x - width // 2}" y="{MARGIN}" width="{width}" height="{HEAD}" rx="8"/>'
        ]
        y = MARGIN + HEAD // 2 - LINE * len(rows) // 2 + 11
        for kind, row in zip(("name", "note", "note"), rows, strict=False):
            said = clean(row, int((width - 8) / CHARACTER))
            out.append(f'<text class="{kind}" x="{x}" y="{y}" text-anchor="middle">{shown(said)}</text>')
            y += LINE
        return "".join(out) + "</g>\n"

    def arrow(self, arrow: Arrow, when: str, y: int) -> tuple[str, int]:
        """One message below `y`, and where it ends."""
        start, end = self.at[arrow.source], self.at[arrow.target]
        left = min(start, end)
        kinds = " ".join(["m", *(name for name in ("again", "failed", "sealed") if getattr(arrow, name))])
        frame = f"#{arrow.shown_number}"
        out = [f'  <g class="{kinds}"><title>{shown(self.about(arrow))}</title>']
        y += 8
        top = y + LINE
        for line, x in self.placed(arrow, left, abs(end - start)):
            y += LINE
            out += [ground(x, y, size_of(line)), row(x, y, line)]
        out.append(text(MARGIN, top, "when", f"{frame:<7}{when:>10}"))
        y += 8
        out.append(shaft(start, end, y))
        for note in arrow.notes:
            sign = "• " if note.style == "event" else ""
            x = self.beside(left)
            for index, part in enumerate(folded(note.text, self.room(x) - len(sign))):
                y += LINE
                said = (sign if not index else " " * len(sign)) + part
                out += [ground(x, y, len(said)), text(x, y, note.style, said)]
        return "".join([*out, "</g>\n"]), y

    def beside(self, left: int) -> int:
        """Where the texts of an arrow begin: right of its left lifeline."""
        return max(GUTTER, min(left + 8, self.width - MARGIN - int(LEAST_ROOM * CHARACTER)))

    def room(self, x: int) -> int:
        """How many characters fit from there on."""
        return int((self.width - MARGIN - x) / CHARACTER)

    def placed(self, arrow: Arrow, left: int, span: int) -> Iterator[tuple[list[Piece], int]]:
        """The lines above an arrow, and where each starts: in its middle if they fit, else from its left
        end."""
        texts = [
            (arrow.label, "label"),
            *([(arrow.payloads, "")] if arrow.payloads else []),
            *verdict_texts(arrow, "✓"),
        ]
        whole = size_of(texts) * CHARACTER
        if whole <= span - 16:
            yield texts, int(left + (span - whole) / 2)
            return
        x = self.beside(left)
        for line in packed(texts, self.room(x)):
            yield line, x

    def about(self, arrow: Arrow) -> str:
        """All that is to be said of a message."""
        columns = self.drawing.columns
        ends = f"{columns[arrow.source].title} to {columns[arrow.target].title}"
        parts = [f"frame {arrow.frame}" if arrow.frame else f"message {arrow.number}"]
        parts += [f"{clock(arrow.time)} UTC"] if arrow.time else []
        verdicts = {True: "right", False: "WRONG", None: "not checkable"}
        checks = [f"{name} {verdicts[passed]}" for passed, name in arrow.checks]
        return "; ".join([*parts, ends, arrow.text, *checks, *(note.text for note in arrow.notes)])


def shaft(start: int, end: int, y: int) -> str:
    """The arrow from one lifeline to another, or to itself."""
    if start == end:
        return (
            f'<path class="shaft" d="M{start} {y - 4}h22v8h-16"/>'
            f'<path class="tip" d="M{start} {y + 4}l8 -4v8z"/>'
        )
    back = -9 if end > start else 9
    return (
        f'<path class="shaft" d="M{start} {y}H{end + back // 2}"/>'
        f'<path class="tip" d="M{end} {y}l{back} -4.5v9z"/>'
    )


def row(x: int, y: int, texts: list[Piece]) -> str:
    """Texts one behind the other."""
    out = [f'<text x="{x}" y="{y}">']
    for index, (said, kind) in enumerate(texts):
        gap = "  " if index else ""
        out.append(f'<tspan class="{kind}">{shown(gap + said)}</tspan>' if kind else shown(gap + said))
    return "".join([*out, "</text>"])


def ground(x: int, y: int, characters: int) -> str:
    """What keeps the lifelines from going through a text."""
    width = int(characters * CHARACTER) + 4
    return f'<rect class="bg" x="{x - 2}" y="{y - 11}" width="{width}" height="{LINE}"/>'


def text(x: int, y: int, kind: str, said: str) -> str:
    """One text."""
    return f'<text class="{kind}" x="{x}" y="{y}">{shown(said)}</text>'


def shown(said: str) -> str:
    """A text as XML has it: escaped, and without what XML can't hold, which `clean` has written out."""
    return escape(clean(said, 2000))
