"""KD, SEQ, POP and the PUSH acknowledgement, as octets typed from RFC 6407, 5.6 and 5.7, RFC 3547, RFC 8263."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

import gsakmp
from gsakmp.doi import GDOI
from gsakmp.errors import EncodeError, LengthMismatch, TrailingOctets, Truncated
from gsakmp.payloads import (
    Attribute,
    Hash,
    Identification,
    KeyDownload,
    KeyPacket,
    LKHDownloadArray,
    LKHKey,
    LKHUpdateArray,
    OFTDownloadArray,
    OFTKey,
    OFTUpdateArray,
    ProofOfPossession,
    SequenceNumber,
)
from gsakmp.registries import (
    GDOIExchangeType,
    KEKAlgorithm,
    KEKKeyAttribute,
    KeyDownloadType,
    LKHKeyAttribute,
    OFTKeyAttribute,
    OFTValueType,
    SIDAttribute,
    TEKKeyAttribute,
)
from tests.vectors.check import built, check_element, check_message

H = bytes.fromhex
PUSH = GDOI.rules(33)
SPI = "000102030405060708090a0b0c0d0e0f"
KEY16 = "c0ffee00" * 4
KEY20 = "badc0de5" * 5


def packet(kind: int, spi: str, attributes: str) -> str:
    """RFC 6407, 5.6, figure 10: type, reserved, length of the whole, SPI size, SPI, attributes."""
    return f"{kind:02x}00{5 + len(spi + attributes) // 2:04x}{len(spi) // 2:02x}{spi}{attributes}"


TEK = packet(1, "a1b2c3d4", "00010010" + KEY16 + "00020014" + KEY20 + "00030004" + "facefeed")
KEK = packet(2, SPI, "00010020" + "aa" * 16 + KEY16 + "00020006" + "3004300206ff")
SID = packet(4, "", "80010008" "0002000100" "0002000405060708")  # fmt: skip


def test_key_packets() -> None:
    """RFC 6407, 5.6.1 (TEK), 5.6.2 (KEK) and 5.6.4 (SID)."""
    expected = KeyDownload(
        key_packets=(
            KeyPacket(kd_type=1, spi=H("a1b2c3d4"), attributes=(
                Attribute(1, H(KEY16)), Attribute(2, H(KEY20)), Attribute(3, H("facefeed")))),
            KeyPacket(kd_type=2, spi=H(SPI), attributes=(
                Attribute(1, H("aa" * 16 + KEY16)), Attribute(2, H("3004300206ff")))),
            KeyPacket(kd_type=4, attributes=(Attribute(1, 8), Attribute(2, 0, length=1), Attribute(2, 0x05060708))),
        )
    )  # fmt: skip
    found = check_element(KeyDownload, H("0003" "0000" + TEK + KEK + SID), PUSH, expected=expected)  # fmt: skip
    tek, kek, sid = found.key_packets
    assert tek.kd_type is KeyDownloadType.TEK
    assert tek.attributes[0].type is TEKKeyAttribute.TEK_ALGORITHM_KEY
    assert kek.attributes[0].type is KEKKeyAttribute.KEK_ALGORITHM_KEY
    assert sid.attributes[1].type is SIDAttribute.SID_VALUE


def test_keys_do_not_show() -> None:
    found = check_element(KeyDownload, H("0002" "0000" + TEK + KEK), PUSH)  # fmt: skip
    shown = repr(found) + str(found)
    for secret in (KEY16, KEY20, "facefeed"):
        assert secret not in shown
        assert repr(H(secret))[2:-1] not in shown
    assert f"<{len(H(KEY16))} octets>" in shown


KEYS = (
    "0007" "03" "00" "00000001" "00000002" "00000003" + KEY16
    + "0003" "03" "00" "00000000" "00000000" "00000004" + "ab" * 16
)  # fmt: skip


def test_lkh_download_array() -> None:
    """RFC 6407, 5.6.3.1, figures 11 and 12: keys of equal size share what their count leaves."""
    array = "01" "0002" "00" + KEYS  # fmt: skip
    octets = packet(3, SPI, f"0001{len(array) // 2:04x}{array}")
    keys = (
        LKHKey(
            lkh_id=7, key_type=3, key_creation_date=1, key_expiration_date=2, key_handle=3, key_data=H(KEY16)
        ),
        LKHKey(lkh_id=3, key_type=3, key_handle=4, key_data=b"\xab" * 16),
    )
    expected = KeyPacket(kd_type=3, spi=H(SPI), attributes=(Attribute(1, LKHDownloadArray(lkh_keys=keys)),))
    found = check_element(KeyPacket, H(octets), PUSH, expected=expected)
    assert found.attributes[0].type is LKHKeyAttribute.LKH_DOWNLOAD_ARRAY
    assert found.attributes[0].value.lkh_keys[0].key_type is KEKAlgorithm.KEK_ALG_AES
    assert "ab" * 8 not in repr(found)
    assert repr(H(KEY16))[2:20] not in repr(found)
    assert "<16 secret octets>" in repr(found)


def test_lkh_update_array() -> None:
    """RFC 6407, 5.6.3.2, figure 13: the head names the key that encrypts the first."""
    array = "01" "0002" "00" "0009" "0000" "0000002a" + KEYS  # fmt: skip
    octets = packet(3, SPI, f"0002{len(array) // 2:04x}{array}" * 2)
    found = check_element(KeyPacket, H(octets), PUSH)
    first, second = (attribute.value for attribute in found.attributes)
    assert isinstance(first, LKHUpdateArray)
    assert (first.lkh_version, first.lkh_id, first.key_handle, len(first.lkh_keys)) == (1, 9, 42, 2)
    assert first == second


@pytest.mark.parametrize(
    ("array", "error", "path"),
    [
        ("01" "0003" "00" + KEYS, LengthMismatch, "attributes[0].value.lkh_keys"),
        ("01" "0000" "00" + KEYS, TrailingOctets, "attributes[0].value"),
        ("01" "0002" "00" + "00" * 20, Truncated, "attributes[0].value.lkh_keys[0].key_expiration_date"),
        ("01" "00", Truncated, "attributes[0].value.lkh_key_count"),
    ],
)  # fmt: skip
def test_broken_arrays(array: str, error: Any, path: str) -> None:
    octets = H(packet(3, SPI, f"0001{len(array) // 2:04x}{array}"))
    with pytest.raises(error) as caught:
        check_element(KeyPacket, octets, PUSH)
    assert caught.value.path == path


OFT_KEYS = (
    "00000009" "0000000b" "01" "00" "0000" + KEY16 * 2
    + "00000006" "00000002" "02" "00" "0000" + "ab" * 32
)  # fmt: skip


def test_oft_arrays() -> None:
    """docs/decisions/0022: the two arrays of key packets of type 240, with keys of equal size."""
    update = "01" "0002" "00" "00000007" "00000008" "a1a2a3a4a5a6a7a8" + OFT_KEYS  # fmt: skip
    octets = packet(240, SPI, f"0002{len(update) // 2:04x}{update}")
    keys = (
        OFTKey(node=9, under=11, value_type=OFTValueType.LEAF_SECRET, key_data=H(KEY16 * 2)),
        OFTKey(node=6, under=2, value_type=OFTValueType.BLINDED_SECRET, key_data=b"\xab" * 32),
    )
    array = OFTUpdateArray(epoch=7, root=8, key_check_value=H("a1a2a3a4a5a6a7a8"), oft_keys=keys)
    expected = KeyPacket(kd_type=240, spi=H(SPI), attributes=(Attribute(2, array),))
    found = check_element(KeyPacket, H(octets), PUSH, expected=expected)
    assert found.kd_type is KeyDownloadType.OFT
    assert found.attributes[0].type is OFTKeyAttribute.OFT_UPDATE_ARRAY
    assert "ab" * 8 not in repr(found)
    assert "<32 secret octets>" in repr(found)
    download = "01" "0002" "00" "00000007" "00000008" + OFT_KEYS  # fmt: skip
    octets = packet(240, "", f"0001{len(download) // 2:04x}{download}000300023004")
    array = OFTDownloadArray(epoch=7, root=8, oft_keys=keys)
    expected = KeyPacket(kd_type=240, attributes=(Attribute(1, array), Attribute(3, b"\x30\x04")))
    check_element(KeyPacket, H(octets), PUSH, expected=expected)


def test_an_array_without_keys() -> None:
    check_element(KeyPacket, H(packet(3, "", "0001000401000000")), PUSH)


def test_keys_of_different_sizes_are_refused_on_build() -> None:
    keys = (
        LKHKey(lkh_id=1, key_type=3, key_data=bytes(16)),
        LKHKey(lkh_id=2, key_type=3, key_data=bytes(24)),
    )
    with pytest.raises(EncodeError, match="different sizes"):
        built(LKHDownloadArray(lkh_keys=keys), PUSH)


@pytest.mark.parametrize(
    ("octets", "error", "path"),
    [
        ("0002" "0000" + TEK, LengthMismatch, "key_packet_count"),
        ("0000" "0000" + TEK, LengthMismatch, "key_packet_count"),
        ("0001" "0000" + TEK + "00", Truncated, "key_packets[1]"),
        ("0001" "0000" "01000003", LengthMismatch, "key_packets[0].kd_length"),
        ("0001" "0000" "0100000400", Truncated, "key_packets[0].spi_size"),
        ("0001" "0000" "0100ffff00", Truncated, "key_packets[0].kd_length"),
        ("0001" "0000" "0100000905a1b2c3d4", Truncated, "key_packets[0].spi"),
    ],
)  # fmt: skip
def test_broken_downloads(octets: str, error: Any, path: str) -> None:
    with pytest.raises(error) as caught:
        check_element(KeyDownload, H(octets), PUSH)
    assert caught.value.path == path


def test_an_unknown_kind_of_key() -> None:
    """RFC 6407, 5.6: its attributes are typed by nothing."""
    found = check_element(KeyPacket, H(packet(200, "01", "80010005" "0002000301ff02")), PUSH)  # fmt: skip
    assert [a.value for a in found.attributes] == [5, H("01ff02")]


def test_sequence_number() -> None:
    """RFC 6407, 5.7."""
    check_element(SequenceNumber, H("ffffffff"), PUSH, expected=SequenceNumber(0xFFFFFFFF))
    with pytest.raises(TrailingOctets):
        check_element(SequenceNumber, H("0000000100"), PUSH)


def test_proof_of_possession() -> None:
    """RFC 3547, 5.7: payload type 19, as a signature payload."""
    check_element(ProofOfPossession, H("beef"), PUSH, expected=ProofOfPossession(H("beef")))


def test_push_acknowledgement() -> None:
    """RFC 8263, 3: HDR, HASH, SEQ, ID; exchange 35, flags and message id zero, nothing encrypted."""
    octets = H(
        SPI + "08" "10" "23" "00" "00000000" "00000054"
        "12000024" + "5a" * 32 +
        "05000008" "0000002a"
        "0000000c" "01000000" "c0000201"
    )  # fmt: skip
    message = check_message(octets)
    assert message.exchange_type is GDOIExchangeType.GROUPKEY_PUSH_ACK
    assert [type(payload) for payload in message.payloads] == [Hash, SequenceNumber, Identification]
    assert message.payloads[1:] == (
        SequenceNumber(42),
        Identification(id_type=1, identification_data=IPv4Address("192.0.2.1")),
    )
    assert gsakmp.parse(octets, port=500).exchange_name != "GROUPKEY_PUSH_ACK"
