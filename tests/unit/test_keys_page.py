"""docs/keys.md: every command of it is run, in a folder of its own, and what it shows and says is compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Kind
from tests.conftest import ROOT
from tests.unit.cli.commands import run
from tests.unit.pages import Shown, commands, compare, listed, play

TEXT = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
COMMANDS = commands(TEXT)
SUMMARY = re.compile(r"(\d+) opened, (\d+) closed, (\d+) checks right, (\d+) wrong")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's commands are run; ``part.keys`` is there as the page has it."""
    found = re.search(r"This is `part\.keys`.*?```\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    here = tmp_path_factory.mktemp("keys")
    (here / "part.keys").write_text(found[1], encoding="utf-8")
    return here


@pytest.fixture(scope="module")
def played(folder: Path) -> dict[str, list[str]]:
    return play(COMMANDS, folder)


@pytest.mark.parametrize("shown", COMMANDS, ids=[shown.command for shown in COMMANDS])
def test_what_the_page_shows_is_what_comes(shown: Shown, played: dict[str, list[str]]) -> None:
    compare(played[shown.command], shown)


def test_the_example_has_keys_of_the_session(folder: Path, played: dict[str, list[str]]) -> None:
    assert played
    part, known = (
        read_keys(folder / "part.keys"),
        {secret.octets for secret in read_keys(folder / "all.keys")},
    )
    assert {secret.kind for secret in part} == {Kind.PSK, Kind.ENCRYPTION_KEY, Kind.KEK, Kind.TEK_INTEGRITY}
    assert {secret.octets for secret in part} <= known


def test_a_log_becomes_a_key_file(folder: Path, played: dict[str, list[str]]) -> None:
    assert played
    assert set(read_keys(folder / "charon.keys")) == set(read_keys(folder / "charon.log"))


def test_every_kind_is_listed() -> None:
    assert listed(TEXT, "- An error names the file and the line, and shows nothing of it.") == set(
        map(str, Kind)
    )


@pytest.mark.parametrize(
    ("kinds", "opened", "right"),
    [
        ({"psk", "dh_shared"}, 12, 18),
        ({"skeyid", "dh_shared"}, 12, 18),
        ({"skeyid", "skeyid_a", "skeyid_e"}, 12, 18),
        ({"skeyid_e"}, 12, 12),
        ({"encryption_key"}, 12, 12),
        ({"kek", "signature_key"}, 6, 12),
        ({"psk"}, 0, 0),
        ({"skeyid"}, 0, 0),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else None,
)
def test_what_opens_what(
    kinds: set[str], opened: int, right: int, folder: Path, played: dict[str, list[str]], tmp_path: Path
) -> None:
    """The table, and what is said below it; the six pushes have two checks each."""
    assert played
    lines = (folder / "all.keys").read_text(encoding="utf-8").splitlines()
    some = tmp_path / "some.keys"
    some.write_text("\n".join([lines[0], *(line for line in lines[1:] if line.split()[0] in kinds)]) + "\n")
    result = run("decode", "--keys", some, folder / "session.pcap")
    found = SUMMARY.search(result.err)
    assert found is not None
    assert tuple(map(int, found.groups())) == (opened, 12 - opened, right, 0)
