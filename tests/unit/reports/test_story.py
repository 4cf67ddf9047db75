"""The story of a capture, beside what `tests.interop.gdoi_recorded` reads in the daemon's log without the
library; and of a group whose members come, go and answer, event by event."""

from __future__ import annotations

import re
import subprocess
from io import BytesIO
from typing import Any

import pytest

from gsakmp.captures import Datagram, read
from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Kind
from gsakmp.captures.opened import (
    Acknowledged,
    Check,
    DataSALearnt,
    ESPContent,
    Event,
    ExchangeKind,
    GroupJoined,
    ISAKMPSAEnded,
    ISAKMPSAEstablished,
    KeysFollowed,
    Lost,
    Notified,
    Opened,
    RekeySALearnt,
    Retransmission,
    RolledOver,
    SADeleted,
    Sender,
    Status,
)
from gsakmp.captures.opening import Opener
from gsakmp.reports.story import Teller
from gsakmp.reports.story_facts import Story
from gsakmp.reports.story_text import story_rows
from tests.conftest import PCAPS
from tests.interop.gdoi_recorded import RecordedKeys, RecordedSession
from tests.unit.captures.opening_world import (
    GAP,
    LONG,
    SESSIONS,
    THREE_DES,
    cookies,
    datagrams,
    flipped,
    logged,
    opened,
    psk_and_dh,
    some,
)

GROUP = "key-id:0x01"
SECOND = 10**9
START = 1_800_000_000 * SECOND


def told(found: list[Opened]) -> Story:
    teller = Teller()
    for each in found:
        teller.add(each)
    return teller.story()


def text(story: Story, width: int = 100) -> str:
    return "\n".join("".join(piece for piece, _ in row) for row in story_rows(story, width))


# -- the recorded sessions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [GAP, LONG, THREE_DES])
def test_the_data_sas_are_those_of_the_log_each_from_its_first_message_on(name: str) -> None:
    session = RecordedSession(PCAPS / "gdoi" / f"{name}.json")
    wanted = RecordedKeys()
    first: dict[str, int] = {}
    for message in session.messages:
        wanted.take(message)
        for spi in wanted.teks:
            first.setdefault(spi, message.number)
    found = {sa.sa: sa.learnt.frame for sa in told(opened(name)).data_sas}
    assert found == first


def test_a_life_from_registration_to_deletion() -> None:
    story = told(opened(THREE_DES))
    session = RecordedSession(PCAPS / "gdoi" / f"{THREE_DES}.json")
    pushes = [message for message in session.messages if message.exchange == 33]
    assert [(push.sent.frame, push.sequence_number) for push in story.pushes] == [
        (message.number, number) for number, message in enumerate(pushes, 1)
    ]
    assert [sa.replaced.frame for sa in story.rekey_sas if sa.replaced] == [13, 16, 19]
    assert [sa.learnt.frame for sa in story.rekey_sas] == [10, 13, 16, 19]
    assert [sa.state for sa in story.rekey_sas] == ["replaced"] * 3 + ["alive"]
    assert {sa.state for sa in story.data_sas} == {"deleted"}
    assert {sa.deleted.frame for sa in story.data_sas if sa.deleted} == {21}
    (member,) = story.members
    assert (member.member, member.group, member.registrations) == (
        "ipv4:10.0.224.37",
        "key-id:0xd2040000",
        1,
    )
    assert {holder.how for sa in story.data_sas for holder in sa.holders} == {"pull", "push"}
    assert not any(sa.from_recording for sa in story.data_sas)
    reasons = {push.sent.frame: push.reasons for push in story.pushes}
    for frame in (13, 16, 19):  # the KEK's lifetime of 7 seconds is over
        assert re.fullmatch(r"SA2 was 7(\.\d+)? s old, of 7 s", reasons[frame][0])
    assert reasons[21] == ["16 SAs deleted and none in their place"]


def test_activation_is_later_by_the_delay_of_the_gap() -> None:
    """RFC 6407, 5.4.1; the daemon's GAP says 60 seconds, and its times are in the log."""
    session = RecordedSession(PCAPS / "gdoi" / f"{GAP}.json")
    (sa,) = told(opened(GAP)).data_sas
    assert sa.active_at / SECOND == pytest.approx(session.messages[9].at + 60)
    assert sa.expires_at == sa.learnt.time + sa.lifetime_seconds * SECOND


def test_counts_and_times_are_tsharks(tshark: str) -> None:
    path = PCAPS / "gdoi" / f"{THREE_DES}.pcap"
    command = [tshark, "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "isakmp.exchangetype"]
    command += ["-d", "udp.port==848,isakmp"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    story = told(opened(THREE_DES))
    exchanges = [row[1] for row in rows]
    assert story.messages == len(rows)
    assert story.kinds == {
        "main": exchanges.count("2"), "pull": exchanges.count("32"), "push": exchanges.count("33")
    }  # fmt: skip
    assert story.first is not None
    assert story.last is not None
    seconds = [f"{each.time // SECOND}.{each.time % SECOND:09d}" for each in (story.first, story.last)]
    assert seconds == [rows[0][0], rows[-1][0]]


@pytest.mark.parametrize("name", SESSIONS)
def test_every_check_counts(name: str) -> None:
    story = told(opened(name))
    checks = [check.passed for each in opened(name) for check in each.checks]
    assert (story.checks_right, story.checks_wrong) == (checks.count(True), 0)
    assert {problem.what for problem in story.problems} <= {"never active"}
    assert "none wrong" in text(story)


def test_an_altered_push_is_a_problem_and_teaches_nothing() -> None:
    opener = Opener(psk_and_dh(THREE_DES))
    found = [
        opener.feed(flipped(each, len(each.octets) - 12) if each.frame == 12 else each)
        for each in datagrams(THREE_DES)
    ]
    story = told(found)
    assert story.checks_wrong == 1
    found_wrong = [(problem.what, problem.at.frame) for problem in story.problems]
    assert found_wrong[:2] == [("check", 12), ("lost", 13)]
    assert {what for what, _ in found_wrong[2:]} <= {"never active"}
    assert [push.sent.frame for push in story.pushes] == [11, *range(13, 22)]
    assert story.rekey_sas[0].lost == 1
    assert "signature is wrong" in text(story)


# -- what stays closed -------------------------------------------------------------------------------------------


def test_without_keys_it_says_which_key_would_open_it() -> None:
    story = told(list(Opener().feed_all(datagrams(LONG))))
    assert [(each.sa, each.messages) for each in story.sealed] == [
        (cookies(LONG), 6),
        *((sa, 3) for sa in pushed()),
    ]
    said = text(story, 200)
    for each in story.sealed:
        assert said.count(each.sa) == 1
        assert each.advice in said
        for word in (need.split()[0] for need in each.needs):
            assert word in each.advice
    assert said.count("kek; or") == 1  # of two Rekey SAs together
    assert story.groups == []
    assert story.unfinished == []  # all of it is there, closed


def pushed() -> list[str]:
    octets = [each.octets[:16].hex() for each in datagrams(LONG) if each.octets[18] == 33]
    return [f"{spi[:16]}:{spi[16:]}" for spi in dict.fromkeys(octets)]


def test_the_lines_that_it_asks_for_do_open_it() -> None:
    values = {"encryption_key": "key", "skeyid_e": "SKEYID_e"}
    story = told(list(Opener().feed_all(datagrams(LONG))))
    for need in story.sealed[0].needs[:2]:
        kind, name, _ = need.split(" ")
        line = f"gsakmp-keys 1\n{kind} {name} {logged(LONG, values[kind]).hex()}\n"
        keyring = read_keys(BytesIO(line.encode()))
        assert told(opened(LONG, keyring)).sealed == []


def test_a_capture_that_begins_late_and_ends_early() -> None:
    found = list(Opener(psk_and_dh(LONG)).feed_all(datagrams(LONG)[:5]))
    (unfinished,) = told(found).unfinished
    assert (unfinished.exchange, unfinished.detail) == ("Main Mode", "5 messages of 6")
    pull = list(Opener(some(LONG, Kind.SKEYID, Kind.SKEYID_E)).feed_all(datagrams(LONG)[:9]))
    (unfinished,) = told(pull).unfinished
    assert (unfinished.exchange, unfinished.detail) == ("Pull", "3 messages of 4")
    (member,) = told(pull).members
    assert (member.joined, member.requested is not None) == (None, True)
    assert "was not seen to be given the keys" in text(told(pull))


def test_sealed_esp() -> None:
    opener = Opener()
    found = [opener.feed(each) for each in read(PCAPS / "ikev1" / "ipsec.cap", esp=True)]
    story = told(found)
    assert [(each.sa, each.kinds) for each in story.sealed[1:]] == [
        ("1c0d7b38", {"esp": 9}),
        ("0879355b", {"esp": 7}),
    ]
    assert story.sealed[1].needs[0] == "tek 1c0d7b38 ..."
    assert [(problem.what, problem.at.frame) for problem in story.problems] == [("notification", 3)]


# -- a group, event by event -------------------------------------------------------------------------------------


class Group:
    """Messages with the events that they would have."""

    def __init__(self) -> None:
        self.found: list[Opened] = []

    def say(
        self,
        kind: ExchangeKind,
        *events: Event,
        sa: str = "",
        step: int = 0,
        at: float | None = None,
        **more: Any,
    ) -> None:
        number = len(self.found) + 1
        time = START + int((number if at is None else at) * SECOND)
        more.setdefault("status", Status.OPENED)
        self.found.append(
            Opened(
                number=number,
                datagram=Datagram(b"", number, time, "192.0.2.1", 848, "192.0.2.2", 848),
                kind=kind,
                exchange=f"{kind} {sa} {step or number}",
                sa=sa,
                step=step,
                group=GROUP,
                sender=Sender.GCKS,
                events=events,
                **more,
            )
        )

    def join(self, member: str, rekey: str | None, *data: str, first: bool = False) -> None:
        events: list[Event] = [rekey_sa(rekey, member)] if first and rekey else []
        self.say(
            ExchangeKind.PULL,
            *events,
            GroupJoined(
                member=member, address="192.0.2.1:848", group=GROUP, sa="aa" * 8, rekey=rekey, data=data,
                sequence_number=0, sender_ids=(1, 2), management="LKH", tree_keys=3,
            ),
            step=4,
        )  # fmt: skip

    def push(self, sa: str, number: int, *events: Event, **more: Any) -> None:
        self.say(ExchangeKind.PUSH, *events, sa=sa, step=number, **more)


def rekey_sa(sa: str, *holders: str) -> RekeySALearnt:
    return RekeySALearnt(
        sa=sa, group=GROUP, source="ipv4:192.0.2.1 port 848", destination="ipv4:239.0.0.1 port 848",
        encryption="AES-128-CBC", signature="SIG_ALG_RSA with SIG_HASH_SHA256", management="LKH",
        lifetime_seconds=100, acknowledgement="REKEY_ACK_LKH_SHA256", holders=holders,
    )  # fmt: skip


def data_sa(sa: str, *holders: str, delay: int = 0, **more: int) -> DataSALearnt:
    return DataSALearnt(
        sa=sa, protocol="ESP", group=GROUP, source="", destination="ipv4:239.0.0.2",
        transform="ESP_AES_GCM_16", integrity="", key_length=128, lifetime_seconds=50,
        deactivation_delay=delay, holders=holders, **more,
    )  # fmt: skip


def evicting() -> Story:
    """a and b join; b is evicted by LKH; c joins late."""
    group = Group()
    group.join("fqdn:a", "r1", "d1", first=True)
    group.join("fqdn:b", "r1", "d1")
    group.push(
        "r1",
        1,
        data_sa("d2", "fqdn:a", "fqdn:b", delay=5),
        SADeleted(protocol="ESP", sa="d1", group=GROUP, known=True),
    )
    group.say(ExchangeKind.ACK, Acknowledged(member="fqdn:a", sa="r1", sequence_number=1), sa="r1", step=1)
    group.push("r1", 1, Retransmission(of=3))
    group.push(
        "r1", 2, rekey_sa("r2", "fqdn:a"), KeysFollowed(member="fqdn:a", sa="r2", keys=2),
        RolledOver(group=GROUP, old="r1", new="r2", followed=("fqdn:a",), left_behind=("fqdn:b",), by="LKH"),
    )  # fmt: skip
    group.push("r2", 1, data_sa("d3", "fqdn:a"))
    group.join("fqdn:c", "r2", "d3")
    group.push(
        "r2",
        2,
        data_sa("d4", "fqdn:a", "fqdn:c", delay=3),
        SADeleted(protocol="ESP", sa="d3", group=GROUP, known=True),
    )
    return told(group.found)


def test_who_could_read_what() -> None:
    story = evicting()
    held = {
        sa.sa: [(holder.member, holder.how) for holder in sa.holders]
        for sa in (*story.rekey_sas, *story.data_sas)
    }
    assert held == {
        "r1": [("fqdn:a", "pull"), ("fqdn:b", "pull")],
        "r2": [("fqdn:a", "LKH"), ("fqdn:c", "pull")],
        "d2": [("fqdn:a", "push"), ("fqdn:b", "push")],
        "d3": [("fqdn:a", "push"), ("fqdn:c", "pull")],
        "d4": [("fqdn:a", "push"), ("fqdn:c", "push")],
    }
    assert not any(sa.from_recording for sa in (*story.rekey_sas, *story.data_sas))
    rows = {
        line.split()[1]: line.split()[2:]
        for line in text(story).splitlines()
        if re.match(r"  SA[23] [rd]", line)
    }
    assert rows["r1"] == ["pull", "pull", "-"]
    assert rows["r2"] == ["LKH", "-", "pull"]
    assert rows["d3"] == ["push", "-", "pull"]


def test_who_joins_later_and_has_recorded_the_push_can_read_what_it_brought() -> None:
    group = Group()
    group.join("fqdn:a", "r1", first=True)
    group.push("r1", 1, data_sa("d1", "fqdn:a"))
    group.push(
        "r1", 2, rekey_sa("r2", "fqdn:a"),
        RolledOver(group=GROUP, old="r1", new="r2", followed=("fqdn:a",), left_behind=(), by="KEK"),
    )  # fmt: skip
    group.push("r2", 1, data_sa("d2", "fqdn:a"))
    group.join("fqdn:late", "r1")
    story = told(group.found)
    assert {sa.sa: sa.from_recording for sa in story.data_sas} == {"d1": ["fqdn:late"], "d2": ["fqdn:late"]}
    assert [sa.from_recording for sa in story.rekey_sas] == [[], ["fqdn:late"]]
    assert "recording" in text(story)


def test_why_a_push_was_sent() -> None:
    reasons = [push.reasons for push in evicting().pushes]
    assert reasons == [
        ["after fqdn:a, fqdn:b joined: backward rekey"],
        ["forward rekey: fqdn:b left behind"],
        [],
        ["after fqdn:c joined: backward rekey"],
    ]


def test_who_answered_and_who_did_not() -> None:
    first, second, *_ = evicting().pushes
    assert (first.acknowledged, first.unacknowledged, first.retransmissions) == (["fqdn:a"], ["fqdn:b"], 1)
    assert (second.acknowledged, second.unacknowledged) == ([], ["fqdn:a", "fqdn:b"])


def test_who_is_left_behind_until_it_registers_again() -> None:
    story = evicting()
    assert {member.member: member.left_behind and member.left_behind.frame for member in story.members} == {
        "fqdn:a": None,
        "fqdn:b": 6,
        "fqdn:c": None,
    }
    assert story.rekey_sas[0].left_behind == ["fqdn:b"]
    assert "At 08:00:06.000 #6 it was left behind." in text(story)


def test_one_sa_takes_anothers_place() -> None:
    """Of d3 both are said: d4 came for the same traffic, and it was deleted."""
    d2, d3, d4 = evicting().data_sas
    assert (d2.replaced_by, d2.replaced and d2.replaced.frame, d2.state) == ("d3", 7, "replaced")
    assert (d3.replaced_by, d3.deleted and d3.deleted.frame, d3.state) == ("d4", 9, "deleted")
    assert d3.gone_at == START + 9 * SECOND + 3 * SECOND  # DEACTIVATION_TIME_DELAY (RFC 6407, 5.4.1)
    assert (d4.replaced, d4.deleted, d4.state) == (None, None, "alive")


def test_what_is_over_by_the_captures_end() -> None:
    group = Group()
    group.join("fqdn:a", "r1", first=True)
    group.push("r1", 1, data_sa("d1", "fqdn:a"))
    group.say(ExchangeKind.INFORMATIONAL, at=60)
    story = told(group.found)
    assert [(sa.sa, sa.state) for sa in (*story.rekey_sas, *story.data_sas)] == [
        ("r1", "alive"),
        ("d1", "expired"),
    ]


def test_all_of_a_protocol_deleted_at_once() -> None:
    group = Group()
    group.join("fqdn:a", "r1", first=True)
    group.push(
        "r1", 1, data_sa("d1", "fqdn:a"), SADeleted(protocol="ESP", sa="*", group="another", known=True)
    )
    group.push("r1", 2, SADeleted(protocol="rekey", sa="*", group=GROUP, known=True))
    story = told(group.found)
    assert [(sa.sa, sa.state) for sa in (*story.rekey_sas, *story.data_sas)] == [
        ("r1", "deleted"),
        ("d1", "alive"),
    ]
    assert story.pushes[1].reasons == ["1 SA deleted and none in their place"]


def test_phase_1_from_its_end_to_its_deletion() -> None:
    group = Group()
    made = ISAKMPSAEstablished(
        sa="11:22", initiator="fqdn:a", responder="fqdn:gcks", initiator_address="192.0.2.1:500",
        responder_address="192.0.2.2:500", suite="aes", method="PRE_SHARED_KEY", lifetime_seconds=10,
    )  # fmt: skip
    group.say(ExchangeKind.MAIN, made, step=6)
    group.say(ExchangeKind.INFORMATIONAL, ISAKMPSAEnded(sa="11:22"))
    group.say(ExchangeKind.INFORMATIONAL, ISAKMPSAEnded(sa="11:22"))
    (sa,) = told(group.found).isakmp_sas
    assert (sa.established.frame, sa.deleted and sa.deleted.frame, sa.state) == (1, 2, "deleted")
    assert sa.expires_at == START + 11 * SECOND


def test_replays_losses_and_errors() -> None:
    group = Group()
    group.join("fqdn:a", "r1", first=True)
    group.push("r1", 5, Lost(what="4 pushes of r1", count=4))
    wrong = Check("sequence number", False, "3, and 5 was there before: a replay")
    group.push("r1", 3, checks=(wrong,))
    group.say(ExchangeKind.INFORMATIONAL, Notified(name="INVALID_COOKIE", error=True, protected=False))
    story = told(group.found)
    assert "Push 5 under r1: not in the capture: 4 pushes of r1" in text(story, 200)
    (sa,) = story.rekey_sas
    assert (sa.pushes, sa.lost, sa.replayed) == (1, 4, 1)
    assert [problem.what for problem in story.problems] == ["lost", "replay", "notification"]
    assert "5, 4 lost, 1 replayed" in text(story, 200)


def test_packets_by_the_sa_that_protects_them() -> None:
    group = Group()
    group.join("fqdn:a", "r1", first=True)
    group.push("r1", 1, data_sa("0a0b0c0d", "fqdn:a"))
    for number, status in enumerate([Status.OPENED, Status.OPENED, Status.WRONG_KEY], 1):
        group.say(
            ExchangeKind.ESP,
            sa="0a0b0c0d",
            status=status,
            esp=ESPContent(spi="0a0b0c0d", sequence_number=number, destination="ipv4:239.0.0.2"),
        )
    story = told(group.found)
    (sa,) = story.data_sas
    assert (sa.packets, sa.packets_opened, sa.senders) == (3, 2, ["192.0.2.1"])
    assert sa.first_packet is not None
    assert (sa.first_packet.frame, sa.last_packet and sa.last_packet.frame) == (3, 5)
    assert "3, 1 not opened" in text(story)
