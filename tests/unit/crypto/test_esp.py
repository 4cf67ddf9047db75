"""ESP in user space, against scapy's implementation of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw, raw

from gsakmp.crypto.aead import GCM
from gsakmp.crypto.esp import esp_header, open_esp, seal_esp, sender_iv
from gsakmp.errors import ConfigurationError, DecodeError, InvalidHash

KEYMAT = bytes(range(20))
SPI = bytes.fromhex("00001234")
CIPHER = GCM(16, 16)


def scapy_sa() -> SecurityAssociation:
    return SecurityAssociation(ESP, spi=0x1234, crypt_algo="AES-GCM", crypt_key=KEYMAT)


@given(payload=st.binary(max_size=64), number=st.integers(1, 0xFFFFFFFF))
def test_scapy_opens_what_we_seal(payload: bytes, number: int) -> None:
    datagram = raw(UDP(sport=1, dport=2) / Raw(payload))
    packet = seal_esp(CIPHER, KEYMAT, SPI, number, sender_iv(7, 16, number), 17, datagram)
    opened = scapy_sa().decrypt(IP(src="10.0.0.1", dst="239.0.0.1", proto=50) / ESP(packet))
    assert raw(opened[UDP].payload) == payload
    assert len(packet) % 4 == 0


@given(payload=st.binary(max_size=64), number=st.integers(1, 0xFFFFFFFF))
def test_we_open_what_scapy_seals(payload: bytes, number: int) -> None:
    plain = IP(src="10.0.0.1", dst="239.0.0.1") / UDP(sport=1, dport=2) / Raw(payload)
    sealed = raw(scapy_sa().encrypt(plain, seq_num=number, iv=sender_iv(0xFFFF, 16, 9)).payload)
    opened = open_esp(CIPHER, KEYMAT, sealed)
    assert (opened.spi, opened.sequence_number, opened.next_header) == (SPI, number, 17)
    assert opened.payload[8:] == payload


def test_the_iv_of_rfc_6054() -> None:
    """Section 3, figure 1: an 8-bit sender id is the first octet."""
    assert sender_iv(0xAB, 8, 5) == bytes.fromhex("ab00000000000005")
    assert sender_iv(0xABC, 12, 5) == bytes.fromhex("abc0000000000005")
    for sender_id, bits, counter in ((256, 8, 0), (0, 16, 1 << 48), (-1, 8, 0), (0, 8, -1)):
        with pytest.raises(ConfigurationError):
            sender_iv(sender_id, bits, counter)


def test_one_altered_bit_anywhere_is_found() -> None:
    packet = seal_esp(CIPHER, KEYMAT, SPI, 1, sender_iv(0, 8, 1), 17, b"a frame")
    for place in range(8 * len(packet)):
        altered = bytearray(packet)
        altered[place // 8] ^= 1 << place % 8
        with pytest.raises(InvalidHash):
            open_esp(CIPHER, KEYMAT, bytes(altered))
    for length in range(len(packet)):
        with pytest.raises((InvalidHash, DecodeError)):
            open_esp(CIPHER, KEYMAT, packet[:length])
    assert esp_header(packet) == (SPI, 1)
