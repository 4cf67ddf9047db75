"""The demo's cast: a policy, a key server and members, each with sockets of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from gsakmp import captures
from gsakmp.cli.demo.traffic import Traffic
from gsakmp.crypto import system_random
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.group.member import Acceptance
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.group.policy import DataPolicy, GroupPolicy, MemberPolicy, PeriodPolicy, RekeyPolicy, Selector
from gsakmp.group.records import MemoryJournal
from gsakmp.identities import Identity
from gsakmp.net.clock import Clock
from gsakmp.net.options import MulticastOptions
from gsakmp.net.recorder import frame
from gsakmp.net.runner import Observer, Runner
from gsakmp.peers import GCKS, EndpointConfiguration, GCKSConfiguration, Member, MemberConfiguration
from gsakmp.peers.events import Event

__all__ = ["BOUGHT", "LOOPBACK", "PERIODS", "PERIOD_SECONDS", "Cast", "Player", "Tape"]

LOOPBACK: Final = "127.0.0.1"
PUSHES: Final = "239.192.84.1"
VIDEO: Final = "239.192.84.2"
GROUP: Final = "key-id:0x00000054"
SUITE: Final = "aes-128-sha256-group19"
BOUGHT: Final = {"alice": "2-4", "bob": "4-6"}
"""The periods that viewers paid for."""
PERIODS: Final = 16
PERIOD_SECONDS: Final = 1
MICROSECONDS: Final = 1_000_000
NANOSECONDS: Final = 1000
"""Of a microsecond: a clock's time as a float tells no shorter ones apart."""
FRAMES: Final = 100_000
"""Datagrams that the tape keeps; the demo sends some dozens."""
MULTICAST: Final = MulticastOptions(interface="lo", ttl=0)


class Tape(Observer):
    """Everything that is sent, for the capture."""

    def __init__(self) -> None:
        self.frames: list[captures.Datagram] = []
        self.secrets: dict[tuple[str, bytes, bytes], None] = {}

    def take(self, datagram: Datagram, source: Address, now: float) -> None:
        """A datagram on its way."""
        if len(self.frames) < FRAMES:
            taken = frame(datagram.data, source, datagram.destination, now)
            self.frames.append(replace(taken, time=round(now * MICROSECONDS) * NANOSECONDS))

    def secret(self, kind: str, name: bytes, octets: bytes) -> None:
        """What opens it."""
        self.secrets[kind, name, octets] = None


class Player(Observer):
    """An engine with its sockets, its traffic, and what it has told."""

    def __init__(self, name: str, engine: GCKS | Member, address: Address, clock: Clock, tape: Tape) -> None:
        self.name = name
        self.engine = engine
        self.address = address
        self.events: list[Event] = []
        self.trouble = ""
        """What failed last, outside the engine."""
        self._tape = tape
        engine.secrets = tape.secret
        groups = engine.multicast_groups if isinstance(engine, Member) else None
        self.runner = Runner(engine, MULTICAST, clock=clock, observers=(self,), groups=groups)
        self.traffic: Traffic | None = None

    @property
    def member(self) -> Member:
        """The engine, which is a member's."""
        assert isinstance(self.engine, Member)
        return self.engine

    def sent(self, datagrams: Sequence[Datagram], now: float) -> None:
        """See `Observer.sent`."""
        for datagram in datagrams:
            self._tape.take(datagram, self.address, now)

    def dropped(self, datagram: Datagram, reason: str, now: float) -> None:
        """See `Observer.dropped`."""
        self.trouble = f"nothing can be sent to {datagram.destination}: {reason}"

    def troubled(self, problem: str, now: float) -> None:
        """See `Observer.troubled`."""
        self.trouble = problem

    def happened(self, event: Event, now: float) -> None:
        """See `Observer.happened`."""
        self.events.append(event)


class Cast:
    """Makes the players. Their pre-shared key is random, and the same for all: who they are is shown by their
    addresses and names alone, which is enough for a demo."""

    def __init__(self, port: int, clock: Clock, tape: Tape, rekey: str) -> None:
        self.port = port
        self.rekey = rekey
        self.clock = clock
        self.tape = tape
        self._key = system_random(32)
        self._made = 0

    def policy(self) -> GroupPolicy:
        """The group's policy, as an operator would write it."""
        return self._per_view() if self.rekey == "marks" else self._rekeyed()

    def _per_view(self) -> GroupPolicy:
        """Keys by periods: who watches has those of the periods that it bought."""
        viewers = [
            MemberPolicy(identity=f"fqdn:{name}.demo", sender=False, periods=periods)
            for name, periods in BOUGHT.items()
        ]
        return GroupPolicy(
            name="video",
            identity=GROUP,
            members=(MemberPolicy(identity="fqdn:studio.demo", periods="all"), *viewers),
            rekey=(RekeyPolicy(transport="null"),),
            data=(
                DataPolicy(
                    selector=Selector(destination=f"ipv4:{VIDEO}"),
                    periods=PeriodPolicy(seconds=PERIOD_SECONDS, count=PERIODS),
                ),
            ),
            activation_delay=0,
            deactivation_delay=0,
        )

    def _rekeyed(self) -> GroupPolicy:
        """Keys that are pushed."""
        return GroupPolicy(
            name="video",
            identity=GROUP,
            members=(MemberPolicy(identity="fqdn:*.demo"),),
            rekey=(
                RekeyPolicy(
                    source=LOOPBACK,
                    source_port=self.port,
                    destination=PUSHES,
                    destination_port=self.port,
                    management=self.rekey,
                    degree=2 if self.rekey == "lkh" else 4,  # so that three members make a tree to see
                    eviction="own-keys" if self.rekey == "flat" else "re-pull",
                    acknowledgement="sha256",
                    retransmissions=1,
                    retransmission_interval=0.3,
                ),
            ),
            data=(DataPolicy(selector=Selector(destination=f"ipv4:{VIDEO}")),),
            backward_rekey="new-kek",
            activation_delay=0,
            deactivation_delay=1,
        )

    def gcks(self) -> Player:
        """The key server."""
        configuration = GCKSConfiguration(endpoint=self._endpoint("gcks"), groups=(self.policy(),))
        engine = GCKS(configuration, MemoryJournal(), now=self.clock())
        return Player("gcks", engine, self._address(0), self.clock, self.tape)

    def member(self, name: str) -> Player:
        """A member that has not registered yet."""
        self._made += 1
        address = self._address(self._made)
        configuration = MemberConfiguration(
            endpoint=self._endpoint(name),
            gcks=(self._address(0),),
            group=Identity.from_text(GROUP),
            acceptance=Acceptance(sender=self.rekey != "marks" or name not in BOUGHT),
            local=address,
            acknowledgement_jitter=0.05,
            retry_seconds=60.0,
        )
        player = Player(name, Member(configuration, now=self.clock()), address, self.clock, self.tape)
        target = Address.from_text(VIDEO, self.port + 1)
        player.traffic = Traffic(player.member, player.address, target, MULTICAST, self.tape, self.clock)
        return player

    def _address(self, number: int) -> Address:
        return Address.from_text(LOOPBACK, self.port + (10 + number if number else 0))

    def _endpoint(self, name: str) -> EndpointConfiguration:
        return EndpointConfiguration(
            phase1=PhaseOneConfiguration(
                identity=Identity.from_text(f"fqdn:{name}.demo"),
                credentials=Credentials(shared_keys=(SharedKey(self._key),)),
                suites=(phase1_suite(SUITE),),
            ),
            retransmission=RetransmissionPolicy(first=0.5),
        )
