"""Registrations over real sockets: one GCKS process, and its members in another, on loopback."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import select
import sys
from collections import deque
from dataclasses import dataclass
from ipaddress import IPv4Address
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Final

from benchmarks.engines.world import gcks_configuration, member_of
from gsakmp.exchanges.address import Address
from gsakmp.group.records import MemoryJournal
from gsakmp.net.clock import steady_clock
from gsakmp.net.options import MulticastOptions
from gsakmp.net.runner import Runner
from gsakmp.net.udp import Received, UDPSocket
from gsakmp.peers import GCKS, Member
from gsakmp.store import SQLStore

__all__ = ["Served", "serve", "table"]

LOOPBACK: Final = Address(IPv4Address("127.0.0.1"), 0)
ANY: Final = Address(IPv4Address("0.0.0.0"), 0)
FIRST_MEMBER: Final = int(IPv4Address("127.1.0.1"))
AT_ONCE: Final = 64
"""Members that are registering at any time."""
SECONDS: Final = 60.0
"""Then those that are not registered are given up."""
LOOK: Final = 0.05
"""Seconds without a datagram after which members look at their clocks."""


@dataclass(frozen=True, slots=True)
class Served:
    """`processor` is the GCKS process's time, all of it: sockets and asyncio, too."""

    store: bool
    members: int
    registered: int
    seconds: float
    processor: float
    retransmissions: int


def serve(members: int, *, store: bool) -> Served | None:
    """Register so many; None where one process can't have many loopback addresses (other than on Linux)."""
    if sys.platform != "linux":
        return None
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serving, args=(theirs, store), daemon=True)
    process.start()
    try:
        crowd = Crowd(members, Address(LOOPBACK.host, ours.recv()))
        seconds = crowd.register()
        ours.send("stop")
        processor, retransmissions = ours.recv()
        process.join(SECONDS)
    finally:
        process.kill()
        process.join()
    return Served(store, members, crowd.registered, seconds, processor, retransmissions)


# -- the key server's process --------------------------------------------------------------------------


def serving(pipe: Connection, store: bool) -> None:
    """A GCKS until it is told to stop; tells its port, then what it took."""
    with TemporaryDirectory() as folder:
        if store:
            with SQLStore(Path(folder) / "store", os.urandom(32)) as journal:
                asyncio.run(run_gcks(pipe, journal))
        else:
            asyncio.run(run_gcks(pipe, MemoryJournal()))


async def run_gcks(pipe: Connection, journal: MemoryJournal | SQLStore) -> None:
    clock, loop = steady_clock(), asyncio.get_running_loop()
    gcks = GCKS(gcks_configuration("PSK"), journal, now=clock())
    runner = Runner(gcks, MulticastOptions(), clock=clock)
    runner.start((LOOPBACK,))
    loop.add_reader(pipe.fileno(), runner.finish)
    started = process_time()
    pipe.send(runner.transport.addresses[0].port)
    await runner.wait()
    pipe.send((process_time() - started, gcks.retransmissions))
    loop.remove_reader(pipe.fileno())
    await runner.stop()


# -- the members' --------------------------------------------------------------------------------------


class Crowd:
    """Members that share one socket; each has a loopback address of its own."""

    def __init__(self, count: int, gcks: Address) -> None:
        self.clock = steady_clock()
        self.socket = UDPSocket.bound(ANY, MulticastOptions())
        self.waiting: deque[tuple[Address, Member]] = deque()
        self.under_way: dict[Address, Member] = {}
        self.gcks = gcks
        self.registered = 0
        now = self.clock()
        for number in range(count):
            local = Address(IPv4Address(FIRST_MEMBER + number), self.socket.address.port)
            self.waiting.append((local, member_of(number, "PSK", now, local=local, gcks=gcks)))

    def register(self) -> float:
        """All of them; how many seconds it took."""
        started = perf_counter()
        try:
            while (self.waiting or self.under_way) and perf_counter() - started < SECONDS:
                self.start()
                if select.select([self.socket.socket], [], [], LOOK)[0]:
                    for received in self.socket.receive(AT_ONCE):
                        self.take(received)
                else:
                    self.look()
        finally:
            self.socket.close()
        return perf_counter() - started

    def start(self) -> None:
        while self.waiting and len(self.under_way) < AT_ONCE:
            local, member = self.waiting.popleft()
            self.under_way[local] = member
            member.register(self.clock())
            self.send(local, member)

    def take(self, received: Received) -> None:
        member = self.under_way.get(received.local)
        if member is None:
            return
        member.receive_datagram(received.data, received.source, self.clock(), local=received.local)
        self.send(received.local, member)
        if member.state == "registered":
            self.registered += 1
            del self.under_way[received.local]

    def look(self) -> None:
        for local, member in self.under_way.items():
            member.handle_timeout(self.clock())
            self.send(local, member)

    def send(self, local: Address, member: Member) -> None:
        for datagram in member.datagrams_to_send(self.clock()):
            self.socket.send(datagram._replace(source=local))
        self.socket.flush()


def table(results: list[Served]) -> str:
    head = f"{'over loopback':<16}{'registered':>12}{'seconds':>9}{'per second':>12}"
    head += f"{'GCKS process':>15}{'sent again':>12}"
    lines = [head, "-" * len(head)]
    for one in results:
        name = "PSK, SQLite" if one.store else "PSK, memory"
        each = one.processor / max(1, one.registered) * 1e6
        lines.append(
            f"{name:<16}{f'{one.registered}/{one.members}':>12}{one.seconds:>9.2f}"
            f"{one.registered / one.seconds:>12.0f}{each:>12.0f} us{one.retransmissions:>12}"
        )
    return "\n".join(lines)
