"""MARKS: the functions, the fewest seeds, and who learns what; recomputed with hashlib alone."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from itertools import combinations
from random import Random
from typing import Any

import pytest

from gsakmp.errors import ConfigurationError, DecodeError, PolicyRefused, StateError
from gsakmp.group.rekey.marks import (
    INTERVALS,
    Interval,
    KeySequence,
    Seed,
    cover,
    seeds_at_most,
    union,
)
from gsakmp.group.rekey.marks_keys import IntervalKeys
from gsakmp.group.rekey.marks_periods import PeriodMap
from gsakmp.registries import PeriodConstruction

TREE = PeriodConstruction.BINARY_HASH_TREE
CHAIN = PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN
ROOT = bytes(range(32))


def h(label: str, *octets: bytes) -> bytes:
    return sha256(label.encode() + b"\0" + b"".join(octets)).digest()


@cache
def node(level: int, index: int) -> bytes:
    """s(level, index) as the docstring of `marks` has it."""
    if not level:
        return ROOT
    return h(f"gsakmp marks bht {'right' if index & 1 else 'left'}", node(level - 1, index >> 1))


def chains(count: int) -> tuple[list[bytes], list[bytes]]:
    """f and b, by period."""
    forward, backward = [h("gsakmp marks bhc first", ROOT)], [h("gsakmp marks bhc last", ROOT)]
    for _ in range(count - 1):
        forward.append(h("gsakmp marks bhc forward", forward[-1]))
        backward.append(h("gsakmp marks bhc backward", backward[-1]))
    return forward, backward[::-1]


def all_intervals(count: int) -> list[Interval]:
    return [Interval(first, last) for first in range(count) for last in range(first, count)]


# -- binary hash tree ------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", range(6))
def test_keys_are_the_leaves(depth: int) -> None:
    sequence = KeySequence(TREE, 1 << depth, ROOT)
    assert [sequence.key(p) for p in range(1 << depth)] == [node(depth, p) for p in range(1 << depth)]


def leaves(depth: int, level: int, index: int) -> set[int]:
    below = depth - level
    return set(range(index << below, (index + 1) << below))


@pytest.mark.parametrize("depth", range(5))
def test_no_smaller_set_of_seeds_covers_an_interval(depth: int) -> None:
    """Against every set of subtrees: `cover` has the interval's leaves and no others, and no fewer subtrees do."""
    subtrees = [(level, index) for level in range(depth + 1) for index in range(1 << level)]
    for interval in all_intervals(1 << depth):
        wanted = set(range(interval.first, interval.last + 1))
        found = cover(1 << depth, interval)
        assert set().union(*(leaves(depth, *one) for one in found)) == wanted
        assert sum(len(leaves(depth, *one)) for one in found) == len(wanted)
        inside = [one for one in subtrees if leaves(depth, *one) <= wanted]
        for size in range(1, len(found)):
            assert not any(
                set().union(*(leaves(depth, *one) for one in some)) == wanted
                for some in combinations(inside, size)
            )


@pytest.mark.parametrize("depth", range(2, 8))
def test_at_most_two_times_depth_less_one(depth: int) -> None:
    """And some interval needs as many: the one without its first and last leaf."""
    count = 1 << depth
    most = max(len(cover(count, interval)) for interval in all_intervals(count))
    assert most == 2 * (depth - 1) == len(cover(count, Interval(1, count - 2)))
    assert seeds_at_most(TREE, count) == most


@pytest.mark.parametrize("depth", range(6))
def test_a_receiver_of_every_interval_has_exactly_its_keys(depth: int) -> None:
    sequence = KeySequence(TREE, 1 << depth, ROOT)
    for interval in all_intervals(1 << depth):
        seeds = sequence.seeds((interval,))
        assert [seed.octets for seed in seeds] == [node(seed.level, seed.index) for seed in seeds]
        keys = IntervalKeys(TREE, 1 << depth, seeds)
        for period in range(-1, (1 << depth) + 1):
            if period in interval:
                assert keys.key(period) == node(depth, period)
            else:
                with pytest.raises(StateError):
                    keys.key(period)


def test_unions_of_intervals() -> None:
    sequence = KeySequence(TREE, 32, ROOT)
    wanted = (Interval(20, 22), Interval(3, 5), Interval(6, 9), Interval(4, 7))
    keys = IntervalKeys(TREE, 32, sequence.seeds(wanted))
    assert keys.intervals == (Interval(3, 9), Interval(20, 22)) == union(wanted)
    held = [period for period in range(32) if period in keys]
    assert [keys.key(p) for p in held] == [node(5, p) for p in held]
    assert held == [*range(3, 10), *range(20, 23)]


def reachable(count: int, seeds: set[bytes]) -> set[int]:
    """The periods whose keys any number of hashes leads to: every node of the tree that seeds give, by value."""
    depth = (count - 1).bit_length()
    known = {
        (level, index)
        for level in range(depth + 1)
        for index in range(1 << level)
        if node(level, index) in seeds
    }
    for level in range(depth):
        known |= {(level + 1, 2 * i + s) for (at, i) in known if at == level for s in (0, 1)}
    return {index for level, index in known if level == depth}


def test_colluders_learn_the_union_and_no_more() -> None:
    sequence, random = KeySequence(TREE, 32, ROOT), Random(1)
    for _ in range(200):
        intervals = [Interval(*sorted((random.randrange(32), random.randrange(32)))) for _ in range(3)]
        pooled = {seed.octets for interval in intervals for seed in sequence.seeds((interval,))}
        assert reachable(32, pooled) == {p for i in intervals for p in range(i.first, i.last + 1)}


def test_stepping_costs_two_hashes_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    from gsakmp.group.rekey import marks

    counted = [0]

    def counting(octets: bytes) -> object:
        counted[0] += 1
        return sha256(octets)

    keys = IntervalKeys(TREE, 1 << 12, KeySequence(TREE, 1 << 12, ROOT).seeds((Interval(0, (1 << 12) - 1),)))
    monkeypatch.setattr(marks, "sha256", counting)
    for period in range(1 << 12):
        keys.key(period)
    assert counted[0] < 2 << 12


def test_any_order_of_asking() -> None:
    random = Random(2)
    for construction in (TREE, CHAIN):
        sequence = KeySequence(construction, 64, ROOT)
        keys = IntervalKeys(construction, 64, sequence.seeds((Interval(5, 60),)))
        for _ in range(200):
            period = random.randrange(5, 61)
            assert keys.key(period) == sequence.key(period)


# -- bidirectional hash chain ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_chain_keys_are_of_both_directions(count: int) -> None:
    forward, backward = chains(count)
    expected = [h("gsakmp marks bhc key", f, b) for f, b in zip(forward, backward, strict=True)]
    sequence = KeySequence(CHAIN, count, ROOT)
    assert [sequence.key(period) for period in range(count)] == expected
    for interval in all_intervals(count):
        seeds = sequence.seeds((interval,))
        assert [seed.octets for seed in seeds] == [forward[interval.first], backward[interval.last]]
        keys = IntervalKeys(CHAIN, count, seeds)
        for period in range(count):
            if period in interval:
                assert keys.key(period) == expected[period]
            else:
                with pytest.raises(StateError):
                    keys.key(period)


def test_two_of_a_chain_learn_the_gap() -> None:
    """As the docstring says, and why policy has to allow it."""
    sequence = KeySequence(CHAIN, 20, ROOT)
    early, late = sequence.seeds((Interval(2, 4),)), sequence.seeds((Interval(9, 11),))
    pooled = IntervalKeys(CHAIN, 20, (early[0], late[1]))
    assert pooled.key(6) == sequence.key(6)


def test_a_chain_gives_no_two_intervals() -> None:
    sequence = KeySequence(CHAIN, 20, ROOT)
    with pytest.raises(PolicyRefused, match="5-8"):
        sequence.seeds((Interval(2, 4), Interval(9, 11)))
    assert len(sequence.seeds((Interval(2, 4), Interval(5, 11)))) == 2


def test_a_long_chain_is_quick_and_holds_little() -> None:
    count = 4096
    keys = IntervalKeys(CHAIN, count, KeySequence(CHAIN, count, ROOT).seeds((Interval(0, count - 1),)))
    forward, backward = chains(count)
    for period in (*range(0, count, 97), *range(100)):
        assert keys.key(period) == h("gsakmp marks bhc key", forward[period], backward[period])
    chain: Any = keys._keys
    assert len(chain._marks) + len(chain._stretch[1]) <= 2 * 65 + 1


# -- limits and what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("construction", "count"), [(TREE, 0), (TREE, 3), (TREE, 1 << 21), (CHAIN, 0), (CHAIN, 1 << 17), (77, 4)]
)
def test_sequences_that_can_not_be(construction: int, count: int) -> None:
    with pytest.raises(ConfigurationError):
        KeySequence(PeriodConstruction(construction), count, ROOT)


def test_the_deepest_tree() -> None:
    sequence = KeySequence(TREE, 1 << 20, ROOT)
    seeds = sequence.seeds((Interval(1, (1 << 20) - 2),))
    assert len(seeds) == 38 == seeds_at_most(TREE, 1 << 20)
    assert IntervalKeys(TREE, 1 << 20, seeds).key(777_777) == node(20, 777_777)


def test_what_is_refused() -> None:
    sequence = KeySequence(TREE, 16, ROOT)
    for interval in (Interval(3, 2), Interval(-1, 2), Interval(0, 16)):
        with pytest.raises(StateError):
            sequence.seeds((interval,))
    with pytest.raises(StateError):
        sequence.seeds(())
    with pytest.raises(ConfigurationError, match="32 octets"):
        KeySequence(TREE, 16, b"short")
    many = [Interval(2 * n, 2 * n) for n in range(INTERVALS + 1)]
    with pytest.raises(PolicyRefused, match="16 at most"):
        KeySequence(TREE, 64, ROOT).seeds(many)


@pytest.mark.parametrize(
    ("construction", "seeds"),
    [
        (TREE, []),
        (TREE, [Seed(5, 0, ROOT)]),
        (TREE, [Seed(4, 16, ROOT)]),
        (TREE, [Seed(2, 1, b"short")]),
        (TREE, [Seed(2, 1, ROOT), Seed(4, 7, ROOT)]),
        (TREE, [Seed(2, 1, ROOT), Seed(2, 1, ROOT)]),
        (CHAIN, [Seed(0, 1, ROOT)]),
        (CHAIN, [Seed(1, 1, ROOT), Seed(0, 1, ROOT)]),
        (CHAIN, [Seed(0, 3, ROOT), Seed(1, 2, ROOT)]),
        (CHAIN, [Seed(0, 3, ROOT), Seed(1, 16, ROOT)]),
    ],
)
def test_seeds_that_contradict(construction: PeriodConstruction, seeds: list[Seed]) -> None:
    with pytest.raises(DecodeError):
        IntervalKeys(construction, 16, seeds)


def test_no_secret_is_shown() -> None:
    sequence = KeySequence(TREE, 16, ROOT)
    seeds = sequence.seeds((Interval(2, 5),))
    texts = repr(sequence) + repr(seeds) + repr(IntervalKeys(TREE, 16, seeds))
    assert not any(str(secret) in texts for secret in (ROOT, ROOT.hex(), *(seed.octets for seed in seeds)))


# -- which period ----------------------------------------------------------------------------------------


def test_periods_of_time() -> None:
    periods = PeriodMap.of_time(1000, 60, 4)
    assert [periods.period_at(t) for t in (999.9, 1000, 1059.99, 1060, 1239.9, 1240)] == [
        None,
        0,
        0,
        1,
        3,
        None,
    ]
    assert periods.span(2) == (1120, 1180)
    assert periods.within(1060, 1120) == Interval(1, 1)
    assert periods.within(1060, 1120.5) == Interval(1, 2)
    assert periods.within(0, 1e12) == Interval(0, 3)
    assert periods.within(1240, 1300) is None
    assert periods.within(0, 1000) is None
    with pytest.raises(StateError):
        periods.span(4)


def test_periods_of_sequence_numbers() -> None:
    periods = PeriodMap.of_numbers(1, 500, 8)
    assert [periods.period_at(number) for number in (0, 1, 500, 501, 4000, 4001)] == [None, 0, 0, 1, 7, None]


def test_periods_that_are_none() -> None:
    for size, count in ((0, 4), (float("nan"), 4), (60, 0)):
        with pytest.raises(ConfigurationError):
            PeriodMap(0, size, count)
