"""Scapy fields for the members of a definition that hold one thing: a number, octets, a value.

Those that hold several are in `gsakmp.layers.lists`.

A field asks its packet for what is not in the field itself: the rules in force (``rules()``), another
field's number (``known(name)``), a nested packet (``child(cls, octets)``). It is always given octets that
end where the packet ends, so that "the rest" needs no arithmetic. None stands for what is worked out when
the packet is built, as `gsakmp.AUTO` does in the library.
"""

from __future__ import annotations

from functools import cache
from types import CodeType
from typing import Any, Final

from scapy.compat import bytes_encode
from scapy.fields import Field
from scapy.packet import Packet
from scapy.volatile import RandBin, RandNum, VolatileValue

from gsakmp.errors import EncodeError, GsakmpError, Truncated
from gsakmp.registries import PayloadType
from gsakmp.wire import ValueType
from gsakmp.wire import members as m
from gsakmp.wire.generator.runtime import swapped
from gsakmp.wire.plain import number_plain
from gsakmp.wire.values import OCTETS

__all__ = [
    "child_or_octets",
    "evaluate",
    "kind_of",
    "number_from",
    "number_text",
    "octets_from",
    "packet_octets",
    "size_of",
    "taken",
    "value_from",
    "value_text",
]

GENERIC_HEADER_OCTETS: Final = 4
RANDOM_OCTETS: Final = 64
"""The most octets that `fuzz` puts into a field without a size of its own."""


# -- expressions over a packet's fields --------------------------------------------------------------


class View:
    """A packet's numbers by name, for the expressions of the definitions."""

    def __init__(self, pkt: Any) -> None:
        self.pkt = pkt

    def __getitem__(self, name: str) -> Any:
        if name not in self.pkt.fieldtype:
            raise KeyError(name)
        return self.pkt.known(name)


def kind_of(packet: Any) -> int:
    """The payload type that announces `packet`, 0 for what is no payload."""
    return int(packet.kind) if hasattr(type(packet), "kind") else 0  # of itself, not of what it carries


FUNCTIONS: Final = {
    "len": len,
    "first_kind": lambda items: kind_of(items[0]) if items else 0,
    "first_size": lambda items: len(items[0]) if items else 0,
}


@cache
def code_of(expression: m.Expression) -> CodeType:
    return compile(str(expression), f"<{expression}>", "eval")


def evaluate(expression: m.Expression, pkt: Any) -> Any:
    """What the definition's expression is for this packet."""
    return eval(code_of(expression), dict(FUNCTIONS), View(pkt))  # type: ignore[arg-type]  # any mapping will do


def size_of(size: m.Size, pkt: Any) -> int | None:
    """The octets of a field, None for all that are left."""
    match size:
        case None | int():
            return size
        case m.Expression():
            return int(evaluate(size, pkt))
    return int(pkt.rules().option(size.name))


def taken(octets: bytes, size: int, name: str) -> tuple[bytes, bytes]:
    """The first `size` octets, and the rest."""
    if len(octets) < size:
        raise Truncated(f"{size} octets needed, {len(octets)} left", name)
    return octets[:size], octets[size:]


# -- numbers -----------------------------------------------------------------------------------------


def number_text(value: Any, registry: Any = None, *, flags: bool = False) -> str:
    """A number as its name, or as itself; anything else as Python shows it."""
    if not isinstance(value, int):
        return value if isinstance(value, str) else repr(value)
    try:
        return str(number_plain(value, registry, flags=flags))
    except (ValueError, LookupError, GsakmpError):
        return str(value)  # one that the field can't hold


def number_from(value: Any, registry: Any = None) -> Any:
    """The number that a name stands for; what is no text stays (None, a random number, a list)."""
    if isinstance(value, list):
        return [number_from(item, registry) for item in value]
    if isinstance(value, str):
        if registry is not None:
            return int(registry.from_text(value))
        try:
            return int(value, 0)
        except ValueError:
            raise EncodeError(f"{value!r} is no number, and nothing here has a name") from None
    return int(value) if isinstance(value, int) else value


class NumberField(Field[Any, Any]):
    """An integer, by number or by the name that its registry has for it; None for what follows from the
    other fields."""

    __slots__ = ["form", "member"]

    def __init__(self, member: m.Member, default: Any = 0) -> None:
        assert isinstance(member.form, m.IntegerForm)
        self.member, self.form = member, member.form
        super().__init__(member.name, default, member.form.code)

    def computed(self, pkt: Any) -> int:
        """What the field is when nobody says. The octets of the whole are put in after building."""
        member = self.member
        if member.size_of is not None:
            field, value = pkt.getfield_and_val(member.size_of)
            return len(field.addfield(pkt, b"", value))
        if member.computed is None or member.computed is m.WHOLE:
            return 0
        return int(evaluate(member.computed, pkt))

    def any2i(self, pkt: Any, x: Any) -> Any:
        return number_from(x, self.form.registry)

    def i2m(self, pkt: Any, x: Any) -> Any:
        number = self.computed(pkt) if x is None else x
        return self.swap(pkt, number) if self.form.swapped_by else number

    def m2i(self, pkt: Any, x: int) -> int:
        return self.swap(pkt, x) if self.form.swapped_by else x

    def swap(self, pkt: Any, number: int) -> int:
        reverse = pkt.rules().option(self.form.swapped_by)
        return swapped(number, self.form.octets) if reverse else number

    def i2repr(self, pkt: Any, x: Any) -> str:
        return number_text(x, self.form.registry, flags=self.form.flags)


class KindField(NumberField):
    """The payload type by which a payload is announced, for classes that have several. It is not in the
    payload's own octets: it stands in the header before it."""

    def __init__(self, default: int) -> None:
        form = m.IntegerForm(1, "B", PayloadType)
        super().__init__(m.Member("kind", form), default)

    def addfield(self, pkt: Any, s: Any, val: Any) -> Any:
        return s

    def getfield(self, pkt: Any, s: Any) -> Any:
        return s, getattr(pkt.underlayer, "next_payload", self.default)


# -- octets, and values made of octets ---------------------------------------------------------------


def octets_from(value: Any) -> bytes:
    """The octets that a user gave, text standing for its characters."""
    if isinstance(value, bytes | bytearray | memoryview | str | VolatileValue | Packet):
        return bytes(bytes_encode(value))
    raise EncodeError(f"{type(value).__name__} where octets belong")


class OctetsField(Field[Any, bytes]):
    """Octets, shown in hex."""

    __slots__ = ["size"]

    def __init__(self, member: m.Member, default: Any = b"") -> None:
        self.size: m.Size = getattr(member.form, "size", None)
        if default == b"" and isinstance(self.size, int):
            default = bytes(self.size)
        super().__init__(member.name, default)

    def any2i(self, pkt: Any, x: Any) -> Any:
        return bytes_encode(x) if isinstance(x, str | bytearray | memoryview) else x

    def i2m(self, pkt: Any, x: Any) -> bytes:
        octets = b"" if x is None else octets_from(x)
        if isinstance(self.size, int) and len(octets) != self.size:
            raise EncodeError(f"{len(octets)} octets where {self.size} belong", self.name)
        return octets

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s + self.i2m(pkt, val)

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        size = size_of(self.size, pkt)
        octets, rest = (s, b"") if size is None else taken(s, size, self.name)
        return rest, self.m2i(pkt, octets)

    def i2len(self, pkt: Any, x: Any) -> int:
        return len(self.i2m(pkt, x))

    def i2repr(self, pkt: Any, x: Any) -> str:
        return x.hex() if isinstance(x, bytes) else repr(x)

    def randval(self) -> Any:
        return RandBin(self.size if isinstance(self.size, int) else RandNum(0, RANDOM_OCTETS))


class ReservedField(OctetsField):
    """Octets that are zero unless given."""

    def __init__(self, member: m.Member) -> None:
        super().__init__(member, None)

    def i2m(self, pkt: Any, x: Any) -> bytes:
        return bytes(size_of(self.size, pkt) or 0) if x is None else octets_from(x)

    def m2i(self, pkt: Any, x: bytes) -> Any:
        return x if any(x) else None


def value_text(value_type: ValueType, octets: bytes) -> Any:
    """The octets as text or a number where those say all that the octets do, else the octets."""
    try:
        value = value_type.decode(octets)
        if isinstance(value, bytes) or value is None:
            return octets
        text = value_type.to_text(value)
        return text if value_type.octets_of(value_type.from_text(text)) == octets else octets
    except (ValueError, TypeError, GsakmpError):
        return octets


def value_from(value_type: ValueType | None, value: Any) -> bytes:
    """The octets of a value: octets, text, or an object of the library. Raises `EncodeError`."""
    if value is None:
        return b""
    if (
        value_type is None
        or value_type is OCTETS
        or isinstance(value, bytes | bytearray | VolatileValue | Packet)
    ):
        return octets_from(value)
    if isinstance(value, str | int):
        try:
            value = value_type.from_text(value)
        except (ValueError, TypeError, AttributeError) as exc:
            raise EncodeError(f"no {value_type.name}: {exc}") from None
    return value_type.octets_of(value)


def packet_octets(pkt: Any, item: Any) -> bytes:
    """The octets of an item that `pkt` holds; it must know `pkt`, which knows the rules."""
    if isinstance(item, Packet):
        item.add_parent(pkt)
    return octets_from(item)


def child_or_octets(pkt: Any, cls: Any, octets: bytes) -> Any:
    """The octets as a packet of the element class, or as they are where they are none."""
    try:
        return pkt.child(cls, octets)
    except Exception:  # whatever a dissector raises
        return octets


class ValueField(OctetsField):
    """Octets that another field, or the definition, says how to read: addresses, ranges and names as text,
    an element as a packet, octets where nothing is said or where they can't be read so."""

    __slots__ = ["form"]
    holds_packets = 1

    def __init__(self, member: m.Member, default: Any = b"") -> None:
        assert isinstance(member.form, m.ChoiceForm | m.OctetsForm)
        self.form = member.form
        super().__init__(member, default)

    def entry(self, pkt: Any) -> Any:
        """A `ValueType`, an element class, or None."""
        if isinstance(self.form, m.OctetsForm):
            return self.form.value_type
        return pkt.rules().choice_entry(self.form.table, pkt.known(str(self.form.key)))

    def reversed(self, pkt: Any, entry: Any, octets: bytes) -> bytes:
        switch = getattr(self.form, "reversed_by", None)
        if switch and isinstance(entry, ValueType) and pkt.rules().option(switch):
            return entry.reverse(octets)
        return octets

    def any2i(self, pkt: Any, x: Any) -> Any:
        if isinstance(x, Packet) and pkt is not None:
            x.add_parent(pkt)
        return bytes(x) if isinstance(x, bytearray | memoryview) else x

    def m2i(self, pkt: Any, x: bytes) -> Any:
        entry = self.entry(pkt)
        if entry is None or isinstance(entry, ValueType):
            octets = self.reversed(pkt, entry, x)
            return octets if entry is None else value_text(entry, octets)
        return child_or_octets(pkt, entry, x)

    def i2m(self, pkt: Any, x: Any) -> bytes:
        if isinstance(x, Packet):
            return packet_octets(pkt, x)
        entry = self.entry(pkt)
        value_type = entry if isinstance(entry, ValueType) else None
        return self.reversed(pkt, entry, value_from(value_type, x))

    def i2repr(self, pkt: Any, x: Any) -> str:
        return x.hex() if isinstance(x, bytes) else str(x)
