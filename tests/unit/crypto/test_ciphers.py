"""Hashes, CBC, GCM, GMAC and key sizes against vectors and second writings; what is weak is refused."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from gsakmp import crypto
from gsakmp.crypto.ciphers import AES_128_CBC, DES_CBC, TRIPLE_DES_CBC
from gsakmp.errors import ConfigurationError, InvalidHash, LengthMismatch, PolicyRefused, Truncated
from gsakmp.registries import (
    AHTransformID,
    AuthenticationAlgorithm,
    EncryptionAlgorithm,
    ESPTransformID,
    HashAlgorithm,
    KEKAckRequested,
    KEKAlgorithm,
    SigHashAlgorithm,
)
from tests.unit.crypto.vectors import AES_CBC

NAMES = {1: "md5", 2: "sha1", 4: "sha256", 5: "sha384", 6: "sha512"}


@pytest.mark.parametrize("number", NAMES)
def test_hashes_against_the_standard_library(number: int) -> None:
    ours, name = crypto.hash_function(HashAlgorithm(number), allow_weak=True), NAMES[number]
    theirs = hashlib.new(name)
    assert (ours.size, ours.block_size) == (theirs.digest_size, theirs.block_size)
    assert ours.digest(b"a", b"", b"bc") == hashlib.new(name, b"abc").digest()
    for size in (1, ours.block_size - 1, ours.block_size, ours.block_size + 1, 300):
        key = bytes(range(256)) * 2
        assert ours.prf(key[:size], b"da", b"ta") == hmac.digest(key[:size], b"data", name)


def test_hmac_sha_2_of_rfc_4868() -> None:
    """RFC 4868, 2.7.1: PRF-1 and PRF-2; the second is "Jefe"."""
    prf = crypto.hash_function(HashAlgorithm.SHA2_256).prf
    assert (
        prf(b"\x0b" * 20, b"Hi There").hex()
        == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )
    data = b"what do ya want for nothing?"
    assert prf(b"Jefe", data).hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_same_hashes_by_other_numbers() -> None:
    pairs = {1: 1, 2: 2, 3: 4, 4: 5, 5: 6}
    for signature, phase_1 in pairs.items():
        ours = crypto.signature_hash(SigHashAlgorithm(signature), allow_weak=True)
        assert ours is crypto.hash_function(HashAlgorithm(phase_1), allow_weak=True)
    names = {number: crypto.acknowledgement_hash(KEKAckRequested(number)).name for number in (1, 2, 3, 4)}
    assert names == {1: "SHA-256", 2: "SHA-256", 3: "SHA-512", 4: "SHA-512"}


def test_check_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    crypto.check_hash(b"same", b"same")
    for wrong in (b"sama", b"sam", b"same ", b""):
        with pytest.raises(InvalidHash):
            crypto.check_hash(b"same", wrong)
    seen = []
    monkeypatch.setattr(hmac, "compare_digest", lambda *pair: seen.append(pair) or True)
    crypto.check_hash(b"one", b"two")  # it asks the comparison that takes the same time for all
    assert seen == [(b"one", b"two")]


REFUSED: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("MD5", crypto.hash_function, (HashAlgorithm.MD5,)),
    ("SHA-1", crypto.hash_function, (HashAlgorithm.SHA,)),
    ("MD5", crypto.signature_hash, (SigHashAlgorithm.SIG_HASH_MD5,)),
    ("SHA-1", crypto.signature_hash, (SigHashAlgorithm.SIG_HASH_SHA1,)),
    ("DES-CBC", crypto.phase1_cipher, (EncryptionAlgorithm.DES_CBC,)),
    ("3DES-CBC", crypto.phase1_cipher, (EncryptionAlgorithm.TRIPLE_DES_CBC,)),
    ("DES-CBC", crypto.kek_cipher, (KEKAlgorithm.KEK_ALG_DES,)),
    ("3DES-CBC", crypto.kek_cipher, (KEKAlgorithm.KEK_ALG_3DES, 192)),
    ("ESP_DES", crypto.esp_key_sizes, (ESPTransformID.ESP_DES, AuthenticationAlgorithm.HMAC_SHA2_256)),
    ("ESP_3DES", crypto.esp_key_sizes, (ESPTransformID.ESP_3DES,)),
    ("HMAC_SHA", crypto.esp_key_sizes, (ESPTransformID.ESP_AES_CBC, AuthenticationAlgorithm.HMAC_SHA, 128)),
    ("HMAC_MD5", crypto.ah_key_sizes, (AHTransformID.AH_MD5, AuthenticationAlgorithm.HMAC_MD5)),
]


@pytest.mark.parametrize(("name", "function", "arguments"), REFUSED)
def test_weak_unless_asked_for(name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with pytest.raises(PolicyRefused, match=f"^{name} is weak") as caught:
        function(*arguments)
    assert caught.value.notify_type == 14
    assert function(*arguments, allow_weak=True)


UNKNOWN: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (crypto.hash_function, (HashAlgorithm.TIGER,)),
    (crypto.hash_function, (HashAlgorithm(99),)),
    (crypto.signature_hash, (SigHashAlgorithm(6),)),
    (crypto.phase1_cipher, (EncryptionAlgorithm.BLOWFISH_CBC, 128)),
    (crypto.phase1_cipher, (EncryptionAlgorithm.AES_CBC,)),
    (crypto.phase1_cipher, (EncryptionAlgorithm.AES_CBC, 129)),
    (crypto.phase1_cipher, (EncryptionAlgorithm.TRIPLE_DES_CBC, 192)),  # RFC 2409: MUST NOT have a length
    (crypto.kek_cipher, (KEKAlgorithm(7), 128)),
    (crypto.kek_cipher, (KEKAlgorithm.KEK_ALG_AES,)),
    (crypto.kek_cipher, (KEKAlgorithm.KEK_ALG_3DES, 128)),
    (crypto.esp_key_sizes, (ESPTransformID.ESP_CAST,)),
    (crypto.esp_key_sizes, (ESPTransformID.ESP_AES_CBC,)),
    (crypto.esp_key_sizes, (ESPTransformID.ESP_AES_GCM_16, None, 64)),
    (crypto.esp_key_sizes, (ESPTransformID.ESP_NULL,)),
    (crypto.esp_key_sizes, (ESPTransformID.ESP_AES_CBC, AuthenticationAlgorithm.KPDK, 128)),
    (crypto.esp_key_sizes, (ESPTransformID.ESP_AES_CBC, AuthenticationAlgorithm.AES_128_GMAC, 128)),
    (crypto.esp_key_sizes, (ESPTransformID.ESP_AES_GCM_16, AuthenticationAlgorithm.HMAC_SHA2_256, 128)),
    (crypto.ah_key_sizes, (AHTransformID.AH_SHA2_256, AuthenticationAlgorithm.HMAC_SHA2_512)),
    (crypto.ah_key_sizes, (AHTransformID.AH_RSA, AuthenticationAlgorithm.SIG_RSA)),
]


@pytest.mark.parametrize(("function", "arguments"), UNKNOWN)
def test_unknown_or_contradictory(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with pytest.raises(PolicyRefused):
        function(*arguments, allow_weak=True)


def test_an_acknowledgement_that_is_not_known() -> None:
    with pytest.raises(PolicyRefused):
        crypto.acknowledgement_hash(KEKAckRequested(5))


@pytest.mark.parametrize(("key", "iv", "plaintext", "ciphertext"), AES_CBC)
def test_rfc_3602(key: str, iv: str, plaintext: bytes, ciphertext: str) -> None:
    cipher = crypto.phase1_cipher(EncryptionAlgorithm.AES_CBC, 128)
    assert cipher.encrypt(bytes.fromhex(key), bytes.fromhex(iv), plaintext).hex() == ciphertext
    assert cipher.decrypt(bytes.fromhex(key), bytes.fromhex(iv), bytes.fromhex(ciphertext)) == plaintext
    assert cipher.next_iv(bytes.fromhex(ciphertext)).hex() == ciphertext[-32:]


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_cbc_by_hand(bits: int) -> None:
    """Block by block over the bare cipher: C = E(P xor the block before)."""
    for cipher in (
        crypto.phase1_cipher(EncryptionAlgorithm.AES_CBC, bits),
        crypto.kek_cipher(KEKAlgorithm.KEK_ALG_AES, bits),
    ):
        key, previous, plaintext = bytes(range(bits // 8)), b"v" * 16, bytes(range(100, 148))
        assert (cipher.key_size, cipher.block_size) == (bits // 8, 16)
        expected = b""
        for at in range(0, 48, 16):
            previous = block(key, xor(plaintext[at : at + 16], previous))
            expected += previous
        assert cipher.encrypt(key, b"v" * 16, plaintext) == expected
        assert cipher.decrypt(key, b"v" * 16, expected) == plaintext


def test_des_by_its_worked_example() -> None:
    """The example that textbooks work through by hand; 3DES with one key three times is DES, and refused."""
    key, plaintext = bytes.fromhex("133457799BBCDFF1"), bytes.fromhex("0123456789ABCDEF")
    assert DES_CBC.encrypt(key, bytes(8), plaintext).hex().upper() == "85E813540F0AB405"
    for degenerate in (
        key * 3,
        key + key + b"othersss",
        b"othersss" + key + key,
        key[:7] + b"\xf0" + key + b"othersss",
    ):
        with pytest.raises(PolicyRefused, match="RFC 2451"):
            TRIPLE_DES_CBC.encrypt(degenerate, bytes(8), plaintext)
    ends_alike = key + b"othersss" + key  # two-key 3DES
    assert (
        TRIPLE_DES_CBC.decrypt(ends_alike, bytes(8), TRIPLE_DES_CBC.encrypt(ends_alike, bytes(8), plaintext))
        == plaintext
    )


def test_cbc_arguments() -> None:
    key, iv = bytes(16), bytes(16)
    for bad in (b"", bytes(15), bytes(17)):
        with pytest.raises(LengthMismatch):
            AES_128_CBC.decrypt(key, iv, bad)
    with pytest.raises(ConfigurationError, match="blocks"):
        AES_128_CBC.encrypt(key, iv, bytes(15))
    for wrong_key, wrong_iv in ((bytes(24), iv), (key, bytes(8)), (b"", iv)):
        with pytest.raises(ConfigurationError, match="16 octets"):
            AES_128_CBC.encrypt(wrong_key, wrong_iv, bytes(16))
        with pytest.raises(ConfigurationError, match="16 octets"):
            AES_128_CBC.decrypt(wrong_key, wrong_iv, bytes(16))
    with pytest.raises(ConfigurationError):
        AES_128_CBC.next_iv(bytes(15))


def test_padding() -> None:
    assert [len(crypto.pad(bytes(size), 8)) for size in (0, 1, 7, 8, 9, 16)] == [0, 8, 8, 8, 16, 16]
    assert crypto.pad(b"abc", 4) == b"abc\0"


def block(key: bytes, octets: bytes) -> bytes:
    return Cipher(AES(key), ECB()).encryptor().update(octets)


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))


def times(x: int, y: int) -> int:
    """The product in GF(2^128), bit by bit, with GCM's order of bits (first bit highest)."""
    out = 0
    for bit in range(127, -1, -1):
        out ^= y if x >> bit & 1 else 0
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return out


def gcm_by_hand(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> tuple[bytes, bytes]:
    """GCM (SP 800-38D) over the bare cipher: ciphertext and full tag."""
    size = -(-len(plaintext) // 16)
    stream = b"".join(block(key, nonce + counter.to_bytes(4, "big")) for counter in range(2, 2 + size))
    ciphertext = xor(plaintext, stream)
    hashed = crypto.pad(associated, 16) + crypto.pad(ciphertext, 16)
    hashed += (8 * len(associated)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    h, y = int.from_bytes(block(key, bytes(16)), "big"), 0
    for at in range(0, len(hashed), 16):
        y = times(y ^ int.from_bytes(hashed[at : at + 16], "big"), h)
    return ciphertext, xor(y.to_bytes(16, "big"), block(key, nonce + b"\0\0\0\1"))


@pytest.mark.parametrize("bits", [128, 192, 256])
@pytest.mark.parametrize(("transform", "icv"), [(18, 8), (19, 12), (20, 16)])
def test_gcm(bits: int, transform: int, icv: int) -> None:
    mode = crypto.gcm(ESPTransformID(transform), bits)
    keymat, iv, associated = bytes(range(bits // 8 + 4)), b"12345678", b"spi!seq!"
    assert mode.keymat_size == len(keymat)
    assert mode.name == f"AES-{bits}-GCM-{icv}"
    for plaintext in (b"", b"x", b"of one block, ok", b"a little more than one block"):
        ciphertext, tag = gcm_by_hand(keymat[:-4], keymat[-4:] + iv, plaintext, associated)
        sealed = mode.encrypt(keymat, iv, plaintext, associated)
        assert sealed == ciphertext + tag[:icv]
        assert mode.decrypt(keymat, iv, sealed, associated) == plaintext
        for wrong, header in (
            (sealed[:-1] + bytes([sealed[-1] ^ 1]), associated),
            (sealed, b"spi!seq?"),
            (sealed + b"\0", associated),
        ):
            with pytest.raises(InvalidHash):
                mode.decrypt(keymat, iv, wrong, header)
    with pytest.raises(Truncated):
        mode.decrypt(keymat, iv, bytes(icv - 1), associated)
    with pytest.raises(ConfigurationError):
        mode.encrypt(keymat[:-1], iv, b"", b"")
    with pytest.raises(ConfigurationError):
        mode.encrypt(keymat, iv + b"9", b"", b"")


@pytest.mark.parametrize("size", [20, 28, 36])
def test_gmac(size: int) -> None:
    keymat, iv = bytes(range(size)), b"12345678"
    _, tag = gcm_by_hand(keymat[:-4], keymat[-4:] + iv, b"", b"header and payload")
    assert crypto.gmac(keymat, iv, b"header ", b"and payload") == tag
    crypto.gmac_check(keymat, iv, tag, b"header and payload")
    for icv, text in (
        (tag, b"header and payloae"),
        (tag[:12], b"header and payload"),
        (bytes(16), b"header and payload"),
    ):
        with pytest.raises(InvalidHash):
            crypto.gmac_check(keymat, iv, icv, text)
    for wrong in (keymat[:-1], b""):
        with pytest.raises(ConfigurationError):
            crypto.gmac(wrong, iv, b"")
        with pytest.raises(ConfigurationError):
            crypto.gmac_check(wrong, iv, tag, b"")


def test_gcm_that_is_none() -> None:
    for transform, bits in (
        (ESPTransformID.ESP_AES_CBC, 128),
        (ESPTransformID.ESP_AES_GCM_16, None),
        (ESPTransformID.ESP_AES_GCM_8, 64),
    ):
        with pytest.raises(PolicyRefused):
            crypto.gcm(transform, bits)


def test_salt() -> None:
    assert crypto.split_salted(b"keysalt!", 4) == (b"keys", b"alt!")
    assert crypto.split_salted(b"keysalt", 3) == (b"keys", b"alt")
    with pytest.raises(ConfigurationError):
        crypto.split_salted(b"salt")


ESP = [  # transform, authentication, KEY_LENGTH, octets of both keys
    (12, 5, 128, 16, 32),
    (12, 7, 256, 32, 64),
    (12, 6, 192, 24, 48),
    (12, None, 128, 16, 0),
    (13, 5, 128, 20, 32),  # AES-CTR with its nonce (RFC 3686, 5.1)
    (14, None, 128, 19, 0),  # AES-CCM with its salt (RFC 4309, 7.1)
    (16, None, 256, 35, 0),
    (18, None, 128, 20, 0),  # AES-GCM with its salt (RFC 4106, 8.1)
    (20, None, 192, 28, 0),
    (20, None, 256, 36, 0),
    (23, None, 128, 20, 0),  # AES-GMAC with its salt (RFC 4543, 5.4)
    (11, 5, None, 0, 32),
    (2, 1, None, 8, 16),
    (3, 2, None, 24, 20),
    (11, 9, None, 0, 16),
]


@pytest.mark.parametrize(("transform", "authentication", "bits", "algorithm", "integrity"), ESP)
def test_esp_key_sizes(
    transform: int, authentication: int | None, bits: int | None, algorithm: int, integrity: int
) -> None:
    chosen = None if authentication is None else AuthenticationAlgorithm(authentication)
    sizes = crypto.esp_key_sizes(ESPTransformID(transform), chosen, bits, allow_weak=True)
    assert sizes == crypto.TEKSizes(algorithm, integrity)
    sizes.check(bytes(algorithm), bytes(integrity))
    with pytest.raises(LengthMismatch, match="TEK_ALGORITHM_KEY"):
        sizes.check(bytes(algorithm + 1), bytes(integrity))
    with pytest.raises(LengthMismatch, match="TEK_INTEGRITY_KEY"):
        sizes.check(bytes(algorithm), bytes(integrity + 1))


@pytest.mark.parametrize(
    ("transform", "authentication", "integrity"),
    [(2, 1, 16), (3, 2, 20), (5, 5, 32), (7, 7, 64), (9, 9, 16), (11, 11, 20), (13, 13, 36)],
)
def test_ah_key_sizes(transform: int, authentication: int, integrity: int) -> None:
    sizes = crypto.ah_key_sizes(
        AHTransformID(transform), AuthenticationAlgorithm(authentication), allow_weak=True
    )
    assert sizes == crypto.TEKSizes(0, integrity)
