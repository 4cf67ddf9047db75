"""How a story is told: dates, what could never be used, narrow lines, what would open the rest."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import msgspec
import pytest

from gsakmp.captures import Datagram, read
from gsakmp.captures.keyring import Keyring
from gsakmp.captures.opened import DataSALearnt, ESPContent, ExchangeKind, ISAKMPSAEstablished, SADeleted
from gsakmp.captures.opening import Opener
from gsakmp.reports.story_facts import Story, plain
from gsakmp.reports.tables import folded, table
from tests.conftest import PCAPS
from tests.unit.captures.opening_world import (
    LONG,
    SESSIONS,
    THREE_DES,
    datagrams,
    flipped,
    opened,
    psk_and_dh,
    recorded,
)
from tests.unit.reports.pages import hostile
from tests.unit.reports.test_story import GROUP, Group, data_sa, evicting, pushed, text, told

DAY = 86_400


# -- times -------------------------------------------------------------------------------------------------------


def phase_1(lifetime: int) -> ISAKMPSAEstablished:
    return ISAKMPSAEstablished(
        sa="11:22", initiator="fqdn:a", responder="fqdn:gcks", initiator_address="192.0.2.1:500",
        responder_address="192.0.2.2:500", suite="aes", method="PRE_SHARED_KEY", lifetime_seconds=lifetime,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lifetime", "until"),
    [(10, "08:00:11.000, expires"), (DAY, "2027-01-16 08:00:01.000, expires"), (40 * DAY, "2027-02-24 08:00:01.000")],
)  # fmt: skip
def test_a_time_of_another_day_has_its_date(lifetime: int, until: str) -> None:
    """1,800,000,000 seconds since 1970 are 2027-01-15 08:00:00 UTC, as ``date -u -d @1800000000`` has it."""
    group = Group()
    group.say(ExchangeKind.MAIN, phase_1(lifetime), step=6)
    said = text(told(group.found))
    assert until in said
    assert "08:00:01.000 #1 " in said
    assert "2027-01-15 08:00:01.000 #1 " not in said


def test_a_capture_of_two_days_has_dates_everywhere() -> None:
    group = Group()
    group.say(ExchangeKind.MAIN, phase_1(10), step=6)
    group.say(ExchangeKind.INFORMATIONAL, at=2 * DAY)
    assert "2027-01-15 08:00:01.000 #1 " in text(told(group.found))


# -- SAs that were never active ----------------------------------------------------------------------------------


def test_gone_before_the_activation_delay_is_over() -> None:
    """RFC 6407, 5.4.1: the session's GAP wants 60 s, and its SAs last 14 s at most."""
    story = told(opened(LONG))
    assert [sa.never_active for sa in story.data_sas] == [True] * 10
    events = [event for each in opened(LONG) for event in each.events]
    delays = {event.activation_delay for event in events if isinstance(event, DataSALearnt)}
    assert delays == {60}
    (problem,) = story.problems
    assert (problem.what, problem.at.frame) == ("never active", 10)
    said = text(story, 200)
    assert said.count("  never  ") == 10
    assert "99be6c14, d0dacfc9, f67456f7, 6f5805dd and 6 more: never active: they live for 60 s" in said


def test_an_sa_is_never_active_for_what_ends_it() -> None:
    group = Group()
    group.join("fqdn:a", "r1", first=True)
    group.push("r1", 1, data_sa("d1", "fqdn:a", activation_delay=20), at=10)
    group.push("r1", 2, data_sa("d2", "fqdn:a", activation_delay=60), at=11)  # lives for 50 s
    group.push("r1", 3, SADeleted(protocol="ESP", sa="d1", group=GROUP, known=True), at=25)
    group.push("r1", 4, data_sa("d3", "fqdn:a", activation_delay=5), at=40)
    story = told(group.found)
    assert [(sa.sa, sa.never_active) for sa in story.data_sas] == [("d1", True), ("d2", True), ("d3", False)]
    assert [problem.message for problem in story.problems] == ["SA3 d1", "SA3 d2"]
    details = [problem.detail for problem in story.problems]
    assert details[0] == "never active: gone too early, ACTIVATION_TIME_DELAY is 20 s"
    assert details[1] == "never active: they live for 50 s, ACTIVATION_TIME_DELAY is 60 s"
    assert story.problems == told(group.found).problems
    assert not any(sa.never_active for sa in evicting().data_sas)


# -- what is counted ---------------------------------------------------------------------------------------------


def test_packets_are_not_messages() -> None:
    path = PCAPS / "ikev1" / "ipsec.cap"
    story = told(list(Opener().feed_all(read(path, esp=True))))
    assert story.messages == story.kinds["main"] + story.kinds.get("quick", 0) + story.kinds["informational"]
    assert (story.esp_packets, story.kinds["esp"]) == (16, 16)
    assert f"{story.messages} messages and 16 ESP packets." in text(story)


def test_no_packet_is_said_where_there_are_some() -> None:
    group = Group()
    group.join("fqdn:a", "r1", first=True)
    group.push("r1", 1, data_sa("d1", "fqdn:a"), data_sa("d2", "fqdn:a"))
    assert "packets" not in text(told(group.found)).replace("ESP packet", "")
    content = ESPContent(spi="d1", sequence_number=1, destination="ipv4:239.0.0.2")
    group.say(ExchangeKind.ESP, sa="d1", esp=content)
    rows = [line.split() for line in text(told(group.found), 200).splitlines() if re.match(r"  d[12] ", line)]
    found = {row[0]: [word for word in row if word in ("0", "1")] for row in rows}
    assert found == {"d1": ["1"], "d2": ["0"]}


# -- lines that break well ---------------------------------------------------------------------------------------


def words(said: str) -> set[str]:
    return {part for word in said.split() for part in re.split(r"(?<=,)|(?<=/)(?=[A-Za-z])", word)}


@pytest.mark.parametrize("width", [60, 80, 89, 90, 100, 120])
@pytest.mark.parametrize("name", SESSIONS)
def test_no_word_is_broken(name: str, width: int) -> None:
    for keyring in (None, Keyring()):
        story = told(opened(name, keyring))
        whole = words(text(story, 500))
        long = [word for word in whole if len(word) > width // 2]
        for piece in words(text(story, width)) - whole:
            assert any(piece in word for word in long), piece


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_table_is_a_list(width: int) -> None:
    said = text(told(opened(LONG)), width)
    assert "  SA2 87536413\n    to      239.10.1.1 port 848\n" in said
    assert "    pushes  1 to 3\n" in said
    assert "    active from  never\n" in said
    assert len(text(told(opened(LONG)), 100).splitlines()) < len(said.splitlines())


def test_what_fits_stays_a_table() -> None:
    rows = list(table(["a", "b"], [["1", "two"], ["3", "four"]], 40))
    assert ["".join(piece for piece, _ in row) for row in rows] == ["  a  b", "  1  two", "  3  four"]


@pytest.mark.parametrize(
    ("given", "width", "wanted"),
    [
        ("key-id:0x00000054 is a", 12, ["key-id:0x000", "00054 is a"]),
        ("ends key-id:0x54 here", 12, ["ends", "key-id:0x54", "here"]),
        ("RSA/SHA256", 8, ["RSA/", "SHA256"]),
        ("with RSA/SHA256", 10, ["with", "RSA/SHA256"]),
        ("10.0.224.0/24", 11, ["10.0.224.0/", "24"]),
        ("SA(KEK, GAP, 2 TEK)", 14, ["SA(KEK, GAP,", "2 TEK)"]),
        ("", 10, []),
    ],
)
def test_where_a_line_breaks(given: str, width: int, wanted: list[str]) -> None:
    assert folded(given, width) == wanted


def test_the_legend_has_every_sign_of_the_table() -> None:
    assert "- (not at all)" in text(evicting())
    assert "not at all" not in text(told(opened(LONG)))


# -- what stays closed -------------------------------------------------------------------------------------------


def test_messages_of_other_exchanges_go_by_their_name() -> None:
    """Pushes on a port of IPsec, as far as the number 33 goes (RFC 2409, appendix A: New Group Mode)."""
    moved = [
        msgspec.structs.replace(each, source_port=500, destination_port=500, frame=number)
        for number, each in enumerate(datagrams(LONG)[10:13], 1)
    ]
    said = text(told(list(Opener().feed_all(moved))), 200)
    assert "no message" not in said
    assert re.search(r"- 3 [A-Z_]+ of SA 8753641380505427:23dc4306f48d344a|- 3 Push of SA", said)


def test_what_was_brought_by_a_message_whose_hash_is_wrong() -> None:
    """An octet of the last key is another: the message opens, and its HASH(4) is wrong (RFC 6407, 3.2)."""
    opener = Opener(psk_and_dh(LONG))
    octets = bytes.fromhex("99be6c14") + (1).to_bytes(4) + bytes(64)
    esp = Datagram(octets, 17, 0, "10.0.224.37", 0, "239.1.1.1", 0, protocol=50)
    given = [flipped(each, len(each.octets) - 20) if each.frame == 10 else each for each in datagrams(LONG)]
    story = told(list(opener.feed_all([*given, esp])))
    reason = "brought by #10, whose HASH(4) is wrong, so not used"
    spis = pushed()
    assert [(each.sa, each.reason) for each in story.sealed] == [
        (spis[0], reason),
        (spis[1], "no key of this Rekey SA is known"),  # brought by a push that nobody could open
        ("99be6c14", reason),
    ]
    assert text(story, 200).count(reason) == 2


def test_what_was_brought_by_a_push_whose_signature_is_wrong() -> None:
    """Frame 13 brings the second Rekey SA."""
    opener = Opener(psk_and_dh(LONG))
    given = [flipped(each, len(each.octets) - 12) if each.frame == 13 else each for each in datagrams(LONG)]
    story = told(list(opener.feed_all(given)))
    assert [(each.sa, each.reason) for each in story.sealed] == [
        (pushed()[1], "brought by #13, whose signature is wrong, so not used")
    ]


# -- forms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("name", SESSIONS)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    for keyring in (None, Keyring()):
        for line in text(told(opened(name, keyring)), width).splitlines():
            assert len(line) <= width


def test_a_hostile_peer_steers_nothing() -> None:
    story = told(hostile())
    for line in text(story, 80).splitlines():
        assert line.isprintable()
        assert len(line) <= 80


def test_json_has_all_of_it_with_times_as_text() -> None:
    story = told(opened(THREE_DES))
    found = json.loads(msgspec.json.encode(plain(story)))
    assert set(found) == set(Story.__struct_fields__)
    first = recorded(THREE_DES)["messages"][0]["time"]
    assert found["first"] == {"frame": 1, "time": iso(first)}
    for sa in found["data_sas"]:
        assert re.fullmatch(r"2026-11-23T\d\d:\d\d:\d\d\.\d{9}Z", sa["expires_at"])
        assert re.fullmatch(r"2026-11-23T\d\d:\d\d:\d\d\.\d{9}Z", sa["deleted"]["time"])
    assert found["data_sas"][0]["replaced_by"]


def iso(epoch: str) -> str:
    """Seconds with nine digits behind the point as ISO 8601."""
    seconds, _, fraction = epoch.partition(".")
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def test_of_nothing_there_is_nothing_to_tell() -> None:
    assert text(told([])) == "There is no message in it."


def test_octets_without_times() -> None:
    story = told(list(Opener(psk_and_dh(LONG)).feed_all(each.octets for each in datagrams(LONG))))
    assert "Without times: 16 messages." in text(story)
    assert "1970" not in text(story)
    assert [sa.expires_at for sa in story.data_sas] == [0] * 10


def test_a_null_sa2() -> None:
    group = Group()
    group.join("fqdn:a", None)
    assert "None was handed out: it is null or there is none" in text(told(group.found), 120)
