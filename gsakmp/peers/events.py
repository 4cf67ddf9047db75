"""What the engines tell: past tense, no keys. Each has `kind`, its class's name, for logs."""

from __future__ import annotations

from dataclasses import dataclass

from gsakmp.exchanges.address import Address

__all__ = [
    "DatagramRefused",
    "Deregistered",
    "Event",
    "ExchangeFailed",
    "GroupRestarted",
    "ISAKMPSADeleted",
    "ISAKMPSAEstablished",
    "KeysInstalled",
    "KeysReplaced",
    "MemberAcknowledged",
    "MemberEvicted",
    "MemberLeft",
    "MemberRegistered",
    "MemberSilent",
    "PeerDead",
    "PeriodKeyMissing",
    "PeriodsEnded",
    "Registered",
    "RegistrationRefused",
    "RegistrationScheduled",
    "RekeyReceived",
    "RekeySent",
    "SAExpired",
    "SALifecycleChanged",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that has happened."""

    @property
    def kind(self) -> str:
        """Its class's name."""
        return type(self).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class DatagramRefused(Event):
    """A datagram was dropped; nothing changed."""

    source: Address
    cause: str
    """A short word, for counting: ``malformed``, ``unexpected``, ``hash``, ``signature``, ``replay``,
    ``policy``, ``unknown-spi``, ``half-open``, ``limit``."""
    problem: str
    initiator_cookie: str = ""
    responder_cookie: str = ""
    message_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ISAKMPSAEstablished(Event):
    """Phase 1 is over: a category 1 SA."""

    peer: str
    address: Address
    initiator_cookie: str
    responder_cookie: str
    role: str
    suite: str
    method: str
    nat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ISAKMPSADeleted(Event):
    """An ISAKMP SA is gone."""

    peer: str
    initiator_cookie: str
    responder_cookie: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeFailed(Event):
    """An exchange came to nothing."""

    exchange: str
    address: Address
    initiator_cookie: str
    responder_cookie: str
    message_id: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDead(Event):
    """A peer no longer answers (RFC 3706)."""

    peer: str
    address: Address


# -- the GCKS's ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRegistered(Event):
    """A member has been given the group's keys."""

    group: str
    member: str
    address: Address
    sender_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRefused(Event):
    """Somebody who is not to join, or does not want the policy."""

    group: str
    member: str
    address: Address
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeySent(Event):
    """A push went out for the first time."""

    group: str
    spi: str
    sequence_number: int
    reason: str
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAcknowledged(Event):
    """A member has acknowledged a push."""

    group: str
    member: str
    spi: str
    """Of the push's Rekey SA, in hex."""
    sequence_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSilent(Event):
    """A member acknowledged none of so many pushes."""

    group: str
    member: str
    rekeys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEvicted(Event):
    """A member is out: by order, because it was silent, or because policy no longer has it."""

    group: str
    member: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysReplaced(Event):
    """A group has new SAs, which pushes bring to its members."""

    group: str
    reason: str
    rekey_spis: tuple[str, ...]
    data_spis: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRestarted(Event):
    """All SAs of a group were deleted; its members have to register again."""

    group: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLeft(Event):
    """A member said that it leaves."""

    group: str
    member: str


# -- the member's --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered(Event):
    """The member has the group's policy and keys."""

    group: str
    rekey_spis: tuple[str, ...]
    data_spis: tuple[str, ...]
    sender_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeyReceived(Event):
    """A push was verified and taken over."""

    group: str
    spi: str
    sequence_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysInstalled(Event):
    """SAs that are new, by pull or push."""

    group: str
    rekey_spis: tuple[str, ...]
    data_spis: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SALifecycleChanged(Event):
    """An SA may now be sent with (``active``), or only received with (``retiring``)."""

    group: str
    category: int
    spi: str
    lifecycle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SAExpired(Event):
    """An SA is gone, with its keys: its lifetime is over, it was replaced, deleted, or left behind."""

    group: str
    category: int
    spi: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodsEnded(Event):
    """The last period that the member was given of a sequence is over (MARKS and NARK)."""

    group: str
    spi: str
    last_period: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodKeyMissing(Event):
    """The member's module gave no key for a period (NARK); it is asked again soon."""

    group: str
    spi: str
    period: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationScheduled(Event):
    """The member will register again."""

    group: str
    reason: str
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deregistered(Event):
    """The member is out of the group, by its own wish or the GCKS's."""

    group: str
    reason: str
