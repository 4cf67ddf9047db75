"""What a ladder says below an arrow: what happened by a message, what is wrong with it, what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from gsakmp.captures.opened import (
    DataSALearnt,
    Event,
    GroupJoined,
    GroupRequested,
    ISAKMPSAEnded,
    ISAKMPSAEstablished,
    KeysFollowed,
    Lost,
    Notified,
    Opened,
    RekeySALearnt,
    Retransmission,
    RolledOver,
    SADeleted,
    Status,
)
from gsakmp.reports.words import SECOND, clean, duration, short

__all__ = ["Note", "names", "notes_of"]

MOST_NAMES: Final = 4


class Note(NamedTuple):
    """A line and its style: ``event``, ``problem``, or ``quiet``."""

    style: str
    text: str


def names(given: tuple[str, ...] | list[str]) -> str:
    """Members or SPIs in a list that stays short."""
    shown = ", ".join(clean(each, 60) for each in given[:MOST_NAMES])
    more = len(given) - MOST_NAMES
    return f"{shown} and {more:,} more" if more > 0 else shown


def notes_of(opened: Opened, *, sealed: bool = True) -> Iterator[Note]:
    """The notes of a message; with `sealed`, also why it stays sealed."""
    if opened.error is not None:
        yield Note("problem", f"malformed: {clean(opened.error)}")
    elif opened.status in (Status.WRONG_KEY, Status.MALFORMED, Status.PARTLY):
        yield Note("problem", clean(f"{opened.status}: {opened.reason}" if opened.reason else opened.status))
    elif sealed and opened.status is Status.SEALED and opened.reason:
        yield Note("quiet", clean(opened.reason))
    for check in opened.checks:
        if check.passed is False:
            yield Note("problem", clean(f"{check.name} WRONG{f': {check.detail}' if check.detail else ''}"))
    events = opened.events
    learnt = [event for event in events if isinstance(event, DataSALearnt) and not by_periods(event)]
    deleted = [event for event in events if isinstance(event, SADeleted)]
    followed = [event for event in events if isinstance(event, KeysFollowed)]
    for event in events:
        note = note_of(event)
        if note is not None:
            yield note
    if learnt:
        where = names(tuple(dict.fromkeys(event.destination for event in learnt)))
        yield Note("event", f"SA3 {names([short(event.sa) for event in learnt])} for {where}")
    if followed:
        lead = names([event.member for event in followed])
        yield Note("event", f"{clean(followed[0].by)} leads {lead} to SA2 {short(followed[0].sa)}")
    if deleted:
        what = names([f"{event.protocol} {short(event.sa)}" for event in deleted])
        yield Note("event", f"deleted: {what}")


def by_periods(event: DataSALearnt) -> bool:
    """Whether a data SA is a sequence of periods, or of one of them."""
    return bool(event.period_count or event.sequence)


def note_of(event: Event) -> Note | None:
    """The note of one event; None for those that the arrow says itself, or that are told together."""
    match event:
        case ISAKMPSAEstablished():
            life = f", {duration(event.lifetime_seconds * SECOND)}" if event.lifetime_seconds else ""
            return Note("event", clean(f"SA1 {short(event.sa)} stands: {event.suite}{life}"))
        case ISAKMPSAEnded():
            return Note("event", f"SA1 {short(event.sa)} is deleted")
        case GroupRequested():
            return Note("quiet", clean(f"for the group {event.group}"))
        case RekeySALearnt():
            return Note("event", clean(f"SA2 {short(event.sa)} to {event.destination}: {event.encryption}"))
        case DataSALearnt() if event.sequence:
            return Note("event", f"SA3 {short(event.sa)} is that of period {event.period}")
        case DataSALearnt() if event.period_count:
            sealed = ", for its module alone (NARK)" if event.module else ""
            which = f"periods {event.granted} of {event.period_count}{sealed}"
            return Note("event", clean(f"SA3 {short(event.sa)} and up for {event.destination}: {which}"))
        case GroupJoined():
            return Note("event", clean(f"{event.member} has joined the group {event.group}"))
        case RolledOver():
            by = "" if event.by == "KEK" else f" by {clean(event.by)}"
            out = f", {names(event.left_behind)} left behind" if event.left_behind else ""
            return Note("event", f"SA2 {short(event.old)} gives way to {short(event.new)}{by}{out}")
        case Notified() if event.error:
            return Note("problem", clean(f"error {event.name}{'' if event.protected else ', in the clear'}"))
        case Retransmission():
            return Note("quiet", f"again: {f'frame {event.frame}' if event.frame else f'message {event.of}'}")
        case Lost():
            return Note("problem", clean(f"not in the capture: {event.what}"))
    return None
