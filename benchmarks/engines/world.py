"""A key server and members in memory, and a clock on the key server's work alone."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address
from time import perf_counter_ns, thread_time_ns
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from gsakmp.exchanges.address import Address
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.group.member import Acceptance
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.group.policy import DataPolicy, GroupPolicy, MemberPolicy, RekeyPolicy, Selector
from gsakmp.group.records import Journal, MemoryJournal
from gsakmp.identities import Identity
from gsakmp.peers import GCKS, EndpointConfiguration, GCKSConfiguration, Member, MemberConfiguration

__all__ = ["GCKS_AT", "GROUP", "METHODS", "START", "Rig", "gcks_configuration", "member_of"]

GROUP: Final = "benchmark"
GCKS_AT: Final = Address(IPv4Address("192.0.2.1"), 848)
START: Final = 1_700_000_000.0
FIRST_MEMBER: Final = int(IPv4Address("10.0.0.1"))
SUITE: Final = "aes-128-sha256-group19"
METHODS: Final = ("PSK", "ECDSA P-256", "RSA 3072")
SECONDS: Final = 0.001
"""Between two registrations, on the engines' clock."""

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Authority:
    """Makes certificates. All members share one private key: RSA keys are slow to make, and nothing here
    tells how many there are."""

    def __init__(self, method: str) -> None:
        self.make_key: Callable[[], PrivateKey] = lambda: ec.generate_private_key(ec.SECP256R1())
        if method == "RSA 3072":
            self.make_key = lambda: rsa.generate_private_key(65537, 3072)
        self.key, self.gcks_key, self.member_key = (self.make_key() for _ in range(3))
        self.certificate = self.certify("authority", self.key)

    def certify(self, name: str, key: PrivateKey) -> x509.Certificate:
        day = datetime.datetime.fromtimestamp(START, datetime.UTC)
        authority = name == "authority"
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(day - datetime.timedelta(days=1))
            .not_valid_after(day + datetime.timedelta(days=365))
            .add_extension(x509.BasicConstraints(authority, None), True)
        )
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        return builder.sign(self.key, hashes.SHA256())

    def credentials(self, name: str, key: PrivateKey) -> Credentials:
        certificates = (self.certify(name, key),)
        return Credentials(private_key=key, certificates=certificates, authorities=(self.certificate,))


authority: Final = cache(Authority)


def endpoint(name: str, method: str) -> EndpointConfiguration:
    """`name` is a DNS name, and the identity; ``gcks.example`` is the key server's."""
    if method == "PSK":
        credentials = Credentials(shared_keys=(SharedKey(b"a key that everybody has"),))
    else:
        made = authority(method)
        key = made.gcks_key if name == "gcks.example" else made.member_key
        credentials = made.credentials(name, key)
    phase1 = PhaseOneConfiguration(
        identity=Identity.from_text(f"fqdn:{name}"), credentials=credentials, suites=(phase1_suite(SUITE),)
    )
    return EndpointConfiguration(phase1=phase1)


def gcks_configuration(method: str, **rekey: Any) -> GCKSConfiguration:
    """One group for everybody, with one multicast Rekey SA and one data SA."""
    policy = GroupPolicy(
        name=GROUP,
        identity="key-id:0x000004d2",
        members=(MemberPolicy(identity="fqdn:*.example"),),
        rekey=(RekeyPolicy(source="192.0.2.1", destination="239.192.0.1", **rekey),),
        data=(DataPolicy(selector=Selector(destination="ipv4:239.192.0.2")),),
    )
    return GCKSConfiguration(endpoint=endpoint("gcks.example", method), groups=(policy,))


def member_of(number: int, method: str, now: float, *, local: Address, gcks: Address = GCKS_AT) -> Member:
    configuration = MemberConfiguration(
        endpoint=endpoint(f"member{number}.example", method),
        gcks=(gcks,),
        group=Identity.from_text("key-id:0x000004d2"),
        acceptance=Acceptance(),
        local=local,
    )
    return Member(configuration, now=now)


@dataclass
class Rig:
    """A key server whose work is timed. Members come and go: once registered, one is forgotten."""

    method: str = "PSK"
    journal: Journal = field(default_factory=MemoryJournal)
    rekey: dict[str, Any] = field(default_factory=dict)
    now: float = START
    members: int = 0
    processor_ns: int = 0
    """Of this thread, in the key server's five verbs."""
    elapsed_ns: int = 0
    """The same by the wall clock: with waiting for the disk."""
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    """Called just before and just after the key server's work."""

    def __post_init__(self) -> None:
        self.gcks = GCKS(gcks_configuration(self.method, **self.rekey), self.journal, now=self.now)

    def register(self, count: int) -> None:
        """So many members register at once: the key server takes all their datagrams of one step, then is
        asked once what to send, so they share a commit. Raises `AssertionError` if one does not get in."""
        there: dict[Address, Member] = {}
        for _ in range(count):
            local = Address(IPv4Address(FIRST_MEMBER + self.members), 848)
            there[local] = member_of(self.members, self.method, self.now, local=local)
            self.members += 1
        for member in there.values():
            member.register(self.now)
        while coming := self._datagrams(there):
            for datagram in self._step(coming):
                there[datagram.destination].receive_datagram(
                    datagram.data, GCKS_AT, self.now, local=datagram.destination
                )
        self.now += SECONDS * count
        assert all(member.state == "registered" for member in there.values())

    def _datagrams(self, there: dict[Address, Member]) -> list[tuple[bytes, Address]]:
        return [
            (datagram.data, address)
            for address, member in there.items()
            for datagram in member.datagrams_to_send(self.now)
        ]

    def _step(self, coming: Iterable[tuple[bytes, Address]]) -> Sequence[Any]:
        gcks, now = self.gcks, self.now
        with self:
            for data, source in coming:
                gcks.receive_datagram(data, source, now, local=GCKS_AT)
            answers = gcks.datagrams_to_send(now)
            while gcks.next_event() is not None:
                pass
        return answers

    def __enter__(self) -> None:
        self.before()
        self._started = perf_counter_ns(), thread_time_ns()

    def __exit__(self, *_: object) -> None:
        elapsed, processor = perf_counter_ns(), thread_time_ns()
        self.after()
        self.elapsed_ns += elapsed - self._started[0]
        self.processor_ns += processor - self._started[1]

    def taken(self) -> tuple[int, int]:
        """Processor and wall time since the last call, in nanoseconds."""
        found = self.processor_ns, self.elapsed_ns
        self.processor_ns = self.elapsed_ns = 0
        return found
