"""Periods in a policy, on the wire and at the GCKS: what is granted, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from gsakmp.doi import GDOI
from gsakmp.errors import ConfigurationError, DecodeError, PolicyRefused
from gsakmp.group.checks import check_policy
from gsakmp.group.downloads import read_key_download
from gsakmp.group.making import data_key, new_data_sas
from gsakmp.group.member import Acceptance, GroupMember
from gsakmp.group.payloads import group_sa, read_group_sa
from gsakmp.group.period_packets import period_key_packet
from gsakmp.group.periods import period_map, read_periods, sequence_at
from gsakmp.group.policy import DataPolicy, MemberPolicy, PeriodPolicy, RekeyPolicy, Selector
from gsakmp.group.records import DataSARecord
from gsakmp.group.rekey.marks import Interval
from gsakmp.group.rekey.marks_periods import PeriodMap
from gsakmp.group.rekey.nark_module import SoftwareModule
from gsakmp.group.sa import GSA, DataSA
from gsakmp.message import Message, parse
from gsakmp.payloads import (
    Attribute,
    KeyDownload,
    KeyPacket,
    PeriodInterval,
    PeriodSeed,
    PeriodSeeds,
    PeriodSequence,
)
from gsakmp.registries import GDOIExchangeType, HeaderFlag, KeyDownloadType, MARKSAttribute, PayloadType
from tests.unit.group.server_rig import START, Rig, member, policy

NULL = (RekeyPolicy(transport="null"),)
MODULE = SoftwareModule(bytes(range(64)), lambda line: None)
GROUP = "key-id:0x000004d2"


def data(**changes: Any) -> DataPolicy:
    given: dict[str, Any] = {"seconds": 60, "count": 16, **changes}
    return DataPolicy(selector=Selector(destination="ipv4:239.9.9.9"), periods=PeriodPolicy(**given))


def with_periods(**changes: Any) -> Any:
    given: dict[str, Any] = {
        "rekey": NULL,
        "data": (data(),),
        "members": (MemberPolicy(identity="fqdn:*.example", periods="0-9"),),
    }
    return policy(**given | changes)


def one_sa(**changes: Any) -> DataSA:
    return new_data_sas(with_periods(data=(data(**changes),)), 0, {}, random=Random(1).randbytes, now=START)[
        0
    ]


# -- the policy's text -------------------------------------------------------------------------------------

MAP = PeriodMap.of_time(1_700_000_000, 60, 16)  # from 2023-11-14T22:13:20Z


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("", 3.5, "3-15"),
        ("", -9, "0-15"),
        ("", 16, ""),
        ("all", 3.5, "0-15"),
        ("7", 0, "7"),
        ("0-3", 3.9, "0-3"),
        ("0-3", 4, ""),
        (" 9 - 11 , 2-3 ", 0, "2-3 9-11"),
        ("12-", 0, "12-15"),
        ("14-99", 0, "14-15"),
        ("2-4,5,4-6", 0, "2-6"),
        ("2023-11-14T22:14:20Z/2023-11-14T22:16:20+00:00", 0, "1-2"),
        ("2023-11-14T23:14:21+01:00/2023-11-14T23:14:22+01:00", 0, "1"),
        ("2023-11-14T22:25:00Z/", 0, "11-15"),
        ("2022-01-01T00:00:00Z/2023-01-01T00:00:00Z", 0, ""),
        ("0,2023-11-14T22:25:00Z/", 0, "0 11-15"),
    ],
)
def test_periods_of_a_text(text: str, at: float, expected: str) -> None:
    found = read_periods(text).of(MAP, MAP.first + at * 60)
    assert " ".join(map(str, found)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("none", "-3", "3-1", "1--2", "a-b", "1,,2", "²", "1" * 99, "1.5", "0x3"),
        *("2023-11-14/2023-11-15", "2023-11-14T22:00Z/2023-11-14T21:00Z", "x/y", "/", "1/2"),
        ",".join(map(str, range(0, 40, 2))),
    ],
)
def test_texts_that_are_none(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read_periods(text)


def test_when_a_sequence_begins() -> None:
    assert sequence_at(PeriodPolicy(seconds=10, count=4), 123.7) == 123
    aligned = PeriodPolicy(seconds=10, count=4, start="1970-01-01T00:01:40Z")
    assert [sequence_at(aligned, now) for now in (0, 99, 100, 139.9, 140, 1000)] == [
        100,
        100,
        100,
        100,
        140,
        980,
    ]


# -- checks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rekey": (RekeyPolicy(destination="239.1.1.1"),)}, "never pushed"),
        ({"data": (data(count=12),)}, "power of two"),
        ({"data": (data(count=0),)}, "1 to"),
        ({"data": (data(count=1 << 21),)}, "1 to"),
        ({"data": (data(seconds=0),)}, "seconds"),
        ({"data": (data(seconds=1 << 31),)}, "seconds"),
        ({"data": (data(construction="hash-chain"),)}, "allow_collusion"),
        ({"data": (data(start="tomorrow"),)}, "no time"),
        ({"data": (data(start="1960-01-01T00:00Z"),)}, "32 bits"),
        (
            {"data": (DataPolicy(selector=data().selector, periods=data().periods, lifetime=600),)},
            "a lifetime is said by",
        ),
        ({"data": (data(keys="nark"),)}, "no module"),
        ({"members": (MemberPolicy(identity="fqdn:*", periods="0-16"),)}, "the last of a sequence is 15"),
        ({"members": (MemberPolicy(identity="fqdn:*", periods="later"),)}, "names no periods"),
        ({"members": (MemberPolicy(identity="fqdn:*", module="abc"),)}, "hex digits"),
        ({"data": (DataPolicy(selector=data().selector),)}, "there is none"),
        (
            {
                "data": (data(construction="hash-chain", allow_collusion=True),),
                "members": (MemberPolicy(identity="fqdn:*", periods="0-2,5-7"),),
            },
            "one interval",
        ),
        (
            {
                "data": (data(count=1 << 20, seconds=1),) * 20,
                "members": (MemberPolicy(identity="fqdn:*", periods=",".join(map(str, range(0, 32, 2)))),),
            },
            "room for",
        ),
    ],
)
def test_policies_that_contradict_themselves(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        check_policy(with_periods(**changes))


def test_policies_that_make_sense() -> None:
    check_policy(with_periods())
    check_policy(with_periods(rekey=()))
    chain = data(construction="hash-chain", count=12, allow_collusion=True)
    check_policy(with_periods(data=(chain,)))
    listed = MemberPolicy(identity="fqdn:*", module=MODULE.identity.to_text())
    check_policy(with_periods(data=(data(keys="nark"),), members=(listed,)))


# -- the GCKS ----------------------------------------------------------------------------------------------


def test_senders_for_whom_one_message_has_no_room_when_the_next_sequence_is_there() -> None:
    senders = tuple(f"ipv4:192.0.2.{number}" for number in range(1, 102))
    short = replaced(data(count=2), senders=senders[:-1])
    rig = Rig(with_periods(data=(short,), members=(MemberPolicy(identity="fqdn:*.example", periods="all"),)))
    rig.at(START + 100)
    assert len(rig.server.offer(member("a"), rig.now).data) == 200
    with pytest.raises(ConfigurationError, match="202 data SAs"):
        Rig(policy(rekey=NULL, data=(replaced(short, senders=senders),)))


def test_no_spi_is_in_two_sequences() -> None:
    """A random source that has few values, and sequences that fill a good part of them."""
    values = Random(3)

    def random(count: int) -> bytes:
        octets = values.randbytes(count)
        return b"\0\0" + octets[2:] if count == 4 else octets

    taken: dict[bytes, DataSARecord] = {}
    using = with_periods(data=(data(count=1024), DataPolicy(selector=data().selector)))
    for turn in range(60):
        for sa in new_data_sas(using, turn % 2, taken, random=random, now=START):
            taken[data_key(sa)] = DataSARecord(sa=sa)
    used: set[int] = set()
    for record in taken.values():
        first = int.from_bytes(record.sa.spi, "big")
        count = record.sa.periods.count if record.sa.periods else 1
        spis = set(range(first, first + count))
        assert first >= 256
        assert not spis & used
        assert count == 1 or first % 1024 == 0
        used |= spis


def test_a_group_of_periods_never_pushes() -> None:
    rig = Rig(with_periods())
    rig.join("a")
    for _ in range(100):
        rig.now += 60
        rig.server.handle_timeout(rig.now)
        rig.settle()
    rig.server.evict(member("a"), rig.now)
    rig.server.rekey(rig.now)
    rig.settle()
    assert not rig.sent


def test_a_successor_before_the_end_and_nothing_after_it() -> None:
    rig = Rig(with_periods(members=(MemberPolicy(identity="fqdn:*.example"),)))
    (first,) = [record.sa for record in rig.state.data_sas.values()]
    assert first.periods is not None
    due = rig.server.next_timeout()
    assert due == first.periods.ends_at - 300
    rig.now = due
    rig.server.handle_timeout(rig.now)
    rig.settle()
    _, second = [record.sa for record in rig.state.data_sas.values()]
    assert second.periods is not None
    assert second.periods.starts_at == first.periods.ends_at
    assert second.algorithm_key != first.algorithm_key
    offer = rig.server.offer(member("a"), rig.now, address="192.0.2.7:848")
    assert [sa.spi for sa in offer.data] == [first.spi, second.spi]
    rig.now = rig.server.next_timeout() or 0
    rig.server.handle_timeout(rig.now)
    assert [record.sa.spi for record in rig.state.data_sas.values()] == [second.spi]


def test_a_key_server_that_was_away_for_long() -> None:
    rig = Rig(with_periods(data=(data(start="1970-01-12T00:00:00Z"),)))
    rig.now += 100_000
    rig.server.handle_timeout(rig.now)
    rig.settle()
    (sa,) = [record.sa for record in rig.state.data_sas.values()]
    assert sa.periods is not None
    assert period_map(sa.periods).period_at(rig.now) is not None
    assert (sa.periods.starts_at - 11 * 86_400) % (16 * 60) == 0


def test_what_a_member_is_offered_and_given() -> None:
    rig = Rig(with_periods())
    offer = rig.server.offer(member("a"), rig.now, periods="3-5")
    admission = rig.server.admit(offer, member("a"), "", 0, "", rig.now)
    (packet,) = [p for p in admission.key_download.key_packets if p.kd_type == KeyDownloadType.MARKS]
    (sa,) = [record.sa for record in rig.state.data_sas.values()]
    assert packet.spi == sa.spi
    intervals = [a.value for a in packet.attributes if a.type == MARKSAttribute.PERIOD_INTERVAL]
    assert intervals == [PeriodInterval(3, 5)]
    assert not any(sa.algorithm_key in repr(a).encode() for a in packet.attributes)
    rig.now += 6 * 60
    with pytest.raises(PolicyRefused, match="are over"):
        rig.server.offer(member("a"), rig.now, periods="3-5")


def test_periods_that_end_between_offer_and_admission() -> None:
    rig = Rig(with_periods())
    offer = rig.server.offer(member("a"), rig.now, periods="3-5")
    with pytest.raises(PolicyRefused):
        rig.server.admit(offer, member("a"), "", 0, "", rig.now + 6 * 60)


# -- the wire ----------------------------------------------------------------------------------------------


def granted(sa: DataSA, packet: KeyPacket, **how: Any) -> Any:
    """Through octets and back, as a member reads them."""
    shell = Message(
        exchange_type=GDOIExchangeType.GROUPKEY_PULL,
        flags=HeaderFlag.ENCRYPTION,
        next_payload=PayloadType.KEY_DOWNLOAD,
    )
    offered = read_group_sa(group_sa(GSA(data=(sa,)), now=START), START)
    octets = shell.replace(flags=HeaderFlag(0), payloads=(KeyDownload(key_packets=(packet,)),)).build()
    payload: Any = parse(octets, doi=GDOI).payloads[0]
    return read_key_download(payload, offered, **how).periods


@pytest.mark.parametrize("keys", ["marks", "nark"])
def test_grants_come_through(keys: str) -> None:
    sa = one_sa(keys=keys)
    intervals = (Interval(1, 6), Interval(9, 9))
    packet = period_key_packet(sa, intervals, GROUP, MODULE.identity, Random(2).randbytes)
    (found,) = granted(sa, packet)
    assert found.intervals == intervals
    assert found.pattern.periods == sa.periods
    assert (found.keys is None) == (keys == "nark")
    assert (found.sealed is None) == (keys == "marks")
    assert found.pattern.lifetime_seconds == 60


def changed(packet: KeyPacket, kind: int, *values: Any) -> KeyPacket:
    """With other values of an attribute."""
    kept = [a for a in packet.attributes if a.type != kind]
    return packet.replace(attributes=(*kept, *(Attribute(kind, value) for value in values)))


SA = one_sa()
PACKET = period_key_packet(SA, (Interval(1, 6),), GROUP, None, Random(2).randbytes)
SEQUENCE = PeriodSequence(first_start=int(START), period_seconds=60, period_count=16)
SEEDS: tuple[PeriodSeed, ...] = next(
    a.value.seeds for a in PACKET.attributes if a.type == MARKSAttribute.PERIOD_SEEDS
)


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (changed(PACKET, 1), "0 attributes PERIOD_SEQUENCE"),
        (changed(PACKET, 1, SEQUENCE, SEQUENCE), "2 attributes"),
        (changed(PACKET, 1, SEQUENCE.replace(period_count=12)), "power of two"),
        (changed(PACKET, 1, SEQUENCE.replace(period_count=1 << 20)), "no room"),
        (changed(PACKET, 1, SEQUENCE.replace(period_seconds=0)), "no seconds"),
        (changed(PACKET, 1, SEQUENCE.replace(period_version=2)), "version"),
        (changed(PACKET, 1, SEQUENCE.replace(construction=9)), "no construction"),
        (changed(PACKET, 2), "no intervals"),
        (changed(PACKET, 2, PeriodInterval(6, 1)), "no intervals"),
        (changed(PACKET, 2, PeriodInterval(1, 16)), "no intervals"),
        (changed(PACKET, 2, PeriodInterval(1, 3), PeriodInterval(4, 6)), "touch"),
        (changed(PACKET, 2, PeriodInterval(4, 6), PeriodInterval(1, 2)), "order"),
        (changed(PACKET, 2, PeriodInterval(1, 5)), "not for the intervals"),
        (changed(PACKET, 2, PeriodInterval(1, 7)), "not for the intervals"),
        (changed(PACKET, 3), "0 attributes PERIOD_SEEDS"),
        (changed(PACKET, 3, PeriodSeeds(seeds=SEEDS[1:])), "not for the intervals"),
        (changed(PACKET, 3, PeriodSeeds(seeds=(*SEEDS, SEEDS[0]))), "two seeds"),
        (changed(PACKET, 3, PeriodSeeds(seeds=(SEEDS[0].replace(level=9),))), "there is none"),
        (changed(PACKET, 3, PeriodSeeds(seeds=(SEEDS[0].replace(seed=b"short"),))), "32 octets"),
        (changed(PACKET, 4, b"\1\0\0\0"), "SEALED_SEEDS in"),
        (changed(PACKET, 9, 1), "not supported"),
        (PACKET.replace(kd_type=KeyDownloadType.NARK), "PERIOD_SEEDS in"),
        (PACKET.replace(spi=b"\1\1\1\1"), "no SA TEK offers"),
    ],
)
def test_packets_that_are_refused(packet: KeyPacket, problem: str) -> None:
    with pytest.raises((DecodeError, PolicyRefused), match=problem):
        granted(SA, packet)


def test_an_spi_without_room() -> None:
    sa = replace(SA, spi=b"\1\2\3\4")
    with pytest.raises(DecodeError, match="no room"):
        granted(sa, PACKET.replace(spi=sa.spi))


def test_never_in_a_push() -> None:
    with pytest.raises(DecodeError, match="in a push"):
        granted(SA, PACKET, push=True)


# -- the member --------------------------------------------------------------------------------------------


def test_one_spi_with_other_seeds_is_refused() -> None:
    class Update:
        sequence_number = None

        def __init__(self, packet: KeyPacket) -> None:
            self.key_download = KeyDownload(key_packets=(packet,))

    mine = GroupMember(Acceptance(sender=False), random=Random(5).randbytes)
    offered = group_sa(GSA(data=(SA,)), now=START)
    mine.install(Update(PACKET), mine.consider(offered, START), START)
    mine.install(Update(PACKET), mine.consider(offered, START + 1), START + 1)
    other = replace(SA, algorithm_key=bytes(32))
    packet = period_key_packet(other, (Interval(1, 6),), GROUP, None, Random(2).randbytes)
    with pytest.raises(PolicyRefused, match="other periods"):
        mine.install(Update(packet), mine.consider(offered, START + 2), START + 2)
    mine.handle_timeout(START + 90)
    (held,) = mine.data_sas
    assert int.from_bytes(held.sa.spi, "big") == int.from_bytes(SA.spi, "big") + 1


def test_a_member_that_slept_makes_only_what_it_can_use() -> None:
    class Update:
        sequence_number = None
        key_download = KeyDownload(
            key_packets=(period_key_packet(SA, (Interval(0, 15),), GROUP, None, Random(2).randbytes),)
        )

    mine = GroupMember(Acceptance(sender=False), random=Random(5).randbytes)
    offered = group_sa(GSA(data=(SA,)), activation_delay=5, deactivation_delay=10, now=START)
    mine.install(Update(), mine.consider(offered, START), START)
    mine.handle_timeout(START + 12.5 * 60)
    base = int.from_bytes(SA.spi, "big")
    assert [int.from_bytes(held.sa.spi, "big") - base for held in mine.data_sas] == [12]
    due = mine.next_timeout()
    assert due is not None
    assert due > START + 12.5 * 60
