"""Help texts: they fit a terminal of 80 columns, and say what the options mean."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from tests.unit.cli.commands import run

COMMANDS = ["decode", "encode", "decrypt", "ladder", "explain", "diff", "keys", "describe"]
NARROW = 60
"""Characters below which a line of prose is short, where more stand below it."""


def told(*arguments: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", run(*arguments, "--help").text)


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_paragraphs_take_the_width(command: list[str]) -> None:
    """A line breaks where the next word has no place, nowhere else."""
    text = told(*command)
    assert max(map(len, text.splitlines())) <= 80
    head = text.partition("╭")[0].partition("Usage:")[2]
    for part in re.split(r"\n *\n", head)[1:]:
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        for line, after in pairwise(lines):
            assert len(line) + 1 + len(after.split()[0]) > 78 - 2


def test_the_list_of_commands_has_no_ragged_lines() -> None:
    rows = re.findall(r"^│ (?:[a-z-]+)? +(\S.*?) *│$", told().partition("Commands")[2], re.MULTILINE)
    room = max(map(len, rows))
    for line, after in pairwise(rows):
        if after[0].islower():
            assert len(line) + 1 + len(after.split()[0]) > room - 2


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_whole(command: str) -> None:
    """What is to be copied is not broken."""
    text = told(command).partition("Examples:")[2]
    examples = [line for line in text.splitlines() if re.match(r" *(gsakmp|tcpdump) ", line)]
    assert examples
    assert all(part.startswith(" ") for part in text.splitlines() if part)
    prose = [line for line in text.splitlines() if line.strip() and line not in examples]
    assert not prose or prose[0].split()[0] in ("Exit", "A")  # the next paragraph, not the rest of an example


def flat(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def test_what_needs_a_word_has_one() -> None:
    assert "For hex" not in flat(told("decrypt"))
    assert "For hex" not in flat(told("keys"))
    assert "For hex" in flat(told("decode"))
    assert "GROUPKEY_PULL, GROUPKEY_PUSH," in flat(told("ladder"))
    assert "10,000 messages at most" in flat(told("ladder"))
    assert "--keys opens none of them" in flat(told("decode"))
    assert "Cisco's open GDOI implementation" in flat(told("decode"))
    assert {"--doi", "--quiet", "--dialect"} <= set(re.findall(r"--\w+", told("keys")))
