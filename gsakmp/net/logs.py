"""Logs: one line an event, for a console or as JSON, that follow an exchange by its cookies and message id.

Events hold no keys, and octets of any kind are left out here besides. What a peer sent as text is written so
that a terminal only shows it.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TextIO

import structlog

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.message import HEADER_OCTETS
from gsakmp.net.options import LogOptions
from gsakmp.net.runner import Observer
from gsakmp.net.udp import Received
from gsakmp.peers import events
from gsakmp.wire.spans import printable

__all__ = ["EventLog", "Logs"]

LONGEST: Final = 500
"""Characters of one value in a log."""
LISTED: Final = 64
"""Elements of one value."""
REFUSALS_A_SECOND: Final = 10.0
"""Lines about refused or dropped datagrams, on average; anybody can send us junk. The rest is counted."""
REFUSALS_AT_ONCE: Final = 50
LEVELS: Final = {
    events.DatagramRefused: "info",
    events.ExchangeFailed: "warning",
    events.GroupRestarted: "warning",
    events.MemberEvicted: "warning",
    events.MemberSilent: "warning",
    events.PeerDead: "warning",
    events.PeriodKeyMissing: "warning",
    events.RegistrationRefused: "warning",
    events.MemberAcknowledged: "debug",
}
"""Of those that are not info, or that somebody might expect to be something else."""
CHEAP: Final = (events.DatagramRefused, events.ExchangeFailed)
"""Events that anybody can cause, and so as many as they like."""


class Logs:
    """The daemon's log. `logger` is a structlog logger; `reopen` follows a log rotation."""

    def __init__(self, options: LogOptions, *, role: str) -> None:
        """Raises `ConfigurationError` for a file that can't be written."""
        self.options = options
        self._stream = Stream(options.file)
        processors: list[Any] = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            shown,
        ]
        if options.format == "json":
            processors.append(structlog.processors.JSONRenderer())
        else:
            processors.append(
                structlog.dev.ConsoleRenderer(
                    colors=self._stream.terminal,
                    # the default one shows local variables, and those could be keys
                    exception_formatter=structlog.dev.plain_traceback,
                    sort_keys=False,
                )
            )
        self.logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
            structlog.PrintLogger(self._stream),  # type: ignore[arg-type]  # it only writes and flushes
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger(options.level),
            cache_logger_on_first_use=False,
            role=role,
        )

    def reopen(self) -> None:
        """Go on in a new file of the same name. Raises `ConfigurationError`, and the old one stays."""
        self._stream.reopen()

    def close(self) -> None:
        """Close the file; what is logged afterwards goes nowhere."""
        self._stream.close()


class Stream:
    """A file to write lines to. A full disk, or a reader that went away, must not stop a key server."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = sys.stderr if path is None else opened(path)
        self.terminal = path is None and sys.stderr.isatty()

    def write(self, text: str) -> int:
        try:
            return self._file.write(text) if self._file is not None else 0
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        try:
            if self._file is not None:
                self._file.flush()
        except (OSError, ValueError):
            pass

    def reopen(self) -> None:
        if self._path is not None:
            file = opened(self._path)
            self.close()
            self._file = file

    def close(self) -> None:
        if self._path is not None and self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def opened(path: Path) -> TextIO:
    try:
        return path.open("a", encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or "that is no path"
        raise ConfigurationError(f"the log file {path} can't be written: {problem}") from None


def shown(_logger: Any, _method: str, values: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every value as what a log may hold: numbers, and text of one line. Never octets."""
    for name, value in values.items():
        values[name] = plain(value)
    return values


def plain(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(value)} octets)"
    if isinstance(value, Address):
        return str(value)
    if isinstance(value, dict):
        return {printable(str(key)): plain(one) for key, one in list(value.items())[:LISTED]}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in list(value)[:LISTED]]
    text = printable(str(value))
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def event_fields(event: events.Event) -> dict[str, Any]:
    """An event as fields of a log line: the message id as eight hexadecimal digits, empty fields left out."""
    out: dict[str, Any] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        if field.name == "message_id":
            value = f"{value:08x}" if value else ""
        if value not in ("", ()):
            out[field.name] = value
    return out


class EventLog(Observer):
    """Writes what a runner tells to a logger."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger) -> None:
        self._logger = logger
        self._allowance = float(REFUSALS_AT_ONCE)
        self._last: float | None = None
        self._suppressed = 0

    def received(self, batch: Sequence[Received], now: float) -> None:
        """See `Observer.received`."""
        if self._logger.is_enabled_for(10):
            for data, source, local in batch:
                self._logger.debug("received", source=source, local=local, **message_fields(data))

    def sent(self, datagrams: Sequence[Datagram], now: float) -> None:
        """See `Observer.sent`."""
        if self._logger.is_enabled_for(10):
            for datagram in datagrams:
                self._logger.debug("sent", destination=datagram.destination, **message_fields(datagram.data))

    def dropped(self, datagram: Datagram, reason: str, now: float) -> None:
        """See `Observer.dropped`."""
        if self._may_speak(now):
            self._logger.warning("not sent", destination=datagram.destination, problem=reason)

    def happened(self, event: events.Event, now: float) -> None:
        """See `Observer.happened`."""
        if isinstance(event, CHEAP) and not self._may_speak(now):
            return
        level = LEVELS.get(type(event), "info")
        if isinstance(event, events.GroupRestarted) and event.reason == "created":
            level = "info"  # nobody was a member yet
        if isinstance(event, events.DatagramRefused) and event.cause == "replay":
            level = "debug"  # as each push is that a GCKS sends more than once
        getattr(self._logger, level)(event.kind, **event_fields(event))

    def troubled(self, problem: str, now: float) -> None:
        """See `Observer.troubled`."""
        if self._may_speak(now):
            self._logger.error("trouble", problem=problem)

    def _may_speak(self, now: float) -> bool:
        """Whether a line that a peer can cause may be written; else it is counted, and told later."""
        if self._last is not None:
            self._allowance += max(0.0, now - self._last) * REFUSALS_A_SECOND
        self._allowance = min(self._allowance, float(REFUSALS_AT_ONCE))
        self._last = now
        if self._allowance < 1:
            self._suppressed += 1
            return False
        self._allowance -= 1
        if self._suppressed:
            self._logger.warning("lines left out", lines=self._suppressed)
            self._suppressed = 0
        return True


def message_fields(data: bytes) -> dict[str, Any]:
    """What the header of a datagram says: cookies, exchange type, message id (RFC 2408, 3.1)."""
    octets = data[4:] if data[:4] == bytes(4) else data  # the non-ESP marker (RFC 3948, 2.2)
    if len(octets) < HEADER_OCTETS:
        return {"octets": len(data)}
    return {
        "octets": len(data),
        "initiator_cookie": octets[:8].hex(),
        "responder_cookie": octets[8:16].hex(),
        "exchange_type": octets[18],
        "message_id": octets[20:24].hex(),
    }
