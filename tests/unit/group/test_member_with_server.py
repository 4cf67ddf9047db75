"""Members against a real `GroupServer`, their payloads through octets, for days of its policy's lifetimes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from gsakmp.doi import GDOI
from gsakmp.errors import ReplayDetected, StateError, UnexpectedMessage
from gsakmp.group.member import Acceptance, GroupMember
from gsakmp.group.policy import (
    DataPolicy,
    GroupPolicy,
    MemberPolicy,
    RegistrationPolicy,
    RekeyPolicy,
    Selector,
)
from gsakmp.group.sa import Lifecycle
from gsakmp.group.server import GroupServer
from gsakmp.group.server_types import Push as ServerPush
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import GroupDelete, GroupSA, KeyDownload, Payload
from gsakmp.registries import GDOIExchangeType, HeaderFlag
from tests.unit.group.member_world import Pull, Push

START = 1_000_000.0


def over_the_wire(*payloads: Payload) -> tuple[Payload, ...]:
    """As the peer reads them."""
    built = Message(exchange_type=GDOIExchangeType.GROUPKEY_PULL, doi=GDOI, payloads=payloads)
    shell = Message(
        exchange_type=GDOIExchangeType.GROUPKEY_PULL,
        doi=GDOI,
        flags=HeaderFlag.ENCRYPTION,
        next_payload=payloads[0].kind,
    )
    return tuple(shell.with_plaintext(built.plaintext()).payloads)


@dataclass
class Node:
    name: str
    member: GroupMember
    retry_at: float = 0.0
    """It waits as long as an engine would before it tries again."""
    deaf: bool = False
    """Whether pushes get lost on the way to it."""
    out: bool = False
    registrations: list[tuple[float, str]] = field(default_factory=list)

    @property
    def identity(self) -> Identity:
        return Identity.from_text(f"fqdn:{self.name}.example")


class Group:
    """One server, its members, one clock."""

    def __init__(self, policy: GroupPolicy, count: int) -> None:
        self.now = START
        self.source = random.Random(7)
        self.server = GroupServer(policy, None, random=self.source.randbytes, now=self.now)
        self.nodes = [
            Node(f"m{n}", GroupMember(Acceptance(), random=self.source.randbytes, spread=5.0))
            for n in range(count)
        ]
        self.settle()
        for node in self.nodes:
            self.register(node, "first")

    def register(self, node: Node, reason: str) -> None:
        node.registrations.append((self.now - START, reason))
        offer = self.server.offer(node.identity, self.now)
        (offered,) = over_the_wire(offer.policy)
        assert isinstance(offered, GroupSA)
        considered = node.member.consider(offered, self.now)
        try:
            admission = self.server.admit(
                offer, node.identity, "192.0.2.1:848", considered.sender_ids, "", self.now
            )
        except StateError:
            self.settle()
            node.retry_at = self.now + 1
            return
        (keys,) = over_the_wire(admission.key_download)
        assert isinstance(keys, KeyDownload)
        node.member.install(Pull(admission.sequence_number, keys), considered, self.now)
        self.settle()

    def settle(self) -> None:
        self.server.take_changes()
        for push in self.server.take_pushes():
            for node in self.nodes:
                if not node.deaf:
                    self.deliver(push, node)

    def deliver(self, push: ServerPush, node: Node) -> None:
        payloads = over_the_wire(*push.payloads)
        update = Push(
            spi=push.sa.spi,
            sequence_number=push.sequence_number,
            deletes=tuple(part for part in payloads if isinstance(part, GroupDelete)),
            policy=next((part for part in payloads if isinstance(part, GroupSA)), None),
            key_download=next((part for part in payloads if isinstance(part, KeyDownload)), None),
        )
        if node.member.rekey_sa(push.sa.spi) is None:
            node.member.unknown_spi(self.now)
            return
        node.member.apply(update, self.now)
        with pytest.raises((ReplayDetected, UnexpectedMessage)):
            node.member.apply(update, self.now)

    def run(self, seconds: float) -> None:
        """Every timer in its order."""
        end = self.now + seconds
        for _ in range(20_000):
            times = [self.server.next_timeout(), *(node.member.next_timeout() for node in self.nodes)]
            times += [node.retry_at for node in self.nodes if node.retry_at > self.now]
            due = min((when for when in times if when is not None), default=end)
            if due > end:
                break
            self.now = max(self.now, due)
            self.server.handle_timeout(self.now)
            self.settle()
            for node in self.nodes:
                node.member.handle_timeout(self.now)
                reason = node.member.wants_registration(self.now)
                if reason and not node.out and node.retry_at <= self.now:
                    self.register(node, reason.value)
        else:
            raise AssertionError("no rest")
        self.now = end

    def sending(self) -> list[frozenset[bytes]]:
        """The SPIs that each member sends with."""
        return [
            frozenset(
                one.sa.spi for one in node.member.data_sas if one.sends and one.lifecycle == Lifecycle.ACTIVE
            )
            for node in self.nodes
            if not node.out
        ]

    def check(self, sas: int) -> None:
        """All members send with the same SAs, and each could read what any other sends."""
        first, *others = self.sending()
        assert len(first) == sas
        assert all(other == first for other in others)
        ids = [number for node in self.nodes if not node.out for number in node.member.sender_ids]
        assert len(set(ids)) == len(ids)


def policy(**changes: Any) -> GroupPolicy:
    wanted = changes.pop("rekey", {})
    rekey = RekeyPolicy(destination="239.1.1.1", lifetime=10_000, rollover_margin=600, **(wanted or {}))
    data = (
        DataPolicy(selector=Selector(destination="ipv4:239.9.9.9")),
        DataPolicy(
            selector=Selector(destination="ipv4:239.9.9.10"),
            encryption="aes-cbc-128",
            integrity="hmac-sha256",
        ),
    )
    given: dict[str, Any] = {
        "name": "plant",
        "identity": "key-id:0x000004d2",
        "registration": RegistrationPolicy(credentials=("ecdsa-521",), proposals=("aes-256-sha512-group21",)),
        "members": (MemberPolicy(identity="fqdn:*.example"),),
        "rekey": () if wanted is None else (rekey,),
        "data": data,
    }
    return GroupPolicy(**{**given, **changes})


def test_two_days_of_rekeys_without_a_second_registration() -> None:
    group = Group(policy(), 4)
    group.run(10)
    for _ in range(48):
        group.check(2)
        group.run(3_600)
    assert [node.registrations for node in group.nodes] == [[(0.0, "first")]] * 4
    assert all(node.member.status(group.now).rekeys > 60 for node in group.nodes)


def test_member_that_heard_nothing_for_a_while_comes_back() -> None:
    group = Group(policy(), 3)
    group.run(100)
    lost = group.nodes[1]
    lost.deaf = True
    group.run(3_500)
    lost.deaf = False
    group.run(700)
    group.check(2)
    assert len(lost.registrations) >= 2
    assert lost.registrations[1][1] in {"data-sa-expiry", "gap-in-sequence"}
    assert [len(node.registrations) for node in group.nodes if node is not lost] == [1, 1]


@pytest.mark.parametrize("eviction", ["own-keys", "re-pull"])
def test_evicted_member_can_not_follow_and_the_others_can(eviction: str) -> None:
    group = Group(policy(rekey={"eviction": eviction}), 4)
    group.run(100)
    gone = group.nodes[2]
    gone.out = True
    group.server.evict(gone.identity, group.now)
    group.settle()
    group.run(60)
    group.check(2)
    readable = {one.sa.spi for one in gone.member.data_sas}
    assert not readable & group.sending()[0]
    assert gone.member.wants_registration(group.now) is not None
    again = 1 if eviction == "own-keys" else 2
    assert [len(node.registrations) for node in group.nodes if node is not gone] == [again] * 3


@pytest.mark.parametrize("backward", ["new-data-keys", "new-kek"])
def test_joiner_with_backward_rekey(backward: str) -> None:
    group = Group(policy(backward_rekey=backward), 3)
    group.run(60)
    group.check(2)
    group.run(4 * 3_600)
    group.check(2)
    assert [len(node.registrations) for node in group.nodes] == [1, 1, 1]


def test_clean_slate() -> None:
    group = Group(policy(), 3)
    group.run(60)
    before = group.sending()[0]
    group.server.start_over(group.now)
    group.settle()
    group.run(30)
    group.check(2)
    assert not before & group.sending()[0]
    assert [[reason for _, reason in node.registrations] for node in group.nodes] == [
        ["first", "deleted"]
    ] * 3


def test_group_without_pushes() -> None:
    group = Group(policy(rekey=None), 3)
    group.run(6 * 3_600)
    group.check(2)
    assert all(
        reason in {"first", "data-sa-expiry"} for node in group.nodes for _, reason in node.registrations
    )
    assert all(6 <= len(node.registrations) <= 10 for node in group.nodes)
