"""Rekeys reach the members, evicted ones can't follow, and who missed one comes back (RFC 6407, 4 and 7.4)."""

from __future__ import annotations

from typing import Any

import pytest

from gsakmp.exchanges.address import Address
from gsakmp.group.policy import DataPolicy, RekeyPolicy, Selector
from gsakmp.identities import Identity
from gsakmp.peers import events
from gsakmp.peers.member import Member
from gsakmp.peers.network import Conditions, Travelling
from tests.world import GCKS_ADDRESS, PUSHES, World, group_policy

REGISTRATION = "RegistrationScheduled"


def rekey(**changes: Any) -> RekeyPolicy:
    return RekeyPolicy(**{"source": "192.0.2.1", "destination": PUSHES} | changes)


def registered(world: World, count: int, **changes: Any) -> list[Member]:
    members = [world.member(number, **changes) for number in range(count)]
    assert world.run(60, lambda: all(member.state == "registered" for member in members))
    return members


def current(world: World) -> tuple[set[bytes], set[bytes]]:
    """The KEKs and TEKs in force, as the journal has them."""
    state = world.journal.groups["video"]
    rekeys = {record.sa.key for record in state.rekey_sas.values() if record.retired_at is None}
    data = {record.sa.algorithm_key for record in state.data_sas.values() if record.retired_at is None}
    return rekeys, data


def holds(member: Member, keys: tuple[set[bytes], set[bytes]]) -> bool:
    gsa = member.group.gsa
    return keys[0] <= {sa.key for sa in gsa.rekey} and keys[1] <= {sa.algorithm_key for sa in gsa.data}


def holds_any(member: Member, keys: tuple[set[bytes], set[bytes]]) -> bool:
    gsa = member.group.gsa
    return bool(keys[0] & {sa.key for sa in gsa.rekey} or keys[1] & {sa.algorithm_key for sa in gsa.data})


def test_a_rekey_on_order() -> None:
    world = World()
    members = registered(world, 3)
    before = current(world)
    world.gcks.rekey("video", world.network.now)
    world.run(5)
    after = current(world)
    assert not before[1] & after[1]
    assert all(holds(member, after) for member in members)
    assert all(world.network.events(f"member{n}", events.RekeyReceived) for n in range(3))
    # a push that is sent again is a replay to who has it, and costs no signature check
    assert all(set(member.refused) <= {"replay"} for member in members)


def test_data_sas_are_replaced_before_they_end() -> None:
    world = World()
    members = registered(world, 2)
    before = current(world)
    world.run(3_600 - 250)
    after = current(world)
    assert not before[1] & after[1]
    assert all(holds(member, after) for member in members)
    assert not any(REGISTRATION in world.kinds(f"member{n}") for n in range(2))


def test_a_kek_is_replaced_before_it_ends() -> None:
    world = World(policy=group_policy(rekey=(rekey(lifetime=7_200, rollover_margin=600),)))
    members = registered(world, 2)
    before = current(world)
    world.run(7_200 - 550)
    after = current(world)
    assert not before[0] & after[0]
    assert all(holds(member, after) for member in members)
    assert not any(REGISTRATION in world.kinds(f"member{n}") for n in range(2))


@pytest.mark.parametrize("eviction", ["re-pull", "own-keys"])
def test_an_evicted_member_can_not_follow(eviction: str) -> None:
    world = World(policy=group_policy(rekey=(rekey(eviction=eviction),)))
    members = registered(world, 4)
    world.gcks.evict("video", Identity.from_text("fqdn:member2.example"), world.network.now)
    world.run(120)
    after = current(world)
    assert not holds_any(members[2], after)
    for number in (0, 1, 3):
        assert holds(members[number], after), number
        came_back = REGISTRATION in world.kinds(f"member{number}")
        assert came_back == (eviction == "re-pull")
    members[2].rejoin(world.network.now)
    world.run(60)
    assert members[2].state == "waiting"  # refused, and again after a restart
    world.start_gcks()
    members[2].rejoin(world.network.now)
    world.run(60)
    assert not holds_any(members[2], after)
    world.gcks.readmit("video", Identity.from_text("fqdn:member2.example"), world.network.now)
    members[2].rejoin(world.network.now)
    world.run(60)
    assert holds(members[2], current(world))


@pytest.mark.parametrize("backward", ["new-data-keys", "new-kek"])
def test_a_joiner_can_not_read_what_went_before(backward: str) -> None:
    world = World(policy=group_policy(backward_rekey=backward))
    members = registered(world, 2)
    world.run(60)
    before = current(world)
    late = world.member(7)
    assert world.run(60, lambda: late.state == "registered")
    world.run(30)
    after = current(world)
    assert not before[1] & after[1]
    assert not before[1] & {sa.algorithm_key for sa in late.group.gsa.data}
    if backward == "new-kek":
        assert not before[0] & {sa.key for sa in late.group.gsa.rekey}
    assert all(holds(member, after) for member in (*members, late))


def test_who_missed_a_rekey_notices_and_comes_back() -> None:
    world = World()
    members = registered(world, 3)
    deaf = {"on": True}

    def weather(travelling: Travelling) -> list[tuple[float, bytes]]:
        lost = deaf["on"] and travelling.destination.host.is_multicast
        return [] if lost else [(0.01, travelling.data)]

    world.network.script = weather
    world.run(120)
    world.gcks.rekey("video", world.network.now)
    world.run(30)
    deaf["on"] = False
    world.gcks.rekey("video", world.network.now)
    world.run(300)
    assert all(holds(member, current(world)) for member in members)


@pytest.mark.parametrize("seed", range(4))
def test_loss_repeats_and_disorder_are_survived(seed: int) -> None:
    conditions = Conditions(loss=0.2, repeat=0.1, corrupt=0.02, delay=0.02, jitter=0.3)
    world = World(conditions=conditions, seed=seed)
    members = [world.member(number) for number in range(10)]
    assert world.run(900, lambda: all(member.state == "registered" for member in members))
    for _ in range(5):
        world.gcks.rekey("video", world.network.now)
        world.run(40)
    world.network.conditions = Conditions()
    world.gcks.rekey("video", world.network.now)
    world.run(900)
    assert all(holds(member, current(world)) for member in members)


def test_acknowledgements_are_counted_and_the_silent_are_told() -> None:
    policy = group_policy(
        rekey=(rekey(acknowledgement="sha256", silent_rekeys=2, drop_silent=True, retransmissions=0),)
    )
    world = World(policy=policy)
    members = registered(world, 3)
    assert len(members) == 3
    world.gcks.rekey("video", world.network.now)
    world.run(30)
    told = world.network.events("gcks", events.MemberAcknowledged)
    assert {event.member for event in told} == {f"fqdn:member{n}.example" for n in range(3)}
    world.network.remove("member1")
    for _ in range(3):
        world.gcks.rekey("video", world.network.now)
        world.run(60)
    assert [event.member for event in world.network.events("gcks", events.MemberSilent)] == [
        "fqdn:member1.example"
    ]
    assert Identity.from_text("fqdn:member1.example") not in world.journal.groups["video"].members


def test_pushes_by_unicast() -> None:
    world = World(policy=group_policy(rekey=(rekey(transport="unicast", destination=""),)))
    members = registered(world, 3)
    world.network.sent.clear()
    world.gcks.rekey("video", world.network.now)
    world.run(5)
    assert all(holds(member, current(world)) for member in members)
    assert not any(travelling.destination.host.is_multicast for travelling in world.network.sent)


def test_a_null_rekey_sa_means_registering_again_in_time() -> None:
    world = World(policy=group_policy(rekey=(RekeyPolicy(transport="null"),)))
    members = registered(world, 2)
    before = current(world)
    world.run(3_600)
    after = current(world)
    assert not before[1] & after[1]
    assert all(holds(member, after) for member in members)


def test_without_a_rekey_sa_members_register_again_in_time() -> None:
    world = World(policy=group_policy(rekey=()))
    (member,) = registered(world, 1)
    assert member.group.gsa.rekey == ()
    before = current(world)
    world.run(3_600)
    after = current(world)
    assert not before[1] & after[1]
    assert holds(member, after)


def test_several_rekey_sas_and_a_mix_of_data_sas() -> None:
    policy = group_policy(
        rekey=(rekey(), rekey(destination="239.192.0.9", lifetime=43_200)),
        data=(
            DataPolicy(selector=Selector(destination="ipv4:239.192.0.2")),
            DataPolicy(
                selector=Selector(destination="ipv4:239.192.0.3"),
                senders=("ipv4:198.51.100.1", "ipv4:198.51.100.2"),
                encryption="aes-cbc-128",
                integrity="hmac-sha256",
            ),
        ),
    )
    world = World(policy=policy)
    members = registered(world, 4)
    # a pull has one SA KEK at most (RFC 6407, 5.2.1), so each member is given one of the Rekey SAs
    assert all(len(member.group.gsa.rekey) == 1 and len(member.group.gsa.data) == 3 for member in members)
    assert len({member.group.gsa.rekey[0].spi for member in members}) == 2
    world.gcks.rekey("video", world.network.now)
    world.run(5)
    keys = current(world)
    assert all(holds(member, (set(), keys[1])) for member in members)
    assert {sa.key for member in members for sa in member.group.gsa.rekey} >= keys[0]


def test_a_forged_push_changes_nothing() -> None:
    world = World()
    members = registered(world, 2)
    world.network.sent.clear()
    world.gcks.rekey("video", world.network.now)
    world.network.flush()
    push = next(t.data for t in world.network.sent if t.destination.host.is_multicast)
    world.network.script = lambda travelling: []
    before = members[0].group.gsa
    for place in range(16, len(push), 7):
        forged = push[:place] + bytes([push[place] ^ 1]) + push[place + 1 :]
        members[0].receive_datagram(forged, GCKS_ADDRESS, world.network.now)
    assert members[0].group.gsa == before
    members[0].receive_datagram(push, GCKS_ADDRESS, world.network.now)
    assert members[0].group.gsa != before


def test_a_dissolved_group_is_gone_for_its_members() -> None:
    world = World()
    members = registered(world, 2)
    other = group_policy(name="audio", identity="key-id:0x00000999")
    world.gcks.reload(world.gcks_configuration(other), world.network.now)
    world.run(60)
    assert all(member.group.gsa.data == () for member in members)


def test_a_restart_after_a_rekey_disturbs_nobody_who_followed() -> None:
    """The GCKS can't know who heard its pushes before it crashed, and deletes everything under the old KEK;
    who holds the new one knows better."""
    world = World()
    members = registered(world, 3)
    world.gcks.rekey("video", world.network.now)
    world.run(10)
    assert all(holds(member, current(world)) for member in members)
    world.start_gcks()
    world.run(300)
    assert all(holds(member, current(world)) for member in members)
    assert not any(REGISTRATION in world.kinds(f"member{n}") for n in range(3))


def test_members_behind_one_address_all_acknowledge() -> None:
    """Under the KEK's key their acknowledgements are the same octets (RFC 8263, 3.2); the port tells."""
    policy = group_policy(rekey=(rekey(acknowledgement="sha256", retransmissions=0),))
    world = World(policy=policy)
    for number in range(3):
        address = Address.from_text("198.51.100.1", 10_000 + number)
        world.network.add(f"member{number}", world.member(number, local=address, register=False), address)
    members = [world.network.hosts[f"member{number}"].engine for number in range(3)]
    for member in members:
        member.register(world.network.now)
    assert world.run(60, lambda: all(member.state == "registered" for member in members))
    world.gcks.rekey("video", world.network.now)
    world.run(30)
    told = world.network.events("gcks", events.MemberAcknowledged)
    assert {event.member for event in told} == {f"fqdn:member{n}.example" for n in range(3)}
