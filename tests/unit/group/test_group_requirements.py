"""What RFC 6407 wants of a group's server over its whole life, and of its keys: see tests/compliance."""

from __future__ import annotations

import inspect
import os
from dataclasses import replace
from typing import Any

import pytest

import gsakmp
from gsakmp.crypto import CBCCipher, private_key, system_random
from gsakmp.doi import GDOI
from gsakmp.errors import LengthMismatch, RemoteError, TrailingOctets, Truncated, UnexpectedMessage
from gsakmp.exchanges.group_grammar import check_key_download
from gsakmp.exchanges.push import PushReceiver, build_push
from gsakmp.group.payloads import effective_direction, group_sa, read_group_sa
from gsakmp.group.rekey import FlatRekey
from gsakmp.group.sa import GSA
from gsakmp.group.server import GroupServer
from gsakmp.group.server_types import Push
from gsakmp.message import Message
from gsakmp.payloads import (
    SAKEK,
    Attribute,
    GroupAssociatedPolicy,
    GroupSA,
    KeyDownload,
    KeyPacket,
    LKHDownloadArray,
    SequenceNumber,
)
from gsakmp.peers import GCKS
from gsakmp.registries import SADirection
from tests.unit.group.server_rig import (
    DATA,
    KEK,
    LKH,
    OWN_KEYS,
    REKEY,
    SID,
    START,
    Rig,
    changed,
    policy,
)
from tests.vectors.check import check_element

PUSH = GDOI.rules(33)
DOWNLOAD_ARRAY, SENDER_ID_REQUEST, SA_DIRECTION = 1, 3, 15
"""RFC 6407, 5.6.3, 5.4 and 5.5.1.1."""


def eventful(eviction: str) -> list[Push]:
    """The pushes of a group to which everything happens."""
    rig = Rig(policy(rekey=(changed(REKEY, eviction=eviction),), backward_rekey="new-kek"))
    for name in "abcde":
        rig.join(name, sender_ids=2)
        rig.at(rig.now + 20)
    rig.evict("c")
    rig.join("a", sender_ids=3)
    rig.server.rekey(rig.now)
    rig.settle()
    rig.at(START + REKEY.lifetime)
    rig.server.start_over(rig.now)
    rig.settle()
    rig.join("b")
    rig.server.dissolve(rig.now)
    rig.settle()
    assert len(rig.sent) > 10
    return rig.sent


def downloads(push: Push) -> list[KeyDownload]:
    return [payload for payload in push.payloads if isinstance(payload, KeyDownload)]


def kinds(push: Push) -> list[int]:
    return [int(packet.kd_type) for download in downloads(push) for packet in download.key_packets]


@pytest.mark.parametrize("eviction", ["own-keys", "re-pull"])
def test_no_push_has_what_is_for_one_member(eviction: str) -> None:
    """No sender ids (5.6.4, 5.6.4.4), no LKH_DOWNLOAD_ARRAY (5.6.3.1), no request for sender ids (5.4)."""
    for push in eventful(eviction):
        for download in downloads(push):
            for packet in download.key_packets:
                assert packet.kd_type != SID
                assert packet.kd_type != LKH or all(a.type != DOWNLOAD_ARRAY for a in packet.attributes)
                assert not any(isinstance(a.value, LKHDownloadArray) for a in packet.attributes)
        for payload in push.payloads:
            for part in payload.sa_attributes if isinstance(payload, GroupSA) else ():
                if isinstance(part, GroupAssociatedPolicy):
                    assert all(attribute.type != SENDER_ID_REQUEST for attribute in part.attributes)


@pytest.mark.parametrize("eviction", ["own-keys", "re-pull"])
def test_a_push_with_a_new_rekey_sa_brings_its_key_once(eviction: str) -> None:
    """RFC 6407, 4: a KEK or a KEK array for the SA KEK's SPI, and that is a new one; 5.6.2 and 5.6.3: one
    such packet in a KD."""
    seen: set[bytes] = set()
    for push in eventful(eviction):
        seen.add(push.sa.spi)
        assert kinds(push).count(KEK) <= 1
        assert kinds(push).count(LKH) <= 1
        for payload in push.payloads:
            for part in payload.sa_attributes if isinstance(payload, GroupSA) else ():
                if isinstance(part, SAKEK):
                    assert part.spi not in seen
                    (download,) = downloads(push)
                    assert {p.spi for p in download.key_packets if p.kd_type in (KEK, LKH)} == {part.spi}


def test_arrays_too_many_for_one_push_go_in_several_whole_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6407, 4: each has a sequence number of its own, the policy, its part of the arrays, a signature."""
    usual = FlatRekey.__init__

    def narrow(self: FlatRekey, cipher: CBCCipher, **options: Any) -> None:
        usual(self, cipher, **options, update_octets=128)

    monkeypatch.setattr(FlatRekey, "__init__", narrow)
    rig = Rig(policy(rekey=(OWN_KEYS,)))
    for name in "abcdefg":
        rig.join(name)
    pushes = [push for push in rig.evict("d") if LKH in kinds(push)]
    assert len(pushes) == 3  # two of the six arrays in each
    receiver, numbers, nodes = PushReceiver(), [], []
    for push in pushes:
        octets = build_push(push.sa, private_key(push.signing_key), push.sequence_number, push.payloads)
        before = replace(push.sa, sequence_number=push.sequence_number - 1)
        found = receiver.open(gsakmp.parse(octets), before)
        assert found.policy is not None
        assert found.key_download is not None
        (sak,) = (part for part in found.policy.sa_attributes if isinstance(part, SAKEK))
        assert sak.spi == rig.active_rekey()[0]
        (packet,) = found.key_download.key_packets
        assert packet.spi == sak.spi
        nodes += [attribute.value.lkh_id for attribute in packet.attributes]
        numbers.append(found.sequence_number)
    assert numbers == sorted(set(numbers))
    assert len(set(nodes)) == len(nodes) == 6


def test_two_lkh_packets_in_one_download_are_refused() -> None:
    """RFC 6407, 5.6.3, whichever way the KD goes."""
    packet = KeyPacket(kd_type=LKH, spi=bytes(16), attributes=(Attribute(1, LKHDownloadArray()),))
    for push in (False, True):
        check_key_download(KeyDownload(key_packets=(packet,)), push=push)
        with pytest.raises(UnexpectedMessage, match="more than one LKH"):
            check_key_download(KeyDownload(key_packets=(packet, packet)), push=push)


def test_an_sa_of_several_senders_is_symmetric() -> None:
    """RFC 6407, 5.5.1.1.2: it is what an SA TEK without SA_DIRECTION is."""
    rig = Rig(policy(data=(DATA, changed(DATA, senders=("ipv4:192.0.2.1", "ipv4:192.0.2.2")))))
    sas = tuple(record.sa for record in rig.state.data_sas.values())
    (common,) = (sa for sa in sas if sa.selector.source is None)
    payload = group_sa(GSA(data=(common,)), now=rig.now)
    (message,) = gsakmp.parse(Message(exchange_type=32, payloads=(payload,)).build()).payloads
    said = [a.value for a in message.sa_attributes[0].tek.attributes if a.type == SA_DIRECTION]
    assert said in ([], [SADirection.SYMMETRIC])
    (read,) = read_group_sa(message, rig.now).gsa.data
    assert effective_direction(read) is SADirection.SYMMETRIC


@pytest.mark.parametrize("octets", [0, 1, 3, 5, 8])
def test_a_sequence_number_has_eight_octets_with_its_header(octets: int) -> None:
    """RFC 6407, 5.7."""
    with pytest.raises((Truncated, TrailingOctets, LengthMismatch)):
        check_element(SequenceNumber, bytes(octets), PUSH)
    message = Message(exchange_type=33, payloads=(SequenceNumber(1),)).build()
    assert message[30:32] == b"\0\x08"
    wrong = message[:24] + (32 + octets).to_bytes(4, "big") + message[28:31] + bytes([4 + octets])
    with pytest.raises(RemoteError):
        gsakmp.parse(wrong + bytes(octets))


def test_each_rekey_sa_has_a_signing_key_of_its_own() -> None:
    """RFC 6407, 4.1: made for it, so none that also authenticates the key server in phase 1."""
    both = policy(rekey=(REKEY, changed(REKEY, destination="239.1.1.2")))
    states = [GroupServer(both, None, now=START).state for _ in range(2)]
    keys = [record.signing_key for state in states for record in state.rekey_sas.values()]
    assert len(keys) == len(set(keys)) == 4


def test_keys_come_from_the_operating_systems_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6407, 7.5: unless a test says otherwise, every symmetric key is octets that it gave, all its own."""
    drawn: list[bytes] = []
    real = os.urandom

    def recorded(count: int) -> bytes:
        drawn.append(real(count))
        return drawn[-1]

    monkeypatch.setattr(os, "urandom", recorded)
    cbc = changed(DATA, encryption="aes-cbc-128", integrity="hmac-sha256", sender_id_bits=16)
    server = GroupServer(policy(rekey=(OWN_KEYS,), data=(DATA, cbc)), None, now=START)
    server.rekey(START)
    keys = [record.sa.key for record in server.state.rekey_sas.values()]
    for record in server.state.data_sas.values():
        keys += [key for key in (record.sa.algorithm_key, record.sa.integrity_key) if key]
    assert len(keys) == len(set(keys)) == 2 + 2 * 3
    assert set(keys) <= set(drawn)
    for maker in (GroupServer, GCKS):
        assert inspect.signature(maker).parameters["random"].default is system_random
