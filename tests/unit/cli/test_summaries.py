"""One summary and one exit status of all that opens a capture: what was opened, what stays closed, which checks hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gsakmp.captures import read, write
from gsakmp.captures.keyfile import key_lines
from gsakmp.captures.keyring import Kind, Secret
from tests.conftest import PCAPS, require_path
from tests.unit.captures.opening_world import LONG, cookies, datagrams, flipped, psk_and_dh, recorded
from tests.unit.cli.commands import FLOATED, MAIN_MODE_1, Result, capture, run

SESSION = PCAPS / "gdoi" / f"{LONG}.pcap"
VIEWS = ["decode", "decode --json", "decode --hex", "ladder", "explain", "view", "decrypt"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "session.keys"
    path.write_text("".join(key_lines(psk_and_dh(LONG))))
    return path


def seen(command: str, source: Path, tmp_path: Path, *options: object) -> Result:
    """A command on a capture; what it writes goes into a file."""
    places: dict[str, list[object]] = {"view": ["-o", tmp_path / "out"], "decrypt": [tmp_path / "out"]}
    return run(*command.split(), source, *places.get(command, []), *options)


def summary(result: Result) -> str:
    return result.err.splitlines()[-1]


def encrypted() -> int:
    """Messages that came encrypted, as the session's record has it."""
    return sum(bool(message["plaintext_after_header"]) for message in recorded(LONG)["messages"])


@pytest.mark.parametrize("command", VIEWS)
def test_all_is_right(command: str, keys: Path, tmp_path: Path) -> None:
    result = seen(command, SESSION, tmp_path, "--keys", keys)
    # HASH_I and HASH_R of Main Mode, HASH(1) to HASH(4), and of each push signature and sequence number.
    wanted = f"16 messages, {encrypted()} opened, 0 closed, {2 + 4 + 2 * 6} checks right, 0 wrong"
    assert (result.status, summary(result)) == (0, f"gsakmp: 16 frames: {wanted}")
    assert seen(command, SESSION, tmp_path, "--keys", keys, "-q").err == ""


@pytest.mark.parametrize("command", VIEWS)
def test_a_wrong_signature(command: str, keys: Path, tmp_path: Path) -> None:
    altered = (flipped(each, -12) if each.frame == 16 else each for each in datagrams(LONG))
    result = seen(command, capture(tmp_path / "x.pcap", *altered), tmp_path, "--keys", keys)
    assert result.status == 1
    assert summary(result).endswith(f"16 messages, {encrypted()} opened, 0 closed, 17 checks right, 1 wrong")


@pytest.mark.parametrize("command", VIEWS)
def test_a_wrong_hash(command: str, keys: Path, tmp_path: Path) -> None:
    """HASH(3), of which the pull's last message depends on nothing."""
    altered = (flipped(each, 40) if each.frame == 9 else each for each in datagrams(LONG))
    result = seen(command, capture(tmp_path / "x.pcap", *altered), tmp_path, "--keys", keys)
    assert result.status == 1
    assert summary(result) != summary(seen(command, SESSION, tmp_path, "--keys", keys))


@pytest.mark.parametrize("command", VIEWS)
def test_a_key_that_does_not_fit(command: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.keys"
    path.write_text("".join(key_lines([Secret(Kind.SKEYID_E, cookies(LONG), bytes(20))])))
    result = seen(command, SESSION, tmp_path, "--keys", path)
    assert result.status == 1
    assert summary(result).endswith(f"0 opened, {encrypted()} closed, 0 checks right, 0 wrong")


@pytest.mark.parametrize("command", VIEWS)
def test_packets_are_no_messages(command: str, keys: Path, tmp_path: Path) -> None:
    packets = "15 messages and 8 ESP packets, 4 NAT keepalives"
    keyless = "decrypt" not in command
    result = seen(command, FLOATED, tmp_path, *([] if keyless else ["--keys", keys]))
    assert summary(result).startswith(f"gsakmp: 35 frames: {packets}")
    assert summary(result).endswith("; skipped: 8 not IP")
    assert ("closed" in summary(result)) is not keyless


def test_hex_is_summed_up_where_there_are_keys(keys: Path) -> None:
    assert run("decode", MAIN_MODE_1).err == ""
    result = run("decode", MAIN_MODE_1, "--keys", keys)
    assert result.err == "gsakmp: 1 message, 0 opened, 0 closed, 0 checks right, 0 wrong\n"


def test_helps_tell_the_statuses() -> None:
    for command in ("decode", "ladder", "explain", "decrypt"):
        told = " ".join(run(command, "--help", "-h").text.split())
        assert "a check is wrong" in told


# -- where there is nothing ----------------------------------------------------------------------------------------


def elsewhere(path: Path) -> Path:
    """The session on a port that nobody names."""
    moved = (
        msgspec.structs.replace(each, source_port=1848, destination_port=1848) for each in datagrams(LONG)
    )
    return capture(path, *moved)


def test_a_comparison_of_nothing_is_none(keys: Path, tmp_path: Path) -> None:
    path = elsewhere(tmp_path / "moved.pcap")
    result = run("diff", path, path, "--keys", keys)
    assert result.status == 2
    assert result.err.count("skipped: 16 another port (--port names one)") == 2
    assert "different" not in result.err
    one = run("diff", SESSION, path)
    assert one.status == 1
    assert one.err.count("(--port names one)") == 1
    assert "16 only in A" in one.err
    assert run("diff", path, path, "--port", 1848).status == 0
    assert run("diff", path, path, "-q").status == 2


def test_nothing_to_decrypt_is_said(keys: Path, tmp_path: Path) -> None:
    path = elsewhere(tmp_path / "moved.pcap")
    result = run("decrypt", path, tmp_path / "out", "--keys", keys)
    assert result.status == 2
    assert "skipped: 16 another port (--port names one)" in result.err
    assert [each.octets for each in read(tmp_path / "out", None)] == [each.octets for each in datagrams(LONG)]
    assert run("decrypt", path, tmp_path / "out", "--keys", keys, "--port", 1848).status == 0


# -- standard output -----------------------------------------------------------------------------------------------


def closed(*arguments: object) -> tuple[int, str]:
    """`gsakmp` whose standard output was closed before it began."""
    script = 'exec "$@" >&-'
    command = [sys.executable, "-m", "gsakmp", *map(str, arguments)]
    done = subprocess.run(
        ["sh", "-c", script, "sh", *command], stderr=subprocess.PIPE, timeout=60, check=False, text=True
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="no sh here")
@pytest.mark.parametrize(
    "arguments",
    [["decode", SESSION], ["decode", "--json", SESSION], ["explain", SESSION], ["view", "-o", "-", SESSION], ["--version"]],
    ids=lambda it: " ".join(map(str, it[:2])),
)  # fmt: skip
def test_closed_standard_output(arguments: list[object]) -> None:
    status, err = closed(*arguments)
    assert status == 2
    assert "standard output: Bad file descriptor" in err or "written: Bad file descriptor" in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err


@pytest.mark.skipif(os.name == "nt", reason="no sh here")
def test_closed_standard_output_is_no_matter_where_nothing_goes_there(tmp_path: Path) -> None:
    assert closed("view", "-q", "-o", tmp_path / "out.html", SESSION) == (0, "")
    assert (tmp_path / "out.html").read_bytes().startswith(b"<!doctype html>")


@pytest.mark.parametrize("arguments", [["decode", SESSION], ["--version"]], ids=lambda it: str(it[0]))
def test_a_full_disk(arguments: list[object]) -> None:
    with require_path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "gsakmp", *map(str, arguments)]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False, text=True
        )
    assert done.returncode == 2
    assert done.stderr == "gsakmp: standard output: No space left on device\n"


def test_a_capture_of_nothing_says_so(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    write(empty, [])
    assert run("decode", empty).err == "gsakmp: 0 messages\n"
    assert run("decode", "--json", "-q", empty) == run("decode", "-q", empty)
