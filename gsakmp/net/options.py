"""What a daemon is told beside its engine's configuration: sockets, files, logs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from gsakmp.exchanges.address import Address

__all__ = ["LogOptions", "MulticastOptions", "Overrides", "ShellOptions"]

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MulticastOptions:
    """How multicast is sent and received."""

    interface: str | int = ""
    """Name or index; empty leaves the choice to the system's routes."""
    ttl: int = 1
    """TTL (IPv4) or hop limit (IPv6) of what is sent; 1 does not leave the network."""
    loop: bool = True
    """Whether members on this same machine get it, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """Where logs go, and how they look."""

    format: LogFormat = "console"
    level: LogLevel = "info"
    file: Path | None = None
    """None: standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellOptions:
    """A daemon around an engine."""

    file: Path
    """The configuration file, for a reload."""
    listen: tuple[Address, ...]
    """Addresses and ports of our own; port 0 is any free one."""
    multicast: MulticastOptions = MulticastOptions()
    control: Path | None = None
    """Path of the Unix socket."""
    log: LogOptions = LogOptions()
    metrics: Address | None = None
    """Where Prometheus may ask; a loopback address."""
    record: Path | None = None
    """Folder for what was sent and received, and the keys to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a command line says goes before the file, at the start and at every reload."""

    record: Path | None = None
    log_level: LogLevel | None = None

    def applied(self, shell: ShellOptions) -> ShellOptions:
        """The options with these in the place of the file's."""
        if self.record is not None:
            shell = replace(shell, record=self.record.absolute())
        if self.log_level is not None:
            shell = replace(shell, log=replace(shell.log, level=self.log_level))
        return shell
