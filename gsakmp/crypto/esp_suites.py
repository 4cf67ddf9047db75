"""Opening ESP packets under any algorithms that a TEK may name (RFC 4303), for captures.

`gsakmp.crypto.esp` has AES-GCM, which the project itself sends. Here are, beside it, AES-CCM (RFC 4309),
AES-GMAC (RFC 4543), and AES-CBC (RFC 3602), AES-CTR (RFC 3686), 3DES (RFC 2451), DES and NULL (RFC 2410),
each with an HMAC. Sequence numbers are those of 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from gsakmp.crypto._provider import PROVIDER
from gsakmp.crypto.aead import GCM_IV_OCTETS, gcm, gmac_check, split_salted
from gsakmp.crypto.ciphers import (
    AES_128_CBC,
    AES_192_CBC,
    AES_256_CBC,
    DES_CBC,
    TRIPLE_DES_CBC,
    CBCCipher,
)
from gsakmp.crypto.esp import HEADER, ESPPacket, esp_header
from gsakmp.crypto.hashes import MD5, SHA1, SHA256, SHA384, SHA512, HashFunction, check_hash
from gsakmp.crypto.teks import esp_key_sizes
from gsakmp.errors import InvalidHash, LengthMismatch, PolicyRefused, Truncated
from gsakmp.registries import AuthenticationAlgorithm, ESPTransformID

__all__ = ["ESPSuite", "guesses"]

CCM_SALT: Final = 3
CCM_ICV: Final = {
    ESPTransformID.ESP_AES_CCM_8: 8,
    ESPTransformID.ESP_AES_CCM_12: 12,
    ESPTransformID.ESP_AES_CCM_16: 16,
}
"""Octets of the ICV (RFC 4309, 3)."""
GMAC_ICV: Final = 16
CTR_NONCE: Final = 4
CTR_IV: Final = 8
GCMS: Final = frozenset(
    {ESPTransformID.ESP_AES_GCM_8, ESPTransformID.ESP_AES_GCM_12, ESPTransformID.ESP_AES_GCM_16}
)
COMBINED: Final = GCMS | CCM_ICV.keys() | {ESPTransformID.ESP_NULL_AUTH_AES_GMAC}
"""These check integrity themselves (RFC 4303, 3.2.3)."""
HMACS: Final[dict[AuthenticationAlgorithm, tuple[HashFunction, int]]] = {
    AuthenticationAlgorithm.HMAC_MD5: (MD5, 12),  # RFC 2403, 2
    AuthenticationAlgorithm.HMAC_SHA: (SHA1, 12),  # RFC 2404, 2
    AuthenticationAlgorithm.HMAC_SHA2_256: (SHA256, 16),  # RFC 4868, 2.6, as the next two
    AuthenticationAlgorithm.HMAC_SHA2_384: (SHA384, 24),
    AuthenticationAlgorithm.HMAC_SHA2_512: (SHA512, 32),
}
"""By algorithm: its hash, and the octets that are left of the HMAC."""
AES_CBC: Final = {16: AES_128_CBC, 24: AES_192_CBC, 32: AES_256_CBC}


@dataclass(frozen=True, slots=True)
class ESPSuite:
    """The algorithms of an ESP SA and its keys, KEYMAT with salts and nonces. Its text shows no key.

    `key_length` is the KEY_LENGTH attribute in bits, None for a cipher with a fixed key. Raises
    `PolicyRefused` for algorithms that don't go together or are not known here, `LengthMismatch` for keys of
    other sizes than theirs. Weak ones are taken: this only reads.
    """

    transform: ESPTransformID
    integrity: AuthenticationAlgorithm | None
    key_length: int | None
    algorithm_key: bytes = field(repr=False)
    integrity_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        sizes = esp_key_sizes(self.transform, self.integrity, self.key_length, allow_weak=True)
        sizes.check(self.algorithm_key, self.integrity_key)
        if self.integrity is not None and self.integrity not in HMACS:
            raise PolicyRefused(f"AuthenticationAlgorithm {self.integrity!r} is not supported here")

    @property
    def checks_integrity(self) -> bool:
        """Whether `open` has checked an ICV."""
        return self.integrity is not None or self.transform in COMBINED

    def open(self, packet: bytes) -> ESPPacket:
        """What a packet holds; where the suite has no integrity check, unchecked.

        Raises `InvalidHash` for an ICV that is wrong, `Truncated` or `LengthMismatch` for what is no packet.
        """
        spi, number = esp_header(packet)
        payload, _, next_header = self._parts(packet)
        return ESPPacket(spi, number, next_header, payload)

    def pads_by_default(self, packet: bytes) -> bool:
        """Whether the padding is 1, 2, 3 and so on, as it must be where the cipher asks for no other
        (RFC 4303, 2.4); also where there is none. Raises as `open` does."""
        _, padding, _ = self._parts(packet)
        return padding == bytes(range(1, len(padding) + 1))

    def _parts(self, packet: bytes) -> tuple[bytes, bytes, int]:
        """Payload, padding, and next header (RFC 4303, 2)."""
        plaintext = self._plaintext(packet[: HEADER.size], packet[HEADER.size :])
        if len(plaintext) < 2 or plaintext[-2] > len(plaintext) - 2:
            raise LengthMismatch("the padding is longer than the packet", "esp.pad_length", len(packet))
        end = len(plaintext) - 2 - plaintext[-2]
        return plaintext[:end], plaintext[end:-2], plaintext[-1]

    def _plaintext(self, header: bytes, rest: bytes) -> bytes:
        """Payload, padding, pad length and next header."""
        if self.transform in GCMS:
            iv, sealed = _split(rest, GCM_IV_OCTETS)
            return gcm(self.transform, self.key_length).decrypt(self.algorithm_key, iv, sealed, header)
        if self.transform in CCM_ICV:
            return self._ccm(header, rest)
        if self.transform == ESPTransformID.ESP_NULL_AUTH_AES_GMAC:
            return self._gmac(header, rest)
        if self.integrity is not None:
            rest = self._checked(header, rest, *HMACS[self.integrity])
        if self.transform == ESPTransformID.ESP_NULL:
            return rest
        if self.transform == ESPTransformID.ESP_AES_CTR:
            return self._ctr(rest)
        cipher = self._cbc()
        iv, ciphertext = _split(rest, cipher.block_size)
        return cipher.decrypt(self.algorithm_key, iv, ciphertext)

    def _checked(self, header: bytes, rest: bytes, function: HashFunction, size: int) -> bytes:
        """`rest` without the ICV, which covers header, IV and ciphertext (RFC 4303, 2.8)."""
        if len(rest) < size:
            raise Truncated(f"{len(rest)} octets hold no ICV of {size}", "esp.icv", HEADER.size)
        covered, icv = rest[:-size], rest[-size:]
        check_hash(function.prf(self.integrity_key, header, covered)[:size], icv)
        return covered

    def _ccm(self, header: bytes, rest: bytes) -> bytes:
        """The nonce is salt and IV (RFC 4309, 4), the associated data SPI and sequence number (5)."""
        key, salt = split_salted(self.algorithm_key, CCM_SALT)
        iv, sealed = _split(rest, GCM_IV_OCTETS)
        icv = CCM_ICV[self.transform]
        if len(sealed) < icv:
            raise Truncated(f"{len(sealed)} octets hold no ICV of {icv}", "esp.icv", HEADER.size)
        with PROVIDER:
            try:
                return AESCCM(key, icv).decrypt(salt + iv, sealed, header)
            except InvalidTag:
                raise InvalidHash("the ICV does not fit the packet and the key") from None

    def _gmac(self, header: bytes, rest: bytes) -> bytes:
        """Nothing is hidden; header and payload are authenticated (RFC 4543, 3.3)."""
        iv, body = _split(rest, GCM_IV_OCTETS)
        if len(body) < GMAC_ICV:
            raise Truncated(f"{len(body)} octets hold no ICV of {GMAC_ICV}", "esp.icv", HEADER.size)
        payload, icv = body[:-GMAC_ICV], body[-GMAC_ICV:]
        # The IV is part of what is authenticated (RFC 4543, figure 4 in 3.5).
        gmac_check(self.algorithm_key, iv, icv, header, iv, payload)
        return payload

    def _ctr(self, rest: bytes) -> bytes:
        """The counter block is nonce, IV and a counter from 1 (RFC 3686, 4)."""
        key, nonce = split_salted(self.algorithm_key, CTR_NONCE)
        iv, ciphertext = _split(rest, CTR_IV)
        with PROVIDER:
            context = Cipher(AES(key), CTR(nonce + iv + (1).to_bytes(4, "big"))).decryptor()
            return context.update(ciphertext) + context.finalize()

    def _cbc(self) -> CBCCipher:
        if self.transform == ESPTransformID.ESP_AES_CBC:
            return AES_CBC[len(self.algorithm_key)]
        return DES_CBC if self.transform == ESPTransformID.ESP_DES else TRIPLE_DES_CBC


def guesses(
    algorithm_key: bytes, integrity_key: bytes, transform_name: str = "", integrity_name: str = ""
) -> tuple[ESPSuite, ...]:
    """The suites that keys of these lengths may be for, of those with the names that are given. Where the
    transform is not, those that check integrity: a packet's ICV tells which it is, and between ciphers that
    share an HMAC, such as 3DES and AES with 192 bits, the padding does (`ESPSuite.pads_by_default`)."""
    found = []
    for transform in ESPTransformID:
        if transform_name not in ("", transform.name):
            continue
        for integrity in (None, *HMACS):
            if integrity is None and transform not in COMBINED and not transform_name:
                continue
            if integrity is not None and integrity_name not in ("", integrity.name):
                continue
            for bits in (None, 128, 192, 256):
                try:
                    suite = ESPSuite(transform, integrity, bits, algorithm_key, integrity_key)
                except (PolicyRefused, LengthMismatch):
                    continue
                found.append(suite)
                break
    return tuple(found)


def _split(octets: bytes, size: int) -> tuple[bytes, bytes]:
    if len(octets) < size:
        raise Truncated(f"{len(octets)} octets hold no IV of {size}", "esp.iv", HEADER.size)
    return octets[:size], octets[size:]
