"""What a one-way function tree is computed with: the improved structure of the OFT draft, 4.1.2.

A node `v` has a secret `x_v` of 32 octets. H doubles its length, and its halves are f and g::

    H(x) = SHA-512("gsakmp OFT node\\0" | x)
    f(x) = the first 32 octets of H(x), the blinded secret
    g(x) = the last 32 octets of H(x)

    x_v = f(x_left) XOR f(x_right)

A child below which there is nobody counts as a blinded secret of zeros: with one child, ``x_v = f(x_child)``.
Every key comes of g, with HKDF-Expand and SHA-256 (RFC 5869, 2.3), so that what is known of f tells nothing
of it. IV and key of a cipher are one stretch of octets, in this order, as KEK_ALGORITHM_KEY has them
(RFC 6407, 5.6.2.1); NAME is the cipher's, such as ``AES-256-CBC``, and EPOCH has 4 octets::

    node key        = HKDF-Expand(g(x), "gsakmp OFT node key\\0" | NAME, IV and key)
    group KEK       = HKDF-Expand(g(x_root), "gsakmp OFT group key\\0" | NAME | EPOCH, IV and key)
    key check value = HKDF-Expand(g(x_root), "gsakmp OFT check\\0" | EPOCH, 8)

The draft's group key is the root's secret itself. Here the epoch goes into it, so that the KEK can be
renewed without a new tree, and a member that has a KEK and not the tree (a deferred join) can't reach those
before it.

Nodes are placed by level, 0 for leaves, and index from the left. A place never changes (draft, 5.2), and its
number, ``(2 * index + 1) << level``, counts the nodes of the tree from left to right, between their children.
"""

from __future__ import annotations

from hashlib import sha512
from hmac import digest
from typing import Final

from gsakmp.crypto import KEK, CBCCipher, Random
from gsakmp.crypto.randomness import random_octets
from gsakmp.errors import CryptoError
from gsakmp.group.rekey.interface import Place

__all__ = [
    "SECRET_OCTETS",
    "blinded",
    "check_value",
    "fresh_secret",
    "group_kek",
    "mixed",
    "node_kek",
    "number_of",
    "place_of",
    "xored",
]

SECRET_OCTETS: Final = 32
CHECK_OCTETS: Final = 8

NODE: Final = b"gsakmp OFT node\0"
NODE_KEY: Final = b"gsakmp OFT node key\0"
GROUP_KEY: Final = b"gsakmp OFT group key\0"
CHECK: Final = b"gsakmp OFT check\0"

_NOTHING: Final = bytes(SECRET_OCTETS)


def blinded(secret: bytes) -> bytes:
    """f of a node's secret; zeros for `b""`, a node below which there is nobody."""
    return sha512(NODE + secret).digest()[:SECRET_OCTETS] if secret else _NOTHING


def mixed(one: bytes, other: bytes) -> bytes:
    """A parent's secret, of its children's blinded ones. Raises `CryptoError` where these are alike, which a
    random source that repeats itself brings about and nothing else."""
    if one == other:
        raise CryptoError("two secrets of a tree are alike: the random source repeats itself")
    return xored(one, other)


def xored(one: bytes, other: bytes) -> bytes:
    """Both, of 32 octets, with exclusive or."""
    number = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return number.to_bytes(SECRET_OCTETS, "big")


def fresh_secret(random: Random) -> bytes:
    """A leaf's secret. Raises `CryptoError` for a random source that gives zeros, besides what
    `random_octets` raises."""
    secret = random_octets(random, SECRET_OCTETS)
    if secret == _NOTHING:
        raise CryptoError("the random source gives zeros")
    return secret


def node_kek(secret: bytes, cipher: CBCCipher) -> KEK:
    """What encrypts for those below a node."""
    return _kek(secret, NODE_KEY + cipher.name.encode(), cipher)


def group_kek(root: bytes, epoch: int, cipher: CBCCipher) -> KEK:
    """The group KEK, of the root's secret."""
    return _kek(root, GROUP_KEY + cipher.name.encode() + epoch.to_bytes(4, "big"), cipher)


def check_value(root: bytes, epoch: int) -> bytes:
    """By which a member knows that it has the root's secret."""
    return _expanded(root, CHECK + epoch.to_bytes(4, "big"), CHECK_OCTETS)


def number_of(place: Place) -> int:
    """The number that a node has in payloads."""
    level, index = place
    return (2 * index + 1) << level


def place_of(number: int) -> Place:
    """The place of a number above 0."""
    level = (number & -number).bit_length() - 1
    return level, number >> (level + 1)


def _kek(secret: bytes, info: bytes, cipher: CBCCipher) -> KEK:
    return KEK.parse(cipher, _expanded(secret, info, cipher.block_size + cipher.key_size))


def _expanded(secret: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand of g(secret)."""
    key = sha512(NODE + secret).digest()[SECRET_OCTETS:]
    out = block = digest(key, info + b"\1", "sha256")
    count = 1
    while len(out) < size:
        count += 1
        block = digest(key, block + info + bytes((count,)), "sha256")
        out += block
    return out[:size]
