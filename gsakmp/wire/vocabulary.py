"""The constructs that the RFC 2408 family needs and `construct` lacks.

Each is a real construct: it parses from a stream and builds into one, so a layout made of these and
of construct's own fields works without any code of ours. That is the *reference*; the generated
code of `gsakmp.wire.generator` is held against it by the tests.

What depends on the domain of interpretation (which class a payload type stands for, how an
attribute is typed) is not written into a layout. The layout names a *table*, and the tables in
force travel in the context as ``rules`` (see `gsakmp.wire.rules`)::

    Proposal.layout.parse(octets, rules=rules)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from io import BytesIO
from typing import Any, Final, Protocol

from construct import (
    Adapter,
    Bytes,
    Computed,
    Construct,
    ConstructError,
    Container,
    ExplicitError,
    GreedyBytes,
    If,
    Int8ub,
    Int16ub,
    Int32ub,
    ListContainer,
    Rebuild,
    Struct,
    Subconstruct,
    len_,
    this,
)
from construct.core import evaluate, stream_read, stream_write
from construct.expr import FuncPath

__all__ = [
    "AUTO",
    "SECRET",
    "Array",
    "Attributes",
    "Bits",
    "Bytes",
    "Chain",
    "Choice",
    "Code",
    "Construct",
    "ConstructError",
    "Flags",
    "GreedyBytes",
    "If",
    "Inline",
    "Int8ub",
    "Int16ub",
    "Int32ub",
    "Layout",
    "Octets",
    "Option",
    "Rebuild",
    "Reserved",
    "Sequence_",
    "Shares",
    "SizeOf",
    "Suggested",
    "Swapped",
    "WholeLength",
    "first_kind_",
    "first_size_",
    "len_",
    "option",
    "this",
]

AUTO: Final = None
"""Stands in an object for a count, length or link that follows from the other fields. A parsed object
holds it wherever the octets said what would be computed, so that `replace` never leaves a stale
number behind; a number instead is what to send, right or wrong."""


class Secret(Enum):
    """The type of `SECRET`."""

    SECRET = "secret"


SECRET: Final = Secret.SECRET
"""Marks, in an annotation, a field whose octets must not show in a `repr` (keys)."""

GENERIC_HEADER: Final = Struct("next_payload" / Int8ub, "reserved" / Int8ub, "length" / Int16ub)
GENERIC_HEADER_OCTETS: Final = 4


TableKey = str | tuple[str, int]
"""A table of the rules: its name, or its name and the number that picks the variant of it."""


class LayoutClass(Protocol):
    """What the constructs ask of a class with a layout (`gsakmp.wire.element.Element`)."""

    layout: Layout


class ReferenceRules(Protocol):
    """What the constructs ask of the rules in force (`gsakmp.wire.rules.Rules`)."""

    def reference_chain(self, table: TableKey, kind: int) -> Construct: ...

    def reference_choice(self, table: str, key: int) -> Construct: ...

    def reference_attributes(self, table: TableKey) -> Construct: ...

    def option(self, name: str) -> int: ...


def rules_of(context: Any) -> ReferenceRules:
    rules: ReferenceRules = context._params.rules
    return rules


def parse_exactly(con: Construct, octets: bytes, context: Any, path: str) -> Any:
    """Parse all of `octets` with `con`: what is left over is an error, which construct alone lets pass."""
    stream = BytesIO(octets)
    value = con._parse(stream, context, path)
    if stream.tell() != len(octets):
        raise ExplicitError(f"{len(octets) - stream.tell()} octets left over", path=path)
    return value


def build_octets(con: Construct, value: Any, context: Any, path: str) -> bytes:
    stream = BytesIO()
    con._build(value, stream, context, path)
    return stream.getvalue()


def remaining(stream: Any) -> int:
    """Octets between the stream's place and the end of what encloses it."""
    return len(stream.getbuffer()) - int(stream.tell())


class Option:
    """A number that the dialect in force gives, usable where construct takes an expression."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, context: Any) -> int:
        """The number, for construct."""
        return rules_of(context).option(self.name)

    def __repr__(self) -> str:
        return f"dialect.{self.name}"


def option(name: str) -> Option:
    """The dialect's `name`: an octet count or a switch (`gsakmp.doi.Dialect`)."""
    return Option(name)


def first_kind(items: Sequence[Any]) -> int:
    """The payload type of the first of `items`, 0 where there is none."""
    if not items:
        return 0
    first = items[0]
    return int(first["kind"] if isinstance(first, Mapping) else first.kind)


first_kind_ = FuncPath(first_kind)


def first_size(items: Sequence[Any]) -> int:
    """The octets of the first of `items`, 0 where there is none."""
    return len(items[0]) if items else 0


first_size_ = FuncPath(first_size)


class Layout(Struct):
    """A Struct that checks what it reads: computed fields must agree, a whole length must be whole."""

    def __init__(
        self,
        title: str,
        spec: str,
        *subcons: Construct,
        words: frozenset[str] = frozenset(),
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(*subcons)
        self.title, self.spec = title, spec
        self.words, self.secrets = words, secrets  # hidden words of bits; fields that hold keys

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = stream.tell()
        value = super()._parse(stream, context, path)
        inner = Container(_=context, _params=context._params, **value)
        for sub in self.subcons:
            con = plain(sub)
            if isinstance(con, WholeLength) and value[sub.name] != stream.tell() - start:
                raise ExplicitError(
                    f"length {value[sub.name]} is not the whole", path=f"{path} -> {sub.name}"
                )
            if isinstance(con, Rebuild) and not isinstance(con, Suggested):
                expected = evaluate(con.func, inner)
                if value[sub.name] != expected:
                    problem = f"{value[sub.name]} where {expected} follows from the rest"
                    raise ExplicitError(problem, path=f"{path} -> {sub.name}")
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        start = stream.tell()
        built = super()._build(obj, stream, context, path)
        end = stream.tell()
        whole = next((i for i, sub in enumerate(self.subcons) if isinstance(plain(sub), WholeLength)), None)
        if whole is not None:
            stream.seek(start + sum(sub._sizeof(context, path) for sub in self.subcons[:whole]))
            plain(self.subcons[whole]).word._build(end - start, stream, context, path)
            stream.seek(end)
        return built


def plain(con: Construct) -> Construct:
    """`con` without the wrappers that give it a name."""
    while type(con).__name__ == "Renamed":
        con = con.subcon
    return con


class Code(Adapter):
    """An integer from a registry; numbers that the registry lacks survive as themselves."""

    def __init__(self, word: Construct, registry: Any) -> None:
        super().__init__(word)
        self.registry = registry

    def _decode(self, obj: Any, context: Any, path: str) -> Any:
        return self.registry(obj)

    def _encode(self, obj: Any, context: Any, path: str) -> int:
        return int(obj)


class Flags(Subconstruct):
    """An integer whose bits have names in `registry` (an IntFlag); it stays a plain integer, because
    Python keeps every flag value that it ever saw."""

    def __init__(self, word: Construct, registry: Any) -> None:
        super().__init__(word)
        self.registry = registry


class Swapped(Subconstruct):
    """An integer that a dialect's switch sends with its octets in reverse order."""

    def __init__(self, word: Construct, switch: str) -> None:
        super().__init__(word)
        self.switch = switch

    def _swap(self, value: int, context: Any) -> int:
        if not rules_of(context).option(self.switch):
            return value
        size = self.subcon.sizeof()
        return int.from_bytes(value.to_bytes(size, "big"), "little")

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        return self._swap(self.subcon._parse(stream, context, path), context)

    def _build(self, obj: int, stream: Any, context: Any, path: str) -> int:
        self.subcon._build(self._swap(obj, context), stream, context, path)
        return obj


class Bits(Construct):
    """Some bits of an octet, most significant first. Neighbours that fill whole octets share a word:
    the layout then holds that word, and a `BitSlice` for each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width


class BitSlice(Computed):
    """`width` bits of the hidden word `word`, `shift` bits above its lowest."""

    def __init__(self, word: str, shift: int, width: int) -> None:
        super().__init__(lambda context: context[word] >> shift & (1 << width) - 1)
        self.word, self.shift, self.width = word, shift, width

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return obj


def bit_word(name: str, parts: Sequence[tuple[str, Bits]]) -> list[Construct]:
    """The constructs of neighbouring `parts`: their word, hidden, then one slice for each."""
    total = sum(bits.width for _, bits in parts)
    word = {8: Int8ub, 16: Int16ub, 32: Int32ub}[total]
    slices, shift = [], total
    for part, bits in parts:
        shift -= bits.width
        slices.append(part / BitSlice(name, shift, bits.width))

    def assembled(context: Any) -> int:
        value = 0
        for part, bits in parts:
            if not 0 <= context[part] < 1 << bits.width:
                raise ExplicitError(f"{context[part]} does not fit in {bits.width} bits", path=part)
            value = value << bits.width | context[part]
        return value

    return [name / Suggested(word, assembled), *slices]


class Suggested(Rebuild):
    """A number that is computed where none is given, and that parsing believes as it stands: the other
    fields can't contradict it (the SPI size of a Delete without SPIs)."""

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        value = evaluate(self.func, context) if obj is None else obj
        self.subcon._build(value, stream, context, path)
        return value


class SizeOf(Suggested):
    """The octets that the field `of`, further on, takes up; `content` is that field's construct. On the
    way in there is nothing to check: the number is the field's extent."""

    def __init__(self, word: Construct, of: str, content: Construct) -> None:
        super().__init__(word, self._measure)
        self.of, self.content = of, content

    def _measure(self, context: Any) -> int:
        return len(build_octets(self.content, context[self.of], context, self.of))


class WholeLength(Construct):
    """The octets of the whole element that holds it, itself included."""

    def __init__(self, word: Construct) -> None:
        super().__init__()
        self.word, self.flagbuildnone = word, True

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        return self.word._parse(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        self.word._build(0, stream, context, path)
        return obj

    def _sizeof(self, context: Any, path: str) -> int:
        return int(self.word._sizeof(context, path))


class Octets(Adapter):
    """Octets with a value of their own kind (`gsakmp.wire.values.ValueType`): an address, a text."""

    def __init__(self, con: Construct, value_type: Any) -> None:
        super().__init__(con)
        self.value_type = value_type

    def _decode(self, obj: bytes, context: Any, path: str) -> Any:
        try:
            return self.value_type.decode(obj)
        except ValueError as exc:
            raise ExplicitError(str(exc), path=path) from None

    def _encode(self, obj: Any, context: Any, path: str) -> bytes:
        return obj if isinstance(obj, bytes) else bytes(self.value_type.encode(obj))


class Reserved(Construct):
    """`size` octets that are zero, kept where they are not; `AUTO` stands for zero."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size, self.flagbuildnone = size, True

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        octets = stream_read(stream, evaluate(self.size, context), path)
        return octets if any(octets) else AUTO

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        octets = bytes(evaluate(self.size, context)) if obj is None else obj
        stream_write(stream, octets, len(octets), path)
        return obj


class Choice(Construct):
    """A field whose layout the rules' `table` gives for `key`; octets where the table has none.

    It takes `size` octets (a number or an expression), or what is left. `reversed_by` names a switch
    of the dialect under which IPv4 addresses in it have their octets in reverse order.
    """

    def __init__(self, table: str, key: Any, size: Any = None, reversed_by: str | None = None) -> None:
        super().__init__()
        self.table, self.key, self.size, self.reversed_by = table, key, size, reversed_by

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        size = remaining(stream) if self.size is None else evaluate(self.size, context)
        octets = stream_read(stream, size, path)
        rules, key = rules_of(context), int(evaluate(self.key, context))
        con = rules.reference_choice(self.table, key)
        if self.reversed_by and rules.option(self.reversed_by) and isinstance(con, Octets):
            octets = con.value_type.reverse(octets)
        return parse_exactly(con, octets, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        rules, key = rules_of(context), int(evaluate(self.key, context))
        con = rules.reference_choice(self.table, key)
        octets = obj if isinstance(obj, bytes) else build_octets(con, obj, context, path)
        if self.reversed_by and rules.option(self.reversed_by) and isinstance(con, Octets):
            octets = con.value_type.reverse(octets)
        stream_write(stream, octets, len(octets), path)
        return obj


class Inline(Construct):
    """A nested element that stands in its parent's octets and whose end follows from its own fields."""

    def __init__(self, of: LayoutClass) -> None:
        super().__init__()
        self.of = of

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        return self.of.layout._parse(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self.of.layout._build(obj, stream, context, path)


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


class Sequence_(Construct):
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
