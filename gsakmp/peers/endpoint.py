"""What GCKS and member share: phase 1 in both roles, the ISAKMP SAs, and what is exchanged under them.

Five verbs and no input or output: `receive_datagram`, `datagrams_to_send`, `next_event`, `next_timeout` and
`handle_timeout`. A plain `Endpoint` is an IKEv1 peer that establishes phase 1 and answers its peer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from ipaddress import IPv4Address
from itertools import takewhile
from typing import Any, Final, Protocol

from gsakmp.crypto import Random, system_random
from gsakmp.errors import GsakmpError, UnexpectedMessage
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.exchanges.dpd import DeadPeerDetection
from gsakmp.exchanges.fragments import Reassembler, split
from gsakmp.exchanges.informational import delete_isakmp, initial_contact, open_protected, protect
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, Extensions, Step
from gsakmp.exchanges.phase1 import aggressive
from gsakmp.exchanges.retransmission import Conversation
from gsakmp.identities import Identity
from gsakmp.message import NON_ESP_MARKER, Message, parse
from gsakmp.payloads import Delete, Fragment, Notification
from gsakmp.peers.causes import cause_of
from gsakmp.peers.configuration import EndpointConfiguration
from gsakmp.peers.events import (
    DatagramRefused,
    Event,
    ExchangeFailed,
    ISAKMPSADeleted,
    ISAKMPSAEstablished,
    PeerDead,
)
from gsakmp.peers.phase1 import NAT_PORT, NO_COOKIE, PHASE_1, PhaseOneExchanges
from gsakmp.peers.session import Exchange, HalfOpen, Path, Session
from gsakmp.peers.timers import Timers
from gsakmp.registries import ExchangeType, NotifyType, ProtocolID
from gsakmp.wire import Payload

__all__ = ["Endpoint"]

ANYWHERE: Final = Address(IPv4Address("0.0.0.0"), 848)
KEEPALIVE: Final = b"\xff"
"""RFC 3948, 2.3."""
EVENTS: Final = 10_000
"""Events that wait to be taken; the oldest goes first. A shell takes them after every datagram."""
SAS_PER_PEER: Final = 8
"""ISAKMP SAs with one identity: a member needs one, and begins another while the GCKS keeps the last."""
QUEUED: Final = 100_000
"""Datagrams that wait to be sent. A shell takes them after every few datagrams that it brings."""

AGGRESSIVE: Final = (aggressive.AggressiveModeInitiator, aggressive.AggressiveModeResponder)

Secrets = Callable[[str, bytes, bytes], None]
"""Told the kind of a secret, what it belongs to (cookies, an SPI) and its octets."""


class Extended(Protocol):
    """An ISAKMP SA, or a phase 1 that is to become one."""

    @property
    def extensions(self) -> Extensions:
        """What the peer can do, as far as it is known."""


class Endpoint:
    """A peer of phase 1. Times are seconds on one clock, the caller's; addresses are the caller's too."""

    def __init__(
        self, configuration: EndpointConfiguration, *, random: Random = system_random, now: float = 0.0
    ) -> None:
        self.endpoint_configuration = configuration
        self.secrets: Secrets | None = None
        """Where secrets go if somebody wants to decrypt a recording later; None for nowhere."""
        self.refused: dict[str, int] = {}
        """Datagrams dropped, by cause."""
        self.retransmissions = 0
        self.sessions: dict[bytes, Session] = {}
        self._by_peer: dict[Identity, dict[bytes, Session]] = {}
        self._random = random
        self._reassembler = Reassembler()
        self._first_reassembler = Reassembler()
        self._timers = Timers()
        self._queue: deque[Datagram] = deque()
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._phase1 = PhaseOneExchanges(self, self._timers, random)

    # -- the five verbs --------------------------------------------------------------------------------

    def receive_datagram(
        self, data: bytes, source: Address, now: float, *, local: Address | None = None
    ) -> None:
        """A datagram has come from `source` to our address `local`. Raises nothing for what it holds: what
        can't be taken is dropped, counted, and told as `DatagramRefused`."""
        local = local or ANYWHERE
        if data == KEEPALIVE:
            return
        message: Message | None = None
        try:
            port = NAT_PORT if local.port == NAT_PORT else 848
            message = parse(data, port=port, doi=self._doi, dialect=self._dialect)
            octets = data[len(NON_ESP_MARKER) :] if message.non_esp_marker else data
            self._dispatch(message, octets, source, local, now)
        except GsakmpError as error:
            self._refuse(error, message, source)

    def datagrams_to_send(self, now: float) -> list[Datagram]:
        """What is to be sent, in order; each is given once."""
        out = list(self._queue)
        self._queue.clear()
        return out

    def next_event(self) -> Event | None:
        """What has happened, the oldest first; None when there is no more."""
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, None if nothing is waited for."""
        return self._timers.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`."""
        for key in self._timers.due(now):
            try:
                self._on_timer(key, now)
            except GsakmpError as error:
                self._refuse(error, None, ANYWHERE)

    # -- phase 1 as initiator, and the end of SAs ----------------------------------------------------------

    def connect(self, remote: Address, now: float, *, local: Address | None = None) -> bytes:
        """Begin phase 1 with `remote`; our cookie, by which `ISAKMPSAEstablished` will know it."""
        return self._phase1.connect(remote, local or Address(ANYWHERE.host, remote.port), now)

    def close(self, session: Session, reason: str, now: float, *, tell: bool = True) -> None:
        """Delete an ISAKMP SA, and tell the peer."""
        if session.deleted:
            return
        if tell:
            self.inform(session, (delete_isakmp(session.sa),), now)
        session.deleted = True
        self.sessions.pop(session.key, None)
        peer = session.sa.peer.identity.folded()
        own = self._by_peer.get(peer, {})
        own.pop(session.key, None)
        if not own:
            self._by_peer.pop(peer, None)
        for name in ("session", "exchanges", "dpd", "phase1", "keepalive"):
            self._timers.set((name, session.key), None)
        keys = session.sa.keys
        self._events.append(
            ISAKMPSADeleted(
                peer=session.sa.peer.identity.to_text(),
                initiator_cookie=keys.initiator_cookie.hex(),
                responder_cookie=keys.responder_cookie.hex(),
                reason=reason,
            )
        )
        self._session_closed(session, reason, now)

    def sessions_of(self, peer: Identity) -> list[Session]:
        """The ISAKMP SAs with a peer, the oldest first."""
        return list(self._by_peer.get(peer.folded(), {}).values())

    def inform(self, session: Session, payloads: tuple[Payload, ...], now: float) -> None:
        """Send a protected Informational message (RFC 2409, 5.7)."""
        self.send((protect(session.sa, payloads, self._random),), session.path, session.sa, now)
        session.last_sent = now

    # -- for GCKS and member to fill in --------------------------------------------------------------------

    def _session_established(self, session: Session, now: float) -> None:
        """Phase 1 is over."""

    def _session_closed(self, session: Session, reason: str, now: float) -> None:
        """An ISAKMP SA is gone."""

    def connection_failed(self, initiator_cookie: bytes, problem: str, now: float) -> None:
        """Phase 1 that we began came to nothing."""

    def _on_exchange(self, session: Session, message: Message, octets: bytes, path: Path, now: float) -> None:
        """A message of an exchange under an ISAKMP SA; once it proves to be new, `_heard` is to be told."""
        raise UnexpectedMessage(f"no exchange of type {message.exchange_name} here")

    def _on_group_message(self, message: Message, octets: bytes, path: Path, now: float) -> bool:
        """A message outside any ISAKMP SA; False for one that is nothing of ours."""
        return False

    def _on_delete(self, session: Session, delete: Delete, now: float) -> None:
        """The peer has deleted SAs other than the ISAKMP SA."""

    def _on_notification(self, session: Session, notification: Notification, now: float) -> None:
        """The peer says something, protected."""

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

    def _refuse(self, error: GsakmpError, message: Message | None, source: Address) -> None:
        cause = cause_of(error)
        self.refused[cause] = self.refused.get(cause, 0) + 1
        self._events.append(
            DatagramRefused(
                source=source,
                cause=cause,
                problem=str(error),
                initiator_cookie=message.initiator_cookie.hex() if message else "",
                responder_cookie=message.responder_cookie.hex() if message else "",
                message_id=message.message_id if message else 0,
            )
        )

    # -- ISAKMP SAs ----------------------------------------------------------------------------------------

    def establish(self, half: HalfOpen, sa: ISAKMPSA, step: Step, now: float) -> None:
        """Phase 1 has come to its end, and this is the SA."""
        configuration = self.endpoint_configuration
        interval = configuration.dead_peer_interval
        detection = None
        if sa.extensions.dead_peer_detection:
            detection = DeadPeerDetection(
                interval, configuration.retransmission.tries, self._random, cookies=sa.cookies, now=now
            )
        session = Session(sa, half.path, half.conversation, detection)
        session.phase1_was_aggressive = isinstance(half.machine, AGGRESSIVE)
        if sa.extensions.initial_contact:
            self._forget_earlier(session, now)
        own = self.sessions_of(sa.peer.identity)
        for oldest in own[: max(0, len(own) - SAS_PER_PEER + 1)]:  # before anybody else's has to go
            self.close(oldest, "too many ISAKMP SAs of this peer", now)
        while len(self.sessions) >= configuration.isakmp_sas:
            self.close(next(iter(self.sessions.values())), "too many ISAKMP SAs", now)
        self.sessions[session.key] = session
        self._by_peer.setdefault(sa.peer.identity.folded(), {})[session.key] = session
        self._tell_secrets(sa)
        self.sent(half.conversation, step, half.path, now, sa)
        self._timers.set(("phase1", session.key), half.conversation.next_timeout())
        self._timers.set(("session", session.key), sa.expires_at)
        self._watch_peer(session, now)
        if sa.extensions.local_nat and configuration.keepalive_seconds:
            self._timers.set(("keepalive", session.key), now + configuration.keepalive_seconds)
        self._events.append(
            ISAKMPSAEstablished(
                peer=sa.peer.identity.to_text(),
                address=half.path.remote,
                initiator_cookie=sa.keys.initiator_cookie.hex(),
                responder_cookie=sa.keys.responder_cookie.hex(),
                role=sa.role.value,
                suite=sa.suite,
                method=sa.peer.method.name,
                nat=sa.extensions.local_nat or sa.extensions.remote_nat,
            )
        )
        if configuration.phase1.initial_contact and session.phase1_was_aggressive:
            # Main Mode says it in its last messages; RFC 2407, 4.6.3 wants it protected
            self.inform(session, (initial_contact(sa),), now)
        self._session_established(session, now)

    def _forget_earlier(self, session: Session, now: float) -> None:
        """INITIAL-CONTACT: the peer knows nothing of its earlier SAs (RFC 2407, 4.6.3.3). Later ones stay, as
        the message may have been held up, or come again."""
        own = self.sessions_of(session.sa.peer.identity)
        for earlier in takewhile(lambda held: held is not session, own):
            self.close(earlier, "the peer's initial contact", now, tell=False)

    def _tell_secrets(self, sa: ISAKMPSA) -> None:
        if self.secrets is not None:
            for kind in ("skeyid", "skeyid_d", "skeyid_a", "skeyid_e"):
                self.secrets(kind, sa.cookies, getattr(sa.keys, kind))
            self.secrets("encryption_key", sa.cookies, sa.keys.key)

    # -- Informational, dead peers -------------------------------------------------------------------------

    def _on_informational(self, session: Session, message: Message, path: Path, now: float) -> None:
        if not message.encrypted:
            raise UnexpectedMessage("an unprotected Informational message, which proves nothing")
        payloads = open_protected(session.sa, message)
        if not session.fresh_informational(message.message_id):
            raise UnexpectedMessage("an Informational message that was taken already")
        if not session.forgetful:  # else a replay would pass, and lead the path astray
            self._heard(session, path, now)
        for payload in payloads:
            if isinstance(payload, Delete):
                self._take_delete(session, payload, now)
            elif isinstance(payload, Notification):
                self._take_notification(session, payload, path, now)
            if session.deleted:
                return

    def _take_delete(self, session: Session, delete: Delete, now: float) -> None:
        if delete.protocol_id == ProtocolID.PROTO_ISAKMP and session.key in delete.spis:
            self.close(session, "deleted by the peer", now, tell=False)
        else:
            self._on_delete(session, delete, now)

    def _take_notification(self, session: Session, said: Notification, path: Path, now: float) -> None:
        kind, detection = said.notify_message_type, session.detection
        if kind == NotifyType.R_U_THERE and detection is not None:
            before, answer = detection.peer_sequence, detection.answer(said, session.key)
            if before not in (None, detection.peer_sequence):  # higher: no replay
                self._heard(session, path, now)
            if answer is not None:
                self.inform(session, (answer,), now)
        elif kind == NotifyType.R_U_THERE_ACK and detection is not None:
            if detection.acknowledged(said, now):
                self._heard(session, path, now)
        elif kind == NotifyType.INITIAL_CONTACT:
            self._forget_earlier(session, now)
        else:
            self._on_notification(session, said, now)

    def _heard(self, session: Session, path: Path, now: float) -> None:
        """The peer has proved that it is there, and where: by a message that is no replay (RFC 3948, 4)."""
        if session.deleted:
            return
        if session.path.remote != path.remote and session.follows_peer:
            session.path = path
        if session.detection is not None:
            session.detection.heard(now)
            self._watch_peer(session, now)

    def _watch_peer(self, session: Session, now: float) -> None:
        if session.detection is not None and self.endpoint_configuration.dead_peer_interval:
            self._timers.set(("dpd", session.key), session.detection.next_timeout())

    # -- exchanges under an ISAKMP SA ----------------------------------------------------------------------

    def _begin_exchange(self, session: Session, message_id: int, machine: Any, now: float) -> Exchange:
        exchange = Exchange(machine, Conversation(self.endpoint_configuration.retransmission), now)
        for forgotten in session.remember(message_id, exchange):
            self._timers.set(("exchange", session.key, forgotten), None)
        return exchange

    def _exchange_sent(
        self,
        session: Session,
        message_id: int,
        exchange: Exchange,
        step: Step,
        now: float,
        path: Path | None = None,
    ) -> None:
        self.sent(exchange.conversation, step, path or session.path, now, session.sa)
        self._timers.set(("exchange", session.key, message_id), exchange.conversation.next_timeout())
        session.last_sent = now

    def _exchange_answered(
        self, session: Session, message_id: int, exchange: Exchange, octets: bytes, now: float
    ) -> None:
        exchange.conversation.answered(octets, now)
        self._timers.set(("exchange", session.key, message_id), exchange.conversation.next_timeout())

    def _exchange_failed(self, session: Session, message_id: int, problem: str, now: float) -> None:
        exchange = session.exchanges.pop(message_id, None)
        self._timers.set(("exchange", session.key, message_id), None)
        if exchange is None or exchange.done:
            return
        keys = session.sa.keys
        self._events.append(
            ExchangeFailed(
                exchange=type(exchange.machine).__name__,
                address=session.path.remote,
                initiator_cookie=keys.initiator_cookie.hex(),
                responder_cookie=keys.responder_cookie.hex(),
                message_id=message_id,
                problem=problem,
            )
        )
        self._on_exchange_failed(session, message_id, exchange, problem, now)

    def _on_exchange_failed(
        self, session: Session, message_id: int, exchange: Exchange, problem: str, now: float
    ) -> None:
        """An exchange of a subclass's came to nothing."""

    # -- time ----------------------------------------------------------------------------------------------

    def _on_timer(self, key: Hashable, now: float) -> None:
        match key:
            case ("half-open" | "half-open end", bytes()):
                self._phase1.on_timer(key, now)
            case ("phase1", bytes() as cookies) if cookies in self.sessions:
                self._phase1_end_timer(self.sessions[cookies], now)
            case ("session", bytes() as cookies) if cookies in self.sessions:
                self.close(self.sessions[cookies], "its lifetime is over", now)
            case ("dpd", bytes() as cookies) if cookies in self.sessions:
                self._detect(self.sessions[cookies], now)
            case ("keepalive", bytes() as cookies) if cookies in self.sessions:
                path = self.sessions[cookies].path
                self._queue.append(Datagram(KEEPALIVE, path.remote, path.local))
                self._timers.set(key, now + self.endpoint_configuration.keepalive_seconds)
            case ("exchange", bytes() as cookies, int() as message_id) if cookies in self.sessions:
                self._exchange_timer(self.sessions[cookies], message_id, now)
            case _:
                self._on_own_timer(key, now)

    def _phase1_end_timer(self, session: Session, now: float) -> None:
        """The last message of phase 1 goes out again where an answer to it is due."""
        again = session.phase1.handle_timeout(now)
        self.retransmissions += len(again)
        self.send(again, session.path, session.sa, now)
        self._timers.set(("phase1", session.key), session.phase1.next_timeout())

    def _detect(self, session: Session, now: float) -> None:
        detection = session.detection
        if detection is None:
            return
        asked = detection.handle_timeout(now)
        if detection.dead:
            self._events.append(
                PeerDead(peer=session.sa.peer.identity.to_text(), address=session.path.remote)
            )
            self.close(session, "the peer is dead", now, tell=False)
            return
        if asked is not None:
            self.inform(session, (asked,), now)
        self._watch_peer(session, now)

    def _exchange_timer(self, session: Session, message_id: int, now: float) -> None:
        exchange = session.exchanges.get(message_id)
        if exchange is None:
            return
        again = exchange.conversation.handle_timeout(now)
        self.retransmissions += len(again)
        self.send(again, session.path, session.sa, now)
        if exchange.conversation.exhausted:
            self._exchange_failed(session, message_id, "no answer", now)
        else:
            self._timers.set(("exchange", session.key, message_id), exchange.conversation.next_timeout())

    # -- datagrams out -------------------------------------------------------------------------------------

    def _repeat(
        self, conversation: Conversation, octets: bytes, path: Path, sa: Extended | None, now: float
    ) -> None:
        """Answer a peer's retransmission with the same octets. Raises `UnexpectedMessage` if it is none."""
        again = conversation.repeated(octets, now)
        if again is None:
            raise UnexpectedMessage("a message of an exchange that is over")
        self.retransmissions += len(again)
        self.send(again, path, sa, now)

    def sent(
        self, conversation: Conversation, step: Step, path: Path, now: float, sa: Extended | None = None
    ) -> None:
        """Send what an exchange's step gave, and again until it is answered if it wants an answer."""
        conversation.sent(step.send, step.expects_reply, now)
        self.send(step.send, path, sa, now)

    def tell(self, event: Event) -> None:
        """Something has happened."""
        self._events.append(event)

    def send(self, messages: tuple[bytes, ...], path: Path, sa: Extended | None, now: float) -> None:
        """Send messages, in fragments where they are long and the peer can put them together, as `sa` or a
        phase 1 under way knows."""
        limit = self.endpoint_configuration.fragment_octets
        for octets in messages:
            fragmented = sa is not None and sa.extensions.fragmentation and len(octets) > limit
            for piece in split(octets, limit) if fragmented else (octets,):
                marked = NON_ESP_MARKER + piece if path.local.port == NAT_PORT else piece
                self._enqueue(Datagram(marked, path.remote, path.local))

    def _enqueue(self, datagram: Datagram) -> None:
        if len(self._queue) < QUEUED:
            self._queue.append(datagram)
        else:
            self.refused["queue"] = self.refused.get("queue", 0) + 1
