"""``gsakmp ladder``, ``explain`` and ``diff``: their forms, their exit statuses, and what must not happen."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from gsakmp.captures import read
from gsakmp.captures.keyfile import key_lines
from tests.conftest import PCAPS
from tests.unit.captures.opening_world import LONG, THREE_DES, datagrams, flipped, psk_and_dh
from tests.unit.cli.commands import FLOATED, MAIN_MODE_1, TRAILING, capture, process, run

SESSION = PCAPS / "gdoi" / f"{LONG}.pcap"
OTHER = PCAPS / "gdoi" / f"{THREE_DES}.pcap"
HEX = "00" * 8
COMMANDS = [["ladder"], ["ladder", "--mermaid"], ["ladder", "--svg", "-"], ["explain"], ["explain", "--json"]]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "session.keys"
    path.write_text("".join(key_lines(psk_and_dh(LONG))))
    return path


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    """Push 1 with a signature that is wrong."""
    pool = datagrams(LONG)
    return capture(
        tmp_path / "altered.pcap", *(flipped(each, -12) if each.frame == 11 else each for each in pool)
    )


# -- all of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_sound_capture(command: list[str], keys: Path) -> None:
    result = run(*command, SESSION, "--keys", keys)
    assert result.status == 0
    opened = "12 opened, 0 closed, 18 checks right, 0 wrong"
    assert result.err == f"gsakmp: 16 frames: 16 messages, {opened}\n"
    assert result.text
    assert run(*command, SESSION, "--keys", keys, "-q").err == ""


@pytest.mark.parametrize("command", [["ladder"], ["explain"], ["diff", OTHER]], ids=lambda c: c[0])
def test_colours_are_all_that_a_terminal_adds(
    command: list[str], keys: Path, altered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(*command, altered, "--keys", keys)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = run(*command, altered, "--keys", keys)
    assert coloured.text != plain.text
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured.text) == plain.text
    assert coloured.status == plain.status == 1


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_something_wrong_is_status_1(command: list[str], keys: Path, altered: Path) -> None:
    assert run(*command, altered, "--keys", keys).status == 1
    assert run(*command, TRAILING).status == 1


@pytest.mark.parametrize("command", [*COMMANDS, ["decrypt"]], ids=" ".join)
def test_trouble_is_status_2(command: list[str], keys: Path, tmp_path: Path) -> None:
    more = ["/dev/null"] if command == ["decrypt"] else []
    empty, cut, bad = tmp_path / "empty.pcap", tmp_path / "cut.pcap", tmp_path / "bad.keys"
    empty.touch()
    cut.write_bytes(SESSION.read_bytes()[:-7])
    bad.write_text("gsakmp-keys 1\nskeyid secretsecret secretsecret\n")
    for source in (tmp_path / "absent.pcap", tmp_path, empty, cut):
        result = run(*command, source, *more, "--keys", keys)
        assert result.status == 2
        assert result.err.startswith("gsakmp: ")
        assert "Traceback" not in result.err
        assert "bug" not in result.err
        assert "Errno" not in result.err
    for option in (
        ["--keys", bad],
        ["--dialect", "nothing"],
        ["--doi", "nothing"],
        ["--keys", tmp_path / "none"],
    ):
        result = run(*command, SESSION, *more, *option)
        assert result.status == 2
        assert "secretsecret" not in result.err


def test_what_stands_before_the_damage_is_shown(keys: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(SESSION.read_bytes()[:-7])
    assert "Push 5" in run("ladder", cut, "--keys", keys).text
    assert "6 Main Mode, 4 Pull, 5 Push." in run("explain", cut, "--keys", keys).text


@pytest.mark.parametrize("command", [["ladder"], ["explain"]], ids=" ".join)
def test_a_capture_without_messages(command: list[str], tmp_path: Path) -> None:
    path = capture(tmp_path / "none.pcap")
    result = run(*command, path)
    assert result.status == 0
    assert result.text == "There is no message in it.\n"


def test_filters_ports_and_standard_input(keys: Path, tmp_path: Path) -> None:
    pushes = run("ladder", SESSION, "--keys", keys, "--exchange", "GROUPKEY_PUSH")
    assert pushes.text.count("Push ") == 6
    assert "Pull" not in pushes.text
    opened = "6 opened, 0 closed, 12 checks right, 0 wrong"
    assert pushes.err == f"gsakmp: 16 frames: 6 messages, 10 filtered out, {opened}\n"
    assert run("ladder", "-", stdin=SESSION.read_bytes()).text == run("ladder", SESSION).text
    moved = [
        msgspec.structs.replace(each, source_port=1848, destination_port=1848) for each in datagrams(LONG)
    ]
    path = capture(tmp_path / "moved.pcap", *moved)
    assert run("ladder", path).text == "There is no message in it.\n"
    assert "(--port names one)" in run("ladder", path).err
    result = run("ladder", path, "--port", 1848, "--keys", keys)
    assert "Push 6" in result.text


def test_nothing_secret_is_shown(keys: Path) -> None:
    """Neither what opens the capture, nor what it brings: KEKs and TEKs."""
    from gsakmp.captures.opening import Opener

    opener = Opener(psk_and_dh(LONG))
    list(opener.feed_all(read(SESSION)))
    secrets = [each.octets for each in (*psk_and_dh(LONG), *opener.learnt) if each.kind != "signature_key"]
    for command in COMMANDS:
        shown = run(*command, SESSION, "--keys", keys).out.lower()
        for octets in secrets:
            assert octets.hex().encode() not in shown


# -- ladder --------------------------------------------------------------------------------------------------------


def test_a_ladder_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (40, 60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        assert max(map(len, run("ladder", SESSION).text.splitlines())) <= width
        assert run("ladder", SESSION).text == run("ladder", SESSION, "--width", width).text
        explained = run("explain", SESSION).text
        assert max(map(len, explained.splitlines())) <= width
    for command in ("ladder", "explain"):
        assert (
            run(command, SESSION, "--width", 39).status == run(command, SESSION, "--width", 1001).status == 2
        )


def test_no_terminal_is_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "3000000")
    assert run("ladder", SESSION).text == run("ladder", SESSION, "--width", 1000).text


def test_where_unicode_can_not_be_printed() -> None:
    plain = run("ladder", FLOATED, "--ascii")
    assert plain.text.isascii()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "100"}
    assert (
        process("ladder", FLOATED, env=environment).text
        == run("ladder", FLOATED, "--ascii", "--width", 100).text
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "koi8-r"])
def test_mermaid_where_unicode_can_not_be_printed(encoding: str, keys: Path, altered: Path) -> None:
    command = ["ladder", altered, "--keys", keys, "--mermaid"]
    result = process(*command, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert result.status == 1
    assert result.text == run(*command, "--ascii").text
    assert result.text.isascii()
    signs = str.maketrans({sign: f"#{ord(sign)};" for sign in "✓✗µ"})
    assert result.text == run(*command).text.translate(signs) != run(*command).text


@pytest.mark.parametrize("broken", [b"", SESSION.read_bytes()[:10], b"no capture at all"])
def test_a_picture_stays_where_nothing_could_be_read(broken: bytes, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out.svg"
    source.write_bytes(broken)
    out.write_text("from another run")
    result = run("ladder", source, "--svg", out)
    assert (result.status, result.out) == (2, b"")
    assert out.read_text() == "from another run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.svg", "source"]


def test_a_picture_goes_where_it_is_told(keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    result = run("ladder", SESSION, "--keys", keys, "--svg", out)
    assert (result.status, result.out) == (0, b"")
    assert ElementTree.fromstring(out.read_text()).tag.endswith("svg")
    assert out.read_bytes() == run("ladder", SESSION, "--keys", keys, "--svg", "-").out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.svg", "session.keys"]


@pytest.mark.parametrize("where", ["folder", "absent/out.svg", "link", "source"])
def test_a_picture_that_can_not_be_written(where: str, tmp_path: Path) -> None:
    source = capture(tmp_path / "source", *datagrams(LONG))
    before = source.read_bytes()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    result = run("ladder", source, "--svg", tmp_path / where)
    assert result.status == 2
    assert result.err.startswith("gsakmp: ")
    assert source.read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link", "source"]


def test_a_picture_may_be_read_by_others(tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    mask = os.umask(0o022)
    try:
        run("ladder", SESSION, "--svg", out)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(out.stat().st_mode) == 0o644


def test_one_form_at_a_time() -> None:
    assert run("ladder", SESSION, "--svg", "-", "--mermaid").status == 2


# -- explain -------------------------------------------------------------------------------------------------------


def test_explain_for_people(keys: Path) -> None:
    shown = run("explain", SESSION, "--keys", keys, "--width", 200).text
    assert "  12 of them encrypted: 12 opened, 0 closed.\n" in shown
    assert "  - ipv4:10.0.224.37 joined at 07:59:10.174 #10 from 10.0.224.37:848 under SA1 037ab81e" in shown
    assert "07:59:17.176 #13, replaced by d58d0874" in shown
    assert "10 SAs deleted and none in their place" in shown


def test_explain_for_programs(keys: Path) -> None:
    found = msgspec.json.decode(run("explain", SESSION, "--keys", keys, "--json").out)
    (member,) = found["members"]
    assert (member["member"], member["joined"]["frame"]) == ("ipv4:10.0.224.37", 10)
    assert [push["sent"]["frame"] for push in found["pushes"]] == [11, 12, 13, 14, 15, 16]
    assert [sa["replaced_by"] for sa in found["rekey_sas"]] == [found["rekey_sas"][1]["sa"], ""]


# -- diff ----------------------------------------------------------------------------------------------------------


def test_the_same_is_status_0(keys: Path) -> None:
    result = run("diff", SESSION, SESSION, "--keys", keys)
    assert (result.status, result.out) == (0, b"")
    assert result.err == "gsakmp: 16 pairs of messages: none different\n"
    assert run("diff", MAIN_MODE_1, MAIN_MODE_1, "-q").err == ""


def test_what_differs_is_status_1(keys: Path, altered: Path) -> None:
    result = run("diff", SESSION, altered, "--keys", keys, "--ignore", "times", "--ignore", "addresses")
    assert result.status == 1
    assert "checks" in result.text
    assert "payloads[3].signature_data" in result.text
    assert "1 different" in result.err


def test_two_messages_in_hex() -> None:
    other = "ff" * 8 + MAIN_MODE_1[16:]
    result = run("diff", MAIN_MODE_1, other)
    assert (result.status, result.text.splitlines()[1:4]) == (
        1,
        [
            "  initiator_cookie",
            f"    - {MAIN_MODE_1[:16]}  at 0, 8 octets",
            f"    + {'ff' * 8}  at 0, 8 octets",
        ],
    )
    assert run("diff", MAIN_MODE_1, other, "--ignore", "cookies").status == 0


def test_one_message_of_either(keys: Path) -> None:
    by_frame = run(
        "diff", SESSION, SESSION, "--keys", keys, "--frame", "14:15", "--json", "--ignore", "random"
    )
    (record,) = by_frame.records
    assert (record["a"]["frame"], record["b"]["frame"]) == (14, 15)
    assert record["changes"][0]["path"] == "payloads[0].sequence_number"
    assert run(
        "diff", SESSION, SESSION, "--keys", keys, "--index", "14:15", "--json", "--ignore", "random"
    ).records == [record]
    assert run("diff", SESSION, SESSION, "--frame", "3").status == 0
    assert run("diff", SESSION, OTHER, "--frame", "1", "--ignore", "random").status == 0


def test_messages_without_a_partner(tmp_path: Path) -> None:
    shorter = capture(tmp_path / "shorter.pcap", *(each for each in datagrams(LONG) if each.frame != 9))
    result = run("diff", SESSION, shorter, "--ignore", "times")
    assert result.status == 1
    assert result.text == "- #9 Pull  * sealed  only in A\n\n"
    assert result.err == "gsakmp: 15 pairs of messages: none different, 1 only in A\n"
    (record,) = run("diff", shorter, SESSION, "--json", "--ignore", "times").records
    assert (record["a"], record["b"]["frame"], record["changes"]) == (None, 9, [])


def test_trouble_with_either_is_status_2(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(SESSION.read_bytes()[:-7])
    for arguments in (
        [tmp_path / "absent", SESSION], [SESSION, tmp_path / "absent"], [SESSION, cut], ["-", "-"],
        [SESSION, SESSION, "--frame", "99"], [SESSION, SESSION, "--frame", "x"],
        [SESSION, SESSION, "--frame", "1", "--index", "1"], [SESSION, SESSION, "--frame", "1:2:3"],
        [SESSION, SESSION, "--ignore", ""],
    ):  # fmt: skip
        result = run("diff", *arguments)
        assert result.status == 2
        assert "bug" not in result.err
        assert "Errno" not in result.err
