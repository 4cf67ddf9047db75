"""What GCKS and member share: phase 1 in both roles, the ISAKMP SAs, and what is exchanged under them.

Five verbs and no input or output: `receive_datagram`, `datagrams_to_send`, `next_event`, `next_timeout` and
`handle_timeout`. A plain `Endpoint` is an IKEv1 peer that establishes phase 1 and answers its peer.
"""

from __future__ import annotations

from collections.abc import Hashable
from ipaddress import IPv4Address
from typing import Any, Final

from gsakmp.crypto import Random, system_random
from gsakmp.errors import GsakmpError, UnexpectedMessage
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.fragments import Reassembler
from gsakmp.message import NAT_KEEPALIVE, NON_ESP_MARKER, Message, parse
from gsakmp.payloads import Fragment
from gsakmp.peers.configuration import EndpointConfiguration
from gsakmp.peers.established import SAKeeper
from gsakmp.peers.phase1 import NAT_PORT, NO_COOKIE, PHASE_1, PhaseOneExchanges
from gsakmp.peers.session import Path, Session
from gsakmp.registries import ExchangeType

__all__ = ["Endpoint"]

ANYWHERE: Final = Address(IPv4Address("0.0.0.0"), 848)


class Endpoint(SAKeeper):
    """A peer of phase 1. Times are seconds on one clock, the caller's; addresses are the caller's too."""

    def __init__(
        self, configuration: EndpointConfiguration, *, random: Random = system_random, now: float = 0.0
    ) -> None:
        super().__init__(configuration, random)
        self._reassembler = Reassembler()
        self._first_reassembler = Reassembler()
        self._phase1 = PhaseOneExchanges(self, self._timers, random)

    # -- the verbs that bring something --------------------------------------------------------------------

    def receive_datagram(
        self, data: bytes, source: Address, now: float, *, local: Address | None = None
    ) -> None:
        """A datagram has come from `source` to our address `local`. Raises nothing for what it holds: what
        can't be taken is dropped, counted, and told as `DatagramRefused`."""
        local = local or ANYWHERE
        if data == NAT_KEEPALIVE:
            return
        message: Message | None = None
        try:
            port = NAT_PORT if local.port == NAT_PORT else 848
            message = parse(data, port=port, doi=self._doi, dialect=self._dialect)
            octets = data[len(NON_ESP_MARKER) :] if message.non_esp_marker else data
            self._dispatch(message, octets, source, local, now)
        except GsakmpError as error:
            self._refuse(error, message, source)

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`."""
        for key in self._timers.due(now):
            try:
                self._on_timer(key, now)
            except GsakmpError as error:
                self._refuse(error, None, ANYWHERE)

    def connect(self, remote: Address, now: float, *, local: Address | None = None) -> bytes:
        """Begin phase 1 with `remote`; our cookie, by which `ISAKMPSAEstablished` will know it."""
        return self._phase1.connect(remote, local or Address(ANYWHERE.host, remote.port), now)

    # -- for GCKS and member to fill in --------------------------------------------------------------------

    def connection_failed(self, initiator_cookie: bytes, problem: str, now: float) -> None:
        """Phase 1 that we began came to nothing."""

    def _on_exchange(self, session: Session, message: Message, octets: bytes, path: Path, now: float) -> None:
        """A message of an exchange under an ISAKMP SA; once it proves to be new, `_heard` is to be told."""
        raise UnexpectedMessage(f"no exchange of type {message.exchange_name} here")

    def _on_group_message(self, message: Message, octets: bytes, path: Path, now: float) -> bool:
        """A message outside any ISAKMP SA; False for one that is nothing of ours."""
        return False

    def _on_own_timer(self, key: Hashable, now: float) -> None:
        """A timer that a subclass has set."""

    # -- datagrams in --------------------------------------------------------------------------------------

    @property
    def _doi(self) -> Any:
        return self.endpoint_configuration.phase1.doi

    @property
    def _dialect(self) -> Any:
        return self.endpoint_configuration.phase1.dialect

    def _dispatch(self, message: Message, octets: bytes, source: Address, local: Address, now: float) -> None:
        path = Path(local, source)
        if message.payloads and isinstance(message.payloads[0], Fragment):
            reassembler = self._reassembler_for(message, source, now)
            whole = reassembler.add(message, source, now)
            if whole is None:
                return
            octets = whole
            message = parse(whole, port=848, doi=self._doi, dialect=self._dialect)
            if message.payloads and isinstance(message.payloads[0], Fragment):
                raise UnexpectedMessage("a fragment of fragments")
        if self._on_group_message(message, octets, path, now):
            return
        session = self.sessions.get(message.initiator_cookie + message.responder_cookie)
        if message.exchange_type in PHASE_1 and not message.message_id:
            if session is not None:  # its end was lost on the way
                self._repeat(session.phase1, octets, path, session.sa, now)
            else:
                self._phase1.receive(message, octets, path, now)
        elif session is None:
            raise UnexpectedMessage(f"{message.exchange_name} under no ISAKMP SA that is known")
        elif message.exchange_type == ExchangeType.INFORMATIONAL:
            self._on_informational(session, message, path, now)
        else:
            self._on_exchange(session, message, octets, path, now)

    def _reassembler_for(self, message: Message, source: Address, now: float) -> Reassembler:
        """First messages come from anybody, so they have a place of their own: no junk crowds out what
        belongs to an exchange. Raises `UnexpectedMessage` for a fragment of nothing."""
        cookies = message.initiator_cookie + message.responder_cookie
        if cookies in self.sessions or self._phase1.knows(message, source, now):
            return self._reassembler
        if message.responder_cookie != NO_COOKIE:
            raise UnexpectedMessage("a fragment for no exchange that is under way")
        return self._first_reassembler

    def _on_timer(self, key: Hashable, now: float) -> None:
        match key:
            case ("half-open" | "half-open end", bytes()):
                self._phase1.on_timer(key, now)
            case _:
                if not self._on_session_timer(key, now):
                    self._on_own_timer(key, now)
