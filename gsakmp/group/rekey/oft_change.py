"""One change of a one-way function tree: what is new, and what has to be sent for it.

Leaves go, leaves come, and some are renewed, since who is beside a vacancy knows too much. For a leaf that
goes, let `a` be the highest node below which there is nobody any longer, and `b` the one beside it. Who
went knows ``f(x_b)``, and their parent's secret comes of that alone now: so some leaf below `b` must be new
(the draft, 4.2.2, renews one). For a leaf that comes, let `a` be the highest node below which there was
nobody. The parent's secret came of ``f(x_b)`` alone, which the newcomer is told: again a leaf below `b`
must be new (4.2.1 renews the former sibling). In both cases a newcomer below `b` will do, having a secret
that nobody knew; else `b`'s leftmost member gets a new one, under its old.

What a changed node's blinded secret is encrypted under is the new node key of the node beside it, and nobody
but those below that one has this key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from gsakmp.crypto import CBCCipher
from gsakmp.group.rekey.interface import Place
from gsakmp.group.rekey.oft_functions import blinded, mixed, node_kek
from gsakmp.group.rekey.oft_packets import vacant, wrapped
from gsakmp.group.rekey.oft_tree import Tree, top_of
from gsakmp.payloads import OFTKey
from gsakmp.registries import OFTValueType

__all__ = ["Change"]

Indices = set[int]


class Change:
    """What becomes of `tree`, which does not change; after this, leaves from `end` on are vacant.

    `gone`: leaves that leave the tree. `come`: leaves that enter it, with their secrets. Those in `told` are
    given all they need when they register, the others by pushes. `fresh` makes a leaf's secret.
    """

    def __init__(
        self,
        tree: Tree,
        end: int,
        gone: Collection[int],
        come: dict[int, bytes],
        told: Collection[int],
        fresh: Callable[[], bytes],
    ) -> None:
        self.tree = tree
        self.top = top_of(end)
        self._height = max(self.top, tree.top, 0)
        self.secrets: list[dict[int, bytes]] = [{} for _ in range(self._height + 1)]
        """By level and index, for `Tree.put`; empty where there is nobody now."""
        self.renewed: list[int] = []
        """Leaves whose members stay and get a new secret."""
        self.wraps = 0
        self._looked_up: dict[Place, bytes] = {}
        self._hidden: list[dict[int, bytes]] = [{} for _ in self.secrets]  # f of those that change
        self._peopled: list[dict[int, bool]] = [dict.fromkeys(gone, False) | dict.fromkeys(come, True)]
        self._people()
        self._renew(gone, come)
        self._settle({**dict.fromkeys(gone, b""), **come, **{leaf: fresh() for leaf in self.renewed}})
        self._told = self._silent(told)
        self._awaited = lineage([leaf for leaf in come if leaf not in told], self._height)

    def secret(self, place: Place) -> bytes:
        """A node's new secret, empty where there is nobody."""
        level, index = place
        found = self.secrets[level].get(index)
        return self._old(place) if found is None else found

    def _old(self, place: Place) -> bytes:
        """A node's old secret; most are asked for several times."""
        found = self._looked_up.get(place)
        if found is None:
            found = self._looked_up[place] = self.tree.secret(place)
        return found

    def root_secret(self) -> bytes:
        """That of the new root, empty where nobody is left."""
        return self.secret((self.top, 0)) if self.top >= 0 else b""

    def changed(self) -> tuple[Place, ...]:
        """The nodes whose secret is a new one, leaves first."""
        levels = enumerate(self.secrets[: self.top + 1])
        return tuple((level, i) for level, nodes in levels for i in sorted(nodes) if nodes[i])

    # -- what is new -----------------------------------------------------------------------------------

    def _people(self) -> None:
        """Find out which of the nodes above leaves that go or come have somebody below them."""
        for level in range(self._height):
            above = {index >> 1 for index in self._peopled[level]}
            if above and level >= self.tree.top >= 0:
                above.add(0)  # the old root's new ancestors
            kids = {i: (self._has((level, 2 * i)) or self._has((level, 2 * i + 1))) for i in above}
            self._peopled.append(kids)

    def _has(self, place: Place) -> bool:
        """Whether there is somebody below a node, once all have come and gone."""
        found = self._peopled[place[0]].get(place[1])
        return bool(self._old(place)) if found is None else found

    def _settle(self, leaves: dict[int, bytes]) -> None:
        """Give leaves their new secrets, and so all above them."""
        self.secrets[0].update(leaves)
        for level, nodes in enumerate(self.secrets[1:]):
            hidden = self._hidden[level]
            hidden.update({i: blinded(secret) for i, secret in self.secrets[level].items()})
            above = {index >> 1 for index in hidden}
            if hidden and level >= self.tree.top >= 0:
                above.add(0)
            for index in above:
                pair = [
                    hidden[i] if i in hidden else blinded(self._old((level, i)))
                    for i in (2 * index, 2 * index + 1)
                ]
                nodes[index] = mixed(*pair) if any(map(any, pair)) else b""

    def _renew(self, gone: Iterable[int], come: Iterable[int]) -> None:
        """Choose a leaf below each node whose blinded secret is known too well."""
        exposed: list[Indices] = [set() for _ in self.secrets]
        for leaf in gone:
            self._expose(leaf, self._has, exposed)
        for leaf in come:
            self._expose(leaf, self._before, exposed)
        new = lineage(come, self._height)
        for level, indices in enumerate(exposed):
            for index in sorted(indices - new[level]):
                if self._has((level, index)):
                    leaf = self._leftmost(level, index)
                    self.renewed.append(leaf)
                    for above in range(self._height + 1):
                        new[above].add(leaf >> above)

    def _expose(self, leaf: int, peopled: Callable[[Place], bool], exposed: list[Indices]) -> None:
        """Find the lowest node beside a leaf's path that has somebody below it, if nobody is nearer."""
        for level in range(self._height):
            if peopled((level, leaf >> level)):
                return
            beside = leaf >> level ^ 1
            if peopled((level, beside)):
                exposed[level].add(beside)
                return

    def _before(self, place: Place) -> bool:
        """Whether there was somebody below a node; above the old root, in the whole tree."""
        level, index = place
        above = level > self.tree.top and not index
        return bool(self.tree.root_secret() if above else self.tree.secret(place))

    def _leftmost(self, level: int, index: int) -> int:
        """The first member below a node that has one."""
        while level:
            level, index = level - 1, 2 * index
            index += not self._has((level, index))
        return index

    # -- what is sent ----------------------------------------------------------------------------------

    def _silent(self, told: Collection[int]) -> list[Indices]:
        """The nodes below which there is nobody but those whom no push needs to tell anything."""
        silent = [set(told)]
        for level in range(self._height):
            here = silent[level]
            both = {i for i in here if i ^ 1 in here or not self.secret((level, i ^ 1))}
            silent.append({index >> 1 for index in both})
        return silent

    def keys(self, cipher: CBCCipher) -> list[OFTKey]:
        """What pushes say, the lowest nodes first: each value once."""
        out = [self._renewal(leaf, cipher) for leaf in sorted(self.renewed)]
        for level in range(self.top):
            for index in sorted(self.secrets[level]):
                here, beside = (level, index), (level, index ^ 1)
                if self.secret(beside) and index ^ 1 not in self._told[level]:
                    if self.secret(here):
                        out.append(self._blinded(here, beside, cipher))
                    elif self._old(here):
                        out.append(vacant(here))
                told_by_nobody = index in self._awaited[level] and index ^ 1 not in self.secrets[level]
                if told_by_nobody and self.secret(beside):
                    out.append(self._blinded(beside, here, cipher))
        return out

    def _renewal(self, leaf: int, cipher: CBCCipher) -> OFTKey:
        """A leaf's new secret, under its old key."""
        self.wraps += 1
        old = node_kek(self.tree.leaf_secret(leaf), cipher)
        return wrapped((0, leaf), OFTValueType.LEAF_SECRET, self.secret((0, leaf)), (0, leaf), old)

    def _blinded(self, place: Place, under: Place, cipher: CBCCipher) -> OFTKey:
        self.wraps += 1
        key = node_kek(self.secret(under), cipher)
        value = self._hidden[place[0]].get(place[1]) or blinded(self.secret(place))
        return wrapped(place, OFTValueType.BLINDED_SECRET, value, under, key)


def lineage(leaves: Iterable[int], height: int) -> list[Indices]:
    """Leaves and all their ancestors, by level."""
    out: list[Indices] = [set(leaves)]
    for _ in range(height):
        out.append({index >> 1 for index in out[-1]})
    return out
