"""Keys that are over are not kept: not by a member, and not by a GCKS beside what its journal holds.

The objects are followed from an engine on, whatever their kind, so that no place is forgotten here.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from gsakmp.errors import StateError
from gsakmp.group.policy import MemberPolicy
from gsakmp.group.server import GroupServer
from gsakmp.peers import GCKS, GCKSConfiguration, Member
from gsakmp.peers.network import Travelling
from gsakmp.registries import GDOIExchangeType
from tests.world import GCKS_ADDRESS, World, group_policy

NOT_FOLLOWED = (ModuleType, type, CodeType, BuiltinFunctionType)
KEK_IV = 16
"""Octets of AES's IV, which stands before the KEK (RFC 6407, 5.6.2.1)."""


def octets_of(root: object, but: tuple[object, ...] = ()) -> Iterator[bytes]:
    """All octets that are reached from an object."""
    seen, waiting = {id(each) for each in but}, [root]
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, NOT_FOLLOWED):
            continue
        seen.add(id(found))
        if isinstance(found, bytes):
            yield found
        elif isinstance(found, FunctionType):
            waiting += [*(found.__closure__ or ()), *(found.__defaults__ or ())]
        else:
            waiting += gc.get_referents(found)


def holds(root: object, keys: set[bytes], but: tuple[object, ...] = ()) -> bool:
    return any(key in octets for octets in octets_of(root, but) for key in keys)


def keys_of(gcks: GCKS) -> set[bytes]:
    """KEK and TEK in force."""
    state = gcks.groups["video"].state
    keks = {record.sa.key[KEK_IV:] for record in state.rekey_sas.values() if record.retired_at is None}
    return keks | {record.sa.algorithm_key for record in state.data_sas.values() if record.retired_at is None}


def others_keys(world: World) -> bool:
    """Whether the walk finds the keys in force at all."""
    return all(holds(world.gcks, {key}, (world.journal,)) for key in keys_of(world.gcks))


def registered(world: World, number: int = 1) -> Member:
    member = world.member(number)
    assert world.run(10, lambda: member.state == "registered")
    return member


def rekeyed_long_ago(world: World) -> None:
    for _ in range(2):
        world.gcks.rekey("video", world.network.now)
        world.run(700)


def exchanges_of(engine: GCKS | Member) -> list[Any]:
    return [each for session in engine.sessions.values() for each in session.exchanges.values()]


def test_nobody_keeps_what_was_replaced() -> None:
    world = World()
    member = registered(world)
    old = keys_of(world.gcks)
    assert len(old) == 2
    assert all(holds(member, {key}) for key in old)
    assert others_keys(world)
    rekeyed_long_ago(world)
    assert exchanges_of(member), "the ISAKMP SA goes on, and so does what is known of its exchanges"
    assert not holds(member, old)
    assert not holds(world.gcks, old, (world.journal,))


def test_messages_of_a_finished_registration_are_answered_or_refused() -> None:
    """By both sides, though neither has its exchange's keys any longer."""
    world = World()
    member = registered(world)
    pulls = [each for each in world.network.sent if each.data[18] == GDOIExchangeType.GROUPKEY_PULL]
    for travelling in pulls:
        changed = travelling.data[:-1] + bytes([travelling.data[-1] ^ 1])
        engine = world.gcks if travelling.destination == GCKS_ADDRESS else member
        before = engine.refused.get("unexpected", 0)
        for data in (travelling.data, changed):
            engine.receive_datagram(data, travelling.source, world.network.now, local=travelling.destination)
        assert engine.refused["unexpected"] == before + 1
    world.network.flush()
    assert member.state == "registered"


def unfinished(world: World) -> None:
    """A member that never hears what its first message of a pull was answered."""

    def lost(travelling: Travelling) -> list[tuple[float, bytes]]:
        pull = travelling.data[18] == GDOIExchangeType.GROUPKEY_PULL
        return [] if pull and travelling.source == GCKS_ADDRESS else [(0.01, travelling.data)]

    world.network.script = lost
    world.member(2)
    world.run(3)
    world.network.remove("member2")
    world.network.script = lambda travelling: [(0.01, travelling.data)]


def test_a_pull_that_is_not_gone_on_with_ends() -> None:
    world = World(phase1_changes={"dead_peer_detection": False})
    registered(world)
    unfinished(world)
    old = keys_of(world.gcks)
    sessions = len(world.gcks.sessions)
    assert [each.done for each in exchanges_of(world.gcks)] == [True, False]
    world.run(world.gcks.endpoint_configuration.exchange_seconds)
    assert len(world.gcks.sessions) == sessions, "phase 1 has its own lifetime"
    assert [each.done for each in exchanges_of(world.gcks)] == [True]
    (failed,) = [each for each in world.network.events("gcks") if each.kind == "ExchangeFailed"]
    assert failed.problem == "it took too long"
    rekeyed_long_ago(world)
    assert not holds(world.gcks, old, (world.journal,))


@pytest.mark.parametrize("at", ["the offer", "the download"])
def test_who_is_refused_leaves_no_keys(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(phase1_changes={"dead_peer_detection": False})

    def refuse(*_: object) -> None:
        raise StateError("not now")

    if at == "the offer":
        world.policy = group_policy(members=(MemberPolicy(identity="fqdn:other.example"),))
        world.start_gcks()
    else:
        monkeypatch.setattr(GroupServer, "admit", refuse)
    world.member(1)
    assert world.run(10, lambda: "RegistrationRefused" in world.kinds("gcks"))
    assert all(each.done and each.machine is each.offer is None for each in exchanges_of(world.gcks))


def test_a_group_that_is_gone_leaves_no_keys() -> None:
    world = World()
    member = registered(world)
    world.gcks.rekey("video", world.network.now)
    world.run(2)
    old = keys_of(world.gcks)
    signing = {record.signing_key for record in world.gcks.groups["video"].state.rekey_sas.values()}
    assert holds(world.gcks, signing, (world.journal,))
    none = GCKSConfiguration(endpoint=world.gcks.endpoint_configuration, groups=())
    world.gcks.reload(none, world.network.now)
    world.run(100)
    assert not world.gcks.groups
    assert not holds(world.gcks, old | signing, (world.journal,))
    assert not holds(member, old)


def test_a_group_that_starts_over_keeps_no_old_signing_key() -> None:
    world = World()
    registered(world)
    world.gcks.rekey("video", world.network.now)
    world.run(2)
    old = keys_of(world.gcks)
    server = world.gcks.groups["video"]
    signing = {record.signing_key for record in server.state.rekey_sas.values()}
    server.start_over(world.network.now)
    world.gcks._collect("video", world.network.now)
    world.run(700)
    assert not holds(world.gcks, old | signing, (world.journal,))
