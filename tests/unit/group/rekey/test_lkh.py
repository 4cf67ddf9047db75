"""The LKH algorithm, its pushes read by members of the test's own and by `PathKeys`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsakmp.crypto import CBCCipher, system_random
from gsakmp.errors import ConfigurationError, CryptoError, EncodeError, GsakmpError, StateError
from gsakmp.group.rekey import lkh
from gsakmp.group.rekey.lkh import LKHRekey, capacity_of
from gsakmp.group.rekey.lkh_ids import Numbering
from gsakmp.group.rekey.lkh_state import HANDLES
from gsakmp.group.rekey.paths import PathKeys
from gsakmp.identities import Identity
from gsakmp.payloads import KeyPacket, LKHDownloadArray
from gsakmp.registries import KEKAlgorithm, KEKManagementAlgorithm, KeyDownloadType
from tests.unit.group.rekey.lkh_world import (
    AES_128,
    AES_192,
    AES_256,
    Reader,
    World,
    all_updates,
    member,
    members,
    over_the_wire,
    spi,
    updates,
    view,
)

CIPHERS = [AES_128, AES_192, AES_256]


def full_world(degree: int, height: int, cipher: CBCCipher = AES_128) -> World:
    world = World(LKHRekey(cipher, degree=degree), cipher=cipher)
    world.start(range(degree**height))
    return world


def forest(degree: int, trees: int, depth: int) -> LKHRekey:
    """Trees that are small enough for a test; only their number of levels is not what ids allow."""
    algorithm = LKHRekey(AES_128, degree=degree, trees=trees)
    algorithm.numbering = Numbering.deep(degree, trees, depth)
    algorithm.capacity = algorithm.numbering.capacity
    return algorithm


def eight() -> World:
    """Eight members; the ids of leaves are 7 and up, then 3 and up, 1 and 2, and 0."""
    world = World(forest(2, 1, 3))
    world.start(range(8))
    return world


# -- what it costs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("degree", "height"), [(2, 1), (2, 5), (3, 3), (4, 3), (5, 2), (6, 2), (7, 2), (8, 2)]
)
def test_costs_in_a_full_tree_are_those_of_rfc_2627_5_4(degree: int, height: int) -> None:
    world = full_world(degree, height)
    leave = world.remove([degree**height // 2])
    assert leave.wraps == degree * height - 1
    assert len(all_updates(leave)) == (degree - 1) * height
    assert len(leave.changed) == height
    join = world.add([10_000])
    assert join.wraps == 2 * height - 1
    assert len(all_updates(join)) == height
    assert len(join.changed) == height + 1
    (download,) = world.algorithm.download(member(10_000))
    assert isinstance(download.attributes[0].value, LKHDownloadArray)
    assert len(download.attributes[0].value.lkh_keys) == height + 1


def test_each_pair_of_keys_is_wrapped_once_however_many_arrays_it_is_in() -> None:
    plan = full_world(2, 5).remove([3, 4, 21])
    data = {key.key_data for array in all_updates(plan) for key in array.lkh_keys}
    assert len(data) == plan.wraps < sum(len(array.lkh_keys) for array in all_updates(plan))


def test_who_is_on_no_path_of_a_leaver_gets_the_kek_alone() -> None:
    world = full_world(4, 3)
    held = dict(world.readers[63].keys)
    world.remove([0])
    assert len(world.readers[63].keys.keys() - held.keys()) == 1


# -- what is on the wire -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: cipher.name)
def test_every_member_follows_with_each_cipher(cipher: CBCCipher) -> None:
    world = full_world(3, 2, cipher)
    world.remove([4])
    world.add([20, 21])
    world.renew()


def test_a_download_is_leaf_first_and_kek_last() -> None:
    world = eight()
    (packet,) = over_the_wire(world.algorithm.download(member(5)))
    array = packet.attributes[0].value
    assert isinstance(array, LKHDownloadArray)
    assert packet.kd_type == KeyDownloadType.LKH
    assert packet.spi == b""
    assert array.lkh_version == 1
    assert [key.lkh_id for key in array.lkh_keys] == [7 + 5, 3 + 2, 1 + 1, 0]
    assert array.lkh_keys[-1].key_data == world.kek
    assert {key.key_type for key in array.lkh_keys} == {KEKAlgorithm.KEK_ALG_AES}
    assert leaf_key(world.paths[5]) == array.lkh_keys[0].key_data


def leaf_key(paths: PathKeys) -> bytes:
    """IV and key of the first that it was given."""
    return next(iter(paths._held.values()))[1].build()


def test_arrays_are_rooted_at_the_keys_that_stay() -> None:
    world = eight()
    before = {node.place: node.handle for node in world.algorithm.tree()}
    plan = world.remove([5])
    after = {node.wire_id: node.handle for node in world.algorithm.tree()}
    roots = [(array.lkh_id, array.key_handle) for array in all_updates(plan)]
    assert roots == [(7 + 4, before[0, 4]), (3 + 3, before[1, 3]), (1 + 0, before[2, 0])]
    paths = [[key.lkh_id for key in array.lkh_keys] for array in all_updates(plan)]
    assert paths == [[3 + 2, 1 + 1, 0], [1 + 1, 0], [0]]
    assert all(key.key_handle == after[key.lkh_id] for array in all_updates(plan) for key in array.lkh_keys)


def test_a_join_comes_under_the_old_keys_of_its_path_deepest_first() -> None:
    world = eight()
    world.remove([5])
    before = {node.place: node.handle for node in world.algorithm.tree()}
    plan = world.add([9])
    roots = [(array.lkh_id, array.key_handle) for array in all_updates(plan)]
    assert roots == [(3 + 2, before[1, 2]), (1 + 1, before[2, 1]), (0, before[3, 0])]
    paths = [[key.lkh_id for key in array.lkh_keys] for array in all_updates(plan)]
    assert paths == [[3 + 2, 1 + 1, 0], [1 + 1, 0], [0]]


@pytest.mark.parametrize("most", [100, 300, 1024])
def test_a_plan_is_split_into_pushes_of_so_many_octets(most: int) -> None:
    world = World(LKHRekey(AES_128, degree=3, update_octets=most), shuffled=True)
    world.start(range(81))
    plan = world.remove([1, 2, 3, 40, 80])
    for (packet,) in plan.key_packets:
        octets = [16 + 48 * len(attribute.value.lkh_keys) for attribute in packet.attributes]
        assert sum(octets) <= most or len(octets) == 1
    sizes = [len(packet.attributes) for (packet,) in plan.key_packets]
    assert sum(sizes) == len(all_updates(plan))
    assert len(sizes) > 1
    longest = [max(len(array.lkh_keys) for array in updates(packets)) for packets in plan.key_packets]
    assert longest == sorted(longest, reverse=True)


def test_short_arrays_fill_what_long_ones_leave() -> None:
    plan = full_world(4, 5).remove([77])
    octets = sum(16 + 48 * len(array.lkh_keys) for array in all_updates(plan))
    assert len(plan.key_packets) == -(-octets // 1024)


# -- shape -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new_group_key", [True, False])
@pytest.mark.parametrize("degree", [2, 3, 8])
def test_growth_and_shrinking_touch_no_leaf_but_those_that_come(degree: int, new_group_key: bool) -> None:
    world = World(LKHRekey(AES_128, degree=degree))
    world.start([])
    for number in range(40):
        leaves = {n: world.readers[n].keys[world_leaf(world, n)] for n in world.readers}
        plan = world.add([number], new_group_key)
        assert [place for place in plan.changed if place[0] == 0] == [(0, number)]
        path = {(level, number // degree**level) for level in range(9)}
        assert all(place in path or place[1] == 0 for place in plan.changed)
        assert (plan.group_key is not None, bool(plan.key_packets)) == (
            new_group_key,
            new_group_key and number > 0,
        )
        assert leaves == {n: world.readers[n].keys[world_leaf(world, n)] for n in leaves}
    for number in reversed(range(40)):
        plan = world.remove([number])
        assert all(level > 0 for level, _ in plan.changed)
    assert (len(world.algorithm), list(world.algorithm.tree())[1:]) == (0, [])


def world_leaf(world: World, number: int) -> tuple[int, int]:
    (packet,) = world.algorithm.download(member(number))
    array = packet.attributes[0].value
    assert isinstance(array, LKHDownloadArray)
    return array.lkh_keys[0].lkh_id, array.lkh_keys[0].key_handle


def test_vacated_leaves_are_given_again_with_new_keys() -> None:
    world = full_world(4, 2)
    world.remove([3, 9])
    old = world.past.keys
    world.add([20, 21, 22])
    assert [world.algorithm.leaf_of(member(number)) for number in (20, 21, 22)] == [3, 9, 16]
    assert not old.keys() & world.readers[20].keys.keys()


def test_handles_are_never_given_twice() -> None:
    world = World(LKHRekey(AES_128, degree=2))
    world.start(range(5))
    seen: set[int] = set()
    for _ in range(3):
        now = {node.handle for node in world.algorithm.tree() if node.handle}
        new = now - seen
        assert len(new) == 11  # leaves, 3 and 2 above them, and the root
        assert min(new) > max(seen, default=0)
        seen |= now
        world.start(range(5))


def test_whoever_is_there_already_keeps_its_leaf_and_key() -> None:
    world = full_world(2, 2)
    before = view(world.algorithm, range(4))
    plan = world.algorithm.add(members([1, 1, 2]), spi(1), False, system_random)
    assert view(world.algorithm, range(4)) == before
    assert (plan.group_key, plan.parts, plan.changed) == (None, {}, ())


def test_who_is_not_there_is_passed_over_but_the_kek_is_new() -> None:
    world = full_world(4, 2)
    before = world.kek
    plan = world.remove([99])
    assert world.kek != before
    assert (plan.wraps, plan.changed) == (4, ((2, 0),))


def test_when_all_leave_there_is_a_kek_that_nobody_has() -> None:
    world = full_world(3, 2)
    plan = world.remove(range(9))
    assert plan.group_key is not None
    assert (plan.key_packets, plan.wraps, len(world.algorithm)) == ((), 0, 0)
    assert world.parts == {}
    world.add([5])
    assert world.algorithm.leaf_of(member(5)) == 0


def test_nobody_is_there_to_hear_of_a_renewal() -> None:
    world = World(LKHRekey(AES_128))
    world.start([])
    assert world.renew().key_packets == ()
    plan = world.add([1, 2])
    assert (plan.key_packets, plan.group_key is not None) == ((), True)


def test_a_renewal_is_one_wrap() -> None:
    world = full_world(4, 3)
    plan = world.renew()
    assert (plan.wraps, plan.changed, len(plan.key_packets)) == (1, ((3, 0),), 1)
    assert plan.parts == {}
    assert world.renew().group_key != plan.group_key


def test_retain_is_remove_of_the_others() -> None:
    one, other = full_world(3, 3), full_world(3, 3)
    keep = [0, 5, 20, 99]
    plan = one.algorithm.retain(members(keep), spi(1), one.random)
    same = other.algorithm.remove(members(set(range(27)) - set(keep)), spi(1), other.random)
    assert plan == same
    assert len(one.algorithm) == 3


def test_the_tree_that_is_shown() -> None:
    world = World(forest(2, 1, 2))
    world.start(range(4))
    world.remove([1])
    nodes = list(world.algorithm.tree())
    assert [(node.place, node.parent, node.kind) for node in nodes] == [
        ((2, 0), None, "root"),
        ((1, 0), (2, 0), "inner"),
        ((1, 1), (2, 0), "inner"),
        ((0, 0), (1, 0), "leaf"),
        ((0, 1), (1, 0), "vacant"),
        ((0, 2), (1, 1), "leaf"),
        ((0, 3), (1, 1), "leaf"),
    ]
    assert [node.wire_id for node in nodes] == list(range(7))
    assert [node.handle == 0 for node in nodes] == [node.kind == "vacant" for node in nodes]


# -- forests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("degree", "trees", "depth"), [(2, 5, 2), (3, 4, 1), (4, 9, 1), (2, 8, 1)])
def test_members_of_trees_with_the_same_ids_follow(degree: int, trees: int, depth: int) -> None:
    world = World(forest(degree, trees, depth), seed=degree)
    world.start(range(world.algorithm.capacity))
    ids = [node.wire_id for node in world.algorithm.tree() if node.kind == "leaf"]
    assert len(set(ids)) == len(ids) // trees
    for _ in range(5):
        gone = world.chance.sample(sorted(world.readers), 3)
        world.remove(gone)
        world.add([number + 1000 for number in gone[:2]])
        world.add([gone[0]], False)
    assert len({leaf_key(paths) for paths in world.paths.values()}) == len(world.paths)


def test_a_forest_has_room_for_more() -> None:
    assert LKHRekey(AES_128, degree=4).capacity == 4**7
    assert LKHRekey(AES_128, degree=4, trees=3).capacity == 3 * 4**7 == capacity_of(4, 3)
    assert LKHRekey(AES_128, degree=4, trees=1000).capacity == 1 << 22  # what a group may have


def test_settings_that_do_not_fit_are_refused() -> None:
    for degree, trees in ((1, 1), (9, 1), (4, 0), (4, 65_536)):
        with pytest.raises(ConfigurationError):
            LKHRekey(AES_128, degree=degree, trees=trees)


# -- nothing has changed when a verb raises ----------------------------------------------------------------


def short(count: int) -> bytes:
    return bytes(count - 1)


def broken(count: int) -> bytes:
    raise CryptoError("no random octets")


VERBS: dict[str, Callable[[LKHRekey, Callable[[int], bytes]], object]] = {
    "start": lambda algorithm, random: algorithm.start(members(range(3)), random),
    "add": lambda algorithm, random: algorithm.add(members(range(50, 60)), spi(1), True, random),
    "add without": lambda algorithm, random: algorithm.add(members(range(50, 60)), spi(1), False, random),
    "remove": lambda algorithm, random: algorithm.remove(members(range(5)), spi(1), random),
    "renew": lambda algorithm, random: algorithm.renew(spi(1), random),
    "retain": lambda algorithm, random: algorithm.retain(members(range(5)), spi(1), random),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("random", [short, broken])
def test_randomness_that_fails(verb: str, random: Callable[[int], bytes]) -> None:
    algorithm = full_world(3, 2).algorithm
    before = view(algorithm, range(9))
    with pytest.raises(GsakmpError):
        VERBS[verb](algorithm, random)
    assert view(algorithm, range(9)) == before


@pytest.mark.parametrize("verb", VERBS)
def test_handles_that_run_out(verb: str) -> None:
    algorithm = full_world(3, 2).algorithm
    algorithm._next_handle = HANDLES + 1
    before = view(algorithm, range(9))
    with pytest.raises(StateError, match="handles"):
        VERBS[verb](algorithm, system_random)
    assert view(algorithm, range(9)) == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrap_that_fails(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    algorithm = full_world(3, 2).algorithm
    before = view(algorithm, range(9))

    def fails(*_: object) -> bytes:
        raise CryptoError("no cipher")

    monkeypatch.setattr(CBCCipher, "encrypt", fails)
    if verb in ("start", "add without"):
        VERBS[verb](algorithm, system_random)
        return
    with pytest.raises(CryptoError):
        VERBS[verb](algorithm, system_random)
    assert view(algorithm, range(9)) == before


def test_the_last_handle_is_still_given() -> None:
    algorithm = full_world(2, 1).algorithm
    algorithm._next_handle = HANDLES
    assert algorithm.renew(spi(1), system_random).group_key is not None
    with pytest.raises(StateError, match="handles"):
        algorithm.renew(spi(2), system_random)


def test_more_members_than_there_is_room_for() -> None:
    algorithm = LKHRekey(AES_128, degree=7)
    algorithm.start(members(range(100)), system_random)
    before = view(algorithm, range(100))
    many = [Identity(2, f"x{number}.example") for number in range(capacity_of(7) - 99)]
    calls: list[Callable[[], object]] = [
        lambda: algorithm.add(many, spi(1), True, system_random),
        lambda: algorithm.start([*many, *members(range(100))], system_random),
    ]
    for call in calls:
        with pytest.raises(StateError, match=str(7**5)):
            call()
    assert view(algorithm, range(100)) == before


def test_an_identity_without_octets() -> None:
    algorithm = full_world(2, 2).algorithm
    before = view(algorithm, range(4))
    odd = Identity(1, "no address")
    calls: list[Callable[[], object]] = [
        lambda: algorithm.add([member(9), odd], spi(1), True, system_random),
        lambda: algorithm.remove([member(1), odd], spi(1), system_random),
        lambda: algorithm.start([odd], system_random),
    ]
    for call in calls:
        with pytest.raises(EncodeError):
            call()
    assert view(algorithm, range(4)) == before


def test_nothing_works_before_it_has_been_started() -> None:
    for verb in set(VERBS) - {"start"}:
        with pytest.raises(StateError, match="started"):
            VERBS[verb](LKHRekey(AES_128), system_random)
    with pytest.raises(StateError, match="started"):
        LKHRekey(AES_128).download(member(1))
    with pytest.raises(StateError, match="m7"):
        full_world(2, 1).algorithm.leaf_of(member(7))


def test_what_it_says_of_itself() -> None:
    algorithm = LKHRekey(AES_128)
    assert (algorithm.management, algorithm.re_pull) == (KEKManagementAlgorithm.LKH, False)
    assert algorithm.numbering.degree == lkh.DEGREE
    assert repr(full_world(2, 2).algorithm) == "LKHRekey(AES-128-CBC, degree 2, 4 members)"


# -- any history -------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    degree=st.integers(2, 8),
    steps=st.integers(1, 12),
    several=st.booleans(),
)
def test_any_history(seed: int, degree: int, steps: int, several: bool) -> None:
    """All who stay follow, all who left together don't, newcomers hold nothing of before, and what plans
    persisted in pieces is the whole."""
    algorithm = forest(degree, 7, 2) if several else LKHRekey(AES_128, degree=degree, update_octets=200)
    world = World(algorithm, seed=seed, shuffled=True)
    world.start(range(world.chance.randint(0, 20)))
    keks = [world.kek]
    for step in range(steps):
        match world.chance.choice(["add", "add", "add without", "remove", "remove", "renew", "many"]):
            case "add":
                new = range(100 * step + 100, 100 * step + 100 + world.chance.randint(1, 4))
                before = list(world.sent)
                world.add(new)
                check_backward(world, new, before, keks)
            case "add without":
                world.add([100 * step + 100], False)
            case "remove":
                some = world.chance.sample(sorted(world.readers), min(len(world.readers), 3))
                world.remove(some)
            case "many":
                world.remove([number for number in world.readers if world.chance.random() < 0.7])
            case "renew":
                world.renew()
        keks.append(world.kek)
        assert view(world.restored(), world.readers) == view(world.algorithm, world.readers)
        assert len(world.algorithm) == len(world.readers)


def check_backward(
    world: World, newcomers: range, sent: list[tuple[KeyPacket, ...]], keks: list[bytes]
) -> None:
    """No KEK of before is known to who came with a new one, from what was given or from all that was sent."""
    together = Reader()
    for number in newcomers:
        together.keys |= world.readers[number].keys
    for packets in sent:
        together.hear(packets)
    assert not set(keks) & set(together.keys.values())
