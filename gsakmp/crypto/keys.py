"""Keys that sign: RSA and ECDSA, read and written.

A public key is a SubjectPublicKeyInfo in DER, as a KD payload's SIG_ALGORITHM_KEY has it (RFC 6407,
5.6.2.2 names no format; this is the one in use). A private key comes from a file, in PEM or DER.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)

from gsakmp.crypto._provider import PROVIDER
from gsakmp.crypto.hashes import refuse_weak
from gsakmp.errors import ConfigurationError, DecodeError, LimitExceeded, PolicyRefused
from gsakmp.registries import SigAlgorithm

__all__ = [
    "RSA_BITS",
    "PrivateKey",
    "PublicKey",
    "accepted_public_key",
    "generate_private_key",
    "key_length",
    "private_key",
    "private_octets",
    "public_key",
    "public_octets",
]

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

RSA_BITS: Final = (2048, 8192)
"""Shortest and longest RSA key: the one that RFC 6407, 6.1 demands, and one whose check still takes less
than a millisecond. A shorter one is weak, a longer one a way to keep us busy."""

PUBLIC_KEY_OCTETS: Final = 4096
"""Octets of a SubjectPublicKeyInfo; the longest RSA key that is taken needs about 1,100."""

_CURVES: Final[dict[SigAlgorithm, ec.EllipticCurve]] = {
    SigAlgorithm.SIG_ALG_ECDSA_256: ec.SECP256R1(),
    SigAlgorithm.SIG_ALG_ECDSA_384: ec.SECP384R1(),
    SigAlgorithm.SIG_ALG_ECDSA_521: ec.SECP521R1(),
}


def public_key(octets: bytes, *, allow_weak: bool = False) -> PublicKey:
    """The key in a SubjectPublicKeyInfo (DER).

    Raises `DecodeError` for octets that are none, `PolicyRefused` as `accepted_public_key`.
    """
    if len(octets) > PUBLIC_KEY_OCTETS:
        raise LimitExceeded(
            f"a public key of {len(octets)} octets, at most {PUBLIC_KEY_OCTETS}", "public_key"
        )
    try:
        found = load_der_public_key(octets)
    except (UnsupportedAlgorithm, Warning) as error:  # the latter where warnings are errors
        raise PolicyRefused("a public key of a kind that is not supported") from error
    except (ValueError, TypeError) as error:
        raise DecodeError("no SubjectPublicKeyInfo (DER)", "public_key") from error
    return accepted_public_key(found, allow_weak=allow_weak)


def accepted_public_key(key: object, *, allow_weak: bool = False) -> PublicKey:
    """The same key, a certificate's perhaps, if it is RSA or on one of the three curves of RFC 4754.

    Raises `PolicyRefused` for any other, for RSA beyond `RSA_BITS`, and below unless `allow_weak`.
    """
    if isinstance(key, rsa.RSAPublicKey):
        _accept_rsa(key.key_size, allow_weak)
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _NAMES:
        return key
    raise PolicyRefused("a public key that is neither RSA nor on a curve of RFC 4754")


def private_key(octets: bytes, password: bytes | None = None, *, allow_weak: bool = False) -> PrivateKey:
    """The key in a file's octets, PEM or DER, with its password if it has one.

    Raises `ConfigurationError` for octets that hold none, a wrong password, or a key whose public half
    `accepted_public_key` refuses. No message holds any of the octets.
    """
    load = load_pem_private_key if b"-----BEGIN" in octets else load_der_private_key
    try:
        found = load(octets, password)
    except (UnsupportedAlgorithm, ValueError, TypeError, Warning):
        raise ConfigurationError("no private key in PEM or DER, or a wrong password") from None
    if not isinstance(found, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError("a private key that is neither RSA nor on a curve of RFC 4754")
    try:
        accepted_public_key(found.public_key(), allow_weak=allow_weak)
    except PolicyRefused as error:
        raise ConfigurationError(str(error)) from error
    return found


def generate_private_key(
    algorithm: SigAlgorithm, bits: int = RSA_BITS[0], *, allow_weak: bool = False
) -> PrivateKey:
    """A new key for PUSH signatures, of the provider's own randomness; `bits` is for RSA.

    Raises `PolicyRefused` for an algorithm or a size that is not to be used.
    """
    curve = _CURVES.get(algorithm)
    if curve is not None:
        with PROVIDER:
            return ec.generate_private_key(curve)
    if algorithm != SigAlgorithm.SIG_ALG_RSA:
        raise PolicyRefused(f"SigAlgorithm {algorithm!r} is not supported")
    _accept_rsa(bits, allow_weak)
    with PROVIDER:
        return rsa.generate_private_key(65537, bits)


def public_octets(key: PublicKey | PrivateKey) -> bytes:
    """The SubjectPublicKeyInfo in DER."""
    public = key.public_key() if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) else key
    with PROVIDER:
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def private_octets(key: PrivateKey) -> bytes:
    """The key unencrypted, PKCS #8 in DER: for a store that seals it."""
    with PROVIDER:
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def key_length(key: PublicKey | PrivateKey) -> int:
    """The bits of the key, which SIG_KEY_LENGTH tells (RFC 6407, 5.3.7)."""
    return key.key_size


def _accept_rsa(bits: int, allow_weak: bool) -> None:
    shortest, longest = RSA_BITS
    if bits > longest:
        raise PolicyRefused(f"an RSA key of {bits} bits, at most {longest}")
    refuse_weak(f"RSA with {bits} bits", bits < shortest, allow_weak)


_NAMES: Final = frozenset(curve.name for curve in _CURVES.values())
