"""Hold gsakmp's registries against IANA's: ``python tools/iana.py check`` or ``show REGISTRY``.

``check`` compares each class that claims IANA registries with the copy under ``tools/iana/`` (or with
newer files, ``--against DIR``): numbers, names, references, forms and ranges. It prints what differs
and exits 1. ``show`` prints the source of a class to start from, for ``file/registry-id``.
"""

from __future__ import annotations

import argparse
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gsakmp.registries import OpenEnum, OpenFlag

ROOT: Final = Path(__file__).resolve().parent.parent
XML: Final = "{http://www.iana.org/assignments}"
FILES: Final = ("isakmp-registry", "ipsec-registry", "gdoi-payloads", "ikev2-parameters")

SPELLED: Final[dict[str, dict[str, str]]] = {
    "PayloadType": {
        "SA": "Security Association (SA)",
        "SA_KEK": "SA KEK Payload (SAK)",
        "SA_TEK": "SA TEK Payload (SAT)",
    },
    "EncryptionAlgorithm": {"TRIPLE_DES_CBC": "3DES-CBC"},
    "AuthenticationMethod": {
        "ECDSA_SHA256_P256": "ECDSA with SHA-256 on the P-256 curve",
        "ECDSA_SHA384_P384": "ECDSA with SHA-384 on the P-384 curve",
        "ECDSA_SHA512_P521": "ECDSA with SHA-512 on the P-521 curve",
    },
    "GroupDescription": {
        "MODP_768": "default 768-bit MODP group",
        "MODP_1024": "alternate 1024-bit MODP group",
        "EC2N_155": "EC2N group on GP[2^155]",
        "EC2N_185": "EC2N group on GP[2^185]",
        "EC2N_163_GROUP_6": "EC2N group over GF[2^163](see Note)",
        "EC2N_163_GROUP_7": "EC2N group over GF[2^163](see Note)",
        "EC2N_283_GROUP_8": "EC2N group over GF[2^283](see Note)",
        "EC2N_283_GROUP_9": "EC2N group over GF[2^283](see Note)",
        "EC2N_409_GROUP_10": "EC2N group over GF[2^409](see Note)",
        "EC2N_409_GROUP_11": "EC2N group over GF[2^409](see Note)",
        "EC2N_571_GROUP_12": "EC2N group over GF[2^571](see Note)",
        "EC2N_571_GROUP_13": "EC2N group over GF[2^571](see Note)",
        "MODP_1024_SUBGROUP_160": "1024-bit MODP Group with 160-bit Prime Order Subgroup",
        "MODP_2048_SUBGROUP_224": "2048-bit MODP Group with 224-bit Prime Order Subgroup",
        "MODP_2048_SUBGROUP_256": "2048-bit MODP Group with 256-bit Prime Order Subgroup",
        **{f"MODP_{size}": f"{size}-bit MODP group" for size in (1536, 2048, 3072, 4096, 6144, 8192)},
        **{f"ECP_{size}": f"{size}-bit random ECP group" for size in (256, 384, 521)},
        **{f"ECP_{size}": f"{size}-bit Random ECP Group" for size in (192, 224)},
        **{f"BRAINPOOL_{size}": f"{size}-bit Brainpool ECP group" for size in (224, 256, 384, 512)},
    },
    "IPsecAttribute": {"EXTENDED_SEQUENCE_NUMBER": "Extended (64-bit) Sequence Number"},
    "ExtSeqNumber": {"SEQUENCE_NUMBER_64_BIT": "64-bit Sequence Number"},
}
"""IANA's name of each member whose own is not IANA's in capitals: too long, or no Python name."""

PRIVATE_FROM: Final = {
    # The octet ends at 255, where IANA's newer registry of the types has not even started its range.
    "GDOIIDType": "gdoi-payloads/gdoi-payloads-1",
    # A DOI's own exchanges are 32 to 239; what lies above is every DOI's.
    "GDOIExchangeType": "ipsec-registry/ipsec-registry-17",
    "IPsecExchangeType": "ipsec-registry/ipsec-registry-17",
}
"""Classes whose private range stands in another registry than the numbers do."""

RANGES_FROM: Final = {"NotifyType": "ipsec-registry/ipsec-registry-22"}
"""Classes with further ranges in a registry of ranges alone."""

UNCLAIMED: Final = {
    "gdoi-payloads/gdoi-payloads-1": "gdoi-payloads/id-types took its place",
    "ipsec-registry/ipsec-registry-22": "ranges alone, which NotifyType has",
}
"""Registries with numbers that no class claims, and why. Of IKEv2 only what is needed is here."""

Range = tuple[int, int]


class Unreadable(Exception):
    """A file or registry that cannot be had."""


@dataclass(frozen=True)
class Record:
    """One line of a registry: the numbers from `first` to `last`, both included."""

    first: int
    last: int
    name: str
    reference: str
    form: str | None

    @property
    def kind(self) -> str:
        """``private``, ``reserved`` or ``free`` for a range of nothing, ``assigned`` for a number."""
        name = self.name.lower()
        if "private use" in name:
            return "private"
        if name.startswith("reserved"):
            return "reserved"
        if self.first != self.last or name.startswith("unassigned"):
            return "free"
        return "assigned"


Registries = dict[str, list[Record]]


def read(folder: Path) -> tuple[Registries, dict[str, str]]:
    """Every registry of the four files by ``file/id``, and the titles."""
    registries: Registries = {}
    titles: dict[str, str] = {}
    for file in FILES:
        path = folder / f"{file}.xml"
        try:
            root = ET.parse(path).getroot()
        except (OSError, ET.ParseError) as problem:
            raise Unreadable(f"{path}: {problem}") from None
        for registry in root.iter(f"{XML}registry"):
            place = f"{file}/{registry.get('id', '')}"
            registries[place] = list(records(registry))
            titles[place] = collapsed(registry.findtext(f"{XML}title"))
    return registries, titles


def records(registry: ET.Element) -> Iterator[Record]:
    """The lines of one registry, without those of the registries inside it."""
    for record in registry.findall(f"{XML}record"):
        texts = {child.tag.removeprefix(XML): collapsed(child.text) for child in record}
        value = texts.get("value", texts.get("range", ""))
        name = next((texts[tag] for tag in ("name", "description", "note") if tag in texts), "")
        if not numbers(value):  # the GDOI exchange types have the two columns the other way round
            value, name = name, value
        found = numbers(value)
        if found:
            yield Record(found[0], found[-1], name, references(record), texts.get("type"))


def numbers(text: str) -> list[int]:
    """``7``, ``0x07`` or ``7-9`` as one or two numbers; nothing for any other text."""
    ends = re.fullmatch(r"(0x[0-9a-fA-F]+|\d+)(?:\s*-\s*(0x[0-9a-fA-F]+|\d+))?", text)
    return [int(end, 0) for end in ends.groups() if end] if ends else []


def references(record: ET.Element) -> str:
    """The documents of a record, as the members write them."""
    found = []
    for xref in record.iter(f"{XML}xref"):
        kind, data = xref.get("type"), xref.get("data", "")
        if kind == "rfc":
            found.append(f"RFC {data.removeprefix('rfc')}")
        elif kind == "rfc-errata":
            found.append(f"RFC Errata {data}")
        elif kind == "text":
            found.append(collapsed(xref.text))
        elif kind in ("person", "draft"):
            found.append(data.replace("_", " "))
    return ", ".join(found)


def collapsed(text: str | None) -> str:
    """A text with each run of white space as one space."""
    return " ".join((text or "").split())


def python_name(name: str) -> str:
    """IANA's name as a member's: in capitals, without the abbreviation in parentheses at its end."""
    return re.sub(r"[^A-Z0-9]+", "_", re.sub(r"\s*\([^()]*\)$", "", name).upper()).strip("_")


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Ranges in order, neighbours joined."""
    result: list[Range] = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return tuple(result)


def ranges_of(records: Iterable[Record], kind: str, width: int) -> tuple[Range, ...]:
    """The ranges of one kind, as far as they fit the field."""
    top = (1 << width) - 1
    return merged((r.first, min(r.last, top)) for r in records if r.kind == kind and r.first <= top)


def claimed(places: Iterable[str], registries: Registries) -> list[Record]:
    """The records of the registries that a class names."""
    lines: list[Record] = []
    for place in places:
        if place not in registries:
            raise Unreadable(f"no registry {place}")
        lines += registries[place]
    return lines


def differences(cls: type[OpenEnum] | type[OpenFlag], registries: Registries) -> Iterator[str]:
    """What of one class is not as IANA has it."""
    from gsakmp.registries import OpenEnum

    lines = claimed(cls.iana, registries)
    assigned = {line.first: line for line in lines if line.kind == "assigned"}
    extra = cls.extra if issubclass(cls, OpenEnum) else frozenset()
    yield from missing(cls, assigned)
    for member in cls:
        line = assigned.get(member.value)
        if line is not None:
            yield from member_differences(cls.__name__, member, line)
        elif member.name != "RESERVED" and member.value not in extra:
            yield f"{cls.__name__}.{member.name} = {member.value}: IANA does not have it"
    if issubclass(cls, OpenEnum):
        yield from extra_differences(cls, assigned)
        yield from range_differences(cls, lines, registries)


def missing(cls: type[OpenEnum] | type[OpenFlag], assigned: dict[int, Record]) -> Iterator[str]:
    """Numbers that IANA assigned and the class lacks."""
    here = {member.value for member in cls}
    for value, line in assigned.items():
        if value not in here:
            yield f"{cls.__name__}: IANA has {value} {line.name} ({line.reference})"


def member_differences(owner: str, member: OpenEnum | OpenFlag, line: Record) -> Iterator[str]:
    """Name, reference and form of one member against its record."""
    label = f"{owner}.{member.name} = {member.value}"
    spelled = SPELLED.get(owner, {}).get(member.name or "")
    if line.name != spelled if spelled else python_name(line.name) != member.name:
        yield f"{label}: IANA's name is {line.name!r}" + (f", not {spelled!r}" if spelled else "")
    if line.reference != member.reference:
        yield f"{label}: IANA's reference is {line.reference!r}, not {member.reference!r}"
    form = getattr(member, "form", None)
    if line.form != form:
        yield f"{label}: IANA's form is {line.form}, not {form}"


def extra_differences(cls: type[OpenEnum], assigned: dict[int, Record]) -> Iterator[str]:
    """What is declared as extra must be there, must say where from, and must not be IANA's."""
    for value in sorted(cls.extra):
        member = cls(value)
        if not member.named:
            yield f"{cls.__name__}: extra {value} is no member"
        elif not member.reference:
            yield f"{cls.__name__}.{member.name} = {value}: extra without a source"
        if value in assigned:
            yield f"{cls.__name__}.{member.name} = {value}: extra, but IANA has it ({assigned[value].name})"


def range_differences(cls: type[OpenEnum], lines: list[Record], registries: Registries) -> Iterator[str]:
    """The private and reserved ranges."""
    more = [RANGES_FROM[cls.__name__]] if cls.__name__ in RANGES_FROM else []
    lines = [*lines, *claimed(more, registries)]
    other = PRIVATE_FROM.get(cls.__name__)
    private_lines = claimed([other], registries) if other else lines
    # A draft's number that IANA lists as reserved for that draft is no free range here.
    reserved = tuple(r for r in ranges_of(lines, "reserved", cls.width) if not single(r, cls.extra))
    for kind, here, there in (
        ("private", merged(cls.private), ranges_of(private_lines, "private", cls.width)),
        ("reserved", merged(cls.reserved), reserved),
    ):
        if here != there:
            yield f"{cls.__name__}: IANA's {kind} ranges are {shown(there)}, not {shown(here)}"


def single(span: Range, values: frozenset[int]) -> bool:
    """Whether a range is one of these numbers alone."""
    return span[0] == span[1] and span[0] in values


def shown(ranges: tuple[Range, ...]) -> str:
    """Ranges for people."""
    return ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in ranges) or "none"


def unclaimed(registries: Registries, claims: set[str]) -> Iterator[str]:
    """Registries with assigned numbers that no class holds."""
    for place, lines in registries.items():
        known = place in claims or place in UNCLAIMED or place.startswith("ikev2-parameters/")
        if not known and any(line.kind == "assigned" for line in lines):
            yield f"no class claims {place}"


def check(folder: Path) -> int:
    """Compare every class; 0 where nothing differs, else 1."""
    from gsakmp.registries import ALL

    registries, _ = read(folder)
    claiming = [cls for cls in ALL if cls.iana]
    found = [text for cls in claiming for text in differences(cls, registries)]
    found += unclaimed(registries, {place for cls in claiming for place in cls.iana})
    for text in found:
        print(text)
    print(f"{len(claiming)} classes against {folder.name}: {len(found) or 'no'} differences")
    return 1 if found else 0


def show(place: str) -> int:
    """Print a class to start from."""
    registries, titles = read(ROOT / "tools" / "iana")
    if place not in registries:
        print(*(f"{name}  {titles[name]}" for name in registries), sep="\n")
        raise Unreadable(f"no registry {place}; above are those that there are")
    lines = registries[place]
    width = 8 if all(line.last < 1 << 8 for line in lines) else 16
    print(f"class {re.sub('[^A-Za-z0-9]', '', titles[place].title())}(")
    print(f'    OpenEnum,\n    width={width},\n    source="IANA {place.partition("/")[0]}",')
    for kind in ("private", "reserved"):
        if spans := ranges_of(lines, kind, 32):
            print(f"    {kind}={spans},")
    print(f'    iana=("{place}",),\n):\n    """{titles[place]}."""\n')
    for line in lines:
        if line.kind == "assigned":
            form = f', "{line.form}"' if line.form else ""
            print(f'    {python_name(line.name)} = {line.first}, "{line.reference}"{form}')
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command: 0 for no difference, 1 for some, 2 for what cannot be read."""
    if str(ROOT) not in sys.path:  # so that it runs from a checkout that is not installed
        sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(prog="iana.py", description="gsakmp's registries against IANA's")
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check", help="list what differs")
    checking.add_argument("--against", type=Path, default=ROOT / "tools" / "iana", metavar="DIR")
    showing = commands.add_parser("show", help="print a class to start from")
    showing.add_argument("registry", help="such as gdoi-payloads/gdoi-payloads-4")
    chosen = parser.parse_args(arguments)
    try:
        return check(chosen.against) if chosen.command == "check" else show(chosen.registry)
    except Unreadable as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
