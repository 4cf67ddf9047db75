"""docs/seeing.md: every command of it is run, in a folder of its own, and what it shows and lists is compared."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gsakmp.captures import Datagram
from gsakmp.captures.opened import Event
from tests.conftest import PCAPS, ROOT
from tests.unit.cli.commands import FLOATED, capture, run
from tests.unit.pages import Shown, commands, compare, listed, play

TEXT = (ROOT / "docs" / "seeing.md").read_text(encoding="utf-8")
PICTURE = ROOT / "docs" / "images" / "ladder.svg"
HELP = ROOT / "gsakmp" / "reports" / "page" / "page.html"
COMMANDS = commands(TEXT)
SESSION = PCAPS / "gdoi" / "gdoi-pull-push-aes-cbc-sha256-rsa2048.pcap"
KEYS = SESSION.with_suffix(".keys")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seeing")


@pytest.fixture(scope="module")
def played(folder: Path) -> dict[str, list[str]]:
    return play(COMMANDS, folder)


@pytest.mark.parametrize("shown", COMMANDS, ids=[shown.command for shown in COMMANDS])
def test_what_the_page_shows_is_what_comes(shown: Shown, played: dict[str, list[str]]) -> None:
    compare(played[shown.command], shown)


def test_every_command_of_the_page_has_an_example() -> None:
    named = set(re.findall(r"^\| \[`gsakmp (\w+)[^`]*`\]", TEXT, re.MULTILINE))
    used = [shlex.split(shown.command) for shown in COMMANDS]
    assert named == {"decode", "ladder", "explain", "view", "diff", "decrypt"}
    assert named <= {words[1] for words in used if words[0] == "gsakmp"}


def test_the_picture_is_fresh(folder: Path, played: dict[str, list[str]]) -> None:
    assert played
    assert (folder / "ladder.svg").read_text(encoding="utf-8") == PICTURE.read_text(encoding="utf-8")


# -- what the page lists -----------------------------------------------------------------------------------


def test_the_keys_of_opened_are_those_that_come(tmp_path: Path) -> None:
    """Of a session that opens, of one that does not, and of an ESP packet."""
    keys, path = tmp_path / "esp.keys", tmp_path / "esp.pcap"
    keys.write_text("gsakmp-keys 1\ntek 0a0b0c0d 00112233445566778899aabbccddeeff01020304\n")
    packet = bytes.fromhex("0a0b0c0d 00000001") + bytes(40)
    capture(path, Datagram(packet, source_address="192.0.2.1", destination_address="239.0.0.1", protocol=50))
    found: set[str] = set()
    for source in (SESSION, FLOATED, path):
        for record in run("decode", "-q", "--json", "--keys", KEYS, "--keys", keys, source).records:
            found |= record["opened"].keys()
            esp = record["opened"].get("esp", {})
            assert all(f"`{name}`" in TEXT for name in esp)
    assert listed(TEXT, "### In JSON: messages") == found


def test_the_events_are_those_that_there_are() -> None:
    def tags(event: type[Event]) -> Iterator[str]:
        for kind in event.__subclasses__():
            yield str(kind.__struct_config__.tag)
            yield from tags(kind)

    assert listed(TEXT, "The `event` of each of the `events`:") == set(tags(Event))


def test_the_keys_of_a_story_are_those_that_come() -> None:
    result = run("explain", "-q", "--json", "--keys", KEYS, SESSION)
    assert listed(TEXT, "### In JSON: the story") == msgspec.json.decode(result.out).keys()


def test_the_keys_of_the_page_are_those_of_its_help() -> None:
    keyed = re.findall(r"<kbd>(.*?)</kbd>", HELP.read_text(encoding="utf-8"))
    assert listed(TEXT, "**Keys.**") == {*keyed, "?"}  # ? opens the help, whose button says so


def test_the_searches_are_for_something(folder: Path, played: dict[str, list[str]]) -> None:
    """What the page tells to look for is in the session (tests/browser has what a search does)."""
    assert listed(TEXT, "**Search.**") == {"push d58d0874", "spi=d58d0874", '"sequence number"', "ef0a0101"}
    shown = "\n".join(played["gsakmp ladder --keys session.keys session.pcap"]).lower()
    assert "push 4 under d58d0874" in shown
    shown = run("decode", "-q", "--keys", KEYS, SESSION).text
    assert "sequence number right" in shown
    assert re.search(r"^ +spi +d58d0874", shown, re.MULTILINE)
    assert bytes.fromhex("ef0a0101") in (folder / "plain.pcapng").read_bytes()
