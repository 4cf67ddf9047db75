"""README.md: its commands on shipped captures run as they stand, and no file is named that is not there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from string import Template

import pytest

from tests.conftest import ROOT
from tests.unit.cli.commands import run

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
WIDEST = 100
NOT_HERE = ("demo.keys", "--install")
"""What `gsakmp demo` leaves, and what would write into the user's folder."""


def lines(heading: str) -> list[str]:
    """The commands under `heading`, without their comments, variables in them replaced; pipes without their end."""
    block = TEXT.partition(f"## {heading}\n")[2].partition("```sh\n")[2].partition("```")[0]
    values = dict(re.findall(r"^(\w+)=(\S+)$", block, re.MULTILINE))
    found = [
        line.partition(" #")[0].partition("|")[0] for line in block.splitlines() if line.startswith("gsakmp ")
    ]
    return [Template(line).substitute(values).strip() for line in found]


COMMANDS = [
    line
    for line in lines("Decode captures") + lines("Look inside")
    if not re.search("|".join(NOT_HERE), line)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_it_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pcaps").symlink_to(ROOT / "pcaps")
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(command)
    assert program == "gsakmp"
    arguments = [
        name for word in words for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]
    result = run(*arguments)
    assert result.status == (1 if words[0] == "diff" else 0), result.err
    assert result.out or "-o" in words or words[0] == "decrypt"


def test_all_that_look_into_captures_are_there() -> None:
    assert {command.split()[1] for command in COMMANDS} == {
        *("decode", "describe", "ladder", "explain", "view", "diff", "decrypt", "keys"),
    }


def test_lines_are_not_too_wide() -> None:
    wide = [line for line in TEXT.splitlines() if len(line) > WIDEST and not line.startswith("|")]
    assert wide == []
