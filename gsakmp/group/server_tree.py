"""A rekey algorithm's tree as operators look at it: its nodes, and whose the leaves are. No key is in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from gsakmp.errors import ConfigurationError
from gsakmp.group.rekey import Place, RekeyAlgorithm, TreeNode
from gsakmp.group.server_core import ServerCore
from gsakmp.identities import Identity

__all__ = ["TreeView", "tree_view"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeView:
    """The upper part of a tree, or all of it."""

    algorithm: str
    members: int
    capacity: int
    nodes: tuple[TreeNode, ...]
    """The root first, level by level; none for an algorithm without a tree."""
    names: dict[Place, str]
    """Whose leaves they are, of those in `nodes`."""
    complete: bool
    """Whether these are all nodes."""
    path: tuple[Place, ...] = ()
    """The places from a member's leaf up to the root, of those in `nodes`: its keys, which change when it
    leaves."""


def tree_view(core: ServerCore, index: int, limit: int, member: Identity | None) -> TreeView:
    """See `GroupServer.tree`."""
    algorithm = core.algorithms.get(index)
    if algorithm is None or index not in core.indices():
        raise ConfigurationError(f"{core.name!r} has no rekey[{index}] that pushes")
    found = algorithm.tree()
    nodes = tuple(islice(found, limit))
    leaves = {node.place for node in nodes if node.kind == "leaf"}
    return TreeView(
        algorithm=core.policy.rekey[index].management,
        members=len(algorithm),
        capacity=algorithm.capacity,
        nodes=nodes,
        names=_names(core, algorithm, leaves) if leaves else {},
        complete=next(found, None) is None,
        path=() if member is None else _path(nodes, algorithm.leaf_of(member), _degree(core, index)),
    )


def _degree(core: ServerCore, index: int) -> int:
    """By which the places of a tree follow from one another; 0 where only the algorithm knows."""
    rekey = core.policy.rekey[index]
    return {"lkh": rekey.degree, "oft": 2}.get(rekey.management, 0)


def _path(nodes: tuple[TreeNode, ...], leaf: int, degree: int) -> tuple[Place, ...]:
    parents = {node.place: node.parent for node in nodes}
    place: Place | None = (0, leaf)
    path: list[Place] = []
    top = nodes[0].place[0] if nodes else -1
    while degree and place is not None and place not in parents and place[0] < top:  # below what is shown
        place = place[0] + 1, place[1] // degree
    while place is not None and place in parents:
        path.append(place)
        place = parents[place]
    return tuple(path or [node.place for node in nodes[:1]])  # every path ends at the root


def _names(core: ServerCore, algorithm: RekeyAlgorithm, leaves: set[Place]) -> dict[Place, str]:
    """It looks at members only until each leaf has its name: those who are leaving have left theirs."""
    names: dict[Place, str] = {}
    for identity in _present(core, algorithm):
        place = (0, algorithm.leaf_of(identity))
        if place in leaves:
            names[place] = identity.to_text()
            if len(names) == len(leaves):
                break
    return names


def _present(core: ServerCore, algorithm: RekeyAlgorithm) -> list[Identity]:
    known = [identity for leaving in core.leaving.values() for identity in leaving.known]
    return [identity for identity in (*core.state.members, *known) if identity in algorithm]
