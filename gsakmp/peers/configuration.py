"""What the engines are told at the start, and anew at a reload; `gsakmp.net` makes it from TOML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.group.member import Acceptance
from gsakmp.group.policy import GroupPolicy
from gsakmp.group.rekey.nark_module import Request
from gsakmp.identities import Identity

__all__ = ["EndpointConfiguration", "GCKSConfiguration", "MemberConfiguration"]

MOST_SENDER_IDS: Final = 0xFFFF
"""That a member can ask for: SENDER_ID_REQUEST has 16 bits (RFC 6407, 5.4.2)."""
LONGEST_JITTER: Final = 5.0
"""Seconds that an acknowledgement may wait at most (RFC 8263, 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfiguration:
    """What GCKS and member have in common: phase 1 and its bounds. Times are seconds."""

    phase1: PhaseOneConfiguration
    retransmission: RetransmissionPolicy = field(default_factory=RetransmissionPolicy)
    aggressive: bool = False
    """Whether an initiator starts with Aggressive Mode."""
    dead_peer_interval: float = 30.0
    """Silence after which the peer is asked whether it is there (RFC 3706); 0 never."""
    half_open: int = 1000
    """Exchanges of phase 1 that may be under way as responder."""
    half_open_per_source: int = 16
    """And from one address (a NAT may stand before many members)."""
    isakmp_sas: int = 100_000
    """ISAKMP SAs that are kept; the oldest goes first."""
    exchange_seconds: float = 60.0
    """How long an exchange may take."""
    fragment_octets: int = 1200
    """Messages longer than this are fragmented for a peer that can put them together."""
    keepalive_seconds: float = 20.0
    """Between NAT keepalives (RFC 3948, 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GCKSConfiguration:
    """A key server."""

    endpoint: EndpointConfiguration
    groups: tuple[GroupPolicy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberConfiguration:
    """A member of one group. Raises `ConfigurationError` for an acknowledgement that would come too late.

    The GCKS that it trusts is `endpoint.phase1.peer_identity`, which RFC 6407, 3.1 wants to be there.
    """

    endpoint: EndpointConfiguration
    gcks: tuple[Address, ...]
    """Where to register: one after another until one answers."""
    group: Identity
    acceptance: Acceptance
    """Which policy it takes."""
    sender_ids: int = 0
    """Sender ids to ask for, where the group needs them; 0 takes what the GCKS gives."""
    local: Address | None = None
    """Our own address and port towards the GCKS: NAT detection and acknowledgements name it (RFC 3947, 3.2;
    RFC 8263, 3.4). None where it is not known."""
    acknowledgement_jitter: float = 1.0
    """Seconds at most that an acknowledgement waits, at random (RFC 8263, 6 allows 5)."""
    retry_seconds: float = 10.0
    """Between attempts to register, doubled up to a limit, with a random part."""
    module: Request | None = None
    """Asks the module that holds the seeds of NARK; None without one."""

    def __post_init__(self) -> None:
        if not 0 <= self.acknowledgement_jitter <= LONGEST_JITTER:
            raise ConfigurationError(
                f"acknowledgement_jitter is 0 to {LONGEST_JITTER:g} seconds (RFC 8263, 6), not "
                f"{self.acknowledgement_jitter}"
            )
        if not 0 <= self.sender_ids <= MOST_SENDER_IDS:
            raise ConfigurationError(f"sender_ids is 0 to {MOST_SENDER_IDS} (RFC 6407, 5.4.2: 16 bits)")
