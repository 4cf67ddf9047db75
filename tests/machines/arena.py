"""A GCKS with two groups and up to four members on a network that an attacker owns, all of it watched."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random as Chance
from typing import Any, Final

from gsakmp.exchanges.address import Address
from gsakmp.group.member import Acceptance
from gsakmp.group.policy import DataPolicy, GroupPolicy, MemberPolicy, RekeyPolicy, Selector
from gsakmp.identities import Identity
from gsakmp.peers import GCKS, GCKSConfiguration, Member
from gsakmp.peers.network import Travelling
from tests.machines.attacker import by_chance
from tests.machines.watch import Watch, WatchedJournal, bounded
from tests.world import GCKS_ADDRESS, World

MEMBERS: Final = range(4)
GROUPS: Final = {"video": "key-id:0x000004d2", "audio": "key-id:0x00000999"}
OUTSIDE: Final = Address.from_text("203.0.113.66:848")
LONGEST: Final = 4_000
"""Octets that one datagram of an attacker's may bring forth."""


def name_of(number: int) -> str:
    return f"fqdn:member{number}.example"


ALGORITHMS: dict[str, dict[str, Any]] = {
    "re-pull": {"eviction": "re-pull"},
    "own-keys": {"eviction": "own-keys"},
    "lkh": {"management": "lkh", "degree": 2},
    "oft": {"management": "oft"},
}


@dataclass(frozen=True)
class Choices:
    """What the operator has chosen for the groups."""

    transport: str = "multicast"
    eviction: str = "re-pull"
    """How: the flat algorithm's ways, or a tree's name."""
    acknowledgement: str = "none"
    backward: str = "off"
    hide: bool = False
    sender_id_bits: int = 16
    cipher: str = "aes-gcm-128"
    video: frozenset[int] = frozenset(MEMBERS)
    audio: frozenset[int] = frozenset({3})

    def policies(self) -> tuple[GroupPolicy, ...]:
        return tuple(
            self._policy(at, name, wanted)
            for at, (name, wanted) in enumerate((("video", self.video), ("audio", self.audio)))
        )

    def _policy(self, at: int, name: str, members: frozenset[int]) -> GroupPolicy:
        destination = "" if self.transport == "unicast" else f"239.192.{at}.1"
        rekey = RekeyPolicy(
            transport=self.transport,
            source=str(GCKS_ADDRESS.host),
            destination=destination,
            **ALGORITHMS[self.eviction],
            acknowledgement=self.acknowledgement,
            lifetime=3_600,
            rollover_margin=300,
            retransmissions=1,
        )
        counter = self.cipher != "aes-cbc-128"
        data = DataPolicy(
            selector=Selector(destination=f"ipv4:239.192.{at}.2"),
            encryption=self.cipher,
            integrity="" if counter else "hmac-sha256",
            sender_id_bits=self.sender_id_bits if counter else 16,
            lifetime=1_200,
            rollover_margin=120,
        )
        return GroupPolicy(
            name=name,
            identity=GROUPS[name],
            members=tuple(MemberPolicy(identity=name_of(number)) for number in sorted(members)),
            rekey=(rekey,),
            data=(data,),
            backward_rekey=self.backward,
            hide_policy_from_leaver=self.hide,
        )

    def names(self, group: str) -> set[str]:
        return {name_of(number) for number in (self.video if group == "video" else self.audio)}


@dataclass
class Weather:
    """What happens to datagrams by chance."""

    loss: float = 0.0
    repeat: float = 0.0
    corrupt: float = 0.0
    jitter: float = 0.0
    forged: float = 0.0
    """How often the attacker's version of a datagram is there before it, from the same source."""


@dataclass
class Runner:
    """A member that runs, and what it is to be."""

    engine: Member
    group: str
    wanted: bool = True
    """Whether it wants to be in."""
    address: Address = field(default=OUTSIDE)


class Arena(World):
    """Everything in one place; every step of the network is looked at."""

    def __init__(self, choices: Choices | None = None, *, seed: int = 0, aggressive: bool = False) -> None:
        self.choices = choices or Choices()
        self.runners: dict[int, Runner] = {}
        self.weather = Weather()
        self.chance = Chance(seed)
        self.holding = 0
        self.held: list[Travelling] = []
        self.wire: list[Travelling] = []
        self._looked = 0
        self._told = 0
        journal = WatchedJournal()
        self.watch = Watch(journal)
        self.aggressive = aggressive
        super().__init__(
            seed=seed,
            journal=journal,
            phase1_changes={"aggressive_responder": True} if aggressive else {},
            endpoint_changes={"half_open": 12, "half_open_per_source": 4, "isakmp_sas": 10}
            | ({"aggressive": True} if aggressive else {}),
        )
        self.network.script = self.carry

    # -- the network -----------------------------------------------------------------------------------------

    def carry(self, travelling: Travelling) -> list[tuple[float, bytes]]:
        """What the wire does with a datagram."""
        if self.holding:
            self.holding -= 1
            self.held.append(travelling)
            return []
        chance, weather, out = self.chance, self.weather, []
        if chance.random() < weather.forged:
            out.append((0.002, by_chance(chance, travelling.data, [seen.data for seen in self.wire[-40:]])))
        for _ in range(1 + (chance.random() < weather.repeat)):
            if chance.random() < weather.loss:
                continue
            data = travelling.data
            if data and chance.random() < weather.corrupt:
                at = chance.randrange(len(data))
                data = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
            out.append((0.01 + chance.random() * weather.jitter, data))
        return out

    def inject(self, data: bytes, source: Address, target: str, port: int = 848) -> tuple[int, int]:
        """Bring a datagram to an engine; how many datagrams and octets come out at once."""
        host = self.network.hosts.get(target)
        if host is None or host.failed is not None:
            return 0, 0
        self.network.flush()
        before = len(self.network.sent)
        host.engine.receive_datagram(data, source, self.network.now, local=host.address._replace(port=port))
        self.network.flush()
        out = [travelling.data for travelling in self.network.sent[before:]]
        self.look()
        return len(out), sum(map(len, out))

    def receivers(self, travelling: Travelling) -> list[str]:
        """To whom a datagram would go."""
        hosts = self.network.hosts.items()
        if travelling.destination.host.is_multicast:
            return [name for name, host in hosts if travelling.destination in host.groups()]
        return [name for name, host in hosts if host.address.host == travelling.destination.host]

    def run(self, seconds: float, until: Any = None) -> bool:
        def looked() -> bool:
            self.look()
            return bool(until is not None and until())

        arrived = self.network.run(seconds, looked)
        self.look()
        return arrived or until is None

    # -- what is looked at -------------------------------------------------------------------------------------

    def look(self) -> None:
        """Every invariant, now."""
        sent = self.network.sent
        for travelling in sent[self._looked :]:
            if travelling.source.host == GCKS_ADDRESS.host:
                self.watch.saw(travelling)
            self.wire.append(travelling)
        self._looked = len(sent)
        host = self.network.hosts.get("gcks")
        if host is not None:
            for event in host.events[self._told :]:
                self.watch.told(event)
            self._told = len(host.events)
        for runner in self.runners.values():
            self.watch.look(runner.engine, runner.group)

    def bounded(self) -> None:
        for host in self.network.hosts.values():
            bounded(host.engine)

    # -- the GCKS ----------------------------------------------------------------------------------------------

    def gcks_configuration(self, policy: GroupPolicy | None = None) -> GCKSConfiguration:
        return GCKSConfiguration(endpoint=self.endpoint("fqdn:gcks.example"), groups=self.choices.policies())

    def start_gcks(self) -> GCKS:
        self._force(self.watch.journal)
        started = super().start_gcks()
        self.watch.meet(started)
        self._told = len(self.network.hosts["gcks"].events)
        return started

    @property
    def serving(self) -> bool:
        """Whether there is a GCKS, and its journal works."""
        host = self.network.hosts.get("gcks")
        return host is not None and host.failed is None

    def choose(self, choices: Choices) -> None:
        """Another policy from now on: a reload, or the next start's if there is no GCKS."""
        self.choices = choices
        if self.serving:
            self._force(self.watch.journal)
            self.gcks.reload(self.gcks_configuration(), self.network.now)

    def _force(self, journal: WatchedJournal) -> None:
        """The policy is in force: whom it excludes is out."""
        for group in GROUPS:
            now_in = self.choices.names(group)
            for gone in journal.admitted.get(group, set()) - now_in:
                journal.exclude(group, gone)
            journal.admitted[group] = now_in

    # -- members -----------------------------------------------------------------------------------------------

    def begin(self, number: int, group: str = "video", *, nat: bool = False, sender_ids: int = 0) -> Member:
        """A member starts, or starts anew after a crash."""
        address = Address.from_text(f"198.51.100.{1 + number}")
        engine = self.member(
            number,
            group=Identity.from_text(GROUPS[group]),
            sender_ids=sender_ids,
            acceptance=Acceptance(),
            local=Address.from_text(f"10.0.0.{1 + number}") if nat else address,
            register=False,
        )
        if nat:
            behind_nat(engine, Address.from_text(f"10.0.0.{1 + number}"))
        engine.register(self.network.now)
        self.watch.meet(engine)
        self.runners[number] = Runner(engine, group, address=address)
        return engine

    def crash(self, number: int) -> None:
        """A member is gone with all it held."""
        self.runners.pop(number)
        self.network.remove(f"member{number}")

    def settled(self) -> bool:
        """Whether everybody who may and wants to be in is in, with all keys in force."""
        return not self.unsettled()

    def unsettled(self) -> list[str]:
        """Who is not, and what it lacks."""
        return [
            f"member{number}: {lack}"
            for number, runner in self.runners.items()
            if (lack := self._lack(runner))
        ]

    def _lack(self, runner: Runner) -> str:
        engine, gsa = runner.engine, runner.engine.group.gsa
        banned = self.watch.journal.banned.get(runner.group, set())
        if not runner.wanted or engine_name(engine) not in self.choices.names(runner.group) - banned:
            return ""
        rekeys, data = self.watch.journal.current(runner.group)
        lacks = [
            f"is {engine.state}" if engine.state != "registered" else "",
            "" if rekeys <= {sa.key for sa in gsa.rekey} else "has not the KEK",
            "" if data <= {sa.algorithm_key for sa in gsa.data} else "has not the TEK",
        ]
        return ", ".join(filter(None, lacks))


def behind_nat(engine: Member, inside: Address) -> None:
    """The engine sees its own address, which nobody else does."""
    receive = engine.receive_datagram

    def translated(data: bytes, source: Address, now: float, *, local: Address | None = None) -> None:
        receive(data, source, now, local=inside._replace(port=local.port) if local else inside)

    engine.receive_datagram = translated  # type: ignore[method-assign]  # a NAT is no kind of member


def engine_name(engine: Member) -> str:
    return engine.endpoint_configuration.phase1.identity.to_text()


def group_in_use(*, members: int = 2, seed: int = 0, **changes: Any) -> Arena:
    arena = Arena(Choices(**changes), seed=seed)
    for number in range(members):
        arena.begin(number)
    assert arena.run(20, arena.settled)
    return arena


def holdings(arena: Arena) -> dict[int, Any]:
    return {number: runner.engine.group.gsa for number, runner in arena.runners.items()}


def durable(arena: Arena) -> Any:
    return arena.watch.journal.load()


def deliver(arena: Arena, travelling: Travelling, data: bytes | None = None) -> None:
    for name in arena.receivers(travelling):
        arena.inject(
            travelling.data if data is None else data, travelling.source, name, travelling.destination.port
        )
