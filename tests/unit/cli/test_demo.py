"""``gsakmp demo`` as its reader sees it, and what it leaves behind."""

from __future__ import annotations

import io
import re
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from gsakmp.captures import read
from gsakmp.captures.keyfile import read_keys
from gsakmp.cli.demo.telling import Teller
from tests.unit.cli.commands import process, run
from tests.unit.cli.conftest import Demo


def readers(text: str, kind: str) -> dict[str, list[str]]:
    """The rows of the last table."""
    rows = re.finditer(rf"^ +({kind} \d) +[0-9a-f]{{8}}(.*)$", text, re.MULTILINE)
    return {row[1]: row[2].split() for row in rows}


@pytest.fixture
def shown(played: Callable[[str], Demo]) -> Demo:
    return played("lkh")


def test_it_ends_well_and_explains_what_a_gsa_is(shown: Demo) -> None:
    result = shown.result
    assert (result.status, result.err) == (0, "")
    for word in ("SA1", "SA2", "SA3", "group security association", "registration", "rekey", "data"):
        assert word in result.text
    assert max(len(line) for line in result.text.splitlines() if "/" not in line) <= 110


def test_who_was_evicted_and_who_came_late_read_only_what_they_may(shown: Demo) -> None:
    result = shown.result
    assert readers(result.text, "frame") == {
        "frame 1": ["sends", "reads", "reads"],
        "frame 2": ["sends", "reads", "reads"],
        "frame 3": ["reads", "can't", "sends", "can't"],
        "frame 4": ["reads", "can't", "reads", "sends"],
    }


@pytest.mark.parametrize("algorithm", ["oft", "flat"])
def test_other_algorithms_keep_the_same_people_out(played: Callable[[str], Demo], algorithm: str) -> None:
    result = played(algorithm).result
    assert (result.status, result.err) == (0, "")
    assert readers(result.text, "frame") == {
        "frame 1": ["sends", "reads", "reads"],
        "frame 2": ["sends", "reads", "reads"],
        "frame 3": ["reads", "can't", "sends", "can't"],
        "frame 4": ["reads", "can't", "reads", "sends"],
    }


def test_viewers_read_the_periods_that_they_bought_and_no_message_ends_them(
    played: Callable[[str], Demo],
) -> None:
    demo = played("marks")
    result = demo.result
    assert (result.status, result.err) == (0, "")
    alice, bob = range(2, 5), range(4, 7)
    assert readers(result.text, "period") == {
        f"period {n}": ["sends", *("reads" if n in bought else "can't" for bought in (alice, bob))]
        for n in range(2, 8)
    }
    decoded = run("decode", "--json", "--doi", "GDOI", "--port", demo.port, demo.output)
    kinds = {record["message"]["exchange_type"] for record in decoded.records}
    assert kinds == {"IDENTITY_PROTECTION", "GROUPKEY_PULL", "INFORMATIONAL"}  # Deletes of SA1 at the end


def test_the_capture_decodes(shown: Demo) -> None:
    decoded = run("decode", "--json", "--doi", "GDOI", "--port", shown.port, shown.output)
    assert decoded.status == 0
    exchanges = [record["message"]["exchange_type"] for record in decoded.records]
    # four members: six messages of phase 1 and four of the pull each, at least
    assert exchanges.count("IDENTITY_PROTECTION") >= 24
    assert exchanges.count("GROUPKEY_PULL") >= 16
    assert exchanges.count("GROUPKEY_PUSH") >= 5
    assert exchanges.count("GROUPKEY_PUSH_ACK") >= 10
    frames = list(read(shown.output, ports=shown.ports))
    assert len(frames) == len(exchanges) + 4  # and the ESP packets


def test_the_keys_are_their_owners_alone(shown: Demo) -> None:
    keys = shown.output.with_suffix(".keys")
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert keys.read_text().startswith("gsakmp-keys 1\n")
    kinds = {secret.kind for secret in read_keys(keys)}
    assert kinds >= {"skeyid", "skeyid_a", "encryption_key", "kek", "tek"}


def test_the_command_that_it_ends_with_opens_it(shown: Demo) -> None:
    result = shown.result
    command = result.text.splitlines()[-1].split()
    assert command[1:3] == ["decode", "--keys"]
    decoded = run(*command[1:])
    assert decoded.status == 0
    assert "WRONG" not in decoded.text
    assert decoded.text.count("HASH(4) right") == 4


def test_each_rekey_counts_the_acknowledgements_of_its_own_pushes(shown: Demo) -> None:
    result = shown.result
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


def test_explain_says_who_was_left_behind(shown: Demo) -> None:
    story = msgspec.json.decode(run("explain", "--json", *shown.arguments()).out)
    evicting = [push for push in story["pushes"] if push["left_behind"]]
    assert [(push["left_behind"], push["by"]) for push in evicting] == [(["fqdn:carol.demo"], "LKH")]
    assert evicting[0]["reasons"] == ["forward rekey: fqdn:carol.demo left behind"]


def test_the_ladder_has_every_message_of_it(shown: Demo) -> None:
    drawn = run("ladder", *shown.arguments(), "--width", 200)
    assert drawn.status == 0
    assert sum("▶" in line or "◀" in line for line in drawn.text.splitlines()) == len(
        list(read(shown.output, None))
    )
    assert "carol.demo left behind" in drawn.text
