"""What all packet classes here have in common, and how one is made from a definition.

A packet is always built from its fields, never from the octets that it came from: whatever is changed,
however deep, is in ``bytes(packet)``, and what is not changed comes out as it came in.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from scapy.base_classes import Packet_metaclass
from scapy.config import conf
from scapy.fields import ConditionalField
from scapy.packet import Packet

from gsakmp import payloads
from gsakmp.doi import GDOI, STANDARD
from gsakmp.errors import ConfigurationError, DecodeError, EncodeError, TrailingOctets, Truncated
from gsakmp.layers.fields import (
    GENERIC_HEADER_OCTETS,
    KindField,
    NumberField,
    kind_of,
)
from gsakmp.layers.lists import AttributesField, wire_field
from gsakmp.registries import PayloadType
from gsakmp.wire import Rules, Variants
from gsakmp.wire import members as m
from gsakmp.wire.rules import UNTYPED

__all__ = ["ElementLayer", "Layer", "LayerMeta", "PayloadLayer", "packet_class"]

DEFAULT_RULES: Final = GDOI.rules(0, STANDARD)
"""For a packet that stands in no message. GDOI's tables hold what those of ISAKMP and IPsec do."""

CLASSES: Final[dict[Any, Any]] = {}
"""The packet classes by the element class that each is made from."""

PACKETS: Final = "gsakmp.layers.packets"
"""Where the classes are to be found, by pickle and by scapy's ``explore``."""


class LayerMeta(Packet_metaclass):
    """Makes a packet of octets that it can't be made of a Raw one, as scapy does within a stack."""

    def __call__(cls, *args: Any, **named: Any) -> Any:
        """The packet; as ever in scapy, octets are the first argument and fields are named."""
        octets = args[0] if args else named.get("_pkt")
        if not octets or named.get("_internal") or conf.debug_dissector:
            return super().__call__(*args, **named)
        try:
            return super().__call__(*args, **named)
        except Exception:  # whatever a dissector raises
            return conf.raw_layer(bytes(octets))


class Layer(Packet, metaclass=LayerMeta):
    """A packet made from an element class of the library, `element`."""

    element: ClassVar[Any] = None
    whole: ClassVar[tuple[int, int] | None] = None
    """Place and octets of the field that counts the octets of the whole element."""

    # -- for the fields ------------------------------------------------------------------------------

    def own_rules(self) -> Rules | None:
        """The rules that this packet lays down; only a header does."""
        return None

    def rules(self) -> Rules:
        """The rules in force: those of the message that this packet is in."""
        above: Any = self
        while isinstance(above, Layer):
            found = above.own_rules()
            if found is not None:
                return found
            above = above.underlayer if above.parent is None else above.parent
        return DEFAULT_RULES

    def known(self, name: str) -> Any:
        """The value of a field, worked out where it is None."""
        field, value = self.getfield_and_val(name)
        return field.computed(self) if value is None and isinstance(field, NumberField) else value

    @staticmethod
    def layer_class(element: Any) -> Any:
        """The packet class of an element class."""
        return packet_class(element)

    def child(self, cls: Any, octets: bytes) -> Any:
        """The packet that all of `octets` are, of the element class `cls`, in this one."""
        return exactly(packet_class(cls)(_internal=1, _parent=self), octets)

    def payload_child(self, table: Any, kind: int, octets: bytes) -> Any:
        """The payload that all of `octets` are, its header included, in a chain within this one."""
        item = self.child(payload_element(table, kind, octets), octets)
        if "kind" in item.fieldtype:
            item.fields["kind"] = kind
        return item

    def attribute(self, octets: bytes) -> Any:
        """The data attribute that all of `octets` are."""
        return self.child(payloads.Attribute, octets)

    def attribute_table(self) -> Any:
        """The table by which the attributes in this packet are read."""
        fields = (field for field in self.fields_desc if isinstance(field, AttributesField))
        return next((field.table(self) for field in fields), UNTYPED)

    # -- for scapy -----------------------------------------------------------------------------------

    def do_dissect(self, s: bytes) -> bytes:
        """Fill the fields from `s`; what is left over."""
        for field in self.fields_desc:
            s, value = field.getfield(self, s)
            if value is not None or not isinstance(field, ConditionalField):
                self.fields[field.name] = value
        self.explicit = 1
        return s

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Put in the number of octets of the whole, where nobody gave it."""
        if self.whole is not None:
            place, size = self.whole
            name = next(member.name for member in m.members_of(self.element) if member.computed is m.WHOLE)
            if self.getfieldval(name) is None:
                pkt = with_number(pkt, place, size, len(pkt))
        return pkt + pay

    def copy(self) -> Any:
        """A deep copy, whose packets know that they stand in it."""
        clone = super().copy()
        for field in clone.packetfields:
            held = clone.getfieldval(field.name)
            for item in held if isinstance(held, list) else [held]:
                if isinstance(item, Packet):
                    item.add_parent(clone)
        return clone


class ElementLayer(Layer):
    """An element that stands in a field of another packet."""


class PayloadLayer(Layer):
    """A payload: after the header with ``/``, or in a list of payloads.

    `next_payload` and `length`, left None, follow from what comes after and from the octets.
    """

    def do_dissect(self, s: bytes) -> bytes:
        """Fill the fields from as much of `s` as the payload says it has; what follows it."""
        size = int.from_bytes(s[2:GENERIC_HEADER_OCTETS], "big")
        if not GENERIC_HEADER_OCTETS <= size <= len(s):
            raise Truncated(f"{size} octets said, {len(s)} there", "length")
        if super().do_dissect(s[:size]):
            raise TrailingOctets("octets left over in the payload")
        return s[size:]

    def guess_payload_class(self, payload: bytes) -> Any:
        """The class that `next_payload` announces."""
        return announced_class(self, payload)

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Put in what links the payload to the next."""
        if self.getfieldval("length") is None:
            pkt = with_number(pkt, 2, 2, len(pkt))
        if self.getfieldval("next_payload") is None:
            pkt = with_number(pkt, 0, 1, kind_of(self.payload))
        return super().post_build(pkt, pay)


def exactly(item: Layer, octets: bytes) -> Layer:
    """`item`, filled from all of `octets`."""
    if item.do_dissect(octets):
        raise TrailingOctets(f"octets left over in {item.name}")
    return item


def with_number(octets: bytes, place: int, size: int, number: int) -> bytes:
    """`octets` with a number of `size` octets at `place`. Raises `EncodeError` where it does not fit."""
    if number >> 8 * size:
        raise EncodeError(f"{number} does not fit in {size} octets")
    return octets[:place] + number.to_bytes(size, "big") + octets[place + size :]


def payload_element(table: Any, kind: int, octets: bytes) -> Any:
    """The class of the library for a payload of that type; `octets` start with its header."""
    entry = table.entries.get(kind)
    if isinstance(entry, Variants):
        end = min(len(octets), int.from_bytes(octets[2:GENERIC_HEADER_OCTETS], "big"))
        return entry.of(octets, GENERIC_HEADER_OCTETS, end)
    return payloads.UnknownPayload if entry is None else entry


def announced_class(packet: Any, octets: bytes) -> Any:
    """The packet class for what follows `packet`, whose `next_payload` says what it is."""
    kind = packet.getfieldval("next_payload")
    if not kind:
        return conf.raw_layer
    try:
        return packet_class(payload_element(packet.rules().chain_table("payloads"), kind, octets))
    except DecodeError:
        return conf.raw_layer


# -- from a definition to its class ------------------------------------------------------------------


def number_member(name: str, octets: int, registry: Any = None) -> m.Member:
    return m.Member(name, m.IntegerForm(octets, " BH"[octets], registry))


def generic_header() -> list[Any]:
    """The fields of the generic payload header (RFC 2408, 3.2)."""
    return [
        NumberField(number_member("next_payload", 1, PayloadType), None),
        NumberField(number_member("reserved", 1)),
        NumberField(number_member("length", 2), None),
    ]


def place_of_whole(cls: Any) -> tuple[int, int] | None:
    place = 0
    for member in m.members_of(cls):
        if member.computed is m.WHOLE:
            return place, member.octets or 0
        place += member.octets or 0
    return None


def packet_class(cls: Any) -> Any:
    """The scapy Packet class of an element class of the library, or of one of your own.

    Raises `ConfigurationError` for a field whose name means something else to scapy.
    """
    if cls not in CLASSES:
        CLASSES[cls] = made(cls)
    return CLASSES[cls]


def made(cls: Any) -> Any:
    is_payload = issubclass(cls, payloads.Payload)
    base = PayloadLayer if is_payload else ElementLayer
    fields = generic_header() if is_payload else []
    namespace: dict[str, Any] = {}
    if len(getattr(cls, "kinds", ())) > 1:
        fields.append(KindField(int(cls.kinds[0])))
    elif is_payload:
        namespace["kind"] = int(cls.kinds[0])
    fields += [wire_field(member) for member in m.members_of(cls)]
    for field in fields:
        if hasattr(Layer, field.name):
            raise ConfigurationError(f"{cls.__name__}.{field.name}: the name means something else to scapy")
    namespace |= {
        "__module__": PACKETS,
        "__doc__": f"{cls.layout.title} ({cls.layout.spec}). {cls.__doc__ or ''}",
        "name": cls.layout.title,
        "fields_desc": fields,
        "element": cls,
        "whole": place_of_whole(cls),
    }
    return LayerMeta(cls.__name__, (base,), namespace)
