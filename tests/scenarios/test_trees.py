"""Key trees from the GCKS to its members over a network: changes that take several pushes, of which some get
lost or overtake one another, and what the members then have (RFC 6407, 4, 5.6.3 and 7.4)."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from gsakmp.exchanges.address import Address
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.rekey.lkh import LKHRekey
from gsakmp.group.rekey.oft import OFTRekey
from gsakmp.identities import Identity
from gsakmp.peers import events
from gsakmp.peers.member import Member
from gsakmp.peers.network import Conditions, Travelling
from tests.world import PUSHES, World, group_policy

TREES = ["lkh", "oft"]
MEMBERS = 20


def world(algorithm: str, *, octets: int = 160, rekey: dict[str, Any] | None = None, **changes: Any) -> World:
    """A group whose pushes hold few keys, so that a change takes several."""
    sa2 = RekeyPolicy(source="192.0.2.1", destination=PUSHES, management=algorithm, **(rekey or {}))
    made = World(policy=group_policy(rekey=(sa2,), **changes))
    narrow(made, octets)
    return made


def narrow(made: World, octets: int) -> None:
    algorithm = made.gcks.group("video")._core.algorithms[0]
    assert isinstance(algorithm, LKHRekey | OFTRekey)
    algorithm.update_octets = octets


def name(number: int) -> Identity:
    return Identity.from_text(f"fqdn:member{number}.example")


def joined(made: World, numbers: range = range(MEMBERS)) -> dict[int, Member]:
    members = {number: made.member(number) for number in numbers}
    assert made.run(60, lambda: all(member.state == "registered" for member in members.values()))
    made.run(5)
    return members


def in_force(made: World) -> set[bytes]:
    """The KEK and the TEK, as the journal has them."""
    state = made.journal.groups["video"]
    keks = {record.sa.key for record in state.rekey_sas.values() if record.retired_at is None}
    teks = {record.sa.algorithm_key for record in state.data_sas.values() if record.retired_at is None}
    assert (len(keks), len(teks)) == (1, 1)
    return keks | teks


def held(member: Member) -> set[bytes]:
    gsa = member.group.gsa
    return {sa.key for sa in gsa.rekey} | {sa.algorithm_key for sa in gsa.data}


def asked_again(made: World, members: dict[int, Member]) -> list[int]:
    return [n for n in members if len(made.network.events(f"member{n}", events.Registered)) > 1]


def multicast(travelling: Travelling) -> bool:
    return travelling.destination.host.is_multicast


def held_back(made: World, gone: int) -> list[bytes]:
    """The pushes of an eviction, which nobody has got yet."""
    air: dict[bytes, None] = {}

    def keep(travelling: Travelling) -> list[tuple[float, bytes]]:
        if not multicast(travelling):
            return [(0.01, travelling.data)]
        air[travelling.data] = None
        return []

    made.network.script = keep
    made.gcks.evict("video", name(gone), made.network.now)
    made.run(0.001)
    made.network.script = None
    return list(air)


@pytest.mark.parametrize("algorithm", TREES)
@pytest.mark.parametrize("backward", ["off", "new-data-keys", "new-kek"])
def test_joins_and_evictions_reach_everybody_without_a_second_registration(
    algorithm: str, backward: str
) -> None:
    made = world(algorithm, backward_rekey=backward)
    members = joined(made)
    assert all(in_force(made) <= held(member) for member in members.values())
    for gone in (3, 17, 4):
        before = in_force(made)
        made.gcks.evict("video", name(gone), made.network.now)
        out = members.pop(gone)
        made.run(8)
        assert not before & in_force(made)
        assert all(in_force(made) <= held(member) for member in members.values())
        assert not in_force(made) & held(out)
    members |= joined(made, range(MEMBERS, MEMBERS + 3))
    made.gcks.rekey("video", made.network.now)
    made.run(8)
    assert all(in_force(made) <= held(member) for member in members.values())
    assert asked_again(made, members) == []
    pushes = made.network.events("gcks", events.RekeySent)
    assert max(event.octets for event in pushes) < 1400


@pytest.mark.parametrize("algorithm", TREES)
def test_a_change_takes_several_pushes_and_each_member_goes_with_its_own(algorithm: str) -> None:
    made = world(algorithm)
    members = joined(made)
    before = len(made.network.events("gcks", events.RekeySent))
    made.gcks.evict("video", name(7), made.network.now)
    made.run(0.5)
    evicted = [e for e in made.network.events("gcks", events.RekeySent)[before:] if e.reason == "evicted"]
    assert len(evicted) > 3
    old = evicted[0].spi
    assert [event.spi for event in evicted] == [old] * (len(evicted) - 1) + [evicted[-1].spi]
    assert evicted[-1].spi != old
    del members[7]
    for number, member in members.items():  # all were accepted, those after the new KEK was there included
        heard = [e for e in made.network.events(f"member{number}", events.RekeyReceived) if e.spi == old]
        assert len(heard) == len(evicted) - 1
        assert in_force(made) <= held(member)
        assert not made.network.events(f"member{number}", events.RegistrationScheduled)


@pytest.mark.parametrize("algorithm", TREES)
@pytest.mark.parametrize("retransmissions", [0, 2])
def test_whoever_lost_the_push_with_its_keys_recovers(algorithm: str, retransmissions: int) -> None:
    """From a push that is sent again where nothing came after it, else by registering again."""
    made = world(algorithm, rekey={"retransmissions": retransmissions})
    members = joined(made)
    before = len(made.network.events("gcks", events.RekeySent))
    sent: list[bytes] = []

    def weather(travelling: Travelling) -> list[tuple[float, bytes]]:
        if multicast(travelling) and travelling.data not in sent:
            sent.append(travelling.data)
            return []  # each is lost at first
        return [(0.01, travelling.data)]

    made.network.script = weather
    made.gcks.evict("video", name(7), made.network.now)
    made.run(10)
    made.network.script = None
    del members[7]
    followed = [number for number, member in members.items() if in_force(made) <= held(member)]
    assert (len(followed) == len(members)) == (retransmissions > 0)
    assert len(made.network.events("gcks", events.RekeySent)) > before
    made.gcks.rekey("video", made.network.now)  # shows to the others that they have missed something
    made.run(200)
    assert all(in_force(made) <= held(member) for member in members.values())
    assert (asked_again(made, members) == []) == (retransmissions > 0)


@pytest.mark.parametrize("algorithm", TREES)
@pytest.mark.parametrize("which", [0, 1, 2, 3, -2, -1])
def test_one_push_of_a_change_is_lost_for_good(algorithm: str, which: int) -> None:
    """Whoever needed it notices and comes back, and whoever did not goes on."""
    made = world(algorithm, octets=70, rekey={"retransmissions": 0})
    members = joined(made)
    made.gcks.rekey("video", made.network.now)  # those who wait enter the tree (OFT)
    made.run(5)
    air = held_back(made, 7)
    assert len(air) > 4
    lost = air[which]
    for octets in air:
        if octets is not lost:
            deliver(made, octets)
    made.run(1)
    del members[7]
    led = {number for number, member in members.items() if in_force(made) <= held(member)}
    if which == -1:
        assert not led, "the last brings the data SAs"
    else:
        assert led, "most did not need it"
    made.gcks.rekey("video", made.network.now)
    made.run(200)
    assert all(in_force(made) <= held(member) for member in members.values())
    gone = made.network.hosts["member7"].engine
    assert isinstance(gone, Member)
    assert not in_force(made) & held(gone)


@pytest.mark.parametrize("algorithm", TREES)
@pytest.mark.parametrize("seed", range(4))
def test_pushes_that_overtake_one_another(algorithm: str, seed: int) -> None:
    """A number below one that was accepted is a replay (RFC 6407, 5.7), so a member whose push came late
    has lost it, and registers again."""
    made = world(algorithm, rekey={"retransmissions": 0})
    members = joined(made)
    air = held_back(made, 7)
    Random(seed).shuffle(air)
    for octets in air:
        deliver(made, octets)
        made.run(0.01)
    made.run(300)
    del members[7]
    assert all(in_force(made) <= held(member) for member in members.values())


@pytest.mark.parametrize("algorithm", TREES)
def test_a_bad_network_all_day(algorithm: str) -> None:
    """Loss, repetition and reordering of everything: nobody is left behind for good, and nobody who was put
    out reads on."""
    made = world(algorithm, backward_rekey="new-kek")
    members = joined(made, range(12))
    made.network.conditions = Conditions(loss=0.1, repeat=0.1, delay=0.02, jitter=0.5)
    out = []
    for gone in (2, 5, 11):
        made.gcks.evict("video", name(gone), made.network.now)
        out.append(members.pop(gone))
        made.run(600)
    made.network.conditions = Conditions()
    made.run(1_200)
    assert all(in_force(made) <= held(member) for member in members.values())
    assert not any(in_force(made) & held(member) for member in out)


@pytest.mark.parametrize("algorithm", TREES)
def test_the_key_server_starts_again_in_the_middle_of_a_change(algorithm: str) -> None:
    made = world(algorithm)
    members = joined(made)
    made.network.script = lambda t: [] if multicast(t) else [(0.01, t.data)]
    made.gcks.evict("video", name(1), made.network.now)
    made.run(0.1)
    made.network.script = None
    made.start_gcks()
    narrow(made, 160)
    made.run(120)
    gone = members.pop(1)
    assert all(in_force(made) <= held(member) for member in members.values())
    made.gcks.evict("video", name(2), made.network.now)
    also = members.pop(2)
    made.run(60)
    assert all(in_force(made) <= held(member) for member in members.values())
    assert not in_force(made) & (held(gone) | held(also))


def deliver(made: World, octets: bytes) -> None:
    """A push to all members, now."""
    for host, entry in list(made.network.hosts.items()):
        if not host.startswith("member"):
            continue
        entry.engine.receive_datagram(octets, Address.from_text("192.0.2.1"), made.network.now)
        made.network.flush()
