"""Attacks from inside: peers that prove who they are and then lie, flood, or ask for what is not theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gsakmp.crypto import generate_private_key, public_octets
from gsakmp.errors import GsakmpError
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.push import build_push
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import GroupDelete, GroupSA, KeyDownload, SequenceNumber
from gsakmp.peers import events
from gsakmp.peers.network import Travelling
from gsakmp.registries import DOINumber, SigAlgorithm, TEKProtocolID
from tests.machines import liars
from tests.machines.arena import (
    ALGORITHMS,
    Arena,
    Choices,
    Weather,
    durable,
    group_in_use,
    holdings,
    name_of,
)
from tests.machines.attacker import flipped
from tests.world import GCKS_ADDRESS

EVERYBODY = frozenset(range(4))


# -- a GCKS that lies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("eviction", sorted(ALGORITHMS))
def test_a_gcks_may_say_anything_in_a_pull(number: int, eviction: str) -> None:
    """Messages 2 and 4 with each octet in turn another, and a proper HASH: the member takes it or leaves it,
    whole; never half of it, and never with an error that it does not know."""
    arena = Arena(Choices(eviction=eviction))
    arena.network.script = lambda travelling: [(0.001, travelling.data)]
    member = arena.begin(0)
    assert arena.run(20, arena.settled)
    lengths: list[int] = []
    with liars.pulls_with(noting(lengths), number):
        member.register(arena.network.now)
        arena.network.run(2)
    outcomes = set()
    for place in range(0, lengths[0], 2):
        with liars.pulls_with(lambda octets, at=place: flipped(octets, at), number):
            member.group.clear()
            member.state = "idle"
            member.register(arena.network.now)
            arena.network.run(0.2)
        gsa = member.group.gsa
        outcomes.add(member.state)
        if member.state != "registered":
            assert gsa.rekey == gsa.data == (), place
        else:
            assert all(len(sa.key) == 32 and sa.signature_key for sa in gsa.rekey), place
            assert all(sa.algorithm_key for sa in gsa.data), place
    assert outcomes >= {"waiting", "registered"}
    assert arena.run(700, lambda: member.state == "registered")


def noting(lengths: list[int]) -> liars.Lie:
    def lie(octets: bytes) -> bytes:
        lengths.append(len(octets))
        return octets

    return lie


def test_a_gcks_may_say_anything_in_a_push() -> None:
    """As before, with a proper signature. What is not taken shows as a gap, so the member comes back."""
    arena = group_in_use(members=1)
    member = arena.runners[0].engine
    lengths: list[int] = []
    with liars.pushes_with(noting(lengths), arena.gcks):
        arena.gcks.groups["video"].rekey(arena.network.now, kek=False)
        arena.gcks._collect("video", arena.network.now)
    arena.network.run(2)
    assert lengths, "a push went out"
    refused = 0
    places = range(8, lengths[0], 3)
    for place in places:
        before = member.group.gsa
        with liars.pushes_with(lambda octets, at=place: flipped(octets, at), arena.gcks):
            arena.gcks.groups["video"].rekey(arena.network.now, kek=False)
            arena.gcks._collect("video", arena.network.now)
        arena.network.run(0.05)
        after = member.group.gsa
        number = {sa.sequence_number for sa in after.rekey}
        if number == {sa.sequence_number for sa in before.rekey}:
            refused += 1
            assert {sa.spi for sa in after.data} <= {sa.spi for sa in before.data}, place
        assert len(after.data) <= len(before.data) + 1
    assert 0 < refused < len(places), "some are taken for what they say"
    arena.gcks.rekey("video", arena.network.now)
    assert arena.network.run(2_000, arena.settled)


Lies = dict[str, Callable[[tuple[Any, ...]], tuple[Any, ...]]]
CONTRADICTIONS: Lies = {
    "no keys": lambda packets: (),
    "no TEK": lambda packets: tuple(p for p in packets if len(p.spi) != 4),
    "no KEK": lambda packets: tuple(p for p in packets if len(p.spi) != 16),
    "no sender id": lambda packets: tuple(p for p in packets if p.spi),
    "each twice": lambda packets: packets + packets,
    "the TEK of another SA": lambda packets: tuple(
        p.replace(spi=b"\x12\x34\x56\x78") if len(p.spi) == 4 else p for p in packets
    ),
    "the KEK of another SA": lambda packets: tuple(
        p.replace(spi=b"\x42" * 16) if len(p.spi) == 16 else p for p in packets
    ),
    "empty packets": lambda packets: tuple(p.replace(attributes=()) for p in packets),
    "attributes of the next packet": lambda packets: tuple(
        p.replace(attributes=packets[at - 1].attributes) for at, p in enumerate(packets)
    ),
    "half of each key": lambda packets: tuple(
        p.replace(
            attributes=tuple(
                a.replace(value=a.value[: len(a.value) // 2]) if isinstance(a.value, bytes) else a
                for a in p.attributes
            )
        )
        for p in packets
    ),
    "every attribute twice": lambda packets: tuple(
        p.replace(attributes=p.attributes + p.attributes) for p in packets
    ),
}


@pytest.mark.parametrize("lie", list(CONTRADICTIONS))
def test_a_gcks_whose_key_download_contradicts_its_policy(lie: str) -> None:
    arena = Arena()
    member = arena.begin(0)

    def download(octets: bytes) -> bytes:
        message = Message(exchange_type=32, payloads=(), next_payload=18)
        opened = message.replace(flags=1, ciphertext=octets).with_plaintext(octets)
        sequence, keys = opened.payloads
        assert isinstance(sequence, SequenceNumber)
        lied = keys.replace(key_packets=CONTRADICTIONS[lie](keys.key_packets))
        return message.replace(payloads=(sequence, lied), next_payload=18).plaintext()

    with liars.pulls_with(download, 2):
        arena.run(5)
    assert member.group.gsa.rekey == member.group.gsa.data == ()
    assert member.state in {"waiting", "registering"}, "refused, or no answer at all"
    assert arena.run(200, lambda: member.state == "registered")


# -- members that lie --------------------------------------------------------------------------------------


def test_a_member_asks_for_a_group_that_is_not_its() -> None:
    arena = group_in_use()
    arena.begin(0, "audio")
    kept = durable(arena)
    arena.run(100)
    assert arena.network.events("gcks", events.RegistrationRefused)
    assert durable(arena)["audio"].members == {}
    assert durable(arena)["audio"] == kept["audio"]


@pytest.mark.parametrize("wanted", [33, 256, 65_535])
def test_a_member_that_wants_all_sender_ids_gets_none(wanted: int) -> None:
    arena = group_in_use(sender_id_bits=8)
    before = durable(arena)["video"]
    greedy = arena.begin(2, sender_ids=wanted)
    arena.run(100)
    after = durable(arena)["video"]
    assert greedy.group.gsa.data == ()
    assert after.next_sender_id == before.next_sender_id
    assert after.data_sas == before.data_sas
    assert after.members == before.members


def test_a_member_may_use_up_the_sender_ids_only_by_registering_again_and_again() -> None:
    """Then all SAs are replaced before any id comes twice (RFC 6407, 3.5); `Watch` holds nonces apart."""
    arena = group_in_use(sender_id_bits=8)
    for turn in range(24):
        arena.begin(2, sender_ids=32)
        arena.run(5 if turn % 8 else 40)
    assert arena.watch.journal.generation["video"] >= 2
    assert arena.run(2_000, arena.settled)


def test_a_sender_id_of_a_new_count_is_not_used_with_an_old_data_sa() -> None:
    """All are put out, so the count begins again (RFC 6407, 3.5), while members, whom no push reaches, go on
    with the old data SA; the one that is let in again must not send under it as somebody else did."""
    arena = Arena()
    for number in (1, 0):
        arena.begin(number)
    assert arena.run(20, arena.settled)
    arena.choose(replace(arena.choices, video=frozenset()))
    arena.choose(replace(arena.choices, video=frozenset({0})))
    arena.runners[0].engine.rejoin(arena.network.now)
    arena.run(1)
    first, second = arena.runners[0].engine.group, arena.runners[1].engine.group
    assert first.sender_ids == second.sender_ids
    sending = [{held.sa.spi for held in group.data_sas if held.sends} for group in (first, second)]
    assert all(sending)
    assert not sending[0] & sending[1]


def test_a_flood_of_first_messages_leaves_room() -> None:
    """Of Aggressive Mode, each of which costs a half-open exchange (RFC 2409, 5)."""
    arena = Arena(aggressive=True)
    arena.network.script = lambda travelling: []
    arena.begin(0)
    arena.network.flush()
    first = arena.network.sent[0].data
    for number in range(1, 300):
        source = Address.from_text(f"203.0.{number // 250}.{1 + number % 250}")
        count, octets = arena.inject(number.to_bytes(8, "big") + first[8:], source, "gcks")
        assert count <= 1
        assert octets <= 2 * len(first)
    assert len(arena.gcks._phase1) <= 12
    arena.network.script = arena.carry
    assert arena.run(300, arena.settled)
    assert len(arena.gcks._phase1) == 0


def test_a_flood_of_first_pull_messages_keeps_little() -> None:
    arena = group_in_use()
    member = arena.runners[0].engine
    kept = durable(arena)
    for _ in range(100):
        member._pull(member._session, arena.network.now)
    arena.network.script = lambda travelling: [(0.01, travelling.data)] if to_gcks(travelling) else []
    arena.run(1)
    arena.bounded()
    assert durable(arena) == kept
    arena.network.script = arena.carry
    member.rejoin(arena.network.now)
    assert arena.run(200, arena.settled)


def to_gcks(travelling: Travelling) -> bool:
    return travelling.destination.host == GCKS_ADDRESS.host


def test_a_member_that_moves_about_leaves_no_trace_of_where_it_was() -> None:
    arena = Arena(Choices(acknowledgement="sha256"))
    for number in range(12):
        engine = arena.begin(0)
        arena.network.add("member0", engine, Address.from_text(f"198.51.100.{100 + number}"))
        assert arena.run(20, lambda at=engine: at.state == "registered")
    server = arena.gcks.groups["video"]
    assert len(server._core.ledger._hosts) == 1
    assert server.members_at("198.51.100.111") == [Identity.from_text(name_of(0))]
    assert server.members_at("198.51.100.100") == []


def test_an_insider_can_not_rekey_the_group() -> None:
    """It has the KEK, and a signing key of its own; RFC 6407, 4.4: the signature is the GCKS's alone."""
    arena = group_in_use()
    (rekey,) = arena.runners[0].engine.group.gsa.rekey
    own = generate_private_key(SigAlgorithm.SIG_ALG_ECDSA_256, 256)
    forged = replace(rekey, signature_key=public_octets(own))
    everything = GroupDelete(doi=DOINumber.GDOI, protocol_id=TEKProtocolID(0), spis=(bytes(16),))
    push = build_push(forged, own, rekey.sequence_number + 1, (everything,))
    held = holdings(arena)
    arena.inject(push, GCKS_ADDRESS, "member1")
    assert holdings(arena) == held
    assert arena.runners[1].engine.refused["signature"] == 1


@pytest.mark.parametrize("eviction", sorted(ALGORITHMS))
def test_who_was_evicted_learns_nothing_from_all_that_is_said(eviction: str) -> None:
    """It hears every datagram, whoever it is for, with all the keys that it had."""
    arena = group_in_use(members=3, eviction=eviction)
    out = arena.runners[0].engine
    at = len(arena.wire)
    arena.choose(replace(arena.choices, video=EVERYBODY - {0}))
    arena.run(60)
    arena.gcks.rekey("video", arena.network.now)
    arena.run(60)
    assert arena.settled()
    for travelling in arena.wire[at:]:
        arena.inject(travelling.data, travelling.source, "member0", travelling.destination.port)
    rekeys, data = arena.watch.journal.current("video")
    assert not rekeys & {sa.key for sa in out.group.gsa.rekey}
    assert not data & {sa.algorithm_key for sa in out.group.gsa.data}


def test_commands_of_an_operator_raise_nothing_unknown() -> None:
    arena = group_in_use()
    stranger = Identity.from_text("fqdn:nobody.example")
    now = arena.network.now
    orders: list[Callable[[], object]] = [
        lambda: arena.gcks.rekey("nothing", now),
        lambda: arena.gcks.evict("nothing", stranger, now),
        lambda: arena.gcks.readmit("video", stranger, now),
        lambda: arena.gcks.readmit("nothing", stranger, now),
    ]
    for order in orders:
        with pytest.raises(GsakmpError):
            order()
    assert arena.settled()


def test_bad_weather_alone_changes_who_is_in_nowhere() -> None:
    arena = Arena(seed=5)
    arena.weather = Weather(loss=0.3, repeat=0.3, corrupt=0.2, jitter=1.0, forged=0.5)
    for number in range(4):
        arena.begin(number)
    arena.run(600)
    arena.weather = Weather()
    assert arena.run(2_000, arena.settled)


def test_the_payload_classes_that_liars_alter_are_those_of_a_pull() -> None:
    """Else the lies above would be told about something else."""
    said: list[bytes] = []
    arena = Arena()
    with liars.pulls_with(lambda octets: (said.append(octets), octets)[1], 1):
        arena.begin(0)
        arena.run(5)
    with liars.pulls_with(lambda octets: (said.append(octets), octets)[1], 2):
        arena.begin(1)
        arena.run(5)
    second = Message(exchange_type=32, flags=1, ciphertext=b"x" * 16, next_payload=10)
    fourth = second.replace(next_payload=18)
    assert [type(p) for p in second.with_plaintext(said[0]).payloads][1:] == [GroupSA]
    assert [type(p) for p in fourth.with_plaintext(said[1]).payloads] == [SequenceNumber, KeyDownload]
    assert arena.settled()
