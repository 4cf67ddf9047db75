"""What a `GroupMember` takes and gives: verified updates, events, and what operators look at.

Frozen values. None shows a key in its text, and those of `MembershipStatus` hold none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gsakmp.group.reregistration import RegistrationReason
from gsakmp.group.sa import DataSA, Lifecycle
from gsakmp.payloads import GroupDelete, GroupSA, KeyDownload

__all__ = [
    "HeldDataSAStatus",
    "HeldPeriodsStatus",
    "HeldRekeySAStatus",
    "InstalledDataSA",
    "LifecycleChanged",
    "MemberEvent",
    "MembershipStatus",
    "PeriodKeyMissing",
    "PeriodsEnded",
    "RegistrationPlanned",
    "SAEnded",
    "SAsInstalled",
    "VerifiedRekey",
    "VerifiedUpdate",
]


class VerifiedUpdate(Protocol):
    """What message 4 of a pull brings, once verified; `gsakmp.exchanges.pull.VerifiedPull` is one. Who calls
    a `GroupMember` answers for it that nothing unverified is passed as one."""

    @property
    def sequence_number(self) -> int | None:
        """That of SEQ, None where there was none."""

    @property
    def key_download(self) -> KeyDownload | None:
        """KD; a pull always has one."""


class VerifiedRekey(VerifiedUpdate, Protocol):
    """What a push brings, once verified; `gsakmp.exchanges.push.VerifiedPush` is one."""

    @property
    def spi(self) -> bytes:
        """Of the Rekey SA that it came under: both cookies, 16 octets."""

    @property
    def deletes(self) -> tuple[GroupDelete, ...]:
        """Its Delete payloads, in order."""

    @property
    def policy(self) -> GroupSA | None:
        """Its SA payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDataSA:
    """A data SA with its keys, for who protects the group's traffic. It serves receiving as long as it is
    there, unless its direction is that of a sender alone."""

    sa: DataSA
    lifecycle: Lifecycle
    sends: bool
    """Whether this member is a sender with it. It sends while `lifecycle` is active."""
    counter_mode: bool
    """Whether its nonces must have one of the member's present sender ids (RFC 6407, 5.6.4.3)."""
    ends_at: float


# -- events --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEvent:
    """Something that has happened to the member's SAs. SPIs are in hex; category 2 is a Rekey SA, 3 a data
    SA (RFC 3740)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SAsInstalled(MemberEvent):
    """SAs that are new, by pull or push."""

    rekey_spis: tuple[str, ...]
    data_spis: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleChanged(MemberEvent):
    """An SA became active, after ATD, or is retiring, until DTD is over."""

    category: int
    spi: str
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True, kw_only=True)
class SAEnded(MemberEvent):
    """An SA is gone, with its keys: `reason` is ``lifetime``, ``replaced``, ``deleted``, ``period`` or
    ``left``."""

    category: int
    spi: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationPlanned(MemberEvent):
    """The member is going to register again, `delay` seconds from now."""

    reason: RegistrationReason
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodsEnded(MemberEvent):
    """The last period that the member was given of a sequence is over; no key of it will come any more."""

    spi: str
    """Of the sequence's data SA."""
    last_period: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodKeyMissing(MemberEvent):
    """The member's module gave no key for a period; it is asked again soon."""

    spi: str
    period: int
    problem: str


# -- what operators look at ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRekeySAStatus:
    """A Rekey SA that the member holds."""

    spi: str
    lifecycle: str
    encryption: str
    signature: str
    acknowledgement: str
    """KEK_ACK_REQUESTED; empty where none is."""
    destination: str
    destination_port: int
    sequence_number: int
    remaining_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDataSAStatus:
    """A data SA that the member holds."""

    protocol: str
    spi: str
    lifecycle: str
    cipher: str
    integrity: str
    source: str
    """Its sender; empty for a common SA."""
    destination: str
    sends: bool
    counter_mode: bool
    remaining_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPeriodsStatus:
    """A sequence of periods, some of which the member was given."""

    spi: str
    """Of its data SA; those of the periods are from this one on."""
    sequence: str
    """``period 3 of 64, 60 s each, binary hash tree``."""
    intervals: str
    """``0-59, 62``."""
    ends_in_seconds: float
    """Until the last of them is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipStatus:
    """A member's side of a group at one moment."""

    registered_at: float | None
    """When it last registered; None if it never did, or has left."""
    rekey: tuple[HeldRekeySAStatus, ...]
    data: tuple[HeldDataSAStatus, ...]
    activation_delay: int
    deactivation_delay: int
    sender_id_bits: int
    sender_ids: tuple[int, ...]
    rekeys: int
    """Pushes taken over since the process started."""
    registration: str
    """Why the member is going to register again; empty if it is not."""
    registration_in: float | None
    """Seconds; 0 if it is due."""
    next_timeout: float | None
    periods: tuple[HeldPeriodsStatus, ...] = ()
    """Where keys go by periods."""
