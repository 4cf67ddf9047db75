"""What a `GroupServer` gives and takes: pushes, offers, admissions, events and what operators look at.

Frozen values. None shows a key in its text, and those of `GroupStatus` hold none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gsakmp.group.sa import DataSA, RekeySA
from gsakmp.identities import Identity
from gsakmp.payloads import GroupSA, KeyDownload
from gsakmp.wire import Payload

__all__ = [
    "Admission",
    "DataSAStatus",
    "GroupStartedOver",
    "GroupStatus",
    "MemberJoined",
    "MemberRemoved",
    "MemberStatus",
    "MemberWentSilent",
    "Offer",
    "Push",
    "RekeySAStatus",
    "SAsReplaced",
    "ServerEvent",
    "StructureStatus",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A GROUPKEY-PUSH to be signed, encrypted and sent once the changes before it are durable."""

    sa: RekeySA
    """Under whose key it goes: perhaps one that this very push replaces."""
    signing_key: bytes = field(repr=False)
    """PKCS #8, DER."""
    sequence_number: int
    payloads: tuple[Payload, ...] = field(repr=False)
    """Those between SEQ and SIG."""
    destinations: tuple[str, ...]
    """Members' addresses (`MemberRecord.address`); empty for a multicast push, which goes to
    `sa.destination` and `sa.destination_port`."""
    retransmissions: int
    """How often the same octets are sent again after the first time."""
    interval: float
    """Seconds between two of them."""
    reason: str
    """A short phrase for logs: ``lifetime``, ``evicted``, ``policy``..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What message 2 of a pull says. Making one changes nothing; `GroupServer.admit` takes it."""

    group: str
    member: Identity
    policy: GroupSA
    rekey: tuple[RekeySA, ...]
    """The Rekey SAs in it. One that is to be made by the admission has no key yet."""
    data: tuple[DataSA, ...]
    sender: bool
    """Whether the member may send."""
    counter_mode: bool
    """Whether the group's data SAs want sender ids (RFC 6407, 3.5)."""
    periods: str = ""
    """Which periods the member may read, where keys go by periods (`MemberPolicy.periods`)."""
    module: str = ""
    """The public keys of its module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What message 4 of a pull says."""

    sequence_number: int | None
    """That of the last push (RFC 6407, 5.7); None without an SA KEK."""
    key_download: KeyDownload = field(repr=False)
    sender_ids: tuple[int, ...] = ()
    new: bool
    """Whether it was no member before."""


# -- events --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """Something that has happened in a group."""

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJoined(ServerEvent):
    """A member has registered, for the first time or again."""

    member: Identity
    new: bool
    sender_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRemoved(ServerEvent):
    """A member is out: `kind` is ``left``, ``evicted``, ``silent`` or ``unauthorised``."""

    member: Identity
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberWentSilent(ServerEvent):
    """A member acknowledged none of so many rekeys in a row."""

    member: Identity
    rekeys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SAsReplaced(ServerEvent):
    """New SAs, which pushes bring to the members."""

    reason: str
    rekey_spis: tuple[str, ...]
    data_spis: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStartedOver(ServerEvent):
    """All SAs were deleted; members have to register again."""

    reason: str


# -- what operators look at ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeySAStatus:
    """A Rekey SA. Times are seconds; `expires_at` and the like are on the clock of `now`."""

    policy_index: int
    spi: str
    encryption: str
    key_length: int
    signature: str
    signature_hash: str
    signature_key_length: int
    management: str
    """Of the SA KEK; empty where it says none."""
    acknowledgement: str
    """KEK_ACK_REQUESTED; empty where none is."""
    transport: str
    """``multicast`` or ``unicast``."""
    destination: str
    destination_port: int
    lifetime_seconds: int
    remaining_seconds: float
    rekey_in_seconds: float | None
    """Until it is replaced; None for one that was."""
    sequence_number: int
    retired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSAStatus:
    """A data SA."""

    policy_index: int
    protocol: str
    spi: str
    transform: str
    key_length: int | None
    integrity: str
    source: str
    """Its sender; empty for a common SA."""
    destination: str
    counter_mode: bool
    lifetime_seconds: int
    remaining_seconds: float
    rekey_in_seconds: float | None
    retired: bool
    periods: str = ""
    """Where keys go by periods: how many there are, and which is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus:
    """A member."""

    identity: str
    address: str
    registered_at: float
    """When it joined; a later registration leaves it."""
    sender_ids: tuple[int, ...]
    acknowledged: int
    silent_rekeys: int
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureStatus:
    """What an SA2's rekey algorithm keeps."""

    policy_index: int
    algorithm: str
    """Its name (`RekeyPolicy.management`)."""
    members: int
    """In the structure: members that have yet to register again are not, who is to be shut out is."""
    capacity: int
    depth: int
    """Steps from the root to a leaf; 0 without a tree."""
    degree: int
    """Children of a node at most; 0 without a tree, or where only the algorithm knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """A group at one moment."""

    name: str
    identity: str
    created_at: float
    dissolved: bool
    null_rekey: bool
    """Whether the policy declares an SA2 that travels another way."""
    members: int
    leaving: int
    """Who is out and not shut out yet (`GroupPolicy.batch_interval`)."""
    structures: tuple[StructureStatus, ...]
    rekey: tuple[RekeySAStatus, ...]
    data: tuple[DataSAStatus, ...]
    next_sender_id: int
    sender_id_limit: int
    """How many there are; 0 where the group needs none."""
    rekeys_sent: int
    """Pushes since the process started, retransmissions not counted."""
    acknowledgements: int
    """Since the process started."""
    next_timeout: float | None
