"""What Wireshark shows: tshark with the dissector, its PDML read as a stream."""

from __future__ import annotations

import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from gsakmp.payloads import AddressRange, Subnet
from tests.interop.wireshark_fields import Shown

__all__ = ["Frame", "difference", "frames"]

GENERATED = ("gdoi.decrypted_with", "gdoi.domain", "gdoi.exchange", "gdoi.left_over")


@dataclass
class Frame:
    """The fields of a frame in order, and the expert notes: their names and texts."""

    number: int
    fields: list[ET.Element] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    base: int = 0
    there: bool = False

    @property
    def malformed(self) -> bool:
        """Whether a note says that something contradicts itself."""
        return any("/Malformed)" in text for _, text in self.notes)

    @property
    def faults(self) -> list[str]:
        """What the dissector did wrong by its own word or Wireshark's."""
        return [text for name, text in self.notes if "bug" in name or "Lua" in text]


def frames(tshark: str, script: Path, capture: Path, preferences: Mapping[str, str]) -> Iterator[Frame]:
    """Each frame of a capture. Raises AssertionError where tshark fails or speaks of a Lua error."""
    command = [tshark, "-X", f"lua_script:{script}", "-r", str(capture), "-T", "pdml", "-J", "gdoi"]
    for name, value in preferences.items():
        command += ["-o", f"gdoi.{name}:{value}"]
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
            assert process.stdout is not None
            for _, packet in ET.iterparse(process.stdout):
                if packet.tag == "packet":
                    yield frame_of(packet)
                    packet.clear()
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    assert process.returncode == 0, said
    assert "Lua" not in said, said


def frame_of(packet: ET.Element) -> Frame:
    out = Frame(0)
    for proto in packet.iter("proto"):
        if proto.get("name") == "geninfo":
            out.number = int(next(one.get("show") or 0 for one in proto if one.get("name") == "num"))
        if proto.get("name") == "gdoi":
            out.there, out.base = True, int(proto.get("pos") or 0)
            walk(proto, out)
    return out


def walk(parent: ET.Element, out: Frame) -> None:
    for child in parent:
        name = child.get("name") or ""
        if name == "_ws.expert":
            inner = next((one.get("name") or "" for one in child if "expert" in (one.get("name") or "")), "")
            out.notes.append((inner, child.get("showname") or ""))
        elif name.startswith("_ws."):
            if "Lua" in (child.get("showname") or ""):
                out.notes.append((name, child.get("showname") or ""))
        elif name.startswith("gdoi."):
            if name not in GENERATED:
                out.fields.append(child)
            walk(child, out)


def difference(wanted: Iterable[Shown], frame: Frame) -> str:
    """The first thing that Wireshark does not show as the library sees it; nothing where there is none."""
    seen = [one for one in frame.fields if not is_extra(one)]
    plaintext = False
    place = 0
    for shown in wanted:
        if shown.name == "gdoi.plaintext":
            plaintext = True
        while place < len(seen) and seen[place].get("name") != shown.name and may_be_skipped(seen[place]):
            place += 1
        if place == len(seen):
            return f"not shown: {shown}"
        problem = compared(shown, seen[place], 0 if plaintext else frame.base)
        if problem:
            return problem
        place += 1
    left = [one for one in seen[place:] if not may_be_skipped(one)]
    return f"shown, but not seen by the library: {left[0].attrib}" if left else ""


def is_extra(one: ET.Element) -> bool:
    """A bit of flags, which the library shows in one with the others."""
    name = one.get("name") or ""
    return ".flags." in name or ".situation." in name


def may_be_skipped(one: ET.Element) -> bool:
    """A container that the library has not: that of an element which is an attribute's value."""
    return len(one) > 0 and not one.get("show") and "mask" not in one.attrib


def compared(shown: Shown, one: ET.Element, base: int) -> str:
    about = f"{shown} but Wireshark has {one.attrib}"
    if one.get("name") != shown.name:
        return f"another name: {about}"
    at = int(one.get("pos") or 0) - base
    if shown.name == "gdoi.plaintext":  # in octets of its own, which PDML places where the message is
        at = 0
    if at != shown.at or int(one.get("size") or 0) != shown.size:
        return f"another place: {about}"
    if shown.container or not shown.size:
        return ""
    octets = one.get("unmaskedvalue") or one.get("value") or ""
    if octets.lower() != shown.octets:
        return f"other octets: {about}"
    if shown.text and not (one.get("showname") or "").endswith(f": {shown.text}"):
        return f"another text than {shown.text!r}: {about}"
    return "" if same_value(shown.value, one) else f"another value: {about}"


def same_value(value: Any, one: ET.Element) -> bool:
    show = one.get("show") or ""
    if isinstance(value, bool) or value is None or isinstance(value, Subnet | AddressRange):
        return True
    if isinstance(value, int):
        return int(show, 0) == value
    if isinstance(value, IPv4Address | IPv6Address):
        return show == str(value) or type(value)(show) == value
    return show == str(value)
