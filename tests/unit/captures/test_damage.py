"""Damaged files: everything before the damage, then one error that says where; never another."""

from __future__ import annotations

import gzip
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gsakmp.captures import Datagram
from tests.unit.captures import files

FRAMES = [
    files.ethernet(files.ipv4(files.udp(b"first"))),
    files.ethernet(files.ipv6(files.udp(b"second!", 500, 4500)), 0x86DD),
    files.ethernet(files.ipv4(files.udp(b"")[:8], flags=0x2000)),
    files.ethernet(files.ipv4(files.udp(b"fourth"))),
]
HEAD = files.pcap([])
RECORDS = [files.pcap([(second, 0, frame)])[len(HEAD) :] for second, frame in enumerate(FRAMES)]
PCAP = [HEAD, *RECORDS]
PCAPNG = [
    files.section(),
    files.interface(options=files.option(2, b"eth0")),
    files.packet(FRAMES[0]),
    files.section(">"),
    files.interface(endian=">"),
    files.packet(FRAMES[1], endian=">"),
    files.packet(FRAMES[2], endian=">"),
    files.packet(FRAMES[3], endian=">"),
]


@pytest.mark.parametrize("pieces", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
def test_cut_at_every_octet(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    edges = list(itertools.accumulate(len(piece) for piece in pieces))
    expected, error = files.everything(whole)
    assert (len(expected), error) == (3, None)
    gives = {b"".join(pieces[: number + 1]): None for number in range(len(pieces))}
    at_edge = dict(zip(edges, (files.everything(octets) for octets in gives), strict=True))
    for cut in range(len(whole)):
        datagrams, error = files.everything(whole[:cut])
        if cut in at_edge:
            assert error is None
            assert datagrams == expected[: len(datagrams)]
            continue
        assert error is not None
        start = max((edge for edge in edges if edge < cut), default=0)
        assert error.offset == start
        before: list[Datagram] = at_edge[start][0] if start else []
        assert datagrams == before


def test_cuts_give_more_and_more() -> None:
    """The edges themselves: a file of n records gives the datagrams of n records."""
    counts = [len(files.everything(b"".join(PCAP[:number]))[0]) for number in range(1, len(PCAP) + 1)]
    assert counts == [0, 1, 2, 2, 3]
    counts = [len(files.everything(b"".join(PCAPNG[:number]))[0]) for number in range(1, len(PCAPNG) + 1)]
    assert counts == [0, 0, 1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("pieces", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
def test_a_gzip_file_cut_at_every_octet(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    packed = gzip.compress(whole)
    expected = files.everything(whole)[0]
    seen = set()
    for cut in range(len(packed)):
        datagrams, error = files.everything(packed[:cut])
        assert error is not None
        assert datagrams == expected[: len(datagrams)]
        seen.add(len(datagrams))
    assert files.everything(packed) == (expected, None)
    assert max(seen) == len(expected)  # without the trailer every record is there, and the error too


def test_damage_late_in_a_gzip_file_costs_nothing_before_it() -> None:
    frames = [(second, 0, FRAMES[0]) for second in range(2000)]
    packed = bytearray(gzip.compress(files.pcap(frames)))
    packed[-8] ^= 1  # the checksum
    datagrams, error = files.everything(bytes(packed))
    assert len(datagrams) == 2000
    assert "incorrect data check" in str(error)


@pytest.mark.parametrize("value", [0, 11, 16, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_block_lengths_that_lie(value: int) -> None:
    good = PCAPNG[0] + PCAPNG[1] + PCAPNG[2]
    for at in (4, len(PCAPNG[2]) - 4):
        block = bytearray(PCAPNG[2])
        block[at : at + 4] = value.to_bytes(4, "little")
        datagrams, error = files.everything(good + bytes(block) + PCAPNG[2])
        assert len(datagrams) == 1
        assert error is not None
        assert error.offset == len(good)


def test_a_block_length_that_leaves_the_padding_out_is_understood() -> None:
    """Not what the format asks for, but some programs write it and others read it."""
    block = bytearray(files.packet(FRAMES[0] + b"123"))
    for at in (4, len(block) - 4):
        block[at : at + 4] = (len(block) - 1).to_bytes(4, "little")
    datagrams, error = files.everything(PCAPNG[0] + PCAPNG[1] + bytes(block) + PCAPNG[2])
    assert (len(datagrams), error) == (2, None)


def test_a_captured_length_beyond_its_block() -> None:
    block = bytearray(PCAPNG[2])
    block[8 + 12 : 8 + 16] = (len(FRAMES[0]) + 100).to_bytes(4, "little")
    datagrams, error = files.everything(PCAPNG[0] + PCAPNG[1] + bytes(block))
    assert datagrams == []
    assert "longer than its block" in str(error)


SMALLEST = {1: 8, 3: 4}  # octets of an interface and of a simple packet; other packets need 20


@pytest.mark.parametrize("kind", [1, 2, 3, 6])
def test_blocks_too_small_for_their_fields(kind: int) -> None:
    for size in range(0, 20, 4):
        block = files.block(kind, bytes(size))
        _, error = files.everything(PCAPNG[0] + PCAPNG[1] + block)
        assert (error is None) == (kind in SMALLEST and size >= SMALLEST[kind])


FILES = [b"".join(PCAP), b"".join(PCAPNG), gzip.compress(b"".join(PCAP))]


@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
)
@example(FILES[1], [(0, 0)])
def test_random_damage(octets: bytes, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(octets)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    files.everything(bytes(damaged))  # raises what is not a CaptureError


@given(st.sampled_from([b"", *FILES]), st.binary(max_size=300), st.integers(0, 500))
def test_random_octets(octets: bytes, noise: bytes, at: int) -> None:
    files.everything(octets[:at] + noise + octets[at:])


@given(
    st.sampled_from([0, 1, 9, 12, 101, 108, 113, 228, 229, 276]),
    st.lists(st.binary(max_size=120), max_size=5),
)
def test_random_frames_never_stop_the_reading(link_type: int, frames: list[bytes]) -> None:
    octets = files.pcap([(0, 0, frame) for frame in frames], link_type=link_type)
    assert files.everything(octets)[1] is None


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=120)), max_size=5))
def test_random_packets_never_stop_the_reading(payloads: list[tuple[bool, bytes]]) -> None:
    packets = [
        files.ipv6(octets, 44) if newer else files.ipv4(octets, flags=0x2000) for newer, octets in payloads
    ]
    assert files.everything(files.raw(*packets))[1] is None
