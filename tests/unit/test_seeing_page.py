"""docs/seeing.md: every command of it is run, on the capture and with the key file that it names, and compared."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import PCAPS, ROOT
from tests.unit.captures.opening_world import LONG, THREE_DES
from tests.unit.cli.commands import run

PAGE = ROOT / "docs" / "seeing.md"
PICTURE = ROOT / "docs" / "images" / "ladder.svg"
BLOCK = re.compile(r"```console\n\$ gsakmp (.*)\n((?:.*\n)*?)```")
COMMANDS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the page names, the key file as the page has it."""
    shutil.copy(PCAPS / "gdoi" / f"{LONG}.pcap", tmp_path / "session.pcap")
    shutil.copy(PCAPS / "gdoi" / f"{THREE_DES}.pcap", tmp_path / "other.pcap")
    found = re.search(r"```\n(gsakmp-keys 1\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    (tmp_path / "session.keys").write_text(found[1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_what_the_page_shows_is_what_comes(command: str, shown: str, folder: Path) -> None:
    result = run(*shlex.split(command))
    lines = [line.rstrip() for line in (result.text + result.err).splitlines()]
    wanted = shown.splitlines()
    if "..." not in wanted:
        assert lines == wanted
        return
    place = wanted.index("...")
    after = wanted[place + 1 :]
    assert lines[:place] == wanted[:place]
    assert lines[len(lines) - len(after) :] == after


def test_all_four_commands_are_there() -> None:
    assert {command.split()[0] for command, _ in COMMANDS} == {"ladder", "explain", "diff", "decrypt"}


def test_the_picture_is_fresh(folder: Path) -> None:
    result = run("ladder", "-q", "--keys", "session.keys", "session.pcap", "--svg", "-")
    assert result.text == PICTURE.read_text(encoding="utf-8")
