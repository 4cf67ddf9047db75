"""What is persisted of an LKH tree: small pieces that are the whole, and octets that are none of ours."""

from __future__ import annotations

import random as standard_random
from collections.abc import Callable

import msgspec
import pytest

from gsakmp.crypto import system_random
from gsakmp.errors import StateError
from gsakmp.group.rekey.lkh import LKHRekey
from tests.unit.group.rekey.lkh_world import AES_128, AES_192, AES_256, World, member, members, spi, view

Parts = dict[bytes, bytes]
MEMBERS = b"\xff\0\0\0\0"
LEAVES = b"\0\0\0\0\0"
NEXT_HANDLE = 7
ABOVE = b"\1\0\0\0\0"


def some_world() -> World:
    world = World(LKHRekey(AES_128, degree=3), seed=7)
    world.start(range(60))
    world.remove([3, 4, 5, 59])
    world.add([100], False)
    return world


def test_a_change_writes_a_few_pages() -> None:
    world = World(LKHRekey(AES_128, degree=4))
    whole = world.start(range(4096))
    plan = world.algorithm.remove([member(2049)], spi(1), system_random)
    assert len(plan.parts) == 1 + 6
    assert sum(map(len, plan.parts.values())) < 4096
    assert len(plan.state) < 100
    assert len(whole.parts) > 300
    assert not plan.anew


def test_pieces_are_the_whole_and_go_on_alike() -> None:
    world = some_world()
    other = world.restored()
    assert view(other, world.readers) == view(world.algorithm, world.readers)
    one, same = (standard_random.Random(5).randbytes for _ in range(2))
    plans = []
    for algorithm, random in ((world.algorithm, one), (other, same)):
        plans.append(
            (
                algorithm.remove(members([7, 20]), spi(2), random),
                algorithm.add(members([200, 201]), spi(3), True, random),
            )
        )
    assert plans[0] == plans[1]


def test_an_empty_group_is_restored() -> None:
    world = World(LKHRekey(AES_128))
    world.start([])
    assert view(world.restored(), ()) == view(world.algorithm, ())


def test_no_key_is_in_the_text_of_the_record() -> None:
    world = some_world()
    assert world.kek.hex() not in repr(world.algorithm)
    assert repr(world.kek) not in repr(world.algorithm.renew(spi(9), system_random))


def changed(name: bytes, change: Callable[[bytes], bytes]) -> Callable[[Parts], object]:
    return lambda parts: parts.update({name: change(parts[name])})


def renamed(name: bytes, other: bytes) -> Callable[[Parts], object]:
    return lambda parts: parts.update({other: parts.pop(name)})


@pytest.mark.parametrize(
    "damage",
    [
        lambda parts: parts.clear(),
        lambda parts: parts.pop(MEMBERS),
        lambda parts: parts.pop(LEAVES),
        lambda parts: parts.update({b"": b"x"}),
        lambda parts: parts.update({b"fqdn": b"x"}),
        lambda parts: parts.update({b"\7\0\0\0\0": parts[LEAVES]}),
        lambda parts: parts.update({b"\1\0\0\0\7": parts[LEAVES]}),
        changed(LEAVES, lambda octets: octets[:-1]),
        changed(LEAVES, lambda octets: octets[36:]),
        changed(LEAVES, lambda octets: octets + octets[:36]),
        changed(LEAVES, lambda octets: b""),
        changed(LEAVES, lambda octets: bytes(len(octets))),
        changed(LEAVES, lambda octets: octets[:8] + octets[4:8] + octets[12:]),
        changed(LEAVES, lambda octets: b"\xff\xff\xff\xff" + octets[4:]),
        changed(ABOVE, lambda octets: b"\0\0\0\1" + octets[4:]),
        changed(MEMBERS, lambda octets: octets[16:]),
        changed(MEMBERS, lambda octets: bytes(16) + octets[16:]),
        changed(MEMBERS, lambda octets: octets[16:32] + octets[16:]),
        renamed(MEMBERS, b"\xff\xff\xff\xff\xff"),
        renamed(LEAVES, b"\0\xff\xff\xff\xff"),
        renamed(ABOVE, b"\2\0\0\0\1"),
    ],
)
def test_damaged_pages_are_refused_and_nothing_changes(damage: Callable[[Parts], object]) -> None:
    world = some_world()
    other = world.restored()
    before = view(other, world.readers)
    damage(world.parts)
    with pytest.raises(StateError):
        other.restore(world.state, world.parts)
    assert view(other, world.readers) == before


@pytest.mark.parametrize("position", range(1, 10))
def test_a_damaged_record_is_refused(position: int) -> None:
    world = some_world()
    fields = msgspec.msgpack.decode(world.state)
    for wrong in (-1, 1 if position == NEXT_HANDLE else 10**6, 1 << 63, b"x", "x", None):
        state = msgspec.msgpack.encode([*fields[:position], wrong, *fields[position + 1 :]])
        with pytest.raises(StateError):
            world.algorithm.restore(state, world.parts)


@pytest.mark.parametrize("state", [b"", b"\xc0", b"\x90", bytes(2000), b"\xc1", b"\x91" * 500])
def test_foreign_octets_are_refused(state: bytes) -> None:
    with pytest.raises(StateError):
        LKHRekey(AES_128, degree=3).restore(state, {})


@pytest.mark.parametrize(
    "other",
    [
        LKHRekey(AES_192, degree=3),
        LKHRekey(AES_256, degree=3),
        LKHRekey(AES_128, degree=4),
        LKHRekey(AES_128, degree=3, trees=2),
    ],
)
def test_the_state_of_another_tree_is_refused(other: LKHRekey) -> None:
    world = some_world()
    with pytest.raises(StateError, match="degree"):
        other.restore(world.state, world.parts)


def test_any_damage_is_refused_or_harmless() -> None:
    """Octets of a key can't be told from others; but nothing breaks in another way."""
    world = some_world()
    chance = standard_random.Random(3)
    refused = 0
    for _ in range(300):
        parts = dict(world.parts)
        name = chance.choice(sorted(parts))
        octets = bytearray(parts[name])
        octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
        parts[name] = bytes(octets)
        other = LKHRekey(AES_128, degree=3)
        try:
            other.restore(world.state, parts)
        except StateError:
            refused += 1
            continue
        other.remove(members([10, 11, 40]), spi(1), system_random)
    assert refused > 5
