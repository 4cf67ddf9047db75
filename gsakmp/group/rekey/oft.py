"""One-way function trees (OFT): the GCKS's side. After draft-irtf-smug-groupkeymgmt-oft-00, section 4.

The tree is binary, its leaves are the members, and all keys follow from the leaves' secrets
(`gsakmp.group.rekey.oft_functions`). A leave costs a wrapped key for each level, half of what a binary LKH
tree needs. What is sent are the arrays of `gsakmp.payloads.gdoi.oft`, under private numbers.

**Invariant** (draft, 4.1.1): a member knows the secrets on the path from its leaf to the root, and the
blinded secrets of the nodes beside this path; of others' neither, except what follows from those. It holds
after every verb, for every member that is in the tree. Who waits (below) knows its leaf's secret alone, and
the KEK.

**Secrecy.** From all that was ever sent and all that they ever held,

- members who have left, however many, can't compute a KEK that came into force after the last of them left
  (forward secrecy against any coalition of past members);
- members who have come, however many, can't compute a KEK that was in force only before the first of them
  came (backward secrecy against any coalition of future members), where `add` was asked for a new KEK.
  Without one, a newcomer has the present KEK, which it was given, and none of those before.

It is *not* secure against a coalition of both kinds: one that left before a KEK came into force, and one
that came after it (Horng 2002; Ku and Chen 2003). Who left knows blinded secrets beside its old path, those
that have not changed since among them; who came later learns blinded secrets on the other side, perhaps of
the same time. The two halves of one node's secret may meet in this way, and then all above it is known, and
with it KEKs between that leave and that join. Renewing a leaf at each join and leave
(`gsakmp.group.rekey.oft_change`) prevents this for neighbours only. Who needs more takes LKH.

**Deferred joins** (draft, 4.4, OFT+): without a new KEK, a newcomer is given its leaf's secret and the KEK,
and *waits*: it enters the tree with the next change, whose pushes tell it the blinded secrets that it
needs, under its own key or those on its path. Many that wait make that change long: about two wraps for
each of a row.

**Renewal** of the KEK needs no wrap: the KEK comes of the root's secret and the epoch, which a push without
keys tells, together with whatever those who wait need.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from gsakmp.crypto import KEK, CBCCipher, Random
from gsakmp.errors import StateError
from gsakmp.group.rekey.interface import Exhausted, RekeyPlan, TreeNode
from gsakmp.group.rekey.oft_change import Change
from gsakmp.group.rekey.oft_functions import (
    blinded,
    check_value,
    fresh_secret,
    group_kek,
    number_of,
)
from gsakmp.group.rekey.oft_packets import download_packet, stated, update_packets
from gsakmp.group.rekey.oft_state import all_pages, page_of, restored, saved_state
from gsakmp.group.rekey.oft_tree import Tree, top_of
from gsakmp.group.rekey.slots import Slots
from gsakmp.identities import Identity
from gsakmp.payloads import KeyPacket, OFTUpdateArray
from gsakmp.registries import KEKManagementAlgorithm, OFTValueType

__all__ = ["CAPACITY", "UPDATE_OCTETS", "OFTRekey"]

CAPACITY: Final = 1 << 24
"""Members of one tree; numbers of its nodes fit into 32 bits, with room to spare."""
UPDATE_OCTETS: Final = 1024
"""Octets of an update array in one push, as for LKH: the push still fits into an Ethernet frame. It has room
for a leave from a tree of 2,000,000."""
LAST_EPOCH: Final = 0xFFFF_FFFF


class OFTRekey:
    """See `gsakmp.group.rekey.RekeyAlgorithm`. Nothing has changed when a verb raises.

    Of `start`, `RekeyPlan.changed` names no nodes: all are new.
    """

    def __init__(
        self, cipher: CBCCipher, *, capacity: int = CAPACITY, update_octets: int = UPDATE_OCTETS
    ) -> None:
        self.cipher = cipher
        self.capacity = min(capacity, CAPACITY)
        self.update_octets = update_octets
        self.management: KEKManagementAlgorithm | None = KEKManagementAlgorithm.OFT
        self.re_pull = False
        self.joins_look_back = False
        self._slots = Slots(self.capacity)
        self._tree = Tree()
        self._group_key: KEK | None = None
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, member: object) -> bool:
        return member in self._slots

    # -- the verbs -------------------------------------------------------------------------------------

    def start(self, members: Sequence[Identity], random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.start`. Raises `StateError` for more than `capacity`."""
        slots, tree, epoch = Slots(self.capacity), Tree(), self._next_epoch()
        named = tuple(dict.fromkeys(members))
        slots.put(named, slots.free(len(named)))
        tree.put_leaves(b"".join(fresh_secret(random) for _ in named), bytes(len(named)))
        key = self._key_of(tree.root_secret(), epoch, random)
        self._slots, self._tree, self._group_key, self._epoch = slots, tree, key, epoch
        return RekeyPlan(group_key=key, state=self._state(), parts=all_pages(slots, tree), anew=True)

    def add(self, members: Sequence[Identity], spi: bytes, new_group_key: bool, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.add`. Without a new KEK, who joins waits."""
        self._started()
        new = [member for member in dict.fromkeys(members) if member not in self._slots]
        leaves = self._slots.free(len(new))
        secrets = {leaf: fresh_secret(random) for leaf in leaves}
        if new_group_key:
            return self._change(spi, random, new=new, come=secrets)
        self._slots.put(new, leaves)
        for leaf, secret in secrets.items():
            self._tree.wait(leaf, secret)
        return RekeyPlan(group_key=None, state=self._state(), parts=self._pages(leaves))

    def remove(self, members: Sequence[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.remove`."""
        self._started()
        here = (member for member in dict.fromkeys(members) if member in self._slots)
        return self._change(spi, random, gone=[self._slots.leaf(member) for member in here])

    def renew(self, spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.renew`: a new epoch of the same tree."""
        self._started()
        return self._change(spi, random)

    def retain(self, members: Iterable[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """See `RekeyAlgorithm.retain`."""
        self._started()
        return self._change(spi, random, gone=self._slots.others(members))

    def download(self, member: Identity) -> tuple[KeyPacket, ...]:
        """See `RekeyAlgorithm.download`: the leaf's secret, and the blinded ones beside its path."""
        self._started()
        leaf = self._slots.leaf(member)
        keys = [stated((0, leaf), OFTValueType.LEAF_SECRET, self._tree.leaf_secret(leaf))]
        if not self._tree.secret((0, leaf)):
            return (download_packet(self._epoch, 0, keys),)
        for level in range(self._tree.top):
            beside = (level, leaf >> level ^ 1)
            if secret := self._tree.secret(beside):
                keys.append(stated(beside, OFTValueType.BLINDED_SECRET, blinded(secret)))
        return (download_packet(self._epoch, number_of((self._tree.top, 0)), keys),)

    def leaf_of(self, member: Identity) -> int:
        """See `RekeyAlgorithm.leaf_of`."""
        return self._slots.leaf(member)

    def tree(self) -> Iterator[TreeNode]:
        """See `RekeyAlgorithm.tree`. Leaves that wait are among them, and what will be above them."""
        end = self._slots.end
        top = top_of(end)
        for level in range(top, -1, -1):
            for index in range(-(-end >> level)):
                place = (level, index)
                parent = (level + 1, index >> 1) if level < top else None
                if level:
                    yield TreeNode(place, parent, "inner" if parent else "root", number_of(place))
                else:
                    here = self._slots.occupied(index)
                    yield TreeNode(place, parent, "leaf" if here else "vacant", number_of(place))

    def restore(self, state: bytes, parts: Mapping[bytes, bytes]) -> None:
        """See `RekeyAlgorithm.restore`. The inner secrets are computed from the leaves', and the KEK must
        come of them."""
        saved, slots, tree = restored(state, parts, self.cipher, self.capacity)
        self._slots, self._tree = slots, tree
        self._group_key, self._epoch = KEK.parse(self.cipher, saved.group_key), saved.epoch

    # -- a change --------------------------------------------------------------------------------------

    def _change(
        self,
        spi: bytes,
        random: Random,
        *,
        gone: Collection[int] = (),
        new: Sequence[Identity] = (),
        come: Mapping[int, bytes] | None = None,
    ) -> RekeyPlan:
        """Leaves go, `new` members come to the leaves of `come`, and who waits enters the tree."""
        slots, tree, told = self._slots, self._tree, come or {}
        epoch, before, out = self._next_epoch(), len(slots), set(gone)
        waiting = tree.waiting_leaves()
        entering = {leaf: tree.leaf_secret(leaf) for leaf in waiting if leaf not in out}
        end = self._end_without(out) if out else max((slots.end, *(leaf + 1 for leaf in told)))
        leaving = out.difference(waiting)
        change = Change(tree, end, leaving, {**entering, **told}, told, lambda: fresh_secret(random))
        root = change.root_secret()
        key = self._key_of(root, epoch, random)
        packets: tuple[KeyPacket, ...] = ()
        if before > len(out):
            head = OFTUpdateArray(
                epoch=epoch, root=number_of((change.top, 0)), key_check_value=check_value(root, epoch)
            )
            packets = update_packets(spi, head, change.keys(self.cipher), self.update_octets)
        change.secrets[0].update(dict.fromkeys(out, b""))
        slots.put(new, list(told))  # the first that changes anything, and it does nothing if it raises
        slots.vacate(out)
        tree.put(change.secrets, end)
        self._group_key, self._epoch = key, epoch
        return RekeyPlan(
            group_key=key,
            key_packets=tuple((packet,) for packet in packets),
            state=self._state(),
            parts=self._pages((*out, *entering, *told, *change.renewed)),
            changed=change.changed(),
            wraps=change.wraps,
        )

    def _end_without(self, gone: Collection[int]) -> int:
        """Where the leaves end once these are vacant."""
        end = self._slots.end
        while end and (end - 1 in gone or not self._slots.occupied(end - 1)):
            end -= 1
        return end

    def _next_epoch(self) -> int:
        if self._epoch == LAST_EPOCH:
            raise Exhausted("the epochs of this tree have run out: they have 32 bits")
        return self._epoch + 1

    def _key_of(self, root: bytes, epoch: int, random: Random) -> KEK:
        """The KEK of a root, or any where nobody is in the tree."""
        return group_kek(root, epoch, self.cipher) if root else KEK.generate(self.cipher, random)

    # -- state -----------------------------------------------------------------------------------------

    def _started(self) -> KEK:
        if self._group_key is None:
            raise StateError("the rekey algorithm has neither been started nor restored")
        return self._group_key

    def _state(self) -> bytes:
        return saved_state(self.cipher, self._epoch, self._started(), len(self._slots))

    def _pages(self, leaves: Iterable[int]) -> dict[bytes, bytes]:
        numbers = sorted(self._slots.pages_of(leaves))
        return dict(page_of(self._slots, self._tree, number) for number in numbers)
