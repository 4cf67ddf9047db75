"""What decode says beside its output, on standard error: how far it is, and what it met."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from gsakmp.captures import Counts
from gsakmp.cli.inputs import Input
from gsakmp.cli.records import Record

__all__ = ["Tally", "progress"]

STRIDE: Final = 256
"""Datagrams between two looks at the clock."""
PATIENCE: Final = 0.5
"""Seconds of silence before a bar appears."""


@dataclass
class Tally:
    """Counts of a whole run."""

    messages: int = 0
    malformed: int = 0
    unwanted: int = 0
    other: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    incomplete: int = 0

    def record(self, record: Record) -> None:
        """One more record."""
        self.messages += 1
        self.malformed += record.error is not None

    def capture(self, counts: Counts) -> None:
        """What a capture file held beside datagrams."""
        self.frames += counts.frames
        self.incomplete += counts.incomplete
        for reason, count in counts.skipped.items():
            self.skipped[str(reason)] += count

    @property
    def notable(self) -> bool:
        """Whether there is more to say than what the output shows anyway."""
        return bool(self.frames or self.malformed or self.other or self.unwanted)

    def text(self) -> str:
        """All in one line."""
        parts = [counted(self.messages, "message")]
        parts += [f"{self.malformed} malformed"] if self.malformed else []
        parts += [f"{self.unwanted} filtered out"] if self.unwanted else []
        parts += [counted(count, name) for name, count in sorted(self.other.items())]
        text = ", ".join(parts)
        if self.frames:
            text = f"{counted(self.frames, 'frame')}: {text}"
        if self.skipped:
            text += "; skipped: " + ", ".join(f"{n} {reason}" for reason, n in sorted(self.skipped.items()))
            if not self.messages and "another port" in self.skipped:
                text += " (--port names one)"
        if self.incomplete:
            text += f"; {counted(self.incomplete, 'datagram')} with fragments missing"
        return text


def counted(number: int, what: str) -> str:
    """``1 frame``, ``2 frames``; ESP has no plural."""
    return f"{number} {what}{'' if number == 1 or what.isupper() else 's'}"


class Bar:
    """Counts; draws nothing."""

    def step(self) -> None:
        """One more datagram was read."""


class RichBar(Bar):
    """A bar that appears when the reading takes long, and knows its end where the size is known."""

    def __init__(self, source: Input) -> None:
        self.source, self.size = source, source.size
        self.started, self.steps = monotonic(), 0
        self.bar: Any = None
        self.task: Any = None

    def step(self) -> None:
        self.steps += 1
        if self.steps % STRIDE:
            return
        if self.bar is None:
            if monotonic() - self.started < PATIENCE:
                return
            self.start()
        place = self.source.position
        done = place.tell() if place is not None and self.size is not None else self.steps
        self.bar.update(self.task, completed=done, found=self.steps)

    def start(self) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        text = TextColumn("{task.description}")
        found = TextColumn("{task.fields[found]} datagrams")
        self.bar = Progress(
            text, BarColumn(), TaskProgressColumn(), found, TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self.task = self.bar.add_task(escape(self.source.label), total=self.size, found=self.steps)
        self.bar.start()

    def stop(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()


@contextmanager
def progress(source: Input) -> Iterator[Bar]:
    """A bar on standard error where that is a terminal, and standard output is not: both would mix."""
    if not sys.stderr.isatty() or sys.stdout.isatty() or source.octets is not None:
        yield Bar()
        return
    bar = RichBar(source)
    try:
        yield bar
    finally:
        bar.stop()
