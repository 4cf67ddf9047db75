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
from gsakmp.captures.opened import (
    Check,
    DataSALearnt,
    ESPContent,
    Event,
    ExchangeKind,
    GroupJoined,
    ISAKMPSAEstablished,
    Opened,
    Sender,
    Status,
)
from gsakmp.captures.opening import Opener
from gsakmp.message import Message
from gsakmp.payloads import Attribute, Identification, KeyDownload, KeyPacket, VendorID
from gsakmp.registries import GDOIIDType, KeyDownloadType, SIDAttribute
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


# -- several members on one host -----------------------------------------------------------------------------

HERE = "127.0.0.1"
REKEYS, DATA = "239.192.84.1", "239.192.84.2"
GROUP = "key-id:0x00000054"


class OneHost:
    """What a capture of a key server and members on one host gives, as `Opener` would tell it."""

    def __init__(self, bits: int = 8, transform: str = "ESP_AES_GCM_16") -> None:
        self.bits, self.transform = bits, transform
        self.records: list[Opened] = []

    def add(self, source: int, to: tuple[str, int], octets: bytes = b"", **values: Any) -> None:
        number = len(self.records) + 1
        datagram = Datagram(octets or bytes(28), number, number, HERE, source, *to)
        self.records.append(
            Opened(number=number, datagram=datagram, **{"status": Status.OPENED, "sa": "5a" * 8} | values)
        )

    def joins(self, name: str, port: int, *ids: int) -> None:
        """A registration, which gives sender ids (RFC 6407, 5.6.4)."""
        sids = [Attribute(SIDAttribute.SID_VALUE, value, length=2) for value in ids]
        packet = KeyPacket(
            kd_type=KeyDownloadType.SID,
            attributes=(Attribute(SIDAttribute.NUMBER_OF_SID_BITS, self.bits), *sids),
        )
        joined = GroupJoined(
            member=f"fqdn:{name}.demo", address=f"{HERE}:{port}", group=GROUP, sa="5a", rekey=None, data=(),
            sequence_number=1, sender_ids=ids,
        )  # fmt: skip
        phase1 = ISAKMPSAEstablished(
            sa="5a", initiator=joined.member, responder="fqdn:gcks.demo", initiator_address=joined.address,
            responder_address=f"{HERE}:18480", suite="", method="", lifetime_seconds=None,
        )  # fmt: skip
        self.add(
            18480, (HERE, port), kind=ExchangeKind.PULL, sender=Sender.GCKS, step=4, group=GROUP,
            message=Message(exchange_type=32, payloads=(KeyDownload(key_packets=(packet,)),) if ids else ()),
            events=(phase1, joined),
        )  # fmt: skip

    def pushes(self, number: int = 1) -> None:
        sa: tuple[Event, ...] = (
            DataSALearnt(
                sa="0a0b0c0d", protocol="ESP", group=GROUP, source="", destination=DATA,
                transform=self.transform, integrity="", key_length=128, lifetime_seconds=60, holders=(),
            ),
        )  # fmt: skip
        self.add(
            18480, (REKEYS, 18480), kind=ExchangeKind.PUSH, sender=Sender.GCKS, step=number, group=GROUP,
            events=sa, message=Message(exchange_type=33),
        )  # fmt: skip

    def sends(self, port: int, iv: str) -> None:
        """A data packet: SPI, sequence number, IV (RFC 4303, 2; RFC 4106, 3.1), and what is encrypted."""
        octets = bytes.fromhex(f"0a0b0c0d 00000001 {iv}") + bytes(24)
        self.add(
            port, (DATA, 18481), octets, kind=ExchangeKind.ESP, sender=Sender.MEMBER, group=GROUP,
            esp=ESPContent(spi="0a0b0c0d", sequence_number=1, payload=b"hello", group=GROUP),
        )  # fmt: skip


def one_host() -> list[Opened]:
    """Three members, two of which send from ports that they use for nothing else."""
    world = OneHost()
    for name, port, number in (("alice", 18491, 0), ("carol", 18492, 1), ("bob", 18493, 2)):
        world.joins(name, port, number)
    world.pushes()
    for port, iv in (
        (38507, "00 00000000000001"),
        (44761, "02 00000000000001"),
        (38507, "00 00000000000002"),
    ):
        world.sends(port, iv)
    return world.records
