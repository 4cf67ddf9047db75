"""File formats: byte order, resolution, compression, sections, interfaces, and what is no capture."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from gsakmp import limits
from gsakmp.captures import Datagram, read
from gsakmp.errors import CaptureError, LocalError
from tests.unit.captures import files

FRAME = files.ethernet(files.ipv4(files.udp(b"hello")))
TIME = 1_700_000_000


def one(octets: bytes) -> Datagram:
    (datagram,) = read(io.BytesIO(octets))
    assert datagram.octets == b"hello"
    return datagram


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap(endian: str, nano: bool) -> None:
    datagram = one(files.pcap([(TIME, 123_456, FRAME)], endian=endian, nano=nano))
    assert datagram == Datagram(
        frame=1,
        time=TIME * 10**9 + 123_456 * (1 if nano else 1000),
        source_address="10.0.0.1",
        source_port=848,
        destination_address="10.0.0.2",
        destination_port=848,
        octets=b"hello",
    )
    assert not datagram.truncated
    assert (datagram.source, datagram.destination) == ("10.0.0.1:848", "10.0.0.2:848")


def test_the_latest_time_and_a_link_type_with_check_sequence() -> None:
    octets = files.pcap([(2**32 - 1, 999_999_999, FRAME)], nano=True, link_type=1 | 0x2400_0000)
    assert one(octets).time == (2**32 - 1) * 10**9 + 999_999_999


@pytest.mark.parametrize("endian", ["<", ">"])
def test_pcapng_interfaces_with_their_own_links_and_resolutions(endian: str) -> None:
    raw = files.ipv4(files.udp(b"hello"))
    octets = files.section(endian)
    octets += files.interface(1, files.option(9, b"\x09", endian), endian=endian)
    octets += files.interface(101, files.option(9, b"\x8a", endian), endian=endian)  # 2**-10 seconds
    octets += files.interface(101, endian=endian)
    octets += files.packet(FRAME, 0, TIME * 10**9 + 1, endian=endian)
    octets += files.block(0x0BAD, b"a custom block", endian)
    octets += files.packet(raw, 1, TIME * 1024 + 512, endian=endian)
    octets += files.packet(raw, 2, TIME * 10**6 + 2, endian=endian)
    found = list(read(io.BytesIO(octets)))
    assert [datagram.octets for datagram in found] == [b"hello"] * 3
    assert [datagram.time - TIME * 10**9 for datagram in found] == [1, 500_000_000, 2000]
    assert [datagram.frame for datagram in found] == [1, 2, 3]


def test_a_second_section_has_interfaces_of_its_own() -> None:
    octets = files.section() + files.interface(1) + files.packet(FRAME)
    octets += files.section(">") + files.interface(101, endian=">")
    octets += files.packet(files.ipv4(files.udp(b"there")), endian=">")
    assert [datagram.octets for datagram in read(io.BytesIO(octets))] == [b"hello", b"there"]
    undescribed = files.section() + files.interface(1) + files.section() + files.packet(FRAME)
    assert "interface 0" in str(files.everything(undescribed)[1])


def test_time_offset_of_an_interface() -> None:
    octets = files.section() + files.interface(1, files.option(14, struct.pack("<q", -3600)))
    assert one(octets + files.packet(FRAME, ticks=TIME * 10**6)).time == (TIME - 3600) * 10**9


@pytest.mark.parametrize("longest", [0, 65535])
def test_simple_packets_have_no_time(longest: int) -> None:
    octets = files.section() + files.interface(1, longest=longest)
    assert one(octets + files.block(3, struct.pack("<I", len(FRAME)) + FRAME)).time == 0


def test_packets_of_the_first_edition() -> None:
    fixed = struct.pack("<HH4I", 0, 0, TIME >> 32, TIME & 0xFFFFFFFF, len(FRAME), len(FRAME))
    assert one(files.section() + files.interface() + files.block(2, fixed + FRAME)).time == TIME * 1000


@pytest.mark.parametrize("kind", [4, 5, 10, 0x80000001])
def test_blocks_that_are_no_packets_are_passed_over_unread(kind: int) -> None:
    octets = files.section() + files.interface() + files.block(kind, b"")
    one(octets + files.packet(FRAME))


@pytest.mark.parametrize("members", [1, 3])
def test_gzip(members: int, tmp_path: Path) -> None:
    octets = files.pcap([(TIME, 0, FRAME)])
    size = -(-len(octets) // members)
    packed = b"".join(gzip.compress(octets[at : at + size]) for at in range(0, len(octets), size))
    one(packed)
    one(packed + bytes(5))
    path = tmp_path / "capture.pcap.gz"
    path.write_bytes(packed)
    assert [datagram.octets for datagram in read(path)] == [b"hello"]
    assert [datagram.octets for datagram in read(str(path))] == [b"hello"]


class Trickle(io.RawIOBase):
    """A file that gives one octet at a time and can't seek, as a slow pipe does."""

    def __init__(self, octets: bytes) -> None:
        self.inner = io.BytesIO(octets)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self.inner.read(min(size, 1))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("newer", [False, True])
def test_a_file_that_needs_only_read(packed: bool, newer: bool) -> None:
    octets = files.section() + files.interface() + files.packet(FRAME)
    octets = octets if newer else files.pcap([(TIME, 0, FRAME)])
    octets = gzip.compress(octets) if packed else octets
    assert [datagram.octets for datagram in read(cast(BinaryIO, Trickle(octets)))] == [b"hello"]


def test_a_pipe() -> None:
    receiving, sending = os.pipe()
    octets = files.pcap([(TIME, 0, FRAME)] * 3000)

    def send() -> None:
        with os.fdopen(sending, "wb") as file:
            file.write(octets)

    thread = threading.Thread(target=send)
    thread.start()
    with os.fdopen(receiving, "rb") as file:
        assert sum(1 for _ in read(file)) == 3000
        assert not file.closed
    thread.join()


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"", "empty"),
        (b"\n", "neither"),
        (b"GET / HTTP/1.1\r\n", "neither"),
        (gzip.compress(b"", mtime=0), "empty"),
        (gzip.compress(gzip.compress(files.pcap([]), mtime=0), mtime=0), "neither"),
        (b"\x1f\x8bnonsense", "cannot be read further"),
        (files.pcap([])[:20], "ends 20 octets"),
        (files.section()[:20], "ends 20 octets"),
        (files.section().replace(b"\x4d\x3c\x2b\x1a", b"wxyz"), "section header"),
    ],
)
def test_what_is_no_capture(octets: bytes, problem: str) -> None:
    datagrams, error = files.everything(octets)
    assert datagrams == []
    assert problem in str(error)
    assert error is not None
    assert (error.path, error.offset) == ("capture", 0)


def test_an_unknown_link_type_is_one_clear_error() -> None:
    datagrams, error = files.everything(files.pcap([(TIME, 0, FRAME)], link_type=105))
    assert (datagrams, str(error)) == (
        [],
        "capture at octet 24: frames of link type 105 are not understood",
    )


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path, "a\0b"):
        with pytest.raises(LocalError, match="cannot be opened"):
            next(read(path))
    with pytest.raises(LocalError, match="binary mode"):
        next(read(cast(BinaryIO, io.StringIO("text"))))
    wrong: Any
    for wrong in (None, 5, object()):
        with pytest.raises(LocalError, match="a binary file is wanted"):
            next(read(wrong))
    closed = io.BytesIO(files.pcap([]))
    closed.close()
    with pytest.raises(LocalError, match="closed"):
        next(read(closed))


def test_a_file_that_fails_to_be_read(tmp_path: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 60:
                raise OSError("the disk is gone")
            return super().read(size)

        read1 = None

    capture = read(Failing(files.pcap([(TIME, 0, FRAME)] * 2)))
    assert next(capture).octets == b"hello"
    with pytest.raises(CaptureError, match="the disk is gone"):
        next(capture)


def test_a_block_length_beyond_reason_takes_no_memory() -> None:
    huge = struct.pack("<II", 6, 0xFFFF_FFF0)
    _, error = files.everything(files.section() + files.interface() + huge + bytes(100))
    assert error is not None
    assert error.offset == len(files.section() + files.interface())
    assert str(limits.CAPTURE_BLOCK_OCTETS) in str(error)


def test_a_frame_length_beyond_reason_is_damage() -> None:
    size = limits.CAPTURE_FRAME_OCTETS + 1
    octets = files.pcap([(TIME, 0, FRAME), (TIME, 0, bytes(size)), (TIME, 0, FRAME)])
    datagrams, error = files.everything(octets)
    assert len(datagrams) == 1
    assert error is not None
    assert error.offset == 24 + 16 + len(FRAME)
    assert str(size) in str(error)


def test_the_number_of_interfaces_is_bounded() -> None:
    octets = files.section() + files.interface() * limits.CAPTURE_INTERFACES
    assert len(files.everything(octets + files.packet(FRAME))[0]) == 1
    assert "interfaces" in str(files.everything(octets + files.interface())[1])


@pytest.mark.parametrize("newer", [False, True])
def test_memory_does_not_grow_with_the_file(newer: bool) -> None:
    """64 MiB of frames, in a gzip file of a few hundred kilobytes."""
    frame = files.ethernet(files.ipv4(files.udp(bytes(60_000), 1, 1)))
    if newer:
        head, record = files.section() + files.interface(), files.packet(frame)
    else:
        head = files.pcap([])
        record = files.pcap([(TIME, 0, frame)])[len(head) :]
    packed = gzip.compress(head) + gzip.compress(record * 100) * 11
    capture = read(io.BytesIO(packed))
    tracemalloc.start()
    try:
        assert list(capture) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert capture.counts.frames == 1100
    assert peak < 8 * 1024 * 1024


def test_nothing_is_printed_and_scapy_is_imported_only_to_read(tmp_path: Path) -> None:
    path = tmp_path / "damaged.pcapng"
    secrets = files.block(10, struct.pack("<II", 0x544C534B, 4) + b"abcd")
    odd = files.interface(options=files.option(9, b"xy"))  # a resolution has one octet
    path.write_bytes(files.section() + odd + secrets + files.packet(FRAME, 9))
    script = (
        "import sys, gsakmp.captures\n"
        "assert 'scapy' not in sys.modules\n"
        "try:\n"
        "    list(gsakmp.captures.read(sys.argv[1]))\n"
        "except gsakmp.errors.CaptureError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert done.stderr == ""
    assert "interface 9" in done.stdout


def test_closing_early(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(files.pcap([(TIME, 0, FRAME)] * 3))
    with read(path) as capture:
        assert next(capture).frame == 1
    assert list(capture) == []
    assert capture.counts.frames == 1
