"""What NARK's modules need: octets sealed to one receiver, Ed25519, and keys drawn from a key.

Sealing is X25519 (RFC 7748) with a key pair that is used once, HKDF with SHA-256 (RFC 5869), AES-256-GCM:

    z            = X25519(e, M)                for the module's public key M and E, the public key of e
    key || nonce = HKDF(salt "", z, info "gsakmp nark seal" || 0 || E || M), 32 and 12 octets
    sealed       = AES-256-GCM(key, nonce, octets, associated), a tag of 16 octets at its end

It hides octets from all but the module, and says nothing about who sealed them.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature as ProviderInvalidSignature
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from gsakmp.crypto._provider import PROVIDER, PROVIDER_FAILURES
from gsakmp.crypto.randomness import Random, random_octets
from gsakmp.errors import AuthenticationFailed, ConfigurationError, CryptoError, InvalidSignature

__all__ = [
    "KEY_OCTETS",
    "SIGNATURE_OCTETS",
    "expand",
    "open_sealed",
    "seal_to",
    "sealing_public_key",
    "signature",
    "signing_public_key",
    "verify_signature",
]

KEY_OCTETS: Final = 32
"""Of X25519's and Ed25519's keys, private and public (RFC 7748, 5; RFC 8032, 5.1.5)."""
SIGNATURE_OCTETS: Final = 64
"""RFC 8032, 5.1.6."""
NONCE_OCTETS: Final = 12
LABEL: Final = b"gsakmp nark seal\0"
LONGEST: Final = 255 * 32
"""Octets that HKDF with SHA-256 gives (RFC 5869, 2.3)."""


def expand(key: bytes, info: bytes, octets: int) -> bytes:
    """HKDF-Expand with SHA-256 (RFC 5869, 2.3). Raises `ConfigurationError` for more than it gives."""
    if not 0 <= octets <= LONGEST:
        raise ConfigurationError(f"HKDF gives {LONGEST} octets at most, not {octets}")
    if not octets:
        return b""
    with PROVIDER:
        return HKDFExpand(algorithm=SHA256(), length=octets, info=info).derive(key)


def sealing_public_key(private: bytes) -> bytes:
    """X25519's. Raises `ConfigurationError` for a key of another length, as all here do."""
    with PROVIDER:
        return X25519PrivateKey.from_private_bytes(_sized(private)).public_key().public_bytes_raw()


def seal_to(module: bytes, octets: bytes, associated: bytes, random: Random) -> tuple[bytes, bytes]:
    """The public key that is used once, and what is sealed. Raises `CryptoError` for a public key that
    X25519 makes nothing of (RFC 7748, 6.1)."""
    with PROVIDER:
        once = X25519PrivateKey.from_private_bytes(random_octets(random, KEY_OCTETS))
        public = once.public_key().public_bytes_raw()
        shared = once.exchange(X25519PublicKey.from_public_bytes(_sized(module)))
        key, nonce = _derived(shared, public, module)
        return public, AESGCM(key).encrypt(nonce, octets, associated)


def open_sealed(private: bytes, public: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What was sealed. Raises `AuthenticationFailed` where it was for another, or is not what it was."""
    own = sealing_public_key(private)
    try:
        key_pair = X25519PrivateKey.from_private_bytes(_sized(private))
        shared = key_pair.exchange(X25519PublicKey.from_public_bytes(public))
        key, nonce = _derived(shared, public, own)
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, CryptoError, *PROVIDER_FAILURES):
        raise AuthenticationFailed("sealed for another module, or changed since") from None


def _derived(shared: bytes, public: bytes, module: bytes) -> tuple[bytes, bytes]:
    hkdf = HKDF(algorithm=SHA256(), length=KEY_OCTETS + NONCE_OCTETS, salt=None, info=LABEL + public + module)
    octets = hkdf.derive(shared)
    return octets[:KEY_OCTETS], octets[KEY_OCTETS:]


def signing_public_key(private: bytes) -> bytes:
    """Ed25519's."""
    with PROVIDER:
        return Ed25519PrivateKey.from_private_bytes(_sized(private)).public_key().public_bytes_raw()


def signature(private: bytes, octets: bytes) -> bytes:
    """Ed25519, 64 octets."""
    with PROVIDER:
        return Ed25519PrivateKey.from_private_bytes(_sized(private)).sign(octets)


def verify_signature(public: bytes, signed: bytes, octets: bytes) -> None:
    """Raises `InvalidSignature`."""
    try:
        with PROVIDER:
            Ed25519PublicKey.from_public_bytes(_sized(public)).verify(signed, octets)
    except (ProviderInvalidSignature, CryptoError):
        raise InvalidSignature("the signature is not that of the module's key") from None


def _sized(key: bytes) -> bytes:
    if len(key) != KEY_OCTETS:
        raise ConfigurationError(f"a key has {KEY_OCTETS} octets, not {len(key)}")
    return key
