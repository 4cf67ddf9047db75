"""What coalitions can compute, by an adversary that knows when it has guessed right.

It keeps all that its members were ever given, sees every push, and combines what it has in every way that the
tree has: f of each secret, the parent of each two blinded ones of whatever time, and what a secret's node key
opens. It is told which of the results really were secrets of the tree, so it is stronger than anybody.
"""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsakmp.payloads import OFTKey
from gsakmp.registries import OFTValueType
from tests.unit.group.rekey.oft_world import ZEROS, Group, decrypted, f, keys_of, member, tree_of, xor

Secrets = dict[int, set[bytes]]
History = list[tuple[str, int, Random]]


class Watched(Group):
    """A group, and what happened in it: all that was given, all that was sent, and the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0
        self.given: dict[int, list[OFTKey]] = {}
        self.sent: list[OFTKey] = []
        self.truth: Secrets = {}
        self.roots: list[tuple[int, bytes]] = []
        """The root's secret from when on; empty where nobody is in the tree."""
        self.came: dict[int, int] = {}
        self.left: dict[int, int] = {}

    def step(self, verb: str, *numbers: int) -> None:
        self.clock += 1
        present = {n for n in range(40) if member(n) in self.algorithm}
        plan = self.remove(*numbers) if verb == "remove" else self.add(*numbers, new=verb == "add")
        self.left.update((n, self.clock) for n in present if member(n) not in self.algorithm)
        for n in range(40):
            if member(n) in self.algorithm and n not in present:
                self.came[n] = self.clock
        self.see(keys_of(plan))

    def begin(self, *numbers: int) -> None:
        self.start(*numbers)
        self.came = dict.fromkeys(numbers, 0)
        self.see([])

    def see(self, keys: list[OFTKey]) -> None:
        self.sent += keys
        leaves = self.leaves()
        tree = tree_of(leaves, max(leaves) + 1) if leaves else {}
        for node, secret in tree.items():
            self.truth.setdefault(node, set()).add(secret)
        for name in self.members:
            array = self.algorithm.download(name)[0].attributes[0].value
            self.truth.setdefault(array.oft_keys[0].node, set()).add(array.oft_keys[0].key_data)
            number = int(name.to_text().split(":m")[1].split(".")[0])
            self.given.setdefault(number, []).extend(array.oft_keys)
        self.roots.append((self.clock, tree[max(tree, key=lambda node: node & -node)] if tree else b""))

    def reached(self, coalition: list[int]) -> set[bytes]:
        """All secrets of the tree that they can compute."""
        known: Secrets = {}
        hidden: Secrets = {}  # blinded secrets, by the node that they are of
        for n in coalition:
            for key in self.given.get(n, []):
                into = known if key.value_type == OFTValueType.LEAF_SECRET else hidden
                into.setdefault(key.node, set()).add(key.key_data)
        before = -1
        while before != (before := sum(map(len, (*known.values(), *hidden.values())))):
            for node, secrets in known.items():
                hidden.setdefault(node, set()).update(map(f, secrets))
            self.mix(known, hidden)
            self.open(known, hidden)
        return {secret for secrets in known.values() for secret in secrets}

    def mix(self, known: Secrets, hidden: Secrets) -> None:
        for node, truth in self.truth.items():
            if half := (node & -node) // 2:
                pair = (hidden.get(node - half, set()) | {ZEROS}, hidden.get(node + half, set()) | {ZEROS})
                found = {xor(one, other) for one, other in product(*pair)} & truth
                known.setdefault(node, set()).update(found)

    def open(self, known: Secrets, hidden: Secrets) -> None:
        for key in self.sent:
            opened = {decrypted(secret, key.key_data) for secret in known.get(key.under, set())}
            truth = self.truth.get(key.node, set())
            if key.value_type == OFTValueType.LEAF_SECRET:
                known.setdefault(key.node, set()).update(opened & truth)
            else:
                hidden.setdefault(key.node, set()).update(opened & set(map(f, truth)))


def roots_between(group: Watched, first: int, last: int) -> set[bytes]:
    """Roots in force in that time, ends included."""
    found = set()
    for index, (clock, root) in enumerate(group.roots):
        until = group.roots[index + 1][0] - 1 if index + 1 < len(group.roots) else group.clock
        if root and clock <= last and until >= first:
            found.add(root)
    return found


HISTORY = st.lists(
    st.tuples(st.sampled_from(["add", "add", "wait", "remove", "remove"]), st.integers(1, 3), st.randoms()),
    min_size=1,
    max_size=8,
)


def played(start: int, history: History) -> Watched:
    """Nobody comes twice: who does is a past member and a future one."""
    group = Watched()
    group.begin(*range(start))
    fresh = start
    for verb, count, random in history:
        present = sorted(n for n in range(40) if member(n) in group.algorithm)
        if verb == "remove":
            group.step(verb, *random.sample(present, min(count, len(present))))
        else:
            group.step(verb, *range(fresh, fresh + count))
            fresh += count
    return group


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, 9), history=HISTORY)
def test_past_members_together_reach_nothing_later(start: int, history: History) -> None:
    group = played(start, history)
    for clock in range(1, group.clock + 1):
        coalition = [n for n, left in group.left.items() if left <= clock]
        assert not group.reached(coalition) & roots_between(group, clock, group.clock)


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, 9), history=HISTORY)
def test_future_members_together_reach_nothing_earlier(start: int, history: History) -> None:
    """One that waits is given a KEK, and not the root's secret, of the time when it comes."""
    group = played(start, history)
    for clock in range(group.clock + 1):
        coalition = [n for n, came in group.came.items() if came > clock]
        assert not group.reached(coalition) & roots_between(group, 0, clock)


def test_the_adversary_reaches_what_members_do() -> None:
    """The model can tell: a member reaches every root of its time."""
    group = Watched()
    group.begin(*range(5))
    group.step("remove", 1)
    group.step("add", 6, 7)
    group.step("wait", 8, 9)
    group.step("remove", 6)
    assert group.reached([0]) >= {root for _, root in group.roots}
    assert group.reached([7]) & roots_between(group, 2, 4)
    assert group.reached([8]) & roots_between(group, 4, 4)
    assert not group.reached([8]) & roots_between(group, 0, 3)


def test_one_that_left_and_one_that_came_reach_what_lay_between() -> None:
    """Horng 2002; Ku and Chen 2003. It is a property of OFT, and why the coalitions above are of one kind."""
    group = Watched()
    group.begin(*range(8))
    group.step("remove", 0)
    group.step("remove", 7)  # knows the blinded secret of the left half
    group.step("add", 8)  # into leaf 0, where it learns the blinded secret of the right half
    between = roots_between(group, 2, 2)
    assert len(between) == 1
    assert not group.reached([7]) & between
    assert not group.reached([8]) & between
    assert group.reached([7, 8]) >= between


@pytest.mark.parametrize("verb", ["remove", "add"])
def test_without_renewal_the_adversary_succeeds(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The renewed leaf is what keeps neighbours out."""
    from gsakmp.group.rekey.oft_change import Change

    monkeypatch.setattr(Change, "_renew", lambda *_: None)
    group = Watched()
    group.begin(*range(7))
    group.step(verb, 6 if verb == "remove" else 7)
    outsider = [6] if verb == "remove" else [7]
    times = (1, 1) if verb == "remove" else (0, 0)
    assert group.reached(outsider) & roots_between(group, *times)
