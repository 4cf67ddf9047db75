"""What changes in a tree, against the examples of RFC 2627, 5.4 and RFC 4535, appendix A."""

from __future__ import annotations

from array import array
from collections.abc import Collection

import pytest

from gsakmp.errors import ConfigurationError
from gsakmp.group.rekey.interface import Place
from gsakmp.group.rekey.lkh_ids import Numbering, breadth_first, capacity_of, height_for, trees_for
from gsakmp.group.rekey.lkh_plan import Change, plan_join, plan_leave
from gsakmp.group.rekey.lkh_tree import KeyTree

LEVELS_OF_FIGURE_30 = 3


def full(degree: int, leaves: int) -> KeyTree:
    """A tree with a key at each node, of one octet."""
    tree = KeyTree(degree, 1, leaves)
    tree.fill([bytes(len(level.handles)) for level in tree.levels], 1)
    return tree


def told(change: Change) -> dict[int, list[int]]:
    """Which keys go under which, by RFC 4535's numbers."""
    return {number(route.place): [number(place) for place in change.path(route)] for route in change.routes}


def number(place: Place) -> int:
    return breadth_first(2, LEVELS_OF_FIGURE_30, place)


def edges(change: Change) -> set[tuple[Place, Place]]:
    """Each pair of keys of which one is wrapped under the other."""
    found = set()
    for route in change.routes:
        under = route.place
        for place in change.path(route):
            found.add((under, place))
            under = place
    return found


def test_the_numbers_of_figure_30() -> None:
    assert [number((3 - depth, index)) for depth in range(4) for index in range(2**depth)] == list(
        range(1, 16)
    )


def test_rfc_4535_a_3_1_the_keys_of_member_1() -> None:
    tree = full(2, 8)
    path = [(level, 0) for level in range(tree.height)]
    assert [number(place) for place in reversed(path)] == [2, 4, 8]


def test_rfc_4535_a_3_2_member_6_is_keyed_out() -> None:
    change = plan_leave(full(2, 8), {5}, 8)
    # (GTPK)2, (GTPK, 3', 6')12, (GTPK, 3')7
    assert told(change) == {2: [1], 12: [6, 3, 1], 7: [3, 1]}
    # "alternative pairings are legal": (GTPK)2, (GTPK)3', (3')6', (3')7', (6')12
    pairs = {(number(under), number(key)) for under, key in edges(change)}
    assert pairs == {(2, 1), (3, 1), (6, 3), (7, 3), (12, 6)}


def test_rfc_4535_a_1_member_3_is_compromised() -> None:
    key_a, key_b, key_c, key_d, member_4 = 2, 3, 4, 5, 11
    assert told(plan_leave(full(2, 8), {2}, 8)) == {
        key_b: [1],
        key_c: [key_a, 1],
        member_4: [key_d, key_a, 1],
    }


def test_rfc_2627_5_4_1_user_11_of_figure_2() -> None:
    change = plan_leave(full(2, 16), {10}, 16)
    keys = {(1, 4): "E", (1, 5): "F", (2, 2): "K", (2, 3): "L", (3, 0): "M", (3, 1): "N", (4, 0): "O"}
    keys[0, 11] = "12"
    assert {keys[place] for place in change.fresh} == {"F", "K", "N", "O"}
    shown = {
        keys[route.place]: "".join(keys[place] for place in change.path(route)) for route in change.routes
    }
    assert shown == {"12": "FKNO", "E": "KNO", "L": "NO", "M": "O"}


@pytest.mark.parametrize(
    ("users", "degree", "one_key", "several_keys"),
    [
        (8, 2, 5, 3),
        (9, 3, 5, 4),
        (16, 2, 7, 4),
        (2048, 2, 21, 11),
        (2187, 3, 20, 14),
        (131072, 2, 33, 17),
        (177147, 3, 32, 22),
    ],
)
def test_rfc_2627_table_1(users: int, degree: int, one_key: int, several_keys: int) -> None:
    change = plan_leave(full(degree, users), {users // 3}, users)
    assert len(change.routes) == several_keys
    assert len(edges(change)) == one_key


@pytest.mark.parametrize("degree", range(2, 9))
def test_the_wraps_of_a_join_into_a_full_tree(degree: int) -> None:
    tree = full(degree, degree**3)
    gone = plan_leave(tree, {1}, tree.end)
    tree.apply(gone, {place: (1000 + nth, b"\0") for nth, place in enumerate(gone.fresh)})
    change = plan_join(tree, [1], True)
    # each of the three new keys under its own old one, and two of them under a new one, too
    assert len({edge for edge in edges(change) if edge[0] == edge[1]}) == 3
    assert len({edge for edge in edges(change) if edge[0] != edge[1]}) == 2
    assert [route.place for route in change.routes] == [(1, 0), (2, 0), (3, 0)]


def test_a_join_without_a_new_group_key_touches_nobody() -> None:
    tree = full(3, 9)
    change = plan_join(tree, [9, 10], False)
    assert change.height == 3
    assert change.fresh == [(0, 9), (0, 10), (1, 3), (2, 1)]
    assert change.routes == []


def test_a_tree_that_grows_with_a_push_gives_the_old_root_a_key_under_the_old_kek() -> None:
    tree = full(2, 4)
    change = plan_join(tree, range(4, 9), True)
    assert change.height == 4
    assert [tuple(route) for route in change.routes] == [((2, 0), True)]
    assert list(change.path(change.routes[0])) == [(2, 0), (3, 0), (4, 0)]


def test_a_tree_that_grew_without_one_catches_up_when_somebody_leaves() -> None:
    tree = full(2, 4)
    grown = plan_join(tree, [4], False)
    tree.apply(grown, {place: (100 + nth, b"\0") for nth, place in enumerate(grown.fresh)})
    assert tree.handle((2, 0)) == 0
    change = plan_leave(tree, [0], 5)
    assert {route.place for route in change.routes} == {(0, 1), (1, 1), (2, 1)}
    change = plan_leave(tree, [4], 4)
    assert (change.height, {route.place for route in change.routes}) == (2, {(1, 0), (1, 1)})


def test_a_node_without_a_key_beside_the_path_is_given_one() -> None:
    tree = full(2, 4)
    grown = plan_join(tree, [4, 5], False)
    tree.apply(grown, {place: (100 + nth, b"\0") for nth, place in enumerate(grown.fresh)})
    change = plan_leave(tree, [4], 6)
    assert (2, 0) in change.fresh
    assert {route.place for route in change.routes} == {(0, 5), (1, 0), (1, 1)}


def test_all_who_leave_at_once_share_the_keys_above_them() -> None:
    tree = full(4, 64)
    single: Collection[Place] = set()
    for leaf in (0, 1, 17):
        single = {*single, *plan_leave(tree, {leaf}, 64).fresh}
    change = plan_leave(tree, {0, 1, 17}, 64)
    assert set(change.fresh) == single
    assert len(change.fresh) == 5
    # 2 and 3 children at the bottom; 4 below each of three others
    assert len(edges(change)) == 2 + 3 + 4 + 4 + 4


def test_planning_changes_nothing() -> None:
    tree = full(3, 20)
    before = [(array("I", level.handles), bytes(level.children)) for level in tree.levels]
    plan_leave(tree, {0, 19}, 19)
    plan_join(tree, range(20, 40), True)
    assert [(level.handles, bytes(level.children)) for level in tree.levels] == before


# -- ids ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("degree", "leaves"),
    [(2, 2**15), (3, 3**9), (4, 4**7), (5, 5**6), (6, 6**6), (7, 7**5), (8, 8**5)],
)
def test_one_tree_has_as_many_leaves_as_there_are_ids_for_its_nodes(degree: int, leaves: int) -> None:
    assert capacity_of(degree) == leaves
    height = height_for(degree, leaves)
    below_the_root = sum(degree**level for level in range(1, height + 1))
    assert below_the_root <= 0xFFFF < below_the_root + degree ** (height + 1)


@pytest.mark.parametrize("degree", range(2, 9))
@pytest.mark.parametrize("trees", [1, 2, 5, 64])
def test_ids_are_unique_on_a_path_and_fit_into_two_octets(degree: int, trees: int) -> None:
    numbering = Numbering.of(degree, trees)
    height = height_for(degree, numbering.capacity)
    seen: dict[int, Place] = {}
    for leaf in {0, 1, numbering.capacity // 2, numbering.capacity - 1}:
        ids = [numbering.number((level, leaf // degree**level)) for level in range(height)]
        assert len(set(ids)) == height
        assert all(0 < each <= 0xFFFF for each in ids)
    for level in range(numbering.depth, height):  # above the trees, ids are unique throughout
        for index in range(-(-trees // degree ** (level - numbering.depth))):
            assert seen.setdefault(numbering.number((level, index)), (level, index)) == (level, index)


def test_ids_within_a_tree_are_unique_and_repeat_in_the_next() -> None:
    numbering = Numbering.deep(3, 2, 2)
    first = [numbering.number((0, leaf)) for leaf in range(9)] + [
        numbering.number((1, node)) for node in range(3)
    ]
    second = [numbering.number((0, leaf)) for leaf in range(9, 18)]
    second += [numbering.number((1, node)) for node in range(3, 6)]
    assert first == second
    assert len({*first, numbering.number((2, 0)), numbering.number((2, 1))}) == 14


@pytest.mark.parametrize("degree", range(2, 9))
@pytest.mark.parametrize("members", [0, 1, 32_769, 1_000_000])
def test_the_fewest_trees(degree: int, members: int) -> None:
    trees = trees_for(degree, members)
    assert capacity_of(degree, trees) >= members
    assert trees == 1 or all(capacity_of(degree, fewer) < members for fewer in range(1, trees))


@pytest.mark.parametrize(("degree", "trees"), [(1, 1), (9, 1), (4, 0), (2, 65_536), (2, 10**12)])
def test_what_does_not_fit_is_refused(degree: int, trees: int) -> None:
    with pytest.raises(ConfigurationError):
        capacity_of(degree, trees)


@pytest.mark.parametrize(("degree", "members"), [(0, 5), (9, 5), (4, 10**12)])
def test_there_is_no_room_for_any_number(degree: int, members: int) -> None:
    with pytest.raises(ConfigurationError):
        trees_for(degree, members)
