"""The opener: which message is what, and who opens it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from ipaddress import ip_address
from typing import Final

from gsakmp.captures.datagram import Datagram
from gsakmp.captures.keyring import Keyring
from gsakmp.captures.opened import Check, ExchangeKind, Opened, Status
from gsakmp.captures.opening.book import Book
from gsakmp.captures.opening.data import DataOpening
from gsakmp.captures.opening.draft import Draft, told
from gsakmp.captures.opening.phase1 import PhaseOneOpening
from gsakmp.captures.opening.protected import ProtectedOpening
from gsakmp.captures.opening.push import PushOpening
from gsakmp.captures.packets import ESP
from gsakmp.captures.reader import PORTS
from gsakmp.doi import DOI, GDOI, IPSEC, STANDARD, Dialect
from gsakmp.errors import ConfigurationError, GsakmpError, InternalError, Truncated
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.fragments import Reassembler
from gsakmp.message import NAT_KEEPALIVE, NON_ESP_MARKER, Message, parse
from gsakmp.message.header import has_header
from gsakmp.payloads import Fragment
from gsakmp.registries import ExchangeType, GDOIExchangeType, IPsecExchangeType

__all__ = ["Opener"]

NAT_TRAVERSAL: Final = 4500
GDOI_PORT: Final = 848
COOKIES: Final = 16
ESP_OCTETS: Final = 8
VERSION_1: Final = 1
UNKNOWN: Final = ip_address("0.0.0.0")

PHASE_1: Final = {
    int(ExchangeType.IDENTITY_PROTECTION): ExchangeKind.MAIN,
    int(ExchangeType.AGGRESSIVE): ExchangeKind.AGGRESSIVE,
}
OF_GDOI: Final = {
    int(GDOIExchangeType.GROUPKEY_PULL): ExchangeKind.PULL,
    int(GDOIExchangeType.GROUPKEY_PUSH): ExchangeKind.PUSH,
    int(GDOIExchangeType.GROUPKEY_PUSH_ACK): ExchangeKind.ACK,
}


class Opener:
    """Opens a capture, message by message, with the secrets of `keyring`.

    `doi` and `dialect` say what the peers speak; None finds it out, of the dialects the standard's and
    gdoid's (gdoid on a big-endian machine can't be told from the octets). `ports` are those of ISAKMP here:
    500, 848 and 4500 mean what they mean, any other is GDOI's and may carry its data, too. Octets without a
    port count as sent to `default_port`.

    What is kept is bounded by `gsakmp.limits`, whatever the file: of more SAs than those allow, the ones that
    were quiet longest are forgotten, and what comes for them later stays sealed.
    """

    def __init__(
        self,
        keyring: Keyring | None = None,
        *,
        doi: DOI | None = None,
        dialect: Dialect | None = None,
        ports: Collection[int] = PORTS,
        default_port: int = GDOI_PORT,
    ) -> None:
        if keyring is not None and not isinstance(keyring, Keyring):
            raise ConfigurationError(f"{type(keyring).__name__} where a Keyring is wanted")
        self._doi = doi
        self._dialect = dialect
        self._ports = frozenset(ports)
        self._default_port = meaning(default_port)
        self._number = 0
        self._book = Book(keyring or Keyring())
        self._phase1 = PhaseOneOpening(self._book.keyring, self._book.note)
        self._protected = ProtectedOpening(self._phase1, dialect, self._book.take_pull, self._book.withhold)
        self._push = PushOpening(self._book, dialect)
        self._data = DataOpening(self._book)
        self._fragments = Reassembler()

    @property
    def learnt(self) -> Keyring:
        """The keys that were found or made: of ISAKMP SAs, KEKs, TEKs, the public keys that verify pushes."""
        return self._book.learnt

    def feed(self, given: Datagram | Message | bytes) -> Opened:
        """The next datagram of the capture; a message, or octets, where there is nothing around it.

        Raises `ConfigurationError` for what is none of them, and nothing for what a peer has sent.
        """
        datagram = as_datagram(given)
        self._number += 1
        draft = Draft.of(self._number, datagram, None)
        try:
            self._take(draft)
        except GsakmpError as error:
            draft.error = error
            draft.fail(Status.MALFORMED, str(error))
        except RecursionError:
            draft.fail(Status.MALFORMED, "nested too deep")
        except Exception as error:
            # The octets may hold keys, so they are not shown.
            raise InternalError(f"{type(error).__name__} in opening message {self._number}") from error
        return draft.done()

    def feed_all(self, datagrams: Iterable[Datagram | Message | bytes]) -> Iterator[Opened]:
        """`feed` for one after the other."""
        return map(self.feed, datagrams)

    # -- what it is --------------------------------------------------------------------------------------

    def _take(self, draft: Draft) -> None:
        datagram = draft.datagram
        octets, port = datagram.octets, self._port(datagram)
        named, port = port not in PORTS, meaning(port)
        if datagram.protocol == ESP:
            self._data.take(draft, octets)
            return
        if port == NAT_TRAVERSAL and octets == NAT_KEEPALIVE:
            draft.reason = "a NAT keepalive (RFC 3948, 2.3)"
            return
        marked = port == NAT_TRAVERSAL and octets[:4] == NON_ESP_MARKER
        if port == NAT_TRAVERSAL and not marked and len(octets) >= ESP_OCTETS:
            self._data.take(draft, octets)
            return
        start = len(NON_ESP_MARKER) if marked else 0
        cookies = octets[start : start + COOKIES]
        data = self._data.knows(octets) or (named and not has_header(octets))
        if data and self._known(cookies) is None and not marked:
            self._data.take(draft, octets)
            return
        message = self._parsed(draft, octets, port, cookies)
        if message is None:
            return
        draft.message, draft.octets = message, octets[start:]
        self._dispatch(draft, message)

    def _port(self, datagram: Datagram) -> int:
        for port in (datagram.destination_port, datagram.source_port):
            if port in self._ports:
                return port
        return self._default_port

    def _known(self, cookies: bytes) -> DOI | None:
        """The domain of what the cookies name, if it is known."""
        state = self._phase1.state(cookies)
        if state is not None:
            return state.doi
        return GDOI if len(cookies) == COOKIES and self._book.rekey(cookies) is not None else None

    def _parsed(self, draft: Draft, octets: bytes, port: int, cookies: bytes) -> Message | None:
        """The message. Of a malformed one what a lenient parse gives goes into `draft`, and this is None."""
        doi = self._doi or self._known(cookies)
        dialect = self._dialect or STANDARD
        try:
            if draft.datagram.missing:
                raise Truncated(f"the capture kept only the first {len(octets)} octets", "", len(octets))
            return parse(octets, port=port, doi=doi, dialect=dialect)
        except GsakmpError as error:
            draft.error = error
            draft.fail(Status.MALFORMED, "")
        try:
            draft.message = parse(octets, port=port, doi=doi, dialect=dialect, lenient=True)
            draft.kind = kind_of(draft.message)
        except GsakmpError:
            pass
        return None

    # -- who opens it ------------------------------------------------------------------------------------

    def _dispatch(self, draft: Draft, message: Message) -> None:
        draft.kind = kind_of(message)
        if message.major_version != VERSION_1:
            draft.status = Status.CLEAR
            return
        if message.payloads and isinstance(message.payloads[0], Fragment):
            self._fragment(draft, message)
        elif draft.kind in (ExchangeKind.MAIN, ExchangeKind.AGGRESSIVE):
            self._phase1.take(draft, message)
        elif draft.kind is ExchangeKind.PUSH:
            self._pushed(draft, message)
        elif draft.kind is ExchangeKind.ACK and not message.encrypted:
            self._push.take_ack(draft, message)
        elif message.encrypted:
            self._protected.take(draft, message)
        else:
            self._in_the_clear(draft, message)

    def _pushed(self, draft: Draft, message: Message) -> None:
        self._push.take(draft, message)
        if not message.encrypted:
            draft.status, draft.reason = Status.CLEAR, ""
            draft.checks.append(Check("policy", False, "a push must be encrypted (RFC 6407, 4)"))

    def _in_the_clear(self, draft: Draft, message: Message) -> None:
        """An error before there are keys; it proves nothing."""
        cookies = message.initiator_cookie + message.responder_cookie
        state = self._phase1.state(cookies)
        draft.exchange = f"{cookies.hex()} {message.message_id:08x}"
        if state is not None:
            draft.sa, draft.sender = state.name, state.sender(draft.datagram)
        told(draft, message, protected=False)

    def _fragment(self, draft: Draft, message: Message) -> None:
        """A piece of a long message ([MS-IKEE], 2.2); with the last the whole is opened."""
        draft.exchange = f"{message.initiator_cookie.hex()} fragments"
        whole = self._fragments.add(message, address_of(draft.datagram), draft.seconds)
        if whole is None:
            draft.reason = "a fragment; others are still missing"
            return
        cookies = whole[:COOKIES]
        port = meaning(self._port(draft.datagram))
        plain_port = self._default_port if port == NAT_TRAVERSAL else port
        doi, dialect = self._doi or self._known(cookies), self._dialect or STANDARD
        inner = parse(whole, port=plain_port, doi=doi, dialect=dialect)
        draft.octets, draft.message = whole, inner
        self._dispatch(draft, inner)
        draft.message = message
        draft.plaintext = draft.plaintext or inner


def meaning(port: int) -> int:
    """The port that one stands for: itself, or that of GDOI (RFC 6407, 2.2) if it is none of its own."""
    return port if port in PORTS else GDOI_PORT


def kind_of(message: Message) -> ExchangeKind:
    """Which exchange a message is of."""
    if message.major_version != VERSION_1:
        return ExchangeKind.OTHER
    exchange = int(message.exchange_type)
    if exchange in PHASE_1:
        return PHASE_1[exchange]
    if exchange == ExchangeType.INFORMATIONAL:
        return ExchangeKind.INFORMATIONAL
    if message.doi is GDOI:
        return OF_GDOI.get(exchange, ExchangeKind.OTHER)
    quick = message.doi is IPSEC and exchange == IPsecExchangeType.QUICK_MODE
    return ExchangeKind.QUICK if quick else ExchangeKind.OTHER


def as_datagram(given: Datagram | Message | bytes) -> Datagram:
    """What was given, as a datagram. Raises `ConfigurationError`, `EncodeError`."""
    if isinstance(given, Datagram):
        return given
    if isinstance(given, Message):
        return Datagram(given.build())
    if isinstance(given, bytes):
        return Datagram(given)
    raise ConfigurationError(f"{type(given).__name__} where a Datagram, a Message or octets are wanted")


def address_of(datagram: Datagram) -> Address:
    """Where it came from, as far as that is known."""
    try:
        return Address(ip_address(datagram.source_address), datagram.source_port)
    except ValueError:
        return Address(UNKNOWN, datagram.source_port)
