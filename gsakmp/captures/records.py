"""The records of a pcap file, and those of a pcapng file, read with scapy's raw reader over a `Source`.

A pcap file is four numbers before each frame, taken apart here: scapy takes longer to be imported than a
small file to be read, and for each frame several times as long as all that is done with it afterwards.

scapy's reader ends quietly where a file is damaged, knows no second section, and logs what it dislikes. So
the `Source` raises for what is cut off, each block is checked before its frame is believed, and the log stays
silent while it runs.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from gsakmp import limits

if TYPE_CHECKING:
    from gsakmp.captures.source import Source

__all__ = ["Layout", "Record", "is_pcap", "pcap_layout", "pcap_pieces", "pcap_records", "records"]

SECTION: Final = b"\n\r\r\n"
PCAP: Final = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1")
INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET = 1, 2, 3, 6  # block types of pcapng
IF_TSOFFSET: Final = 14  # the option of an interface that shifts its times, in seconds
NANOSECONDS: Final = 1_000_000_000
HEAD_OCTETS: Final = 16
"""What stands before each frame of a pcap file."""

Handler = Callable[[bytes, int], Any]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One frame: `time` in nanoseconds since 1970, `short` if the wire had more octets, `wire` how many."""

    time: int
    link_type: int
    octets: bytes
    short: bool
    wire: int


class Layout(NamedTuple):
    """What the beginning of a pcap file says of all that follows: the order of octets as `struct` has it, the
    link type, and the nanoseconds that the fraction of a time counts in."""

    order: str
    link_type: int
    unit: int


def records(source: Source) -> Iterator[Record]:
    """Every frame of a capture file, in its order.

    Raises `gsakmp.errors.CaptureError`, after the last frame before it, where the file is damaged.
    """
    if is_pcap(source):
        yield from _pcap(source, pcap_layout(source))
    elif (magic := source.peek(4)) == SECTION:
        yield from _Blocks(source)
    else:
        raise source.broken("this is neither pcap nor pcapng" if magic else "the file is empty")


def is_pcap(source: Source) -> bool:
    """Whether it begins as a pcap file."""
    return source.peek(4) in PCAP


def pcap_layout(source: Source) -> Layout:
    """Take the beginning of a pcap file. Raises as `records` does."""
    magic = source.read(4)
    order = ">" if magic in PCAP[::2] else "<"
    # version, time zone, accuracy and snapshot length stand before the link type; its upper octets speak of
    # the frame check sequence
    link_type = struct.unpack(order + "HHIIII", source.read(20))[5] & 0xFFFF
    return Layout(order, link_type, 1 if magic in PCAP[2:] else 1000)


def pcap_records(octets: bytes, layout: Layout, at: int = 0) -> Iterator[Record]:
    """The records that are whole in `octets`, from `at` on, up to one that is not, or that is too long."""
    unpack, link_type, unit = struct.Struct(layout.order + "IIII").unpack_from, layout.link_type, layout.unit
    end = len(octets)
    while at + HEAD_OCTETS <= end:
        seconds, fraction, captured, wire = unpack(octets, at)
        begin = at + HEAD_OCTETS
        at = begin + captured
        if at > end or captured > limits.CAPTURE_FRAME_OCTETS:
            return
        time = seconds * NANOSECONDS + fraction * unit
        yield Record(time, link_type, octets[begin:at], captured < wire, wire)


def pcap_pieces(source: Source, layout: Layout, most: int) -> Iterator[tuple[int, bytes]]:
    """The records of a pcap file as they stand in it, at most `most` at a time: how many, and their octets.
    Raises as `records` does."""
    unpack = struct.Struct(layout.order + "8xI4x").unpack_from
    while True:
        held, at, number, last = source.held, source.at, 0, len(source.held) - HEAD_OCTETS
        while at <= last and number < most:
            captured = unpack(held, at)[0]
            stop = at + HEAD_OCTETS + captured
            if stop > len(held) or captured > limits.CAPTURE_FRAME_OCTETS:
                break
            at, number = stop, number + 1
        if number:
            source.mark()
            start, source.at = source.at, at
            yield number, held[start:at]
        elif octets := _pcap_record(source, layout):
            yield 1, octets
        else:
            return


def _pcap(source: Source, layout: Layout) -> Iterator[Record]:
    while True:
        for record in pcap_records(source.held, layout, source.at):  # nearly all, and in half the time
            source.mark()
            source.at += HEAD_OCTETS + len(record.octets)
            yield record
        octets = _pcap_record(source, layout)
        if not octets:
            return
        yield from pcap_records(octets, layout)


def _pcap_record(source: Source, layout: Layout) -> bytes:
    """Take the next record, of which the source may hold only a part; nothing at the end of the file."""
    source.mark()
    head = source.read(HEAD_OCTETS)
    if not head:
        return head
    (captured,) = struct.unpack_from(layout.order + "8xI", head)
    if captured > limits.CAPTURE_FRAME_OCTETS:
        raise source.broken(f"a frame of {captured} octets is over {limits.CAPTURE_FRAME_OCTETS}")
    return head + source.read(captured)


class _Blocks:
    """The frames of a pcapng file, block by block."""

    def __init__(self, source: Source) -> None:
        from scapy.error import Scapy_Exception
        from scapy.utils import RawPcapNgReader

        self.source = source
        open_reader: Any = RawPcapNgReader  # its types know only paths
        try:
            with _SILENCE:
                self.reader = open_reader(source)
        except Scapy_Exception as error:
            raise source.broken("the section header is damaged") from error
        self.offsets: list[int] = []
        handlers: dict[int, Handler] = self.reader.blocktypes
        self.known = {kind: handlers[kind] for kind in (INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET)}
        # Names, statistics and secrets are passed over: scapy would install the secrets.
        handlers.clear()
        handlers[INTERFACE] = self.interface
        handlers[PACKET] = self.packet
        handlers[OLD_PACKET] = self.old_packet
        handlers[SIMPLE_PACKET] = self.simple_packet

    def __iter__(self) -> Iterator[Record]:
        source, reader = self.source, self.reader
        while True:
            source.mark()
            if source.peek(4) == SECTION:
                self.interfaces_end()
            try:
                with _SILENCE:
                    found: Record | None = reader._read_block(limits.CAPTURE_BLOCK_OCTETS)
            except EOFError as error:
                if source.offset == source.record:
                    return
                raise source.broken("this block contradicts its own lengths") from error
            if found is not None:
                yield found

    def interfaces_end(self) -> None:
        """A new section numbers its interfaces from 0 again."""
        self.reader.interfaces.clear()
        self.offsets.clear()

    def interface(self, body: bytes, size: int) -> None:
        """Note an interface's link type, resolution and offset."""
        reader = self.reader
        if len(reader.interfaces) >= limits.CAPTURE_INTERFACES:
            raise self.source.broken(f"there are more than {limits.CAPTURE_INTERFACES} interfaces")
        self.known[INTERFACE](body, size)
        link_type, longest, options = reader.interfaces[-1]
        # A snapshot length of 0 means none, where scapy takes a simple packet to be empty.
        kept = {"tsresol": options["tsresol"]}
        reader.interfaces[-1] = (link_type, longest or limits.CAPTURE_BLOCK_OCTETS, kept)
        offset = reader._read_options(body[8:]).get(IF_TSOFFSET, b"")
        whole = isinstance(offset, bytes) and len(offset) == 8
        self.offsets.append(struct.unpack(reader.endian + "q", offset)[0] if whole else 0)

    def packet(self, body: bytes, size: int) -> Record:
        """An enhanced packet."""
        return self.record(PACKET, body, self.word(body, "I", 0), self.word(body, "I", 12))

    def old_packet(self, body: bytes, size: int) -> Record:
        """A packet of the format's first edition."""
        return self.record(OLD_PACKET, body, self.word(body, "H", 0), self.word(body, "I", 12))

    def simple_packet(self, body: bytes, size: int) -> Record:
        """A packet without a time, of the first interface."""
        interfaces = self.reader.interfaces
        longest = interfaces[0][1] if interfaces else 0
        return self.record(SIMPLE_PACKET, body, 0, min(self.word(body, "I", 0), longest))

    def word(self, body: bytes, kind: str, at: int) -> int:
        """A number of a packet block's fixed part; EOFError, as the reader has it, if it is cut off."""
        try:
            value: int = struct.unpack_from(self.reader.endian + kind, body, at)[0]
        except struct.error:
            raise EOFError from None
        return value

    def record(self, kind: int, body: bytes, interface: int, captured: int) -> Record:
        """The frame of a packet block, if the block really holds it."""
        if interface >= len(self.reader.interfaces):
            raise self.source.broken(f"interface {interface} is not described before its packet")
        octets, about = self.known[kind](body, len(body))
        if len(octets) != captured:
            raise self.source.broken(f"a frame of {captured} octets is longer than its block")
        time = 0
        if about.tshigh is not None:
            ticks = (about.tshigh << 32) + about.tslow
            time = ticks * NANOSECONDS // about.tsresol + self.offsets[interface] * NANOSECONDS
        return Record(time, about.linktype, octets, captured < about.wirelen, about.wirelen)


def _refuse(_record: logging.LogRecord) -> bool:
    return False


_LOG: Final = logging.getLogger("scapy.runtime")


class _Silence:
    """Keeps scapy's remarks off the caller's standard error."""

    def __enter__(self) -> None:
        _LOG.addFilter(_refuse)

    def __exit__(self, *_: object) -> None:
        _LOG.removeFilter(_refuse)


_SILENCE: Final = _Silence()
