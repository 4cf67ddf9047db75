"""A member that misses a rekey notices, and registers again at a random time (RFC 6407, 3.3, 4.4, 5.6.4.3;
RFC 8263, 4)."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from gsakmp.group.member import Acceptance, GroupMember
from gsakmp.group.member_types import RegistrationPlanned, SAEnded
from gsakmp.group.reregistration import RegistrationPlan, RegistrationReason
from tests.unit.group.member_world import World, data, everything, half, rekey


def plans(world: World) -> list[tuple[str, float]]:
    return [
        (event.reason.value, event.delay)
        for event in world.member.take_events()
        if isinstance(event, RegistrationPlanned)
    ]


def test_member_that_never_registered_wants_nothing() -> None:
    member = GroupMember(Acceptance(), random=half)
    member.unknown_spi(5.0)
    member.sender_ids_used_up(5.0)
    member.handle_timeout(1e9)
    assert member.wants_registration(1e9) is None
    assert member.next_timeout() is None


def test_gap_in_sequence() -> None:
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10)], seq=3)
    world.push(1, 4, data=[data(20)])
    assert plans(world) == []
    world.push(1, 6, data=[data(30)])
    assert world.states() == {30: "active"}  # the push itself counts
    assert plans(world) == [("gap-in-sequence", 10.0)]
    world.push(1, 9)
    assert plans(world) == []  # it will register anyhow
    world.pass_time(9.9)
    assert world.reason() is None
    world.pass_time(0.1)
    assert world.reason() == "gap-in-sequence"
    world.register(rekey=[rekey(1)], data=[data(40)], seq=9)
    world.pass_time(100)
    assert world.reason() is None


def test_first_push_of_a_new_rekey_sa_is_number_one() -> None:
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10)], seq=3)
    world.push(1, 4, rekey=[rekey(2)])
    world.push(2, 2)
    assert plans(world) == [("gap-in-sequence", 10.0)]


def test_late_pushes_under_the_replaced_rekey_sa_are_no_gap() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)], seq=3)
    world.push(1, 4, rekey=[rekey(2)])
    world.push(1, 6, rekey=[rekey(2)])
    assert plans(world) == []


def test_kek_that_nobody_replaces() -> None:
    """From 5% of what is left, at most 60 seconds, half of it at the latest: with half a random, 45 seconds."""
    world = World()
    world.register(rekey=[rekey(1, lifetime=7_200)], data=[data(10, lifetime=36_000)])
    end = world.now + 7_200
    world.pass_time(7_200 - 45.1)
    assert world.reason() is None
    world.pass_time(0.2)
    assert world.reason() == "kek-expiry"
    world.pass_time(45)
    assert world.now >= end
    assert world.rekeys() == {}
    assert world.states() == {10: "active"}


def test_data_sa_that_nobody_replaces() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10, lifetime=600)])
    world.pass_time(600 - 22.6)  # 5% of 600 is 30, three quarters of it 22.5
    assert world.reason() is None
    world.pass_time(0.2)
    assert world.reason() == "data-sa-expiry"
    world.pass_time(22.5)
    assert world.states() == {}


def test_group_without_a_rekey_sa_registers_before_its_data_sas_end() -> None:
    """SA2 declared null: rekeys travel another way."""
    world = World()
    world.register(data=[data(10, lifetime=3_600)])
    world.pass_time(3_600 - 44)
    assert world.reason() == "data-sa-expiry"
    world.register(data=[data(20, lifetime=3_600)], dtd=10)
    assert world.states() == {10: "retiring", 20: "active"}
    assert world.reason() is None


def test_registering_again_for_the_same_sas_does_not_hammer_the_gcks() -> None:
    world = World()
    world.register(data=[data(10, at=world.now, lifetime=3_600)])
    expires = world.now + 3_600
    registrations = []
    while world.now < expires:
        due = world.member.next_timeout()
        assert due is not None
        world.pass_time(due - world.now)
        if world.reason() and world.now < expires:
            registrations.append(expires - world.now)
            world.register(data=[data(10, at=expires - 3_600, lifetime=3_600)])
    assert registrations == [45.0, 1.6875]


def test_sa_that_ends_without_warning_spreads_its_members() -> None:
    """Too short a lifetime for a renewal ahead of it."""
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10, lifetime=10)])
    world.pass_time(10)
    assert world.states() == {}
    assert world.reason() is None
    assert ("data-sa-expiry", 10.0) in plans(world)
    world.pass_time(10)
    assert world.reason() == "data-sa-expiry"


def test_rollover_cancels_what_the_old_kek_called_for() -> None:
    world = World()
    world.register(rekey=[rekey(1, lifetime=7_200)], data=[data(10, lifetime=36_000)])
    world.pass_time(7_200 - 40)
    assert world.reason() == "kek-expiry"
    world.push(1, 1, rekey=[rekey(2)])
    assert world.reason() is None


def test_replaced_rekey_sa_calls_for_nothing_any_more() -> None:
    world = World()
    world.register(rekey=[rekey(1, lifetime=7_200)], data=[data(10, lifetime=36_000)])
    world.pass_time(7_200 - 60)
    world.push(1, 1, rekey=[rekey(2)])
    world.pass_time(100)
    assert world.reason() is None
    assert plans(world) == []


def test_unknown_spi_does_not_count_just_after_a_registration() -> None:
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10, lifetime=3_600)])
    for _ in range(50):
        world.member.unknown_spi(world.now)
    assert plans(world) == []
    world.pass_time(120)
    world.member.unknown_spi(world.now)
    assert plans(world) == [("unknown-spi", 10.0)]


def test_unknown_spi_counts_once_in_an_interval() -> None:
    world = World(spread=20.0)
    registered = []
    world.register(rekey=[rekey(1)], data=[data(10, lifetime=100_000)])
    world.pass_time(500)
    world.member.take_events()
    start = world.now
    for _ in range(260):
        world.member.unknown_spi(world.now)
        if reason := world.reason():
            registered.append((world.now - start, reason))
            world.register(rekey=[rekey(1, lifetime=1_400)], data=[data(10, lifetime=15_000)])
        world.now += 1
    assert registered == [(10.0, "unknown-spi"), (140.0, "unknown-spi")]


def test_unknown_spi_within_the_interval_counts_at_its_end() -> None:
    """It may be the only push for a long time: what it told of must not be forgotten."""
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10, lifetime=100_000)])
    world.pass_time(30)
    world.member.unknown_spi(world.now)
    assert plans(world) == [("unknown-spi", 100.0)]
    world.pass_time(99)
    assert world.reason() is None
    world.pass_time(1)
    assert world.reason() == "unknown-spi"


def test_unknown_spi_means_nothing_in_a_group_without_pushes() -> None:
    world = World()
    world.register(data=[data(10, lifetime=3_600)])
    world.pass_time(3_300)
    world.member.unknown_spi(world.now)
    assert plans(world) == []


def test_missed_delete_shows_by_an_unknown_spi() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.push(1, 1, deletes=everything()[:2])  # and what was to follow is lost
    world.pass_time(601)
    assert world.reason() == "no-data-sas"


def test_sender_ids_used_up() -> None:
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.member.sender_ids_used_up(world.now)
    assert plans(world) == [("sender-ids-used-up", 10.0)]
    world.pass_time(10)
    assert world.reason() == "sender-ids-used-up"


def test_reason_stays_until_registered_and_its_timer_does_not() -> None:
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.push(1, 5)
    world.pass_time(10)
    assert world.reason() == "gap-in-sequence"
    due = world.member.next_timeout()
    assert due is not None
    assert due > world.now
    world.pass_time(100)
    assert world.reason() == "gap-in-sequence"


@pytest.mark.parametrize("seed", range(3))
def test_members_spread(seed: int) -> None:
    """A hundred members that miss the same push: they come over the whole spread, few of them together."""
    source = random.Random(seed)
    delays = []
    for _ in range(100):
        plan = RegistrationPlan(source.randbytes, 20.0)
        delays.append(plan.plan(RegistrationReason.GAP, 50.0))
    assert all(0 <= delay < 20 for delay in delays)
    assert min(delays) < 2
    assert max(delays) > 18
    tenths = [sum(1 for delay in delays if 2 * n <= delay < 2 * n + 2) for n in range(10)]
    assert max(tenths) <= 25


@pytest.mark.parametrize("lifetime", [30, 600, 86_400])
def test_renewals_spread_before_the_end(lifetime: int) -> None:
    source = random.Random(1)
    plan = RegistrationPlan(source.randbytes, 20.0)
    times = [lifetime - plan.renewal(0.0, lifetime) for _ in range(100)]
    lead = min(0.05 * lifetime, 60)
    assert all(lead / 2 <= ahead <= lead for ahead in times)
    assert max(times) - min(times) > 0.4 * lead


@pytest.mark.parametrize("source", [half, bytes, lambda count: b"\xff" * count], ids=["half", "0", "1"])
def test_delay_of_zero_and_of_almost_all(source: Callable[[int], bytes]) -> None:
    plan = RegistrationPlan(source, 20.0)
    assert 0 <= plan.plan(RegistrationReason.GAP, 1.0) < 20.0


def test_expiry_is_told() -> None:
    world = World()
    world.register(rekey=[rekey(1, lifetime=100)], data=[data(10, lifetime=50)])
    world.pass_time(200)
    ended = [event for event in world.member.take_events() if isinstance(event, SAEnded)]
    assert [(event.category, event.reason) for event in ended] == [(3, "lifetime"), (2, "lifetime")]
