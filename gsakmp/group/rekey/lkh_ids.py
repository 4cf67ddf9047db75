"""What the nodes of an LKH tree are called in payloads, and how many there can be.

A node is a level and an index (`gsakmp.group.rekey.Place`): leaves have level 0, and above index i is index
i // degree of the next level. So no node's name changes as the tree grows on top or shrinks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gsakmp.errors import ConfigurationError
from gsakmp.group.rekey.interface import Place

__all__ = ["DEGREES", "IDS", "ROOT", "Numbering", "breadth_first", "capacity_of", "height_for", "trees_for"]

DEGREES: Final = range(2, 9)
"""Children of a node."""
IDS: Final = 0xFFFF
"""The largest LKH id (RFC 6407, 5.6.3.1: 2 octets)."""
ROOT: Final = 0
"""LKH id of the root, whose key is the KEK."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """LKH ids of a forest: `trees` trees of `depth` levels each, under the levels that join them to the root.

    Ids are given level by level from the top, and are the same in each tree: a member is in one tree, and the
    handle tells its node's key from that of the node with the same id in another. With one tree its top is
    the root.
    """

    degree: int
    trees: int
    depth: int
    firsts: tuple[int, ...]
    """The id of each level's first node, leaves first; the top level's node is always the root."""
    widths: tuple[int, ...]
    """Ids of each level."""

    @classmethod
    def of(cls, degree: int, trees: int) -> Numbering:
        """The deepest trees that there are ids for. Raises `ConfigurationError`, as `capacity_of` does."""
        if degree not in DEGREES:
            raise ConfigurationError(f"LKH: a node has {DEGREES[0]} to {DEGREES[-1]} children, not {degree}")
        if trees < 1:
            raise ConfigurationError(f"LKH: {trees} trees are none")
        depth = next((depth for depth in _depths(degree) if _fits(degree, trees, depth)), 0)
        if not depth:
            raise ConfigurationError(f"LKH: ids of 16 bits are too few for {trees} trees (RFC 6407, 5.6.3.1)")
        return cls.deep(degree, trees, depth)

    @classmethod
    def deep(cls, degree: int, trees: int, depth: int) -> Numbering:
        """Trees of a given depth."""
        widths = _widths(degree, trees, depth)
        firsts = tuple(1 + sum(widths[level + 1 :]) for level in range(len(widths)))
        return cls(degree, trees, depth, firsts, widths)

    @property
    def capacity(self) -> int:
        """Leaves of all trees."""
        return self.trees * self.widths[0]

    def number(self, place: Place) -> int:
        """The LKH id of any node but the root."""
        level, index = place
        return self.firsts[level] + index % self.widths[level]


def capacity_of(degree: int, trees: int = 1) -> int:
    """Members that so many trees have room for: their nodes, and those above them, have LKH ids 1 to 65535.

    Raises `ConfigurationError` for a degree outside 2 to 8, and for more trees than there are ids for.
    """
    return Numbering.of(degree, trees).capacity


def trees_for(degree: int, members: int) -> int:
    """The fewest trees with room for so many. Raises `ConfigurationError` where no number of trees has it."""
    for depth in _depths(degree) if degree in DEGREES else ():
        trees = max(1, -(-members // int(degree**depth)))
        if _fits(degree, trees, depth):
            return trees
    raise ConfigurationError(f"LKH: no trees of degree {degree} have room for {members} members")


def height_for(degree: int, leaves: int) -> int:
    """The root's level over so many leaves; 1 at least."""
    height, room = 1, degree
    while room < leaves:
        height, room = height + 1, room * degree
    return height


def breadth_first(degree: int, height: int, place: Place) -> int:
    """The KeyID of a node in GSAKMP: the nodes of the full tree counted breadth first, the root being 1
    (RFC 4535, A.2). `height` is the root's level."""
    level, index = place
    above = 0
    for _ in range(height - level):
        above = degree * above + 1
    return above + 1 + index


def _depths(degree: int) -> Iterator[int]:
    """Depths of a tree, the largest first."""
    return iter(range(IDS.bit_length(), 0, -1)) if degree > 1 else iter(())


def _fits(degree: int, trees: int, depth: int) -> bool:
    return trees <= IDS and degree**depth <= IDS and sum(_widths(degree, trees, depth)) <= IDS


def _widths(degree: int, trees: int, depth: int) -> tuple[int, ...]:
    """Ids of each level, leaves first, but for the level of the root."""
    widths = [degree ** (depth - level) for level in range(depth)]
    while trees > 1:
        widths.append(trees)
        trees = -(-trees // degree)
    return tuple(widths)
