"""``gsakmp demo`` as its reader sees it, and what it leaves behind."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from gsakmp.captures import read
from tests.unit.cli.commands import Result, process, run

NAMES = ("alice", "bob", "carol", "dave")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    output = tmp_path_factory.mktemp("demo") / "demo.pcap"
    return process("demo", "--output", output, "--port", 21_840), output


def test_it_ends_well_and_explains_what_a_gsa_is(shown: tuple[Result, Path]) -> None:
    result, _ = shown
    assert (result.status, result.err) == (0, "")
    for word in ("SA1", "SA2", "SA3", "group security association", "registration", "rekey", "data"):
        assert word in result.text
    assert max(len(line) for line in result.text.splitlines() if "/" not in line) <= 110


def test_who_was_evicted_and_who_came_late_read_only_what_they_may(shown: tuple[Result, Path]) -> None:
    result, _ = shown
    table = {
        match[1]: match[2].split()
        for match in re.finditer(r"^ +(frame \d) +[0-9a-f]{8}(.*)$", result.text, re.MULTILINE)
    }
    assert table == {
        "frame 1": ["sends", "reads", "reads"],
        "frame 2": ["sends", "reads", "reads"],
        "frame 3": ["reads", "sends", "can't"],
        "frame 4": ["reads", "reads", "can't", "sends"],
    }


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
    kinds = {line.split()[0] for line in keys.read_text().splitlines()}
    assert kinds >= {"skeyid", "skeyid_a", "encryption_key", "kek", "tek"}


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = process("demo", "--output", tmp_path / "nowhere" / "demo.pcap", "--port", 21_940)
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert "nowhere" in result.err
