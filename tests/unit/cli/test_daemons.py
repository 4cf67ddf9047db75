"""``gsakmp gcks`` and ``gsakmp member``: from an empty folder to a group that lives, and wrong usage."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gsakmp.cli.daemons import initial, panels
from gsakmp.cli.daemons.panels import show_status
from gsakmp.net.configuration import load_gcks, load_member
from tests.ports import free_port
from tests.unit.cli.commands import Result, process, run

MEMBER = "fqdn:member-1.plant.example"


def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.1)):
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to pass")


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A key server and a member that run."""
    folder = tmp_path_factory.mktemp("run") / "plant"
    made = run("gcks", "init", folder, "--group", "plant", "--port", free_port())
    assert made.status == 0, made.err
    daemons = []
    try:
        for role, file in (("gcks", "gcks.toml"), ("member", "member.toml")):
            command = [sys.executable, "-m", "gsakmp", role, "run", str(folder / file)]
            with (folder / f"{role}.log").open("wb") as log:
                daemons.append(subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL))
        until(lambda: asked("member", "status", folder).get("state") == "registered")
        yield folder
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(10) == 0
    finally:
        for daemon in daemons:
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()


def command(role: str, folder: Path, *words: object) -> Result:
    return run(role, *words, "--socket", folder / f"{role}.sock")


def asked(role: str, word: str, folder: Path, *words: object) -> Any:
    result = command(role, folder, word, *words, "--json")
    return json.loads(result.text) if result.status == 0 else {}


def test_what_init_makes_is_private_and_not_made_twice(tmp_path: Path) -> None:
    folder = tmp_path / "plant"
    assert run("gcks", "init", folder).status == 0
    for name in ("shared.key", "gcks.sealing-key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    again = run("gcks", "init", folder)
    assert again.status == 2
    assert "not empty" in again.err
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--group", "a b"], "--group"),
        (["--pushes", "10.0.0.1"], "multicast"),
        (["--data", "ff02::1"], "multicast"),
        (["--data", "239.192.0.1"], "can't be both"),
        (["--address", "nowhere"], "--address: 'nowhere' is no IP address"),
        (["--address", "0.0.0.0"], "--address 0.0.0.0"),
        (["--address", "239.192.0.9"], "--address 239.192.0.9"),
    ],
)
def test_init_says_what_does_not_belong(tmp_path: Path, options: list[str], said: str) -> None:
    result = run("gcks", "init", tmp_path / "x", *options)
    assert result.status == 2
    assert said in result.err
    assert not (tmp_path / "x").exists()


def test_a_folder_of_any_name_gets_files_that_load(tmp_path: Path) -> None:
    folder = tmp_path / "it's {mine}"
    made = run("gcks", "init", folder)
    assert made.status == 0
    assert f"gcks run {shlex.quote(str(folder / 'gcks.toml'))}" in made.text
    load_gcks(folder / "gcks.toml")
    load_member(folder / "member.toml")
    refused = run("gcks", "init", tmp_path / "two\nlines")
    assert (refused.status, refused.err.count("\n")) == (2, 1)


def test_init_that_fails_half_way_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str, mode: int) -> None:
        path.write_text(text[:10])
        if path.name == "member.toml":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(initial, "put", full)
    result = run("gcks", "init", tmp_path / "x")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "No space left" in result.err
    assert list((tmp_path / "x").iterdir()) == []


def test_status_shows_what_was_refused_by_cause(capsys: pytest.CaptureFixture[str]) -> None:
    show_status({"groups": 1, "refused": {"replay": 7, "malformed": 2}})
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["  groups            1", "  refused messages  replay 7, malformed 2"]
    show_status({"groups": 1, "refused": {}})
    assert capsys.readouterr().out.splitlines()[-1] == "  refused messages  none"


def test_the_group_and_its_member(plant: Path) -> None:
    (group,) = asked("gcks", "groups", plant)
    membership = asked("member", "status", plant)["gsa"]
    assert (group["name"], group["members"]) == ("plant", 1)
    assert [sa["spi"] for sa in group["rekey"]] == [sa["spi"] for sa in membership["rekey"]]
    assert [sa["spi"] for sa in group["data"]] == [sa["spi"] for sa in membership["data"]]
    (member,) = asked("gcks", "members", plant, "plant")["members"]
    assert member["identity"] == MEMBER


def test_what_people_see_names_what_they_look_for(plant: Path) -> None:
    groups = command("gcks", plant, "groups").text
    (group,) = asked("gcks", "groups", plant)
    for word in (
        group["rekey"][0]["spi"],
        group["data"][0]["spi"],
        group["identity"],
        "remaining",
        "sequence",
    ):
        assert word in groups
    assert MEMBER in command("gcks", plant, "members", "plant").text
    assert "aes-gcm-128" in command("gcks", plant, "policy", "plant").text
    assert "refused messages" in command("gcks", plant, "status").text
    assert "registered" in command("member", plant, "status").text


def test_the_key_tree(plant: Path, tmp_path: Path) -> None:
    plain = asked("gcks", "tree", plant, "plant", "--member", MEMBER)
    assert (plain["algorithm"], plain["members"], plain["complete"]) == ("lkh", 1, True)
    root, leaf = plain["nodes"]
    assert (root["kind"], root["parent"], root["id"]) == ("root", None, 0)
    assert (leaf["kind"], leaf["member"]) == ("leaf", MEMBER)
    assert leaf["parent"] == [root["level"], root["index"]]
    assert plain["path"] == [[leaf["level"], leaf["index"]], [root["level"], root["index"]]]
    text = command("gcks", plant, "tree", "plant", "--member", MEMBER).text
    assert MEMBER in text
    assert "* new key" in text
    upper = command("gcks", plant, "tree", "plant", "--member", MEMBER, "--limit", "1").text
    assert "* new key" in upper
    assert "--limit" in upper
    assert command("gcks", plant, "tree", "plant", "--svg", tmp_path / "tree.svg").status == 0
    assert MEMBER in (tmp_path / "tree.svg").read_text()
    for words in (["--member", "fqdn:nobody.example"], ["--rekey", "3"], ["--svg", tmp_path / "no" / "x"]):
        refused = command("gcks", plant, "tree", "plant", *words)
        assert (refused.status, refused.err.count("\n")) == (2, 1), words
    (group,) = asked("gcks", "groups", plant)
    (structure,) = group["structures"]
    assert (structure["algorithm"], structure["members"], structure["degree"]) == ("lkh", 1, 4)
    assert structure["capacity"] == 16_384
    assert "key structures" in command("gcks", plant, "groups").text


def test_a_rekey_reaches_the_member_by_multicast(plant: Path) -> None:
    before = asked("gcks", "groups", plant)[0]["data"][0]["spi"]
    assert command("gcks", plant, "rekey", "plant").status == 0
    fresh = {sa["spi"] for sa in asked("gcks", "groups", plant)[0]["data"]} - {before}
    assert fresh
    until(lambda: fresh <= {sa["spi"] for sa in asked("member", "status", plant)["gsa"]["data"]})
    until(lambda: asked("gcks", "members", plant, "plant")["members"][0]["acknowledged"] > 0)


def test_evicted_readmitted_rejoined(plant: Path) -> None:
    assert command("gcks", plant, "evict", "plant", MEMBER).status == 0
    assert asked("gcks", "members", plant, "plant")["members"] == []
    command("member", plant, "rejoin")
    until(lambda: asked("member", "status", plant)["state"] == "waiting")
    assert command("gcks", plant, "readmit", "plant", MEMBER).status == 0
    command("member", plant, "rejoin")
    until(lambda: asked("member", "status", plant)["state"] == "registered")


def test_a_name_that_nobody_has_is_not_evicted_in_silence(plant: Path) -> None:
    shown = command("gcks", plant, "evict", "plant", "fqdn:memmber-1.plant.example").text
    assert "nobody of that name was a member" in shown
    command("gcks", plant, "readmit", "plant", "fqdn:memmber-1.plant.example")


def test_the_audit_tells_what_was_done(plant: Path) -> None:
    kinds = [entry["kind"] for entry in asked("gcks", "audit", plant, "plant")]
    assert {"joined", "evicted"} <= set(kinds)
    assert MEMBER in command("gcks", plant, "audit").text


def test_a_backup_becomes_a_store(plant: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert command("gcks", plant, "backup", copy).status == 0
    again = command("gcks", plant, "backup", copy)
    assert (again.status, again.err.count("\n")) == (2, 1)
    for name in ("gcks.toml", "gcks.sealing-key", "shared.key"):
        (tmp_path / name).write_bytes((plant / name).read_bytes())
        (tmp_path / name).chmod(0o600)
    result = run("gcks", "restore", copy, tmp_path / "gcks.toml")
    assert result.status == 0, result.err
    assert (tmp_path / "gcks.store").exists()
    assert run("gcks", "restore", copy, tmp_path / "gcks.toml").status == 2


def test_reload_and_leave(plant: Path) -> None:
    assert command("gcks", plant, "reload").status == 0
    assert command("member", plant, "leave").status == 0
    until(lambda: asked("gcks", "members", plant, "plant")["members"] == [])
    command("member", plant, "rejoin")
    until(lambda: asked("member", "status", plant)["state"] == "registered")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rekey", "nothing"], "no group 'nothing'; there are plant"),
        (["evict", "plant", "somebody"], "no identity"),
        (["readmit", "plant", "fqdn:other.example"], "not excluded"),
    ],
)
def test_a_refusal_is_one_line_and_a_status(plant: Path, words: list[str], said: str) -> None:
    result = command("gcks", plant, *words)
    assert result.status == 2
    assert said in result.err
    assert result.err.count("\n") == 1


def test_no_daemon_no_traceback(tmp_path: Path) -> None:
    result = process("gcks", "status", "--socket", tmp_path / "none.sock")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "no daemon listens" in result.err


def test_a_wrong_configuration_names_file_and_key(tmp_path: Path) -> None:
    wrong = tmp_path / "gcks.toml"
    wrong.write_text('identity = "fqdn:x"\nidentiti = 1\n')
    result = process("gcks", "run", wrong)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert str(wrong) in result.err
    assert "identiti" in result.err


HEAD = ["KEK SPI", "encryption", "to", "integrity"]
ROWS = [["ab" * 16, "aes-128-cbc", "239.192.0.1:848", "-"]]


def printed_at(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    from rich.console import Console

    monkeypatch.setattr(panels, "console", lambda: Console(width=width, highlight=False))
    panels.table("SA2", HEAD, ROWS)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_table_that_does_not_fit_is_told_line_by_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cell that is folded can't be copied: SPIs and names stay whole at any width."""
    title, head, row = printed_at(80, monkeypatch, capsys)
    assert (title, head.split(), row.split()) == ("SA2", " ".join(HEAD).split(), ROWS[0])
    narrow = ["SA2", f"  KEK SPI  {'ab' * 16}", "    encryption aes-128-cbc", "    to 239.192.0.1:848"]
    assert printed_at(45, monkeypatch, capsys) == narrow
    assert printed_at(60, monkeypatch, capsys)[2:] == ["    encryption aes-128-cbc  to 239.192.0.1:848"]


def test_a_table_without_rows_says_none(capsys: pytest.CaptureFixture[str]) -> None:
    panels.table("SA2, rekey", HEAD, [])
    assert capsys.readouterr().out == "SA2, rekey: none\n"
