"""Packets to messages of the library and back."""

import pytest
from scapy.contrib.ikev2 import IKEv2, IKEv2_Nonce
from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import NON_ESP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

import gsakmp
from gsakmp import layers as L
from gsakmp import payloads as P
from gsakmp.layers import Header, message_of, packet_of

NONCE = P.Nonce(nonce_data=b"12345678")
TEK = P.SATEK(
    protocol_id=1,
    tek=P.ESPTEK(
        protocol=17, source_id_type=4, source_id_data=b"\x0a\0\0\0\xff\0\0\0", destination_id_data=bytes(4)
    ),
)


@pytest.mark.parametrize(
    "message",
    [
        gsakmp.Message(initiator_cookie=b"initiate", exchange_type=32, payloads=(NONCE,)),
        gsakmp.Message(
            exchange_type=32, payloads=(P.GroupSA(sa_attributes=(TEK,)), NONCE), dialect=gsakmp.GDOID
        ),
        gsakmp.Message(
            exchange_type=32, doi=gsakmp.IPSEC, message_id=7, payloads=(P.SA(doi=1, situation=1),)
        ),
        gsakmp.Message(
            exchange_type=2, doi=gsakmp.IPSEC, payloads=(P.NATDiscovery(kind=15),), non_esp_marker=True
        ),
        gsakmp.Message(exchange_type=5, flags=1, next_payload=8, ciphertext=b"c" * 16),
        gsakmp.Message(exchange_type=32, payloads=(P.UnknownPayload(kind=200, octets=b"?"),)),
    ],
    ids=["pull", "dialect", "quick mode", "marker", "encrypted", "unknown"],
)
def test_there_and_back(message: gsakmp.Message) -> None:
    packet = packet_of(message)
    assert bytes(packet) == gsakmp.build(message)
    assert packet[Header].doi is message.doi
    assert packet[Header].dialect is message.dialect
    back = message_of(packet)
    assert gsakmp.build(back) == gsakmp.build(message)
    assert (back.doi, back.dialect) == (message.doi, message.dialect)
    assert back.non_esp_marker == message.non_esp_marker
    assert back == message_of(packet_of(back))


def test_from_a_whole_frame_with_what_pads_it() -> None:
    frame = Ether() / IP() / UDP() / Header(exchange_type="GROUPKEY_PULL") / L.Nonce(nonce_data=b"12345678")
    found = message_of(Ether(bytes(frame) + bytes(10)))
    assert found == gsakmp.Message(exchange_type=32, payloads=(NONCE,))
    marked = Ether() / IP() / UDP() / NON_ESP() / Header(exchange_type=5) / L.Nonce(nonce_data=b"12345678")
    found = message_of(Ether(bytes(marked) + bytes(10)))
    assert (found.non_esp_marker, found.doi, found.payloads) == (True, gsakmp.IPSEC, (NONCE,))


def test_version_2_has_the_librarys_framing() -> None:
    packet = UDP() / IKEv2(init_SPI=b"12345678", exch_type=34) / IKEv2_Nonce(nonce=b"12345678")
    message = message_of(packet)
    assert message.major_version == 2
    assert message.payloads[0].kind == 40
    assert type(packet_of(message)) is IKEv2
    assert bytes(packet_of(message)) == bytes(packet[IKEv2])


def test_what_is_no_message() -> None:
    with pytest.raises(gsakmp.EncodeError, match="no message"):
        message_of(IP() / UDP() / Raw(b"x"))
    with pytest.raises(gsakmp.EncodeError, match="situation"):
        message_of(Header() / L.GroupSA(situation=1 << 40))
    bad = Header(exchange_type=32) / L.Hash(hash_data=b"h", length=99)
    with pytest.raises(gsakmp.DecodeError):
        message_of(bad)
    assert gsakmp.build(message_of(bad, lenient=True)) == bytes(bad)
