"""Writing: a pcap file of UDP datagrams, with IP and UDP headers made for them.

The file has nanosecond times and bare IP packets (link type 101), which hold IPv4 and IPv6 side by
side and claim no hardware addresses that nobody knows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import BinaryIO, Final

from gsakmp import limits
from gsakmp.captures.checksums import internet_checksum, udp_checksum
from gsakmp.captures.datagram import Datagram
from gsakmp.captures.links import RAW
from gsakmp.captures.packets import ESP, IPV4_HEADER, IPV6_HEADER, LONGEST, UDP, UDP_HEADER
from gsakmp.captures.records import NANOSECONDS
from gsakmp.errors import EncodeError, LocalError

__all__ = ["write"]

SOURCE: Final = "192.0.2.1"
DESTINATION: Final = "192.0.2.2"
GDOI_PORT: Final = 848
HOPS: Final = 64

Address = IPv4Address | IPv6Address


def write(
    target: str | os.PathLike[str] | BinaryIO, datagrams: Iterable[Datagram], port: int = GDOI_PORT
) -> int:
    """Write a pcap file, and return the number of datagrams in it.

    Each datagram is one packet, whatever its size up to 65,535 octets with headers, with right
    lengths and checksums; a truncated one is written as a frame captured short. Frames are numbered
    anew. An unknown source becomes 192.0.2.1, an unknown destination 192.0.2.2 (RFC 5737), each with
    `port` unless the datagram names one.

    Raises `gsakmp.errors.EncodeError` for a datagram that does not fit (those before it are written),
    `gsakmp.errors.LocalError` if the file can't be written.
    """
    from scapy.utils import RawPcapWriter

    count = 0
    with _opened(target) as file:
        writer: RawPcapWriter = RawPcapWriter(
            file, linktype=RAW, endianness="<", nano=True, snaplen=limits.CAPTURE_FRAME_OCTETS
        )
        writer.write_header(None)
        for datagram in datagrams:
            try:
                packet = _packet(datagram, port)
                seconds, nanoseconds = _time(datagram.time)
            except EncodeError as error:
                raise error.within(f"datagrams[{count}]") from error
            size = len(packet)
            writer.write_packet(packet, seconds, nanoseconds, size, size + datagram.missing)
            count += 1
        file.flush()
    return count


@contextmanager
def _opened(target: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    name = os.fspath(target) if isinstance(target, str | os.PathLike) else "capture"
    try:
        if isinstance(target, str | os.PathLike):
            with open(target, "wb") as file:
                yield file
        else:
            yield _binary(target)
    except (OSError, ValueError) as error:  # a closed file is a ValueError
        raise LocalError(f"{name} cannot be written: {error}") from error


def _binary(file: BinaryIO) -> BinaryIO:
    """The caller's file. Raises `LocalError` for what takes no octets."""
    try:
        file.write(b"")
    except (AttributeError, TypeError):
        raise LocalError(f"{type(file).__name__} where a path or a binary file is wanted") from None
    return file


def _time(time: int) -> tuple[int, int]:
    seconds, nanoseconds = divmod(time, NANOSECONDS)
    if not 0 <= seconds < 1 << 32:
        raise EncodeError("the seconds of a pcap file are 32 bits, from 1970 on", "time")
    return seconds, nanoseconds


def _address(text: str, field: str) -> Address:
    try:
        return ip_address(text)
    except ValueError as error:
        raise EncodeError(str(error), field) from error


def _packet(datagram: Datagram, port: int) -> bytes:
    """The IP packet around a datagram, or around what is ESP already."""
    source = _address(datagram.source_address or SOURCE, "source_address")
    destination = _address(datagram.destination_address or DESTINATION, "destination_address")
    if source.version != destination.version:
        raise EncodeError("one address is IPv4, the other IPv6", "destination_address")
    header = IPV4_HEADER.size if source.version == 4 else 0  # the IPv6 length leaves its header out
    bare = datagram.protocol == ESP
    if not bare and datagram.protocol != UDP:
        raise EncodeError(f"IP protocol {datagram.protocol} is neither UDP nor ESP", "protocol")
    length = (0 if bare else UDP_HEADER.size) + len(datagram.octets) + datagram.missing
    if header + length > LONGEST or datagram.missing < 0:
        raise EncodeError(f"one packet cannot hold {len(datagram.octets)} octets", "octets")
    segment = datagram.octets if bare else _segment(datagram, source, destination, length, port)
    if source.version == 4:
        return _ipv4_header(source, destination, header + length, datagram.protocol) + segment
    addresses = (source.packed, destination.packed)
    return IPV6_HEADER.pack(6 << 28, length, datagram.protocol, HOPS, *addresses) + segment


def _segment(datagram: Datagram, source: Address, destination: Address, length: int, port: int) -> bytes:
    """UDP header and payload (RFC 768)."""
    source_port = _port(datagram.source_port, datagram.source_address, port, "source_port")
    destination_port = _port(
        datagram.destination_port, datagram.destination_address, port, "destination_port"
    )
    checksum = 0  # none, where the octets are not all known
    if not datagram.missing:
        plain = UDP_HEADER.pack(source_port, destination_port, length, 0)
        checksum = udp_checksum(source.packed + destination.packed, plain + datagram.octets)
    return UDP_HEADER.pack(source_port, destination_port, length, checksum) + datagram.octets


def _port(port: int, address: str, default: int, field: str) -> int:
    chosen = port if port or address else default
    if not 0 <= chosen < 1 << 16:
        raise EncodeError(f"{chosen} is no UDP port", field)
    return chosen


def _ipv4_header(source: Address, destination: Address, total: int, protocol: int) -> bytes:
    """An IPv4 header without options (RFC 791, 3.1)."""
    parts = [0x45, 0, total, 0, 0, HOPS, protocol, 0, source.packed, destination.packed]
    parts[7] = internet_checksum(IPV4_HEADER.pack(*parts))
    return IPV4_HEADER.pack(*parts)
