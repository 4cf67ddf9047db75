"""What domains of interpretation are made of, as a list: payloads, elements, attribute tables, registries.

`gsakmp describe` and `docs/wire` are views of it. Yours work too: ``catalogue([*DOIS.values(), MINE])``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from gsakmp.doi import DOIS
from gsakmp.doi.domain import DOI
from gsakmp.payloads import Header
from gsakmp.registries import ALL, ExchangeType, ProtocolID
from gsakmp.wire import AttributeTable, Tables, Variants
from gsakmp.wire import members as m
from gsakmp.wire.attributes import AttributeKind, is_registry
from gsakmp.wire.element import Element
from gsakmp.wire.values import ValueType

__all__ = [
    "AttributeRow",
    "Catalogue",
    "Entry",
    "RegistryRow",
    "TableUse",
    "attribute_rows",
    "catalogue",
    "plain_name",
    "registry_rows",
]

HEADER_PLACE: Final = "start of every message"


@dataclass
class Entry:
    """An element class: `numbers` are its payload types by domain, `places` where else it stands."""

    cls: Any
    numbers: dict[str, list[int]] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The class's name."""
        return str(self.cls.__name__)

    @property
    def title(self) -> str:
        """Its title, for people."""
        return str(self.cls.layout.title)

    @property
    def spec(self) -> str:
        """Document and section."""
        return str(self.cls.layout.spec)

    @property
    def all_numbers(self) -> list[int]:
        """Its payload types, in any domain."""
        return list(dict.fromkeys(number for found in self.numbers.values() for number in found))

    @property
    def number_text(self) -> str:
        """``20, 130; 15 in ISAKMP, IPsec``: the payload types, with the domains where they differ."""
        every = self.all_numbers
        common = [n for n in every if all(n in self.numbers.get(domain, ()) for domain in self.domains)]
        parts = [", ".join(map(str, common))] if common else []
        for number in every:
            if number not in common:
                where = ", ".join(domain for domain, found in self.numbers.items() if number in found)
                parts.append(f"{number} in {where}")
        return "; ".join(parts)


@dataclass
class TableUse:
    """An attribute table where a field uses it: in which domains, and for which number of `key`."""

    table: AttributeTable
    domains: list[str]
    key: str = ""
    number: int | None = None


@dataclass(frozen=True)
class AttributeRow:
    """One type of an attribute table. `form` is TV or TLV, `value` what it holds, `registry` its names."""

    number: int
    name: str
    form: str
    value: str
    meaning: str
    reference: str
    registry: Any = None


@dataclass(frozen=True)
class RegistryRow:
    """One number of a registry. `form` is B or V for attribute types, else empty."""

    number: int
    name: str
    reference: str
    form: str = ""


class Catalogue:
    """The parts of some domains of interpretation, each once, in the order in which they turn up."""

    def __init__(self, dois: Iterable[DOI]) -> None:
        self.dois = tuple(dois)
        self.entries: dict[Any, Entry] = {}
        header = self.entry(Header, "")
        header.places.append(HEADER_PLACE)
        for doi in self.dois:
            header.domains.append(doi.name)
            for tables in (doi.tables, *doi.exchange_tables.values()):
                self.add_tables(doi.name, tables)

    # -- gathering -----------------------------------------------------------------------------------

    def entry(self, cls: Any, domain: str, place: str = "") -> Entry:
        """The entry of a class, made if there is none, with the elements inside it; a place more for it."""
        new = cls not in self.entries
        found = self.entries.setdefault(cls, Entry(cls))
        if place and place not in found.places:
            found.places.append(place)
        if domain and domain not in found.domains:
            found.domains.append(domain)
            new = True
        if new:
            for member in m.members_of(cls):
                match member.form:
                    case m.InlineForm(of=of) | m.ElementsForm(of=of) | m.SharesForm(of=of):
                        self.entry(of, domain, f"in {cls.__name__}.{member.name}")
        return found

    def add_tables(self, domain: str, tables: Tables) -> None:
        """Everything that some tables of a domain name."""
        for key, entries in tables.chains.items():
            for number, entry in entries.items():
                for cls in entry.classes() if isinstance(entry, Variants) else (entry,):
                    found = self.entry(cls, domain, chain_place(key))
                    numbers = found.numbers.setdefault(domain, [])
                    if int(number) not in numbers:
                        numbers.append(int(number))
        for name, choices in tables.choices.items():
            for number, entry in choices.items():
                if isinstance(entry, type) and issubclass(entry, Element):
                    self.entry(entry, domain, f"{name} {label(number)}")
        for table in tables.attributes.values():
            for number, kind in table:
                if isinstance(kind.content, type) and issubclass(kind.content, Element):
                    self.entry(kind.content, domain, f"{table.name} attribute {table.label(number)}")

    # -- asking --------------------------------------------------------------------------------------

    def groups(self) -> dict[str, list[Entry]]:
        """The entries by the domains that have them, the most common first, payloads by number first."""
        out: dict[str, list[Entry]] = {}
        for entry in self.entries.values():
            out.setdefault(", ".join(entry.domains), []).append(entry)
        widest_first = sorted(out, key=lambda group: -len(group.split(", ")))
        return {group: sorted(out[group], key=order) for group in widest_first}

    def tables(self) -> dict[str, TableUse]:
        """The attribute tables by name, with the domains that have them."""
        out: dict[str, TableUse] = {}
        for doi in self.dois:
            for table in doi.tables.attributes.values():
                name = table.name
                while name in out and out[name].table is not table:
                    name += f" of {doi.name}"
                use = out.setdefault(name, TableUse(table, []))
                if doi.name not in use.domains:
                    use.domains.append(doi.name)
        return out

    def uses(self, cls: Any) -> list[TableUse]:
        """The attribute tables that the fields of `cls` use."""
        out: list[TableUse] = []
        for member in m.members_of(cls):
            if isinstance(member.form, m.AttributesForm):
                for doi in self.dois:
                    for key, table in doi.tables.attributes.items():
                        number = key[1] if isinstance(key, tuple) else None
                        name = key[0] if isinstance(key, tuple) else key
                        if name != member.form.table or (number is None) != (member.form.key is None):
                            continue
                        same = next((use for use in out if use.table is table and use.number == number), None)
                        if same is None:
                            text = "" if number is None else f"{member.form.key} {label(number)}"
                            out.append(same := TableUse(table, [], text, number))
                        if doi.name not in same.domains:
                            same.domains.append(doi.name)
        return out

    def registries(self, cls: Any) -> list[Any]:
        """The registries that the fields of `cls` and the attributes in them draw on."""
        out = [member.form.registry for member in m.members_of(cls) if isinstance(member.form, m.IntegerForm)]
        for use in self.uses(cls):
            out.append(use.table.registry)
            out += [kind.content for _, kind in use.table]
        return [found for found in dict.fromkeys(filter(is_registry, out)) if hasattr(found, "lookup")]

    def all_registries(self) -> list[Any]:
        """Every registry: those of the standards, and those that these domains add."""
        used = [found for cls in self.entries for found in self.registries(cls)]
        return sorted(dict.fromkeys([*ALL, *used]), key=lambda registry: str(registry.__name__))

    def users(self, registry: Any) -> list[str]:
        """Where a registry is used: ``SAKEK.protocol``, ``the SA KEK attribute KEK_ALGORITHM``."""
        out = ["exchange types of every domain up to 31"] if registry is ExchangeType else []
        for cls in self.entries:
            for member in m.members_of(cls):
                if isinstance(member.form, m.IntegerForm) and member.form.registry is registry:
                    out.append(f"{cls.__name__}.{member.name}")
        out += [f"exchange types of {doi.name} from 32 on" for doi in self.dois if doi.exchanges is registry]
        for name, use in self.tables().items():
            if use.table.registry is registry:
                out.append(f"types of the {name} attributes")
            out += [
                f"the {name} attribute {use.table.label(number)}"
                for number, kind in use.table
                if kind.content is registry
            ]
        return out

    def of_number(self, number: int) -> list[Entry]:
        """The classes of a payload type, in any of the domains."""
        return [entry for entry in self.entries.values() if number in entry.all_numbers]

    def names(self) -> dict[str, Any]:
        """Everything that has a name, by that name in letters and digits alone: an `Entry`, a registry, a
        `TableUse`. Where two share one, the former sort comes first."""
        out: dict[str, Any] = {}
        for entry in self.entries.values():
            out.setdefault(plain_name(entry.name), entry)
        for entry in self.entries.values():
            for text in filter(None, spellings(entry)):
                out.setdefault(plain_name(text), entry)
        for registry in self.all_registries():
            out.setdefault(plain_name(registry.__name__), registry)
        for name, use in self.tables().items():
            out.setdefault(plain_name(name), use)
        return out


def spellings(entry: Entry) -> Iterator[str]:
    """What people call a payload: its title, the title's abbreviation, its name in the registry."""
    title, _, abbreviation = entry.title.rstrip(")").partition(" (")
    yield from (entry.title, title, abbreviation)
    for kind in getattr(entry.cls, "kinds", ()):
        yield str(getattr(kind, "name", ""))


def plain_name(text: str) -> str:
    """A name in lower case without spaces, dashes and the like."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def label(number: int) -> str:
    name = getattr(number, "name", "")
    return f"{name} ({int(number)})" if name else str(int(number))


def chain_place(key: Any) -> str:
    """Where a chain's payloads stand; nothing for those of the message itself."""
    name, number = key if isinstance(key, tuple) else (key, None)
    if name == "payloads":
        return ""
    return f"among {name}" + ("" if number is None else f" of {label(ProtocolID(number))}")


def order(entry: Entry) -> tuple[bool, bool, int]:
    """The header, then payloads by number, then elements."""
    numbers = entry.all_numbers
    return HEADER_PLACE not in entry.places, not numbers, min(numbers, default=0)


def catalogue(dois: Iterable[DOI] = DOIS.values()) -> Catalogue:
    """The catalogue of some domains of interpretation, by default of those here."""
    return Catalogue(dois)


# -- rows --------------------------------------------------------------------------------------------


def attribute_rows(table: AttributeTable) -> list[AttributeRow]:
    """Every type of an attribute table, those included that only its registry names."""
    registry = table.registry
    named = {int(member): member for member in registry} if hasattr(registry, "lookup") else {}
    return [attribute_row(table, number) for number in sorted({*named, *map(int, table.kinds)})]


def attribute_row(table: AttributeTable, number: int) -> AttributeRow:
    kind = table.kinds.get(number)
    member = table.registry(number)
    form = getattr(member, "form", None)
    basic = kind.basic if kind is not None else form == "B"
    registry = kind.content if kind is not None and is_registry(kind.content) else None
    return AttributeRow(
        number,
        table.label(number),
        "" if kind is None and form is None else "TV" if basic else "TLV",
        content_text(kind),
        kind.doc if kind is not None else "",
        str(getattr(member, "reference", "")),
        registry,
    )


def content_text(kind: AttributeKind | None) -> str:
    """What an attribute holds, in words."""
    if kind is None:
        return "not read further"
    if isinstance(kind.content, ValueType):
        return str(kind.content.name)
    return str(getattr(kind.content, "__name__", kind.content))


def registry_rows(registry: Any) -> list[RegistryRow]:
    """Every number that a registry names, in order."""
    return [
        RegistryRow(
            int(member), str(member.name), str(member.reference), str(getattr(member, "form", "") or "")
        )
        for member in sorted(registry, key=int)
    ]
