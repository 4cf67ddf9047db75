"""Every message of the captures: dissected, rebuilt from its fields, and without its numbers."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scapy.config import conf
from scapy.contrib.ikev2 import IKEv2
from scapy.layers.inet import UDP
from scapy.packet import Raw
from scapy.utils import rdpcap

import gsakmp
from gsakmp.doi import dialect_named
from gsakmp.layers import Header, message_of, packet_of
from tests.conftest import PCAPS
from tests.independent import read_message
from tests.unit.layers.samples import without_numbers

CAPTURES = sorted(path for path in PCAPS.rglob("*") if path.suffix in (".pcap", ".pcapng", ".cap"))
SESSIONS = sorted((PCAPS / "gdoi").glob("*.json"))
NAMES = {
    "SA": "GroupSA", "KE": "KeyExchange", "ID": "Identification", "HASH": "Hash", "SIG": "Signature",
    "NONCE": "Nonce", "D": "GroupDelete", "SEQ": "SequenceNumber", "KD": "KeyDownload", "SAK": "SAKEK",
    "GAP": "GroupAssociatedPolicy", "SAT": "SATEK", "N": "Notification",
}  # fmt: skip


def dialect_of(path: Path) -> str:
    """What the daemon that a capture was taken from speaks (pcaps/README.md)."""
    if "gdoi" not in path.parts:
        return "standard"
    return "gdoid-big-endian" if "loopback" in path.name else "gdoid"


def packets(path: Path) -> list[Any]:
    before = conf.contribs["gsakmp"]
    conf.contribs["gsakmp"] = {**before, "dialect": dialect_of(path)}
    try:
        return list(rdpcap(str(path)))
    finally:
        conf.contribs["gsakmp"] = before


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_every_frame_is_rebuilt(path: Path) -> None:
    for packet in packets(path):
        assert bytes(packet) == packet.original


def sound_messages() -> Iterator[tuple[Any, gsakmp.Message]]:
    for path in CAPTURES:
        for packet in packets(path):
            if Header in packet:
                try:
                    yield packet, message_of(packet)
                except gsakmp.DecodeError:
                    assert path.parent.name == "malformed" or "plaintext" in path.name


def test_every_sound_message_is_rebuilt_without_its_numbers() -> None:
    seen = Counter[bool]()
    for packet, message in sound_messages():
        header = packet[Header]
        copy = header.copy()
        assert copy.raw_packet_cache is None
        without_numbers(copy)
        if message.encrypted:
            copy.next_payload = header.next_payload  # nothing but the header says what is encrypted
            assert isinstance(header.payload, Raw)
            assert header.payload.load == message.ciphertext
        assert copy.do_build() == header.original[: header.message_length]
        seen[message.encrypted] += 1
    assert seen[False] > 40
    assert seen[True] > 40


def test_every_sound_message_is_the_librarys() -> None:
    for packet, message in sound_messages():
        header = packet[Header]
        octets = header.original[: header.message_length]
        again = packet_of(message.replace(non_esp_marker=False))
        assert bytes(again) == octets == gsakmp.build(message.replace(non_esp_marker=False))
        marked = b"\0" * 4 * message.non_esp_marker + octets
        assert message == gsakmp.parse(marked, port=port_of(packet), dialect=message.dialect)
        if not message.encrypted:
            layers = [type(layer).__name__ for layer in header.iterpayloads()][1:]
            assert layers == [type(payload).__name__ for payload in message.payloads]


def port_of(packet: Any) -> int:
    ports = {packet[UDP].sport, packet[UDP].dport}
    return next(port for port in (4500, 848, 500) if port in ports)


def plaintexts() -> Iterator[tuple[str, dict[str, Any], bytes]]:
    for path in SESSIONS:
        for message in json.loads(path.read_text())["messages"]:
            if message["plaintext_after_header"] is not None:
                header = bytearray.fromhex(message["wire"])[:28]
                body = bytes.fromhex(message["plaintext_after_header"])
                header[19] &= ~1
                header[24:28] = (28 + len(body)).to_bytes(4, "big")
                yield path.stem, message, bytes(header) + body


@pytest.mark.parametrize(
    ("session", "message", "octets"), list(plaintexts()), ids=lambda x: x if isinstance(x, str) else ""
)
def test_what_the_daemon_encrypted(session: str, message: dict[str, Any], octets: bytes) -> None:
    dialect = dialect_of(Path("gdoi", session))
    packet = Header(octets, dialect=dialect)
    assert bytes(packet) == octets
    layers = [type(layer).__name__ for layer in packet.iterpayloads()][1:]
    padding = message.get("pad_octets") or (len(packet[Raw].load) if Raw in packet else 0)
    if "payloads" in message and message["exchange_type"] in (32, 33):
        assert [name for name in layers if name != "Raw"] == [NAMES[name] for name in message["payloads"]]
    if padding:
        assert layers[-1] == "Raw"
        assert len(packet.lastlayer().load) == padding
    copy = without_numbers(packet.copy())
    assert bytes(copy) == octets
    strict = bytearray(octets[: len(octets) - padding])
    strict[24:28] = len(strict).to_bytes(4, "big")
    parsed = gsakmp.parse(bytes(strict), dialect=dialect_named(dialect))
    assert message_of(Header(bytes(strict), dialect=dialect)) == parsed


def test_the_daemons_addresses_and_keys_against_an_independent_reading() -> None:
    seen = 0
    for session, _, octets in plaintexts():
        if "3des" not in session:
            continue
        packet = Header(octets, dialect="gdoid")
        group = packet.getlayer("GroupSA")
        if group is None or octets[18] != 32:
            continue
        read = read_message(octets, 2, daemon=True)
        wanted = next(payload for payload in read["payloads"] if payload["type"] == 1)["sa_attributes"]
        assert [attribute.kind for attribute in group.sa_attributes] == [each["type"] for each in wanted]
        kek, tek = group.sa_attributes[0], group.sa_attributes[2].tek
        assert kek.spi.hex() == wanted[0]["spi"]
        assert kek.destination_id_data == "239.10.1.1"
        assert tek.spi.hex() == wanted[2]["spi"]
        assert tek.source_id_data.startswith(("10.0.", "172.", "239."))
        seen += 1
    assert seen == 1


def test_version_2_stays_with_scapys_own_layer() -> None:
    seen = Counter[str]()
    for path in (PCAPS / "ikev2").glob("*.pcap"):
        for packet in packets(path):
            if UDP in packet and 500 in (packet.sport, packet.dport):
                assert Header not in packet
                assert IKEv2 in packet
                seen[path.name] += 1
            elif UDP in packet:
                assert Header not in packet
    assert len(seen) >= 3


def test_port_4500_tells_messages_esp_and_keepalives_apart() -> None:
    seen = Counter[str]()
    for packet in packets(PCAPS / "ikev1" / "isakmp4500.pcap"):
        if UDP in packet and 4500 in (packet.sport, packet.dport):
            seen["/".join(layer.__name__ for layer in packet[UDP].payload.layers()[:2])] += 1
    assert seen["NON_ESP/Header"] > 0
    assert seen["ESP"] > 0
    assert seen["NAT_KEEPALIVE"] > 0
    assert set(seen) <= {"NON_ESP/Header", "ESP", "NAT_KEEPALIVE"}
