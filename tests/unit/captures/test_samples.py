"""Every capture that the project ships, compared with dpkt and with tshark."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import dpkt
import pytest

from gsakmp.captures import PORTS, Datagram, Reason, read
from tests.conftest import PCAPS

FILES = sorted(
    path for path in PCAPS.rglob("*") if path.suffix in {".pcap", ".pcapng", ".cap"} and path.is_file()
)
WELL_FORMED = [path for path in FILES if path.parent.name != "malformed"]
LAYERS = {0: dpkt.loopback.Loopback, 1: dpkt.ethernet.Ethernet, 101: dpkt.ip.IP}


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def shown(datagram: Datagram) -> tuple[int, str, str, str]:
    return datagram.frame, datagram.source, datagram.destination, datagram.octets.hex()


def by_dpkt(path: Path) -> Iterator[tuple[int, int, str, str, str]]:
    """Frame, microseconds, source, destination and payload of what dpkt reads without reassembly."""
    with path.open("rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        layer = LAYERS[reader.datalink()]
        for number, (time, frame) in enumerate(reader, 1):
            packet = layer(frame)
            while not isinstance(packet, dpkt.ip.IP | bytes | dpkt.arp.ARP):
                packet = packet.data
            if not isinstance(packet, dpkt.ip.IP) or packet.mf or packet.offset:
                continue
            datagram = packet.data
            if isinstance(datagram, dpkt.udp.UDP) and PORTS & {datagram.sport, datagram.dport}:
                source, destination = (".".join(map(str, end)) for end in (packet.src, packet.dst))
                yield (
                    number,
                    round(time * 1_000_000),
                    f"{source}:{datagram.sport}",
                    f"{destination}:{datagram.dport}",
                    bytes(datagram.data).hex(),
                )


def test_there_are_captures() -> None:
    assert {path.parent.name for path in FILES} >= {"gdoi", "ikev1", "ikev2", "malformed"}


@pytest.mark.parametrize("path", WELL_FORMED, ids=name)
def test_same_as_dpkt(path: Path) -> None:
    expected = list(by_dpkt(path))
    fragmented = {5, 8, 11} if path.name == "ipsec_client.pcap" else set()
    found = [
        (datagram.frame, datagram.time // 1000, *shown(datagram)[1:])
        for datagram in read(path)
        if datagram.frame not in fragmented
    ]
    assert found == expected
    assert expected


FIELDS = ("frame.number", "ip.src", "udp.srcport", "ip.dst", "udp.dstport", "udp.payload", "udp.length")


@pytest.mark.parametrize("path", FILES, ids=name)
def test_same_as_tshark(path: Path, tshark: str) -> None:
    ports = " or ".join(f"udp.port == {port}" for port in sorted(PORTS))
    command = [tshark, "-r", str(path), "-Y", f"({ports}) and not icmp", "-T", "fields", "-n"]
    for field in FIELDS:
        command += ["-e", field]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    expected = {
        (int(row[0]), f"{row[1]}:{row[2]}", f"{row[3]}:{row[4]}", row[5], int(row[6]) - 8) for row in rows
    }
    capture = read(path)
    found = {(*shown(datagram), len(datagram.octets) + datagram.missing) for datagram in capture}
    assert found <= expected
    # tshark shows a datagram whose UDP length is beyond its IP packet; no receiver takes it
    refused = capture.counts.skipped.get(Reason.MALFORMED_UDP, 0)
    assert len(expected) - len(found) == refused
    assert refused == 0 or path.parent.name == "malformed"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_each_frame_is_counted_once(path: Path) -> None:
    capture = read(path)
    datagrams = list(capture)
    counts = capture.counts
    assert counts.datagrams == len(datagrams)
    assert counts.frames == counts.datagrams + counts.fragments + sum(counts.skipped.values())


def test_fragments_of_a_real_capture() -> None:
    capture = read(PCAPS / "ikev2" / "ipsec_client.pcap")
    datagrams = list(capture)
    assert [(one.frame, len(one.octets)) for one in datagrams if one.frame in {5, 8, 11}] == [
        (frame, 3472) for frame in (5, 8, 11)
    ]
    assert (capture.counts.fragments, capture.counts.incomplete) == (6, 0)


def test_other_traffic_is_counted_by_reason() -> None:
    capture = read(PCAPS / "ikev1" / "ipsec.cap")
    list(capture)
    assert capture.counts.skipped == {Reason.NOT_UDP: 16}
    capture = read(PCAPS / "ikev1" / "ipsec.cap", ports={4500})
    list(capture)
    assert capture.counts.skipped == {Reason.NOT_UDP: 16, Reason.OTHER_PORT: 11}
