"""Drives an engine, which itself does no input or output: datagrams and timers in, datagrams and events out.

One step takes a batch of datagrams, then asks once what to send, so that everything that the batch changes is
made durable by a single commit before the first answer leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

from gsakmp.errors import GsakmpError, InternalError, StateError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net.clock import Clock
from gsakmp.net.options import MulticastOptions
from gsakmp.net.transport import Transport
from gsakmp.net.udp import Received
from gsakmp.peers.events import Event

__all__ = ["Engine", "Observer", "Runner"]

T = TypeVar("T")

LEAST_DELAY: Final = 0.001
"""Seconds between two timeouts at least: an engine that is never done can't keep everything else waiting."""
LONGEST_DELAY: Final = 3600.0
"""Seconds at most, then the clock is looked at again: a system that slept has less time left."""
DRAIN_SECONDS: Final = 1.0
"""How long the last datagrams may take at a stop."""


class Engine(Protocol):
    """The five verbs."""

    def receive_datagram(
        self, data: bytes, source: Address, now: float, *, local: Address | None = None
    ) -> None:
        """A datagram has come."""

    def datagrams_to_send(self, now: float) -> Sequence[Datagram]:
        """What is to be sent. Raises `StateError` where what it depends on can't be made durable."""

    def next_event(self) -> Event | None:
        """What has happened, the oldest first."""

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due."""

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""


class Observer:
    """Watches a runner: logs, metrics, recordings. Each method does nothing until overridden, and must not
    raise."""

    def received(self, batch: Sequence[Received], now: float) -> None:
        """Datagrams have come, and are about to be given to the engine."""

    def sent(self, datagrams: Sequence[Datagram], now: float) -> None:
        """Datagrams are about to be sent."""

    def dropped(self, datagram: Datagram, reason: str, now: float) -> None:
        """One of them could not be sent."""

    def happened(self, event: Event, now: float) -> None:
        """The engine tells something."""

    def troubled(self, problem: str, now: float) -> None:
        """Something failed outside the engine, or is a bug; the daemon goes on."""


class Runner:
    """An engine, its sockets and its timer on the asyncio loop that is running when it is made.

    `groups` says which multicast groups the engine wants, and is asked after each step.
    """

    def __init__(
        self,
        engine: Engine,
        options: MulticastOptions,
        *,
        clock: Clock,
        observers: Iterable[Observer] = (),
        groups: Callable[[], Iterable[Address]] | None = None,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.observers = tuple(observers)
        self.transport = Transport(options, self._received, self._dropped)
        self._groups = groups
        self._timer: asyncio.TimerHandle | None = None
        self._finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = False

    def start(self, listen: Iterable[Address]) -> None:
        """Open the sockets and begin. Raises `ConfigurationError` for an address that can't be had."""
        self.transport.open(listen)
        self._running = True
        self._step()

    def call(self, command: Callable[[float], T]) -> T:
        """Order the engine something, given the time; what comes of it is sent. Raises as `command` does, and
        `StateError` where it could not be made durable."""
        try:
            result = command(self.clock())
        finally:
            self._step()
        if self._failed:
            problem = self._finished.exception()
            raise StateError(f"nothing was done, and the daemon stops: {problem}")
        return result

    def finish(self, error: GsakmpError | None = None) -> None:
        """End `wait`: cleanly, or with what went wrong. The first call counts."""
        if not self._finished.done():
            if error is None:
                self._finished.set_result(None)
            else:
                self._finished.set_exception(error)

    async def wait(self) -> None:
        """Until `finish`. Raises what it was given: `StateError` when the journal has failed."""
        await asyncio.shield(self._finished)

    async def stop(self, farewell: Callable[[float], None] | None = None) -> None:
        """Stop: `farewell` orders the engine's last words, which are sent, and the sockets are closed."""
        try:
            if farewell is not None and self._running and not self._failed:
                self.call(farewell)
                await self.transport.drain(DRAIN_SECONDS)
        finally:
            self._running = False
            if self._timer is not None:
                self._timer.cancel()
            self.finish()
            self.transport.close()

    @property
    def _failed(self) -> bool:
        return self._finished.done() and self._finished.exception() is not None

    def _received(self, batch: Sequence[Received]) -> None:
        now = self.clock()
        for observer in self.observers:
            observer.received(batch, now)
        for data, source, local in batch:
            try:
                self.engine.receive_datagram(data, source, now, local=local)
            except Exception as error:  # whatever a datagram sets off, the next one is taken
                self._troubled(f"a datagram from {source} set off a bug here: {named(error)}", now)
        self._step()

    def _timeout(self) -> None:
        self._timer = None
        self._step()

    def _step(self) -> None:
        if not self._running or self._failed:
            return
        now = self.clock()
        try:
            due = self.engine.next_timeout()
            if due is not None and due <= now:
                self.engine.handle_timeout(now)
            self._send(now)
            self._tell(now)
            self._schedule(now)
        except GsakmpError as error:
            self._tell(now)
            self.finish(error)
        except Exception as error:  # going on could repeat numbers, or spin
            self.finish(InternalError(f"a bug here, please report it: {named(error)}"))

    def _send(self, now: float) -> None:
        datagrams = self.engine.datagrams_to_send(now)
        if datagrams:
            for observer in self.observers:
                observer.sent(datagrams, now)
            self.transport.send(datagrams)

    def _tell(self, now: float) -> None:
        while (event := self.engine.next_event()) is not None:
            for observer in self.observers:
                observer.happened(event, now)
        if self._groups is not None:
            for problem in self.transport.join(self._groups()):
                self._troubled(problem, now)

    def _schedule(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.engine.next_timeout()
        if due is not None:
            delay = min(max(due - now, LEAST_DELAY), LONGEST_DELAY)
            self._timer = asyncio.get_running_loop().call_later(delay, self._timeout)

    def _dropped(self, datagram: Datagram, reason: str) -> None:
        now = self.clock()
        for observer in self.observers:
            observer.dropped(datagram, reason, now)

    def _troubled(self, problem: str, now: float) -> None:
        for observer in self.observers:
            observer.troubled(problem, now)


def named(error: BaseException) -> str:
    """An unexpected exception without what it quotes, which could be a key: its type and its place."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return type(error).__name__ + place
