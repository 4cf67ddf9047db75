"""Scapy fields for packets in packets (lists, chains, a single one), and the field of any member."""

from __future__ import annotations

from typing import Any

from scapy.fields import BitField, ConditionalField, Field, PacketListField
from scapy.packet import Packet

from gsakmp import limits
from gsakmp.errors import ConfigurationError, DecodeError, LimitExceeded
from gsakmp.layers.fields import (
    GENERIC_HEADER_OCTETS,
    NumberField,
    OctetsField,
    ReservedField,
    ValueField,
    evaluate,
    kind_of,
    octets_from,
    packet_octets,
    taken,
)
from gsakmp.wire import members as m

__all__ = ["wire_field"]


class InlineField(Field[Any, bytes]):
    """An element in its parent's octets, which says itself where it ends."""

    __slots__ = ["of"]
    holds_packets = 1

    def __init__(self, member: m.Member) -> None:
        assert isinstance(member.form, m.InlineForm)
        self.of = member.form.of
        super().__init__(member.name, None)

    def any2i(self, pkt: Any, x: Any) -> Any:
        if isinstance(x, Packet) and pkt is not None:
            x.add_parent(pkt)
        return x

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s + packet_octets(pkt, pkt.layer_class(self.of)() if val is None else val)

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        item = pkt.layer_class(self.of)(_internal=1, _parent=pkt)
        return item.do_dissect(s), item


class ArrayField(Field[Any, bytes]):
    """Octet strings of one size (the SPIs of a Delete)."""

    __slots__ = ["form"]
    islist = 1

    def __init__(self, member: m.Member) -> None:
        assert isinstance(member.form, m.ArrayForm)
        self.form = member.form
        super().__init__(member.name, [])

    def any2i(self, pkt: Any, x: Any) -> Any:
        return [octets_from(item) for item in (x if isinstance(x, list | tuple) else [x])]

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s + b"".join(octets_from(item) for item in val)

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        count, size = int(evaluate(self.form.count, pkt)), int(evaluate(self.form.size, pkt))
        if count > limits.ELEMENTS_PER_PAYLOAD:
            raise LimitExceeded(f"{count} octet strings", self.name)
        octets, rest = taken(s, count * size, self.name)
        return rest, [octets[i * size : (i + 1) * size] for i in range(count)]

    def i2repr(self, pkt: Any, x: Any) -> str:
        return f"[{', '.join(item.hex() for item in x)}]" if isinstance(x, list) else repr(x)

    def randval(self) -> Any:
        return None


class ListField(PacketListField):
    """Packets in a packet; a subclass says how their octets are told apart."""

    __slots__ = ["form"]
    bound = "ELEMENTS_PER_PAYLOAD"

    def __init__(self, member: m.Member) -> None:
        self.form: Any = member.form
        super().__init__(member.name, [], None)

    def any2i(self, pkt: Any, x: Any) -> Any:
        return super().any2i(pkt, list(x) if isinstance(x, tuple) else x)

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s + b"".join(packet_octets(pkt, item) for item in val)

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        items: list[Any] = []
        while s:
            s = s[self.item(pkt, s, items) :]
            if len(items) > getattr(limits, self.bound):
                raise LimitExceeded(f"more than limits.{self.bound}", self.name)
        return s, items

    def item(self, pkt: Any, octets: bytes, items: list[Any]) -> int:
        """Append the packet at the start of `octets`; how many of them it takes."""
        raise NotImplementedError


class SequenceField(ListField):
    """Elements that give their own length."""

    def item(self, pkt: Any, octets: bytes, items: list[Any]) -> int:
        place, size = pkt.layer_class(self.form.of).whole
        length = int.from_bytes(octets[place : place + size], "big")
        if length < place + size:
            raise DecodeError(f"says {length}, at least {place + size}", self.name)
        items.append(pkt.child(self.form.of, taken(octets, length, self.name)[0]))
        return length


class SharesField(ListField):
    """Elements that share the rest equally, as many as another field says."""

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        count = int(evaluate(self.form.count, pkt))
        if count > limits.ELEMENTS_PER_PAYLOAD:
            raise LimitExceeded(f"{count} elements", self.name)
        if not count:
            return s, []
        share, odd = divmod(len(s), count)
        if odd:
            raise DecodeError(f"{len(s)} octets are no equal shares for {count}", self.name)
        pieces = (s[i * share : (i + 1) * share] for i in range(count))
        return b"", [pkt.child(self.form.of, piece) for piece in pieces]


class AttributesField(ListField):
    """Data attributes (RFC 2408, 3.3), typed by a table of the rules in force."""

    bound = "ATTRIBUTES_PER_PAYLOAD"

    def table(self, pkt: Any) -> Any:
        """The attribute table that holds in this packet."""
        key = None if self.form.key is None else pkt.known(str(self.form.key))
        return pkt.rules().attribute_table(self.form.table, key)

    def item(self, pkt: Any, octets: bytes, items: list[Any]) -> int:
        head = int.from_bytes(taken(octets, 4, self.name)[0], "big")
        size = 4 if head >> 31 else 4 + (head & 0xFFFF)
        items.append(pkt.attribute(taken(octets, size, self.name)[0]))
        return size


class ChainField(ListField):
    """Payloads, each of which announces the next; links left None are worked out."""

    bound = "PAYLOADS_PER_CHAIN"

    def table(self, pkt: Any) -> Any:
        key = None if self.form.key is None else pkt.known(str(self.form.key))
        return pkt.rules().chain_table(self.form.table, key)

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        kinds = [*map(kind_of, val[1:]), 0]
        for item, after in zip(val, kinds, strict=True) if val else ():
            octets = packet_octets(pkt, item)
            if getattr(item, "next_payload", 0) is None:
                octets = bytes([after]) + octets[1:]
            s += octets
        return s

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        first, table, items = self.form.first, self.table(pkt), list[Any]()
        kind = (int(first) if s else 0) if isinstance(first, int) else int(evaluate(first, pkt))
        while kind:
            size = int.from_bytes(taken(s, GENERIC_HEADER_OCTETS, self.name)[0][2:], "big")
            octets, s = taken(s, size, self.name)
            items.append(pkt.payload_child(table, kind, octets))
            if len(items) > limits.PAYLOADS_PER_CHAIN:
                raise LimitExceeded("more than limits.PAYLOADS_PER_CHAIN", self.name)
            kind = octets[0]
        return s, items


# -- from a member to its field ----------------------------------------------------------------------


def default_of(member: m.Member, missing: Any) -> Any:
    return missing if member.default is m.NO_DEFAULT else member.default


def plain_field(member: m.Member) -> Any:
    match member.form:
        case m.IntegerForm():
            return NumberField(member, default_of(member, 0))
        case m.BitsForm(width=width):
            return BitField(member.name, default_of(member, 0), width)
        case m.OctetsForm(value_type=None):
            return OctetsField(member, default_of(member, b""))
        case m.OctetsForm() | m.ChoiceForm():
            return ValueField(member, default_of(member, b""))
        case m.ReservedForm():
            return ReservedField(member)
        case m.InlineForm():
            return InlineField(member)
        case m.ArrayForm():
            return ArrayField(member)
        case m.ElementsForm():
            return SequenceField(member)
        case m.SharesForm():
            return SharesField(member)
        case m.AttributesForm():
            return AttributesField(member)
        case m.ChainForm():
            return ChainField(member)
    raise ConfigurationError(f"{member.name}: no scapy field for {member.form}")


def wire_field(member: m.Member) -> Any:
    """The scapy field of a member of a definition."""
    field, condition = plain_field(member), member.condition
    if condition is None:
        return field
    return ConditionalField(field, lambda pkt: bool(evaluate(condition, pkt)))
