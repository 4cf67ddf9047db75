"""ESP in every algorithm, against scapy's own IPsec."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP
from scapy.layers.ipsec import ESP, SecurityAssociation

from gsakmp.crypto.esp_suites import ESPSuite, guesses
from gsakmp.errors import GsakmpError, InvalidHash, LengthMismatch, PolicyRefused
from gsakmp.registries import AuthenticationAlgorithm as A
from gsakmp.registries import ESPTransformID as T

KEY = bytes(range(1, 33))
SPI = 0x0A0B0C0D
INTEGRITY = {
    A.HMAC_MD5: ("HMAC-MD5-96", 16),
    A.HMAC_SHA: ("HMAC-SHA1-96", 20),
    A.HMAC_SHA2_256: ("SHA2-256-128", 32),
    A.HMAC_SHA2_384: ("SHA2-384-192", 48),
    A.HMAC_SHA2_512: ("SHA2-512-256", 64),
}
CASES = [
    *[(T.ESP_AES_CBC, integrity, 128, "AES-CBC", 16) for integrity in INTEGRITY],
    (T.ESP_AES_CBC, A.HMAC_SHA2_256, 256, "AES-CBC", 32),
    (T.ESP_3DES, A.HMAC_SHA, None, "3DES", 24),
    (T.ESP_NULL, A.HMAC_SHA2_256, None, "NULL", 0),
    (T.ESP_AES_CTR, A.HMAC_SHA2_256, 128, "AES-CTR", 20),
    (T.ESP_AES_GCM_16, None, 128, "AES-GCM", 20),
    (T.ESP_AES_GCM_16, None, 256, "AES-GCM", 36),
    (T.ESP_AES_CCM_16, None, 128, "AES-CCM", 19),
    (T.ESP_NULL_AUTH_AES_GMAC, None, 128, "AES-NULL-GMAC", 20),
    (T.ESP_AES_CBC, None, 128, "AES-CBC", 16),
]


def keys_of(integrity: A | None, size: int) -> tuple[bytes, bytes]:
    return (KEY * 2)[:size], (KEY * 2)[: INTEGRITY[integrity][1]] if integrity is not None else b""


def packet_of(integrity: A | None, name: str, size: int, payload: bytes) -> bytes:
    key, integrity_key = keys_of(integrity, size)
    options = {}
    if integrity is not None:
        options = {"auth_algo": INTEGRITY[integrity][0], "auth_key": integrity_key}
    association = SecurityAssociation(ESP, spi=SPI, crypt_algo=name, crypt_key=key or None, **options)
    return bytes(
        association.encrypt(IP(src="192.0.2.1", dst="192.0.2.2", proto=253) / payload, seq_num=7)[ESP]
    )


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case[0].name}-{case[1] and case[1].name}-{case[2]}"
)
@pytest.mark.parametrize("size", [0, 1, 13, 14, 15, 16, 500])
def test_what_scapy_seals_is_opened(case: tuple[T, A | None, int | None, str, int], size: int) -> None:
    transform, integrity, bits, name, key_size = case
    payload = bytes(n & 0xFF for n in range(size))
    if name == "NULL" or key_size:
        packet = packet_of(integrity, name, key_size, payload)
    suite = ESPSuite(transform, integrity, bits, *keys_of(integrity, key_size))
    found = suite.open(packet)
    assert (found.spi, found.sequence_number) == (SPI.to_bytes(4, "big"), 7)
    assert (found.next_header, found.payload) == (253, payload)
    if transform == T.ESP_AES_CBC and integrity is None:
        return
    for place in (0, 5, 9, len(packet) // 2, len(packet) - 1):
        altered = bytearray(packet)
        altered[place] ^= 0x10
        with pytest.raises(InvalidHash):
            suite.open(bytes(altered))
    if size == 14:
        guessed = [each for each in guesses(*keys_of(integrity, key_size)) if opens(each, packet)]
        assert guessed == [suite]


def opens(suite: ESPSuite, packet: bytes) -> bool:
    try:
        suite.open(packet)
    except GsakmpError:
        return False
    return True


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case[0].name}-{case[1] and case[1].name}-{case[2]}"
)
def test_what_is_cut_is_refused(case: tuple[T, A | None, int | None, str, int]) -> None:
    transform, integrity, bits, name, size = case
    packet = packet_of(integrity, name, size, b"some payload")
    suite = ESPSuite(transform, integrity, bits, *keys_of(integrity, size))
    for end in range(len(packet)):
        try:
            suite.open(packet[:end])
        except GsakmpError:
            continue
        assert integrity is None  # CBC alone can't tell


def test_keys_and_algorithms_that_do_not_fit() -> None:
    with pytest.raises(LengthMismatch):
        ESPSuite(T.ESP_AES_CBC, A.HMAC_SHA, 128, bytes(15), bytes(20))
    with pytest.raises(PolicyRefused):
        ESPSuite(T.ESP_AES_GCM_16, A.HMAC_SHA, 128, bytes(20), bytes(20))
    with pytest.raises(PolicyRefused, match="not supported here"):
        ESPSuite(T.ESP_AES_CBC, A.AES_XCBC_MAC, 128, bytes(16), bytes(16))
    assert KEY[:16].hex() not in repr(ESPSuite(T.ESP_AES_CBC, None, 128, KEY[:16], b""))
    assert guesses(b"", b"") == ()
