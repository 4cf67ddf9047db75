"""The table, the list of targets, and the profile of what misses one."""

from __future__ import annotations

import cProfile
import io
import platform
import pstats
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from benchmarks.capture_file import FIELDS
from benchmarks.peers import LIBRARY
from benchmarks.targets import Key, Verdict
from benchmarks.timing import Measured

__all__ = ["as_json", "notes", "profile", "table", "targets"]

WIDTH: Final = 110
FUNCTIONS_SHOWN: Final = 12


def environment() -> dict[str, str]:
    """What the numbers depend on."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    return found | {name: version(name) for name in ("construct", "scapy", "msgspec")}


def notes(processor: int | None) -> str:
    """How it was measured, for the table's head."""
    software = ", ".join(f"{name} {value}" for name, value in environment().items())
    place = "not pinned to one processor" if processor is None else f"pinned to processor {processor}"
    return f"""\
{software}; {place}; no compiled code of ours.
Every peer gave the same values and the same octets before it was timed. All are timed in turns, round by
round, with the collector off. "best" is the shortest round, for one message. "times" is how long the peer
takes for one turn of ours: the median over the rounds, then, in brackets, from the best ones. No message is
parsed twice: cookies, nonces, keys, SPIs, addresses, lifetimes and key lengths vary. Attributes that recur
among them (algorithms, key lengths) come from the library's bounded cache, as they do in traffic; lifetimes
in TLV are drawn from 2^32 and hardly recur, where real ones do. The hand-written parser leaves codes as
integers and addresses as octets."""


def file_notes(messages: int, octets: int, missing: Mapping[str, str]) -> str:
    absent = "".join(f" {name}: {why}." for name, why in missing.items())
    return f"""\
The whole file: {messages} messages in {octets} octets of pcap (Ethernet, IPv4, UDP 500 and 848); of ten, four
are Main Mode in the clear, six are encrypted. Each reader is a process and its start-up counts. tshark prints
{" ".join(FIELDS)} and nothing else.{absent}"""


def table(results: Mapping[Key, Measured]) -> str:
    """A row for each peer of each case and action."""
    head = f"{'case':<13}{'':<8}{'peer':<16}{'best':>12}{'times':>9}{'(best)':>10}"
    lines = [head, "-" * len(head)]
    for (case, action), measured in results.items():
        for name in measured.rounds:
            first = (case, action) if name == LIBRARY else ("", "")
            line = f"{first[0]:<13}{first[1]:<8}{name:<16}{measured.best(name):>9.2f} us"
            if name != LIBRARY:
                times, best = measured.ratio(name, LIBRARY), measured.best_ratio(name, LIBRARY)
                line += f"{times:>9.2f}{f'({best:.2f})':>10}"
            lines.append(line)
    return "\n".join(lines)


def targets(found: Iterable[Verdict]) -> str:
    """A line for each target."""
    lines = ["targets (a peer takes at least so many times as long as the library)"]
    for verdict in found:
        target = verdict.target
        said = {True: "met", False: "NOT MET", None: "not measured: the peer is missing"}[verdict.met]
        ratio = "" if verdict.ratio is None else f"{verdict.ratio:8.2f}"
        wanted = f"{target.case:<12} {target.action:<7} {target.peer:<10} >= {target.times:<4g}"
        lines.append(f"  {wanted}{ratio:>9}  {said}")
    return "\n".join(lines)


def profile(title: str, function: Callable[[Any], Any], arguments: Sequence[Any], calls: int) -> str:
    """Where the library's time goes: functions by their own time, of about `calls` calls.

    The profiler slows calls of Python functions most; the order is right, the times are too long.
    """
    profiler = cProfile.Profile()
    turns = max(1, calls // len(arguments))
    profiler.enable()
    for _ in range(turns):
        for argument in arguments:
            function(argument)
    profiler.disable()
    stats: Any = pstats.Stats(profiler, stream=io.StringIO())
    total = stats.total_tt or 1.0
    rows = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:FUNCTIONS_SHOWN]
    lines = [f"{title}: where the time goes (own time; calls for one message)"]
    for (file, line, name), (_, called, own, _, _) in rows:
        place = f"{'/'.join(file.split('/')[-2:])}:{line}" if file != "~" else ""
        each = called / turns / len(arguments)
        lines.append(f"  {100 * own / total:5.1f} % {each:7.1f}  {name.strip('<>')}  {place}"[:WIDTH])
    return "\n".join(lines)


def as_json(results: Mapping[Key, Measured], found: Iterable[Verdict]) -> dict[str, Any]:
    """Everything measured, for a program to read. Times in microseconds, ratios to the library."""
    rows = [
        {
            "case": case,
            "action": action,
            "peer": name,
            "best_microseconds": round(measured.best(name), 4),
            "median_ratio": round(measured.ratio(name, LIBRARY), 4),
            "best_ratio": round(measured.best_ratio(name, LIBRARY), 4),
        }
        for (case, action), measured in results.items()
        for name in measured.rounds
    ]
    met = [
        {
            "case": verdict.target.case,
            "action": verdict.target.action,
            "peer": verdict.target.peer,
            "times": verdict.target.times,
            "ratio": verdict.ratio,
            "met": verdict.met,
        }
        for verdict in found
    ]
    return {"environment": environment(), "rows": rows, "targets": met}
