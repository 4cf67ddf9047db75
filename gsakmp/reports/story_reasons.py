"""Why a push was sent, as far as a capture shows it.

A witness sees the order of events and not their cause: what is said here is what came before, who was left
behind, and how much of a lifetime was over.
"""

from __future__ import annotations

from typing import Final

from gsakmp.reports.ladder_notes import names
from gsakmp.reports.story_facts import DataStory, Moment, PushStory, RekeyStory
from gsakmp.reports.words import SECOND, counted, duration

__all__ = ["push_reasons"]

LATE: Final = 0.5
"""From this part of a lifetime on, its end is taken for a reason."""


def push_reasons(
    push: PushStory, now: Moment, joined: str, old: RekeyStory | None, replaced: list[DataStory]
) -> list[str]:
    """In a few words each, none where nothing shows. `joined` names who has since the push before."""
    out = []
    if push.left_behind:
        out.append(f"forward rekey: {names(push.left_behind)} left behind")
    if joined:
        backward = ": backward rekey" if push.rekey or (push.data and push.deleted) else ""
        out.append(f"after {joined} joined{backward}")
    if push.rekey and not push.left_behind and old is not None:
        out += used(old.learnt, now, old.lifetime_seconds, "SA2")
    if replaced and not joined and not push.rekey:
        first = min(replaced, key=lambda sa: sa.learnt.time)
        out += used(first.learnt, now, first.lifetime_seconds, "SA3")
    if push.deleted and not push.data and not push.rekey:
        out.append(f"{counted(len(push.deleted), 'SA')} deleted and none in their place")
    return out


def used(since: Moment, now: Moment, lifetime: int, what: str) -> list[str]:
    """How much of a lifetime was over, where it was much."""
    if not since.time or not lifetime:
        return []
    age = now.time - since.time
    if age < LATE * lifetime * SECOND:
        return []
    return [f"{what} was {duration(age)} old, of {duration(lifetime * SECOND)}"]
