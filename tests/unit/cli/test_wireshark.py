"""``gsakmp wireshark``."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit

import pytest

from gsakmp.wireshark import dissector
from gsakmp.wireshark.page import filters_page
from tests.unit.cli.commands import run


def test_it_writes_to_standard_output() -> None:
    result = run("wireshark")
    assert (result.status, result.text, result.err) == (0, dissector(), "")


class Terminal(io.BytesIO):
    """Octets on their way to somebody's eyes."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_lua_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io, "BytesIO", Terminal)
    result = run("wireshark")
    assert (result.status, result.out) == (2, b"")
    assert (
        "-o FILE says where to, --install is for Wireshark's own folder, -o - for this terminal" in result.err
    )
    assert run("wireshark", "-o", "-").text == dissector()
    assert run("wireshark", "--filters").text == filters_page()


def test_it_writes_a_file_and_over_one(tmp_path: Path) -> None:
    target = tmp_path / "gdoi.lua"
    target.write_text("old")
    assert run("wireshark", "-o", target).status == 0
    assert target.read_text(encoding="utf-8") == dissector()
    assert [path.name for path in tmp_path.iterdir()] == ["gdoi.lua"]


def test_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that is named, nor one in Wireshark's folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    precious = tmp_path / "precious"
    precious.write_text("mine")
    installed = tmp_path / ".local" / "lib" / "wireshark" / "plugins" / "gsakmp.lua"
    installed.parent.mkdir(parents=True)
    for link, arguments in ((tmp_path / "a.lua", ["-o", tmp_path / "a.lua"]), (installed, ["--install"])):
        link.symlink_to(precious)
        result = run("wireshark", *arguments)
        assert result.status == 2
        assert f"{link} is a link, which is not followed" in result.err
        assert link.is_symlink()
    assert precious.read_text() == "mine"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """Here for want of room: files may have 4,096 octets."""
    target = tmp_path / "gdoi.lua"
    target.write_text("old")
    done = subprocess.run(
        [sys.executable, "-m", "gsakmp", "wireshark", "-o", target],
        preexec_fn=lambda: setrlimit(RLIMIT_FSIZE, (4096, 4096)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, timeout=60, check=False, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"{target} can't be written" in done.stderr
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["gdoi.lua"]


def test_it_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    result = run("wireshark", "--install")
    target = tmp_path / ".local" / "lib" / "wireshark" / "plugins" / "gsakmp.lua"
    assert (result.status, result.out) == (0, b"")
    assert str(target) in result.err
    assert target.read_text(encoding="utf-8") == dissector()


def test_it_lists_the_filters() -> None:
    assert run("wireshark", "--filters").text == filters_page()


def test_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("wireshark", "-o", tmp_path / "no" / "gdoi.lua")
    assert result.status == 2
    assert "can't be written" in result.err
    (tmp_path / ".local").write_text("a file")
    monkeypatch.setenv("HOME", str(tmp_path))
    result = run("wireshark", "--install")
    assert result.status == 2
    assert "can't be made" in result.err


@pytest.mark.parametrize("other", [("-o", "x.lua"), ("--filters",)])
def test_install_stands_alone(other: tuple[str, ...]) -> None:
    result = run("wireshark", "--install", *other)
    assert result.status == 2
    assert "--install goes with neither" in result.err
