"""KEKs, what a PUSH's signature covers, and acknowledgements (RFC 8263, 3.2)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from gsakmp import crypto
from gsakmp.crypto.ciphers import AES_128_CBC, AES_256_CBC, TRIPLE_DES_CBC
from gsakmp.crypto.hashes import SHA256
from gsakmp.errors import ConfigurationError, CryptoError, LengthMismatch, PolicyRefused
from gsakmp.registries import KEKAckRequested

SPI = bytes(range(16))


def test_kek_is_iv_then_key() -> None:
    octets = bytes(range(48))
    kek = crypto.KEK.parse(AES_256_CBC, octets)
    assert (kek.iv, kek.key) == (octets[:16], octets[16:])
    assert kek.build() == octets
    assert crypto.KEK.parse(TRIPLE_DES_CBC, octets[:32]).iv == octets[:8]
    for wrong in (octets[:-1], octets + b"\0", octets[:32], b""):
        with pytest.raises(LengthMismatch):
            crypto.KEK.parse(AES_256_CBC, wrong)
    with pytest.raises(ConfigurationError):
        crypto.KEK(AES_128_CBC, bytes(8), bytes(16))


def test_each_push_starts_anew() -> None:
    kek = crypto.KEK.generate(AES_128_CBC, lambda count: hashlib.shake_128(b"seed").digest(count))
    first = kek.encrypt(b"payloads")
    assert first == kek.encrypt(b"payloads") == AES_128_CBC.encrypt(kek.key, kek.iv, b"payloads" + bytes(8))
    assert kek.decrypt(first) == b"payloads" + bytes(8)
    with pytest.raises(LengthMismatch):
        kek.decrypt(first[:-1])
    assert crypto.KEK.generate(AES_128_CBC) != crypto.KEK.generate(AES_128_CBC)


def test_signed_octets() -> None:
    header = bytes(range(24)) + (500).to_bytes(4, "big")
    assert crypto.push_signed_octets(header, b"SEQ SA KD") == b"rekey" + header + b"SEQ SA KD"
    replaced = crypto.push_signed_octets(header, b"SEQ", 497)
    assert replaced == b"rekey" + bytes(range(24)) + b"\0\0\x01\xf1" + b"SEQ"
    for wrong, length in ((header[:-1], None), (header, 1 << 32), (header, -1)):
        with pytest.raises(ConfigurationError):
            crypto.push_signed_octets(wrong, b"", length)


@pytest.mark.parametrize(
    ("requested", "name", "block"),
    [(1, "sha256", 64), (2, "sha256", 64), (3, "sha512", 128), (4, "sha512", 128)],
)
def test_acknowledgement(requested: int, name: str, block: int) -> None:
    """ack_key = prf(base_key, "GROUPKEY-PUSH ACK" | SPI | L), both keys filled with zeros to the block."""
    kind, base_key = KEKAckRequested(requested), bytes(range(16))
    ack_key = crypto.acknowledgement_key(kind, base_key, SPI)
    message = b"GROUPKEY-PUSH ACK\0" + SPI + {64: b"\x02\x00", 128: b"\x04\x00"}[block]
    assert ack_key == hmac.digest(base_key.ljust(block, b"\0"), message, name)
    assert len(ack_key) == hashlib.new(name).digest_size
    ours = crypto.acknowledgement_hash_data(kind, ack_key, b"SEQ ID")
    assert ours == hmac.digest(ack_key.ljust(block, b"\0"), b"SEQ ID", name)


def test_acknowledgement_arguments() -> None:
    with pytest.raises(ConfigurationError):
        crypto.acknowledgement_key(KEKAckRequested.REKEY_ACK_KEK_SHA256, bytes(16), SPI[:8])
    with pytest.raises(PolicyRefused):
        crypto.acknowledgement_key(KEKAckRequested(200), bytes(16), SPI)


def test_no_secret_in_text() -> None:
    kek = crypto.KEK.parse(AES_128_CBC, bytes(range(100, 132)))
    keys = crypto.PhaseOneKeys.derive(
        hash_function=SHA256,
        cipher=AES_128_CBC,
        skeyid=b"skeyid of 16 oct",
        shared_secret=b"g^xy",
        initiator_cookie=SPI[:8],
        responder_cookie=SPI[8:],
    )
    secrets = [kek.iv, kek.key, keys.skeyid, keys.skeyid_d, keys.skeyid_a, keys.skeyid_e, keys.key]
    for text in (repr(kek), repr(keys), str(kek), str(keys)):
        assert "AES-128-CBC" in text
        for secret in secrets:
            assert secret.hex() not in text
            assert repr(secret)[2:-1] not in text


def test_the_provider_fails_as_a_crypto_error() -> None:
    text: Any = "text"
    nothing: Any = None
    with pytest.raises(CryptoError):
        SHA256.digest(text)
    with pytest.raises(CryptoError):
        SHA256.prf(nothing, b"")


def test_a_kek_in_two_spellings() -> None:
    """The lowest bit of each octet of a DES key is parity (RFC 2451, 2.2), of an AES key it is not, nor of an IV
    (RFC 6407, 5.6.2.1)."""
    for cipher, iv in ((TRIPLE_DES_CBC, 8), (AES_128_CBC, 16)):
        octets = bytes(range(7, 7 + iv + cipher.key_size))
        kek = crypto.KEK.parse(cipher, octets)
        spelled = crypto.KEK.parse(cipher, octets[:iv] + bytes(octet ^ 1 for octet in octets[iv:]))
        assert kek.same(kek)
        assert kek.same(spelled) == (kek.encrypt(b"some octets") == spelled.encrypt(b"some octets"))
        assert kek.same(spelled) == (cipher is TRIPLE_DES_CBC)
        for at in (0, iv, len(octets) - 1):
            other = octets[:at] + bytes([octets[at] ^ 2]) + octets[at + 1 :]
            assert not kek.same(crypto.KEK.parse(cipher, other))
    assert not kek.same(crypto.KEK.parse(TRIPLE_DES_CBC, octets))
