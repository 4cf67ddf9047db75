"""What is persisted of an LKH tree: a small record, and pages of leaves and of keys by names of their own.

A change writes the pages that it touched, and no more; all pages together are the tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import gt, lt
from typing import Final

import msgspec

from gsakmp.crypto import CBCCipher
from gsakmp.errors import StateError
from gsakmp.group.rekey.interface import Place
from gsakmp.group.rekey.lkh_ids import Numbering
from gsakmp.group.rekey.lkh_tree import KeyTree
from gsakmp.group.rekey.slots import Slots

__all__ = ["HANDLES", "Saved", "parts_of", "restored", "saved_from"]

HANDLES: Final = 0xFFFF_FFFF
"""The largest key handle (RFC 6407, 5.6.3.1: 4 octets)."""
VERSION: Final = 1
STATE_OCTETS: Final = 1024
MEMBERS: Final = 0xFF
"""First octet of the name of a page of leaves; that of a page of keys is its level."""
NAME_OCTETS: Final = 5


class Saved(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What is persisted beside the pages. Its text shows no key."""

    algorithm: str = "lkh"
    version: int = VERSION
    cipher: str
    degree: int
    trees: int
    group_key: bytes
    root_handle: int
    next_handle: int
    members: int
    end: int

    def __repr__(self) -> str:
        return f"Saved(members={self.members}, next_handle={self.next_handle})"


def saved_from(state: bytes, cipher: CBCCipher, numbering: Numbering, capacity: int) -> Saved:
    """The record, if it is of such a tree. Raises `StateError`."""
    if len(state) > STATE_OCTETS:
        raise _foreign()
    try:
        saved = msgspec.msgpack.decode(state, type=Saved)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _foreign() from None
    ours = ("lkh", VERSION, cipher.name, numbering.degree, numbering.trees)
    if (saved.algorithm, saved.version, saved.cipher, saved.degree, saved.trees) != ours:
        raise StateError(
            "the state is of another rekey algorithm, cipher, version, degree or number of trees"
        )
    size = cipher.block_size + cipher.key_size
    in_order = 0 < saved.root_handle < saved.next_handle <= HANDLES + 1
    if len(saved.group_key) != size or not in_order or not 0 <= saved.members <= saved.end <= capacity:
        raise _foreign()
    return saved


def parts_of(
    slots: Slots, tree: KeyTree, slot_pages: Iterable[int], tree_pages: Iterable[Place]
) -> dict[bytes, bytes]:
    """Pages by their names; empty ones are gone."""
    parts = {_name(MEMBERS, number): slots.page(number) for number in slot_pages}
    parts.update((_name(*page), tree.page(page)) for page in tree_pages)
    return parts


def restored(
    saved: Saved, parts: Mapping[bytes, bytes], key_octets: int, capacity: int
) -> tuple[Slots, KeyTree]:
    """The leaves and the keys. Raises `StateError` for pages of no such tree, or not all of them."""
    leaves, keys = [], []
    for name, octets in parts.items():
        if len(name) != NAME_OCTETS:
            raise _foreign()
        kind, number = name[0], int.from_bytes(name[1:], "big")
        if kind == MEMBERS:
            leaves.append((number, octets))
        else:
            keys.append(((kind, number), octets))
    slots = Slots(saved.end)  # so that a damaged number reserves no memory
    slots.load_all(leaves)
    slots.capacity = capacity
    if (len(slots), slots.end) != (saved.members, saved.end):
        raise StateError("members are missing from the state of the LKH tree")
    tree = KeyTree(saved.degree, key_octets, saved.end)
    for page, octets in keys:
        tree.load(page, octets)
    tree.count()
    _check(slots, tree, saved)
    return slots, tree


def _check(slots: Slots, tree: KeyTree, saved: Saved) -> None:
    """Leaves have keys as they have members, other nodes only above such leaves, and no handle is there
    twice, or still to be given."""
    if bytes(map(bool, tree.levels[0].handles)) != slots.taken():
        raise _foreign()
    for level in tree.levels[1:]:
        if any(map(gt, map(bool, level.handles), level.children)):
            raise _foreign()
    handles = sorted(handle for level in tree.levels for handle in level.handles if handle)
    handles.append(saved.next_handle)
    ascending = all(map(lt, handles, handles[1:]))
    if not ascending or any(level.handles.count(saved.root_handle) for level in tree.levels):
        raise _foreign()


def _name(kind: int, number: int) -> bytes:
    return bytes([kind]) + number.to_bytes(NAME_OCTETS - 1, "big")


def _foreign() -> StateError:
    return StateError("these octets are no state of the LKH rekey algorithm")
