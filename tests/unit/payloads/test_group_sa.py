"""GDOI's SA payload: SA KEK, GAP and SA TEK, as octets typed from RFC 6407, 5.2 to 5.5 and RFC 8052."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from gsakmp.doi import GDOI, GDOID, GDOID_BIG_ENDIAN, STANDARD
from gsakmp.errors import LengthMismatch, TrailingOctets, Truncated
from gsakmp.payloads import (
    AHTEK,
    ESPTEK,
    IEC61850TEK,
    SAKEK,
    SATEK,
    Attribute,
    GroupAssociatedPolicy,
    GroupSA,
    Subnet,
)
from gsakmp.registries import (
    AHTransformID,
    ESPTransformID,
    GDOIIDType,
    IEC62351Authentication,
    IPProtocol,
    KEKAckRequested,
    KEKAlgorithm,
    KEKAttribute,
    TEKProtocolID,
)
from tests.vectors.check import check_element, check_message

H = bytes.fromhex
PULL = GDOI.rules(32)
DAEMON = GDOI.rules(32, GDOID)
BIG_ENDIAN_DAEMON = GDOI.rules(32, GDOID_BIG_ENDIAN)
SPI = "000102030405060708090a0b0c0d0e0f"

SA_KEK = (
    "11" "01" "0350" "04" "c0000201"  # UDP; source: IPv4 address, port 848, 4 octets
    "01" "0350" "04" "efc00101"  # destination: a group
    + SPI + "{reserved}"
    "80010001" "80020003" "80030080"  # LKH, KEK_ALG_AES, 128 bits
    "0004000400015180"  # KEK_KEY_LIFETIME, variable
    "80050003" "80060001" "80070800"  # SIG_HASH_SHA256, SIG_ALG_RSA, 2048 bits
    "80080002" "80090001"  # KE_OAKLEY_GROUP; KEK_ACK_REQUESTED (RFC 8263, 2)
)  # fmt: skip
KEK_ATTRIBUTES = (
    Attribute(1, 1), Attribute(2, 3), Attribute(3, 128), Attribute(4, 86400), Attribute(5, 3), Attribute(6, 1),
    Attribute(7, 2048), Attribute(8, 2), Attribute(9, 1),
)  # fmt: skip
KEK = SAKEK(
    protocol=17,
    source_id_type=1,
    source_id_port=848,
    source_id_data=IPv4Address("192.0.2.1"),
    destination_id_type=1,
    destination_id_port=848,
    destination_id_data=IPv4Address("239.192.1.1"),
    spi=H(SPI),
    attributes=KEK_ATTRIBUTES,
)


def test_sa_kek() -> None:
    """RFC 6407, 5.3, figure 5: four reserved octets after the SPI."""
    found = check_element(SAKEK, H(SA_KEK.format(reserved="00" * 4)), PULL, expected=KEK)
    assert found.protocol is IPProtocol.UDP
    assert isinstance(found.source_id_type, GDOIIDType)
    assert [a.type for a in found.attributes] == [KEKAttribute(n) for n in range(1, 10)]
    assert found.attributes[1].value is KEKAlgorithm.KEK_ALG_AES
    assert isinstance(found.attributes[8].value, KEKAckRequested)


def test_sa_kek_of_the_daemon() -> None:
    """Six reserved octets, and KEK_KEY_LIFETIME as TV."""
    octets = SA_KEK.replace("0004000400015180", "8004003c").format(reserved="00" * 6)
    attributes = (*KEK_ATTRIBUTES[:3], Attribute(4, 60, True), *KEK_ATTRIBUTES[4:])
    check_element(SAKEK, H(octets), DAEMON, expected=KEK.replace(attributes=attributes))
    with pytest.raises((Truncated, TrailingOctets, LengthMismatch, AssertionError)):
        check_element(SAKEK, H(octets), PULL, expected=KEK.replace(attributes=attributes))


def test_reserved_octets_of_rfc_3547_are_kept() -> None:
    """RFC 3547, 5.3 had the POP algorithm and key length there."""
    found = check_element(SAKEK, H(SA_KEK.format(reserved="00010400")), PULL)
    assert found.reserved2 == H("00010400")
    assert found.replace(reserved2=None) == KEK


@pytest.mark.parametrize(
    ("octets", "error", "path"),
    [
        ("11" "01" "0350" "05" "c0000201", Truncated, "source_id_data"),
        ("11" "01" "0350" "03" "c00002", LengthMismatch, "source_id_data"),
        ("11" "01" "0350", Truncated, "source_id_data_length"),
        ("11" "01" "0350" "04" "c0000201" "01" "0350" "04" "efc00101" + SPI[:30], Truncated, "spi"),
        ("11" "01" "0350" "04" "c0000201" "01" "0350" "04" "efc00101" + SPI + "000000", Truncated, "reserved2"),
    ],
)  # fmt: skip
def test_broken_sa_keks(octets: str, error: Any, path: str) -> None:
    with pytest.raises(error) as caught:
        check_element(SAKEK, H(octets), PULL)
    assert caught.value.path == path


# -- SA TEK ------------------------------------------------------------------------------------------

ESP = (
    "01"  # GDOI_PROTO_IPSEC_ESP
    "00" "04" "0000" "08" "c0000200ffffff00"  # any protocol; source: a subnet
    "01" "04d2" "04" "efc00101"  # destination, port 1234
    "0c" "a1b2c3d4"  # ESP_AES, the SPI
    "80010001" "0002000400000e10" "80050005" "80060080"  # lifetime, HMAC-SHA2-256, 128 bits
    "800e0003" "800f0002"  # address preservation, SA direction (RFC 6407, 5.5.1.1)
)  # fmt: skip
ESP_TEK = ESPTEK(
    protocol=0,
    source_id_type=4,
    source_id_data=Subnet(IPv4Address("192.0.2.0"), IPv4Address("255.255.255.0")),
    destination_id_type=1,
    destination_id_port=1234,
    destination_id_data=IPv4Address("239.192.1.1"),
    transform_id=12,
    spi=H("a1b2c3d4"),
    attributes=(
        Attribute(1, 1), Attribute(2, 3600), Attribute(5, 5), Attribute(6, 128), Attribute(14, 3), Attribute(15, 2),
    ),
)  # fmt: skip


def test_sa_tek_for_esp() -> None:
    """RFC 6407, 5.5.1, figure 8 without DST ID Prot (errata 3598 and 3599)."""
    found = check_element(SATEK, H(ESP), PULL, expected=SATEK(protocol_id=1, tek=ESP_TEK))
    assert found.protocol_id is TEKProtocolID.GDOI_PROTO_IPSEC_ESP
    assert found.tek.transform_id is ESPTransformID(12)
    assert found.tek.attributes[5].value.name == "RECEIVER_ONLY"


def test_sa_tek_for_ah() -> None:
    octets = "02" "11" "05" "0000" "10" "20010db8" + "00" * 11 + "01" "05" "0000" "10" "ff0e" + "00" * 13 + (
        "01" "05" "00000100" "80010001"
    )  # fmt: skip
    expected = AHTEK(
        protocol=17,
        source_id_type=5,
        source_id_data=IPv6Address("2001:db8::1"),
        destination_id_type=5,
        destination_id_data=IPv6Address("ff0e::1"),
        transform_id=5,
        spi=H("00000100"),
        attributes=(Attribute(1, 1),),
    )
    found = check_element(SATEK, H(octets), PULL, expected=SATEK(protocol_id=2, tek=expected))
    assert isinstance(found.tek.transform_id, AHTransformID)


@pytest.mark.parametrize("rules", [PULL, DAEMON, BIG_ENDIAN_DAEMON])
@pytest.mark.parametrize("kind", ["00", "01", "02", "04", "05", "07", "0b", "fa"])
@pytest.mark.parametrize("data", ["", "000000", "010203"])
def test_sa_tek_without_source(kind: str, data: str, rules: Any) -> None:
    """RFC 6407, 5.5.1: "Set to 3 octets or zero" for a TEK that all senders have in common, whatever the type."""
    octets = f"0100{kind}0000{len(data) // 2:02x}{data}" "0b" "0000" "04" "efc00101" "0c" "a1b2c3d4"  # fmt: skip
    found = check_element(SATEK, H(octets), rules)
    assert found.tek.source_id_data == H(data)


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 9])
def test_sa_tek_with_a_source_of_no_size(size: int) -> None:
    octets = f"010001" "0000" f"{size:02x}" + "07" * size + "0b" "0000" "04" "efc00101" "0c" "a1b2c3d4"  # fmt: skip
    with pytest.raises(LengthMismatch) as caught:
        check_element(SATEK, H(octets), PULL)
    assert (caught.value.path, caught.value.offset) == ("tek.source_id_data", 6)


def test_sa_tek_of_the_daemon() -> None:
    """Addresses and masks reversed on a little-endian machine; ports on a big-endian one."""
    little = ESP.replace("c0000200ffffff00", "000200c000ffffff").replace("efc00101", "0101c0ef")
    check_element(SATEK, H(little), DAEMON, expected=SATEK(protocol_id=1, tek=ESP_TEK))
    big = ESP.replace("04d2", "d204")
    check_element(SATEK, H(big), BIG_ENDIAN_DAEMON, expected=SATEK(protocol_id=1, tek=ESP_TEK))


def test_the_daemon_leaves_ipv6_alone() -> None:
    octets = "01" "00" "05" "0000" "10" + "20010db8" + "00" * 12 + "05" "0000" "10" "ff0e" + "00" * 14 + (
        "0c" "a1b2c3d4"
    )  # fmt: skip
    assert check_element(SATEK, H(octets), DAEMON) == check_element(SATEK, H(octets), PULL)


OID = "060b2a8648ce5683e31a080102"
SELECTOR = "0404e9fc0001"  # the DER of 233.252.0.1 is IEC 62351-6's matter
GOOSE = "03" "0d" + OID + f"{len(SELECTOR) // 2:04x}" + SELECTOR  # fmt: skip


def test_sa_tek_of_iec_61850() -> None:
    """RFC 8052, 2.2, figure 4, with the attributes of 2.2.4: SA_ATD variable, SA_KDA basic."""
    octets = GOOSE + "00000001" "0001" "0002" "00000e10" "0001000400000ce4" "80020050"  # fmt: skip
    expected = IEC61850TEK(
        oid=H(OID),
        oid_payload=H(SELECTOR),
        spi=H("00000001"),
        authentication_algorithm=1,
        confidentiality_algorithm=2,
        remaining_lifetime=3600,
        attributes=(Attribute(1, 3300), Attribute(2, 80)),
    )
    found = check_element(SATEK, H(octets), PULL, expected=SATEK(protocol_id=3, tek=expected))
    assert isinstance(found.tek.authentication_algorithm, IEC62351Authentication)
    assert found.tek.readings() == {"oid": "1.2.840.10070.61850.8.1.2"}


def test_figure_8_of_rfc_8052() -> None:
    """Two TEKs. The figure repeats "SA Attr NP" before the second, which RFC 6407, 5.2 has only in front of the
    first; and prints 0x0E01 where the text has 3600 (0x0E10). The text is followed."""
    first = GOOSE + "00000001" "0001" "0002" "00000e10"  # fmt: skip
    second = GOOSE + "00000002" "0000" "0004" "0000a8c0" "0001000400000ce4"  # fmt: skip
    chain = f"1000{len(first) // 2 + 4:04x}{first}" f"0000{len(second) // 2 + 4:04x}{second}"  # fmt: skip
    found = check_element(GroupSA, H("00000002" "00000000" "0010" "0000" + chain), PULL)  # fmt: skip
    teks = [tek.tek for tek in found.sa_attributes]
    assert [tek.remaining_lifetime for tek in teks] == [3600, 43200]
    assert [(int(t.authentication_algorithm), int(t.confidentiality_algorithm)) for t in teks] == [
        (1, 2),
        (0, 4),
    ]
    assert [a.value for a in teks[1].attributes] == [3300]


@pytest.mark.parametrize("protocol", [0, 4, 127, 128, 161, 255])
def test_an_unknown_tek_protocol(protocol: int) -> None:
    """RFC 6407, 5.5: kept as octets."""
    found = check_element(SATEK, bytes([protocol]) + b"anything", PULL)
    assert found.tek == b"anything"
    assert found.protocol_id == protocol


# -- GAP and the SA around them ----------------------------------------------------------------------


def test_group_associated_policy() -> None:
    """RFC 6407, 5.4: delays, and the number of sender ids that are asked for."""
    expected = GroupAssociatedPolicy((Attribute(1, 60), Attribute(2, 90), Attribute(3, 2)))
    check_element(GroupAssociatedPolicy, H("8001003c" "8002005a" "80030002"), PULL, expected=expected)  # fmt: skip
    check_element(GroupAssociatedPolicy, b"", PULL, expected=GroupAssociatedPolicy())


@pytest.mark.parametrize("dialect", [STANDARD, GDOID])
def test_a_whole_group_sa(dialect: Any) -> None:
    """RFC 6407, 5.2: SA KEK, GAP, SA TEK, named by a next-payload field of two octets."""
    sa = GroupSA(
        sa_attributes=(KEK, GroupAssociatedPolicy((Attribute(1, 60),)), SATEK(protocol_id=1, tek=ESP_TEK))
    )
    kek = SA_KEK.format(reserved="00" * dialect.sa_kek_reserved_octets)
    tek = ESP
    if dialect is GDOID:
        tek = ESP.replace("c0000200ffffff00", "000200c000ffffff").replace("efc00101", "0101c0ef")
    octets = (
        "00000002" "00000000" "000f" "0000"
        f"1600{len(kek) // 2 + 4:04x}{kek}" "1000" "0008" "8001003c" f"0000{len(tek) // 2 + 4:04x}{tek}"
    )  # fmt: skip
    check_element(GroupSA, H(octets), GDOI.rules(33, dialect), expected=sa)
    length = 28 + 4 + len(octets) // 2
    message = "11" * 16 + "01" "10" "21" "00" "00000000" f"{length:08x}" f"0000{length - 28:04x}" + octets  # fmt: skip
    assert check_message(H(message), dialect=dialect).payloads == (sa,)


@pytest.mark.parametrize(
    ("octets", "error", "path"),
    [
        ("00000002" "00000000" "0000" "0000" "00", TrailingOctets, ""),
        ("00000002" "00000000" "000f" "0000", Truncated, "sa_attributes[0]"),
        ("00000002" "00000000" "0016" "0000" "00000009" "8001003c" "00", Truncated, "sa_attributes[0].attributes[1]"),
        ("00000002" "00000000" "0116" "0000" "00000008" "8001003c", None, ""),
    ],
)  # fmt: skip
def test_broken_group_sas(octets: str, error: Any, path: str) -> None:
    """The last announces a type of two octets, which no payload has: kept as unknown."""
    if error is None:
        (found,) = check_element(GroupSA, H(octets), PULL).sa_attributes
        assert found.kind == 0x116
        return
    with pytest.raises(error) as caught:
        check_element(GroupSA, H(octets), PULL)
    assert caught.value.path == path
