"""Writing: what is read back is what was written, and dpkt and tshark agree with the headers."""

from __future__ import annotations

import io
import subprocess
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import dpkt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from gsakmp.captures import Datagram, read, write
from gsakmp.errors import EncodeError, LocalError
from tests.conftest import PCAPS

PORT = st.integers(0, 0xFFFF)
ADDRESSES = st.sampled_from([IPv4Address, IPv6Address]).flatmap(
    lambda family: st.tuples(*[st.integers(0, 2**32 - 1).map(family)] * 2)
)
DATAGRAMS = st.builds(
    lambda ends, **fields: Datagram(source_address=str(ends[0]), destination_address=str(ends[1]), **fields),
    ADDRESSES,
    octets=st.binary(max_size=200),
    time=st.integers(0, 2**32 * 10**9 - 1),
    source_port=PORT,
    destination_port=PORT,
    missing=st.sampled_from([0, 0, 0, 1, 1000]),
)


def written(*datagrams: Datagram) -> bytes:
    file = io.BytesIO()
    assert write(file, datagrams) == len(datagrams)
    return file.getvalue()


@given(st.lists(DATAGRAMS, max_size=4))
def test_round_trip(datagrams: list[Datagram]) -> None:
    expected = [
        msgspec.structs.replace(datagram, frame=number) for number, datagram in enumerate(datagrams, 1)
    ]
    assert list(read(io.BytesIO(written(*datagrams)), None)) == expected


@given(DATAGRAMS)
def test_headers_are_what_scapy_computes(datagram: Datagram) -> None:
    datagram = msgspec.structs.replace(datagram, missing=0)
    octets = written(datagram)[24 + 16 :]
    layer = IPv6 if ":" in datagram.source_address else IP
    packet = layer(octets)
    assert packet["UDP"].sport == datagram.source_port
    if layer is IP:
        del packet.chksum, packet.len, packet.ihl
    else:
        del packet.plen
    del packet["UDP"].chksum, packet["UDP"].len
    assert bytes(packet) == octets


def test_a_checksum_of_zero_is_written_as_ones() -> None:
    """RFC 768: a zero would mean that there is no checksum."""
    plain = Datagram(octets=bytes(2), source_address="10.0.0.1", destination_address="10.0.0.2")
    checksum = slice(24 + 16 + 20 + 6, 24 + 16 + 20 + 8)
    balanced = msgspec.structs.replace(plain, octets=written(plain)[checksum])
    assert written(balanced)[checksum] == b"\xff\xff"


@pytest.mark.parametrize(
    ("source", "destination", "most"),
    [("10.0.0.1", "10.0.0.2", 65_507), ("2001:db8::1", "2001:db8::2", 65_527)],
)
def test_the_longest_message(source: str, destination: str, most: int) -> None:
    datagram = Datagram(
        source_address=source,
        source_port=848,
        destination_address=destination,
        destination_port=848,
        octets=bytes(most),
    )
    assert [one.octets for one in read(io.BytesIO(written(datagram)))] == [datagram.octets]
    with pytest.raises(EncodeError, match=r"datagrams\[1\]\.octets"):
        written(datagram, msgspec.structs.replace(datagram, octets=bytes(most + 1)))


def test_unknown_addresses_become_those_of_documentation() -> None:
    datagram = Datagram(octets=b"hex")
    assert (datagram.source, datagram.destination) == ("", "")
    (found,) = read(io.BytesIO(written(datagram)))
    assert (found.source, found.destination) == ("192.0.2.1:848", "192.0.2.2:848")
    file = io.BytesIO()
    write(file, [Datagram(octets=b"hex", source_port=4500)], port=500)
    (found,) = read(io.BytesIO(file.getvalue()))
    assert (found.source_port, found.destination_port) == (4500, 500)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"source_address": "nowhere"}, "source_address"),
        ({"destination_address": "10.0.0.256"}, "destination_address"),
        ({"destination_address": "2001:db8::1"}, "destination_address"),
        ({"source_port": 65536}, "source_port"),
        ({"destination_port": -1}, "destination_port"),
        ({"time": -1}, "time"),
        ({"time": 2**32 * 10**9}, "time"),
        ({"missing": -1}, "octets"),
    ],
)
def test_what_does_not_fit(fields: dict[str, object], path: str) -> None:
    datagram = Datagram(octets=b"x", source_address="10.0.0.1", destination_address="10.0.0.2")
    written(datagram)
    with pytest.raises(EncodeError) as raised:
        written(msgspec.structs.replace(datagram, **fields))
    assert raised.value.path == f"datagrams[0].{path}"


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="cannot be written"):
        write(tmp_path, [])
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(LocalError, match="cannot be written"):
        write(closed, [])
    wrong: Any
    for wrong in (None, 5, object(), io.StringIO()):
        with pytest.raises(LocalError, match="a binary file is wanted"):
            write(wrong, [])


def test_no_datagrams_make_an_empty_capture() -> None:
    assert list(dpkt.pcap.Reader(io.BytesIO(written()))) == []
    assert list(read(io.BytesIO(written()))) == []


def test_a_capture_copied_is_the_same(tmp_path: Path) -> None:
    source = PCAPS / "ikev2" / "ipsec_client.pcap"
    expected = list(read(source))
    copy = tmp_path / "copy.pcap"
    write(copy, read(source))
    assert [msgspec.structs.replace(one, frame=0) for one in read(str(copy))] == [
        msgspec.structs.replace(one, frame=0) for one in expected
    ]
    with copy.open("rb") as file:
        packets = [dpkt.ip.IP(frame) for _, frame in dpkt.pcap.Reader(file)]
    assert [bytes(packet.data.data) for packet in packets] == [one.octets for one in expected]


def test_tshark_reads_it_and_finds_the_checksums_good(tmp_path: Path, tshark: str) -> None:
    path = tmp_path / "capture.pcap"
    datagrams = [
        Datagram(
            time=1_700_000_000_123_456_789 + number,
            source_address=source,
            source_port=40_000,
            destination_address=destination,
            destination_port=40_001,
            octets=bytes(range(number + 1)),
        )
        for number, (source, destination) in enumerate(
            [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] * 2
        )
    ]
    write(path, datagrams)
    options = [f"{protocol}.check_checksum:TRUE" for protocol in ("ip", "udp")]
    fields = ["frame.time_epoch", "udp.payload", "ip.checksum.status", "udp.checksum.status"]
    command = [tshark, "-r", str(path), "-T", "fields"]
    for option in options:
        command += ["-o", option]
    for field in fields:
        command += ["-e", field]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split("\t") for line in lines] == [
        [
            f"1700000000.{123_456_789 + number}",
            datagram.octets.hex(),
            "1" if "." in datagram.source_address else "",
            "1",
        ]
        for number, datagram in enumerate(datagrams)
    ]
