"""Pages made and taken apart: what is in one is read here with nothing of the code that wrote it."""

from __future__ import annotations

import base64
import io
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from gsakmp.captures import Datagram
from gsakmp.captures.opened import Check, GroupJoined, Opened
from gsakmp.captures.opening import Opener
from gsakmp.message import Message
from gsakmp.payloads import Identification, VendorID
from gsakmp.registries import GDOIIDType
from gsakmp.reports.page import write_page
from tests.unit.captures.opening_world import THREE_DES, datagrams, opened, psk_and_dh

HOSTILE = '</script><script>document.title="taken"</script><!--<img src=x onerror=alert(1)>\u202egnp.\u2066\x1b[2J\x00"\'&'
"""What an attacker might call himself: markup, a change of direction, a terminal's command, a zero."""

INDEX = re.compile(rb'<script type="text/plain" id="index">([A-Za-z0-9+/=]*)</script>')
BLOCK = re.compile(
    rb'<script type="text/plain" class="block" data-first="(\d+)" data-count="(\d+)">([A-Za-z0-9+/=]*)</script>'
)


@dataclass
class Leaf:
    """A field as the page has it."""

    path: str
    name: str
    at: int
    size: int
    text: str
    flags: int
    bits: int
    depth: int

    @property
    def pane(self) -> int:
        return self.flags // 8

    @property
    def container(self) -> bool:
        return bool(self.flags & 1)


@dataclass
class Read:
    """A page's data."""

    rows: list[list[Any]]
    meta: dict[str, Any]
    blocks: list[tuple[int, dict[str, Any]]]

    @property
    def entries(self) -> list[tuple[dict[str, Any], list[Any]]]:
        """Each message's entry, with the block that it is in."""
        return [(block, entry) for _, block in self.blocks for entry in block["messages"]]

    def fields(self, place: int) -> list[Leaf]:
        block, entry = self.entries[place]
        strings, shape, texts = block["strings"], block["shapes"][entry[2]], entry[3]
        out: list[Leaf] = []
        above: list[str] = []
        for i, text in enumerate(texts):
            depth, name, path, at, size, _, flags, bits = shape[8 * i : 8 * i + 8]
            del above[depth:]
            full = strings[path]
            if full.startswith((".", "[")):
                full = above[-1] + full
            above.append(full)
            out.append(Leaf(full, strings[name], at, size, strings[text], flags, bits, depth))
        return out

    def panes(self, place: int) -> dict[str, bytes]:
        block, entry = self.entries[place]
        return {block["strings"][name]: bytes.fromhex(octets) for name, octets in entry[5]}

    def octets(self, place: int, leaf: Leaf) -> bytes:
        return list(self.panes(place).values())[leaf.pane][leaf.at : leaf.at + leaf.size]


def unpacked(text: bytes) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text, validate=True)))


def inside(page: bytes) -> Read:
    index = INDEX.findall(page)
    assert len(index) == 1
    found = unpacked(index[0])
    blocks = [(int(first), int(count), unpacked(text)) for first, count, text in BLOCK.findall(page)]
    place = 0
    for first, count, block in blocks:
        assert (first, count) == (place, len(block["messages"]))
        place += count
    assert place == len(found["rows"])
    return Read(found["rows"], found["meta"], [(first, block) for first, _, block in blocks])


def made(records: Iterable[Opened], **options: Any) -> bytes:
    out = io.BytesIO()
    write_page(records, out, **options)
    return out.getvalue()


def longest() -> list[Opened]:
    """The longest GDOI capture, opened."""
    return opened(THREE_DES)


def many(number: int) -> Iterable[Opened]:
    """As many messages as wanted: the longest capture again and again, an hour later each time."""
    once = longest()
    for i in range(number):
        turn, found = divmod(i, len(once))
        given = once[found]
        datagram = msgspec.structs.replace(
            given.datagram, frame=i + 1, time=given.datagram.time + turn * 3_600_000_000_000
        )
        yield msgspec.structs.replace(given, number=i + 1, datagram=datagram)


def altered() -> list[Opened]:
    """The longest capture with one octet of push 2's signature turned over, and push 3 sent twice."""
    opener, out = Opener(psk_and_dh(THREE_DES)), []
    for datagram in datagrams(THREE_DES):
        octets = bytearray(datagram.octets)
        if datagram.frame == 12:
            octets[-12] ^= 1
        changed = msgspec.structs.replace(datagram, octets=bytes(octets))
        out.append(opener.feed(changed))
        if datagram.frame == 13:
            out.append(opener.feed(changed))
    return out


def hostile() -> list[Opened]:
    """Messages of a peer who hopes that somebody will look at them in a browser."""
    message = Message(
        initiator_cookie=b"<script>",
        exchange_type=2,
        payloads=(
            Identification(id_type=GDOIIDType.ID_FQDN, identification_data=HOSTILE.encode()),
            VendorID(vendor_id=HOSTILE.encode()),
        ),
    )
    found = Opener().feed(Datagram(message.build(), 1, 1, HOSTILE, 848, HOSTILE, 848))
    joined = GroupJoined(
        member=HOSTILE,
        address=HOSTILE,
        group=HOSTILE,
        sa=HOSTILE,
        rekey=None,
        data=(HOSTILE,),
        sequence_number=1,
    )
    return [
        msgspec.structs.replace(
            found, number=number, sa=HOSTILE, group=HOSTILE, member=HOSTILE, exchange=HOSTILE, reason=HOSTILE,
            checks=(Check(HOSTILE, False, HOSTILE),), events=(joined,),
        )
        for number in (1, 2)
    ]  # fmt: skip
