"""The flat rekey algorithm: one KEK, and either nothing below it or a key for each member.

``own-keys`` is a star: each member has a key of its own, and whoever is evicted is left out when the new KEK
goes to each of the others under theirs. On the wire it is the smallest tree that RFC 6407, 5.6.3 can say:
one leaf for each member, and the root, which is the KEK. ``re-pull`` keeps no such keys: after an eviction
members register again, those who still may.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from gsakmp.crypto import KEK, CBCCipher, Random
from gsakmp.errors import GsakmpError, StateError
from gsakmp.group.rekey.interface import RekeyPlan
from gsakmp.group.rekey.packets import (
    KEY_TYPES,
    download_packet,
    identity_from_octets,
    kek_packet,
    lkh_key,
    update_array,
    update_octets,
    update_packets,
)
from gsakmp.identities import Identity
from gsakmp.payloads import KeyPacket
from gsakmp.registries import KEKManagementAlgorithm

__all__ = ["UPDATE_OCTETS", "FlatRekey"]

ROOT: Final = 0
"""LKH id of the root."""
NODES: Final = 0xFFFF
"""Members: LKH ids have 16 bits (RFC 6407, 5.6.3.1), and one of them is the root's."""
HANDLES: Final = 0xFFFF_FFFF
UPDATE_OCTETS: Final = 1024
"""Octets of update arrays in one push. With header, SA KEK, SIG and IP it still fits into an Ethernet frame:
one lost fragment would lose the whole push."""
STATE_OCTETS: Final = 32 * 1024 * 1024
"""Octets of persisted state; 65,535 members with names of 255 octets need fewer."""
VERSION: Final = 1


class Leaf(msgspec.Struct, frozen=True, array_like=True):
    """A member's place: its node, its key (IV, then key) and the handle that tells that key from others."""

    identity: bytes
    node: int
    handle: int
    key: bytes

    def __repr__(self) -> str:
        return f"Leaf(node={self.node}, handle={self.handle})"


class Saved(msgspec.Struct, frozen=True, array_like=True):
    """What is persisted."""

    version: int
    own_keys: bool
    key_type: int
    group_key: bytes
    root_handle: int
    next_handle: int
    leaves: list[Leaf]

    def __repr__(self) -> str:
        return f"Saved({len(self.leaves)} leaves)"


class FlatRekey:
    """See `gsakmp.group.rekey.RekeyAlgorithm`. With `own_keys` it is the star.

    Who already is in the structure and joins again keeps its key. Nothing changes when a verb raises.
    """

    def __init__(self, cipher: CBCCipher, *, own_keys: bool, update_octets: int = UPDATE_OCTETS) -> None:
        self.cipher = cipher
        self.own_keys = own_keys
        self.update_octets = update_octets
        self.management = KEKManagementAlgorithm.LKH if own_keys else None
        self._group_key: KEK | None = None
        self._root_handle = 0
        self._next_handle = 1
        self._leaves: dict[Identity, Leaf] = {}

    # -- the verbs -------------------------------------------------------------------------------------

    def start(self, members: Sequence[Identity], random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.start`. Raises `StateError` for more members than there are nodes."""
        leaves, handle = self._with({}, members, self._next_handle, random)
        self._new_group_key(handle, random)
        self._leaves = leaves
        return self._plan(self._group_key)

    def add(self, members: Sequence[Identity], spi: bytes, new_group_key: bool, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.add`. Those who were there before get a new KEK under the present one, which
        the newcomers never had. Raises `StateError` for more members than there are nodes."""
        self._started()
        present = bool(self._leaves)
        leaves, handle = self._with(self._leaves, members, self._next_handle, random)
        if not new_group_key:
            self._leaves, self._next_handle = leaves, handle
            return self._plan(None)
        group_key = self._new_group_key(handle, random)
        self._leaves = leaves
        return self._plan(group_key, ((kek_packet(spi, group_key),),) if present else ())

    def remove(self, members: Sequence[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.remove`. Who is not in the structure is passed over."""
        self._started()
        gone = set(members)
        leaves = {member: leaf for member, leaf in self._leaves.items() if member not in gone}
        group_key = self._new_group_key(self._next_handle, random)
        self._leaves = leaves
        if not self.own_keys:
            return self._plan(group_key, re_pull=True)
        return self._plan(group_key, self._updates(spi, group_key))

    def renew(self, spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.renew`: the new KEK under the present one, which all members have."""
        self._started()
        group_key = self._new_group_key(self._next_handle, random)
        return self._plan(group_key, ((kek_packet(spi, group_key),),) if self._leaves else ())

    def download(self, member: Identity) -> tuple[KeyPacket, ...]:
        """See `RekeyAlgorithm.download`: leaf and root, or nothing without own keys. Raises `StateError` for
        who is no member."""
        group_key = self._started()
        leaf = self._leaves.get(member)
        if leaf is None:
            raise StateError(f"{member} is not in the key structure")
        if not self.own_keys:
            return ()
        own = lkh_key(leaf.node, self.cipher, leaf.handle, leaf.key)
        root = lkh_key(ROOT, self.cipher, self._root_handle, group_key.build())
        return (download_packet((own, root)),)

    def members(self) -> Iterable[Identity]:
        """See `RekeyAlgorithm.members`."""
        return tuple(self._leaves)

    def member_key(self, member: Identity) -> bytes:
        """A member's own key: IV, then key; empty without own keys. What follows the IV is the base key of
        its acknowledgements (RFC 8263, 2.2). Raises `StateError` for who is no member."""
        leaf = self._leaves.get(member)
        if leaf is None:
            raise StateError(f"{member} is not in the key structure")
        return leaf.key

    # -- persistence -----------------------------------------------------------------------------------

    def restore(self, state: bytes) -> None:
        """See `RekeyAlgorithm.restore`."""
        saved = self._decoded(state)
        try:
            group_key = KEK.parse(self.cipher, saved.group_key)
            leaves = {identity_from_octets(leaf.identity): leaf for leaf in saved.leaves}
        except GsakmpError:
            raise _foreign() from None
        size = self.cipher.block_size + self.cipher.key_size if self.own_keys else 0
        nodes = {leaf.node for leaf in saved.leaves}
        fits = all(len(leaf.key) == size and 0 < leaf.node <= NODES for leaf in saved.leaves)
        if not fits or len(nodes) != len(saved.leaves) or len(leaves) != len(nodes):
            raise _foreign()
        self._group_key, self._root_handle = group_key, saved.root_handle
        self._next_handle, self._leaves = saved.next_handle, leaves

    def _decoded(self, state: bytes) -> Saved:
        if len(state) > STATE_OCTETS:
            raise _foreign()
        try:
            saved = msgspec.msgpack.decode(state, type=Saved)
        except (msgspec.MsgspecError, RecursionError):
            raise _foreign() from None
        ours = (VERSION, self.own_keys, KEY_TYPES[self.cipher.name])
        if (saved.version, saved.own_keys, saved.key_type) != ours:
            raise StateError("the rekey algorithm's state is of another algorithm, cipher or version")
        handles = [saved.root_handle, *(leaf.handle for leaf in saved.leaves)]
        if not all(0 <= handle < saved.next_handle <= HANDLES + 1 for handle in handles):
            raise _foreign()
        return saved

    def _plan(
        self,
        group_key: KEK | None,
        key_packets: tuple[tuple[KeyPacket, ...], ...] = (),
        re_pull: bool = False,
    ) -> RekeyPlan:
        saved = Saved(
            version=VERSION,
            own_keys=self.own_keys,
            key_type=KEY_TYPES[self.cipher.name],
            group_key=self._started().build(),
            root_handle=self._root_handle,
            next_handle=self._next_handle,
            leaves=list(self._leaves.values()),
        )
        return RekeyPlan(
            group_key=group_key,
            key_packets=key_packets,
            re_pull=re_pull,
            state=msgspec.msgpack.encode(saved),
        )

    # -- keys ------------------------------------------------------------------------------------------

    def _started(self) -> KEK:
        if self._group_key is None:
            raise StateError("the rekey algorithm has neither been started nor restored")
        return self._group_key

    def _new_group_key(self, handle: int, random: Random) -> KEK:
        _check_handle(handle)
        self._group_key = KEK.generate(self.cipher, random)
        self._root_handle, self._next_handle = handle, handle + 1
        return self._group_key

    def _with(
        self, leaves: dict[Identity, Leaf], members: Sequence[Identity], handle: int, random: Random
    ) -> tuple[dict[Identity, Leaf], int]:
        """The leaves and those of `members` that are new, with fresh keys; and the next handle."""
        new = [member for member in dict.fromkeys(members) if member not in leaves]
        if len(leaves) + len(new) > NODES:
            raise StateError(f"{NODES} members are all that LKH ids of 16 bits allow (RFC 6407, 5.6.3.1)")
        _check_handle(handle + len(new))
        taken = {leaf.node for leaf in leaves.values()}
        free = (node for node in range(1, NODES + 1) if node not in taken)
        added = {}
        for member, node in zip(new, free, strict=False):
            key = KEK.generate(self.cipher, random).build() if self.own_keys else b""
            added[member] = Leaf(member.body(), node, handle, key)
            handle += 1
        return {**leaves, **added}, handle

    def _updates(self, spi: bytes, group_key: KEK) -> tuple[tuple[KeyPacket, ...], ...]:
        """The new KEK under each member's key, a packet for each push."""
        arrays = []
        for leaf in self._leaves.values():
            wrapped = KEK.parse(self.cipher, leaf.key).encrypt(group_key.build())
            root = lkh_key(ROOT, self.cipher, self._root_handle, wrapped)
            arrays.append(update_array(leaf.node, leaf.handle, (root,)))
        room = max(1, self.update_octets // update_octets(self.cipher))
        return tuple((packet,) for packet in update_packets(spi, arrays, room))


def _check_handle(handle: int) -> None:
    if handle > HANDLES:
        raise StateError("key handles have run out: 32 bits, and none is used twice (RFC 6407, 5.6.3.1)")


def _foreign() -> StateError:
    return StateError("these octets are no state of the flat rekey algorithm")
