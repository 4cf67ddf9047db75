"""Signatures of phase 1 (RFC 2409, 5.1; RFC 4754) and of a PUSH (RFC 6407, 4 and 5.3.6).

RSA in phase 1 is "a private key encryption in PKCS #1 format": HASH_I or HASH_R itself is padded as
EMSA-PKCS1-v1_5 does, with no DigestInfo around it, so no hash is named inside (RFC 2409, 5.1). RSA under a
PUSH is EMSA-PKCS1-v1_5 proper (RFC 6407, 5.3.6.1); Cisco's open GDOI daemon leaves the DigestInfo out there
too, which `digest_info` turns off.

ECDSA is r and then s, each as wide as the curve's order (RFC 4754, 7). In phase 1, HASH_I or HASH_R is made
with the HMAC of the hash that the method names (RFC 2409, 5.1; RFC 4754, 4) and is what r and s are computed
of: it is not hashed once more. strongSwan reads the two RFCs in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature as ProviderInvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from gsakmp.crypto._provider import PROVIDER
from gsakmp.crypto.hashes import SHA256, SHA384, SHA512, HashFunction, signature_hash
from gsakmp.crypto.keys import PrivateKey, PublicKey
from gsakmp.errors import ConfigurationError, InvalidSignature, PolicyRefused
from gsakmp.registries import AuthenticationMethod, SigAlgorithm, SigHashAlgorithm

__all__ = ["ECDSAScheme", "RSAScheme", "SignatureScheme", "phase1_signature", "push_signature"]


class SignatureScheme(Protocol):
    """How something is signed: an algorithm, its hash and its encoding."""

    @property
    def hash_function(self) -> HashFunction | None:
        """The hash that belongs to the scheme. In phase 1, HASH_I and HASH_R are made with its HMAC, or,
        where it is None, with the negotiated PRF."""

    def sign(self, key: PrivateKey, octets: bytes) -> bytes:
        """The body of the SIG payload over `octets`: HASH_I or HASH_R in phase 1, `push_signed_octets`
        in a PUSH. Raises `ConfigurationError` for a key of another kind."""

    def verify(self, key: PublicKey, signature: bytes, octets: bytes) -> None:
        """Raises `InvalidSignature` unless `signature` is that of `key` over `octets`."""

    def size(self, key: PublicKey | PrivateKey) -> int:
        """Octets of a signature. Raises `ConfigurationError` for a key of another kind."""


@dataclass(frozen=True, slots=True)
class RSAScheme:
    """PKCS #1 v1.5. Without `hash_function` the octets are padded as they are, else their hash is."""

    hash_function: HashFunction | None
    digest_info: bool

    def sign(self, key: PrivateKey, octets: bytes) -> bytes:
        """See `SignatureScheme.sign`. Raises `CryptoError` if the key is too short for the hash."""
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigurationError("RSA signatures need an RSA key")
        with PROVIDER:
            if self.hash_function is not None and self.digest_info:
                return key.sign(octets, PKCS1v15(), self.hash_function.provider)
            return key.sign(self._value(octets), PKCS1v15(), NoDigestInfo())

    def verify(self, key: PublicKey, signature: bytes, octets: bytes) -> None:
        """See `SignatureScheme.verify`."""
        if not isinstance(key, rsa.RSAPublicKey) or len(signature) != self.size(key):
            raise _invalid()
        value = self._value(octets)
        with PROVIDER:
            try:
                if self.hash_function is not None and self.digest_info:
                    key.verify(signature, value, PKCS1v15(), Prehashed(self.hash_function.provider))
                    return
                found = key.recover_data_from_signature(signature, PKCS1v15(), NoDigestInfo())
            except ProviderInvalidSignature:
                raise _invalid() from None
        if not compare_digest(found, value):
            raise _invalid()

    def size(self, key: PublicKey | PrivateKey) -> int:
        """The octets of the modulus."""
        if not isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
            raise ConfigurationError("RSA signatures need an RSA key")
        return -(-key.key_size // 8)

    def _value(self, octets: bytes) -> bytes:
        return octets if self.hash_function is None else self.hash_function.digest(octets)


@dataclass(frozen=True, slots=True)
class ECDSAScheme:
    """One of the three ECDSA of RFC 4754. With `prehashed` the octets are the hash already."""

    name: str
    hash_function: HashFunction
    curve: ec.EllipticCurve = field(repr=False, compare=False)
    prehashed: bool = False

    _algorithm: ec.ECDSA = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        provider = self.hash_function.provider
        object.__setattr__(self, "_algorithm", ec.ECDSA(Prehashed(provider) if self.prehashed else provider))

    @property
    def width(self) -> int:
        """Octets of r and of s (RFC 4754, 7)."""
        return -(-self.curve.key_size // 8)

    def sign(self, key: PrivateKey, octets: bytes) -> bytes:
        """See `SignatureScheme.sign`. Raises `ConfigurationError` for a hash of another length, too."""
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != self.curve.name:
            raise ConfigurationError(f"{self.name} needs a key on {self.curve.name}")
        if self.prehashed:
            self._value(octets)  # its length
        with PROVIDER:
            der = key.sign(octets, self._algorithm)
            r, s = decode_dss_signature(der)
        return r.to_bytes(self.width, "big") + s.to_bytes(self.width, "big")

    def verify(self, key: PublicKey, signature: bytes, octets: bytes) -> None:
        """See `SignatureScheme.verify`. Raises `ConfigurationError` for a hash of another length, too."""
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != self.curve.name:
            raise _invalid()
        if len(signature) != 2 * self.width:
            raise _invalid()
        value = self._value(octets)
        r, s = (int.from_bytes(part, "big") for part in (signature[: self.width], signature[self.width :]))
        with PROVIDER:
            try:
                key.verify(
                    encode_dss_signature(r, s), value, ec.ECDSA(Prehashed(self.hash_function.provider))
                )
            except ProviderInvalidSignature:
                raise _invalid() from None

    def size(self, key: PublicKey | PrivateKey) -> int:
        """r and s together, the same for each key."""
        return 2 * self.width

    def _value(self, octets: bytes) -> bytes:
        if not self.prehashed:
            return self.hash_function.digest(octets)
        if len(octets) != self.hash_function.size:
            raise ConfigurationError(f"{self.name} signs a hash of {self.hash_function.size} octets")
        return octets


_PHASE_1: Final[dict[AuthenticationMethod, SignatureScheme]] = {
    AuthenticationMethod.RSA_SIGNATURES: RSAScheme(None, False),
    AuthenticationMethod.ECDSA_SHA256_P256: ECDSAScheme("ECDSA-256", SHA256, ec.SECP256R1(), True),
    AuthenticationMethod.ECDSA_SHA384_P384: ECDSAScheme("ECDSA-384", SHA384, ec.SECP384R1(), True),
    AuthenticationMethod.ECDSA_SHA512_P521: ECDSAScheme("ECDSA-521", SHA512, ec.SECP521R1(), True),
}
_PUSH: Final = {
    SigAlgorithm.SIG_ALG_ECDSA_256: ECDSAScheme("ECDSA-256", SHA256, ec.SECP256R1()),
    SigAlgorithm.SIG_ALG_ECDSA_384: ECDSAScheme("ECDSA-384", SHA384, ec.SECP384R1()),
    SigAlgorithm.SIG_ALG_ECDSA_521: ECDSAScheme("ECDSA-521", SHA512, ec.SECP521R1()),
}


def phase1_signature(method: AuthenticationMethod) -> SignatureScheme:
    """The signature of an authentication method. Raises `PolicyRefused` for one that has none, or that is
    not supported: DSS is not."""
    scheme = _PHASE_1.get(method)
    if scheme is None:
        raise PolicyRefused(f"AuthenticationMethod {method!r} is no signature that is supported")
    return scheme


def push_signature(
    algorithm: SigAlgorithm,
    hash_algorithm: SigHashAlgorithm | None = None,
    *,
    digest_info: bool = True,
    allow_weak: bool = False,
) -> SignatureScheme:
    """The signature of a PUSH, by the SIG_ALGORITHM and SIG_HASH_ALGORITHM of its SA KEK (RFC 6407, 5.3.5
    and 5.3.6). Without `digest_info`, RSA is as Cisco's open GDOI daemon has it.

    Raises `PolicyRefused` for an algorithm that is not supported (DSS and the deprecated ECDSS are not), a
    weak hash that is not allowed, RSA without a hash, or ECDSA with another than its own.
    """
    if algorithm == SigAlgorithm.SIG_ALG_RSA:
        if hash_algorithm is None:
            raise PolicyRefused("SIG_ALG_RSA needs a SIG_HASH_ALGORITHM (RFC 6407, 5.3.5)")
        return RSAScheme(signature_hash(hash_algorithm, allow_weak=allow_weak), digest_info)
    scheme = _PUSH.get(algorithm)
    if scheme is None:
        raise PolicyRefused(f"SigAlgorithm {algorithm!r} is not supported")
    if hash_algorithm is not None and signature_hash(hash_algorithm, allow_weak=True) != scheme.hash_function:
        raise PolicyRefused(
            f"{scheme.name} has a hash of its own, not {hash_algorithm.name} (RFC 6407, 5.3.5)"
        )
    return scheme


def _invalid() -> InvalidSignature:
    return InvalidSignature("the signature is not that of this key over this message")
