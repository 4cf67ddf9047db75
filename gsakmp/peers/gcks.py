"""The GCKS: registers members, pushes rekeys to them, counts their acknowledgements (RFC 6407; RFC 8263)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

from gsakmp.crypto import Random, system_random
from gsakmp.errors import (
    AuthenticationFailed,
    ConfigurationError,
    GsakmpError,
    PolicyRefused,
    StateError,
    UnexpectedMessage,
)
from gsakmp.exchanges.ack import open_ack
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.exchanges.pull import PullResponder
from gsakmp.exchanges.recent import RecentMessages
from gsakmp.group.policy import GroupPolicy
from gsakmp.group.records import Change, Journal
from gsakmp.group.recovery import checked
from gsakmp.group.sa import RekeySA
from gsakmp.group.server import GroupServer
from gsakmp.group.server_types import (
    GroupStartedOver,
    MemberRemoved,
    MemberWentSilent,
    Push,
    SAsReplaced,
    ServerEvent,
)
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import Delete
from gsakmp.peers.configuration import GCKSConfiguration
from gsakmp.peers.endpoint import Endpoint
from gsakmp.peers.events import (
    Event,
    GroupRestarted,
    KeysReplaced,
    MemberAcknowledged,
    MemberEvicted,
    MemberLeft,
    MemberRegistered,
    MemberSilent,
    RegistrationRefused,
    RekeySent,
)
from gsakmp.peers.pushing import PushBuilders, push_datagrams
from gsakmp.peers.session import Exchange, Path, Session
from gsakmp.registries import GDOIExchangeType, NotifyType

__all__ = ["GCKS"]

HEARD: Final = 16_384
"""Acknowledgements that are remembered, to refuse them when they come again (RFC 8263, 5)."""
RETRY_SECONDS: Final = 10.0
"""Until a group's timer is tried again that failed."""
REPEATS: Final = 8192
"""Pushes whose retransmission is under way at once."""

Place = Callable[[str], AbstractContextManager[None]]
"""Where a policy stands that is found wrong inside the context."""


def nowhere(place: str) -> AbstractContextManager[None]:
    """For policies that no file has."""
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class GCKSStatus:
    """What an operator looks at first."""

    identity: str
    started_at: float
    groups: int
    members: int
    isakmp_sas: int
    retransmissions: int
    refused: dict[str, int]


@dataclass(slots=True)
class Repeat:
    """A push that is to be sent again, the same octets."""

    datagrams: tuple[Datagram, ...]
    left: int
    interval: float


class GCKS(Endpoint):
    """A key server. `journal` makes changes durable before anything is sent that depends on them: they are
    committed together by `datagrams_to_send`, which sends nothing at all if that fails."""

    def __init__(
        self,
        configuration: GCKSConfiguration,
        journal: Journal,
        *,
        random: Random = system_random,
        now: float,
    ) -> None:
        super().__init__(configuration.endpoint, random=random, now=now)
        check_groups(configuration.groups)
        self._journal = journal
        self._staged: list[Change] = []
        self._failed = False
        self._repeats: dict[int, Repeat] = {}
        self._repeat_number = 0
        self._started_at = now
        self._builders: dict[str, PushBuilders] = {}
        self._recent_acks = RecentMessages(HEARD)
        self.groups: dict[str, GroupServer] = {}
        states = journal.load()
        for policy in configuration.groups:
            state = states.pop(policy.name, None)  # which may be big, and is not needed twice
            self.groups[policy.name] = GroupServer(policy, state, random=random, now=now)
        self._index()
        for name in self.groups:
            self._collect(name, now)

    # -- what an operator may ask and order ----------------------------------------------------------------

    def status(self, now: float) -> GCKSStatus:
        """The key server as a whole."""
        return GCKSStatus(
            identity=self.endpoint_configuration.phase1.identity.to_text(),
            started_at=self._started_at,
            groups=len(self.groups),
            members=sum(len(server.state.members) for server in self.groups.values()),
            isakmp_sas=len(self.sessions),
            retransmissions=self.retransmissions,
            refused=dict(self.refused),
        )

    def group(self, name: str) -> GroupServer:
        """The group of that name. Raises `ConfigurationError` that says which there are."""
        server = self.groups.get(name)
        if server is None:
            raise ConfigurationError(
                f"no group {name!r}; there are {', '.join(sorted(self.groups)) or 'none'}"
            )
        return server

    def rekey(self, name: str, now: float, reason: str = "ordered") -> None:
        """New KEKs and data SAs now. Raises `ConfigurationError` for an unknown group, `StateError` for one
        that was dissolved."""
        self.group(name).rekey(now, reason)
        self._collect(name, now)

    def evict(self, name: str, member: Identity, now: float) -> None:
        """Put a member out, with forward rekey as the policy says, and keep it out until `readmit`. Raises
        `ConfigurationError` for an unknown group, `StateError` for one too many to keep out."""
        self.group(name).evict(member, now, exclude=True)
        self._collect(name, now)
        self._close_sessions_of(member, now)

    def readmit(self, name: str, member: Identity, now: float) -> None:
        """Let who was evicted register again, if the policy does. Raises `ConfigurationError` for an unknown
        group, `StateError` for who was not evicted."""
        self.group(name).readmit(member)
        self._collect(name, now)

    def reload(self, configuration: GCKSConfiguration, now: float) -> None:
        """Take over a new configuration: policies that changed, groups that are new or gone.

        Raises `ConfigurationError`, and the old one stays in force; `StateError` if the journal fails.
        """
        check_groups(configuration.groups)
        self._make_durable()  # so that the journal knows how far a group came that was dropped just before
        states = self._journal.load() if {p.name for p in configuration.groups} - set(self.groups) else {}
        added = {
            policy.name: GroupServer(policy, states.pop(policy.name, None), random=self._random, now=now)
            for policy in configuration.groups
            if policy.name not in self.groups
        }
        kept = {policy.name: policy for policy in configuration.groups if policy.name in self.groups}
        for name, policy in kept.items():
            self.groups[name].reload(policy, now)
        self.endpoint_configuration = configuration.endpoint
        for name in [name for name in self.groups if name not in kept]:
            self.groups[name].dissolve(now, "no longer configured")
            self._collect(name, now)
            del self.groups[name]
            self._builders.pop(name, None)
            self._timers.set(("group", name), None)
        self.groups.update(added)
        self._index()
        for name in self.groups:
            self._collect(name, now)

    def stop(self, now: float) -> None:
        """A clean end: members keep their keys, ISAKMP SAs are deleted."""
        for session in list(self.sessions.values()):
            self.close(session, "the GCKS stops", now)

    # -- durable before sent ---------------------------------------------------------------------------------

    def datagrams_to_send(self, now: float) -> list[Datagram]:
        """See `Endpoint.datagrams_to_send`. First makes durable what they depend on; raises `StateError` if
        that fails, then and ever after, and sends nothing."""
        self._make_durable()
        return super().datagrams_to_send(now)

    def _make_durable(self) -> None:
        if self._failed:
            raise StateError("the journal has failed; nothing is sent any more")
        if self._staged:
            changes, self._staged = self._staged, []
            self._failed = True
            self._journal.commit(changes)
            self._failed = False

    # -- registration ----------------------------------------------------------------------------------------

    def _on_exchange(self, session: Session, message: Message, octets: bytes, path: Path, now: float) -> None:
        if message.exchange_type != GDOIExchangeType.GROUPKEY_PULL:
            raise UnexpectedMessage(f"{message.exchange_name}, which a GCKS does not answer")
        message_id = message.message_id
        exchange = session.exchanges.get(message_id)
        if exchange is None:
            self._first_pull_message(session, message, octets, path, now)
            return
        again = exchange.conversation.repeated(octets, now)
        if again is not None:
            self.retransmissions += len(again)
            self.send(again, session.path, session.sa, now)
            return
        if exchange.done:
            raise UnexpectedMessage("a message of an exchange that is over")
        exchange.machine.receive(message)
        self._heard(session, path, now)  # its HASH covers our nonce
        self._exchange_answered(session, message_id, exchange, octets, now)
        self._download(session, message_id, exchange, now)

    def _first_pull_message(
        self, session: Session, message: Message, octets: bytes, path: Path, now: float
    ) -> None:
        """Message 1 may be a replay, so it moves nothing; behind a NAT the answer goes where it came from."""
        path = path if session.sa.extensions.remote_nat else session.path
        machine = PullResponder(session.sa, message, random=self._random)
        machine.receive(message)
        group = machine.group
        assert group is not None  # message 1 names it
        exchange = self._begin_exchange(session, message.message_id, machine, now)
        self._exchange_answered(session, message.message_id, exchange, octets, now)
        peer = session.sa.peer
        notify = NotifyType.AUTHENTICATION_FAILED
        try:
            server = self._group_of(group)
            permission = server.authorise(peer.identity, peer.certificate)
            notify = NotifyType.NO_PROPOSAL_CHOSEN  # whoever is admitted may know what is wanted
            server.check_registration_sa(session.sa.suite, peer.method, session.sa.strength)
            offer = server.offer(
                peer.identity,
                now,
                sender=permission.sender,
                address=str(path.remote),
                periods=permission.periods,
                module=permission.module,
            )
        except GsakmpError as error:
            if not isinstance(error, PolicyRefused):
                notify = NotifyType.INVALID_ID_INFORMATION
            self._exchange_sent(session, message.message_id, exchange, machine.refuse(notify), now, path)
            exchange.end()
            self._refused_registration(session, group, error)
            return
        exchange.offer = (server, offer)
        self._exchange_sent(session, message.message_id, exchange, machine.offer(offer.policy), now, path)
        self._collect(server.policy.name, now)

    def _download(self, session: Session, message_id: int, exchange: Exchange, now: float) -> None:
        server, offer = exchange.offer
        machine, peer = exchange.machine, session.sa.peer
        subject = peer.certificate.subject.rfc4514_string() if peer.certificate is not None else ""
        try:
            if server not in self.groups.values():
                raise StateError(f"the group {server.policy.name!r} was dropped meanwhile")
            server.authorise(peer.identity, peer.certificate)  # by the policy of now, not that of message 1
            admission = server.admit(
                offer,
                peer.identity,
                str(session.path.remote),
                machine.sender_ids_requested,
                subject,
                now,
            )
        except GsakmpError as error:
            self._collect(server.policy.name, now)  # sender ids may have run out, which is news for all
            step = machine.refuse(NotifyType.INVALID_ID_INFORMATION)
            self._exchange_sent(session, message_id, exchange, step, now)
            exchange.end()
            self._refused_registration(session, machine.group, error)
            return
        step = machine.download(admission.sequence_number, admission.key_download)
        self._exchange_sent(session, message_id, exchange, step, now)
        exchange.end()
        self._events.append(
            MemberRegistered(
                group=server.policy.name,
                member=peer.identity.to_text(),
                address=session.path.remote,
                sender_ids=admission.sender_ids,
            )
        )
        self._collect(server.policy.name, now)

    def _group_of(self, identity: Identity) -> GroupServer:
        name = self._by_identity.get(identity)
        if name is None:
            raise UnexpectedMessage(f"no group {identity}")
        return self.groups[name]

    def _refused_registration(self, session: Session, group: Identity, error: GsakmpError) -> None:
        name = self._by_identity.get(group, group.to_text())
        self._events.append(
            RegistrationRefused(
                group=name,
                member=session.sa.peer.identity.to_text(),
                address=session.path.remote,
                problem=str(error),
            )
        )

    def _on_delete(self, session: Session, delete: Delete, now: float) -> None:
        """A member deletes a group's SAs: it leaves. RFC 6407 has no other word for it."""
        identity = session.sa.peer.identity.folded()
        for name, server in self.groups.items():
            spis = {*server.state.rekey_sas, *(record.sa.spi for record in server.state.data_sas.values())}
            if identity in server.state.members and spis & set(delete.spis):
                server.leave(identity, now)
                self._collect(name, now)

    def _close_sessions_of(self, member: Identity, now: float) -> None:
        for session in self.sessions_of(member):
            self.close(session, "the member was evicted", now)

    # -- pushes ----------------------------------------------------------------------------------------------

    def _collect(self, name: str, now: float) -> None:
        """Take what a group wants committed, sent and told; nothing of one that was dropped."""
        server = self.groups.get(name)
        if server is None:
            return
        pushes = server.take_pushes()
        self._staged += server.take_changes()
        for push in pushes:
            self._push(name, push, now)
        if name in self._builders:
            self._builders[name].forget_all_but(server.state.rekey_sas)
        self._events.extend(event for event in map(told, server.take_events()) if event is not None)
        self._timers.set(("group", name), server.next_timeout())

    def _push(self, name: str, push: Push, now: float) -> None:
        dialect = self.endpoint_configuration.phase1.dialect
        builders = self._builders.setdefault(name, PushBuilders())
        octets = builders.build(push, dialect, allow_weak=self.groups[name].policy.allow_weak)
        datagrams = push_datagrams(push, octets)
        for datagram in datagrams:
            self._enqueue(datagram)
        if push.retransmissions and len(self._repeats) < REPEATS:
            self._repeat_number += 1
            self._repeats[self._repeat_number] = Repeat(datagrams, push.retransmissions, push.interval)
            self._timers.set(("push", self._repeat_number), now + push.interval)
        if self.secrets is not None:
            self.secrets("kek", push.sa.spi, push.sa.key)
        self._events.append(
            RekeySent(
                group=name,
                spi=push.sa.spi.hex(),
                sequence_number=push.sequence_number,
                reason=push.reason,
                octets=len(octets),
            )
        )

    def _on_group_message(self, message: Message, octets: bytes, path: Path, now: float) -> bool:
        if message.exchange_type != GDOIExchangeType.GROUPKEY_PUSH_ACK:
            return False
        spi = message.initiator_cookie + message.responder_cookie
        for name, server in self.groups.items():
            if (sa := server.rekey_sa(spi)) is not None:
                self._acknowledged(name, sa, message, path.remote, now)
                return True
        raise UnexpectedMessage("an acknowledgement for no Rekey SA that is known")

    def _acknowledged(self, name: str, sa: RekeySA, message: Message, source: Address, now: float) -> None:
        server = self.groups[name]
        verified = open_ack(
            message,
            sa,
            lambda identity: server.base_key(sa.spi, self._member_at(name, identity, source)),
            recent=self._recent_acks,
            origin=str(source),
        )
        member = self._member_at(name, verified.identity, source)
        if server.acknowledge(sa.spi, verified.sequence_number, member):
            self._events.append(
                MemberAcknowledged(
                    group=name,
                    member=member.to_text(),
                    spi=sa.spi.hex(),
                    sequence_number=verified.sequence_number,
                )
            )
        self._collect(name, now)

    def _member_at(self, name: str, identity: Identity, source: Address) -> Identity:
        """Who acknowledges: the ID payload holds the address from which the member registered (RFC 8263,
        3.4); one behind a NAT does not know what that is here, so the datagram's source tells. Members behind
        one address are told apart by their port."""
        server = self.groups[name]
        found = server.members_at(str(identity.data)) or server.members_at(str(source.host))
        members = server.state.members
        if len(found) > 1:
            found = [member for member in found if members[member].address == str(source)]
        if len(found) != 1:
            raise AuthenticationFailed(f"an acknowledgement of {identity}, where {len(found)} members are")
        return found[0]

    def _on_own_timer(self, key: Hashable, now: float) -> None:
        match key:
            case ("group", str() as name) if name in self.groups:
                self._group_timer(name, now)
            case ("push", int() as number) if number in self._repeats:
                repeat = self._repeats[number]
                for datagram in repeat.datagrams:
                    self._enqueue(datagram)
                self.retransmissions += len(repeat.datagrams)
                repeat.left -= 1
                if repeat.left:
                    self._timers.set(key, now + repeat.interval)
                else:
                    del self._repeats[number]

    def _group_timer(self, name: str, now: float) -> None:
        try:
            self.groups[name].handle_timeout(now)
            self._collect(name, now)
        except GsakmpError:  # its timer must go on, but not at once
            self._timers.set(("group", name), now + RETRY_SECONDS)
            raise

    def _index(self) -> None:
        self._by_identity = {server.state.identity: name for name, server in self.groups.items()}


def check_groups(policies: Iterable[GroupPolicy], at: Place = nowhere) -> None:
    """All that can be wrong with policies, before any is taken over. `at` says to whoever is told where each
    is: ``groups[1].name``. Raises `ConfigurationError`."""
    names: dict[str, int] = {}
    identities: dict[Identity, int] = {}
    for index, policy in enumerate(policies):
        with at(f"groups[{index}]"):
            checked(policy)
        with at(f"groups[{index}].name"):
            if (first := names.setdefault(policy.name, index)) != index:
                raise ConfigurationError(f"groups[{first}] has the name {policy.name!r} already")
        with at(f"groups[{index}].identity"):
            if (first := identities.setdefault(Identity.from_text(policy.identity), index)) != index:
                raise ConfigurationError(f"groups[{first}] has the identity {policy.identity!r} already")


def told(event: ServerEvent) -> Event | None:
    """A group's event as the engine tells it; None for what the engine tells itself."""
    match event:
        case MemberRemoved(group=group, member=member, kind="left"):
            return MemberLeft(group=group, member=member.to_text())
        case MemberRemoved(group=group, member=member, kind=kind):
            return MemberEvicted(group=group, member=member.to_text(), reason=kind)
        case MemberWentSilent(group=group, member=member, rekeys=rekeys):
            return MemberSilent(group=group, member=member.to_text(), rekeys=rekeys)
        case SAsReplaced(group=group, reason=reason, rekey_spis=rekey_spis, data_spis=data_spis):
            return KeysReplaced(group=group, reason=reason, rekey_spis=rekey_spis, data_spis=data_spis)
        case GroupStartedOver(group=group, reason=reason):
            return GroupRestarted(group=group, reason=reason)
    return None
