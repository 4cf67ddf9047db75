"""What protects a GROUPKEY-PUSH and its acknowledgement (RFC 6407, 4 and 5.6.2.1; RFC 8263, 3.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gsakmp.crypto.ciphers import CBCCipher, pad
from gsakmp.crypto.hashes import acknowledgement_hash
from gsakmp.crypto.randomness import Random, random_octets, system_random
from gsakmp.errors import ConfigurationError, LengthMismatch
from gsakmp.registries import KEKAckRequested

__all__ = ["KEK", "acknowledgement_hash_data", "acknowledgement_key", "push_signed_octets"]

HEADER: Final = 28
"""Octets of the ISAKMP header (RFC 2408, 3.1); the last four are the Length."""
LENGTH: Final = 4
SPI: Final = 16
"""Octets of a Rekey SA's SPI: both cookies (RFC 6407, 5.3)."""

_LABEL: Final = b"GROUPKEY-PUSH ACK\0"


@dataclass(frozen=True, slots=True)
class KEK:
    """A key that encrypts: that of a Rekey SA, or one of an LKH tree. Its text shows neither key nor IV."""

    cipher: CBCCipher
    iv: bytes = field(repr=False)
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.iv) != self.cipher.block_size or len(self.key) != self.cipher.key_size:
            raise ConfigurationError(
                f"{self.cipher.name} takes an IV of {self.cipher.block_size} octets and a key of "
                f"{self.cipher.key_size}, not {len(self.iv)} and {len(self.key)}"
            )

    @classmethod
    def parse(cls, cipher: CBCCipher, octets: bytes) -> KEK:
        """From KEK_ALGORITHM_KEY (RFC 6407, 5.6.2.1) or the Key Data of an LKH key (5.6.3.1): the IV and
        then the key. Raises `LengthMismatch` for octets of another length than those two have."""
        if len(octets) != cipher.block_size + cipher.key_size:
            raise LengthMismatch(
                f"{len(octets)} octets, {cipher.name} has an IV of {cipher.block_size} and a key of "
                f"{cipher.key_size}",
                "KEK_ALGORITHM_KEY",
            )
        return cls(cipher, octets[: cipher.block_size], octets[cipher.block_size :])

    @classmethod
    def generate(cls, cipher: CBCCipher, random: Random = system_random) -> KEK:
        """A fresh one: IV and key out of one draw of `random`."""
        return cls.parse(cipher, random_octets(random, cipher.block_size + cipher.key_size))

    def build(self) -> bytes:
        """The IV and then the key, as `parse` takes them."""
        return self.iv + self.key

    def same(self, other: KEK) -> bool:
        """Whether both encrypt alike, which two spellings of one DES key do (`CBCCipher.same_key`)."""
        alike = self.cipher == other.cipher and self.iv == other.iv
        return alike and self.cipher.same_key(self.key, other.key)

    def encrypt(self, payloads: bytes) -> bytes:
        """The ciphertext of a PUSH: the payloads, SIG included, padded as RFC 2409, appendix B says. Each
        PUSH starts with the KEK's IV anew; it can't follow from a message that a member may have missed."""
        return self.cipher.encrypt(self.key, self.iv, pad(payloads, self.cipher.block_size))

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The payloads and their padding. Raises `LengthMismatch` for a ciphertext that does not fill its
        blocks; a wrong key shows only in what comes out."""
        return self.cipher.decrypt(self.key, self.iv, ciphertext)


def push_signed_octets(header: bytes, payloads: bytes, length: int | None = None) -> bytes:
    """``"rekey" | HDR | payloads``: what a PUSH's signature covers, `payloads` being all those before SIG
    (RFC 6407, 4).

    The message is hashed "before it has been encrypted", so HDR's Length is that of the header and all
    payloads, SIG included, without the padding; the Length on the wire counts the padding too. `length`
    replaces the one in `header`, for who has the header from the wire. Raises `ConfigurationError`.
    """
    if len(header) != HEADER:
        raise ConfigurationError(f"an ISAKMP header has {HEADER} octets, not {len(header)}")
    if length is not None:
        if not 0 <= length < 1 << 8 * LENGTH:
            raise ConfigurationError(f"{length} is no length of {LENGTH} octets")
        header = header[:-LENGTH] + length.to_bytes(LENGTH, "big")
    return b"rekey" + header + payloads


def acknowledgement_key(requested: KEKAckRequested, base_key: bytes, spi: bytes) -> bytes:
    """``ack_key = prf(base_key, "GROUPKEY-PUSH ACK" | SPI | L)`` (RFC 8263, 3.2).

    `base_key` is `KEK.key`, without the IV, of the KEK that encrypted the PUSH, or of the member's first LKH
    key, as `requested` says (2.1 to 2.4); `spi` is both cookies of the PUSH's header. The label ends with a
    zero octet.

    L is where the RFC is unclear: it counts "the bits in the ack_key", and "MUST match the length of the
    base_key (i.e., 512 bits for PRF-HMAC-SHA-256)". Both keys have 512 bits only once they are filled with
    zeros to the PRF's block, so L is the block size in bits: 512, and 1024 with SHA-512.

    Raises `PolicyRefused` for a kind that is not known, `ConfigurationError` for an SPI of another length.
    """
    if len(spi) != SPI:
        raise ConfigurationError(f"the SPI of a Rekey SA has {SPI} octets, not {len(spi)}")
    prf = acknowledgement_hash(requested)
    return prf.prf(base_key, _LABEL, spi, (8 * prf.block_size).to_bytes(2, "big"))


def acknowledgement_hash_data(requested: KEKAckRequested, ack_key: bytes, payloads: bytes) -> bytes:
    """``HASH = prf(ack_key, SEQ | ID)``, the body of the ACK's HASH payload (RFC 8263, 3.2).

    `payloads` are SEQ and ID whole, generic headers included, as in HASH(1) to HASH(4).
    """
    return acknowledgement_hash(requested).prf(ack_key, payloads)
