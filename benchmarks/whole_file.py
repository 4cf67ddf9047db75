"""The row of the table about whole files: who reads the generated capture how fast."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns

from benchmarks.capture_file import FIELDS, write_capture
from benchmarks.peers import LIBRARY
from benchmarks.timing import Measured

__all__ = ["TSHARK", "Disagreement", "measure_file"]

TSHARK = "tshark"
ROOT = Path(__file__).resolve().parents[1]


class Disagreement(Exception):
    """A peer does not say what the others say: a ratio would mean nothing."""


def commands(path: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What to run for each reader, and why the others can't be."""
    module = [sys.executable, "-m", "benchmarks.capture_file"]
    run, missing = {LIBRARY: [*module, "library", str(path)]}, dict[str, str]()
    if find_spec("dpkt"):
        run["dpkt + by hand"] = [*module, "dpkt", str(path)]
    else:
        missing["dpkt + by hand"] = "dpkt is not installed"
    if program := shutil.which(TSHARK):
        wanted = [part for field in FIELDS for part in ("-e", field)]
        run[TSHARK] = [program, "-n", "-r", str(path), "-d", "udp.port==848,isakmp", "-T", "fields", *wanted]
    else:
        missing[TSHARK] = "tshark is not installed"
    return run, missing


def output(command: Sequence[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Disagreement(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def check(name: str, text: str, messages: Sequence[bytes], counts: str) -> None:
    """Whether a reader has read every message: tshark field by field, the others by their counts."""
    if name != TSHARK:
        if text.strip() != counts:
            raise Disagreement(f"{name} counts {text.strip()}, where there are {counts}")
        return
    lines = text.splitlines()
    if len(lines) != len(messages):
        raise Disagreement(f"tshark gives {len(lines)} lines for {len(messages)} messages")
    for line, octets in zip(lines, messages, strict=True):
        initiator, responder, exchange, flags, length = line.split("\t")
        said = bytes.fromhex(initiator + responder), int(exchange, 0), int(flags, 0), int(length, 0)
        if said != (octets[:16], octets[18], octets[19], len(octets)):
            raise Disagreement(f"tshark says {line!r} of {octets[:28].hex()}")


def counts_of(messages: Sequence[bytes]) -> str:
    """Messages, payloads and transforms, by what was written: of ten, two SAs (8 transforms and 1), two of
    two payloads, six encrypted."""
    sessions = len(messages) // 10
    return f"{len(messages)} {6 * sessions} {9 * sessions}"


def measure_file(
    messages: int, rounds: int, say: Callable[[str], None]
) -> tuple[Measured, int, dict[str, str]]:
    """Nanoseconds a message of each reader, the file's octets, and who is missing.

    Raises `Disagreement` if a reader did not read what is in the file.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "generated.pcap"
        written = write_capture(path, messages)
        run, missing = commands(path)
        counts = counts_of(written)
        found: dict[str, list[float]] = {name: [] for name in run}
        for name, command in run.items():  # also brings the programs and the file into memory
            check(name, output(command), written, counts)
        for index in range(rounds):
            say(f"whole file, round {index + 1} of {rounds}")
            for name, command in run.items():
                start = perf_counter_ns()
                output(command)
                found[name].append((perf_counter_ns() - start) / len(written))
        return Measured(found), path.stat().st_size, missing
