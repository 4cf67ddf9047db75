"""Link layers and IP headers, against frames that scapy's packet classes build."""

from __future__ import annotations

import io
import struct

import pytest
from scapy.layers.inet import IP, UDP, IPOption_NOP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import (
    CookedLinux,
    CookedLinuxV2,
    Dot1AD,
    Dot1Q,
    Ether,
    Loopback,
)
from scapy.layers.ppp import HDLC, PPP
from scapy.packet import Packet, Raw

from gsakmp.captures import Counts, Datagram, Reason, read
from tests.unit.captures import files

MESSAGE = b"an ISAKMP message"
PACKET = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=500, dport=848) / Raw(MESSAGE)
PACKET6 = IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=848, dport=500) / Raw(MESSAGE)


def outcome(octets: bytes) -> tuple[list[Datagram], Counts]:
    capture = read(io.BytesIO(octets))
    datagrams = list(capture)
    return datagrams, capture.counts


def reason(octets: bytes) -> Reason:
    """Why a file of one frame gives nothing."""
    datagrams, counts = outcome(octets)
    assert datagrams == []
    (only,) = counts.skipped.items()
    assert only[1] == 1
    return only[0]


ETHERNET = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")  # else scapy asks the network

LINKS = {
    "ethernet": (1, ETHERNET),
    "one VLAN tag": (1, ETHERNET / Dot1Q(vlan=5)),
    "stacked VLAN tags": (1, ETHERNET / Dot1AD(vlan=6) / Dot1Q(vlan=5) / Dot1Q(vlan=7)),
    "cooked": (113, CookedLinux()),
    "cooked with a VLAN tag": (113, CookedLinux() / Dot1Q(vlan=5)),
    "cooked, version 2": (276, CookedLinuxV2()),
    "PPP": (9, PPP()),
    "PPP with address and control": (9, HDLC() / PPP()),
}


@pytest.mark.parametrize(("link_type", "link"), LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("packet", [PACKET, PACKET6], ids=["IPv4", "IPv6"])
def test_link_layers(link_type: int, link: Packet, packet: Packet) -> None:
    frame = bytes(link / packet)
    assert len(frame) > len(packet)
    (datagram,) = outcome(files.pcap([(1, 0, frame)], link_type=link_type))[0]
    assert datagram.octets == MESSAGE
    assert datagram.source == ("10.0.0.1:500" if packet is PACKET else "[2001:db8::1]:848")
    assert datagram.destination == ("10.0.0.2:848" if packet is PACKET else "[2001:db8::2]:500")


@pytest.mark.parametrize("link_type", [12, 14, 101, 228])
def test_raw_ipv4(link_type: int) -> None:
    assert outcome(files.pcap([(1, 0, bytes(PACKET))], link_type))[0][0].octets == MESSAGE


@pytest.mark.parametrize("link_type", [12, 14, 101, 229])
def test_raw_ipv6(link_type: int) -> None:
    assert outcome(files.pcap([(1, 0, bytes(PACKET6))], link_type))[0][0].octets == MESSAGE


@pytest.mark.parametrize("link_type", [0, 108])
@pytest.mark.parametrize("order", ["<I", ">I"])
def test_loopback_in_both_byte_orders(link_type: int, order: str) -> None:
    frames = [struct.pack(order, 2) + bytes(PACKET)]
    frames += [struct.pack(order, family) + bytes(PACKET6) for family in (10, 24, 28, 30)]
    datagrams, _ = outcome(files.pcap([(1, 0, frame) for frame in frames], link_type))
    assert [datagram.octets for datagram in datagrams] == [MESSAGE] * 5
    assert reason(files.pcap([(1, 0, struct.pack(order, 7) + bytes(PACKET))], link_type)) is Reason.NOT_IP


def test_loopback_as_scapy_builds_it() -> None:
    (datagram,) = outcome(files.pcap([(1, 0, bytes(Loopback() / PACKET))], 0))[0]
    assert datagram.octets == MESSAGE


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, bytes(13)),
        (1, bytes(12) + b"\x81\x00\x00"),
        (113, bytes(15)),
        (276, b"\x08"),
        (0, bytes(3)),
        (101, b""),
    ],
)
def test_link_headers_cut_off(link_type: int, frame: bytes) -> None:
    assert reason(files.pcap([(1, 0, frame)], link_type)) is Reason.MALFORMED_LINK


def test_what_is_not_ip() -> None:
    assert reason(files.pcap([(1, 0, files.ethernet(bytes(28), 0x0806))])) is Reason.NOT_IP
    assert reason(files.raw(b"\x50" + bytes(40))) is Reason.NOT_IP


def test_ethernet_padding_is_not_the_message() -> None:
    frame = bytes(ETHERNET / IP() / UDP(sport=848, dport=848) / Raw(b"x")) + bytes(18)
    assert outcome(files.pcap([(1, 0, frame)]))[0][0].octets == b"x"


def test_ipv4_options() -> None:
    options = [IPOption_Router_Alert(), IPOption_NOP()]
    packet = IP(options=options) / UDP(sport=500, dport=500) / Raw(MESSAGE)
    assert bytes(packet)[0] == 0x47
    assert outcome(files.raw(bytes(packet)))[0][0].octets == MESSAGE


def test_ipv6_extension_headers() -> None:
    headers = IPv6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting(addresses=["2001:db8::3"])
    packet = headers / IPv6ExtHdrDestOpt() / UDP(sport=500, dport=500) / Raw(MESSAGE)
    assert outcome(files.raw(bytes(packet)))[0][0].octets == MESSAGE


def test_a_fragment_header_around_a_whole_packet() -> None:
    packet = IPv6() / IPv6ExtHdrFragment(id=1) / IPv6ExtHdrDestOpt() / UDP(dport=848) / Raw(MESSAGE)
    datagrams, counts = outcome(files.raw(bytes(packet)))
    assert datagrams[0].octets == MESSAGE
    assert counts.fragments == 0


@pytest.mark.parametrize(
    "packet",
    [
        files.ipv4(files.udp())[:19],
        b"\x44" + files.ipv4(files.udp())[1:],  # a header of 16 octets
        b"\x4f" + files.ipv4(files.udp(b""))[1:],  # a header beyond the total length
        files.ipv4(files.udp(), total=19),
        files.ipv4(files.udp(), total=36),  # one octet more than there is
        files.ipv6(files.udp())[:39],
        files.ipv6(files.udp(), length=16),
        files.ipv6(b"", 0),
        files.ipv6(b"\x11\x01" + bytes(6) + files.udp(b"")[:7], 0),
        files.ipv6(bytes(7), 44),
    ],
)
def test_malformed_ip(packet: bytes) -> None:
    assert reason(files.raw(packet)) is Reason.MALFORMED_IP


@pytest.mark.parametrize("wrong", [0, 7, 16, 65535])
def test_malformed_udp_length(wrong: int) -> None:
    datagram = bytearray(files.udp())
    assert len(datagram) == 15
    datagram[4:6] = wrong.to_bytes(2, "big")
    assert reason(files.raw(files.ipv4(bytes(datagram)))) is Reason.MALFORMED_UDP
    assert reason(files.raw(files.ipv6(bytes(datagram)))) is Reason.MALFORMED_UDP
    assert reason(files.raw(files.ipv4(bytes(datagram[:7])))) is Reason.MALFORMED_UDP


def test_octets_behind_the_udp_length_are_left_out() -> None:
    assert outcome(files.raw(files.ipv4(files.udp() + b"trailer")))[0][0].octets == b"message"


def test_ports() -> None:
    packets = [files.ipv4(files.udp(b"", *ports)) for ports in [(848, 1), (1, 500), (4500, 1), (1, 2)]]
    datagrams, counts = outcome(files.raw(*packets))
    assert [datagram.frame for datagram in datagrams] == [1, 2, 3]
    assert counts.skipped == {Reason.OTHER_PORT: 1}
    file = io.BytesIO(files.raw(*packets))
    assert [(one.source_port, one.destination_port) for one in read(file, [2])] == [(1, 2)]
    assert len(list(read(io.BytesIO(files.raw(*packets)), None))) == 4


def test_not_udp() -> None:
    assert reason(files.raw(files.ipv4(bytes(20), protocol=6))) is Reason.NOT_UDP
    assert reason(files.raw(files.ipv6(bytes(20), 58))) is Reason.NOT_UDP


@pytest.mark.parametrize("version", [4, 6])
def test_frames_captured_short(version: int) -> None:
    packet = bytes(PACKET if version == 4 else PACKET6)
    header = 20 if version == 4 else 40
    for size in range(1, len(packet)):
        octets = files.section() + files.interface(101)
        octets += files.packet(packet[:size], missing=len(packet) - size)
        if size < header + 8:
            assert reason(octets) is Reason.CAPTURED_SHORT
            continue
        (datagram,) = outcome(octets)[0]
        assert datagram.octets == MESSAGE[: size - header - 8]
        assert datagram.missing == len(packet) - size
        assert datagram.truncated


def test_a_short_frame_that_lacks_only_padding_is_whole() -> None:
    octets = files.section() + files.interface(101) + files.packet(bytes(PACKET), missing=18)
    (datagram,) = outcome(octets)[0]
    assert (datagram.octets, datagram.truncated) == (MESSAGE, False)
