"""Engines on a network in memory, with a clock of its own: it loses, repeats, reorders, delays and corrupts
as its script says. For tests, benchmarks and demonstrations without a socket."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from random import Random as Chance
from typing import Final

from gsakmp.errors import StateError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.peers.endpoint import Endpoint
from gsakmp.peers.events import Event

__all__ = ["Conditions", "Network", "Travelling"]

STEPS: Final = 1_000_000
"""Deliveries and timers of one `Network.run`; more means that engines keep one another busy for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What happens to datagrams: probabilities, and delays in seconds."""

    loss: float = 0.0
    repeat: float = 0.0
    corrupt: float = 0.0
    delay: float = 0.01
    jitter: float = 0.0
    """Further delay at most, at random; more than the time between two datagrams reorders them."""


@dataclass(frozen=True, slots=True)
class Travelling:
    """A datagram under way."""

    sent_at: float
    source: Address
    destination: Address
    data: bytes


@dataclass(slots=True)
class Host:
    engine: Endpoint
    address: Address
    groups: Callable[[], tuple[Address, ...]]
    events: list[Event] = field(default_factory=list)
    failed: Exception | None = None


class Network:
    """Engines by name. Chance is seeded, so that a run can be repeated."""

    def __init__(self, conditions: Conditions | None = None, *, seed: int = 0, now: float = 0.0) -> None:
        self.conditions = conditions or Conditions()
        self.now = now
        self.hosts: dict[str, Host] = {}
        self._at: dict[IPv4Address | IPv6Address, list[str]] = {}
        self.script: Callable[[Travelling], list[tuple[float, bytes]]] | None = None
        """Decides for each datagram instead of chance: when (seconds from now) it arrives, and as what."""
        self.sent: list[Travelling] = []
        """Every datagram that was sent, if `recording`."""
        self.recording = True
        self._chance = Chance(seed)
        self._order = count()
        self._air: list[tuple[float, int, str, Travelling, bytes]] = []

    def add(self, name: str, engine: Endpoint, address: Address) -> Endpoint:
        """Put an engine on the network; one of that name before it is gone, as after a crash."""
        groups = getattr(engine, "multicast_groups", tuple)
        events = self.hosts[name].events if name in self.hosts else []
        if name in self.hosts:
            self.remove(name)
        self.hosts[name] = Host(engine, address, groups, events)
        self._at.setdefault(address.host, []).append(name)
        return engine

    def remove(self, name: str) -> None:
        """Take an engine off; what is under way to it is lost."""
        self._at[self.hosts.pop(name).address.host].remove(name)

    def events(self, name: str, *kinds: type[Event]) -> list[Event]:
        """What an engine has told so far, of these kinds only if there are any."""
        return [event for event in self.hosts[name].events if not kinds or isinstance(event, kinds)]

    def flush(self) -> None:
        """Take in what the engines want sent and told, as after a call to one of them."""
        for name, host in list(self.hosts.items()):
            self._take(name, host)

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass, `seconds` at most; whether `until` came true, if there is one.

        Raises `StateError` if the engines find no rest.
        """
        end = self.now + seconds
        self.flush()
        for _ in range(STEPS):
            if until is not None and until():
                return True
            when = self._next()
            if when is None or when > end:
                self.now = end
                return until is None
            self.now = max(self.now, when)
            self._step()
        raise StateError(f"no rest after {STEPS} steps")

    def _next(self) -> float | None:
        times = [self._air[0][0]] if self._air else []
        times += [
            when
            for host in self.hosts.values()
            if host.failed is None and (when := host.engine.next_timeout()) is not None
        ]
        return min(times, default=None)

    def _step(self) -> None:
        arrived = False
        while self._air and self._air[0][0] <= self.now:
            _, _, name, travelling, data = heapq.heappop(self._air)
            host = self.hosts.get(name)
            if host is None or host.failed is not None:
                continue
            local = host.address._replace(port=travelling.destination.port)
            host.engine.receive_datagram(data, travelling.source, self.now, local=local)
            self._take(name, host)
            arrived = True
        if arrived:
            return
        for name, host in list(self.hosts.items()):
            due = host.engine.next_timeout()
            if host.failed is None and due is not None and due <= self.now:
                host.engine.handle_timeout(self.now)
                self._take(name, host)

    def _take(self, name: str, host: Host) -> None:
        if host.failed is not None:
            return
        try:
            datagrams = host.engine.datagrams_to_send(self.now)
        except StateError as error:
            host.failed = error
            return
        for datagram in datagrams:
            self._send(host, datagram)
        while (event := host.engine.next_event()) is not None:
            host.events.append(event)

    def _send(self, host: Host, datagram: Datagram) -> None:
        port = datagram.source.port if datagram.source is not None else host.address.port
        source = host.address._replace(port=port)
        travelling = Travelling(self.now, source, datagram.destination, datagram.data)
        if self.recording:
            self.sent.append(travelling)
        for name in self._receivers(host, datagram.destination):
            for delay, data in self._weather(travelling):
                heapq.heappush(self._air, (self.now + delay, next(self._order), name, travelling, data))

    def _receivers(self, sender: Host, destination: Address) -> Iterator[str]:
        if not destination.host.is_multicast:
            yield from self._at.get(destination.host, ())
            return
        for name, host in self.hosts.items():
            if host is not sender and destination in host.groups():
                yield name

    def _weather(self, travelling: Travelling) -> list[tuple[float, bytes]]:
        if self.script is not None:
            return self.script(travelling)
        chance, conditions, out = self._chance, self.conditions, []
        copies = 1 + (chance.random() < conditions.repeat)
        for _ in range(copies):
            if chance.random() < conditions.loss:
                continue
            data = travelling.data
            if data and chance.random() < conditions.corrupt:
                place = chance.randrange(len(data))
                data = data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]
            out.append((conditions.delay + chance.random() * conditions.jitter, data))
        return out
