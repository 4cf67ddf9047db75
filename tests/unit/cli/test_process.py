"""The command as a process: statuses, pipes that close, interrupts, start-up."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gsakmp
from tests.conftest import require_path
from tests.unit.cli.commands import GAP, MAIN_MODE_1, TRAILING, many, process, run

COMMAND = [sys.executable, "-m", "gsakmp"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than any pipe holds."""
    return many(tmp_path_factory.mktemp("large") / "x.pcap", 5000)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["decode", GAP], 0),
        (["decode", MAIN_MODE_1], 0),
        (["decode", TRAILING], 1),
        (["decode", "no-such-file"], 2),
        (["decode", "abc"], 2),
        (["decode"], 2),
        (["nonsense"], 2),
        (["encode", "no-such-file"], 2),
        (["--version"], 0),
        (["--help"], 0),
        (["decode", "--help"], 0),
    ],
    ids=str,
)
def test_statuses(arguments: list[object], status: int) -> None:
    done = process(*arguments)
    assert done.status == status
    assert "Traceback" not in done.err


FRAMES = 150_000  # more than are read before a bar appears


def test_version_and_help() -> None:
    assert run("--version").text == f"gsakmp {gsakmp.__version__}\n"
    assert run("--version", "decode").text == f"gsakmp {gsakmp.__version__}\n"
    for command in ("decode", "encode"):
        text = re.sub(r"\x1b\[[0-9;]*m", "", run(command, "--help").text)
        assert "Examples:" in text
        assert f"gsakmp {command}" in text
        assert "Exit status" in text


def test_version_needs_no_slow_import() -> None:
    code = "import sys; from gsakmp.cli import main; main(['--version']); print([m for m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.splitlines()[1]
    assert not [name for name in ("'typer'", "'rich'", "'scapy'") if name in loaded]


@pytest.mark.parametrize("form", [[], ["--json"], ["--hex"], ["--json", "--jobs", "2"]], ids=str)
def test_a_reader_that_goes_away(large: Path, form: list[str]) -> None:
    with subprocess.Popen(
        [*COMMAND, "decode", *form, str(large)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline()
        child.stdout.close()
        err = child.stderr.read()
    assert child.returncode == 141
    assert err == b""


@pytest.mark.parametrize("command", [["view", "-o", "-"], ["ladder", "--svg", "-"]], ids=lambda it: it[0])
def test_a_reader_of_a_page_or_picture_that_goes_away(large: Path, command: list[str]) -> None:
    with subprocess.Popen(
        [*COMMAND, *command, str(large)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.read(1)
        child.stdout.close()
        err = child.stderr.read()
    assert child.returncode == 141
    assert b"cannot be written" not in err


def test_encode_into_a_pipe_that_closes(large: Path) -> None:
    lines = run("decode", "--json", large).out
    with subprocess.Popen(
        [*COMMAND, "encode"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stderr is not None
        child.stdout.close()
        try:
            child.stdin.write(lines)
            child.stdin.close()
        except BrokenPipeError:
            pass
        err = child.stderr.read()
    assert child.returncode == 141
    assert err == b""


def test_interrupt() -> None:
    with subprocess.Popen(
        [*COMMAND, "decode", "--json", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write(f"{MAIN_MODE_1}\n".encode())
        child.stdin.flush()
        assert child.stdout.readline()  # a message comes out before the input ends
        child.send_signal(signal.SIGINT)
        err = child.stderr.read()
        child.stdin.close()
    assert child.returncode == 130
    assert b"Traceback" not in err


def test_a_full_disk() -> None:
    with require_path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "decode", "--json", str(GAP)],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_names_in_any_letters_on_a_plain_terminal() -> None:
    """ASCII alone: what the terminal can't show is written out, and nothing fails."""
    name = "Zürich".encode()
    rdn = b"\x06\x03\x55\x04\x03\x0c" + bytes([len(name)]) + name  # commonName (2.5.4.3) as UTF8String
    der = (
        b"\x30" + bytes([len(rdn) + 4]) + b"\x31" + bytes([len(rdn) + 2]) + b"\x30" + bytes([len(rdn)]) + rdn
    )
    body = bytes([9, 0, 0, 0]) + der  # ID_DER_ASN1_DN (RFC 2407, 4.6.2.1)
    payload = b"\0\0" + (4 + len(body)).to_bytes(2, "big") + body
    header = b"I" * 16 + bytes([5, 0x10, 2, 0, 0, 0, 0, 0]) + (28 + len(payload)).to_bytes(4, "big")
    octets = (header + payload).hex()
    assert "Zürich" in run("decode", octets).text
    done = process("decode", octets, env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.status == 0
    assert b"Z\\xfcrich" in done.out


@pytest.mark.parametrize("name", [b"\xff\xfe.pcap", b"[red]\x1b[31m.pcap"])
def test_odd_file_names(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(GAP.read_bytes())
    done = subprocess.run(
        [*COMMAND, "decode", "--json", path, path], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 20
    assert b"\x1b" not in done.stdout + done.stderr


# -- on a terminal -----------------------------------------------------------------------------------


def on_terminal(*arguments: object, stdout: Path | None = None) -> tuple[int, str]:
    """Run with a terminal on every stream but those given, and gather what it shows."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="120")
        for name in ("NO_COLOR", "FORCE_COLOR"):
            os.environ.pop(name, None)
        if stdout is not None:
            os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT), 1)
        os.execv(sys.executable, [*COMMAND, *map(str, arguments)])
    shown, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_colours_and_guides_on_a_terminal() -> None:
    status, shown = on_terminal("decode", GAP)
    assert status == 0
    assert "\x1b[1;36mSecurity Association" in shown
    assert "├── " in shown


def test_a_bar_while_a_long_file_is_read(tmp_path: Path) -> None:
    path, target = many(tmp_path / "x.pcap", FRAMES), tmp_path / "out"
    status, shown = on_terminal("decode", "--json", path, stdout=target)
    assert status == 0
    assert "datagrams" in shown
    assert len(target.read_bytes().splitlines()) == FRAMES
    assert shown.rstrip().endswith(f"{FRAMES:,} frames: {FRAMES:,} messages")


def test_completion() -> None:
    """What the shell's completion asks."""
    env = {**os.environ, "_GSAKMP_COMPLETE": "complete_bash", "COMP_WORDS": "gsakmp deco", "COMP_CWORD": "1"}
    done = process(env=env)
    assert done.out.split() == [b"decode"]
    words = "gsakmp decode --exchange GROUPKEY_PU"
    done = process(env={**env, "COMP_WORDS": words, "COMP_CWORD": "3"})
    assert done.out.split() == [b"GROUPKEY_PULL", b"GROUPKEY_PUSH", b"GROUPKEY_PUSH_ACK"]
