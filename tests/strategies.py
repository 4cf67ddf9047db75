"""Hypothesis strategies made from the definitions: no payload has one of its own.

`elements` makes valid objects of an element class, `attributes` those of a table, `chains` linked payloads
of a table and `messages` whole messages. Objects are in the form that a parse gives: what would be computed
is `AUTO`, a private or unassigned number is itself, an unknown type keeps its octets.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

from construct import Container
from hypothesis import strategies as st

from gsakmp.doi import DIALECTS, DOI, GDOI, IPSEC, ISAKMP, STANDARD, Dialect
from gsakmp.message import Message
from gsakmp.payloads import SensitivityLabel
from gsakmp.registries import HeaderFlag
from gsakmp.wire import (
    INTEGER,
    AddressRange,
    Attribute,
    AttributeTable,
    Payload,
    Rules,
    Subnet,
    UnknownPayload,
    Variants,
    members_of,
)
from gsakmp.wire import members as m
from gsakmp.wire import values as v

__all__ = ["attributes", "chains", "elements", "messages", "payloads", "rules_in_force"]

SHORT = 24
"""Octets of a field that could be longer."""

ADDRESS4 = st.integers(0, 2**32 - 1).map(IPv4Address)
ADDRESS6 = st.integers(0, 2**128 - 1).map(IPv6Address)
TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=SHORT)
NO_TEXT = st.binary(max_size=SHORT).filter(lambda o: not o or any(c < 0x20 or c > 0x7E for c in o))

VALUES: dict[str, Any] = {
    v.IPV4_ADDRESS.name: ADDRESS4,
    v.IPV6_ADDRESS.name: ADDRESS6,
    v.IPV4_SUBNET.name: st.builds(Subnet, ADDRESS4, ADDRESS4),
    v.IPV6_SUBNET.name: st.builds(Subnet, ADDRESS6, ADDRESS6),
    v.IPV4_RANGE.name: st.builds(AddressRange, ADDRESS4, ADDRESS4),
    v.IPV6_RANGE.name: st.builds(AddressRange, ADDRESS6, ADDRESS6),
    v.TEXT.name: TEXT | NO_TEXT,
    v.OCTETS.name: st.binary(max_size=SHORT),
    v.NOTHING.name: st.just(b""),
    v.INTEGER32.name: st.integers(0, 2**32 - 1),
}


def values_of(value_type: Any) -> st.SearchStrategy[Any]:
    """Values of a `ValueType` as a parse gives them; octets where it allows some instead."""
    found: st.SearchStrategy[Any] = VALUES[value_type.name]
    if value_type.size is None:
        found |= st.sampled_from([b"", bytes(3)]).filter(lambda octets: decodes(value_type, octets))
    return found.map(lambda value: value_type.decode(value_type.octets_of(value)))


def decodes(value_type: Any, octets: bytes) -> bool:
    try:
        value_type.decode(octets)
    except ValueError:
        return False
    return True


def numbers(bits: int, registry: Any = None) -> st.SearchStrategy[int]:
    """Numbers of a field: those with a name, the ends of the range, anything."""
    anything: st.SearchStrategy[int] = st.integers(0, (1 << bits) - 1)
    if registry is None:
        return anything
    named = st.sampled_from([int(member) for member in registry])
    return named | anything


# -- elements ----------------------------------------------------------------------------------------


@st.composite
def elements(draw: Any, cls: Any, rules: Rules, fixed: dict[str, Any] | None = None, depth: int = 3) -> Any:
    """A valid object of `cls`; `fixed` gives some of its fields."""
    given = {**own_fields(draw, cls), **(fixed or {})}
    values: dict[str, Any] = dict(given)
    for member in members_of(cls):
        if member.name not in given:
            values[member.name] = draw(field(cls, member, values, rules, depth))
    if issubclass(cls, Payload):
        values.setdefault("reserved", draw(st.just(0) | numbers(8)))
        if len(cls.kinds) > 1:
            values.setdefault("kind", cls.kinds[0])
    return cls(**values)


def own_fields(draw: Any, cls: Any) -> dict[str, Any]:
    """What no rule of a layout says: a label's level and categories are padded to 4 octets, and the lengths
    before them count what is used of the last 4."""
    if cls is not SensitivityLabel:
        return {}
    level, categories = (draw(st.binary(max_size=3).map(lambda o: o * 4)) for _ in "lc")
    unused = draw(st.integers(0, 3)) if level else 0
    bits = draw(st.integers(0, 31)) if categories else 0
    return {
        "level": level,
        "level_length": len(level) - unused if unused else None,
        "categories": categories,
        "category_length": 8 * len(categories) - bits if bits else None,
    }


def field(
    cls: Any, member: m.Member, values: dict[str, Any], rules: Rules, depth: int
) -> st.SearchStrategy[Any]:
    """Values for one field, the fields before it being `values`."""
    if member.condition is not None and not holds(cls, member.name, values):
        return st.none()
    if member.computed is not None or member.size_of is not None:
        return st.none()
    number = lambda key: int(values[str(key)])  # noqa: E731 - a closure over the values, used in one place
    match member.form:
        case m.IntegerForm(octets=octets, registry=registry):
            return numbers(8 * octets, registry)
        case m.BitsForm(width=width):
            return numbers(width)
        case m.OctetsForm(size=int(octets)):
            return st.binary(min_size=octets, max_size=octets)
        case m.OctetsForm():
            return st.binary(max_size=SHORT)
        case m.ReservedForm(size=size):
            octets = size if isinstance(size, int) else int(getattr(rules.dialect, size.name))
            return st.none() | st.binary(min_size=octets, max_size=octets).filter(any)
        case m.ChoiceForm(table=table, key=key):
            return content(rules.choice_entry(table, number(key)), rules, depth)
        case m.InlineForm(of=of):
            return elements(of, rules, depth=depth)
        case m.ArrayForm():
            return st.integers(0, 8).flatmap(lambda n: st.lists(st.binary(min_size=n, max_size=n), max_size=3)).map(tuple)  # fmt: skip
        case m.ElementsForm(of=of):
            return st.lists(elements(of, rules, depth=depth), max_size=2).map(tuple)
        case m.SharesForm(of=of):
            return equal_shares(of, rules, depth)
        case m.AttributesForm(table=table, key=key):
            found = rules.attribute_table(table, None if key is None else number(key))
            return st.lists(attributes(found, rules, depth), max_size=3).map(tuple)
        case m.ChainForm(first=first, table=table, key=key):
            start = first if isinstance(first, int) else None
            return chains(table, rules, None if key is None else number(key), start, depth)
    raise AssertionError(f"no strategy for {member.form}")


def holds(cls: Any, name: str, values: dict[str, Any]) -> bool:
    """Whether a conditional field is there, by construct's own reckoning."""
    con = next(sub for sub in cls.layout.subcons if sub.name == name)
    while not hasattr(con, "condfunc"):
        con = con.subcon
    return bool(con.condfunc(Container(values)))


def content(entry: Any, rules: Rules, depth: int) -> st.SearchStrategy[Any]:
    if entry is None:
        return st.binary(max_size=SHORT)
    return values_of(entry) if isinstance(entry, v.ValueType) else elements(entry, rules, depth=depth)


@st.composite
def equal_shares(draw: Any, of: Any, rules: Rules, depth: int) -> Any:
    """Elements of one size: the field that takes what is left is as long in all of them."""
    greedy = next(member.name for member in members_of(of) if member.form == m.OctetsForm(None))
    octets = draw(st.integers(0, SHORT))
    data = st.binary(min_size=octets, max_size=octets)
    count = draw(st.integers(0, 3))
    return tuple(draw(elements(of, rules, {greedy: draw(data)}, depth)) for _ in range(count))


# -- attributes --------------------------------------------------------------------------------------


@st.composite
def attributes(draw: Any, table: AttributeTable, rules: Rules, depth: int = 3) -> Any:
    """An attribute of the table's, or of a type that it lacks."""
    known = st.sampled_from(sorted(table.kinds)) if table.kinds else st.nothing()
    number = draw(known | numbers(15))
    kind = table.kinds.get(number)
    tv = (
        draw(st.booleans())
        if kind is None
        else draw(st.sampled_from([kind.basic, kind.basic, not kind.basic]))
    )
    value, length = draw(tv_value(kind) if tv else tlv_value(kind, rules, depth))
    usual = isinstance(value, int) if kind is None else kind.basic
    form = None if tv == usual and (kind is not None or not tv) else tv
    return Attribute(table.registry(number), value, form, length)


def tv_value(kind: Any) -> st.SearchStrategy[Any]:
    registry = kind.content if kind is not None and is_registry(kind.content) else None
    return st.tuples(numbers(16, registry), st.none())


def tlv_value(kind: Any, rules: Rules, depth: int) -> st.SearchStrategy[Any]:
    if kind is None:
        return st.tuples(st.binary(max_size=SHORT), st.none())
    if kind.content is not INTEGER and not is_registry(kind.content):
        return st.tuples(content(kind.content, rules, depth - 1), st.none())
    return st.binary(max_size=12).map(with_length)


def with_length(octets: bytes) -> tuple[int, int | None]:
    """The integer in these octets, and their number unless it is what anybody would send."""
    value = int.from_bytes(octets, "big")
    return value, None if len(octets) == max(4, (value.bit_length() + 7) // 8) else len(octets)


def is_registry(content: Any) -> bool:
    return isinstance(content, type) and issubclass(content, int)


# -- chains and messages -----------------------------------------------------------------------------


@st.composite
def payloads(draw: Any, table: str, rules: Rules, key: int | None = None, kind: int | None = None,
             depth: int = 3) -> Any:  # fmt: skip
    """A payload of the chain `table`, of type `kind` if given, else of any type, known or not."""
    entries = rules.chain_table(table, key).entries
    if kind is None:
        kind = draw(st.sampled_from(sorted(entries)) if entries and draw(st.integers(0, 9)) else numbers(8))
    entry = entries.get(kind)
    if entry is None:
        return UnknownPayload(kind or 255, draw(st.binary(max_size=SHORT)), reserved=draw(numbers(8)))
    fixed: dict[str, Any] = {}
    if isinstance(entry, Variants):
        doi = draw(st.sampled_from([*entry.cases, 0, 3, 2**32 - 1]))
        entry, fixed = entry.cases.get(doi, entry.other), {"doi": doi}
    if len(entry.kinds) > 1:
        fixed["kind"] = kind
    return draw(elements(entry, rules, fixed, depth - 1))


@st.composite
def chains(draw: Any, table: str, rules: Rules, key: int | None = None, first: int | None = None,
           depth: int = 3, most: int = 3) -> Any:  # fmt: skip
    """Payloads linked to one another; `first` is the type that the first one must have."""
    count = draw(st.integers(0, most if depth > 0 else 1))
    out = []
    for index in range(count):
        kind = first if index == 0 or draw(st.integers(0, 4)) else None
        payload = draw(payloads(table, rules, key, kind, depth))
        if payload.kind:
            out.append(payload)
    return tuple(out)


@st.composite
def rules_in_force(draw: Any) -> tuple[DOI, int, Dialect]:
    """A domain of interpretation, an exchange and a dialect."""
    doi = draw(st.sampled_from([GDOI, GDOI, IPSEC, ISAKMP]))
    exchange = draw(st.sampled_from([2, 4, 5, 32, 33, 34, 35]) | numbers(8))
    dialect = (
        draw(st.sampled_from(sorted(DIALECTS.values(), key=lambda d: d.name))) if doi is GDOI else STANDARD
    )
    return doi, exchange, dialect


@st.composite
def messages(draw: Any, within: tuple[DOI, int, Dialect] | None = None) -> Message:
    """A message with payloads, or an encrypted one."""
    doi, exchange, dialect = within or draw(rules_in_force())
    rules = doi.rules(exchange, dialect)
    flags = draw(numbers(8))
    encrypted = bool(flags & HeaderFlag.ENCRYPTION)
    return Message(
        initiator_cookie=draw(st.binary(min_size=8, max_size=8)),
        responder_cookie=draw(st.binary(min_size=8, max_size=8)),
        exchange_type=doi.exchange(exchange),
        flags=flags,
        message_id=draw(numbers(32)),
        payloads=() if encrypted else draw(chains("payloads", rules)),
        minor_version=draw(numbers(4)),
        next_payload=draw(numbers(8)) if encrypted else None,
        ciphertext=draw(st.binary(max_size=SHORT)) if encrypted else b"",
        doi=doi,
        dialect=dialect,
    )
