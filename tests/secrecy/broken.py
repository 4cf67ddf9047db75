"""Broken variants of every algorithm, which the model has to catch: a test that can't fail tests nothing.

An algorithm is broken from outside: a proxy adds to its plans what should not be in them, or a random source
that lies gives it a key again that somebody has. So no algorithm needs a hook for this.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gsakmp.crypto import KEK, CBCCipher, Random
from gsakmp.group.rekey import RekeyAlgorithm, RekeyPlan
from gsakmp.group.rekey.marks import Interval, KeySequence, Seed
from gsakmp.identities import Identity
from gsakmp.payloads import (
    Attribute,
    KeyPacket,
    LKHDownloadArray,
    LKHKey,
    LKHUpdateArray,
    OFTDownloadArray,
    OFTKey,
    OFTUpdateArray,
)
from tests.secrecy import seeds
from tests.secrecy.histories import CHOICES, LARGEST, Make, checked
from tests.secrecy.oft_functions import blinded, node_key
from tests.secrecy.world import Broken, member
from tests.secrecy.wraps import arrays

Verb = Callable[[Any, Random], RekeyPlan]


class Proxy:
    """The algorithm, but for what a variant breaks."""

    def __init__(self, inner: RekeyAlgorithm, chance: random.Random, cipher: CBCCipher) -> None:
        self.inner: Any = inner
        self.chance = chance
        self.cipher = cipher

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __len__(self) -> int:
        return len(self.inner)

    def __contains__(self, member: object) -> bool:
        return member in self.inner

    def remove(self, members: Sequence[Identity], spi: bytes, source: Random) -> RekeyPlan:
        return self.inner.remove(members, spi, source)

    def lied(
        self, verb: Verb, source: Random, lie: Callable[[Any], Iterable[tuple[bytes, bytes]]]
    ) -> RekeyPlan:
        """What a verb does if one secret that the random source gives it is another one.

        It is rehearsed on a twin; `lie` looks at that and says which secrets might be swapped for which.
        """
        twin, draws = copy.deepcopy(self.inner), []

        def recorded(count: int) -> bytes:
            draws.append(source(count))
            return draws[-1]

        verb(twin, recorded)
        if swaps := list(lie(twin)):
            fresh, old = self.chance.choice(swaps)
            draws = [draw.replace(fresh, old) for draw in draws]
        again = iter(draws)
        return verb(self.inner, lambda _count: next(again))


def everybody(algorithm: Any) -> list[Identity]:
    return [one for one in map(member, range(LARGEST)) if one in algorithm]


def downloads(algorithm: Any, members: Iterable[Identity]) -> list[Any]:
    """The keys that each of these, if it is a member, would be given now: leaf first."""
    packets = [algorithm.download(one) for one in members if one in algorithm]
    found = [array.lkh_keys for one in packets for array in arrays(one, LKHDownloadArray)]
    return found + [array.oft_keys for one in packets for array in arrays(one, OFTDownloadArray)]


def more(plan: RekeyPlan, kind: int, number: int, value: Any) -> RekeyPlan:
    """A plan with one array more, in a push of its own."""
    first = next((packet for packets in plan.key_packets for packet in packets), None)
    if first is None:
        return plan
    packet = KeyPacket(kd_type=kind, spi=first.spi, attributes=(Attribute(number, value),))
    return replace(plan, key_packets=(*plan.key_packets, (packet,)))


# -- flat and LKH --------------------------------------------------------------------------------------

ADDED = 1 << 30
"""The handle of what a variant adds."""


class LeaverIncluded(Proxy):
    """The new KEK under the leaver's own key, too."""

    which = 0
    moved = False

    def remove(self, members: Sequence[Identity], spi: bytes, source: Random) -> RekeyPlan:
        had = [keys[self.which] for keys in downloads(self.inner, members) if len(keys) > 1]
        plan = self.inner.remove(members, spi, source)
        if not had or plan.group_key is None:
            return plan
        key = self.chance.choice(had)
        wrapped = KEK.parse(self.cipher, key.key_data).encrypt(plan.group_key.build())
        root = LKHKey(lkh_id=0, key_type=key.key_type, key_handle=ADDED, key_data=wrapped)
        named = (65_535, ADDED + 1) if self.moved else (key.lkh_id, key.key_handle)
        return more(plan, 3, 2, LKHUpdateArray(lkh_id=named[0], key_handle=named[1], lkh_keys=(root,)))


class OldPathKeyIncluded(LeaverIncluded):
    """The new KEK under the old key of the highest node below the root on the leaver's path."""

    which = -2


class LyingIds(LeaverIncluded):
    """The leaver's array is there, and says that it is for another node."""

    moved = True


class PathKeyKept(Proxy):
    """One key on the leaver's path stays as it was."""

    def remove(self, members: Sequence[Identity], spi: bytes, source: Random) -> RekeyPlan:
        before = {key.lkh_id: key.key_data for keys in downloads(self.inner, members) for key in keys[1:-1]}

        def lie(twin: Any) -> Iterable[tuple[bytes, bytes]]:
            after = {key.lkh_id: key.key_data for keys in downloads(twin, everybody(twin)) for key in keys}
            for node, old in before.items():
                if after.get(node, old) != old:
                    yield after[node], old

        return self.lied(lambda one, drawn: one.remove(members, spi, drawn), source, lie)


class GroupKeyGuessed(Proxy):
    """The new KEK is a key that the leaver had for itself."""

    def remove(self, members: Sequence[Identity], spi: bytes, source: Random) -> RekeyPlan:
        had = downloads(self.inner, members)
        plan: list[RekeyPlan] = []

        def verb(one: Any, drawn: Random) -> RekeyPlan:
            plan.append(one.remove(members, spi, drawn))
            return plan[-1]

        def lie(_twin: Any) -> Iterable[tuple[bytes, bytes]]:
            return [(plan[0].group_key.build(), keys[0].key_data) for keys in had]

        return self.lied(verb, source, lie)


class LeafKeyAgain(Proxy):
    """A leaver's own key is the next member's."""

    old = b""

    def remove(self, members: Sequence[Identity], spi: bytes, source: Random) -> RekeyPlan:
        had = downloads(self.inner, members)
        self.old = had[0][0].key_data if had else self.old
        return self.inner.remove(members, spi, source)

    def add(self, members: Sequence[Identity], spi: bytes, new_group_key: bool, source: Random) -> RekeyPlan:
        new = [one for one in members if one not in self.inner]
        old, self.old = self.old, b""

        def lie(twin: Any) -> Iterable[tuple[bytes, bytes]]:
            return [(keys[0].key_data, old) for keys in downloads(twin, new) if old]

        return self.lied(lambda one, drawn: one.add(members, spi, new_group_key, drawn), source, lie)


class BackwardForgotten(Proxy):
    """A join with backward rekey leaves the path's keys as they are: it is one without, and a new KEK."""

    def add(self, members: Sequence[Identity], spi: bytes, new_group_key: bool, source: Random) -> RekeyPlan:
        present = len(self.inner) > 0
        first = self.inner.add(members, spi, False, source)
        if not new_group_key:
            return first
        plan = self.inner.renew(spi, source)
        parts = {**first.parts, **plan.parts}
        return replace(plan, parts=parts, key_packets=plan.key_packets if present else ())


# -- OFT -----------------------------------------------------------------------------------------------


class SiblingKept(Proxy):
    """The leaf beside the leaver keeps its secret, so that the blinded secret that the leaver has is still
    true."""

    def remove(self, members: Sequence[Identity], spi: bytes, source: Random) -> RekeyPlan:
        before = {keys[0].node: keys[0].key_data for keys in downloads(self.inner, everybody(self.inner))}

        def lie(twin: Any) -> Iterable[tuple[bytes, bytes]]:
            for keys in downloads(twin, everybody(twin)):
                if keys[0].key_data != before[keys[0].node]:
                    yield keys[0].key_data, before[keys[0].node]

        return self.lied(lambda one, drawn: one.remove(members, spi, drawn), source, lie)


class SecretForLeaver(Proxy):
    """A remaining member's secret also under the leaver's node key."""

    def remove(self, members: Sequence[Identity], spi: bytes, source: Random) -> RekeyPlan:
        had = downloads(self.inner, members)
        plan = self.inner.remove(members, spi, source)
        rest = downloads(self.inner, everybody(self.inner))
        if not had or not rest:
            return plan
        leaf = self.chance.choice(rest)[0]
        return self.with_key(plan, leaf.node, 1, leaf.key_data, had[0][0])

    def with_key(self, plan: RekeyPlan, node: int, kind: int, octets: bytes, under: OFTKey) -> RekeyPlan:
        head = next((one for packets in plan.key_packets for one in arrays(packets, OFTUpdateArray)), None)
        if head is None:
            return plan
        wrapped = KEK.parse(self.cipher, node_key(under.key_data, self.cipher)).encrypt(octets)
        key = OFTKey(node=node, under=under.node, value_type=kind, key_data=wrapped)
        return more(plan, 240, 2, msgspec.structs.replace(head, oft_keys=(key,)))


class WrongSibling(SecretForLeaver):
    """A leaf's blinded secret goes to a leaf that is not beside it, too."""

    def remove(self, members: Sequence[Identity], spi: bytes, source: Random) -> RekeyPlan:
        plan = self.inner.remove(members, spi, source)
        leaves = [keys[0] for keys in downloads(self.inner, everybody(self.inner))]
        pairs = [(one, other) for one in leaves for other in leaves if one.node >> 2 != other.node >> 2]
        if not pairs:
            return plan
        one, other = self.chance.choice(pairs)
        return self.with_key(plan, one.node, 2, blinded(one.key_data), other)


# -- MARKS ---------------------------------------------------------------------------------------------


def too_high(sequence: KeySequence, intervals: list[Interval]) -> Iterable[Seed]:
    """The last seed is its parent, or the chain's value before."""
    *rest, last = sequence.seeds(intervals)
    truth = seeds.Sequence(sequence.construction == seeds.TREE, sequence.count, sequence.root)
    if not truth.tree:
        index = min(last.index + 1, sequence.count - 1)
        return [*rest, Seed(last.level, index, truth.backward[index])]
    if last.level == 0:
        return [*rest, last]
    octets = sequence.root
    for level in range(last.level - 2, -1, -1):
        octets = seeds.hashed(seeds.RIGHT if last.index >> 1 >> level & 1 else seeds.LEFT, octets)
    return [*rest, Seed(last.level - 1, last.index >> 1, octets)]


def too_few(sequence: KeySequence, intervals: list[Interval]) -> Iterable[Seed]:
    return list(sequence.seeds(intervals))[:-1]


def not_fewest(sequence: KeySequence, intervals: list[Interval]) -> Iterable[Seed]:
    """Every key by itself: exactly the interval, but not the smallest set."""
    if sequence.construction == seeds.CHAIN:
        return sequence.seeds(intervals)
    truth = seeds.Sequence(True, sequence.count, sequence.root)
    wanted = {one for interval in intervals for one in range(interval.first, interval.last + 1)}
    return [Seed((sequence.count - 1).bit_length(), one, truth.keys[one]) for one in sorted(wanted)]


# -- the hunt ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    algorithm: str
    name: str
    breaks: Any
    """A `Proxy` class, or for MARKS what a receiver is given."""


VARIANTS = (
    Variant("flat", "the leaver's array included", LeaverIncluded),
    Variant("flat", "the same under a wrong id", LyingIds),
    Variant("flat", "the new KEK is the leaver's own key", GroupKeyGuessed),
    Variant("flat", "a vacated leaf's key is the next member's", LeafKeyAgain),
    Variant("lkh", "the leaver's array included", LeaverIncluded),
    Variant("lkh", "the new KEK under an old key of the leaver's path", OldPathKeyIncluded),
    Variant("lkh", "the same under a wrong id", LyingIds),
    Variant("lkh", "one key of the leaver's path not renewed", PathKeyKept),
    Variant("lkh", "a vacated leaf's key is the next member's", LeafKeyAgain),
    Variant("lkh", "keys of a newcomer's path not renewed", BackwardForgotten),
    Variant("oft", "the leaf beside the leaver not renewed", SiblingKept),
    Variant("oft", "a leaf's secret for the leaver, too", SecretForLeaver),
    Variant("oft", "a blinded secret under a wrong sibling's key", WrongSibling),
    Variant("oft", "a vacated leaf's secret is the next member's", LeafKeyAgain),
    Variant("marks", "a seed too high", too_high),
    Variant("marks", "a seed too few", too_few),
    Variant("marks", "more seeds than need be", not_fewest),
)


def hunted(variant: Variant, numbers: Iterable[int]) -> tuple[int | None, str]:
    """How many histories it took, and what the model says; None if it never saw. It is alone: no member of the
    library's is there to notice that it can't follow."""
    for count, seed in enumerate(numbers, 1):
        try:
            if variant.algorithm == "marks":
                seeds.history(seed, variant.breaks)
            else:
                checked(variant.algorithm, seed, choice=broken(variant), listening=False)
        except Broken as found:
            return count, str(found)
    return None, ""


def broken(variant: Variant) -> Callable[[random.Random, CBCCipher], Make]:
    def choice(chance: random.Random, cipher: CBCCipher) -> Make:
        make = CHOICES[variant.algorithm](chance, cipher)
        own = random.Random(chance.getrandbits(64))
        return lambda: variant.breaks(make(), own, cipher)

    return choice
