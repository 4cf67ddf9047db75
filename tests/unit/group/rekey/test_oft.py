"""One-way function trees at the GCKS, against a tree computed by other means and the draft's counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsakmp.crypto import KEK, CBCCipher, Random
from gsakmp.errors import CryptoError, GsakmpError, StateError
from gsakmp.group.rekey.interface import RekeyAlgorithm, RekeyPlan
from gsakmp.group.rekey.oft import OFTRekey
from gsakmp.group.rekey.oft_functions import number_of, place_of
from gsakmp.registries import KEKManagementAlgorithm, OFTValueType
from tests.unit.group.rekey.oft_world import (
    AES_128,
    AES_192,
    AES_256,
    SPI,
    TRIPLE_DES,
    Group,
    check,
    decrypted,
    f,
    group_key,
    is_wrap,
    keys_of,
    member,
    number,
    seeded,
    tree_of,
    updates,
)


def held_to(group: Group) -> dict[int, bytes]:
    """The tree of the members' leaves leads to the KEK, and to what each is given (draft, 4.1.1)."""
    leaves = group.leaves()
    tree = tree_of(leaves, max(leaves) + 1)
    root = max(tree, key=lambda node: node & -node)
    assert group.algorithm._group_key is not None  # there is no other way to see what it keeps
    epoch = group.algorithm._epoch
    assert group.algorithm._group_key.build() == group_key(tree[root], epoch, group.cipher)
    for name in group.members:
        array = group.algorithm.download(name)[0].attributes[0].value
        if not array.root:
            assert len(array.oft_keys) == 1
            continue
        level, leaf = 0, array.oft_keys[0].node // 2
        expected = []
        while number(level, 0) < root:
            beside = number(level, (leaf >> level) ^ 1)
            expected += [(beside, f(tree[beside]))] if beside in tree else []
            level += 1
        assert [(key.node, key.key_data) for key in array.oft_keys[1:]] == expected
        assert (array.root, array.epoch) == (root, epoch)
    return tree


@pytest.mark.parametrize(
    "cipher", [AES_128, AES_192, AES_256, TRIPLE_DES], ids=lambda cipher: str(cipher.name)
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
def test_keys_by_other_means(cipher: CBCCipher, size: int) -> None:
    group = Group(cipher)
    plan = group.start(*range(size))
    tree = held_to(group)
    assert plan.group_key is not None
    assert plan.group_key.build() == group_key(tree[max(tree, key=lambda n: n & -n)], 1, group.cipher)
    assert (plan.key_packets, plan.anew, plan.wraps) == ((), True, 0)
    group.remove(0)
    if size > 1:
        held_to(group)


def test_an_update_by_other_means() -> None:
    """Each value under the key that its readers have, and no other."""
    group = Group()
    group.start(*range(8))
    before = held_to(group)
    plan = group.remove(5)
    after = held_to(group)
    (array,) = updates(plan)
    assert (array.root, array.epoch, array.key_check_value) == (8, 2, check(after[8], 2))
    said = {}
    for key in array.oft_keys:
        if key.value_type == OFTValueType.VACANT:
            assert (key.node, key.under, key.key_data) == (11, 0, bytes(32))
        elif key.value_type == OFTValueType.LEAF_SECRET:
            assert decrypted(before[key.under], key.key_data) == after[key.node]
            assert (key.node, key.under) == (9, 9)
        else:
            assert decrypted(after[key.under], key.key_data) == f(after[key.node])
            said[key.node] = key.under
    assert said == {10: 14, 12: 4}  # 5 (11) is gone; 4 (9) has a new secret, and so have 10 and 12
    assert plan.changed == ((0, 4), (1, 2), (2, 1), (3, 0))
    assert [number_of(place) for place in plan.changed] == [9, 10, 12, 8]


@pytest.mark.parametrize("height", range(1, 8))
def test_an_eviction_from_a_full_tree_costs_its_height(height: int) -> None:
    """Draft, 4.2.2 and table 2: keys broadcast, the distance from the leaf to the root. Leaf secrets and
    blinded ones are counted alike; that a node is vacant now is no key, and is said in the clear."""
    group = Group()
    group.start(*range(2**height))
    plan = group.remove(3 % 2**height)
    assert plan.wraps == len([key for key in keys_of(plan) if is_wrap(key)]) == height
    assert len(keys_of(plan)) == height + (height > 1)  # with two members the tree shrinks instead


@pytest.mark.parametrize("height", range(1, 8))
@pytest.mark.parametrize("first", [True, False])
def test_a_join_costs_its_distance_and_two(height: int, first: bool) -> None:
    """Draft, 4.2.1: splitting a leaf at distance d from the root costs d + 2 keys. Here that leaf is the
    former sibling, at distance `height` after the join, which is d + 1; its own new secret and its neighbour's
    blinded one are two of the keys."""
    group = Group()
    group.start(*range(2**height - 1))
    if not first:
        group.add(1000)
        group.remove(0)
    plan = group.add(2000)
    distance = height - 1
    assert plan.wraps == len([key for key in keys_of(plan) if is_wrap(key)]) == distance + 2
    assert len(keys_of(plan)) == plan.wraps


def test_growing_costs_the_new_height_and_one() -> None:
    group = Group()
    group.start(*range(16))
    assert group.add(16).wraps == 5 + 1
    assert held_to(group).keys() >= {16, 32}


def test_renewal_costs_no_wrap() -> None:
    group = Group()
    group.start(*range(5))
    plan = group.renew()
    assert (plan.wraps, plan.changed, len(plan.key_packets)) == (0, (), 1)
    assert keys_of(plan) == []
    assert plan.parts == {}
    held_to(group)


def test_a_batch_says_each_value_once() -> None:
    """A batch changes the union of the paths, and a value that several paths share is sent once."""
    group = Group()
    group.start(*range(64))
    plan = group.remove(*range(0, 64, 8))
    nodes = [key.node for key in keys_of(plan)]
    assert len(nodes) == len(set(nodes))
    # 8 renewed leaves; beside them: 16 nodes of levels 1 and 2, 14 nodes of levels 3 to 5
    assert plan.wraps == 8 + 16 + 14
    held_to(group)
    together = group.remove(1, 2, 3)
    assert together.wraps < 3 * 6
    assert held_to(group)


def test_growth_and_shrinking_move_nobody() -> None:
    group = Group()
    group.start(0, 1, 2)
    group.add(*range(3, 20))
    places = {name: group.algorithm.leaf_of(name) for name in group.members}
    assert sorted(places.values()) == list(range(20))
    assert held_to(group).keys() >= {32}
    group.remove(*range(4, 20))
    assert max(held_to(group), key=lambda node: node & -node) == 4
    assert len(list(group.algorithm.tree())) == 7
    group.remove(1)
    group.add(50, 51)
    assert {n: group.algorithm.leaf_of(member(n)) for n in (0, 2, 3, 50, 51)} == {
        0: 0,
        2: 2,
        3: 3,
        50: 1,
        51: 4,
    }
    held_to(group)


def test_the_last_leaves_and_others_come() -> None:
    group = Group()
    empty = group.start()
    assert empty.group_key is not None
    first = group.add(1)
    assert (first.key_packets, first.wraps) == ((), 0)
    assert held_to(group)
    left = group.remove(1)
    assert left.group_key not in (None, first.group_key)
    assert (left.key_packets, len(group.algorithm)) == ((), 0)
    group.add(2, 3, new=False)
    assert group.remove(4).wraps == 2
    held_to(group)


# -- deferred joins ----------------------------------------------------------------------------------


def test_who_waits_enters_with_the_next_change() -> None:
    """Draft, 4.4 (OFT+)."""
    group = Group()
    group.start(*range(4))
    plan = group.add(4, 5, new=False)
    assert (plan.group_key, plan.key_packets, plan.wraps) == (None, (), 0)
    assert member(4) in group.algorithm
    assert len(group.algorithm) == 6
    array = group.algorithm.download(member(4))[0].attributes[0].value
    assert (array.root, len(array.oft_keys)) == (0, 1)
    assert group.algorithm.download(member(0))[0].attributes[0].value.root == 4
    group.remove(1)
    held_to(group)
    array = group.algorithm.download(member(4))[0].attributes[0].value
    assert array.root == 8


def test_who_waits_and_leaves_costs_nothing() -> None:
    group = Group()
    group.start(*range(4))
    group.add(4, 5, new=False)
    plan = group.remove(4, 5)
    assert (plan.wraps, plan.changed) == (0, ())
    assert len(plan.key_packets) == 1
    held_to(group)
    assert group.algorithm.leaf_of(member(3)) == 3
    assert group.saved.keys() == {bytes(4)}


def test_renewal_lets_in_who_waits() -> None:
    group = Group()
    group.start(0)
    group.add(1, new=False)
    assert group.renew().wraps == 3  # 0 is renewed, and each is told of the other
    held_to(group)


def test_who_is_there_already_keeps_its_leaf() -> None:
    group = Group()
    group.start(0, 1, 1)
    before = group.leaves()
    assert group.add(1, new=False).parts == {}
    plan = group.add(1, 0)
    assert plan.group_key is not None
    assert (plan.wraps, group.leaves()) == (0, before)
    group.remove(77)
    assert group.leaves() == before


# -- any history -------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "wait", "remove", "renew", "retain", "restart"]),
        st.lists(st.integers(0, 19), max_size=6),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(start=st.sets(st.integers(0, 19)), steps=STEPS, update_octets=st.sampled_from([80, 200, 1024]))
def test_all_members_reach_the_kek(
    start: set[int], steps: list[tuple[str, list[int]]], update_octets: int
) -> None:
    """`Group` delivers the pushes of each plan to each member in another order, over the wire."""
    group = Group(update_octets=update_octets)
    group.start(*sorted(start))
    for verb, numbers in steps:
        if verb == "retain":
            group.retain(*[n for n in range(20) if n not in numbers])
        elif verb == "renew":
            group.renew()
        elif verb == "remove":
            group.remove(*numbers)
        elif verb == "restart":
            restart(group)
        else:
            group.add(*numbers, new=verb == "add")
        if group.leaves():
            held_to(group)
        assert set(group.members) == {name for name in map(member, range(20)) if name in group.algorithm}
        assert all(updates_fit(group, update_octets))


def updates_fit(group: Group, octets: int) -> list[bool]:
    """Arrays keep to their bound, or have one key."""
    plan = group.plans[-1]
    return [len(a.oft_keys) <= 1 or 24 + 44 * len(a.oft_keys) <= octets for a in updates(plan)]


def restart(group: Group) -> None:
    """What was persisted is taken up by another object."""
    state = group.plans[-1].state
    again = OFTRekey(group.cipher, update_octets=group.algorithm.update_octets)
    again.restore(state, group.saved)
    for name in group.members:
        assert again.download(name) == group.algorithm.download(name)
        assert again.leaf_of(name) == group.algorithm.leaf_of(name)
    assert len(again) == len(group.algorithm)
    assert list(again.tree()) == list(group.algorithm.tree())
    group.algorithm = again


# -- what is looked at -------------------------------------------------------------------------------


def test_the_tree_is_shown() -> None:
    group = Group()
    group.start(*range(3))
    group.remove(1)
    nodes = [(n.place, n.parent, n.kind, n.wire_id, n.handle) for n in group.algorithm.tree()]
    assert nodes == [
        ((2, 0), None, "root", 4, 0),
        ((1, 0), (2, 0), "inner", 2, 0),
        ((1, 1), (2, 0), "inner", 6, 0),
        ((0, 0), (1, 0), "leaf", 1, 0),
        ((0, 1), (1, 0), "vacant", 3, 0),
        ((0, 2), (1, 1), "leaf", 5, 0),
    ]
    assert all(place_of(node.wire_id) == node.place for node in group.algorithm.tree())
    assert list(OFTRekey(AES_128).tree()) == []


def test_it_is_a_rekey_algorithm() -> None:
    algorithm: RekeyAlgorithm = OFTRekey(AES_128)
    assert algorithm.management is KEKManagementAlgorithm.OFT
    assert algorithm.capacity == 2**24
    assert member(1) not in algorithm
    assert "m1" not in algorithm


# -- what is refused ---------------------------------------------------------------------------------


def failing(after: int) -> Random:
    """A source that ends."""
    source, left = seeded(1), [after]

    def draw(count: int) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise CryptoError("no more random octets")
        return source(count)

    return draw


@pytest.mark.parametrize("after", range(3))
def test_nothing_has_changed_when_a_verb_raises(after: int) -> None:
    group = Group()
    group.start(*range(9))
    group.add(9, 10, new=False)
    algorithm = group.algorithm

    def snapshot() -> list[object]:
        kept = [algorithm.download(name) for name in group.members]
        return [len(algorithm), algorithm._group_key, algorithm._epoch, *kept, *algorithm.tree()]

    before = snapshot()
    calls: list[Callable[[], RekeyPlan]] = [
        lambda: algorithm.remove([member(0), member(5), member(7)], SPI, failing(min(after, 2))),
        lambda: algorithm.add([member(n) for n in range(20, 24)], SPI, True, failing(after)),
        lambda: algorithm.add([member(n) for n in range(20, 24)], SPI, False, failing(after)),
        lambda: algorithm.start([member(n) for n in range(20, 24)], failing(after)),
        lambda: algorithm.retain([], SPI, failing(0)),
        lambda: algorithm.add([member(n) for n in range(20, 24)], SPI, True, lambda count: b"\1" * count),
        lambda: algorithm.start([member(1)], bytes),
    ]
    for call in calls:
        with pytest.raises(GsakmpError):
            call()
        assert snapshot() == before
    group.remove(3)
    held_to(group)


def test_no_room() -> None:
    algorithm = OFTRekey(AES_128, capacity=4)
    with pytest.raises(StateError, match="room for 4"):
        algorithm.start([member(n) for n in range(5)], seeded(1))
    with pytest.raises(StateError, match="neither been started"):
        algorithm.renew(SPI, seeded(1))
    algorithm.start([member(n) for n in range(3)], seeded(1))
    with pytest.raises(StateError, match="room for 4"):
        algorithm.add([member(8), member(9)], SPI, True, seeded(1))
    algorithm.add([member(8)], SPI, False, seeded(1))
    with pytest.raises(StateError, match="not in the key structure"):
        algorithm.download(member(9))
    with pytest.raises(StateError, match="not in the key structure"):
        algorithm.leaf_of(member(9))


def test_epochs_run_out() -> None:
    group = Group()
    group.start(0, 1)
    group.algorithm._epoch = 0xFFFF_FFFF
    with pytest.raises(StateError, match="epochs"):
        group.algorithm.renew(SPI, group.random)


# -- persistence -------------------------------------------------------------------------------------


def test_a_leave_writes_little() -> None:
    group = Group()
    group.start(*range(1000))
    plan = group.remove(500)
    assert sum(map(len, plan.parts.values())) <= 2 * 32 * 49
    assert len(plan.state) < 100


def test_pages_of_the_vacant_go() -> None:
    group = Group()
    group.start(*range(70))
    assert len(group.saved) == 3
    plan = group.remove(*range(40, 70))
    assert plan.parts[(2).to_bytes(4, "big")] == b""
    assert len(group.saved) == 2
    restart(group)


def test_state_does_not_show_keys() -> None:
    group = Group()
    plan = group.start(0, 1)
    assert plan.group_key is not None
    assert str(plan.group_key.key) not in repr(plan) + repr(group.algorithm)


def saved_group() -> tuple[bytes, dict[bytes, bytes]]:
    group = Group()
    group.start(*range(40))
    group.add(50, new=False)
    return group.plans[-1].state, dict(group.saved)


def test_what_is_not_ours_is_refused() -> None:
    state, parts = saved_group()
    first = min(parts)
    page = parts[first]
    flags = len(page) - 32
    broken = [
        {**parts, first: page[:-1]},
        {**parts, first: page + bytes(49)},
        {**parts, first: b""},
        {**parts, b"\0\0\0\2": b""},
        {**parts, b"\0": page},
        {**parts, b"\xff\xff\xff\xff": page},
        {first: page},
        {**parts, b"\0\0\0\7": page},
        {**parts, first: page[:flags] + b"\1" + page[flags + 1 :]},
        {**parts, first: page[:flags] + b"\2" + page[flags + 1 :]},
        {**parts, first: page[:512] + bytes(32) + page[544:]},
        {**parts, first: bytes(16) + page[16:]},
        {**parts, first: page[16:32] + page[16:]},
        {**parts, first: page[:512] + bytes([page[512] ^ 1]) + page[513:]},
    ]
    algorithm = OFTRekey(AES_128)
    for wrong in broken:
        with pytest.raises(StateError):
            algorithm.restore(state, wrong)
    for octets in (b"", b"\x00", bytes(2000), state[:-1], state + b"\0", b"\x91" * 600):
        with pytest.raises(StateError):
            algorithm.restore(octets, parts)
    with pytest.raises(StateError):
        OFTRekey(AES_256).restore(state, parts)
    with pytest.raises(StateError):
        OFTRekey(AES_128, capacity=20).restore(state, parts)
    assert len(algorithm) == 0
    algorithm.restore(state, parts)
    assert len(algorithm) == 41


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 10_000), octet=st.integers(1, 255))
def test_any_octet_of_a_tree_that_is_wrong_is_noticed(at: int, octet: int) -> None:
    """Names of members aside, of which the tree knows nothing."""
    state, parts = saved_group()
    page = bytearray(parts[bytes(4)])
    at = 512 + at % (len(page) - 512)
    page[at] ^= octet
    with pytest.raises(StateError):
        OFTRekey(AES_128).restore(state, {**parts, bytes(4): bytes(page)})


def test_the_kek_of_an_empty_tree_is_kept() -> None:
    group = Group()
    group.start()
    group.add(1, 2, new=False)
    assert isinstance(group.kek, KEK)
    restart(group)
    group.renew()
    held_to(group)
