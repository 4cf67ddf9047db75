"""The new keys of a changed tree as a push carries them: LKH_UPDATE_ARRAYs (RFC 6407, 5.6.3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gsakmp.crypto import CBCCipher
from gsakmp.crypto.ciphers import pad
from gsakmp.group.rekey.interface import Place
from gsakmp.group.rekey.lkh_ids import ROOT, Numbering
from gsakmp.group.rekey.lkh_plan import Change
from gsakmp.group.rekey.lkh_tree import KeyTree
from gsakmp.group.rekey.packets import KEY_TYPES, update_array, update_octets
from gsakmp.payloads import Attribute, KeyPacket, LKHKey
from gsakmp.registries import KeyDownloadType

__all__ = ["Held", "Wrapping", "pushes"]

Held = tuple[int, bytes]
"""A node's handle and its key: IV, then key."""


class _Fresh(NamedTuple):
    """A new key as it is wrapped, and as it wraps."""

    lkh_id: int
    handle: int
    key: bytes
    iv: bytes
    padded: bytes


class Wrapping:
    """Wraps the fresh keys of a change, each under another once however many arrays it is in.

    Arrays share the keys that they have in common: those from a fresh node up to the root are made once. The
    tree is that before the change, and is only read.
    """

    def __init__(
        self,
        cipher: CBCCipher,
        numbering: Numbering,
        tree: KeyTree,
        change: Change,
        fresh: dict[Place, Held],
        root: Held | None,
    ) -> None:
        self.wraps = 0
        self._cipher = cipher
        self._key_type = KEY_TYPES[cipher.name]
        self._numbering = numbering
        self._tree = tree
        self._change = change
        self._fresh = {
            place: _Fresh(
                numbering.number(place) if place != change.root else ROOT,
                handle,
                key[cipher.block_size :],
                key[: cipher.block_size],
                pad(key, cipher.block_size),
            )
            for place, (handle, key) in fresh.items()
        }
        self._root = root  # the KEK before the change
        self._above: dict[Place, tuple[LKHKey, ...]] = {change.root: ()}

    def arrays(self) -> Iterator[tuple[Attribute, int]]:
        """An array for each route of the change, and its octets."""
        tree, number, degree = self._tree, self._numbering.number, self._tree.degree
        size = self._cipher.block_size
        top = tree.height, 0
        head = update_octets(self._cipher, 0)
        each = update_octets(self._cipher) - head
        for place, own in self._change.routes:
            if own and place == top and self._root is not None:
                lkh_id, (handle, key) = ROOT, self._root
            else:
                lkh_id, handle, key = number(place), tree.handle(place), tree.key(place)
            first = place if own else (place[0] + 1, place[1] // degree)
            keys = (self._wrapped(first, key[size:], key[:size]), *self._keys_above(first))
            yield update_array(lkh_id, handle, keys), head + each * len(keys)

    def _keys_above(self, place: Place) -> tuple[LKHKey, ...]:
        """The fresh keys above a fresh one, each under the one before it; nodes between them whose keys stay,
        or that have none, are passed over."""
        found = self._above.get(place)
        if found is None:
            level, index = place
            above = level + 1, index // self._tree.degree
            while above not in self._fresh:
                above = above[0] + 1, above[1] // self._tree.degree
            own = self._fresh[place]
            found = (self._wrapped(above, own.key, own.iv), *self._keys_above(above))
            self._above[place] = found
        return found

    def _wrapped(self, place: Place, key: bytes, iv: bytes) -> LKHKey:
        """What `KEK.encrypt` makes of a fresh key: it is padded with zeros, and the IV is that of the key
        that wraps it (RFC 6407, 5.6.3.2 has no other)."""
        self.wraps += 1
        lkh_id, handle, _, _, padded = self._fresh[place]
        data = self._cipher.encrypt(key, iv, padded)
        return LKHKey(lkh_id=lkh_id, key_type=self._key_type, key_handle=handle, key_data=data)


def pushes(
    spi: bytes, arrays: Iterable[tuple[Attribute, int]], most: int
) -> tuple[tuple[KeyPacket, ...], ...]:
    """Arrays in as few pushes as they fit into, the longest first, with at most `most` octets of them each.

    Any order serves: an array leads from a key that its readers have to the KEK, and takes none away that
    another starts from. One that is longer than `most` has a push of its own: it can't be cut. There is one
    LKH packet in a KD (RFC 6407, 5.6.3).
    """
    waiting: dict[int, list[Attribute]] = {}
    for array, octets in arrays:
        waiting.setdefault(octets, []).append(array)
    groups = [(octets, waiting[octets][::-1]) for octets in sorted(waiting, reverse=True)]
    packets: list[tuple[KeyPacket]] = []
    while groups:
        chosen: list[Attribute] = []
        room = most
        for octets, group in groups:
            while group and (octets <= room or not chosen):
                chosen.append(group.pop())
                room -= octets
        packets.append((KeyPacket(kd_type=KeyDownloadType.LKH, spi=spi, attributes=tuple(chosen)),))
        if not groups[0][1]:
            groups = [(octets, group) for octets, group in groups if group]
    return tuple(packets)
