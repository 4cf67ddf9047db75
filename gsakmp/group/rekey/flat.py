"""The flat rekey algorithm: one KEK, and either nothing below it or a key for each member.

``own-keys`` is a star: each member has a key of its own, and whoever is evicted is left out when the new KEK
goes to each of the others under theirs. On the wire it is the smallest tree that RFC 6407, 5.6.3 can say:
one leaf for each member, and the root, which is the KEK; several such trees where LKH ids of 16 bits are not
enough for one. ``re-pull`` keeps no such keys: after an eviction members register again, those who still may.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeVar

import msgspec

from gsakmp.crypto import KEK, CBCCipher, Random
from gsakmp.errors import GsakmpError, StateError
from gsakmp.group.rekey.interface import Exhausted, Place, RekeyPlan, TreeNode
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
from gsakmp.limits import GROUP_MEMBERS
from gsakmp.payloads import KeyPacket
from gsakmp.registries import KEKManagementAlgorithm

__all__ = ["NODES", "UPDATE_OCTETS", "FlatRekey"]

ROOT: Final = 0
"""LKH id of the root."""
ROOT_PLACE: Final[Place] = (1, 0)
NODES: Final = 0xFFFF
"""Leaves of a tree: LKH ids have 16 bits (RFC 6407, 5.6.3.1), and one of them is the root's."""
HANDLES: Final = 0xFFFF_FFFF
UPDATE_OCTETS: Final = 1024
"""Octets of update arrays in one push. With header, SA KEK, SIG and IP it still fits into an Ethernet frame:
one lost fragment would lose the whole push."""
STATE_OCTETS: Final = 1024
"""Octets of persisted state, a leaf's included."""
VERSION: Final = 1

S = TypeVar("S", bound=msgspec.Struct)


class Leaf(msgspec.Struct, frozen=True, array_like=True):
    """A member's place: its node, its key (IV, then key) and the handle that tells that key from others.

    It is persisted as it is: a part, by the octets of the member's identity."""

    node: int
    handle: int
    key: bytes

    def __repr__(self) -> str:
        return f"Leaf(node={self.node}, handle={self.handle})"


class Saved(msgspec.Struct, frozen=True, array_like=True):
    """What is persisted beside the leaves."""

    version: int
    own_keys: bool
    key_type: int
    group_key: bytes
    root_handle: int
    next_handle: int

    def __repr__(self) -> str:
        return f"Saved(next_handle={self.next_handle})"


class FlatRekey:
    """See `gsakmp.group.rekey.RekeyAlgorithm`. With `own_keys` it is the star, or several, `trees`: in each
    LKH ids begin again, and a key is known by its handle. A leaf's index is its node less one.

    Who already is in the structure and joins again keeps its key. Nothing changes when a verb raises.
    """

    def __init__(
        self, cipher: CBCCipher, *, own_keys: bool, trees: int = 1, update_octets: int = UPDATE_OCTETS
    ) -> None:
        self.cipher = cipher
        self.own_keys = own_keys
        self.update_octets = update_octets
        self.management = KEKManagementAlgorithm.LKH if own_keys else None
        self.re_pull = not own_keys
        self.joins_look_back = False
        self.capacity = min(trees * NODES, GROUP_MEMBERS) if own_keys else GROUP_MEMBERS
        self._group_key: KEK | None = None
        self._root_handle = 0
        self._next_handle = 1
        self._leaves: dict[Identity, Leaf] = {}
        self._end = 1  # nodes from here on were never given
        self._gaps: list[int] = []  # and those before it that are free again

    def __len__(self) -> int:
        return len(self._leaves)

    def __contains__(self, member: object) -> bool:
        return member in self._leaves

    # -- the verbs -------------------------------------------------------------------------------------

    def start(self, members: Sequence[Identity], random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.start`."""
        nodes = range(1, self.capacity + 1)
        added = self._new_leaves(dict.fromkeys(members), nodes, random)
        parts = parts_of(added)
        self._new_group_key(self._next_handle + len(added), random)
        self._leaves, self._end, self._gaps = added, len(added) + 1, []
        return self._plan(self._group_key, parts=parts, anew=True, changed=self._places(added))

    def add(self, members: Sequence[Identity], spi: bytes, new_group_key: bool, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.add`. Those who were there before get a new KEK under the present one, which
        the newcomers never had."""
        self._started()
        present = bool(self._leaves)
        new = [member for member in dict.fromkeys(members) if member not in self._leaves]
        last = min(self._end + len(new), self.capacity + 1)
        nodes = (*self._gaps[: -len(new) - 1 : -1], *range(self._end, last))
        added = self._new_leaves(new, nodes, random)
        parts = parts_of(added)
        handle = self._next_handle + len(added)
        group_key = self._new_group_key(handle, random) if new_group_key else None
        self._next_handle = max(handle, self._next_handle)
        self._take(added)
        packets = ((kek_packet(spi, group_key),),) if group_key is not None and present else ()
        changed = self._places(added)
        if group_key is None:
            changed = changed[1:]
        return self._plan(group_key, packets, parts=parts, changed=changed, wraps=len(packets))

    def remove(self, members: Sequence[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.remove`."""
        self._started()
        gone = [member for member in dict.fromkeys(members) if member in self._leaves]
        parts = {member.body(): b"" for member in gone}
        group_key = self._new_group_key(self._next_handle, random)
        self._gaps += [self._leaves.pop(member).node for member in gone]
        if not self.own_keys:
            return self._plan(group_key, re_pull=True, parts=parts)
        packets = self._updates(spi, group_key)
        return self._plan(group_key, packets, parts=parts, changed=self._places(), wraps=len(self._leaves))

    def renew(self, spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.renew`: the new KEK under the present one, which all members have."""
        self._started()
        group_key = self._new_group_key(self._next_handle, random)
        packets = ((kek_packet(spi, group_key),),) if self._leaves else ()
        return self._plan(group_key, packets, changed=self._places(), wraps=len(packets))

    def retain(self, members: Iterable[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.retain`."""
        staying = set(members)
        return self.remove([member for member in self._leaves if member not in staying], spi, random)

    # -- what there is ---------------------------------------------------------------------------------

    def download(self, member: Identity) -> tuple[KeyPacket, ...]:
        """See `RekeyAlgorithm.download`: leaf and root, or nothing without own keys."""
        group_key, leaf = self._started(), self._leaf(member)
        if not self.own_keys:
            return ()
        own = lkh_key(wire_id(leaf.node), self.cipher, leaf.handle, leaf.key)
        root = lkh_key(ROOT, self.cipher, self._root_handle, group_key.build())
        return (download_packet((own, root)),)

    def leaf_of(self, member: Identity) -> int:
        """See `RekeyAlgorithm.leaf_of`."""
        return self._leaf(member).node - 1

    def tree(self) -> Iterator[TreeNode]:
        """See `RekeyAlgorithm.tree`: the root and its leaves; nothing without own keys."""
        if not self.own_keys:
            return
        yield TreeNode(place=ROOT_PLACE, parent=None, kind="root", wire_id=ROOT, handle=self._root_handle)
        by_node = {leaf.node: leaf.handle for leaf in self._leaves.values()}
        for node in range(1, self._end):
            kind: Literal["leaf", "vacant"] = "leaf" if node in by_node else "vacant"
            place, handle = (0, node - 1), by_node.get(node, 0)
            yield TreeNode(place, ROOT_PLACE, kind, wire_id=wire_id(node), handle=handle)

    def member_key(self, member: Identity) -> bytes:
        """A member's own key: IV, then key; empty without own keys. What follows the IV is the base key of
        its acknowledgements (RFC 8263, 2.2). Raises `StateError` for who is no member."""
        return self._leaf(member).key

    def _leaf(self, member: Identity) -> Leaf:
        leaf = self._leaves.get(member)
        if leaf is None:
            raise StateError(f"{member} is not in the key structure")
        return leaf

    def _places(self, leaves: Mapping[Identity, Leaf] | None = None) -> tuple[Place, ...]:
        """Those of the root and of some leaves."""
        if not self.own_keys:
            return ()
        return (ROOT_PLACE, *((0, leaf.node - 1) for leaf in (leaves or {}).values()))

    # -- persistence -----------------------------------------------------------------------------------

    def restore(self, state: bytes, parts: Mapping[bytes, bytes]) -> None:
        """See `RekeyAlgorithm.restore`."""
        saved = decoded(state, Saved)
        ours = (VERSION, self.own_keys, KEY_TYPES[self.cipher.name])
        if (saved.version, saved.own_keys, saved.key_type) != ours:
            raise StateError("the rekey algorithm's state is of another algorithm, cipher or version")
        try:
            group_key = KEK.parse(self.cipher, saved.group_key)
            leaves = {identity_from_octets(name): decoded(part, Leaf) for name, part in parts.items()}
        except GsakmpError:
            raise _foreign() from None
        if len(leaves) > self.capacity:
            raise StateError(f"the state is of {len(leaves)} members, and there is room for {self.capacity}")
        size = self.cipher.block_size + self.cipher.key_size if self.own_keys else 0
        nodes = {leaf.node for leaf in leaves.values()}
        handles = [saved.root_handle, *(leaf.handle for leaf in leaves.values())]
        fits = all(len(leaf.key) == size and 0 < leaf.node <= self.capacity for leaf in leaves.values())
        in_order = all(0 <= handle < saved.next_handle <= HANDLES + 1 for handle in handles)
        if not fits or not in_order or not len(nodes) == len(leaves) == len(parts):
            raise _foreign()
        self._group_key, self._root_handle = group_key, saved.root_handle
        self._next_handle, self._leaves = saved.next_handle, leaves
        self._end = max(nodes, default=0) + 1
        self._gaps = [node for node in range(1, self._end) if node not in nodes]

    def _plan(
        self,
        group_key: KEK | None,
        key_packets: tuple[tuple[KeyPacket, ...], ...] = (),
        *,
        re_pull: bool = False,
        parts: dict[bytes, bytes] | None = None,
        anew: bool = False,
        changed: tuple[Place, ...] = (),
        wraps: int = 0,
    ) -> RekeyPlan:
        saved = Saved(
            version=VERSION,
            own_keys=self.own_keys,
            key_type=KEY_TYPES[self.cipher.name],
            group_key=self._started().build(),
            root_handle=self._root_handle,
            next_handle=self._next_handle,
        )
        return RekeyPlan(
            group_key=group_key,
            key_packets=key_packets,
            re_pull=re_pull,
            state=msgspec.msgpack.encode(saved),
            parts=parts or {},
            anew=anew,
            changed=changed,
            wraps=wraps,
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

    def _new_leaves(
        self, members: Collection[Identity], nodes: Sequence[int], random: Random
    ) -> dict[Identity, Leaf]:
        """Leaves with fresh keys at the first of `nodes`; nothing has changed yet."""
        if len(members) > len(nodes):
            rule = " (LKH ids have 16 bits: RFC 6407, 5.6.3.1)" if self.own_keys else ""
            raise StateError(f"the flat algorithm has room for {self.capacity} members{rule}")
        first = self._next_handle
        _check_handle(first + len(members))
        added = {}
        for handle, (member, node) in enumerate(zip(members, nodes, strict=False), first):
            key = KEK.generate(self.cipher, random).build() if self.own_keys else b""
            added[member] = Leaf(node, handle, key)
        return added

    def _take(self, added: Mapping[Identity, Leaf]) -> None:
        """They are in; those at gaps came first."""
        self._leaves.update(added)
        filled = min(len(added), len(self._gaps))
        del self._gaps[len(self._gaps) - filled :]
        self._end += len(added) - filled

    def _updates(self, spi: bytes, group_key: KEK) -> tuple[tuple[KeyPacket, ...], ...]:
        """The new KEK under each member's key, a packet for each push."""
        arrays = []
        for leaf in self._leaves.values():
            wrapped = KEK.parse(self.cipher, leaf.key).encrypt(group_key.build())
            root = lkh_key(ROOT, self.cipher, self._root_handle, wrapped)
            arrays.append(update_array(wire_id(leaf.node), leaf.handle, (root,)))
        room = max(1, self.update_octets // update_octets(self.cipher))
        return tuple((packet,) for packet in update_packets(spi, arrays, room))


def wire_id(node: int) -> int:
    """The LKH id of a node: from 1 on, in each tree again."""
    return (node - 1) % NODES + 1


def parts_of(leaves: Mapping[Identity, Leaf]) -> dict[bytes, bytes]:
    """Leaves as they are persisted."""
    return {member.body(): msgspec.msgpack.encode(leaf) for member, leaf in leaves.items()}


def decoded(octets: bytes, kind: type[S]) -> S:
    """What was persisted. Raises `StateError`."""
    if len(octets) > STATE_OCTETS:
        raise _foreign()
    try:
        return msgspec.msgpack.decode(octets, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _foreign() from None


def _check_handle(handle: int) -> None:
    if handle > HANDLES:
        raise Exhausted("key handles have run out: 32 bits, and none is used twice (RFC 6407, 5.6.3.1)")


def _foreign() -> StateError:
    return StateError("these octets are no state of the flat rekey algorithm")
