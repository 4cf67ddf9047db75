"""Elements as plain data (dicts, lists, text, numbers) and back, for JSON.

Octets are hex; a number that its registry names is that name; an integer beyond what JSON carries exactly is
hex with ``0x``. Where octets stand in a field that is otherwise something else, they are ``{"octets": hex}``.
Computed fields that agree with the rest, and reserved fields that are zero, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag
from typing import Any, Final

from gsakmp import limits
from gsakmp.errors import EncodeError
from gsakmp.wire import members as m
from gsakmp.wire.attributes import INTEGER, Attribute, AttributeTable, is_registry
from gsakmp.wire.element import Element, Payload, UnknownPayload, Unlinked, defaults_of
from gsakmp.wire.rules import Rules
from gsakmp.wire.values import ValueType
from gsakmp.wire.vocabulary import AUTO

__all__ = [
    "attribute_plain",
    "element_from",
    "element_plain",
    "number_plain",
    "payload_from",
    "payload_plain",
]

EXACT: Final = 1 << 53
"""Integers up to here survive every JSON reader."""

PAYLOAD_FIELDS: Final = ("kind", "reserved", "next_payload", "length", "octets", "problem")


def number_plain(value: int, registry: Any = None, *, flags: bool = False) -> int | str:
    """A number as its name, or as itself."""
    if registry is not None:
        if flags:
            return str(registry.to_text(value)) if value else 0
        member = registry.lookup[value]
        if member.named:
            return str(member.name)
    return int(value) if value < EXACT else hex(value)


def number_from(plain: Any, registry: Any = None) -> int:
    if isinstance(plain, int) and not isinstance(plain, bool):
        if registry is None or issubclass(registry, IntFlag):
            return plain
        try:
            member: int = registry(plain)
        except ValueError as exc:
            raise EncodeError(str(exc)[:100]) from None
        return member
    if not isinstance(plain, str):
        raise EncodeError(f"{type(plain).__name__} where a number belongs")
    if registry is not None:
        number: int = registry.from_text(plain)
        return number
    try:
        return int(plain, 16) if plain[:2] == "0x" else int(plain)
    except ValueError:
        raise EncodeError(f"a text of {len(plain)} characters is no number") from None


def octets_from(plain: Any) -> bytes:
    if isinstance(plain, Mapping) and set(plain) == {"octets"}:
        plain = plain["octets"]
    if not isinstance(plain, str):
        raise EncodeError(f"{type(plain).__name__} where octets in hex belong")
    try:
        return bytes.fromhex(plain)
    except ValueError as exc:
        raise EncodeError(f"no octets in hex: {exc}") from None


def is_octets(plain: Any) -> bool:
    return isinstance(plain, Mapping) and set(plain) == {"octets"}


# -- to plain data -----------------------------------------------------------------------------------


def element_plain(element: Element, rules: Rules) -> dict[str, Any]:
    """The wire fields of `element` by name."""
    out: dict[str, Any] = {}
    readings = element.readings()
    for member in m.members_of(type(element)):
        value = getattr(element, member.name)
        if value is AUTO and member.default is AUTO:
            continue
        if member.name.startswith("reserved") and value == 0:
            continue
        out[member.name] = field_plain(element, member, value, rules)
        if member.name in readings:
            out[f"{member.name}_text"] = readings[member.name]
    return out


def field_plain(element: Element, member: m.Member, value: Any, rules: Rules) -> Any:
    match member.form:
        case m.IntegerForm() as form:
            return number_plain(value, form.registry, flags=form.flags)
        case m.BitsForm():
            return int(value)
        case m.OctetsForm(value_type=None) | m.ReservedForm():
            return value.hex()
        case m.OctetsForm(value_type=value_type):
            return value_plain(value_type, value)
        case m.ChoiceForm(table=table, key=key):
            entry = rules.choice_entry(table, key_of(key, element))
            return content_plain(entry, value, rules)
        case m.InlineForm():
            return element_plain(value, rules)
        case m.ArrayForm():
            return [octets.hex() for octets in value]
        case m.ElementsForm() | m.SharesForm():
            return [element_plain(item, rules) for item in value]
        case m.AttributesForm(table=name, key=key):
            typed_by = rules.attribute_table(name, None if key is None else key_of(key, element))
            return [attribute_plain(item, typed_by, rules) for item in value]
        case m.ChainForm():
            return [payload_plain(item, rules) for item in value]


def key_of(key: m.Expression, element: Any) -> int:
    """The number in another field by which a table is used."""
    return int(getattr(element, str(key)) if not isinstance(element, Mapping) else element[str(key)])


def content_plain(entry: Any, value: Any, rules: Rules) -> Any:
    if isinstance(value, Element):
        return element_plain(value, rules)
    if isinstance(entry, ValueType):
        return value_plain(entry, value)
    return value.hex() if entry is None else {"octets": value.hex()}


def value_plain(value_type: ValueType, value: Any) -> Any:
    if value_type.type is not bytes and isinstance(value, bytes):
        return {"octets": value.hex()}
    return value_type.to_text(value)


def attribute_plain(attribute: Attribute, table: AttributeTable, rules: Rules) -> dict[str, Any]:
    """``{"type": ..., "value": ...}``, with form and length where they are not the table's own."""
    number, value = int(attribute.type), attribute.value
    kind = table.kinds.get(number)
    out: dict[str, Any] = {"type": number_plain(number, registry_of(table))}
    if isinstance(value, Element):
        out["value"] = element_plain(value, rules)
    elif isinstance(value, int) and (
        attribute.basic or kind is None or not isinstance(kind.content, ValueType)
    ):
        named = kind is not None and is_registry(kind.content) and value <= 0xFFFF
        out["value"] = number_plain(value, kind.content if kind is not None and named else None)
    elif kind is None:
        out["value"] = value.hex()
    elif isinstance(kind.content, ValueType):
        out["value"] = value_plain(kind.content, value)
    else:
        out["value"] = {"octets": value.hex()}
    if attribute.basic is not AUTO:
        out["basic"] = attribute.basic
    if attribute.length is not AUTO:
        out["length"] = attribute.length
    return out


def registry_of(table: AttributeTable) -> Any:
    return table.registry if hasattr(table.registry, "lookup") else None


def payload_plain(payload: Payload, rules: Rules) -> dict[str, Any]:
    """``{"payload": class name, ...}`` with the fields."""
    cls = type(payload)
    out: dict[str, Any] = {"payload": cls.__name__}
    defaults = defaults_of(cls)
    for name in cls.__struct_fields__:
        if name not in PAYLOAD_FIELDS:
            continue
        value = getattr(payload, name)
        if name in defaults and value == defaults[name]:
            continue
        hexed = isinstance(value, bytes)
        out[name] = value.hex() if hexed else value if isinstance(value, str) else int(value)
    out.update(element_plain(payload, rules))
    return out


# -- from plain data ---------------------------------------------------------------------------------


def element_from(cls: Any, plain: Any, rules: Rules) -> Any:
    """The element of class `cls` that `element_plain` gave. Raises `EncodeError`, with a path."""
    if not isinstance(plain, Mapping):
        raise EncodeError(f"{type(plain).__name__} where the fields of {cls.__name__} belong")
    if rules.inner is None:
        raise EncodeError(f"{cls.__name__} is nested too deep")
    members = m.members_of(cls)
    texts = {f"{member.name}_text" for member in members}
    known = {member.name for member in members} | texts | {"payload"}
    if issubclass(cls, Payload):
        known |= set(PAYLOAD_FIELDS) & set(cls.__struct_fields__)
    if unknown := sorted(map(str, set(plain) - known)):
        raise EncodeError(f"{cls.__name__} has no field {unknown[0]!r}")
    values: dict[str, Any] = {}
    for member in members:
        if member.name not in plain or (plain[member.name] is None and member.default is AUTO):
            continue
        try:
            values[member.name] = field_from(member, plain[member.name], values, rules.inner)
        except EncodeError as exc:
            raise exc.within(member.name) from None
    for name in set(PAYLOAD_FIELDS) & set(cls.__struct_fields__) & set(plain) - set(values):
        values[name] = payload_field_from(cls, name, plain[name])
    try:
        return cls(**values)
    except TypeError as exc:
        raise EncodeError(str(exc)) from None


def payload_field_from(cls: Any, name: str, plain: Any) -> Any:
    """A field that payloads have beside those of their layout."""
    if name == "problem":
        return str(plain)
    if name == "octets":
        return octets_from(plain)
    number = number_from(plain)
    return next((kind for kind in cls.kinds if kind == number), number) if name == "kind" else number


def listed(plain: Any) -> list[Any]:
    if not isinstance(plain, list):
        raise EncodeError(f"{type(plain).__name__} where a list belongs")
    if len(plain) > limits.ELEMENTS_PER_PAYLOAD:
        raise EncodeError(f"{len(plain)} of them, more than limits.ELEMENTS_PER_PAYLOAD")
    return plain


def each(plain: Any, convert: Any) -> tuple[Any, ...]:
    out = []
    for index, item in enumerate(listed(plain)):
        try:
            out.append(convert(item))
        except EncodeError as exc:
            raise exc.within(f"[{index}]") from None
    return tuple(out)


def sibling(key: m.Expression, values: Mapping[str, Any]) -> int:
    name = str(key)
    if name not in values:
        raise EncodeError(f"{name} is missing, which says what this is")
    return int(values[name])


def field_from(member: m.Member, plain: Any, values: Mapping[str, Any], rules: Rules) -> Any:
    match member.form:
        case m.IntegerForm() as form:
            number = number_from(plain, form.registry)
            return int(number) if form.flags else number
        case m.BitsForm():
            return number_from(plain)
        case m.OctetsForm(value_type=None) | m.ReservedForm():
            return octets_from(plain)
        case m.OctetsForm(value_type=value_type):
            return value_from(value_type, plain)
        case m.ChoiceForm(table=table, key=key):
            return content_from(rules.choice_entry(table, sibling(key, values)), plain, rules)
        case m.InlineForm(of=of):
            return element_from(of, plain, rules)
        case m.ArrayForm():
            return each(plain, octets_from)
        case m.ElementsForm(of=of) | m.SharesForm(of=of):
            return each(plain, lambda item: element_from(of, item, rules))
        case m.AttributesForm(table=name, key=key):
            found = rules.attribute_table(name, None if key is None else sibling(key, values))
            return each(plain, lambda item: attribute_from(item, found, rules))
        case m.ChainForm(table=name, key=key):
            variant = None if key is None else sibling(key, values)
            return each(plain, lambda item: payload_from(item, name, variant, rules))


def content_from(entry: Any, plain: Any, rules: Rules) -> Any:
    if entry is None or is_octets(plain):
        return octets_from(plain)
    if isinstance(entry, ValueType):
        return value_from(entry, plain)
    return element_from(entry, plain, rules)


def value_from(value_type: ValueType, plain: Any) -> Any:
    if value_type.type is bytes or is_octets(plain):
        return octets_from(plain)
    try:
        return value_type.from_text(plain)
    except (ValueError, TypeError, AttributeError) as exc:
        raise EncodeError(f"no {value_type.name}: {exc}") from None


def attribute_from(plain: Any, table: AttributeTable, rules: Rules) -> Attribute:
    """The attribute that `attribute_plain` gave. Raises `EncodeError`."""
    if not isinstance(plain, Mapping) or not {"type", "value"} <= set(plain) <= {
        "type",
        "value",
        "basic",
        "length",
    }:
        raise EncodeError("an attribute has a type and a value, and may have basic and length")
    number = number_from(plain["type"], registry_of(table))
    kind = table.kinds.get(int(number))
    form, length = plain.get("basic"), plain.get("length")
    if not (form is None or isinstance(form, bool)) or not (
        length is None or (isinstance(length, int) and 0 <= length <= 0xFFFF)
    ):
        raise EncodeError("basic is true or false, length a number")
    try:
        value = attribute_value_from(kind, plain["value"], form is True, rules)
    except EncodeError as exc:
        raise exc.within("value") from None
    return Attribute(table.registry(number), value, form, length)


def attribute_value_from(kind: Any, plain: Any, tv: bool, rules: Rules) -> Any:
    if is_octets(plain):
        return octets_from(plain)
    if tv and not (kind is not None and is_registry(kind.content)):
        return number_from(plain)  # in two octets even a key is but a number
    if kind is None:
        return octets_from(plain) if isinstance(plain, str) and plain[:2] != "0x" else number_from(plain)
    if isinstance(kind.content, ValueType):
        return value_from(kind.content, plain)
    if kind.content is INTEGER:
        return number_from(plain)
    if is_registry(kind.content):
        big = (isinstance(plain, int) and plain > 0xFFFF) or (isinstance(plain, str) and plain[:2] == "0x")
        return number_from(plain, None if big else kind.content)
    return element_from(kind.content, plain, rules)


def payload_from(plain: Any, table: str, key: int | None, rules: Rules) -> Any:
    """The payload that `payload_plain` gave, of a chain of that table. Raises `EncodeError`."""
    if not isinstance(plain, Mapping) or not isinstance(plain.get("payload"), str):
        raise EncodeError("a payload names its class in 'payload'")
    name = plain["payload"]
    for cls in (UnknownPayload, Unlinked, *rules.chain_classes(table, key)):
        if cls.__name__ == name:
            return element_from(cls, plain, rules)
    known = sorted({cls.__name__ for cls in rules.chain_classes(table, key)})
    raise EncodeError(f"no payload {name[:40]!r} here; there are UnknownPayload, {', '.join(known)}")
