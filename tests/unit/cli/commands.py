"""Running commands: in this process for most tests, in one of their own where that is what is tested."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsakmp.captures import Datagram, read, write
from gsakmp.cli import main
from tests.conftest import PCAPS

CAPTURES = sorted(p for p in PCAPS.rglob("*") if p.suffix in (".pcap", ".cap", ".pcapng"))
GAP = PCAPS / "gdoi" / "gdoi-pull-gap.pcap"
FLOATED = PCAPS / "ikev1" / "isakmp4500.pcap"
TRAILING = PCAPS / "malformed" / "isakmp-no-none-np.pcapng"

MAIN_MODE_1 = json.loads(GAP.with_suffix(".json").read_text())["messages"][0]["wire"]


@dataclass
class Result:
    """What a command left behind."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@contextmanager
def streams(stdin: bytes) -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
    saved = sys.stdin, sys.stdout, sys.stderr
    out, err = io.BytesIO(), io.BytesIO()
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin)))
    sys.stdout, sys.stderr = io.TextIOWrapper(out, "utf-8"), io.TextIOWrapper(err, "utf-8")
    try:
        yield out, err
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        sys.stdin, sys.stdout, sys.stderr = saved


def run(*arguments: object, stdin: bytes = b"") -> Result:
    """`gsakmp` with these arguments."""
    with streams(stdin) as (out, err):
        status = main([str(argument) for argument in arguments])
        sys.stdout.flush()
        sys.stderr.flush()
        return Result(status, out.getvalue(), err.getvalue().decode())


def process(*arguments: object, stdin: bytes = b"", **options: Any) -> Result:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "gsakmp", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False, **options)
    return Result(done.returncode, done.stdout, done.stderr.decode())


def capture(path: Path, *datagrams: Datagram) -> Path:
    write(path, datagrams)
    return path


def many(path: Path, number: int) -> Path:
    """A capture of `number` datagrams, those of a GDOI session again and again."""
    pool = list(read(GAP))
    return capture(path, *(pool[i % len(pool)] for i in range(number)))


def fragment(number: int, last: int) -> bytes:
    """An IKEv1 fragment ([MS-IKEE], 2.2), octet by octet: header, payload type 132, ids, data."""
    body = bytes([0, 0, 0, 12, 0, 7, number, last]) + b"data"
    header = b"I" * 8 + b"R" * 8 + bytes([132, 0x10, 2, 0, 0, 0, 0, 0]) + (28 + len(body)).to_bytes(4, "big")
    return header + body
