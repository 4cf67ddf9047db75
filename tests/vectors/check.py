"""One vector held against every form of its definition.

`check_message` takes the octets of a message, `check_element` those of one element or payload body. Each
compares construct, the generated code, scapy and JSON field by field, and what each builds octet for
octet; then it tries every shortening and lengthening of the vector.
"""

from __future__ import annotations

import importlib
from typing import Any

import gsakmp
from gsakmp.doi import DOI, GDOI, IKEV2, STANDARD, Dialect
from gsakmp.errors import DecodeError, GsakmpError, LengthMismatch, TrailingOctets, Truncated
from gsakmp.message import Message
from gsakmp.wire import Attribute, Element, Rules, codec
from gsakmp.wire import members as m
from gsakmp.wire.plain import element_from, element_plain
from gsakmp.wire.vocabulary import ConstructError
from tests.vectors import reference

__all__ = ["check_element", "check_message", "check_scapy"]

LONGER = (b"\0", b"\0\0\0\4", b"\xff" * 5, bytes(range(32)))
"""What is put behind a vector: zeros, something like a header, impossible numbers, more than a header."""

SHAPE = (Truncated, LengthMismatch, TrailingOctets)
"""The errors that a changed length may give: each a different one, see DESIGN.md, 3."""


# -- messages ----------------------------------------------------------------------------------------


def check_message(
    octets: bytes, *, port: int = 848, doi: DOI | None = None, dialect: Dialect = STANDARD, dois: Any = ()
) -> Message:
    """The message in `octets`, having checked all forms of it against one another."""
    message = gsakmp.parse(octets, port=port, doi=doi, dialect=dialect)
    assert message.build() == octets
    assert gsakmp.parse(octets, port=port, doi=doi, dialect=dialect, lenient=True) == message
    assert message.problems() == ()
    check_construct(message, octets)
    text = message.to_json()
    again = Message.from_json(text, dois=[message.doi, *dois], dialects=[dialect])
    assert again == message
    assert repr(again) == repr(message)  # the same registries' members, not just equal numbers
    assert again.build() == octets
    assert again.to_json() == text
    assert hash(again) == hash(message)
    check_scapy(message, octets)
    check_lengths(octets, port, doi, dialect)
    return message


def check_construct(message: Message, octets: bytes) -> None:
    """The header and the chain as construct reads and writes them."""
    at = 4 if message.non_esp_marker else 0
    rules, header = message.rules, reference.parse_header(octets[at:], message.rules)
    assert header.initiator_cookie == message.initiator_cookie
    assert header.responder_cookie == message.responder_cookie
    assert (header.major_version, header.minor_version) == (message.major_version, message.minor_version)
    assert (header.exchange_type, header.flags) == (message.exchange_type, message.flags)
    assert (header.message_id, header.message_length) == (message.message_id, len(octets) - at)
    body = octets[at + reference.HEADER_OCTETS :]
    if message.encrypted:
        assert message.ciphertext == body
        return
    chain = reference.parse_chain(int(header.next_payload), body, rules)
    assert len(chain) == len(message.payloads)
    for index, (payload, found) in enumerate(zip(message.payloads, chain, strict=True)):
        assert reference.differences(payload, found, rules, f"payloads[{index}]") == []
    assert reference.build_chain(chain, rules) == body
    assert reference.build_chain([reference.full(p, rules) for p in message.payloads], rules) == body


def check_lengths(octets: bytes, port: int, doi: DOI | None, dialect: Dialect) -> None:
    """Every shortening, as it is and with the header's length put right, and some lengthenings."""
    at = 4 if port == 4500 else 0
    encrypted = bool(octets[at + 19] & 1)
    for size in range(len(octets)):
        error = refusal(octets[:size], port, doi, dialect)
        assert isinstance(error, Truncated), f"{size} octets: {error!r}"
        if size >= at + reference.HEADER_OCTETS and not encrypted:
            sound = relength(octets[:size], at)
            error = refusal(sound, port, doi, dialect)
            assert isinstance(error, SHAPE), f"{size} octets, said so: {error!r}"
            assert 0 <= error.offset <= size
            assert construct_refuses(sound[at:], port, doi, dialect), f"construct took {size} octets"
            check_kept(sound, port, doi, dialect)
        if size >= at + reference.HEADER_OCTETS:
            check_kept(octets[:size], port, doi, dialect)
    for more in LONGER:
        error = refusal(octets + more, port, doi, dialect)
        assert isinstance(error, TrailingOctets)
        assert error.offset == len(octets)
        check_kept(octets + more, port, doi, dialect)
        if not encrypted:
            longer = relength(octets + more, at)
            error = refusal(longer, port, doi, dialect)
            assert isinstance(error, TrailingOctets)
            assert construct_refuses(longer[at:], port, doi, dialect)
            check_kept(longer, port, doi, dialect)


def relength(octets: bytes, at: int = 0) -> bytes:
    """`octets` with a header that says how many they are."""
    return octets[: at + 24] + (len(octets) - at).to_bytes(4, "big") + octets[at + 28 :]


def refusal(octets: bytes, port: int, doi: DOI | None, dialect: Dialect) -> DecodeError:
    try:
        message = gsakmp.parse(octets, port=port, doi=doi, dialect=dialect)
    except DecodeError as exc:
        return exc
    raise AssertionError(f"{octets.hex()} was taken for {message!r}")


def construct_refuses(octets: bytes, port: int, doi: DOI | None, dialect: Dialect) -> bool:
    """Whether construct takes no chain of payloads from this message (whose header is sound)."""
    lenient = gsakmp.parse(bytes(4) + octets if port == 4500 else octets, port=port, doi=doi, dialect=dialect,
                           lenient=True)  # fmt: skip
    try:
        reference.parse_chain(octets[16], octets[reference.HEADER_OCTETS :], lenient.rules)
    except ConstructError:
        return True
    return False


def check_kept(octets: bytes, port: int, doi: DOI | None, dialect: Dialect) -> None:
    """A lenient parse keeps what contradicts itself, says so, and gives the same octets back."""
    kept = gsakmp.parse(octets, port=port, doi=doi, dialect=dialect, lenient=True)
    assert kept.build() == octets
    assert kept.problems()
    again = Message.from_json(kept.to_json(), dois=[kept.doi], dialects=[dialect])
    assert again == kept


# -- elements ----------------------------------------------------------------------------------------


def check_element(cls: Any, octets: bytes, rules: Rules | None = None, *, expected: Any = None) -> Any:
    """The element of class `cls` in `octets`, having checked all forms of it; equal to `expected`, if given.

    `rules` are GDOI's outside its own exchanges where not given.
    """
    rules = GDOI.rules(0) if rules is None else rules
    made = codec(cls)
    element = made.parse(octets, 0, len(octets), rules)
    assert built(element, rules) == octets
    if expected is not None:
        assert element == expected
        assert built(expected, rules) == octets
    found = reference.parse_body(cls, octets, rules, getattr(element, "kind", 0))
    assert reference.differences(element, found, rules) == []
    assert cls.layout.build(found, rules=rules) == octets
    assert cls.layout.build(reference.full(element, rules), rules=rules) == octets
    plain = element_plain(element, rules)
    again = element_from(cls, plain, rules)
    if "kind" in cls.__struct_fields__:
        again = again.replace(kind=element.kind)
    assert again == element
    assert made.parse_lenient(octets, 0, len(octets), rules) == element
    # In the middle of a buffer, offsets and all:
    assert made.parse(b"\xaa" * 3 + octets + b"\xbb" * 5, 3, 3 + len(octets), rules) == element
    check_element_lengths(cls, octets, rules)
    return element


def built(element: Any, rules: Rules) -> bytes:
    out = bytearray()
    codec(type(element)).build(element, out, rules)
    return bytes(out)


def check_element_lengths(cls: Any, octets: bytes, rules: Rules) -> None:
    """Each other length is refused with the right error, by construct too; or, where the last field takes
    all that is left, is another element in both, that builds into the same octets."""
    for other in [octets[:size] for size in range(len(octets))] + [octets + more for more in LONGER]:
        try:
            element = codec(cls).parse(other, 0, len(other), rules)
        except GsakmpError as exc:
            assert isinstance(exc, SHAPE), f"{other.hex()}: {exc!r}"
            assert 0 <= exc.offset <= len(other)
            assert not construct_takes(cls, other, rules), f"construct took {other.hex()}, against {exc}"
            continue
        assert construct_takes(cls, other, rules), f"construct refused {other.hex()}"
        assert built(element, rules) == other
        found = reference.parse_body(cls, other, rules, getattr(element, "kind", 0))
        assert reference.differences(element, found, rules) == []


def construct_takes(cls: Any, octets: bytes, rules: Rules) -> bool:
    try:
        reference.parse_body(cls, octets, rules)
    except ConstructError:
        return False
    return True


# -- scapy -------------------------------------------------------------------------------------------


def check_scapy(message: Message, octets: bytes) -> None:
    """The message as a scapy packet: dissected with the same values, built anew, built with everything that
    can be worked out left to it, and turned back into the message."""
    layers: Any = importlib.import_module("gsakmp.layers")
    packet = layers.packet_of(message)
    assert bytes(packet) == octets
    assert layers.message_of(packet) == message
    if message.doi is IKEV2:  # that is scapy's own layer
        return
    packet.clear_cache()
    assert bytes(packet) == octets
    header = packet[layers.Header]
    assert (header.message_id, header.exchange_type) == (message.message_id, message.exchange_type)
    below = header
    for payload in message.payloads:
        below = below.payload
        assert type(below).__name__ == type(payload).__name__
        check_packet(payload, below)
    if not message.encrypted:
        assert not below.payload, f"{below.payload!r} after the last payload"
        leave_out(header)
        packet.clear_cache()
        assert bytes(packet) == octets, "what scapy works out itself is not what was there"


def check_packet(element: Any, packet: Any) -> None:
    """Each field of the packet against the element's of the same name."""
    for member in m.members_of(type(element)):
        value, found = getattr(element, member.name), packet.getfieldval(member.name)
        place = f"{type(element).__name__}.{member.name}"
        if value is None:
            continue
        if isinstance(value, Element):
            check_packet(value, found)
        elif isinstance(value, tuple):
            assert len(found) == len(value), place
            for item, other in zip(value, found, strict=True):
                if isinstance(item, Attribute):
                    assert int(other.type) == int(item.type), place
                elif isinstance(item, Element):
                    check_packet(item, other)
                else:
                    assert bytes(other) == item, place
        elif isinstance(value, bytes):
            assert bytes(found) == value, place
        elif isinstance(value, int):
            assert int(found) == value, place
        else:
            assert str(found) == str(value), place


def leave_out(packet: Any) -> None:
    """Take every computed field, link and length out of a packet and of those in it."""
    computed = {"next_payload", "length", "message_length"} | {
        member.name for member in m.members_of(packet.element) if member.checked or member.size_of is not None
    }
    for name in computed & set(packet.fields):
        packet.fields[name] = None
    for value in packet.fields.values():
        for item in value if isinstance(value, list | tuple) else [value]:
            if hasattr(item, "element"):
                leave_out(item)
    if hasattr(packet.payload, "element"):
        leave_out(packet.payload)
