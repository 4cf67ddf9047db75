"""One-way function trees (OFT): a member's side. See `gsakmp.group.rekey.oft` for what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest

from gsakmp.crypto import KEK, CBCCipher
from gsakmp.errors import DecodeError, LengthMismatch
from gsakmp.group.rekey.oft_functions import (
    SECRET_OCTETS,
    blinded,
    check_value,
    group_kek,
    node_kek,
    number_of,
    place_of,
    xored,
)
from gsakmp.group.rekey.oft_packets import arrays
from gsakmp.group.rekey.packets import plain_kek
from gsakmp.payloads import KeyPacket, OFTDownloadArray, OFTKey, OFTUpdateArray
from gsakmp.registries import OFTValueType

__all__ = ["OFTKeys"]


@dataclass(frozen=True, slots=True)
class Held:
    """What a member knows of the tree: enough to compute the secrets on its path."""

    leaf: int
    secret: bytes = field(repr=False)
    beside: dict[int, bytes] = field(repr=False)
    """Blinded secrets beside its path, by level; a vacant node's is not there."""
    epoch: int


@dataclass(frozen=True, slots=True)
class Staged:
    """A change of which perhaps not all has come: what concerns this member, by the node. That is its leaf
    and a node for each level, of which numbers of 32 bits have 32."""

    epoch: int
    root: int
    check: bytes
    keys: dict[int, OFTKey] = field(repr=False)


class OFTKeys:
    """See `gsakmp.group.rekey.MemberKeys`. `cipher` is the Rekey SA's. Its text shows no key."""

    def __init__(self, cipher: CBCCipher) -> None:
        self.cipher = cipher
        self._held: Held | None = None
        self._staged: Staged | None = None

    def __repr__(self) -> str:
        return f"OFTKeys({self._held!r})"

    @property
    def incomplete(self) -> bool:
        """Whether part of a change has come, and the rest has not."""
        return self._staged is not None

    def install(self, packets: Sequence[KeyPacket]) -> None:
        """See `MemberKeys.install`. Raises `DecodeError` for keys that don't lead to the KEK beside them."""
        found = [*arrays(packets)]
        if len(found) != 1 or not isinstance(found[0], OFTDownloadArray):
            raise DecodeError("one OFT_DOWNLOAD_ARRAY is due, and nothing else of OFT", "key_packets")
        held = held_of(found[0])
        kek = plain_kek(packets, self.cipher)
        if found[0].root and kek is not None:
            root = root_of(held, found[0].root)
            if not group_kek(root, held.epoch, self.cipher).same(kek):
                raise DecodeError("the OFT download does not lead to the KEK", "key_packets")
        self._held, self._staged = held, None

    def follow(self, packets: Sequence[KeyPacket], cipher: CBCCipher) -> KEK | None:
        """See `MemberKeys.follow`. A change that was followed already leads nowhere, nor does an older
        one."""
        staged, kek = self._staged, plain_kek(packets, cipher)
        for array in arrays(packets):
            if not isinstance(array, OFTUpdateArray):
                raise DecodeError("an OFT_DOWNLOAD_ARRAY in a push", "key_packets")
            staged = self._with(staged, array)
        reached = None
        if self._held is not None and staged is not None:
            if cipher != self.cipher:
                raise DecodeError("an SA KEK with another cipher than the tree's", "key_packets")
            reached = advanced(self._held, staged, self.cipher)
        if reached is None:
            self._staged = staged
            return kek
        held, root = reached
        found = group_kek(root, held.epoch, cipher)
        if kek is not None and not kek.same(found):
            raise DecodeError("two ways lead to different KEKs", "key_packets")
        self._held, self._staged = held, None
        return found

    def _with(self, staged: Staged | None, array: OFTUpdateArray) -> Staged | None:
        """What is staged, with what an array says to this member."""
        if self._held is None or array.epoch <= self._held.epoch:
            return staged
        if staged is not None and array.epoch < staged.epoch:
            return staged
        _check_root(array.root)
        if not _below(self._held.leaf, array.root):
            return staged
        if staged is None or array.epoch > staged.epoch:
            staged = Staged(array.epoch, array.root, array.key_check_value, {})
        elif (array.root, array.key_check_value) != (staged.root, staged.check):
            raise DecodeError("two arrays of one OFT epoch differ", "key_packets")
        keys = dict(staged.keys)
        for key in array.oft_keys:
            if not concerns(key, self._held.leaf, array.root):
                continue
            _check_under(key)
            _check_size(key)
            if keys.setdefault(key.node, key) != key:
                raise DecodeError("two OFT keys for one node in one epoch", "key_packets")
        return Staged(staged.epoch, staged.root, staged.check, keys)


def held_of(array: OFTDownloadArray) -> Held:
    """What a download says. Raises `DecodeError` where it isn't a leaf and nodes beside its path."""
    keys = array.oft_keys
    if not keys or keys[0].value_type != OFTValueType.LEAF_SECRET or not keys[0].node & 1:
        raise DecodeError("an OFT download that does not start with a leaf", "key_packets")
    if any(key.under for key in keys):
        raise DecodeError("an encrypted key in an OFT download", "key_packets")
    for key in keys:
        _check_size(key)
    leaf = keys[0].node >> 1
    beside = {}
    if array.root:
        _check_root(array.root)
        if not _below(leaf, array.root):
            raise DecodeError("an OFT download with a leaf that is not below the root", "key_packets")
    for key in keys[1:]:
        if key.value_type != OFTValueType.BLINDED_SECRET or not concerns(key, leaf, array.root):
            raise DecodeError("an OFT download with a node that is not beside the path", "key_packets")
        beside[place_of(key.node)[0]] = key.key_data
    if len(beside) != len(keys) - 1:
        raise DecodeError("an OFT download with a node twice", "key_packets")
    return Held(leaf, keys[0].key_data, beside, array.epoch)


def root_of(held: Held, root: int) -> bytes:
    """The root's secret of what is held."""
    secret = held.secret
    for level in range(place_of(root)[0]):
        secret = xored(blinded(secret), held.beside.get(level, bytes(SECRET_OCTETS)))
    return secret


def advanced(held: Held, staged: Staged, cipher: CBCCipher) -> tuple[Held, bytes] | None:
    """What is held after a change, and the root's secret; None while something is missing. Raises
    `DecodeError` for a wrapped key of the wrong size."""
    top = place_of(staged.root)[0]
    secret, leaf_key = held.secret, staged.keys.get(number_of((0, held.leaf)))
    if leaf_key is not None:
        secret = _opened(leaf_key, held.secret, cipher)
    beside, leaf_secret = {}, secret
    for level in range(top):
        value = held.beside.get(level)
        key = staged.keys.get(number_of((level, held.leaf >> level ^ 1)))
        if key is not None:
            value = None if key.value_type == OFTValueType.VACANT else _opened(key, secret, cipher)
        if value is not None:
            beside[level] = value
        secret = xored(blinded(secret), value or bytes(SECRET_OCTETS))
    if not compare_digest(check_value(secret, staged.epoch), staged.check):
        return None
    return Held(held.leaf, leaf_secret, beside, staged.epoch), secret


def concerns(key: OFTKey, leaf: int, root: int) -> bool:
    """Whether a key is a leaf's own or beside its path to the root. Raises `DecodeError` for one without a
    node."""
    if not key.node:
        raise DecodeError("an OFT key without a node", "key_packets")
    level, index = place_of(key.node)
    if key.value_type == OFTValueType.LEAF_SECRET:
        return (level, index) == (0, leaf)
    return root > 0 and level < place_of(root)[0] and index == leaf >> level ^ 1


def _check_under(key: OFTKey) -> None:
    """Raises `DecodeError` for a key of a push that is not encrypted as its kind is."""
    level, index = place_of(key.node)
    expected = {
        OFTValueType.LEAF_SECRET: number_of((level, index)),
        OFTValueType.BLINDED_SECRET: number_of((level, index ^ 1)),
        OFTValueType.VACANT: 0,
    }
    if key.under != expected.get(key.value_type):
        raise DecodeError("an OFT key under another node than its readers'", "key_packets")


def _check_root(root: int) -> None:
    """Raises `DecodeError` for what is not the first node of its level."""
    if not root or place_of(root)[1]:
        raise DecodeError("the root of an OFT is not the first node of its level", "key_packets")


def _check_size(key: OFTKey) -> None:
    """Raises `LengthMismatch`."""
    if len(key.key_data) != SECRET_OCTETS:
        raise LengthMismatch(f"{len(key.key_data)} octets are no secret of {SECRET_OCTETS}", "key_packets")


def _below(leaf: int, root: int) -> bool:
    return leaf >> place_of(root)[0] == 0


def _opened(key: OFTKey, under: bytes, cipher: CBCCipher) -> bytes:
    return node_kek(under, cipher).decrypt(key.key_data)
