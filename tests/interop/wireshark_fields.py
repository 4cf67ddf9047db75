"""What Wireshark must show of a message: the library's spans under the names that the dissector gives them.

The path of a span leads through the objects of the message; what stands there says how Wireshark calls it
(the scheme is described in `gsakmp.wireshark.names`) and what its value is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gsakmp.message import Message
from gsakmp.payloads import AddressRange, Attribute, Header, Payload, Subnet, UnknownPayload, Unlinked
from gsakmp.views import Span, message_spans
from gsakmp.wire import INTEGER, Element, Rules, ValueType, members_of
from gsakmp.wire import members as m
from gsakmp.wire.attributes import is_registry
from gsakmp.wireshark.names import attribute_name, element_name

__all__ = ["Shown", "expected"]

STEP = re.compile(r"\.?(\w+)|\[(\d+)\]")
GENERIC = ("next_payload", "reserved", "length")
SORTS = {
    "text": "text", "4-octet integer": "number", "IPv4 address": "ipv4", "IPv6 address": "ipv6",
    "IPv4 subnet": "ipv4_subnet", "IPv6 subnet": "ipv6_subnet",
    "IPv4 address range": "ipv4_range", "IPv6 address range": "ipv6_range",
}  # fmt: skip
NAMED = re.compile(r"[A-Z0-9_]+ \(\d+\)|\d+ \([a-z ]+\)")
"""The text of a number with a name, or in a range that is for something."""
OTHERWISE = ("gdoi.attribute.format",)
MESSAGE_FIELDS = ("non_esp_marker", "ciphertext", "trailing", "padding", "plaintext")


@dataclass(frozen=True)
class Shown:
    """A field: name, place in its datagram or in the plaintext, octets in hex, the value if it is more than
    octets, and of a number with a name the text. `container` has no octets to compare."""

    name: str
    at: int
    size: int
    octets: str
    value: Any = None
    container: bool = False
    text: str = ""

    def __str__(self) -> str:
        return f"{self.name} at {self.at}, {self.size} octets: {self.octets[:80]} {self.value!r}"


def expected(message: Message, octets: bytes) -> Iterator[Shown]:
    """Every span of `message`, whose datagram is `octets`; then the halves of subnets and ranges."""
    plaintext = message.plaintext() if message.ciphertext and (message.payloads or message.padding) else b""
    for span in message_spans(message):
        name, value = Walk(message).field(span)
        source = plaintext if span.plaintext else octets
        piece = source[span.at : span.at + span.size].hex()
        text = "" if span.container else span.text
        text = text if NAMED.fullmatch(text) and name not in OTHERWISE else ""
        shown = Shown(name, span.at, span.size, piece, value, span.container, text)
        yield shown
        yield from halves(shown)


def halves(shown: Shown) -> Iterator[Shown]:
    """The two parts of a subnet or a range."""
    if isinstance(shown.value, Subnet | AddressRange):
        size = shown.size // 2
        for index, part in enumerate(shown.value.__struct_fields__):
            at = shown.at + index * size
            piece = shown.octets[2 * index * size : 2 * (index + 1) * size]
            yield Shown(f"{shown.name}.{part}", at, size, piece, getattr(shown.value, part))


class Walk:
    """From a message along a path to what stands there."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.rules: Rules = message.rules
        self.holder: Any = None
        self.member: m.Member | None = None

    def field(self, span: Span) -> tuple[str, Any]:
        """Wireshark's name of a span, and its value."""
        path = span.path
        if path == "header":
            return element_name(Header), None
        if path in MESSAGE_FIELDS:
            return f"gdoi.{path}", None
        if "payloads[" not in path:
            own = "message_length" if path == "length" else path
            return f"{element_name(Header)}.{own}", self.header_value(path)
        return self.inside(path)

    def header_value(self, path: str) -> Any:
        value = getattr(self.message, path)
        return int(value) if isinstance(value, int) else None

    def inside(self, path: str) -> tuple[str, Any]:
        here: Any = self.message
        steps = list(STEP.finditer(path))
        for index, step in enumerate(steps):
            last = index == len(steps) - 1
            if step[2] is not None:
                here = here[int(step[2])]
                continue
            name = step[1]
            if isinstance(here, Attribute):
                if last:
                    return self.attribute(here, name)
                here = here.value
                continue
            if isinstance(here, Payload) and name in GENERIC and last:
                return f"gdoi.payload.{name}", None
            if isinstance(here, Element):
                self.holder = here
                self.member = next((one for one in members_of(type(here)) if one.name == name), None)
            here = getattr(here, name)
        return self.named(here)

    def named(self, value: Any) -> tuple[str, Any]:
        """The name of what the path led to."""
        if isinstance(value, Unlinked):
            return "gdoi.unlinked", None
        if isinstance(value, Attribute):
            return "gdoi.attribute", None
        if isinstance(value, Element):
            return element_name(type(value)), None
        if isinstance(self.holder, UnknownPayload):
            return "gdoi.unknown_payload.octets", None
        assert self.member is not None
        own = f"{element_name(type(self.holder))}.{self.member.name}"
        match self.member.form:
            case m.ChoiceForm(table=table, key=key):
                entry = self.rules.choice_entry(table, int(getattr(self.holder, str(key))))
                if isinstance(entry, ValueType) and not isinstance(value, bytes):
                    return f"{own}.{SORTS[entry.name]}", value
                return own, None
            case m.IntegerForm() | m.BitsForm():
                return own, None if value is None else int(value)
        return own, None

    def attribute(self, attribute: Attribute, part: str) -> tuple[str, Any]:
        """A part of an attribute."""
        if part != "value":
            return f"gdoi.attribute.{'format' if part == 'basic' else part}", None
        assert self.member is not None
        assert isinstance(self.member.form, m.AttributesForm)
        key = self.member.form.key
        number = None if key is None else int(getattr(self.holder, str(key)))
        table = self.rules.attribute_table(self.member.form.table, number)
        kind, value = table.kinds.get(int(attribute.type)), attribute.value
        tv = (
            attribute.basic
            if attribute.basic is not None
            else (kind.basic if kind else isinstance(value, int))
        )
        if kind is None:
            return ("gdoi.attribute.number", int(value)) if tv else ("gdoi.attribute.octets", None)
        own = attribute_name(type(self.holder), table, int(attribute.type))
        if kind.content is INTEGER or is_registry(kind.content):
            length = 2 if tv else attribute.length
            size = max(4, (int(value).bit_length() + 7) // 8) if length is None else length
            return (own, int(value)) if size <= 8 else (f"{own}.octets", None)
        if tv:
            return f"{own}.number", int(value)
        if isinstance(kind.content, ValueType) and kind.content.name in SORTS:
            return (f"{own}.octets", None) if isinstance(value, bytes) else (own, value)
        return own, None
