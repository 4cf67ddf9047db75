"""Octets annotated with the fields that they are: which field of an element stands where, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gsakmp.wire import members as m
from gsakmp.wire.attributes import Attribute, AttributeTable
from gsakmp.wire.element import Element, Unlinked
from gsakmp.wire.generator.runtime import swapped
from gsakmp.wire.plain import attribute_plain, field_plain, key_of, number_plain
from gsakmp.wire.rules import Rules
from gsakmp.wire.vocabulary import AUTO

__all__ = ["Annotation", "annotate", "annotate_chain"]

HEADER_OCTETS: Final = 4


@dataclass(frozen=True, slots=True)
class Annotation:
    """The octets from `start` to `end` are the field `path`, which says `text` (nothing: the octets say it).

    Bit fields of one octet share its place.
    """

    start: int
    end: int
    path: str
    text: str


def annotate_chain(
    payloads: Sequence[Any], rules: Rules, *, start: int = 0, path: str = "payloads", following: int = 0
) -> Iterator[Annotation]:
    """Every field of linked payloads, generic headers included, in the order of the octets.

    `following` is the type that the last one announces. Raises `EncodeError` for what can't be built.
    """
    kinds = [*(int(payload.kind) for payload in payloads[1:]), following]
    at = start
    for index, (payload, after) in enumerate(zip(payloads, kinds, strict=True)):
        place = f"{path}[{index}]"
        if isinstance(payload, Unlinked):
            yield Annotation(at, at + len(payload.octets), place, "announced by nothing")
            at += len(payload.octets)
            continue
        body = octets_of(payload, rules)
        said = HEADER_OCTETS + len(body) if payload.length is AUTO else payload.length
        link = after if payload.next_payload is AUTO else payload.next_payload
        yield Annotation(at, at + 1, f"{place}.next_payload", str(link))
        yield Annotation(at + 1, at + 2, f"{place}.reserved", str(payload.reserved))
        yield Annotation(at + 2, at + 4, f"{place}.length", str(said))
        yield from annotate(payload, rules, start=at + HEADER_OCTETS, path=place)
        at += HEADER_OCTETS + len(body)


def annotate(element: Element, rules: Rules, *, start: int = 0, path: str = "") -> Iterator[Annotation]:
    """Every field of an element (of a payload, without its generic header), in the order of the octets.

    Raises `EncodeError` for what can't be built.
    """
    octets = octets_of(element, rules)
    prefix = f"{path}." if path else ""
    fields = m.members_of(type(element))
    sizes = [size_of(element, member, rules) for member in fields]
    unknown = len(octets) - sum(size for size in sizes if size is not None)
    at = 0
    word = ""
    for member, known in zip(fields, sizes, strict=True):
        size = unknown if known is None else known
        if isinstance(member.form, m.BitsForm):
            at -= size if member.form.word == word else 0  # another part of the word just shown
            word = member.form.word
            size = member.form.octets
        if size or known:
            piece = octets[at : at + size]
            yield from field(element, member, piece, start + at, prefix + member.name, rules)
        at += size


def octets_of(element: Element, rules: Rules) -> bytes:
    out = bytearray()
    rules.builder(type(element))(element, out, rules)
    return bytes(out)


def size_of(element: Element, member: m.Member, rules: Rules) -> int | None:
    """The octets of the field; None for the one that has what the others leave."""
    value = getattr(element, member.name)
    if member.condition is not None and value is None:
        return 0
    match member.form:
        case m.IntegerForm(octets=octets):
            return octets
        case m.BitsForm(octets=octets, shift=shift):
            return octets if shift == 0 else 0  # counted once, with the last part of the word
        case m.OctetsForm(value_type=value_type):
            return len(value) if value_type is None else len(value_type.octets_of(value))
        case m.ReservedForm(size=size):
            if value is not AUTO:
                return len(value)
            if isinstance(size, m.DialectOption):
                return rules.option(size.name)
            return size if isinstance(size, int) else None
        case m.ChoiceForm(table=table, key=key):
            return len(rules.choice_octets(table, key_of(key, element), value))
        case m.InlineForm():
            return len(octets_of(value, rules))
        case m.ArrayForm():
            return sum(map(len, value))
        case m.SequenceForm() | m.SharesForm():
            return sum(len(octets_of(item, rules)) for item in value)
        case m.AttributesForm():
            table_of = attribute_table(element, member.form, rules)
            return sum(len(attribute_octets(item, table_of, rules)) for item in value)
        case m.ChainForm():
            return sum(payload_size(item, rules) for item in value)
    return None


def payload_size(payload: Any, rules: Rules) -> int:
    if isinstance(payload, Unlinked):
        return len(payload.octets)
    return HEADER_OCTETS + len(octets_of(payload, rules))


def field(
    element: Any, member: m.Member, octets: bytes, at: int, path: str, rules: Rules
) -> Iterator[Annotation]:
    """The annotations of one field whose octets are `octets`."""
    value, end = getattr(element, member.name), at + len(octets)
    match member.form:
        case m.IntegerForm(registry=registry, flags=flags, swapped_by=switch):
            number = int.from_bytes(octets, "big")
            number = swapped(number, len(octets)) if switch and rules.option(switch) else number
            yield Annotation(at, end, path, str(number_plain(number, registry, flags=flags)))
        case m.BitsForm():
            yield Annotation(at, end, path, str(value))
        case m.OctetsForm(value_type=None) | m.ReservedForm():
            yield Annotation(at, end, path, element.readings().get(member.name, ""))
        case m.OctetsForm():
            yield Annotation(at, end, path, str(value))
        case m.ChoiceForm() | m.InlineForm() if isinstance(value, Element):
            yield from annotate(value, rules, start=at, path=path)
        case m.ChoiceForm():
            plain = field_plain(element, member, value, rules)
            text = element.readings().get(member.name, "") if isinstance(value, bytes) else str(plain)
            yield Annotation(at, end, path, text)
        case m.ArrayForm():
            yield from each(path, at, [(item, "") for item in value])
        case m.SequenceForm() | m.SharesForm():
            for index, item in enumerate(value):
                yield from annotate(item, rules, start=at, path=f"{path}[{index}]")
                at += len(octets_of(item, rules))
        case m.AttributesForm() as form:
            yield from attributes(value, attribute_table(element, form, rules), at, path, rules)
        case m.ChainForm():
            yield from annotate_chain(value, rules, start=at, path=path)


def each(path: str, at: int, items: Sequence[tuple[bytes, str]]) -> Iterator[Annotation]:
    for index, (octets, text) in enumerate(items):
        yield Annotation(at, at + len(octets), f"{path}[{index}]", text)
        at += len(octets)


def attribute_table(element: Any, form: m.AttributesForm, rules: Rules) -> AttributeTable:
    return rules.attribute_table(form.table, None if form.key is None else key_of(form.key, element))


def attribute_octets(attribute: Attribute, table: AttributeTable, rules: Rules) -> bytes:
    out = bytearray()
    table.build_into(attribute, out, rules)
    return bytes(out)


def attributes(
    items: Sequence[Attribute], table: AttributeTable, at: int, path: str, rules: Rules
) -> Iterator[Annotation]:
    """One annotation for each attribute; of one whose value has fields, one for its head and its fields."""
    for index, item in enumerate(items):
        octets, place = attribute_octets(item, table, rules), f"{path}[{index}]"
        label = table.label(int(item.type))
        if isinstance(item.value, Element):
            yield Annotation(at, at + HEADER_OCTETS, place, label)
            yield from annotate(item.value, rules, start=at + HEADER_OCTETS, path=f"{place}.value")
        elif isinstance(item.value, bytes):
            yield Annotation(at, at + len(octets), place, label)
        else:
            value = attribute_plain(item, table, rules)["value"]
            yield Annotation(at, at + len(octets), place, f"{label} = {value}")
        at += len(octets)
