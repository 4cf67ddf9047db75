"""Sender ids (RFC 6407, 3.5 and 5.6.4), deletes (5.9), LKH (5.6.3) and the keys of acknowledgements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gsakmp.crypto import KEK
from gsakmp.crypto.ciphers import AES_128_CBC
from gsakmp.errors import (
    DecodeError,
    LengthMismatch,
    PolicyRefused,
    RemoteError,
)
from gsakmp.group.member import Acceptance
from gsakmp.group.member_types import SAEnded
from gsakmp.group.payloads import delete_payloads, group_sa, sender_id_packet
from gsakmp.group.rekey.packets import download_packet, lkh_key, update_array
from gsakmp.group.sa import GSA
from gsakmp.payloads import GroupDelete, KeyDownload, KeyPacket
from gsakmp.registries import DOINumber, KEKAckRequested, KeyDownloadType, TEKProtocolID
from tests.unit.group.member_world import GCM, Pull, Push, World, data, everything, keys_of, rekey, snapshot

ESP = TEKProtocolID.GDOI_PROTO_IPSEC_ESP


# -- sender ids (3.5, 5.6.4) ---------------------------------------------------------------------------


def test_sender_asks_for_a_sender_id_only_for_a_counter_mode_that_it_sends_with() -> None:
    counted = GSA(data=(data(10, transform=GCM),))
    assert World().consider(counted).sender_ids == 1
    assert World().consider(GSA(data=(data(10),))).sender_ids == 0
    assert World(Acceptance(sender=False)).consider(counted).sender_ids == 0
    receiver_only = GSA(data=(data(10, transform=GCM, direction=2),))
    assert World().consider(receiver_only).sender_ids == 0
    of_another = GSA(data=(data(10, transform=GCM, source="ipv4:10.0.0.1"),))
    assert World().consider(of_another).sender_ids == 0
    assert World(Acceptance(sources=("ipv4:10.0.0.1",))).consider(of_another).sender_ids == 1


def test_counter_mode_is_not_installed_without_a_sender_id() -> None:
    world = World()
    with pytest.raises(PolicyRefused, match="sender id"):
        world.register(rekey=[rekey(1)], data=[data(10, transform=GCM)])
    assert world.member.gsa == GSA()
    receiver = World(Acceptance(sender=False))
    receiver.register(rekey=[rekey(1)], data=[data(10, transform=GCM)])
    assert [one.sends for one in receiver.member.data_sas] == [False]


def test_push_of_a_counter_mode_without_a_sender_id() -> None:
    """Not installed; the rest of the push is; the member registers again to get an id (4.4)."""
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.pass_time(1_000)
    world.push(1, 1, data=[data(20, transform=GCM), data(21, to="ipv4:239.1.1.2")])
    assert world.states() == {10: "active", 21: "active"}
    assert world.reason() is None
    world.pass_time(10.0)  # half of the spread
    assert world.reason() == "no-sender-id"
    world.register(rekey=[rekey(1)], data=[data(20, transform=GCM)], seq=1, sids=[4])
    assert world.reason() is None
    assert world.numbers()[20].sends
    assert (world.member.sender_ids, world.member.sender_id_bits) == ((4,), 16)


def test_registration_that_brought_no_sender_id_is_not_repeated_at_once() -> None:
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.pass_time(100)
    world.push(1, 1, data=[data(20, transform=GCM)])
    world.pass_time(209.9)
    assert world.reason() is None
    world.pass_time(0.1)
    assert world.reason() == "no-sender-id"


def test_push_of_a_counter_mode_uses_the_sender_ids_of_the_registration() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10, transform=GCM)], sids=[3, 4])
    world.push(1, 1, data=[data(20, transform=GCM)])
    assert world.numbers()[20].sends
    assert world.member.sender_ids == (3, 4)


def test_sender_ids_never_come_by_push() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    gsa = world.at_now(GSA(data=(data(20, transform=GCM),)))
    keys = keys_of(gsa, extra=[sender_id_packet(16, [1])])
    before = snapshot(world)
    with pytest.raises(RemoteError):
        world.member.apply(
            Push(bytes([1]) * 16, 1, (), group_sa(gsa, now=world.now, push=True), keys), world.now
        )
    assert snapshot(world) == before


def test_registering_again_replaces_sender_ids_and_never_repeats_nonces() -> None:
    counted = data(10, transform=GCM)
    world = World()
    world.register(rekey=[rekey(1)], data=[counted], sids=[3])
    before = snapshot(world)
    with pytest.raises(PolicyRefused, match="nonces would repeat"):
        world.register(rekey=[rekey(1)], data=[counted], sids=[9, 3])
    assert snapshot(world) == before
    world.register(rekey=[rekey(1)], data=[counted], sids=[5])
    assert world.member.sender_ids == (5,)
    world.register(rekey=[rekey(1)], data=[counted], sids=[6])
    for used in (3, 5, 6):  # not those before the last either
        with pytest.raises(PolicyRefused, match="nonces would repeat"):
            world.register(rekey=[rekey(1)], data=[counted], sids=[used])


def test_counter_that_started_again_is_fine_with_new_sas_and_stops_the_old_ones() -> None:
    """The GCKS has run out of sender ids, made new SAs and begun at zero (3.5)."""
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10, transform=GCM)], sids=[0], atd=5, dtd=10)
    world.pass_time(5)
    world.register(rekey=[rekey(2)], data=[data(20, transform=GCM)], sids=[0], atd=5, dtd=10)
    assert world.states() == {10: "active", 20: "pending"}
    assert {number: one.sends for number, one in world.numbers().items()} == {10: False, 20: True}


def test_sender_ids_go_with_the_rekey_sa() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10, transform=GCM)], sids=[3])
    world.push(1, 1, deletes=delete_payloads(rekey=[bytes([1]) * 16]))
    assert world.member.sender_ids == ()
    assert not world.numbers()[10].sends


# -- deletes (5.9) -------------------------------------------------------------------------------------


def test_delete_of_named_teks_stops_sending_and_receives_until_dtd_is_over() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10), data(11, to="ipv4:239.1.1.2")], dtd=10)
    world.push(1, 1, deletes=delete_payloads(data=[data(10), data(99)]))
    assert world.states() == {10: "retiring", 11: "active"}
    world.pass_time(10)
    assert world.states() == {11: "active"}


def test_delete_of_all_teks_by_an_spi_of_zero_is_at_once() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10), data(11, to="ipv4:239.1.1.2")], dtd=10)
    zero = GroupDelete(doi=DOINumber.GDOI, protocol_id=ESP, spis=(bytes(4),))
    world.push(1, 1, deletes=(zero,))
    assert world.states() == {}
    assert world.rekeys() == {1: "active"}


def test_delete_of_one_protocol_leaves_the_other() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    ah = GroupDelete(doi=DOINumber.GDOI, protocol_id=TEKProtocolID.GDOI_PROTO_IPSEC_AH, spis=(bytes(4),))
    world.push(1, 1, deletes=(ah,))
    assert world.states() == {10: "active"}


def test_delete_with_a_replacement_follows_atd_and_dtd() -> None:
    """Backward access control: "both deletes current Data-Security SAs and provides new" ones (7.4.2)."""
    for deletes in (delete_payloads(data=[data(10)]), everything()[:2]):
        world = World()
        world.register(rekey=[rekey(1)], data=[data(10)])
        world.push(1, 1, deletes=deletes, data=[data(20)], atd=5, dtd=10)
        assert world.states() == {10: "active", 20: "pending"}
        world.pass_time(5)
        assert world.states() == {10: "retiring", 20: "active"}
        world.pass_time(5)
        assert world.states() == {20: "active"}


def test_delete_of_everything_ends_the_group_and_calls_for_registration() -> None:
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10)], dtd=10)
    world.push(1, 1, deletes=everything())
    assert world.member.gsa == GSA()
    assert world.reason() is None
    world.pass_time(10)
    assert world.reason() == "deleted"
    ended = [event for event in world.member.take_events() if isinstance(event, SAEnded)]
    assert {(event.category, event.reason) for event in ended} == {(2, "deleted"), (3, "deleted")}


def test_delete_of_the_kek_that_the_same_push_replaces_is_a_rollover() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.push(1, 1, rekey=[rekey(2)], deletes=delete_payloads(rekey=[bytes([1]) * 16]))
    assert world.rekeys() == {1: "retiring", 2: "active"}
    world.pass_time(60)
    assert world.reason() is None


@pytest.mark.parametrize(
    ("delete", "error"),
    [
        (GroupDelete(doi=DOINumber.IPSEC, protocol_id=ESP, spis=(bytes(4),)), DecodeError),
        (GroupDelete(doi=DOINumber.GDOI, protocol_id=ESP, spis=(b"\1" * 16,)), LengthMismatch),
        (GroupDelete(doi=DOINumber.GDOI, protocol_id=TEKProtocolID(0), spis=(b"\1" * 4,)), LengthMismatch),
        (GroupDelete(doi=DOINumber.GDOI, protocol_id=ESP, spis=(b"",)), LengthMismatch),
        (delete_payloads(data=[data(10)])[0], PolicyRefused),
    ],
    ids=["doi", "long-tek-spi", "short-kek-spi", "empty-spi", "deleted-and-brought"],
)
def test_push_with_a_wrong_delete_changes_nothing(delete: GroupDelete, error: type[Exception]) -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    before = snapshot(world)
    with pytest.raises(error):
        world.push(1, 1, deletes=(delete,), data=[data(10), data(20, to="ipv4:239.1.1.2")])
    assert snapshot(world) == before


def test_delete_of_an_unknown_protocol_is_nothing() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    other = GroupDelete(doi=DOINumber.GDOI, protocol_id=TEKProtocolID(200), spis=(b"\1\2",))
    world.push(1, 1, deletes=(other,))
    assert world.states() == {10: "active"}


# -- LKH (5.6.3) and acknowledgements (RFC 8263) -------------------------------------------------------

LEAF = KEK.parse(AES_128_CBC, bytes(range(32)))


def lkh_world(acknowledgement: KEKAckRequested | None = None) -> World:
    world = World(spread=20.0)
    root = rekey(1, suite=replace(rekey(1).suite, acknowledgement=acknowledgement))
    gsa = GSA(rekey=(root,), data=(data(10),))
    considered = world.consider(gsa)
    array = download_packet([lkh_key(5, AES_128_CBC, 1, LEAF.build()), lkh_key(0, AES_128_CBC, 2, root.key)])
    keys = keys_of(gsa, extra=[array.replace(spi=root.spi)])
    world.member.install(Pull(0, keys), considered, world.now)
    return world


def lkh_push(world: World, seq: int, node: int, under: KEK = LEAF, successor: int = 2) -> None:
    new = rekey(successor)
    wrapped = under.encrypt(new.key)
    array = update_array(node, 1, [lkh_key(0, AES_128_CBC, 3, wrapped)])
    keys = KeyDownload(
        key_packets=(KeyPacket(kd_type=KeyDownloadType.LKH, spi=new.spi, attributes=(array,)),)
    )
    policy = group_sa(world.at_now(GSA(rekey=(new,))), now=world.now, push=True)
    world.member.apply(Push(bytes([1]) * 16, seq, (), policy, keys), world.now)


def test_lkh_update_leads_to_the_new_kek() -> None:
    world = lkh_world()
    lkh_push(world, 1, node=5)
    new = world.member.rekey_sa(bytes([2]) * 16)
    assert new is not None
    assert new.key == rekey(2).key
    assert new.signature_key == rekey(1).signature_key


def test_lkh_arrays_of_others_lead_nowhere_and_ones_own_may_come_later() -> None:
    world = lkh_world()
    lkh_push(world, 1, node=6)
    assert world.rekeys() == {1: "active"}
    lkh_push(world, 2, node=5)
    assert world.rekeys() == {1: "retiring", 2: "active"}
    world.pass_time(60)
    assert world.reason() is None


def test_member_that_no_array_is_for_registers_again() -> None:
    world = lkh_world()
    lkh_push(world, 1, node=6)
    world.pass_time(19.9)
    assert world.reason() is None
    world.pass_time(0.2)
    assert world.reason() == "keys-missed"


def test_download_array_in_a_push_is_refused() -> None:
    world = lkh_world()
    new = rekey(2)
    array = download_packet([lkh_key(5, AES_128_CBC, 1, LEAF.build()), lkh_key(0, AES_128_CBC, 2, new.key)])
    gsa = world.at_now(GSA(rekey=(new,)))
    keys = keys_of(gsa, extra=[array.replace(spi=new.spi)])
    before = snapshot(world)
    with pytest.raises(DecodeError, match="DOWNLOAD_ARRAY"):
        world.member.apply(
            Push(bytes([1]) * 16, 1, (), group_sa(gsa, now=world.now, push=True), keys), world.now
        )
    assert snapshot(world) == before


def test_base_key_of_acknowledgements() -> None:
    """RFC 8263, 2.1 and 2.2: without IV, of the KEK that the push came under or of the first LKH key."""
    spi = bytes([1]) * 16
    assert lkh_world().member.acknowledgement_key(spi) is None
    assert (
        lkh_world(KEKAckRequested.REKEY_ACK_KEK_SHA256).member.acknowledgement_key(spi) == rekey(1).key[16:]
    )
    lkh = lkh_world(KEKAckRequested.REKEY_ACK_LKH_SHA512)
    assert lkh.member.acknowledgement_key(spi) == bytes(range(16, 32))
    assert lkh.member.acknowledgement_key(bytes(16)) is None
    flat = World()
    flat.register(
        rekey=[rekey(1, suite=replace(rekey(1).suite, acknowledgement=KEKAckRequested.REKEY_ACK_LKH_SHA256))]
    )
    assert flat.member.acknowledgement_key(spi) is None  # it takes part without (RFC 8263, 4)


def test_no_key_in_any_text() -> None:
    world = lkh_world()
    world.push(1, 1, data=[data(20)], atd=5, dtd=10)
    secrets = [rekey(1).key, LEAF.key, data(20).algorithm_key, data(20).integrity_key]
    member = world.member
    shown = repr((member.status(world.now), member.take_events(), member.data_sas, member.gsa, vars(member)))
    shown += repr((vars(member._holdings), member._holdings.rekey, vars(member._changes)))
    for secret in secrets:
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown
