"""Hash functions, the PRFs made of them, and the comparison of what they give.

No PRF is assigned for IKEv1, so the PRF is the HMAC of the negotiated hash (RFC 2409, 4). MD5 and SHA-1
are weak: each function here that chooses by a number of the wire refuses them unless `allow_weak` is set.
"""

from __future__ import annotations

import hmac as standard_hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from cryptography.hazmat.primitives import hashes, hmac

from gsakmp.crypto._provider import PROVIDER_FAILURES, failed
from gsakmp.errors import InvalidHash, PolicyRefused
from gsakmp.registries import HashAlgorithm, KEKAckRequested, OpenEnum, SigHashAlgorithm

__all__ = [
    "MD5",
    "SHA1",
    "SHA256",
    "SHA384",
    "SHA512",
    "HashFunction",
    "acknowledgement_hash",
    "check_hash",
    "hash_function",
    "refuse_weak",
    "signature_hash",
]

_Number = TypeVar("_Number", bound=OpenEnum)


@dataclass(frozen=True, slots=True)
class HashFunction:
    """A hash and, with HMAC, the PRF of it. `size` and `block_size` are in octets."""

    name: str
    size: int
    block_size: int
    weak: bool
    provider: hashes.HashAlgorithm = field(repr=False, compare=False)
    """The provider's name for it."""

    def digest(self, *parts: bytes) -> bytes:
        """The hash of the parts one after another, `size` octets."""
        try:
            context = hashes.Hash(self.provider)
            context.update(b"".join(parts))
            return context.finalize()
        except PROVIDER_FAILURES as error:
            raise failed(error) from error

    def prf(self, key: bytes, *parts: bytes) -> bytes:
        """``prf(key, part | part | ...)`` of RFC 2409, 4: the HMAC, not truncated, `size` octets.

        A key of any length is taken as RFC 4868, 2.1.2 says: a short one is filled with zeros to the
        block size, a longer one is hashed first.
        """
        try:
            context = hmac.HMAC(key, self.provider)
            context.update(b"".join(parts))
            return context.finalize()
        except PROVIDER_FAILURES as error:
            raise failed(error) from error


# Block and output sizes of SHA-2: RFC 4868, 2.6; of MD5 and SHA-1: RFC 2403, 2 and RFC 2404, 2.
MD5: Final = HashFunction("MD5", 16, 64, True, hashes.MD5())
SHA1: Final = HashFunction("SHA-1", 20, 64, True, hashes.SHA1())
SHA256: Final = HashFunction("SHA-256", 32, 64, False, hashes.SHA256())
SHA384: Final = HashFunction("SHA-384", 48, 128, False, hashes.SHA384())
SHA512: Final = HashFunction("SHA-512", 64, 128, False, hashes.SHA512())

_PHASE_1: Final = {
    HashAlgorithm.MD5: MD5,
    HashAlgorithm.SHA: SHA1,
    HashAlgorithm.SHA2_256: SHA256,
    HashAlgorithm.SHA2_384: SHA384,
    HashAlgorithm.SHA2_512: SHA512,
}
_SIGNATURE: Final = {
    SigHashAlgorithm.SIG_HASH_MD5: MD5,
    SigHashAlgorithm.SIG_HASH_SHA1: SHA1,
    SigHashAlgorithm.SIG_HASH_SHA256: SHA256,
    SigHashAlgorithm.SIG_HASH_SHA384: SHA384,
    SigHashAlgorithm.SIG_HASH_SHA512: SHA512,
}
_ACKNOWLEDGEMENT: Final = {
    KEKAckRequested.REKEY_ACK_KEK_SHA256: SHA256,
    KEKAckRequested.REKEY_ACK_LKH_SHA256: SHA256,
    KEKAckRequested.REKEY_ACK_KEK_SHA512: SHA512,
    KEKAckRequested.REKEY_ACK_LKH_SHA512: SHA512,
}


def hash_function(algorithm: HashAlgorithm, *, allow_weak: bool = False) -> HashFunction:
    """The hash of an ISAKMP SA (RFC 2409, appendix A). Raises `PolicyRefused` for one that is not to be
    used: unknown, or weak and not allowed."""
    return _chosen(_PHASE_1, algorithm, allow_weak)


def signature_hash(algorithm: SigHashAlgorithm, *, allow_weak: bool = False) -> HashFunction:
    """The hash under a PUSH's signature (RFC 6407, 5.3.5). Raises `PolicyRefused`."""
    return _chosen(_SIGNATURE, algorithm, allow_weak)


def acknowledgement_hash(requested: KEKAckRequested) -> HashFunction:
    """The hash whose HMAC is the PRF of a PUSH ACK (RFC 8263, 2.1 to 2.4). Raises `PolicyRefused`."""
    return _chosen(_ACKNOWLEDGEMENT, requested, False)


def check_hash(expected: bytes, received: bytes) -> None:
    """Compare in a time that does not tell where the two differ. Raises `InvalidHash` if they do."""
    if not standard_hmac.compare_digest(expected, received):
        raise InvalidHash("the hash does not fit the message and the key")


def refuse_weak(name: str, weak: bool, allow_weak: bool) -> None:
    """Raises `PolicyRefused` for a weak algorithm that was not asked for."""
    if weak and not allow_weak:
        raise PolicyRefused(f"{name} is weak, and off unless weak algorithms are allowed")


def _chosen(table: Mapping[_Number, HashFunction], number: _Number, allow_weak: bool) -> HashFunction:
    found = table.get(number)
    if found is None:
        raise PolicyRefused(f"{type(number).__name__} {number!r} is not supported")
    refuse_weak(found.name, found.weak, allow_weak)
    return found
