"""The demo's captures, opened with secrets of phase 1 and nothing else, against what the demo has printed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import pytest

from gsakmp.captures import read
from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Keyring, Kind
from gsakmp.captures.opened import (
    Acknowledged,
    DataSALearnt,
    ExchangeKind,
    GroupJoined,
    Opened,
    RolledOver,
    Status,
)
from gsakmp.captures.opening import Opener
from tests.unit.cli.commands import run
from tests.unit.cli.conftest import Demo

PHASE_1 = {Kind.SKEYID, Kind.SKEYID_A, Kind.SKEYID_E}
PUSHED = ("lkh", "oft", "flat")
E = TypeVar("E")

ALL = (*PUSHED, "marks")
BY = {"lkh": "LKH", "oft": "OFT", "flat": "LKH"}
ABLE = ("reads", "sends")
Played = Callable[[str], Demo]


class Packet(NamedTuple):
    """A row of the demo's last table."""

    text: str
    spi: str
    able: set[str]


def table(text: str) -> list[Packet]:
    """Who could read what, as the demo has printed it."""
    head, *rows = text.partition("Who could read what\n")[2].partition("\n\n")[0].splitlines()
    names = [f"fqdn:{name}.demo" for name in head.split()[1:]]
    found = []
    for row in rows:
        match = re.fullmatch(r" +(\S+ \d) +([0-9a-f]{8}) +(.*)", row)
        assert match is not None, row
        words = zip(names, match[3].split(), strict=False)
        found.append(Packet(match[1], match[2], {name for name, word in words if word in ABLE}))
    return found


def opened(demo: Demo, alone: int | None = None) -> list[Opened]:
    """The capture with all players' secrets of phase 1, or with those of one member."""
    secrets = [secret for secret in read_keys(demo.output.with_suffix(".keys")) if secret.kind in PHASE_1]
    cookies = list(dict.fromkeys(secret.name for secret in secrets))
    chosen = cookies if alone is None else [cookies[alone]]
    opener = Opener(Keyring(secret for secret in secrets if secret.name in chosen), ports=(demo.port,))
    return list(opener.feed_all(read(demo.output, ports=demo.ports)))


def events(found: list[Opened], kind: type[E]) -> list[E]:
    return [event for each in found for event in each.events if isinstance(event, kind)]


@pytest.mark.parametrize("algorithm", ALL)
def test_with_the_secrets_of_phase_1_all_is_opened_and_right(played: Played, algorithm: str) -> None:
    demo = played(algorithm)
    found = opened(demo)
    assert {each.status for each in found} == {Status.CLEAR, Status.OPENED}
    for each in found:
        assert all(check.passed for check in each.checks), each
        if each.kind is ExchangeKind.PUSH:
            assert "signature" in {check.name for check in each.checks}, each
        if each.kind is ExchangeKind.ACK:
            assert each.member.endswith(".demo"), each
    checks = Counter(check.name for each in found for check in each.checks)
    players = len(events(found, GroupJoined))
    assert players == (4 if algorithm in PUSHED else 3)
    assert {checks[f"HASH({number})"] >= players for number in (1, 2, 3, 4)} == {True}
    payloads = [each.esp.payload for each in found if each.esp is not None]
    assert payloads == [packet.text.encode() for packet in table(demo.result.text)]


@pytest.mark.parametrize("algorithm", PUSHED)
def test_each_change_leads_on_who_stays(played: Played, algorithm: str) -> None:
    """Three join, the keys are replaced, one is evicted, one joins late; two stay all the time."""
    found = opened(played(algorithm))
    alice, bob, carol, dave = (f"fqdn:{name}.demo" for name in ("alice", "bob", "carol", "dave"))
    rolled = events(found, RolledOver)
    assert [(set(event.followed), event.left_behind) for event in rolled] == [
        ({alice}, ()),
        ({alice, carol}, ()),
        ({alice, bob, carol}, ()),
        ({alice, bob}, (carol,)),
        ({alice, bob}, ()),
    ]
    assert rolled[3].by == BY[algorithm]
    joined = events(found, GroupJoined)
    assert [event.member for event in joined] == [alice, carol, bob, dave]
    assert {event.management for event in joined} == {BY[algorithm]}
    told = {(event.sa, event.sequence_number, event.member) for event in events(found, Acknowledged)}
    after = [each for each in told if each[0] == rolled[3].new]
    assert {member for _, _, member in after} == {alice, bob}


@pytest.mark.parametrize("algorithm", ALL)
def test_one_member_s_secrets_open_what_that_member_could_read(played: Played, algorithm: str) -> None:
    demo = played(algorithm)
    packets = table(demo.result.text)
    seen = set()
    for number in range(4 if algorithm in PUSHED else 3):
        found = opened(demo, number)
        (name,) = {event.member for event in events(found, GroupJoined)}
        seen.add(name)
        readable = {packet.spi: packet.text.encode() for packet in packets if name in packet.able}
        esp = [each.esp for each in found if each.esp is not None]
        assert {each.spi: each.payload for each in esp if each.payload is not None} == readable, name
        # The demo's packets travel in UDP, and without its SA such a datagram is nothing that is known.
        data = [each for each in found if each.datagram.destination_port == demo.ports[1]]
        assert len(data) == len(packets)
        assert not any(each.failed for each in found if each not in data)
        if algorithm == "marks":  # the SA of a period is known, whoever has it
            sealed = [each for each in data if each.status is Status.SEALED]
            assert len(sealed) == len(packets) - len(readable)
            assert all("no member whose registration was opened has it" in each.reason for each in sealed)
    assert seen == {name for packet in packets for name in packet.able}


@pytest.mark.parametrize("algorithm", PUSHED)
def test_the_evicted_one_s_secrets_open_no_push_that_follows(played: Played, algorithm: str) -> None:
    demo = played(algorithm)
    evicting = next(event for event in events(opened(demo), RolledOver) if event.left_behind)
    found = opened(demo, 1)
    assert {event.member for event in events(found, GroupJoined)} == {"fqdn:carol.demo"}
    (rolled,) = [event for event in events(found, RolledOver) if event.old == evicting.old]
    assert (rolled.new, rolled.followed) == (evicting.new, ())  # she hears of it, and does not get there
    later = [each for each in found if each.kind is ExchangeKind.PUSH and each.sa == evicting.new]
    assert {each.status for each in later} == {Status.SEALED}
    assert len(later) > 1


def test_what_was_granted_is_told_by_period(played: Played) -> None:
    found = opened(played("marks"))
    told = events(found, DataSALearnt)
    whole = [event for event in told if event.period_count]
    assert {event.holders: event.granted for event in whole} == {
        ("fqdn:studio.demo",): "0-15",
        ("fqdn:alice.demo",): "2-4",
        ("fqdn:bob.demo",): "4-6",
    }
    assert len({event.sa for event in whole}) == 1
    for event in told:
        if event.sequence:
            assert event.sequence == whole[0].sa
            assert int(event.sa, 16) == int(event.sequence, 16) + event.period
            assert event.starts_at == whole[0].starts_at + event.period * event.lifetime_seconds
    assert [event.period for event in told if event.sequence] == list(range(2, 8))


@pytest.mark.parametrize("algorithm", ALL)
def test_explain_has_the_table_that_the_demo_has_printed(
    played: Played, algorithm: str, tmp_path: Path
) -> None:
    demo = played(algorithm)
    keys = tmp_path / "phase1.keys"
    lines = demo.output.with_suffix(".keys").read_text().splitlines(keepends=True)
    wanted = ("gsakmp-keys", "skeyid", "encryption_key")
    keys.write_text("".join(line for line in lines if line.startswith(wanted)))
    arguments = demo.arguments(keys)
    told = run("explain", "--json", *arguments)
    assert told.status == 0
    story = msgspec.json.decode(told.out)
    assert (story["sealed"], story["problems"], story["checks_wrong"]) == ([], [], 0)
    held = {sa["sa"]: {holder["member"] for holder in sa["holders"]} for sa in story["data_sas"]}
    packets = {sa["sa"]: (sa["packets"], sa["packets_opened"]) for sa in story["data_sas"]}
    for packet in table(demo.result.text):
        assert held[packet.spi] == packet.able, packet
        assert packets[packet.spi] == (1, 1)
    text = run("explain", *arguments).text
    if algorithm == "oft":
        assert "LKH" not in text
        assert "by OFT" in text
    if algorithm == "marks":
        assert "(periods 2-4)" in text
        assert "LKH" not in text
    for packet in table(demo.result.text):
        (row,) = re.findall(rf"^ +SA3 {packet.spi}(?:, period \d)? +(.*)$", text, re.MULTILINE)
        assert sum(cell != "-" for cell in row.split()) == len(packet.able)
