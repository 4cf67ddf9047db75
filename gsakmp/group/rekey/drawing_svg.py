"""A key tree as an SVG image: root above, leaves below, with whose keys are new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from gsakmp.group.rekey.drawing import Item

__all__ = ["to_svg"]

SLOT: Final = 46
"""Pixels between leaves, and other pixels below."""
LEVEL: Final = 76
NODE: Final = 34
HEIGHT: Final = 24
MARGIN: Final = 24
TITLE: Final = 44
LEGEND: Final = 44
NARROWEST: Final = 720.0
"""Room for the legend."""
LETTER: Final = 7.2
"""Width of a letter of a label, about."""

STYLE: Final = """\
  :root { --paper: #ffffff; --ink: #1f2328; --dim: #6e7781; --line: #afb8c1; --node: #f6f8fa;
    --new: #b35900; --newfill: #fff1e0; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #0d1117; --ink: #e6edf3; --dim: #8b949e; --line: #57606a; --node: #161b22;
      --new: #f0a04b; --newfill: #3a2712; }
  }
  text { font: 12px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--ink); }
  .title { font-weight: 600; font-size: 15px; }
  .dim { fill: var(--dim); }
  .node { fill: var(--node); stroke: var(--line); stroke-width: 1.25; }
  .vacant { stroke-dasharray: 3 3; }
  .edge { fill: none; stroke: var(--line); stroke-width: 1.25; }
  .new .node { fill: var(--newfill); stroke: var(--new); stroke-width: 2; }
  .new text { font-weight: 600; }
  .edge.new { stroke: var(--new); stroke-width: 2.25; }
"""
"""Colours as variables, so that the image fits light and dark pages."""


class Placed:
    """An item with its place on the paper."""

    __slots__ = ("below", "depth", "item", "x")

    def __init__(self, item: Item, depth: int, x: float, below: list[Placed]) -> None:
        self.item, self.depth, self.x, self.below = item, depth, x, below


def to_svg(panels: Sequence[tuple[str, Item]], *, description: str = "") -> str:
    """Titled pictures (`pruned`), one below the other, and a legend. All text is escaped."""
    drawn: list[str] = []
    everything: list[Placed] = []
    width, top = NARROWEST, float(MARGIN)
    for title, item in panels:
        drawn.append(f'<text class="title" x="{MARGIN}" y="{top + 14:g}">{escape(title)}</text>')
        placed, slots = _placed(item, 0, 0)
        everything.append(placed)
        slot = _slot(placed)
        width = max(width, 2 * MARGIN + slots * slot, 2 * MARGIN + 8.2 * len(title))
        upright = slot > SLOT
        drawn += _edges(placed, slot, top + TITLE)
        drawn += _nodes(placed, slot, top + TITLE, upright)
        top += TITLE + _depth(placed) * LEVEL + HEIGHT + _labels_height(placed, upright) + MARGIN
    drawn += _legend(top, any(each.item.leaves for placed in everything for each in _all(placed)))
    box = f"0 0 {width:g} {top + LEGEND:g}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{width:g}" height="{top + LEGEND:g}"'
    )
    about = escape(description or "; ".join(title for title, _ in panels))
    body = "\n".join(f"  {line}" for line in drawn)
    return (
        f'{head} role="img">\n  <title>{about}</title>\n  <style>\n{STYLE}  </style>\n'
        f'  <rect width="100%" height="100%" style="fill: var(--paper)"/>\n{body}\n</svg>\n'
    )


# -- where things are --------------------------------------------------------------------------------


def _placed(item: Item, depth: int, at: int) -> tuple[Placed, int]:
    """The item with what is below it, from slot `at` on, and the slots that it takes."""
    below, end = [], at
    for child in item.children:
        placed, slots = _placed(child, depth + 1, end)
        below.append(placed)
        end += slots
    if not below:
        return Placed(item, depth, at + 0.5, []), 1
    return Placed(item, depth, (below[0].x + below[-1].x) / 2, below), end - at


def _all(placed: Placed) -> Iterator[Placed]:
    yield placed
    for each in placed.below:
        yield from _all(each)


def _depth(placed: Placed) -> int:
    return max(each.depth for each in _all(placed))


def _labels(placed: Placed) -> list[str]:
    return [each.item.label for each in _all(placed) if not each.below and each.item.label]


def _slot(placed: Placed) -> float:
    """Wide enough for labels to stand beside one another where leaves are few; else they are turned."""
    ends = sum(1 for each in _all(placed) if not each.below)
    longest = max(map(len, _labels(placed)), default=0) * LETTER + 14
    return max(SLOT, longest) if ends <= 20 and longest <= 120 else SLOT


def _labels_height(placed: Placed, upright: bool) -> float:
    longest = max(map(len, _labels(placed)), default=0)
    return 22 if upright or not longest else longest * LETTER + 14


# -- what is drawn -----------------------------------------------------------------------------------


def _edges(placed: Placed, slot: float, top: float) -> Iterator[str]:
    for each in _all(placed):
        x, y = MARGIN + each.x * slot, top + each.depth * LEVEL + HEIGHT
        for child in sorted(each.below, key=lambda child: child.item.changed):  # new ones lie on top
            to_x, to_y = MARGIN + child.x * slot, top + child.depth * LEVEL
            new = " new" if child.item.changed and each.item.changed else ""
            bend = (y + to_y) / 2
            yield (
                f'<path class="edge{new}" d="M{x:g} {y:g} C{x:g} {bend:g} {to_x:g} {bend:g} '
                f'{to_x:g} {to_y:g}"/>'
            )


def _nodes(placed: Placed, slot: float, top: float, upright: bool) -> Iterator[str]:
    for each in _all(placed):
        item = each.item
        x, y = MARGIN + each.x * slot, top + each.depth * LEVEL
        yield f'<g class="new">{_shape(item, x, y)}' if item.changed else f"<g>{_shape(item, x, y)}"
        if item.name:
            yield f'<text x="{x:g}" y="{y + 16:g}" text-anchor="middle">{escape(item.name)}</text>'
        if item.label:
            yield _label(item, x, y + HEIGHT, upright)
        yield "</g>"


def _shape(item: Item, x: float, y: float) -> str:
    if item.kind == "more":
        dots = "".join(
            f'<circle class="node" cx="{x + 8 * step:g}" cy="{y + 12:g}" r="2.5"/>' for step in (-1, 0, 1)
        )
        return dots
    wide = max(NODE, 8 * len(item.name) + 12)
    shape = (
        f'<rect class="node{" vacant" if item.kind == "vacant" else ""}" x="{x - wide / 2:g}" y="{y:g}" '
        f'width="{wide}" height="{HEIGHT}" rx="{12 if item.kind in ("leaf", "vacant") else 4}"/>'
    )
    if item.leaves:  # a subtree that is left out
        base = y + HEIGHT + 12
        shape += f'<path class="node" d="M{x:g} {y + HEIGHT} L{x - 14:g} {base:g} L{x + 14:g} {base:g} Z"/>'
    return shape


def _label(item: Item, x: float, y: float, upright: bool) -> str:
    kind = "" if item.kind == "leaf" else ' class="dim"'
    y += 12 if item.leaves and item.kind != "more" else 0
    text = escape(item.label)
    if upright:
        return f'<text{kind} x="{x:g}" y="{y + 16:g}" text-anchor="middle">{text}</text>'
    return f'<text{kind} transform="translate({x + 4:g} {y + 8:g}) rotate(90)">{text}</text>'


def _legend(top: float, subtrees: bool) -> Iterator[str]:
    entries = [
        (Item("inner", "id", changed=True), "new key"),
        (Item("inner", "id"), "key stays"),
        (Item("leaf", "id"), "a member's leaf"),
        (Item("vacant", "id"), "vacant"),
    ]
    if subtrees:
        entries.append((Item("inner", "id", leaves=1), "nothing below it has changed"))
    x = float(MARGIN)
    for item, meaning in entries:
        new = ' class="new"' if item.changed else ""
        yield f"<g{new}>{_shape(item, x + NODE / 2, top)}"
        yield f'<text x="{x + NODE / 2:g}" y="{top + 16:g}" text-anchor="middle">{item.name}</text></g>'
        yield f'<text class="dim" x="{x + NODE + 6:g}" y="{top + 16:g}">{meaning}</text>'
        x += NODE + 24 + len(meaning) * LETTER
