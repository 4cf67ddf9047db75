"""Element classes as Lua tables: for each member what its form is and how Wireshark calls and shows it.

What the runtime in ``runtime/`` makes of them is described at the head of ``runtime/dissect.lua``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gsakmp.doi import DOI
from gsakmp.errors import ConfigurationError
from gsakmp.payloads import Header
from gsakmp.wire import AttributeTable, Element
from gsakmp.wire import members as m
from gsakmp.wire.attributes import INTEGER, AttributeKind, is_registry
from gsakmp.wire.generator.parse import length_place
from gsakmp.wire.values import OCTETS, ValueType
from gsakmp.wireshark.fields import Field, Fields, value_of
from gsakmp.wireshark.lua import Raw, condition_source, expression_source
from gsakmp.wireshark.names import PROTOCOL, attribute_name, element_name, label

__all__ = ["ATTRIBUTE", "Data", "Elements"]

Data = dict[str, Any]

ATTRIBUTE: Final = f"{PROTOCOL}.attribute"
UINTS: Final = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}
UNTYPED: Final = AttributeTable("untyped", int, {})
BY_DOMAIN: Final = frozenset({"next_payload", "exchange_type"})
"""Fields of the header for which each domain of interpretation has fields of its own."""


class Elements:
    """Makes the tables of element classes and of the attributes in them, and registers their fields."""

    def __init__(self, dois: Iterable[DOI], fields: Fields) -> None:
        self.dois, self.fields = tuple(dois), fields
        self.names: dict[str, Any] = {}
        self.tables: dict[str, AttributeTable] = {}
        self.holders: dict[str, dict[str, dict[int, Data]]] = {}
        """The fields of attributes, by table, then by the class that holds them, then by type."""

    def element(self, cls: Any) -> Data:
        """One element class. Raises `ConfigurationError` where another is called alike."""
        own, layout = element_name(cls), cls.layout
        other = self.names.setdefault(own, cls)
        if other is not cls:
            raise ConfigurationError(f"{other.__name__} and {cls.__name__} are both {own} in Wireshark")
        return {
            "title": layout.title,
            "field": self.fields.add(Field(own, layout.title, "none", layout.spec)),
            "members": [self.member(cls, member, f"{own}.{member.name}") for member in m.members_of(cls)],
        }

    def member(self, cls: Any, member: m.Member, name: str) -> Data:
        """One field of an element, which filters call `name`."""
        out: Data = {"name": member.name}
        out |= self.single(cls, member, name) or self.several(cls, member, name)
        if member.condition is not None:
            out["cond"] = function(condition_source(member.condition))
        if member.computed is not None and member.checked and not agrees_anyway(cls, member):
            whole = member.computed is m.WHOLE
            out["check"] = function("whole" if whole else expression_source(member.computed))
        if member.name.startswith("reserved"):
            out["reserved"] = True
        return out

    # -- forms ---------------------------------------------------------------------------------------

    def octets(self, member: m.Member, name: str) -> int:
        """The number of a field of octets."""
        return self.fields.add(Field(name, label(member.name), "bytes", member.doc))

    def single(self, cls: Any, member: m.Member, name: str) -> Data:
        """A field that holds one thing; nothing for one that holds several."""
        match member.form:
            case m.IntegerForm(octets=size) if cls is Header and member.name in BY_DOMAIN:
                return {"form": "integer", "octets": size}
            case m.IntegerForm() as form:
                return self.integer(member, name, form)
            case m.BitsForm(octets=size, shift=shift, width=width):
                mask = (1 << width) - 1 << shift
                field = self.fields.add(Field(name, label(member.name), UINTS[size], member.doc, mask=mask))
                return {"form": "bits", "octets": size, "shift": shift, "width": width, "field": field}
            case m.OctetsForm(size=size, value_type=None) | m.ReservedForm(size=size):
                reserved = isinstance(member.form, m.ReservedForm)
                field = self.octets(member, name)
                return {"form": "octets", "size": size_of(size), "field": field, "reserved": reserved or None}
            case m.OctetsForm(size=size, value_type=value_type):
                value = self.fields.value(
                    name, label(member.name), member.doc, value_of(value_type), sort=False
                )
                return {"form": "value", "size": size_of(size), "value": value}
            case m.ChoiceForm() as form:
                return self.choice(member, name, form)
        return {}

    def several(self, cls: Any, member: m.Member, name: str) -> Data:
        """A field that holds other elements, or several octet strings."""
        match member.form:
            case m.InlineForm(of=of):
                return {"form": "inline", "of": of.__name__}
            case m.ArrayForm(count=count, size=size):
                sizes = {
                    "count": function(expression_source(count)),
                    "size": function(expression_source(size)),
                }
                return {"form": "array", **sizes, "field": self.octets(member, name)}
            case m.ElementsForm(of=of):
                place, octets, _ = length_place(of)
                return {"form": "elements", "of": of.__name__, "place": place, "octets": octets}
            case m.SharesForm(of=of, count=count):
                return {"form": "shares", "of": of.__name__, "count": function(expression_source(count))}
            case m.AttributesForm(table=table, key=key):
                self.hold(cls, table)
                return {"form": "attributes", "table": table, "key": key and str(key), "holder": cls.__name__}
            case m.ChainForm(first=first, table=table, key=key):
                start = first if isinstance(first, int) else function(expression_source(first))
                return {"form": "chain", "first": start, "table": table, "key": key and str(key)}
        raise ConfigurationError(f"{name}: {member.form} has no form in Lua")

    def integer(self, member: m.Member, name: str, form: m.IntegerForm) -> Data:
        """A number; of one whose bits have names, fields for those too."""
        title, kind, doc = label(member.name), UINTS[form.octets], member.doc
        out: Data = {"form": "integer", "octets": form.octets, "swap": form.swapped_by}
        if form.flags:
            out["field"] = self.fields.add(Field(name, title, kind, doc, hexadecimal=True))
            out["bits"] = self.fields.bits(name, form.registry, form.octets)
            return out
        strings, hexadecimal = self.fields.strings(form.registry), member.name == "message_id"
        out["field"] = self.fields.add(Field(name, title, kind, doc, strings, hexadecimal=hexadecimal))
        out["strings"] = strings or None
        return out

    def choice(self, member: m.Member, name: str, form: m.ChoiceForm) -> Data:
        """A field whose layout another field's number gives: a field for each sort of value."""
        values: Data = {}
        for entry in self.choice_entries(form.table):
            if isinstance(entry, ValueType):
                found = value_of(entry)
                value = self.fields.value(name, label(member.name), member.doc, found, sort=True)
                values[found.sort] = {k: value[k] for k in ("field", "octets", "halves") if k in value}
        out = {"form": "choice", "table": form.table, "key": str(form.key), "size": size_of(form.size)}
        return {**out, "reversed": form.reversed_by, "field": self.octets(member, name), "values": values}

    def choice_entries(self, table: str) -> Iterable[Any]:
        """What a choice table has, in any domain."""
        for doi in self.dois:
            for tables in (doi.tables, *doi.exchange_tables.values()):
                yield from tables.choices.get(table, {}).values()

    # -- attributes ----------------------------------------------------------------------------------

    def table_name(self, table: AttributeTable) -> str:
        """What the runtime calls an attribute table."""
        name, number = table.name, 1
        while self.tables.setdefault(name, table) is not table:
            number += 1
            name = f"{table.name} {number}"
        return name

    def hold(self, cls: Any, name: str) -> None:
        """Make the fields of the attributes that an element of class `cls` may hold."""
        for doi in self.dois:
            for key, table in doi.tables.attributes.items():
                if (key[0] if isinstance(key, tuple) else key) == name:
                    held = self.holders.setdefault(self.table_name(table), {})
                    held[cls.__name__] = {
                        int(number): self.attribute(cls, table, int(number), kind) for number, kind in table
                    }

    def attribute(self, cls: Any, table: AttributeTable, number: int, kind: AttributeKind) -> Data:
        """The fields of one attribute type in one sort of element."""
        name, title, content = attribute_name(cls, table, number), table.label(number), kind.content
        if content is INTEGER or is_registry(content):
            strings = self.fields.strings(content)
            field = self.fields.add(Field(name, title, "uint64", kind.doc, strings))
            octets = self.fields.add(Field(f"{name}.octets", title, "bytes", kind.doc))
            return {"content": "number", "strings": strings or None, "field": field, "octets": octets}
        out: Data = {"number": self.fields.add(Field(f"{name}.number", title, "uint16", kind.doc))}
        if isinstance(content, type) and issubclass(content, Element):
            octets = self.fields.add(Field(f"{name}.octets", title, "bytes", kind.doc))
            return {**out, "content": "element", "of": content.__name__, "octets": octets}
        if content is OCTETS:
            field = self.fields.add(Field(name, title, "bytes", kind.doc))
            return {**out, "content": "octets", "field": field}
        value = self.fields.value(name, title, kind.doc, value_of(content), sort=False)
        return {**out, "content": "value", "value": value}

    def attributes(self) -> Data:
        """Every attribute table by name; without a name, that for where there is none."""
        out: Data = {}
        for name, table in [*self.tables.items(), ("", UNTYPED)]:
            registry = self.fields.strings(table.registry)
            field = Field(f"{ATTRIBUTE}.type", "Type", "uint16", table.spec, registry, 0x7FFF)
            holders = self.holders.get(name, {})
            out[name] = {"strings": registry or None, "type": self.fields.add(field), "holders": holders}
        return out


def function(source: str) -> Raw:
    return Raw(f"function(v, whole) return {source} end")


def size_of(size: m.Size) -> Any:
    """Octets: a number, a function of the fields before it, or what the dialect calls it."""
    match size:
        case m.Expression():
            return function(expression_source(size))
        case m.DialectOption(name=name):
            return name
    return size


def agrees_anyway(cls: Any, member: m.Member) -> bool:
    """Whether a count is itself what delimits the field that it counts."""
    return any(
        isinstance(other.form, m.OctetsForm)
        and other.condition is None
        and isinstance(other.form.size, m.Expression)
        and str(other.form.size) == member.name
        and str(member.computed) == f"len({other.name})"
        for other in m.members_of(cls)
    )
