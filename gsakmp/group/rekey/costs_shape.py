"""The shape of a key tree, and the odds of what a random batch does to it.

Leaves are filled from the left and every node has `degree` children but those at the right edge, as in
`gsakmp.group.rekey.lkh` and `oft`: so a level has at most two kinds of nodes, full ones and one that is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import exp, expm1, inf, log1p
from typing import Final

__all__ = ["Odds", "classes", "depth", "nodes"]

NEVER: Final = -50.0
"""A logarithm of odds that no sum of a billion of them shows."""


def depth(members: int, degree: int) -> int:
    """Levels above the leaves: the least d with degree^d >= members, and at least 1."""
    levels, leaves = 1, degree
    while leaves < members:
        levels, leaves = levels + 1, leaves * degree
    return levels


def classes(leaves: int, size: int) -> Iterator[tuple[int, int]]:
    """How many nodes of up to `size` leaves hold `leaves` of them, and how many leaves each has: full ones,
    then the one at the right edge."""
    full, rest = divmod(leaves, size)
    if full:
        yield full, size
    if rest:
        yield 1, rest


def nodes(members: int, degree: int) -> int:
    """Nodes of a tree, leaves and root included."""
    return sum(-(-members // degree**level) for level in range(depth(members, degree) + 1))


class Odds:
    """`chosen` of `members` leaves are drawn at random; what becomes of some `leaves` among them. Without
    replacement, so each is a quotient of binomials: none of m is C(N-m, K) / C(N, K)."""

    def __init__(self, members: int, chosen: int) -> None:
        self.members = members
        self.chosen = chosen

    def some(self, leaves: int) -> float:
        """That at least one of them is drawn."""
        return -expm1(_log_none(self.members, self.chosen, leaves))

    def every(self, leaves: int) -> float:
        """That all of them are drawn: that none of those left over is among them."""
        return exp(_log_none(self.members, self.members - self.chosen, leaves))

    def mixed(self, leaves: int) -> float:
        """That at least one of them is drawn, and at least one is not."""
        return max(0.0, self.some(leaves) - self.every(leaves))

    def every_and_none(self, these: int, those: int) -> float:
        """That all of `these` are drawn, and none of `those`."""
        odds = self.every(these)
        return odds and odds * exp(_log_none(self.members - these, self.chosen - these, those))


@lru_cache(maxsize=4096)
def _log_none(members: int, chosen: int, leaves: int) -> float:
    """Logarithm of the odds that none of the leaves is drawn. Of two products that are equal, over the leaves
    or over those drawn, the shorter."""
    few, many = sorted((leaves, chosen))
    if few + many > members:
        return -inf
    total = 0.0
    for step in range(few):
        total += log1p(-many / (members - step))
        if total < NEVER:
            return -inf
    return total
