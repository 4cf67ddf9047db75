"""What a verified exchange leaves behind.

Only such values may change a group, so nobody but the exchanges here can make them: what they hold has had
its HASH or signature checked. Copies with something replaced are refused too.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import Final

from gsakmp.errors import StateError
from gsakmp.identities import Identity
from gsakmp.payloads import GroupDelete, GroupSA, KeyDownload, Notification

__all__ = ["VerifiedAck", "VerifiedPull", "VerifiedPush"]

PROOF: Final = object()
"""What an exchange that has verified a message shows; for `pull`, `push` and `ack` alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Raises `StateError` for who has verified nothing."""

    proof: InitVar[object] = None

    def __post_init__(self, proof: object) -> None:
        if proof is not PROOF:
            raise StateError(f"a {type(self).__name__} comes out of a verified exchange alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPull(Verified):
    """What a GROUPKEY-PULL has downloaded (RFC 6407, 3.2)."""

    group: Identity
    policy: GroupSA
    sequence_number: int | None
    """That of the last push: only greater ones are accepted. None where `policy` has no Rekey SA."""
    key_download: KeyDownload = field(repr=False)
    notifications: tuple[Notification, ...] = ()
    """What else the GCKS had to say, in either of its messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPush(Verified):
    """What a GROUPKEY-PUSH carries (RFC 6407, 4); without policy and keys it deletes (5.9)."""

    spi: bytes
    """16 octets: the Rekey SA that it came under."""
    sequence_number: int
    deletes: tuple[GroupDelete, ...] = ()
    policy: GroupSA | None = None
    key_download: KeyDownload | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAck(Verified):
    """That a member has received a push (RFC 8263, 3)."""

    spi: bytes
    """16 octets: the Rekey SA that the push came under."""
    sequence_number: int
    identity: Identity
    """The member's address, or its object identifier (RFC 8263, 3.4)."""
