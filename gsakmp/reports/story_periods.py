"""Keys by periods in a story: who was given the periods that there are packets of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gsakmp.captures.opened import DataSALearnt
from gsakmp.reports.story_facts import DataStory, Holder

__all__ = ["period_holders"]


def period_holders(
    data: Iterable[DataStory],
    sequences: Mapping[str, DataStory],
    granted: Mapping[str, Mapping[str, DataSALearnt]],
) -> None:
    """Fill in the holders of each period's SA. `sequences` are there by SPI; `granted` has, by sequence and
    member, what it was given."""
    for sa in data:
        whole = sequences.get(sa.sequence)
        if whole is None:
            continue
        given = granted.get(whole.sa, {})
        sa.holders = [
            Holder(holder.member, holder.how, holder.since)
            for holder in whole.holders
            if (event := given.get(holder.member)) is not None
            and any(first <= sa.period <= last for first, last in event.periods)
        ]
