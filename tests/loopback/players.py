"""Members with sockets of their own, on the loop of the test."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gsakmp.crypto import system_random
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.group.acceptance import Acceptance
from gsakmp.group.member import GroupMember
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.group.records import GroupState
from gsakmp.group.sa import Lifecycle
from gsakmp.identities import Identity
from gsakmp.net.clock import Clock
from gsakmp.net.options import MulticastOptions
from gsakmp.net.runner import Engine, Observer, Runner
from gsakmp.peers import EndpointConfiguration, Member, MemberConfiguration
from gsakmp.peers.events import Event
from tests.loopback.files import SECRET, Place

MULTICAST = MulticastOptions(interface="lo", ttl=0)


class Lossy:
    """An engine of which a share of all datagrams, in both directions, is lost: each by the dice."""

    def __init__(self, engine: Engine, loss: float, dice: random.Random) -> None:
        self.engine = engine
        self.loss = loss
        self.dice = dice
        self.lost = self.passed = 0

    def receive_datagram(
        self, data: bytes, source: Address, now: float, *, local: Address | None = None
    ) -> None:
        if self._arrives():
            self.engine.receive_datagram(data, source, now, local=local)

    def datagrams_to_send(self, now: float) -> list[Datagram]:
        return [datagram for datagram in self.engine.datagrams_to_send(now) if self._arrives()]

    def next_event(self) -> Event | None:
        return self.engine.next_event()

    def next_timeout(self) -> float | None:
        return self.engine.next_timeout()

    def handle_timeout(self, now: float) -> None:
        self.engine.handle_timeout(now)

    def _arrives(self) -> bool:
        arrives = self.dice.random() >= self.loss
        self.lost += not arrives
        self.passed += arrives
        return arrives


class Player(Observer):
    """A member. `on_event` is told what it tells, after the engine has done it."""

    def __init__(
        self,
        place: Place,
        number: int,
        group: int,
        clock: Clock,
        *,
        spread: float | None = None,
        loss: float = 0.0,
        on_event: Callable[[Player, Event], None] | None = None,
        retransmission: RetransmissionPolicy | None = None,
        **changes: Any,
    ) -> None:
        """`group` is the number of the key server's group; `spread` seconds instead of the 20 over which
        members spread registrations that a push calls for; `loss` a share of all datagrams."""
        self.number = number
        self.group = group
        self.identity = Identity.from_text(f"fqdn:m{number}.example")
        self.troubles: list[str] = []
        self.on_event = on_event
        self.on_sent: Callable[[Player, Sequence[Datagram]], None] | None = None
        self._place = place
        configuration: dict[str, Any] = {
            "endpoint": EndpointConfiguration(
                phase1=PhaseOneConfiguration(
                    identity=self.identity,
                    credentials=Credentials(shared_keys=(SharedKey(SECRET),)),
                    suites=(phase1_suite("aes-128-sha256-group19"),),
                    nat_traversal=False,
                ),
                retransmission=retransmission or RetransmissionPolicy(first=0.5),
            ),
            "gcks": (Address.from_text(place.gcks, place.port),),
            "group": Identity.from_text(group_identity(group)),
            "acceptance": Acceptance(),
        } | changes
        self.member = Member(MemberConfiguration(**configuration), now=clock())
        if spread is not None:
            self.member.group = GroupMember(Acceptance(), random=system_random, spread=spread)
        engine: Engine = self.member
        self.lossy: Lossy | None = None
        if loss:  # dice of its own: how others fare changes nothing about its luck
            engine = self.lossy = Lossy(self.member, loss, random.Random(number))
        self.runner = Runner(
            engine, MULTICAST, clock=clock, observers=(self,), groups=self.member.multicast_groups
        )

    def start(self) -> None:
        """Open the socket, any free port on an address of its own, and register."""
        self.runner.start((Address.from_text(self._place.address(self.number), 0),))
        self._end = asyncio.ensure_future(self.runner.wait())
        self._end.add_done_callback(self._ended)
        (local,) = self.runner.transport.addresses
        located = replace(self.member.configuration, local=local)
        self.runner.call(lambda now: self.member.reload(located, now))
        self.runner.call(self.member.register)

    async def stop(self) -> None:
        """Close the sockets, and say nothing to anybody."""
        await self.runner.stop()

    def _ended(self, end: asyncio.Future[None]) -> None:
        if not end.cancelled() and (error := end.exception()) is not None:
            self.troubles.append(repr(error))

    @property
    def failed(self) -> str:
        """What went wrong in the engine or around it; empty for nothing."""
        return "; ".join(self.troubles)

    @property
    def current_data(self) -> dict[bytes, tuple[bytes, bytes]]:
        """The keys of the data SAs that it sends with, now or after ATD, by SPI."""
        return {
            held.sa.spi: (held.sa.algorithm_key, held.sa.integrity_key)
            for held in self.member.group.data_sas
            if held.lifecycle != Lifecycle.RETIRING
        }

    @property
    def rekey(self) -> dict[bytes, bytes]:
        """The keys of the Rekey SAs that it holds, by SPI."""
        return {sa.spi: sa.key for sa in self.member.group.gsa.rekey}

    # -- as an observer ------------------------------------------------------------------------------------

    def sent(self, datagrams: Sequence[Datagram], now: float) -> None:
        if self.on_sent is not None:
            self.on_sent(self, datagrams)

    def happened(self, event: Event, now: float) -> None:
        if self.on_event is not None:
            self.on_event(self, event)

    def troubled(self, problem: str, now: float) -> None:
        self.troubles.append(problem)


def group_identity(group: int) -> str:
    return f"key-id:0x{0x4D2 + group:08x}"


def current(player: Player, state: GroupState) -> bool:
    """Whether a member holds the keys in force, and of data SAs to send with no others."""
    rekey = {spi: record.sa.key for spi, record in state.rekey_sas.items() if record.retired_at is None}
    data = {
        record.sa.spi: (record.sa.algorithm_key, record.sa.integrity_key)
        for record in state.data_sas.values()
        if record.retired_at is None
    }
    return player.rekey.items() >= rekey.items() and player.current_data == data


async def until(condition: Callable[[], object], seconds: float, glance: float = 0.05) -> bool:
    """Whether something comes true within that time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        if loop.time() > end:
            return False
        await asyncio.sleep(glance)
    return True
