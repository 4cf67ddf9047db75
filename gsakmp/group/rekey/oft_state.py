"""How a one-way function tree is persisted: pages of leaves. What is above them follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from gsakmp.crypto import KEK, CBCCipher
from gsakmp.errors import GsakmpError, StateError
from gsakmp.group.rekey.oft_functions import SECRET_OCTETS, group_kek
from gsakmp.group.rekey.oft_tree import Tree
from gsakmp.group.rekey.slots import DIGEST_OCTETS, PAGE, Slots

__all__ = ["Saved", "all_pages", "page_of", "restored", "saved_state"]

VERSION: Final = 1
STATE_OCTETS: Final = 1024
LEAF_OCTETS: Final = DIGEST_OCTETS + SECRET_OCTETS + 1
"""Octets of a leaf: who has it, its secret, and 1 if it waits."""
PAGE_OCTETS: Final = PAGE * LEAF_OCTETS
"""Octets of a page at most: the leaves' members, then their secrets, then who waits."""
NAME_OCTETS: Final = 4
"""Octets of a page's name, which is its number."""

_VACANT: Final = bytes(SECRET_OCTETS)


class Saved(msgspec.Struct, frozen=True, array_like=True):
    """What is persisted beside the leaves."""

    version: int
    cipher: str
    epoch: int
    group_key: bytes
    members: int

    def __repr__(self) -> str:
        return f"Saved(epoch={self.epoch}, members={self.members})"


def saved_state(cipher: CBCCipher, epoch: int, group_key: KEK, members: int) -> bytes:
    """What changes with every plan."""
    return msgspec.msgpack.encode(Saved(VERSION, cipher.name, epoch, group_key.build(), members))


def page_of(slots: Slots, tree: Tree, number: int) -> tuple[bytes, bytes]:
    """A page's name and octets, empty where nobody has any of its leaves."""
    digests = slots.page(number)
    first = PAGE * number
    secrets, waiting = tree.leaf_octets(range(first, first + len(digests) // DIGEST_OCTETS))
    return number.to_bytes(NAME_OCTETS, "big"), digests + secrets + waiting


def all_pages(slots: Slots, tree: Tree) -> dict[bytes, bytes]:
    """Every page."""
    return dict(page_of(slots, tree, number) for number in range(-(-slots.end // PAGE)))


def restored(
    state: bytes, parts: Mapping[bytes, bytes], cipher: CBCCipher, capacity: int
) -> tuple[Saved, Slots, Tree]:
    """What was persisted. Raises `StateError` for octets that are none of ours, or do not belong together:
    the KEK must come of the leaves' secrets."""
    saved = _decoded(state, cipher)
    pages = {int.from_bytes(name, "big"): octets for name, octets in parts.items()}
    if any(len(name) != NAME_OCTETS for name in parts) or not all(map(_is_page, pages.values())):
        raise _foreign()
    slots, tree = Slots(capacity), Tree()
    counts = {number: len(octets) // LEAF_OCTETS for number, octets in pages.items()}
    try:
        slots.load_all((number, pages[number][: DIGEST_OCTETS * count]) for number, count in counts.items())
        tree.put_leaves(*_leaves(pages, slots))
    except GsakmpError as error:
        raise StateError(f"the OFT state can't be used: {error}") from None
    root = tree.root_secret()
    right = not root or group_kek(root, saved.epoch, cipher).build() == saved.group_key
    if not right or len(slots) != saved.members:
        raise StateError("the OFT tree is not the one that its state is of")
    return saved, slots, tree


def _leaves(pages: Mapping[int, bytes], slots: Slots) -> tuple[bytes, bytes]:
    """The secrets of all leaves, and which of them wait. Raises `StateError` where who has a leaf and what it
    has do not go together."""
    secrets, waiting = bytearray(SECRET_OCTETS * slots.end), bytearray(slots.end)
    for number, octets in pages.items():
        count, first = len(octets) // LEAF_OCTETS, PAGE * number
        at, flags = DIGEST_OCTETS * count, octets[-count:]
        secrets[SECRET_OCTETS * first : SECRET_OCTETS * (first + count)] = octets[at:-count]
        waiting[first : first + count] = flags
        taken = bytes(slots.occupied(leaf) for leaf in range(first, first + count))
        held = bytes(secret != _VACANT for secret in _cut(octets[at:-count]))
        if taken != held or any(flag > own for flag, own in zip(flags, taken, strict=True)):
            raise _foreign()
    return bytes(secrets), bytes(waiting)


def _cut(secrets: bytes) -> Iterator[bytes]:
    return (secrets[at : at + SECRET_OCTETS] for at in range(0, len(secrets), SECRET_OCTETS))


def _is_page(octets: bytes) -> bool:
    return 0 < len(octets) <= PAGE_OCTETS and len(octets) % LEAF_OCTETS == 0


def _decoded(octets: bytes, cipher: CBCCipher) -> Saved:
    if len(octets) > STATE_OCTETS:
        raise _foreign()
    try:
        saved = msgspec.msgpack.decode(octets, type=Saved)
        KEK.parse(cipher, saved.group_key)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, GsakmpError):
        raise _foreign() from None
    if (saved.version, saved.cipher) != (VERSION, cipher.name):
        raise StateError("the rekey algorithm's state is of another algorithm, cipher or version")
    if not 0 < saved.epoch < 1 << 32 or saved.members < 0:
        raise _foreign()
    return saved


def _foreign() -> StateError:
    return StateError("these octets are no state of the OFT rekey algorithm")
