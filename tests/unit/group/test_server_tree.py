"""A group's key tree as operators look at it, all of it or its upper part."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.group.server_rig import OWN_KEYS, REKEY, Rig, changed, member, policy

TREES = {
    "lkh": changed(REKEY, management="lkh", degree=3),
    "oft": changed(REKEY, management="oft"),
    "flat": OWN_KEYS,
}


def grown(rekey: Any) -> Rig:
    rig = Rig(policy(rekey=(rekey,)))
    for number in range(20):
        rig.join(f"m{number}")
    rig.server.rekey(rig.now)  # who waits enters the tree (OFT)
    rig.settle()
    return rig


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("who", ["m0", "m7", "m19"])
def test_a_members_path_shows_as_far_as_the_tree_does(name: str, who: str) -> None:
    server = grown(TREES[name]).server
    whole = server.tree(limit=1000, member=member(who))
    assert whole.complete
    assert whole.path[0][0] == 0
    assert whole.names[whole.path[0]] == f"fqdn:{who}.example"
    assert whole.path[-1] == whole.nodes[0].place
    for limit in range(1, len(whole.nodes)):
        part = server.tree(limit=limit, member=member(who))
        shown = {node.place for node in part.nodes}
        assert part.path == tuple(place for place in whole.path if place in shown)
