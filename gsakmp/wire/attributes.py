"""Data attributes (RFC 2408, 3.3): a type, and a value of two octets (TV) or of a given length (TLV).

What a type means is said by a table of the domain of interpretation. An `AttributeTable` is such a
table: it turns octets into typed `Attribute` objects and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import length_hint
from struct import Struct
from struct import error as StructError
from typing import Any, Final

from gsakmp import limits
from gsakmp.errors import (
    ConfigurationError,
    DecodeError,
    EncodeError,
    LengthMismatch,
    LimitExceeded,
    Truncated,
)
from gsakmp.wire.element import Auto, Element
from gsakmp.wire.values import OCTETS, ValueType
from gsakmp.wire.vocabulary import AUTO

__all__ = ["INTEGER", "Attribute", "AttributeKind", "AttributeTable", "basic", "variable"]

Reader = Callable[[bytes, int, int, Any], "Attribute"]

AF: Final = 0x8000
"""The Attribute Format bit: set for TV."""

TV: Final = AF << 16
"""The same bit in an attribute's first four octets."""

pack_words = Struct(">HH").pack

INTEGER: Final = "integer"
"""The value of an attribute that is an unsigned integer, of any width."""


class Attribute(Element, spec="RFC 2408, 3.3", title="Data Attribute"):
    """One attribute: its `type`, from the table's registry, and its `value`.

    The value is a registry's number, an integer, octets, or an element (an LKH array), as the table
    says. `basic` is the AF bit: True for TV, False for TLV, `AUTO` for the table's own form. `length`
    is the octets of an integer's value in TLV, `AUTO` for four, or what it takes if that is more.
    """

    type: int
    value: Any
    basic: bool | None = AUTO
    length: Auto = AUTO

    def __repr__(self) -> str:
        """Octets by their size alone: they may be a key."""
        value = repr_of(self.value)
        form = "" if self.basic is None else f", basic={self.basic}"
        length = "" if self.length is None else f", length={self.length}"
        return f"Attribute(type={self.type!r}, value={value}{form}{length})"


@dataclass(frozen=True, slots=True)
class AttributeKind:
    """How one attribute type is read.

    `basic` is the form in which it is built (TV or TLV); both are parsed. `content` is a registry (an
    open enum), `INTEGER`, a `ValueType`, or an element class. `doc` says what it means.
    """

    basic: bool
    content: Any
    doc: str = ""
    secret: bool = False


def basic(content: Any = INTEGER, doc: str = "") -> AttributeKind:
    """An attribute that is sent as TV: `content` is a registry or `INTEGER`."""
    return AttributeKind(True, content, doc)


def variable(content: Any = OCTETS, doc: str = "", *, secret: bool = False) -> AttributeKind:
    """An attribute that is sent as TLV: `content` is `INTEGER`, a `ValueType` or an element class."""
    return AttributeKind(False, content, doc, secret)


class Readers(dict[int, Reader]):
    """Attribute type to what reads its value in TLV, filled in as types turn up."""

    def __init__(self, table: AttributeTable) -> None:
        super().__init__()
        self.table = table

    def __missing__(self, number: int) -> Reader:
        reader = self.table.reader(number)
        if number in self.table.kinds:
            self[number] = reader
        return reader


@dataclass(eq=False)
class AttributeTable:
    """The attribute types of one place (phase 1, SA KEK, a TEK key packet), by number.

    `registry` names the types. A type that `kinds` lacks is kept: an integer in TV, octets in TLV.
    """

    name: str
    registry: Any
    kinds: Mapping[int, AttributeKind]
    spec: str = ""
    cache: dict[int, Attribute] = field(default_factory=dict, repr=False)
    texts: dict[int, str] = field(default_factory=dict, repr=False)
    """What those in `cache` are in JSON, by identity. For `gsakmp.wire.text`, as is `heads`."""
    heads: dict[int, str] = field(default_factory=dict, repr=False)
    """What stands before the value in JSON, by the type, of those that `integers` has."""
    words: dict[int, str] = field(default_factory=dict, repr=False)
    """What those in `cache` are in JSON, as there by their octets. For `gsakmp.wire.quick`."""

    def with_kinds(self, kinds: Mapping[int, AttributeKind], registry: Any = None) -> AttributeTable:
        """A table with some types added or read otherwise."""
        merged = {**self.kinds, **kinds}
        return AttributeTable(self.name, registry or self.registry, merged, self.spec)

    def __iter__(self) -> Iterator[tuple[int, AttributeKind]]:
        return iter(self.kinds.items())

    def __post_init__(self) -> None:
        for number, kind in self.kinds.items():
            if not 0 <= number < AF:
                raise ConfigurationError(f"{self.name}: attribute type {number} does not fit in 15 bits")
            if kind.basic and isinstance(kind.content, ValueType):
                raise ConfigurationError(f"{self.name}: type {number} is TV, which holds a number")
        self.readers = Readers(self)
        kinds = self.kinds.items()
        self.basics = {number: number + AF for number, kind in kinds if kind.basic}
        self.holds_numbers = any(kind.basic or kind.content is INTEGER for _, kind in kinds)
        self.integers = {
            number: self.type_of(number)
            for number, kind in kinds
            if kind.content is INTEGER and not (kind.basic or kind.secret)
        }

    # -- octets to attributes ------------------------------------------------------------------------

    def parse_words(
        self, words: tuple[int, ...], known: tuple[Attribute | None, ...], buf: bytes, end: int, rules: Any
    ) -> list[Attribute]:
        """The attributes in `words`, the last of which ends at `end`; `known` are those seen before.

        Raises `DecodeError` with the place in the list as its path.
        """
        items: list[Attribute] = []
        add = items.append
        left = iter(words)
        pairs = zip(known, left, strict=False)
        for found, word in pairs:
            if found is not None:
                add(found)
            elif word & TV:
                add(self.from_word(word))
            elif word & 0xFFFF == 4 and word >> 16 in self.integers and length_hint(left):
                add(Attribute(self.integers[word >> 16], next(pairs)[1]))
            else:
                self.parse_into(items, buf, end - 4 * length_hint(left) - 4, end, rules)
                break
        return items

    def parse_into(self, items: list[Attribute], buf: bytes, at: int, end: int, rules: Any) -> None:
        """Add the attributes from `at` to `end`. Raises `DecodeError` with the place in the list as its
        path."""
        known = self.cache.get
        try:
            while at < end:
                if end - at < 4:
                    raise Truncated(f"an attribute needs 4 octets, {end - at} are left", "", at)
                word = int.from_bytes(buf[at : at + 4], "big")
                at += 4
                if word & TV:
                    items.append(known(word) or self.from_word(word))
                    continue
                stop = at + (word & 0xFFFF)
                if stop > end:
                    raise Truncated(f"{word & 0xFFFF} octets of value, {end - at} are left", "", at - 2)
                items.append(self.readers[word >> 16](buf, at, stop, rules))
                at = stop
        except DecodeError as exc:
            raise exc.within(f"[{len(items)}]") from None

    def from_word(self, word: int) -> Attribute:
        """The TV attribute of four octets, `word`. Frozen, hence shared: at most
        `limits.CACHED_ATTRIBUTES` of them are kept, and no keys."""
        number, value = word >> 16 & ~AF, word & 0xFFFF
        kind = self.kinds.get(number)
        form = AUTO if kind is not None and kind.basic else True
        if kind is not None and is_registry(kind.content):
            value = kind.content.lookup[value]
        made = Attribute(self.type_of(number), value, form)
        if len(self.cache) < limits.CACHED_ATTRIBUTES and not (kind is not None and kind.secret):
            self.cache[word] = made
        return made

    def reader(self, number: int) -> Reader:
        """What reads the value of a TLV attribute of that type."""
        kind, member = self.kinds.get(number), self.type_of(number)
        if kind is None or kind.content is OCTETS:
            return lambda buf, at, end, rules: Attribute(member, buf[at:end])
        form = False if kind.basic else AUTO
        content = kind.content
        if isinstance(content, ValueType):
            return lambda buf, at, end, rules: Attribute(
                member, self.value(content, buf, at, end, rules), form
            )
        if is_element(content):
            return lambda buf, at, end, rules: Attribute(
                member, self.element(content, buf, at, end, rules), form
            )
        registry = content if is_registry(content) else None

        def integer(buf: bytes, at: int, end: int, rules: Any) -> Attribute:
            value = int.from_bytes(buf[at:end], "big")
            length = AUTO if end - at == usual_length(value) else end - at
            if registry is not None and value <= 0xFFFF:
                value = registry.lookup[value]
            return Attribute(member, value, form, length)

        return integer

    def value(self, content: ValueType, buf: bytes, at: int, end: int, rules: Any) -> Any:
        """The value in ``buf[at:end]``; lenient rules keep octets that are none."""
        try:
            return content.decode(buf[at:end])
        except ValueError as exc:
            if not rules.lenient:
                raise LengthMismatch(str(exc), "value", at) from None
            return buf[at:end]

    def element(self, of: Any, buf: bytes, at: int, end: int, rules: Any) -> Any:
        """The element of class `of` in ``buf[at:end]``; lenient rules keep octets that are none."""
        try:
            return rules.parser(of)(buf, at, end, rules)
        except LimitExceeded:
            raise
        except DecodeError as exc:
            if not rules.lenient:
                raise exc.within("value") from None
            return buf[at:end]

    def type_of(self, number: int) -> Any:
        """The attribute type as a member of the table's registry."""
        lookup = getattr(self.registry, "lookup", None)
        return self.registry(number) if lookup is None else lookup[number]

    def label(self, number: int) -> str:
        """The name of an attribute type."""
        return str(getattr(self.registry(number), "name", f"attribute {number}"))

    # -- attributes to octets ------------------------------------------------------------------------

    def build_into(self, attribute: Attribute, out: bytearray, rules: Any) -> None:
        """Append the octets of `attribute`. Raises `EncodeError` for a value that does not fit."""
        number, value, form = attribute.type, attribute.value, attribute.basic
        kind = self.kinds.get(number)
        if form is None:
            form = isinstance(value, int) if kind is None else kind.basic
        try:
            if form:
                out += pack_words(number + AF, value)
                return
            content = self.octets_of(kind, attribute, rules)
            out += pack_words(number, len(content))
        except StructError:
            raise self.misfit(attribute, form) from None
        if number >= AF:
            raise self.misfit(attribute, form)
        out += content

    def misfit(self, attribute: Attribute, form: bool) -> EncodeError:
        """The error for an attribute that does not fit."""
        number: Any = attribute.type
        if not isinstance(number, int) or not 0 <= number < AF:
            return EncodeError(f"attribute type {number} does not fit in 15 bits", "type")
        if form:
            return EncodeError(f"{self.label(number)} as TV holds a number up to 65535", "value")
        return EncodeError(f"{self.label(number)} has more than 65535 octets", "value")

    def octets_of(self, kind: AttributeKind | None, attribute: Attribute, rules: Any) -> bytes:
        """The octets of the value in TLV. Raises `EncodeError`."""
        value = attribute.value
        if isinstance(value, bytes):
            return value
        if isinstance(value, Element):
            inner = bytearray()
            try:
                rules.builders[type(value)](value, inner, rules)
            except EncodeError as exc:
                raise exc.within("value") from None
            return bytes(inner)
        if kind is not None and isinstance(kind.content, ValueType):
            return kind.content.octets_of(value)
        if isinstance(value, int) and value >= 0 and 0 <= (attribute.length or 0) <= 0xFFFF:
            length = usual_length(value) if attribute.length is None else attribute.length
            try:
                return value.to_bytes(length, "big")
            except OverflowError:
                raise EncodeError(f"{value:#x} does not fit in {length} octets", "value") from None
        raise EncodeError(f"{type(value).__name__} is no value of {self.label(attribute.type)}", "value")


def repr_of(value: Any) -> str:
    if isinstance(value, bytes):
        return f"<{len(value)} octets>"
    if isinstance(value, int) and value.bit_length() > 64:  # Python prints no number of 4,300 digits
        return f"<integer of {(value.bit_length() + 7) // 8} octets>"
    return repr(value)


def is_element(content: Any) -> bool:
    return isinstance(content, type) and issubclass(content, Element)


def is_registry(content: Any) -> bool:
    return isinstance(content, type) and issubclass(content, int)


def usual_length(value: int) -> int:
    """The octets that an integer in TLV takes where nothing else is said: four, or what it needs."""
    return max(4, (value.bit_length() + 7) // 8)
