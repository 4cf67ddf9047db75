"""From octets straight to JSON text, for what is usual: no elements are made, which takes most of the time.

The checks are those of the parsers, since the code is theirs but for its last line. Whatever is not usual
(malformed, of an unknown type, with reserved octets that are not zero) ends in an exception, and is then for
the parser and `gsakmp.wire.text`, which give the same text for all that this gives.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from ipaddress import IPv4Address
from socket import inet_ntoa
from typing import Any, Final

from msgspec.structs import replace

from gsakmp.errors import DecodeError
from gsakmp.limits import PAYLOADS_PER_CHAIN
from gsakmp.wire.attributes import TV, Attribute, AttributeTable
from gsakmp.wire.element import UnknownPayload
from gsakmp.wire.generator import codec
from gsakmp.wire.generator.compiled import RUNTIME as PARSING
from gsakmp.wire.generator.runtime import UNPACK_WORDS, WORDWISE_OCTETS, parse_attributes, unpack_header
from gsakmp.wire.generator.text import can_be_quick, quick_source
from gsakmp.wire.rules import ParserTable, Rules
from gsakmp.wire.tables import Variants
from gsakmp.wire.text import RUNTIME as WRITING
from gsakmp.wire.text import attribute_text, element_text, value_text
from gsakmp.wire.values import ValueType
from gsakmp.wire.vocabulary import TableKey

__all__ = ["QuickRules", "Unusual", "read_chain"]

IPV4_OCTETS: Final = 4
INTEGER_OCTETS: Final = 4
KEPT: Final = 128
KEPT_OCTETS: Final = 1024
"""Payloads whose texts are kept, of each type, and how long they may be; past it there are others."""

QuickParser = Callable[[bytes, int, int, "QuickRules"], str]


class Unusual(Exception):
    """This is for the parser. Raised here, caught by who calls."""


class QuickRules:
    """What the rules for parsing are, with parsers that give text. The dialect must be the standard one.

    Of payload types in `alike`, the texts are kept: peers send them again and again, octet for octet.
    """

    def __init__(self, real: Rules, alike: Collection[int] = ()) -> None:
        self.real, self.dialect = real, real.dialect
        self.chains = Chains(real, alike)
        self.choices = Choices(real)
        self.attribute_tables = real.attribute_tables
        self.inner: QuickRules | None = None
        above = self
        while (below := above.real.inner) is not None:
            inner = QuickRules.__new__(QuickRules)
            inner.__dict__.update(self.__dict__, real=below, inner=None)
            above.inner = inner
            above = inner

    def parser(self, cls: Any) -> QuickParser:
        """The parser of an element class."""
        return quick_parser(cls)


class Chains(dict[TableKey, "Chain"]):
    """The tables of payload types by name; a variant that there is not stands for the table it varies."""

    def __init__(self, real: Rules, alike: Collection[int]) -> None:
        super().__init__({name: Chain(table, alike) for name, table in real.chains.items()})
        self.empty = Chain(real.chains.empty)

    def __missing__(self, key: TableKey) -> Chain:
        return self.get(key[0], self.empty) if isinstance(key, tuple) else self.empty


class Chain(dict[int, QuickParser]):
    """Payload type to parser, filled in as types turn up."""

    def __init__(self, table: ParserTable, alike: Collection[int] = ()) -> None:
        super().__init__()
        self.parsers, self.last, self.alike = table, table.last, alike

    def __missing__(self, kind: int) -> QuickParser:
        entry = self.parsers.entries.get(kind)
        if entry is None:
            return lambda buf, at, end, rules: element_text(UnknownPayload(kind, buf[at:end]), rules.real)
        if isinstance(entry, Variants):
            parser = variants_parser(entry)
        elif len(entry.kinds) > 1:
            parser = composed(self.parsers[kind])
        else:
            parser = quick_parser(entry)
        if kind in self.alike:
            parser = remembering(parser)
        self[kind] = parser
        return parser


def remembering(parse_payload: QuickParser) -> QuickParser:
    """The same, with the texts of short ones kept."""
    texts: dict[bytes, str] = {}

    def parse(buf: bytes, at: int, end: int, rules: QuickRules) -> str:
        octets = buf[at:end]
        text = texts.get(octets)
        if text is None:
            text = parse_payload(buf, at, end, rules)
            if end - at <= KEPT_OCTETS:
                if len(texts) >= KEPT:
                    texts.clear()
                texts[octets] = text
        return text

    return parse


def variants_parser(variants: Variants) -> QuickParser:
    """What reads a payload whose class its first field tells."""

    def parse(buf: bytes, at: int, end: int, rules: QuickRules) -> str:
        return quick_parser(variants.of(buf, at, end))(buf, at, end, rules)

    return parse


def composed(parse_element: Callable[[bytes, int, int, Any], Any]) -> QuickParser:
    """What makes an element after all, and text of that."""

    def parse(buf: bytes, at: int, end: int, rules: QuickRules) -> str:
        return element_text(parse_element(buf, at, end, rules.real), rules.real)

    return parse


class Choices(dict[str, "Choice"]):
    """The choice tables by name."""

    def __init__(self, real: Rules) -> None:
        super().__init__()
        self.real = real

    def __missing__(self, name: str) -> Choice:
        choice = self[name] = Choice(self.real.choices[name].entries)
        return choice


class Choice(dict[int, QuickParser]):
    """Number to parser of the field that it governs."""

    def __init__(self, entries: Mapping[int, Any]) -> None:
        super().__init__()
        self.entries = entries

    def __missing__(self, key: int) -> QuickParser:
        entry = self.entries.get(key)
        if entry is None:
            return lambda buf, at, end, rules: f'"{buf[at:end].hex()}"'
        parser = self[key] = value_parser(entry) if isinstance(entry, ValueType) else element_parser(entry)
        return parser


def value_parser(value_type: ValueType) -> QuickParser:
    """What reads a `ValueType`."""
    decode, address = value_type.decode, value_type.type is IPv4Address

    def parse(buf: bytes, at: int, end: int, rules: QuickRules) -> str:
        octets = buf[at:end]
        if address and len(octets) == IPV4_OCTETS:
            return f'"{inet_ntoa(octets)}"'
        return value_text(value_type, decode(octets))

    return parse


def element_parser(cls: Any) -> QuickParser:
    """What reads an element that a field's table names, one level further in."""
    parse_element = quick_parser(cls)

    def parse(buf: bytes, at: int, end: int, rules: QuickRules) -> str:
        if rules.inner is None:
            raise Unusual
        return parse_element(buf, at, end, rules.inner)

    return parse


# -- what generated code calls ---------------------------------------------------------------------------


def read_chain(
    name: str, kind: int, table: Chain, buf: bytes, at: int, end: int, rules: QuickRules
) -> tuple[list[str], int]:
    """The payloads linked from `at` on, the first of type `kind`, and where they end."""
    inner = rules.inner
    if inner is None:
        raise Unusual
    items: list[str] = []
    begin = before = 0
    while kind:
        if end - at < 4:
            if at != end or before not in table.last:
                raise Unusual
            # the link leads into what is encrypted, and is kept in the payload
            item = table.parsers[before](buf, begin + 4, end, inner.real)
            items[-1] = element_text(replace(item, next_payload=kind), rules.real)
            break
        after, reserved, length = unpack_header(buf, at)
        stop = at + length
        if stop > end or length < 4 or reserved:
            raise Unusual
        items.append(table[kind](buf, at + 4, stop, inner))
        begin, before, at, kind = at, kind, stop, after
    if len(items) > PAYLOADS_PER_CHAIN:
        raise Unusual
    return items, at


def read_attributes(
    name: str, table: AttributeTable, buf: bytes, at: int, end: int, rules: QuickRules
) -> list[str]:
    """Attributes that fill the octets, typed by `table`."""
    size = end - at
    if size <= WORDWISE_OCTETS and not size & 3 and table.holds_numbers and rules.inner is not None:
        words = UNPACK_WORDS[size >> 2](buf, at)
        known: list[Any] = [*map(table.words.get, words)]  # None for those that were not seen before
        if all(known):
            return known
        place = known.index(None)
        word = words[place]
        if word & 0xFFFF == INTEGER_OCTETS and word >> 16 in table.heads and place + 1 < len(words):
            # one lifetime in TLV among others that are known: the next word is its value
            known[place : place + 2] = [f"{table.heads[word >> 16]}{words[place + 1]}}}"]
            if all(known):
                return known
            known = [*map(table.words.get, words)]
        if (found := read_words(table, words, known, rules.real)) is not None:
            return found
    items = parse_attributes(name, table, buf, at, end, rules.real)
    return [attribute_text(table, item, rules.real) for item in items]


def read_words(
    table: AttributeTable, words: tuple[int, ...], known: list[str | None], rules: Rules
) -> list[str] | None:
    """The attributes in `words`, as `AttributeTable.parse_words` has them; None if others are among them."""
    items: list[str] = []
    place, heads, last = 0, table.heads, len(words) - 1
    while place <= last:
        text = known[place]
        if text is None:
            word = words[place]
            if word & TV:
                made = table.cache.get(word) or table.from_word(word)
                text = attribute_text(table, made, rules)
                if table.cache.get(word) is made:
                    table.words[word] = text
            elif word & 0xFFFF == INTEGER_OCTETS and word >> 16 in table.integers and place < last:
                number, place = word >> 16, place + 1
                if number in heads:
                    text = f"{heads[number]}{words[place]}}}"
                else:
                    text = attribute_text(table, Attribute(table.integers[number], words[place]), rules)
            else:
                return None
        items.append(text)
        place += 1
    return items


NAMES: Final[dict[str, Any]] = {
    **PARSING, **WRITING, "parse_chain": read_chain, "parse_attributes": read_attributes,
    "DecodeError": DecodeError, "ZERO": b"\0",
}  # fmt: skip


@cache
def quick_parser(cls: Any) -> QuickParser:
    """What makes text of the octets of an element class."""
    made = codec(cls)
    if can_be_quick(cls, WRITING):
        names = dict(NAMES)
        parser: QuickParser = made.compiled(quick_source(cls, names), names, "quick")
        return parser
    return composed(made.parse)
