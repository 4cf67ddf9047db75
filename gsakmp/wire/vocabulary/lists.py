"""Constructs of several: elements one after the other, attributes, and payloads in a chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from construct import Construct, Container, ExplicitError, GreedyBytes, Int8ub, Int16ub, ListContainer, Struct
from construct.core import evaluate, stream_read, stream_write

from gsakmp.wire.vocabulary.base import (
    LayoutClass,
    TableKey,
    build_octets,
    parse_exactly,
    plain,
    remaining,
    rules_of,
)
from gsakmp.wire.vocabulary.fields import WholeLength

__all__ = ["Array", "Attributes", "Chain", "Elements", "Shares"]

GENERIC_HEADER: Final = Struct("next_payload" / Int8ub, "reserved" / Int8ub, "length" / Int16ub)
GENERIC_HEADER_OCTETS: Final = 4


class Array(Construct):
    """`count` octet strings of `size` octets each (the SPIs of a Delete)."""

    def __init__(self, count: Any, size: Any) -> None:
        super().__init__()
        self.count, self.size = count, size

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        count, size = evaluate(self.count, context), evaluate(self.size, context)
        if count * size > remaining(stream):
            raise ExplicitError(f"{count} of {size} octets do not fit", path=path)
        return ListContainer(stream_read(stream, size, path) for _ in range(count))

    def _build(self, obj: Iterable[bytes], stream: Any, context: Any, path: str) -> Any:
        for octets in obj:
            stream_write(stream, octets, len(octets), path)
        return obj


class Elements(Construct):
    """Elements that give their own length (`WholeLength`), until the enclosing octets end. Unlike
    GreedyRange, a bad element is an error."""

    def __init__(self, of: LayoutClass) -> None:
        super().__init__()
        self.of = of

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        layout, items = self.of.layout, ListContainer()
        head = next(i for i, sub in enumerate(layout.subcons) if isinstance(plain(sub), WholeLength))
        at = sum(sub.sizeof() for sub in layout.subcons[:head])
        word = plain(layout.subcons[head]).word
        while remaining(stream):
            start = stream.tell()
            stream_read(stream, at, path)
            length = word._parse(stream, context, path)
            stream.seek(start)
            octets = stream_read(stream, length, path)
            items.append(parse_exactly(layout, octets, context, f"{path}[{len(items)}]"))
        return items

    def _build(self, obj: Iterable[Any], stream: Any, context: Any, path: str) -> Any:
        for item in obj:
            octets = build_octets(self.of.layout, item, context, path)
            stream_write(stream, octets, len(octets), path)
        return obj


class Shares(Construct):
    """`count` elements that share the remaining octets equally: their own layout says no length, and
    what precedes them says only how many they are (LKH keys)."""

    def __init__(self, of: LayoutClass, count: Any) -> None:
        super().__init__()
        self.of, self.count = of, count

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        count, rest, items = evaluate(self.count, context), remaining(stream), ListContainer()
        if not count:
            return items
        if rest % count:
            raise ExplicitError(f"{rest} octets are no equal shares for {count}", path=path)
        for index in range(count):
            octets = stream_read(stream, rest // count, path)
            items.append(parse_exactly(self.of.layout, octets, context, f"{path}[{index}]"))
        return items

    def _build(self, obj: Iterable[Any], stream: Any, context: Any, path: str) -> Any:
        sizes = set()
        for item in obj:
            octets = build_octets(self.of.layout, item, context, path)
            sizes.add(len(octets))
            stream_write(stream, octets, len(octets), path)
        if len(sizes) > 1:
            raise ExplicitError(f"elements of {sorted(sizes)} octets can't share equally", path=path)
        return obj


class Attributes(Construct):
    """Data attributes (RFC 2408, 3.3) until the enclosing octets end, typed by a table of the rules.

    `table` names it; with `key`, it is the table's entry for that number instead.
    """

    def __init__(self, table: str, key: Any = None) -> None:
        super().__init__()
        self.table, self.key = table, key

    def table_key(self, context: Any) -> TableKey:
        """The table in force."""
        return self.table if self.key is None else (self.table, int(evaluate(self.key, context)))

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        con, items = rules_of(context).reference_attributes(self.table_key(context)), ListContainer()
        while remaining(stream):
            items.append(con._parse(stream, context, f"{path}[{len(items)}]"))
        return items

    def _build(self, obj: Iterable[Any], stream: Any, context: Any, path: str) -> Any:
        con = rules_of(context).reference_attributes(self.table_key(context))
        for item in obj:
            con._build(item, stream, context, path)
        return obj


class Chain(Construct):
    """Payloads linked by Next Payload (RFC 2408, 3.2): each header carries the type of the *next*.

    `first` is the type of the first, a number or an expression; the rules' `table` (or, with `key`, its
    variant for that number) gives each type its layout. An empty rest is an empty chain where `first`
    is a constant.
    """

    def __init__(self, first: Any, table: str, key: Any = None) -> None:
        super().__init__()
        self.first, self.table, self.key = first, table, key

    def table_key(self, context: Any) -> TableKey:
        """The table in force."""
        return self.table if self.key is None else (self.table, int(evaluate(self.key, context)))

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        rules, table, items = rules_of(context), self.table_key(context), ListContainer()
        kind = int(evaluate(self.first, context))
        if isinstance(self.first, int) and not remaining(stream):
            return items
        while kind:
            head = GENERIC_HEADER._parse(stream, context, path)
            if head.length < GENERIC_HEADER_OCTETS:
                raise ExplicitError(f"payload length {head.length}", path=path)
            octets = stream_read(stream, head.length - GENERIC_HEADER_OCTETS, path)
            body = parse_exactly(rules.reference_chain(table, kind), octets, context, f"{path}[{len(items)}]")
            items.append(Container(kind=kind, reserved=head.reserved, **named(body)))
            kind = head.next_payload
        return items

    def _build(self, obj: Sequence[Any], stream: Any, context: Any, path: str) -> Any:
        rules, table = rules_of(context), self.table_key(context)
        after = [int(item["kind"]) for item in obj[1:]] + [0]
        for item, next_payload in zip(obj, after, strict=False):
            con = rules.reference_chain(table, int(item["kind"]))
            body = build_octets(con, item["octets"] if con is GreedyBytes else item, context, path)
            length = len(body) + GENERIC_HEADER_OCTETS
            header = {"next_payload": next_payload, "reserved": item["reserved"], "length": length}
            GENERIC_HEADER._build(header, stream, context, path)
            stream_write(stream, body, len(body), path)
        return obj


def named(body: Any) -> Mapping[str, Any]:
    """A payload's fields by name; octets of an unknown payload are its one field."""
    return {"octets": body} if isinstance(body, bytes) else body
