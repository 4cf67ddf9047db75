"""What a plan says, against the papers' tables, and against what the algorithms really do.

Of small groups every batch that there is is carried out, so that means are exact; of larger ones many random
batches are. The octets are those of pushes that are really built.
"""

from __future__ import annotations

import random as standard_random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from math import comb
from statistics import mean, stdev

import pytest

from gsakmp.crypto import PrivateKey, generate_private_key, kek_cipher, public_octets
from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.push import build_push
from gsakmp.group.making import new_rekey_sa
from gsakmp.group.payloads import delete_payloads, group_sa, with_signature_key
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.rekey import RekeyAlgorithm, RekeyPlan, RekeySettings, rekey_algorithm
from gsakmp.group.rekey.costs import (
    ALGORITHMS,
    Cost,
    FlatCosts,
    LKHCosts,
    MARKSCosts,
    OFTCosts,
    Scheme,
    check_numbers,
    schemes,
)
from gsakmp.group.rekey.costs_push import PushSizes, packed
from gsakmp.group.rekey.costs_shape import Odds, classes, depth, nodes
from gsakmp.group.rekey.marks import Interval, KeySequence
from gsakmp.group.sa import GSA, RekeySA, RekeySuite
from gsakmp.group.suites import rekey_suite
from gsakmp.identities import Identity
from gsakmp.payloads import KeyDownload
from gsakmp.registries import KEKAlgorithm, KEKManagementAlgorithm, PeriodConstruction

POLICY = RekeyPolicy(destination="239.192.0.1")
CIPHER = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)
NEXT = bytes(15) + b"\2"


def settings(degree: int = 4) -> RekeySettings:
    return RekeySettings(eviction="own-keys", degree=degree, trees=64)


CASES: dict[str, tuple[Callable[[], RekeyAlgorithm], Scheme]] = {
    "flat": (lambda: rekey_algorithm("flat", CIPHER, settings()), FlatCosts(POLICY, own_keys=True)),
    "oft": (lambda: rekey_algorithm("oft", CIPHER, settings()), OFTCosts(POLICY)),
    **{
        f"lkh-{degree}": (
            partial(rekey_algorithm, "lkh", CIPHER, settings(degree)),
            LKHCosts(POLICY, degree),
        )
        for degree in (2, 3, 4, 8)
    },
}


def people(first: int, count: int) -> list[Identity]:
    return [Identity.from_text(f"fqdn:m{number}.example") for number in range(first, first + count)]


def started(name: str, members: Sequence[Identity], rng: standard_random.Random) -> RekeyAlgorithm:
    algorithm = CASES[name][0]()
    algorithm.start(members, rng.randbytes)
    return algorithm


class Pushes:
    """Builds the pushes of plans, as the key server does."""

    def __init__(self, name: str) -> None:
        suite = rekey_suite(POLICY, CASES[name][0]().management)
        self.key: PrivateKey = generate_private_key(suite.signature)
        self.sa = self._sa(suite, b"\1" * 16)
        self.next = self._sa(suite, NEXT)

    def _sa(self, suite: RekeySuite, spi: bytes) -> RekeySA:
        public = public_octets(self.key)
        return new_rekey_sa(POLICY, 0, suite, spi=spi, key=bytes(32), public=public, now=0.0)

    def octets(self, plan: RekeyPlan) -> list[int]:
        policy, octets = group_sa(GSA(rekey=(self.next,)), now=0.0, push=True), []
        for packets in plan.key_packets:
            signed = tuple(with_signature_key(packet, self.sa.signature_key) for packet in packets)
            push = build_push(self.sa, self.key, 1, (policy, KeyDownload(key_packets=signed)))
            octets.append(len(push))
        return octets


def agrees(name: str, cost: Cost, plan: RekeyPlan) -> None:
    """A cost that is no expectation, to the octet."""
    octets = Pushes(name).octets(plan)
    assert (cost.wraps, cost.pushes) == (pytest.approx(plan.wraps), len(plan.key_packets))
    assert cost.octets == pytest.approx(sum(octets))
    assert cost.largest == max(octets, default=0)


# -- odds --------------------------------------------------------------------------------------------


def test_odds_are_quotients_of_binomials() -> None:
    for members, chosen in ((1, 1), (7, 3), (12, 12), (30, 1), (1000, 400)):
        odds = Odds(members, chosen)
        for leaves in {1, min(2, members), min(5, members), members}:
            none = comb(members - leaves, chosen) / comb(members, chosen)
            every = comb(members - leaves, chosen - leaves) / comb(members, chosen) if leaves <= chosen else 0
            assert odds.some(leaves) == pytest.approx(1 - none, abs=1e-12)
            assert odds.every(leaves) == pytest.approx(every, abs=1e-12)
            assert odds.mixed(leaves) == pytest.approx(1 - none - every, abs=1e-12)


def test_a_small_chance_is_not_lost_to_rounding() -> None:
    assert Odds(10**9, 1).some(1) == pytest.approx(1e-9, rel=1e-9)


def test_the_shape_of_a_tree() -> None:
    assert [depth(members, 4) for members in (1, 4, 5, 16, 17, 1_000_000)] == [1, 1, 2, 2, 3, 10]
    assert list(classes(10, 4)) == [(2, 4), (1, 2)]
    assert nodes(16, 2) == 31
    assert nodes(10, 4) == 10 + 3 + 1


# -- the papers --------------------------------------------------------------------------------------

RFC_2627_TABLE_1 = [  # users, degree, keys of a user, kd - 1, (k - 1)d
    (8, 2, 4, 5, 3),
    (9, 3, 3, 5, 4),
    (16, 2, 5, 7, 4),
    (2048, 2, 12, 21, 11),
    (2187, 3, 8, 20, 14),
    (131072, 2, 18, 33, 17),
    (177147, 3, 12, 32, 22),
]


@pytest.mark.parametrize(("users", "degree", "held", "wraps", "arrays"), RFC_2627_TABLE_1)
def test_lkh_costs_what_table_1_of_rfc_2627_says(
    users: int, degree: int, held: int, wraps: int, arrays: int
) -> None:
    costs = LKHCosts(POLICY, degree)
    assert costs.storage(users).member_keys == held
    assert costs.leave(users, 1).wraps == pytest.approx(wraps)
    assert costs.worst_leave(users).wraps == wraps
    keys = [depth(users, degree) - level for level in range(depth(users, degree)) for _ in range(degree - 1)]
    assert len(keys) == arrays
    sizes = costs.sizes
    assert (
        costs.worst_leave(users).octets == packed([(1, 16 + 48 * each) for each in keys], 1024, sizes).octets
    )


@pytest.mark.parametrize("height", [1, 3, 10, 20])
def test_oft_costs_what_tables_2_and_3_of_the_draft_say(height: int) -> None:
    costs, users = OFTCosts(POLICY), 1 << height
    assert costs.leave(users, 1).wraps == pytest.approx(height)  # hK + h bits
    assert costs.join(users, 1, True).wraps == pytest.approx(height + 1)  # 4.2.1: distance from x, plus two
    assert costs.storage(users).member_keys == height + 2  # hK, and the leaf's and the KEK
    assert costs.storage(users).server_keys == 2 * users - 1  # 2nK


def test_flat_costs_what_skdc_does_in_table_2() -> None:
    costs = FlatCosts(POLICY, own_keys=True)
    assert costs.leave(1000, 1).wraps == 999
    assert (costs.storage(1000).member_keys, costs.storage(1000).server_keys) == (2, 1001)


def test_marks_gives_at_most_2_d_minus_2_seeds() -> None:
    for levels in range(1, 6):
        sequence = KeySequence(PeriodConstruction.BINARY_HASH_TREE, 1 << levels, bytes(32))
        most = max(
            len(sequence.seeds([Interval(first, last)]))
            for first in range(1 << levels)
            for last in range(first, 1 << levels)
        )
        assert MARKSCosts(1 << levels).storage(1).member_keys == most


def test_marks_never_sends_anything_and_says_what_that_takes() -> None:
    costs = MARKSCosts(1000)
    assert costs.leave(100, 1) == costs.join(100, 1, True) == costs.renew(100) == Cost()
    assert "planned" in costs.limits(100)
    assert costs.storage(100).server_keys == 1


# -- the algorithms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("members", [2, 3, 4, 5, 7, 8, 9])
def test_small_groups_cost_the_mean_of_all_batches(name: str, members: int) -> None:
    rng, costs, all_of_them = standard_random.Random(members), CASES[name][1], people(0, members)
    for leavers in (1, 2, members - 1):
        if isinstance(costs, LKHCosts) and leavers >= members - costs.degree ** (
            depth(members, costs.degree) - 1
        ):
            continue  # the tree may become lower
        wraps = []
        for batch in combinations(all_of_them, leavers):
            wraps.append(started(name, all_of_them, rng).remove(batch, NEXT, rng.randbytes).wraps)
        assert costs.leave(members, leavers).wraps == pytest.approx(mean(wraps))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("members", "changed"), [(61, 7), (64, 20), (100, 1), (125, 60), (257, 30)])
def test_larger_groups_cost_the_mean_of_many_batches(name: str, members: int, changed: int) -> None:
    rng, costs, all_of_them = standard_random.Random(changed), CASES[name][1], people(0, members)
    left, joined, left_octets, joined_octets, left_pushes = [], [], [], [], []
    pushes = Pushes(name)
    batches = (
        [[each] for each in all_of_them]
        if changed == 1
        else [rng.sample(all_of_them, changed) for _ in range(60)]
    )
    for batch in batches:
        algorithm = started(name, all_of_them, rng)
        plan = algorithm.remove(batch, NEXT, rng.randbytes)
        left.append(plan.wraps)
        left_octets.append(sum(pushes.octets(plan)))
        left_pushes.append(len(plan.key_packets))
        plan = algorithm.add(people(1000, changed), NEXT, True, rng.randbytes)
        joined.append(plan.wraps)
        joined_octets.append(sum(pushes.octets(plan)))
    leave, join = costs.leave(members, changed), costs.join(members, changed, True)
    assert near(leave.wraps, left)
    assert near(join.wraps, joined)
    assert near(leave.octets, left_octets, about=0.02)  # a plan has whole pushes
    assert near(join.octets, joined_octets, about=0.02)
    assert near(leave.pushes, left_pushes, about=0.02, least=0.6)


def near(expected: float, drawn: Sequence[float], *, about: float = 0.0, least: float = 1e-6) -> bool:
    """Within four standard errors of the mean of what was drawn, and a part of it `about`."""
    error = stdev(drawn) / len(drawn) ** 0.5
    return abs(expected - mean(drawn)) <= max(least, 4 * error + about * expected)


@pytest.mark.parametrize(
    ("name", "members"),
    [("flat", 50), ("oft", 64), ("lkh-2", 64), ("lkh-3", 81), ("lkh-4", 64), ("lkh-8", 64)],
)
def test_a_leave_from_a_full_tree_costs_so_many_octets(name: str, members: int) -> None:
    rng, all_of_them = standard_random.Random(1), people(0, members)
    for leaf in (0, members // 2, members - 1):
        plan = started(name, all_of_them, rng).remove([all_of_them[leaf]], NEXT, rng.randbytes)
        agrees(name, CASES[name][1].leave(members, 1), plan)


@pytest.mark.parametrize(
    ("name", "members"),
    [("flat", 50), ("oft", 64), ("lkh-2", 64), ("lkh-3", 81), ("lkh-4", 64), ("lkh-8", 64)],
)
def test_a_join_into_a_gap_of_a_full_tree_costs_so_many_octets(name: str, members: int) -> None:
    rng, all_of_them = standard_random.Random(2), people(0, members)
    algorithm = started(name, all_of_them, rng)
    algorithm.remove([all_of_them[5]], NEXT, rng.randbytes)
    agrees(
        name, CASES[name][1].join(members, 1, True), algorithm.add(people(1000, 1), NEXT, True, rng.randbytes)
    )


@pytest.mark.parametrize("name", ["lkh-2", "lkh-3", "lkh-4", "lkh-8"])
@pytest.mark.parametrize("members", [2, 10, 50, 100])
def test_the_worst_leave_is_that_of_the_first_leaf(name: str, members: int) -> None:
    rng, all_of_them, costs = standard_random.Random(1), people(0, members), CASES[name][1]
    assert isinstance(costs, LKHCosts)
    plans = [started(name, all_of_them, rng).remove([each], NEXT, rng.randbytes) for each in all_of_them]
    agrees(name, costs.worst_leave(members), plans[0])
    assert costs.worst_leave(members).wraps == max(plan.wraps for plan in plans)


@pytest.mark.parametrize("name", CASES)
def test_a_renewal_is_one_push(name: str) -> None:
    rng = standard_random.Random(3)
    algorithm = started(name, people(0, 30), rng)
    agrees(name, CASES[name][1].renew(30), algorithm.renew(NEXT, rng.randbytes))


@pytest.mark.parametrize("name", CASES)
def test_a_join_without_backward_rekey_is_silent(name: str) -> None:
    rng = standard_random.Random(4)
    plan = started(name, people(0, 30), rng).add(people(100, 3), NEXT, False, rng.randbytes)
    assert CASES[name][1].join(33, 3, False) == Cost()
    assert not plan.key_packets


@pytest.mark.parametrize("name", CASES)
def test_nobody_is_told_that_all_have_left(name: str) -> None:
    rng, all_of_them = standard_random.Random(5), people(0, 9)
    plan = started(name, all_of_them, rng).remove(all_of_them, NEXT, rng.randbytes)
    cost = CASES[name][1].leave(9, 9)
    assert (cost.pushes, cost.wraps, cost.octets) == (len(plan.key_packets), plan.wraps, 0)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("members", [1, 5, 33])
def test_a_member_holds_as_many_keys_as_it_is_given(name: str, members: int) -> None:
    rng, all_of_them = standard_random.Random(6), people(0, members)
    algorithm = started(name, all_of_them, rng)
    (packet,) = algorithm.download(all_of_them[0])
    (attribute,) = packet.attributes
    given = getattr(attribute.value, "lkh_keys", None) or attribute.value.oft_keys
    kek = name == "oft"  # which comes beside the others
    assert CASES[name][1].storage(members).member_keys == len(given) + kek + (name == "oft" and members == 1)
    inner = sum(node.kind != "vacant" for node in algorithm.tree())
    assert CASES[name][1].storage(members).server_keys == inner + (name == "oft" and members == 1)


# -- pushes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["ecdsa-256-sha256", "ecdsa-521-sha512", "rsa-2048-sha256"])
@pytest.mark.parametrize("encryption", ["aes-128-cbc", "aes-192-cbc", "aes-256-cbc"])
def test_the_sizes_of_pushes_are_those_of_real_ones(signature: str, encryption: str) -> None:
    policy = RekeyPolicy(destination="239.192.0.1", signature=signature, encryption=encryption)
    suite = rekey_suite(policy, KEKManagementAlgorithm.LKH)
    cipher = kek_cipher(suite.encryption, suite.key_length)
    key = generate_private_key(suite.signature, suite.signature_key_length)
    public = public_octets(key)
    zeros = bytes(cipher.block_size + cipher.key_size)
    sa = new_rekey_sa(policy, 0, suite, spi=b"\1" * 16, key=zeros, public=public, now=0.0)
    sizes = PushSizes.of(policy, KEKManagementAlgorithm.LKH)
    assert sizes.deletion == len(build_push(sa, key, 1, delete_payloads(everything=True)))
    algorithm = rekey_algorithm("flat", cipher, settings())
    rng = standard_random.Random(7)
    algorithm.start(people(0, 9), rng.randbytes)
    plan = algorithm.renew(NEXT, rng.randbytes)
    said = group_sa(GSA(rekey=(sa,)), now=0.0, push=True)
    download = KeyDownload(key_packets=(with_signature_key(plan.key_packets[0][0], public),))
    assert sizes.plain_kek == len(build_push(sa, key, 1, (said, download)))
    plan = algorithm.remove(people(0, 1), NEXT, rng.randbytes)
    whole = build_push(sa, key, 1, (said, KeyDownload(key_packets=plan.key_packets[0])))
    assert FlatCosts(policy, own_keys=True).leave(9, 1).largest == len(whole)


def test_arrays_go_into_the_push_before_while_there_is_room() -> None:
    sizes = PushSizes.of(POLICY, KEKManagementAlgorithm.LKH)
    carrying = sizes.carrying
    assert packed([], 100, sizes).pushes == 0
    assert packed([(2, 30), (1, 40)], 100, sizes).octets == carrying(100)
    assert packed([(2, 30), (1, 41)], 100, sizes).octets == carrying(60) + carrying(41)
    assert packed([(7, 30)], 100, sizes).octets == 2 * carrying(90) + carrying(30)
    assert packed([(2, 300), (1, 10)], 100, sizes).pushes == 3
    assert packed([(6, 50), (0, 9), (2, 50)], 100, sizes).pushes == 4


def test_who_has_no_key_registers_again() -> None:
    cost = FlatCosts(POLICY, own_keys=False).leave(1000, 10)
    assert (cost.registrations, cost.wraps, cost.pushes) == (990, 0, 1)


# -- limits ------------------------------------------------------------------------------------------


def test_the_trees_that_a_group_needs_are_named() -> None:
    # Ids 1 to 65,535 (RFC 6407, 5.6.3.1).
    assert FlatCosts(POLICY, own_keys=True).limits(65_535) == ""
    assert "2 trees" in FlatCosts(POLICY, own_keys=True).limits(65_536)
    assert "62 trees of 16,384 members" in LKHCosts(POLICY, 4).limits(1_000_000)
    assert "no number of trees" in LKHCosts(POLICY, 2).limits(1_000_000_000)
    assert "62 trees of 16,384 members are needed, not 8" in LKHCosts(POLICY, 4, trees=8).limits(1_000_000)
    assert LKHCosts(POLICY, 4).limits(16_384) == ""


def test_what_there_is_to_plan() -> None:
    assert [scheme.name for scheme in schemes(POLICY)] == [
        "flat re-pull", "flat own-keys", "lkh, degree 2", "lkh, degree 4", "lkh, degree 8", "oft", "marks",
    ]  # fmt: skip
    assert [scheme.name for scheme in schemes(POLICY, ["flat", "flat-re-pull"])] == [
        "flat own-keys",
        "flat re-pull",
    ]
    assert set(ALGORITHMS) >= {"lkh", "oft", "marks"}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: schemes(POLICY, ["lhk"]),
        lambda: schemes(POLICY, ["lkh"], degrees=[1]),
        lambda: schemes(POLICY, ["lkh"], degrees=[9]),
        lambda: schemes(POLICY, ["marks"], periods=1 << 40),
        lambda: schemes(RekeyPolicy(destination="239.192.0.1", signature="none")),
        lambda: check_numbers(0),
        lambda: check_numbers(10**10),
        lambda: check_numbers(10, [11]),
        lambda: check_numbers(10, [0]),
        lambda: check_numbers(10, [-1]),
    ],
)
def test_what_there_is_not_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        wrong()


@pytest.mark.parametrize("members", [1, 2, 3, 1_000_000_000])
def test_any_number_of_members_has_a_plan(members: int) -> None:
    for scheme in schemes(POLICY):
        for count in {1, max(1, members // 2), members}:
            costs = (scheme.leave(members, count), scheme.join(members, count, True), scheme.renew(members))
            assert all(value >= 0 for cost in costs for value in (cost.pushes, cost.octets, cost.wraps))
