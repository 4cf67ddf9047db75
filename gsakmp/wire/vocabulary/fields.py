"""Constructs of one field: numbers, bits, computed lengths, values, and what a table governs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from construct import (
    Adapter,
    Computed,
    Construct,
    ExplicitError,
    Int8ub,
    Int16ub,
    Int32ub,
    Rebuild,
    Subconstruct,
)
from construct.core import evaluate, stream_read, stream_write

from gsakmp.wire.vocabulary.base import (
    AUTO,
    LayoutClass,
    build_octets,
    parse_exactly,
    remaining,
    rules_of,
)

__all__ = [
    "BitSlice",
    "Bits",
    "Choice",
    "Code",
    "Flags",
    "Inline",
    "Octets",
    "Reserved",
    "SizeOf",
    "Suggested",
    "Swapped",
    "WholeLength",
    "bit_word",
]


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
