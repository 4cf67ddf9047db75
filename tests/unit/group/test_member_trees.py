"""Members of a key tree whose changes take several pushes, against a real `GroupServer` (RFC 6407, 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from gsakmp.crypto import KEK, CBCCipher
from gsakmp.errors import PolicyRefused
from gsakmp.group.member_types import RegistrationPlanned
from gsakmp.group.rekey.lkh import LKHRekey
from gsakmp.group.rekey.oft import OFTRekey
from gsakmp.group.reregistration import RegistrationReason
from gsakmp.group.server_types import Push as ServerPush
from gsakmp.payloads import GroupSA, KeyPacket
from tests.unit.group.test_member_with_server import Group, Node, policy

TREES = ["lkh", "oft"]


class SplitGroup(Group):
    """One whose pushes hold an array or a key each, and may be tampered with by `order`, numbers aside."""

    order: Callable[[list[ServerPush]], list[ServerPush]] = staticmethod(lambda pushes: pushes)

    def settle(self) -> None:
        for algorithm in self.server._core.algorithms.values():
            assert isinstance(algorithm, LKHRekey | OFTRekey)
            algorithm.update_octets = 70
        self.server.take_changes()
        pushes = self.server.take_pushes()
        lead = [push for push in pushes if leads(push)]
        swapped = dict(zip(map(id, lead), self.order(lead), strict=True))
        for push in pushes:
            payloads = swapped[id(push)].payloads if id(push) in swapped else push.payloads
            for node in self.nodes:
                if not node.deaf:
                    self.deliver(replace(push, payloads=payloads), node)


def leads(push: ServerPush) -> bool:
    """Whether it is about a new KEK."""
    return any(
        isinstance(part, GroupSA) and hasattr(part.sa_attributes[0], "source_id_type")
        for part in push.payloads
    )


def once(group: Group) -> bool:
    return all(len(node.registrations) == 1 for node in group.nodes)


def remaining(group: Group, gone: Node) -> None:
    gone.out = True
    group.nodes = [node for node in group.nodes if node is not gone]


@pytest.mark.parametrize("algorithm", TREES)
@pytest.mark.parametrize("backwards", [False, True])
def test_keys_below_the_kek_come_when_it_is_there_already(algorithm: str, backwards: bool) -> None:
    """The pushes of one change in the other order: the KEK comes first, and keys below it under the Rekey SA
    that it has replaced. Without them the next eviction would leave members behind."""
    group = SplitGroup(policy(rekey={"management": algorithm}, backward_rekey="new-kek"), 10)
    group.run(30)
    if backwards:
        group.order = lambda pushes: pushes[::-1]
    for name in ("x1", "x2", "x3"):
        node = Node(name, type(group.nodes[0].member)(group.nodes[0].member.acceptance, spread=5.0))
        group.nodes.append(node)
        group.register(node, "first")
        group.run(30)
    for _ in range(3):
        gone = group.nodes[2]
        group.server.evict(gone.identity, group.now)
        remaining(group, gone)
        group.settle()
        group.run(30)
        group.check(2)
    assert once(group)


@pytest.mark.parametrize("algorithm", TREES)
def test_what_a_push_does_not_lead_to_is_news_only_after_a_while(algorithm: str) -> None:
    group = SplitGroup(policy(rekey={"management": algorithm}), 8)
    group.run(30)
    group.server.rekey(group.now)
    group.settle()
    for node in group.nodes:
        node.member.take_events()
    gone, lost = group.nodes[0], group.nodes[5]
    group.server.evict(gone.identity, group.now)
    remaining(group, gone)
    pushes = [push for push in group.server.take_pushes() if leads(push)]
    assert len(pushes) > 2
    told = []
    for push in pushes[:1]:
        for node in group.nodes:
            group.deliver(push, node)
            told += [event for event in node.member.take_events() if isinstance(event, RegistrationPlanned)]
    assert told == []
    waiting = [node for node in group.nodes if node.member.status(group.now).registration == "keys-missed"]
    assert waiting
    for push in pushes[1:]:
        for node in group.nodes:
            if node is not lost:
                group.deliver(push, node)
    follows = lost not in waiting
    group.now += 11
    for node in group.nodes:
        node.member.handle_timeout(group.now)
        reasons = [e.reason for e in node.member.take_events() if isinstance(e, RegistrationPlanned)]
        missed = node is lost and not follows
        assert reasons == ([RegistrationReason.KEYS_MISSED] if missed else [])


def test_two_pushes_that_lead_to_different_keks_are_refused() -> None:
    group = SplitGroup(policy(rekey={"management": "lkh"}), 8)
    group.run(30)
    group.server.rekey(group.now, data=False)
    push, *_ = group.server.take_pushes()
    node = group.nodes[0]
    group.deliver(push, node)
    current = node.member._holdings.current_rekey
    assert current is not None
    assert current.sa.spi != push.sa.spi
    current.keys = Elsewhere()
    again = replace(push, sequence_number=push.sequence_number + 1)
    with pytest.raises(PolicyRefused, match="two pushes lead to different KEKs"):
        group.deliver(again, node)
    assert node.member.rekey_sa(current.sa.spi) == current.sa


class Elsewhere:
    """Keys that always lead to a KEK of their own."""

    def install(self, packets: Sequence[KeyPacket]) -> None:
        raise AssertionError

    def follow(self, packets: Sequence[KeyPacket], cipher: CBCCipher) -> KEK | None:
        return KEK.generate(cipher)


def test_a_push_of_another_algorithm_than_the_registration_is_refused() -> None:
    """RFC 6407, 5.3: KEK_MANAGEMENT_ALGORITHM says it in a push, and a pull brought the keys."""
    group = SplitGroup(policy(rekey={"management": "lkh"}), 2)
    other = SplitGroup(policy(rekey={"management": "oft"}), 2)
    for each in (group, other):
        each.run(30)
        each.server.rekey(each.now, data=False)
    push, *_ = group.server.take_pushes()
    foreign, *_ = other.server.take_pushes()
    node = group.nodes[0]
    with pytest.raises(PolicyRefused, match="brought keys of"):
        group.deliver(replace(push, payloads=foreign.payloads), node)
    group.deliver(push, node)
