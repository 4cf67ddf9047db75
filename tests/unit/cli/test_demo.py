"""``gsakmp demo`` as its reader sees it, and what it leaves behind."""

from __future__ import annotations

import io
import re
import socket
import stat
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from gsakmp.captures import read
from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Keyring, Kind
from gsakmp.captures.opened import (
    Acknowledged,
    ExchangeKind,
    GroupJoined,
    KeysFollowed,
    Opened,
    RolledOver,
    Status,
)
from gsakmp.captures.opening import Opener
from gsakmp.cli.demo.telling import Teller
from tests.unit.cli.commands import Result, process, run

NAMES = ("alice", "bob", "carol", "dave")


def readers(text: str, kind: str) -> dict[str, list[str]]:
    """The rows of the last table."""
    rows = re.finditer(rf"^ +({kind} \d) +[0-9a-f]{{8}}(.*)$", text, re.MULTILINE)
    return {row[1]: row[2].split() for row in rows}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    output = tmp_path_factory.mktemp("demo") / "demo.pcap"
    output.with_suffix(".keys").touch(mode=0o644)  # of a demo before, and open to all
    return process("demo", "--output", output, "--port", 21_840), output


def test_it_ends_well_and_explains_what_a_gsa_is(shown: tuple[Result, Path]) -> None:
    result, _ = shown
    assert (result.status, result.err) == (0, "")
    for word in ("SA1", "SA2", "SA3", "group security association", "registration", "rekey", "data"):
        assert word in result.text
    assert max(len(line) for line in result.text.splitlines() if "/" not in line) <= 110


def test_who_was_evicted_and_who_came_late_read_only_what_they_may(shown: tuple[Result, Path]) -> None:
    result, _ = shown
    assert readers(result.text, "frame") == {
        "frame 1": ["sends", "reads", "reads"],
        "frame 2": ["sends", "reads", "reads"],
        "frame 3": ["reads", "can't", "sends", "can't"],
        "frame 4": ["reads", "can't", "reads", "sends"],
    }


@pytest.mark.parametrize("algorithm", ["oft", "flat"])
def test_other_algorithms_keep_the_same_people_out(tmp_path: Path, algorithm: str) -> None:
    result = process("demo", "--rekey", algorithm, "-o", tmp_path / "demo.pcap", "--port", 21_860)
    assert (result.status, result.err) == (0, "")
    assert readers(result.text, "frame") == {
        "frame 1": ["sends", "reads", "reads"],
        "frame 2": ["sends", "reads", "reads"],
        "frame 3": ["reads", "can't", "sends", "can't"],
        "frame 4": ["reads", "can't", "reads", "sends"],
    }


def test_viewers_read_the_periods_that_they_bought_and_no_message_ends_them(tmp_path: Path) -> None:
    output = tmp_path / "demo.pcap"
    result = process("demo", "--rekey", "marks", "-o", output, "--port", 21_880)
    assert (result.status, result.err) == (0, "")
    alice, bob = range(2, 5), range(4, 7)
    assert readers(result.text, "period") == {
        f"period {n}": ["sends", *("reads" if n in bought else "can't" for bought in (alice, bob))]
        for n in range(2, 8)
    }
    decoded = run("decode", "--json", "--doi", "GDOI", "--port", 21_880, output)
    kinds = {record["message"]["exchange_type"] for record in decoded.records}
    assert kinds == {"IDENTITY_PROTECTION", "GROUPKEY_PULL", "INFORMATIONAL"}  # Deletes of SA1 at the end


def test_the_capture_decodes(shown: tuple[Result, Path]) -> None:
    _, output = shown
    decoded = run("decode", "--json", "--doi", "GDOI", "--port", 21_840, output)
    assert decoded.status == 0
    exchanges = [record["message"]["exchange_type"] for record in decoded.records]
    # four members: six messages of phase 1 and four of the pull each, at least
    assert exchanges.count("IDENTITY_PROTECTION") >= 24
    assert exchanges.count("GROUPKEY_PULL") >= 16
    assert exchanges.count("GROUPKEY_PUSH") >= 5
    assert exchanges.count("GROUPKEY_PUSH_ACK") >= 10
    frames = list(read(output, ports=(21_840, 21_841)))
    assert len(frames) == len(exchanges) + 4  # and the ESP packets


def test_the_keys_are_their_owners_alone(shown: tuple[Result, Path]) -> None:
    _, output = shown
    keys = output.with_suffix(".keys")
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert keys.read_text().startswith("gsakmp-keys 1\n")
    kinds = {secret.kind for secret in read_keys(keys)}
    assert kinds >= {"skeyid", "skeyid_a", "encryption_key", "kek", "tek"}


def opened_with(output: Path, wanted: set[Kind], members: int = 4) -> list[Opened]:
    """The demo's capture, with those secrets of the first so many members."""
    secrets = [secret for secret in read_keys(output.with_suffix(".keys")) if secret.kind in wanted]
    cookies = list(dict.fromkeys(secret.name for secret in secrets))[:members]
    opener = Opener(Keyring(secret for secret in secrets if secret.name in cookies), ports=(21_840,))
    return list(opener.feed_all(read(output, ports=(21_840, 21_841))))


def test_with_the_secrets_of_phase_1_alone_all_is_opened_and_right(shown: tuple[Result, Path]) -> None:
    _, output = shown
    found = opened_with(output, {Kind.SKEYID, Kind.SKEYID_A, Kind.SKEYID_E})
    assert {each.status for each in found} == {Status.CLEAR, Status.OPENED}
    for each in found:
        assert all(check.passed for check in each.checks if check.name != "sequence number"), each
    checks = Counter(check.name for each in found for check in each.checks)
    assert (checks["HASH_I"], checks["HASH_R"]) == (4, 4)
    assert {checks[f"HASH({number})"] >= 4 for number in (1, 2, 3, 4)} == {True}
    assert checks["signature"] >= 7
    assert checks["HASH"] >= 10  # acknowledgements
    payloads = [each.esp.payload for each in found if each.esp is not None]
    assert payloads == [b"frame 1", b"frame 2", b"frame 3", b"frame 4"]


def test_one_member_s_secret_opens_the_whole_life_of_the_group(shown: tuple[Result, Path]) -> None:
    _, output = shown
    found = opened_with(output, {Kind.SKEYID, Kind.SKEYID_A, Kind.SKEYID_E}, members=1)
    for kind in (ExchangeKind.PUSH, ExchangeKind.ESP):
        assert {each.status for each in found if each.kind is kind} == {Status.OPENED}
    assert not any(each.failed for each in found)
    joined = [event.member for each in found for event in each.events if isinstance(event, GroupJoined)]
    assert joined == ["fqdn:alice.demo"]


def test_who_followed_the_eviction(shown: tuple[Result, Path]) -> None:
    _, output = shown
    found = opened_with(output, {Kind.SKEYID, Kind.SKEYID_A, Kind.SKEYID_E})
    rolled = [event for each in found for event in each.events if isinstance(event, RolledOver)]
    names = [f"fqdn:{name}.demo" for name in NAMES]
    assert [(event.by, event.followed, event.left_behind) for event in rolled] == [
        ("KEK", tuple(names[:3]), ()),
        ("LKH", tuple(names[:2]), (names[2],)),
    ]
    followed = [event.member for each in found for event in each.events if isinstance(event, KeysFollowed)]
    assert followed == names[:2]
    acknowledged = {
        event.member for each in found for event in each.events if isinstance(event, Acknowledged)
    }
    assert acknowledged <= set(names)


def test_the_command_that_it_ends_with_opens_it(shown: tuple[Result, Path]) -> None:
    result, _ = shown
    command = result.text.splitlines()[-1].split()
    assert command[1:3] == ["decode", "--keys"]
    decoded = run(*command[1:])
    assert decoded.status == 0
    assert "WRONG" not in decoded.text
    assert decoded.text.count("HASH(4) right") == 4


def test_each_rekey_counts_the_acknowledgements_of_its_own_pushes(shown: tuple[Result, Path]) -> None:
    result, _ = shown
    assert re.findall(r"(\d+) acknowledgements", result.text) == ["6", "4"]  # three members, then two


def test_a_narrow_terminal_folds_between_words() -> None:
    out = io.StringIO()
    teller = Teller(Console(file=out, width=60))
    teller.section("title", "  SA1  registration  " + "word " * 20)
    teller.line("carol", "word " * 20)
    lines = [line for line in out.getvalue().splitlines() if "word" in line]
    assert max(map(len, lines)) <= 60
    assert {piece for line in lines for piece in line.split()[-2:]} == {"word"}
    starts = [line.index("word") for line in lines]
    assert starts[0] == starts[1]  # below the row's last cell
    assert starts[-1] == starts[-2]  # and below what happened


@pytest.mark.parametrize("output", [".", "..", "", "x.keys"])
def test_an_output_that_is_no_file_for_a_capture_is_refused_at_once(tmp_path: Path, output: str) -> None:
    result = process("demo", f"--output={output}", "--port", 21_940, cwd=tmp_path)
    assert (result.status, result.out, result.err.count("\n")) == (2, b"", 1)
    assert "a file for the capture is wanted" in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_one_line_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        result = process("demo", "--port", port, "--output", tmp_path / "demo.pcap")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert str(port) in result.err
    assert "--port" in result.err


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = process("demo", "--output", tmp_path / "nowhere" / "demo.pcap", "--port", 21_940)
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert "nowhere" in result.err


def test_explain_tells_the_same_story(shown: tuple[Result, Path]) -> None:
    """The table of readers that the demo has printed, from what was captured alone."""
    result, output = shown
    arguments = [output, "--keys", output.with_suffix(".keys"), "--port", 21_840, "--port", 21_841]
    told = run("explain", "--json", *arguments)
    assert told.status == 0
    story = msgspec.json.decode(told.out)
    assert (story["sealed"], story["problems"], story["checks_wrong"]) == ([], [], 0)
    held = {sa["sa"]: {holder["member"] for holder in sa["holders"]} for sa in story["data_sas"]}
    packets = {sa["sa"]: (sa["packets"], sa["packets_opened"]) for sa in story["data_sas"]}
    for spi, row in re.findall(r"^ +frame \d +([0-9a-f]{8}) +(.*)$", result.text, re.MULTILINE):
        able = {name for name, word in zip(NAMES, row.split(), strict=False) if word in ("reads", "sends")}
        assert held[spi] == {f"fqdn:{name}.demo" for name in able}
        assert packets[spi] == (1, 1)
    evicting = [push for push in story["pushes"] if push["left_behind"]]
    assert [push["left_behind"] for push in evicting] == [["fqdn:carol.demo"]]
    assert evicting[0]["reasons"] == ["forward rekey: fqdn:carol.demo left behind"]
    assert {push["by"] for push in evicting} == {"LKH"}


def test_the_ladder_has_every_message_of_it(shown: tuple[Result, Path]) -> None:
    _, output = shown
    arguments = [output, "--keys", output.with_suffix(".keys"), "--port", 21_840, "--port", 21_841]
    drawn = run("ladder", *arguments, "--width", 200)
    assert drawn.status == 0
    assert sum("▶" in line or "◀" in line for line in drawn.text.splitlines()) == len(
        list(read(output, None))
    )
    assert "carol.demo left behind" in drawn.text
