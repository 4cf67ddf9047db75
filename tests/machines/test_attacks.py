"""Attacks from outside, one by one: recorded messages again, one bit of each octet, reflections."""

from __future__ import annotations

import pytest

from gsakmp.identities import Identity
from gsakmp.peers import events
from gsakmp.peers.network import Travelling
from tests.machines.arena import (
    ALGORITHMS,
    GROUPS,
    OUTSIDE,
    Arena,
    Choices,
    deliver,
    durable,
    group_in_use,
    holdings,
    name_of,
)
from tests.machines.attacker import flipped
from tests.world import GCKS_ADDRESS

# -- replays -----------------------------------------------------------------------------------------------


def whole_life(arena: Arena) -> list[Travelling]:
    """Registration, rekeys, acknowledgements, a member that leaves: all that was on the wire."""
    for group in GROUPS:
        arena.gcks.rekey(group, arena.network.now)
    arena.run(30)
    arena.gcks.evict("video", Identity.from_text(name_of(1)), arena.network.now)
    arena.run(30)
    arena.runners[2].engine.leave(arena.network.now)
    arena.runners[2].wanted = False
    arena.run(30)
    assert arena.run(60, arena.settled)
    return list(arena.wire)


@pytest.mark.parametrize("eviction", sorted(ALGORITHMS))
def test_nothing_that_was_recorded_helps_afterwards(eviction: str) -> None:
    arena = group_in_use(members=4, eviction=eviction, acknowledgement="sha256")
    recorded = whole_life(arena)
    assert len({t.data[18] for t in recorded}) >= 5, "phase 1, pull, push, its acknowledgement, informational"
    arena.run(31)  # the last KEK that was replaced is gone
    held, kept = holdings(arena), durable(arena)
    for travelling in recorded:
        deliver(arena, travelling)
    assert holdings(arena) == held
    assert durable(arena) == kept


def test_nothing_that_was_recorded_helps_after_a_restart() -> None:
    """A GCKS that starts from its journal, members that have just started: old messages are nobody's."""
    arena = group_in_use(members=3)
    recorded = whole_life(arena)
    arena.start_gcks()
    arena.run(1)
    kept = durable(arena)
    for number in range(3):
        arena.crash(number)
        arena.begin(number)
        arena.runners[number].engine.stop(arena.network.now)
    for travelling in recorded:
        deliver(arena, travelling)
    assert all(gsa.rekey == gsa.data == () for gsa in holdings(arena).values())
    assert durable(arena) == kept


def test_everything_so_far_is_replayed_at_every_moment() -> None:
    """Before each new datagram all those before it come again, and once more from elsewhere; it makes no
    difference to how the group comes together."""
    arena = Arena()
    seen: list[Travelling] = []

    def again(travelling: Travelling) -> list[tuple[float, bytes]]:
        if travelling.data not in {old.data for old in seen}:
            seen.append(travelling)
        return [(0.05, travelling.data)]

    arena.network.script = again
    for number in range(2):
        arena.begin(number)
    for _ in range(60):
        arena.run(0.05)
        for travelling in list(seen):
            deliver(arena, travelling)
            for name in arena.receivers(travelling):
                arena.inject(travelling.data, OUTSIDE, name)
        if arena.settled():
            break
    assert arena.settled()
    assert all(runner.engine._attempts == 0 for runner in arena.runners.values()), "at the first attempt"
    arena.gcks.rekey("video", arena.network.now)
    for _ in range(10):
        arena.run(1)
        for travelling in list(seen):
            deliver(arena, travelling)
    assert arena.settled()


def test_a_replay_from_elsewhere_moves_no_member_and_is_no_sign_of_life() -> None:
    """Behind a NAT the peer's address follows its messages (RFC 3947, 4), but not old ones."""
    arena = Arena()
    arena.begin(0, nat=True)
    assert arena.run(20, arena.settled)
    (session,) = arena.gcks.sessions.values()
    assert session.sa.extensions.remote_nat
    at, due = session.path.remote, session.detection.next_timeout()
    arena.network.now += 10
    for travelling in list(arena.wire):
        if travelling.destination.host == GCKS_ADDRESS.host:
            arena.inject(travelling.data, OUTSIDE, "gcks", travelling.destination.port)
    assert session.path.remote == at
    assert session.detection.next_timeout() == due


@pytest.mark.parametrize("transport", ["multicast", "unicast"])
def test_a_member_behind_a_nat_follows_and_acknowledges(transport: str) -> None:
    """The group's own messages pass the NAT, too: on port 4500 after a non-ESP marker (RFC 3948, 2.2), and
    who acknowledges is known although it does not know its own address (RFC 8263, 3.4)."""
    arena = Arena(Choices(transport=transport, acknowledgement="sha256"))
    arena.begin(0, nat=True)
    arena.begin(1)
    assert arena.run(20, arena.settled)
    arena.gcks.rekey("video", arena.network.now)
    arena.run(5)
    assert arena.settled()
    told = arena.network.events("gcks", events.MemberAcknowledged)
    assert {event.member for event in told} == {name_of(0), name_of(1)}


def test_an_answer_from_another_address_than_was_asked_is_none() -> None:
    arena = Arena()
    arena.network.script = lambda travelling: []
    member = arena.begin(0)
    arena.network.flush()
    (asked,) = arena.network.sent
    arena.network.script = lambda travelling: []
    arena.inject(asked.data, asked.source, "gcks")
    answer = arena.network.sent[-1]
    assert answer.destination == asked.source
    assert arena.inject(answer.data, OUTSIDE, "member0") == (0, 0)
    assert member.refused == {"unexpected": 1}
    assert arena.inject(answer.data, answer.source, "member0")[0] == 1


# -- alterations -------------------------------------------------------------------------------------------


def test_one_bit_of_any_octet_of_what_is_protected_changes_nothing() -> None:
    """Every octet of every encrypted message, flipped, comes before the message itself: each is refused, and
    the message itself still counts."""
    arena = Arena(Choices(acknowledgement="sha256"))
    air: list[Travelling] = []
    arena.network.script = lambda travelling: air.append(travelling) or []
    arena.begin(0)
    forged = deliver_with_forgeries(arena, air)
    assert arena.settled()
    arena.gcks.rekey("video", arena.network.now)
    forged += deliver_with_forgeries(arena, air)
    assert arena.settled()
    assert arena.network.events("gcks", events.MemberAcknowledged)
    assert forged > 1_500


def deliver_with_forgeries(arena: Arena, air: list[Travelling]) -> int:
    """Each datagram, and those that its waiting brings; how many were forged of those that are encrypted."""
    forged, seen = 0, set()
    for _ in range(100):
        arena.run(0.05)
        while air:
            travelling = air.pop(0)
            data = travelling.data
            (name,) = arena.receivers(travelling)
            refused = arena.network.hosts[name].engine.refused
            for place in range(len(data)) if data[19] & 1 else ():  # the encryption bit (RFC 2408, 3.1)
                if place != 19:
                    before = sum(refused.values())
                    deliver(arena, travelling, flipped(data, place))
                    assert sum(refused.values()) == before + 1, place
                    forged += 1
            before = sum(refused.values())
            deliver(arena, travelling)
            assert sum(refused.values()) == before + (data in seen), "it counts, if it is no repetition"
            seen.add(data)
    return forged


@pytest.mark.parametrize("aggressive", [False, True])
def test_one_bit_of_any_octet_of_phase_1_at_most_costs_time(aggressive: bool) -> None:
    """What is not authenticated yet may be spoilt, and is begun anew once the attacker is gone."""
    arena = Arena(aggressive=aggressive)
    arena.network.script = spoilt
    arena.begin(0)
    arena.run(30)
    arena.network.script = arena.carry
    assert arena.run(200, arena.settled)


def spoilt(travelling: Travelling) -> list[tuple[float, bytes]]:
    """A third of a message's octets flipped, one each, before the message; those in the clear alone."""
    data = travelling.data
    forged = range(0, len(data), 3) if not data[19] & 1 else ()
    return [*((0.01, flipped(data, place)) for place in forged), (0.02, data)]


def test_a_message_back_to_its_sender_is_nothing() -> None:
    """Each message is reflected, from where an answer would come, before it arrives."""
    arena = Arena(Choices(acknowledgement="sha256"))

    def mirror(travelling: Travelling) -> list[tuple[float, bytes]]:
        sender = next(
            name for name, host in arena.network.hosts.items() if host.address.host == travelling.source.host
        )
        reflected.append((sender, travelling))
        return [(0.02, travelling.data)]

    reflected: list[tuple[str, Travelling]] = []
    arena.network.script = mirror
    arena.begin(0)
    for _ in range(400):
        arena.run(0.01)
        while reflected:
            sender, travelling = reflected.pop(0)
            arena.inject(travelling.data, travelling.destination, sender, travelling.source.port)
        if arena.settled() and arena.network.now % 1 < 0.01:
            break
    assert arena.settled()
    assert not arena.network.events("member0", events.ExchangeFailed)
