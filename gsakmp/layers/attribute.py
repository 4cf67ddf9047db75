"""Data attributes (RFC 2408, 3.3) as packets.

One class serves all tables: which one holds is known from the packet that the attribute stands in. Until it
stands in one, a name is just kept.
"""

from __future__ import annotations

from typing import Any, ClassVar

from scapy.fields import BitField, ConditionalField, Field
from scapy.packet import Packet
from scapy.volatile import RandShort

from gsakmp import payloads
from gsakmp.errors import EncodeError
from gsakmp.layers.base import CLASSES, ElementLayer, Layer
from gsakmp.layers.fields import (
    child_or_octets,
    number_from,
    number_text,
    packet_octets,
    taken,
    value_from,
    value_text,
)
from gsakmp.wire import INTEGER, Element, ValueType
from gsakmp.wire.attributes import AttributeTable, is_registry, usual_length
from gsakmp.wire.rules import UNTYPED

__all__ = ["Attribute"]


class BasicField(BitField):
    """The AF bit: 1 for a value of two octets (TV), 0 for one with a length (TLV), None for the table's."""

    def any2i(self, pkt: Any, x: Any) -> Any:
        return int(x) if isinstance(x, bool) else x

    def i2m(self, pkt: Any, x: Any) -> Any:
        return int(pkt.is_basic()) if x is None else x


class TypeField(BitField):
    """The attribute's type, by number or by the table's name for it."""

    def any2i(self, pkt: Any, x: Any) -> Any:
        return x if isinstance(x, str) else number_from(x)

    def i2h(self, pkt: Any, x: Any) -> Any:
        try:
            return pkt.number()
        except EncodeError:
            return x

    def i2m(self, pkt: Any, x: Any) -> Any:
        return pkt.number()

    def i2repr(self, pkt: Any, x: Any) -> str:
        registry = pkt.table().registry
        return number_text(x, registry if hasattr(registry, "lookup") else None)


class LengthField(Field[Any, Any]):
    """The octets of the value, where the attribute is TLV."""

    def i2m(self, pkt: Any, x: Any) -> Any:
        return len(pkt.value_octets()) if x is None else x


class AttributeValueField(Field[Any, bytes]):
    """The value, as the table says: a name or number, octets, text or a packet."""

    holds_packets = 1

    def any2i(self, pkt: Any, x: Any) -> Any:
        if isinstance(x, Packet) and pkt is not None:
            x.add_parent(pkt)
        return int(x) if isinstance(x, int) else x

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        octets: bytes = pkt.basic_octets() if pkt.is_basic() else pkt.value_octets()
        return s + octets

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        if pkt.is_basic():
            octets, rest = taken(s, 2, self.name)
            return rest, int.from_bytes(octets, "big")
        octets, rest = taken(s, pkt.getfieldval("length"), self.name)
        return rest, self.read(pkt, octets)

    @staticmethod
    def read(pkt: Any, octets: bytes) -> Any:
        kind = pkt.attribute_kind()
        if kind is None:
            return octets
        if isinstance(kind.content, ValueType):
            return value_text(kind.content, octets)
        if isinstance(kind.content, type) and issubclass(kind.content, Element):
            return child_or_octets(pkt, kind.content, octets)
        return int.from_bytes(octets, "big")

    def i2repr(self, pkt: Any, x: Any) -> str:
        if isinstance(x, bytes):
            return x.hex()
        return number_text(x, pkt.value_registry()) if isinstance(x, int) else str(x)

    def randval(self) -> Any:
        return RandShort()


class Attribute(ElementLayer):
    """One data attribute: `type` and `value`, by name or number.

    `basic` (the AF bit) and `length` are the table's own unless given. An integer in TLV has `length`
    octets, or four, or what it takes if that is more.
    """

    name = "Data Attribute"
    __module__ = "gsakmp.layers.packets"
    element = payloads.Attribute
    fields_desc: ClassVar[list[Any]] = [
        BasicField("basic", None, 1),
        TypeField("type", 0, 15),
        ConditionalField(LengthField("length", None, "H"), lambda pkt: not pkt.is_basic()),
        AttributeValueField("value", 0),
    ]

    def table(self) -> AttributeTable:
        """The table of the packet that the attribute stands in."""
        found: AttributeTable = self.parent.attribute_table() if isinstance(self.parent, Layer) else UNTYPED
        return found

    def number(self) -> int:
        """The type as a number. Raises `EncodeError` for a name that the table lacks."""
        given, registry = self.getfieldval("type"), self.table().registry
        if isinstance(given, str) and not hasattr(registry, "lookup"):
            raise EncodeError(f"{given!r} means something only in the attributes of a payload", "type")
        return int(number_from(given, registry))

    def attribute_kind(self) -> Any:
        """How the table reads this type, or None."""
        try:
            return self.table().kinds.get(self.number())
        except EncodeError:
            return None

    def is_basic(self) -> bool:
        """Whether the attribute is TV."""
        given, kind = self.getfieldval("basic"), self.attribute_kind()
        if given is not None:
            return bool(given)
        return isinstance(self.getfieldval("value"), int) if kind is None else bool(kind.basic)

    def value_registry(self) -> Any:
        """The registry that names the value, or None."""
        kind = self.attribute_kind()
        return kind.content if kind is not None and is_registry(kind.content) else None

    def basic_octets(self) -> bytes:
        """The value in two octets."""
        value = number_from(self.getfieldval("value"), self.value_registry())
        if isinstance(value, bytes) and len(value) == 2:
            return value
        if not isinstance(value, int) or not 0 <= value <= 0xFFFF:
            raise EncodeError(f"{value!r}: an attribute as TV holds a number up to 65535", "value")
        return value.to_bytes(2, "big")

    def value_octets(self) -> bytes:
        """The value in as many octets as it takes."""
        value, kind = self.getfieldval("value"), self.attribute_kind()
        content = None if kind is None else kind.content
        if isinstance(value, Packet):
            return packet_octets(self, value)
        if isinstance(value, str) and (content == INTEGER or is_registry(content)):
            value = number_from(value, self.value_registry())
        if isinstance(value, int) and (not isinstance(content, ValueType) or content.type is bytes):
            return self.integer_octets(value)
        return value_from(content if isinstance(content, ValueType) else None, value)

    def integer_octets(self, value: int) -> bytes:
        """An integer in the octets that `length` says, if it fits there."""
        if value < 0:
            raise EncodeError(f"{value} is less than zero", "value")
        said = self.getfieldval("length")
        fits = isinstance(said, int) and value < 1 << 8 * said
        return value.to_bytes(said if fits else usual_length(value), "big")


CLASSES[payloads.Attribute] = Attribute
