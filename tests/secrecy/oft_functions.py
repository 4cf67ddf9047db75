"""The functions of `gsakmp.group.rekey.oft_functions`, once more, as its text defines them."""

from __future__ import annotations

from hashlib import sha512

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from gsakmp.crypto import CBCCipher

SECRET = 32


def doubled(secret: bytes) -> tuple[bytes, bytes]:
    """f and g."""
    octets = sha512(b"gsakmp OFT node\0" + secret).digest()
    return octets[:SECRET], octets[SECRET:]


def blinded(secret: bytes) -> bytes:
    return doubled(secret)[0]


def xor(parts: list[bytes]) -> bytes:
    number = 0
    for part in parts:
        number ^= int.from_bytes(part, "big")
    return number.to_bytes(SECRET, "big")


def node_key(secret: bytes, cipher: CBCCipher) -> bytes:
    """IV and key."""
    return expanded(secret, b"gsakmp OFT node key\0" + cipher.name.encode(), cipher)


def kek_of(root: bytes, epoch: int, cipher: CBCCipher) -> bytes:
    label = b"gsakmp OFT group key\0" + cipher.name.encode() + epoch.to_bytes(4, "big")
    return expanded(root, label, cipher)


def expanded(secret: bytes, info: bytes, cipher: CBCCipher) -> bytes:
    size = cipher.block_size + cipher.key_size
    return HKDFExpand(SHA256(), size, info).derive(doubled(secret)[1])
