"""A member registers and is rekeyed (RFC 6407, 3.3, 4.4 and 5.7; RFC 5374, 4.2.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gsakmp.errors import (
    DecodeError,
    LimitExceeded,
    PolicyRefused,
    ReplayDetected,
    StateError,
    UnexpectedMessage,
)
from gsakmp.group.held import Held
from gsakmp.group.holdings import DATA_SAS
from gsakmp.group.member_types import LifecycleChanged, SAEnded, SAsInstalled
from gsakmp.group.payloads import data_key_packet, delete_payloads, group_sa
from gsakmp.group.sa import GSA
from gsakmp.payloads import KeyDownload
from tests.unit.group.member_world import GCM, Pull, Push, World, data, everything, keys_of, rekey, snapshot

# -- registration (3.3) --------------------------------------------------------------------------------


def test_pull_installs_what_was_offered_with_the_keys_of_its_spi() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10), data(11, to="ipv4:239.1.1.2")], seq=7)
    assert world.rekeys() == {1: "active"}
    assert world.states() == {10: "active", 11: "active"}
    held = world.member.rekey_sa(bytes([1]) * 16)
    assert held is not None
    assert (held.key, held.sequence_number) == (bytes([1, 1]) * 16, 7)
    assert world.numbers()[10].sa.algorithm_key == bytes([10]) * 16
    assert world.numbers()[11].sa.algorithm_key == bytes([11]) * 16
    installed = [event for event in world.member.take_events() if isinstance(event, SAsInstalled)]
    assert installed == [SAsInstalled(rekey_spis=("01" * 16,), data_spis=("000a000a", "000b000b"))]


def test_pull_of_a_rekey_sa_alone_then_data_sas_by_push() -> None:
    """Backward access control (7.4.2)."""
    world = World()
    assert world.register(rekey=[rekey(1)], seq=3).sender_ids == 1  # they can't come by push
    assert world.states() == {}
    world.push(1, 4, data=[data(10)])
    assert world.states() == {10: "active"}
    assert world.reason() is None


def test_data_sas_that_never_come_make_the_member_ask_again_less_and_less_often() -> None:
    world = World(spread=20.0)
    delays = []
    for _ in range(3):
        start = world.now
        world.register(rekey=[rekey(1, at=world.now)], seq=3)
        while world.reason() is None:
            due = world.member.next_timeout()
            assert due is not None
            world.pass_time(due - world.now)
        assert world.reason() == "no-data-sas"
        delays.append(world.now - start)
    assert delays == [310.0, 610.0, 1210.0]


def test_pull_without_seq_or_kd_is_refused_where_there_is_a_rekey_sa() -> None:
    world = World()
    gsa = GSA(rekey=(rekey(1),), data=(data(10),))
    considered = world.consider(gsa)
    before = snapshot(world)
    with pytest.raises(UnexpectedMessage, match="no SEQ"):
        world.member.install(Pull(None, keys_of(gsa)), considered, world.now)
    with pytest.raises(UnexpectedMessage, match="no KD"):
        world.member.install(Pull(0, None), considered, world.now)
    assert snapshot(world) == before


@pytest.mark.parametrize("broken", ["missing", "unasked", "twice", "short"])
def test_keys_and_policy_must_match(broken: str) -> None:
    gsa = GSA(rekey=(rekey(1),), data=(data(10), data(11, to="ipv4:239.1.1.2")))
    packets = list(keys_of(gsa).key_packets)
    if broken == "missing":
        packets.pop()
    elif broken == "unasked":
        packets.append(data_key_packet(data(12)))
    elif broken == "twice":
        packets.append(packets[-1])
    else:
        packets[-1] = data_key_packet(replace(data(11), algorithm_key=bytes(15)))
    download = KeyDownload(key_packets=tuple(packets))
    world = World()
    considered = world.consider(gsa)
    before = snapshot(world)
    with pytest.raises(DecodeError):
        world.member.install(Pull(0, download), considered, world.now)
    assert snapshot(world) == before
    world.register(rekey=[rekey(2)])
    before = snapshot(world)
    policy = group_sa(world.at_now(gsa), now=world.now, push=True)
    with pytest.raises(DecodeError):
        world.member.apply(Push(bytes([2]) * 16, 1, (), policy, download), world.now)
    assert snapshot(world) == before


def test_stale_sequence_number_of_a_pull_is_ignored() -> None:
    """Two pulls with a push between: the second one's SEQ was made before the push (3.3)."""
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)], seq=3)
    world.push(1, 5)
    world.register(rekey=[rekey(1)], data=[data(10)], seq=4)
    with pytest.raises(ReplayDetected):
        world.push(1, 5)
    world.push(1, 6)
    world.register(rekey=[rekey(1)], data=[data(10)], seq=9)
    with pytest.raises(ReplayDetected):
        world.push(1, 9)


def test_registering_again_never_lengthens_a_lifetime_and_retires_what_is_gone() -> None:
    world = World()
    world.register(rekey=[rekey(1, at=1_000.0)], data=[data(10), data(11, to="ipv4:239.1.1.2")], dtd=10)
    first = world.numbers()[10].ends_at
    world.pass_time(100)
    longer = data(10, at=world.now, lifetime=9_000)
    world.register(rekey=[rekey(1, at=world.now)], data=[longer], dtd=10)
    assert world.numbers()[10].ends_at == first
    assert world.states() == {10: "active", 11: "retiring"}
    world.pass_time(9.9)
    assert set(world.states()) == {10, 11}
    world.pass_time(0.2)
    assert set(world.states()) == {10}


def test_registering_again_for_a_rekey_sa_alone_keeps_data_sas() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.register(rekey=[rekey(2)])
    assert world.states() == {10: "active"}
    assert world.rekeys() == {1: "retiring", 2: "active"}


def test_known_spi_with_other_keys_is_refused() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    before = snapshot(world)
    with pytest.raises(PolicyRefused, match="known"):
        world.register(rekey=[rekey(1)], data=[data(10, algorithm_key=bytes(16))])
    with pytest.raises(PolicyRefused, match="known"):
        world.register(rekey=[rekey(1, key=bytes(32))], data=[data(10)])
    with pytest.raises(PolicyRefused, match="known"):
        world.push(1, 1, data=[data(10, algorithm_key=bytes(16))])
    assert snapshot(world) == before


def test_download_overtaken_by_a_push_does_not_bring_back_what_that_replaced() -> None:
    world = World()
    old = GSA(rekey=(rekey(1),), data=(data(10),))
    world.register(rekey=old.rekey, data=old.data, seq=1)
    considered = world.consider(old)
    world.push(1, 2, data=[data(20)])  # replaces 10 at once, as there is no DTD
    world.push(1, 3, rekey=[rekey(2)])
    assert world.states() == {20: "active"}
    world.member.install(Pull(1, keys_of(old)), considered, world.now)
    assert world.states() == {20: "active"}
    assert world.rekeys() == {1: "retiring", 2: "active"}
    with pytest.raises(ReplayDetected):
        world.push(1, 3)


def test_download_overtaken_by_the_delete_of_everything_is_no_registration() -> None:
    world = World()
    old = GSA(rekey=(rekey(1),), data=(data(10),))
    world.register(rekey=old.rekey, data=old.data, seq=1)
    considered = world.consider(old)
    world.push(1, 2, deletes=everything())
    with pytest.raises(StateError, match="deleted"):
        world.member.install(Pull(1, keys_of(old)), considered, world.now)
    assert world.member.gsa == GSA()


def test_download_overtaken_by_a_delete_does_not_bring_back_what_that_deleted() -> None:
    world = World()
    old = GSA(rekey=(rekey(1),), data=(data(10),))
    world.register(rekey=old.rekey, data=old.data, seq=1)
    considered = world.consider(old)
    world.push(1, 2, deletes=everything()[:2])
    world.member.install(Pull(1, keys_of(old)), considered, world.now)
    assert world.states() == {}


def test_download_overtaken_by_a_push_does_not_replace_what_that_brought() -> None:
    world = World()
    world.register(rekey=[rekey(1)], seq=1)
    old = GSA(rekey=(rekey(1),), data=(data(10),))
    considered = world.consider(old)
    world.push(1, 2, data=[data(20)])
    world.member.install(Pull(1, keys_of(old)), considered, world.now)
    assert world.states() == {20: "active"}


def test_rekey_sa_that_comes_back_goes_on_counting() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)], seq=1)
    world.push(1, 5, deletes=delete_payloads(rekey=[bytes([1]) * 16]))
    assert world.rekeys() == {}
    world.register(rekey=[rekey(1)], data=[data(10)], seq=3)
    with pytest.raises(ReplayDetected):
        world.push(1, 5)
    world.push(1, 6)


# -- rekey (4.4, 5.7) ----------------------------------------------------------------------------------


def test_tek_rekey_replaces_the_sas_for_the_same_traffic_alone() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10), data(11, to="ipv4:239.1.1.2")])
    world.push(1, 1, data=[data(20)], dtd=10)
    assert world.states() == {10: "retiring", 11: "active", 20: "active"}


def test_atd_and_dtd() -> None:
    """New SAs receive at once and send after ATD; old ones send until then and receive until DTD is over."""
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.push(1, 1, data=[data(20)], atd=5, dtd=12)
    assert world.states() == {10: "active", 20: "pending"}
    world.pass_time(4.9)
    assert world.states() == {10: "active", 20: "pending"}
    world.pass_time(0.1)
    assert world.states() == {10: "retiring", 20: "active"}
    world.pass_time(6.9)
    assert world.states() == {10: "retiring", 20: "active"}
    world.pass_time(0.1)
    assert world.states() == {20: "active"}
    events = world.member.take_events()
    assert SAEnded(category=3, spi="000a000a", reason="replaced") in events
    assert [
        event.lifecycle for event in events if isinstance(event, LifecycleChanged) and event.spi == "00140014"
    ] == ["active"]


def test_dtd_does_not_outlast_the_lifetime() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10, lifetime=30)])
    world.pass_time(25)
    world.push(1, 1, data=[data(20)], dtd=60)
    world.pass_time(5)
    assert world.states() == {20: "active"}


def test_second_rekey_within_atd() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.push(1, 1, data=[data(20)], atd=5, dtd=20)
    world.pass_time(2)
    world.push(1, 2, data=[data(30)], atd=5, dtd=20)
    assert world.states() == {10: "active", 20: "pending", 30: "pending"}
    world.pass_time(3)
    assert world.states() == {10: "retiring", 20: "active", 30: "pending"}
    world.pass_time(2)
    assert world.states() == {10: "retiring", 20: "retiring", 30: "active"}


def test_sas_for_the_same_traffic_in_one_push_stand_side_by_side() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.push(1, 1, data=[data(20, direction=1), data(21, direction=2)], dtd=10)
    assert world.states() == {10: "retiring", 20: "active", 21: "active"}
    assert {number: one.sends for number, one in world.numbers().items()} == {10: True, 20: True, 21: False}


def test_sa_deleted_before_its_atd_is_over_never_sends() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.push(1, 1, data=[data(20)], atd=5, dtd=10)
    world.pass_time(2)
    world.push(1, 2, deletes=delete_payloads(data=[data(20)]))
    assert world.states() == {10: "active", 20: "retiring"}
    world.pass_time(4)
    assert world.states() == {10: "retiring", 20: "retiring"}


def test_what_retires_does_so_at_the_earlier_of_two_times() -> None:
    held = Held(installed_at=0.0, ends_at=100.0, change=0)
    held.retire(20.0, 50.0, "replaced")
    held.retire(30.0, 60.0, "deleted")
    assert (held.stops_at, held.ends_at, held.ending) == (20.0, 50.0, "replaced")
    held.retire(10.0, 40.0, "deleted")
    assert (held.stops_at, held.ends_at, held.ending) == (10.0, 40.0, "deleted")


def test_sequence_numbers_only_grow() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)], seq=5)
    for number in (0, 4, 5):
        with pytest.raises(ReplayDetected):
            world.push(1, number)
    world.push(1, 6)
    with pytest.raises(ReplayDetected):
        world.push(1, 6)


def test_push_under_an_unknown_spi() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    assert world.member.rekey_sa(bytes(16)) is None
    with pytest.raises(UnexpectedMessage):
        world.push(9, 1)


def test_kek_rollover_starts_at_one_and_keeps_the_old_rekey_sa_for_a_while() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)], seq=5)
    world.push(1, 6, rekey=[rekey(2)])
    assert world.rekeys() == {1: "retiring", 2: "active"}
    with pytest.raises(ReplayDetected):  # the retransmission of what replaced it
        world.push(1, 6, rekey=[rekey(2)])
    world.push(2, 1, data=[data(20)])
    assert world.reason() is None
    world.pass_time(29.9)
    assert set(world.rekeys()) == {1, 2}
    world.pass_time(0.2)
    assert set(world.rekeys()) == {2}


def test_push_that_is_retransmitted_with_another_number_changes_nothing() -> None:
    """LKH arrays fill several pushes, each with the same SA KEK (4); this member has its key already."""
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.push(1, 1, rekey=[rekey(2)])
    world.push(1, 2, rekey=[rekey(2)])
    assert world.rekeys() == {1: "retiring", 2: "active"}
    before = world.rekeys()
    with pytest.raises(UnexpectedMessage, match="replaced"):
        world.push(1, 3, rekey=[rekey(3)])
    assert world.rekeys() == before


def test_weaker_successor_of_a_rekey_sa_is_refused() -> None:
    suite = rekey(1).suite
    strong = rekey(1, suite=replace(suite, key_length=256), key=bytes(48))
    world = World()
    world.register(rekey=[strong], data=[data(10)])
    before = snapshot(world)
    with pytest.raises(PolicyRefused, match=r"aes-128-cbc.*weaker.*aes-256-cbc"):
        world.push(1, 1, rekey=[rekey(2)], data=[data(20)])
    assert snapshot(world) == before  # the data SA is refused with it
    world.push(1, 1, rekey=[rekey(2, suite=replace(suite, key_length=256), key=bytes([2]) * 48)])
    assert world.rekeys() == {1: "retiring", 2: "active"}


def test_push_with_policy_and_no_keys_or_the_other_way_round() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    gsa = world.at_now(GSA(data=(data(20),)))
    before = snapshot(world)
    for policy, keys in ((group_sa(gsa, now=world.now, push=True), None), (None, keys_of(gsa))):
        with pytest.raises(UnexpectedMessage):
            world.member.apply(Push(bytes([1]) * 16, 1, (), policy, keys), world.now)
    assert snapshot(world) == before


def test_number_of_data_sas_is_bounded() -> None:
    world = World()
    world.register(rekey=[rekey(1)])
    for batch in range(DATA_SAS // 64):
        sas = [data(1_000 + 64 * batch + n, to=f"ipv4:239.{batch}.0.{n}") for n in range(64)]
        world.push(1, batch + 1, data=sas)
    before = snapshot(world)
    with pytest.raises(LimitExceeded):
        world.push(1, 100, data=[data(10, to="ipv4:239.200.1.1")])
    assert snapshot(world) == before


def test_number_of_rekey_sas_is_bounded() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    for number in range(1, 60):
        world.push(number, 1, rekey=[rekey(number + 1)])
    assert len(world.rekeys()) == 16
    assert world.rekeys()[60] == "active"


# -- the rest ------------------------------------------------------------------------------------------


def test_clear_forgets_everything() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10, transform=GCM)], sids=[3])
    world.push(1, 5)
    world.member.clear()
    assert world.member.gsa == GSA()
    assert world.member.sender_ids == ()
    assert world.member.next_timeout() is None
    world.pass_time(100_000)
    assert world.reason() is None
