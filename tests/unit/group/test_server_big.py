"""A group's room, and that what one member does costs the same however many there are."""

from __future__ import annotations

from typing import Any

import pytest

from gsakmp.errors import PolicyRefused, StateError
from gsakmp.group.rekey import rekey_algorithms
from gsakmp.limits import GROUP_MEMBERS
from tests.unit.group.server_rig import REKEY, Rig, address, changed, member, policy

MULTICAST = [changed(REKEY, management=name) for name in rekey_algorithms() if name != "flat"]
MULTICAST.append(changed(REKEY, eviction="own-keys"))


class Unread(dict[Any, Any]):
    """Members that nobody looks at one by one."""

    def refuse(self, *_: Any) -> Any:
        raise AssertionError("somebody looks at all members")

    __iter__ = values = items = keys = copy = refuse


@pytest.mark.parametrize("rekey", MULTICAST, ids=lambda rekey: rekey.management)
@pytest.mark.parametrize("backward", ["off", "new-kek"])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("interval", [0.0, 30.0])
def test_no_verb_looks_at_all_members(rekey: Any, backward: str, several: bool, interval: float) -> None:
    rekeys = (rekey, changed(rekey, destination="239.2.2.2")) if several else (rekey,)
    rig = Rig(policy(rekey=rekeys, backward_rekey=backward, batch_interval=interval))
    for number in range(12):
        rig.join(f"m{number}")
    rig.at(rig.now + 60)
    server = rig.server
    server.rekey(rig.now)  # of several SA2s it counts once which serve whom
    rig.settle()
    server.state.members = Unread(server.state.members)
    offer = server.offer(member("late"), rig.now, address=address("late"))
    server.admit(offer, member("late"), address("late"), 0, "", rig.now)
    server.evict(member("m3"), rig.now)
    server.leave(member("m4"), rig.now)
    server.next_timeout()
    rig.now += 60
    server.handle_timeout(rig.now)
    server.rekey(rig.now)
    status = server.status(rig.now)
    assert (status.members, status.leaving) == (11, 0)
    assert sum(structure.members for structure in status.structures) == 11
    assert len(server.take_pushes()) > 2
    server.take_changes()


def test_who_has_several_sa2_is_told_apart_without_a_look_at_all() -> None:
    """No push goes under an SA2 that serves nobody, whoever came and went meanwhile."""
    rig = Rig(policy(rekey=(REKEY, changed(REKEY, destination="239.2.2.2"))))
    names = [f"m{number}" for number in range(8)]
    for name in names:
        rig.join(name)
    core = rig.server._core
    for gone in [*names, "m0", "m1"]:
        if member(gone) in rig.state.members:
            rig.evict(gone)
        else:
            rig.join(gone)
        for index in core.indices():
            assert core.serves(index) == bool(core.members_of(index))


def test_room_is_what_the_algorithms_have() -> None:
    rig = Rig(policy(rekey=(REKEY, changed(REKEY, destination="239.2.2.2"))))
    core = rig.server._core
    core.algorithms[0].capacity = core.algorithms[1].capacity = 2
    refused = 0
    for number in range(20):
        try:
            rig.join(f"m{number}")
        except PolicyRefused as error:
            refused += 1
            assert "is full: rekey[" in str(error)
    assert (len(rig.state.members), refused) == (4, 16)
    assert [len(core.algorithms[index]) for index in (0, 1)] == [2, 2]
    rig.join(next(iter(rig.state.members)).to_text()[5:-8])  # who is in may register again


def test_room_may_be_gone_between_offer_and_admission() -> None:
    rig = Rig(policy(rekey=(REKEY,)))
    rig.server._core.algorithms[0].capacity = 1
    offer = rig.server.offer(member("a"), rig.now, address=address("a"))
    rig.join("b")
    with pytest.raises((PolicyRefused, StateError)):
        rig.server.admit(offer, member("a"), address("a"), 0, "", rig.now)
    assert rig.server.take_changes() == []


def test_the_limit_is_above_what_a_tree_of_lkh_ids_has() -> None:
    assert GROUP_MEMBERS >= 1_000_000


def test_parts_of_an_algorithm_are_not_kept_twice() -> None:
    rig = Rig(policy(rekey=(changed(REKEY, eviction="own-keys"),)))
    for name in "abc":
        rig.join(name)
    assert rig.state.rekey_parts == {}
    rig.crash()
    assert rig.state.rekey_parts == {}
    assert len(rig.journal.load()["plant"].rekey_parts[0]) == 3
    rig.evict("a")
    rig.crash()
    assert [rig.can_read(name) for name in "abc"] == [False, True, True]
