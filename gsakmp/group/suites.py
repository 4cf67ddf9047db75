"""The algorithms that a group's policy names, their numbers on the wire, and how strong they are.

Strengths are bits, so that like can be compared with like: what it takes to read, and what it takes to forge.
A symmetric key is worth its length, a MAC the shorter of its key and its tag. RSA and the curves are rated by
the table of RFC 5114, 4 (after NIST SP 800-57, part 1); 3DES by SP 800-57 itself, at 112 bits; a hash under a
signature by half its output, since two messages with one hash are found by a birthday search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from gsakmp.crypto import TEKSizes, ah_key_sizes, esp_key_sizes, kek_cipher, push_signature
from gsakmp.errors import ConfigurationError, PolicyRefused
from gsakmp.group.policy import DataPolicy, RekeyPolicy, Selector
from gsakmp.group.sa import RekeySuite, TrafficSelector
from gsakmp.identities import Identity
from gsakmp.registries import (
    AddressPreservation,
    AHTransformID,
    AuthenticationAlgorithm,
    EncapsulationMode,
    ESPTransformID,
    KEKAckRequested,
    KEKAlgorithm,
    KEKManagementAlgorithm,
    SigAlgorithm,
    SigHashAlgorithm,
    TEKProtocolID,
)

__all__ = [
    "DATA_CIPHERS",
    "DATA_INTEGRITY",
    "KEK_CIPHERS",
    "SIGNATURES",
    "DataCipher",
    "DataIntegrity",
    "DataSuite",
    "KEKCipher",
    "PushSignature",
    "data_selectors",
    "data_suite",
    "encapsulation",
    "rekey_suite",
]


@dataclass(frozen=True, slots=True)
class KEKCipher:
    """What encrypts a push; `key_length` and `strength` are bits."""

    algorithm: KEKAlgorithm
    key_length: int
    strength: int


@dataclass(frozen=True, slots=True)
class PushSignature:
    """What signs a push; `key_length` and `strength` are bits."""

    algorithm: SigAlgorithm
    hash_algorithm: SigHashAlgorithm
    key_length: int
    strength: int


@dataclass(frozen=True, slots=True)
class DataCipher:
    """An ESP transform. `tag` is the bits of the tag of a combined mode, 0 where there is none."""

    transform: ESPTransformID
    key_length: int | None
    """The KEY_LENGTH attribute in bits, None where there must be none (RFC 2407, 4.5)."""
    strength: int
    """Of its confidentiality in bits, 0 where it hides nothing."""
    tag: int = 0
    counter_mode: bool = False
    """Whether no two senders may ever use one nonce, and so need sender ids (RFC 6054, 3)."""

    @property
    def authentication_strength(self) -> int:
        """Of its own integrity check in bits, 0 where it has none."""
        return min(self.tag, self.key_length or 0)


@dataclass(frozen=True, slots=True)
class DataIntegrity:
    """What checks integrity, in ESP and as the transform of AH; `strength` is bits."""

    algorithm: AuthenticationAlgorithm
    transform: AHTransformID
    strength: int
    counter_mode: bool = False
    """AES-GMAC has a nonce, as DataCipher.counter_mode says; in AH alone (RFC 4543, 5.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSuite:
    """The algorithms of a data SA, as its SA TEK says them."""

    protocol: TEKProtocolID
    transform_id: int
    key_length: int | None
    integrity: AuthenticationAlgorithm | None
    sizes: TEKSizes
    """Octets of its two keys."""
    confidentiality: int
    """Bits; 0 where nothing is hidden."""
    authentication: int
    """Bits; 0 where nothing is checked."""
    counter_mode: bool
    """Whether its senders need sender ids."""


AES_BITS: Final = (128, 192, 256)

KEK_CIPHERS: Final[dict[str, KEKCipher]] = {
    **{f"aes-{bits}-cbc": KEKCipher(KEKAlgorithm.KEK_ALG_AES, bits, bits) for bits in AES_BITS},
    "3des-cbc": KEKCipher(KEKAlgorithm.KEK_ALG_3DES, 192, 112),
    "des-cbc": KEKCipher(KEKAlgorithm.KEK_ALG_DES, 64, 56),
}
"""By name (RFC 6407, 5.3.2); the last two are weak."""

_HASHES: Final = {
    "sha256": (SigHashAlgorithm.SIG_HASH_SHA256, 128),
    "sha384": (SigHashAlgorithm.SIG_HASH_SHA384, 192),
    "sha512": (SigHashAlgorithm.SIG_HASH_SHA512, 256),
    "sha1": (SigHashAlgorithm.SIG_HASH_SHA1, 80),
    "md5": (SigHashAlgorithm.SIG_HASH_MD5, 64),
}
# RFC 5114, 4 has 1024, 2048, 3072, 7680 and 15360 bits; a length in between is worth what the next lower is.
_RSA: Final = {1024: 80, 2048: 112, 3072: 128, 4096: 128, 8192: 192}
_ECDSA: Final = {  # the hash is the algorithm's own (RFC 6407, 5.3.5); strengths of RFC 5114, 4
    "ecdsa-256-sha256": (SigAlgorithm.SIG_ALG_ECDSA_256, SigHashAlgorithm.SIG_HASH_SHA256, 256, 128),
    "ecdsa-384-sha384": (SigAlgorithm.SIG_ALG_ECDSA_384, SigHashAlgorithm.SIG_HASH_SHA384, 384, 192),
    "ecdsa-521-sha512": (SigAlgorithm.SIG_ALG_ECDSA_521, SigHashAlgorithm.SIG_HASH_SHA512, 521, 256),
}

SIGNATURES: Final[dict[str, PushSignature]] = {
    **{name: PushSignature(*parts) for name, parts in _ECDSA.items()},
    **{
        f"rsa-{bits}-{name}": PushSignature(SigAlgorithm.SIG_ALG_RSA, number, bits, min(rated, worth))
        for name, (number, worth) in _HASHES.items()
        for bits, rated in _RSA.items()
    },
}
"""By name: algorithm, bits of its key, hash (RFC 6407, 5.3.5 to 5.3.7). Those with SHA-1, MD5 or 1,024 bits
are weak."""


def _combined(name: str, transforms: dict[int, ESPTransformID]) -> dict[str, DataCipher]:
    """A combined mode with each of its tags, by octets: the longest goes by the plain name."""
    return {
        f"{name}-{bits}" + ("" if octets == 16 else f"-icv{octets}"): DataCipher(
            transform, bits, bits, 8 * octets, True
        )
        for octets, transform in transforms.items()
        for bits in AES_BITS
    }


DATA_CIPHERS: Final[dict[str, DataCipher]] = {
    **_combined(  # RFC 4106, 6: tags of 16, 12 and 8 octets
        "aes-gcm",
        {
            16: ESPTransformID.ESP_AES_GCM_16,
            12: ESPTransformID.ESP_AES_GCM_12,
            8: ESPTransformID.ESP_AES_GCM_8,
        },
    ),
    **_combined(  # RFC 4309, 3.3
        "aes-ccm",
        {
            16: ESPTransformID.ESP_AES_CCM_16,
            12: ESPTransformID.ESP_AES_CCM_12,
            8: ESPTransformID.ESP_AES_CCM_8,
        },
    ),
    **{f"aes-cbc-{bits}": DataCipher(ESPTransformID.ESP_AES_CBC, bits, bits) for bits in AES_BITS},
    **{
        f"aes-ctr-{bits}": DataCipher(ESPTransformID.ESP_AES_CTR, bits, bits, counter_mode=True)
        for bits in AES_BITS
    },
    **{  # integrity alone, with a tag of 16 octets (RFC 4543, 3.4)
        f"aes-gmac-{bits}": DataCipher(ESPTransformID.ESP_NULL_AUTH_AES_GMAC, bits, 0, 128, True)
        for bits in AES_BITS
    },
    "null": DataCipher(ESPTransformID.ESP_NULL, None, 0),
    "3des-cbc": DataCipher(ESPTransformID.ESP_3DES, None, 112),
    "des-cbc": DataCipher(ESPTransformID.ESP_DES, None, 56),
}
"""Ciphers of ESP by name; the last two are weak."""

DATA_INTEGRITY: Final[dict[str, DataIntegrity]] = {
    # Half of the hash's output is sent (RFC 4868, 2.3 and 2.6).
    "hmac-sha256": DataIntegrity(AuthenticationAlgorithm.HMAC_SHA2_256, AHTransformID.AH_SHA2_256, 128),
    "hmac-sha384": DataIntegrity(AuthenticationAlgorithm.HMAC_SHA2_384, AHTransformID.AH_SHA2_384, 192),
    "hmac-sha512": DataIntegrity(AuthenticationAlgorithm.HMAC_SHA2_512, AHTransformID.AH_SHA2_512, 256),
    # 96 bits are sent (RFC 3566, 4.3; RFC 2404, 2; RFC 2403, 2).
    "aes-xcbc": DataIntegrity(AuthenticationAlgorithm.AES_XCBC_MAC, AHTransformID.AH_AES_XCBC_MAC, 96),
    "aes-gmac-128": DataIntegrity(
        AuthenticationAlgorithm.AES_128_GMAC, AHTransformID.AH_AES_128_GMAC, 128, True
    ),
    "aes-gmac-192": DataIntegrity(
        AuthenticationAlgorithm.AES_192_GMAC, AHTransformID.AH_AES_192_GMAC, 128, True
    ),
    "aes-gmac-256": DataIntegrity(
        AuthenticationAlgorithm.AES_256_GMAC, AHTransformID.AH_AES_256_GMAC, 128, True
    ),
    "hmac-sha1": DataIntegrity(AuthenticationAlgorithm.HMAC_SHA, AHTransformID.AH_SHA, 96),
    "hmac-md5": DataIntegrity(AuthenticationAlgorithm.HMAC_MD5, AHTransformID.AH_MD5, 96),
}
"""Integrity algorithms by name: those of GMAC for AH alone, the last two weak."""

_ACKNOWLEDGEMENTS: Final = {  # RFC 8263, 2.1 to 2.4: with LKH, from each member's own key
    ("sha256", False): KEKAckRequested.REKEY_ACK_KEK_SHA256,
    ("sha256", True): KEKAckRequested.REKEY_ACK_LKH_SHA256,
    ("sha512", False): KEKAckRequested.REKEY_ACK_KEK_SHA512,
    ("sha512", True): KEKAckRequested.REKEY_ACK_LKH_SHA512,
}
_MODES: Final = {  # RFC 6407, 5.5.1.1.1; RFC 5374, 3.1
    "tunnel": (EncapsulationMode.TUNNEL, AddressPreservation.NONE),
    "tunnel-preserved": (EncapsulationMode.TUNNEL, AddressPreservation.SOURCE_AND_DESTINATION),
    "transport": (EncapsulationMode.TRANSPORT, None),
}

_Entry = TypeVar("_Entry")


def named(table: dict[str, _Entry], name: str, what: str) -> _Entry:
    """What `table` has under `name`. Raises `ConfigurationError`, which lists the names."""
    found = table.get(name)
    if found is None:
        raise ConfigurationError(f"{name!r} is no {what}; there are {', '.join(table)}")
    return found


def rekey_suite(
    policy: RekeyPolicy, management: KEKManagementAlgorithm | None = None, *, allow_weak: bool = False
) -> RekeySuite:
    """The algorithms of a Rekey SA. `management` is its rekey algorithm's: it stands in the SA KEK, and makes
    acknowledgements come from members' own keys (RFC 8263, 2.2 and 2.4).

    Raises `ConfigurationError` for a name that is unknown, or weak and not allowed.
    """
    cipher = named(KEK_CIPHERS, policy.encryption, "cipher of a KEK")
    signature = named(SIGNATURES, policy.signature, "signature of a rekey SA")
    try:
        kek_cipher(cipher.algorithm, cipher.key_length, allow_weak=allow_weak)
        push_signature(signature.algorithm, signature.hash_algorithm, allow_weak=allow_weak)
    except PolicyRefused as error:
        raise ConfigurationError(str(error)) from None
    if signature.key_length < 2048 and signature.algorithm == SigAlgorithm.SIG_ALG_RSA and not allow_weak:
        raise ConfigurationError(
            f"RSA with {signature.key_length} bits is weak, and off unless weak algorithms are allowed"
        )
    own_keys = management == KEKManagementAlgorithm.LKH
    return RekeySuite(
        encryption=cipher.algorithm,
        key_length=cipher.key_length,
        signature=signature.algorithm,
        signature_hash=signature.hash_algorithm,
        signature_key_length=signature.key_length,
        management=management,
        acknowledgement=_ACKNOWLEDGEMENTS.get((policy.acknowledgement, own_keys)),
    )


def data_suite(policy: DataPolicy, *, allow_weak: bool = False) -> DataSuite:
    """The algorithms of a data SA.

    Raises `ConfigurationError` for a name that is unknown, or weak and not allowed, and for two algorithms
    that don't go together (RFC 4303, 3.2.3; RFC 4543, 9).
    """
    try:
        return _ah_suite(policy, allow_weak) if policy.protocol == "ah" else _esp_suite(policy, allow_weak)
    except PolicyRefused as error:
        raise ConfigurationError(str(error)) from None


def _ah_suite(policy: DataPolicy, allow_weak: bool) -> DataSuite:
    if not policy.integrity:
        raise ConfigurationError(f"AH needs an integrity algorithm; there are {', '.join(DATA_INTEGRITY)}")
    check = named(DATA_INTEGRITY, policy.integrity, "integrity algorithm")
    return DataSuite(
        protocol=TEKProtocolID.GDOI_PROTO_IPSEC_AH,
        transform_id=check.transform,
        key_length=None,
        integrity=check.algorithm,
        sizes=ah_key_sizes(check.transform, check.algorithm, allow_weak=allow_weak),
        confidentiality=0,
        authentication=check.strength,
        counter_mode=check.counter_mode,
    )


def _esp_suite(policy: DataPolicy, allow_weak: bool) -> DataSuite:
    cipher = named(DATA_CIPHERS, policy.encryption, "cipher of a data SA")
    check = named(DATA_INTEGRITY, policy.integrity, "integrity algorithm") if policy.integrity else None
    algorithm = check.algorithm if check else None
    return DataSuite(
        protocol=TEKProtocolID.GDOI_PROTO_IPSEC_ESP,
        transform_id=cipher.transform,
        key_length=cipher.key_length,
        integrity=algorithm,
        sizes=esp_key_sizes(cipher.transform, algorithm, cipher.key_length, allow_weak=allow_weak),
        confidentiality=cipher.strength,
        authentication=check.strength if check else cipher.authentication_strength,
        counter_mode=cipher.counter_mode,
    )


def encapsulation(policy: DataPolicy) -> tuple[EncapsulationMode, AddressPreservation | None]:
    """The mode of a data SA, and which addresses its tunnel takes over; None in transport mode."""
    return _MODES[policy.mode]


def data_selectors(policy: DataPolicy) -> tuple[TrafficSelector, ...]:
    """Whose traffic: one selector for each of its senders, or one that has the selector's own source, None
    for a common SA of all senders (RFC 6407, 5.5.1). Raises `ConfigurationError` for text that is no
    identity."""
    sources = policy.senders or (policy.selector.source,)
    return tuple(_selector(policy.selector, source) for source in sources)


def _selector(selector: Selector, source: str) -> TrafficSelector:
    return TrafficSelector(
        protocol=selector.protocol,
        source=Identity.from_text(source) if source else None,
        source_port=selector.source_port,
        destination=Identity.from_text(selector.destination),
        destination_port=selector.destination_port,
    )
