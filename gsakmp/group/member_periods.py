"""A member's keys by periods (MARKS and NARK): each period's data SA is made as its time comes.

A period's SA is there, for receiving, ATD before its period begins, sends from then on, and is kept for
receiving until DTD after its end: clocks differ, and packets are under way (RFC 6407, 5.4 has these delays
for SAs that replace one another). Both are at most one period long. When the last period is over there is no
message, and nobody registers again for it; only who has the last period of the sequence looks for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from gsakmp.errors import GsakmpError, PolicyRefused, StateError
from gsakmp.group.held import HeldDataSA
from gsakmp.group.holdings import DataKey, Holdings, data_key
from gsakmp.group.member_types import HeldPeriodsStatus, MemberEvent, PeriodKeyMissing, PeriodsEnded
from gsakmp.group.period_packets import GrantedPeriods
from gsakmp.group.periods import period_map, periods_text
from gsakmp.group.rekey.marks import Interval
from gsakmp.group.rekey.marks_keys import KeySource
from gsakmp.group.rekey.marks_periods import PeriodMap, period_sa
from gsakmp.group.rekey.nark import NamedSequence
from gsakmp.group.rekey.nark_module import ModuleClient
from gsakmp.group.sa import DataSA

__all__ = ["KeyedPeriods", "MemberPeriods", "keyed"]

RETRY_SHARE: Final = 0.1
"""Share of a period after which a module that gave no key is asked again."""
RETRY_LEAST: Final = 1.0


@dataclass(frozen=True, slots=True)
class KeyedPeriods:
    """What a registration grants, and where its keys come from."""

    granted: GrantedPeriods
    keys: KeySource = field(repr=False)


def keyed(granted: Sequence[GrantedPeriods], module: ModuleClient | None) -> tuple[KeyedPeriods, ...]:
    """Each with its keys: a module is given its seeds now. Raises `PolicyRefused` where there is no module,
    or it refuses them."""
    found = []
    for each in granted:
        keys: KeySource
        if each.keys is not None:
            keys = each.keys
        elif module is None or each.sealed is None:
            raise PolicyRefused(
                f"keys of {each.pattern.spi.hex()} are for a module (NARK), and there is none"
            )
        else:
            bound = NamedSequence.of(each.pattern).octets(each.intervals)
            try:
                keys = module.load(bound, each.sealed.public_value, each.sealed.sealed)
            except StateError as error:
                raise PolicyRefused(f"periods of {each.pattern.spi.hex()}: {error}") from None
        found.append(KeyedPeriods(each, keys))
    return tuple(found)


@dataclass(slots=True, kw_only=True, eq=False)
class _Held:
    """One sequence."""

    granted: GrantedPeriods
    keys: KeySource = field(repr=False)
    periods: PeriodMap
    lead: float
    overlap: float
    sends: bool
    counter_mode: bool
    renew_at: float
    following: int = 0
    """The first period that was not looked at yet."""
    retry_at: float = -inf
    """When a key is asked for again that did not come."""
    ended: bool = False
    """Whether its end was told."""

    @property
    def last(self) -> int:
        return self.granted.intervals[-1].last

    def next_period(self) -> int | None:
        """The next one granted, from `following` on."""
        for interval in self.granted.intervals:
            if interval.last >= self.following:
                return max(interval.first, self.following)
        return None

    def next_change(self) -> float:
        times = [self.renew_at]
        period = self.next_period()
        if period is not None:
            times.append(max(self.periods.span(period)[0] - self.lead, self.retry_at))
        if not self.ended:
            times.append(self.periods.span(self.last)[1])
        return min(times)


class MemberPeriods:
    """The sequences that a member has been given periods of."""

    def __init__(self, holdings: Holdings) -> None:
        self.holdings = holdings
        self._held: dict[DataKey, _Held] = {}

    # -- what there is ---------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(self._held)

    @property
    def patterns(self) -> tuple[DataSA, ...]:
        """The data SAs that the periods' are made from, as the SA TEK has them."""
        return tuple(held.granted.pattern for held in self._held.values())

    def status(self, now: float) -> tuple[HeldPeriodsStatus, ...]:
        """What operators look at."""
        return tuple(_status(held, now) for held in self._held.values())

    def owner(self, key: DataKey) -> bool:
        """Whether a data SA is of a period of these sequences."""
        protocol, spi = key[0], int.from_bytes(key[1], "big")
        for base, held in self._held.items():
            first = int.from_bytes(base[1], "big")
            if base[0] == protocol and first <= spi < first + held.periods.count:
                return True
        return False

    def check(self, granted: Sequence[GrantedPeriods]) -> None:
        """Raises `PolicyRefused` for an SPI that is held with another sequence, policy or seeds."""
        for each in granted:
            known = self._held.get(data_key(each.pattern))
            if known is not None and not _alike(known.granted, each):
                raise PolicyRefused(
                    f"data SA {each.pattern.spi.hex()} is known, with other periods, keys or policy"
                )

    def check_sender_ids(self, granted: Sequence[GrantedPeriods], sender_ids: frozenset[int]) -> None:
        """Raises `PolicyRefused` for a sender id that was used under a key that goes on: nonces would repeat
        (RFC 6407, 3.5)."""
        for key, held in self.holdings.data.items():
            twice = sender_ids & held.sender_ids
            if twice and self.owner(key) and any(_covers(each, key) for each in granted):
                raise PolicyRefused(
                    f"sender id {min(twice)} was used with data SA {held.sa.spi.hex()}: nonces would repeat"
                )

    # -- changes ---------------------------------------------------------------------------------------

    def register(
        self,
        granted: Sequence[KeyedPeriods],
        delays: tuple[float, float],
        sends: Callable[[DataSA], tuple[bool, bool]],
        renewal: Callable[[float, float], float],
        now: float,
    ) -> list[DataKey]:
        """What a registration has brought; it takes the place of all before. `delays` are ATD and DTD;
        `sends` says whether the member sends with an SA, and whether that has a counter mode; `renewal` when
        to look for what follows. Returns the SAs of periods that are no longer granted."""
        self._held = {}
        for each in granted:
            pattern, periods = each.granted.pattern, pattern_map(each.granted)
            to_the_end = each.granted.intervals[-1].last == periods.count - 1
            sending, counted = sends(pattern)
            self._held[data_key(pattern)] = _Held(
                granted=each.granted,
                keys=each.keys,
                periods=periods,
                lead=min(delays[0], periods.size),
                overlap=min(delays[1], periods.size),
                sends=sending,
                counter_mode=counted,
                renew_at=renewal(now, periods.end) if to_the_end else inf,
                # no receipt is to be signed for a period that was over before its seeds came
                following=(periods.period_at(now) or 0) if each.granted.keys is None else 0,
            )
        return [key for key in self.holdings.data if self._dropped(key)]

    def _dropped(self, key: DataKey) -> bool:
        return self.holdings.data[key].of_period and not self.owner(key)

    def clear(self) -> None:
        """Forget all."""
        self._held.clear()

    # -- time ------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When the next period's SA is to be made, or the last has ended."""
        due = min((held.next_change() for held in self._held.values()), default=inf)
        return due if due < inf else None

    def advance(self, now: float, sender_ids: Sequence[int]) -> tuple[list[DataSA], list[MemberEvent], bool]:
        """The SAs of periods that have come, made and held; what else is to be told; whether it is time to
        look for the next sequence."""
        made: list[DataSA] = []
        told: list[MemberEvent] = []
        renew = False
        for key, held in list(self._held.items()):
            made += self._made(held, now, sender_ids, told)
            if now >= held.renew_at:
                held.renew_at, renew = inf, True
            if not held.ended and now >= held.periods.span(held.last)[1]:
                held.ended = True
                told.append(PeriodsEnded(spi=key[1].hex(), last_period=held.last))
        return made, told, renew

    def _made(
        self, held: _Held, now: float, sender_ids: Sequence[int], told: list[MemberEvent]
    ) -> Iterator[DataSA]:
        while (period := held.next_period()) is not None:
            begin, end = held.periods.span(period)
            if now < max(begin - held.lead, held.retry_at):
                return
            if end + held.overlap <= now:  # slept through
                held.following = max(period + 1, self._first_left(held, now))
                continue
            pattern = held.granted.pattern
            try:
                key = held.keys.key(period)
            except GsakmpError as error:
                held.retry_at = now + max(RETRY_LEAST, RETRY_SHARE * held.periods.size)
                told.append(PeriodKeyMissing(spi=pattern.spi.hex(), period=period, problem=str(error)))
                return
            held.following, held.retry_at = period + 1, -inf
            sa = period_sa(pattern, held.periods, period, key, held.granted.sizes)
            if data_key(sa) not in self.holdings.data:
                self._hold(held, sa, end, now, sender_ids)
                yield sa

    @staticmethod
    def _first_left(held: _Held, now: float) -> int:
        """The first period that may not be over yet, or one before it."""
        return int((now - held.overlap - held.periods.first) // held.periods.size) - 1

    def _hold(self, held: _Held, sa: DataSA, end: float, now: float, sender_ids: Sequence[int]) -> None:
        sends = held.sends and (not held.counter_mode or bool(sender_ids))
        self.holdings.add_data(
            HeldDataSA(
                installed_at=now,
                ends_at=end + held.overlap,
                stops_at=end,
                ending="period",
                change=self.holdings.change,
                sa=sa,
                activates_at=sa.created_at,
                sends=sends,
                counter_mode=held.counter_mode,
                sender_ids=frozenset(sender_ids if sends and held.counter_mode else ()),
                of_period=True,
            )
        )


def pattern_map(granted: GrantedPeriods) -> PeriodMap:
    """When its periods are. Raises `StateError` for a data SA without."""
    if granted.pattern.periods is None:
        raise StateError("a data SA without periods")
    return period_map(granted.pattern.periods)


def _covers(granted: GrantedPeriods, key: DataKey) -> bool:
    first = int.from_bytes(granted.pattern.spi, "big")
    spi = int.from_bytes(key[1], "big")
    return key[0] == int(granted.pattern.protocol) and first <= spi < first + pattern_map(granted).count


def _alike(known: GrantedPeriods, new: GrantedPeriods) -> bool:
    """Whether both are of one sequence: the same but for when they were told, and the same keys, tried on a
    period that both have."""
    one, other = known.pattern, new.pattern
    if (one.periods, one.selector, one.transform_id, one.key_length, one.integrity, one.mode) != (
        *(other.periods, other.selector, other.transform_id, other.key_length, other.integrity, other.mode),
    ):
        return False
    if known.keys is None or new.keys is None:
        return known.keys is new.keys
    shared = _shared(known.intervals, new.intervals)
    return shared is None or known.keys.key(shared) == new.keys.key(shared)


def _shared(one: Sequence[Interval], other: Sequence[Interval]) -> int | None:
    """A period of both: the last that the first such pair of intervals has in common."""
    for left in one:
        for right in other:
            if max(left.first, right.first) <= min(left.last, right.last):
                return min(left.last, right.last)
    return None


def _status(held: _Held, now: float) -> HeldPeriodsStatus:
    pattern = held.granted.pattern
    return HeldPeriodsStatus(
        spi=pattern.spi.hex(),
        sequence=periods_text(pattern.periods, now) if pattern.periods is not None else "",
        intervals=", ".join(map(str, held.granted.intervals)),
        ends_in_seconds=max(0.0, held.periods.span(held.last)[1] - now),
    )
