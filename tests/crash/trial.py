"""A key server with members on loopback, that is killed at random moments."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gsakmp.exchanges.address import Datagram
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.group.records import GroupState
from gsakmp.net.clock import steady_clock
from gsakmp.peers.events import Event, Registered
from gsakmp.store import SQLStore, read_key_file
from tests.crash.judge import DEACTIVATION_DELAY, Judge
from tests.crash.wire import Bystander
from tests.loopback.control import ask
from tests.loopback.files import Place
from tests.loopback.host import Host
from tests.loopback.players import Player, current, until

PLAYERS = 4
"""Members in each group."""
NAMES = ("tree", "pull")
"""Two groups, which differ in how an eviction is done and what joiners may read."""
POLICIES = (
    'management = "lkh"\ndegree = 2', 'backward_rekey = "new-data-keys"',
    'eviction = "re-pull"', 'backward_rekey = "new-kek"',
)  # fmt: skip

KINDS = {"starting": 4, "working": 5, "calm": 3, "push": 3, "message 3": 4, "message 4": 3}
"""When to kill, and how often: in its first 150 ms; within 150 ms after orders, among members that struggle or
that are all registered before; after a push was seen; after message 3 of a registration was sent; the moment
in which message 4 arrives. Not always the first of its life."""
LATEST = 0.15
SOON = 0.004
"""Seconds after what is waited for, at most."""
FALLBACK = 1.0
"""Seconds after which it is killed even if what is waited for does not come."""
STARTS = 20.0
"""Seconds that a start may take at most, on a machine that has much else to do."""
RECOVERS = 60.0
GROUPKEY_PULL = 32
"""RFC 6407, 3.2."""

GROUP = """
[[groups]]
name = "{name}"
identity = "key-id:0x{identity:08x}"
activation_delay = 1
deactivation_delay = {delay:.0f}
{backward}
members = [{{ identity = "fqdn:*.example" }}]

[[groups.rekey]]
source = "{place.gcks}"
source_port = {place.port}
destination = "{multicast}"
destination_port = {place.push_port}
{eviction}
acknowledgement = "sha256"
retransmissions = 1
retransmission_interval = 0.05

[[groups.data]]
selector = {{ destination = "ipv4:239.192.0.{number}" }}
sender_id_bits = 8
"""


@dataclass
class Tally:
    """What came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    start_seconds: list[float] = field(default_factory=list)
    """From the order to start to the first answer of the control socket."""
    recovery_seconds: float = 0.0


class Trial:
    """`kills` times. `chance` decides what and when; `fault` breaks the key server, see `tests.loopback.child`."""

    def __init__(self, kills: int, seed: int, folder: Path, fault: str = "") -> None:
        self.kills = kills
        self.chance = random.Random(seed)
        self.tally = Tally()
        self.judge = Judge(NAMES)
        self.tally.counts = self.judge.counts
        self.place = Place.drawn(folder, random.Random())
        self.host = Host(folder)
        self.clock = steady_clock()
        self.fault = fault
        self.players: list[Player] = []
        self.ghosts: list[tuple[int, str]] = []
        self.killed = asyncio.Event()
        self.waited_for, self.nth = "", 0
        self._number = 0
        self._timers: list[asyncio.TimerHandle] = []
        self._pulls: dict[bytes, set[bytes]] = {}

    async def run(self) -> Tally:
        """All of it. Raises `AssertionError` with what does not hold."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        configuration = self.place.write("".join(self._group(number) for number in range(len(NAMES))))
        bystanders: list[Bystander] = []
        try:
            async with self.host:
                for group in range(len(NAMES)):
                    heard = partial(self._heard, group)
                    bystanders.append(Bystander(self.place.multicast(group), self.place.push_port, heard))
                    for _ in range(PLAYERS):
                        self._enter(group)
                kinds = self.chance.choices(list(KINDS), weights=list(KINDS.values()), k=self.kills)
                for kind in kinds:
                    await self._life(configuration, kind)
                await self._recovery(configuration)
        finally:
            for player in self.players:
                await player.stop()
            for bystander in bystanders:
                bystander.close()
        self.tally.seconds = loop.time() - started
        return self.tally

    def _group(self, number: int) -> str:
        eviction, backward = POLICIES[2 * number : 2 * number + 2]
        return GROUP.format(
            name=NAMES[number],
            identity=0x4D2 + number,
            number=number + 1,
            delay=DEACTIVATION_DELAY,
            place=self.place,
            multicast=self.place.multicast(number),
            eviction=eviction,
            backward=backward,
        )

    # -- one life ------------------------------------------------------------------------------------------

    async def _life(self, configuration: Path, kind: str) -> None:
        """Start it, let it work, kill it, look at what it leaves."""
        loop = asyncio.get_running_loop()
        self.killed.clear()
        self._pulls.clear()
        orders: list[Awaitable[None]] = []
        begun = loop.time()
        await self.host.start(configuration, self.fault)
        if kind == "starting":
            self._kill_in(self.chance.uniform(0, LATEST))
        else:
            if not await self.host.ready(self.place.control, STARTS):
                await self._stuck()
            self.tally.start_seconds.append(loop.time() - begun)
            if kind == "calm":
                await until(self._all_registered, FALLBACK, 0.01)
            self.waited_for, self.nth = kind, self.chance.choice((1, 1, 2, 4))
            self._kill_in(self.chance.uniform(0, LATEST) if kind in {"working", "calm"} else FALLBACK)
            orders = self._orders(kind)
        answers = asyncio.gather(*orders)
        await self.killed.wait()
        status = await self.host.reap()
        assert status == -signal.SIGKILL, f"it ended by itself, with {status}: {self._problems()}"
        await asyncio.wait_for(answers, STARTS)
        await self._settle()
        self.tally.kills[kind] += 1
        self._look()

    async def _stuck(self) -> None:
        """It neither answers nor ends: ask it where it is. Raises `AssertionError`."""
        ended = self.host.ended
        self.host.signal(signal.SIGUSR1)
        await asyncio.sleep(1)
        what = "has ended by itself" if ended else f"does not answer {STARTS} seconds after its start"
        raise AssertionError(f"it {what}: {self._problems()}")

    def _kill_in(self, seconds: float) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self._kill))

    def _kill(self) -> None:
        """Now; once in a life."""
        if not self.killed.is_set():
            self.waited_for = ""
            while self._timers:
                self._timers.pop().cancel()
            self.judge.counts["registrations under way at a kill"] += sum(
                player.member.state in {"connecting", "registering"} for player in self.players
            )
            self.host.signal(signal.SIGKILL)
            self.killed.set()

    def _meet(self, kind: str, within: float) -> None:
        """What is waited for has come, perhaps."""
        if self.waited_for == kind and not self.killed.is_set():
            self.nth -= 1
            if self.nth:
                return
            self.waited_for = ""
            self.judge.counts["killed for what was waited for"] += 1
            if within:
                self._kill_in(self.chance.uniform(0, within))
            else:
                self._kill()

    async def _settle(self) -> None:
        """Take all that it sent before it died: it waits in the sockets here."""
        before = -1
        while before != self.judge.counts["datagrams"]:
            before = self.judge.counts["datagrams"]
            await asyncio.sleep(0.005)

    def _look(self) -> None:
        """Into a copy of the store: opened itself, SQLite would tidy up what the next start shall find."""
        assert not (problems := self._problems()), problems
        states = self._states()
        self.judge.look(states, self.clock())
        living = {player.identity for player in self.players}
        self.ghosts = [
            (group, identity.to_text())
            for group, name in enumerate(NAMES)
            for identity in (states[name].members if name in states else ())
            if identity not in living
        ]

    def _states(self) -> dict[str, GroupState]:
        store, copy = self.place.store, self.place.folder / "copy"
        if not store.exists() or not store.stat().st_size:  # killed before it was made
            return {}
        copy.mkdir(exist_ok=True)
        for suffix in ("", "-wal", "-journal"):
            source, target = store.with_name(store.name + suffix), copy / (store.name + suffix)
            target.unlink(missing_ok=True)
            if source.exists():
                shutil.copy(source, target)
        (copy / (store.name + "-shm")).unlink(missing_ok=True)
        with SQLStore(copy / store.name, read_key_file(self.place.sealing_key), read_only=True) as opened:
            return opened.load()

    def _problems(self) -> str:
        """What anybody complains about."""
        said = [self.host.errors.read_text()]
        if self.place.log.exists():
            lines = self.place.log.read_text().splitlines()
            said += [line for line in lines if '"level": "error"' in line]
        return "\n".join(filter(None, [*said, *(player.failed for player in self.players)]))

    # -- orders --------------------------------------------------------------------------------------------

    def _orders(self, kind: str) -> list[Awaitable[None]]:
        """Things to do, at once. A push comes of a rekey or an eviction, messages 3 and 4 of a registration."""
        out: list[Awaitable[None]] = []
        if kind in {"message 3", "message 4"} or self.chance.random() < 0.6:
            out_of_it = [player for player in self.players if player.member.state != "registered"]
            for player in (*self.chance.sample(self.players, self.chance.randint(1, 3)), *out_of_it):
                again = player.member.rejoin if self.chance.random() < 0.8 else player.member.register
                player.runner.call(again)
        if kind != "push" and self.chance.random() < 0.3:
            player = self.chance.choice(self.players)
            self.judge.going(player.identity)
            player.runner.call(player.member.leave)
            out.append(self._replace(player))
        if kind == "push" or self.chance.random() < 0.4:
            out.append(self._rekey(self.chance.randrange(len(NAMES))))
        if self.chance.random() < 0.3:
            out.append(self._evict())
        return out

    async def _rekey(self, group: int) -> None:
        answer = await ask(self.place.control, "rekey", group=NAMES[group])
        if answer is not None:
            assert answer["ok"], answer
            sas = (sa for kind in ("rekey", "data") for sa in answer["result"][kind])
            spis = [sa["spi"] for sa in sas if not sa["retired"]]
            self.judge.rekey_acknowledged(group, spis, self.clock())

    async def _evict(self) -> None:
        """Somebody who plays, and another comes for it; or who is in the store still, and should not be."""
        if self.ghosts and self.chance.random() < 0.6:
            group, name = self.chance.choice(self.ghosts)
            answer = await ask(self.place.control, "evict", group=NAMES[group], member=name)
            return
        player = self.chance.choice(self.players)
        self.judge.going(player.identity)
        group, name = player.group, player.identity.to_text()
        await self._replace(player)
        answer = await ask(self.place.control, "evict", group=NAMES[group], member=name)
        if answer is not None and answer["ok"]:
            self.judge.eviction_acknowledged(group, player.identity)

    async def _replace(self, player: Player) -> None:
        if player in self.players:
            self.players.remove(player)
            await player.stop()
            self._enter(player.group)

    def _enter(self, group: int) -> None:
        self._number += 1
        player = Player(
            self.place,
            self._number,
            group,
            self.clock,
            spread=0.5,
            on_event=self._told,
            retransmission=RetransmissionPolicy(first=0.1, factor=1.5, tries=4, maximum=0.4),
            retry_seconds=0.1,
            acknowledgement_jitter=0.02,
        )
        player.on_sent = self._sent
        self.players.append(player)
        player.start()

    # -- what is seen --------------------------------------------------------------------------------------

    def _heard(self, group: int, datagram: bytes) -> None:
        self.judge.counts["datagrams"] += 1
        if self.judge.push(group, datagram):
            self._meet("push", SOON)

    def _told(self, player: Player, event: Event) -> None:
        self.judge.counts["datagrams"] += 1
        self.judge.member(player, event, self.clock())
        if isinstance(event, Registered):
            self._meet("message 4", 0.0)

    def _sent(self, player: Player, datagrams: Sequence[Datagram]) -> None:
        for datagram in datagrams:
            octets = datagram.data
            if len(octets) > 28 and octets[18] == GROUPKEY_PULL:
                different = self._pulls.setdefault(octets[:24], set())  # both cookies, and the message id
                different.add(octets)
                if len(different) == 2:
                    self._meet("message 3", SOON)

    # -- the end -------------------------------------------------------------------------------------------

    async def _recovery(self, configuration: Path) -> None:
        """Started once more and left alone: all members come back, and follow a rekey."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await self.host.start(configuration, self.fault)
        if not await self.host.ready(self.place.control, STARTS):
            await self._stuck()
        assert await until(self._all_current, RECOVERS, 0.2), self._stragglers()
        self.tally.recovery_seconds = loop.time() - begun
        before = [set(player.current_data) for player in self.players]
        for group in range(len(NAMES)):
            await self._rekey(group)
        assert await until(self._all_current, RECOVERS, 0.2), self._stragglers()
        for player, held in zip(self.players, before, strict=True):
            assert not held & set(player.current_data), f"{player.identity} has the data SAs of before"
        self.host.signal(signal.SIGTERM)
        assert await self.host.reap() == 0, self._problems()
        await self._settle()
        self._look()

    def _all_registered(self) -> bool:
        return all(player.member.state == "registered" for player in self.players)

    def _all_current(self) -> bool:
        return self._all_registered() and not self._behind()

    def _behind(self) -> list[Player]:
        """Who holds other keys than those in force, by the store."""
        with SQLStore(self.place.store, read_key_file(self.place.sealing_key), read_only=True) as opened:
            states = opened.load()
        return [player for player in self.players if not current(player, states[NAMES[player.group]])]

    def _stragglers(self) -> str:
        said: list[Any] = [
            (player.identity.to_text(), player.group, player.member.status(self.clock()))
            for player in self._behind() or self.players
        ]
        return "\n".join(map(str, said))
