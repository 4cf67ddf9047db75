"""Where everything stands in the octets: the one view behind the tree, the hex view and what comes later.

A `Span` is a field, or something that holds fields. They come in the order of the octets, a container
before what it holds. Sizes come from the octets that are built, not from a second parser, so that a span
can't disagree with what is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any, Final

import msgspec

from gsakmp.errors import ConfigurationError
from gsakmp.wire import members as m
from gsakmp.wire.attributes import Attribute, AttributeTable, is_registry
from gsakmp.wire.element import Element, Payload, UnknownPayload, Unlinked
from gsakmp.wire.generator.runtime import build_chain, first_kind, first_size
from gsakmp.wire.rules import Rules
from gsakmp.wire.tables import Variants
from gsakmp.wire.values import ValueType
from gsakmp.wire.vocabulary import AUTO

__all__ = ["Span", "SpanWriter", "number_text", "octets_text", "printable", "spans"]

HEADER_OCTETS: Final = 4
"""Of the generic payload header (RFC 2408, 3.2)."""

SHOWN_OCTETS: Final = 24
"""Octets of a field that its text shows; of a longer one it shows the first 16 and how many there are."""
SHOWN_FIRST: Final = 16

FUNCTIONS: Final = {"len": len, "first_kind": first_kind, "first_size": first_size}


class Span(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One field, or one thing that holds fields.

    `at` and `size` are octets from the start of the datagram; of bits, they are those of the word that
    holds them, and `bits` is the shift above the word's lowest bit and the width. `path` leads there from
    the message, as in errors: ``payloads[0].proposals[1].spi``. `name` is the field's own, or the title of a
    container. `text` is the value for people: names with their numbers, addresses, octets in hex, long
    ones shortened. `doc` is what the definition says about it.

    `implied` marks what says nothing of its own: a length or count that agrees, reserved bits that are
    zero. `secret` marks keys. `plaintext` marks a span whose offset counts from the start of the decrypted
    body. `problem` is what is wrong with it, which only a lenient parse lets be.
    """

    depth: int
    path: str
    name: str
    at: int
    size: int
    text: str = ""
    doc: str = ""
    container: bool = False
    bits: tuple[int, int] | None = None
    implied: bool = False
    secret: bool = False
    plaintext: bool = False
    problem: str = ""


def spans(element: Element, rules: Rules, at: int = 0, path: str = "") -> Iterator[Span]:
    """The spans of `element`, whose octets start at `at`; of a payload, header included.

    A payload that stands alone is the last of its chain. Raises `EncodeError` for what can't be built.
    """
    out = bytearray(at)
    if isinstance(element, Payload):
        build_chain("", [element], out, rules)
        yield from SpanWriter(bytes(out), rules, at).payload(element, {}, path, 0, 0)
    else:
        rules.builders[type(element)](element, out, rules)
        yield from SpanWriter(bytes(out), rules, at).element(element, path, 0)


class SpanWriter:
    """Walks elements along the octets `buf` that were built of them; `at` is where it stands.

    `kinds` is the registry of payload types, for the names of those that the rules lack.
    """

    def __init__(
        self, buf: bytes, rules: Rules, at: int = 0, *, kinds: Any = None, plaintext: bool = False
    ) -> None:
        self.buf, self.rules, self.at = buf, rules, at
        self.kinds, self.plaintext = kinds, plaintext

    # -- single spans --------------------------------------------------------------------------------

    def leaf(self, name: str, path: str, depth: int, size: int, text: str, **more: Any) -> Span:
        """The span of the next `size` octets, which it steps over."""
        start, self.at = self.at, self.at + size
        return Span(
            depth=depth, path=path, name=name, at=start, size=size, text=text,
            plaintext=self.plaintext, **more,
        )  # fmt: skip

    def octets(self, name: str, path: str, depth: int, size: int, **more: Any) -> Span:
        """As `leaf`, the text being the octets."""
        return self.leaf(name, path, depth, size, octets_text(self.buf[self.at : self.at + size]), **more)

    def number(self, size: int) -> int:
        """The unsigned number in the next `size` octets, which it does not step over."""
        return int.from_bytes(self.buf[self.at : self.at + size], "big")

    def holder(
        self, start: int, inside: list[Span], name: str, path: str, depth: int, **more: Any
    ) -> Iterator[Span]:
        """A container from `start` to here, then what it holds."""
        yield Span(
            depth=depth, path=path, name=name, at=start, size=self.at - start, container=True,
            plaintext=self.plaintext, **more,
        )  # fmt: skip
        yield from inside

    # -- payloads ------------------------------------------------------------------------------------

    def chain(self, items: Any, entries: Mapping[int, Any], path: str, depth: int) -> Iterator[Span]:
        """Payloads one after the other, `entries` being the classes of their chain."""
        kinds = [*(int(item.kind) for item in items[1:]), 0] if items else []
        for index, (item, after) in enumerate(zip(items, kinds, strict=True)):
            yield from self.payload(item, entries, f"{path}[{index}]", depth, after)

    def payload(
        self, item: Any, entries: Mapping[int, Any], path: str, depth: int, after: int
    ) -> Iterator[Span]:
        """One payload with its generic header; `after` is the type of the one that follows."""
        if isinstance(item, Unlinked):
            problem = "no payload announces these octets"
            yield self.octets("unlinked", path, depth, len(item.octets), problem=problem)
            return
        start = self.at
        inside = list(self.header(item, entries, path, depth + 1, after))
        if isinstance(item, UnknownPayload):
            name, doc = f"Payload {self.kind_text(item.kind, entries)}", ""
            if item.octets:
                inside.append(self.octets("octets", f"{path}.octets", depth + 1, len(item.octets)))
        else:
            layout = type(item).layout
            name, doc = layout.title, layout.spec
            inside += self.element(item, path, depth + 1)
        problem = getattr(item, "problem", "")
        yield from self.holder(start, inside, name, path, depth, doc=doc, problem=printable(problem))

    def header(
        self, item: Any, entries: Mapping[int, Any], path: str, depth: int, after: int
    ) -> Iterator[Span]:
        """The generic header (RFC 2408, 3.2)."""
        kind = self.number(1)
        text = self.kind_text(kind, entries)
        agrees = item.next_payload is AUTO and kind == after
        yield self.leaf("next_payload", f"{path}.next_payload", depth, 1, text, implied=agrees)
        zero = not item.reserved
        yield self.leaf("reserved", f"{path}.reserved", depth, 1, str(item.reserved), implied=zero)
        text = str(self.number(2))
        yield self.leaf("length", f"{path}.length", depth, 2, text, implied=item.length is AUTO)

    def kind_text(self, kind: int, entries: Mapping[int, Any]) -> str:
        """A payload type by the title of its class, or by its name in the registry."""
        if not kind:
            return "none (0)"
        entry = entries.get(kind)
        if entry is None:
            return number_text(kind, self.kinds)
        cls = next(iter(entry.classes())) if isinstance(entry, Variants) else entry
        return f"{cls.layout.title} ({int(kind)})"

    # -- elements ------------------------------------------------------------------------------------

    def element(self, element: Any, path: str, depth: int) -> Iterator[Span]:
        """The fields of an element, which has no span of its own here."""
        readings = element.readings()
        found: dict[str, int] = {}
        for member in m.members_of(type(element)):
            if member.condition is None or evaluated(member.condition, element, found):
                place = f"{path}.{member.name}" if path else member.name
                for span in self.member(member, element, place, depth, found):
                    reading = readings.get(member.name, "") if span.path == place else ""
                    if reading:
                        said = f"{span.text}: {printable(reading)}" if span.text else printable(reading)
                        span = msgspec.structs.replace(span, text=said)  # noqa: PLW2901
                    yield span

    def member(
        self, member: m.Member, element: Any, path: str, depth: int, found: dict[str, int]
    ) -> Iterator[Span]:
        """The span or spans of one field; `found` gathers the numbers that came before."""
        value, name, form = getattr(element, member.name), member.name, member.form
        about: dict[str, Any] = {"doc": member.doc, "secret": member.secret}
        match form:
            case m.IntegerForm():
                found[name] = self.number(form.octets) if value is AUTO else int(value)
                implied = value is AUTO or (name.startswith("reserved") and not value)
                text = number_text(found[name], form.registry, flags=form.flags)
                yield self.leaf(name, path, depth, form.octets, text, implied=implied, **about)
            case m.BitsForm():
                found[name] = int(value)
                bits = (form.shift, form.width)
                span = self.leaf(name, path, depth, form.octets, str(int(value)), bits=bits, **about)
                self.at -= form.octets if form.shift else 0  # the next field has the same octets
                yield span
            case m.ReservedForm():
                size = self.size(form.size) if value is None else len(value)
                if size:
                    yield self.octets(name, path, depth, size, implied=value is None, **about)
            case m.OctetsForm(value_type=None):
                yield self.octets(name, path, depth, len(value), implied=not value, **about)
            case m.OctetsForm(value_type=value_type):
                size = len(value_type.octets_of(value))
                yield self.leaf(name, path, depth, size, value_text(value_type, value), **about)
            case m.ChoiceForm():
                yield from self.choice(form, element, value, path, depth, about)
            case m.ArrayForm():
                for index, octets in enumerate(value):
                    place = f"[{index}]"
                    yield self.octets(name + place, path + place, depth, len(octets), **about)
            case m.InlineForm():
                yield from self.nested(value, path, depth)
            case m.ElementsForm() | m.SharesForm():
                for index, item in enumerate(value):
                    yield from self.nested(item, f"{path}[{index}]", depth)
            case m.AttributesForm(table=table, key=key):
                kinds = self.rules.attribute_table(table, None if key is None else number_of(key, element))
                for index, item in enumerate(value):
                    yield from self.attribute(item, kinds, f"{path}[{index}]", depth)
            case m.ChainForm(table=table, key=key):
                found_table = self.rules.chain_table(table, None if key is None else number_of(key, element))
                yield from self.chain(value, found_table.entries, path, depth)

    def choice(
        self, form: m.ChoiceForm, element: Any, value: Any, path: str, depth: int, about: dict[str, Any]
    ) -> Iterator[Span]:
        """A field that another field's value gives its layout."""
        if isinstance(value, Element):
            yield from self.nested(value, path, depth)
            return
        key = number_of(form.key, element)
        size = len(self.rules.choice_octets(form.table, key, value))
        entry = self.rules.choice_entry(form.table, key)
        text = value_text(entry, value) if isinstance(entry, ValueType) else octets_text(value)
        name = path.rpartition(".")[2]
        yield self.leaf(name, path, depth, size, text, implied=not size, **about)

    def nested(self, element: Any, path: str, depth: int) -> Iterator[Span]:
        """A container for an element inside another."""
        start, layout = self.at, type(element).layout
        inside = list(self.element(element, path, depth + 1))
        yield from self.holder(start, inside, layout.title, path, depth, doc=layout.spec)

    def size(self, size: m.Size) -> int:
        """Octets of a reserved field, which follow from the definition or the dialect alone."""
        match size:
            case m.DialectOption(name=name):
                return int(getattr(self.rules.dialect, name))
            case int(octets):
                return octets
        raise ConfigurationError(f"{size} is no size of a reserved field")

    # -- attributes ----------------------------------------------------------------------------------

    def attribute(self, item: Attribute, table: AttributeTable, path: str, depth: int) -> Iterator[Span]:
        """A data attribute (RFC 2408, 3.3): its format bit, type, length if it has one, and value."""
        start, word = self.at, self.number(2)
        kind = table.kinds.get(int(item.type))
        registry = table.registry if hasattr(table.registry, "lookup") else None
        name, below = number_text(int(item.type), registry), depth + 1
        secret = kind is not None and kind.secret
        form = "1 (TV)" if word >> 15 else "0 (TLV)"
        inside = [self.leaf("format", f"{path}.basic", below, 2, form, bits=(15, 1), implied=True)]
        self.at = start
        inside.append(self.leaf("type", f"{path}.type", below, 2, name, bits=(0, 15), implied=True))
        size = 2
        if not word >> 15:
            size = self.number(2)
            inside.append(self.leaf("length", f"{path}.length", below, 2, str(size), implied=True))
        text = ""
        if isinstance(item.value, Element):
            inside += self.element(item.value, f"{path}.value", below)
        else:
            text = content_text(kind.content if kind else None, item.value)
            inside.append(self.leaf("value", f"{path}.value", below, size, text, secret=secret, implied=True))
        doc = kind.doc if kind is not None else ""
        yield from self.holder(start, inside, name, path, depth, text=text, doc=doc, secret=secret)


# -- expressions of the definitions ------------------------------------------------------------------


def number_of(key: m.Expression, element: Any) -> int:
    """The number in another field by which a table is used."""
    return int(getattr(element, str(key)))


@lru_cache
def compiled(source: str) -> CodeType:
    return compile(source, "<condition>", "eval")


def evaluated(condition: m.Expression, element: Any, found: Mapping[str, int]) -> Any:
    """A condition of the definition, with the numbers as they are on the wire."""
    values = {name: found.get(name, getattr(element, name)) for name in condition.names}
    # Nothing but what the definitions say is evaluated: `condition` comes from a class, `values` are numbers.
    return eval(compiled(str(condition)), {"__builtins__": {}, **FUNCTIONS}, values)


# -- values as text ----------------------------------------------------------------------------------


def printable(text: str) -> str:
    """`text` in one line that a terminal only shows: whatever could steer it is written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def octets_text(octets: bytes) -> str:
    """Octets in hex with their number, long ones shortened."""
    if len(octets) <= 8:  # a cookie, an SPI: their size is plain to see
        return octets.hex() or "(empty)"
    if len(octets) <= SHOWN_OCTETS:
        return f"{octets.hex()} ({len(octets)} octets)"
    return f"{octets[:SHOWN_FIRST].hex()}... ({len(octets)} octets)"


def number_text(value: int, registry: Any = None, *, flags: bool = False) -> str:
    """A number, with its name or with what its registry says of numbers that have none."""
    number = int(value)
    if flags and registry is not None:
        return f"{registry.to_text(number)} (0x{number:x})" if number else "none (0)"
    if registry is None or not hasattr(registry, "lookup"):
        size = (number.bit_length() + 7) // 8
        if size <= 8:
            return str(number)
        return octets_text(number.to_bytes(size, "big"))  # a prime, not an amount
    try:
        member = registry(number)
    except ValueError:
        return str(number)
    if member.named:
        return f"{member.name} ({number})"
    return f"{number} ({member.name.rpartition('_')[0].lower().replace('_', ' ')})"


def value_text(value_type: ValueType, value: Any) -> str:
    if isinstance(value, bytes):
        return octets_text(value)
    return "" if value is None else printable(str(value_type.to_text(value)))


def content_text(content: Any, value: Any) -> str:
    """The value of an attribute, by what its table says that it is."""
    if isinstance(value, bytes):
        return octets_text(value)
    if isinstance(content, ValueType) and not isinstance(value, int):
        return value_text(content, value)
    return number_text(value, content if is_registry(content) else None)
