"""Changes put together, so that a commit of many is few statements and leaves what they would leave in turn.

A thousand members that join at once are a thousand times a member, a part of the rekey algorithm's state and
an entry of the audit. What goes to different tables does not depend on each other, so each table's changes
come together; and of what a rekey algorithm's changes write over one another only the last is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from gsakmp.errors import StateError
from gsakmp.group import records
from gsakmp.group.records import Change

__all__ = ["AlgorithmChange", "algorithm_changes", "runs"]

TABLES: Final[tuple[tuple[type, ...], ...]] = (
    (records.PutGroup,),
    (records.PutRekeySA, records.RemoveRekeySA, records.AdvanceSequenceNumber),
    (records.PutDataSA, records.RemoveDataSA),
    (records.PutMember, records.RemoveMember),
    (records.Exclude, records.Readmit),
    (records.AllocateSenderIDs, records.ResetSenderIDs),
    (records.PutRekeyAlgorithm,),
    (records.Audit,),
)
"""Kinds of changes by what they read and write, beside the group that they are of."""
LANES: Final = {kind: lane for lane, kinds in enumerate(TABLES) for kind in kinds}


def runs(changes: Sequence[Change]) -> Iterator[tuple[type, Iterator[Change]]]:
    """Changes of one kind, as many as may come together; those to one table stay in their order.

    None passes a `PutGroup`: before it there may be no group. Raises `StateError` for what is no change.
    """
    groups, placed = 0, []
    for change in changes:
        lane = LANES.get(type(change))
        if lane is None:
            raise StateError(f"{type(change).__name__} is no change of a group's state")
        groups += lane == 0
        placed.append((groups, lane, change))
    placed.sort(key=lambda entry: entry[:2])
    return groupby((change for _, _, change in placed), key=type)


@dataclass(slots=True)
class AlgorithmChange:
    """What a run of changes comes to for one Rekey SA of a policy: first what goes, then what is put."""

    dropped: bool = False
    """The state that was persisted goes; without it one that is put keeps its row, and so its place."""
    anew: bool = False
    """All parts that were persisted go."""
    gone: dict[bytes, None] = field(default_factory=dict)
    """Names of parts that go (in order); one that is put again after that goes to the end."""
    state: bytes = field(default=b"", repr=False)
    parts: dict[bytes, bytes] = field(default_factory=dict, repr=False)

    def add(self, change: records.PutRekeyAlgorithm) -> None:
        """A later change, which has a state."""
        self.state = change.state
        if change.anew:
            self.anew = True
            self.parts.clear()
        for name, part in change.parts.items():
            if part:
                self.parts[name] = part
            else:
                self.parts.pop(name, None)
                self.gone[name] = None


def algorithm_changes(
    changes: Iterable[records.PutRekeyAlgorithm],
) -> dict[tuple[str, int], AlgorithmChange]:
    """By group and policy index, in the order in which new states are to be put."""
    found: dict[tuple[str, int], AlgorithmChange] = {}
    for change in changes:
        key = (change.group, change.policy_index)
        if not change.state:
            found[key] = AlgorithmChange(dropped=True, anew=True)
            continue
        sum_of = found.get(key)
        if sum_of is None or not sum_of.state:  # new in this run, or again: behind what was put before
            found.pop(key, None)
            sum_of = found[key] = sum_of or AlgorithmChange()
        sum_of.add(change)
    return found
