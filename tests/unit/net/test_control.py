"""The control socket: who may use it, what it answers, and what bad and slow clients get."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from gsakmp.errors import ConfigurationError, StateError
from gsakmp.net import client as client_module
from gsakmp.net import control
from gsakmp.net.client import ask
from gsakmp.net.commands import OF_GCKS, OF_MEMBER, Evict, Leave, Members, Reload, Status, Tree, page, parsed
from gsakmp.net.control import ControlServer
from tests.unit.net.engines import run, until


class Server:
    """A control server whose commands are not those of a daemon."""

    def __init__(self, path: Path, **options: float) -> None:
        self.troubles: list[str] = []
        self.hold = asyncio.Event()
        self.control = ControlServer(path, self.handle, on_trouble=self.troubles.append, **options)

    async def handle(self, line: bytes) -> Any:
        request = json.loads(line)
        match request["command"]:
            case "echo":
                return request["value"]
            case "big":
                return "x" * request["octets"]
            case "wait":
                await self.hold.wait()
                return "waited"
            case "refuse":
                raise StateError("not now,\x1b[2J never")
        raise KeyError("a secret that must not be shown")

    async def __aenter__(self) -> Server:
        await self.control.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.control.close()


async def connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(path), limit=1 << 25)


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> Any:
    writer.write(line)
    return json.loads(await asyncio.wait_for(reader.readline(), 5))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "daemon.sock"


def test_the_socket_is_its_owners_alone_and_goes_with_the_daemon(path: Path) -> None:
    async def scenario() -> None:
        mask = os.umask(0)
        try:
            async with Server(path):
                status = path.stat()
                assert stat.S_ISSOCK(status.st_mode)
                assert stat.S_IMODE(status.st_mode) == 0o600
            assert not path.exists()
            assert os.umask(0) == 0  # the process's own mask is as it was
        finally:
            os.umask(mask)

    run(scenario())


def test_requests_follow_one_another_on_a_connection(path: Path) -> None:
    async def scenario() -> None:
        async with Server(path):
            reader, writer = await connected(path)
            writer.write(b'{"command":"echo","value":1}\n\n{"command":"echo","value":[2]}\n{"command":"ec')
            assert json.loads(await reader.readline()) == {"ok": True, "result": 1}
            assert json.loads(await reader.readline()) == {"ok": True, "result": [2]}
            assert await said(reader, writer, b'ho","value":null}\n') == {"ok": True, "result": None}
            writer.close()

    run(scenario())


def test_refusals_and_bugs(path: Path) -> None:
    async def scenario() -> None:
        async with Server(path) as server:
            reader, writer = await connected(path)
            answer = await said(reader, writer, b'{"command":"refuse"}\n')
            assert answer == {"ok": False, "error": "not now,\\x1b[2J never"}
            answer = await said(reader, writer, b'{"command":"?"}\n')
            assert not answer["ok"]
            assert "KeyError" in answer["error"]
            assert "secret" not in answer["error"] + server.troubles[0]
            assert (await said(reader, writer, b'{"command":"echo","value":1}\n'))["ok"]
            writer.close()

    run(scenario())


def test_a_line_without_end(path: Path) -> None:
    async def scenario() -> None:
        async with Server(path):
            reader, writer = await connected(path)
            answer = await said(reader, writer, b"x" * (2 * control.REQUEST_OCTETS))
            assert answer == {"ok": False, "error": "a request has at most 65536 octets"}
            assert await reader.read() == b""
            writer.close()
            assert (await asyncio.to_thread(ask, path, "echo", value=1)) == 1

    run(scenario())


def test_one_client_too_many(path: Path) -> None:
    async def scenario() -> None:
        async with Server(path):
            clients = [await connected(path) for _ in range(control.CLIENTS)]
            for reader, writer in clients:
                assert (await said(reader, writer, b'{"command":"echo","value":1}\n'))["ok"]
            with pytest.raises(StateError, match="16 clients are connected already"):
                await asyncio.to_thread(ask, path, "echo", value=1)
            clients[0][1].close()
            await asyncio.sleep(0.05)
            assert await asyncio.to_thread(ask, path, "echo", value=2) == 2
            for _, writer in clients:
                writer.close()

    run(scenario())


def test_a_silent_client_loses_its_place(path: Path) -> None:
    async def scenario() -> None:
        async with Server(path, idle_seconds=0.05):
            reader, writer = await connected(path)
            writer.write(b'{"command":')
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()

    run(scenario())


def test_a_client_that_does_not_read_is_given_up_and_holds_up_nobody(path: Path) -> None:
    async def scenario() -> None:
        async with Server(path, write_seconds=0.1) as server:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as slow:
                slow.connect(str(path))
                slow.sendall(b'{"command":"big","octets":8000000}\n')
                assert await asyncio.to_thread(ask, path, "echo", value=1) == 1
                await until(lambda: not server.control._clients)

    run(scenario())


def test_answers_have_a_bound(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "ANSWER_OCTETS", 1000)

    async def scenario() -> None:
        async with Server(path):
            with pytest.raises(StateError, match="the answer would have more than 1000 octets"):
                await asyncio.to_thread(ask, path, "big", octets=1000)

    run(scenario())


def test_a_stop_ends_commands_that_are_under_way(path: Path) -> None:
    async def scenario() -> None:
        server = Server(path)
        async with server:
            reader, writer = await connected(path)
            writer.write(b'{"command":"wait"}\n')
            await until(lambda: server.control._clients)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await server.control.close()  # again does no harm

    run(scenario())


def test_what_stands_where_the_socket_is_to_be(path: Path) -> None:
    async def scenario() -> None:
        async with Server(path):
            with pytest.raises(ConfigurationError, match="another daemon listens there"):
                await Server(path).control.start()
            assert await asyncio.to_thread(ask, path, "echo", value=1) == 1
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(str(path))  # and nobody listens, as after a crash
        async with Server(path):
            assert await asyncio.to_thread(ask, path, "echo", value=1) == 1
        path.write_text("precious")
        with pytest.raises(ConfigurationError, match="which is no socket"):
            await Server(path).control.start()
        assert path.read_text() == "precious"
        with pytest.raises(ConfigurationError, match="No such file or directory"):
            await Server(path.parent / "none" / "x").control.start()
        with pytest.raises(ConfigurationError, match="107 octets are allowed"):
            await Server(path.parent / ("x" * 200)).control.start()

    run(scenario())


# -- the client ------------------------------------------------------------------------------------------


def test_nobody_to_ask(path: Path) -> None:
    with pytest.raises(StateError, match=r"no daemon listens at .*; is it running\?"):
        ask(path, "status")
    path.touch()
    with pytest.raises(StateError, match="no daemon listens at"):
        ask(path, "status")
    with pytest.raises(StateError, match="can't be asked"):
        ask("x" * 500, "status")


@pytest.mark.parametrize(
    "answer", [b"", b"hello\n", b"[]\n", b'{"result":1}\n', b"[" * 100_000, b'{"ok":true']
)
def test_somebody_else_answers(path: Path, answer: bytes) -> None:
    async def scenario() -> None:
        async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(answer)
            writer.close()

        async with await asyncio.start_unix_server(other, str(path)):
            with pytest.raises(StateError, match="is no daemon of ours"):
                await asyncio.to_thread(ask, path, "status")

    run(scenario())


def test_a_daemon_that_does_not_answer(path: Path) -> None:
    async def scenario() -> None:
        async with Server(path) as server:
            with pytest.raises(StateError, match="does not answer"):
                await asyncio.to_thread(ask, path, "wait", seconds=0.1)
            server.hold.set()

    run(scenario())


def test_an_answer_without_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ANSWER_OCTETS", 100_000)

    async def scenario() -> None:
        async with Server(path):
            with pytest.raises(StateError, match="is no daemon of ours"):
                await asyncio.to_thread(ask, path, "big", octets=1_000_000)

    run(scenario())


# -- commands --------------------------------------------------------------------------------------------


def test_commands_are_parsed() -> None:
    assert parsed(b'{"command":"status"}', OF_GCKS) == Status()
    assert parsed(b'{"command":"reload"}\n', OF_MEMBER) == Reload()
    assert parsed(b'{"command":"leave"}', OF_MEMBER) == Leave()
    assert parsed(b'{"command":"evict","group":"a","member":"b"}', OF_GCKS) == Evict("a", "b")
    assert parsed(b'{"command":"members","group":"a","offset":5}', OF_GCKS) == Members("a", 5, 1000)
    assert parsed(b'{"command":"tree","group":"a","member":"b"}', OF_GCKS) == Tree("a", 0, "b", 1000)


@pytest.mark.parametrize(
    ("line", "form", "problem"),
    [
        (b"", OF_GCKS, "a request is one line of JSON"),
        (b"status", OF_GCKS, "a request is one line of JSON"),
        (b'{"command":"status"} x', OF_GCKS, "a request is one line of JSON"),
        (b'{"command":"sta\xfftus"}', OF_GCKS, "a request is one line of JSON"),
        (b"[" * 60_000, OF_GCKS, "Expected `object`, got `array`"),
        (b'{"command":"status","x":' + b"[" * 60_000, OF_GCKS, ""),
        (b"[]", OF_GCKS, "this is no such command: Expected `object`, got `array`"),
        (b"{}", OF_GCKS, "commands here are status, groups, members, tree, policy, rekey, evict, readmit, audit, backup, reload"),
        (b'{"command":"evcit"}', OF_GCKS, "commands here are status, groups, members, tree, policy, rekey, evict"),
        (b'{"command":7}', OF_GCKS, "commands here are"),
        (b'{"command":"evict","group":"a","member":"b"}', OF_MEMBER, "commands here are status, rejoin, leave, reload"),
        (b'{"command":"rekey"}', OF_GCKS, "this is no such command: Object missing required field `group`"),
        (b'{"command":"rekey","group":""}', OF_GCKS, "length >= 1 - at `$.group`"),
        (b'{"command":"rekey","group":7}', OF_GCKS, "Expected `str`, got `int` - at `$.group`"),
        (b'{"command":"rekey","group":"a","x":1}', OF_GCKS, "unknown field `x`"),
        (b'{"command":"members","group":"a","limit":1001}', OF_GCKS, "`int` <= 1000 - at `$.limit`"),
        (b'{"command":"tree","group":"a","limit":10001}', OF_GCKS, "`int` <= 10000 - at `$.limit`"),
        (b'{"command":"members","group":"a","offset":-1}', OF_GCKS, "`int` >= 0 - at `$.offset`"),
    ],
)  # fmt: skip
def test_requests_that_are_no_commands(line: bytes, form: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parsed(line, form)
    assert problem in str(caught.value)


def test_pages() -> None:
    everybody = tuple(range(25))
    seen: list[int] = []
    offset: int | None = 0
    while offset is not None:
        found = page(everybody[offset : offset + 10], len(everybody), offset, 10)
        assert found["total"] == 25
        seen += found["members"]
        offset = found["next"]
    assert seen == list(everybody)
    assert page((), 25, 100, 10) == {"total": 25, "offset": 100, "next": None, "members": []}
