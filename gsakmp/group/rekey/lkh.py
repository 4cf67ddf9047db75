"""LKH: a tree of keys, so that who leaves is shut out by a few keys for each level (RFC 2627, 5.4), on the
wire as RFC 6407, 5.6.3 has it.

Each member has a leaf and holds the keys from there to the root, whose key is the KEK. When a member leaves,
the keys that it held are replaced from the bottom up, and each new key goes out under those of the children:
degree * height - 1 wraps where the tree is full. When one joins and the past is to stay closed to it, each
key of its path is replaced by one under itself: 2 * height - 1 wraps. Who is on no such path hears of the new
KEK alone.

The tree is in flat arrays (`gsakmp.group.rekey.slots` and `lkh_tree`), what changes is planned without
keys (`lkh_plan`), and made into payloads by `lkh_arrays`. Secrecy: past members, even all together, have no
key that opens a later KEK; newcomers have none that opens an earlier one, where a group key is made for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from gsakmp.crypto import KEK, CBCCipher, Random, random_octets
from gsakmp.errors import StateError
from gsakmp.group.rekey.interface import Exhausted, Place, RekeyPlan, TreeNode
from gsakmp.group.rekey.lkh_arrays import Held, Wrapping, pushes
from gsakmp.group.rekey.lkh_ids import ROOT, Numbering, capacity_of, trees_for
from gsakmp.group.rekey.lkh_plan import Change, plan_join, plan_leave
from gsakmp.group.rekey.lkh_state import HANDLES, Saved, parts_of, restored, saved_from
from gsakmp.group.rekey.lkh_tree import KeyTree
from gsakmp.group.rekey.packets import download_packet, lkh_key
from gsakmp.group.rekey.slots import PAGE, Slots
from gsakmp.identities import Identity
from gsakmp.limits import GROUP_MEMBERS
from gsakmp.payloads import KeyPacket
from gsakmp.registries import KEKManagementAlgorithm

__all__ = ["DEGREE", "UPDATE_OCTETS", "LKHRekey", "capacity_of", "trees_for"]

DEGREE: Final = 4
"""Children of a node where nothing else is said. Measured (docs/decisions/0021)."""
UPDATE_OCTETS: Final = 1024
"""Octets of update arrays in one push. With header, SA KEK, SIG and IP it still fits into an Ethernet frame:
one lost fragment would lose the whole push."""
FIRST_HANDLE: Final = 1
"""That of the first KEK of a group that starts without members."""


class LKHRekey:
    """See `gsakmp.group.rekey.RekeyAlgorithm`.

    `degree` is the children of a node, `trees` how many trees there are whose LKH ids repeat: the more, the
    more members (`capacity_of`). Raises `ConfigurationError` for those that don't fit. Who already is in the
    structure and joins again keeps its leaf and its key.
    """

    def __init__(
        self,
        cipher: CBCCipher,
        *,
        degree: int = DEGREE,
        trees: int = 1,
        update_octets: int = UPDATE_OCTETS,
    ) -> None:
        self.management: KEKManagementAlgorithm | None = KEKManagementAlgorithm.LKH
        self.re_pull = False
        self.cipher = cipher
        self.numbering = Numbering.of(degree, trees)
        self.capacity = min(self.numbering.capacity, GROUP_MEMBERS)
        self.update_octets = update_octets
        self._key_octets = cipher.block_size + cipher.key_size
        self._slots = Slots(self.capacity)
        self._tree = KeyTree(degree, self._key_octets)
        self._root: Held | None = None
        self._next_handle = FIRST_HANDLE

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, member: object) -> bool:
        return member in self._slots

    def __repr__(self) -> str:
        return f"LKHRekey({self.cipher.name}, degree {self.numbering.degree}, {len(self)} members)"

    @property
    def joins_look_back(self) -> bool:
        """See `RekeyAlgorithm.joins_look_back`. Keys of a path are older than the KEK, and arrays that went
        out under them led to KEKs before; but for the first KEK there is none before."""
        return self._root is not None and self._root[0] != FIRST_HANDLE

    # -- the verbs -------------------------------------------------------------------------------------

    def start(self, members: Sequence[Identity], random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.start`. The plan names no node as changed: all are new."""
        slots = Slots(self.capacity)
        who = list(dict.fromkeys(members))
        slots.put(who, slots.free(len(who)))
        tree = KeyTree(self.numbering.degree, self._key_octets, len(who))
        counts = [len(level.handles) for level in tree.levels]
        first = self._handles(sum(counts) + 1)
        keys = [self._octets(random, count) for count in counts]
        root = first + sum(counts), self._octets(random, 1)
        tree.fill(keys, first)
        self._slots, self._tree, self._root, self._next_handle = slots, tree, root, root[0] + 1
        pages = range(-(-slots.end // PAGE)), tree.pages()
        return self._plan(new_root=True, parts=parts_of(slots, tree, *pages), anew=True)

    def add(self, members: Sequence[Identity], spi: bytes, new_group_key: bool, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.add`. With a new KEK, each key on a newcomer's path is replaced by one under
        itself; without, a newcomer is given those that there are."""
        self._started()
        who = [member for member in dict.fromkeys(members) if member not in self._slots]
        leaves = self._slots.free(len(who))
        change = plan_join(self._tree, leaves, new_group_key)
        keys, wrapping = self._keys(change, random)
        packets = pushes(spi, wrapping.arrays(), self.update_octets)
        self._slots.put(who, leaves)
        return self._made(change, keys, leaves, packets, wrapping.wraps)

    def remove(self, members: Sequence[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.remove`. There is a new KEK even where nobody was in the structure."""
        self._started()
        found = (self._slots.find(member) for member in members)
        return self._leave({leaf for leaf in found if leaf is not None}, spi, random)

    def renew(self, spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.renew`: the new KEK under the present one, as an update array too, so that
        members know its handle."""
        self._started()
        return self.add((), spi, True, random)

    def retain(self, members: Iterable[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.retain`."""
        self._started()
        return self._leave(set(self._slots.others(members)), spi, random)

    def _leave(self, leaves: Collection[int], spi: bytes, random: Random) -> RekeyPlan:
        change = plan_leave(self._tree, leaves, self._slots.end_without(leaves))
        keys, wrapping = self._keys(change, random)
        packets = pushes(spi, wrapping.arrays(), self.update_octets)
        self._slots.vacate(leaves)
        return self._made(change, keys, leaves, packets, wrapping.wraps)

    # -- who looks -------------------------------------------------------------------------------------

    def download(self, member: Identity) -> tuple[KeyPacket, ...]:
        """See `RekeyAlgorithm.download`: the keys from the leaf up, the KEK last (RFC 6407, 5.6.3.1)."""
        root_handle, root = self._started()
        tree, number = self._tree, self.numbering.number
        held = [
            lkh_key(number(place), self.cipher, tree.handle(place), tree.key(place))
            for place in self._path(self._slots.leaf(member))
            if tree.handle(place)
        ]
        return (download_packet((*held, lkh_key(ROOT, self.cipher, root_handle, root))),)

    def leaf_of(self, member: Identity) -> int:
        """See `RekeyAlgorithm.leaf_of`."""
        return self._slots.leaf(member)

    def tree(self) -> Iterator[TreeNode]:
        """See `RekeyAlgorithm.tree`. An inner node without a handle has no key of its own."""
        tree, degree = self._tree, self.numbering.degree
        top = tree.height
        yield TreeNode((top, 0), None, "root", ROOT, self._root[0] if self._root else 0)
        for level in range(top - 1, -1, -1):
            for index, handle in enumerate(tree.levels[level].handles):
                leaf: Literal["leaf", "vacant"] = "leaf" if handle else "vacant"
                place, parent = (level, index), (level + 1, index // degree)
                number = self.numbering.number(place)
                yield TreeNode(place, parent, "inner" if level else leaf, number, handle)

    def restore(self, state: bytes, parts: Mapping[bytes, bytes]) -> None:
        """See `RekeyAlgorithm.restore`."""
        saved = saved_from(state, self.cipher, self.numbering, self.capacity)
        self._slots, self._tree = restored(saved, parts, self._key_octets, self.capacity)
        self._root, self._next_handle = (saved.root_handle, saved.group_key), saved.next_handle

    # -- how -------------------------------------------------------------------------------------------

    def _started(self) -> Held:
        if self._root is None:
            raise StateError("the rekey algorithm has neither been started nor restored")
        return self._root

    def _path(self, leaf: int) -> Iterator[Place]:
        for level in range(self._tree.height):
            yield level, leaf
            leaf //= self.numbering.degree

    def _handles(self, count: int) -> int:
        """The first of so many handles that were never given. Raises `Exhausted`."""
        if self._next_handle + count - 1 > HANDLES:
            raise Exhausted("key handles have run out: 32 bits, and none is used twice (RFC 6407, 5.6.3.1)")
        return self._next_handle

    def _octets(self, random: Random, count: int) -> bytes:
        return random_octets(random, self._key_octets * count)

    def _keys(self, change: Change, random: Random) -> tuple[dict[Place, Held], Wrapping]:
        """Keys for a change's fresh nodes, by one draw; nothing has changed yet."""
        first, size = self._handles(len(change.fresh)), self._key_octets
        octets = self._octets(random, len(change.fresh)) if change.fresh else b""
        keys = {
            place: (first + nth, octets[size * nth : size * (nth + 1)])
            for nth, place in enumerate(change.fresh)
        }
        return keys, Wrapping(self.cipher, self.numbering, self._tree, change, keys, self._root)

    def _made(
        self,
        change: Change,
        keys: dict[Place, Held],
        leaves: Iterable[int],
        key_packets: tuple[tuple[KeyPacket, ...], ...],
        wraps: int,
    ) -> RekeyPlan:
        """Make the change, whose leaves are given or vacated already, and say what it was."""
        dropped = [(level, 0) for level in range(change.height, self._tree.height)]
        self._tree.apply(change, keys)
        root = keys.get(change.root)
        self._next_handle += len(keys)
        self._root = root or self._root
        touched = [*change.emptied, *dropped, *(place for place in change.fresh if place != change.root)]
        pages = Slots.pages_of(leaves), KeyTree.pages_of(touched)
        return self._plan(
            new_root=root is not None,
            key_packets=key_packets,
            parts=parts_of(self._slots, self._tree, *pages),
            changed=tuple(change.fresh),
            wraps=wraps,
        )

    def _plan(
        self,
        *,
        new_root: bool,
        parts: dict[bytes, bytes],
        key_packets: tuple[tuple[KeyPacket, ...], ...] = (),
        anew: bool = False,
        changed: tuple[Place, ...] = (),
        wraps: int = 0,
    ) -> RekeyPlan:
        handle, root = self._started()
        saved = Saved(
            cipher=self.cipher.name,
            degree=self.numbering.degree,
            trees=self.numbering.trees,
            group_key=root,
            root_handle=handle,
            next_handle=self._next_handle,
            members=len(self._slots),
            end=self._slots.end,
        )
        return RekeyPlan(
            group_key=KEK.parse(self.cipher, root) if new_root else None,
            key_packets=key_packets,
            state=msgspec.msgpack.encode(saved),
            parts=parts,
            anew=anew,
            changed=changed,
            wraps=wraps,
        )
