"""``gsakmp decrypt``: a file for its owner alone, in the place of nothing else, that our own decode reads."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gsakmp.captures import read
from gsakmp.captures.keyfile import key_lines
from tests.conftest import PCAPS, require_path
from tests.unit.captures.opening_world import LONG, datagrams, flipped, psk_and_dh
from tests.unit.cli.commands import FLOATED, MAIN_MODE_1, capture, run

SESSION = PCAPS / "gdoi" / f"{LONG}.pcap"
PLAIN = PCAPS / "gdoi" / "plaintext" / f"{LONG}.pcap"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "session.keys"
    path.write_text("".join(key_lines(psk_and_dh(LONG))))
    return path


def test_decode_shows_the_same_as_of_the_daemons_plaintext(keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "plain.pcapng"
    result = run("decrypt", SESSION, out, "--keys", keys)
    assert (result.status, result.out) == (0, b"")
    assert result.err == "gsakmp: 16 frames: 16 messages, 12 opened, 0 closed, 18 checks right, 0 wrong\n"
    ours, theirs = (
        run("decode", path, "--json", "--dialect", "gdoid", "-q").records for path in (out, PLAIN)
    )
    assert [record["message"] for record in ours] == [record["message"] for record in theirs]
    assert all(record["error"] is None for record in ours)


def test_it_is_for_its_owner_alone_whatever_was_there(keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "plain.pcapng"
    out.write_bytes(b"something else")
    out.chmod(0o666)
    mask = os.umask(0)
    try:
        assert run("decrypt", SESSION, out, "--keys", keys).status == 0
    finally:
        os.umask(mask)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert len(list(read(out))) == 16


def test_a_link_is_not_followed(keys: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link.pcapng"
    target.write_bytes(b"precious")
    link.symlink_to(target)
    result = run("decrypt", SESSION, link, "--keys", keys)
    assert result.status == 2
    assert "is a link, which is not followed" in result.err
    assert target.read_bytes() == b"precious"
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert run("decrypt", SESSION, tmp_path / "dangling", "--keys", keys).status == 2
    assert not (tmp_path / "nowhere").exists()


def test_the_input_is_not_written_over(keys: Path, tmp_path: Path) -> None:
    source = capture(tmp_path / "in.pcap", *datagrams(LONG))
    before = source.read_bytes()
    assert run("decrypt", source, source, "--keys", keys).status == 2
    os.link(source, tmp_path / "same.pcap")
    assert run("decrypt", source, tmp_path / "same.pcap", "--keys", keys).status == 2
    assert source.read_bytes() == before


@pytest.mark.parametrize("where", [".", "absent/out.pcapng", "x" * 300, "nul\0"])
def test_what_can_not_be_written(where: str, keys: Path, tmp_path: Path) -> None:
    result = run("decrypt", SESSION, f"{tmp_path}/{where}", "--keys", keys)
    assert result.status == 2
    assert "bug" not in result.err
    assert "Errno" not in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["session.keys"]


def test_a_disk_that_is_full(keys: Path) -> None:
    result = run("decrypt", SESSION, require_path("/dev/full"), "--keys", keys)
    assert result.status == 2
    assert "cannot be written" in result.err or "can't be written" in result.err


def test_to_standard_output_and_from_standard_input(keys: Path, tmp_path: Path) -> None:
    result = run("decrypt", "-", "-", "--keys", keys, stdin=SESSION.read_bytes())
    assert result.status == 0
    out = tmp_path / "plain.pcapng"
    out.write_bytes(result.out)
    assert [each.octets for each in read(out)] == [each.octets for each in read(PLAIN)]


def test_what_stays_closed_is_counted(keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "plain.pcapng"
    altered = capture(
        tmp_path / "in.pcap", *(flipped(each, 40) if each.frame == 11 else each for each in datagrams(LONG))
    )
    result = run("decrypt", altered, out, "--keys", keys)
    assert result.status == 1
    assert "11 opened, 1 closed" in result.err
    before, after = list(read(altered)), list(read(out))
    assert after[10] == before[10]
    assert run("decrypt", FLOATED, out, "--keys", keys, "-q").err == ""
    assert [each.octets for each in read(out)] == [each.octets for each in read(FLOATED)]


def test_what_is_there_stays_where_nothing_could_be_read(keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    out.write_text("from another run")
    for broken in (b"", SESSION.read_bytes()[:10], SESSION.read_bytes()[:30], b"no capture at all"):
        (tmp_path / "source").write_bytes(broken)
        result = run("decrypt", tmp_path / "source", out, "--keys", keys)
        assert result.status == 2
        assert result.err.startswith("gsakmp: ")
        assert out.read_text() == "from another run"


def test_a_damaged_capture_keeps_what_stands_before(keys: Path, tmp_path: Path) -> None:
    cut, out = tmp_path / "cut.pcap", tmp_path / "plain.pcapng"
    cut.write_bytes(SESSION.read_bytes()[:-7])
    result = run("decrypt", cut, out, "--keys", keys)
    assert result.status == 2
    assert len(list(read(out))) == 15


@pytest.mark.parametrize("arguments", [[SESSION, "out"], [MAIN_MODE_1, "out", "--keys"], [SESSION]])
def test_wrong_usage(
    arguments: list[object], keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    more = [keys] if "--keys" in arguments else []
    assert run("decrypt", *arguments, *more).status == 2
    assert not (tmp_path / "out").exists()


def test_nothing_that_is_no_capture(keys: Path, tmp_path: Path) -> None:
    source = tmp_path / "text"
    source.write_text("no capture")
    out = tmp_path / "out.pcapng"
    assert run("decrypt", source, out, "--keys", keys).status == 2
    source.write_text(MAIN_MODE_1)
    result = run("decrypt", source, out, "--keys", keys)
    assert result.status == 2
    assert "neither pcap nor pcapng" in result.err
    assert not out.exists()
