"""What a rekey algorithm is: who gets which key, and what a push carries when membership changes.

The GSA paper wants "a variety of alternative algorithms" behind one building block. An algorithm works
for one Rekey SA. It makes, keeps and wraps keys; sequence numbers, signatures and datagrams are none of its
business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gsakmp.crypto import KEK, CBCCipher, Random
from gsakmp.identities import Identity
from gsakmp.payloads import KeyPacket
from gsakmp.registries import KEKManagementAlgorithm

__all__ = ["MemberKeys", "RekeyAlgorithm", "RekeyPlan"]


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


class RekeyAlgorithm(Protocol):
    """The GCKS's side. Nothing here draws randomness but from `random`."""

    management: KEKManagementAlgorithm | None
    """What the SA KEK says (RFC 6407, 5.3.1.1), None to say nothing."""

    def start(self, members: Sequence[Identity], random: Random) -> RekeyPlan:
        """A new group key and structure for `members`; `group_key` is set."""

    def add(self, members: Sequence[Identity], spi: bytes, new_group_key: bool, random: Random) -> RekeyPlan:
        """Members join. `new_group_key`: backward rekey wants a KEK that tells them nothing of the past; its
        Rekey SA has `spi`."""

    def remove(self, members: Sequence[Identity], spi: bytes, random: Random) -> RekeyPlan:
        """Members leave: a new KEK, for the Rekey SA `spi`, that they can't reach (forward rekey)."""

    def renew(self, spi: bytes, random: Random) -> RekeyPlan:
        """A new KEK for the same members, as the old one's lifetime ends."""

    def download(self, member: Identity) -> tuple[KeyPacket, ...]:
        """The key packets, beside the KEK's own, that a member is given when it registers (SPI empty; the
        caller puts in its Rekey SA's)."""

    def members(self) -> Iterable[Identity]:
        """Who is in the structure."""

    def restore(self, state: bytes, parts: Mapping[bytes, bytes]) -> None:
        """Go on from what plans said to persist. Raises `StateError` for octets that are none of ours."""


class MemberKeys(Protocol):
    """A member's side: the keys that it holds beside the KEK, and what they open."""

    def install(self, packets: Sequence[KeyPacket]) -> None:
        """What `RekeyAlgorithm.download` gave. Raises `DecodeError`."""

    def follow(self, packets: Sequence[KeyPacket], cipher: CBCCipher) -> KEK | None:
        """The new KEK that a push's key packets lead this member to, None where they don't lead it anywhere.
        Raises `DecodeError` for packets that contradict themselves; nothing has changed then."""
