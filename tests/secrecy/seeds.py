"""Who can know which period's key under MARKS, told from the definition in `gsakmp.group.rekey.marks`.

An attacker hashes whatever it has with whatever function there is, forward only, whatever level or index the
seed is said to have; what comes out counts where it is a key that there really is. Nothing is ever sent.

The definition: who has intervals knows the keys of exactly their periods. Binary hash tree: a coalition knows
exactly the union of what its receivers were given. Bidirectional hash chain: one receiver knows exactly its
interval; two or more know, exactly, all from the first period that one of them has to the last that one of
them has, gaps included. That is the exception: its contract is one interval a receiver, and no coalitions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from gsakmp.errors import StateError
from gsakmp.group.rekey.marks import Interval, KeySequence, Seed
from gsakmp.group.rekey.marks_keys import IntervalKeys
from gsakmp.payloads import Attribute, KeyPacket, PeriodSeed, PeriodSeeds
from gsakmp.registries import KeyDownloadType, MARKSAttribute, PeriodConstruction
from tests.secrecy import world
from tests.secrecy.world import Broken

TREE = PeriodConstruction.BINARY_HASH_TREE
CHAIN = PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN

LEFT, RIGHT = b"gsakmp marks bht left\0", b"gsakmp marks bht right\0"
FIRST, LAST = b"gsakmp marks bhc first\0", b"gsakmp marks bhc last\0"
FORWARD, BACKWARD = b"gsakmp marks bhc forward\0", b"gsakmp marks bhc backward\0"
KEY = b"gsakmp marks bhc key\0"

Give = Callable[[KeySequence, list[Interval]], Iterable[Seed]]
"""What a receiver is given for its intervals."""


def hashed(label: bytes, *octets: bytes) -> bytes:
    return sha256(label + b"".join(octets)).digest()


def given(sequence: KeySequence, intervals: list[Interval]) -> Iterable[Seed]:
    return sequence.seeds(intervals)


@dataclass
class Sequence:
    """All seeds and keys that there are, from the root on."""

    tree: bool
    count: int
    root: bytes
    seeds: set[bytes] = field(default_factory=set)
    keys: list[bytes] = field(default_factory=list)
    forward: list[bytes] = field(default_factory=list)
    backward: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.tree:
            level = [self.root]
            self.seeds = {self.root}
            while len(level) < self.count:
                level = [hashed(label, one) for one in level for label in (LEFT, RIGHT)]
                self.seeds |= set(level)
            self.keys = level
            return
        self.forward, self.backward = [hashed(FIRST, self.root)], [hashed(LAST, self.root)]
        for _ in range(self.count - 1):
            self.forward.append(hashed(FORWARD, self.forward[-1]))
            self.backward.insert(0, hashed(BACKWARD, self.backward[0]))
        self.seeds = {self.root, *self.forward, *self.backward}
        self.keys = [hashed(KEY, *both) for both in zip(self.forward, self.backward, strict=True)]

    def known(self, octets: Iterable[bytes]) -> set[int]:
        """The periods whose keys follow. Only what is a seed or key leads on: noise is as good as any guess."""
        known: set[bytes] = set()
        queue = list(octets)
        while queue:
            one = queue.pop()
            if one not in known and (one in self.seeds or one in self.keys):
                known.add(one)
                queue += [hashed(label, one) for label in (LEFT, RIGHT, FIRST, LAST, FORWARD, BACKWARD)]
        ends = zip(self.forward, self.backward, strict=True)
        mixed = {period for period, both in enumerate(ends) if known.issuperset(both)}
        return mixed | {period for period, key in enumerate(self.keys) if key in known}

    def fewest(self, periods: set[int]) -> int:
        """Subtrees that have exactly these leaves."""

        def below(first: int, size: int) -> int:
            inside = len(periods.intersection(range(first, first + size)))
            if inside in (0, size):
                return int(inside > 0)
            return below(first, size // 2) + below(first + size // 2, size // 2)

        return below(0, self.count) if self.tree else 2


def over_the_wire(seeds: Iterable[Seed]) -> tuple[Seed, ...]:
    parts = tuple(PeriodSeed(level=one.level, seed_index=one.index, seed=one.octets) for one in seeds)
    value = Attribute(MARKSAttribute.PERIOD_SEEDS, PeriodSeeds(seeds=parts))
    packet = KeyPacket(kd_type=KeyDownloadType.MARKS, spi=b"", attributes=(value,))
    (read,) = world.over_the_wire((packet,))
    return tuple(Seed(one.level, one.seed_index, one.seed) for one in read.attributes[0].value.seeds)


def history(seed: int, give: Give = given) -> dict[str, int]:
    """Receivers with intervals by chance, each alone, and coalitions of them. Raises `Broken`."""
    chance = random.Random(seed)
    tree = chance.random() < 0.7
    count = 1 << chance.randint(0, 6) if tree else chance.randint(1, 64)
    root = chance.randbytes(32)
    truth = Sequence(tree, count, root)
    sequence = KeySequence(TREE if tree else CHAIN, count, root)
    have: list[tuple[set[int], set[bytes]]] = []
    for _ in range(chance.randint(1, 8)):
        wanted = intervals(chance, count, chance.randint(1, 3) if tree else 1)
        have.append(receiver(truth, sequence, wanted, give))
    for _ in range(8):
        coalition(truth, chance.sample(have, chance.randint(1, len(have))))
    return {"receivers": len(have), "coalitions": 8, "periods": count}


def intervals(chance: random.Random, count: int, number: int) -> list[Interval]:
    ends = [sorted((chance.randrange(count), chance.randrange(count))) for _ in range(number)]
    return [Interval(first, last) for first, last in ends]


def receiver(
    truth: Sequence, sequence: KeySequence, wanted: list[Interval], give: Give
) -> tuple[set[int], set[bytes]]:
    """Its periods and what it was given, by the model and by the library's own derivation."""
    periods = {one for interval in wanted for one in range(interval.first, interval.last + 1)}
    seeds = over_the_wire(give(sequence, wanted))
    octets = {one.octets for one in seeds}
    if truth.known(octets) != periods:
        raise Broken(f"seeds for {sorted(periods)} of {truth.count} give {sorted(truth.known(octets))}")
    if len(seeds) != truth.fewest(periods):
        raise Broken(f"{len(seeds)} seeds where {truth.fewest(periods)} do")
    keys = IntervalKeys(sequence.construction, truth.count, seeds)
    for period in range(truth.count):
        try:
            derived = keys.key(period)
        except StateError:
            derived = None
        if derived != (truth.keys[period] if period in periods else None):
            raise Broken(f"the library's receiver has another key for period {period}")
    return periods, octets


def coalition(truth: Sequence, who: list[tuple[set[int], set[bytes]]]) -> None:
    union = set().union(*(periods for periods, _ in who))
    known = truth.known(set().union(*(octets for _, octets in who)))
    expected = union if truth.tree else set(range(min(union), max(union) + 1))
    if known != expected:
        raise Broken(f"a coalition of {len(who)} knows {sorted(known)}, not {sorted(expected)}")
