"""The fields that the dissector registers with Wireshark, each once, by number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from gsakmp.errors import ConfigurationError
from gsakmp.wire.attributes import is_registry
from gsakmp.wire.values import OCTETS, ValueType

__all__ = ["Field", "Fields", "Names", "Value", "value_of"]

SORTS: Final = {
    "text": "text",
    "octets": "octets",
    "nothing": "nothing",
    "4-octet integer": "number",
    "IPv4 address": "ipv4",
    "IPv6 address": "ipv6",
    "IPv4 subnet": "ipv4_subnet",
    "IPv6 subnet": "ipv6_subnet",
    "IPv4 address range": "ipv4_range",
    "IPv6 address range": "ipv6_range",
}
"""What Wireshark can show as what it is, by the name of its value type; all others are octets there."""

KINDS: Final = {"text": "string", "number": "uint32", "ipv4": "ipv4", "ipv6": "ipv6"}
HALVES: Final = {"subnet": ("address", "mask"), "range": ("first", "last")}


@dataclass(frozen=True)
class Field:
    """One field: `name` is what filters call it, `kind` one of Wireshark's types, `strings` the names of its
    numbers (a registry's, or a list of the dissector's), `mask` the bits that it has of its octets."""

    name: str
    label: str
    kind: str
    doc: str = ""
    strings: str = ""
    mask: int = 0
    hexadecimal: bool = False
    bits: int = 0
    """Of a `bool`: the bits of the field that it is one of."""


@dataclass(frozen=True)
class Names:
    """Names of numbers, and for those without one what their range is for."""

    names: dict[int, str]
    ranges: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True)
class Value:
    """How a value type is shown: `sort` is one of `SORTS`, `sizes` the octets that it may have,
    None for any number."""

    sort: str
    sizes: tuple[int, ...] | None


def registry_names(registry: Any) -> Names:
    """Those of an open registry."""
    names = {int(member): str(member.name) for member in registry}
    ranges = [(low, high, "private use") for low, high in registry.private]
    ranges += [(low, high, "reserved") for low, high in getattr(registry, "reserved", ())]
    return Names(names, tuple(ranges))


def decodes(value_type: ValueType, octets: bytes) -> bool:
    try:
        value_type.decode(octets)
    except ValueError:
        return False
    return True


def value_of(value_type: ValueType) -> Value:
    """What the dissector makes of a value type. One that varies in size says by trial what it takes."""
    sort = SORTS.get(value_type.name, "octets")
    if value_type.size is not None:
        return Value(sort, (value_type.size,))
    if value_type is OCTETS or sort in ("octets", "text"):
        return Value(sort, None)
    sizes = tuple(size for size in range(65) if decodes(value_type, bytes(size)))
    return Value(sort, sizes)


class Fields:
    """All fields; each gets a number when it is first asked for."""

    def __init__(self) -> None:
        self.numbers: dict[Field, int] = {}
        self.kinds: dict[str, Field] = {}
        self.registries: dict[str, Any] = {}
        self.lists: dict[str, Names] = {}

    def __iter__(self) -> Iterator[Field]:
        return iter(self.numbers)

    def add(self, field: Field) -> int:
        """The number of `field`, from 1. Raises `ConfigurationError` where the name means another sort of
        field already: Wireshark would refuse it."""
        other = self.kinds.setdefault(field.name, field)
        if other.kind != field.kind:
            raise ConfigurationError(f"{field.name} would be both {other.kind} and {field.kind} in Wireshark")
        return self.numbers.setdefault(field, len(self.numbers) + 1)

    def strings(self, registry: Any) -> str:
        """The list of a registry's names, to be given to a field; nothing for what is no open registry."""
        if not (is_registry(registry) and hasattr(registry, "lookup")):
            return ""
        name = str(registry.__name__)
        if self.registries.setdefault(name, registry) is not registry:
            raise ConfigurationError(f"two registries are called {name}")
        self.lists[name] = registry_names(registry)
        return name

    def listed(self, texts: Sequence[tuple[str, bool]]) -> str:
        """A list that is no registry's: for each number from 0 its text, and whether that is a name."""
        names = {number: text for number, (text, named) in enumerate(texts) if named}
        ranges = []
        for (text, named), numbers in groupby(range(len(texts)), lambda number: texts[number]):
            if not named:
                run = list(numbers)
                ranges.append((run[0], run[-1], text))
        made = Names(names, tuple(ranges))
        found = next((name for name, known in self.lists.items() if known == made), None)
        if found is None:
            found = f"list {len(self.lists) + 1}"
            self.lists[found] = made
        return found

    def bits(self, name: str, registry: Any, octets: int) -> list[int]:
        """A field for each bit that `registry` names, of a field of that many octets called `name`."""
        return [
            self.add(self.bit(name, bit, registry.reference, octets))
            for bit in sorted(registry, key=int, reverse=True)
        ]

    @staticmethod
    def bit(name: str, bit: Any, doc: str, octets: int) -> Field:
        """One bit of a field called `name`."""
        own = f"{name}.{bit.name.lower()}"
        return Field(own, bit.name, "bool", doc, mask=int(bit), bits=8 * octets)

    def value(self, name: str, title: str, doc: str, value: Value, *, sort: bool) -> dict[str, Any]:
        """The fields of a value called `name`; with `sort`, its name has its sort at the end."""
        out: dict[str, Any] = {"sort": value.sort}
        if value.sizes is not None:
            out["sizes"] = dict.fromkeys(value.sizes, True)
        octets = name if sort else f"{name}.octets"
        if value.sort in ("octets", "nothing"):
            return {**out, "octets": self.add(Field(name, title, "bytes", doc))}
        out["octets"] = self.add(Field(octets, title, "bytes", doc))
        own = f"{name}.{value.sort}" if sort else name
        version, _, pair = value.sort.partition("_")
        if not pair:
            return {**out, "field": self.add(Field(own, title, KINDS[value.sort], doc))}
        out["field"] = self.add(Field(own, title, "bytes", doc))
        out["halves"] = [
            self.add(Field(f"{own}.{half}", half.capitalize(), version, doc)) for half in HALVES[pair]
        ]
        return out
