"""A key server's key tree for people, drawn of what ``gsakmp gcks tree`` is told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from gsakmp.errors import ConfigurationError
from gsakmp.group.rekey import Place, TreeNode
from gsakmp.group.rekey.drawing import Item, pruned, to_text
from gsakmp.group.rekey.drawing_svg import to_svg

__all__ = ["show_tree"]


def show_tree(plain: dict[str, Any], svg: Path | None = None, *, leaver: str = "") -> None:
    """The tree as text, or as an image in a new file; `leaver` is whose path the answer marks.

    Raises `ConfigurationError` for a file that can't be written, and an algorithm without a tree."""
    picture = drawn(plain)
    title = f"{plain['algorithm']}: {plain['members']:,} members, room for {plain['capacity']:,}"
    if leaver:
        title += f"; new keys if {leaver} is evicted"
    if svg is None:
        wide = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
        print(title)
        print(to_text(picture, ascii_only=not wide))
        if not plain["complete"]:
            print("what is below these nodes is left out; more with --limit")
        return
    try:
        svg.write_text(to_svg([(title, picture)]), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{svg}: {error.strerror or error}") from None
    print(f"{svg} shows {title}")


def drawn(plain: dict[str, Any]) -> Item:
    """The picture. Raises `ConfigurationError` where there is no tree."""
    nodes = [node_of(entry) for entry in plain["nodes"]]
    labels = {
        (entry["level"], entry["index"]): entry["member"] for entry in plain["nodes"] if entry["member"]
    }
    path: list[Place] = [(level, index) for level, index in plain["path"]]
    changed = [(level, index) for level, index in path if level]  # the leaf goes with its member
    picture = pruned(nodes, labels=labels, changed=changed, around=path)
    if picture is None:
        raise ConfigurationError(f"the algorithm {plain['algorithm']} has no tree")
    return picture


def node_of(entry: dict[str, Any]) -> TreeNode:
    """A node of the answer."""
    parent = entry["parent"]
    return TreeNode(
        place=(entry["level"], entry["index"]),
        parent=None if parent is None else (parent[0], parent[1]),
        kind=entry["kind"],
        wire_id=entry["id"],
        handle=entry["handle"],
    )
