"""What each rekey algorithm costs, before it is chosen: pushes, octets, wraps, keys held.

The formulas are those of the papers: RFC 2627, 5.4 (LKH: at most kd - 1 wraps for a leave, d + 1 keys at a
member), tables 2 and 3 of the OFT draft (h blinded keys for a leave), MARKS (at most 2(D - 1) seeds). Batches
are expectations over who leaves, exact for a tree of any size: a node's keys change if at least one of its
leaves goes and at least one stays, and those odds are hypergeometric (`costs_shape`). Octets come from the
payloads (`costs_push`). A tree is as it is after `start`: filled from the left, without gaps.

What all algorithms have in common is left out: the push that brings new data SAs after a change, the octets
and the time of registrations, retransmissions, acknowledgements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gsakmp.crypto import CBCCipher
from gsakmp.errors import ConfigurationError, shortened
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.rekey.costs_push import PushSizes, packed
from gsakmp.group.rekey.costs_shape import Odds, classes, depth, nodes
from gsakmp.group.rekey.flat import NODES, UPDATE_OCTETS
from gsakmp.group.rekey.lkh_ids import DEGREES as DEGREE_RANGE
from gsakmp.group.rekey.lkh_ids import capacity_of, trees_for
from gsakmp.group.rekey.marks import PERIODS as MOST_PERIODS
from gsakmp.group.rekey.marks import SEED_OCTETS, check_sequence, seeds_at_most
from gsakmp.group.rekey.oft_functions import SECRET_OCTETS
from gsakmp.group.rekey.oft_packets import HEAD_OCTETS, KEY_OCTETS
from gsakmp.group.rekey.packets import update_octets
from gsakmp.registries import KEKManagementAlgorithm, KeyDownloadType, PeriodConstruction

__all__ = [
    "ALGORITHMS",
    "DEGREES",
    "MOST_MEMBERS",
    "PERIODS",
    "Cost",
    "FlatCosts",
    "LKHCosts",
    "MARKSCosts",
    "OFTCosts",
    "Scheme",
    "Storage",
    "check_numbers",
    "schemes",
]

MOST_MEMBERS: Final = 1_000_000_000
"""Members that a plan is made for. Beyond them no structure of ours goes."""
BINARY_HASH_TREE: Final = PeriodConstruction.BINARY_HASH_TREE
FLAT: Final = ("flat-own-keys", "flat-re-pull")
ALGORITHMS: Final = ("flat-re-pull", "flat-own-keys", "lkh", "oft", "marks")
"""Names that `schemes` knows, beside ``flat`` for both of its kinds."""
DEGREES: Final = (2, 4, 8)
PERIODS: Final = 1024
"""Of MARKS: a movie in steps of ten seconds takes some hundreds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one change; expectations where the change is a random one."""

    pushes: float = 0.0
    """Signatures, too: each push has one."""
    octets: float = 0.0
    """Of all pushes: ISAKMP messages with header, SA, SIG and encryption padding, without UDP and IP."""
    largest: int = 0
    """Octets of the largest push."""
    wraps: float = 0.0
    """Keys encrypted under keys, by the key server."""
    registrations: int = 0
    """Members that have to register again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Keys that are held, and their octets (IVs included, names and handles not)."""

    member_keys: int
    member_octets: int
    server_keys: int
    server_octets: int


class Scheme(Protocol):
    """A rekey algorithm with its parameters, as far as costs go."""

    name: str
    """As `--algorithm` and tables have it."""

    def storage(self, members: int) -> Storage:
        """What a member and the key server hold; the member's is that of the longest path."""

    def leave(self, members: int, leavers: int) -> Cost:
        """`leavers` random ones of `members` leave in one batch."""

    def join(self, members: int, joiners: int, backward: bool) -> Cost:
        """`joiners` take random places in what becomes a group of `members`; `backward`: the KEK changes."""

    def renew(self, members: int) -> Cost:
        """The KEK's lifetime ends; the members stay."""

    def limits(self, members: int) -> str:
        """What stands against this many members, empty if nothing does."""


def check_numbers(members: int, changed: Iterable[int] = ()) -> None:
    """Raises `ConfigurationError` for a group or a batch that there can't be."""
    if not 0 < members <= MOST_MEMBERS:
        raise ConfigurationError(f"a plan is for 1 to {MOST_MEMBERS:,} members, not {members:,}")
    for count in changed:
        if not 0 < count <= members:
            raise ConfigurationError(
                f"a batch is of 1 to {members:,} members, the whole group, not {count:,}"
            )


class FlatCosts:
    """`gsakmp.group.rekey.flat`: a key for each member (SKDC in the OFT draft's tables), or none."""

    def __init__(self, policy: RekeyPolicy, *, own_keys: bool, trees: int = 0) -> None:
        """`trees`: how many stand below the KEK, 0 for as many as are needed."""
        self.own_keys, self.trees = own_keys, trees
        self.name = "flat own-keys" if own_keys else "flat re-pull"
        management = KEKManagementAlgorithm.LKH if own_keys else None
        self.sizes = PushSizes.of(policy, management)

    def storage(self, members: int) -> Storage:
        """See `Scheme.storage`."""
        own = int(self.own_keys)
        return stored(1 + own, 1 + own * members, key_octets(self.sizes.cipher))

    def leave(self, members: int, leavers: int) -> Cost:
        """See `Scheme.leave`: the new KEK under the key of each who stays, or a Delete of everything."""
        staying = members - leavers
        if not self.own_keys:
            size = self.sizes.deletion
            return Cost(pushes=1, octets=size, largest=size, registrations=staying)
        arrays = [(staying, update_octets(self.sizes.cipher))]
        pushed = packed(arrays, UPDATE_OCTETS, self.sizes)
        return Cost(pushes=pushed.pushes, octets=pushed.octets, largest=pushed.largest, wraps=staying)

    def join(self, members: int, joiners: int, backward: bool) -> Cost:
        """See `Scheme.join`."""
        return self.renew(members - joiners) if backward else Cost()

    def renew(self, members: int) -> Cost:
        """See `Scheme.renew`: one push brings all the new KEK under the present one."""
        return one_push(self.sizes, members)

    def limits(self, members: int) -> str:
        """See `Scheme.limits`."""
        return trees_said(-(-members // NODES), NODES, self.trees) if self.own_keys else ""


class LKHCosts:
    """`gsakmp.group.rekey.lkh`: a key tree of one degree."""

    def __init__(self, policy: RekeyPolicy, degree: int, *, trees: int = 0) -> None:
        """`trees`: how many stand below the KEK, 0 for as many as are needed. Raises `ConfigurationError` for
        a degree that there is not, and for more trees than there are LKH ids for."""
        if degree not in DEGREE_RANGE:
            raise ConfigurationError(f"LKH has a degree of 2 to 8, not {degree}")
        if trees:
            capacity_of(degree, trees)
        self.degree, self.trees = degree, trees
        self.name = f"lkh, degree {degree}"
        self.sizes = PushSizes.of(policy, KEKManagementAlgorithm.LKH)

    def storage(self, members: int) -> Storage:
        """See `Scheme.storage`: d + 1 keys at a member (RFC 2627, 5.4), a key for each node at the server."""
        path = depth(members, self.degree) + 1
        return stored(path, nodes(members, self.degree), key_octets(self.sizes.cipher))

    def leave(self, members: int, leavers: int) -> Cost:
        """See `Scheme.leave`. A changed node's key goes under each child's; an array starts at each child
        that has not changed, and goes up to the KEK. That the tree may become lower is left out: the odds are
        small unless nearly all leave."""
        odds, high = Odds(members, leavers), depth(members, self.degree)
        wraps, arrays = 0.0, []
        for level in range(1, high + 1):
            started = 0.0
            for count, leaves in classes(members, self.degree**level):
                for children, below in classes(leaves, self.degree ** (level - 1)):
                    edges = count * children
                    wraps += edges * max(0.0, odds.some(leaves) - odds.every(below))
                    started += edges * max(0.0, odds.some(leaves) - odds.some(below))
            arrays.append((started, high - level + 1))
        return self._cost(arrays, wraps)

    def worst_leave(self, members: int) -> Cost:
        """One leaf of the tree's full part: kd - 1 wraps if the tree is full (RFC 2627, 5.4.1)."""
        high, arrays, wraps = depth(members, self.degree), [], -1
        for level in range(1, high + 1):
            children = min(self.degree, -(-members // self.degree ** (level - 1)))
            wraps += children
            arrays.append((float(children - 1), high - level + 1))
        return self._cost(arrays, wraps)

    def join(self, members: int, joiners: int, backward: bool) -> Cost:
        """See `Scheme.join`. A changed node's key goes under the one that it had, for those who were there,
        and under that of its changed child: 2d - 1 wraps for one member."""
        if not backward:
            return Cost()
        odds, high = Odds(members, joiners), depth(members, self.degree)
        wraps, arrays = 0.0, []
        for level in range(1, high + 1):
            changed = sum(
                count * odds.mixed(leaves) for count, leaves in classes(members, self.degree**level)
            )
            wraps += changed * (1 if level == high else 2)
            arrays.append((changed, high - level + 1))
        return self._cost(arrays, wraps)

    def renew(self, members: int) -> Cost:
        """See `Scheme.renew`: an array of one key, the new KEK under the present one."""
        return self._cost([(1.0, 1)], 1.0)

    def limits(self, members: int) -> str:
        """See `Scheme.limits`: LKH ids of 16 bits, so one tree or many (RFC 6407, 5.6.3.1)."""
        try:
            needed = trees_for(self.degree, members)
        except ConfigurationError:
            return "LKH ids have 16 bits: no number of trees has room for so many"
        return trees_said(needed, capacity_of(self.degree, needed) // needed, self.trees)

    def _cost(self, arrays: Sequence[tuple[float, int]], wraps: float) -> Cost:
        """`arrays`: how many, and keys of each; the longest, which start deepest, go first."""
        sized = [(count, update_octets(self.sizes.cipher, keys)) for count, keys in arrays]
        return expected(sized, wraps, self.sizes)


class OFTCosts:
    """`gsakmp.group.rekey.oft`: a binary one-way function tree.

    Let `a` and `b` be siblings. A leave or a join renews a leaf below `b` if all below `a` go or come, and
    nobody below `b` does; then all on the way from that leaf to `b` is new, too.
    """

    name = "oft"

    def __init__(self, policy: RekeyPolicy) -> None:
        self.sizes = PushSizes.of(policy, KEKManagementAlgorithm.OFT, KeyDownloadType.OFT)

    def storage(self, members: int) -> Storage:
        """See `Scheme.storage`: a leaf's secret, h blinded ones and the KEK; 2n - 1 secrets (table 3)."""
        secrets, all_nodes = depth(members, 2) + 1, nodes(members, 2)
        return Storage(
            member_keys=secrets + 1,
            member_octets=secrets * SECRET_OCTETS + key_octets(self.sizes.cipher),
            server_keys=all_nodes,
            server_octets=all_nodes * SECRET_OCTETS,
        )

    def leave(self, members: int, leavers: int) -> Cost:
        """See `Scheme.leave`: h wraps for one leave (table 2). A changed node's blinded secret goes under its
        sibling's key, unless one of both is vacant; who is beside a vacancy is told of it."""
        odds, wraps, told = Odds(members, leavers), 0.0, 0.0
        for count, here, beside in pairs(members):
            gone, renewed = odds.every(here), odds.every_and_none(here, beside)
            beside_gone = odds.every(beside)
            both_gone = odds.every(here + beside)
            wraps += count * (
                odds.mixed(here) - (beside_gone - odds.every_and_none(beside, here) - both_gone)
            )
            wraps += count * renewed * renewal(beside)
            told += count * (gone - both_gone)
        return self._cost(wraps, told) if leavers < members else Cost()

    def join(self, members: int, joiners: int, backward: bool) -> Cost:
        """See `Scheme.join`: h + 1 wraps for one (the draft, 4.2.1). Who joins is told all when it registers;
        without backward rekey it waits outside the tree for the next change (4.4)."""
        if not backward or joiners >= members:
            return Cost()
        odds, wraps = Odds(members, joiners), 0.0
        for count, here, beside in pairs(members):
            wraps += count * (odds.some(here) - (odds.every(beside) - odds.every_and_none(beside, here)))
            wraps += count * odds.every_and_none(here, beside) * renewal(beside)
        return self._cost(wraps, 0.0)

    def renew(self, members: int) -> Cost:
        """See `Scheme.renew`: one push tells the next epoch, and no key is in it."""
        return self._cost(0.0, 0.0)

    def limits(self, members: int) -> str:
        """See `Scheme.limits`."""
        return ""

    def _cost(self, wraps: float, told: float) -> Cost:
        """Keys that are wrapped, and as large ones that say that there is nobody. The epoch needs a push."""
        keys, room = wraps + told, (UPDATE_OCTETS - HEAD_OCTETS) // KEY_OCTETS
        whole = round(keys)
        pushes = max(1, -(-whole // room))
        largest, last = (
            self.sizes.carrying(HEAD_OCTETS + count * KEY_OCTETS)
            for count in (min(whole, room), whole - (pushes - 1) * room)
        )
        return Cost(
            pushes=pushes,
            octets=(pushes - 1) * largest + last + (keys - whole) * KEY_OCTETS,
            largest=largest,
            wraps=wraps,
        )


def pairs(members: int) -> Iterator[tuple[int, int, int]]:
    """Siblings of a binary tree, each seen from both: how many such there are, leaves here, leaves beside."""
    for level in range(1, depth(members, 2) + 1):
        half = 1 << (level - 1)
        for count, leaves in classes(members, 2 * half):
            if leaves > half:
                yield count, half, leaves - half
                yield count, leaves - half, half


def renewal(leaves: int) -> int:
    """Wraps for a leaf that is renewed in a subtree where nothing else changes: its own secret, and the
    blinded ones on its way up, each for the node beside."""
    return 1 + (leaves - 1).bit_length()


class MARKSCosts:
    """`gsakmp.group.rekey.marks`: keys by period, out of seeds that a member is given when it registers, for
    the periods that it may read. Nothing is ever pushed, and nobody can be made to leave earlier.
    """

    name = "marks"

    def __init__(self, periods: int) -> None:
        """A binary hash tree with so many periods. Raises `ConfigurationError` for more than there can be."""
        rounded = 0 < periods <= MOST_PERIODS[BINARY_HASH_TREE]
        self.periods = 1 << (periods - 1).bit_length() if rounded else periods
        check_sequence(BINARY_HASH_TREE, self.periods)

    def storage(self, members: int) -> Storage:
        """See `Scheme.storage`: the most seeds that an interval takes, 2(D - 1), and the root seed."""
        return stored(seeds_at_most(BINARY_HASH_TREE, self.periods), 1, SEED_OCTETS)

    def leave(self, members: int, leavers: int) -> Cost:
        """See `Scheme.leave`: nothing, as it was planned."""
        return Cost()

    def join(self, members: int, joiners: int, backward: bool) -> Cost:
        """See `Scheme.join`: nothing, as no earlier key is among what it is given."""
        return Cost()

    def renew(self, members: int) -> Cost:
        """See `Scheme.renew`: keys change with each period, and nobody is told."""
        return Cost()

    def limits(self, members: int) -> str:
        """See `Scheme.limits`."""
        return "a leave must be planned: the end of a member's time is fixed when it registers"


def key_octets(cipher: CBCCipher) -> int:
    """IV and key."""
    return cipher.block_size + cipher.key_size


def stored(member: int, server: int, octets: int) -> Storage:
    """So many keys of one size."""
    return Storage(
        member_keys=member, member_octets=member * octets, server_keys=server, server_octets=server * octets
    )


def one_push(sizes: PushSizes, members: int) -> Cost:
    """The new KEK under the present one, if there is anyone; encrypting the push is the wrap."""
    if members <= 0:
        return Cost()
    return Cost(pushes=1, octets=sizes.plain_kek, largest=sizes.plain_kek, wraps=1)


def expected(arrays: Iterable[tuple[float, int]], wraps: float, sizes: PushSizes) -> Cost:
    """What so many arrays, each of so many octets, come to. Their octets are exact; pushes are those of a
    batch that is as near to the expectation as whole arrays can be."""
    whole, total, exact, rounded = [], 0.0, 0.0, 0
    for count, octets in arrays:
        total += count
        exact += count * octets
        whole.append((round(total) - rounded, octets))
        rounded = round(total)
    pushed = packed(whole, UPDATE_OCTETS, sizes)
    attributes = sum(count * octets for count, octets in whole)
    return Cost(
        pushes=pushed.pushes,
        octets=pushed.octets - attributes + exact,
        largest=pushed.largest,
        wraps=wraps,
    )


def trees_said(needed: int, each: int, trees: int) -> str:
    """What LKH ids of 16 bits mean for a group (RFC 6407, 5.6.3.1)."""
    if 0 < trees < needed:
        return f"LKH ids have 16 bits: {needed:,} trees of {each:,} members are needed, not {trees:,}"
    return f"LKH ids have 16 bits: {needed:,} trees of {each:,} members" if needed > 1 else ""


def schemes(
    policy: RekeyPolicy,
    algorithms: Iterable[str] = ALGORITHMS,
    *,
    degrees: Iterable[int] = DEGREES,
    trees: int = 0,
    periods: int = PERIODS,
) -> list[Scheme]:
    """Algorithms by name, `ALGORITHMS` or ``flat`` for both of its kinds, each once; LKH with each of the
    degrees. The policy gives cipher and signature, and what else is in an SA KEK.

    Raises `ConfigurationError` for a name, degree or number of trees or periods that there can't be.
    """
    names = dict.fromkeys(name for asked in algorithms for name in (FLAT if asked == "flat" else (asked,)))
    found: list[Scheme] = []
    for name in names:
        if name in FLAT:
            found.append(FlatCosts(policy, own_keys=name == FLAT[0], trees=trees))
        elif name == "lkh":
            found += [LKHCosts(policy, degree, trees=trees) for degree in dict.fromkeys(degrees)]
        elif name == "oft":
            found.append(OFTCosts(policy))
        elif name == "marks":
            found.append(MARKSCosts(periods))
        else:
            known = ", ".join(ALGORITHMS)
            raise ConfigurationError(
                f"{shortened(repr(name))} is no rekey algorithm to plan; there are {known}"
            )
    return found
