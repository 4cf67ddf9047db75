"""MARKS against the model of `tests.secrecy.seeds`."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gsakmp.group.rekey.marks import Interval, KeySequence
from tests.secrecy import seeds

ROOT = bytes(range(32))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 32))
def test_exactly_the_periods_that_were_given(seed: int) -> None:
    seeds.history(seed)


def test_every_interval_of_a_small_tree() -> None:
    truth, sequence = seeds.Sequence(True, 16, ROOT), KeySequence(seeds.TREE, 16, ROOT)
    for first in range(16):
        for last in range(first, 16):
            seeds.receiver(truth, sequence, [Interval(first, last)], seeds.given)


def test_a_chain_tells_two_receivers_the_gap_and_a_tree_does_not() -> None:
    """What the definition of the chain says against itself: that the attack is there, and that the model has it."""
    ends = [Interval(2, 3), Interval(9, 10)]
    for kind, expected in ((seeds.CHAIN, set(range(2, 11))), (seeds.TREE, {2, 3, 9, 10})):
        truth, sequence = seeds.Sequence(kind == seeds.TREE, 16, ROOT), KeySequence(kind, 16, ROOT)
        octets = {one.octets for interval in ends for one in sequence.seeds([interval])}
        assert truth.known(octets) == expected
