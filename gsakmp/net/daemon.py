"""The two daemons: ``gsakmp gcks run`` and ``gsakmp member run``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from gsakmp.crypto import Random, system_random
from gsakmp.errors import ConfigurationError, GsakmpError
from gsakmp.exchanges.address import Address
from gsakmp.net.clock import Clock, steady_clock
from gsakmp.net.commands import GCKSCommands, MemberCommands
from gsakmp.net.configuration import (
    GCKSDaemonConfiguration,
    MemberDaemonConfiguration,
    load_gcks,
    load_member,
)
from gsakmp.net.options import LogLevel, Overrides, ShellOptions
from gsakmp.net.runner import Observer
from gsakmp.net.shell import Shell
from gsakmp.net.transport import source_towards
from gsakmp.net.views import gcks_view, member_view
from gsakmp.peers.configuration import MemberConfiguration
from gsakmp.peers.gcks import GCKS
from gsakmp.peers.member import Member
from gsakmp.store import SQLStore, read_key_file

__all__ = ["GCKSDaemon", "MemberDaemon", "run_gcks", "run_member"]

NAT_PORT: Final = 4500
"""RFC 3947, 4."""
FILE_ALONE: Final = Overrides()


class GCKSDaemon:
    """A key server with its store and its sockets. Make it on the loop that it is to run on."""

    def __init__(
        self,
        configuration: GCKSDaemonConfiguration,
        *,
        clock: Clock | None = None,
        random: Random = system_random,
        observers: Iterable[Observer] = (),
        overrides: Overrides = FILE_ALONE,
    ) -> None:
        """Opens the store, and makes what is new in the configuration. Raises `ConfigurationError` and, where
        another process has the store, `StateError`."""
        clock = clock or steady_clock()
        self._overrides = overrides
        self.store = SQLStore(configuration.store, read_key_file(configuration.store_key))
        try:
            self.gcks = GCKS(configuration.engine, self.store, random=random, now=clock())
            self.shell = Shell(
                overrides.applied(configuration.shell),
                "gcks",
                self.gcks,
                clock=clock,
                view=lambda now, recording: gcks_view(self.gcks, now, recording=recording),
                observers=observers,
            )
        except BaseException:
            self.store.close()
            raise
        if self.shell.recorder is not None:
            self.gcks.secrets = self.shell.recorder.secret

    async def start(self) -> None:
        """Begin to serve. Raises `ConfigurationError` or `StateError`, and everything is closed again."""
        shell = self.shell
        commands = GCKSCommands(
            shell.runner,
            self.gcks,
            detail=shell.detail,
            reload=self.reload,
            entries=lambda group, limit: self.store.audit(group, limit=limit),
            back_up=self.store.backup,
        )
        try:
            await shell.start(commands)
            self._note_policies()
        except BaseException:
            await self.close()
            raise

    def reload(self) -> dict[str, Any]:
        """Read the configuration again, and take over what is about groups and phase 1. Gives the names of
        the groups, and of the options that want a restart. Raises `ConfigurationError`; the old one stays
        then."""
        fresh = load_gcks(self.shell.options.file)
        self.shell.runner.call(lambda now: self.gcks.reload(fresh.engine, now))
        self._note_policies()
        return reloaded(self.shell, self._overrides.applied(fresh.shell), groups=sorted(self.gcks.groups))

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises `GsakmpError` for what ends it otherwise."""
        await serve(self.shell, self.start, self.reload, self.close)

    async def close(self) -> None:
        """Stop cleanly. May be called twice."""
        await self.shell.close(self.gcks.stop)
        self.store.close()

    def _note_policies(self) -> None:
        """The store keeps what policies and authorisations there were, for who looks at it later."""
        now = self.shell.clock()
        for name, server in self.gcks.groups.items():
            policy = server.policy
            text = msgspec.json.encode(policy).decode()
            self.store.put_policy(name, text, server.state.policy_digest, now)
            self.store.put_authorisations(name, policy.members, now)


class MemberDaemon:
    """A member with its sockets. Make it on the loop that it is to run on."""

    def __init__(
        self,
        configuration: MemberDaemonConfiguration,
        *,
        clock: Clock | None = None,
        random: Random = system_random,
        observers: Iterable[Observer] = (),
        overrides: Overrides = FILE_ALONE,
    ) -> None:
        """Raises `ConfigurationError`."""
        clock = clock or steady_clock()
        self._overrides = overrides
        self._configuration = configuration
        self.member = Member(configuration.engine, random=random, now=clock())
        self.shell = Shell(
            overrides.applied(configuration.shell),
            "member",
            self.member,
            clock=clock,
            groups=self.member.multicast_groups,
            view=lambda now, recording: member_view(self.member, now, recording=recording),
            observers=observers,
        )
        if self.shell.recorder is not None:
            self.member.secrets = self.shell.recorder.secret

    async def start(self) -> None:
        """Begin to listen, and register. Raises `ConfigurationError`, and everything is closed again."""
        shell = self.shell
        commands = MemberCommands(shell.runner, self.member, detail=shell.detail, reload=self.reload)
        await shell.start(commands)
        try:
            engine = self._located(self._configuration.engine)
            shell.runner.call(lambda now: self.member.reload(engine, now))
            shell.runner.call(self.member.register)
        except BaseException:
            await self.close()
            raise

    def reload(self) -> dict[str, Any]:
        """Read the configuration again; another group or GCKS means to register there. Gives the names of the
        options that want a restart. Raises `ConfigurationError`; the old configuration stays then."""
        fresh = load_member(self.shell.options.file)
        engine = self._located(fresh.engine)
        self.shell.runner.call(lambda now: self.member.reload(engine, now))
        self._configuration = fresh
        return reloaded(self.shell, self._overrides.applied(fresh.shell), group=self.member.name)

    async def run(self) -> None:
        """Be a member until SIGTERM or SIGINT. Raises `GsakmpError` for what ends it otherwise."""
        await serve(self.shell, self.start, self.reload, self.close)

    async def close(self) -> None:
        """Leave the group if the configuration says so, and stop cleanly. May be called twice."""
        await self.shell.close(self._farewell)

    def _farewell(self, now: float) -> None:
        if self._configuration.leave_at_stop:
            self.member.leave(now)
        self.member.stop(now)

    def _located(self, engine: MemberConfiguration) -> MemberConfiguration:
        """With our own address as the GCKS sees it where no NAT is between: NAT detection and
        acknowledgements name it (RFC 3947, 3.2; RFC 8263, 3.4)."""
        gcks = engine.gcks[0]
        ours = [one for one in self.shell.runner.transport.addresses if one.host.version == gcks.host.version]
        if not ours:
            raise ConfigurationError(
                f"there is no address to listen on for the GCKS {gcks}, see listen.addresses"
            )
        local = min(ours, key=lambda address: address.port == NAT_PORT)
        if local.host.is_unspecified:
            host = source_towards(gcks)
            return replace(engine, local=Address(host, local.port) if host is not None else None)
        return replace(engine, local=local)


def reloaded(shell: Shell, fresh: ShellOptions, **more: Any) -> dict[str, Any]:
    """What came of a reload, which also begins a new log file after a rotation."""
    shell.logs.reopen()
    outcome = {**more, "restart_needed": shell.changed(fresh)}
    shell.log.info("configuration reloaded", **outcome)
    return outcome


async def serve(
    shell: Shell,
    start: Callable[[], Awaitable[None]],
    reload: Callable[[], object],
    close: Callable[[], Awaitable[None]],
) -> None:
    """Until a signal, or a failure, which is logged and raised again once all is closed."""

    def on_hangup() -> None:
        try:
            reload()
        except GsakmpError as error:
            shell.log.error("configuration not reloaded", problem=str(error))

    try:
        shell.handle_signals(on_hangup)
        await start()
        try:
            await shell.runner.wait()
            shell.log.info("stopping")
        except GsakmpError as error:
            shell.log.error("failed", problem=str(error))
            raise
    finally:
        await close()


def run_gcks(
    path: str | os.PathLike[str], *, record: Path | None = None, log_level: LogLevel | None = None
) -> None:
    """Run a key server until it is told to stop. `record` and `log_level` override the file. Raises
    `GsakmpError`: `ConfigurationError` before anything was sent, `StateError` when the store fails."""
    configuration = load_gcks(path)
    overrides = Overrides(record=record, log_level=log_level)

    async def main() -> None:
        await GCKSDaemon(configuration, overrides=overrides).run()

    asyncio.run(main())


def run_member(
    path: str | os.PathLike[str], *, record: Path | None = None, log_level: LogLevel | None = None
) -> None:
    """Run a member until it is told to stop; see `run_gcks`."""
    configuration = load_member(path)
    overrides = Overrides(record=record, log_level=log_level)

    async def main() -> None:
        await MemberDaemon(configuration, overrides=overrides).run()

    asyncio.run(main())
