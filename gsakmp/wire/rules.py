"""The rules in force while octets are read or written: which table gives which number its layout.

A domain of interpretation (`gsakmp.doi`) is a set of such tables. There are three sorts:

- *chains*: payload types, each standing for a payload class;
- *choices*: numbers of any other field, each standing for the layout of the field that it governs;
- *attributes*: attribute tables.

A table may have variants by number (the transforms of protocol 1): its key is then a pair. A number that no
table holds is no error: its octets are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from construct import Construct, GreedyBytes

from gsakmp import limits
from gsakmp.errors import (
    ConfigurationError,
    DecodeError,
    EncodeError,
    LengthMismatch,
    LimitExceeded,
    Truncated,
)
from gsakmp.wire import reference
from gsakmp.wire.attributes import AttributeTable
from gsakmp.wire.element import Element, UnknownPayload
from gsakmp.wire.generator import BUILDERS, codec
from gsakmp.wire.generator.runtime import too_deep
from gsakmp.wire.values import ValueType
from gsakmp.wire.vocabulary import Octets, TableKey

__all__ = ["Rules", "Tables", "Variants"]

Parser = Callable[[bytes, int, int, Any], Any]
Entry = Any
"""An element class, a `Variants` (chains only) or a `ValueType` (choices only)."""


@dataclass(frozen=True, eq=False)
class Variants:
    """A payload type whose layout depends on its first field: `cases` by that number, else `other`.

    `octets` is the size of the field (4: the DOI of an SA payload).
    """

    octets: int
    cases: Mapping[int, Any]
    other: Any

    def of(self, buf: bytes, at: int, end: int) -> Any:
        """The class for the body in ``buf[at:end]``."""
        if end - at < self.octets:
            raise Truncated(f"{self.octets} octets needed, {end - at} left", "", at)
        return self.cases.get(int.from_bytes(buf[at : at + self.octets], "big"), self.other)

    def classes(self) -> Iterator[Any]:
        """Each class once."""
        yield from dict.fromkeys([*self.cases.values(), self.other])


@dataclass(frozen=True)
class Tables:
    """What a domain of interpretation brings: see the module's head for the three sorts."""

    chains: Mapping[TableKey, Mapping[int, Entry]] = field(default_factory=dict)
    choices: Mapping[str, Mapping[int, Entry]] = field(default_factory=dict)
    attributes: Mapping[TableKey, AttributeTable] = field(default_factory=dict)
    last: frozenset[int] = frozenset()
    """Payload types that end a chain whatever their header announces (IKEv2's encrypted payloads)."""

    def with_tables(
        self,
        chains: Mapping[TableKey, Mapping[int, Entry]] | None = None,
        choices: Mapping[str, Mapping[int, Entry]] | None = None,
        attributes: Mapping[TableKey, AttributeTable] | None = None,
    ) -> Tables:
        """These tables with entries added or replaced, table by table."""
        return Tables(
            merged(self.chains, chains or {}),
            merged(self.choices, choices or {}),
            {**self.attributes, **(attributes or {})},
            self.last,
        )


def merged(old: Mapping[Any, Mapping[int, Entry]], new: Mapping[Any, Mapping[int, Entry]]) -> dict[Any, Any]:
    return {**old, **{name: {**old.get(name, {}), **entries} for name, entries in new.items()}}


class ParserTable(dict[int, Parser]):
    """Payload type to parser, filled in as types turn up. After a type in `last`, the header's link leads
    into what is encrypted: the chain ends there."""

    def __init__(self, entries: Mapping[int, Entry], lenient: bool, last: frozenset[int]) -> None:
        super().__init__()
        self.entries, self.lenient, self.last = entries, lenient, last

    def __missing__(self, kind: int) -> Parser:
        entry = self.entries.get(kind)
        if entry is None:
            return lambda buf, at, end, rules: UnknownPayload(kind, buf[at:end])
        parser = self[kind] = self.parser(kind, entry)
        return parser

    def parser(self, kind: int, entry: Entry) -> Parser:
        if isinstance(entry, Variants):
            parsers = {cls: self.parser(kind, cls) for cls in entry.classes()}
            return lambda buf, at, end, rules: parsers[entry.of(buf, at, end)](buf, at, end, rules)
        made = codec(entry)
        parse = made.parse_lenient if self.lenient else made.parse
        if len(entry.kinds) > 1:
            return lambda buf, at, end, rules: parse(buf, at, end, rules).replace(kind=kind)
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


class Rules:
    """Tables and a dialect, ready for generated code to work with.

    `chains` and `attribute_tables` are the tables by name, or by name and number; `builders` the builder
    of each element class. `lenient` picks the parsers that keep contradictions. `depth` is how many
    levels may still be nested.
    """

    builders = BUILDERS

    def __init__(
        self, tables: Tables, dialect: Any, *, lenient: bool = False, depth: int = limits.NESTING
    ) -> None:
        self.tables, self.dialect, self.lenient = tables, dialect, lenient
        self.chains = ChainTables(tables, lenient)
        self.attribute_tables = AttributeTables(tables.attributes)
        self.inner: Rules | None = None
        above: Rules = self
        for _ in range(depth - 1):
            above.inner = Rules.__new__(Rules)
            above.inner.__dict__.update(self.__dict__, inner=None)
            above = above.inner

    # -- for generated code --------------------------------------------------------------------------

    def parser(self, cls: Any) -> Parser:
        """The parser of an element class."""
        return codec(cls).parse_lenient if self.lenient else codec(cls).parse

    def builder(self, cls: Any) -> Any:
        """The builder of an element class."""
        return self.builders[cls]

    def chain_table(self, table: str, key: int | None = None) -> ParserTable:
        """The parsers of a chain's payload types."""
        return self.chains[table if key is None else (table, key)]

    def attribute_table(self, table: str, key: int | None = None) -> AttributeTable:
        """The attribute table of a name, or of a name and a number."""
        return self.attribute_tables[table if key is None else (table, key)]

    def parse_choice(
        self, name: str, table: str, key: int, buf: bytes, at: int, end: int, *, swap: int = False
    ) -> Any:
        """The field `name`, laid out as `table` says for `key`; octets where it says nothing."""
        entry = self.choice_entry(table, key)
        if entry is None:
            return buf[at:end]
        try:
            if isinstance(entry, ValueType):
                octets = buf[at:end]
                return self.value(entry, entry.reverse(octets) if swap else octets, at)
            if self.inner is None:
                raise too_deep("", at)
            return self.parser(entry)(buf, at, end, self.inner)
        except LimitExceeded as exc:
            raise exc.within(name) from None
        except DecodeError as exc:
            if self.lenient:
                return buf[at:end]
            raise exc.within(name) from None

    @staticmethod
    def value(value_type: ValueType, octets: bytes, at: int) -> Any:
        """The value of `octets`, which stood at `at`."""
        try:
            return value_type.decode(octets)
        except ValueError as exc:
            raise LengthMismatch(str(exc), "", at) from None

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
