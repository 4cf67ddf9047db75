"""What a rekey algorithm is: who gets which key, and what a push carries when membership changes.

The GSA paper wants "a variety of alternative algorithms" behind one building block. An algorithm works
for one Rekey SA. It makes, keeps and wraps keys; sequence numbers, signatures and datagrams are none of its
business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gsakmp.crypto import KEK, CBCCipher, Random
from gsakmp.errors import StateError
from gsakmp.identities import Identity
from gsakmp.payloads import KeyPacket
from gsakmp.registries import KEKManagementAlgorithm

__all__ = ["Exhausted", "MemberKeys", "Place", "RekeyAlgorithm", "RekeyPlan", "RekeySettings", "TreeNode"]

Place = tuple[int, int]
"""Where a node is: its level, 0 for leaves, and its index on that level from the left."""


class Exhausted(StateError):
    """What names keys has run out, handles say. The structure is at its end: it must be started anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeySettings:
    """What an algorithm is told of the policy (`gsakmp.group.policy.RekeyPolicy` has the same names)."""

    eviction: str = "re-pull"
    """Flat: ``own-keys`` or ``re-pull``."""
    degree: int = 4
    """LKH: children of a node, 2 to 8."""
    trees: int = 1
    """LKH: trees below the KEK, each with LKH ids of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeyPlan:
    """What one change of membership asks for."""

    group_key: KEK | None
    """The new KEK, or None where the present one stays."""
    key_packets: tuple[tuple[KeyPacket, ...], ...] = ()
    """For each push in turn, under the KEK in force before the change: the key packets that lead the
    members who stay to the new KEK. Their SPI is that of the Rekey SA that the new KEK is for. A KEK
    packet among them lacks the public key, which `gsakmp.group.payloads.with_signature_key` puts in."""
    re_pull: bool = False
    """Whether members can't be led there, and must register again."""
    state: bytes = field(repr=False)
    """What to persist of the algorithm as a whole, for `RekeyAlgorithm.restore`; small, as every change
    writes it."""
    parts: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    """And what to persist beside it, by names of the algorithm's own: those parts that have changed, empty
    ones being gone. So one member's joining costs the same however many there are."""
    anew: bool = False
    """Whether `parts` stand in the place of all that were persisted before."""
    changed: tuple[Place, ...] = ()
    """The nodes that have a new key; empty for an algorithm without a tree."""
    wraps: int = 0
    """Keys encrypted under keys."""


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One node of an algorithm's tree, for who looks at it. No key is in it."""

    place: Place
    parent: Place | None
    """None for the root, whose key is the KEK or gives it."""
    kind: Literal["root", "inner", "leaf", "vacant"]
    """``vacant``: a leaf that nobody has."""
    wire_id: int = 0
    """What names the node in payloads."""
    handle: int = 0
    """What tells its key from those it had before; 0 where it has none."""


class RekeyAlgorithm(Protocol):
    """The GCKS's side. Nothing here draws randomness but from `random`, and nothing has changed when a verb
    raises. Those that make keys raise `Exhausted` when they can't any more."""

    management: KEKManagementAlgorithm | None
    """What the SA KEK says (RFC 6407, 5.3.1.1), None to say nothing."""
    re_pull: bool
    """Whether `remove` leads nobody to the new KEK, so that all must register again (`RekeyPlan.re_pull`)."""
    capacity: int
    """Members that there is room for."""

    @property
    def joins_look_back(self) -> bool:
        """Whether who is added now without a new group key is given keys that open pushes under KEKs before
        the present one. Backward rekey then takes a new group key for each."""

    def __len__(self) -> int:
        """Members in the structure."""

    def __contains__(self, member: object) -> bool:
        """Whether an `Identity` is in the structure."""

    def start(self, members: Sequence[Identity], random: Random) -> RekeyPlan:
        """A new group key and structure for `members`; `group_key` is set. Raises `StateError` for more than
        there is room for, as `add` does."""

    def add(self, members: Sequence[Identity], spi: bytes, new_group_key: bool, random: Random) -> RekeyPlan:
        """Members join. `new_group_key`: backward rekey wants a KEK that tells them nothing of the past; its
        Rekey SA has `spi`. Without it the present KEK stays, and no push is needed. Who is in the structure
        already keeps its place and key."""

    def remove(self, members: Sequence[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """Members leave: a new KEK, for the Rekey SA `spi`, that they can't reach (forward rekey). Who is
        not in the structure is passed over."""

    def renew(self, spi: bytes, random: Random) -> RekeyPlan:
        """A new KEK for the same members, as the old one's lifetime ends."""

    def retain(self, members: Iterable[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """All but these leave, as `remove` has it; for who has lost track of who left."""

    def download(self, member: Identity) -> tuple[KeyPacket, ...]:
        """The key packets, beside the KEK's own, that a member is given when it registers (SPI empty; the
        caller puts in its Rekey SA's). Raises `StateError` for who is no member."""

    def leaf_of(self, member: Identity) -> int:
        """The index of a member's leaf. Raises `StateError` for who is no member."""

    def tree(self) -> Iterator[TreeNode]:
        """The nodes, root first, level by level; none for an algorithm without a tree."""

    def restore(self, state: bytes, parts: Mapping[bytes, bytes]) -> None:
        """Go on from what plans said to persist. Raises `StateError` for octets that are none of ours."""


class MemberKeys(Protocol):
    """A member's side: the keys that it holds beside the KEK, and what they open."""

    def install(self, packets: Sequence[KeyPacket]) -> None:
        """What `RekeyAlgorithm.download` gave, and the KEK's own packet. Raises `DecodeError`."""

    def follow(self, packets: Sequence[KeyPacket], cipher: CBCCipher) -> KEK | None:
        """The new KEK that a push's key packets lead this member to, None where they don't lead it anywhere
        yet: a plan may take several pushes. Raises `DecodeError` for packets that contradict themselves;
        nothing has changed then."""
