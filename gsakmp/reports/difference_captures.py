"""Two captures side by side: which message of one goes with which of the other.

A stream on either side: no more than `gsakmp.limits.COMPARED_MESSAGES` of each are looked at together.
Messages go together by their shape (exchange, place in it, sender, payloads) and their order; what is left
over goes together by exchange and place alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from gsakmp import limits
from gsakmp.captures.opened import ExchangeKind, Opened
from gsakmp.reports.difference import operations
from gsakmp.reports.words import NUMBERED

__all__ = ["Pair", "aligned"]


class Pair(NamedTuple):
    """Two messages that go together; None where a message is alone."""

    a: Opened | None
    b: Opened | None


def aligned(
    a: Iterator[Opened], b: Iterator[Opened], window: int = limits.COMPARED_MESSAGES
) -> Iterator[Pair]:
    """The pairs, in the captures' order."""
    left, right = Ahead(a, window), Ahead(b, window)
    while left.items and right.items:
        if shape(left.items[0]) == shape(right.items[0]):
            yield Pair(left.take(), right.take())
        else:
            yield from stretch(left, right)
    for ahead, place in ((left, 0), (right, 1)):
        while ahead.items:
            one = ahead.take()
            yield Pair(None, one) if place else Pair(one, None)


class Ahead:
    """The messages that come next."""

    def __init__(self, source: Iterator[Opened], window: int) -> None:
        self.source = source
        self.items = deque(islice(source, window))

    def take(self) -> Opened:
        """The next one."""
        self.items.extend(islice(self.source, 1))
        return self.items.popleft()


def stretch(left: Ahead, right: Ahead) -> Iterator[Pair]:
    """Pairs from a place on where the two differ, up to where they surely agree again."""
    a, b = list(left.items), list(right.items)
    steps = operations([shape(each) for each in a], [shape(each) for each in b])
    if steps[-1][0] != "equal" and any(step[0] == "equal" for step in steps):
        steps.pop()  # more of either may be needed to judge the last stretch
    for tag, i, j, k, m in steps:
        taken_a = [left.take() for _ in range(i, j)]
        taken_b = [right.take() for _ in range(k, m)]
        if tag == "equal":
            yield from map(Pair, taken_a, taken_b)
        else:
            yield from loosely(taken_a, taken_b)


def loosely(a: Sequence[Opened], b: Sequence[Opened]) -> Iterator[Pair]:
    """By exchange and place in it; a payload more or less does not part them."""
    for tag, i, j, k, m in operations([place(each) for each in a], [place(each) for each in b]):
        if tag == "equal":
            yield from map(Pair, a[i:j], b[k:m])
        else:
            yield from (Pair(each, None) for each in a[i:j])
            yield from (Pair(None, each) for each in b[k:m])


def shape(opened: Opened) -> Hashable:
    """What two messages that go together have in common."""
    message = opened.shown
    kinds = () if message is None else tuple(int(getattr(each, "kind", -1)) for each in message.payloads)
    again = bool(opened.retransmission_of)
    sender = str(opened.sender) or outwardly(opened)
    return (opened.kind, opened.step, again, sender, kinds, opened.status, name_of(opened))


def outwardly(opened: Opened) -> str:
    """What tells messages apart of which nobody knows who sent them: their direction and their length."""
    datagram = opened.datagram
    return f"{datagram.source_address < datagram.destination_address} {len(datagram.octets)}"


def place(opened: Opened) -> Hashable:
    """The same, much coarser."""
    step = opened.step if opened.kind in NUMBERED else 0
    return (opened.kind, step, bool(opened.retransmission_of), name_of(opened))


def name_of(opened: Opened) -> str:
    """The exchange's name, where its kind says nothing."""
    if opened.kind is not ExchangeKind.OTHER or opened.shown is None:
        return ""
    return opened.shown.exchange_name
