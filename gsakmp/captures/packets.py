"""IP and UDP headers, and nothing else of either.

Checksums are not verified: a capture on the sending machine holds them unfinished, because the
network card computes them. Lengths are, because a datagram is cut out by them.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

import msgspec

from gsakmp.captures.datagram import Reason, Skipped

__all__ = ["ESP", "UDP", "Fragment", "Packet", "Payload", "ipv4", "ipv6", "udp", "upper"]

UDP: Final = 17
ESP: Final = 50
FRAGMENT: Final = 44
EXTENSIONS: Final = frozenset({0, 43, 60})  # hop-by-hop options, routing, destination options

LONGEST: Final = 65_535
"""Octets that the length fields of IPv4, IPv6 and UDP can say (RFC 791, 3.1; RFC 8200, 3; RFC 768)."""

IPV4_HEADER: Final = Struct(">BBHHHBBH4s4s")  # RFC 791, 3.1
IPV6_HEADER: Final = Struct(">IHBB16s16s")  # RFC 8200, 3
FRAGMENT_HEADER: Final = Struct(">BBHI")  # RFC 8200, 4.5
UDP_HEADER: Final = Struct(">HHHH")  # RFC 768


class Fragment(NamedTuple):
    """Where a packet's octets belong in the datagram that `key` names."""

    key: tuple[object, ...]
    offset: int
    more: bool


class Packet(msgspec.Struct, frozen=True, gc=False):
    """An IP packet: addresses in network order, the upper protocol, its octets.

    `missing` counts the octets that the header promises and a frame captured short lacks.
    """

    source: bytes
    destination: bytes
    protocol: int
    octets: bytes
    missing: int
    fragment: Fragment | None


class Payload(msgspec.Struct, frozen=True, gc=False):
    """What a UDP datagram or an ESP packet carries, and the octets that it lacks."""

    source_port: int
    destination_port: int
    octets: bytes
    missing: int
    protocol: int = UDP


def ipv4(frame: bytes, start: int, short: bool) -> Packet:
    """The IPv4 packet at `start` (RFC 791). Raises `Skipped`."""
    if len(frame) < start + IPV4_HEADER.size:
        raise Skipped(Reason.CAPTURED_SHORT if short else Reason.MALFORMED_IP)
    first, _, total, identification, flags, _, protocol, _, source, destination = IPV4_HEADER.unpack_from(
        frame, start
    )
    header = (first & 15) * 4
    if first >> 4 != 4 or header < IPV4_HEADER.size or total < header:
        raise Skipped(Reason.MALFORMED_IP)
    octets = frame[start + header : start + total]
    missing = total - header - len(octets)
    if missing and not short:
        raise Skipped(Reason.MALFORMED_IP)
    fragment = None
    if flags & 0x3FFF:  # more fragments, or not the first one
        key = (source, destination, protocol, identification)
        fragment = Fragment(key, (flags & 0x1FFF) * 8, bool(flags & 0x2000))
    return Packet(source, destination, protocol, octets, missing, fragment)


def ipv6(frame: bytes, start: int, short: bool) -> Packet:
    """The IPv6 packet at `start`, without its extension headers (RFC 8200). Raises `Skipped`."""
    begin = start + IPV6_HEADER.size
    if len(frame) < begin:
        raise Skipped(Reason.CAPTURED_SHORT if short else Reason.MALFORMED_IP)
    first, length, protocol, _, source, destination = IPV6_HEADER.unpack_from(frame, start)
    octets = frame[begin : begin + length]
    missing = length - len(octets)
    if first >> 28 != 6 or (missing and not short):
        raise Skipped(Reason.MALFORMED_IP)
    protocol, at = _behind_extensions(protocol, octets, 0, missing > 0)
    fragment = None
    if protocol == FRAGMENT:
        protocol, word, identification, at = _fragment_header(octets, at, missing > 0)
        if word & ~0b110:  # alone it may be a whole packet (RFC 6946), which is no fragment
            fragment = Fragment((source, destination, identification), word & ~7, bool(word & 1))
        else:
            protocol, at = _behind_extensions(protocol, octets, at, missing > 0)
    return Packet(source, destination, protocol, octets[at:], missing, fragment)


def upper(protocol: int, octets: bytes, missing: bool = False) -> tuple[int, bytes]:
    """The upper protocol and its octets in a datagram put together from IPv6 fragments."""
    protocol, at = _behind_extensions(protocol, octets, 0, missing)
    if protocol == FRAGMENT:  # fragments of fragments do not exist
        raise Skipped(Reason.MALFORMED_FRAGMENT)
    return protocol, octets[at:]


def _behind_extensions(protocol: int, octets: bytes, at: int, missing: bool) -> tuple[int, int]:
    """Pass over extension headers: the header that follows them, and where it starts."""
    while protocol in EXTENSIONS:
        if len(octets) < at + 2:
            raise Skipped(Reason.CAPTURED_SHORT if missing else Reason.MALFORMED_IP)
        protocol, at = octets[at], at + (octets[at + 1] + 1) * 8
        if at > len(octets):
            raise Skipped(Reason.CAPTURED_SHORT if missing else Reason.MALFORMED_IP)
    return protocol, at


def _fragment_header(octets: bytes, at: int, missing: bool) -> tuple[int, int, int, int]:
    """Next header, offset and flags, identification, and the offset behind."""
    if len(octets) < at + FRAGMENT_HEADER.size:
        raise Skipped(Reason.CAPTURED_SHORT if missing else Reason.MALFORMED_IP)
    protocol, _, word, identification = FRAGMENT_HEADER.unpack_from(octets, at)
    return protocol, word, identification, at + FRAGMENT_HEADER.size


def udp(octets: bytes, missing: int, ports: frozenset[int] | None) -> Payload:
    """The UDP datagram that starts with `octets`, if one of its ports is in `ports`. Raises `Skipped`.

    `missing` is how many octets may follow that the capture lacks. Octets behind the UDP length are
    not the datagram's.
    """
    if len(octets) < UDP_HEADER.size:
        raise Skipped(Reason.CAPTURED_SHORT if missing else Reason.MALFORMED_UDP)
    source, destination, length, _ = UDP_HEADER.unpack_from(octets)
    if ports is not None and source not in ports and destination not in ports:
        raise Skipped(Reason.OTHER_PORT)
    if not UDP_HEADER.size <= length <= len(octets) + missing:
        raise Skipped(Reason.MALFORMED_UDP)
    return Payload(source, destination, octets[UDP_HEADER.size : length], max(0, length - len(octets)))
