"""What changes in a key tree when members join or leave: which nodes have new keys, and under which keys
those who stay are told (RFC 2627, 5.4).

No key and no number of a payload is here: nodes are places. So one plan serves RFC 6407's ids and those of
RFC 4535, A.2 alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from gsakmp.group.rekey.interface import Place
from gsakmp.group.rekey.lkh_ids import height_for

__all__ = ["Change", "Route", "Tree", "plan_join", "plan_leave"]


class Tree(Protocol):
    """What a plan is made from; the tree is not changed."""

    @property
    def degree(self) -> int:
        """Children of a node."""

    @property
    def end(self) -> int:
        """Leaves from here on are vacant; the last before it is not."""

    @property
    def height(self) -> int:
        """The root's level."""

    def children(self, place: Place) -> int:
        """Children of an inner node that have members below them, for places above the root, too."""

    def handle(self, place: Place) -> int:
        """0 for a node without a key."""

    def below(self, place: Place) -> list[tuple[int, int]]:
        """Index and handle of each child that members are at or below."""


class Route(NamedTuple):
    """Those below `place` are told: the first new key comes under the key that they have there."""

    place: Place
    own: bool
    """Whether `place` has a new key itself, which then comes under the one that it had. Else its key stays,
    and the first new key is that of the node above."""


@dataclass(slots=True)
class Change:
    """One change of a tree."""

    degree: int
    end: int
    """`Tree.end` after it."""
    height: int
    """And the root's level."""
    fresh: list[Place] = field(default_factory=list)
    """Nodes with new keys, from the leaves up; the root, if it has one, is the last."""
    emptied: list[Place] = field(default_factory=list)
    """Nodes that nobody is below any longer."""
    children: dict[Place, int] = field(default_factory=dict)
    """`Tree.children` where it is another than before."""
    routes: list[Route] = field(default_factory=list)
    """How those who stay are told, deepest first. Each of them has one of these on its path at least."""

    @property
    def root(self) -> Place:
        """The root's place after the change."""
        return self.height, 0

    def path(self, route: Route) -> Iterator[Place]:
        """The new keys that go that way, each under the one before it; the root's is the last."""
        renewed = set(self.fresh)
        level, index = route.place
        if route.own:
            yield route.place
        while level < self.height:
            level, index = level + 1, index // self.degree
            if (level, index) in renewed:
                yield level, index


def plan_join(tree: Tree, leaves: Collection[int], new_root: bool) -> Change:
    """Members come to these vacant leaves.

    Nodes on their paths that nobody was below have new keys, and whoever is below now is given them when it
    registers. With `new_root` the root and the other nodes on their paths have new keys, too, each under the
    one it had: what the newcomers are given tells them nothing of the past. A node that has no key, since the
    tree grew without a push, still needs none. Where it grows with one, the old root's place, and those above
    it, have keys from now on: the KEK up to now is known by exactly those below.
    """
    end = max(tree.end, max(leaves, default=-1) + 1)
    change = Change(tree.degree, end, height_for(tree.degree, end))
    grows = new_root and tree.end > 0 and change.height > tree.height
    change.fresh += [(0, leaf) for leaf in sorted(leaves)]
    touched, filled = set(leaves), set(leaves)
    for level in range(1, change.height):
        more = Counter(index // tree.degree for index in filled)
        touched = {index // tree.degree for index in touched}
        filled = set()
        for index in sorted(touched):
            place = level, index
            before = tree.children(place)
            if more[index]:
                change.children[place] = before + more[index]
            if not before:
                filled.add(index)
                change.fresh.append(place)
            elif new_root and tree.handle(place):
                change.fresh.append(place)
                change.routes.append(Route(place, True))
        if grows and level >= tree.height:
            change.fresh.append((level, 0))
    if new_root:
        change.fresh.append(change.root)
    if new_root and tree.end:
        change.routes.append(Route((tree.height, 0), True))
    return change


def plan_leave(tree: Tree, leaves: Collection[int], end: int) -> Change:
    """The members at these leaves go, and `end` leaves are left; without any, all but the root stays.

    Each node on their paths that still has members below it, and the root, has a new key, under the keys of
    all its children: their new ones, where they have some. A node without a key beside such a path is given
    one in the same way.
    """
    change = Change(tree.degree, end, height_for(tree.degree, end))
    paths = _emptied(tree, leaves, change)
    gone = set(change.emptied)
    wanted = [paths[level] if level < len(paths) else set() for level in range(change.height)]
    wanted.append({0})
    upwards: list[list[Route]] = []
    for level in range(change.height, 0, -1):
        below: list[Route] = []
        for index in sorted(wanted[level]):
            for child, handle in tree.below((level, index)):
                place = level - 1, child
                if child in wanted[level - 1] or place in gone:
                    continue
                if handle:
                    below.append(Route(place, False))
                else:
                    wanted[level - 1].add(child)
        upwards.append(below)
    change.routes += [route for below in reversed(upwards) for route in below]
    change.fresh += [(level, index) for level, indices in enumerate(wanted) for index in sorted(indices)]
    return change


def _emptied(tree: Tree, leaves: Collection[int], change: Change) -> list[set[int]]:
    """Note who has fewer children. On each level, the nodes above the leavers that still have members."""
    change.emptied += [(0, leaf) for leaf in sorted(leaves)]
    degree = tree.degree
    paths: list[set[int]] = [set()]
    emptied = set(leaves)
    for level in range(1, tree.height):
        above = {index // degree for index in paths[-1]}
        if emptied:
            fewer = Counter(index // degree for index in emptied)
            for index, count in fewer.items():
                change.children[level, index] = tree.children((level, index)) - count
            emptied = {index for index in fewer if not change.children[level, index]}
            change.emptied += [(level, index) for index in sorted(emptied)]
            above |= fewer.keys() - emptied
        paths.append(above)
    return paths
