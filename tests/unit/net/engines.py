"""Engines to drive that are no GCKS and no member, and what the tests have in common."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any, TypeVar

from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net.options import MulticastOptions
from gsakmp.net.runner import Observer
from gsakmp.net.udp import Received
from gsakmp.peers.events import DatagramRefused, Event

T = TypeVar("T")

LOOPBACK = MulticastOptions(interface="lo")
LOCALHOST = IPv4Address("127.0.0.1")
WAIT = 5.0


@dataclass
class Echo:
    """Sends back what comes, from where it was sent to, and says so. `due` are times at which it has a timeout."""

    due: list[float] = field(default_factory=list)
    answers: bool = True
    never_done: bool = False
    journal: Callable[[], None] = lambda: None
    wanted: tuple[Address, ...] = ()
    heard: list[tuple[bytes, Address, Address | None]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    queue: deque[Datagram] = field(default_factory=deque)
    events: deque[Event] = field(default_factory=deque)

    def receive_datagram(
        self, data: bytes, source: Address, now: float, *, local: Address | None = None
    ) -> None:
        if data == b"bug":
            raise KeyError("a secret that must not be shown")
        self.heard.append((data, source, local))
        own = local if local is None or not local.host.is_multicast else None
        if self.answers:
            self.queue.append(Datagram(data, source, own))
        self.events.append(DatagramRefused(source=source, cause="echo", problem="sent back"))

    def datagrams_to_send(self, now: float) -> list[Datagram]:
        self.journal()
        out = list(self.queue)
        self.queue.clear()
        if out:
            self.batches.append(len(out))
        return out

    def next_event(self) -> Event | None:
        return self.events.popleft() if self.events else None

    def next_timeout(self) -> float | None:
        return min(self.due, default=None)

    def handle_timeout(self, now: float) -> None:
        self.timeouts.append(now)
        if not self.never_done:
            self.due = [time for time in self.due if time > now]

    def groups(self) -> tuple[Address, ...]:
        return self.wanted


@dataclass
class Witness(Observer):
    """Keeps what it is shown."""

    came: list[Received] = field(default_factory=list)
    went: list[Datagram] = field(default_factory=list)
    lost: list[tuple[Datagram, str]] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def received(self, batch: Any, now: float) -> None:
        self.came += batch

    def sent(self, datagrams: Any, now: float) -> None:
        self.went += datagrams

    def dropped(self, datagram: Datagram, reason: str, now: float) -> None:
        self.lost.append((datagram, reason))

    def happened(self, event: Event, now: float) -> None:
        self.told.append(event)

    def troubled(self, problem: str, now: float) -> None:
        self.troubles.append(problem)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """On a loop of its own, and not for ever."""

    async def bounded() -> T:
        return await asyncio.wait_for(coroutine, 30)

    return asyncio.run(bounded())


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so; fails if it does not become so."""
    for _ in range(int(WAIT / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("that did not happen")


def client(family: int = socket.AF_INET, address: str = "127.0.0.1") -> socket.socket:
    """A plain UDP socket to talk with."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, 0))
    sock.settimeout(WAIT)
    return sock
