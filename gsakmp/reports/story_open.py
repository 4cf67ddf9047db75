"""What a capture keeps to itself: messages that stay sealed, what would open them, broken-off exchanges."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from gsakmp import limits
from gsakmp.captures.opened import (
    ExchangeKind,
    GroupJoined,
    ISAKMPSAEstablished,
    Notified,
    Opened,
    Status,
)
from gsakmp.captures.opening import phase1
from gsakmp.reports.story_facts import Moment, Sealed, Unfinished
from gsakmp.reports.words import LABELS, clean, counted, kind_name

__all__ = ["ClosedMessages"]

LAST_STEP: Final = {**phase1.LAST_STEP, ExchangeKind.PULL: 4}
"""Messages of Main and Aggressive Mode (RFC 2409, 5) and of GROUPKEY-PULL (RFC 6407, 3.2)."""
MODULE: Final = "(NARK)"
PERIOD: Final = "period "
CLOSED: Final = (Status.SEALED, Status.WRONG_KEY)


@dataclass(slots=True)
class Running:
    """An exchange that has not ended yet."""

    kind: ExchangeKind
    between: str
    first: Moment
    last: Moment
    messages: int = 0
    step: int = 0
    error: str = ""
    closed: bool = False


class ClosedMessages:
    """Gathers both."""

    def __init__(self) -> None:
        self._sealed: dict[tuple[str, str], Sealed] = {}
        self._running: OrderedDict[str, Running] = OrderedDict()

    def add(self, opened: Opened, now: Moment) -> None:
        """One more message."""
        if opened.status in CLOSED:
            self._seal(opened, now)
        if opened.kind in LAST_STEP:
            self._run(opened, now)

    def sealed(self) -> list[Sealed]:
        """What stays closed, by SA."""
        return list(self._sealed.values())

    def unfinished(self) -> list[Unfinished]:
        """The exchanges without an end."""
        found = []
        for run in self._running.values():
            if run.closed and run.messages >= LAST_STEP[run.kind] and not run.error:
                continue  # all of it is there, only nobody can read it: `sealed` says so
            last = run.step or run.messages
            detail = f"{counted(last, 'message')} of {LAST_STEP[run.kind]}"
            found.append(
                Unfinished(
                    exchange=LABELS[run.kind],
                    between=run.between,
                    first=run.first,
                    last=run.last,
                    messages=run.messages,
                    detail=f"{detail}; {run.error}" if run.error else detail,
                )
            )
        return found

    def _run(self, opened: Opened, now: Moment) -> None:
        done = any(isinstance(event, ISAKMPSAEstablished | GroupJoined) for event in opened.events)
        if done or opened.retransmission_of or not opened.exchange:
            self._running.pop(opened.exchange, None) if done else None
            return
        run = self._running.get(opened.exchange)
        if run is None:
            if opened.step > 1 and opened.step == LAST_STEP[opened.kind]:
                return  # the end of one that has ended before
            datagram = opened.datagram
            between = clean(f"{datagram.source_address} and {datagram.destination_address}")
            run = self._running[opened.exchange] = Running(opened.kind, between, now, now)
            if len(self._running) > limits.STORY_ENTRIES:
                self._running.popitem(last=False)
        run.last, run.messages, run.step = now, run.messages + 1, max(run.step, opened.step)
        run.closed |= opened.status in CLOSED
        for event in opened.events:
            if isinstance(event, Notified) and event.error:
                run.error = clean(event.name)

    def _seal(self, opened: Opened, now: Moment) -> None:
        reason = clean(opened.reason or opened.status)
        key = clean(opened.sa or opened.exchange), reason
        found = self._sealed.get(key)
        if found is None:
            if len(self._sealed) >= limits.STORY_ENTRIES:
                key = "", "of further SAs"
                found = self._sealed.get(key)
            if found is None:
                lines, advice = needs(opened)
                found = self._sealed[key] = Sealed(
                    sa=key[0], messages=0, first=now, kinds={}, reason=key[1], needs=lines, advice=advice
                )
        found.messages += 1
        kind = kind_name(opened)
        found.kinds[kind] = found.kinds.get(kind, 0) + 1


def needs(opened: Opened) -> tuple[list[str], str]:
    """The lines of a key file that would open a message, the handiest first; and by their first words."""
    if opened.esp is not None:
        more = "what opens the registration or the push that brings this SA"
        if PERIOD in opened.reason:
            more = "what opens the registration of a member that has this period"
        tek = f"tek {opened.esp.spi} ..."
        return ([tek], "tek") if MODULE in opened.reason else ([tek, more], f"tek; or {more}")
    name = clean(opened.sa)
    if opened.kind is ExchangeKind.PUSH:
        more = "what opens the registration of a member that has this Rekey SA"
        return [f"kek {name} ...", more], f"kek; or {more}"
    if not name:
        return [], ""
    shared = f"with dh_shared {name} ... or dh_private {name} ..."
    lines = [
        f"encryption_key {name} ...",
        f"skeyid_e {name} ...",
        f"skeyid {name} ... {shared}",
        f"psk IDENTITY ... {shared} (where phase 1 is in the capture)",
    ]
    return lines, (
        "encryption_key, or skeyid_e; or skeyid, or psk where phase 1 is in the capture, "
        "either with dh_shared or dh_private"
    )
