"""Acknowledgements of pushes (RFC 8263): counted, waited for, and what silence leads to."""

from __future__ import annotations

import pytest

from gsakmp.errors import AuthenticationFailed, UnexpectedMessage
from gsakmp.group.server_types import MemberRemoved, MemberWentSilent
from gsakmp.identities import Identity
from tests.unit.group.server_rig import OWN_KEYS, REKEY, Rig, address, changed, member, policy

ACK = changed(REKEY, acknowledgement="sha256", silent_rekeys=2, retransmissions=1)
WAIT = 12.0
"""10 seconds (RFC 8263, 6) and one retransmission of 2."""
LONGER = 15.0
"""With two."""


def rekeyed(rig: Rig) -> tuple[bytes, int]:
    rig.server.rekey(rig.now, kek=False)
    (push,) = rig.settle()
    return push.sa.spi, push.sequence_number


def test_the_base_key_is_the_kek_without_its_iv() -> None:
    rig = Rig(policy(rekey=(ACK,)))
    rig.join("a")
    (spi,) = rig.active_rekey()
    assert rig.server.base_key(spi, member("a")) == rig.watcher("a").keks[spi][16:]
    own = Rig(policy(rekey=(changed(OWN_KEYS, acknowledgement="sha512"),)))
    own.join("a")
    (spi,) = own.active_rekey()
    ((_, key),) = own.watcher("a").own
    assert own.server.base_key(spi, member("a")) == key[16:]


def test_a_member_is_known_by_its_address_too() -> None:
    """RFC 8263, 3.4: the ID payload holds the address that the member registered from."""
    rig = Rig(policy(rekey=(ACK,)))
    rig.join("a")
    spi, number = rekeyed(rig)
    where = Identity.from_text(f"ipv4:{address('a').partition(':')[0]}")
    rig.server.base_key(spi, where)
    assert rig.server.acknowledge(spi, number, where)
    assert not rig.server.acknowledge(spi, number, member("a"))  # it was the same one
    assert rig.server.status(rig.now).acknowledgements == 1
    assert rig.server.members()[0].acknowledged == number


def test_who_and_what_is_unknown_is_refused() -> None:
    rig = Rig(policy(rekey=(ACK,)))
    rig.join("a")
    spi, number = rekeyed(rig)
    stranger = Identity.from_text("ipv4:203.0.113.9")
    with pytest.raises(AuthenticationFailed):
        rig.server.base_key(spi, stranger)
    with pytest.raises(AuthenticationFailed):
        rig.server.base_key(bytes(16), member("a"))
    with pytest.raises(AuthenticationFailed):
        rig.server.acknowledge(spi, number, stranger)
    for never in (0, number + 1):
        with pytest.raises(UnexpectedMessage):
            rig.server.acknowledge(spi, never, member("a"))
    quiet = Rig()
    quiet.join("a")
    with pytest.raises(AuthenticationFailed):
        quiet.server.base_key(quiet.active_rekey()[0], member("a"))


def test_one_that_went_silent_is_reported_once_and_not_dropped() -> None:
    rig = Rig(policy(rekey=(ACK,)))
    rig.join("a")
    rig.join("b")
    for _ in range(4):
        spi, number = rekeyed(rig)
        rig.now += 1
        rig.server.acknowledge(spi, number, member("a"))
        rig.at(rig.now + WAIT)
        rig.settle()
    silent = [event for event in rig.events if isinstance(event, MemberWentSilent)]
    assert silent == [MemberWentSilent(group="plant", member=member("b"), rekeys=2)]
    assert rig.state.members[member("b")].silent_rekeys == 4
    assert rig.state.members[member("a")].silent_rekeys == 0
    assert rig.state.members[member("a")].acknowledged == 4
    assert [entry.member for entry in rig.journal.audit if entry.kind == "silent"] == ["fqdn:b.example"]


def test_nothing_is_missing_before_the_wait_is_over() -> None:
    rig = Rig(policy(rekey=(ACK,)))
    rig.join("a")
    rekeyed(rig)
    rig.at(rig.now + WAIT - 0.1)
    assert rig.state.members[member("a")].silent_rekeys == 0
    rig.at(rig.now + 0.1)
    assert rig.state.members[member("a")].silent_rekeys == 1


def test_policy_drops_who_was_heard_before_and_is_silent_now() -> None:
    """RFC 8263, 6: not before at least one acknowledgement was received from it."""
    rig = Rig(policy(rekey=(changed(ACK, drop_silent=True, eviction="own-keys"),)))
    for name in "abc":
        rig.join(name)
    for turn in range(4):
        spi, number = rekeyed(rig)
        for name in "ab" if turn == 0 else "a":
            rig.server.acknowledge(spi, number, member(name))
        rig.at(rig.now + WAIT)
        rig.settle()
    assert [e for e in rig.events if isinstance(e, MemberRemoved)] == [
        MemberRemoved(group="plant", member=member("b"), kind="silent")
    ]
    assert not rig.can_read("b")  # forward rekey as for any eviction
    assert rig.can_read("a")
    assert member("c") in rig.state.members


def test_a_late_one_counts_and_clears() -> None:
    rig = Rig(policy(rekey=(ACK,)))
    rig.join("a")
    spi, number = rekeyed(rig)
    rig.at(rig.now + WAIT)
    assert rig.state.members[member("a")].silent_rekeys == 1
    assert rig.server.acknowledge(spi, number, member("a"))
    rig.settle()
    assert rig.state.members[member("a")].silent_rekeys == 0
    assert not rig.server.acknowledge(spi, number, member("a"))


def test_a_replaced_kek_still_takes_acknowledgements() -> None:
    rig = Rig(policy(rekey=(changed(OWN_KEYS, acknowledgement="sha256"),)))
    for name in "abc":
        rig.join(name)
    pushes = rig.evict("b")
    (old, new) = (push.sa.spi for push in pushes)
    assert old not in rig.active_rekey()
    assert rig.server.rekey_sa(old) is not None
    ((_, key),) = rig.watcher("a").own
    assert rig.server.base_key(old, member("a")) == key[16:]
    assert rig.server.acknowledge(old, 1, member("a"))
    assert rig.server.acknowledge(new, 1, member("a"))
    with pytest.raises(AuthenticationFailed):
        rig.server.base_key(old, member("b"))
    rig.at(rig.now + 100)
    assert rig.server.rekey_sa(old) is None


def test_a_replaced_kek_takes_none_outside_a_round() -> None:
    """Its pushes were counted from 1, as those of its successor are: after a restart, which knows no round,
    an acknowledgement that was recorded before would else pass for a sign of life."""
    rig = Rig(policy(rekey=(changed(OWN_KEYS, acknowledgement="sha256"),)))
    for name in "ab":
        rig.join(name)
    for _ in range(5):
        old, number = rekeyed(rig)
        rig.server.acknowledge(old, number, member("a"))
    rig.at(rig.now + LONGER)
    rig.evict("b")
    (new,) = rig.active_rekey()
    rig.server.acknowledge(new, 1, member("a"))
    rig.at(rig.now + LONGER)
    for _ in range(2):
        rekeyed(rig)
        rig.at(rig.now + LONGER)
    rig.crash()
    before = rig.state.members[member("a")]
    assert (before.acknowledged, before.silent_rekeys) == (1, 2)
    assert rig.server.rekey_sa(old) is not None
    for sequence_number in range(1, 7):
        assert not rig.server.acknowledge(old, sequence_number, member("a"))
    assert rig.state.members[member("a")] == before


def test_who_has_just_joined_owes_nothing() -> None:
    rig = Rig(policy(rekey=(ACK,)))
    rig.join("a")
    rekeyed(rig)
    rig.now += 5
    rig.join("b")
    rig.at(rig.now + WAIT)
    assert [m.silent_rekeys for m in rig.state.members.values()] == [1, 0]


def test_rekeys_that_follow_one_another_are_one_round() -> None:
    rig = Rig(policy(rekey=(ACK,)))
    rig.join("a")
    rig.join("b")
    spi, first = rekeyed(rig)
    rig.now += 6
    rekeyed(rig)
    rig.server.acknowledge(spi, first, member("a"))
    rig.at(rig.now + WAIT)
    assert [m.silent_rekeys for m in rig.state.members.values()] == [0, 1]


def test_several_behind_one_address() -> None:
    """With the group's key there is no telling them apart, and too little blame is better (RFC 8263, 6)."""
    rig = Rig(policy(rekey=(ACK,)))
    for name, port in (("a", 1), ("b", 2)):
        offer = rig.server.offer(member(name), rig.now)
        rig.server.admit(offer, member(name), f"198.51.100.1:{port}", 0, "", rig.now)
    rig.settle()
    spi, number = rekeyed(rig)
    shared = Identity.from_text("ipv4:198.51.100.1")
    assert rig.server.acknowledge(spi, number, shared)
    rig.at(rig.now + WAIT)
    assert [m.silent_rekeys for m in rig.state.members.values()] == [0, 0]
    own = Rig(policy(rekey=(changed(OWN_KEYS, acknowledgement="sha256"),)))
    for name, port in (("a", 1), ("b", 2)):
        offer = own.server.offer(member(name), own.now)
        own.server.admit(offer, member(name), f"198.51.100.1:{port}", 0, "", own.now)
    with pytest.raises(AuthenticationFailed):  # whose key would it be?
        own.server.base_key(own.active_rekey()[0], shared)


def test_a_clean_slate_blames_nobody() -> None:
    rig = Rig(policy(rekey=(ACK,)))
    rig.join("a")
    rekeyed(rig)
    rig.server.start_over(rig.now)
    rig.settle()
    rig.at(rig.now + 100)
    assert rig.state.members[member("a")].silent_rekeys == 0
