"""What a story is made of: plain data, times in nanoseconds since 1970 (0 where the capture has none).

As JSON (`plain`), a time is text in ISO 8601, and a `Moment` has the frame and the time.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gsakmp.reports.words import time_text

__all__ = [
    "DataStory",
    "Holder",
    "ISAKMPStory",
    "MemberStory",
    "Moment",
    "Problem",
    "PushStory",
    "RekeyStory",
    "Sealed",
    "Story",
    "Unfinished",
    "plain",
]


class Moment(msgspec.Struct, frozen=True):
    """When: the frame's number (0: none; it is then the message's) and its time."""

    frame: int
    time: int


class Holder(msgspec.Struct):
    """A member that was led to a key: when, and how: ``pull``, ``push``, ``LKH`` or ``OFT`` (its own keys);
    ``module`` where a pull gave it to the member's module alone (NARK)."""

    member: str
    how: str
    since: Moment
    periods: str = ""
    """Of a sequence of periods: those that it was given, ``2-4, 7``."""


class ISAKMPStory(msgspec.Struct, kw_only=True):
    """An ISAKMP SA (category 1), from the last message of phase 1 to its deletion or the end of its time."""

    sa: str
    initiator: str
    responder: str
    initiator_address: str
    responder_address: str
    suite: str
    method: str
    lifetime_seconds: int | None
    established: Moment
    expires_at: int = 0
    deleted: Moment | None = None
    state: str = "alive"
    """At the capture's end: ``alive``, ``deleted``, or ``expired``."""


class RekeyStory(msgspec.Struct, kw_only=True):
    """A Rekey SA (category 2)."""

    sa: str
    group: str
    source: str
    destination: str
    encryption: str
    signature: str
    management: str
    acknowledgement: str
    lifetime_seconds: int
    learnt: Moment
    under: str = ""
    """The Rekey SA whose push brought it; empty if it came with a pull."""
    by: str = ""
    """How that push had its key: ``KEK``, for all that hold `under`, or ``LKH`` or ``OFT``."""
    expires_at: int = 0
    replaced: Moment | None = None
    replaced_by: str = ""
    left_behind: list[str] = msgspec.field(default_factory=list)
    """Holders that were not led to the successor."""
    deleted: Moment | None = None
    holders: list[Holder] = msgspec.field(default_factory=list)
    from_recording: list[str] = msgspec.field(default_factory=list)
    """Members that were given a key which opens the push with this one, but only after it was sent: who has
    recorded it can read it."""
    pushes: int = 0
    first_number: int = 0
    last_number: int = 0
    retransmissions: int = 0
    lost: int = 0
    replayed: int = 0
    state: str = "alive"
    """Also ``replaced``."""


class DataStory(msgspec.Struct, kw_only=True):
    """A data SA (category 3)."""

    sa: str
    protocol: str
    group: str
    source: str
    destination: str
    transform: str
    integrity: str
    key_length: int | None
    lifetime_seconds: int
    learnt: Moment
    under: str = ""
    """As `RekeyStory.under`."""
    active_at: int = 0
    """When senders may use it: after ACTIVATION_TIME_DELAY (RFC 6407, 5.4.1)."""
    never_active: bool = False
    """Whether it was over before that."""
    expires_at: int = 0
    replaced: Moment | None = None
    replaced_by: str = ""
    """A later SA for the same traffic."""
    deleted: Moment | None = None
    gone_at: int = 0
    """When it is out of use, DEACTIVATION_TIME_DELAY included; 0 if nothing ends it but its lifetime."""
    holders: list[Holder] = msgspec.field(default_factory=list)
    from_recording: list[str] = msgspec.field(default_factory=list)
    """As `RekeyStory.from_recording`."""
    packets: int = 0
    packets_opened: int = 0
    first_packet: Moment | None = None
    last_packet: Moment | None = None
    senders: list[str] = msgspec.field(default_factory=list)
    period_count: int = 0
    """Where keys go by periods (MARKS, NARK): the periods of the sequence, whose SPIs begin with `sa`."""
    sequence: str = ""
    """Of one period's SA, told where packets under it are: the `sa` of its sequence."""
    period: int = 0
    """Which period that is."""
    begins_at: int = 0
    """When the period, or the sequence, begins."""
    state: str = "alive"


class MemberStory(msgspec.Struct, kw_only=True):
    """A member of a group. `joined` is None if it asked and was not seen to be given the keys."""

    member: str
    group: str
    address: str = ""
    requested: Moment | None = None
    joined: Moment | None = None
    registrations: int = 0
    sa: str = ""
    rekey: str | None = None
    """The Rekey SA of its last registration; None if it was given none, empty if its key is not the one that
    this SA had before."""
    data: list[str] = msgspec.field(default_factory=list)
    sequence_number: int | None = None
    sender_ids: list[int] = msgspec.field(default_factory=list)
    management: str = ""
    """The rekey algorithm of its own keys, ``LKH`` or ``OFT``; empty if it has none,"""
    tree_keys: int = 0
    """and how many those are."""
    left_behind: Moment | None = None
    """When a push replaced the Rekey SA for others but not for it."""


class PushStory(msgspec.Struct, kw_only=True):
    """A push: what it brought, and why, as far as that shows."""

    sent: Moment
    sa: str
    group: str
    sequence_number: int
    rekey: str = ""
    """The new Rekey SA."""
    by: str = ""
    """``KEK``, ``LKH`` or ``OFT``."""
    data: list[str] = msgspec.field(default_factory=list)
    deleted: list[str] = msgspec.field(default_factory=list)
    led: list[str] = msgspec.field(default_factory=list)
    left_behind: list[str] = msgspec.field(default_factory=list)
    reasons: list[str] = msgspec.field(default_factory=list)
    retransmissions: int = 0
    acknowledged: list[str] = msgspec.field(default_factory=list)
    unacknowledged: list[str] = msgspec.field(default_factory=list)
    """Holders of `sa` that were to acknowledge, and are not seen to."""


class Problem(msgspec.Struct, kw_only=True):
    """Something wrong: ``malformed``, ``check``, ``wrong key``, ``notification``, ``lost``, ``replay``,
    ``never active``."""

    what: str
    at: Moment
    message: str
    detail: str


class Sealed(msgspec.Struct, kw_only=True):
    """Messages that could not be opened, or not checked, and what would do it."""

    sa: str
    messages: int
    first: Moment
    kinds: dict[str, int]
    reason: str
    needs: list[str]
    """Lines of a key file, each of which would do, with what it says beside it."""
    advice: str = ""
    """The same by the lines' first words, for people."""


class Unfinished(msgspec.Struct, kw_only=True):
    """An exchange that was begun and not seen to end well."""

    exchange: str
    between: str
    first: Moment
    last: Moment
    messages: int
    detail: str


class Story(msgspec.Struct, kw_only=True):
    """A capture's story. `untold` counts what was over `gsakmp.limits.STORY_ENTRIES` of a kind."""

    messages: int = 0
    esp_packets: int = 0
    first: Moment | None = None
    last: Moment | None = None
    kinds: dict[str, int] = msgspec.field(default_factory=dict)
    statuses: dict[str, int] = msgspec.field(default_factory=dict)
    checks_right: int = 0
    checks_wrong: int = 0
    checks_open: int = 0
    """Those that could not be made."""
    retransmissions: int = 0
    groups: list[str] = msgspec.field(default_factory=list)
    isakmp_sas: list[ISAKMPStory] = msgspec.field(default_factory=list)
    rekey_sas: list[RekeyStory] = msgspec.field(default_factory=list)
    data_sas: list[DataStory] = msgspec.field(default_factory=list)
    members: list[MemberStory] = msgspec.field(default_factory=list)
    pushes: list[PushStory] = msgspec.field(default_factory=list)
    problems: list[Problem] = msgspec.field(default_factory=list)
    unfinished: list[Unfinished] = msgspec.field(default_factory=list)
    sealed: list[Sealed] = msgspec.field(default_factory=list)
    untold: dict[str, int] = msgspec.field(default_factory=dict)


def plain(value: Any) -> Any:
    """As dicts, lists, text and numbers, ready for JSON."""
    if isinstance(value, Moment):
        return {"frame": value.frame, "time": time_text(value.time) or None}
    if isinstance(value, msgspec.Struct):
        return {name: plain_field(name, getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def plain_field(name: str, value: Any) -> Any:
    return time_text(value) or None if name.endswith("_at") else plain(value)
