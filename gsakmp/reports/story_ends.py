"""What shows when a capture is over: how its SAs end, which of them could never be used, who could read a
recording, and who has not answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gsakmp.reports.ladder_notes import names
from gsakmp.reports.story_facts import DataStory, ISAKMPStory, Problem, PushStory, RekeyStory
from gsakmp.reports.words import counted, duration, short

__all__ = ["acknowledgements", "never_active", "recordings", "state_of"]


def state_of(sa: ISAKMPStory | RekeyStory | DataStory, end: int) -> str:
    """What an SA is at the capture's end."""
    if sa.deleted is not None:
        return "deleted"
    if not isinstance(sa, ISAKMPStory) and sa.replaced is not None:
        return "replaced"
    return "expired" if sa.expires_at and sa.expires_at <= end else "alive"


def never_active(sas: Iterable[DataStory]) -> Iterator[Problem]:
    """Marks the data SAs that were over before ACTIVATION_TIME_DELAY was (RFC 6407, 5.4.1), so that nobody
    was to send with them, and tells of those that have the same cause together."""
    causes: dict[tuple[int, int], list[DataStory]] = {}
    for sa in sas:
        delay = sa.active_at - sa.learnt.time
        ends = [each for each in (sa.deleted and sa.deleted.time, sa.gone_at, sa.expires_at) if each]
        sa.never_active = bool(sa.active_at and delay > 0 and ends and min(ends) <= sa.active_at)
        if sa.never_active and not sa.period_count and not sa.sequence:
            life = sa.expires_at - sa.learnt.time if sa.expires_at else 0
            causes.setdefault((delay, life if 0 < life <= delay else 0), []).append(sa)
    for (delay, life), found in causes.items():
        why = f"they live for {duration(life)}" if life else "gone too early"
        used = sum(sa.packets for sa in found)
        yield Problem(
            what="never active",
            at=found[0].learnt,
            message=f"SA3 {names([short(sa.sa) for sa in found])}",
            detail=f"never active: {why}, ACTIVATION_TIME_DELAY is {duration(delay)}"
            + (f"; {counted(used, 'packet')} all the same" if used else ""),
        )


def recordings(
    rekey: Mapping[str, RekeyStory], data: Iterable[DataStory], led: Mapping[str, Iterable[str]]
) -> None:
    """Fill in who could read what was sent before they were given the key that it was sent under. `led` has
    for each Rekey SA those whose pushes have its key for all who hold them."""
    able: dict[str, set[str]] = {}
    for sa in rekey.values():  # in the order in which they became known: the older ones first
        own = {holder.member for holder in sa.holders}
        above = set().union(*(able.get(old, set()) for old in led.get(sa.sa, ())))
        able[sa.sa] = own | above
        sa.from_recording = sorted(above - own)
    for each in data:
        own = {holder.member for holder in each.holders}
        each.from_recording = sorted(able.get(each.under, set()) - own)


def acknowledgements(
    pushes: Mapping[tuple[str, int], PushStory],
    rekey: Mapping[str, RekeyStory],
    acknowledged: Mapping[tuple[str, int], Iterable[str]],
) -> None:
    """Fill in who has acknowledged each push, and who was to and did not."""
    for key, push in pushes.items():
        push.acknowledged = list(acknowledged.get(key, ()))
        sa = rekey.get(push.sa)
        if sa is not None and sa.acknowledgement and push.sent.time:
            said = set(push.acknowledged)
            had = [holder.member for holder in sa.holders if holder.since.time <= push.sent.time]
            push.unacknowledged = [member for member in had if member not in said]
