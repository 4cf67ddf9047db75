"""A member: registers with a GCKS, follows its rekeys, notices when it missed one (RFC 6407; RFC 8263)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from gsakmp.crypto import Random, random_octets, system_random
from gsakmp.errors import GsakmpError, InternalError, ReplayDetected, UnexpectedMessage
from gsakmp.exchanges.ack import build_ack
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.exchanges.pull import PullInitiator
from gsakmp.exchanges.push import PushReceiver
from gsakmp.exchanges.retransmission import Conversation
from gsakmp.group import member_types
from gsakmp.group.member import GroupMember
from gsakmp.group.member_types import (
    LifecycleChanged,
    MemberEvent,
    RegistrationPlanned,
    SAEnded,
    SAsInstalled,
)
from gsakmp.group.rekey.nark_module import ModuleClient, Request
from gsakmp.identities import Identity
from gsakmp.message import NON_ESP_MARKER, Message
from gsakmp.payloads import GroupDelete, Notification
from gsakmp.peers.configuration import MemberConfiguration
from gsakmp.peers.endpoint import Endpoint
from gsakmp.peers.events import (
    Deregistered,
    Event,
    KeysInstalled,
    PeriodKeyMissing,
    PeriodsEnded,
    Registered,
    RegistrationRefused,
    RegistrationScheduled,
    RekeyReceived,
    SAExpired,
    SALifecycleChanged,
)
from gsakmp.peers.phase1 import NAT_PORT
from gsakmp.peers.session import Exchange, Path, Session
from gsakmp.registries import DOINumber, GDOIExchangeType, TEKProtocolID

__all__ = ["Member"]

FIRST_STATUS: Final = 16_384
"""From here on notify types are a status and no error (RFC 2408, 3.14.1)."""
FRESH: Final = 10.0
"""Seconds from its establishment in which an ISAKMP SA is surely known to the GCKS."""
TRIES: Final = 2
"""How often a pull's message is sent again under an older one before it is given up."""
LONGEST_RETRY: Final = 300.0
"""Seconds between attempts to register, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus:
    """What an operator looks at."""

    identity: str
    group: str
    gcks: str
    state: str
    """``idle``, ``connecting``, ``registering``, ``registered``, ``waiting``."""
    isakmp_sas: int
    retransmissions: int
    refused: dict[str, int]
    gsa: Any
    """`GroupMember.status`."""


@dataclass(slots=True)
class Acknowledged:
    """The last push that was acknowledged, by its digest, and the acknowledgement."""

    push: bytes
    answer: bytes
    source: Address
    destination: Address
    left: int = 8
    """How often it is sent again if the push comes again."""
    waiting: bool = True
    """Whether it was not sent yet."""

    @property
    def datagram(self) -> Datagram:
        """To where the push came from (RFC 8263, 3)."""
        marked = NON_ESP_MARKER + self.answer if self.destination.port == NAT_PORT else self.answer
        return Datagram(marked, self.destination, self.source)


class Member(Endpoint):
    """A member of one group. After `register` it stays registered by itself until `leave` or `stop`."""

    def __init__(
        self, configuration: MemberConfiguration, *, random: Random = system_random, now: float
    ) -> None:
        super().__init__(configuration.endpoint, random=random, now=now)
        self.configuration = configuration
        self.group = GroupMember(
            configuration.acceptance,
            random=random,
            dialect=configuration.endpoint.phase1.dialect,
            module=client_of(configuration.module),
        )
        self.gcks_number = 0
        self.state = "idle"
        self._receiver = PushReceiver()
        self._connecting: bytes | None = None  # our cookie of the phase 1 that is for registering
        self._session: Session | None = None
        self._attempts = 0
        self._registered_from: Address | None = None
        self._ack: Acknowledged | None = None

    @property
    def name(self) -> str:
        """The group's identity as text."""
        return self.configuration.group.to_text()

    @property
    def gcks(self) -> Address:
        """The GCKS that is asked, or was."""
        addresses = self.configuration.gcks
        return addresses[self.gcks_number % len(addresses)]

    # -- what an operator may ask and order ----------------------------------------------------------------

    def register(self, now: float) -> None:
        """Ask for the group's keys, unless that is under way."""
        if self.state in {"connecting", "registering"}:
            return
        self._timers.set("register", None)
        session = self._session
        if session is not None and not session.deleted:
            self._pull(session, now)
            return
        self.state = "connecting"
        self._connecting = self.connect(self.gcks, now, local=self.configuration.local)

    def rejoin(self, now: float) -> None:
        """Register again, from phase 1 on."""
        self._abandon(now, "rejoin")
        self.register(now)

    def leave(self, now: float) -> None:
        """Tell the GCKS that the group's SAs are deleted here, and delete them. RFC 6407 has no message for
        leaving; a protected Delete of the group's SAs says what is the case (RFC 2408, 3.15)."""
        session = self._session
        if session is not None and not session.deleted and (deletes := self._deletes()):
            self.inform(session, deletes, now)
        self._abandon(now, "left")
        self._forget_group(now)
        self._events.append(Deregistered(group=self.name, reason="left"))

    def stop(self, now: float) -> None:
        """A clean end: the ISAKMP SA is deleted, nothing is said about the group."""
        self._abandon(now, "the member stops")

    def status(self, now: float) -> MemberStatus:
        """What an operator looks at."""
        return MemberStatus(
            identity=self.endpoint_configuration.phase1.identity.to_text(),
            group=self.name,
            gcks=str(self.gcks),
            state=self.state,
            isakmp_sas=len(self.sessions),
            retransmissions=self.retransmissions,
            refused=dict(self.refused),
            gsa=self.group.status(now),
        )

    def multicast_groups(self) -> tuple[Address, ...]:
        """Where pushes come: the multicast destinations of the Rekey SAs."""
        found: dict[Address, None] = {}
        for sa in self.group.gsa.rekey:
            host = sa.destination.data
            if isinstance(host, IPv4Address | IPv6Address) and host.is_multicast:
                found[Address(host, sa.destination_port)] = None
        return tuple(found)

    def reload(self, configuration: MemberConfiguration, now: float) -> None:
        """Take over a new configuration; another group or GCKS means to register anew, but for who left, or
        has not registered yet."""
        again = (configuration.group, configuration.gcks) != (
            self.configuration.group,
            self.configuration.gcks,
        )
        if again:
            self._forget_group(now)
        self.configuration = configuration
        self.endpoint_configuration = configuration.endpoint
        self.group.acceptance = configuration.acceptance
        self.group.module = client_of(configuration.module)
        if again:
            self.gcks_number = 0
        if again and self.state != "idle":
            self.rejoin(now)

    def _forget_group(self, now: float) -> None:
        """All that is held of it goes, and that is told."""
        self.group.clear()
        self._ack = None
        self._timers.set("ack", None)
        self._collect(now)

    # -- registration ----------------------------------------------------------------------------------------

    def _session_established(self, session: Session, now: float) -> None:
        if session.sa.keys.initiator_cookie == self._connecting:
            self._connecting = None
            self._session = session
            self._pull(session, now)

    def connection_failed(self, initiator_cookie: bytes, problem: str, now: float) -> None:
        """See `Endpoint.connection_failed`."""
        if initiator_cookie == self._connecting:
            self._connecting = None
            self.gcks_number += 1
            self._retry(problem, now)

    def _session_closed(self, session: Session, reason: str, now: float) -> None:
        if session is self._session:
            self._session = None
            if self.state == "registering":
                self._retry(reason, now)

    def _pull(self, session: Session, now: float) -> None:
        self.state = "registering"
        machine = PullInitiator(session.sa, self.configuration.group, random=self._random)
        exchange = self._begin_exchange(session, machine.message_id, machine, now)
        if now - session.sa.established_at > FRESH:  # the GCKS may have lost it; phase 1 anew is soon tried
            policy = self.endpoint_configuration.retransmission
            exchange.conversation = Conversation(replace(policy, tries=min(policy.tries, TRIES)))
        self._exchange_sent(session, machine.message_id, exchange, machine.start(), now)

    def _on_exchange(self, session: Session, message: Message, octets: bytes, path: Path, now: float) -> None:
        exchange = session.exchanges.get(message.message_id)
        if message.exchange_type != GDOIExchangeType.GROUPKEY_PULL or exchange is None:
            raise UnexpectedMessage(f"{message.exchange_name} that was not begun here")
        again = exchange.conversation.repeated(octets, now)
        if again is not None:
            self.send(again, session.path, session.sa, now)
            return
        if exchange.done:
            raise UnexpectedMessage("a message of an exchange that is over")
        machine = exchange.machine
        machine.receive(message)
        self._heard(session, path, now)  # its HASH covers our nonce
        self._exchange_answered(session, message.message_id, exchange, octets, now)
        if machine.verified is not None:
            self._install(session, message.message_id, exchange, now)
        else:
            self._consider(session, message.message_id, exchange, now)

    def _consider(self, session: Session, message_id: int, exchange: Exchange, now: float) -> None:
        machine = exchange.machine
        try:
            exchange.offer = self.group.consider(machine.offered, now)
        except GsakmpError as error:
            machine.refuse()
            exchange.end()
            self._events.append(
                RegistrationRefused(
                    group=self.name,
                    member=self.endpoint_configuration.phase1.identity.to_text(),
                    address=session.path.remote,
                    problem=str(error),
                )
            )
            # RFC 6407, 3.3: tear down the phase 1 session after telling the GCKS with a Delete
            self._session = None
            self.close(session, "the group's policy is not acceptable", now)
            self._retry("the group's policy is not acceptable", now)
            return
        wanted = max(self.configuration.sender_ids, 0) if exchange.offer.sender_ids else 0
        self._exchange_sent(session, message_id, exchange, machine.accept(wanted), now)

    def _install(self, session: Session, message_id: int, exchange: Exchange, now: float) -> None:
        try:
            self.group.install(exchange.machine.verified, exchange.offer, now)
        except GsakmpError as error:
            self._exchange_failed(session, message_id, str(error), now)
            raise
        exchange.end()
        self.state, self._attempts = "registered", 0
        local = session.path.local
        self._registered_from = None if local.host.is_unspecified else local
        gsa = self.group.gsa
        self._tell_group_secrets()
        self._events.append(
            Registered(
                group=self.name,
                rekey_spis=tuple(sa.spi.hex() for sa in gsa.rekey),
                data_spis=tuple(sa.spi.hex() for sa in gsa.data),
                sender_ids=self.group.sender_ids,
            )
        )
        self._collect(now)

    def _on_notification(self, session: Session, notification: Notification, now: float) -> None:
        """The GCKS refuses: an error whose data is the exchange's message id (`PullResponder.refuse`)."""
        data, kind = notification.notification_data, notification.notify_message_type
        if not isinstance(data, bytes) or kind >= FIRST_STATUS:
            return
        message_id = int.from_bytes(data, "big")
        exchange = session.exchanges.get(message_id)
        if exchange is not None and not exchange.done:
            self._exchange_failed(session, message_id, f"refused by the GCKS: {kind.name}", now)

    def _on_exchange_failed(
        self, session: Session, message_id: int, exchange: Exchange, problem: str, now: float
    ) -> None:
        # Phase 1 may be what is wrong, for all that can be known here: begin with it.
        self._session = None
        self.close(session, problem, now)
        self._retry(problem, now)

    def _retry(self, problem: str, now: float) -> None:
        self._attempts += 1
        longest = min(LONGEST_RETRY, self.configuration.retry_seconds * 2 ** min(self._attempts - 1, 10))
        delay = longest * (0.5 + self._fraction() / 2)
        self.state = "waiting"
        self._schedule_registration(problem, delay, now)

    def _schedule_registration(self, reason: str, delay: float, now: float) -> None:
        self._timers.set("register", now + delay)
        self._events.append(RegistrationScheduled(group=self.name, reason=reason, delay=round(delay, 3)))

    def _fraction(self) -> float:
        """A random number from 0 to 1, so that members don't all come at once."""
        return int.from_bytes(random_octets(self._random, 4), "big") / 0xFFFFFFFF

    def _abandon(self, now: float, reason: str) -> None:
        """Drop what is under way, and the ISAKMP SAs."""
        self._timers.set("register", None)
        if self._connecting is not None:
            cookie, self._connecting = self._connecting, None
            self._phase1.drop(cookie)
        self._session = None
        self.state = "idle"
        for session in list(self.sessions.values()):
            self.close(session, reason, now)

    def _deletes(self) -> tuple[GroupDelete, ...]:
        """Deletes of all that the member holds."""
        gsa = self.group.gsa
        by_protocol: dict[int, list[bytes]] = {}
        for rekey in gsa.rekey:
            by_protocol.setdefault(0, []).append(rekey.spi)
        for data in {sa.spi: sa for sa in (*self.group.patterns, *gsa.data)}.values():
            by_protocol.setdefault(int(data.protocol), []).append(data.spi)
        return tuple(
            GroupDelete(doi=DOINumber.GDOI, protocol_id=TEKProtocolID(protocol), spis=tuple(spis))
            for protocol, spis in by_protocol.items()
        )

    # -- rekeys ----------------------------------------------------------------------------------------------

    def _on_group_message(self, message: Message, octets: bytes, path: Path, now: float) -> bool:
        if message.exchange_type != GDOIExchangeType.GROUPKEY_PUSH:
            return False
        spi = message.initiator_cookie + message.responder_cookie
        sa = self.group.rekey_sa(spi)
        if sa is None:
            if path.remote.host in self._push_sources():  # no proof, but junk from elsewhere costs nothing
                self.group.unknown_spi(now, spi)
                self._collect(now)
            raise UnexpectedMessage("a push under no Rekey SA that is known")
        phase1 = self.endpoint_configuration.phase1
        try:
            verified = self._receiver.open(message, sa, dialect=phase1.dialect, allow_weak=phase1.allow_weak)
        except ReplayDetected:
            self._acknowledge_again(octets, path)
            raise
        base_key = self.group.acknowledgement_key(spi)
        self.group.apply(verified, now)
        if base_key is not None and self._registered_from is not None:
            # RFC 8263, 3.4: the address from which it registered, sent as a reply to the push
            identity = Identity.of_address(self._registered_from.host)
            self._send_ack()  # the one before may be waiting still
            answer = build_ack(verified, sa, base_key, identity)
            self._ack = Acknowledged(sha256(octets).digest(), answer, self._registered_from, path.remote)
            delay = self.configuration.acknowledgement_jitter * self._fraction()
            self._timers.set("ack", now + delay)
        self._tell_group_secrets()
        self._events.append(
            RekeyReceived(group=self.name, spi=spi.hex(), sequence_number=verified.sequence_number)
        )
        self._collect(now)
        return True

    def _push_sources(self) -> set[object]:
        """Where pushes may come from: the Rekey SAs' sources, or where the member registers."""
        named = {sa.source.data for sa in self.group.gsa.rekey}
        return named | {address.host for address in self.configuration.gcks}

    def _send_ack(self) -> None:
        ack = self._ack
        if ack is not None and ack.waiting:
            ack.waiting = False
            self._enqueue(ack.datagram)

    def _acknowledge_again(self, octets: bytes, path: Path) -> None:
        """The GCKS sends its push again: perhaps the acknowledgement was lost, or went to somebody who had
        sent the push on."""
        ack = self._ack
        if ack is None or not ack.left or sha256(octets).digest() != ack.push:
            return
        if path.remote.host in self._push_sources():
            ack.destination = path.remote
        elif path.remote.host != ack.destination.host:
            return
        if not ack.waiting:
            ack.left -= 1
            self._enqueue(ack.datagram)

    def _collect(self, now: float) -> None:
        """Take what the group tells, and whether it wants to register again."""
        self._events.extend(told(self.name, event) for event in self.group.take_events())
        self._timers.set("group", self.group.next_timeout())
        if self.state == "registered" and self.group.wants_registration(now) is not None:
            self.register(now)

    def _tell_group_secrets(self) -> None:
        if self.secrets is None:
            return
        for rekey in self.group.gsa.rekey:
            self.secrets("kek", rekey.spi, rekey.key)
        for data in self.group.gsa.data:
            self.secrets("tek", data.spi, data.algorithm_key)
            self.secrets("tek_integrity", data.spi, data.integrity_key)

    def _on_own_timer(self, key: Hashable, now: float) -> None:
        if key == "register":
            self.register(now)
        elif key == "ack":
            self._send_ack()
        elif key == "group":
            self.group.handle_timeout(now)
            if self.group.patterns:
                self._tell_group_secrets()
            self._collect(now)


def told(group: str, event: MemberEvent) -> Event:
    """A membership's event as the engine tells it."""
    match event:
        case SAsInstalled(rekey_spis=rekey_spis, data_spis=data_spis):
            return KeysInstalled(group=group, rekey_spis=rekey_spis, data_spis=data_spis)
        case LifecycleChanged(category=category, spi=spi, lifecycle=lifecycle):
            return SALifecycleChanged(group=group, category=category, spi=spi, lifecycle=lifecycle.value)
        case SAEnded(category=category, spi=spi, reason=reason):
            return SAExpired(group=group, category=category, spi=spi, reason=reason)
        case RegistrationPlanned(reason=why, delay=delay):
            return RegistrationScheduled(group=group, reason=why.value, delay=round(delay, 3))
        case member_types.PeriodsEnded(spi=spi, last_period=last):
            return PeriodsEnded(group=group, spi=spi, last_period=last)
        case member_types.PeriodKeyMissing(spi=spi, period=period, problem=problem):
            return PeriodKeyMissing(group=group, spi=spi, period=period, problem=problem)
    raise InternalError(f"an event that has no words: {type(event).__name__}")


def client_of(module: Request | None) -> ModuleClient | None:
    """What speaks to the member's module, if it has one."""
    return ModuleClient(module) if module is not None else None
