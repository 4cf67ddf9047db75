"""A key tree for people: which nodes there are, whose they are, and which have a new key.

`pruned` makes a picture of what an algorithm's `tree` says, small enough to look at: unchanged subtrees of a
big tree become one item that says how much is in it. `to_text` draws it for a terminal, and
`gsakmp.group.rekey.drawing_svg.to_svg` as an image.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from gsakmp.errors import StateError
from gsakmp.group.rekey.interface import Place, TreeNode

__all__ = ["Item", "Line", "lines", "pruned", "to_text"]

MOST_ITEMS: Final = 80
"""Items of a picture: about a screen and a half."""
MOST_CHILDREN: Final = 24
"""Children of one node that are drawn; a star has a child for each member."""
LONGEST_LABEL: Final = 60
MARK: Final = "* new key"
GUIDES: Final = ("├── ", "└── ", "│   ")
ASCII_GUIDES: Final = ("|-- ", "`-- ", "|   ")


@dataclass(frozen=True, slots=True)
class Item:
    """A node of a picture, or what stands for nodes that are left out (``more``)."""

    kind: Literal["root", "inner", "leaf", "vacant", "more"]
    name: str
    """``KEK``, or what names the node in payloads; empty for ``more``."""
    label: str = ""
    """Whose leaf it is, or what is left out."""
    changed: bool = False
    children: tuple[Item, ...] = ()
    leaves: int = 0
    """Leaves that members have, of a node whose children are left out and of ``more``; else 0."""

    @property
    def text(self) -> str:
        """Name and label."""
        label = f"({self.label})" if self.leaves and self.kind != "more" else self.label
        return f"{self.name} {label}".strip()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a drawing: what leads to the item, and the item, which has no children here."""

    guides: str
    item: Item


@dataclass(slots=True)
class Arranged:
    """Nodes by place, with what is below each."""

    root: Place
    nodes: dict[Place, TreeNode]
    children: dict[Place, list[Place]]
    leaves: dict[Place, int] = field(default_factory=dict)
    """Taken leaves at or below a place."""
    touched: set[Place] = field(default_factory=set)
    """Places with a wanted one at or below them."""


def pruned(
    nodes: Iterable[TreeNode],
    *,
    labels: Mapping[Place, str] | None = None,
    changed: Collection[Place] = (),
    around: Collection[Place] = (),
    most: int = MOST_ITEMS,
    most_children: int = MOST_CHILDREN,
) -> Item | None:
    """A picture of a tree, None for an algorithm that has none. `labels` are of leaves, by place; `changed`
    are the places to point out. Where there is no room for all, about `most` items and `most_children` below
    one node, what leads to those comes first, and to the places `around` which the picture is.

    Raises `StateError` for nodes that are no tree.
    """
    marked = frozenset(changed)
    arranged = _arranged(nodes, marked.union(around))
    if arranged is None:
        return None
    shown = _expanded(arranged, most, most_children)
    return _item(arranged, arranged.root, shown, labels or {}, marked)


def lines(item: Item, *, ascii_only: bool = False) -> Iterator[Line]:
    """The picture from the root down, one line an item."""
    return _lines(item, "", "", ASCII_GUIDES if ascii_only else GUIDES)


def to_text(item: Item, *, ascii_only: bool = False) -> str:
    """The picture as text without colours, a line an item; nodes with a new key say so."""
    return "\n".join(
        f"{line.guides}{line.item.text}{f'  {MARK}' if line.item.changed else ''}"
        for line in lines(item, ascii_only=ascii_only)
    )


def _lines(item: Item, first: str, rest: str, guides: tuple[str, str, str]) -> Iterator[Line]:
    yield Line(first, item)
    between, last, through = guides
    for child in item.children:
        ends = child is item.children[-1]
        below = rest + (" " * len(through) if ends else through)
        yield from _lines(child, rest + (last if ends else between), below, guides)


# -- what is shown -----------------------------------------------------------------------------------


def _arranged(nodes: Iterable[TreeNode], wanted: frozenset[Place]) -> Arranged | None:
    found: dict[Place, TreeNode] = {}
    for node in nodes:
        if found.setdefault(node.place, node) is not node:
            raise StateError(f"node {node.place} is in the tree twice")
    if not found:
        return None
    roots = [place for place, node in found.items() if node.parent is None]
    if len(roots) != 1:
        raise StateError(f"a tree has one root, not {len(roots)}")
    arranged = Arranged(roots[0], found, {})
    for place, node in found.items():
        if node.parent is not None:
            if node.parent not in found or node.parent[0] <= place[0]:
                raise StateError(f"node {place} hangs from {node.parent}, which is no node above it")
            arranged.children.setdefault(node.parent, []).append(place)
    for place in sorted(found):  # a level above comes after those below it
        node, below = found[place], arranged.children.get(place, [])
        below.sort()
        arranged.leaves[place] = (node.kind == "leaf") + sum(arranged.leaves[child] for child in below)
        if place in wanted or any(child in arranged.touched for child in below):
            arranged.touched.add(place)
    return arranged


def _expanded(arranged: Arranged, most: int, most_children: int) -> dict[Place, list[Place]]:
    """The nodes whose children are shown, and which of them. Where there is no room for all, those with
    something wanted below them; where nothing is, those near the root."""
    shown: dict[Place, list[Place]] = {}
    count = 1
    whole = len(arranged.nodes) <= most or not arranged.touched
    for wanted in (True, False) if whole else (True,):
        waiting = [arranged.root]
        for place in waiting:  # level by level, as it grows
            below = arranged.children.get(place, [])
            if place not in shown:
                if not below or (place in arranged.touched) != wanted:
                    continue
                chosen = _chosen(arranged, below, most_children)
                if count + len(chosen) > most and place != arranged.root:
                    continue
                shown[place] = chosen
                count += len(chosen)
            waiting += shown[place]
    return shown


def _chosen(arranged: Arranged, below: Sequence[Place], most: int) -> list[Place]:
    """Children to show: the touched ones first, in their order."""
    if len(below) <= most:
        return list(below)
    first = [place for place in below if place in arranged.touched]
    others = [place for place in below if place not in arranged.touched]
    return sorted((first + others)[: max(1, most - 1)])


def _item(
    arranged: Arranged,
    place: Place,
    shown: Mapping[Place, Sequence[Place]],
    labels: Mapping[Place, str],
    changed: frozenset[Place],
) -> Item:
    node = arranged.nodes[place]
    hidden = place not in shown and place in arranged.children
    leaves = arranged.leaves[place] if hidden else 0
    label = _counted(leaves) if hidden else _label(node, labels.get(place, ""))
    children = [_item(arranged, child, shown, labels, changed) for child in shown.get(place, ())]
    if children and (left := len(arranged.children[place]) - len(children)):
        drawn = sum(arranged.leaves[child] for child in shown[place])
        rest = arranged.leaves[place] - drawn
        more = f"and {left:,} more" + (f", {_counted(rest)}" if rest != left else "")
        children.append(Item("more", "", more, leaves=rest))
    return Item(node.kind, _name(node), label, place in changed, tuple(children), leaves)


def _name(node: TreeNode) -> str:
    if node.kind == "root":
        return "KEK"
    return str(node.wire_id) if node.wire_id else "{}.{}".format(*node.place)


def _label(node: TreeNode, label: str) -> str:
    if node.kind == "vacant":
        return "vacant"
    label = "".join(each if each.isprintable() else "?" for each in label)
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 3]}..."


def _counted(leaves: int) -> str:
    return f"{leaves:,} member{'' if leaves == 1 else 's'}"
