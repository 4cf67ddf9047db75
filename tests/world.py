"""A GCKS and its members on a network in memory, for tests of what they do together."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from gsakmp.exchanges.address import Address
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.group.member import Acceptance
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.group.policy import DataPolicy, GroupPolicy, MemberPolicy, RekeyPolicy, Selector
from gsakmp.group.records import MemoryJournal
from gsakmp.identities import Identity
from gsakmp.peers import GCKS, EndpointConfiguration, GCKSConfiguration, Member, MemberConfiguration
from gsakmp.peers.network import Conditions, Network

GROUP = "key-id:0x000004d2"
GCKS_ADDRESS = Address.from_text("192.0.2.1")
PUSHES = "239.192.0.1"
START = 1_700_000_000.0
KEY = b"a key that tests share"


def recorded_random(seed: bytes) -> Callable[[int], bytes]:
    """Octets that are the same in every run: SHA-256 of a counter."""
    state = {"count": 0}

    def draw(count: int) -> bytes:
        out = b""
        while len(out) < count:
            state["count"] += 1
            out += sha256(seed + state["count"].to_bytes(8, "big")).digest()
        return out[:count]

    return draw


def phase1(identity: str, **changes: Any) -> PhaseOneConfiguration:
    given: dict[str, Any] = {
        "identity": Identity.from_text(identity),
        "credentials": Credentials(shared_keys=(SharedKey(KEY),)),
        "suites": (phase1_suite("aes-128-sha256-group19"),),
    }
    return PhaseOneConfiguration(**given | changes)


def group_policy(**changes: Any) -> GroupPolicy:
    given: dict[str, Any] = {
        "name": "video",
        "identity": GROUP,
        "members": (MemberPolicy(identity="fqdn:*.example"),),
        "rekey": (RekeyPolicy(source="192.0.2.1", destination=PUSHES),),
        "data": (DataPolicy(selector=Selector(destination="ipv4:239.192.0.2")),),
    }
    return GroupPolicy(**given | changes)


class World:
    """A key server, its journal, and members by number."""

    def __init__(
        self,
        *,
        policy: GroupPolicy | None = None,
        conditions: Conditions | None = None,
        seed: int = 0,
        phase1_changes: dict[str, Any] | None = None,
        endpoint_changes: dict[str, Any] | None = None,
        journal: Any = None,
    ) -> None:
        self.network = Network(conditions, seed=seed, now=START)
        self.seed = seed
        self.policy = policy or group_policy()
        self.phase1_changes = phase1_changes or {}
        self.endpoint_changes = endpoint_changes or {}
        self.journal = journal if journal is not None else MemoryJournal()
        self.starts = 0
        self.gcks = self.start_gcks()

    def random(self, name: str) -> Callable[[int], bytes]:
        self.starts += 1
        return recorded_random(f"{self.seed} {name} {self.starts}".encode())

    def endpoint(self, identity: str, **changes: Any) -> EndpointConfiguration:
        given: dict[str, Any] = {"phase1": phase1(identity, **self.phase1_changes)}
        return EndpointConfiguration(**given | self.endpoint_changes | changes)

    def gcks_configuration(self, policy: GroupPolicy | None = None) -> GCKSConfiguration:
        return GCKSConfiguration(endpoint=self.endpoint("fqdn:gcks.example"), groups=(policy or self.policy,))

    def start_gcks(self) -> GCKS:
        """A key server that starts from the journal: the first, or one after a crash."""
        self.gcks = GCKS(
            self.gcks_configuration(), self.journal, random=self.random("gcks"), now=self.network.now
        )
        self.network.add("gcks", self.gcks, GCKS_ADDRESS)
        return self.gcks

    def member(
        self, number: int, *, register: bool = True, acceptance: Acceptance | None = None, **changes: Any
    ) -> Member:
        address = Address.from_text(f"198.51.{100 + number // 250}.{1 + number % 250}")
        given: dict[str, Any] = {
            "endpoint": self.endpoint(f"fqdn:member{number}.example"),
            "gcks": (GCKS_ADDRESS,),
            "group": Identity.from_text(GROUP),
            "acceptance": acceptance or Acceptance(),
            "local": address,
        }
        member = Member(
            MemberConfiguration(**given | changes),
            random=self.random(f"member{number}"),
            now=self.network.now,
        )
        self.network.add(f"member{number}", member, address)
        if register:
            member.register(self.network.now)
        return member

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        return self.network.run(seconds, until)

    def kinds(self, name: str) -> list[str]:
        """What an engine has told, by name."""
        return [event.kind for event in self.network.events(name)]
