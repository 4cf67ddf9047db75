"""Reading: from the frames of a capture file to the UDP datagrams in them."""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from ipaddress import ip_address
from struct import Struct
from typing import BinaryIO, Final

from gsakmp.captures.datagram import Counts, Datagram, Reason, Skipped
from gsakmp.captures.fragments import Reassembler
from gsakmp.captures.links import IPV4, IPV6, LINKS
from gsakmp.captures.packets import (
    ESP,
    IPV4_HEADER,
    LONGEST,
    UDP,
    Fragment,
    Packet,
    Payload,
    ipv4,
    ipv6,
    udp,
    upper,
)
from gsakmp.captures.records import Record, records
from gsakmp.captures.source import Source
from gsakmp.errors import CaptureError, LocalError

__all__ = ["PORTS", "Capture", "read"]

PORTS: Final = frozenset({500, 848, 4500})
"""UDP ports of ISAKMP (RFC 2408, 2.5.1), GDOI (RFC 6407, 2.2) and NAT traversal (RFC 3947, 4)."""

IPV4_OCTETS: Final = 4

ETHERNET: Final = 1
ETHERNET_OCTETS: Final = 14
UDP_OCTETS: Final = 8
PLAIN_HEADER: Final = 0x45
"""The first octet of an IPv4 header without options."""
ANY_FRAGMENT: Final = 0x3FFF
"""The bits of an IPv4 header that a whole datagram has not set: more fragments, and the offset."""
USUAL: Final = Struct(">12xHBxH2xHxB2x4s4sHHH2x")
"""Ethernet, IPv4 and UDP of nearly every frame, all at once. Any other frame is read header by header."""


def read(
    source: str | os.PathLike[str] | BinaryIO, ports: Collection[int] | None = PORTS, *, esp: bool = False
) -> Capture:
    """The UDP datagrams of a capture file, one at a time, in the order in which they are complete.

    `source` is a path, or a binary file that need not seek (standard input); pcap or pcapng, plain
    or gzipped. A datagram is given if its source or destination port is in `ports`; None means all. With
    `esp`, packets of IP protocol 50 are given, too.

    Iterating raises `gsakmp.errors.CaptureError` where the file is damaged, or holds frames of an
    unknown link type, after giving every datagram before that; `gsakmp.errors.LocalError` if it
    can't be opened.
    """
    return Capture(source, ports, esp=esp)


class Capture(Iterator[Datagram]):
    """A capture file as it is being read: an iterator over its datagrams.

    `counts` says at any time what became of the frames so far. A file that was given as a path is
    closed at the end, at `close`, or when a ``with`` block ends.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        ports: Collection[int] | None = PORTS,
        *,
        esp: bool = False,
    ) -> None:
        self.counts = Counts()
        self._source = source
        self._ports = None if ports is None else frozenset(ports)
        self._esp = esp
        self._fragments = Reassembler()
        self._datagrams = self._read()

    def __next__(self) -> Datagram:
        return next(self._datagrams)

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the reading."""
        self._datagrams.close()

    def _read(self) -> Generator[Datagram, None, None]:
        counts = self.counts
        try:
            with self._opened() as file:
                source = Source(file, _name(self._source))
                for record in records(source):
                    counts.frames += 1
                    if record.link_type not in LINKS:
                        raise unknown_link(record.link_type, source)
                    try:
                        datagram = self._frame(record, counts.frames)
                    except Skipped as skipped:
                        counts.skip(skipped.reason)
                        continue
                    if datagram is None:
                        counts.fragments += 1
                    else:
                        counts.datagrams += 1
                        yield datagram
        finally:
            counts.incomplete = self._fragments.incomplete + self._fragments.waiting

    def _counted(self, record: Record, number: int) -> Datagram | None:
        """The datagram that a frame completes, counted. `_read` has the same in its loop, where a call for
        each frame would show."""
        counts = self.counts
        try:
            datagram = self._frame(record, number)
        except Skipped as skipped:
            counts.skip(skipped.reason)
            return None
        counts.datagrams += datagram is not None
        counts.fragments += datagram is None
        return datagram

    def _opened(self) -> AbstractContextManager[BinaryIO]:
        source = self._source
        if not isinstance(source, str | os.PathLike):
            return nullcontext(source)  # whoever opened it closes it
        try:
            return open(source, "rb")
        except (OSError, ValueError) as error:
            raise LocalError(f"{_name(source)} cannot be opened: {error}") from error

    def _frame(self, record: Record, number: int) -> Datagram | None:
        """The datagram that a frame completes, or None if the frame is kept. Raises `Skipped`."""
        time, frame = record.time, record.octets
        if record.link_type == ETHERNET and len(frame) >= USUAL.size:
            (
                kind, first, total, flags, protocol, source, destination, port, destination_port, length,
            ) = USUAL.unpack_from(frame)  # fmt: skip
            if (
                kind == IPV4 and first == PLAIN_HEADER and protocol == UDP and not flags & ANY_FRAGMENT
                and total + ETHERNET_OCTETS <= len(frame) and UDP_OCTETS <= length <= total - IPV4_HEADER.size
            ):  # fmt: skip
                ports = self._ports
                if ports is not None and port not in ports and destination_port not in ports:
                    raise Skipped(Reason.OTHER_PORT)
                octets = frame[USUAL.size : USUAL.size - UDP_OCTETS + length]
                return Datagram(
                    octets, number, time, _text(source), port, _text(destination), destination_port
                )
        return self._unusual(record, number)

    def _unusual(self, record: Record, number: int) -> Datagram | None:
        time, frame = record.time, record.octets
        kind, start = LINKS[record.link_type](frame)
        if kind == IPV4:
            packet = ipv4(frame, start, record.short)
        elif kind == IPV6:
            packet = ipv6(frame, start, record.short)
        else:
            raise Skipped(Reason.NOT_IP)
        if packet.fragment is None:
            payload = self._payload(packet.protocol, packet.octets, packet.missing)
        else:
            found = self._whole(packet, packet.fragment, time)
            if found is None:
                return None
            payload = found
        return Datagram(
            payload.octets,
            number,
            time,
            _text(packet.source),
            payload.source_port,
            _text(packet.destination),
            payload.destination_port,
            payload.missing,
            payload.protocol,
        )

    def _payload(self, protocol: int, octets: bytes, missing: int) -> Payload:
        if protocol == ESP and self._esp:
            return Payload(0, 0, octets, missing, ESP)
        if protocol != UDP:
            raise Skipped(Reason.NOT_UDP)
        return udp(octets, missing, self._ports)

    def _whole(self, packet: Packet, fragment: Fragment, time: int) -> Payload | None:
        """What a fragment completes; its beginning, if the first fragment was itself captured short."""
        if packet.missing:
            self._fragments.refuse(fragment.key, time, Reason.CAPTURED_SHORT)
            if fragment.offset:
                raise Skipped(Reason.CAPTURED_SHORT)
            protocol, octets = upper(packet.protocol, packet.octets, missing=True)
            return self._payload(protocol, octets, LONGEST)
        wanted = packet.protocol == UDP or (self._esp and packet.protocol == ESP)
        if len(packet.source) == IPV4_OCTETS and not wanted:
            raise Skipped(Reason.NOT_UDP)  # in IPv6 only the first fragment tells (RFC 8200, 4.5)
        whole = self._fragments.add(fragment, packet.protocol, packet.octets, time)
        if whole is None:
            return None
        protocol, octets = upper(*whole)
        return self._payload(protocol, octets, 0)


def unknown_link(link_type: int, source: Source) -> CaptureError:
    """The error for a frame whose link layer nobody here knows."""
    return source.broken(f"frames of link type {link_type} are not understood")


def _name(source: object) -> str:
    """What to call the file in an error."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "capture"


@lru_cache(maxsize=4096)
def _text(address: bytes) -> str:
    return str(ip_address(address))
