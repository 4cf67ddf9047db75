"""How the fields of the dissector are called: what a user types into Wireshark's filter line.

``gsakmp wireshark --filters`` lists them all. The scheme:

- An element is ``gdoi.`` and its abbreviation if its title has one (``gdoi.sak``, ``gdoi.kd``), else its
  title or class name in lower case with underscores (``gdoi.key_packet``, ``gdoi.esp_tek``). That name alone
  says that the element is there.
- A field of an element is the element's name and the field's: ``gdoi.sak.source_id_type``.
- A data attribute is the name of the element that holds it and the attribute's own:
  ``gdoi.sak.kek_algorithm``, ``gdoi.key_packet.tek_algorithm_key``.
- Where one field has several sorts of values, by the number in another field, the sort is added:
  ``gdoi.identification.identification_data.ipv4``. The two halves of a subnet or a range are added to that:
  ``….ipv4_subnet.address``, ``….ipv4_subnet.mask``.
- An attribute's value in a form that its type does not have is ``….number`` or ``….octets``.
- A bit with a name is the name of its field and its own: ``gdoi.header.flags.encryption``.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gsakmp.wire.element import title_from

__all__ = ["PROTOCOL", "attribute_name", "element_name", "label"]

PROTOCOL: Final = "gdoi"
"""What every name starts with."""

ACRONYMS: Final = frozenset(
    ["AH", "ATD", "CBC", "DH", "DOI", "ESP", "GAP", "ID", "IP", "IPV4", "IPV6", "KD", "KDA", "KEK", "LKH",
     "NAT", "OID", "POP", "SA", "SEQ", "SID", "SIG", "SPI", "SPIS", "TEK", "UDP"]
)  # fmt: skip


def snake(text: str) -> str:
    """``NAT-D`` as ``nat_d``, ``ESP TEK`` as ``esp_tek``."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def element_name(cls: Any) -> str:
    """The name of an element class: ``gdoi.sak``."""
    title, name = cls.layout.title, cls.__name__
    abbreviation = re.search(r"\(([^()]+)\)$", title)
    if abbreviation is not None:
        return f"{PROTOCOL}.{snake(abbreviation[1])}"
    own = title if snake(title).replace("_", "") == name.lower() else title_from(name)
    return f"{PROTOCOL}.{snake(own)}"


def attribute_name(holder: Any, table: Any, number: int) -> str:
    """The name of an attribute type where an element of class `holder` has it."""
    return f"{element_name(holder)}.{snake(table.label(number))}"


def label(name: str) -> str:
    """A field's name for people: ``source_id_type`` as ``Source ID type``."""
    words = [word.upper() if word.upper() in ACRONYMS else word for word in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]
