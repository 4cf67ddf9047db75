"""A thousand members register over loopback and follow a rekey by multicast; and so with a loss of 20 percent.

The key server is one process with its store on disk. The members are a thousand engines in this process, on
one event loop, and share nothing else: each has a UDP socket on an address of its own (of 127.0.0.0/8) and
its own socket joined to the group, so a push is delivered a thousand times by the kernel. Loss is made where
a member meets its sockets, by dice of its own, in both directions; a multicast datagram is lost to each
member apart, as on the last link before it.
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.net.clock import steady_clock
from gsakmp.peers.events import RekeyReceived
from gsakmp.store import SQLStore, read_key_file
from tests.conftest import skip_or_fail
from tests.loopback.control import ask
from tests.loopback.files import Place
from tests.loopback.host import Host
from tests.loopback.players import Player, current, until

MEMBERS = 1000
DESCRIPTORS = 2 * MEMBERS + 200
A_SECOND = 200
"""Members that come in a second. Their first messages arrive faster than the key server answers."""
PATIENCE = 120.0
"""Seconds for each of the two parts; far more than they take, for machines that have much else to do."""

GROUP = """
[[groups]]
name = "thousand"
identity = "key-id:0x000004d2"
members = [{{ identity = "fqdn:*.example" }}]

[[groups.rekey]]
source = "{place.gcks}"
source_port = {place.port}
destination = "{multicast}"
destination_port = {place.push_port}
{repeats}

[[groups.data]]
selector = {{ destination = "ipv4:239.192.0.1" }}
"""

LOSS = 0.2
REPEATS = "retransmissions = 7\nretransmission_interval = 0.5\n"
"""At a loss of 20 percent a member misses all eight copies of a push 2.6 times in a million. With the usual
three copies eight of a thousand would, and register again when they find out: before their data SAs end."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Linux has all of 127.0.0.0/8 on its loopback"),
]


@pytest.fixture(autouse=True)
def descriptors() -> None:
    """Room for the sockets, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        skip_or_fail(f"{DESCRIPTORS} sockets are wanted, the system allows {hard}")
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))


class Crowd:
    """A thousand members and their key server."""

    def __init__(self, folder: Path, repeats: str = "", **changes: Any) -> None:
        self.place = Place.drawn(folder, random.Random())
        tables = GROUP.format(place=self.place, multicast=self.place.multicast(0), repeats=repeats)
        self.configuration = self.place.write(tables)
        self.host = Host(folder)
        clock = steady_clock()
        self.players = [Player(self.place, number, 0, clock, **changes) for number in range(MEMBERS)]
        self.spent: dict[str, float] = {}
        self.caught_up_by_push = 0

    async def play(self) -> None:
        """Register, rekey, compare. Raises `AssertionError`."""
        async with self.host:
            await self.host.start(self.configuration)
            assert await self.host.ready(self.place.control, PATIENCE), self.host.errors.read_text()
            try:
                await self._timed("registered", self._register())
                await self._timed("rekeyed", self._rekey())
            finally:
                await self._timed("stopped", self._stop())
            assert not self.host.errors.read_text()
        print({**self.spent, **self.totals()})

    async def _timed(self, what: str, doing: Any) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await doing
        self.spent[what] = round(loop.time() - begun, 1)

    async def _register(self) -> None:
        for player in self.players:
            player.start()
            await asyncio.sleep(1 / A_SECOND)
        done = await until(lambda: not self.waiting(), PATIENCE)
        assert done, f"{len(self.waiting())} of {MEMBERS} did not register, such as {self.waiting()[:3]}"
        answer = await ask(self.place.control, "groups")
        assert answer is not None
        assert answer["result"][0]["members"] == MEMBERS

    async def _rekey(self) -> None:
        """New KEK and new data keys by one order; whoever has both follows."""
        before = {spi for player in self.players for spi in (*player.rekey, *player.current_data)}
        for player in self.players:
            player.on_event = self._told
        answer = await ask(self.place.control, "rekey", group="thousand")
        assert answer is not None
        assert answer["ok"], answer
        with SQLStore(self.place.store, read_key_file(self.place.sealing_key), read_only=True) as store:
            state = store.load()["thousand"]

        def behind() -> list[Player]:
            return [player for player in self.players if not current(player, state)]

        assert await until(lambda: not behind(), PATIENCE), f"{len(behind())} of {MEMBERS} do not follow"
        for player in self.players:  # all keys are new, and nobody sends with others
            assert not before & player.current_data.keys()

    def _told(self, player: Player, event: object) -> None:
        self.caught_up_by_push += isinstance(event, RekeyReceived)

    def waiting(self) -> list[str]:
        """Who is not registered, and what it does."""
        return [
            f"{player.identity}: {player.member.state} {player.failed}"
            for player in self.players
            if player.member.state != "registered"
        ]

    def totals(self) -> dict[str, int]:
        """What it took."""
        losses = [player.lossy for player in self.players if player.lossy is not None]
        return {
            "pushes taken": self.caught_up_by_push,
            "retransmissions of members": sum(player.member.retransmissions for player in self.players),
            "lost": sum(lossy.lost for lossy in losses),
            "passed": sum(lossy.passed for lossy in losses),
        }

    async def _stop(self) -> None:
        for player in self.players:
            await player.stop()
        self.host.signal()
        await self.host.reap()


def play(repeats: str = "", **changes: Any) -> Crowd:
    with tempfile.TemporaryDirectory(prefix="gsakmp-") as folder:

        async def scenario() -> Crowd:
            crowd = Crowd(Path(folder), repeats, **changes)
            await crowd.play()
            return crowd

        return asyncio.run(scenario())


def test_a_thousand_members_register_and_follow_a_rekey() -> None:
    crowd = play()
    assert crowd.caught_up_by_push == 2 * MEMBERS, "one push for the KEK, one for the data keys"


def test_a_thousand_members_converge_though_a_fifth_of_everything_is_lost() -> None:
    patient = RetransmissionPolicy(first=0.5, factor=1.5, tries=8, maximum=4.0)
    crowd = play(REPEATS, loss=LOSS, retransmission=patient, retry_seconds=1.0)
    totals = crowd.totals()
    share = totals["lost"] / (totals["lost"] + totals["passed"])
    assert share == pytest.approx(LOSS, abs=0.02)
    assert totals["retransmissions of members"] > MEMBERS
