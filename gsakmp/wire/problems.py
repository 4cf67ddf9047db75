"""What a lenient parse kept although it contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gsakmp.wire import members as m
from gsakmp.wire.attributes import Attribute
from gsakmp.wire.element import Element, Payload, UnknownPayload, Unlinked
from gsakmp.wire.rules import Rules
from gsakmp.wire.values import ValueType
from gsakmp.wire.vocabulary import AUTO

__all__ = ["problems"]


def problems(element: Any, path: str, rules: Rules) -> Iterator[tuple[str, str]]:
    """Path and problem of each contradiction in `element`, outermost first."""
    if isinstance(element, Payload):
        yield from payload_problems(element, path, rules)
    for member in m.members_of(type(element)):
        value, place = getattr(element, member.name), f"{path}.{member.name}"
        if member.checked and value is not AUTO:
            yield place, f"says {value}, which the octets contradict"
        if isinstance(member.form, m.AttributesForm):
            yield from attribute_problems(element, member.form, value, place, rules)
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                if isinstance(item, Element):
                    yield from problems(item, f"{place}[{index}]", rules)
        elif isinstance(value, Element):
            yield from problems(value, place, rules)
        elif isinstance(member.form, m.ChoiceForm) and isinstance(value, bytes):
            key = int(getattr(element, str(member.form.key)))
            yield from unreadable(rules.choice_entry(member.form.table, key), value, place)


def attribute_problems(
    element: Any, form: m.AttributesForm, attributes: tuple[Attribute, ...], path: str, rules: Rules
) -> Iterator[tuple[str, str]]:
    table = rules.attribute_table(
        form.table, None if form.key is None else int(getattr(element, str(form.key)))
    )
    for index, attribute in enumerate(attributes):
        kind, place = table.kinds.get(int(attribute.type)), f"{path}[{index}].value"
        if isinstance(attribute.value, Element):
            yield from problems(attribute.value, place, rules)
        elif isinstance(attribute.value, bytes) and kind is not None:
            yield from unreadable(kind.content, attribute.value, place)


def unreadable(content: Any, octets: bytes, path: str) -> Iterator[tuple[str, str]]:
    """The problem with octets that stand where a table has something better, if they are none such."""
    if isinstance(content, ValueType):
        try:
            content.decode(octets)
        except ValueError as exc:
            yield path, str(exc)
    elif isinstance(content, type) and issubclass(content, Element):
        yield path, f"{len(octets)} octets that are no {content.layout.title}"


def payload_problems(payload: Payload, path: str, rules: Rules) -> Iterator[tuple[str, str]]:
    if isinstance(payload, UnknownPayload) and payload.problem:
        yield path, payload.problem
    if isinstance(payload, Unlinked):
        yield path, f"{len(payload.octets)} octets that no payload announces"
    if payload.length is not AUTO:
        yield f"{path}.length", f"says {payload.length}, which the octets contradict"
    if payload.next_payload is not AUTO and payload.kind not in rules.tables.last:
        yield f"{path}.next_payload", f"says {payload.next_payload}, which does not follow"
