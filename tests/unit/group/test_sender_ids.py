"""Sender ids (RFC 6407, 3.5): sequential, never twice, durable before use, a new start when they run out."""

from __future__ import annotations

import pytest

from gsakmp.errors import PolicyRefused, StateError
from gsakmp.group.records import AllocateSenderIDs
from gsakmp.group.sender_ids import IDS_PER_REGISTRATION, SenderIDs
from tests.unit.group.server_rig import DATA, Rig, address, changed, deletes, member, policy

CBC = changed(DATA, encryption="aes-cbc-128", integrity="hmac-sha256", sender_id_bits=16)


def test_the_first_is_zero_and_each_registration_has_its_own() -> None:
    rig = Rig()
    assert rig.join("a").sender_ids == (0,)
    assert rig.join("b", sender_ids=3).sender_ids == (1, 2, 3)
    assert rig.join("a").sender_ids == (4,)  # again, and never the old one
    assert rig.watcher("b").sender_ids == [1, 2, 3]
    assert rig.state.members[member("a")].sender_ids == (4,)


def test_receivers_and_groups_without_counter_mode_get_none() -> None:
    rig = Rig()
    assert rig.join("a", sender_ids=2, sender=False).sender_ids == ()
    assert Rig(policy(data=(CBC,))).join("a", sender_ids=2).sender_ids == ()
    assert Rig(policy(data=(CBC, changed(DATA, encryption="aes-gmac-128")))).join("a").sender_ids == (0,)


def test_they_are_staged_with_the_admission() -> None:
    rig = Rig()
    offer = rig.server.offer(member("a"), rig.now, address=address("a"))
    admission = rig.server.admit(offer, member("a"), address("a"), 2, "", rig.now)
    changes = rig.server.take_changes()
    assert AllocateSenderIDs(group="plant", next_sender_id=2) in changes
    assert admission.sender_ids == (0, 1)


def test_an_id_that_a_crash_kept_back_is_not_given_again() -> None:
    rig = Rig()
    offer = rig.server.offer(member("a"), rig.now, address=address("a"))
    rig.server.admit(offer, member("a"), address("a"), 5, "", rig.now)
    rig.journal.commit(rig.server.take_changes())  # and message 4 was never sent
    rig.crash()
    assert rig.join("b").sender_ids == (5,)


def test_one_member_gets_no_more_than_its_share() -> None:
    rig = Rig()
    with pytest.raises(PolicyRefused):
        rig.join("a", sender_ids=IDS_PER_REGISTRATION + 1)
    assert rig.server.take_changes() == []
    assert rig.join("a", sender_ids=IDS_PER_REGISTRATION).sender_ids == tuple(range(IDS_PER_REGISTRATION))


def test_when_they_run_out_the_group_starts_over() -> None:
    rig = Rig()
    names = "abcdefgh"
    for name in names:
        rig.join(name, sender_ids=32)  # all 256
    old_data, old_rekey = rig.active_data(), rig.active_rekey()
    with pytest.raises(StateError, match="run out"):
        rig.join("i")
    (push,) = rig.settle()
    assert push.sa.spi in old_rekey
    assert set(deletes(push)) == {0, 1, 2}  # data SAs and the Rekey SA (RFC 6407, 3.5)
    assert not set(old_data) & set(rig.active_data())
    assert not set(old_rekey) & set(rig.active_rekey())
    assert member("i") not in rig.state.members
    assert rig.join("i").sender_ids == (0,)
    assert rig.join("a").sender_ids == (1,)
    holders = [name for name in "abcdefghi" if rig.can_read(name)]
    assert holders == ["a", "i"]  # nobody reaches the new SAs with an old id


def test_numbers() -> None:
    ids = SenderIDs(policy(data=(changed(DATA, sender_id_bits=12),)))
    assert (ids.bits, ids.limit) == (12, 4096)
    assert ids.available(4095, 1)
    assert not ids.available(4095, 2)
    assert (ids.wanted(0, True), ids.wanted(1, True), ids.wanted(7, True), ids.wanted(7, False)) == (
        1,
        1,
        7,
        0,
    )
    none = SenderIDs(policy(data=(CBC,)))
    assert (none.bits, none.limit, none.wanted(9, True)) == (0, 0, 0)
    assert none.available(5, 0)  # ids of another policy don't stand in the way
