"""Everything around an engine that makes it a daemon: sockets, signals, logs, control, metrics, recording."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from gsakmp import __version__
from gsakmp.errors import GsakmpError
from gsakmp.exchanges.address import Address
from gsakmp.net.clock import Clock
from gsakmp.net.control import ControlServer
from gsakmp.net.logs import EventLog, Logs
from gsakmp.net.metrics import Metrics, MetricsServer, View, asked_on
from gsakmp.net.options import ShellOptions
from gsakmp.net.recorder import Recorder
from gsakmp.net.runner import Engine, Observer, Runner

__all__ = ["Shell"]

REMINDER_SECONDS: Final = 3600.0
"""Between two warnings that a recording is under way."""


class Shell:
    """An engine as a daemon, on the running loop. `observers` watch beside the daemon's own."""

    def __init__(
        self,
        options: ShellOptions,
        role: str,
        engine: Engine,
        *,
        clock: Clock,
        groups: Callable[[], Iterable[Address]] | None = None,
        view: Callable[[float, bool], View],
        observers: Iterable[Observer] = (),
    ) -> None:
        """Raises `ConfigurationError` for a log or a recording that can't be written."""
        self.options = options
        self.clock = clock
        self._view = view
        self._servers: list[ControlServer | MetricsServer] = []
        self._reminder: asyncio.TimerHandle | None = None
        self._signals: list[signal.Signals] = []
        self._closed = False
        self.logs = Logs(options.log, role=role)
        self.log = self.logs.logger
        self.recorder: Recorder | None = None
        try:
            if options.record is not None:
                self.recorder = Recorder(options.record, role, on_trouble=self._trouble)
        except GsakmpError:
            self.logs.close()
            raise
        self.metrics = Metrics(asked_on(asyncio.get_running_loop(), self._current_view))
        recording = () if self.recorder is None else (self.recorder,)
        self.runner = Runner(
            engine,
            options.multicast,
            clock=clock,
            observers=(*recording, EventLog(self.log), self.metrics, *observers),
            groups=groups,
        )
        if self.recorder is not None:
            self.recorder.from_where = self.runner.transport.from_where

    async def start(self, commands: Callable[[bytes], Awaitable[Any]]) -> None:
        """Listen everywhere, the network last. Raises `ConfigurationError`, and nothing listens any more."""
        options = self.options
        try:
            if options.control is not None:
                control = ControlServer(options.control, commands, on_trouble=self._trouble)
                await control.start()
                self._servers.append(control)
            if options.metrics is not None:
                self._servers.append(MetricsServer(options.metrics, self.metrics.registry))
            self._remind()
            self.runner.start(options.listen)
        except GsakmpError as error:
            self.log.error("not started", problem=str(error))
            await self.close()
            raise
        self.log.info("started", **self.detail())

    def handle_signals(self, reload: Callable[[], object]) -> None:
        """SIGTERM and SIGINT end `Runner.wait`, SIGHUP reloads; where the system and thread can do that. Call
        it before `start`, so that none comes too early."""
        loop = asyncio.get_running_loop()
        wanted: list[tuple[str, Callable[[], object]]] = [
            ("SIGTERM", self.runner.finish),
            ("SIGINT", self.runner.finish),
            ("SIGHUP", reload),
        ]
        for name, action in wanted:
            number = getattr(signal, name, None)
            if number is not None:
                # outside the main thread, or where the system has no such signal, `close` alone ends it
                with suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.add_signal_handler(number, action)
                    self._signals.append(number)

    def detail(self) -> dict[str, Any]:
        """What there is to say about the daemon itself."""
        return {
            "version": __version__,
            "process": os.getpid(),
            "configuration": str(self.options.file),
            "listen": [str(address) for address in self.runner.transport.addresses],
            "multicast": [str(address) for address in self.runner.transport.groups],
            "recording": None if self.recorder is None else str(self.recorder.capture_file),
        }

    def changed(self, fresh: ShellOptions) -> list[str]:
        """Which options of a configuration that was read again want a restart."""
        return [
            name
            for name in ("listen", "multicast", "control", "log", "metrics", "record")
            if getattr(fresh, name) != getattr(self.options, name)
        ]

    async def close(self, farewell: Callable[[float], None] | None = None) -> None:
        """Stop cleanly: the engine's last words, then everything that listens. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._reminder is not None:
            self._reminder.cancel()
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)
        self._signals.clear()
        try:
            await self.runner.stop(farewell)
        except GsakmpError as error:
            self.log.error("trouble", problem=str(error))
        servers, self._servers = self._servers, []
        for server in servers:
            await server.close()
        if self.recorder is not None:
            self.recorder.close()
        self.log.info("stopped")
        self.logs.close()

    def _current_view(self) -> View:
        return self._view(self.clock(), self.recorder is not None)

    def _trouble(self, problem: str) -> None:
        self.log.error("trouble", problem=problem)

    def _remind(self) -> None:
        if self.recorder is None:
            return
        self.log.warning(
            "RECORDING TRAFFIC AND SECRETS",
            capture=str(self.recorder.capture_file),
            secrets=str(self.recorder.key_file),
            advice="whoever has these files can read the group's traffic; never do this in production",
        )
        self._reminder = asyncio.get_running_loop().call_later(REMINDER_SECONDS, self._remind)
