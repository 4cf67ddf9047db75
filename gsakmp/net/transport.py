"""The sockets of one engine on an asyncio loop: batches in, datagrams out, groups joined as they change."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net.options import MulticastOptions
from gsakmp.net.packetinfo import Host, host_of
from gsakmp.net.udp import Received, UDPSocket, sockaddr

__all__ = ["Transport", "source_towards"]

BATCH: Final = 64
"""Datagrams taken from a socket before the engine is asked what to send: they share one commit."""
GROUPS: Final = 64
"""Multicast groups joined at once."""
DRAIN_SECONDS: Final = 0.01
"""Between two looks at whether all is sent, when closing."""

Receive = Callable[[Sequence[Received]], None]
Dropped = Callable[[Datagram, str], None]


class Transport:
    """Everything that an engine sends and receives through.

    `on_received` gets each batch, `on_dropped` what could not be sent, with the reason. Use it on one loop.
    """

    def __init__(self, options: MulticastOptions, on_received: Receive, on_dropped: Dropped) -> None:
        self.options = options
        self._on_received = on_received
        self._on_dropped = on_dropped
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sockets: list[UDPSocket] = []
        self._groups: dict[Address, UDPSocket] = {}
        self._refused_groups: set[Address] = set()
        self._writing: set[UDPSocket] = set()

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, with the ports that the system gave for port 0."""
        return tuple(one.address for one in self._sockets)

    @property
    def groups(self) -> tuple[Address, ...]:
        """The multicast groups that are joined."""
        return tuple(self._groups)

    def open(self, listen: Iterable[Address]) -> None:
        """Bind to each address and begin to receive: all or none. Raises `ConfigurationError`."""
        self._loop = asyncio.get_running_loop()
        try:
            for address in listen:
                self._sockets.append(UDPSocket.bound(address, self.options))
        except ConfigurationError:
            self.close()
            raise
        if not self._sockets:
            raise ConfigurationError("there is no address to listen on")
        for opened in self._sockets:
            self._watch(opened)

    def join(self, wanted: Iterable[Address]) -> list[str]:
        """Be in these multicast groups and no others; gives the problems with those that can't be joined,
        once for each."""
        groups = list(dict.fromkeys(wanted))[:GROUPS]
        for group in [joined for joined in self._groups if joined not in groups]:
            self._forget(self._groups.pop(group))
        self._refused_groups.intersection_update(groups)
        problems = []
        for group in groups:
            if group in self._groups or group in self._refused_groups:
                continue
            try:
                joined = self._groups[group] = UDPSocket.joined(group, self.options)
            except ConfigurationError as error:
                self._refused_groups.add(group)
                problems.append(str(error))
            else:
                self._watch(joined)
        return problems

    def send(self, datagrams: Iterable[Datagram]) -> None:
        """Send, or queue, or drop and tell; never waits and raises nothing."""
        for datagram in datagrams:
            chosen = self._socket_for(datagram)
            problem = errno.EAFNOSUPPORT if chosen is None else chosen.send(datagram)
            if problem:
                self._on_dropped(datagram, reason_of(problem))
            elif chosen is not None and chosen.queue:
                self._wait_for_room(chosen)

    def from_where(self, datagram: Datagram) -> Address | None:
        """The address that a datagram leaves from, as far as that can be known; for recordings."""
        chosen = self._socket_for(datagram)
        if chosen is None:
            return None
        host = datagram.source.host if datagram.source is not None else chosen.address.host
        if host.is_unspecified:
            found = source_towards(datagram.destination)
            host = host if found is None else found
        return Address(host, chosen.address.port)

    async def drain(self, seconds: float) -> None:
        """Wait until all is sent, but not longer than that."""
        for _ in range(int(seconds / DRAIN_SECONDS)):
            if not self._writing:
                return
            await asyncio.sleep(DRAIN_SECONDS)

    def close(self) -> None:
        """Close every socket. May be called twice."""
        for opened in (*self._sockets, *self._groups.values()):
            self._forget(opened)
        self._sockets.clear()
        self._groups.clear()

    def _socket_for(self, datagram: Datagram) -> UDPSocket | None:
        """The socket bound to the datagram's source, or nearest to it: same port, then same family."""
        source = datagram.source
        family = [
            one for one in self._sockets if one.address.host.version == datagram.destination.host.version
        ]
        if not family or source is None:
            return family[0] if family else None
        return max(
            family,
            key=lambda one: (
                one.address.port == source.port,
                one.address.host == source.host,
                one.address.host.is_unspecified,
            ),
        )

    def _watch(self, opened: UDPSocket) -> None:
        assert self._loop is not None
        self._loop.add_reader(opened.socket, self._readable, opened)

    def _forget(self, opened: UDPSocket) -> None:
        if self._loop is not None and opened.socket.fileno() >= 0:
            self._loop.remove_reader(opened.socket)
            self._loop.remove_writer(opened.socket)
        self._writing.discard(opened)
        opened.close()

    def _readable(self, opened: UDPSocket) -> None:
        if batch := opened.receive(BATCH):
            self._on_received(batch)

    def _wait_for_room(self, opened: UDPSocket) -> None:
        if opened not in self._writing and self._loop is not None:
            self._writing.add(opened)
            self._loop.add_writer(opened.socket, self._writable, opened)

    def _writable(self, opened: UDPSocket) -> None:
        for datagram, problem in opened.flush():
            self._on_dropped(datagram, reason_of(problem))
        if not opened.queue and self._loop is not None:
            self._writing.discard(opened)
            self._loop.remove_writer(opened.socket)


def reason_of(problem: int) -> str:
    """An error's number in words."""
    return "the send queue is full" if problem == errno.ENOBUFS else os.strerror(problem)


def source_towards(destination: Address) -> Host | None:
    """The address of ours that the routes choose towards `destination`; nothing is sent. None if there is no
    route."""
    family = socket.AF_INET if destination.host.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(sockaddr(destination._replace(port=destination.port or 848)))
            return host_of(probe.getsockname())
    except OSError:
        return None
