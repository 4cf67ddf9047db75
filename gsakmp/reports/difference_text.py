"""Differences for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from gsakmp.captures.opened import Opened
from gsakmp.reports.difference import Change, Side
from gsakmp.reports.difference_captures import Pair
from gsakmp.reports.words import Row, counted, label, payload_words, time_text

__all__ = ["pair_plain", "pair_rows"]


def pair_rows(pair: Pair, changes: list[Change]) -> Iterator[Row]:
    """A pair's differences: ``-`` is the first, ``+`` the second."""
    a, b = pair
    if a is None or b is None:
        opened, sign = (a, "-") if a is not None else (b, "+")
        if opened is not None:
            yield (
                (f"{sign} ", "problem"),
                (heading(opened), "head"),
                (f"  only in {'A' if sign == '-' else 'B'}", "note"),
            )
        return
    yield ((f"{heading(a)}  |  {heading(b)}", "head"),)
    for change in changes:
        where = "  in the plaintext" if change.plaintext else ""
        last = change.path.rpartition(".")[2].partition("[")[0]
        name = f"  {change.name}" if last != change.name.partition("[")[0] else ""
        yield ((f"  {change.path}", "name"), (name, "title"), (where, "note"))
        for sign, side in (("-", change.a), ("+", change.b)):
            if side is not None:
                other = side.path != change.path and sign == "+"
                moved = f"{side.path}: " if other else ""
                yield ((f"    {sign} ", "problem"), (f"{moved}{side.text}", "value"), (place(side), "note"))


def heading(opened: Opened) -> str:
    """Number, name, payloads."""
    frame = opened.datagram.frame or opened.number
    return f"#{frame} {label(opened)}  {payload_words(opened)}".rstrip()


def place(side: Side) -> str:
    """Where in the octets."""
    if side.at is None:
        return ""
    return f"  at {side.at}, {counted(side.size, 'octet')}"


def pair_plain(pair: Pair, changes: list[Change]) -> dict[str, Any]:
    """A pair's differences as dicts and lists."""
    return {
        "a": message_plain(pair.a),
        "b": message_plain(pair.b),
        "changes": [{"path": each.path, **msgspec.to_builtins(each)} for each in changes],
    }


def message_plain(opened: Opened | None) -> dict[str, Any] | None:
    """Which message it is."""
    if opened is None:
        return None
    return {
        "index": opened.number,
        "frame": opened.datagram.frame or None,
        "time": time_text(opened.datagram.time) or None,
        "kind": str(opened.kind),
        "step": opened.step,
    }
