"""The dissector as one Lua file: the runtime in ``runtime/`` around tables made from the definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Any, Final

from gsakmp import __version__
from gsakmp.doi import DOIS, GDOI, IKEV2
from gsakmp.doi.domain import DOI
from gsakmp.payloads.isakmp.vendor_id import BY_DIGEST, FIXED
from gsakmp.wireshark.constants import constants
from gsakmp.wireshark.fields import Field, Names
from gsakmp.wireshark.lua import literal
from gsakmp.wireshark.tables import Definitions

__all__ = ["dissector", "filters"]

PARTS: Final = (
    "bits", "hashes", "ciphers", "fields", "dissect", "keys", "chains", "keks", "decrypt", "dialects",
    "message", "register",
)  # fmt: skip
"""The runtime's files, in order: each uses what those before it put into `G`."""

HEAD: Final = """\
-- GDOI and ISAKMP for Wireshark, made by gsakmp {version} from its definitions. `gsakmp wireshark` writes it
-- anew. Put it into Wireshark's folder for personal Lua plugins (Help, About, Folders); its preferences are
-- under Protocols, GDOI. MIT licence.

local G = {{}}
local function first_kind(items) return G.first_kind(items) end
local function first_size(items) return G.first_size(items) end
"""

OPERATIONS: Final = ("floor", "band", "bor", "bxor", "lshift", "rshift")
"""What expressions of the definitions may use of the runtime's."""


def dissector(dois: Iterable[DOI] | None = None) -> str:
    """The Lua source. `dois` are the domains of interpretation that it knows, by default all that are here;
    yours should keep the name of the one that they stand for (a port means the domain of that name).

    Raises `ConfigurationError` for definitions that Wireshark can't take.
    """
    found = Definitions(known(dois))
    pieces = [HEAD.format(version=__version__)]
    pieces.append(assigned("constants", constants()))
    pieces.append(part("bits"))
    pieces.append(f"local {', '.join(OPERATIONS)} = {', '.join('G.' + name for name in OPERATIONS)}\n")
    pieces += [assigned(name, value) for name, value in data(found)]
    pieces += map(part, PARTS[1:])
    return "\n".join(pieces)


def filters(dois: Iterable[DOI] | None = None) -> list[Field]:
    """The fields that one can filter by, by name; of one name, the first."""
    out: dict[str, Field] = {}
    for field in Definitions(known(dois)).fields:
        out.setdefault(field.name, field)
    return [out[name] for name in sorted(out)]


def known(dois: Iterable[DOI] | None) -> list[DOI]:
    """The domains, those of groups first: where one field has several lists of names, Wireshark's filters
    know the first alone."""
    found = DOIS.values() if dois is None else dois
    return [*sorted(found, key=lambda doi: doi.number != GDOI.number), IKEV2]


def data(found: Definitions) -> Iterator[tuple[str, Any]]:
    """The generated tables, by the names that the runtime has for them."""
    formats = {"attribute formats": Names({0: "TLV", 1: "TV"}, ())}
    lists = (found.fields.lists | formats).items()
    yield "strings", {name: {"names": one.names, "ranges": one.ranges} for name, one in lists}
    yield "field_rows", [row(field) for field in found.fields]
    yield "generic", found.generic
    yield "elements", found.elements
    yield "attributes", found.attributes
    yield "domains", found.domains
    yield "untyped_chain", found.untyped_chain
    yield "vendors", {"digests": {key.hex(): name for key, name in BY_DIGEST.items()}, "starts": dict(FIXED)}


def row(field: Field) -> list[Any]:
    """One field, as ``runtime/fields.lua`` reads it: what is not there at the end is left out."""
    kind = field.kind
    parts = [field.name, field.label, kind, field.doc, field.strings or None, field.mask or None]
    parts += [field.hexadecimal or None, field.bits or None]
    while parts[-1] is None:
        parts.pop()
    return parts


def assigned(name: str, value: Any) -> str:
    return f"G.{name} = {literal(value)}\n"


def part(name: str) -> str:
    """One of the runtime's files, as a block of its own: Lua has room for 200 local names in a block."""
    source = files("gsakmp.wireshark").joinpath("runtime", f"{name}.lua").read_text(encoding="utf-8")
    return f"-- {name} {'-' * (96 - len(name))}\n\ndo\n{source}end\n"
