"""Domains of interpretation as Lua tables: what numbers stand for, and the fields that are of no element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gsakmp.doi import DOI
from gsakmp.doi.catalogue import catalogue
from gsakmp.payloads import Header
from gsakmp.registries import IKEv2PayloadType, PayloadType
from gsakmp.wire import Tables, Variants
from gsakmp.wire.values import ValueType
from gsakmp.wireshark.elements import ATTRIBUTE, Data, Elements
from gsakmp.wireshark.fields import Field, Fields, value_of
from gsakmp.wireshark.names import PROTOCOL, element_name

__all__ = ["Definitions"]

PAYLOAD: Final = f"{PROTOCOL}.payload"
UNKNOWN: Final = f"{PROTOCOL}.unknown_payload"

Row = tuple[str, str, str, str]
GENERIC: Final[dict[str, Row]] = {
    "reserved": (f"{PAYLOAD}.reserved", "Reserved", "uint8", "zero"),
    "length": (f"{PAYLOAD}.length", "Length", "uint16", "octets of the payload, this header included"),
    "unknown": (UNKNOWN, "Unknown payload", "none", "of a type that has no definition"),
    "unknown_octets": (f"{UNKNOWN}.octets", "Octets", "bytes", "the body, unread"),
    "unlinked": (f"{PROTOCOL}.unlinked", "Unlinked", "bytes", "octets that no payload announces"),
    "attribute": (ATTRIBUTE, "Data Attribute", "none", "RFC 2408, 3.3"),
    "attribute_length": (f"{ATTRIBUTE}.length", "Length", "uint16", "octets of the value"),
    "attribute_number": (f"{ATTRIBUTE}.number", "Value", "uint16", "of a type that has no table"),
    "attribute_octets": (f"{ATTRIBUTE}.octets", "Value", "bytes", "of a type that has no table"),
    "left_over": (f"{PROTOCOL}.left_over", "Left over", "bytes", "octets after an element's fields"),
    "non_esp_marker": (f"{PROTOCOL}.non_esp_marker", "Non-ESP marker", "bytes", "RFC 3948, 2.2"),
    "ciphertext": (f"{PROTOCOL}.ciphertext", "Ciphertext", "bytes", "the encrypted payloads"),
    "plaintext": (f"{PROTOCOL}.plaintext", "Plaintext", "none", "what the ciphertext hides"),
    "padding": (f"{PROTOCOL}.padding", "Padding", "bytes", "of the plaintext"),
    "trailing": (f"{PROTOCOL}.trailing", "Trailing", "bytes", "octets after the message"),
    "decrypted_with": (f"{PROTOCOL}.decrypted_with", "Decrypted with", "string", "where the key is from"),
    "exchange": (f"{PROTOCOL}.exchange", "Exchange", "string", "by its name in its domain"),
    "domain": (f"{PROTOCOL}.domain", "Domain of interpretation", "string", "by which numbers were read"),
}
"""Fields that belong to no element class, by what the runtime calls them: name, label, kind, meaning."""
FORMAT: Final = Field(f"{ATTRIBUTE}.format", "Format", "uint16", "RFC 2408, 3.3", "attribute formats", 0x8000)


class Definitions:
    """Everything in some domains of interpretation, ready to be written as Lua."""

    def __init__(self, dois: Iterable[DOI]) -> None:
        self.dois = tuple(dois)
        self.fields = Fields()
        self.generic = {name: self.fields.add(Field(*row)) for name, row in GENERIC.items()}
        self.generic["attribute_format"] = self.fields.add(FORMAT)
        self.made = Elements(self.dois, self.fields)
        classes = catalogue(self.dois).entries
        self.elements = {cls.__name__: self.made.element(cls) for cls in classes}
        self.attributes = self.made.attributes()
        self.domains = {doi.name: self.domain(doi) for doi in self.dois}
        self.untyped_chain = self.chain(self.dois[0], {})

    def domain(self, doi: DOI) -> Data:
        """One domain: the names of its exchanges, and its rules, for some exchanges others."""
        strings = self.fields.listed([member_text(member) for member in doi.exchange_types])
        name = f"{element_name(Header)}.exchange_type"
        return {
            "name": doi.name,
            "exchange": self.fields.add(Field(name, "Exchange type", "uint8", "", strings)),
            "exchanges": strings,
            "rules": self.rules(doi, doi.tables),
            "own_rules": {int(n): self.rules(doi, doi.tables_of(n)) for n in doi.exchange_tables},
        }

    def rules(self, doi: DOI, tables: Tables) -> Data:
        """What numbers stand for."""
        chains = {table_key(name): self.chain(doi, entries) for name, entries in tables.chains.items()}
        choices = {
            name: {int(number): choice_data(entry) for number, entry in entries.items()}
            for name, entries in tables.choices.items()
        }
        attributes = tables.attributes.items()
        return {
            "chains": chains,
            "choices": choices,
            "attributes": {table_key(name): self.made.table_name(table) for name, table in attributes},
            "last": {int(number): True for number in sorted(tables.last)},
        }

    def chain(self, doi: DOI, entries: Mapping[int, Any]) -> Data:
        """The classes of a chain, and the fields for the types in its headers."""
        kinds: Any = IKEv2PayloadType if doi.first_own_exchange == 0 else PayloadType
        strings = self.fields.listed([kind_text(number, entries, kinds) for number in range(256)])
        return {
            "entries": {int(number): entry_data(entry) for number, entry in entries.items()},
            "next": self.next_payload(PAYLOAD, strings),
            "header_next": self.next_payload(element_name(Header), strings),
            "strings": strings,
        }

    def next_payload(self, holder: str, strings: str) -> int:
        """The field of a payload type, with the names that it has in one sort of chain."""
        return self.fields.add(Field(f"{holder}.next_payload", "Next payload", "uint8", "", strings))


def choice_data(entry: Any) -> Data:
    """What a field's layout is for one number."""
    if not isinstance(entry, ValueType):
        return {"of": entry.__name__}
    value = value_of(entry)
    sizes = None if value.sizes is None else dict.fromkeys(value.sizes, True)
    return {"sort": value.sort, "sizes": sizes}


def table_key(name: Any) -> str:
    return f"{name[0]}:{int(name[1])}" if isinstance(name, tuple) else str(name)


def entry_data(entry: Any) -> Any:
    if not isinstance(entry, Variants):
        return entry.__name__
    cases = {int(number): cls.__name__ for number, cls in entry.cases.items()}
    return {"octets": entry.octets, "cases": cases, "other": entry.other.__name__}


def kind_text(number: int, entries: Mapping[int, Any], kinds: Any) -> tuple[str, bool]:
    """A payload type as the views of the library call it, without the number, and whether that is a name."""
    if not number:
        return "none", True
    entry = entries.get(number)
    if entry is not None:
        cls = next(iter(entry.classes())) if isinstance(entry, Variants) else entry
        return str(cls.layout.title), True
    return member_text(kinds.lookup[number])


def member_text(member: Any) -> tuple[str, bool]:
    """The name of a member of a registry; of one that has none, what its range is for."""
    if member.named:
        return str(member.name), True
    return str(member.name).rpartition("_")[0].lower().replace("_", " "), False
