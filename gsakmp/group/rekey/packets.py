"""Key packets of a Rekey SA as rekey algorithms make them (RFC 6407, 5.6.2 and 5.6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gsakmp.crypto import KEK, CBCCipher
from gsakmp.errors import DecodeError
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import (
    Attribute,
    Identification,
    KeyPacket,
    LKHDownloadArray,
    LKHKey,
    LKHUpdateArray,
)
from gsakmp.registries import (
    GDOIExchangeType,
    HeaderFlag,
    KEKAlgorithm,
    KEKKeyAttribute,
    KeyDownloadType,
    LKHKeyAttribute,
    PayloadType,
)

__all__ = [
    "KEY_TYPES",
    "download_packet",
    "identity_from_octets",
    "kek_packet",
    "lkh_key",
    "padded",
    "plain_kek",
    "update_array",
    "update_octets",
    "update_packets",
]

KEY_TYPES: Final[dict[str, KEKAlgorithm]] = {
    "AES-128-CBC": KEKAlgorithm.KEK_ALG_AES,
    "AES-192-CBC": KEKAlgorithm.KEK_ALG_AES,
    "AES-256-CBC": KEKAlgorithm.KEK_ALG_AES,
    "3DES-CBC": KEKAlgorithm.KEK_ALG_3DES,
    "DES-CBC": KEKAlgorithm.KEK_ALG_DES,
}
"""Key Type of an LKH key by the name of its cipher (RFC 6407, 5.6.3.1 and 5.3.2)."""

ARRAY_OCTETS: Final = 4 + 12
"""Octets of an LKH_UPDATE_ARRAY before its keys: the attribute's head and its own (figure 13)."""
KEY_OCTETS: Final = 16
"""Octets of an LKH key before its data (figure 12)."""
IDENTITY_OCTETS: Final = 4 + 1024
"""Octets of an identity in persisted state."""


def padded(cipher: CBCCipher) -> int:
    """Octets of a wrapped key: IV and key filled up with zeros to whole blocks, as the payloads of a push
    are. RFC 6407, 5.6.3.2 does not say what becomes of a key that fills none, such as that of AES-192."""
    size = cipher.block_size + cipher.key_size
    return size + -size % cipher.block_size


def kek_packet(spi: bytes, group_key: KEK) -> KeyPacket:
    """A new KEK for who holds the present one. The public key that belongs in it is the caller's
    (`gsakmp.group.payloads.with_signature_key`)."""
    value = Attribute(KEKKeyAttribute.KEK_ALGORITHM_KEY, group_key.build())
    return KeyPacket(kd_type=KeyDownloadType.KEK, spi=spi, attributes=(value,))


def plain_kek(packets: Sequence[KeyPacket], cipher: CBCCipher) -> KEK | None:
    """The KEK of a KEK packet among those that came (RFC 6407, 5.6.2.1), None where there is none. Raises
    `LengthMismatch`."""
    for packet in packets:
        if packet.kd_type == KeyDownloadType.KEK:
            for attribute in packet.attributes:
                if attribute.type == KEKKeyAttribute.KEK_ALGORITHM_KEY and isinstance(attribute.value, bytes):
                    return KEK.parse(cipher, attribute.value)
    return None


def lkh_key(node: int, cipher: CBCCipher, handle: int, data: bytes) -> LKHKey:
    """A node's key, without dates (RFC 6407, 5.6.3.1 allows that)."""
    return LKHKey(lkh_id=node, key_type=KEY_TYPES[cipher.name], key_handle=handle, key_data=data)


def download_packet(keys: Sequence[LKHKey]) -> KeyPacket:
    """One member's keys, leaf first and the KEK last; without an SPI."""
    value = Attribute(LKHKeyAttribute.LKH_DOWNLOAD_ARRAY, LKHDownloadArray(lkh_keys=tuple(keys)))
    return KeyPacket(kd_type=KeyDownloadType.LKH, attributes=(value,))


def update_array(node: int, handle: int, keys: Sequence[LKHKey]) -> Attribute:
    """Wrapped keys on the way to the root, the first of them under the key `handle` of `node`."""
    array = LKHUpdateArray(lkh_id=node, key_handle=handle, lkh_keys=tuple(keys))
    return Attribute(LKHKeyAttribute.LKH_UPDATE_ARRAY, array)


def update_octets(cipher: CBCCipher, keys: int = 1) -> int:
    """Octets of one update array with so many keys, its attribute's head included."""
    return ARRAY_OCTETS + keys * (KEY_OCTETS + padded(cipher))


def update_packets(spi: bytes, arrays: Sequence[Attribute], room: int) -> tuple[KeyPacket, ...]:
    """The arrays in key packets of at most `room` each. There is one LKH packet in a KD (RFC 6407, 5.6.3), so
    each goes into a push of its own."""
    return tuple(
        KeyPacket(kd_type=KeyDownloadType.LKH, spi=spi, attributes=tuple(arrays[at : at + room]))
        for at in range(0, len(arrays), room)
    )


def identity_from_octets(octets: bytes) -> Identity:
    """The identity that `Identity.body` made octets of. Raises `DecodeError`."""
    if not 4 < len(octets) <= IDENTITY_OCTETS:
        raise DecodeError(f"{len(octets)} octets are no identity", "identity")
    head = bytes(2) + (len(octets) + 4).to_bytes(2, "big")
    shell = Message(
        exchange_type=GDOIExchangeType.GROUPKEY_PULL,
        flags=HeaderFlag.ENCRYPTION,
        next_payload=PayloadType.IDENTIFICATION,
    )
    payload = shell.with_plaintext(head + octets).payloads[0]
    if not isinstance(payload, Identification):
        raise DecodeError("no identity", "identity")
    return Identity.from_payload(payload)
