"""Groups with many members on a network in memory, opened from what was on the wire alone."""

from __future__ import annotations

from typing import Any

import pytest

from gsakmp.captures import Datagram
from gsakmp.captures.keyfile import engine_secret
from gsakmp.captures.keyring import Keyring, Kind
from gsakmp.captures.opened import (
    Acknowledged,
    DataSALearnt,
    ExchangeKind,
    GroupJoined,
    KeysFollowed,
    Lost,
    Opened,
    RolledOver,
    Status,
)
from gsakmp.captures.opening import Opener
from gsakmp.group.policy import DataPolicy, MemberPolicy, PeriodPolicy, RekeyPolicy, Selector
from gsakmp.group.rekey.nark_module import SoftwareModule
from gsakmp.identities import Identity
from gsakmp.peers import Member
from gsakmp.peers.network import Conditions, Travelling
from tests.world import PUSHES, World, group_policy

MEMBERS = 30
"""More than the update arrays of one push serve."""


class Recorded:
    """A world whose wire and whose members' phase-1 secrets are recorded."""

    def __init__(
        self, conditions: Conditions | None = None, group: dict[str, Any] | None = None, **rekey: Any
    ) -> None:
        policy = RekeyPolicy(**{"source": "192.0.2.1", "destination": PUSHES} | rekey)
        self.keyring = Keyring()
        self.world = World(policy=group_policy(**{"rekey": (policy,)} | (group or {})), conditions=conditions)
        self.members: dict[str, Member] = {}

    def join(self, count: int, **changes: Any) -> None:
        for number in range(count):
            member = self.world.member(number, **changes)
            member.secrets = self._secret
            self.members[f"fqdn:member{number}.example"] = member
        assert self.world.run(120, lambda: all(m.state == "registered" for m in self.members.values()))

    def _secret(self, kind: str, name: bytes, octets: bytes) -> None:
        found = engine_secret(kind, name, octets)
        if found is not None and found.kind in (Kind.SKEYID, Kind.SKEYID_A, Kind.SKEYID_E):
            self.keyring.add(found)

    def opened(self, keyring: Keyring | None = None) -> list[Opened]:
        opener = Opener(self.keyring if keyring is None else keyring)
        return [opener.feed(datagram(each)) for each in self.world.network.sent]

    def reachable(self) -> set[str]:
        """The members that hold the Rekey SA in force, by their own account."""
        (spi,) = {
            sa.spi
            for record in self.world.journal.groups["video"].rekey_sas.values()
            if record.retired_at is None
            for sa in (record.sa,)
        }
        return {
            name for name, member in self.members.items() if spi in {sa.spi for sa in member.group.gsa.rekey}
        }


def datagram(sent: Travelling) -> Datagram:
    return Datagram(
        sent.data,
        0,
        int(sent.sent_at * 1e9),
        str(sent.source.host),
        sent.source.port,
        str(sent.destination.host),
        sent.destination.port,
    )


def of(found: list[Opened], kind: type[Any]) -> list[Any]:
    return [event for each in found for event in each.events if isinstance(event, kind)]


def sound(found: list[Opened]) -> None:
    assert {each.status for each in found} == {Status.CLEAR, Status.OPENED}
    for each in found:
        assert not each.failed, each


def test_an_eviction_in_several_pushes_leads_each_member_on() -> None:
    recorded = Recorded(eviction="own-keys", acknowledgement="sha256", retransmissions=0)
    recorded.join(MEMBERS)
    gone = "fqdn:member7.example"
    recorded.world.gcks.evict("video", Identity.from_text(gone), recorded.world.network.now)
    recorded.world.run(20)
    assert recorded.reachable() == set(recorded.members) - {gone}
    found = recorded.opened()
    sound(found)
    assert {event.member for event in of(found, GroupJoined)} == set(recorded.members)
    rolled = of(found, RolledOver)
    assert len(rolled) >= 2  # pushes that share the way to one new key
    assert {event.new for event in rolled} == {rolled[0].new}
    assert set().union(*(event.followed for event in rolled)) == recorded.reachable()
    assert rolled[-1].left_behind == (gone,)
    assert sorted(event.member for event in of(found, KeysFollowed)) == sorted(recorded.reachable())
    assert {event.member for event in of(found, Acknowledged)} >= recorded.reachable()


@pytest.mark.parametrize("management", ["oft", "lkh"])
@pytest.mark.parametrize("seed", range(2))
def test_a_tree_s_plan_of_several_pushes(management: str, seed: int) -> None:
    """Many are evicted at once: what leads one member on may be in any push of the plan, or in several."""
    recorded = Recorded(
        group={"batch_interval": 60.0, "backward_rekey": "new-kek"},
        management=management, acknowledgement="sha256", retransmissions=0,
    )  # fmt: skip
    recorded.join(MEMBERS)
    gone = {f"fqdn:member{number}.example" for number in range(seed, MEMBERS, 4)}
    before = len(recorded.world.network.sent)
    for name in sorted(gone):
        recorded.world.gcks.evict("video", Identity.from_text(name), recorded.world.network.now)
    recorded.world.run(90)
    staying = set(recorded.members) - gone
    assert recorded.reachable() == staying
    found = recorded.opened()
    sound(found)
    rolled = of(found[before:], RolledOver)
    (new,) = {event.new for event in rolled if event.old == rolled[0].old}
    plan = [event for event in rolled if event.new == new]
    assert len(plan) >= 2
    assert {event.by for event in plan} == {management.upper()}
    assert set().union(*(event.followed for event in plan)) == staying
    assert set(plan[-1].left_behind) == gone
    assert sum(len(event.followed) for event in plan) == len(staying)  # each is led on once


def test_seeds_for_modules_stay_sealed_and_it_is_said() -> None:
    """NARK: the registration opens, and what it has for the module does not."""
    module = SoftwareModule(bytes(range(64)), lambda line: None)
    data = DataPolicy(
        selector=Selector(destination="ipv4:239.192.0.2"),
        periods=PeriodPolicy(seconds=60, count=16, keys="nark"),
    )
    viewer = MemberPolicy(identity="fqdn:*.example", periods="2-5", module=module.identity.to_text())
    recorded = Recorded(
        group={"rekey": (RekeyPolicy(transport="null"),), "data": (data,), "members": (viewer,)}
    )
    recorded.join(1, module=module.handle)
    opener = Opener(recorded.keyring)
    found = [opener.feed(datagram(each)) for each in recorded.world.network.sent]
    sound(found)
    (told,) = of(found, DataSALearnt)
    assert (told.granted, told.period_count, told.module) == ("2-5", 16, True)
    assert "NARK" in str(told)
    spi = (int(told.sa, 16) + 3).to_bytes(4, "big")
    packet = Datagram(spi + (1).to_bytes(4, "big") + bytes(40), protocol=50)
    sealed = opener.feed(packet)
    assert sealed.status is Status.SEALED
    assert (
        sealed.reason == f"period 3 of the data SA {told.sa}: its seeds are sealed to members' modules (NARK)"
    )


def test_a_member_that_can_t_follow_is_seen_not_to() -> None:
    """With the evicted one's secrets alone, its own keys open nothing of what follows."""
    recorded = Recorded(eviction="own-keys", retransmissions=0)
    recorded.join(3)
    recorded.world.gcks.evict("video", Identity.from_text("fqdn:member2.example"), recorded.world.network.now)
    recorded.world.run(20)
    told: set[str] = set()
    for number, name in enumerate(dict.fromkeys(secret.name for secret in recorded.keyring)):
        alone = Keyring(secret for secret in recorded.keyring if secret.name == name)
        found = recorded.opened(alone)
        if not of(found, GroupJoined):
            continue  # the evicted one tries again, and is refused
        (joined,) = of(found, GroupJoined)
        told.add(joined.member)
        pushes = [each for each in found if each.kind is ExchangeKind.PUSH]
        after = pushes[-1]
        follows = joined.member != "fqdn:member2.example"
        assert (after.status is Status.OPENED) == follows, number
        (rolled,) = of(found, RolledOver)
        assert (joined.member in rolled.followed) == follows
        assert not any(each.failed for each in found)
    assert told == set(recorded.members)


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_network(seed: int) -> None:
    """What is sent is on the wire even if it gets lost behind it, so each retransmission is there, too."""
    recorded = Recorded(Conditions(loss=0.2, repeat=0.1, jitter=0.3), acknowledgement="sha512")
    recorded.world.network._chance.seed(seed)
    recorded.join(6)
    for _ in range(3):
        recorded.world.gcks.rekey("video", recorded.world.network.now)
        recorded.world.run(30)
    found = recorded.opened()
    assert {each.status for each in found} == {Status.CLEAR, Status.OPENED}
    for each in found:
        wrong = [check.name for check in each.checks if check.passed is False]
        assert wrong in ([], ["sequence number"]), each
    assert any(each.retransmission_of for each in found)
    assert len(of(found, RolledOver)) >= 3


@pytest.mark.parametrize("loss", [3, 5, 7, 11])
def test_a_capture_with_holes(loss: int) -> None:
    recorded = Recorded(eviction="own-keys")
    recorded.join(4)
    recorded.world.gcks.rekey("video", recorded.world.network.now)
    recorded.world.run(20)
    whole = recorded.opened()
    by_octets = {each.datagram.octets: each.plaintext_octets for each in whole}
    opener = Opener(recorded.keyring)
    kept = [each for number, each in enumerate(recorded.world.network.sent) if number % loss]
    found = [opener.feed(datagram(each)) for each in kept]
    for each in found:
        if each.status is Status.OPENED:
            assert each.plaintext_octets == by_octets[each.datagram.octets]
        elif each.status is Status.PARTLY:
            assert each.plaintext_octets[16:] == by_octets[each.datagram.octets][16:]
        assert not any(check.passed is False for check in each.checks), each
    assert of(found, Lost)
