"""An ISAKMP SA at work: the peer's address, the exchanges under it, and whether the peer still lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from gsakmp.exchanges.address import Address
from gsakmp.exchanges.dpd import DeadPeerDetection
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, Role
from gsakmp.exchanges.retransmission import Conversation

__all__ = ["Exchange", "HalfOpen", "Path", "Session"]

EXCHANGES: Final = 8
"""Exchanges under one ISAKMP SA that are remembered, to answer a peer's retransmission; a member has one
under way at a time."""
INFORMATIONALS: Final = 256
"""Informational messages under one ISAKMP SA whose ids are remembered; dead peers are asked after in them, so
there may be thousands."""


@dataclass(slots=True)
class Path:
    """Between which addresses an SA's datagrams travel; a NAT may change the peer's (RFC 3947, 4)."""

    local: Address
    remote: Address


@dataclass(slots=True)
class HalfOpen:
    """A phase 1 under way. `machine` is one of `gsakmp.exchanges.phase1`'s."""

    machine: Any
    conversation: Conversation
    path: Path
    started_at: float
    initiated: bool
    known: bool = False
    """Whether a message of it was taken."""
    distrusted: bool = False
    """Whether a proof of who the peer is has failed."""
    counted: Any = None
    """The address that it counts for."""


@dataclass(slots=True)
class Exchange:
    """An exchange under an ISAKMP SA. `machine` is one of `gsakmp.exchanges.pull`'s."""

    machine: Any
    conversation: Conversation
    started_at: float
    done: bool = False
    offer: Any = None
    """What the GCKS offered, until the member has taken it."""

    def end(self) -> None:
        """Its end: the keys in it go, what answers a peer's retransmission stays."""
        self.done, self.machine, self.offer = True, None, None


@dataclass(slots=True, eq=False)
class Session:
    """An established ISAKMP SA, by its cookies."""

    sa: ISAKMPSA
    path: Path
    phase1: Conversation
    """The end of phase 1, which the peer may not have heard."""
    detection: DeadPeerDetection | None
    exchanges: dict[int, Exchange] = field(default_factory=dict)
    """By message id, the oldest first."""
    deleted: bool = False
    phase1_was_aggressive: bool = False
    last_sent: float = 0.0
    informational_ids: dict[int, None] = field(default_factory=dict)
    """Message ids of the Informational messages that were taken, against replay."""
    forgetful: bool = False
    """Whether some of them were forgotten, so that only what has a number of its own is sure to be new."""
    key: bytes = field(init=False)
    """Both cookies."""

    def __post_init__(self) -> None:
        self.key = self.sa.cookies

    @property
    def follows_peer(self) -> bool:
        """Whether the peer is answered where it comes from now: its NAT may have forgotten its mapping. Who
        is behind a dynamic NAT must not (RFC 3947, 7); who was reached behind one has a lasting mapping."""
        seen = self.sa.extensions
        return seen.remote_nat and not (seen.local_nat and self.sa.role == Role.INITIATOR)

    def remember(self, message_id: int, exchange: Exchange) -> list[int]:
        """Take an exchange in; the message ids of those that are forgotten for it."""
        self.exchanges[message_id] = exchange
        forgotten = list(self.exchanges)[: max(0, len(self.exchanges) - EXCHANGES)]
        for oldest in forgotten:
            del self.exchanges[oldest]
        return forgotten

    def fresh_informational(self, message_id: int) -> bool:
        """Whether an Informational message with this id is new; each is taken once."""
        if message_id in self.informational_ids:
            return False
        self.informational_ids[message_id] = None
        if len(self.informational_ids) > INFORMATIONALS:
            self.forgetful = True
            del self.informational_ids[next(iter(self.informational_ids))]
        return True
