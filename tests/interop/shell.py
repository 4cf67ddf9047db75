"""An engine on real sockets in a namespace: the five verbs, and a loop that waits."""

from __future__ import annotations

import select
import socket
import subprocess
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, TypeVar

from gsakmp.exchanges.address import Address
from gsakmp.message import NON_ESP_MARKER
from gsakmp.peers import Endpoint
from gsakmp.peers.events import Event
from tests.interop.namespaces import Network

PORTS = (500, 4500, 848)
LONGEST_WAIT = 0.05
"""Seconds between two looks at what a test waits for."""

MESSAGE_ID = slice(20, 24)
"""In the header (RFC 2408, 3.1); phase 1 has zero."""

Kind = TypeVar("Kind", bound=Event)


class Shell:
    """`engine` on UDP ports of the host `near`. Its clock is the system's, for certificates' sake."""

    def __init__(self, network: Network, engine: Endpoint, ports: tuple[int, ...] = PORTS) -> None:
        self.engine = engine
        self.network = network
        self.events: list[Event] = []
        self.sent: list[tuple[Address, Address, bytes]] = []
        """From where, to where, what."""
        self.received: list[tuple[Address, Address, bytes]] = []
        self.lose_first = ""
        """Whose messages get lost the first time: ``ours``, ``charon's``, or nobody's."""
        self._lost: set[bytes] = set()
        host = ip_address(network.address("near"))
        self._sockets: dict[Address, socket.socket] = {}
        try:
            for port in ports:
                self._sockets[Address(host, port)] = network.socket("near", port)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for held in self._sockets.values():
            held.close()

    def local(self, port: int) -> Address:
        """Our address with that port."""
        return next(address for address in self._sockets if address.port == port)

    def told(self, kind: type[Kind]) -> list[Kind]:
        """The events of that kind, so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def run(self, seconds: float, until: Callable[[], Any] | None = None) -> bool:
        """Serve the network, `seconds` at most; whether `until` came true."""
        end = time.monotonic() + seconds
        self._flush()
        while time.monotonic() < end:
            if until is not None and until():
                return True
            self._wait(min(LONGEST_WAIT, end - time.monotonic()))
        return until is not None and bool(until())

    def run_beside(self, process: subprocess.Popen[str], seconds: float) -> str:
        """Serve the network until a program ends; what it has said. Raises `TimeoutError`."""
        ended = False
        try:
            ended = self.run(seconds, until=lambda: process.poll() is not None)
        finally:
            if not ended:
                process.kill()
            said = process.communicate()[0]
        if not ended:
            raise TimeoutError(f"{process.args!r} has not ended in {seconds} seconds")
        return said

    def _wait(self, seconds: float) -> None:
        due = self.engine.next_timeout()
        if due is not None:
            seconds = min(seconds, max(0.0, due - time.time()))
        ready, _, _ = select.select(list(self._sockets.values()), (), (), max(0.0, seconds))
        for address, held in self._sockets.items():
            if held in ready:
                data, source = held.recvfrom(65_535)
                remote = Address(ip_address(source[0]), source[1])
                if self._loses("charon's", data):
                    continue
                self.received.append((remote, address, data))
                self.engine.receive_datagram(data, remote, time.time(), local=address)
        due = self.engine.next_timeout()
        if due is not None and due <= time.time():
            self.engine.handle_timeout(time.time())
        self._flush()

    def _flush(self) -> None:
        for datagram in self.engine.datagrams_to_send(time.time()):
            source = datagram.source
            if source is None or source not in self._sockets:
                raise AssertionError(f"a datagram from {source}, where we are not")
            if self._loses("ours", datagram.data):
                continue
            to = datagram.destination
            self._sockets[source].sendto(datagram.data, (str(to.host), to.port))
            self.sent.append((source, to, datagram.data))
        while (event := self.engine.next_event()) is not None:
            self.events.append(event)

    def _loses(self, whose: str, data: bytes) -> bool:
        """Whether this is the first time that somebody sends a message of phase 1."""
        marker = NON_ESP_MARKER if data.startswith(NON_ESP_MARKER) else b""
        message_id = data[len(marker) :][MESSAGE_ID]
        if self.lose_first != whose or any(message_id) or data in self._lost:
            return False
        self._lost.add(data)
        return True
