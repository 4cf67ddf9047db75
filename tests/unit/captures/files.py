"""Capture files made by hand, so that the reader is compared with the formats and not with a writer."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

from gsakmp.captures import Datagram, read
from gsakmp.errors import CaptureError

ETHERNET = 1


def pcap(
    frames: Iterable[tuple[int, int, bytes]], link_type: int = ETHERNET, endian: str = "<", nano: bool = False
) -> bytes:
    """A pcap file of (seconds, fraction, octets)."""
    octets = struct.pack(endian + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    for seconds, fraction, frame in frames:
        octets += struct.pack(endian + "IIII", seconds, fraction, len(frame), len(frame)) + frame
    return octets


def block(kind: int, body: bytes, endian: str = "<") -> bytes:
    """A pcapng block."""
    body += b"\0" * (-len(body) % 4)
    length = struct.pack(endian + "I", len(body) + 12)
    return struct.pack(endian + "I", kind) + length + body + length


def section(endian: str = "<") -> bytes:
    """A section header of unknown length."""
    return block(0x0A0D0D0A, struct.pack(endian + "IHHq", 0x1A2B3C4D, 1, 0, -1), endian)


def option(code: int, value: bytes, endian: str = "<") -> bytes:
    """An option, padded to 4 octets."""
    return struct.pack(endian + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def interface(link_type: int = ETHERNET, options: bytes = b"", longest: int = 0, endian: str = "<") -> bytes:
    """An interface description."""
    ending = option(0, b"", endian) if options else b""
    return block(1, struct.pack(endian + "HHI", link_type, 0, longest) + options + ending, endian)


def packet(frame: bytes, number: int = 0, ticks: int = 0, missing: int = 0, endian: str = "<") -> bytes:
    """An enhanced packet; `missing` octets were not captured."""
    fixed = struct.pack(
        endian + "5I", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame) + missing
    )
    return block(6, fixed + frame, endian)


def udp(octets: bytes = b"message", source: int = 848, destination: int = 848) -> bytes:
    """A UDP datagram without a checksum."""
    return struct.pack(">HHHH", source, destination, 8 + len(octets), 0) + octets


def ipv4(
    payload: bytes,
    protocol: int = 17,
    *,
    flags: int = 0,
    options: bytes = b"",
    identification: int = 7,
    total: int | None = None,
) -> bytes:
    """An IPv4 packet from 10.0.0.1 to 10.0.0.2; `flags` with the fragment offset in units of 8."""
    header = 20 + len(options)
    total = header + len(payload) if total is None else total
    return (
        struct.pack(">BBHHHBBH", 0x40 | header // 4, 0, total, identification, flags, 64, protocol, 0)
        + bytes([10, 0, 0, 1, 10, 0, 0, 2])
        + options
        + payload
    )


def ipv6(payload: bytes, next_header: int = 17, length: int | None = None) -> bytes:
    """An IPv6 packet from 2001:db8::1 to 2001:db8::2."""
    addresses = b"".join(bytes.fromhex("20010db8") + bytes(11) + bytes([last]) for last in (1, 2))
    length = len(payload) if length is None else length
    return struct.pack(">IHBB", 6 << 28, length, next_header, 64) + addresses + payload


def ethernet(packet: bytes, kind: int = 0x0800) -> bytes:
    """An Ethernet frame."""
    return bytes(12) + struct.pack(">H", kind) + packet


def raw(*packets: bytes) -> bytes:
    """A pcap file of bare IP packets, one second apart."""
    return pcap([(second, 0, packet) for second, packet in enumerate(packets, 1)], link_type=101)


def everything(octets: bytes) -> tuple[list[Datagram], CaptureError | None]:
    """What comes out of a file, and the error that ends it. Any other exception passes."""
    datagrams: list[Datagram] = []
    try:
        for datagram in read(io.BytesIO(octets)):
            datagrams.append(datagram)
    except CaptureError as error:
        return datagrams, error
    return datagrams, None
