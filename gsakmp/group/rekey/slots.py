"""Which member has which leaf of a key tree, in flat arrays: a million members are no million objects.

A leaf holds 16 octets of SHA-256 of its member's identity, all zero where nobody has it. An open-addressed
table of leaf numbers finds a member's leaf. Vacated leaves are given again, the lowest first, and vacancies
at the end are given up, so that a tree shrinks as it grew.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from itertools import compress
from sys import byteorder
from typing import Final

from gsakmp.errors import StateError
from gsakmp.identities import Identity

__all__ = ["CAPACITY", "DIGEST_OCTETS", "PAGE", "Slots"]

DIGEST_OCTETS: Final = 16
"""Octets of a leaf. Two identities that share them are as far as two that share 128 bits of SHA-256."""
PAGE: Final = 32
"""Leaves that are persisted together: one that changes writes half a kilo-octet."""
CAPACITY: Final = 1 << 24
"""Leaves, unless something else is said."""
SMALLEST: Final = 8
"""Entries of the smallest table."""

_VACANT: Final = bytes(DIGEST_OCTETS)


class Slots:
    """Leaves 0 to `capacity` - 1 and who has them. No `Identity` is kept. Nothing has changed when a method
    raises, `load` aside: who loads wrong octets throws the object away."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._digests = bytearray()
        self._taken = bytearray()  # an octet a leaf, so that vacancies are found at memory's speed
        self._lowest = 0  # no leaf below it is vacant
        self._count = 0
        self._table = array("I", bytes(4 * SMALLEST))  # leaf + 1, by its digest; 0 where there is none

    @property
    def end(self) -> int:
        """Leaves from here on are vacant."""
        return len(self._taken)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, member: object) -> bool:
        return isinstance(member, Identity) and self.find(member) is not None

    def find(self, member: Identity) -> int | None:
        """A member's leaf, None for who has none."""
        entry = self._table[self._entry(digest_of(member))]
        return entry - 1 if entry else None

    def leaf(self, member: Identity) -> int:
        """A member's leaf. Raises `StateError` for who has none."""
        found = self.find(member)
        if found is None:
            raise StateError(f"{member} is not in the key structure")
        return found

    def occupied(self, leaf: int) -> bool:
        """Whether somebody has the leaf."""
        return 0 <= leaf < len(self._taken) and self._taken[leaf] == 1

    def taken(self) -> bytes:
        """An octet for each leaf before `end`: 1 where somebody has it."""
        return bytes(self._taken)

    def end_without(self, leaves: Collection[int]) -> int:
        """What `end` will be once these are vacated."""
        end = self.end
        while end and (end - 1 in leaves or not self._taken[end - 1]):
            end -= 1
        return end

    def free(self, count: int) -> list[int]:
        """The leaves to give next, ascending: vacated ones, the lowest first, and then those at the end.
        Raises `StateError` where there are not so many."""
        if self._count + count > self.capacity:
            raise StateError(f"the key structure has room for {self.capacity} members, and no more")
        found: list[int] = []
        at = self._lowest
        while len(found) < count and (at := self._taken.find(0, at)) >= 0:
            found.append(at)
            at += 1
        self._lowest = found[0] if found else self._lowest if count <= 0 else self.end
        return [*found, *range(self.end, self.end + count - len(found))]

    # -- changes ---------------------------------------------------------------------------------------

    def put(self, members: Sequence[Identity], leaves: Sequence[int]) -> None:
        """Give each member the leaf beside it. Raises `StateError` for who has one already, for a leaf that
        is taken or out of range, and for either said twice."""
        if len(members) != len(leaves) or len(set(leaves)) != len(leaves):
            raise StateError("each member is given one leaf of its own")
        if any(self.occupied(leaf) or not 0 <= leaf < self.capacity for leaf in leaves):
            raise StateError("a leaf is taken, or out of range")
        digests = [digest_of(member) for member in members]
        if len(set(digests)) != len(digests) or any(self._table[self._entry(own)] for own in digests):
            raise StateError("a member has a leaf already")
        self._reach(max(leaves, default=-1) + 1)
        for digest, leaf in zip(digests, leaves, strict=True):
            self._fill(digest, leaf)

    def vacate(self, leaves: Iterable[int]) -> None:
        """Nobody has these any longer. Raises `StateError` for a leaf that nobody has."""
        gone = set(leaves)
        if not all(self.occupied(leaf) for leaf in gone):
            raise StateError("nobody has that leaf")
        for leaf in gone:
            self._forget(self._digest(leaf))
            self._digests[DIGEST_OCTETS * leaf : DIGEST_OCTETS * (leaf + 1)] = _VACANT
            self._taken[leaf] = 0
        self._count -= len(gone)
        end = self._taken.rfind(1) + 1
        del self._taken[end:], self._digests[DIGEST_OCTETS * end :]
        self._lowest = min(self._lowest, min(gone, default=self._lowest), end)
        if len(self._table) > max(SMALLEST, 8 * self._count):
            self._rebuild()

    def others(self, members: Iterable[Identity]) -> list[int]:
        """The leaves, ascending, of all who are not among these; who has none is passed over."""
        left = bytearray(self._taken)
        for member in members:
            if (leaf := self.find(member)) is not None:
                left[leaf] = 0
        return [leaf for leaf, other in enumerate(left) if other]

    # -- persistence -----------------------------------------------------------------------------------

    @staticmethod
    def pages_of(leaves: Iterable[int]) -> set[int]:
        """The pages that these leaves are on."""
        return {leaf // PAGE for leaf in leaves}

    def page(self, number: int) -> bytes:
        """A page as it is persisted: its leaves up to the last that somebody has, so that its octets change
        with them alone; empty where nobody has any."""
        first = PAGE * number
        count = self._taken.rfind(1, first, first + PAGE) + 1 - first
        return bytes(self._digests[DIGEST_OCTETS * first : DIGEST_OCTETS * (first + max(count, 0))])

    def load(self, number: int, octets: bytes) -> None:
        """Take a page in, once. Raises `StateError` for octets that `page` did not make, for a second page of
        the same number, and for a member on two leaves."""
        leaves = self._lay(number, octets)
        for leaf in leaves:
            digest = self._digest(leaf)
            if self._table[self._entry(digest)]:
                raise StateError("a member is in the key structure twice")
            self._fill(digest, leaf)

    def load_all(self, pages: Iterable[tuple[int, bytes]]) -> None:
        """Take many pages in, as `load` does, but making the table once: a million leaves in a second."""
        for number, octets in pages:
            for leaf in self._lay(number, octets):
                self._taken[leaf] = 1
        self._count = self._taken.count(1)
        self._rebuild()

    def _lay(self, number: int, octets: bytes) -> list[int]:
        """Put a page's digests where they belong; the leaves that are somebody's."""
        count, rest = divmod(len(octets), DIGEST_OCTETS)
        first = PAGE * number
        if rest or not 0 < count <= PAGE or not 0 <= first <= self.capacity - count:
            raise StateError("these octets are no page of a key structure")
        if octets[-DIGEST_OCTETS:] == _VACANT or self._taken.find(1, first, first + PAGE) >= 0:
            raise StateError("a page of the key structure is not as it was made, or is there twice")
        self._reach(first + count)
        self._digests[DIGEST_OCTETS * first : DIGEST_OCTETS * (first + count)] = octets
        starts = range(0, len(octets), DIGEST_OCTETS)
        return [first + at // DIGEST_OCTETS for at in starts if octets[at : at + DIGEST_OCTETS] != _VACANT]

    # -- the table: linear probing, no gaps left behind (Knuth's algorithm R) ---------------------------

    def _digest(self, leaf: int) -> bytes:
        return bytes(self._digests[DIGEST_OCTETS * leaf : DIGEST_OCTETS * (leaf + 1)])

    def _entry(self, digest: bytes) -> int:
        """Where the table has the digest's leaf, or would have it."""
        table, digests = self._table, self._digests
        mask = len(table) - 1
        at = _home(digest, 0) & mask
        while (entry := table[at]) and digests[DIGEST_OCTETS * (entry - 1) : DIGEST_OCTETS * entry] != digest:
            at = (at + 1) & mask
        return at

    def _reach(self, end: int) -> None:
        """Have so many leaves, those that are new being vacant."""
        more = max(0, end - len(self._taken))
        self._taken.extend(bytes(more))
        self._digests.extend(bytes(DIGEST_OCTETS * more))

    def _fill(self, digest: bytes, leaf: int) -> None:
        if 3 * (self._count + 1) > 2 * len(self._table):
            self._rebuild()
        self._table[self._entry(digest)] = leaf + 1
        self._digests[DIGEST_OCTETS * leaf : DIGEST_OCTETS * (leaf + 1)] = digest
        self._taken[leaf] = 1
        self._count += 1
        if leaf == self._lowest:
            self._lowest += 1

    def _forget(self, digest: bytes) -> None:
        """Take a digest out, and move those behind it up to where a search finds them."""
        table, mask = self._table, len(self._table) - 1
        hole = self._entry(digest)
        at = hole
        while entry := table[at := (at + 1) & mask]:
            home = _home(self._digests, entry - 1) & mask
            if (at - home) & mask >= (at - hole) & mask:
                table[hole] = entry
                hole = at
        table[hole] = 0

    def _rebuild(self) -> None:
        """A table of at most half its entries. Raises `StateError` for a digest that is there twice."""
        size = SMALLEST
        while size < 2 * (self._count + 1):
            size *= 2
        table, mask, digests = array("I", bytes(4 * size)), size - 1, self._digests
        homes = memoryview(digests).cast("Q")[::2]
        for leaf in compress(range(len(self._taken)), self._taken):
            at = homes[leaf] & mask
            while entry := table[at]:
                if homes[entry - 1] == homes[leaf] and self._digest(entry - 1) == self._digest(leaf):
                    raise StateError("a member is in the key structure twice")
                at = (at + 1) & mask
            table[at] = leaf + 1
        self._table = table


def digest_of(member: Identity) -> bytes:
    """What stands for a member. Raises `EncodeError` for an identity that has no octets."""
    digest = sha256(member.body()).digest()[:DIGEST_OCTETS]
    return digest if digest != _VACANT else b"\1" * DIGEST_OCTETS


def _home(digests: bytes | bytearray, leaf: int) -> int:
    """Where the search for a leaf's digest starts, before it is cut to the table's size."""
    return int.from_bytes(digests[DIGEST_OCTETS * leaf : DIGEST_OCTETS * leaf + 8], byteorder)
