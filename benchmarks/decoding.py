"""``python -m benchmarks.decoding``: ``gsakmp decode --json`` beside ``tshark -T json``, on the same file.

All are programs as a user starts them, on all processors, in turns; their output goes nowhere. Before that
both decode a small file, and what they say of each message must agree.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from benchmarks.capture_file import write_capture
from benchmarks.memory import Watched, watched
from benchmarks.varied_capture import write_varied
from benchmarks.whole_file import TSHARK, Disagreement

__all__ = ["main"]

WANTED: Final = 10.0
"""How many times as long as ours tshark should take."""
SAMPLE: Final = 1000
"""Messages of which the two must say the same."""
ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass
class Program:
    """A row: a command, and what its runs took."""

    name: str
    command: list[str]
    runs: list[Watched] = field(default_factory=list)

    @property
    def best(self) -> float:
        """Seconds of the shortest run."""
        return min(run.seconds for run in self.runs)

    def ratio(self, peer: Program) -> float:
        """How many times as long `peer` took: the median over the rounds, each compared in itself."""
        pairs = zip(peer.runs, self.runs, strict=True)
        return median(theirs.seconds / ours.seconds for theirs, ours in pairs)


def ours(path: Path, jobs: int) -> list[str]:
    return [sys.executable, "-m", "gsakmp", "decode", "--json", "--quiet", "--jobs", str(jobs), str(path)]


def theirs(path: Path) -> list[str]:
    return [TSHARK, "-n", "-r", str(path), "-d", "udp.port==848,isakmp", "-T", "json"]


# -- agreement -------------------------------------------------------------------------------------------


def said(command: Sequence[str]) -> bytes:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise Disagreement(f"{command[0]} ended with {done.returncode}: {done.stderr[-500:]!r}")
    return done.stdout


def check(path: Path) -> None:
    """Whether tshark and we find the same messages. Raises `Disagreement`."""
    found = [json.loads(line) for line in said(ours(path, 1)).splitlines()]
    layers = [item["_source"]["layers"] for item in json.loads(said(theirs(path)))]
    if len(found) != len(layers):
        raise Disagreement(f"{len(found)} messages, tshark has {len(layers)}")
    for record, layer in zip(found, layers, strict=True):
        header, message = layer["isakmp"], record["message"]
        cookies = (header["isakmp.ispi"] + header["isakmp.rspi"]).replace(":", "")
        frame, kind = int(layer["frame"]["frame.number"]), int(header["isakmp.exchangetype"])
        length = len(record["octets"]) // 2 - (4 if message.get("non_esp_marker") else 0)
        theirs_ = frame, cookies, int(header["isakmp.length"]), kind
        exchange = bytes.fromhex(record["octets"])[-length + 18]
        if theirs_ != (record["frame"], message_cookies(message), length, exchange):
            raise Disagreement(f"tshark says {theirs_} of frame {record['frame']}")


def message_cookies(message: dict[str, Any]) -> str:
    return str(message["initiator_cookie"] + message["responder_cookie"])


# -- the run ---------------------------------------------------------------------------------------------


@contextmanager
def captures(messages: int) -> Iterator[dict[str, Path]]:
    """The two files: sessions alone, as in `benchmarks`, and messages of every sort."""
    with TemporaryDirectory() as folder:
        sessions, varied = Path(folder) / "sessions.pcap", Path(folder) / "varied.pcap"
        write_capture(sessions, messages)
        write_varied(varied, messages)
        yield {"sessions": sessions, "varied": varied}


def measure(path: Path, jobs: Sequence[int], rounds: int) -> list[Program]:
    """Each program once in each round."""
    programs = [Program("tshark -T json", theirs(path))] if shutil.which(TSHARK) else []
    programs += [Program(f"gsakmp, {n} process{'es' if n > 1 else ''}", ours(path, n)) for n in jobs]
    for index in range(rounds):
        turn = index % len(programs)
        for program in programs[turn:] + programs[:turn]:
            if sys.stderr.isatty():
                print(f"{path.name}: {program.name}", file=sys.stderr)
            program.runs.append(watched(program.command, ROOT))
    return programs


def table(name: str, programs: Sequence[Program], messages: int) -> list[str]:
    rows = []
    peer = next((program for program in programs if program.name.startswith("tshark")), None)
    for program in programs:
        row = f"{name:<10}{program.name:<22}{program.best:>8.2f} s{messages / program.best:>12.0f}"
        row += f"{min(run.processor for run in program.runs) / messages * 1e6:>11.1f} us"
        row += f"{max(run.resident for run in program.runs) / 1024:>9.0f} MiB"
        rows.append(row if peer in (None, program) else f"{row}{program.ratio(peer):>8.1f}")
        name = ""
    return rows


def memory(messages: int, jobs: int) -> str:
    """Resident memory at a tenth of a long capture, and at its end, all processes together."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "long.pcap"
        written = write_varied(path, messages, distinct=messages)
        size = path.stat().st_size
        lines = [f"{written} messages in {size} octets; resident MiB of all processes together:"]
        for number in (1, jobs):
            run = watched(ours(path, number), ROOT, every=max(1, written // 10))
            if run.lines != written:
                raise Disagreement(f"{run.lines} lines of {written}")
            shown = " ".join(f"{kib / 1024:.0f}" for kib in run.course)
            lines.append(f"  {number} process{'es' if number > 1 else ''}, at each tenth: {shown}")
    return "\n".join(lines)


HEAD: Final = (
    f"{'file':<10}{'':<22}{'best':>10}{'per second':>12}{'processor':>14}{'resident':>13}{'times':>8}"
)


def notes(messages: int, rounds: int, processors: int) -> str:
    version = said([TSHARK, "--version"]).split(b"\n")[0].decode() if shutil.which(TSHARK) else "no tshark"
    python = ".".join(map(str, sys.version_info[:3]))
    return f"""\
python {python}; {version}; {processors} processors.
{messages} messages a file, {rounds} rounds in turns, each program started for the purpose: its start counts.
"sessions" is the file of the table above (of ten messages four are Main Mode in the clear), "varied" has
messages of the captures in pcaps, too. "best" is the shortest run, "processor" the time of all its processes
for one message, "resident" its largest process, "times" how long tshark takes for one run of ours: the median
over the rounds. tshark found the same messages, with the same cookies, exchanges and lengths."""


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.decoding", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few messages, to see that all agree")
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", type=int, default=1_000_000, help="messages of the run for memory, or 0")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the numbers to a JSON file")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """0, whatever the ratios; 1 if the two disagree."""
    options = arguments(given)
    if options.quick:
        options.messages, options.rounds, options.long = 400, 1, 400
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jobs = max(2, cores)
    found: dict[str, Any] = {}
    start = perf_counter()
    try:
        if shutil.which(TSHARK):
            with captures(SAMPLE) as small:
                for path in small.values():
                    check(path)
        lines = [notes(options.messages, options.rounds, cores), "", HEAD, "-" * len(HEAD)]
        with captures(options.messages) as paths:
            for name, path in paths.items():
                programs = measure(path, (1, jobs), options.rounds)
                lines += table(name, programs, options.messages)
                found[name] = {p.name: [run.seconds for run in p.runs] for p in programs}
                lines += verdict(name, programs)
        if options.long:
            lines += ["", memory(options.long, jobs)]
    except Disagreement as problem:
        print(f"nothing to compare: {problem}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    if options.json is not None:
        took = {"seconds": found, "took": perf_counter() - start}
        options.json.write_text(json.dumps(took, indent=1) + "\n")
    return 0


def verdict(name: str, programs: Sequence[Program]) -> list[str]:
    """Whether the best of ours is as fast as wanted."""
    peer, *mine = programs
    if not peer.name.startswith("tshark"):
        return [f"  {name}: not measured, tshark is missing"]
    ratio = max(program.ratio(peer) for program in mine)
    return [f"  {name}: tshark takes {ratio:.1f} times as long, >= {WANTED:g} wanted  "
            f"{'met' if ratio >= WANTED else 'NOT MET'}"]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
