"""What goes wrong at the worst moment, and peers that make use of it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from gsakmp.errors import ConfigurationError, StateError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.exchanges.informational import initial_contact, protect
from gsakmp.exchanges.phase1.main import MainModeInitiator
from gsakmp.group.policy import GroupPolicy, MemberPolicy, RekeyPolicy
from gsakmp.identities import Identity
from gsakmp.message import NAT_KEEPALIVE, parse
from gsakmp.payloads import Notification
from gsakmp.peers import GCKS, GCKSConfiguration, Member, engine
from gsakmp.peers.gcks import RETRY_SECONDS
from gsakmp.peers.network import Travelling
from gsakmp.peers.phase1 import network_of
from gsakmp.peers.session import INFORMATIONALS, Session
from gsakmp.registries import DOINumber, ExchangeType, GDOIExchangeType, HeaderFlag, NotifyType, ProtocolID
from tests.world import GCKS_ADDRESS, GROUP, KEY, World, group_policy, phase1

OTHER = group_policy(name="other", identity="key-id:0x01")
ALICE = "fqdn:member1.example"


def configured(world: World, *policies: GroupPolicy) -> GCKSConfiguration:
    return GCKSConfiguration(endpoint=world.endpoint("fqdn:gcks.example"), groups=policies)


def offered(world: World) -> Member:
    """A member that was offered the policy, and whose acceptance is still under way."""
    member = world.member(1)

    def pending() -> bool:
        return any(one.offer for held in world.gcks.sessions.values() for one in held.exchanges.values())

    while not pending():
        assert not world.run(0.001, lambda: member.state == "registered")
    return member


def registered(world: World, number: int = 1) -> Member:
    member = world.member(number)
    assert world.run(10, lambda: member.state == "registered")
    return member


# -- between message 2 and message 3 -------------------------------------------------------------------------


def test_a_group_that_is_dropped_meanwhile_gives_nothing() -> None:
    world = World()
    member = offered(world)
    world.gcks.reload(configured(world, OTHER), world.network.now)
    world.run(5)
    assert "RegistrationRefused" in world.kinds("gcks")
    assert not member.group.gsa.data


def test_who_is_authorised_no_longer_gets_nothing() -> None:
    """No SA changes, as it was no member yet: the offer itself is as good as before."""
    world = World()
    member = offered(world)
    strangers = group_policy(members=(MemberPolicy(identity="fqdn:other.example"),))
    world.gcks.reload(world.gcks_configuration(strangers), world.network.now)
    world.run(5)
    assert not world.gcks.groups["video"].state.members
    assert not member.group.gsa.data


# -- who is who ----------------------------------------------------------------------------------------------


def test_who_was_evicted_does_not_come_back_in_capitals() -> None:
    world = World()
    registered(world)
    world.gcks.evict("video", Identity.from_text("fqdn:Member1.Example"), world.network.now)
    again = world.member(2, endpoint=world.endpoint("fqdn:MEMBER1.example"))
    world.run(10)
    assert not world.gcks.groups["video"].state.members
    assert again.state != "registered"


def test_both_spellings_of_a_name_are_one_member() -> None:
    world = World()
    registered(world)
    again = world.member(2, endpoint=world.endpoint("fqdn:MEMBER1.example"))
    assert world.run(10, lambda: again.state == "registered")
    assert set(world.gcks.groups["video"].state.members) == {Identity.from_text(ALICE)}


@pytest.mark.parametrize(
    "text",
    [
        "fqdn:\N{LATIN SMALL LETTER E WITH ACUTE}.example",
        "fqdn:a\x1b[31m",
        "ipv6:fe80::1%2",
        "key-id:" + 3000 * "a",
    ],
)
def test_what_no_message_holds_is_no_identity(text: str) -> None:
    """A store could not hold it either, and an operator's order would stop the key server."""
    with pytest.raises(ConfigurationError, match="is no identity"):
        Identity.from_text(text)


# -- reloads -------------------------------------------------------------------------------------------------


def test_a_reload_that_is_refused_changes_no_group() -> None:
    world = World()
    first = group_policy(name="first", identity="key-id:0x0a")
    second = group_policy(name="second", identity="key-id:0x0b")
    world.gcks.reload(configured(world, first, second), world.network.now)
    changed = msgspec.structs.replace(first, forward_rekey=not first.forward_rekey)
    for wrong in (
        msgspec.structs.replace(second, rekey=(RekeyPolicy(destination="nowhere"),)),
        msgspec.structs.replace(second, identity=first.identity),
        msgspec.structs.replace(second, name=first.name),
    ):
        with pytest.raises(ConfigurationError):
            world.gcks.reload(configured(world, changed, wrong), world.network.now)
        assert [server.policy for server in world.gcks.groups.values()] == [first, second]


def test_a_group_that_is_dropped_and_taken_back_goes_on_from_where_it_was() -> None:
    """Its last push has spent a number, though nothing was sent in between."""
    world = World()
    registered(world)
    world.gcks.reload(configured(world, OTHER), world.network.now)
    world.gcks.reload(configured(world, world.policy), world.network.now)
    world.gcks.datagrams_to_send(world.network.now)
    kept, held = world.journal.load()["video"], world.gcks.groups["video"].state
    assert not held.members
    assert kept.members == held.members
    assert {spi: one.sa.sequence_number for spi, one in kept.rekey_sas.items()} == {
        spi: one.sa.sequence_number for spi, one in held.rekey_sas.items()
    }


# -- replays -------------------------------------------------------------------------------------------------


def sessions(world: World, member: Member) -> tuple[Session, Session]:
    """Theirs and ours, the member behind a NAT."""
    (theirs,), (ours,) = world.gcks.sessions.values(), member.sessions.values()
    theirs.sa = replace(theirs.sa, extensions=replace(theirs.sa.extensions, remote_nat=True))
    assert theirs.follows_peer
    return theirs, ours


def question(world: World, ours: Session, number: int) -> bytes:
    asked = Notification(
        doi=DOINumber.IPSEC,
        protocol_id=ProtocolID.PROTO_ISAKMP,
        notify_message_type=NotifyType.R_U_THERE,
        spi=ours.key,
        notification_data=number,
    )
    return protect(ours.sa, (asked,), world.random("question"))


def test_an_old_informational_does_not_lead_the_path_astray() -> None:
    """However many came since, and so were forgotten."""
    world = World()
    theirs, ours = sessions(world, registered(world))
    home, now = theirs.path.remote, world.network.now
    asked = [question(world, ours, 1000 + number) for number in range(INFORMATIONALS + 2)]
    for octets in asked:
        world.gcks.receive_datagram(octets, home, now)
    world.gcks.receive_datagram(asked[0], Address.from_text("203.0.113.66"), now)
    assert theirs.path.remote == home
    moved = home._replace(port=40_000)  # by the NAT
    world.gcks.receive_datagram(question(world, ours, 1000 + len(asked)), moved, now)
    assert theirs.path.remote == moved


def test_initial_contact_ends_no_later_sa() -> None:
    world = World()
    member = registered(world)
    (theirs,), (ours,) = world.gcks.sessions.values(), member.sessions.values()
    held_up = protect(ours.sa, (initial_contact(ours.sa.cookies),), world.random("late"))
    again = world.member(2, endpoint=world.endpoint(ALICE))
    assert world.run(10, lambda: again.state == "registered")
    assert len(world.gcks.sessions) == 2
    world.gcks.receive_datagram(held_up, theirs.path.remote, world.network.now)
    assert len(world.gcks.sessions) == 2


def test_an_old_acknowledgement_makes_nobody_heard_of_after_a_restart() -> None:
    policy = group_policy(rekey=(RekeyPolicy(destination="239.192.0.1", acknowledgement="sha256"),))
    world = World(policy=policy)
    world.network.recording = True
    registered(world)
    for _ in range(2):
        world.gcks.rekey("video", world.network.now)
        world.run(30)
    old = [one for one in world.network.sent if one.data[18] == GDOIExchangeType.GROUPKEY_PUSH_ACK]
    assert old
    del world.network.hosts["member1"]
    server = world.gcks.groups["video"]
    server.rekey(world.network.now, kek=False)
    server.handle_timeout(world.network.now + 30)
    world.gcks.rekey("video", world.network.now)
    world.run(1)
    before = server.state.members[Identity.from_text(ALICE)]
    assert before.silent_rekeys == 1
    gcks = world.start_gcks()
    for one in old:
        gcks.receive_datagram(one.data, one.source, world.network.now)
    assert gcks.groups["video"].state.members[Identity.from_text(ALICE)] == before


# -- costs ----------------------------------------------------------------------------------------------------


def test_messages_3_that_fail_are_soon_not_looked_at() -> None:
    """Each costs an exchange of keys, and none of them becomes a half-open exchange that counts."""
    stranger = Credentials(shared_keys=(SharedKey(KEY, address="10.0.0.0/8"),))
    world = World(phase1_changes={"credentials": stranger})
    local, now = Address.from_text("203.0.113.66"), world.network.now
    machine = MainModeInitiator(
        phase1("fqdn:x.example"), local=local, remote=GCKS_ADDRESS, random=world.random("x"), now=now
    )

    def answered(octets: bytes, later: float = 0.0) -> list[Datagram]:
        world.gcks.receive_datagram(octets, local, now + later)
        return world.gcks.datagrams_to_send(now + later)

    (message_2,) = answered(machine.start(now).send[0])
    parsed = parse(message_2.data)
    (message_3,) = machine.receive(parsed, message_2.data, now, local, GCKS_ADDRESS).send
    allowed = world.gcks.endpoint_configuration.half_open_per_source
    for _ in range(allowed + 5):
        answered(message_3)
    assert world.gcks.refused == {"authentication": allowed, "policy": 5}
    answered(message_3, world.gcks.endpoint_configuration.exchange_seconds)
    assert world.gcks.refused["authentication"] == allowed + 1


# -- time ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [3600.0, 1_700_000_000.0])
def test_a_clock_that_was_set_back_prolongs_no_key(back: float) -> None:
    world = World()
    registered(world)
    now = world.network.now - back
    gcks = GCKS(world.gcks_configuration(), world.journal, random=world.random("gcks"), now=now)
    state = gcks.groups["video"].state
    made = [one.sa.created_at for one in state.rekey_sas.values() if one.retired_at is None]
    made += [one.sa.created_at for one in state.data_sas.values() if one.retired_at is None]
    assert len(made) == 2
    assert max(made) <= now


def test_a_groups_timer_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    server = world.gcks.groups["video"]

    def failing(now: float) -> None:
        raise StateError("as if")

    due = world.gcks.next_timeout()
    assert due is not None
    with monkeypatch.context() as patched:
        patched.setattr(server, "handle_timeout", failing)
        world.gcks.handle_timeout(due)
    assert world.gcks.refused
    assert world.gcks.next_timeout() == due + RETRY_SECONDS


def test_a_push_destination_that_is_no_address_is_no_group_to_join() -> None:
    world = World()
    member = registered(world)
    (held,) = member.group._holdings.rekey.values()
    held.sa = replace(held.sa, destination=replace(held.sa.destination, data=b"\xef\xc0\x00\x01"))
    assert member.group.gsa.rekey[0].destination.data == b"\xef\xc0\x00\x01"
    assert member.multicast_groups() == ()
    assert member.name == GROUP


def test_who_sends_a_push_on_does_not_get_the_acknowledgement() -> None:
    """A listener may be quicker than the network; the push itself comes after it, and is known."""
    policy = group_policy(
        rekey=(RekeyPolicy(source="192.0.2.1", destination="239.192.0.1", acknowledgement="sha256"),)
    )
    world = World(policy=policy)
    member = registered(world)
    now = world.network.now
    world.gcks.rekey("video", now)
    push = world.gcks.datagrams_to_send(now)[0]
    for source in ("203.0.113.66", "192.0.2.1"):
        member.receive_datagram(push.data, Address.from_text(source), now, local=push.destination)
    member.handle_timeout(now + 5)
    sent = member.datagrams_to_send(now + 5)
    assert [one.destination for one in sent] == [GCKS_ADDRESS]


def test_who_sends_the_proof_on_is_not_taken_for_the_peer() -> None:
    """Message 5 is genuine wherever it comes from; without a NAT it comes from where message 3 did."""
    world = World()
    listener = Address.from_text("203.0.113.66")

    def quicker(sent: Travelling) -> list[tuple[float, bytes]]:
        proof = sent.data[18] == ExchangeType.IDENTITY_PROTECTION and sent.data[19] & HeaderFlag.ENCRYPTION
        if proof and sent.destination == GCKS_ADDRESS:
            world.gcks.receive_datagram(sent.data, listener, sent.sent_at, local=GCKS_ADDRESS)
        return [(0.01, sent.data)]

    world.network.script = quicker
    member = registered(world)
    (session,) = world.gcks.sessions.values()
    assert session.path.remote == member.configuration.local
    assert world.gcks.refused == {"unexpected": 1}


def test_one_member_can_not_crowd_out_the_sas_of_others() -> None:
    world = World(endpoint_changes={"isakmp_sas": 20})
    other = world.member(1)
    assert world.run(5, lambda: other.state == "registered")
    greedy = world.member(2, register=False)
    for _ in range(40):
        greedy.connect(GCKS_ADDRESS, world.network.now, local=greedy.configuration.local)
        world.run(1)
    peers = [session.sa.peer.identity.to_text() for session in world.gcks.sessions.values()]
    assert peers.count("fqdn:member2.example") == 8
    assert peers.count("fqdn:member1.example") == 1


def test_keepalives_crowd_out_no_more_than_other_datagrams(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    member = registered(world)
    monkeypatch.setattr(engine, "QUEUED", 3)
    (session,) = member.sessions.values()
    for count in range(5):
        member._timers.set(("keepalive", session.key), world.network.now)
        member.handle_timeout(world.network.now)
        assert len(member._queue) == min(count + 1, 3)
    assert member.refused == {"queue": 2}
    assert [each.data for each in member.datagrams_to_send(world.network.now)] == [NAT_KEEPALIVE] * 3


def test_an_ipv6_network_counts_as_one_source() -> None:
    first, second, other = (
        network_of(Address.from_text(text)) for text in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")
    )
    assert first == second != other
    assert network_of(Address.from_text("192.0.2.1")) != network_of(Address.from_text("192.0.2.2"))
