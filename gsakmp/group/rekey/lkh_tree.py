"""The keys of a tree in flat arrays, one set a level: a node is 4 octets of handle, its key, and for inner
nodes one octet."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from operator import add
from typing import Final

from gsakmp.errors import StateError
from gsakmp.group.rekey.interface import Place
from gsakmp.group.rekey.lkh_ids import height_for
from gsakmp.group.rekey.lkh_plan import Change

__all__ = ["PAGE", "KeyTree"]

PAGE: Final = 16
"""Nodes that are persisted together. A change writes one page a level, at least."""
HANDLE_OCTETS: Final = 4


class Level:
    """The nodes of one level from the left; a handle of 0 is a node without a key."""

    __slots__ = ("children", "handles", "inner", "keys")

    def __init__(self, inner: bool) -> None:
        self.inner = inner
        self.handles = array("I")
        self.keys = bytearray()
        self.children = bytearray()  # nothing for leaves

    def resize(self, count: int, key_octets: int) -> None:
        more = max(0, count - len(self.handles))
        self.handles.frombytes(bytes(HANDLE_OCTETS * more))
        self.keys.extend(bytes(key_octets * more))
        self.children.extend(bytes(more if self.inner else 0))
        del self.handles[count:], self.keys[key_octets * count :], self.children[count:]


class KeyTree:
    """A tree of `degree`, whose keys (IV, then key) have `key_octets`. The root's key is not in it.

    `end` leaves are in the arrays, the last of them somebody's; above them are the levels below the root. A
    leaf without a handle is vacant. An inner node has a handle only where members are below it.
    """

    def __init__(self, degree: int, key_octets: int, end: int = 0) -> None:
        self.degree = degree
        self.key_octets = key_octets
        self.levels: list[Level] = []
        self._shape(end)

    @property
    def end(self) -> int:
        """Leaves from here on are vacant."""
        return len(self.levels[0].handles)

    @property
    def height(self) -> int:
        """The root's level."""
        return len(self.levels)

    def children(self, place: Place) -> int:
        """Children of an inner node that have members below them, for the root and places above it, too."""
        level, index = place
        if level < len(self.levels):
            children = self.levels[level].children
            return children[index] if index < len(children) else 0
        if index or not self.end:
            return 0
        return len(self.below(place)) if level == len(self.levels) else 1

    def below(self, place: Place) -> list[tuple[int, int]]:
        """Index and handle of each child that members are at or below, for nodes up to the root."""
        level, first = self.levels[place[0] - 1], self.degree * place[1]
        handles = level.handles[first : first + self.degree]
        if not level.inner:
            return [(child, handle) for child, handle in enumerate(handles, first) if handle]
        children = level.children[first : first + self.degree]
        return [(first + nth, handles[nth]) for nth, below in enumerate(children) if below]

    def handle(self, place: Place) -> int:
        """That of the node's key; 0 for none."""
        level, index = place
        if level >= len(self.levels) or index >= len(self.levels[level].handles):
            return 0
        return self.levels[level].handles[index]

    def key(self, place: Place) -> bytes:
        """The key of a node that has one."""
        level, index = place
        return bytes(self.levels[level].keys[self.key_octets * index : self.key_octets * (index + 1)])

    # -- changes ---------------------------------------------------------------------------------------

    def fill(self, keys: Iterable[bytes], handle: int) -> None:
        """Give every node a key: `keys` are those of each level in turn, the leaves' first, and `handle` is
        the first one's. All leaves are somebody's then."""
        for level, octets in zip(self.levels, keys, strict=True):
            count = len(level.handles)
            level.keys[:] = octets
            level.handles = array("I", range(handle, handle + count))
            handle += count
        self.count()

    def count(self) -> None:
        """Find for each inner node how many of its children have members below them."""
        below = bytes(map(bool, self.levels[0].handles))
        for level in self.levels[1:]:
            below += bytes(-len(below) % self.degree)
            sums = below[:: self.degree]
            for nth in range(1, self.degree):
                sums = bytes(map(add, sums, below[nth :: self.degree]))
            level.children[:] = sums
            below = bytes(map(bool, sums))

    def apply(self, change: Change, keys: dict[Place, tuple[int, bytes]]) -> None:
        """Make the change, `keys` being the handles and keys of its fresh nodes. It can't fail."""
        if change.end > self.end:
            self._shape(change.end)
        for (level, index), count in change.children.items():
            self.levels[level].children[index] = count
        for place in change.emptied:
            self._put(place, 0, bytes(self.key_octets))
        for place in change.fresh:
            if place != change.root:
                self._put(place, *keys[place])
        if change.end < self.end:
            self._shape(change.end)

    def _put(self, place: Place, handle: int, key: bytes) -> None:
        level, index = place
        self.levels[level].handles[index] = handle
        self.levels[level].keys[self.key_octets * index : self.key_octets * (index + 1)] = key

    def _shape(self, end: int) -> None:
        """Have so many leaves, and the levels that belong above them."""
        height = height_for(self.degree, end)
        while len(self.levels) < height:
            at = len(self.levels)
            level, below = Level(at > 0), self.children((at, 0)) if at else 0
            level.resize(1, self.key_octets)
            level.children[:] = bytes([below] if at else [])
            self.levels.append(level)
        del self.levels[height:]
        count = end
        for level in self.levels:
            level.resize(count, self.key_octets)
            count = -(-count // self.degree)

    # -- persistence -----------------------------------------------------------------------------------

    @staticmethod
    def pages_of(places: Iterable[Place]) -> set[Place]:
        """The pages that these nodes are on: a level, and a number on it."""
        return {(level, index // PAGE) for level, index in places}

    def pages(self) -> list[Place]:
        """All of them."""
        counts = (-(-len(level.handles) // PAGE) for level in self.levels)
        return [(level, number) for level, count in enumerate(counts) for number in range(count)]

    def page(self, page: Place) -> bytes:
        """A page as it is persisted: handles and then keys of its nodes up to the last that has a key, so
        that its octets change with those alone; empty where there is none."""
        level, number = page
        if level >= len(self.levels):
            return b""
        handles = self.levels[level].handles[PAGE * number : PAGE * (number + 1)]
        while handles and not handles[-1]:
            handles.pop()
        first, count = PAGE * number, len(handles)
        keys = self.levels[level].keys[self.key_octets * first : self.key_octets * (first + count)]
        return _swapped(handles).tobytes() + keys

    def load(self, page: Place, octets: bytes) -> None:
        """Take a page into a tree of its shape; `count` is to follow. Raises `StateError` for octets that are
        none of `page`'s."""
        level, number = page
        count, rest = divmod(len(octets), HANDLE_OCTETS + self.key_octets)
        first = PAGE * number
        if rest or not 0 < count <= PAGE or level >= self.height:
            raise StateError("these octets are no page of a key tree")
        nodes = self.levels[level]
        handles = array("I", octets[: HANDLE_OCTETS * count])
        handles = _swapped(handles)
        if first + count > len(nodes.handles) or not handles[-1]:
            raise StateError("a page of the key tree is not as it was made")
        nodes.handles[first : first + count] = handles
        nodes.keys[self.key_octets * first : self.key_octets * (first + count)] = octets[
            HANDLE_OCTETS * count :
        ]


def _swapped(handles: array[int]) -> array[int]:
    """Between this machine's order of octets and the one persisted, which is the network's."""
    if sys.byteorder == "little":
        handles.byteswap()
    return handles
