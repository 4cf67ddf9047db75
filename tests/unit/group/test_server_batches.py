"""Changes of membership that are collected, and followed by one rekey (`GroupPolicy.batch_interval`)."""

from __future__ import annotations

from typing import Any

import pytest

from gsakmp.errors import ConfigurationError, StateError
from gsakmp.group.checks import check_policy
from tests.unit.group.server_rig import DATA, OWN_KEYS, REKEY, START, Rig, changed, data_spis, member, policy

BATCH = 60.0
LKH = changed(REKEY, management="lkh", degree=2)


def rig(**changes: Any) -> Rig:
    given = {"rekey": (OWN_KEYS,), "batch_interval": BATCH, **changes}
    made = Rig(policy(**given))
    for name in "abcdef":
        made.join(name)
    return made


def readers(made: Rig) -> str:
    return "".join(name for name in "abcdef" if made.can_read(name))


def test_leavers_of_an_interval_are_shut_out_together() -> None:
    made = rig()
    keks, teks = made.active_rekey(), made.active_data()
    assert made.evict("a") == []
    assert set(made.state.members) == {member(name) for name in "bcdef"}
    assert (made.active_rekey(), made.active_data()) == (keks, teks)
    made.at(START + 20)
    made.server.leave(member("b"), made.now)
    assert made.settle() == []
    status = made.server.status(made.now)
    assert (status.members, status.leaving, status.structures[0].members) == (4, 2, 6)
    assert made.at(START + BATCH - 1) == []
    first, second = made.at(START + BATCH)
    assert (first.reason, second.reason) == ("batch", "batch")
    assert readers(made) == "cdef"
    assert not set(keks) & set(made.active_rekey())
    status = made.server.status(made.now)
    assert (status.leaving, status.structures[0].members) == (0, 4)
    assert made.durable == made.state
    assert made.at(START + 3 * BATCH) == []  # nobody has left since


def test_at_once_without_an_interval() -> None:
    made = rig(batch_interval=0.0)
    made.evict("a")
    made.evict("b")
    assert readers(made) == "cdef"
    assert len({push.sa.spi for push in made.sent}) == 3  # each has its own KEK change, and new data SAs


def test_the_last_who_leaves_leaves_nothing_behind() -> None:
    made = Rig(policy(rekey=(OWN_KEYS,), batch_interval=BATCH))
    made.join("a")
    teks = made.active_data()
    made.evict("a")
    assert not set(teks) & set(made.active_data())
    assert made.server.status(made.now).leaving == 0


def test_joiners_share_no_kek_where_the_tree_looks_back() -> None:
    """What LKH gives a joiner beside the KEK is older, and opens pushes under KEKs before (7.4.2)."""
    made = Rig(policy(rekey=(LKH,), batch_interval=BATCH, backward_rekey="new-kek"))
    for name in "ab":
        made.join(name)
    made.at(START + BATCH)
    keks = []
    for name in "cde":
        made.join(name)
        keks += made.active_rekey()
        assert keks[-1] in made.watcher(name).keks
        assert not set(keks[:-1]) & made.watcher(name).keks.keys()
    assert len(set(keks)) == 3
    made.at(made.now + BATCH)
    assert all(made.can_read(name) for name in "abcde")


@pytest.mark.parametrize("rekey", [OWN_KEYS, REKEY, LKH], ids=["own-keys", "re-pull", "lkh"])
@pytest.mark.parametrize("hide", [False, True])
def test_who_was_leaving_when_the_key_server_died_is_shut_out(rekey: Any, hide: bool) -> None:
    made = rig(rekey=(rekey,), hide_policy_from_leaver=hide)
    made.evict("a")
    made.evict("d")
    made.crash()
    for name in "bcef":
        if made.watcher(name).deleted:
            made.join(name)
    assert readers(made) == "bcef"
    assert made.server.status(made.now).structures[0].members == 4
    made.at(made.now + 200)  # what was replaced is forgotten
    assert made.crash() == []


def test_what_is_replaced_anyway_ends_the_interval() -> None:
    made = rig(data=(changed(DATA, lifetime=400, rollover_margin=100),), batch_interval=300.0)
    made.now = START + 250
    made.evict("a")
    pushes = made.at(START + 300)  # the data SAs are due
    assert [push.reason for push in pushes] == ["batch", "batch"]
    assert readers(made) == "bcdef"
    made.evict("b")
    made.server.rekey(made.now)
    made.settle()
    assert readers(made) == "cdef"
    assert made.server.status(made.now).leaving == 0


@pytest.mark.parametrize("crash", [False, True])
def test_a_new_kek_alone_ends_the_interval_too(crash: bool) -> None:
    """Else a crash would forget who has left, once it is out of the structure, and leave it the data keys."""
    made = rig()
    made.evict("a")
    made.server.rekey(made.now, data=False)
    made.settle()
    if crash:
        made.crash()
    assert readers(made) == "bcdef"
    assert not set(made.active_rekey()) & made.watcher("a").keks.keys()


@pytest.mark.parametrize("crash", [False, True])
def test_who_leaves_before_it_has_registered_again(crash: bool) -> None:
    """It is in no structure, so a crash would forget about it, and it may have data keys still."""
    made = rig(rekey=(changed(OWN_KEYS, lifetime=2_000, rollover_margin=0),))
    made.now = START + 2_001  # nobody was there to replace the KEK in time
    made.server.handle_timeout(made.now)
    made.settle()
    for name in "bcdef":
        made.join(name)
    assert made.can_read("a")
    assert made.server.status(made.now).structures[0].members == 5
    made.evict("a")
    if crash:
        made.crash()
    else:
        made.at(made.now + BATCH)
    assert readers(made) == "bcdef"


def test_who_left_by_its_own_wish_may_come_back_to_its_place() -> None:
    made = rig()
    made.server.leave(member("a"), made.now)
    made.settle()
    made.join("a")
    assert made.server.status(made.now).structures[0].members == 6
    made.at(START + BATCH)
    assert readers(made) == "abcdef"
    assert not made.watcher("a").deleted


def test_who_was_put_out_comes_back_with_other_keys() -> None:
    """Whoever has taken its keys can't go on with them because it was let in again."""
    made = rig()
    before = made.state.members[member("a")].key
    made.evict("a")
    with pytest.raises(StateError, match="put out just before"):
        made.join("a")
    made.settle()
    assert readers(made) == "bcdef"
    made.join("a")
    assert made.state.members[member("a")].key != before
    assert made.can_read("a")


def test_joiners_of_an_interval_share_a_kek_that_has_carried_nothing() -> None:
    made = Rig(policy(rekey=(OWN_KEYS,), batch_interval=BATCH, backward_rekey="new-kek"))
    for name in "ab":
        made.join(name)
    made.at(START + BATCH)
    assert made.can_read("a")
    recorded = list(made.sent)
    before = set(made.active_data())
    made.at(START + 100)
    for moment, name in ((100, "c"), (110, "d"), (120, "e")):
        made.at(START + moment)
        made.join(name)
        assert not made.watcher(name).teks
    (kek,) = made.active_rekey()
    assert all(kek in made.watcher(name).keks for name in "abcde")
    assert made.state.rekey_sas[kek].sa.sequence_number == 0
    pushes = made.at(START + 100 + BATCH)
    assert [len(data_spis(push)) for push in pushes] == [1]
    assert all(made.can_read(name) for name in "abcde")
    for push in recorded:  # whoever kept what was sent before
        for name in "cde":
            made.watcher(name).hear(push)
    assert not any(before & made.watcher(name).teks.keys() for name in "cde")


@pytest.mark.parametrize("rekey", [OWN_KEYS, LKH], ids=["own-keys", "lkh"])
def test_leaves_and_joins_of_an_interval(rekey: Any) -> None:
    made = Rig(policy(rekey=(rekey,), batch_interval=BATCH, backward_rekey="new-kek"))
    for name in "abcd":
        made.join(name)
    made.at(START + BATCH)
    made.evict("a")
    made.at(made.now + 30)
    made.join("e")
    made.evict("b")
    made.at(made.now + 30)
    assert "".join(name for name in "abcde" if made.can_read(name)) == "cde"
    assert made.server.next_timeout() != made.now


def test_without_forward_rekey_who_has_left_drops_out_when_the_kek_ends() -> None:
    for rekey, members in ((OWN_KEYS, 5), (REKEY, 6)):
        made = rig(rekey=(rekey,), forward_rekey=False, batch_interval=0.0)
        made.evict("a")
        assert made.can_read("a")
        assert made.server.status(made.now).structures[0].members == 6
        made.crash()
        assert not any(made.watcher(name).deleted for name in "bcdef")
        made.at(START + REKEY.lifetime)
        assert made.server.status(made.now).structures[0].members == members
        assert readers(made).endswith("bcdef")
        assert not any(made.watcher(name).deleted for name in "bcdef")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"batch_interval": -1.0}, "number of seconds"),
        ({"batch_interval": float("nan")}, "number of seconds"),
        ({"batch_interval": float("inf")}, "number of seconds"),
        ({"batch_interval": 5.0, "rekey": ()}, "needs a rekey SA"),
        ({"batch_interval": 5.0, "forward_rekey": False}, "forward_rekey or backward_rekey"),
        ({"batch_interval": 3_600.0}, "shorter than each lifetime, and one is 3600"),
        ({"batch_interval": 241.0, "backward_rekey": "new-kek"}, "register again"),
    ],
)
def test_intervals_that_make_no_sense(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_policy(policy(**fields))


def test_intervals_that_do() -> None:
    for fields in (
        {"batch_interval": 3_599.0},
        {"batch_interval": 240.0, "backward_rekey": "new-data-keys", "forward_rekey": False},
    ):
        check_policy(policy(**fields))
