"""Octets of any sort: never an exception, and always the same octets out."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.config import conf
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw
from scapy.utils import RawPcapReader

from gsakmp import layers as L
from gsakmp import limits
from gsakmp.layers import Header
from tests.conftest import PCAPS
from tests.unit.layers.samples import SAMPLES, generic

CLASSES = sorted(
    {type(sample.packet) for sample in SAMPLES} | {Header, L.Attribute}, key=lambda cls: cls.__name__
)


def datagrams() -> list[bytes]:
    """Messages of the captures from their start, and each sample in a message."""
    out = []
    for path in sorted((PCAPS / "ikev1").iterdir()) + sorted((PCAPS / "gdoi" / "plaintext").iterdir()):
        out += [IP(frame[14:]).payload for frame in frames(path) if frame[12:14] == b"\x08\0"]
    messages = [bytes(udp[Header]) for udp in out if isinstance(udp, UDP) and Header in udp]
    payloads = (sample for sample in SAMPLES if hasattr(sample.packet, "kind"))
    messages += [bytes(Header(exchange_type=32) / sample.packet.copy()) for sample in payloads]
    return messages


def frames(path: Path) -> list[bytes]:
    with RawPcapReader(str(path)) as reader:
        return [frame for frame, *_ in reader]


MESSAGES = datagrams()


def checked(octets: bytes, port: int) -> Any:
    datagram = UDP(bytes(UDP(sport=port, dport=port, chksum=1) / Raw(octets)))
    assert bytes(datagram)[8:] == octets
    assert datagram.summary()
    return datagram


@given(octets=st.binary(max_size=200), port=st.sampled_from([500, 848, 4500]))
@example(octets=b"", port=848)
@example(octets=b"\0" * 4, port=4500)
def test_any_octets(octets: bytes, port: int) -> None:
    checked(octets, port)


@given(cls=st.sampled_from(CLASSES), octets=st.binary(min_size=1, max_size=80))
def test_any_octets_as_any_packet(cls: Any, octets: bytes) -> None:
    packet = cls(octets)
    assert bytes(packet) == octets
    assert packet.show(dump=True)


@given(cls=st.sampled_from([cls for cls in CLASSES if hasattr(cls, "kind")]), body=st.binary(max_size=80))
def test_any_body_of_any_payload(cls: Any, body: bytes) -> None:
    packet = cls(generic(body))
    assert bytes(packet) == generic(body)
    assert bytes(packet.copy()) == generic(body)


@given(data=st.data())
def test_broken_messages(data: st.DataObject) -> None:
    octets = bytearray(data.draw(st.sampled_from(MESSAGES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at] = data.draw(st.sampled_from([0, 1, 4, 0x7F, 0x80, 0xFF, octets[at] ^ 1]))
    cut = data.draw(st.integers(0, len(octets)))
    port = data.draw(st.sampled_from([500, 848]))
    broken = bytes(octets[:cut] if data.draw(st.booleans()) else octets)
    if len(broken) > 17 and broken[17] >> 4 == 2:
        return  # scapy's IKEv2
    datagram = checked(broken, port)
    assert datagram.show(dump=True)
    if Header in datagram:
        again = datagram.copy()
        assert bytes(again)[8:] == broken


def test_as_many_payloads_as_fit_in_a_datagram() -> None:
    many = generic(b"", 13) * 16000
    octets = bytes(Header(exchange_type=2, next_payload=13, message_length=28 + len(many)) / Raw(many))
    packet = Header(octets)
    assert bytes(packet) == octets


def test_more_than_the_limits_is_left_as_octets() -> None:
    transforms = generic(b"\1\1\0\0", 3) * limits.PAYLOADS_PER_CHAIN + generic(b"\1\1\0\0")
    proposal = generic(b"\1\1\0\xff" + transforms)
    octets = generic(b"\0\0\0\1\0\0\0\1" + proposal)
    assert type(L.SA(octets)) is Raw
    assert bytes(L.SA(octets)) == octets
    keys = bytes.fromhex("01 ffff 00") + bytes(16)
    assert type(L.LKHDownloadArray(keys)) is Raw
    attributes = generic(b"\x80\1\0\1" * (limits.ATTRIBUTES_PER_PAYLOAD + 1))
    assert type(L.GroupAssociatedPolicy(attributes)) is Raw


def test_scapys_debugging_shows_the_error() -> None:
    conf.debug_dissector = True
    try:
        with pytest.raises(Exception, match="octets"):
            L.Nonce(b"\0\0\0")
    finally:
        conf.debug_dissector = False
    assert L.Nonce(b"\0\0\0") == Raw(b"\0\0\0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(Header(b"\0")) is Raw
