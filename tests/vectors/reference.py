"""Messages by construct alone: the reference that the generated code must agree with.

Nothing here calls a generated parser or builder. The header is `Header.layout`, the chain a `Chain`, and
the rules say only which table gives which number its layout.
"""

from __future__ import annotations

from typing import Any

from construct import ConstructError, Container, Struct, Terminated

from gsakmp.payloads import Header
from gsakmp.wire import members as m
from gsakmp.wire.attributes import Attribute
from gsakmp.wire.element import Element, Payload
from gsakmp.wire.rules import Rules
from gsakmp.wire.vocabulary import Chain

__all__ = [
    "HEADER_OCTETS",
    "ConstructError",
    "build_chain",
    "differences",
    "full",
    "parse_body",
    "parse_chain",
    "parse_header",
]

HEADER_OCTETS = 28


def parse_body(cls: Any, octets: bytes, rules: Rules, kind: int = 0) -> Any:
    """All of `octets` as the layout of `cls`. Raises `ConstructError`.

    A payload's body lacks what a generic header says; `kind` and no reserved bits are put in for it.
    """
    body = Struct("body" / cls.layout, "end" / Terminated).parse(octets, rules=rules).body
    if issubclass(cls, Payload):
        body.kind, body.reserved = kind, 0
    return body


def parse_chain(first: int, octets: bytes, rules: Rules) -> Any:
    """All of `octets` as a message's payloads. Raises `ConstructError`."""
    con = Struct("payloads" / Chain(first, "payloads"), "end" / Terminated)
    if not octets and first:
        raise ConstructError("a payload is announced where none is")
    return con.parse(octets, rules=rules).payloads


def build_chain(payloads: Any, rules: Rules) -> bytes:
    """The octets of payloads given as containers (see `full`)."""
    octets: bytes = Struct("payloads" / Chain(0, "payloads")).build({"payloads": payloads}, rules=rules)
    return octets


def parse_header(octets: bytes, rules: Rules) -> Any:
    """The 28 octets of a header."""
    return Header.layout.parse(octets[:HEADER_OCTETS], rules=rules)


# -- objects as the containers that construct builds from -----------------------------------------------


def full(element: Element, rules: Rules) -> Any:
    """`element` as construct's container, with the form and length of every attribute spelled out."""
    out = Container()
    for member in m.members_of(type(element)):
        out[member.name] = full_field(element, member, rules)
    if isinstance(element, Payload):
        out["kind"], out["reserved"] = int(element.kind), element.reserved
    return out


def full_field(element: Any, member: m.Member, rules: Rules) -> Any:
    value = getattr(element, member.name)
    match member.form:
        case m.AttributesForm(table=name, key=key):
            table = rules.attribute_table(name, None if key is None else int(getattr(element, str(key))))
            return [full_attribute(item, table, rules) for item in value]
    if isinstance(value, Element):
        return full(value, rules)
    if isinstance(value, tuple):
        return [full(item, rules) if isinstance(item, Element) else item for item in value]
    return value


def full_attribute(item: Attribute, table: Any, rules: Rules) -> Any:
    kind = table.kinds.get(int(item.type))
    known = isinstance(item.value, int) if kind is None else kind.basic
    basic = known if item.basic is None else item.basic
    length = item.length
    if length is None and isinstance(item.value, int):
        length = 2 if basic else max(4, (item.value.bit_length() + 7) // 8)
    value = full(item.value, rules) if isinstance(item.value, Element) else item.value
    return Container(type=int(item.type), value=value, basic=basic, length=length)


# -- comparing ---------------------------------------------------------------------------------------


def differences(element: Any, found: Any, rules: Rules, path: str = "") -> list[str]:
    """Where an object and what construct parsed from the same octets differ; nothing where they agree."""
    if isinstance(element, Payload) and (int(element.kind), element.reserved) != (found.kind, found.reserved):
        return [f"{path}: header {element.kind}, {element.reserved}: {found.kind}, {found.reserved}"]
    out: list[str] = []
    for member in m.members_of(type(element)):
        mine, theirs = getattr(element, member.name), found[member.name]
        place = f"{path}.{member.name}"
        if mine is None and (member.computed is not None or member.size_of is not None):
            continue  # AUTO: the octets that come out of building it are compared instead
        if isinstance(member.form, m.AttributesForm):
            key = member.form.key
            number = None if key is None else int(getattr(element, str(key)))
            mine = [full_attribute(a, rules.attribute_table(member.form.table, number), rules) for a in mine]
        out += value_differences(mine, theirs, rules, place)
    return out


def value_differences(mine: Any, theirs: Any, rules: Rules, place: str) -> list[str]:
    if isinstance(mine, Element):
        return differences(mine, theirs, rules, place)
    if isinstance(mine, tuple | list):
        if len(mine) != len(theirs):
            return [f"{place}: {len(mine)} here, {len(theirs)} there"]
        pairs = enumerate(zip(mine, theirs, strict=True))
        return [d for i, (a, b) in pairs for d in value_differences(a, b, rules, f"{place}[{i}]")]
    if isinstance(mine, Container):  # an attribute with everything spelled out
        if isinstance(theirs.value, Container):
            return container_differences(mine.value, theirs.value, f"{place}.value")
        same = (mine.type, mine.value, mine.basic) == (theirs.type, theirs.value, theirs.basic)
        same = same and (mine.length is None or mine.length == theirs.length)
        return [] if same else [f"{place}: {dict(mine)} here, {dict(theirs)} there"]
    return (
        []
        if mine == theirs and isinstance(mine, bytes) == isinstance(theirs, bytes)
        else [f"{place}: {mine!r} here, {theirs!r} there"]
    )


def container_differences(mine: Any, theirs: Any, place: str) -> list[str]:
    """Of an element inside an attribute: counts that are AUTO here are numbers there."""
    out = []
    for name, value in mine.items():
        other = theirs[name]
        if value is None and isinstance(other, int):
            continue
        if isinstance(value, list):
            if len(value) != len(other):
                return [f"{place}.{name}: {len(value)} here, {len(other)} there"]
            for index, (a, b) in enumerate(zip(value, other, strict=True)):
                out += container_differences(a, b, f"{place}.{name}[{index}]")
        elif value != other:
            out.append(f"{place}.{name}: {value!r} here, {other!r} there")
    return out
