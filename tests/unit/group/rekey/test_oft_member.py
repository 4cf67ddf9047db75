"""A member of a one-way function tree: pushes in any order, lost ones, and arrays that contradict themselves."""

from __future__ import annotations

import random as standard_random
from itertools import permutations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from gsakmp.crypto import KEK, CBCCipher
from gsakmp.errors import DecodeError, LengthMismatch
from gsakmp.group.rekey.interface import MemberKeys, RekeyPlan
from gsakmp.group.rekey.oft import OFTRekey
from gsakmp.group.rekey.oft_member import OFTKeys
from gsakmp.group.rekey.packets import kek_packet
from gsakmp.message import Message, parse
from gsakmp.payloads import (
    Attribute,
    KeyDownload,
    KeyPacket,
    OFTDownloadArray,
    OFTKey,
    OFTUpdateArray,
    SequenceNumber,
    Signature,
)
from gsakmp.registries import GDOIExchangeType, KeyDownloadType, OFTKeyAttribute, OFTValueType
from tests.unit.group.rekey.oft_world import (
    AES_128,
    AES_192,
    AES_256,
    SPI,
    TRIPLE_DES,
    Group,
    check,
    f,
    group_key,
    member,
    node_key,
    over_the_wire,
    xor,
)

Packets = tuple[KeyPacket, ...]


def listening(group: Group, number: int) -> OFTKeys:
    """A member that hears nothing unless it is told to."""
    keys = group.registered(number)
    group.members.pop(member(number), None)
    return keys


def pushes_of(plan: RekeyPlan) -> list[Packets]:
    return [over_the_wire(packets) for packets in plan.key_packets]


def heard(keys: OFTKeys, pushes: list[Packets]) -> list[KEK | None]:
    return [keys.follow(push, AES_128) for push in pushes]


# -- several pushes ----------------------------------------------------------------------------------


def test_pushes_in_any_order() -> None:
    """Three keys a push: the member at leaf 7 needs four pushes of six, and knows when it has them."""
    group = Group(update_octets=24 + 3 * 44)
    group.start(*range(16))
    plan = group.remove(2, 5, 11)
    pushes = pushes_of(plan)
    assert len(pushes) > 4
    for seed in range(8):
        group = Group(update_octets=24 + 3 * 44)
        group.start(*range(16))
        keys = listening(group, 7)
        pushes = pushes_of(group.remove(2, 5, 11))
        standard_random.Random(seed).shuffle(pushes)
        found = heard(keys, pushes)
        assert [kek for kek in found if kek] == [group.kek]
        assert not keys.incomplete


def test_every_order_of_a_small_plan() -> None:
    group = Group(update_octets=24 + 44)
    group.start(*range(4))
    others = [listening(group, 0) for _ in range(24)]
    pushes = pushes_of(group.remove(1))
    assert len(pushes) == 3
    for keys, order in zip(others, permutations(pushes), strict=False):
        assert [kek for kek in heard(keys, list(order)) if kek] == [group.kek]


@pytest.mark.parametrize("lost", range(4))
def test_a_lost_push_is_noticed(lost: int) -> None:
    """Without a push that concerns it, a member gets nowhere, and knows; with one that does not, it does."""
    group = Group(update_octets=24 + 44)
    group.start(*range(8))
    keys = listening(group, 4)
    plan = group.remove(5)
    pushes = pushes_of(plan)
    assert len(pushes) == 4
    concerned = {key.node for key in (p[0].attributes[0].value.oft_keys[0] for p in pushes)} & {9, 11, 14, 4}
    missing = pushes.pop(lost)
    found = heard(keys, pushes)
    if missing[0].attributes[0].value.oft_keys[0].node in concerned:
        assert found == [None] * 3
        assert keys.incomplete
        assert keys.follow(missing, AES_128) == plan.group_key
    else:
        assert [kek for kek in found if kek] == [plan.group_key]
    assert not keys.incomplete
    assert heard(keys, [missing, *pushes]) == [None] * 4


def test_a_newer_plan_takes_the_place_of_half_an_older_one() -> None:
    group = Group(update_octets=24 + 44)
    group.start(*range(8))
    keys = listening(group, 0)
    first = pushes_of(group.remove(1))
    keys.follow(first[0], AES_128)
    assert keys.incomplete
    second = pushes_of(group.renew())
    assert heard(keys, second) == [None]
    assert keys._staged is not None
    assert (keys._staged.epoch, keys._staged.keys) == (3, {})
    assert heard(keys, first) == [None] * len(first)
    assert keys._staged.epoch == 3
    again = group.registered(0)
    assert heard(again, pushes_of(group.renew())) == [group.kek]


def test_what_is_staged_is_bounded() -> None:
    """A plan for others leaves next to nothing."""
    group = Group()
    group.start(*range(256))
    keys = listening(group, 0)
    plan = group.remove(*range(1, 256, 2))
    pushes = pushes_of(plan)
    assert sum(len(p[0].attributes[0].value.oft_keys) for p in pushes) > 300
    for push in pushes[1:]:
        keys.follow(push, AES_128)
    assert keys._staged is None or len(keys._staged.keys) <= 9


def test_who_was_removed_gets_nowhere() -> None:
    group = Group()
    group.start(*range(8))
    evicted = [listening(group, n) for n in (7, 3)]
    pushes = pushes_of(group.remove(7, 3))
    for keys in evicted:
        assert heard(keys, pushes) == [None]
    shrunk = listening(group, 6)
    assert heard(shrunk, pushes_of(group.remove(4, 5, 6))) == [None]


# -- a real push -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cipher", [AES_128, AES_192, AES_256, TRIPLE_DES], ids=lambda cipher: str(cipher.name)
)
def test_a_signed_and_encrypted_push(cipher: CBCCipher) -> None:
    """RFC 6407, 4: HDR*, SEQ, KD, SIG under the old KEK; the member is one of 1,000."""
    group = Group(cipher)
    group.start(*range(1000))
    old = group.kek
    keys = listening(group, 700)
    group.members.clear()
    plan = group.remove(17)
    assert old is not None
    (packets,) = plan.key_packets
    payloads = (SequenceNumber(1), KeyDownload(key_packets=packets))
    signing = ec.generate_private_key(ec.SECP256R1())
    plain = Message(exchange_type=GDOIExchangeType.GROUPKEY_PUSH, payloads=payloads).build()[28:]
    signature = Signature(signing.sign(plain, ec.ECDSA(SHA256())))
    whole = Message(exchange_type=GDOIExchangeType.GROUPKEY_PUSH, payloads=(*payloads, signature)).build()
    assert len(whole) < 1400
    encrypted = old.encrypt(whole[28:])
    again = parse(whole[:28] + old.decrypt(encrypted)[: len(whole) - 28])
    (download,) = (payload for payload in again.payloads if isinstance(payload, KeyDownload))
    assert keys.follow(download.key_packets, group.cipher) == plan.group_key


# -- what is held ------------------------------------------------------------------------------------


def test_keys_do_not_show() -> None:
    group = Group()
    group.start(0, 1)
    shown = repr(group.members[member(0)]) + repr(group.members[member(0)]._held)
    secret = group.algorithm.download(member(0))[0].attributes[0].value.oft_keys[0].key_data
    assert repr(secret)[2:-1] not in shown
    assert secret.hex() not in shown


def test_a_plain_kek_is_one() -> None:
    group = Group()
    group.start(0, 1)
    kek = KEK.generate(AES_128, group.random)
    assert OFTKeys(AES_128).follow((kek_packet(SPI, kek),), AES_128) == kek
    assert group.members[member(0)].follow((kek_packet(SPI, kek),), AES_128) == kek


def test_the_public_key_may_be_among_them() -> None:
    """With LKH it stands in the LKH packet (RFC 6407, 5.6.3.3), and here likewise."""
    group = Group()
    group.start(0, 1)
    plan = group.algorithm.remove([member(1)], SPI, group.random)
    (packet,) = plan.key_packets[0]
    signed = KeyPacket(
        kd_type=KeyDownloadType.OFT,
        spi=SPI,
        attributes=(*packet.attributes, Attribute(OFTKeyAttribute.SIG_ALGORITHM_KEY, b"\x30\x00")),
    )
    assert group.members[member(0)].follow(over_the_wire((signed,)), AES_128) == plan.group_key


# -- what is refused ---------------------------------------------------------------------------------

SECRETS = [bytes([n]) * 32 for n in range(1, 5)]
"""Of the leaf (number 3) and beside it, at levels 0 and 1."""
ROOT = xor(f(xor(f(SECRETS[0]), SECRETS[1])), SECRETS[2])


def leaf(node: int = 3, data: bytes = SECRETS[0], under: int = 0) -> OFTKey:
    return OFTKey(node=node, under=under, value_type=OFTValueType.LEAF_SECRET, key_data=data)


def beside(node: int, data: bytes, under: int = 0) -> OFTKey:
    return OFTKey(node=node, under=under, value_type=OFTValueType.BLINDED_SECRET, key_data=data)


GOOD = (leaf(), beside(1, SECRETS[1]), beside(6, SECRETS[2]))


def downloaded(*keys: OFTKey, root: int = 4, epoch: int = 9, version: int = 1) -> Packets:
    array = OFTDownloadArray(oft_version=version, epoch=epoch, root=root, oft_keys=keys)
    kek = KEK.parse(AES_128, group_key(ROOT, 9))
    packet = KeyPacket(
        kd_type=KeyDownloadType.OFT, attributes=(Attribute(OFTKeyAttribute.OFT_DOWNLOAD_ARRAY, array),)
    )
    return (kek_packet(SPI, kek), packet)


def installed() -> OFTKeys:
    keys = OFTKeys(AES_128)
    keys.install(downloaded(*GOOD))
    return keys


def test_a_download_leads_to_the_kek() -> None:
    keys = installed()
    assert keys._held is not None
    assert keys._held.secret == SECRETS[0]
    waiting = OFTKeys(AES_128)
    waiting.install(downloaded(leaf(), root=0))
    assert waiting._held is not None
    assert waiting._held.secret == SECRETS[0]


@pytest.mark.parametrize(
    "packets",
    [
        (),
        downloaded(*GOOD)[:1],
        downloaded(*GOOD) * 2,
        downloaded(),
        downloaded(*GOOD, version=2),
        downloaded(*GOOD[1:]),
        downloaded(leaf(node=6), *GOOD[1:]),
        downloaded(leaf(node=0), *GOOD[1:]),
        downloaded(leaf(under=3), *GOOD[1:]),
        downloaded(*GOOD[:2]),
        downloaded(*GOOD, beside(6, SECRETS[2])),
        downloaded(*GOOD, beside(2, SECRETS[2])),
        downloaded(*GOOD, beside(12, SECRETS[2])),
        downloaded(*GOOD, beside(0, SECRETS[2])),
        downloaded(*GOOD, leaf(node=5)),
        downloaded(leaf(), beside(1, SECRETS[2]), beside(6, SECRETS[1])),
        downloaded(*GOOD, epoch=10),
        downloaded(*GOOD, root=0),
        downloaded(*GOOD, root=6),
        downloaded(*GOOD, root=12),
        downloaded(leaf(node=9), root=4),
        downloaded(*(leaf(data=bytes(16)),)),
        (KeyPacket(kd_type=KeyDownloadType.OFT, attributes=(Attribute(9, b"x"),)),),
    ],
)
def test_downloads_that_are_refused(packets: Packets) -> None:
    keys = installed()
    before = keys._held
    with pytest.raises(DecodeError):
        keys.install(packets)
    assert keys._held == before


def update(
    *keys: OFTKey, root: int = 4, epoch: int = 10, value: bytes = check(ROOT, 10), version: int = 1
) -> KeyPacket:
    array = OFTUpdateArray(oft_version=version, epoch=epoch, root=root, key_check_value=value, oft_keys=keys)
    return KeyPacket(
        kd_type=KeyDownloadType.OFT, spi=SPI, attributes=(Attribute(OFTKeyAttribute.OFT_UPDATE_ARRAY, array),)
    )


def test_an_update_of_another_gcks() -> None:
    keys = installed()
    wrapped = KEK.parse(AES_128, node_key(SECRETS[0])).encrypt(SECRETS[3])
    root = xor(f(xor(f(SECRETS[0]), SECRETS[3])), SECRETS[2])
    packet = update(beside(1, wrapped, 3), value=check(root, 10))
    found = keys.follow(over_the_wire((packet,)), AES_128)
    assert found is not None
    assert found.build() == group_key(root, 10)


WRAP = bytes(range(32))


@pytest.mark.parametrize(
    "packets",
    [
        (update(version=2),),
        (update(root=0),),
        (update(root=6),),
        (update(beside(1, WRAP, 1)),),
        (update(beside(1, WRAP, 0)),),
        (update(leaf(3, WRAP, 1)),),
        (update(leaf(3, WRAP, 0)),),
        (update(OFTKey(node=1, under=3, value_type=OFTValueType.VACANT, key_data=WRAP)),),
        (update(OFTKey(node=1, under=3, value_type=OFTValueType(9), key_data=WRAP)),),
        (update(beside(0, WRAP, 1)),),
        (update(beside(1, WRAP, 3), beside(1, WRAP[::-1], 3)),),
        (update(beside(1, WRAP, 3)), update(beside(1, WRAP[::-1], 3))),
        (update(), update(value=bytes(8))),
        (update(), update(root=8)),
        downloaded(*GOOD),
        (kek_packet(SPI, KEK.parse(AES_128, bytes(32))), update()),
    ],
)
def test_updates_that_contradict(packets: Packets) -> None:
    keys = installed()
    before = (keys._held, keys._staged)
    with pytest.raises(DecodeError):
        keys.follow(packets, AES_128)
    assert (keys._held, keys._staged) == before
    found = keys.follow((update(),), AES_128)
    assert found is not None
    assert found.build() == group_key(ROOT, 10)


def test_sizes_and_ciphers_that_are_refused() -> None:
    keys = installed()
    with pytest.raises(LengthMismatch):
        keys.follow((update(beside(1, WRAP + WRAP, 3)),), AES_128)
    with pytest.raises(DecodeError, match="cipher"):
        keys.follow((update(),), AES_256)
    assert keys.follow((update(),), AES_128) is not None


def test_what_concerns_others_is_passed_over() -> None:
    keys = installed()
    others = (leaf(5, b"any size", 7), beside(9, b"", 1), beside(2, b"", 9))
    assert keys.follow((update(*others),), AES_128) is not None
    assert keys.follow((update(epoch=9),), AES_128) is None
    assert not keys.incomplete
    assert keys.follow((update(epoch=11, root=1),), AES_128) is None
    assert not keys.incomplete


def test_a_wrong_check_value_leads_nowhere() -> None:
    keys = installed()
    assert keys.follow((update(value=bytes(8)),), AES_128) is None
    assert keys.incomplete
    keys.install(downloaded(*GOOD))
    assert not keys.incomplete


def test_the_public_interface_is_that_of_member_keys() -> None:
    keys: MemberKeys = OFTKeys(AES_128)
    assert keys.follow((), AES_128) is None
    assert OFTRekey(AES_128).capacity == 1 << 24
