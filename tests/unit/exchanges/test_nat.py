"""RFC 3947, 3: vendor ids and NAT-D, against hashlib and against what other implementations sent."""

from __future__ import annotations

from hashlib import md5, sha1, sha256
from ipaddress import ip_address

import pytest

import gsakmp
from gsakmp.captures import read
from gsakmp.crypto.hashes import MD5, SHA1, SHA256
from gsakmp.errors import ConfigurationError, UnexpectedMessage
from gsakmp.exchanges import nat
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.isakmp_sa import Extensions
from gsakmp.message import Message
from gsakmp.payloads import NATDiscovery, VendorID
from tests.conftest import PCAPS

COOKIES = bytes(range(1, 17))
HERE, THERE = Address.from_text("192.0.2.1:500"), Address.from_text("[2001:db8::7]:848")
OTHER = Address.from_text("198.51.100.9:61234")


def expected(address: Address) -> NATDiscovery:
    octets = COOKIES + address.host.packed + address.port.to_bytes(2, "big")
    return NATDiscovery(address_and_port_hash=sha256(octets).digest())


def detect(*payloads: NATDiscovery, local: Address = HERE) -> tuple[bool, bool]:
    return nat.detect(payloads, SHA256, COOKIES, local, THERE)


def test_the_hash_of_each_end_the_destination_first() -> None:
    made = nat.discovery_payloads(SHA256, COOKIES, HERE, THERE)
    assert made == (expected(THERE), expected(HERE))


def test_no_nat() -> None:
    assert detect(expected(HERE), expected(THERE)) == (False, False)
    assert detect() == (False, False)  # nothing was sent


def test_nat_before_us() -> None:
    assert detect(expected(OTHER), expected(THERE)) == (True, False)


def test_nat_before_the_peer() -> None:
    assert detect(expected(HERE), expected(OTHER)) == (False, True)
    assert detect(expected(OTHER), expected(OTHER)) == (True, True)


def test_a_port_alone_makes_the_difference() -> None:
    moved = HERE._replace(port=501)
    assert detect(expected(moved), expected(THERE)) == (True, False)


def test_a_peer_with_several_addresses() -> None:
    assert detect(expected(HERE), expected(OTHER), expected(THERE), expected(HERE)) == (False, False)
    # the first payload is never the peer's own address
    assert detect(expected(THERE), expected(OTHER)) == (True, True)


def test_an_unspecified_address_says_nothing() -> None:
    anywhere = Address.from_text("0.0.0.0:500")
    assert detect(expected(HERE), expected(THERE), local=anywhere) == (False, False)


def test_one_payload_is_too_few() -> None:
    with pytest.raises(UnexpectedMessage):
        detect(expected(HERE))


def test_cookies_are_two() -> None:
    with pytest.raises(ConfigurationError):
        nat.discovery_payloads(SHA256, COOKIES[:8], HERE, THERE)


def messages(name: str) -> list[tuple[Message, Address, Address]]:
    """Source and destination of each message of phase 1 in the clear."""
    found = []
    with read(PCAPS / "ikev1" / name) as capture:
        for datagram in capture:
            if datagram.destination_port != 500:
                continue
            message = gsakmp.parse(datagram.octets, port=500)
            if not message.message_id and not message.encrypted:
                source = Address(ip_address(datagram.source_address), datagram.source_port)
                destination = Address(ip_address(datagram.destination_address), datagram.destination_port)
                found.append((message, source, destination))
    return found


def nat_d(message: Message) -> list[NATDiscovery]:
    return [payload for payload in message.payloads if isinstance(payload, NATDiscovery)]


def test_what_a_peer_behind_a_nat_sent() -> None:
    """Openswan in a capture of tcpdump's: the initiator is behind a NAT, and MD5 was agreed on."""
    third, fourth = (entry for entry in messages("isakmp4500.pcap") if nat_d(entry[0]))
    message, source, destination = third
    cookies = message.initiator_cookie + message.responder_cookie
    # the initiator does not know its address outside; the responder's is the real one
    assert nat.detect(nat_d(message), MD5, cookies, destination, source) == (False, True)
    message, source, destination = fourth
    assert nat.discovery_payloads(MD5, cookies, source, destination) == tuple(nat_d(message))
    inside = nat_d(third[0])[1].address_and_port_hash
    assert inside != md5(cookies + destination.host.packed + (500).to_bytes(2, "big")).digest()


def test_what_peers_without_a_nat_sent() -> None:
    """Aggressive Mode between two gateways on one link, SHA-1."""
    found = messages("ipsec-ikev1-isakmp-aggressive-mode.pcap")
    message, source, destination = next(entry for entry in found if nat_d(entry[0]))
    cookies = message.initiator_cookie + message.responder_cookie
    assert nat.detect(nat_d(message), SHA1, cookies, destination, source) == (False, False)
    assert nat.discovery_payloads(SHA1, cookies, source, destination) == tuple(nat_d(message))
    place = source.host.packed + source.port.to_bytes(2, "big")
    assert nat_d(message)[1].address_and_port_hash == sha1(cookies + place).digest()


def test_vendor_ids_are_what_the_documents_say() -> None:
    assert md5(b"RFC 3947").digest() == nat.NAT_TRAVERSAL
    assert md5(b"FRAGMENTATION").digest() == nat.FRAGMENTATION
    # RFC 3706, 5.1
    digits = "AF CA D7 13 68 A1 F1 C9 6B 86 96 FC 77 57 01 00"
    assert bytes.fromhex(digits) == nat.DEAD_PEER_DETECTION


@pytest.mark.parametrize("wanted", [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)])
def test_what_is_offered_is_understood(wanted: tuple[int, int, int]) -> None:
    nat_traversal, dpd, fragmentation = map(bool, wanted)
    found = nat.extensions_offered(nat.vendor_ids(nat_traversal, dpd, fragmentation))
    seen = (found.nat_traversal, found.dead_peer_detection, found.fragmentation)
    assert seen == (nat_traversal, dpd, fragmentation)


def test_what_other_peers_offer() -> None:
    first = messages("isakmp4500.pcap")[0][0]
    vendors = [payload for payload in first.payloads if isinstance(payload, VendorID)]
    found = nat.extensions_offered(vendors)
    assert (found.nat_traversal, found.dead_peer_detection, found.fragmentation) == (True, True, False)
    flagged = VendorID(nat.FRAGMENTATION + bytes.fromhex("80000000"))
    assert nat.extensions_offered([flagged]).fragmentation
    minor = VendorID(nat.DEAD_PEER_DETECTION[:-1] + b"\x07")
    assert nat.extensions_offered([minor]).dead_peer_detection


def test_what_is_not_offered() -> None:
    wrong = [
        VendorID(b""),
        VendorID(nat.NAT_TRAVERSAL[:-1]),
        VendorID(nat.NAT_TRAVERSAL + b"\0"),
        VendorID(nat.DEAD_PEER_DETECTION[:14]),
        VendorID(nat.DEAD_PEER_DETECTION[:14] + b"\2\0"),
        VendorID(nat.FRAGMENTATION[:-1]),
    ]
    found = nat.extensions_offered(wrong)
    assert found == Extensions()
