"""The types, seen from outside: what a user may write passes ``mypy --strict``, what is wrong does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

HERE = Path(__file__).parent
SAID = re.compile(r":(\d+): error: .*\[([\w-]+)\]$", re.MULTILINE)


def errors(path: Path, tmp_path: Path) -> set[tuple[int, str]]:
    """Line and code of each error that mypy finds in the file."""
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = true\n[mypy-construct.*]\nignore_missing_imports = true\n")
    arguments = ["--config-file", str(config), "--cache-dir", str(tmp_path / "cache"), "--no-error-summary"]
    shown, problems, _ = api.run([*arguments, "--hide-error-context", str(path)])
    assert not problems
    return {(int(line), code) for line, code in SAID.findall(shown)}


@pytest.mark.slow
def test_what_a_user_may_write(tmp_path: Path) -> None:
    assert errors(HERE / "good.py", tmp_path) == set()


@pytest.mark.slow
def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    source = (HERE / "bad.txt").read_text()
    path = tmp_path / "bad.py"
    path.write_text(source)
    lines = enumerate(source.splitlines(), 1)
    expected = {(number, line.rsplit("# error: ")[1]) for number, line in lines if "# error: " in line}
    found = errors(path, tmp_path)
    assert expected <= found
    assert {line for line, _ in found} == {line for line, _ in expected}
