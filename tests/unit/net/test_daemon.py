"""The daemons as processes and on a loop: start, control, reload, stop, and no key anywhere it may not be."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gsakmp.errors import ConfigurationError, GsakmpError, StateError
from gsakmp.net.client import ask
from gsakmp.net.configuration import load_gcks, load_member
from gsakmp.net.daemon import GCKSDaemon, MemberDaemon
from gsakmp.net.options import Overrides
from gsakmp.store import SQLStore, read_key_file
from tests.ports import free_port
from tests.unit.net.engines import Witness, run, until
from tests.unit.net.files import GCKS, MEMBER, SECRET, configuration, edited, folder_of

DATA = '[multicast]\ninterface = "lo"\n'
LOG = '[log]\nformat = "json"\nlevel = "debug"\nfile = "{role}.log"\n'
SECONDS = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(tmp_path)


def gcks_file(folder: Path, *, port: int = 0, extra: str = "") -> Path:
    text = edited(GCKS, "port = 0", f"port = {port}")
    text = edited(text, "[store]", DATA + LOG.format(role="gcks") + extra + "[store]")
    return configuration(folder, text, "gcks.toml")


def member_file(folder: Path, *, gcks: int, extra: str = "") -> Path:
    text = edited(MEMBER, "127.0.0.1:10848", f"127.0.0.1:{gcks}")
    return configuration(folder, text + DATA + LOG.format(role="member") + extra, "member.toml")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def kinds(path: Path) -> list[str]:
    return [line["event"] for line in lines(path)] if path.exists() else []


# -- on a loop -------------------------------------------------------------------------------------------


async def with_stack(scenario: Callable[[AsyncExitStack], Awaitable[None]]) -> None:
    """So that a failure leaves nothing open."""
    async with AsyncExitStack() as stack:
        await scenario(stack)


def test_a_member_registers_is_rekeyed_and_leaves(folder: Path) -> None:
    """The whole of it over loopback: phase 1, pull, push by multicast, control of both, records of all."""
    record = '[record]\nfolder = "recordings"\n'

    async def scenario(stack: AsyncExitStack) -> None:
        gcks_seen, member_seen = Witness(), Witness()
        gcks = GCKSDaemon(load_gcks(gcks_file(folder, extra=record)), observers=[gcks_seen])
        stack.push_async_callback(gcks.close)
        await gcks.start()
        port = gcks.shell.runner.transport.addresses[0].port
        member = MemberDaemon(
            load_member(member_file(folder, gcks=port, extra=record)), observers=[member_seen]
        )
        stack.push_async_callback(member.close)
        await member.start()

        def happened(seen: Witness) -> list[str]:
            return [event.kind for event in seen.told]

        await until(lambda: "Registered" in happened(member_seen))
        assert [str(group) for group in member.shell.runner.transport.groups] == ["239.192.0.1:10848"]

        async def asked(daemon: str, command: str, **arguments: Any) -> Any:
            return await asyncio.to_thread(ask, folder / f"{daemon}.sock", command, **arguments)

        status = await asked("gcks", "status")
        assert (status["groups"], status["members"], status["process"]) == (1, 1, os.getpid())
        assert status["listen"] == [f"127.0.0.1:{port}"]
        assert status["recording"].endswith(".pcap")
        (group,) = await asked("gcks", "groups")
        assert (group["name"], group["members"], group["identity"]) == ("plant", 1, "key-id:0x000004d2")
        (kek,) = group["rekey"]
        assert 0 < kek["remaining_seconds"] <= kek["lifetime_seconds"] == 86_400
        members = await asked("gcks", "members", group="plant")
        assert [one["identity"] for one in members["members"]] == ["fqdn:pump-7.plant.example"]
        policy = await asked("gcks", "policy", group="plant")
        assert policy["data"][0]["selector"]["destination"] == "ipv4:239.192.0.10"
        held = await asked("member", "status")
        assert held["state"] == "registered"
        assert [sa["spi"] for sa in held["gsa"]["rekey"]] == [kek["spi"]]

        await asked("gcks", "rekey", group="plant")
        await until(lambda: "RekeyReceived" in happened(member_seen))
        (group,) = await asked("gcks", "groups")
        held = await asked("member", "status")
        fresh = {sa["spi"] for sa in group["data"] if not sa["retired"]}
        assert fresh <= {sa["spi"] for sa in held["gsa"]["data"]}
        for command in ("rekey", "members", "policy"):
            with pytest.raises(StateError, match=r"no group 'video'; there are plant"):
                await asked("gcks", command, group="video")
        with pytest.raises(StateError, match="'pump-7' is no identity"):
            await asked("gcks", "evict", group="plant", member="pump-7")
        pump = "fqdn:pump-7.plant.example"
        assert (await asked("gcks", "evict", group="plant", member="fqdn:PUMP-7.Plant.example"))["was_member"]
        await until(lambda: "MemberEvicted" in happened(gcks_seen))
        members = await asked("gcks", "members", group="plant")
        assert (members["members"], members["excluded"]) == ([], [pump])
        assert not (await asked("gcks", "evict", group="plant", member=pump))["was_member"]
        await asked("member", "rejoin")
        await until(lambda: "RegistrationRefused" in happened(gcks_seen))
        await asked("gcks", "readmit", group="plant", member=pump)
        await asked("member", "rejoin")
        await until(lambda: happened(gcks_seen).count("MemberRegistered") >= 2)
        await until(lambda: member.member.state == "registered")
        await asked("member", "leave")
        await until(lambda: "MemberLeft" in happened(gcks_seen))
        await member.close()
        await gcks.close()
        secrets = secrets_of(folder)
        assert len(secrets) > 10
        texts = b"".join((folder / f"{role}.log").read_bytes() for role in ("gcks", "member"))
        shown = json.dumps([status, group, members, policy, held]).encode()
        for secret in secrets:
            for form in (secret.hex().encode(), secret, repr(secret)[2:-1].encode()):
                assert form not in texts
                assert form not in shown

    run(with_stack(scenario))
    assert not (folder / "gcks.sock").exists()
    assert not (folder / "member.sock").exists()
    assert_followed(folder)


def secrets_of(folder: Path) -> set[bytes]:
    """What the key files hold, and the pre-shared key."""
    found = {SECRET.encode()}
    for path in (folder / "recordings").glob("*.keys"):
        for line in path.read_text().splitlines()[1:]:
            if not line.startswith("#"):
                found.add(bytes.fromhex(line.split(" ")[2]))
    return found


def assert_followed(folder: Path) -> None:
    """Both logs tell the same exchange, by cookies and message id; recording was loud."""
    logs = {role: lines(folder / f"{role}.log") for role in ("gcks", "member")}
    for log in logs.values():
        assert any(line["event"].startswith("RECORDING") and line["level"] == "warning" for line in log)
    pulls = {
        role: {
            (line["initiator_cookie"], line["responder_cookie"], line["message_id"])
            for line in log
            if line["event"] in {"sent", "received"} and line.get("exchange_type") == 32
        }
        for role, log in logs.items()
    }
    assert pulls["gcks"] == pulls["member"] != set()
    established = {
        (line["initiator_cookie"], line["responder_cookie"])
        for line in logs["gcks"]
        if line["event"] == "ISAKMPSAEstablished"
    }
    assert {pull[:2] for pull in pulls["gcks"]} == established


def test_a_reload_takes_over_groups_and_names_what_wants_a_restart(folder: Path) -> None:
    async def scenario() -> None:
        path = gcks_file(folder)
        gcks = GCKSDaemon(load_gcks(path))
        await gcks.start()
        text = path.read_text()
        other = edited(text[text.index("[[groups]]") :], '"plant"', '"video"')
        path.write_text(text + edited(other, "0x000004d2", "0x000004d3") + "")
        found = await asyncio.to_thread(ask, folder / "gcks.sock", "reload")
        assert found == {"groups": ["plant", "video"], "restart_needed": []}
        path.write_text(edited(text, 'addresses = ["127.0.0.1"]', 'addresses = ["127.0.0.2"]'))
        found = await asyncio.to_thread(ask, folder / "gcks.sock", "reload")
        assert found == {"groups": ["plant"], "restart_needed": ["listen"]}
        path.write_text(edited(text, 'name = "plant"', "name = 7"))
        with pytest.raises(StateError, match=re.escape(f"{path}: groups[0].name: 7 is not allowed")):
            await asyncio.to_thread(ask, folder / "gcks.sock", "reload")
        assert sorted(gcks.gcks.groups) == ["plant"]
        await gcks.close()

    run(scenario())
    with SQLStore.open(folder / "gcks.store", folder / "sealing.key", read_only=True) as store:
        assert len(store.policies("video")) == 1
        assert [entry.identity for entry in store.authorisations("plant")] == ["fqdn:*.plant.example"]


@pytest.mark.parametrize("role", ["gcks", "member"])
def test_a_reload_wants_no_restart_for_what_the_command_line_said(role: str, folder: Path) -> None:
    """It goes before the file, whatever that says now."""
    path = gcks_file(folder) if role == "gcks" else member_file(folder, gcks=free_port())
    overrides = Overrides(record=folder / "elsewhere", log_level="warning")

    async def scenario(stack: AsyncExitStack) -> None:
        daemon: GCKSDaemon | MemberDaemon
        if role == "gcks":
            daemon = GCKSDaemon(load_gcks(path), overrides=overrides)
        else:
            daemon = MemberDaemon(load_member(path), overrides=overrides)
        stack.push_async_callback(daemon.close)
        await daemon.start()
        assert list((folder / "elsewhere").glob(f"{role}*.pcap"))
        assert daemon.reload()["restart_needed"] == []
        path.write_text(path.read_text() + '[record]\nfolder = "recordings"\n')
        assert daemon.reload()["restart_needed"] == []
        path.write_text(edited(path.read_text(), 'addresses = ["127.0.0.1"]', 'addresses = ["127.0.0.2"]'))
        assert daemon.reload()["restart_needed"] == ["listen"]

    run(with_stack(scenario))


def test_a_member_reloads(folder: Path) -> None:
    async def scenario() -> None:
        path = member_file(folder, gcks=free_port())
        member = MemberDaemon(load_member(path))
        await member.start()
        assert str(member.member.configuration.local).startswith("127.0.0.1:")
        path.write_text(edited(path.read_text(), "0x000004d2", "0x000004d3"))
        found = await asyncio.to_thread(ask, folder / "member.sock", "reload")
        assert found == {"group": "key-id:0x000004d3", "restart_needed": []}
        assert str(member.member.configuration.local).startswith("127.0.0.1:")
        await member.close()

    run(scenario())


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ('[metrics]\naddress = "127.0.0.1:{taken}"\n', "metrics can't be given on"),
        ('[record]\nfolder = "gcks.toml"\n', "nothing can be recorded in"),
    ],
)
def test_a_start_that_fails_leaves_nothing_behind(folder: Path, extra: str, problem: str) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            path = gcks_file(folder, extra=extra.format(taken=taken.getsockname()[1]))
            with pytest.raises(ConfigurationError, match=problem):
                await GCKSDaemon(load_gcks(path)).start()
        assert not (folder / "gcks.sock").exists()
        second = GCKSDaemon(load_gcks(gcks_file(folder)))  # the store is free again
        await second.start()
        await second.close()

    run(scenario())


def test_a_store_that_is_in_use_or_under_another_key(folder: Path) -> None:
    async def scenario() -> None:
        path = gcks_file(folder)
        configuration = load_gcks(path)
        store = SQLStore(folder / "gcks.store", read_key_file(folder / "sealing.key"))
        with store, pytest.raises(StateError, match="is in use"):
            GCKSDaemon(configuration)
        (folder / "sealing.key").chmod(0o644)
        with pytest.raises(ConfigurationError, match="chmod 600"):
            GCKSDaemon(load_gcks(path))

    run(scenario())


def test_a_store_that_fails_ends_the_daemon(folder: Path) -> None:
    async def scenario() -> None:
        gcks = GCKSDaemon(load_gcks(gcks_file(folder)))
        running = asyncio.create_task(gcks.run())
        await until((folder / "gcks.sock").exists)
        gcks.store.close()
        with pytest.raises(StateError):
            await asyncio.to_thread(ask, folder / "gcks.sock", "rekey", group="plant")
        with pytest.raises(GsakmpError):
            await asyncio.wait_for(running, 5)

    run(scenario())
    assert "failed" in kinds(folder / "gcks.log")
    assert not (folder / "gcks.sock").exists()


# -- as processes ----------------------------------------------------------------------------------------


@contextmanager
def process(role: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon in a process of its own, once it has started."""
    code = f"from gsakmp.net.daemon import run_{role}; run_{role}({str(path)!r})"
    with subprocess.Popen(
        [sys.executable, "-c", code], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as daemon:
        try:
            wait_for(lambda: "started" in kinds(path.with_suffix(".log")) or daemon.poll() is not None)
            assert daemon.poll() is None, daemon.stderr.read() if daemon.stderr else ""
            yield daemon
        finally:
            daemon.kill()


def wait_for(condition: Any) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "that did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_a_daemon_cleanly(folder: Path, number: signal.Signals) -> None:
    with process("gcks", gcks_file(folder)) as daemon:
        daemon.send_signal(number)
        out, err = daemon.communicate(timeout=SECONDS)
        assert (daemon.returncode, out, err) == (0, "", "")
    assert kinds(folder / "gcks.log")[-2:] == ["stopping", "stopped"]
    assert not (folder / "gcks.sock").exists()


def test_sighup_reloads_and_rotates(folder: Path) -> None:
    path = gcks_file(folder)
    with process("gcks", path) as daemon:
        text = path.read_text()
        (folder / "gcks.log").rename(folder / "old.log")
        path.write_text(edited(text, 'name = "plant"', "name = 7"))
        daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: "configuration not reloaded" in kinds(folder / "old.log"))
        problem = lines(folder / "old.log")[-1]["problem"]
        assert problem.startswith(f"{path}: groups[0].name: 7 is not allowed; it is a text")
        path.write_text(edited(text, 'name = "plant"', 'name = "video"'))
        daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: "configuration reloaded" in kinds(folder / "gcks.log"))
        assert [group["name"] for group in ask(folder / "gcks.sock", "groups")] == ["video"]


def test_metrics_and_control_of_a_process(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with process("gcks", gcks_file(folder, extra=f'[metrics]\naddress = "127.0.0.1:{port}"\n')) as daemon:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        assert 'gsakmp_group_members{group="plant"} 0.0' in text
        assert 'gsakmp_group{group="plant",identity="key-id:0x000004d2"} 1.0' in text
        assert ask(folder / "gcks.sock", "status")["process"] == daemon.pid


def test_a_killed_daemon_starts_again(folder: Path) -> None:
    path = gcks_file(folder)
    with process("gcks", path) as daemon:
        before = ask(folder / "gcks.sock", "groups")[0]["rekey"]
        daemon.kill()
        daemon.wait()
    assert (folder / "gcks.sock").exists()  # which the next one replaces
    (folder / "gcks.log").unlink()
    with process("gcks", path):
        after = ask(folder / "gcks.sock", "groups")[0]["rekey"]
    assert [sa["spi"] for sa in after] == [sa["spi"] for sa in before]
