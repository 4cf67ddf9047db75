"""Phase-1 suites by name: a cipher, a hash and a Diffie-Hellman group (RFC 2409, 4; appendix A).

A name puts the three together: ``aes-128-sha256-group19``. Suites with MD5, SHA-1, 3DES or groups 2 and 5 are
weak: a configuration has to allow them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from gsakmp.crypto import PrivateKey, PublicKey
from gsakmp.errors import ConfigurationError
from gsakmp.group.policy import Credential
from gsakmp.registries import AuthenticationMethod, EncryptionAlgorithm, GroupDescription, HashAlgorithm

__all__ = [
    "CIPHERS",
    "CREDENTIALS",
    "GROUPS",
    "HASHES",
    "PhaseOneSuite",
    "key_strength",
    "known_suite",
    "phase1_suite",
]

CREDENTIALS: Final[dict[Credential, AuthenticationMethod]] = {
    "pre-shared-key": AuthenticationMethod.PRE_SHARED_KEY,
    "rsa-signature": AuthenticationMethod.RSA_SIGNATURES,
    "ecdsa-256": AuthenticationMethod.ECDSA_SHA256_P256,
    "ecdsa-384": AuthenticationMethod.ECDSA_SHA384_P384,
    "ecdsa-521": AuthenticationMethod.ECDSA_SHA512_P521,
}
"""What a policy calls the ways to prove who one is (RFC 2409, 5; RFC 4754)."""


@dataclass(frozen=True, slots=True)
class PhaseOneSuite:
    """What an ISAKMP SA is made with, but for how the peers prove who they are."""

    name: str
    encryption: EncryptionAlgorithm
    key_length: int | None
    """KEY_LENGTH in bits; None for a cipher with a fixed key, which must not have the attribute."""
    hash: HashAlgorithm
    """Also the PRF, as HMAC (RFC 2409, 4)."""
    group: GroupDescription

    @property
    def strength(self) -> int:
        """Bits of its weakest part, to compare with that of other SAs."""
        return min(
            _CIPHER_BITS[self.encryption, self.key_length], _HASH_BITS[self.hash], _GROUP_BITS[self.group]
        )

    @property
    def weak(self) -> bool:
        """Whether a part of it is refused unless weak algorithms are allowed."""
        return (
            self.encryption == EncryptionAlgorithm.TRIPLE_DES_CBC
            or self.hash in (HashAlgorithm.MD5, HashAlgorithm.SHA)
            or self.group in (GroupDescription.MODP_1024, GroupDescription.MODP_1536)
        )

    def __str__(self) -> str:
        return self.name


CIPHERS: Final[dict[str, tuple[EncryptionAlgorithm, int | None]]] = {
    "aes-128": (EncryptionAlgorithm.AES_CBC, 128),
    "aes-192": (EncryptionAlgorithm.AES_CBC, 192),
    "aes-256": (EncryptionAlgorithm.AES_CBC, 256),
    "3des": (EncryptionAlgorithm.TRIPLE_DES_CBC, None),
}
"""What a name starts with."""

HASHES: Final[dict[str, HashAlgorithm]] = {
    "sha256": HashAlgorithm.SHA2_256,
    "sha384": HashAlgorithm.SHA2_384,
    "sha512": HashAlgorithm.SHA2_512,
    "sha1": HashAlgorithm.SHA,
    "md5": HashAlgorithm.MD5,
}
"""What comes next in a name."""

GROUPS: Final[dict[str, GroupDescription]] = {
    f"group{int(group)}": group
    for group in (
        GroupDescription.MODP_2048,
        GroupDescription.MODP_3072,
        GroupDescription.MODP_4096,
        GroupDescription.ECP_256,
        GroupDescription.ECP_384,
        GroupDescription.ECP_521,
        GroupDescription.MODP_1024,
        GroupDescription.MODP_1536,
    )
}
"""What a name ends with: the group's number."""

_CIPHER_BITS: Final = {
    **{(cipher, bits): bits or 0 for cipher, bits in CIPHERS.values()},
    # Three keys, and an attack that meets in the middle of them (NIST SP 800-57, part 1, 5.6.1).
    CIPHERS["3des"]: 112,
}
# As the HMAC that makes keys: its output (RFC 4868, 2.1.1; RFC 2403, 2; RFC 2404, 2).
_HASH_BITS: Final = dict(zip(HASHES.values(), (256, 384, 512, 160, 128), strict=True))
_GROUP_BITS: Final = {
    # RFC 5114, 4, after NIST SP 800-57: what an MODP group of 1,024 and of 2,048 bits is worth. Its table
    # sets 3,072 bits beside the 256-bit curve.
    GroupDescription.MODP_1024: 80,
    GroupDescription.MODP_2048: 112,
    GroupDescription.MODP_3072: 128,
    # RFC 3526, 8, the lower estimates.
    GroupDescription.MODP_1536: 90,
    GroupDescription.MODP_4096: 150,
    # RFC 5903, 4.
    GroupDescription.ECP_256: 128,
    GroupDescription.ECP_384: 192,
    GroupDescription.ECP_521: 256,
}

_RSA_BITS: Final = ((1024, 80), (2048, 112), (3072, 128), (7680, 192), (15360, 256))
_CURVE_BITS: Final = {256: 128, 384: 192, 521: 256}

_SUITES: Final[dict[str, PhaseOneSuite]] = {
    name: PhaseOneSuite(name, encryption, key_length, hash_, group)
    for cipher, (encryption, key_length) in CIPHERS.items()
    for hash_name, hash_ in HASHES.items()
    for group_name, group in GROUPS.items()
    for name in (f"{cipher}-{hash_name}-{group_name}",)
}
_BY_NUMBERS: Final[dict[tuple[int | None, ...], PhaseOneSuite]] = {
    (suite.encryption, suite.key_length, suite.hash, suite.group): suite for suite in _SUITES.values()
}


def phase1_suite(name: str) -> PhaseOneSuite:
    """The suite of that name. Raises `ConfigurationError`, which says what a name is made of."""
    found = _SUITES.get(name)
    if found is None:
        raise ConfigurationError(
            f"{name!r} is no phase-1 suite: one is cipher-hash-group, such as aes-128-sha256-group19; "
            f"ciphers: {', '.join(CIPHERS)}; hashes: {', '.join(HASHES)}; groups: {', '.join(GROUPS)}"
        )
    return found


def known_suite(
    encryption: int | None, key_length: int | None, hash_algorithm: int | None, group: int | None
) -> PhaseOneSuite | None:
    """The suite that these numbers of a transform make, None where none here is made of them."""
    return _BY_NUMBERS.get((encryption, key_length, hash_algorithm, group))


def key_strength(key: PublicKey | PrivateKey) -> int:
    """Bits that a signature key is worth: RFC 5114, 4, after NIST SP 800-57. RSA between two lengths of that
    table is worth what the shorter is."""
    if isinstance(key, RSAPublicKey | RSAPrivateKey):
        return max((bits for length, bits in _RSA_BITS if length <= key.key_size), default=0)
    return _CURVE_BITS.get(key.key_size, 0)
