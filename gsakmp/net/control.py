"""Control of a running daemon over a Unix socket that only its owner may use: one line of JSON each way.

A request is ``{"command": "members", "group": "plant"}``, an answer ``{"ok": true, "result": ...}`` or
``{"ok": false, "error": "..."}``. A connection may carry several requests, one after another.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from gsakmp.errors import ConfigurationError, GsakmpError
from gsakmp.net.runner import named
from gsakmp.wire.spans import printable

__all__ = ["ANSWER_OCTETS", "REQUEST_OCTETS", "ControlServer"]

REQUEST_OCTETS: Final = 65_536
"""Of one request; the longest is an identity's name."""
ANSWER_OCTETS: Final = 16 * 1024 * 1024
"""Of one answer: a page of members takes half a megabyte."""
CLIENTS: Final = 16
"""At once; one more is told so and sent away."""
IDLE_SECONDS: Final = 60.0
"""How long a client may say nothing before its place is given to others."""
WRITE_SECONDS: Final = 10.0
"""How long a client may take to read an answer."""
PATH_OCTETS: Final = 107
"""Of a Unix socket's path (unix(7))."""

Handle = Callable[[bytes], Awaitable[Any]]
"""Takes a request's JSON, gives what goes into ``result``. Raises `GsakmpError` for a refusal."""


class ControlServer:
    """Listens on a Unix socket, mode 0600."""

    def __init__(
        self,
        path: Path,
        handle: Handle,
        *,
        on_trouble: Callable[[str], None],
        idle_seconds: float = IDLE_SECONDS,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self.path = path
        self._handle = handle
        self._on_trouble = on_trouble
        self._idle_seconds = idle_seconds
        self._write_seconds = write_seconds
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._inode = 0

    async def start(self) -> None:
        """Begin to listen. A socket that a dead daemon left is replaced. Raises `ConfigurationError` for one
        that a living daemon has, and for a path that can't be had."""
        sock = listening(self.path)
        self._inode = self.path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._serve, sock=sock, limit=REQUEST_OCTETS)

    async def close(self) -> None:
        """Stop listening, end all connections, remove the socket. May be called twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        clients = list(self._clients)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await server.wait_closed()
        try:  # unless somebody else has put another one there
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except OSError:
            pass

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._clients) >= CLIENTS:
            await self._last_words(writer, f"{CLIENTS} clients are connected already")
            return
        self._clients.add(task)
        try:
            await self._converse(reader, writer)
        except (TimeoutError, OSError, asyncio.CancelledError):
            pass  # the client is slow or gone, or the daemon stops
        finally:
            self._clients.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await asyncio.wait_for(reader.readline(), self._idle_seconds)
            except ValueError:  # what asyncio makes of a line over its limit
                await self._last_words(writer, f"a request has at most {REQUEST_OCTETS} octets")
                return
            if not line.endswith(b"\n"):  # the client has gone, perhaps in the middle of a request
                return
            if line.strip():
                writer.write(await self._answer(line))
                await asyncio.wait_for(writer.drain(), self._write_seconds)

    async def _answer(self, line: bytes) -> bytes:
        try:
            result = await self._handle(line)
            answer = msgspec.json.encode({"ok": True, "result": result}) + b"\n"
        except GsakmpError as error:
            return refusal(str(error))
        except Exception as error:
            self._on_trouble(f"a control command set off a bug here: {named(error)}")
            return refusal(f"a bug here, please report it: {named(error)}")
        if len(answer) > ANSWER_OCTETS:
            return refusal(f"the answer would have more than {ANSWER_OCTETS} octets")
        return answer

    async def _last_words(self, writer: asyncio.StreamWriter, problem: str) -> None:
        try:
            writer.write(refusal(problem))
            await asyncio.wait_for(writer.drain(), self._write_seconds)
        except (TimeoutError, OSError):
            pass
        finally:
            writer.close()


def refusal(problem: str) -> bytes:
    return msgspec.json.encode({"ok": False, "error": printable(problem)}) + b"\n"


def listening(path: Path) -> socket.socket:
    """A listening socket at `path`, mode 0600 from its first moment. Raises `ConfigurationError`."""
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigurationError("this system has no Unix sockets, so there is no control socket")
    if len(os.fsencode(path)) > PATH_OCTETS:
        raise ConfigurationError(
            f"the control socket's path {path} is too long; {PATH_OCTETS} octets are allowed"
        )
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale(path)
        mask = os.umask(0o177)
        try:
            sock.bind(os.fspath(path))
        finally:
            os.umask(mask)
        sock.listen(CLIENTS)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ConfigurationError(f"no control socket at {path}: {error.strerror}") from None
    except (ConfigurationError, ValueError) as error:
        sock.close()
        raise ConfigurationError(f"no control socket at {path}: {error}") from None
    return sock


def remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on. Raises `ConfigurationError` for anything else at `path`."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigurationError("there is a file of that name, which is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                path.unlink(missing_ok=True)
                return
            if error.errno == errno.ENOENT:
                return
            raise
    raise ConfigurationError("another daemon listens there")
