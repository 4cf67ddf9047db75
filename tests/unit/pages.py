"""Pages of docs/ whose commands are run: one after the other in one folder, as a reader would."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT, require_tool
from tests.unit.cli.commands import run

BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
FIRST_CELL = re.compile(r"^\| (`.*?) \|", re.MULTILINE)
CUT = "..."


@dataclass(frozen=True)
class Shown:
    """A command of a page, and what the page shows of its output."""

    command: str
    lines: tuple[str, ...]


def commands(text: str) -> list[Shown]:
    """Those of all console blocks, in their order."""
    found: list[Shown] = []
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            found.append(Shown(command, tuple(lines)))
    return found


def play(shown: list[Shown], folder: Path) -> dict[str, list[str]]:
    """The output of each command, run in `folder`: standard output first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("COLUMNS", raising=False)
        return {one.command: output(one.command) for one in shown}


def output(command: str) -> list[str]:
    if "|" in command:
        return piped(command)
    program, *arguments = shlex.split(command)
    if program == "cp":
        source, target = arguments
        shutil.copy(ROOT / source, target)
        return []
    assert program == "gsakmp", f"what is {program}?"
    result = run(*arguments)
    return [line.rstrip() for line in (result.text + result.err).splitlines()]


def piped(command: str) -> list[str]:
    """A pipe needs a shell, and in that a `gsakmp`. Of what other programs say on standard error nothing is told."""
    require_tool("tshark")
    here = Path("bin").absolute()
    here.mkdir(exist_ok=True)
    ours = here / "gsakmp"
    ours.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m gsakmp "$@"\n')
    ours.chmod(0o700)
    environment = {**os.environ, "PATH": f"{here}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, timeout=60, check=True, text=True
    )
    return done.stdout.splitlines()


def compare(lines: list[str], shown: Shown) -> None:
    """All lines as shown; where the page has a line ``...`` there may be any in between."""
    # tshark's columns are as wide as its version has them
    squeezed = [" ".join(line.split()) if "|" in shown.command else line for line in lines]
    wanted = [" ".join(line.split()) if "|" in shown.command else line for line in shown.lines]
    parts: list[list[str]] = [[]]
    for line in wanted:
        if line == CUT:
            parts.append([])
        else:
            parts[-1].append(line)
    if len(parts) == 1:
        assert squeezed == wanted
        return
    at = len(parts[0])
    assert squeezed[:at] == parts[0]
    for part in parts[1:-1]:
        starts = [i for i in range(at, len(squeezed)) if squeezed[i : i + len(part)] == part]
        assert starts, f"{shown.command} does not show what begins with {part[0]}"
        at = starts[0] + len(part)
    last = len(squeezed) - len(parts[-1])
    assert last >= at
    assert squeezed[last:] == parts[-1]


def listed(text: str, heading: str) -> set[str]:
    """What stands in backticks in the first column of the first table behind `heading`, the beginning of a line."""
    _, found, rest = text.partition(f"\n{heading}")
    assert found, f"no {heading}"
    table = re.search(r"^\|---.*?(?=\n\n|\Z)", rest, re.MULTILINE | re.DOTALL)  # below its head
    assert table is not None
    cells = FIRST_CELL.findall(table[0])
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
