"""Reassembly: any order, both versions, and what can't be put together."""

from __future__ import annotations

import io
import itertools
import struct
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, fragment6
from scapy.packet import Raw

from gsakmp import limits
from gsakmp.captures import Counts, Datagram, Reason, read
from tests.unit.captures import files

MESSAGE = bytes(range(256)) * 12
SECOND = 10**9


def outcome(*packets: bytes, seconds: list[int] | None = None) -> tuple[list[Datagram], Counts]:
    times = seconds or [1] * len(packets)
    octets = files.pcap([(time, 0, packet) for time, packet in zip(times, packets, strict=True)], 101)
    capture = read(io.BytesIO(octets))
    datagrams = list(capture)
    counts = capture.counts
    assert counts.frames == counts.datagrams + counts.fragments + sum(counts.skipped.values())
    return datagrams, counts


def scapy_fragments(version: int) -> list[bytes]:
    """A message in three or four fragments, as scapy cuts it."""
    packet: Any
    if version == 4:
        packet = IP(src="10.0.0.1", dst="10.0.0.2", id=9) / UDP(sport=848, dport=848) / Raw(MESSAGE)
        return [bytes(fragment) for fragment in packet.fragment(1000)]
    cut: Any = fragment6
    base: Any = IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrFragment(id=9)
    packet = base / IPv6ExtHdrDestOpt() / UDP(sport=848, dport=848) / Raw(MESSAGE)
    return [bytes(fragment) for fragment in cut(packet, 1000)]


@pytest.mark.parametrize("version", [4, 6])
def test_any_order(version: int) -> None:
    fragments = scapy_fragments(version)
    assert len(fragments) == 4
    for order in itertools.permutations(fragments):
        (datagram,), counts = outcome(*order)
        assert datagram.octets == MESSAGE
        assert (datagram.frame, datagram.source_port) == (4, 848)
        assert (counts.fragments, counts.incomplete, counts.skipped) == (3, 0, {})


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_lacking_is_counted(version: int) -> None:
    fragments = scapy_fragments(version)
    for absent in range(4):
        datagrams, counts = outcome(*(fragments[:absent] + fragments[absent + 1 :]))
        assert datagrams == []
        assert (counts.fragments, counts.incomplete) == (3, 1)


@pytest.mark.parametrize("version", [4, 6])
def test_repeated_fragments_are_ignored(version: int) -> None:
    a, b, c, d = scapy_fragments(version)
    datagrams, counts = outcome(a, a, d, b, d, b, c)
    assert [datagram.octets for datagram in datagrams] == [MESSAGE]
    assert (counts.skipped, counts.incomplete) == ({Reason.DUPLICATE_FRAGMENT: 3}, 0)


def piece(offset: int, octets: bytes, more: bool, identification: int = 7) -> bytes:
    return files.ipv4(octets, flags=offset // 8 | more << 13, identification=identification)


DATAGRAM = files.udp(bytes(range(24)))  # 32 octets


def test_two_datagrams_at_once() -> None:
    other = files.udp(bytes(24))
    datagrams, _ = outcome(
        piece(0, DATAGRAM[:16], True),
        piece(16, other[16:], False, 8),
        piece(16, DATAGRAM[16:], False),
        piece(0, other[:16], True, 8),
    )
    assert [datagram.octets for datagram in datagrams] == [DATAGRAM[8:], other[8:]]


@pytest.mark.parametrize(
    "bad",
    [
        piece(8, bytes(8), True),  # inside the first
        piece(0, bytes(16), True),  # in its place, with other octets
        piece(0, DATAGRAM[:24], True),  # longer than the first
        piece(8, DATAGRAM[8:16], False),  # the end, before the end
        piece(8, DATAGRAM[8:24], True),  # astride
    ],
)
def test_an_overlap_spoils_the_datagram(bad: bytes) -> None:
    good = [piece(0, DATAGRAM[:16], True), piece(16, DATAGRAM[16:], False)]
    assert outcome(*good)[0][0].octets == DATAGRAM[8:]
    datagrams, counts = outcome(good[0], bad, good[1])
    assert datagrams == []
    assert counts.skipped == {Reason.OVERLAPPING_FRAGMENT: 2}
    assert (counts.fragments, counts.incomplete) == (1, 1)


def test_pieces_behind_the_end_spoil_the_datagram() -> None:
    end = piece(16, DATAGRAM[16:], False)
    for pieces in (
        [end, piece(32, bytes(8), True)],
        [piece(32, bytes(8), True), end],
        [end, piece(40, b"x", False)],
    ):
        datagrams, counts = outcome(*pieces, piece(0, DATAGRAM[:16], True))
        assert datagrams == []
        assert counts.skipped == {Reason.OVERLAPPING_FRAGMENT: 2}


@pytest.mark.parametrize(
    "bad",
    [
        piece(0, bytes(12), True),  # not in units of 8
        piece(8, b"", False),
        piece(65528, bytes(8), False),  # beyond the longest packet
    ],
)
def test_malformed_fragments(bad: bytes) -> None:
    datagrams, counts = outcome(bad, piece(0, DATAGRAM[:16], True), piece(16, DATAGRAM[16:], False))
    assert len(datagrams) == 1
    assert counts.skipped == {Reason.MALFORMED_FRAGMENT: 1}


def test_fragments_of_fragments() -> None:
    inner = struct.pack(">BBHI", 17, 0, 1, 5) + DATAGRAM
    outer = struct.pack(">BBHI", 44, 0, 1, 6) + inner[:16]
    last = struct.pack(">BBHI", 44, 0, 16, 6) + inner[16:]
    datagrams, counts = outcome(files.ipv6(outer, 44), files.ipv6(last, 44))
    assert (datagrams, counts.skipped) == ([], {Reason.MALFORMED_FRAGMENT: 1})


def part6(next_header: int, offset: int, octets: bytes, more: bool) -> bytes:
    return files.ipv6(struct.pack(">BBHI", next_header, 0, offset | more, 5) + octets, 44)


def test_the_first_fragment_says_what_follows() -> None:
    """RFC 8200, 4.5: the Next Header of later fragments may differ, and is not used."""
    pieces = [part6(17, 0, DATAGRAM[:16], True), part6(59, 16, DATAGRAM[16:], False)]
    for order in (pieces, pieces[::-1]):
        assert [datagram.octets for datagram in outcome(*order)[0]] == [DATAGRAM[8:]]


def test_a_whole_packet_in_a_fragment_header_stands_alone() -> None:
    """RFC 6946: even if fragments with the same identification wait."""
    alone = part6(17, 0, files.udp(b"alone"), False)
    datagrams, counts = outcome(part6(17, 0, DATAGRAM[:16], True), alone, part6(17, 16, DATAGRAM[16:], False))
    assert [datagram.octets for datagram in datagrams] == [b"alone", DATAGRAM[8:]]
    assert (counts.fragments, counts.skipped) == (1, {})


def test_fragments_of_other_protocols() -> None:
    tcp = files.ipv4(bytes(16), protocol=6, flags=0x2000)
    assert outcome(tcp)[1].skipped == {Reason.NOT_UDP: 1}


def test_a_first_fragment_captured_short_gives_the_beginning() -> None:
    first, second = piece(0, DATAGRAM[:16], True), piece(16, DATAGRAM[16:], False)
    octets = files.section() + files.interface(101) + files.packet(first[:-2], missing=2)
    capture = read(io.BytesIO(octets + files.packet(second)))
    (datagram,) = capture
    assert (datagram.octets, datagram.missing) == (DATAGRAM[8:14], 18)
    assert capture.counts.skipped == {Reason.CAPTURED_SHORT: 1}
    capture = read(
        io.BytesIO(octets[: -len(files.packet(first[:-2]))] + files.packet(second[:-2], missing=2))
    )
    assert list(capture) == []
    assert capture.counts.skipped == {Reason.CAPTURED_SHORT: 1}
    assert capture.counts.incomplete == 1


def test_too_many_fragments() -> None:
    most = limits.FRAGMENTS_PER_DATAGRAM
    whole = files.udp(bytes(8 * most - 8))
    pieces = [piece(at, whole[at : at + 8], at + 8 < len(whole)) for at in range(0, len(whole), 8)]
    assert outcome(*pieces)[0][0].octets == whole[8:]
    longer = [piece(at, bytes(8), True) for at in range(0, 8 * most + 8, 8)]
    datagrams, counts = outcome(*longer, piece(8 * most + 8, b"x", False))
    assert datagrams == []
    assert counts.skipped == {Reason.TOO_MANY_FRAGMENTS: 2}
    assert counts.incomplete == 1


def test_late_fragments_belong_to_another_datagram() -> None:
    first, second = piece(0, DATAGRAM[:16], True), piece(16, DATAGRAM[16:], False)
    wait = limits.FRAGMENT_SECONDS
    assert len(outcome(first, second, seconds=[5, 5 + wait])[0]) == 1
    datagrams, counts = outcome(first, second, seconds=[5, 6 + wait])
    assert (datagrams, counts.incomplete) == ([], 2)


def test_the_oldest_is_given_up_first() -> None:
    most = limits.PENDING_DATAGRAMS
    first = [piece(0, DATAGRAM[:16], True, number) for number in range(most + 1)]
    datagrams, counts = outcome(
        *first, piece(16, DATAGRAM[16:], False, 1), piece(16, DATAGRAM[16:], False, 0)
    )
    assert [datagram.frame for datagram in datagrams] == [most + 2]
    assert counts.incomplete == most + 1


def test_octets_held_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PENDING_OCTETS", 40)
    first = [piece(0, DATAGRAM[:16], True, number) for number in range(3)]
    last = [piece(16, DATAGRAM[16:], False, number) for number in (2, 0)]
    datagrams, counts = outcome(*first, *last)
    assert [datagram.frame for datagram in datagrams] == [4]
    assert counts.incomplete == 3  # the first, given up for the third; its end; the second


def test_octets_of_complete_datagrams_are_no_longer_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PENDING_OCTETS", 40)
    pieces = [piece(0, DATAGRAM[:16], True), piece(16, DATAGRAM[16:], False)]
    assert len(outcome(*pieces * 5)[0]) == 5
    spoiled = [piece(at, DATAGRAM[:16], True, number) for number in range(8, 12) for at in (0, 8)]
    assert len(outcome(*spoiled, *pieces)[0]) == 1


@given(st.binary(max_size=400), st.lists(st.integers(0, 50), max_size=12), st.randoms(use_true_random=False))
def test_cut_anywhere_and_shuffled(message: bytes, cuts: list[int], random: Random) -> None:
    whole = files.udp(message)
    edges = sorted({0, len(whole), *(cut * 8 for cut in cuts if cut * 8 < len(whole))})
    pieces = [piece(start, whole[start:end], end < len(whole)) for start, end in itertools.pairwise(edges)]
    random.shuffle(pieces)
    datagrams, _ = outcome(*pieces)
    assert [datagram.octets for datagram in datagrams] == [message]
