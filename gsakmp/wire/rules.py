"""The rules in force while octets are read or written: tables and a dialect, ready for generated code.

A number that no table holds is no error: its octets are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from construct import Construct, GreedyBytes

from gsakmp import limits
from gsakmp.errors import (
    ConfigurationError,
    DecodeError,
    EncodeError,
    LengthMismatch,
    LimitExceeded,
)
from gsakmp.wire import reference
from gsakmp.wire.attributes import AttributeTable
from gsakmp.wire.element import Element, UnknownPayload
from gsakmp.wire.generator import BUILDERS, codec
from gsakmp.wire.generator.runtime import too_deep
from gsakmp.wire.tables import Tables, Variants
from gsakmp.wire.values import ValueType
from gsakmp.wire.vocabulary import Octets, TableKey

__all__ = ["Rules"]

Parser = Callable[[bytes, int, int, Any], Any]


class ParserTable(dict[int, Parser]):
    """Payload type to parser, filled in as types turn up. After a type in `last`, the header's link leads
    into what is encrypted: the chain ends there."""

    def __init__(self, entries: Mapping[int, Any], lenient: bool, last: frozenset[int]) -> None:
        super().__init__()
        self.entries, self.lenient, self.last = entries, lenient, last

    def __missing__(self, kind: int) -> Parser:
        entry = self.entries.get(kind)
        if entry is None:
            return lambda buf, at, end, rules: UnknownPayload(kind, buf[at:end])
        parser = self[kind] = self.parser(kind, entry)
        return parser

    def parser(self, kind: int, entry: Any) -> Parser:
        if isinstance(entry, Variants):
            parsers = {cls: self.parser(kind, cls) for cls in entry.classes()}
            return lambda buf, at, end, rules: parsers[entry.of(buf, at, end)](buf, at, end, rules)
        made = codec(entry)
        parse = made.parse_lenient if self.lenient else made.parse
        if len(entry.kinds) > 1:
            came_as = next((number for number in entry.kinds if number == kind), kind)
            return lambda buf, at, end, rules: parse(buf, at, end, rules).replace(kind=came_as)
        return parse


class ChainTables(dict[TableKey, ParserTable]):
    """The parser tables by name; a variant that there is not stands for the table that it varies."""

    def __init__(self, tables: Tables, lenient: bool) -> None:
        chains = tables.chains.items()
        super().__init__({name: ParserTable(entries, lenient, tables.last) for name, entries in chains})
        self.empty = ParserTable({}, lenient, tables.last)

    def __missing__(self, key: TableKey) -> ParserTable:
        return self.get(key[0], self.empty) if isinstance(key, tuple) else self.empty


class AttributeTables(dict[TableKey, AttributeTable]):
    """The attribute tables by name; where there is none, attributes stay untyped."""

    def __missing__(self, key: TableKey) -> AttributeTable:
        return UNTYPED


def parse_octets(buf: bytes, at: int, end: int, rules: Any) -> bytes:
    """A field that no table describes: its octets."""
    return buf[at:end]


def value_parser(value_type: ValueType, lenient: bool, swap: bool) -> Parser:
    """What reads a `ValueType`; `swap` undoes the reversal of addresses first."""
    decode = value_type.decode_reversed if swap else value_type.decode

    def parse(buf: bytes, at: int, end: int, rules: Any) -> Any:
        try:
            return decode(buf[at:end])
        except ValueError as exc:
            if lenient:
                return value_type.reverse(buf[at:end]) if swap else buf[at:end]
            raise LengthMismatch(str(exc), "", at) from None

    return parse


def element_parser(cls: Any, lenient: bool) -> Parser:
    """What reads an element that a field's table names, one level further in."""
    parse_element = codec(cls).parse_lenient if lenient else codec(cls).parse

    def parse(buf: bytes, at: int, end: int, rules: Any) -> Any:
        if rules.inner is None:
            raise too_deep("", at)
        try:
            return parse_element(buf, at, end, rules.inner)
        except LimitExceeded:
            raise
        except DecodeError:
            if lenient:
                return buf[at:end]
            raise

    return parse


class ChoiceTable(dict[int, Parser]):
    """Number to parser of the field that it governs, filled in as numbers turn up."""

    def __init__(self, entries: Mapping[int, Any], lenient: bool, swap: bool) -> None:
        super().__init__()
        self.entries, self.lenient, self.swap = entries, lenient, swap

    def __missing__(self, key: int) -> Parser:
        entry = self.entries.get(key)
        if entry is None:
            return parse_octets
        if isinstance(entry, ValueType):
            parser = value_parser(entry, self.lenient, self.swap)
        else:
            parser = element_parser(entry, self.lenient)
        self[key] = parser
        return parser


class ChoiceTables(dict[str, ChoiceTable]):
    """The choice tables by name."""

    def __init__(self, tables: Tables, lenient: bool, *, swap: bool) -> None:
        choices = tables.choices.items()
        super().__init__({name: ChoiceTable(entries, lenient, swap) for name, entries in choices})
        self.empty = ChoiceTable({}, lenient, swap)

    def __missing__(self, name: str) -> ChoiceTable:
        return self.empty


class Rules:
    """Tables and a dialect, ready for generated code to work with.

    `chains`, `choices` and `attribute_tables` are the tables by name, or by name and number;
    `reversed_choices` are for fields whose addresses come in reverse order; `builders` the builder
    of each element class. `lenient` picks the parsers that keep contradictions. `depth` is how many
    levels may still be nested.
    """

    builders = BUILDERS

    def __init__(
        self, tables: Tables, dialect: Any, *, lenient: bool = False, depth: int = limits.NESTING
    ) -> None:
        self.tables, self.dialect, self.lenient = tables, dialect, lenient
        self.chains = ChainTables(tables, lenient)
        self.choices = ChoiceTables(tables, lenient, swap=False)
        self.reversed_choices = ChoiceTables(tables, lenient, swap=True)
        self.attribute_tables = AttributeTables(tables.attributes)
        self.inner: Rules | None = None
        above: Rules = self
        for _ in range(depth):
            above.inner = Rules.__new__(Rules)
            above.inner.__dict__.update(self.__dict__, inner=None)
            above = above.inner

    # -- for generated code --------------------------------------------------------------------------

    def parser(self, cls: Any) -> Parser:
        """The parser of an element class."""
        return codec(cls).parse_lenient if self.lenient else codec(cls).parse

    def chain_table(self, table: str, key: int | None = None) -> ParserTable:
        """The parsers of a chain's payload types."""
        return self.chains[table if key is None else (table, key)]

    def attribute_table(self, table: str, key: int | None = None) -> AttributeTable:
        """The attribute table of a name, or of a name and a number."""
        return self.attribute_tables[table if key is None else (table, key)]

    def choice_octets(self, table: str, key: int, value: Any, *, swap: int = False) -> bytes:
        """The octets of a field that `table` lays out for `key`. Octets are themselves."""
        entry = self.choice_entry(table, key)
        if isinstance(value, bytes):
            octets = value
        elif isinstance(value, Element):
            out = bytearray()
            codec(type(value)).build(value, out, self)
            return bytes(out)
        elif isinstance(entry, ValueType):
            octets = entry.octets_of(value)
        else:
            raise EncodeError(f"{type(value).__name__} where octets belong ({table} {int(key)})")
        return entry.reverse(octets) if swap and isinstance(entry, ValueType) else octets

    # -- for views -----------------------------------------------------------------------------------

    def choice_entry(self, table: str, key: int) -> Any:
        """What `table` says for `key`: a `ValueType`, an element class, or None."""
        return self.tables.choices.get(table, {}).get(key)

    def chain_classes(self, table: str, key: int | None = None) -> Iterator[Any]:
        """The payload classes that a chain of this table may hold."""
        for entry in self.chain_table(table, key).entries.values():
            yield from entry.classes() if isinstance(entry, Variants) else (entry,)

    # -- for construct -------------------------------------------------------------------------------

    def reference_chain(self, table: TableKey, kind: int) -> Construct:
        """The layout of a payload type's body, for construct alone."""
        found = self.tables.chains.get(table)
        if found is None and isinstance(table, tuple):
            found = self.tables.chains.get(table[0])
        entry = (found or {}).get(kind)
        if entry is None:
            return GreedyBytes
        return reference.VariantsReference(entry) if isinstance(entry, Variants) else entry.layout

    def reference_choice(self, table: str, key: int) -> Construct:
        """The layout of a governed field, for construct alone."""
        entry = self.choice_entry(table, key)
        if entry is None:
            return GreedyBytes
        return Octets(GreedyBytes, entry) if isinstance(entry, ValueType) else entry.layout

    def reference_attributes(self, table: TableKey) -> Construct:
        """The layout of one attribute, for construct alone."""
        return reference.AttributeReference(self.tables.attributes.get(table, UNTYPED))

    def option(self, name: str) -> int:
        """The dialect's `name`. Raises `ConfigurationError` where it has none."""
        try:
            return int(getattr(self.dialect, name))
        except AttributeError:
            raise ConfigurationError(f"the dialect lacks {name}") from None


UNTYPED = AttributeTable("untyped", int, {})
"""Where the domain of interpretation types no attribute."""
