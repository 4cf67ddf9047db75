"""Offers and admissions: authorisation, overtaken offers, backward rekey (RFC 6407, 3.4 and 7.4.2)."""

from __future__ import annotations

import pytest

from gsakmp.errors import PolicyRefused, StateError
from gsakmp.group import registration
from gsakmp.group.payloads import read_group_sa, read_key_download
from gsakmp.group.schedule import JOIN_REKEY_SECONDS
from gsakmp.group.server_types import MemberJoined
from gsakmp.payloads import KeyDownload
from tests.unit.group.server_rig import (
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


def test_what_is_offered_and_given_is_what_a_member_reads() -> None:
    rig = Rig(policy(rekey=(OWN_KEYS,)))
    offer = rig.server.offer(member("a"), rig.now, address=address("a"))
    admission = rig.server.admit(offer, member("a"), address("a"), 2, "", rig.now)
    offered = read_group_sa(offer.policy, rig.now)
    got = read_key_download(admission.key_download, offered, partial=False)
    (rekey,), (data,) = got.gsa.rekey, got.gsa.data
    assert rekey.key == rig.state.rekey_sas[rekey.spi].sa.key
    assert data.algorithm_key == rig.state.data_sas[b"\x01" + data.spi].sa.algorithm_key
    assert (got.sender_id_bits, tuple(got.sender_ids)) == (8, (0, 1))
    assert rig.server.take_events() == [
        MemberJoined(group="plant", member=member("a"), new=True, sender_ids=(0, 1))
    ]


def test_an_offer_changes_nothing_that_is_durable() -> None:
    rig = Rig(policy(backward_rekey="new-kek"))
    rig.join("a")
    rig.at(START + 10)
    rig.server.offer(member("b"), rig.now)
    assert rig.server.take_changes() == []
    assert rig.server.take_pushes() == []


def test_strangers_are_refused() -> None:
    from gsakmp.identities import Identity

    rig = Rig()
    assert rig.server.authorise(member("a"), None).sender
    with pytest.raises(PolicyRefused):
        rig.server.authorise(Identity.from_text("fqdn:a.elsewhere"), None)


def test_a_full_group_takes_nobody_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "GROUP_MEMBERS", 2)
    rig = Rig()
    rig.join("a")
    rig.join("b")
    with pytest.raises(PolicyRefused, match="full"):
        rig.server.offer(member("c"), rig.now)
    rig.join("a")


@pytest.mark.parametrize("management", ["flat", "lkh", "oft"])
def test_joiners_who_ask_at_once_don_t_get_in_one_another_s_way(management: str) -> None:
    """With backward rekey each admission may change the KEK; those who were offered one before come in all the
    same, and none of them has to ask again."""
    rig = Rig(policy(rekey=(changed(REKEY, management=management),), backward_rekey="new-kek"))
    for name in "ab":
        rig.join(name)
    rig.at(rig.now + 10)
    rig.server.rekey(rig.now)
    rig.settle()
    late = [f"late{number}" for number in range(8)]
    offers = {name: rig.server.offer(member(name), rig.now, address=address(name)) for name in late}
    spis = []
    for name, offer in offers.items():
        rig.server.admit(offer, member(name), address(name), 0, "", rig.now)
        spis += rig.active_rekey()
        rig.settle()
        assert [sa.spi for sa in offer.rekey] == spis[-1:]
    assert len(set(spis)) == (len(late) if management == "lkh" else 1)
    assert set(map(member, late)) <= rig.state.members.keys()


def test_a_promised_kek_is_not_for_another_policy() -> None:
    lkh = changed(REKEY, management="lkh")
    rig = Rig(policy(rekey=(lkh,), backward_rekey="new-kek"))
    rig.join("a")
    rig.at(rig.now + 10)
    rig.server.rekey(rig.now)
    rig.settle()
    offer = rig.server.offer(member("b"), rig.now, address=address("b"))
    again = rig.server.offer(member("b"), rig.now, address=address("b"))
    rig.server.reload(policy(rekey=(changed(lkh, lifetime=9_000),), backward_rekey="new-kek"), rig.now)
    rig.settle()
    for each in (offer, again):
        with pytest.raises(StateError, match="overtaken"):
            rig.server.admit(each, member("b"), address("b"), 0, "", rig.now)
    assert member("b") not in rig.state.members


@pytest.mark.parametrize("overtake", ["kek", "data", "start over"])
def test_a_rekey_overtakes_an_offer(overtake: str) -> None:
    rig = Rig()
    offer = rig.server.offer(member("a"), rig.now, address=address("a"))
    if overtake == "start over":
        rig.server.start_over(rig.now)
    else:
        rig.server.rekey(rig.now, kek=overtake == "kek", data=overtake == "data")
    rig.settle()
    with pytest.raises(StateError, match="overtaken"):
        rig.server.admit(offer, member("a"), address("a"), 0, "", rig.now)
    assert rig.server.take_changes() == []


def test_an_offer_is_for_one_member() -> None:
    rig = Rig()
    offer = rig.server.offer(member("a"), rig.now, address=address("a"))
    with pytest.raises(StateError):
        rig.server.admit(offer, member("b"), address("b"), 0, "", rig.now)


def test_the_sequence_number_is_that_of_the_last_push() -> None:
    rig = Rig()
    assert rig.join("a").sequence_number == 0
    for _ in range(3):
        rig.server.rekey(rig.now, kek=False)
    rig.settle()
    assert rig.join("b").sequence_number == 3


def test_a_push_while_an_offer_is_out_is_told() -> None:
    """The offer has no data SA, so new ones don't overtake it; the number is that of message 4's moment."""
    rig = Rig(policy(backward_rekey="new-data-keys"))
    rig.join("a")
    offer = rig.server.offer(member("b"), rig.now, address=address("b"))
    rig.at(rig.now + JOIN_REKEY_SECONDS)
    admission = rig.server.admit(offer, member("b"), address("b"), 0, "", rig.now)
    assert admission.sequence_number == 1


def kinds(download: KeyDownload) -> list[int]:
    return [int(packet.kd_type) for packet in download.key_packets]


def test_backward_rekey_with_new_data_keys() -> None:
    """RFC 6407, 7.4.2: the Rekey SA alone, then a push that deletes the old data SAs and brings new ones."""
    rig = Rig(policy(backward_rekey="new-data-keys"))
    admission = rig.join("a")
    assert kinds(admission.key_download) == [2, 4]  # KEK and SID, no TEK
    assert rig.at(rig.now + JOIN_REKEY_SECONDS / 2) == []
    (push,) = rig.at(rig.now + JOIN_REKEY_SECONDS)
    assert rig.can_read("a")
    past = rig.active_data()
    rig.now += 50
    rig.join("b")
    rig.now += JOIN_REKEY_SECONDS / 2
    rig.join("c")  # one push for both
    pushes = rig.at(rig.now + JOIN_REKEY_SECONDS)
    (push,) = pushes
    assert deletes(push) == {1: tuple(past)}
    assert all(rig.can_read(name) for name in "abc")
    for name in "bc":
        assert not set(past) & rig.watcher(name).teks.keys()
    assert rig.at(rig.now + 100) == []


def test_a_member_that_registers_again_gets_what_it_may_have() -> None:
    rig = Rig(policy(backward_rekey="new-data-keys"))
    rig.join("a")
    rig.join("a")  # again before the push: still nothing of the past
    assert not rig.watcher("a").teks
    rig.at(rig.now + JOIN_REKEY_SECONDS)
    admission = rig.join("a")
    assert not admission.new
    assert kinds(admission.key_download) == [1, 2, 4]
    assert rig.at(rig.now + 100) == []


@pytest.mark.parametrize("eviction", ["own-keys", "re-pull"])
def test_backward_rekey_with_a_new_kek(eviction: str) -> None:
    """RFC 6407, 7.4.2, second: who has stored old pushes can't read them either."""
    rig = Rig(policy(rekey=(changed(REKEY, eviction=eviction),), backward_rekey="new-kek"))
    rig.join("a")
    rig.at(rig.now + 10)
    stored = list(rig.sent)
    (old,) = rig.active_rekey()
    rig.join("b")
    (new,) = rig.active_rekey()
    assert new != old
    rig.now += JOIN_REKEY_SECONDS / 2
    rig.join("c")  # nothing was pushed under the new one yet
    assert rig.active_rekey() == [new]
    pushes = rig.at(rig.now + 10)
    assert [(push.sa.spi, bool(data_spis(push))) for push in rig.sent[len(stored) :]] == [
        (old, False),
        (new, True),
    ]
    assert [push.sequence_number for push in pushes] == [1]
    assert all(rig.can_read(name) for name in "abc")
    for name in "bc":
        late = rig.watcher(name)
        assert not {push.sa.spi for push in stored} & late.keks.keys()
        assert late.teks.keys() == set(rig.active_data())


def test_an_offer_for_a_new_kek_is_overtaken_by_a_push_under_it() -> None:
    rig = Rig(policy(backward_rekey="new-kek"))
    rig.join("a")
    rig.at(rig.now + 10)
    early = rig.server.offer(member("b"), rig.now, address=address("b"))
    rig.join("c")
    rig.at(rig.now + 10)
    with pytest.raises(StateError, match="overtaken"):
        rig.server.admit(early, member("b"), address("b"), 0, "", rig.now)
    rig.join("b")


def test_a_pending_join_outlives_a_crash() -> None:
    rig = Rig(policy(backward_rekey="new-data-keys"))
    rig.join("a")
    pushes = rig.crash()
    assert len(pushes) == 1
    assert rig.can_read("a")
    assert rig.crash() != [pushes[0]]


def test_own_keys_are_on_record_for_acknowledgements() -> None:
    rig = Rig(policy(rekey=(OWN_KEYS,)))
    rig.join("a")
    ((_, key),) = rig.watcher("a").own
    assert rig.state.members[member("a")].key == key
