"""The other payloads of RFC 2408, RFC 3947, mode-config and fragments, as octets typed by hand."""

from __future__ import annotations

import datetime
import hashlib
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

import gsakmp
from gsakmp.doi import GDOI, IPSEC, ISAKMP
from gsakmp.errors import DecodeError, LengthMismatch, Truncated
from gsakmp.message import Message
from gsakmp.payloads import (
    Attribute,
    Certificate,
    CertificateRequest,
    ConfigurationAttributes,
    Delete,
    Fragment,
    GroupDelete,
    Hash,
    Header,
    KeyExchange,
    NATDiscovery,
    NATOriginalAddress,
    Nonce,
    Notification,
    ResponderLifetime,
    Signature,
    UnknownPayload,
    VendorID,
    vendor_name,
)
from gsakmp.registries import NotifyType, ProtocolID, TEKProtocolID
from tests.vectors.check import check_element, check_message

H = bytes.fromhex
RULES = IPSEC.rules(2)


def message(kind: int, body: str, exchange: int = 5) -> bytes:
    """A message of one payload, RFC 2408, 3.1 and 3.2."""
    payload = f"0000{len(body) // 2 + 4:04x}{body}"
    header = f"{'11' * 8}{'22' * 8}{kind:02x}10{exchange:02x}00{'33' * 4}{28 + len(payload) // 2:08x}"
    return H(header + payload)


@pytest.mark.parametrize(
    ("cls", "field"),
    [(KeyExchange, "key_exchange_data"), (Hash, "hash_data"), (Signature, "signature_data"), (Nonce, "nonce_data"),
     (VendorID, "vendor_id")],
)  # fmt: skip
@pytest.mark.parametrize("octets", ["", "00", "0102030405"])
def test_octets_alone(cls: Any, field: str, octets: str) -> None:
    """RFC 2408, 3.7, 3.11, 3.12, 3.13 and 3.16."""
    check_element(cls, H(octets), RULES, expected=cls(H(octets)))
    assert getattr(cls(H(octets)), field) == H(octets)
    check_message(message(cls.kinds[0], octets), port=500)


def test_the_header() -> None:
    """RFC 2408, 3.1."""
    octets = H("0001020304050607" "08090a0b0c0d0e0f" "08" "10" "20" "05" "deadbeef" "0000001c")  # fmt: skip
    found = check_element(Header, octets, RULES)
    assert (found.initiator_cookie, found.responder_cookie) == (bytes(range(8)), bytes(range(8, 16)))
    assert (found.next_payload, found.major_version, found.minor_version) == (8, 1, 0)
    assert (found.exchange_type, found.flags, found.message_id, found.message_length) == (
        32,
        5,
        0xDEADBEEF,
        28,
    )


# -- Notification --------------------------------------------------------------------------------------

NOTIFICATIONS: list[tuple[str, Notification]] = [
    # RFC 2408, 3.14: DOI, protocol, SPI size, type, SPI, data
    ("00000001" "01" "00" "000e", Notification(doi=1, protocol_id=1, notify_message_type=14)),
    ("00000000" "01" "00" "ffff" "c0de", Notification(doi=0, protocol_id=1, notify_message_type=65535,
                                                      notification_data=H("c0de"))),
    # RFC 2407, 4.6.3.1: RESPONDER-LIFETIME, 300 seconds and 10,240 kilobytes
    ("00000001" "03" "04" "6000" "aabbccdd" "80010001" "8002012c" "80010002" "0002000400002800",
     Notification(doi=1, protocol_id=3, notify_message_type=24576, spi=H("aabbccdd"),
                  notification_data=ResponderLifetime((Attribute(1, 1), Attribute(2, 300, True),
                                                       Attribute(1, 2), Attribute(2, 10240))))),
    # RFC 2407, 4.6.3.2: REPLAY-STATUS, 4 octets
    ("00000001" "03" "04" "6001" "aabbccdd" "00000001",
     Notification(doi=1, protocol_id=3, notify_message_type=24577, spi=H("aabbccdd"), notification_data=1)),
    # RFC 2407, 4.6.3.3: INITIAL-CONTACT, the cookie pair, no data
    ("00000001" "01" "10" "6002" + "0f" * 16,
     Notification(doi=1, protocol_id=1, notify_message_type=24578, spi=b"\x0f" * 16, notification_data=b"")),
    # RFC 3706, 5.3 and 5.4: R-U-THERE and its acknowledgement, a sequence number
    ("00000001" "01" "10" "8d28" + "0f" * 16 + "00000539",
     Notification(doi=1, protocol_id=1, notify_message_type=36136, spi=b"\x0f" * 16, notification_data=1337)),
    ("00000001" "01" "10" "8d29" + "0f" * 16 + "00000539",
     Notification(doi=1, protocol_id=1, notify_message_type=36137, spi=b"\x0f" * 16, notification_data=1337)),
    # GDOI's own DOI number in it (RFC 6407, 7.2.5 has GDOI notifications as ISAKMP's)
    ("00000002" "00" "00" "0010", Notification(doi=2, protocol_id=0, notify_message_type=16)),
]  # fmt: skip


@pytest.mark.parametrize(("octets", "expected"), NOTIFICATIONS)
def test_notifications(octets: str, expected: Notification) -> None:
    for rules in (RULES, GDOI.rules(5)):
        found = check_element(Notification, H(octets), rules, expected=expected)
        assert isinstance(found.notify_message_type, NotifyType)
    check_message(message(11, octets), port=500)


@pytest.mark.parametrize(
    ("octets", "path"),
    [("00000001" "01" "00" "8d28" "0539", "notification_data"), ("00000001" "01" "00" "6002" "00", "notification_data"),
     ("00000001" "03" "00" "6000" "800100", "notification_data.attributes[0]"), ("00000001" "03" "05" "000e" "aabb", "spi")],
)  # fmt: skip
def test_notification_data_that_does_not_fit(octets: str, path: str) -> None:
    with pytest.raises((LengthMismatch, Truncated)) as caught:
        check_element(Notification, H(octets), RULES)
    assert caught.value.path == path
    kept = gsakmp.parse(message(11, octets), port=500, lenient=True)
    assert kept.build() == message(11, octets)
    assert kept.problems()


# -- Delete ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        ("00000001" "03" "04" "0002" "aaaaaaaa" "bbbbbbbb",
         Delete(doi=1, protocol_id=3, spis=(H("aaaaaaaa"), H("bbbbbbbb")))),
        ("00000001" "01" "10" "0001" + "0f" * 16, Delete(doi=1, protocol_id=1, spis=(b"\x0f" * 16,))),
        ("00000001" "03" "00" "0000", Delete(doi=1, protocol_id=3)),
        ("00000001" "03" "04" "0000", Delete(doi=1, protocol_id=3, spi_size=4)),
        ("00000001" "03" "00" "0003", Delete(doi=1, protocol_id=3, spis=(b"", b"", b""))),
    ],
)  # fmt: skip
def test_deletes(octets: str, expected: Delete) -> None:
    """RFC 2408, 3.15."""
    found = check_element(Delete, H(octets), RULES, expected=expected)
    assert isinstance(found.protocol_id, ProtocolID)
    assert type(check_message(message(12, octets), port=500).payloads[0]) is Delete


def test_a_groups_delete() -> None:
    """RFC 6407, 5.9: the protocol is a TEK protocol, 0 for the KEK; an SPI of zero is all of them."""
    octets = "00000002" "01" "04" "0001" "00000000"  # fmt: skip
    check_element(
        GroupDelete, H(octets), GDOI.rules(33), expected=GroupDelete(doi=2, protocol_id=1, spis=(bytes(4),))
    )
    (found,) = check_message(message(12, octets, exchange=33)).payloads
    assert isinstance(found, GroupDelete)
    assert found.protocol_id is TEKProtocolID.GDOI_PROTO_IPSEC_ESP
    kek = "00000002" "00" "10" "0001" + "0f" * 16  # fmt: skip
    (found,) = check_message(message(12, kek, exchange=33)).payloads
    assert isinstance(found, GroupDelete)
    assert found.spis == (b"\x0f" * 16,)


@pytest.mark.parametrize("octets", ["00000001" "03" "04" "0002" "aaaaaaaa", "00000001" "03" "04" "1000"])  # fmt: skip
def test_fewer_spis_than_said(octets: str) -> None:
    with pytest.raises(Truncated) as caught:
        check_element(Delete, H(octets), RULES)
    assert caught.value.path == "spis"


# -- Certificates ------------------------------------------------------------------------------------


def certificate() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gcks.example")])
    start = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(0x1234)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=30))
        .sign(key, None)
    )
    return made.public_bytes(serialization.Encoding.DER)


def test_certificate() -> None:
    """RFC 2408, 3.9: encoding 4 is X.509 for signature."""
    der = certificate()
    found = check_message(message(6, "04" + der.hex()), port=500).payloads[0]
    assert isinstance(found, Certificate)
    assert found.certificate_data == der
    read = found.x509()
    assert read.serial_number == 0x1234
    assert read.fingerprint(hashes.SHA256()) == hashlib.sha256(der).digest()
    text = found.readings()["certificate_data"]
    assert "CN=gcks.example" in text
    assert "2024-01-02 to 2024-02-01" in text
    assert "1234" in text


@pytest.mark.parametrize("der", [b"", b"\x30\x03\x02\x01", bytes(40)])
def test_a_certificate_that_is_none(der: bytes) -> None:
    found = check_element(Certificate, b"\4" + der, RULES)
    with pytest.raises(DecodeError, match=r"X\.509"):
        found.x509()
    assert "X.509" in found.readings()["certificate_data"]
    assert Certificate(certificate_encoding=1, certificate_data=der).readings() == {}


def test_certificate_request() -> None:
    """RFC 2408, 3.10: the type, and perhaps a name."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca.example")]).public_bytes()
    found = check_element(CertificateRequest, b"\4" + name, RULES)
    assert "ca.example" in found.readings()["certificate_authority"]
    assert check_element(CertificateRequest, b"\4", RULES).readings() == {}


# -- Vendor ID, NAT traversal, fragments, mode-config ------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        ("4a131c81070358455c5728f20e95452f", "RFC 3947"),  # RFC 3947, 3.1
        ("afcad71368a1f1c96b8696fc77570100", "Dead peer detection (RFC 3706)"),  # RFC 3706, 5.1
        (hashlib.md5(b"draft-ietf-ipsec-nat-t-ike-03", usedforsecurity=False).hexdigest(),
         "draft-ietf-ipsec-nat-t-ike-03"),
        (b"Example 1.0".hex(), "Example 1.0"),
        ("00ff00ff", ""),
    ],
)  # fmt: skip
def test_vendor_ids(octets: str, name: str) -> None:
    found = check_element(VendorID, H(octets), RULES)
    assert vendor_name(H(octets)) == name
    assert found.readings() == ({"vendor_id": name} if name else {})


@pytest.mark.parametrize(
    ("kind", "doi", "cls"),
    [
        (20, IPSEC, NATDiscovery), (130, IPSEC, NATDiscovery), (15, IPSEC, NATDiscovery), (15, ISAKMP, NATDiscovery),
        (21, IPSEC, NATOriginalAddress), (131, IPSEC, NATOriginalAddress), (16, IPSEC, NATOriginalAddress),
        (20, GDOI, NATDiscovery), (130, GDOI, NATDiscovery),
    ],
)  # fmt: skip
def test_nat_payloads_under_every_number(kind: int, doi: Any, cls: Any) -> None:
    """RFC 3947, 3.2 and 5.2: 20 and 21; the drafts before it had 15 and 16, then 130 and 131."""
    body = "00" * 20 if cls is NATDiscovery else "01000000c0000201"
    octets = message(kind, body, exchange=2)
    found = check_message(octets, port=500, doi=doi).payloads[0]
    assert type(found) is cls
    assert found.kind == kind
    assert found.replace(reserved=1).kind == kind


def test_nat_original_address() -> None:
    """RFC 3947, 5.2: ID type, three reserved octets, the address."""
    four = NATOriginalAddress(address=IPv4Address("192.0.2.1"))
    check_element(NATOriginalAddress, H("01000000c0000201"), RULES, expected=four)
    six = NATOriginalAddress(id_type=5, address=IPv6Address("2001:db8::1"))
    check_element(NATOriginalAddress, H("0500000020010db8000000000000000000000001"), RULES, expected=six)
    kept = check_element(NATOriginalAddress, H("01000100c0000201"), RULES)
    assert kept.reserved2 == H("000100")


def test_fragment() -> None:
    """[MS-IKEE], 2.2: fragment id, number, flags, the piece."""
    expected = Fragment(fragment_id=1, fragment_number=2, last_fragment=1, fragment_data=b"piece")
    check_element(Fragment, H("0001" "02" "01") + b"piece", RULES, expected=expected)  # fmt: skip
    assert type(check_message(message(132, "00010201" "6162"), port=500).payloads[0]) is Fragment  # fmt: skip


def test_mode_config() -> None:
    """draft-dukes-ike-mode-cfg-02, 3.2: type, reserved, identifier, attributes; XAUTH's beside them."""
    octets = (
        "02" "00" "0007"
        "00010004c0000210"  # INTERNAL_IP4_ADDRESS
        "00030000"  # INTERNAL_IP4_DNS, asked for
        "00070003312e30"  # APPLICATION_VERSION "1.0"
        "c0880000"  # XAUTH_TYPE, generic
        "40890005616c696365"  # XAUTH_USER_NAME
        "408a0006736563726574"  # XAUTH_USER_PASSWORD
        "c08f0001"  # XAUTH_STATUS, OK
    )  # fmt: skip
    found = check_element(ConfigurationAttributes, H(octets), RULES)
    assert [a.value for a in found.attributes] == [
        IPv4Address("192.0.2.16"), b"", "1.0", 0, "alice", b"secret", 1]  # fmt: skip
    assert found.attributes[5].value == b"secret"
    assert "secret" not in repr(found)
    assert "alice" in repr(found)
    check_message(message(14, octets, exchange=6), port=500)


@pytest.mark.parametrize("kind", [22, 34, 127, 128, 255])
def test_unknown_payloads(kind: int) -> None:
    """Kept, shown and rebuilt."""
    octets = message(kind, "cafebabe", exchange=2)
    (found,) = check_message(octets, port=500).payloads
    assert found == UnknownPayload(kind, H("cafebabe"))
    assert "4 octets" in repr(found)


def test_encrypted_bodies() -> None:
    """RFC 2408, 3.1, the E bit: the body is ciphertext until a plaintext is put in, padding and all."""
    body = H("00112233445566778899aabbccddeeff")
    header = "11" * 8 + "22" * 8 + "08" "10" "05" "01" "33333333" f"{28 + len(body):08x}"  # fmt: skip
    found = check_message(H(header) + body, port=500)
    assert found.ciphertext == body
    assert found.payloads == ()
    plain = H("0b000008" "aabbccdd" "0000000c" "00000001" "01000010" + "00" * 4)  # fmt: skip
    opened = found.with_plaintext(plain)
    assert [type(p) for p in opened.payloads] == [Hash, Notification]
    assert opened.padding == bytes(4)
    assert opened.plaintext() == plain
    assert opened.build() == H(header) + body
    with pytest.raises(Truncated) as caught:
        found.with_plaintext(plain[:15])
    assert caught.value.path == "payloads[1].length"
    kept = found.with_plaintext(plain[:15], lenient=True)
    assert kept.plaintext() == plain[:15]
    assert Message.from_json(opened.to_json()) == opened
