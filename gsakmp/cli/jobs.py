"""Several processes that make frames into lines of JSON, and one that keeps their order.

The frames go out in batches, to each worker one at a time; whoever has the oldest is asked first, so that the
lines come back in the order of the frames, and no more is held than a batch and its lines for each worker.
Workers are started anew, not forked: they have nothing of this process but what they are sent.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Final, Generic, NamedTuple, TypeVar

from gsakmp.captures import Counts
from gsakmp.captures.batches import Batch, BatchDatagrams, Held
from gsakmp.cli.filters import Filters
from gsakmp.cli.records import Reader
from gsakmp.cli.sieve import Sieve
from gsakmp.cli.tally import Tally
from gsakmp.doi import dialect_named
from gsakmp.errors import InternalError, LocalError

__all__ = ["MOST", "Lines", "Workers", "processors", "seldom_collected"]

MOST: Final = 64
"""Workers at most; one process can't feed more."""
SELDOM: Final = 50_000
"""Objects made and not yet gone when the garbage collector looks at them."""
PATIENCE: Final = 2.0
"""Seconds that a worker may take to end when there is nothing left for it."""

Place = TypeVar("Place")


@contextmanager
def seldom_collected() -> Iterator[None]:
    """For what makes messages and lines, by the million: they have no cycles, only errors leave some. The
    garbage collector looks at what is new less often, and not at what was there before."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Lines(NamedTuple):
    """What became of a batch: its lines joined, but cut where a fragment stood."""

    parts: list[bytes | Held]
    tally: Tally
    counts: Counts


# -- in a worker -----------------------------------------------------------------------------------------


def serve(connection: Connection, reader: Reader, filters: Filters) -> None:
    """Answer every batch with its `Lines`, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's affair
    reader = replace(reader, dialect=dialect_named(reader.dialect.name))  # the one here, not a copy
    datagrams = BatchDatagrams(reader.ports)
    with seldom_collected(), suppress(EOFError, OSError):  # the parent is done, or gone
        while True:
            batch, name = connection.recv()
            try:
                answer: Lines | str = lines(batch, name, Sieve(reader, filters), datagrams)
            except Exception as exc:
                answer = f"{type(exc).__name__}: {exc}"
            connection.send(answer)


def lines(batch: Batch, name: str, sieve: Sieve, datagrams: BatchDatagrams) -> Lines:
    """The lines of a batch; `name` is that of the file, if there are several."""
    parts: list[bytes | Held] = []
    texts: list[str] = []
    for item in datagrams.of(batch):
        if isinstance(item, Held):
            parts += ["".join(texts).encode(), item]
            texts.clear()
        else:
            texts.append(sieve.line(item, name))
    return Lines([*parts, "".join(texts).encode()], sieve.tally, datagrams.taken())


# -- in the parent ---------------------------------------------------------------------------------------


@dataclass
class Worker:
    """A process, and the pipe to it."""

    process: Any
    connection: Connection

    def give(self, batch: Batch, name: str) -> None:
        """Let it work. Raises `LocalError` if it is gone."""
        try:
            self.connection.send((batch, name))
        except OSError:
            raise self.gone() from None

    def take(self) -> Lines:
        """What it made, when it is done. Raises `LocalError` if it is gone, `InternalError` if it failed."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            raise self.gone() from None
        if isinstance(answer, str):
            raise InternalError(f"in a worker process: {answer}")
        lines: Lines = answer
        return lines

    def gone(self) -> LocalError:
        self.process.join(PATIENCE)
        return LocalError(
            f"a worker process ended before its work did, with status {self.process.exitcode}; "
            "--jobs 1 does without"
        )

    def end(self) -> None:
        """Let it end; make it, if it has not done soon."""
        self.connection.close()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


class Done(NamedTuple, Generic[Place]):
    """Something of the input, and what a worker made of it; None where it was not for a worker."""

    place: Place
    lines: Lines | None


@dataclass
class Workers:
    """So many processes, for a ``with`` block."""

    number: int
    reader: Reader
    filters: Filters
    all: list[Worker] = field(default_factory=list)

    def __enter__(self) -> Workers:
        try:
            with uninterrupted():
                self.start()
        except BaseException as exc:
            self.__exit__(type(exc))
            raise
        return self

    def start(self) -> None:
        """Start them all. Raises `LocalError`."""
        context = multiprocessing.get_context("spawn")
        for _ in range(self.number):
            here, there = context.Pipe()
            process = context.Process(target=serve, args=(there, self.reader, self.filters), daemon=True)
            try:
                process.start()
            except OSError as exc:
                raise LocalError(f"no worker process can be started: {exc}") from None
            there.close()
            self.all.append(Worker(process, here))

    def __exit__(self, kind: Any = None, *_: object) -> None:
        for worker in self.all:
            if kind is not None:  # nobody waits for what it makes
                worker.process.terminate()
        for worker in self.all:
            worker.end()
        self.all.clear()

    def ordered(self, pieces: Iterable[tuple[Place, Batch | None, str]]) -> Iterator[Done[Place]]:
        """Every piece in its order. Those with a batch are made into lines by a worker; `str` is the file's
        name in them. The next piece is asked for while the workers work."""
        free = deque(self.all)
        waiting: deque[tuple[Place, Worker | None]] = deque()
        for place, batch, name in pieces:
            if batch is None:
                waiting.append((place, None))
            else:
                ready: Sequence[Done[Place]] = ()
                if not free:
                    ready = self.oldest(waiting, free)
                worker = free.popleft()
                worker.give(batch, name)
                waiting.append((place, worker))
                yield from ready
            while waiting and waiting[0][1] is None:
                yield Done(waiting.popleft()[0], None)
            if len(waiting) > 2 * self.number:
                yield from self.oldest(waiting, free)
        while waiting:
            yield from self.oldest(waiting, free)

    def oldest(self, waiting: deque[tuple[Place, Worker | None]], free: deque[Worker]) -> list[Done[Place]]:
        """What waits up to the first worker, which is free then."""
        done: list[Done[Place]] = []
        while waiting:
            place, worker = waiting.popleft()
            done.append(Done(place, None if worker is None else worker.take()))
            if worker is not None:
                free.append(worker)
                break
        return done


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Processes started in here never hear the terminal's interrupt. This one hears it at the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # a process of multiprocessing's own; starting it lets signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
