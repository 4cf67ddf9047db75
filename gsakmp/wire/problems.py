"""What a lenient parse kept although it contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gsakmp.wire import members as m
from gsakmp.wire.attributes import Attribute
from gsakmp.wire.element import Element, Payload, UnknownPayload, Unlinked
from gsakmp.wire.vocabulary import AUTO

__all__ = ["problems"]


def problems(element: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path and problem of each contradiction in `element`, outermost first."""
    if isinstance(element, Payload):
        yield from payload_problems(element, path)
    for member in m.members_of(type(element)):
        value, place = getattr(element, member.name), f"{path}.{member.name}"
        if member.checked and value is not AUTO:
            yield place, f"says {value}, which the octets contradict"
        for index, item in enumerate(value if isinstance(value, tuple) else ()):
            content = item.value if isinstance(item, Attribute) else item
            if isinstance(content, Element):
                yield from problems(content, f"{place}[{index}]")
        if isinstance(value, Element):
            yield from problems(value, place)


def payload_problems(payload: Payload, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(payload, UnknownPayload) and payload.problem:
        yield path, payload.problem
    if isinstance(payload, Unlinked):
        yield path, f"{len(payload.octets)} octets that no payload announces"
    if payload.length is not AUTO:
        yield f"{path}.length", f"says {payload.length}, which the octets contradict"
    if payload.next_payload is not AUTO:
        yield f"{path}.next_payload", f"says {payload.next_payload}, which does not follow"
