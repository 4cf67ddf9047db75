"""The GCKS's side of keys by periods (MARKS and NARK): sequences made in time, and granted to members.

A sequence is one data SA's record, whose key is the root seed. Before it ends its successor is made, beside
it; both are offered. Nothing is pushed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gsakmp.errors import PolicyRefused
from gsakmp.group.making import new_data_sas
from gsakmp.group.period_packets import period_key_packet
from gsakmp.group.periods import period_map, read_periods, sequence_at
from gsakmp.group.records import DataSARecord, PutDataSA, RemoveDataSA
from gsakmp.group.rekey.marks import Interval
from gsakmp.group.rekey.nark import Grant, ModuleIdentity, NamedSequence
from gsakmp.group.sa import DataSA
from gsakmp.group.server_core import ServerCore
from gsakmp.group.server_types import SAsReplaced
from gsakmp.identities import Identity
from gsakmp.payloads import KeyPacket

__all__ = ["Periods"]


class Periods:
    """The sequences of one group."""

    def __init__(self, core: ServerCore) -> None:
        self.core = core

    # -- granted ---------------------------------------------------------------------------------------

    def granted(self, sa: DataSA, wanted: str, now: float) -> tuple[Interval, ...]:
        """The periods of a data SA that a member's policy gives it; none where it has none, or its last is
        over. Raises `ConfigurationError` for a text that is none."""
        return read_periods(wanted).of(period_map(sa.periods), now) if sa.periods is not None else ()

    def offered(self, sas: Sequence[DataSA], wanted: str, now: float) -> tuple[DataSA, ...]:
        """Those of the data SAs that this member is given something of. Raises `PolicyRefused` where nothing
        is left: its periods are over, or are not of any sequence there is."""
        found = tuple(sa for sa in sas if sa.periods is None or self.granted(sa, wanted, now))
        if sas and not found:
            raise PolicyRefused(
                f"the periods {wanted or 'from now on'} of {self.core.name!r} are over, or not to come yet"
            )
        return found

    def packet(self, sa: DataSA, wanted: str, module: str, identity: Identity, now: float) -> KeyPacket:
        """What the member gets in place of the data SA's keys. Raises as `period_key_packet`; `PolicyRefused`
        where its periods have ended since they were offered."""
        core, intervals = self.core, self.granted(sa, wanted, now)
        if not intervals:
            raise PolicyRefused(f"the periods {wanted} of {core.name!r} are over")
        group = core.state.identity.to_text()
        named = ModuleIdentity.from_text(module) if module else None
        packet = period_key_packet(sa, intervals, group, named, core.random)
        grant = Grant(NamedSequence.of(sa).digest(group), intervals)
        core.audit(now, "granted", identity, f"data SA {sa.spi.hex()}, {grant.to_text()}")
        return packet

    # -- time ------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When a sequence ends, or its successor is to be made."""
        return min(self._times(), default=None)

    def _times(self) -> Iterator[float]:
        latest = self._latest()
        for record in self._records():
            if record.sa.periods is not None:
                yield record.sa.periods.ends_at
        for index, ends_at in latest.items():
            yield ends_at - self._margin(index)

    def handle_timeout(self, now: float) -> None:
        """Does what is due."""
        core = self.core
        due = [index for index, ends_at in self._latest().items() if ends_at - self._margin(index) <= now]
        for index in due:
            self._follow(index, now)
        for record in self._records():
            if record.sa.periods is not None and record.sa.periods.ends_at <= now:
                change = RemoveDataSA(group=core.name, protocol=record.sa.protocol, spi=record.sa.spi)
                core.ledger.stage(change)

    def _follow(self, index: int, now: float) -> None:
        """The next sequence: right after the last, or, where nobody was there to make it, that of now."""
        core = self.core
        policy = core.policy.data[index].periods
        if policy is None:
            return
        starts_at = self._latest()[index]
        if starts_at + policy.seconds * policy.count <= now:
            starts_at = sequence_at(policy, now)
        made = new_data_sas(
            core.policy, index, core.state.data_sas, random=core.random, now=now, starts_at=starts_at
        )
        for sa in made:
            core.ledger.stage(PutDataSA(group=core.name, record=DataSARecord(sa=sa)))
        spis = tuple(sa.spi.hex() for sa in made)
        core.audit(now, "rekeyed", detail=f"next periods: data SAs {', '.join(spis)}")
        core.events.append(SAsReplaced(group=core.name, reason="periods", rekey_spis=(), data_spis=spis))

    def _records(self) -> list[DataSARecord]:
        return [record for record in self.core.ledger.data_records() if record.sa.periods is not None]

    def _latest(self) -> dict[int, int]:
        """When the last sequence of each of the policy's SA3 ends."""
        found: dict[int, int] = {}
        for record in self._records():
            index, periods = record.sa.policy_index, record.sa.periods
            if periods is not None and index < len(self.core.policy.data):
                found[index] = max(found.get(index, 0), periods.ends_at)
        return found

    def _margin(self, index: int) -> float:
        """How long before its end a sequence has a successor: never more than half of it."""
        data = self.core.policy.data[index]
        total = data.periods.seconds * data.periods.count if data.periods is not None else 0
        return min(data.rollover_margin, total / 2)
