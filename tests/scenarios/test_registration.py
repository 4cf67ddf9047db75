"""Members register with a GCKS, over good networks and bad ones (RFC 6407, 3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gsakmp import parse
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.group.policy import MemberPolicy, RegistrationPolicy, RekeyPolicy
from gsakmp.identities import Identity
from gsakmp.peers import Member, MemberConfiguration, events
from gsakmp.peers.network import Conditions, Travelling
from gsakmp.registries import ExchangeType
from tests.world import GCKS_ADDRESS, GROUP, PUSHES, START, World, group_policy, phase1


def same_keys(world: World, *members: object) -> None:
    """Every member holds the group's SAs, keys and all, as the journal has them."""
    state = world.journal.groups["video"]
    rekey = {record.sa.spi: record.sa.key for record in state.rekey_sas.values() if record.retired_at is None}
    data = {
        record.sa.spi: (record.sa.algorithm_key, record.sa.integrity_key)
        for record in state.data_sas.values()
        if record.retired_at is None
    }
    for member in members:
        gsa = member.group.gsa
        assert {sa.spi: sa.key for sa in gsa.rekey}.items() >= rekey.items()
        assert {sa.spi: (sa.algorithm_key, sa.integrity_key) for sa in gsa.data}.items() >= data.items()


def test_a_member_registers() -> None:
    world = World()
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    same_keys(world, member)
    assert "MemberRegistered" in world.kinds("gcks")
    assert "Registered" in world.kinds("member1")
    assert [str(address) for address in member.multicast_groups()] == ["239.192.0.1:848"]
    # phase 1 has six messages, the pull four (RFC 2409, 5; RFC 6407, 3.2); nothing was sent twice
    assert len(world.network.sent) == 10


def test_aggressive_mode() -> None:
    world = World(phase1_changes={"aggressive_responder": True}, endpoint_changes={"aggressive": True})
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    assert len(world.network.sent) == 7


def test_a_repeated_first_message_of_aggressive_mode_is_answered_as_before() -> None:
    world = World(phase1_changes={"aggressive_responder": True}, endpoint_changes={"aggressive": True})
    world.network.script = lambda travelling: []
    world.member(1)
    world.network.flush()
    first = world.network.sent[0]
    for _ in range(2):
        world.gcks.receive_datagram(first.data, first.source, world.network.now)
        world.network.now += 2
    answers = [datagram.data for datagram in world.gcks.datagrams_to_send(world.network.now)]
    assert len(answers) == 2
    assert answers[0] == answers[1]
    assert len(world.gcks._phase1) == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_bad_network_only_takes_longer(seed: int) -> None:
    conditions = Conditions(loss=0.2, repeat=0.1, corrupt=0.05, delay=0.02, jitter=0.5)
    world = World(conditions=conditions, seed=seed)
    members = [world.member(number) for number in range(8)]
    assert world.run(600, lambda: all(member.state == "registered" for member in members))
    same_keys(world, *members)
    ids = [member.group.sender_ids for member in members]
    assert len(set(ids)) == len(ids)


def test_the_wrong_key_gets_nothing() -> None:
    world = World()
    wrong = phase1("fqdn:member1.example", credentials=Credentials(shared_keys=(SharedKey(b"another key"),)))
    member = world.member(1, endpoint=world.endpoint("fqdn:member1.example", phase1=wrong))
    assert not world.run(200, lambda: member.state == "registered")
    assert world.journal.groups["video"].members == {}
    assert not world.network.events("gcks", events.ISAKMPSAEstablished)
    assert world.network.events("member1", events.RegistrationScheduled)
    told = [parse(one.data) for one in world.network.sent if one.source == GCKS_ADDRESS]
    refusals = [message for message in told if message.exchange_name == "INFORMATIONAL"]
    assert len(refusals) == len(world.network.events("gcks", events.ExchangeFailed)) > 0
    assert {message.payloads[0].notify_message_type.name for message in refusals} == {"AUTHENTICATION_FAILED"}


def test_a_stranger_is_refused_and_told() -> None:
    world = World(policy=group_policy(members=(MemberPolicy(identity="fqdn:*.plant.example"),)))
    member = world.member(1)
    assert world.run(5, lambda: member.state == "waiting")
    assert world.network.events("gcks", events.RegistrationRefused)
    assert "refused by the GCKS" in world.network.events("member1", events.ExchangeFailed)[0].problem
    assert world.journal.groups["video"].members == {}


def test_an_isakmp_sa_weaker_than_the_groups_keys_is_not_enough() -> None:
    """Eight octets of pre-shared key are 64 bits at most; the group's keys have 128 (RFC 6407, 7.1.2)."""
    short = {"credentials": Credentials(shared_keys=(SharedKey(b"8 octets"),))}
    world = World(phase1_changes=short)
    member = world.member(1)
    assert world.run(5, lambda: member.state == "waiting")
    assert "64 bits" in world.network.events("gcks", events.RegistrationRefused)[0].problem


def test_a_group_may_want_a_suite_that_another_does_not() -> None:
    wanted = RegistrationPolicy(proposals=("aes-256-sha384-group20",))
    world = World(policy=group_policy(registration=wanted))
    member = world.member(1)
    assert world.run(5, lambda: member.state == "waiting")
    assert "aes-128-sha256-group19" in world.network.events("gcks", events.RegistrationRefused)[0].problem


def test_a_group_may_want_a_certificate() -> None:
    world = World(policy=group_policy(registration=RegistrationPolicy(credentials=("ecdsa-256",))))
    member = world.member(1)
    assert world.run(5, lambda: member.state == "waiting")
    assert "PRE_SHARED_KEY" in world.network.events("gcks", events.RegistrationRefused)[0].problem


def test_an_unknown_group_is_refused() -> None:
    from gsakmp.identities import Identity

    world = World()
    member = world.member(1, group=Identity.from_text("key-id:0x0000beef"))
    assert world.run(5, lambda: member.state == "waiting")
    assert GROUP not in world.network.events("gcks", events.RegistrationRefused)[0].problem


def test_a_dead_gcks_is_left_for_the_next() -> None:
    world = World()
    nobody = Address.from_text("192.0.2.99")
    member = world.member(1, gcks=(nobody, Address.from_text("192.0.2.1")))
    assert world.run(300, lambda: member.state == "registered")
    assert world.network.events("member1", events.ExchangeFailed)


def test_a_member_leaves() -> None:
    world = World()
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    member.leave(world.network.now)
    world.run(5)
    assert world.network.events("gcks", events.MemberLeft)
    assert world.journal.groups["video"].members == {}
    assert member.group.gsa.rekey == member.group.gsa.data == ()
    assert member.state == "idle"


def test_a_member_that_leaves_tells_first_that_its_sas_have_ended() -> None:
    world = World()
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    told = len(world.kinds("member1"))
    member.leave(world.network.now)
    world.network.flush()
    assert world.kinds("member1")[told:] == ["ISAKMPSADeleted", "SAExpired", "SAExpired", "Deregistered"]


def test_a_member_that_has_left_acknowledges_nothing_more() -> None:
    """Nor does it keep an acknowledgement that waited."""
    rekey = RekeyPolicy(source="192.0.2.1", destination=PUSHES, acknowledgement="sha256")
    world = World(policy=group_policy(rekey=(rekey,)))
    member = world.member(1, acknowledgement_jitter=5.0)
    assert world.run(5, lambda: member.state == "registered")
    world.gcks.rekey("video", world.network.now)
    assert world.run(1, lambda: member._ack is not None and member._ack.waiting)
    sent = len(world.network.sent)
    member.leave(world.network.now)
    world.run(10)
    own = [each.data[18] for each in world.network.sent[sent:] if each.source != GCKS_ADDRESS]
    assert own == [ExchangeType.INFORMATIONAL] * 2, "Deletes of the group's SAs, and of the ISAKMP SA"
    assert member.next_timeout() is None


def elsewhere(member: Member) -> MemberConfiguration:
    return replace(member.configuration, gcks=(GCKS_ADDRESS, Address.from_text("192.0.2.9")))


def test_who_has_left_stays_out_at_a_reload() -> None:
    world = World()
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    member.leave(world.network.now)
    world.run(2)
    member.reload(elsewhere(member), world.network.now)
    world.run(20)
    assert member.state == "idle"
    member.register(world.network.now)
    assert world.run(5, lambda: member.state == "registered")


def test_a_reload_with_another_gcks_registers_there_and_tells_what_ended() -> None:
    world = World()
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    told = len(world.kinds("member1"))
    member.reload(elsewhere(member), world.network.now)
    world.network.flush()
    assert world.kinds("member1")[told:][:2] == ["SAExpired", "SAExpired"]
    assert world.run(5, lambda: member.state == "registered")
    other = replace(member.configuration, group=Identity.from_text("key-id:0x00000001"))
    member.reload(other, world.network.now)
    world.network.flush()
    (group,) = {each.group for each in world.network.events("member1", events.SAExpired)}
    assert group == GROUP, "that of the SAs, not the one that is joined now"


def test_a_lost_gcks_state_shows_in_nothing_that_members_hold() -> None:
    """After a restart the same SAs go on; members notice nothing."""
    world = World()
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    before = world.journal.load()["video"]
    world.start_gcks()
    world.run(5)
    after = world.journal.load()["video"]
    assert after.rekey_sas == before.rekey_sas
    assert after.data_sas == before.data_sas
    assert after.members == before.members
    assert world.network.now > START
    same_keys(world, member)


def test_junk_from_anywhere_changes_nothing() -> None:
    world = World()
    source = Address.from_text("203.0.113.9:5000")
    for data in (b"", b"\0" * 28, b"x" * 2000, bytes(28)[:-1] + b"\x1c", b"\xff"):
        world.gcks.receive_datagram(data, source, world.network.now)
    assert world.gcks.datagrams_to_send(world.network.now) == []
    assert sum(world.gcks.refused.values()) == 4
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")


def test_message_1_costs_nothing_to_keep() -> None:
    """10,000 first messages from as many places leave no half-open exchange behind (RFC 2408, 2.5.3)."""
    world = World()
    member = world.member(1)
    world.network.flush()
    first = world.network.sent[0].data
    for number in range(10_000):
        cookie = number.to_bytes(8, "big", signed=False)[:7] + b"\x01"
        source = Address.from_text(f"203.0.{number // 250}.{1 + number % 250}")
        world.gcks.receive_datagram(cookie + first[8:], source, world.network.now)
        world.gcks.datagrams_to_send(world.network.now)
    assert len(world.gcks._phase1) == 0
    assert world.run(5, lambda: member.state == "registered")


def test_half_open_exchanges_of_one_source_are_limited() -> None:
    """Members that go silent after message 3, all behind one address."""
    world = World(endpoint_changes={"half_open_per_source": 3})
    third_messages = []

    def after_message_3(travelling: Travelling) -> list[tuple[float, bytes]]:
        to_gcks = travelling.destination.host == GCKS_ADDRESS.host
        if to_gcks and travelling.data[8:16] != bytes(8):
            third_messages.append(travelling)
            return []
        return [(0.01, travelling.data)]

    world.network.script = after_message_3
    for number in range(5):
        member = world.member(number, local=Address.from_text("198.51.100.1"))
        world.network.add(f"member{number}", member, Address.from_text("198.51.100.1", 10_000 + number))
    world.run(1)
    for travelling in third_messages:
        world.gcks.receive_datagram(travelling.data, travelling.source, world.network.now)
    assert len(world.gcks._phase1) == 3
    assert world.gcks.refused["policy"] == len(third_messages) - 3 >= 2
    world.run(100)  # given up, so there is room again
    assert len(world.gcks._phase1) == 0
