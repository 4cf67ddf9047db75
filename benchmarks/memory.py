"""Running a program and watching it: its time, its lines, and the memory of all its processes."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

__all__ = ["Watched", "watched"]

PIECE = 1 << 20


@dataclass
class Watched:
    """One run: seconds by the clock and of the processors, and KiB resident (of the largest process; in
    `course`, of all together, at every so many lines). `lines` is 0 where nobody looked."""

    seconds: float = 0.0
    processor: float = 0.0
    resident: int = 0
    lines: int = 0
    course: list[int] = field(default_factory=list)


def watched(command: Sequence[str], folder: Path, every: int = 0) -> Watched:
    """Run a command in `folder` to its end. With `every`, its lines are counted, and its memory is noted at
    every so many; otherwise they go nowhere. Raises `RuntimeError` if it fails."""
    out = subprocess.PIPE if every else subprocess.DEVNULL
    run, before, start = Watched(), used(), perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL) as child:
        if child.stdout is not None:
            while piece := os.read(child.stdout.fileno(), PIECE):
                run.lines += piece.count(b"\n")
                if run.lines >= every * (len(run.course) + 1):
                    run.course.append(sum(map(resident, family(child.pid))))
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    run.seconds, run.processor, run.resident = perf_counter() - start, used() - before, usage.ru_maxrss
    if child.returncode not in (0, 1):
        raise RuntimeError(f"{command[0]} ended with {child.returncode}")
    return run


def used() -> float:
    """Seconds of the processors that programs started from here have had, theirs included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def family(pid: int) -> list[int]:
    """A process and those that it started; only itself where the system does not tell."""
    found = [pid]
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        if parent == pid:
            found.append(int(entry.parent.name))
    return found


def resident(pid: int) -> int:
    """KiB of a process in memory; 0 where nobody knows."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
