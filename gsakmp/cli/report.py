"""How far the reading of a capture is, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from gsakmp.cli.inputs import Input

__all__ = ["progress"]

STRIDE: Final = 256
"""Datagrams between two looks at the clock."""
PATIENCE: Final = 0.5
"""Seconds of silence before a bar appears."""


class Bar:
    """Counts; draws nothing."""

    def step(self, count: int = 1) -> None:
        """`count` more datagrams were read."""


class RichBar(Bar):
    """A bar that appears when the reading takes long, and knows its end where the size is known."""

    def __init__(self, source: Input) -> None:
        self.source, self.size = source, source.size
        self.started, self.steps, self.next = monotonic(), 0, STRIDE
        self.bar: Any = None
        self.task: Any = None

    def step(self, count: int = 1) -> None:
        self.steps += count
        if self.steps < self.next:
            return
        self.next = self.steps + STRIDE
        if self.bar is None:
            if monotonic() - self.started < PATIENCE:
                return
            self.start()
        place = self.source.position
        if place is None or self.size is None:
            done = self.steps
        else:
            done = (
                self.size if place.closed else place.tell()
            )  # closed: what was read is still being worked on
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
