"""How much key a TEK has: the sizes of TEK_ALGORITHM_KEY and TEK_INTEGRITY_KEY (RFC 6407, 5.6.1).

The sizes are those of KEYMAT in each algorithm's document, salts and nonces included. Keys of algorithms
that this library does not run itself have a size too, since a key server only hands them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gsakmp.crypto.hashes import refuse_weak
from gsakmp.errors import LengthMismatch, PolicyRefused
from gsakmp.registries import AHTransformID, AuthenticationAlgorithm, ESPTransformID

__all__ = ["TEKSizes", "ah_key_sizes", "esp_key_sizes"]


@dataclass(frozen=True, slots=True)
class TEKSizes:
    """Octets of the two keys; 0 where there is none."""

    algorithm: int
    integrity: int

    def check(self, algorithm_key: bytes, integrity_key: bytes) -> None:
        """Raises `LengthMismatch` unless both keys, empty where absent, have these sizes."""
        for name, key, size in (
            ("TEK_ALGORITHM_KEY", algorithm_key, self.algorithm),
            ("TEK_INTEGRITY_KEY", integrity_key, self.integrity),
        ):
            if len(key) != size:
                raise LengthMismatch(f"{len(key)} octets of key, the algorithm takes {size}", name)


_AES_BITS: Final = (128, 192, 256)

# Octets beyond the AES key: a nonce (RFC 3686, 5.1) or a salt (RFC 4309, 7.1; RFC 4106, 8.1; RFC 4543, 5.4).
_AES: Final = {
    ESPTransformID.ESP_AES_CBC: 0,
    ESPTransformID.ESP_AES_CTR: 4,
    ESPTransformID.ESP_AES_CCM_8: 3,
    ESPTransformID.ESP_AES_CCM_12: 3,
    ESPTransformID.ESP_AES_CCM_16: 3,
    ESPTransformID.ESP_AES_GCM_8: 4,
    ESPTransformID.ESP_AES_GCM_12: 4,
    ESPTransformID.ESP_AES_GCM_16: 4,
    ESPTransformID.ESP_NULL_AUTH_AES_GMAC: 4,
}
_FIXED: Final = {  # RFC 6407, 5.6.1.1
    ESPTransformID.ESP_DES: 8,
    ESPTransformID.ESP_3DES: 24,
    ESPTransformID.ESP_NULL: 0,
}
_COMBINED: Final = frozenset(
    transform
    for transform in _AES
    if transform not in (ESPTransformID.ESP_AES_CBC, ESPTransformID.ESP_AES_CTR)
)
"""These check integrity themselves, so there is no second algorithm (RFC 4303, 3.2.3)."""

_INTEGRITY: Final = {
    AuthenticationAlgorithm.HMAC_MD5: 16,  # RFC 6407, 5.6.1.2, as the next
    AuthenticationAlgorithm.HMAC_SHA: 20,
    AuthenticationAlgorithm.HMAC_SHA2_256: 32,  # RFC 4868, 2.6, as the next two
    AuthenticationAlgorithm.HMAC_SHA2_384: 48,
    AuthenticationAlgorithm.HMAC_SHA2_512: 64,
    AuthenticationAlgorithm.AES_XCBC_MAC: 16,  # RFC 3566, 4.1
    # RFC 6407, 5.6.1.2 leaves the size to RFC 4543, whose 5.4 adds a salt to the AES key. AH only.
    AuthenticationAlgorithm.AES_128_GMAC: 20,
    AuthenticationAlgorithm.AES_192_GMAC: 28,
    AuthenticationAlgorithm.AES_256_GMAC: 36,
}
_AH_ONLY: Final = frozenset(
    {
        AuthenticationAlgorithm.AES_128_GMAC,
        AuthenticationAlgorithm.AES_192_GMAC,
        AuthenticationAlgorithm.AES_256_GMAC,
    }
)
_WEAK: Final = frozenset({ESPTransformID.ESP_DES, ESPTransformID.ESP_3DES})
_WEAK_INTEGRITY: Final = frozenset({AuthenticationAlgorithm.HMAC_MD5, AuthenticationAlgorithm.HMAC_SHA})

_AH: Final = {  # what each AH transform must be paired with (RFC 2407, 4.4.3; RFC 4868; RFC 4543, 9)
    AHTransformID.AH_MD5: AuthenticationAlgorithm.HMAC_MD5,
    AHTransformID.AH_SHA: AuthenticationAlgorithm.HMAC_SHA,
    AHTransformID.AH_SHA2_256: AuthenticationAlgorithm.HMAC_SHA2_256,
    AHTransformID.AH_SHA2_384: AuthenticationAlgorithm.HMAC_SHA2_384,
    AHTransformID.AH_SHA2_512: AuthenticationAlgorithm.HMAC_SHA2_512,
    AHTransformID.AH_AES_XCBC_MAC: AuthenticationAlgorithm.AES_XCBC_MAC,
    AHTransformID.AH_AES_128_GMAC: AuthenticationAlgorithm.AES_128_GMAC,
    AHTransformID.AH_AES_192_GMAC: AuthenticationAlgorithm.AES_192_GMAC,
    AHTransformID.AH_AES_256_GMAC: AuthenticationAlgorithm.AES_256_GMAC,
}


def esp_key_sizes(
    transform: ESPTransformID,
    authentication: AuthenticationAlgorithm | None = None,
    key_length: int | None = None,
    *,
    allow_weak: bool = False,
) -> TEKSizes:
    """The key sizes of an ESP SA; `key_length` is its KEY_LENGTH attribute in bits, None where absent.

    Raises `PolicyRefused` for what is unknown, weak and not allowed, or contradicts itself: AES without
    a key length (RFC 3602, 5.3; RFC 4106, 8.4), a combined mode with another integrity algorithm, or
    neither encryption nor integrity (RFC 4303, 5).
    """
    if transform in _AES:
        if key_length is None or key_length not in _AES_BITS:
            raise PolicyRefused(
                f"{transform.name} needs a key length of 128, 192 or 256 bits, not {key_length}"
            )
        algorithm = key_length // 8 + _AES[transform]
    elif transform in _FIXED:
        algorithm = _FIXED[transform]
    else:
        raise PolicyRefused(f"ESPTransformID {transform!r} is not supported")
    refuse_weak(transform.name, transform in _WEAK, allow_weak)
    if authentication is None:
        if transform == ESPTransformID.ESP_NULL:
            raise PolicyRefused("ESP_NULL without an integrity algorithm protects nothing")
        return TEKSizes(algorithm, 0)
    if transform in _COMBINED:
        raise PolicyRefused(
            f"{transform.name} checks integrity itself, and was given {authentication.name} too"
        )
    if authentication in _AH_ONLY:
        raise PolicyRefused(f"{authentication.name} must not be used with ESP (RFC 4543, 5.3)")
    return TEKSizes(algorithm, _integrity(authentication, allow_weak))


def ah_key_sizes(
    transform: AHTransformID, authentication: AuthenticationAlgorithm, *, allow_weak: bool = False
) -> TEKSizes:
    """The key sizes of an AH SA, which has an integrity key alone.

    Raises `PolicyRefused` for what is unknown, weak and not allowed, or two that are no pair.
    """
    if transform not in _AH:
        raise PolicyRefused(f"AHTransformID {transform!r} is not supported")
    if _AH[transform] != authentication:
        raise PolicyRefused(f"{transform.name} and {authentication.name} are no pair (RFC 2407, 4.4.3)")
    return TEKSizes(0, _integrity(authentication, allow_weak))


def _integrity(authentication: AuthenticationAlgorithm, allow_weak: bool) -> int:
    size = _INTEGRITY.get(authentication)
    if size is None:
        raise PolicyRefused(f"AuthenticationAlgorithm {authentication!r} is not supported")
    refuse_weak(authentication.name, authentication in _WEAK_INTEGRITY, allow_weak)
    return size
