"""The secrets of a one-way function tree in flat arrays: 32 octets a node, and no object for any.

A leaf may wait: its member has its secret and the group KEK, and its place in the tree is vacant until the
next change (OFT draft, 4.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Final

from gsakmp.errors import CryptoError
from gsakmp.group.rekey.interface import Place
from gsakmp.group.rekey.oft_functions import SECRET_OCTETS, blinded

__all__ = ["Tree", "top_of"]

_VACANT: Final = bytes(SECRET_OCTETS)
_OTHERS: Final = bytes(octet ^ 1 for octet in range(256))
CHUNK: Final = 1 << 15
"""Nodes of a level that are computed at once when a whole tree is."""


def top_of(end: int) -> int:
    """The root's level in a tree whose leaves are below `end`, -1 for none."""
    return (end - 1).bit_length() if end else -1


class Tree:
    """The nodes' secrets. The root is node 0 of level `top`, -1 while nobody is in the tree."""

    def __init__(self) -> None:
        self.top = -1
        self.waiting = bytearray()  # an octet a leaf: 1 where it waits
        self._levels: list[bytearray] = [bytearray()]

    def secret(self, place: Place) -> bytes:
        """A node's secret, empty where nobody below it is in the tree."""
        level, index = place
        if level > self.top or (level == 0 and index < len(self.waiting) and self.waiting[index]):
            return b""
        return self._stored(level, index)

    def leaf_secret(self, leaf: int) -> bytes:
        """A leaf's secret, though it waits; empty where nobody has it."""
        return self._stored(0, leaf)

    def leaf_octets(self, leaves: range) -> tuple[bytes, bytes]:
        """The secrets of neighbouring leaves as they stand, zeros where nobody has one, and which of them
        wait."""
        first, stop = leaves.start, leaves.stop
        secrets = self._levels[0][SECRET_OCTETS * first : SECRET_OCTETS * stop]
        waiting = self.waiting[first:stop].ljust(len(leaves), b"\0")
        return bytes(secrets), bytes(waiting)

    def root_secret(self) -> bytes:
        """The root's secret, empty while nobody is in the tree."""
        return self.secret((max(0, self.top), 0))

    def wait(self, leaf: int, secret: bytes) -> None:
        """A leaf that was vacant waits."""
        self._store(0, leaf, secret)
        self.waiting.extend(bytes(max(0, leaf + 1 - len(self.waiting))))
        self.waiting[leaf] = 1

    def waiting_leaves(self) -> list[int]:
        """Those that wait, ascending."""
        found, at = [], -1
        while (at := self.waiting.find(1, at + 1)) >= 0:
            found.append(at)
        return found

    def put(self, secrets: Sequence[dict[int, bytes]], end: int) -> None:
        """Take new secrets in, by level and index, empty for nobody; nobody waits any longer, and the leaves
        from `end` on are vacant. A vacant node above the new root goes."""
        self.top = top_of(end)
        self.waiting = bytearray()
        for level, nodes in enumerate(secrets[: self.top + 1]):
            for index, secret in nodes.items():
                self._store(level, index, secret)
        self._trim(end)

    def put_leaves(self, secrets: bytes, waiting: bytes) -> None:
        """Have these leaves, `SECRET_OCTETS` each, of which those with a 1 in `waiting` wait, and compute all
        that is above the others. Raises `CryptoError` as `gsakmp.group.rekey.oft_functions.mixed`."""
        self._levels = [bytearray(secrets)]
        present = [*compress(range(len(waiting)), waiting.translate(_OTHERS))]
        self.top = top_of(1 + max(present, default=-1))
        self.waiting = bytearray(waiting if 1 in waiting else b"")
        for level in range(self.top):
            self._levels.append(self._above(level))

    def _above(self, level: int) -> bytearray:
        """The level above one that is complete."""
        out = bytearray()
        width = min(len(self._levels[level]) // SECRET_OCTETS, 1 << (self.top - level))
        for start in range(0, width, CHUNK):
            below = self._blinded(level, start, min(start + CHUNK, width))
            below += [_VACANT] * (len(below) % 2)
            left, right = below[::2], below[1::2]
            if any(one == other != _VACANT for one, other in zip(left, right, strict=True)):
                raise CryptoError("two secrets of a tree are alike: the random source repeats itself")
            octets = b"".join(left)
            number = int.from_bytes(octets, "big") ^ int.from_bytes(b"".join(right), "big")
            out += number.to_bytes(len(octets), "big")
        return out

    def _blinded(self, level: int, start: int, stop: int) -> list[bytes]:
        """f of a stretch of a level."""
        octets = bytes(self._levels[level][SECRET_OCTETS * start : SECRET_OCTETS * stop])
        secrets = [octets[at : at + SECRET_OCTETS] for at in range(0, len(octets), SECRET_OCTETS)]
        if level == 0 and self.waiting:
            for at in range(start, stop):
                if self.waiting[at]:
                    secrets[at - start] = _VACANT
        return [_VACANT if secret == _VACANT else blinded(secret) for secret in secrets]

    def _stored(self, level: int, index: int) -> bytes:
        if level >= len(self._levels):
            return b""
        secret = bytes(self._levels[level][SECRET_OCTETS * index : SECRET_OCTETS * (index + 1)])
        return b"" if secret == _VACANT else secret

    def _store(self, level: int, index: int, secret: bytes) -> None:
        while len(self._levels) <= level:
            self._levels.append(bytearray())
        nodes, at = self._levels[level], SECRET_OCTETS * index
        nodes.extend(bytes(max(0, at - len(nodes))))
        nodes[at : at + SECRET_OCTETS] = secret or _VACANT

    def _trim(self, end: int) -> None:
        """Nodes without a leaf below `end` go, and levels above the root."""
        del self._levels[max(self.top, 0) + 1 :]
        for level, nodes in enumerate(self._levels):
            del nodes[SECRET_OCTETS * -(-end >> level) :]
