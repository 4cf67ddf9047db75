"""Restarts, after a crash and with another policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gsakmp.errors import ConfigurationError
from gsakmp.group.policy import GroupPolicy, MemberPolicy
from gsakmp.group.server import GroupServer
from gsakmp.group.server_types import GroupStartedOver
from tests.unit.group.server_rig import (
    DATA,
    OWN_KEYS,
    REKEY,
    START,
    Rig,
    address,
    changed,
    data_spis,
    deletes,
    member,
    policy,
)

Verb = Callable[[Rig], None]

CHANGES: dict[str, Verb] = {
    "kek": lambda rig: rig.server.rekey(rig.now, data=False),
    "data": lambda rig: rig.server.rekey(rig.now, kek=False),
    "both": lambda rig: rig.server.rekey(rig.now),
    "evict": lambda rig: rig.server.evict(member("c"), rig.now),
    "leave": lambda rig: rig.server.leave(member("c"), rig.now),
    "start over": lambda rig: rig.server.start_over(rig.now),
}


@pytest.mark.parametrize("downtime", [0, 100_000])
@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("eviction", ["own-keys", "re-pull"])
@pytest.mark.parametrize("verb", CHANGES)
def test_a_crash_before_the_pushes_leaves_nobody_behind(
    verb: str, eviction: str, hide: bool, downtime: int
) -> None:
    """What is durable but was never sent: members are brought along, or told to register again; who was
    evicted is neither."""
    rig = Rig(policy(rekey=(changed(REKEY, eviction=eviction),), hide_policy_from_leaver=hide))
    for name in "abc":
        rig.join(name)
    rig.now += 10
    CHANGES[verb](rig)
    rig.settle(send=False)
    numbers = {spi: record.sa.sequence_number for spi, record in rig.state.rekey_sas.items()}
    rig.now += downtime
    pushes = rig.crash()
    assert all(push.sequence_number > numbers.get(push.sa.spi, 0) for push in pushes)
    out = {"c"} if verb in ("evict", "leave") else set()
    for name in set("abc") - out:
        left_behind = not rig.can_read(name) and not rig.watcher(name).deleted
        assert not left_behind or downtime > REKEY.lifetime  # then its own KEK's end makes it register
    for name in out:
        assert not rig.can_read(name)
    for name in "ab":
        rig.join(name)
        assert rig.can_read(name)
    assert rig.durable == rig.state


def test_a_crash_before_the_commit_undoes_the_change_whole() -> None:
    rig = Rig(policy(rekey=(OWN_KEYS,)))
    for name in "abc":
        rig.join(name)
    before = rig.durable
    rig.server.evict(member("b"), rig.now)
    rig.crash()
    assert rig.state == before
    assert rig.can_read("b")


def test_a_joiner_whose_kek_was_never_pushed() -> None:
    rig = Rig(policy(backward_rekey="new-kek"))
    rig.join("a")
    rig.at(rig.now + 10)
    offer = rig.server.offer(member("b"), rig.now, address=address("b"))
    rig.server.admit(offer, member("b"), address("b"), 0, "", rig.now)
    rig.settle(send=False)
    rig.crash()
    assert rig.watcher("a").deleted
    rig.join("a")
    rig.join("b")
    rig.at(rig.now + 10)
    assert rig.can_read("a")
    assert rig.can_read("b")


def test_a_quiet_restart_pushes_nothing() -> None:
    rig = Rig()
    rig.join("a")
    before = rig.durable
    rig.now += 100
    assert rig.crash() == []
    assert rig.state == before
    assert [entry.kind for entry in rig.journal.audit][-1] == "restarted"


def test_sas_that_ended_meanwhile_are_replaced() -> None:
    rig = Rig()
    rig.join("a")
    old = rig.active_data()
    rig.now = START + DATA.lifetime + 1  # the KEK lives on
    (push,) = rig.crash()
    assert data_spis(push) == set(rig.active_data())
    assert rig.active_data() != old
    assert rig.can_read("a")
    rig.now = START + 10 * REKEY.lifetime
    assert rig.crash() == []  # no KEK that could carry anything
    assert all(
        record.sa.expires_at > rig.now for record in rig.state.data_sas.values() if not record.retired_at
    )
    rig.join("a")
    assert rig.can_read("a")


def test_the_algorithm_goes_on_after_a_restart() -> None:
    rig = Rig(policy(rekey=(OWN_KEYS,)))
    for name in "abc":
        rig.join(name)
    rig.crash()
    rig.evict("b")
    assert [rig.can_read(name) for name in "abc"] == [True, False, True]


def test_state_that_the_algorithm_does_not_know_begins_anew() -> None:
    rig = Rig(policy(rekey=(OWN_KEYS,)))
    rig.join("a")
    rig.journal.groups["plant"].rekey_algorithm[0] = b"nonsense"
    (push,) = rig.crash()
    assert set(deletes(push)) == {0, 1, 2}
    rig.join("a")
    assert rig.can_read("a")


def test_another_groups_state_is_refused() -> None:
    rig = Rig()
    with pytest.raises(ConfigurationError):
        GroupServer(policy(name="other"), rig.journal.load()["plant"], now=rig.now)
    with pytest.raises(ConfigurationError):
        rig.server.reload(policy(name="other"), rig.now)


# -- another policy ------------------------------------------------------------------------------------


def reload(rig: Rig, using: GroupPolicy, restart: bool) -> None:
    if restart:
        rig.crash(using)
    else:
        rig.server.reload(using, rig.now)
        rig.settle()


CBC = changed(DATA, encryption="aes-cbc-128", integrity="hmac-sha256", sender_id_bits=16)


@pytest.mark.parametrize("restart", [False, True])
def test_sas_change_by_push(restart: bool) -> None:
    """SA2 updated over the old SA2, SA3 replaced, one SA3 deleted."""
    rig = Rig(policy(rekey=(OWN_KEYS,), data=(CBC, changed(CBC, lifetime=7200))))
    rig.join("a")
    old_rekey, old_data = rig.active_rekey(), rig.active_data()
    using = policy(
        rekey=(changed(OWN_KEYS, destination="239.7.7.7", lifetime=20_000),),
        data=(changed(CBC, encryption="aes-cbc-128", lifetime=1800),),
    )
    reload(rig, using, restart)
    first, second = rig.sent
    assert first.sa.spi in old_rekey
    assert str(second.sa.destination.data) == "239.7.7.7"
    assert deletes(second) == {1: tuple(old_data)}
    assert len(data_spis(second)) == 1
    assert rig.can_read("a")
    assert not rig.watcher("a").deleted
    assert rig.durable == rig.state
    assert rig.crash() != []  # the replaced ones are still held
    rig.at(rig.now + 100)
    assert rig.crash() == []


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    "using",
    [
        policy(rekey=(changed(REKEY, encryption="aes-256-cbc"),)),
        policy(rekey=(OWN_KEYS,)),
        policy(rekey=(REKEY, changed(REKEY, destination="239.2.2.2"))),
        policy(rekey=()),
        policy(rekey=(changed(REKEY, signature="ecdsa-384-sha384"),)),
        policy(data=(changed(DATA, sender_id_bits=12),)),
    ],
    ids=["cipher", "algorithm", "more", "none", "signature", "sender ids"],
)
def test_where_members_cannot_be_led_the_group_starts_over(using: GroupPolicy, restart: bool) -> None:
    rig = Rig()
    rig.join("a")
    old = set(rig.active_data())
    reload(rig, using, restart)
    assert rig.watcher("a").deleted
    assert not old & set(rig.active_data())
    assert any(isinstance(event, GroupStartedOver) for event in rig.events)
    assert rig.state.next_sender_id == 0
    assert len(rig.active_rekey()) == len(using.rekey)
    rig.join("a")
    assert rig.can_read("a")
    assert rig.durable == rig.state


@pytest.mark.parametrize("restart", [False, True])
def test_who_is_no_longer_authorised_is_evicted(restart: bool) -> None:
    rig = Rig(policy(rekey=(OWN_KEYS,)))
    for name in "abc":
        rig.join(name)
    reload(rig, policy(rekey=(OWN_KEYS,), members=(MemberPolicy(identity="fqdn:a.example"),)), restart)
    assert set(rig.state.members) == {member("a")}
    assert [rig.can_read(name) for name in "abc"] == [True, False, False]
    assert [entry.kind for entry in rig.journal.audit].count("unauthorised") == 2


@pytest.mark.parametrize("own_keys", [False, True])
def test_both_at_once(own_keys: bool) -> None:
    rekey = OWN_KEYS if own_keys else REKEY
    rig = Rig(policy(rekey=(rekey,), data=(CBC,)))
    for name in "abc":
        rig.join(name)
    using = policy(
        rekey=(changed(rekey, destination="239.7.7.7"),),
        data=(CBC,),
        members=(MemberPolicy(identity="fqdn:a.example"),),
    )
    reload(rig, using, False)
    assert rig.can_read("a") is own_keys
    assert rig.watcher("a").deleted is not own_keys
    assert not rig.can_read("b")


@pytest.mark.parametrize("restart", [False, True])
def test_what_sas_are_not_made_of_changes_no_sa(restart: bool) -> None:
    rig = Rig()
    rig.join("a")
    before = (rig.active_rekey(), rig.active_data())
    using = policy(
        members=(MemberPolicy(identity="fqdn:*.example"), MemberPolicy(identity="fqdn:x.other")),
        rekey=(changed(REKEY, retransmissions=0, rollover_margin=700),),
    )
    reload(rig, using, restart)
    assert rig.sent == []
    assert (rig.active_rekey(), rig.active_data()) == before


def test_members_by_certificate_stay_by_their_subject() -> None:
    by_subject = MemberPolicy(certificate="CN=*,O=Plant")
    rig = Rig(policy(members=(by_subject, MemberPolicy(identity="fqdn:b.example"))))
    rig.join("a", subject="CN=a,O=Plant")
    rig.join("b", subject="CN=b,O=Elsewhere")
    rig.join("c", subject="CN=c,O=Plant")
    named = MemberPolicy(identity="fqdn:c.*", certificate="CN=*,O=Plant")
    by_name = MemberPolicy(certificate="b.example")
    rig.server.reload(policy(members=(named, by_name)), rig.now)
    rig.settle()
    assert set(rig.state.members) == {member("b"), member("c")}


def test_a_refused_policy_changes_nothing() -> None:
    rig = Rig()
    rig.join("a")
    before = rig.durable
    with pytest.raises(ConfigurationError):
        rig.server.reload(policy(rekey=(changed(REKEY, destination="192.0.2.1"),)), rig.now)
    assert rig.server.take_changes() == []
    assert rig.state == before
    assert rig.server.policy == rig.policy
