"""What the RFCs want of key server and member together, where no smaller test shows it: tests/compliance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gsakmp.doi import GDOI
from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.informational import protect
from gsakmp.group.member import Acceptance
from gsakmp.group.policy import DataPolicy, RekeyPolicy, Selector
from gsakmp.identities import Identity
from gsakmp.message import parse
from gsakmp.peers import events
from gsakmp.peers.network import Travelling
from gsakmp.registries import DOINumber, GDOIExchangeType
from tests.world import GCKS_ADDRESS, PUSHES, World, group_policy, phase1

PULL = int(GDOIExchangeType.GROUPKEY_PULL)
ACK = int(GDOIExchangeType.GROUPKEY_PUSH_ACK)


def exchange_of(travelling: Travelling) -> int:
    return travelling.data[18]


def pulls_to_gcks(world: World) -> list[bytes]:
    """Messages 1 and 3 of GROUPKEY-PULL, each once."""
    found = dict.fromkeys(
        t.data for t in world.network.sent if t.destination == GCKS_ADDRESS and exchange_of(t) == PULL
    )
    return list(found)


@pytest.mark.parametrize("backward", ["off", "new-data-keys", "new-kek"])
def test_the_gcks_changes_nothing_before_its_nonce_comes_back(backward: str) -> None:
    """RFC 6407, 3.2 and 7.2.5: message 3 is held back, comes altered, and only whole makes a member."""
    world = World(policy=group_policy(backward_rekey=backward))
    world.member(1)
    world.run(60)
    held: list[Travelling] = []

    def without_message_3(travelling: Travelling) -> list[tuple[float, bytes]]:
        to_gcks = travelling.destination == GCKS_ADDRESS and exchange_of(travelling) == PULL
        if to_gcks and travelling.data not in pulls_to_gcks(world)[:3]:
            held.append(travelling)
            return []
        return [(0.01, travelling.data)]

    world.network.script = without_message_3
    server = world.gcks.groups["video"]
    before = world.journal.load()["video"], server.status(0.0)
    late = world.member(2)
    assert world.run(10, lambda: bool(held))
    world.gcks.receive_datagram(pulls_to_gcks(world)[2], held[0].source, world.network.now)  # message 1 again
    right = held[0].data
    for place in range(28, len(right), 5):
        wrong = right[:place] + bytes([right[place] ^ 1]) + right[place + 1 :]
        world.gcks.receive_datagram(wrong, held[0].source, world.network.now)
    world.gcks.datagrams_to_send(world.network.now)
    assert (world.journal.load()["video"], server.status(0.0)) == before
    assert late.configuration.endpoint.phase1.identity not in server.state.members
    world.gcks.receive_datagram(right, held[0].source, world.network.now)
    world.gcks.datagrams_to_send(world.network.now)
    assert late.configuration.endpoint.phase1.identity in world.journal.load()["video"].members


@pytest.mark.parametrize("modules", [0, 1, 5])
def test_a_member_asks_for_a_sender_id_for_each_module(modules: int) -> None:
    """RFC 6407, 3.5; without asking it gets one."""
    world = World()
    member = world.member(1, sender_ids=modules)
    assert world.run(5, lambda: member.state == "registered")
    assert len(member.group.sender_ids) == max(1, modules)
    cbc = DataPolicy(
        selector=Selector(destination="ipv4:239.192.0.2"), encryption="aes-cbc-128", integrity="hmac-sha256"
    )
    world = World(policy=group_policy(data=(cbc,)))
    member = world.member(1, sender_ids=modules)
    assert world.run(5, lambda: member.state == "registered")
    assert member.group.sender_ids == ()


def test_a_source_port_of_zero_means_none_in_particular() -> None:
    """RFC 6407, 5.3: the push counts from whichever port it comes."""
    rekey = RekeyPolicy(source="192.0.2.1", source_port=0, destination=PUSHES)
    world = World(policy=group_policy(rekey=(rekey,)))
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    (sa,) = member.group.gsa.rekey
    assert sa.source_port == 0
    world.network.script = lambda travelling: []
    for port in (848, 40_000):
        world.network.sent.clear()
        world.gcks.rekey("video", world.network.now)
        world.network.flush()
        before = len(member.group.gsa.data)
        for travelling in world.network.sent:
            if travelling.destination.host.is_multicast:
                source = Address(GCKS_ADDRESS.host, port)
                member.receive_datagram(travelling.data, source, world.network.now)
        assert len(member.group.gsa.data) > before


def test_who_refuses_the_policy_deletes_the_isakmp_sa() -> None:
    """RFC 6407, 3.3: the phase 1 session ends, and the GCKS is told by a Delete."""
    world = World()
    member = world.member(1, acceptance=Acceptance(data_ciphers=("aes-gcm-256",)))
    assert world.run(5, lambda: member.state == "waiting")
    assert world.network.events("member1", events.RegistrationRefused)
    world.run(1)
    assert not member.sessions
    (deleted,) = world.network.events("gcks", events.ISAKMPSADeleted)
    assert deleted.reason == "deleted by the peer"
    assert not world.gcks.sessions


@pytest.mark.parametrize("jitter", [0.0, 1.0, 5.0])
def test_an_acknowledgement_waits_five_seconds_at_most(jitter: float) -> None:
    """RFC 8263, 4 and 6: every member answers, to where the push came from, and by then."""
    rekey = RekeyPolicy(source="192.0.2.1", destination=PUSHES, acknowledgement="sha256", retransmissions=0)
    world = World(policy=group_policy(rekey=(rekey,)))
    members = [world.member(number, acknowledgement_jitter=jitter) for number in range(8)]
    assert world.run(60, lambda: all(member.state == "registered" for member in members))
    world.network.sent.clear()
    began = world.network.now
    world.gcks.rekey("video", began, "ordered")
    world.run(30)
    pushes = {t.data for t in world.network.sent if t.destination.host.is_multicast}
    acks = [t for t in world.network.sent if exchange_of(t) == ACK]
    assert len(acks) == len(members) * len(pushes)
    assert {t.destination for t in acks} == {GCKS_ADDRESS}
    for travelling in acks:
        assert began <= travelling.sent_at <= began + 5.0
        identity = parse(travelling.data, doi=GDOI).payloads[2]
        assert str(identity.identification_data) == str(travelling.source.host)  # RFC 8263, 3.4
        assert (identity.protocol_id, identity.port) == (0, 0)


@pytest.mark.parametrize("jitter", [-0.1, 5.1, 60.0, float("nan")])
def test_a_longer_wait_can_not_be_configured(jitter: float) -> None:
    with pytest.raises(ConfigurationError, match="RFC 8263, 6"):
        World().member(1, acknowledgement_jitter=jitter)


def test_a_gcks_of_another_identity_registers_nobody() -> None:
    """RFC 6407, 3.1 and 7.2.6: it has the key, and is not the one that is listed."""
    world = World()
    for name, registered in (("gcks", True), ("other", False)):
        listed = phase1("fqdn:member1.example", peer_identity=Identity.from_text(f"fqdn:{name}.example"))
        member = world.member(1, endpoint=world.endpoint("fqdn:member1.example", phase1=listed))
        assert world.run(30, lambda member=member: member.state == "registered") is registered
        assert bool(member.group.gsa.data) is registered


def test_phase_1_says_the_gdoi_doi() -> None:
    """RFC 6407, 2.1, in all that is sent where nobody says otherwise."""
    world = World()
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    first, second = (parse(t.data, doi=GDOI) for t in world.network.sent[:2])
    assert [message.payloads[0].doi for message in (first, second)] == [DOINumber.GDOI] * 2


@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("theirs", [False, True])
def test_who_follows_a_peer_to_another_port(ours: bool, theirs: bool) -> None:
    """RFC 3947, 7: who is behind a NAT that may forget it does not, and no peer is that has no NAT."""
    world = World()
    member = world.member(1)
    assert world.run(5, lambda: member.state == "registered")
    for engine, follows in ((member, theirs and not ours), (world.gcks, theirs)):
        (session,) = engine.sessions.values()
        seen = replace(session.sa.extensions, local_nat=ours, remote_nat=theirs)
        session.sa = replace(session.sa, extensions=seen)
        other = Address(session.path.remote.host, 40_000)
        (sender,) = (world.gcks if engine is member else member).sessions.values()
        question = protect(sender.sa, (), world.random("question"))
        engine.receive_datagram(question, other, world.network.now, local=session.path.local)
        assert (session.path.remote == other) is follows


def test_an_initial_contact_is_by_identity() -> None:
    """RFC 3947, 6: behind one NAT there are many; only who says it loses its earlier ISAKMP SAs."""
    world = World()
    shared = [Address.from_text("198.51.100.77", 10_000 + number) for number in range(4)]
    for number in (1, 2):
        member = world.member(number, local=shared[number])
        world.network.add(f"member{number}", member, shared[number])
    assert world.run(30, lambda: len(world.gcks.sessions) == 2)
    lost = world.endpoint("fqdn:member1.example", phase1=phase1("fqdn:member1.example", initial_contact=True))
    again = world.member(1, endpoint=lost, local=shared[3])
    world.network.add("member1", again, shared[3])
    assert world.run(30, lambda: again.state == "registered")
    peers = {s.sa.peer.identity.to_text(): s.path.remote for s in world.gcks.sessions.values()}
    assert peers == {"fqdn:member1.example": shared[3], "fqdn:member2.example": shared[2]}
    assert len(world.gcks.sessions) == 2
