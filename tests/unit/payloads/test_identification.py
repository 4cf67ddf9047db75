"""Identification: every type, as octets typed from RFC 2407, 4.6.2.1 and RFC 8052, 2.1."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from asn1crypto import x509

from gsakmp.doi import GDOI, IPSEC
from gsakmp.errors import LengthMismatch, TrailingOctets
from gsakmp.payloads import AddressRange, Identification, OIDIdentity, Subnet
from gsakmp.registries import GDOIIDType, IPProtocol
from gsakmp.wire import codec
from tests.vectors.check import built, check_element

H = bytes.fromhex
OID = "060b2a8648ce5683e31a080102"  # RFC 8052, appendix A: 1.2.840.10070.61850.8.1.2
DN = x509.Name.build({"common_name": "gcks.example", "organization_name": "Example"}).dump()
GN = x509.GeneralName("dns_name", "gcks.example").dump()

VECTORS: list[tuple[str, Any, str]] = [
    ("c0000201", IPv4Address("192.0.2.1"), "ID_IPV4_ADDR"),
    ("686f73742e6578616d706c65", "host.example", "ID_FQDN"),
    ("75406578616d706c65", "u@example", "ID_USER_FQDN"),
    ("c0000200ffffff00", Subnet(IPv4Address("192.0.2.0"), IPv4Address("255.255.255.0")), "ID_IPV4_ADDR_SUBNET"),
    ("c0000200ff00ff00", Subnet(IPv4Address("192.0.2.0"), IPv4Address("255.0.255.0")), "ID_IPV4_ADDR_SUBNET"),
    ("20010db8000000000000000000000001", IPv6Address("2001:db8::1"), "ID_IPV6_ADDR"),
    ("20010db8" + "00" * 12 + "ffffffff" + "00" * 12, Subnet(IPv6Address("2001:db8::"), IPv6Address("ffff:ffff::")),
     "ID_IPV6_ADDR_SUBNET"),
    ("c0000201c0000209", AddressRange(IPv4Address("192.0.2.1"), IPv4Address("192.0.2.9")), "ID_IPV4_ADDR_RANGE"),
    ("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "09",
     AddressRange(IPv6Address("2001:db8::1"), IPv6Address("2001:db8::9")), "ID_IPV6_ADDR_RANGE"),
    (DN.hex(), DN, "ID_DER_ASN1_DN"),
    (GN.hex(), GN, "ID_DER_ASN1_GN"),
    ("000004d2", H("000004d2"), "ID_KEY_ID"),
    ("", b"", "ID_KEY_ID"),
    ("0d" + OID + "0002" + "0500", OIDIdentity(oid=H(OID), oid_payload=H("0500")), "ID_OID"),
    ("cafe", H("cafe"), "PRIVATE_USE_250"),
]  # fmt: skip
NUMBERS = {
    "ID_IPV4_ADDR": 1, "ID_FQDN": 2, "ID_USER_FQDN": 3, "ID_IPV4_ADDR_SUBNET": 4, "ID_IPV6_ADDR": 5,
    "ID_IPV6_ADDR_SUBNET": 6, "ID_IPV4_ADDR_RANGE": 7, "ID_IPV6_ADDR_RANGE": 8, "ID_DER_ASN1_DN": 9,
    "ID_DER_ASN1_GN": 10, "ID_KEY_ID": 11, "ID_OID": 13, "PRIVATE_USE_250": 250,
}  # fmt: skip


@pytest.mark.parametrize(
    ("octets", "value", "name"), VECTORS, ids=[f"{n}-{i}" for i, (_, _, n) in enumerate(VECTORS)]
)
def test_every_type(octets: str, value: Any, name: str) -> None:
    """RFC 2407, 4.6.2: ID type, protocol, port, data."""
    body = H(f"{NUMBERS[name]:02x}" + "11" + "01f4" + octets)
    expected = Identification(id_type=NUMBERS[name], protocol_id=17, port=500, identification_data=value)
    for rules in (IPSEC.rules(2), GDOI.rules(32)):
        found = check_element(Identification, body, rules, expected=expected)
        assert isinstance(found.id_type, GDOIIDType)
        assert found.protocol_id is IPProtocol.UDP


def test_names_are_the_registrys() -> None:
    """RFC 2407, 4.6.2.1; RFC 8052, 4 (ID_OID); unassigned numbers are named after their range."""
    for name, number in NUMBERS.items():
        assert GDOIIDType(number).value == number
        assert GDOIIDType(number).name == name or number == 250


def test_text_that_is_none_stays_octets() -> None:
    for octets in (b"", b"\0\0", "höst".encode(), b"line\n"):
        found = check_element(Identification, b"\2\0\0\0" + octets, IPSEC.rules(2))
        assert found.identification_data == octets


@pytest.mark.parametrize(
    "octets",
    ["01000000" "c00002", "01000000" "c0000201c0", "04000000" "c0000201", "05000000" "c0000201", "07000000" "00",
     "08000000" + "00" * 31],
)  # fmt: skip
def test_an_address_of_the_wrong_size(octets: str) -> None:
    """Refused; a lenient parse keeps the octets."""
    with pytest.raises(LengthMismatch) as caught:
        check_element(Identification, H(octets), IPSEC.rules(2))
    assert (caught.value.path, caught.value.offset) == ("identification_data", 4)
    rules = IPSEC.rules(2, lenient=True)
    kept = codec(Identification).parse_lenient(H(octets), 0, len(octets) // 2, rules)
    assert kept.identification_data == H(octets[8:])
    assert built(kept, rules) == H(octets)


def test_an_oid_identity_with_octets_left() -> None:
    with pytest.raises(TrailingOctets) as caught:
        check_element(Identification, H("0d000000" + "0d" + OID + "0000" + "00"), GDOI.rules(32))
    assert caught.value.path == "identification_data"


def test_figure_7_of_rfc_8052() -> None:
    """RFC 8052, appendix A: ID type 13, DOI-specific data zero, an OID of 13 octets, its payload."""
    selector = H("0404e9fc0001")  # an OCTET STRING of 233.252.0.1; RFC 8052 leaves the DER to IEC 62351-6
    body = H("0d000000" + "0d" + OID) + len(selector).to_bytes(2, "big") + selector
    found = check_element(Identification, body, GDOI.rules(32))
    assert found.identification_data == OIDIdentity(oid=H(OID), oid_payload=selector)
    assert found.identification_data.readings() == {"oid": "1.2.840.10070.61850.8.1.2"}


def test_names_are_readable() -> None:
    name = Identification(id_type=9, identification_data=DN).readings()["identification_data"]
    assert "gcks.example" in name
    assert Identification(id_type=10, identification_data=GN).readings() == {
        "identification_data": "dns_name: gcks.example"
    }
    assert Identification(id_type=9, identification_data=b"\x30\x80").readings() == {
        "identification_data": "not readable as DER"
    }
    assert Identification(id_type=11, identification_data=DN).readings() == {}
