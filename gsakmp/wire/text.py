"""Elements as JSON text, at once: what `gsakmp.wire.plain` gives as dicts and lists, encoded.

For elements as a parser gives them, of which a value has its field's type or is octets. The text is the
same, octet for octet, as msgspec's of `plain`; the code of each class is made from its definition when first
needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from ipaddress import IPv4Address
from socket import inet_ntoa
from typing import Any, Final

import msgspec

from gsakmp import limits
from gsakmp.wire.attributes import TV, Attribute, AttributeTable, is_registry
from gsakmp.wire.element import Element, UnknownPayload, Unlinked
from gsakmp.wire.generator import codec
from gsakmp.wire.generator.text import writer_source
from gsakmp.wire.plain import EXACT, number_plain, payload_plain, registry_of
from gsakmp.wire.rules import Rules
from gsakmp.wire.values import ValueType
from gsakmp.wire.vocabulary import AUTO

__all__ = ["elements_text", "json_text", "numbers"]

Writer = Callable[[Any, Rules], str]

KEPT: Final = 4096
"""Names of numbers that are kept for each registry; past it they are looked up anew."""

encoder: Final = msgspec.json.Encoder()


def json_text(plain: Any) -> str:
    """Plain data as JSON text."""
    return encoder.encode(plain).decode()


class Numbers(dict[int, str]):
    """Numbers of a registry as JSON text: a name, or a number where nobody named it."""

    def __init__(self, registry: Any, flags: bool) -> None:
        super().__init__()
        self.registry, self.flags = registry, flags

    def __missing__(self, number: int) -> str:
        text = json_text(number_plain(number, self.registry, flags=self.flags))
        if len(self) < KEPT:
            self[int(number)] = text
        return text


@cache
def numbers(registry: Any, flags: bool = False) -> Mapping[int, str]:
    """The numbers of a registry as JSON text."""
    return Numbers(registry, flags)


# -- what generated code calls ---------------------------------------------------------------------------


def number(value: int) -> str:
    """An integer that may be too large for some readers of JSON."""
    return f"{value:d}" if value < EXACT else f'"{value:#x}"'


def reading(said: Mapping[str, str], name: str) -> str:
    """What octets say in plain words, with its comma."""
    return f',"{name}_text":{json_text(said[name])}' if name in said else ""


def value_text(value_type: ValueType, value: Any) -> str:
    """The value of a `ValueType`."""
    if value.__class__ is IPv4Address:
        return f'"{inet_ntoa(value.packed)}"'
    if isinstance(value, bytes):
        return f'"{value.hex()}"' if value_type.type is bytes else f'{{"octets":"{value.hex()}"}}'
    return json_text(value_type.to_text(value))


def choice_text(table: str, key: int, value: Any, rules: Rules) -> str:
    """A field that `table` describes."""
    if isinstance(value, Element):
        return WRITERS[value.__class__](value, rules)
    entry = rules.choice_entry(table, key)
    if isinstance(entry, ValueType):
        return value_text(entry, value)
    return f'"{value.hex()}"' if entry is None else f'{{"octets":"{value.hex()}"}}'


def element_text(element: Element, rules: Rules) -> str:
    """One element."""
    return WRITERS[element.__class__](element, rules)


def elements_text(elements: Iterable[Element], rules: Rules) -> str:
    """Elements, or payloads, as a list."""
    return f"[{','.join([WRITERS[element.__class__](element, rules) for element in elements])}]"


def octets_texts(items: Iterable[bytes]) -> str:
    """Octet strings as a list."""
    return "[" + ",".join([f'"{octets.hex()}"' for octets in items]) + "]"


# -- attributes ------------------------------------------------------------------------------------------


def attributes_text(table: AttributeTable, attributes: tuple[Attribute, ...], rules: Rules) -> str:
    """Attributes of a table, as a list. The texts of those that the table shares between messages are kept,
    by identity: they live as long as their table, so that none is taken for another."""
    known: list[Any] = [*map(table.texts.get, map(id, attributes))]  # None for those that are not kept
    if not all(known):
        for place, text in enumerate(known):
            if text is None:
                known[place] = attribute_text(table, attributes[place], rules)
    return f"[{','.join(known)}]"


def attribute_text(table: AttributeTable, attribute: Attribute, rules: Rules) -> str:
    """One attribute whose text is not kept yet, or never is."""
    value, number_ = attribute.value, attribute.type
    if attribute.basic is AUTO and attribute.length is AUTO and number_ in table.heads:
        return f"{table.heads[number_]}{number(value)}}}"
    kind = table.kinds.get(number_)
    content = None if kind is None else kind.content
    registry = registry_of(table)
    name = f"{number_:d}" if registry is None else numbers(registry)[number_]
    shared = False
    if isinstance(value, int) and (attribute.basic or not isinstance(content, ValueType)):
        small = 0 <= value <= 0xFFFF
        text = numbers(content)[value] if small and is_registry(content) else number(value)
        shared = small and table.cache.get(TV | number_ << 16 | value) is attribute
        if number_ in table.integers and not shared:
            table.heads[int(number_)] = f'{{"type":{name},"value":'
    elif isinstance(value, Element):
        text = WRITERS[value.__class__](value, rules)
    elif isinstance(content, ValueType):
        text = value_text(content, value)
    else:
        text = f'"{value.hex()}"' if kind is None else f'{{"octets":"{value.hex()}"}}'
    form = "" if attribute.basic is AUTO else f',"basic":{json_text(attribute.basic)}'
    length = "" if attribute.length is AUTO else f',"length":{attribute.length:d}'
    text = f'{{"type":{name},"value":{text}{form}{length}}}'
    if shared and len(table.texts) < limits.CACHED_ATTRIBUTES:
        table.texts[id(attribute)] = text
    return text


# -- classes to writers ----------------------------------------------------------------------------------

RUNTIME: Final[dict[str, Any]] = {
    function.__name__: function
    for function in (
        attributes_text, choice_text, element_text, elements_text, number, numbers, octets_texts, reading,
        value_text,
    )
}  # fmt: skip


class Writers(dict[Any, Writer]):
    """Element class to writer, filled in as classes turn up."""

    def __missing__(self, cls: Any) -> Writer:
        if cls in (UnknownPayload, Unlinked):
            writer: Writer = lambda element, rules: json_text(payload_plain(element, rules))  # noqa: E731
        else:
            namespace = dict(RUNTIME)
            writer = codec(cls).compiled(writer_source(cls, namespace), namespace, "text")
        self[cls] = writer
        return writer


WRITERS: Final = Writers()
"""The writer of each element class."""
