"""What the tests of phase 1 share: both sides' configurations, keys and certificates, and whole exchanges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

import gsakmp
from gsakmp.errors import GsakmpError, RemoteError
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.exchanges.isakmp_sa import Step
from gsakmp.exchanges.phase1 import main
from gsakmp.exchanges.phase1.aggressive import AggressiveModeInitiator, AggressiveModeResponder
from gsakmp.exchanges.phase1.common import PhaseOne
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.phase1.main import MainModeInitiator, MainModeResponder
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.registries import AuthenticationMethod
from tests.unit.exchanges.gdoi import stream

NOW = 1_800_000_000.0
"""In 2027."""
MEMBER_AT = Address.from_text("192.0.2.1:848")
GCKS_AT = Address.from_text("192.0.2.2:848")
MEMBER, GCKS = Identity.from_text("fqdn:member.example"), Identity.from_text("fqdn:gcks.example")
PSK = b"a key of some length"
COOKIE = b"\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7"
SHARED = AuthenticationMethod.PRE_SHARED_KEY
RSA = AuthenticationMethod.RSA_SIGNATURES
CURVES: dict[AuthenticationMethod, ec.EllipticCurve] = {
    AuthenticationMethod.ECDSA_SHA256_P256: ec.SECP256R1(),
    AuthenticationMethod.ECDSA_SHA384_P384: ec.SECP384R1(),
    AuthenticationMethod.ECDSA_SHA512_P521: ec.SECP521R1(),
}
METHODS = (SHARED, RSA, *CURVES)


# -- keys and certificates -----------------------------------------------------------------------------


@cache
def key_of(name: str, method: AuthenticationMethod) -> Any:
    """The private key of `name`, the same in a whole run."""
    if method == RSA:
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(CURVES[method])


@cache
def certificate_of(
    name: str, method: AuthenticationMethod, authority: str = "authority.example"
) -> x509.Certificate:
    """A certificate of `name` by `authority`, which may be itself."""
    is_authority = name == authority
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    issuer_key = key_of(authority, method)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority)]))
        .public_key(key_of(name, method).public_key())
        .serial_number(sum(name.encode()))
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not is_authority, key_cert_sign=is_authority, **usage),
            critical=True,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key_of(name, method).public_key()), critical=False
        )
    )
    if not is_authority:
        general = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        builder = builder.add_extension(x509.SubjectAlternativeName([general]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def credentials(identity: Identity, method: AuthenticationMethod, key: bytes = PSK) -> Credentials:
    """What `identity` proves itself with."""
    if method == SHARED:
        return Credentials(shared_keys=(SharedKey(key),))
    name = str(identity.data)
    return Credentials(
        private_key=key_of(name, method),
        certificates=(certificate_of(name, method),),
        authorities=(certificate_of("authority.example", method),),
    )


def configuration(
    identity: Identity,
    method: AuthenticationMethod = SHARED,
    suites: tuple[str, ...] = ("aes-128-sha256-group19",),
    **options: Any,
) -> PhaseOneConfiguration:
    """The configuration of `identity`."""
    options.setdefault("credentials", credentials(identity, method))
    return PhaseOneConfiguration(
        identity=identity,
        suites=tuple(phase1_suite(name) for name in suites),
        methods=options.pop("methods", (method,)),
        **options,
    )


# -- exchanges -----------------------------------------------------------------------------------------


@dataclass
class Exchange:
    """A phase 1 between two machines, message by message; `sent` has the octets of each.

    `member_seen` and `gcks_seen` are the addresses that each is known under at the other side, which a NAT
    makes others than its own.
    """

    member: PhaseOneConfiguration
    gcks: PhaseOneConfiguration
    aggressive: bool = False
    seed: str = ""
    member_at: Address = MEMBER_AT
    gcks_at: Address = GCKS_AT
    member_seen: Address = MEMBER_AT
    gcks_seen: Address = GCKS_AT
    sent: list[bytes] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    initiator: Any = None
    responder: Any = None

    def __post_init__(self) -> None:
        kind = AggressiveModeInitiator if self.aggressive else MainModeInitiator
        self.initiator = kind(
            self.member,
            local=self.member_at,
            remote=self.gcks_seen,
            random=stream("initiator" + self.seed),
            now=NOW,
        )

    @property
    def length(self) -> int:
        """How many messages the whole has."""
        return 3 if self.aggressive else 6

    def run(self, until: int | None = None) -> Exchange:
        """Exchange messages until `until` of them have been sent, the last not yet received."""
        while len(self.sent) < (self.length if until is None else until):
            self.next()
        if until is None:
            self.deliver(self.sent[-1])
        return self

    def next(self) -> None:
        """The next message, the previous one being delivered."""
        if not self.sent:
            self._keep(self.initiator.start(NOW))
        elif len(self.sent) == 1 and not self.aggressive:
            octets = self.sent[0]
            answer = main.answer_offer(self.gcks, gsakmp.parse(octets), octets, COOKIE)
            self._keep(Step((answer,)))
        else:
            self._keep(self.deliver(self.sent[-1]))

    def _keep(self, step: Step) -> None:
        self.steps.append(step)
        self.sent.extend(step.send)

    def receiver(self, number: int) -> PhaseOne:
        """The machine that gets message `number`."""
        machine = self.initiator if number % 2 == 0 else self._responder()
        assert isinstance(machine, PhaseOne)
        return machine

    def deliver(self, octets: bytes, number: int | None = None) -> Step:
        """Give the side whose turn it is these octets."""
        number = number or len(self.sent)
        machine: Any = self.receiver(number)
        floating = self.initiator.floating
        ports = {"port": 4500} if floating else {}
        if number % 2 == 0:
            return self.handed(
                machine, octets, self.member_at._replace(**ports), self.gcks_seen._replace(**ports)
            )
        return self.handed(
            machine, octets, self.gcks_at._replace(**ports), self.member_seen._replace(**ports)
        )

    @staticmethod
    def handed(machine: Any, octets: bytes, local: Address, remote: Address) -> Step:
        step = machine.receive(gsakmp.parse(octets), octets, NOW, local, remote)
        assert isinstance(step, Step)
        return step

    def _responder(self) -> Any:
        if self.responder is None:
            options: dict[str, Any] = {
                "local": self.gcks_at,
                "remote": self.member_seen,
                "random": stream("responder" + self.seed),
                "now": NOW,
            }
            if self.aggressive:
                self.responder = AggressiveModeResponder(self.gcks, **options)
            else:
                self.responder = MainModeResponder(
                    self.gcks, self.sent[0], responder_cookie=COOKIE, **options
                )
        return self.responder


def pair(
    method: AuthenticationMethod = SHARED,
    suites: tuple[str, ...] = ("aes-128-sha256-group19",),
    aggressive: bool = False,
    **options: Any,
) -> Exchange:
    """A member and a GCKS that agree about everything."""
    return Exchange(
        configuration(MEMBER, method, suites, **options),
        configuration(GCKS, method, suites, **options),
        aggressive,
    )


def changed(octets: bytes, change: Callable[[Message], Message]) -> bytes:
    """A message with something in it changed."""
    return change(gsakmp.parse(octets)).build()


def with_payload(octets: bytes, kind: type[Any], **changes: Any) -> bytes:
    """A message whose one payload of that kind has other fields."""
    return changed(
        octets,
        lambda message: message.replace(
            payloads=tuple(p.replace(**changes) if isinstance(p, kind) else p for p in message.payloads)
        ),
    )


def everything(machine: Any) -> dict[str, Any]:
    """All that a machine holds, to see whether it has changed."""
    return dict(vars(machine))


# -- what is refused -----------------------------------------------------------------------------------

MESSAGES = [(False, number) for number in (2, 3, 4, 5, 6)] + [(True, number) for number in (1, 2, 3)]
"""Mode and number of every message that a machine gets."""
ENCRYPTED = [(False, 5), (False, 6), (True, 3)]


def names(case: Any) -> str:
    return f"{'aggressive' if case[0] else 'main'}-{case[1]}"


def refuses(
    exchange: Exchange, wrong: bytes, error: type[GsakmpError] = RemoteError, number: int | None = None
) -> GsakmpError:
    """The receiver of message `number` (the next one) refuses `wrong`, and holds what it held before."""
    number = number or len(exchange.sent)
    machine = exchange.receiver(number)
    before = everything(machine)
    with pytest.raises(error) as caught:
        exchange.deliver(wrong, number)
    assert everything(machine) == before
    assert machine.sa is None
    return caught.value


def goes_on(exchange: Exchange) -> None:
    """The exchange still comes to its end."""
    exchange.run()
    assert exchange.initiator.sa.keys == exchange.responder.sa.keys


def at(case: tuple[bool, int], method: AuthenticationMethod = SHARED) -> tuple[Exchange, bytes]:
    """An exchange in which that message is on its way, and its octets."""
    exchange = pair(method, aggressive=case[0]).run(until=case[1])
    return exchange, exchange.sent[-1]
