"""The ciphers of ISAKMP messages: CBC, without padding inside.

Phase 1 names them by ENCRYPTION_ALGORITHM and KEY_LENGTH (RFC 2409, appendix A), an SA KEK by
KEK_ALGORITHM and KEK_KEY_LENGTH (RFC 6407, 5.3.2 and 5.3.3). DES and 3DES are weak: refused unless
`allow_weak` is set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from gsakmp.crypto._provider import PROVIDER_FAILURES, failed
from gsakmp.crypto.hashes import refuse_weak
from gsakmp.errors import ConfigurationError, LengthMismatch, PolicyRefused
from gsakmp.registries import EncryptionAlgorithm, KEKAlgorithm

__all__ = [
    "AES_128_CBC",
    "AES_192_CBC",
    "AES_256_CBC",
    "DES_CBC",
    "TRIPLE_DES_CBC",
    "CBCCipher",
    "kek_cipher",
    "pad",
    "phase1_cipher",
]

DES_KEY: Final = 8
"""Octets of one DES key, parity bits included."""
DES_BLOCK: Final = 8
"""Octets of a block of DES and 3DES, and of nothing else here."""


def _des(key: bytes) -> TripleDES:
    return TripleDES(key * 3)  # encrypt, decrypt, encrypt with one key is DES


@dataclass(frozen=True, slots=True)
class CBCCipher:
    """A block cipher in CBC mode. `key_size` and `block_size` are in octets; an IV has `block_size`.

    What is encrypted must already fill whole blocks: see `pad`.
    """

    name: str
    key_size: int
    block_size: int
    weak: bool
    algorithm: Callable[[bytes], BlockCipherAlgorithm] = field(repr=False, compare=False)
    """Makes the provider's cipher of a key."""

    def encrypt(self, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
        """The ciphertext, as long as the plaintext. Raises `ConfigurationError` for a key, an IV or a
        plaintext that does not fit, `PolicyRefused` for a 3DES key that is none."""
        if len(plaintext) % self.block_size:
            raise ConfigurationError(f"{len(plaintext)} octets do not fill blocks of {self.block_size}")
        try:
            context = self._keyed(key, iv).encryptor()
            return context.update(plaintext) + context.finalize()
        except PROVIDER_FAILURES as error:
            raise failed(error) from error

    def decrypt(self, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
        """The plaintext with whatever padding it has. Raises `LengthMismatch` for a ciphertext that does
        not fill its blocks, else as `encrypt`."""
        if not ciphertext or len(ciphertext) % self.block_size:
            raise LengthMismatch(
                f"{len(ciphertext)} octets of ciphertext do not fill blocks of {self.block_size}",
                "ciphertext",
            )
        try:
            context = self._keyed(key, iv).decryptor()
            return context.update(ciphertext) + context.finalize()
        except PROVIDER_FAILURES as error:
            raise failed(error) from error

    def same_key(self, one: bytes, other: bytes) -> bool:
        """Whether two keys encrypt alike: those of DES may differ in their parity bits (RFC 2451, 2.2)."""
        if self.block_size == DES_BLOCK:
            one, other = _without_parity(one), _without_parity(other)
        return compare_digest(one, other)

    def next_iv(self, ciphertext: bytes) -> bytes:
        """The last block, which is the next message's IV (RFC 2409, appendix B)."""
        if len(ciphertext) < self.block_size:
            raise ConfigurationError(f"{len(ciphertext)} octets hold no block of {self.block_size}")
        return ciphertext[-self.block_size :]

    def _keyed(self, key: bytes, iv: bytes) -> Cipher[CBC]:
        if len(key) != self.key_size or len(iv) != self.block_size:
            raise ConfigurationError(
                f"{self.name} takes a key of {self.key_size} octets and an IV of {self.block_size}, "
                f"not {len(key)} and {len(iv)}"
            )
        if self.algorithm is TripleDES:
            _refuse_degenerate(key)
        return Cipher(self.algorithm(key), CBC(iv))


DES_CBC: Final = CBCCipher("DES-CBC", 8, 8, True, _des)
TRIPLE_DES_CBC: Final = CBCCipher("3DES-CBC", 24, 8, True, TripleDES)
AES_128_CBC: Final = CBCCipher("AES-128-CBC", 16, 16, False, AES)
AES_192_CBC: Final = CBCCipher("AES-192-CBC", 24, 16, False, AES)
AES_256_CBC: Final = CBCCipher("AES-256-CBC", 32, 16, False, AES)

_AES: Final = {128: AES_128_CBC, 192: AES_192_CBC, 256: AES_256_CBC}


def phase1_cipher(
    algorithm: EncryptionAlgorithm, key_length: int | None = None, *, allow_weak: bool = False
) -> CBCCipher:
    """The cipher of an ISAKMP SA; `key_length` is the KEY_LENGTH attribute in bits, None where absent.

    AES must have one (RFC 3602, 5.3), a cipher with a fixed key must not (RFC 2409, appendix A). Raises
    `PolicyRefused` for that, and for a cipher that is unknown, or weak and not allowed.
    """
    if algorithm == EncryptionAlgorithm.AES_CBC:
        return _aes(key_length)
    fixed = {EncryptionAlgorithm.DES_CBC: DES_CBC, EncryptionAlgorithm.TRIPLE_DES_CBC: TRIPLE_DES_CBC}
    cipher = fixed.get(algorithm)
    if cipher is None:
        raise PolicyRefused(f"EncryptionAlgorithm {algorithm!r} is not supported")
    if key_length is not None:
        raise PolicyRefused(f"{cipher.name} has a fixed key, and was given a key length of {key_length} bits")
    refuse_weak(cipher.name, cipher.weak, allow_weak)
    return cipher


def kek_cipher(
    algorithm: KEKAlgorithm, key_length: int | None = None, *, allow_weak: bool = False
) -> CBCCipher:
    """The cipher of a KEK; `key_length` is KEK_KEY_LENGTH in bits, None where absent.

    A cipher with a fixed key needs none, and may have it (RFC 6407, 5.3.3). Raises `PolicyRefused`.
    """
    if algorithm == KEKAlgorithm.KEK_ALG_AES:
        return _aes(key_length)
    fixed = {KEKAlgorithm.KEK_ALG_DES: DES_CBC, KEKAlgorithm.KEK_ALG_3DES: TRIPLE_DES_CBC}
    cipher = fixed.get(algorithm)
    if cipher is None:
        raise PolicyRefused(f"KEKAlgorithm {algorithm!r} is not supported")
    if key_length not in (None, 8 * cipher.key_size):
        raise PolicyRefused(f"{cipher.name} has a key of {8 * cipher.key_size} bits, not {key_length}")
    refuse_weak(cipher.name, cipher.weak, allow_weak)
    return cipher


def pad(octets: bytes, block_size: int) -> bytes:
    """Filled with zeros to the nearest multiple of `block_size` octets; none where it is one already
    (RFC 2409, appendix B). What is read ends with its last payload, so this needs no counterpart."""
    return octets + bytes(-len(octets) % block_size)


def _aes(key_length: int | None) -> CBCCipher:
    if key_length is None:
        raise PolicyRefused("AES needs a key length (RFC 3602, 5.3; RFC 6407, 5.3.3)")
    cipher = _AES.get(key_length)
    if cipher is None:
        raise PolicyRefused(f"AES has keys of 128, 192 or 256 bits, not {key_length}")
    return cipher


def _refuse_degenerate(key: bytes) -> None:
    """With two neighbours alike, 3DES is DES, and such keys MUST be rejected (RFC 2451, 2.3)."""
    plain = _without_parity(key)
    first, second, third = (plain[at : at + DES_KEY] for at in (0, DES_KEY, 2 * DES_KEY))
    if second in (first, third):
        raise PolicyRefused("a 3DES key whose neighbouring parts are alike is a DES key (RFC 2451, 2.3)")


def _without_parity(key: bytes) -> bytes:
    """A key of DES or 3DES without what is no part of it: the lowest bit of each octet is parity."""
    return bytes(octet & 0xFE for octet in key)
