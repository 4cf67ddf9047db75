"""Captures in plain, beside the plaintext captures that tools/sessions.py makes of the daemon's own log, and
with tshark as the judge of lengths and checksums."""

from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import dpkt
import pytest
from dpkt.pcapng import PCAPNG_OPT_COMMENT

from gsakmp.captures import Datagram, read
from gsakmp.captures.decrypted import plain_frame
from gsakmp.captures.frames import FrameCapture
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opening import Opener
from gsakmp.captures.pcapng import PcapngWriter
from gsakmp.crypto import gcm
from gsakmp.crypto.esp import seal_esp, sender_iv
from gsakmp.errors import EncodeError, LocalError
from gsakmp.registries import ESPTransformID
from tests.conftest import PCAPS
from tests.unit.captures import files
from tests.unit.captures.opening_world import GAP, SESSIONS, psk_and_dh

PLAIN = sorted(path.stem for path in (PCAPS / "gdoi" / "plaintext").glob("*.pcap"))
TEK = bytes(range(20))
SPI = bytes.fromhex("0a0b0c0d")
TEKS = Keyring([Secret(Kind.TEK, "0a0b0c0d/ESP_AES_GCM_16", TEK)])


def decrypted(source: Path | io.BytesIO, keyring: Keyring, out: Path) -> Path:
    """The capture in plain."""
    opener = Opener(keyring)
    with out.open("wb") as file:
        writer = PcapngWriter(file)
        for frame in FrameCapture(source, esp=True).frames():
            plain = None
            if frame.datagram is not None:
                plain = plain_frame(frame, opener.feed(frame.datagram))
            if plain is None:
                writer.write(frame.time, frame.link_type, frame.octets, frame.wire_octets)
            else:
                writer.write(frame.time, plain.link_type, plain.octets, comment=plain.comment)
    return out


def blocks(path: Path) -> Iterator[tuple[int, int, int, bytes, bytes]]:
    """Of each packet block interface, time, wire length, octets and comment, read octet by octet."""
    octets, at = path.read_bytes(), 0
    while at < len(octets):
        kind, size = struct.unpack_from("<II", octets, at)
        assert size % 4 == 0
        assert struct.unpack_from("<I", octets, at + size - 4) == (size,)
        if kind == 6:
            interface, high, low, captured, wire = struct.unpack_from("<5I", octets, at + 8)
            rest = at + 28 + captured + -captured % 4
            comment = b""
            if rest < at + size - 4:
                code, length = struct.unpack_from("<HH", octets, rest)
                assert code == PCAPNG_OPT_COMMENT
                comment = octets[rest + 4 : rest + 4 + length]
            yield interface, high << 32 | low, wire, octets[at + 28 : at + 28 + captured], comment
        at += size


def fields(tshark: str, path: Path, *names: str, ports: Iterable[int] = (848,)) -> list[list[str]]:
    command = [tshark, "-r", str(path), "-T", "fields", "-o", "ip.check_checksum:TRUE"]
    command += ["-o", "udp.check_checksum:TRUE", "-o", "ip.defragment:TRUE"]
    for port in ports:
        command += ["-d", f"udp.port=={port},isakmp"]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", PLAIN)
def test_the_messages_are_those_of_the_daemons_log(name: str, tmp_path: Path) -> None:
    source = PCAPS / "gdoi" / f"{name}.pcap"
    out = decrypted(source, psk_and_dh(name), tmp_path / "plain.pcapng")
    wanted = [datagram.octets for datagram in read(PCAPS / "gdoi" / "plaintext" / f"{name}.pcap")]
    with out.open("rb") as file:
        found = list(dpkt.pcapng.Reader(file))
    assert [dpkt.ethernet.Ethernet(octets).data.data.data for _, octets in found] == wanted
    assert [datagram.octets for datagram in read(out)] == wanted
    assert [datagram.time for datagram in read(out)] == [datagram.time for datagram in read(source)]


@pytest.mark.parametrize("name", SESSIONS)
def test_what_changes_says_so_and_what_does_not_stays(name: str, tmp_path: Path) -> None:
    source = PCAPS / "gdoi" / f"{name}.pcap"
    before = list(FrameCapture(source).frames())
    after = list(blocks(decrypted(source, psk_and_dh(name), tmp_path / "plain.pcapng")))
    assert len(before) == len(after)
    for frame, (_, time, wire, octets, comment) in zip(before, after, strict=True):
        encrypted = frame.datagram is not None and frame.datagram.octets[19] & 1
        assert time == frame.time
        assert wire == len(octets)
        assert comment.startswith(b"gsakmp: decrypted ") == bool(encrypted)
        if not encrypted:
            assert (octets, comment) == (frame.octets, b"")


def test_tshark_finds_every_length_and_checksum_right(tshark: str, tmp_path: Path) -> None:
    for name in SESSIONS:
        out = decrypted(PCAPS / "gdoi" / f"{name}.pcap", psk_and_dh(name), tmp_path / "plain.pcapng")
        names = ("isakmp.flag_e", "ip.checksum.status", "udp.checksum.status", "frame.comment")
        for encrypted, ip, udp, comment in fields(tshark, out, *names):
            assert encrypted == "0"
            if comment:
                assert (ip, udp) == ("1", "1")  # 1 is good


def test_nothing_of_the_key_ring_is_in_the_file(tmp_path: Path) -> None:
    keyring = psk_and_dh(GAP)
    octets = decrypted(PCAPS / "gdoi" / f"{GAP}.pcap", keyring, tmp_path / "plain.pcapng").read_bytes()
    assert keyring
    for secret in keyring:
        assert secret.octets not in octets
        assert secret.octets.hex().encode() not in octets


# -- whatever is around a message ----------------------------------------------------------------------------


def datagrams() -> list[Datagram]:
    return list(read(PCAPS / "gdoi" / f"{GAP}.pcap"))


FORTH = {4: files.ipv4(b"")[12:20], 16: files.ipv6(b"")[8:40]}
BACK = {size: both[size:] + both[:size] for size, both in FORTH.items()}


def directed(datagram: Datagram, kind: str) -> list[bytes]:
    """Frames from the member to the key server, or back."""
    frames = around(datagram, kind)
    if datagram.source_address == datagrams()[0].source_address:
        return frames
    size = 16 if "ipv6" in kind else 4  # turned round, the addresses have the same checksum
    return [frame.replace(FORTH[size], BACK[size], 1) for frame in frames]


def around(datagram: Datagram, kind: str) -> list[bytes]:
    """Frames of Ethernet that carry a datagram, made by hand."""
    segment = files.udp(datagram.octets)
    half = (len(segment) // 16) * 8
    if kind == "plain":
        return [files.ethernet(files.ipv4(segment))]
    if kind == "padded":
        return [files.ethernet(files.ipv4(segment)) + b"trailer"]
    if kind == "vlan":
        return [bytes(12) + b"\x81\x00\x00\x07" + b"\x08\x00" + files.ipv4(segment)]
    if kind == "options":
        return [files.ethernet(files.ipv4(segment, options=b"\x01" * 8))]
    if kind == "fragments":
        first = files.ipv4(segment[:half], flags=0x2000, identification=datagram.frame)
        last = files.ipv4(segment[half:], flags=half // 8, identification=datagram.frame)
        return [files.ethernet(first), files.ethernet(last)]
    sound = segment[:6] + checksum6(segment).to_bytes(2, "big") + segment[8:]
    if kind == "ipv6":
        return [files.ethernet(files.ipv6(sound), 0x86DD)]
    if kind == "ipv6 options":
        return [files.ethernet(files.ipv6(b"\x11\x00\x01\x04" + bytes(4) + sound, 0), 0x86DD)]
    header = struct.Struct(">BBHI")
    first = header.pack(17, 0, 1, datagram.frame) + sound[:half]
    last = header.pack(17, 0, half, datagram.frame) + sound[half:]
    return [files.ethernet(files.ipv6(each, 44), 0x86DD) for each in (first, last)]


def checksum6(segment: bytes) -> int:
    """Word by word."""
    addresses = files.ipv6(b"")[8:40]
    octets = addresses + struct.pack(">II", len(segment), 17) + segment + bytes(len(segment) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF) or 0xFFFF


@pytest.mark.parametrize(
    "kind",
    ["plain", "padded", "vlan", "options", "fragments", "ipv6", "ipv6 options", "ipv6 fragments"],
)
def test_headers_stay_and_lengths_follow(kind: str, tshark: str, tmp_path: Path) -> None:
    frames = [frame for datagram in datagrams() for frame in directed(datagram, kind)]
    given = files.pcap([(second, 0, frame) for second, frame in enumerate(frames, 1)])
    out = decrypted(io.BytesIO(given), psk_and_dh(GAP), tmp_path / "plain.pcapng")
    wanted = [each.octets for each in read(PCAPS / "gdoi" / "plaintext" / f"{GAP}.pcap")]
    found = list(blocks(out))
    assert len(found) == len(frames)
    for frame, (_, _, _, octets, comment) in zip(frames, found, strict=True):
        if not comment:
            assert octets == frame
    whole = [each.octets for each in read(out, esp=True)]
    changed = [each for each in found if each[4]]
    assert len(changed) == len([each for each in datagrams() if each.octets[19] & 1])
    assert whole[-len(changed) :] == wanted[-len(changed) :]
    names = ("frame.comment", "isakmp.flag_e", "ip.checksum.status", "udp.checksum.status", "udp.length")
    told = [row for row in fields(tshark, out, *names) if row[0]]
    assert len(told) == len(changed)
    for row, octets in zip(told, wanted[-len(changed) :], strict=True):
        assert row[1] == "0"
        assert row[2] == ("" if "ipv6" in kind else "1")
        assert row[3] == ("1" if "ipv6" in kind or kind == "fragments" else "3")  # 3: there is none
        assert int(row[4]) == 8 + len(octets)


def test_a_frame_captured_short_stays_short(tmp_path: Path) -> None:
    frame = files.ethernet(files.ipv4(files.udp(datagrams()[4].octets)))
    given = files.section() + files.interface() + files.packet(frame[:90], missing=len(frame) - 90)
    ((_, _, wire, octets, comment),) = blocks(
        decrypted(io.BytesIO(given), psk_and_dh(GAP), tmp_path / "plain.pcapng")
    )
    assert (wire, octets, comment) == (len(frame), frame[:90], b"")


def test_interfaces_by_link_type_and_exact_times(tmp_path: Path) -> None:
    interfaces = files.interface(1, files.option(9, b"\x09")) + files.interface(101, files.option(9, b"\x09"))
    bare = files.ipv4(files.udp())
    given = files.section() + interfaces
    given += files.packet(files.ethernet(bare), 0, 1_700_000_000_123_456_789)
    given += files.packet(bare, 1, 1_700_000_001_000_000_001)
    out = decrypted(io.BytesIO(given), Keyring(), tmp_path / "plain.pcapng")
    assert [(each[0], each[1], each[3]) for each in blocks(out)] == [
        (0, 1_700_000_000_123_456_789, files.ethernet(bare)),
        (1, 1_700_000_001_000_000_001, bare),
    ]


# -- ESP -----------------------------------------------------------------------------------------------------


def sealed(number: int, next_header: int, payload: bytes) -> bytes:
    cipher = gcm(ESPTransformID.ESP_AES_GCM_16, 128)
    return seal_esp(cipher, TEK, SPI, number, sender_iv(1, 16, number), next_header, payload)


def test_esp_gives_way_to_what_it_held(tshark: str, tmp_path: Path) -> None:
    inner4, inner6, inner_udp = (
        files.ipv4(files.udp(b"four")),
        files.ipv6(files.udp(b"six")),
        files.udp(b"bare"),
    )
    packets = [sealed(1, 4, inner4), sealed(2, 41, inner6), sealed(3, 17, inner_udp), sealed(4, 59, b"none")]
    frames = [files.ethernet(files.ipv4(packet, 50)) for packet in packets]
    frames += [files.ethernet(files.ipv4(files.udp(sealed(5, 17, inner_udp), 4500, 4500)))]
    frames += [files.ethernet(files.ipv6(sealed(6, 17, inner_udp), 50), 0x86DD)]
    given = files.pcap([(second, 0, frame) for second, frame in enumerate(frames, 1)])
    out = decrypted(io.BytesIO(given), TEKS, tmp_path / "plain.pcapng")
    found = [(interface, octets) for interface, _, _, octets, _ in blocks(out)]
    assert found[0] == (0, files.ethernet(inner4))
    assert found[1] == (1, inner6)  # Ethernet said IPv4, so it goes without
    names = ("ip.proto", "ipv6.nxt", "ip.checksum.status", "udp.length", "data.data", "frame.comment")
    rows = fields(tshark, out, *names)
    assert [row[0] for row in rows] == ["17", "", "17", "59", "17", ""]
    assert [row[2] for row in rows[2:5]] == ["1", "1", "1"]
    assert [row[4] for row in rows if row[4]] == [
        each.hex() for each in (b"four", b"six", b"bare", b"none", b"bare", b"bare")
    ]
    assert all(row[5].startswith("gsakmp: ESP 0a0b0c0d opened") for row in rows)


def test_esp_that_was_altered_stays(tmp_path: Path) -> None:
    octets = bytearray(sealed(1, 17, files.udp()))
    octets[-1] ^= 1
    frame = files.ethernet(files.ipv4(bytes(octets), 50))
    given = files.pcap([(1, 0, frame)])
    ((_, _, _, after, comment),) = blocks(decrypted(io.BytesIO(given), TEKS, tmp_path / "p.pcapng"))
    assert (after, comment) == (frame, b"")


# -- the writer ----------------------------------------------------------------------------------------------


def test_what_the_format_can_not_hold() -> None:
    writer = PcapngWriter(io.BytesIO())
    with pytest.raises(EncodeError, match="before 1970"):
        writer.write(-1, 1, b"frame")
    writer.write(1, 1, b"frame", comment="x" * 100_000 + "\u00e9")


def test_a_file_that_can_not_be_written() -> None:
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(LocalError, match="cannot be written"):
        PcapngWriter(closed)


def test_comments_and_octets_are_padded(tshark: str, tmp_path: Path) -> None:
    path = tmp_path / "some.pcapng"
    with path.open("wb") as file:
        writer = PcapngWriter(file, application="an application", comment="of the file")
        for size in range(5):
            writer.write(1, 101, files.ipv4(files.udp(bytes(size))), comment="c" * (size + 1))
    rows = fields(tshark, path, "frame.comment", "udp.length", "frame.time_epoch")
    assert rows == [["c" * (n + 1), str(8 + n), "0.000000001"] for n in range(5)]
