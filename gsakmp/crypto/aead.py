"""AES-GCM and AES-GMAC as ESP and AH use them (RFC 4106, RFC 4543), for traffic under a TEK.

The key of such an SA is KEYMAT: the AES key and then a salt of four octets (RFC 4106, 8.1; RFC 4543,
5.4). The nonce is the salt and then the packet's explicit IV of eight octets (RFC 4106, 4; RFC 4543,
3.2). An IV must never repeat under one key; a group's senders keep theirs apart with sender ids
(RFC 6407, 3.5; RFC 6054), which is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM as GCMMode

from gsakmp.crypto._provider import PROVIDER
from gsakmp.errors import ConfigurationError, InvalidHash, PolicyRefused, Truncated
from gsakmp.registries import ESPTransformID

__all__ = ["GCM", "GCM_IV_OCTETS", "GCM_SALT_OCTETS", "gcm", "gmac", "gmac_check", "split_salted"]

GCM_SALT_OCTETS: Final = 4
GCM_IV_OCTETS: Final = 8
GMAC_ICV_OCTETS: Final = 16
"""A GMAC ICV is never cut (RFC 4543, 3.4)."""

_ICV_OCTETS: Final = {
    ESPTransformID.ESP_AES_GCM_8: 8,
    ESPTransformID.ESP_AES_GCM_12: 12,
    ESPTransformID.ESP_AES_GCM_16: 16,
}
_KEY_BITS: Final = (128, 192, 256)


@dataclass(frozen=True, slots=True)
class GCM:
    """AES-GCM with a key of `key_size` octets and an integrity check value of `icv_size`."""

    key_size: int
    icv_size: int

    @property
    def name(self) -> str:
        """What an operator calls it."""
        return f"AES-{8 * self.key_size}-GCM-{self.icv_size}"

    @property
    def keymat_size(self) -> int:
        """Octets of key and salt (RFC 4106, 8.1)."""
        return self.key_size + GCM_SALT_OCTETS

    def encrypt(self, keymat: bytes, iv: bytes, plaintext: bytes, associated: bytes) -> bytes:
        """The ciphertext and then the ICV. `associated` is SPI and sequence number (RFC 4106, 5).

        Raises `ConfigurationError` for a key or IV of the wrong length.
        """
        context_key, nonce = _nonce(keymat, self.keymat_size, iv)
        with PROVIDER:
            context = Cipher(AES(context_key), GCMMode(nonce)).encryptor()
            context.authenticate_additional_data(associated)
            ciphertext = context.update(plaintext) + context.finalize()
            return ciphertext + context.tag[: self.icv_size]

    def decrypt(self, keymat: bytes, iv: bytes, sealed: bytes, associated: bytes) -> bytes:
        """The plaintext, once the ICV at the end has been checked. Raises `InvalidHash` where it is
        wrong, `Truncated` where there is none, `ConfigurationError` as `encrypt`."""
        context_key, nonce = _nonce(keymat, self.keymat_size, iv)
        if len(sealed) < self.icv_size:
            raise Truncated(f"{len(sealed)} octets hold no ICV of {self.icv_size}", "icv")
        ciphertext, icv = sealed[: -self.icv_size], sealed[-self.icv_size :]
        with PROVIDER:
            mode = GCMMode(nonce, icv, min_tag_length=self.icv_size)
            context = Cipher(AES(context_key), mode).decryptor()
            context.authenticate_additional_data(associated)
            plaintext = context.update(ciphertext)
            try:
                return plaintext + context.finalize()
            except InvalidTag:
                raise InvalidHash("the ICV does not fit the packet and the key") from None


def gcm(transform: ESPTransformID, key_length: int | None) -> GCM:
    """The AES-GCM that an ESP transform names; `key_length` is the KEY_LENGTH attribute in bits, without
    the salt (RFC 4106, 8.4). Raises `PolicyRefused` for another transform or length."""
    icv_size = _ICV_OCTETS.get(transform)
    if icv_size is None:
        raise PolicyRefused(f"ESPTransformID {transform!r} is no AES-GCM")
    if key_length is None or key_length not in _KEY_BITS:
        raise PolicyRefused(f"AES has keys of 128, 192 or 256 bits, not {key_length}")
    return GCM(key_length // 8, icv_size)


def gmac(keymat: bytes, iv: bytes, *authenticated: bytes) -> bytes:
    """The ICV of AES-GMAC, 16 octets, over the parts one after another (RFC 4543, 3.3 and 4.3).

    `keymat` is a key of 16, 24 or 32 octets and the salt. Raises `ConfigurationError`.
    """
    sizes = [bits // 8 + GCM_SALT_OCTETS for bits in _KEY_BITS]
    if len(keymat) not in sizes:
        raise ConfigurationError(f"AES-GMAC takes {sizes} octets of key and salt, not {len(keymat)}")
    return GCM(len(keymat) - GCM_SALT_OCTETS, GMAC_ICV_OCTETS).encrypt(
        keymat, iv, b"", b"".join(authenticated)
    )


def gmac_check(keymat: bytes, iv: bytes, icv: bytes, *authenticated: bytes) -> None:
    """Check an ICV of AES-GMAC. Raises `InvalidHash` where it is wrong or cut, `ConfigurationError`."""
    key_size = len(keymat) - GCM_SALT_OCTETS
    if 8 * key_size not in _KEY_BITS:
        raise ConfigurationError(f"AES-GMAC takes no {len(keymat)} octets of key and salt")
    if len(icv) != GMAC_ICV_OCTETS:
        raise InvalidHash(f"an ICV of AES-GMAC has {GMAC_ICV_OCTETS} octets, not {len(icv)}")
    GCM(key_size, GMAC_ICV_OCTETS).decrypt(keymat, iv, icv, b"".join(authenticated))


def split_salted(keymat: bytes, salt_size: int = GCM_SALT_OCTETS) -> tuple[bytes, bytes]:
    """The key and the salt behind it (RFC 4106, 8.1; with three octets of salt RFC 4309, 7.1). Raises
    `ConfigurationError` where there is no more than the salt."""
    if len(keymat) <= salt_size:
        raise ConfigurationError(f"{len(keymat)} octets hold no key and a salt of {salt_size}")
    return keymat[:-salt_size], keymat[-salt_size:]


def _nonce(keymat: bytes, keymat_size: int, iv: bytes) -> tuple[bytes, bytes]:
    if len(keymat) != keymat_size or len(iv) != GCM_IV_OCTETS:
        raise ConfigurationError(
            f"this takes {keymat_size} octets of key and salt and an IV of {GCM_IV_OCTETS}, "
            f"not {len(keymat)} and {len(iv)}"
        )
    key, salt = split_salted(keymat)
    return key, salt + iv
