"""Rollover, forward rekey, deletes: what is pushed under which key, and who can read what follows."""

from __future__ import annotations

import pytest

from gsakmp.errors import ConfigurationError, PolicyRefused, StateError
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.records import AdvanceSequenceNumber, PutRekeySA, ResetSenderIDs
from gsakmp.group.schedule import LAST_SEQUENCE_NUMBER, SEQUENCE_RESERVE
from gsakmp.group.server import GroupServer
from gsakmp.group.server_types import GroupStartedOver, MemberRemoved
from gsakmp.payloads import GroupSA, KeyDownload
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
    tek_policies,
)

ALL_DELETED = {1: (bytes(4),), 2: (bytes(4),), 0: (bytes(16),)}
"""RFC 6407, 5.9: an SPI of zero for each TEK protocol, then for the KEK."""


def test_a_new_group_is_durable_before_anything_leaves() -> None:
    rig = Rig()
    assert rig.durable == rig.state
    assert not rig.sent
    assert [entry.kind for entry in rig.journal.audit][:1] == ["created"]
    (spi,) = rig.active_rekey()
    assert len(spi) == 16
    assert any(spi[:8])
    assert any(spi[8:])
    (tek,) = rig.active_data()
    assert int.from_bytes(tek, "big") >= 256


def test_spis_below_256_zero_or_taken_are_drawn_again() -> None:
    draws = [bytes(3) + b"\xff", bytes(4), b"\0\0\x01\0"]
    drawn: list[bytes] = []

    def random(count: int) -> bytes:
        if count == 4 and draws:
            drawn.append(draws.pop(0))
            return drawn[-1]
        import os

        return os.urandom(count)

    server = GroupServer(policy(), None, random=random, now=START)
    assert [r.sa.spi for r in server.state.data_sas.values()] == [b"\0\0\x01\0"]
    draws += [b"\0\0\x01\0", b"\0\0\x01\x01"]  # in use, then free
    server.rekey(START, kek=False)
    assert {r.sa.spi for r in server.state.data_sas.values()} == {b"\0\0\x01\0", b"\0\0\x01\x01"}


def test_a_data_sa_is_replaced_its_margin_before_its_end() -> None:
    rig = Rig()
    rig.join("a")
    (old,) = rig.active_data()
    due = START + DATA.lifetime - DATA.rollover_margin
    assert rig.server.next_timeout() == due
    assert rig.at(due - 1) == []
    (push,) = rig.at(due)
    (new,) = rig.active_data()
    assert new != old
    assert data_spis(push) == {new}
    assert tek_policies(push) == 1
    assert deletes(push) == {1: (old,)}
    assert push.sequence_number == 1
    assert (push.destinations, push.retransmissions, push.interval) == ((), 2, 2.0)
    assert rig.can_read("a")


def test_a_replaced_data_sa_is_kept_for_dtd() -> None:
    rig = Rig(policy(activation_delay=5, deactivation_delay=20))
    (old,) = rig.active_data()
    rig.at(START + 3300)
    assert old in {r.sa.spi for r in rig.state.data_sas.values()}
    rig.at(START + 3319)
    assert len(rig.state.data_sas) == 2
    rig.at(START + 3320)
    assert len(rig.state.data_sas) == 1


def test_a_kek_is_replaced_under_the_old_one_and_starts_at_one() -> None:
    rig = Rig()
    rig.join("a")
    (old,) = rig.active_rekey()
    rig.server.rekey(rig.now, data=False)
    (push,) = rig.settle()
    (new,) = rig.active_rekey()
    assert push.sa.spi == old
    assert not data_spis(push)
    assert rig.watcher("a").keks[new] == rig.state.rekey_sas[new].sa.key
    assert rig.state.rekey_sas[new].sa.key != rig.state.rekey_sas[old].sa.key
    assert rig.state.rekey_sas[new].sa.sequence_number == 0
    rig.server.rekey(rig.now, kek=False)
    (push,) = rig.settle()
    assert (push.sa.spi, push.sequence_number) == (new, 1)  # RFC 6407, 4: the first one has 1


def test_the_kek_rolls_over_before_its_end_and_the_old_one_goes_later() -> None:
    rig = Rig()
    rig.join("a")
    (old,) = rig.active_rekey()
    pushes = rig.at(START + REKEY.lifetime - REKEY.rollover_margin)
    assert [push.reason for push in pushes if not data_spis(push)] == ["lifetime"]
    assert old not in rig.active_rekey()
    assert old in rig.state.rekey_sas
    rig.at(rig.now + 63)
    assert old in rig.state.rekey_sas
    rig.at(rig.now + 1)  # 60 seconds and two retransmissions
    assert old not in rig.state.rekey_sas


@pytest.mark.parametrize("hide", [False, True])
def test_forward_rekey_with_own_keys(hide: bool) -> None:
    """RFC 6407, 7.4.1: the KEK first, data SAs under the new one; a second KEK hides even its policy."""
    rig = Rig(policy(rekey=(OWN_KEYS,), hide_policy_from_leaver=hide))
    for name in "abc":
        rig.join(name)
    (first,) = rig.active_rekey()
    (old,) = rig.active_data()
    pushes = rig.evict("b")
    (last,) = rig.active_rekey()
    assert len(pushes) == (3 if hide else 2)
    assert pushes[0].sa.spi == first
    assert pushes[-1].sa.spi == last
    assert pushes[-1].sequence_number == 1
    for push in pushes:
        assert not (data_spis(push) and push.sa.spi in rig.watcher("b").keks)
    assert deletes(pushes[-1]) == {1: (old,)}
    assert rig.can_read("a")
    assert rig.can_read("c")
    assert not rig.can_read("b")
    assert last not in rig.watcher("b").keks
    assert (last in rig.watcher("b").policies) is not hide
    assert [e for e in rig.events if isinstance(e, MemberRemoved)] == [
        MemberRemoved(group="plant", member=member("b"), kind="evicted")
    ]


def test_one_batch_of_changes_holds_a_whole_eviction() -> None:
    rig = Rig(policy(rekey=(OWN_KEYS,)))
    for name in "abc":
        rig.join(name)
    rig.server.evict(member("b"), rig.now)
    advanced = [c for c in rig.server.take_changes() if isinstance(c, AdvanceSequenceNumber)]
    pushes = rig.server.take_pushes()
    assert [(c.spi, c.sequence_number) for c in advanced] == [(p.sa.spi, p.sequence_number) for p in pushes]


def test_forward_rekey_by_registering_again() -> None:
    rig = Rig()
    for name in "abc":
        rig.join(name)
    (old,) = rig.active_data()
    (push,) = rig.evict("b")
    assert deletes(push) == ALL_DELETED
    assert not any(isinstance(payload, GroupSA | KeyDownload) for payload in push.payloads)
    assert rig.watcher("a").deleted
    assert not rig.can_read("a")
    assert rig.state.next_sender_id == 0
    admission = rig.join("a")
    assert admission.sequence_number == 0
    assert not admission.new
    assert rig.can_read("a")
    assert old not in rig.active_data()
    assert not rig.can_read("b")


def test_without_forward_rekey_nothing_changes() -> None:
    rig = Rig(policy(rekey=(OWN_KEYS,), forward_rekey=False))
    rig.join("a")
    rig.join("b")
    before = (rig.active_rekey(), rig.active_data())
    assert rig.evict("b") == []
    assert (rig.active_rekey(), rig.active_data()) == before
    assert member("b") not in rig.state.members
    rig.server.rekey(rig.now)  # the structure is rid of who left at the next change
    rig.settle()
    assert rig.can_read("a")
    assert not rig.can_read("b")


def test_the_last_member_leaves_and_nobody_is_told() -> None:
    rig = Rig()
    rig.join("a")
    before = (rig.active_rekey(), rig.active_data())
    rig.server.leave(member("a"), rig.now)
    assert rig.settle() == []
    assert rig.active_rekey() != before[0]
    assert rig.active_data() != before[1]
    with pytest.raises(StateError):
        rig.server.leave(member("a"), rig.now)


def test_unicast_goes_to_each_member_but_not_to_who_left() -> None:
    rig = Rig(policy(rekey=(changed(OWN_KEYS, transport="unicast", destination=""),)))
    for name in "abc":
        rig.join(name)
    pushes = rig.evict("b")
    assert {push.destinations for push in pushes} == {(address("a"), address("c"))}
    assert rig.can_read("c")
    assert rig.server.status(rig.now).rekey[0].transport == "unicast"


def test_several_sa2_each_serve_their_members() -> None:
    other = changed(OWN_KEYS, destination="239.2.2.2", destination_port=8480)
    rig = Rig(policy(rekey=(OWN_KEYS, other)))
    names = "abcdefgh"
    for name in names:
        rig.join(name)
    served = {name: len(rig.watcher(name).keks) for name in names}
    assert set(served.values()) == {1}  # one SA KEK in an SA payload (RFC 6407, 5.2.1)
    rig.server.rekey(rig.now, kek=False)
    pushes = rig.settle()
    assert {(str(p.sa.destination.data), p.sa.destination_port) for p in pushes} == {
        ("239.1.1.1", 848),
        ("239.2.2.2", 8480),
    }
    assert all(rig.can_read(name) for name in names)
    rig.evict("c")
    assert [name for name in names if not rig.can_read(name)] == ["c"]


def test_members_get_an_sa2_of_their_own_address_family() -> None:
    six = changed(REKEY, source="::", destination="ff15::1")
    rig = Rig(policy(rekey=(REKEY, six)))
    for number in range(6):
        identity = member(f"m{number}")
        place = f"[2001:db8::{number}]:848" if number % 2 else f"192.0.2.{number}:848"
        offer = rig.server.offer(identity, rig.now, address=place)
        assert offer.rekey[0].policy_index == number % 2


def test_null_and_absent_sa2() -> None:
    for rekey in ((), (RekeyPolicy(transport="null"),)):
        rig = Rig(policy(rekey=rekey))
        admission = rig.join("a")
        assert admission.sequence_number is None
        assert rig.can_read("a")
        (old,) = rig.active_data()
        assert rig.server.status(rig.now).null_rekey is bool(rekey)
        rig.join("b")
        assert rig.evict("b") == []
        assert rig.active_data() == [old]  # else those who stay would lose one another
        assert "reads on until" in rig.journal.audit[-1].detail
        assert rig.at(START + 3300) == []
        assert rig.active_data() != [old]
        rig.at(START + 3599)
        assert len(rig.state.data_sas) == 2  # members have it until its end: nobody told them
        rig.at(START + 3600)
        assert len(rig.state.data_sas) == 1


def test_one_data_sa_for_each_sender_and_a_mix() -> None:
    each = changed(DATA, senders=("ipv4:192.0.2.1", "ipv4:192.0.2.2"))
    rig = Rig(policy(data=(each, changed(DATA, lifetime=7200))))
    sas = [r.sa for r in rig.state.data_sas.values()]
    assert [str(sa.selector.source) for sa in sas] == ["ipv4:192.0.2.1", "ipv4:192.0.2.2", "None"]
    assert len({sa.algorithm_key for sa in sas}) == 3  # RFC 6407, 3.5: keys of their own
    rig.join("a")
    (push,) = rig.at(START + 3300)
    assert len(data_spis(push)) == 2  # the third lives longer
    assert rig.can_read("a")


def test_a_clean_slate_has_new_signing_keys() -> None:
    rig = Rig()
    rig.join("a")
    (old,) = rig.active_rekey()
    rig.server.start_over(rig.now)
    (push,) = rig.settle()
    assert deletes(push) == ALL_DELETED
    (new,) = rig.active_rekey()
    assert rig.state.rekey_sas[new].signing_key != rig.state.rekey_sas[old].signing_key
    assert any(isinstance(event, GroupStartedOver) for event in rig.events)


def test_the_end_of_a_group() -> None:
    rig = Rig()
    rig.join("a")
    rig.server.dissolve(rig.now)
    (push,) = rig.settle()
    assert deletes(push) == ALL_DELETED
    assert not rig.state.members
    assert not rig.active_rekey()
    with pytest.raises(PolicyRefused):
        rig.server.offer(member("a"), rig.now)
    with pytest.raises(StateError):
        rig.server.rekey(rig.now)
    assert rig.at(rig.now + 100_000) == []
    assert not rig.state.rekey_sas
    rig.server.reload(rig.policy, rig.now)
    rig.settle()
    rig.join("a")
    assert rig.can_read("a")


def test_sequence_numbers_run_out_before_they_end() -> None:
    rig = Rig()
    rig.join("a")
    (spi,) = rig.active_rekey()
    for number in (LAST_SEQUENCE_NUMBER - SEQUENCE_RESERVE - 1, LAST_SEQUENCE_NUMBER - SEQUENCE_RESERVE):
        rig.journal.commit([AdvanceSequenceNumber(group="plant", spi=spi, sequence_number=number)])
        rig.crash()
        assert (spi in rig.active_rekey()) is (number < LAST_SEQUENCE_NUMBER - SEQUENCE_RESERVE)
    assert [push.sequence_number for push in rig.sent] == [LAST_SEQUENCE_NUMBER - SEQUENCE_RESERVE + 1]
    (new,) = rig.active_rekey()
    assert rig.state.rekey_sas[spi].sa.sequence_number == LAST_SEQUENCE_NUMBER - SEQUENCE_RESERVE + 1
    assert rig.state.rekey_sas[new].sa.sequence_number == 0


def test_no_push_has_a_number_beyond_32_bits() -> None:
    rig = Rig()
    rig.join("a")
    (spi,) = rig.active_rekey()
    rig.server.take_changes()
    rig.server._core.ledger.stage(
        AdvanceSequenceNumber(group="plant", spi=spi, sequence_number=LAST_SEQUENCE_NUMBER)
    )
    with pytest.raises(StateError, match="run out"):
        rig.server.rekey(rig.now, kek=False)


def test_an_expired_kek_carries_nothing() -> None:
    rig = Rig()
    rig.join("a")
    (old,) = rig.active_rekey()
    rig.now = START + REKEY.lifetime + 1
    rig.server.handle_timeout(rig.now)  # far too late
    assert rig.settle() == []
    assert old not in rig.active_rekey()
    rig.join("a")
    assert rig.can_read("a")


def test_a_policy_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Rig(policy(rekey=(changed(REKEY, destination="192.0.2.1"),)))
    many = changed(DATA, senders=tuple(f"ipv4:192.0.{n // 200}.{n % 200 + 1}" for n in range(201)))
    with pytest.raises(ConfigurationError, match="201 data SAs"):
        Rig(policy(data=(many,)))


def test_replaced_sas_are_bounded() -> None:
    rig = Rig()
    rig.join("a")
    for _ in range(140):
        rig.server.rekey(rig.now)
        rig.settle()
    assert len(rig.state.rekey_sas) == 129
    assert rig.durable == rig.state


def test_status_tells_what_operators_look_at_and_no_key() -> None:
    rig = Rig(policy(rekey=(changed(OWN_KEYS, acknowledgement="sha256"),)))
    rig.join("a", subject="CN=a")
    rig.now += 100
    status = rig.server.status(rig.now)
    (rekey,), (data,), (entry,) = status.rekey, status.data, rig.server.members()
    (structure,) = status.structures
    assert (structure.algorithm, structure.members, structure.depth) == ("flat", 1, 1)
    assert (structure.capacity, structure.degree) == (65_535, 65_535)
    assert (status.members, status.leaving) == (1, 0)
    assert (status.identity, status.next_sender_id, status.sender_id_limit) == ("key-id:0x000004d2", 1, 256)
    assert (rekey.encryption, rekey.key_length, rekey.signature_hash) == (
        "KEK_ALG_AES",
        128,
        "SIG_HASH_SHA256",
    )
    assert (rekey.management, rekey.acknowledgement) == ("LKH", "REKEY_ACK_LKH_SHA256")
    assert (rekey.lifetime_seconds, rekey.remaining_seconds, rekey.rekey_in_seconds) == (10_000, 9_900, 9_300)
    assert (data.transform, data.remaining_seconds, data.rekey_in_seconds) == ("ESP_AES_GCM_16", 3500, 3200)
    assert (entry.identity, entry.sender_ids, entry.certificate) == ("fqdn:a.example", (0,), "CN=a")
    state = rig.state
    keys = [r.sa.key for r in state.rekey_sas.values()] + [r.signing_key for r in state.rekey_sas.values()]
    keys += [r.sa.algorithm_key for r in state.data_sas.values()] + [state.members[member("a")].key]
    rig.server.rekey(rig.now)
    shown = repr(status) + repr(entry) + repr(rig.server.take_changes()) + repr(rig.server.take_pushes())
    for key in keys:
        assert len(key) >= 16
        assert key.hex() not in shown
        assert repr(key)[2:-1] not in shown


def test_a_reset_comes_with_new_data_sas_alone() -> None:
    """RFC 6407, 3.5: the counter starts again when every data SA and the Rekey SA are deleted."""
    rig = Rig(policy(rekey=(OWN_KEYS,)))
    rig.join("a")
    rig.join("b")
    rig.server.evict(member("b"), rig.now)  # a is led, and keeps its sender id
    assert not any(isinstance(change, ResetSenderIDs) for change in rig.server.take_changes())
    rig.server.start_over(rig.now)
    changes = rig.server.take_changes()
    kinds = [type(change) for change in changes]
    assert ResetSenderIDs in kinds
    assert kinds.count(PutRekeySA) == 2  # the old one retired, the new one made
