"""A member's side of LKH: the keys on the path from its leaf to the root (RFC 6407, 4.4 and 5.6.3).

It serves the star of `gsakmp.group.rekey.flat` and any tree that is said in the same payloads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gsakmp.crypto import KEK, CBCCipher
from gsakmp.errors import DecodeError, LengthMismatch
from gsakmp.group.rekey.packets import KEY_TYPES, padded, plain_kek
from gsakmp.payloads import KeyPacket, LKHDownloadArray, LKHKey, LKHUpdateArray
from gsakmp.registries import KeyDownloadType, LKHKeyAttribute

__all__ = ["PathKeys"]

LONGEST_PATH: Final = 65_536
"""Keys of one array: LKH ids have 16 bits, and none is on a path twice."""

REPLACED: Final = 1024
"""Replaced keys that are remembered by their handles."""

Held = tuple[int, KEK]
"""A handle and the key that it names."""


class PathKeys:
    """See `gsakmp.group.rekey.MemberKeys`. `cipher` is the Rekey SA's, which LKH keys share (RFC 6407,
    5.3.2). Its text shows no key."""

    def __init__(self, cipher: CBCCipher) -> None:
        self.cipher = cipher
        self._held: dict[int, Held] = {}
        self._past: dict[tuple[int, int], None] = {}  # nodes and handles that were replaced, oldest first

    def __repr__(self) -> str:
        return f"PathKeys({len(self._held)} keys)"

    def install(self, packets: Sequence[KeyPacket]) -> None:
        """See `MemberKeys.install`. A download without LKH keys leaves none."""
        downloads = [value for value in _arrays(packets) if isinstance(value, LKHDownloadArray)]
        if len(downloads) > 1:
            raise DecodeError("more than one LKH_DOWNLOAD_ARRAY (RFC 6407, 5.6.3.1)", "key_packets")
        held: dict[int, Held] = {}
        for array in downloads:
            _check_path(array)
            held = {
                key.lkh_id: (key.key_handle, KEK.parse(self.cipher, key.key_data))
                for key in self._ours(array)
            }
        self._held, self._past = held, {}

    def follow(self, packets: Sequence[KeyPacket], cipher: CBCCipher) -> KEK | None:
        """See `MemberKeys.follow`. A plain KEK packet gives the new KEK itself.

        Arrays may come in any order, in one push or several, and may start from keys that others brought. One
        that leads to a key which was replaced since is late, and passed over.
        """
        found = plain_kek(packets, cipher)
        new: dict[int, Held] = {}
        waiting = _by_key(packets)
        at_hand = [(node, held) for node, held in self._held.items() if (node, held[0]) in waiting]
        while at_hand:
            node, (handle, under) = at_hand.pop()
            for array in waiting.pop((node, handle), ()):
                if any((key.lkh_id, key.key_handle) in self._past for key in array.lkh_keys):
                    continue
                path = dict(self._opened(array, under, cipher))
                root = path[array.lkh_keys[-1].lkh_id][1]
                if found is not None and found.build() != root.build():
                    raise DecodeError("two ways lead to different KEKs", "key_packets")
                found = root
                self._check_agreement(path, new)
                new.update(path)
                at_hand += path.items()
        self._take(new)
        return found

    def _check_agreement(self, path: dict[int, Held], new: dict[int, Held]) -> None:
        """Raises `DecodeError` for a node with two new keys, or another key under the handle that it has."""
        for node, key in path.items():
            held = self._held.get(node, key)
            if new.get(node, key) != key or (held[0] == key[0] and held != key):
                raise DecodeError(f"two keys of the LKH node {node} contradict each other", "key_packets")

    def _take(self, new: dict[int, Held]) -> None:
        """New keys stand in the place of those that they replace."""
        for node, key in new.items():
            before = self._held.get(node)
            if before is not None and before[0] != key[0]:
                self._past[node, before[0]] = None
        self._held.update(new)
        while len(self._past) > REPLACED:
            del self._past[next(iter(self._past))]

    def _opened(self, array: LKHUpdateArray, under: KEK, cipher: CBCCipher) -> Iterator[tuple[int, Held]]:
        """Each key under the one before it (RFC 6407, 5.6.3.2)."""
        for key in array.lkh_keys:
            if key.key_type != KEY_TYPES[cipher.name]:
                raise DecodeError(f"an LKH key for {key.key_type!r}, not the SA KEK's cipher", "key_packets")
            under = _unwrapped(key.key_data, under, cipher)
            yield key.lkh_id, (key.key_handle, under)

    def _ours(self, array: LKHDownloadArray) -> tuple[LKHKey, ...]:
        if any(key.key_type != KEY_TYPES[self.cipher.name] for key in array.lkh_keys):
            raise DecodeError("an LKH key for another cipher than the SA KEK's", "key_packets")
        return array.lkh_keys


def _arrays(packets: Sequence[KeyPacket]) -> Iterator[LKHDownloadArray | LKHUpdateArray]:
    for packet in packets:
        if packet.kd_type != KeyDownloadType.LKH:
            continue
        for attribute in packet.attributes:
            value = attribute.value
            if isinstance(value, LKHDownloadArray | LKHUpdateArray):
                yield value
            elif attribute.type != LKHKeyAttribute.SIG_ALGORITHM_KEY:
                raise DecodeError("an attribute that is no LKH array", "key_packets")


def _by_key(packets: Sequence[KeyPacket]) -> dict[tuple[int, int], list[LKHUpdateArray]]:
    """The update arrays by the node and handle of the key that opens them. Raises `DecodeError`."""
    found: dict[tuple[int, int], list[LKHUpdateArray]] = {}
    for array in _arrays(packets):
        if isinstance(array, LKHUpdateArray):
            _check_path(array)
            found.setdefault((array.lkh_id, array.key_handle), []).append(array)
    return found


def _check_path(array: LKHDownloadArray | LKHUpdateArray) -> None:
    """Raises `DecodeError` for an array of another version, without keys, or with a node twice."""
    nodes = [key.lkh_id for key in array.lkh_keys]
    if array.lkh_version != 1:
        raise DecodeError(f"LKH version {array.lkh_version} is not 1 (RFC 6407, 5.6.3)", "key_packets")
    if not nodes or len(nodes) > LONGEST_PATH or len(set(nodes)) != len(nodes):
        raise DecodeError("an LKH array without keys, or with a node twice", "key_packets")


def _unwrapped(octets: bytes, under: KEK, cipher: CBCCipher) -> KEK:
    """Raises `LengthMismatch` for what is not IV, key and zeros to the end of the block."""
    size = cipher.block_size + cipher.key_size
    block = under.cipher.block_size
    if len(octets) != size + -size % block:
        raise LengthMismatch(f"{len(octets)} octets are no wrapped key of {padded(cipher)}", "key_packets")
    opened = under.decrypt(octets)
    if any(opened[size:]):
        raise DecodeError("a wrapped key is not followed by zeros", "key_packets")
    return KEK.parse(cipher, opened[:size])
