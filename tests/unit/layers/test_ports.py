"""UDP 500, 848 and 4500, beside scapy's own layers."""

import pytest
from scapy.contrib.ikev2 import IKEv2, IKEv2_Nonce
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, NAT_KEEPALIVE, NON_ESP
from scapy.layers.isakmp import ISAKMP, ISAKMP_payload_Nonce
from scapy.packet import Raw

from gsakmp import layers as L
from gsakmp.layers import Header

MESSAGE = bytes(Header(exchange_type=4) / L.Nonce(nonce_data=b"12345678"))
VERSION_2 = bytes(IKEv2(init_SPI=b"12345678", exch_type=34) / IKEv2_Nonce(nonce=b"12345678"))


def on(octets: bytes, **ports: int) -> UDP:
    return IP(bytes(IP() / UDP(**{"sport": 40000, "dport": 40000, **ports}) / Raw(octets)))[UDP]


@pytest.mark.parametrize("port", [500, 848])
@pytest.mark.parametrize("way", ["sport", "dport"])
def test_version_1_and_2_by_port(port: int, way: str) -> None:
    assert type(on(MESSAGE, **{way: port}).payload) is Header
    assert on(MESSAGE, **{way: port})[L.Nonce].nonce_data == b"12345678"
    found = on(VERSION_2, **{way: port})
    assert type(found.payload) is IKEv2
    assert found[IKEv2_Nonce].nonce == b"12345678"
    assert bytes(found.payload) == VERSION_2


@pytest.mark.parametrize("way", ["sport", "dport"])
def test_port_4500(way: str) -> None:
    found = on(bytes(4) + MESSAGE, **{way: 4500})
    assert found.payload.layers() == [NON_ESP, Header, L.Nonce]
    assert found[Header].doi.name == "IPsec"
    assert on(bytes(4) + VERSION_2, **{way: 4500}).payload.layers() == [NON_ESP, IKEv2, IKEv2_Nonce]
    assert type(on(b"\xff", **{way: 4500}).payload) is NAT_KEEPALIVE
    esp = on(b"\0\0\x10\1\0\0\0\1" + MESSAGE, **{way: 4500})
    assert type(esp.payload) is ESP
    assert esp[ESP].spi == 0x1001


def test_no_other_port_is_touched() -> None:
    assert type(on(MESSAGE).payload) is Raw


def test_ports_are_filled_in() -> None:
    stack = IP() / UDP() / Header() / L.Nonce(nonce_data=b"n")
    assert (stack[UDP].sport, stack[UDP].dport) == (848, 848)
    given = IPv6() / UDP(sport=500, dport=500) / Header() / L.Nonce(nonce_data=b"n")
    assert (given[UDP].sport, given[UDP].dport) == (500, 500)
    marked = UDP() / NON_ESP() / Header() / L.Nonce(nonce_data=b"n")
    assert (marked[UDP].sport, marked[UDP].dport) == (4500, 4500)
    assert bytes(marked)[8:12] == bytes(4)


def test_scapys_own_layers_still_build() -> None:
    older = UDP() / ISAKMP() / ISAKMP_payload_Nonce()
    assert (older.sport, older.dport) == (500, 500)
    assert type(UDP(bytes(older)).payload) is Header
    theirs = UDP() / IKEv2() / IKEv2_Nonce(nonce=b"12345678")
    assert (theirs.sport, theirs.dport) == (500, 500)


def test_loading_scapys_ikev2_afterwards_changes_nothing() -> None:
    from scapy.main import load_contrib

    load_contrib("ikev2")
    test_version_1_and_2_by_port(500, "dport")
    test_port_4500("sport")


def test_the_ports_can_be_given_back() -> None:
    L.unbind_ports()
    try:
        assert type(on(MESSAGE, dport=500).payload) is ISAKMP
        assert type(on(VERSION_2, dport=500).payload) is IKEv2
        assert type(on(MESSAGE, dport=848).payload) is Raw
        assert on(bytes(4) + MESSAGE, dport=4500).payload.layers()[:2] == [NON_ESP, ISAKMP]
        assert UDP(bytes(UDP() / Header())).dport != 848
    finally:
        L.bind_ports()
        L.bind_ports()
    test_version_1_and_2_by_port(848, "sport")
    assert len([1 for fields, cls in UDP.payload_guess if cls is Header]) == 4
