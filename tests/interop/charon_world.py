"""Ours at one end and charon at the other, and what is to be seen of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gsakmp.doi import IPSEC
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.message import NON_ESP_MARKER
from gsakmp.peers import Endpoint, EndpointConfiguration
from gsakmp.peers.events import DatagramRefused, ExchangeFailed, ISAKMPSAEstablished
from gsakmp.registries import AuthenticationMethod, DOINumber
from tests.interop.charon import Charon
from tests.interop.namespaces import FAR, Network, network
from tests.interop.shell import Shell
from tests.unit.exchanges.phase1 import MEMBER, PSK, SHARED, configuration

SECONDS = 8.0
"""How long anything may take."""
PORT = 500
"""charon wants the non-ESP marker on every other one, so GDOI's 848 is not to be tried with it."""


@dataclass(frozen=True)
class Suite:
    """One of ours, what a connection of charon's calls it, and what charon says once it is agreed."""

    name: str
    proposal: str
    cipher: str
    prf: str
    group: str


SUITES = {
    suite.name: suite
    for suite in (
        Suite("aes-128-sha256-group14", "aes128-sha256-modp2048", "128", "SHA2_256", "MODP_2048"),
        Suite("aes-256-sha256-group14", "aes256-sha256-modp2048", "256", "SHA2_256", "MODP_2048"),
        Suite("aes-128-sha256-group19", "aes128-sha256-ecp256", "128", "SHA2_256", "ECP_256"),
        Suite("aes-256-sha256-group19", "aes256-sha256-ecp256", "256", "SHA2_256", "ECP_256"),
        Suite("aes-192-sha384-group20", "aes192-sha384-ecp384", "192", "SHA2_384", "ECP_384"),
        Suite("aes-256-sha512-group21", "aes256-sha512-ecp521", "256", "SHA2_512", "ECP_521"),
        Suite("aes-256-sha384-group16", "aes256-sha384-modp4096", "256", "SHA2_384", "MODP_4096"),
    )
}
USUAL = "aes-128-sha256-group19"
QUICK = RetransmissionPolicy(first=0.3, factor=1.5, tries=4, maximum=2)
IMPATIENT = RetransmissionPolicy(first=0.3, factor=1.2, tries=2, maximum=2)
DIRECTIONS = ("we begin", "charon begins")


@dataclass
class World:
    """Ours at one end, charon at the other."""

    network: Network
    charon: Charon
    shell: Shell

    @property
    def engine(self) -> Endpoint:
        return self.shell.engine

    def connect(self) -> None:
        """Begin phase 1."""
        remote = Address.from_text(FAR, PORT)
        self.engine.connect(remote, time.time(), local=self.shell.local(PORT))

    def establish(self, direction: str = "we begin") -> ISAKMPSAEstablished:
        """Phase 1; what we say of it, once charon says so, too."""
        before = len(self.told())
        if direction == "we begin":
            self.connect()
        else:
            said = self.charon.initiate(self.shell)
            assert "completed successfully" in said, f"{said}\n{self.shell.events}"
        assert self.shell.run(SECONDS, lambda: len(self.told()) > before), self.story()
        assert self.shell.run(SECONDS, lambda: self.of(self.told()[-1])), self.story()
        return self.told()[-1]

    def told(self) -> list[ISAKMPSAEstablished]:
        return self.shell.told(ISAKMPSAEstablished)

    def of(self, event: ISAKMPSAEstablished) -> dict[str, str] | None:
        """charon's side of an SA."""
        cookies = event.initiator_cookie, event.responder_cookie
        held = {(sa["initiator-spi"], sa["responder-spi"]): sa for sa in self.charon.established()}
        return held.get(cookies)

    def story(self) -> str:
        """For a failure."""
        return f"{self.shell.events}\n{self.charon.log()}"


@contextmanager
def world(
    method: AuthenticationMethod = SHARED,
    suite: str = USUAL,
    *,
    nat: str = "",
    aggressive: bool = False,
    connection: str = "",
    settings: str = "",
    key: str = PSK.decode(),
    authority: str = "authority.example",
    identity: str = "gcks.example",
    peer: str = "member.example",
    phase1: dict[str, Any] | None = None,
    **endpoint: Any,
) -> Iterator[World]:
    """Both sides with the same method and suite; what else is given is theirs to differ in."""
    given: dict[str, Any] = {
        **{"identity": MEMBER, "method": method, "suites": (suite,)},
        **{"doi": IPSEC, "sa_doi": DOINumber.IPSEC, "aggressive_responder": aggressive},
    }
    ours = configuration(**given | (phase1 or {}))
    endpoint.setdefault("retransmission", QUICK)
    engine = Endpoint(EndpointConfiguration(phase1=ours, aggressive=aggressive, **endpoint), now=time.time())
    lines = (
        f"proposals = {SUITES[suite].proposal}",
        f"aggressive = {'yes' if aggressive else 'no'}",
        connection,
    )
    with (
        network(nat) as made,
        Charon(
            made,
            key=key,
            method=method,
            authority=authority,
            identity=identity,
            peer=peer,
            connection="\n".join(lines),
            settings=settings,
        ) as charon,
        Shell(made, engine, (PORT, 4500)) as shell,
    ):
        yield World(made, charon, shell)


@contextmanager
def impatient(*arguments: Any, connection: str = "", **options: Any) -> Iterator[World]:
    """A `world` where nobody waits long for an answer that does not come."""
    with world(
        *arguments,
        connection=f"dpd_delay = 1s\ndpd_timeout = 1s\n{connection}",
        settings="retransmit_timeout = 0.3\nretransmit_tries = 2",
        retransmission=IMPATIENT,
        **options,
    ) as here:
        yield here


def agreed(here: World, direction: str, method: AuthenticationMethod, suite: str) -> None:
    """Establish it, and compare what both sides say of it; that charon then takes our Delete shows that the
    keys are the same."""
    event = here.establish(direction)
    theirs = here.of(event)
    assert theirs is not None
    expected = SUITES[suite]
    assert event.role == ("initiator" if direction == "we begin" else "responder")
    assert (event.suite, event.method) == (suite, method.name)
    assert event.peer == "fqdn:gcks.example"
    assert not event.nat
    assert theirs["version"] == "1"
    assert theirs["remote-id"] == "member.example"
    assert theirs["encr-alg"] == "AES_CBC"
    assert theirs["encr-keysize"] == expected.cipher
    assert theirs["prf-alg"] == f"PRF_HMAC_{expected.prf}"
    assert theirs["dh-group"] == expected.group
    assert "nat-any" not in theirs
    deleted_by_us(here)
    assert not here.shell.told(DatagramRefused)


# -- what a test looks at --------------------------------------------------------------------------------


def sent(here: World) -> list[tuple[int, bytes]]:
    """What we have sent, with the port that it went from."""
    return [(source.port, data) for source, _, data in here.shell.sent]


def moved(here: World) -> None:
    """Phase 1 began on 500 and ended on 4500, where every message is marked (RFC 3947, 4)."""
    traffic = [(source.port, data) for source, _, data in here.shell.sent]
    traffic += [(local.port, data) for _, local, data in here.shell.received]
    assert {port for port, _ in traffic} == {500, 4500}
    for port, data in traffic:
        assert data.startswith(NON_ESP_MARKER) is (port == 4500 and len(data) > 1)


def charon_asks(here: World, times: int = 1) -> None:
    """charon's questions are answered, and it takes the answers."""
    assert here.shell.run(SECONDS, lambda: said_by_charon(here, "parsed", "N(DPD_ACK)") >= times), (
        here.story()
    )
    assert said_by_charon(here, "generating", "N(DPD)") >= times
    assert not here.shell.told(DatagramRefused)


def we_ask(here: World, times: int = 1) -> None:
    """Our questions are answered, and we take the answers."""
    before = len(here.shell.received)
    assert here.shell.run(SECONDS, lambda: said_by_charon(here, "generating", "N(DPD_ACK)") >= times), (
        here.story()
    )
    assert here.shell.run(SECONDS, lambda: len(here.shell.received) >= before + times)
    assert not here.shell.told(DatagramRefused)


def said_by_charon(here: World, verb: str, payload: str) -> int:
    """How often it has written that it has sent (``generating``) or received (``parsed``) that."""
    lines = here.charon.log().splitlines()
    return sum(f" {verb} INFORMATIONAL_V1 " in line and f" {payload} " in line for line in lines)


def deleted_by_us(here: World) -> None:
    """charon does as our Delete says."""
    (session,) = here.engine.sessions.values()
    here.engine.close(session, "the test is over", time.time())
    assert here.shell.run(SECONDS, lambda: not here.charon.sas()), here.story()


def refused(here: World, direction: str, *, charon_proves_last: bool = False) -> None:
    """Whoever begins comes to no end, and we have no SA at any time. Nor has charon, but where its proof is
    the last message: there it finds out as of a dead peer."""
    if direction == "we begin":
        here.connect()
        assert here.shell.run(SECONDS, lambda: here.shell.told(ExchangeFailed)), here.story()
    else:
        said = here.charon.initiate(here.shell)
        assert ("completed successfully" in said) is charon_proves_last
        assert here.shell.run(SECONDS, lambda: here.shell.told(DatagramRefused)), here.story()
    if charon_proves_last:
        assert here.shell.run(SECONDS, lambda: not here.charon.sas()), here.story()
    assert not here.charon.established()
    assert not here.told()
    assert not here.engine.sessions
