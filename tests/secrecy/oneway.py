"""Who can know which KEK in a one-way function tree.

Told from the draft (draft-irtf-smug-groupkeymgmt-oft-00, 4.1.2 and 4.2) and the layout of the arrays alone:
node secrets x, blinded secrets f(x), node keys g(x), and x = f(left) xor f(right), or f(child) where there is
one. The attacker does all that these rules allow, and what is linear in them: whatever xor of blinded secrets
it can make of those it has is searched for (Gauss over GF(2)), beside every node key on every ciphertext.

The definition: members know their KEKs; all past members together, with everything that was ever sent, know
no KEK and no node secret of a time after they left; all future members together none of a time before they
joined, be it with backward rekey or without, as a newcomer enters the tree with the next KEK only.

The exception, exactly: past and future members of one time together may know its KEK (Horng 2002; Ku and Chen
2003). Whoever left knows the blinded secrets beside its former path, and whoever joins is given those beside its
own; one that has not changed between mixes with one that has. Nothing is said of such a coalition, which one
person who left and came back may be; `mixed` counts what it knows.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gsakmp.payloads import OFTDownloadArray, OFTUpdateArray
from tests.secrecy.oft_functions import SECRET, blinded, kek_of, node_key, xor
from tests.secrecy.opening import Ciphertexts, Truth
from tests.secrecy.world import Broken, Packets, Record, Snapshot, Stint
from tests.secrecy.wraps import arrays, plain_keys

Item = tuple[str, int]
"""``x``: a node secret, ``f``: a blinded one, both by number; ``k``: an epoch's KEK."""


@dataclass(slots=True)
class Tree:
    """The node secrets in use at a time, by level and index, and the leaves that members have."""

    epoch: int
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    leaves: dict[int, int] = field(default_factory=dict)

    def beside(self, who: int) -> tuple[set[int], set[int]]:
        """The secrets on a member's path to the root, and those beside it."""
        leaf = self.leaves[who]
        path = {self.numbers[level, leaf >> level] for level in range(max(self.numbers)[0] + 1)}
        beside = {self.numbers.get((level, leaf >> level ^ 1), -1) for level in range(max(self.numbers)[0])}
        return path, beside - {-1}


class Secrets:
    """Every node secret that there was, and what follows from what."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.numbers: dict[bytes, int] = {}
        self.octets: list[bytes] = []
        self.blinded: dict[bytes, int] = {}
        self.vectors: dict[int, tuple[int, ...]] = {}
        """Node secrets that are the xor of blinded ones, and of which."""
        self.roots: dict[int, int] = {}
        """By epoch: the number of the root's secret."""
        self.trees = [self._tree(snapshot) for snapshot in record.snapshots]
        self.truth = Truth(octets for _, octets in record.draws)
        for stint in record.stints:
            for gift in stint.gifts:
                for octets in values_in(gift.packets):
                    self._number_if_drawn(octets)
        self.edges = self._edges()
        self.mixes = self._mixes()

    def number(self, octets: bytes) -> int:
        if octets not in self.numbers:
            number = self.numbers[octets] = len(self.octets)
            self.octets.append(octets)
            self.blinded[blinded(octets)] = number
        return self.numbers[octets]

    def item(self, octets: bytes) -> Item | None:
        """What octets are, if they are any."""
        if octets in self.numbers:
            return "x", self.numbers[octets]
        if octets in self.blinded:
            return "f", self.blinded[octets]
        return ("x", self.number(octets)) if self._number_if_drawn(octets) else None

    def _number_if_drawn(self, octets: bytes) -> bool:
        drawn = len(octets) == SECRET and octets not in self.blinded and octets in self.truth
        if drawn:
            self.number(octets)
        return drawn

    def _tree(self, snapshot: Snapshot) -> Tree:
        """All node secrets of a time, made of its leaves'."""
        level: dict[int, bytes] = {}
        tree = Tree(snapshot.epoch)
        root = counted = 0
        for who, packets in snapshot.given.items():
            for array in arrays(packets, OFTDownloadArray):
                if array.root:  # else it is not in the tree yet
                    leaf, root, counted = array.oft_keys[0], array.root, array.epoch
                    level[leaf.node >> 1] = leaf.key_data
                    tree.leaves[who] = leaf.node >> 1
        for height in range((root & -root).bit_length()):
            if height:
                level = dict(self._mixed(level))
            tree.numbers |= {(height, index): self.number(octets) for index, octets in level.items()}
        if level:
            (top,) = level.values()
            if kek_of(top, counted, self.record.cipher) != self.record.epochs[snapshot.epoch].kek:
                raise Broken(f"KEK {snapshot.epoch} is not what the leaves make")
            self.roots[snapshot.epoch] = self.number(top)
        return tree

    def _mixed(self, level: dict[int, bytes]) -> Iterator[tuple[int, bytes]]:
        """The level above."""
        children: dict[int, list[int]] = defaultdict(list)
        for index, octets in level.items():
            children[index // 2].append(self.number(octets))
        for index, below in children.items():
            octets = xor([blinded(self.octets[child]) for child in below])
            self.vectors[self.number(octets)] = tuple(below)
            yield index, octets

    def _edges(self) -> dict[Item, list[tuple[Item, int]]]:
        """What wraps give to who has an item, and when they were sent."""
        times: dict[bytes, int] = {}
        edges: dict[Item, list[tuple[Item, int]]] = defaultdict(list)
        epochs = {epoch.kek: number for number, epoch in enumerate(self.record.epochs)}
        for sent in self.record.sent:
            for array in arrays(sent.packets, OFTUpdateArray):
                for key in array.oft_keys:
                    times.setdefault(key.key_data, sent.clock)
            for octets in plain_keys(sent.packets):
                edges["k", epochs[sent.kek]].append((("k", epochs[octets]), sent.clock))
        size = self.record.cipher.block_size + self.record.cipher.key_size
        texts = Ciphertexts(times)
        keys: list[tuple[Item, bytes]] = [(("k", number), kek) for kek, number in epochs.items()]
        tried = 0
        while keys or tried < len(self.numbers):
            fresh = range(tried, len(self.octets))
            keys += [(("x", one), node_key(self.octets[one], self.record.cipher)) for one in fresh]
            tried = len(self.octets)
            for item, key in keys:
                for text, plain in texts.opened(key):
                    found = self.item(plain[:SECRET])
                    if plain[:size] in epochs:
                        found = "k", epochs[plain[:size]]
                    if found is not None and found != item:
                        edges[item].append((found, times[text]))
            keys = []
        return edges

    def _mixes(self) -> dict[Item, list[tuple[Item, Item | None]]]:
        """What two of three give, a node's secret and its children's blinded ones: by the first, and the second
        if it takes one."""
        mixes: dict[Item, list[tuple[Item, Item | None]]] = defaultdict(list)
        for number, parts in self.vectors.items():
            three: list[Item] = [("x", number), *(("f", part) for part in parts)]
            for one in three:
                others = [other for other in three if other != one]
                for at, other in enumerate(others):
                    mixes[one].append((other, others[1 - at] if len(others) > 1 else None))
        return mixes

    def given(self, stint: Stint) -> Iterator[tuple[Item, int]]:
        epochs = {epoch.kek: number for number, epoch in enumerate(self.record.epochs)}
        for gift in stint.gifts:
            yield ("k", epochs[gift.kek]), gift.clock
            for octets in values_in(gift.packets):
                item = self.item(octets)
                if item is not None:
                    yield item, gift.clock


def values_in(packets: Packets) -> Iterator[bytes]:
    for array in arrays(packets, OFTDownloadArray):
        for key in array.oft_keys:
            yield key.key_data


def member_times(secrets: Secrets, given: Iterable[tuple[Item, int]]) -> dict[Item, int]:
    """What a member works out, and when it can at the earliest: wraps, hashes, and mixing of two of three."""
    tops: dict[int, list[int]] = defaultdict(list)
    for epoch, number in secrets.roots.items():
        tops[number].append(epoch)
    times: dict[Item, int] = {}
    queue = [(clock, item) for item, clock in given]
    heapq.heapify(queue)
    while queue:
        clock, item = heapq.heappop(queue)
        if item in times:
            continue
        times[item] = clock
        found = [(other, max(clock, sent)) for other, sent in secrets.edges.get(item, ())]
        found += [
            (other, clock)
            for other, beside in secrets.mixes.get(item, ())
            if beside is None or beside in times
        ]
        if item[0] == "x":
            found += [(("f", item[1]), clock), *((("k", epoch), clock) for epoch in tops[item[1]])]
        for other, when in found:
            if other not in times:
                heapq.heappush(queue, (when, other))
    return times


class Coalition:
    """What several know together: node secrets, and a space of xors of blinded ones, in reduced echelon form."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self.known: set[Item] = set()
        self.rows: dict[int, int] = {}
        self.unknown = set(secrets.vectors)

    def learn(self, items: Iterable[Item]) -> None:
        queue = list(items)
        while queue:
            while queue:
                item = queue.pop()
                if item not in self.known:
                    self.known.add(item)
                    self._follow(item, queue)
            queue = [("x", number) for number in self.unknown if self._spanned(self._vector(number))]

    def _follow(self, item: Item, queue: list[Item]) -> None:
        queue += [found for found, _ in self.secrets.edges.get(item, ())]
        kind, number = item
        if kind == "k":
            return
        self._insert(1 << number)
        if kind == "x" and number in self.secrets.vectors:
            self.unknown.discard(number)
            self._insert(self._vector(number))

    def _vector(self, number: int) -> int:
        vector = 0
        for part in self.secrets.vectors[number]:
            vector ^= 1 << part
        return vector

    def _reduced(self, vector: int) -> int:
        rest = vector
        while rest:
            bit = rest & -rest
            rest ^= bit
            vector ^= self.rows.get(bit, 0)
        return vector

    def _spanned(self, vector: int) -> bool:
        return self._reduced(vector) == 0

    def _insert(self, vector: int) -> None:
        vector = self._reduced(vector)
        if vector:
            pivot = vector & -vector
            for bit, row in self.rows.items():
                if row & pivot:
                    self.rows[bit] = row ^ vector
            self.rows[pivot] = vector

    def knows_kek(self, epoch: int) -> bool:
        root = self.secrets.roots.get(epoch)
        return ("k", epoch) in self.known or (root is not None and ("x", root) in self.known)

    def check(self, epoch: int, who: str) -> None:
        if self.knows_kek(epoch):
            raise Broken(f"all {who} members together can know KEK {epoch}")
        for tree in self.secrets.trees:
            found = sum(("x", number) in self.known for number in tree.numbers.values())
            if tree.epoch == epoch and found:
                raise Broken(f"all {who} members together know {found} node secrets of KEK {epoch}'s time")


def audit(record: Record) -> None:
    """Raises `Broken` for what is against the definition above."""
    secrets = Secrets(record)
    items = {stint: [item for item, _ in secrets.given(stint)] for stint in record.stints}
    for stint in record.stints:
        check_member(secrets, stint)
    past, future = Coalition(secrets), Coalition(secrets)
    for epoch in range(len(record.epochs)):
        for stint in record.stints:
            if stint.end == epoch:
                past.learn(items[stint])
        past.check(epoch, "past")
    for epoch in reversed(range(len(record.epochs))):
        for stint in record.stints:
            if stint.first == epoch + 1:
                future.learn(items[stint])
        future.check(epoch, "future")


def check_member(secrets: Secrets, stint: Stint) -> None:
    """It knows its KEKs in time, and of the tree what the draft's invariant (4.1.1) lets it, neither more nor
    less."""
    times = member_times(secrets, secrets.given(stint))
    for number, epoch in enumerate(secrets.record.epochs):
        when = times.get(("k", number))
        owed = stint.owed and stint.within(number)
        if owed and (when is None or when > max(epoch.clock, stint.gifts[0].clock)):
            raise Broken(f"{stint} can't know KEK {number} in its time")
    for tree in secrets.trees:
        if stint.within(tree.epoch) and stint.who in tree.leaves:
            path, beside = tree.beside(stint.who)
            for kind, expected in (("x", path), ("f", path | beside)):
                known = {number for number in tree.numbers.values() if (kind, number) in times}
                if known - expected or (stint.owed and expected - known):
                    own = f"{len(known & expected)} of {len(expected)}"
                    raise Broken(
                        f"{stint} has {own} {kind}, {len(known)} in all, in the time of KEK {tree.epoch}"
                    )


def mixed(record: Record) -> set[int]:
    """The KEKs that all who were no members of their time can know together."""
    secrets = Secrets(record)
    found = set()
    for epoch in range(len(record.epochs)):
        outsiders = Coalition(secrets)
        for stint in record.stints:
            if not stint.within(epoch):
                outsiders.learn(item for item, _ in secrets.given(stint))
        if outsiders.knows_kek(epoch):
            found.add(epoch)
    return found
