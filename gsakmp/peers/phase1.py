"""The exchanges of phase 1 that an endpoint has under way, in both roles, and how many it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

from gsakmp.crypto import Random
from gsakmp.errors import AuthenticationFailed, PolicyRefused, UnexpectedMessage
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.cookies import CookieJar
from gsakmp.exchanges.informational import unprotected
from gsakmp.exchanges.isakmp_sa import Step
from gsakmp.exchanges.phase1 import aggressive, main
from gsakmp.exchanges.retransmission import Conversation
from gsakmp.message import Message
from gsakmp.peers.events import ExchangeFailed
from gsakmp.peers.session import HalfOpen, Path
from gsakmp.peers.timers import Timers
from gsakmp.registries import ExchangeType, NotifyType

if TYPE_CHECKING:
    from gsakmp.peers.endpoint import Endpoint

__all__ = ["NAT_PORT", "NO_COOKIE", "PHASE_1", "PhaseOneExchanges"]

PHASE_1: Final = frozenset({int(ExchangeType.IDENTITY_PROTECTION), int(ExchangeType.AGGRESSIVE)})
NAT_PORT: Final = 4500
"""Where phase 1 goes on once a NAT was found (RFC 3947, 4)."""
NO_COOKIE: Final = bytes(8)


class PhaseOneExchanges:
    """Half-open exchanges by their cookies: both, or the initiator's alone until the responder has given its.

    A responder keeps nothing of a Main Mode exchange before message 3 brings its own cookie back.
    """

    def __init__(self, endpoint: Endpoint, timers: Timers, random: Random) -> None:
        self._endpoint = endpoint
        self._timers = timers
        self._random = random
        self._jar = CookieJar(random)
        self._open: dict[bytes, HalfOpen] = {}
        # a peer repeats its message 1 without our cookie, before it has seen it
        self._begun: dict[tuple[bytes, Address], bytes] = {}
        self._by_host: Counter[object] = Counter()  # those that a peer began
        self._failed: Counter[object] = Counter()  # messages 3 in vain, each at the price of a key pair
        self._failed_since = 0.0

    def __len__(self) -> int:
        return len(self._open)

    def connect(self, remote: Address, local: Address, now: float) -> bytes:
        """Begin one; our cookie."""
        configuration = self._endpoint.endpoint_configuration
        mode = aggressive.AggressiveModeInitiator if configuration.aggressive else main.MainModeInitiator
        machine = mode(configuration.phase1, local=local, remote=remote, random=self._random, now=now)
        path = Path(local, remote)
        half = HalfOpen(machine, Conversation(configuration.retransmission), path, now, initiated=True)
        self._endpoint.sent(half.conversation, machine.start(now), path, now)
        self._keep(half)
        return bytes(machine.initiator_cookie)

    def drop(self, initiator_cookie: bytes) -> None:
        """Forget one that we began."""
        for half in list(self._open.values()):
            if half.initiated and half.machine.initiator_cookie == initiator_cookie:
                self._forget(half)

    def receive(self, message: Message, octets: bytes, path: Path, now: float) -> None:
        """A message of phase 1 that belongs to no established SA. Raises `RemoteError`."""
        both = message.initiator_cookie + message.responder_cookie
        begun = self._begun.get((message.initiator_cookie, path.remote), both)
        half = self._open.get(both) or self._open.get(begun) or self._open.get(message.initiator_cookie)
        if half is not None and half.initiated and path.remote.host != half.path.remote.host:
            raise UnexpectedMessage("an answer from another address than was asked")
        if half is None:
            half = self._new(message, octets, path, now)
        if half is not None:
            self._continue(half, message, octets, path, now)

    def knows(self, message: Message, source: Address, now: float) -> bool:
        """Whether a message belongs to an exchange that is under way, or may resume one."""
        initiator, responder = message.initiator_cookie, message.responder_cookie
        if initiator + responder in self._open or initiator in self._open:
            return True
        return responder != NO_COOKIE and self._jar.recall(initiator, responder, source, now) is not None

    def on_timer(self, key: Hashable, now: float) -> None:
        """A timer that was set here is due."""
        match key:
            case ("half-open", bytes() as cookies) if cookies in self._open:
                self._retransmit(self._open[cookies], now)
            case ("half-open end", bytes() as cookies) if cookies in self._open:
                self._give_up(self._open[cookies], "it took too long", now)

    # -- as responder --------------------------------------------------------------------------------------

    def _new(self, message: Message, octets: bytes, path: Path, now: float) -> HalfOpen | None:
        main_mode = message.exchange_type == ExchangeType.IDENTITY_PROTECTION
        if message.responder_cookie == NO_COOKIE:
            if not main_mode:
                return self._aggressive(path, now)
            self._answer_offer(message, octets, path, now)
            return None
        if not main_mode:
            raise UnexpectedMessage("phase 1 that was not begun here")
        return self._resume(message, path, now)

    def _answer_offer(self, message: Message, octets: bytes, path: Path, now: float) -> None:
        """Nothing is kept: the cookie alone brings the initiator's offer back with message 3."""
        cookie = self._jar.cookie(octets, path.remote, now)
        configuration = self._endpoint.endpoint_configuration.phase1
        answer = main.answer_offer(configuration, message, octets, cookie)
        self._endpoint.send((answer,), path, None, now)

    def _resume(self, message: Message, path: Path, now: float) -> HalfOpen:
        first = self._jar.recall(message.initiator_cookie, message.responder_cookie, path.remote, now)
        if first is None:
            raise UnexpectedMessage("a responder cookie that is not ours, or too old")
        self._admit(path)
        self._check_failed(path, now)
        configuration = self._endpoint.endpoint_configuration
        machine = main.MainModeResponder(
            configuration.phase1,
            first,
            responder_cookie=message.responder_cookie,
            local=path.local,
            remote=path.remote,
            random=self._random,
            now=now,
        )
        return HalfOpen(machine, Conversation(configuration.retransmission), path, now, initiated=False)

    def _aggressive(self, path: Path, now: float) -> HalfOpen:
        configuration = self._endpoint.endpoint_configuration
        if not configuration.phase1.aggressive_responder:
            raise PolicyRefused("Aggressive Mode, which is not accepted here")
        self._admit(path)
        machine = aggressive.AggressiveModeResponder(
            configuration.phase1, local=path.local, remote=path.remote, random=self._random, now=now
        )
        return HalfOpen(machine, Conversation(configuration.retransmission), path, now, initiated=False)

    def _admit(self, path: Path) -> None:
        configuration = self._endpoint.endpoint_configuration
        if self._by_host.total() >= configuration.half_open:
            raise PolicyRefused(f"{configuration.half_open} half-open exchanges, no more are taken")
        if self._by_host[network_of(path.remote)] >= configuration.half_open_per_source:
            raise PolicyRefused(
                f"{configuration.half_open_per_source} half-open exchanges from {path.remote.host}, "
                "no more are taken"
            )

    def _check_failed(self, path: Path, now: float) -> None:
        """Nothing is kept of a message 3 that fails, so what it costs is bounded here. Its cookie shows that
        it comes from where it says."""
        configuration = self._endpoint.endpoint_configuration
        if not 0 <= now - self._failed_since < configuration.exchange_seconds:
            self._failed.clear()
            self._failed_since = now
        if self._failed[network_of(path.remote)] >= configuration.half_open_per_source:
            raise PolicyRefused(f"too many exchanges that came to nothing from {path.remote.host}")

    def _count_failed(self, half: HalfOpen) -> None:
        if len(self._failed) >= self._endpoint.endpoint_configuration.half_open:
            self._failed.clear()
        self._failed[network_of(half.path.remote)] += 1

    # -- both roles ----------------------------------------------------------------------------------------

    def _continue(self, half: HalfOpen, message: Message, octets: bytes, path: Path, now: float) -> None:
        machine, conversation, endpoint = half.machine, half.conversation, self._endpoint
        again = conversation.repeated(octets, now)
        if again is not None:
            endpoint.retransmissions += len(again)
            endpoint.send(again, half.path, machine, now)
            return
        if half.known and path.remote.host != half.path.remote.host and not machine.extensions.remote_nat:
            # it may be genuine all the same, sent on by a listener who would then be taken for the peer
            raise UnexpectedMessage("a message from another address, and no NAT before the peer")
        self._forget(half)
        try:
            step: Step = machine.receive(message, octets, now, path.local, path.remote)
        except Exception as error:
            half.distrusted |= isinstance(error, AuthenticationFailed)
            if half.known:  # one that begins with a bad message is not kept
                self._keep(half)
            elif isinstance(machine, main.MainModeResponder):
                self._count_failed(half)
            raise
        conversation.answered(octets, now)
        half.path = path
        if half.initiated and machine.floating:
            half.path = Path(path.local._replace(port=NAT_PORT), path.remote._replace(port=NAT_PORT))
        if machine.sa is not None:
            endpoint.establish(half, machine.sa, step, now)
            return
        endpoint.sent(conversation, step, half.path, now, machine)
        self._keep(half)

    def _keep(self, half: HalfOpen) -> None:
        half.known = True
        key = cookies_of(half)
        self._open[key] = half
        if not half.initiated:
            half.counted = half.path.remote
            self._by_host[network_of(half.counted)] += 1
            self._begun[half.machine.initiator_cookie, half.counted] = key
        self._timers.set(("half-open", key), half.conversation.next_timeout())
        end = half.started_at + self._endpoint.endpoint_configuration.exchange_seconds
        self._timers.set(("half-open end", key), end)

    def _forget(self, half: HalfOpen) -> None:
        key = cookies_of(half)
        if self._open.pop(key, None) is None:
            return
        if not half.initiated:
            host = network_of(half.counted)
            self._by_host[host] -= 1
            if not self._by_host[host]:
                del self._by_host[host]
            self._begun.pop((half.machine.initiator_cookie, half.counted), None)
        self._timers.set(("half-open", key), None)
        self._timers.set(("half-open end", key), None)

    def _retransmit(self, half: HalfOpen, now: float) -> None:
        again = half.conversation.handle_timeout(now)
        self._endpoint.retransmissions += len(again)
        self._endpoint.send(again, half.path, half.machine, now)
        if half.conversation.exhausted:
            self._give_up(half, "no answer", now)
        else:
            self._timers.set(("half-open", cookies_of(half)), half.conversation.next_timeout())

    def _give_up(self, half: HalfOpen, problem: str, now: float) -> None:
        self._forget(half)
        machine = half.machine
        if half.distrusted:  # at the end, as what failed may have been forged and a sound message still come
            self._endpoint.send((self._refusal(half),), half.path, None, now)
        self._endpoint.tell(
            ExchangeFailed(
                exchange=type(machine).__name__,
                address=half.path.remote,
                initiator_cookie=machine.initiator_cookie.hex(),
                responder_cookie=(machine.responder_cookie or b"").hex(),
                message_id=0,
                problem=f"{problem} in state {machine.state}",
            )
        )
        if half.initiated:
            self._endpoint.connection_failed(machine.initiator_cookie, problem, now)

    def _refusal(self, half: HalfOpen) -> bytes:
        """The same for whatever was wrong with the peer's proof (RFC 2408, 5.11 and 5.12)."""
        machine = half.machine
        return unprotected(
            machine.initiator_cookie,
            machine.responder_cookie,
            NotifyType.AUTHENTICATION_FAILED,
            self._endpoint.endpoint_configuration.phase1.sa_doi,
            self._random,
        )


def network_of(source: Address) -> int:
    """What limits by source count as one: an IPv4 address, or an IPv6 network of 64 bits, in which a host may
    have any address that it likes (RFC 4291, 2.5.4)."""
    host = source.host
    return int(host) if host.version == 4 else int(host) >> 64 | 1 << 128


def cookies_of(half: HalfOpen) -> bytes:
    """By what a half-open exchange is known."""
    machine = half.machine
    if not machine.responder_cookie or machine.responder_cookie == NO_COOKIE:
        return bytes(machine.initiator_cookie)
    return bytes(machine.initiator_cookie + machine.responder_cookie)
