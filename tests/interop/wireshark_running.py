"""tshark with the dissector, and what the tests of it know of the shipped sessions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gsakmp.wireshark import dissector
from tests.conftest import require_tool

__all__ = ["TSHARK", "encryption_key", "fields", "session", "written_script"]

TSHARK = require_tool("tshark")


def written_script(folder: Path) -> Path:
    """The dissector as a file."""
    path = folder / "gdoi.lua"
    path.write_text(dissector(), encoding="utf-8")
    return path


def fields(
    script: Path | None, capture: Path, *options: str, columns: Iterable[str] = ("frame.number",)
) -> list[str]:
    """What tshark prints for the columns, a line a frame."""
    command = [TSHARK, "-r", str(capture), "-T", "fields", *options]
    command += ["-X", f"lua_script:{script}"] if script is not None else []
    for column in columns:
        command += ["-e", column]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True, text=True)
    assert "Lua" not in done.stderr, done.stderr
    return done.stdout.splitlines()


def session(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def encryption_key(found: dict[str, Any], by: str = "key") -> tuple[str, str, str]:
    """Both cookies of the session and a key that its daemon derived."""
    answered = next(message for message in found["messages"] if message["rcookie"] != "0" * 16)
    key = next(value["value"] for value in found["derived"] if value["name"] == by)
    return answered["icookie"], answered["rcookie"], key
