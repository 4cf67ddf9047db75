"""``gsakmp wireshark``."""

from __future__ import annotations

import io
from pathlib import Path

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
    assert "cannot be made" in result.err


@pytest.mark.parametrize("other", [("-o", "x.lua"), ("--filters",)])
def test_install_stands_alone(other: tuple[str, ...]) -> None:
    result = run("wireshark", "--install", *other)
    assert result.status == 2
    assert "--install goes with neither" in result.err
