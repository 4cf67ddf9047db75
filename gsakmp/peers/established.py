"""The ISAKMP SAs of an endpoint: how they come, live and go, and what is exchanged under them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import takewhile
from typing import Any, Final

from gsakmp.crypto import Random
from gsakmp.errors import UnexpectedMessage
from gsakmp.exchanges.address import Datagram
from gsakmp.exchanges.dpd import DeadPeerDetection
from gsakmp.exchanges.informational import delete_isakmp, initial_contact, open_protected, protect
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, Step
from gsakmp.exchanges.phase1 import aggressive
from gsakmp.exchanges.retransmission import Conversation
from gsakmp.identities import Identity
from gsakmp.message import NAT_KEEPALIVE, Message
from gsakmp.payloads import Delete, Notification
from gsakmp.peers.configuration import EndpointConfiguration
from gsakmp.peers.engine import Engine
from gsakmp.peers.events import ExchangeFailed, ISAKMPSADeleted, ISAKMPSAEstablished, PeerDead
from gsakmp.peers.session import Exchange, HalfOpen, Path, Session
from gsakmp.registries import NotifyType, ProtocolID
from gsakmp.wire import Payload

__all__ = ["SAKeeper"]

SAS_PER_PEER: Final = 8
"""ISAKMP SAs with one identity: a member needs one, and begins another while the GCKS keeps the last."""

AGGRESSIVE: Final = (aggressive.AggressiveModeInitiator, aggressive.AggressiveModeResponder)

Secrets = Callable[[str, bytes, bytes], None]
"""Told the kind of a secret, what it belongs to (cookies, an SPI) and its octets."""


class SAKeeper(Engine):
    """An engine that keeps ISAKMP SAs; what they are for is up to those that derive from it."""

    def __init__(self, configuration: EndpointConfiguration, random: Random) -> None:
        super().__init__(configuration, random)
        self.secrets: Secrets | None = None
        """Where secrets go if somebody wants to decrypt a recording later; None for nowhere."""
        self.sessions: dict[bytes, Session] = {}
        self._by_peer: dict[Identity, dict[bytes, Session]] = {}

    # -- for those that derive from it to fill in ----------------------------------------------------------

    def _session_established(self, session: Session, now: float) -> None:
        """Phase 1 is over."""

    def _session_closed(self, session: Session, reason: str, now: float) -> None:
        """An ISAKMP SA is gone."""

    def _on_delete(self, session: Session, delete: Delete, now: float) -> None:
        """The peer has deleted SAs other than the ISAKMP SA."""

    def _on_notification(self, session: Session, notification: Notification, now: float) -> None:
        """The peer says something, protected."""

    def _on_exchange_failed(
        self, session: Session, message_id: int, exchange: Exchange, problem: str, now: float
    ) -> None:
        """An exchange of a subclass's came to nothing."""

    # -- ISAKMP SAs ----------------------------------------------------------------------------------------

    def sessions_of(self, peer: Identity) -> list[Session]:
        """The ISAKMP SAs with a peer, the oldest first."""
        return list(self._by_peer.get(peer.folded(), {}).values())

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
            self.inform(session, (initial_contact(sa.cookies),), now)
        self._session_established(session, now)

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
        for name in ("session", "dpd", "phase1", "keepalive"):
            self._timers.set((name, session.key), None)
        for message_id in session.exchanges:
            self._timers.set(("exchange", session.key, message_id), None)
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

    def inform(self, session: Session, payloads: tuple[Payload, ...], now: float) -> None:
        """Send a protected Informational message (RFC 2409, 5.7)."""
        self.send((protect(session.sa, payloads, self._random),), session.path, session.sa, now)
        session.last_sent = now

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
        self._wait_for(session, message_id, exchange)
        session.last_sent = now

    def _exchange_answered(
        self, session: Session, message_id: int, exchange: Exchange, octets: bytes, now: float
    ) -> None:
        exchange.conversation.answered(octets, now)
        self._wait_for(session, message_id, exchange)

    def _wait_for(self, session: Session, message_id: int, exchange: Exchange) -> None:
        """For a retransmission that is due, or the end of the exchange: one that is not gone on with must not
        keep keys for as long as the ISAKMP SA lives."""
        due = exchange.conversation.next_timeout()
        if not exchange.done:
            ends_at = self._ends_at(exchange)
            due = ends_at if due is None else min(due, ends_at)
        self._timers.set(("exchange", session.key, message_id), due)

    def _ends_at(self, exchange: Exchange) -> float:
        return exchange.started_at + self.endpoint_configuration.exchange_seconds

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

    # -- time ----------------------------------------------------------------------------------------------

    def _on_session_timer(self, key: Hashable, now: float) -> bool:
        """A timer is due; False for one that belongs to no ISAKMP SA."""
        match key:
            case ("phase1", bytes() as cookies) if cookies in self.sessions:
                self._phase1_end_timer(self.sessions[cookies], now)
            case ("session", bytes() as cookies) if cookies in self.sessions:
                self.close(self.sessions[cookies], "its lifetime is over", now)
            case ("dpd", bytes() as cookies) if cookies in self.sessions:
                self._detect(self.sessions[cookies], now)
            case ("keepalive", bytes() as cookies) if cookies in self.sessions:
                path = self.sessions[cookies].path
                self._enqueue(Datagram(NAT_KEEPALIVE, path.remote, path.local))
                self._timers.set(key, now + self.endpoint_configuration.keepalive_seconds)
            case ("exchange", bytes() as cookies, int() as message_id) if cookies in self.sessions:
                self._exchange_timer(self.sessions[cookies], message_id, now)
            case _:
                return False
        return True

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
        elif not exchange.done and now >= self._ends_at(exchange):
            self._exchange_failed(session, message_id, "it took too long", now)
        else:
            self._wait_for(session, message_id, exchange)
