"""What a group's server does where a key structure comes to its end, or the group does."""

from __future__ import annotations

from typing import Any

import pytest

from gsakmp.errors import StateError
from gsakmp.group.server_types import MemberRemoved
from tests.unit.group.server_rig import OWN_KEYS, REKEY, Rig, changed, member, policy

LKH = changed(REKEY, management="lkh")
OFT = changed(REKEY, management="oft")
STRUCTURES = pytest.mark.parametrize("rekey", [OWN_KEYS, LKH, OFT], ids=["flat", "lkh", "oft"])
LAST = 0xFFFF_FFFF


def used_up(rig: Rig) -> None:
    """As after four thousand million keys."""
    algorithm: Any = rig.server._core.algorithms[0]
    if hasattr(algorithm, "_epoch"):
        algorithm._epoch = LAST
    else:
        algorithm._next_handle = LAST + 1


def filled(rekey: Any, **changes: Any) -> Rig:
    rig = Rig(policy(rekey=(rekey,), **changes))
    for name in "abcd":
        rig.join(name)
    return rig


@STRUCTURES
@pytest.mark.parametrize("batch_interval", [0.0, 30.0])
def test_whoever_is_evicted_is_shut_out_though_no_key_can_be_named_any_more(
    rekey: Any, batch_interval: float
) -> None:
    rig = filled(rekey, batch_interval=batch_interval)
    used_up(rig)
    rig.evict("a")
    rig.at(rig.now + batch_interval)
    assert not rig.can_read("a")
    assert all(rig.watcher(name).deleted for name in "bcd"), "they register again"
    for name in "bcd":
        rig.join(name)
        assert rig.can_read(name)
    assert not rig.can_read("a")
    rig.evict("b")
    rig.at(rig.now + batch_interval)
    assert rekey is OFT or (rig.can_read("c") and not rig.can_read("b"))


@STRUCTURES
def test_a_lifetime_that_ends_then_starts_the_group_over(rekey: Any) -> None:
    rig = filled(rekey)
    used_up(rig)
    before = rig.active_rekey()
    rig.at(rig.now + REKEY.lifetime)
    assert rig.active_rekey() != before
    assert all(rig.watcher(name).deleted for name in "abcd")


@pytest.mark.parametrize("rekey", [OWN_KEYS, LKH], ids=["flat", "lkh"])
@pytest.mark.parametrize("backward_rekey", ["off", "new-kek"])
def test_a_joiner_for_whom_there_is_no_handle_comes_in_by_its_second_pull(
    rekey: Any, backward_rekey: str
) -> None:
    rig = filled(rekey, backward_rekey=backward_rekey)
    used_up(rig)
    with pytest.raises(StateError, match="starts over"):
        rig.join("e")
    rig.settle()
    for name in "eabcd":
        rig.join(name)
    rig.at(rig.now + 60)
    assert all(rig.can_read(name) for name in "abcde")


def test_a_group_that_has_ended_keeps_no_structure() -> None:
    rig = filled(LKH)
    rig.server.dissolve(rig.now)
    rig.settle()
    assert rig.server.status(rig.now).structures == ()
    state = rig.journal.load()["plant"]
    assert (state.rekey_algorithm, state.rekey_parts, state.members) == ({}, {}, {})


def test_a_group_comes_back_with_fewer_rekey_sas_and_then_with_more() -> None:
    two = policy(rekey=(LKH, changed(LKH, destination="239.1.1.2")))
    rig = Rig(two)
    for name in "abcdef":
        rig.join(name)
    rig.server.dissolve(rig.now)
    rig.settle()
    for again in (policy(rekey=(LKH,)), two):
        rig.server.reload(again, rig.now)
        rig.settle()
        assert len(rig.server.status(rig.now).structures) == len(again.rekey)
        for name in "abcdef":
            rig.join(name)
        assert all(rig.can_read(name) for name in "abcdef")
    rig.evict("a")
    assert rig.can_read("b")
    assert not rig.can_read("a")
    assert [event.member for event in rig.events if isinstance(event, MemberRemoved)] == [member("a")]


@STRUCTURES
def test_forward_rekey_that_a_new_policy_asks_for_shuts_out_who_had_left_before(rekey: Any) -> None:
    rig = filled(rekey, forward_rekey=False)
    rig.evict("a")
    assert rig.can_read("a")
    rig.server.reload(policy(rekey=(rekey,)), rig.now)
    rig.settle()
    assert not rig.can_read("a")
    assert rekey is OFT or all(rig.can_read(name) for name in "bcd")
