"""An algorithm at work on a small group, in memory: its tree before and after each change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsakmp.crypto import CBCCipher, Random, kek_cipher, system_random
from gsakmp.errors import ConfigurationError
from gsakmp.group.rekey import RekeyAlgorithm, RekeyPlan, RekeySettings, rekey_algorithm
from gsakmp.group.rekey.drawing import Item, pruned
from gsakmp.group.rekey.drawing_svg import to_svg
from gsakmp.group.rekey.interface import Place, TreeNode
from gsakmp.identities import Identity
from gsakmp.registries import KEKAlgorithm
from gsakmp.reports.words import counted

__all__ = ["MOST_MEMBERS", "Scene", "scenes", "write_svg"]

MOST_MEMBERS: Final = 100_000
"""A bigger tree is no picture, and takes a while to make."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A tree at one moment, and what led to it."""

    title: str
    note: str
    picture: Item

    @property
    def heading(self) -> str:
        """Title and note."""
        return f"{self.title}: {self.note}" if self.note else self.title


class World:
    """A group whose members are numbered from 0."""

    def __init__(self, algorithm: RekeyAlgorithm, random: Random) -> None:
        self.algorithm = algorithm
        self.random = random
        self.members: list[Identity] = []
        self.present: set[int] = set()

    def enrol(self, count: int) -> list[Identity]:
        """The next members."""
        first = len(self.members)
        new = [identity(number) for number in range(first, first + count)]
        self.members += new
        self.present.update(range(first, first + count))
        return new

    def labels(self) -> dict[Place, str]:
        """Who has which leaf. A leaf's place is at level 0."""
        return {(0, self.algorithm.leaf_of(self.members[n])): name(n) for n in self.present}


def identity(number: int) -> Identity:
    return Identity.from_text(f"fqdn:{name(number)}")


def name(number: int) -> str:
    return f"member-{number}"


def scenes(
    algorithm: str,
    settings: RekeySettings,
    *,
    members: int,
    leave: Sequence[int] = (),
    join: int = 0,
    random: Random = system_random,
) -> list[Scene]:
    """The tree at first, after `leave` have gone in one batch, after `join` more have come in another, with
    backward rekey.

    Raises `ConfigurationError` for an algorithm that has no tree, and for members that there are not.
    """
    _check(members, leave, join)
    world = World(rekey_algorithm(algorithm, _cipher(), settings), random)
    world.algorithm.start(world.enrol(members), random)
    trees: list[tuple[str, str, list[TreeNode], dict[Place, str], tuple[Place, ...]]] = []

    def note(title: str, plan: RekeyPlan | None) -> None:
        text = "" if plan is None else _note(plan)
        changed = () if plan is None else plan.changed
        trees.append((title, text, list(world.algorithm.tree()), world.labels(), changed))

    note(f"{algorithm}: {counted(members, 'member')}", None)
    if not trees[0][2]:
        raise ConfigurationError(f"{algorithm} has no tree to draw")
    around: set[Place] = set()
    if leave:
        going = [world.members[number] for number in dict.fromkeys(leave)]
        around.update((0, world.algorithm.leaf_of(each)) for each in going)
        plan = world.algorithm.remove(going, bytes(16), random)
        world.present.difference_update(leave)
        note(f"After {_listed(leave)} left", plan)
    if join:
        first = len(world.members)
        new = world.enrol(join)
        plan = world.algorithm.add(new, bytes(16), True, random)
        around.update((0, world.algorithm.leaf_of(each)) for each in new)
        note(f"After {_listed(range(first, first + join))} joined", plan)
    return [
        Scene(title, text, picture)
        for title, text, nodes, labels, changed in trees
        if (picture := pruned(nodes, labels=labels, changed=changed, around=around)) is not None
    ]


def write_svg(drawn: Sequence[Scene], file: Path) -> None:
    """All of them in one image. Raises `ConfigurationError` where the file can't be written."""
    panels = [(scene.heading, scene.picture) for scene in drawn]
    try:
        file.write_text(to_svg(panels), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror or error}") from None


def _check(members: int, leave: Sequence[int], join: int) -> None:
    if not 0 < members <= MOST_MEMBERS:
        raise ConfigurationError(f"a tree is drawn for 1 to {MOST_MEMBERS:,} members, not {members:,}")
    if not 0 <= join <= MOST_MEMBERS:
        raise ConfigurationError(f"0 to {MOST_MEMBERS:,} members may join, not {join:,}")
    for number in leave:
        if not 0 <= number < members:
            raise ConfigurationError(
                f"there is no member {number}: they are numbered from 0 to {members - 1}"
            )


def _cipher() -> CBCCipher:
    return kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)


def _note(plan: RekeyPlan) -> str:
    if plan.re_pull:
        return "all have to register again"
    parts = (
        counted(len(plan.changed), "new key"),
        counted(plan.wraps, "wrap"),
        counted(len(plan.key_packets), "push", "pushes"),
    )
    return ", ".join(parts)


def _listed(numbers: Sequence[int]) -> str:
    names = [name(number) for number in dict.fromkeys(numbers)]
    if len(names) > 4:
        return f"{len(names):,} members"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
