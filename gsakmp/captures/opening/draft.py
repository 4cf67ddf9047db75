"""What all parts of the opening share: the record in the making, and a bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from gsakmp.captures.datagram import Datagram
from gsakmp.captures.opened import (
    Check,
    ESPContent,
    Event,
    ExchangeKind,
    Notified,
    Opened,
    Retransmission,
    Sender,
    Status,
)
from gsakmp.crypto.hashes import SHA256
from gsakmp.errors import GsakmpError
from gsakmp.identities import Identity
from gsakmp.message import NON_ESP_MARKER, Message
from gsakmp.payloads import Identification, Notification

__all__ = ["Draft", "First", "Recent", "identity_text", "told"]

K = TypeVar("K")
V = TypeVar("V")

FIRST_STATUS: Final = 16_384
"""From here on a notification is a status, below it an error (RFC 2408, 3.14.1)."""
LONGEST_NAME: Final = 200
"""Characters of an identity as a name; peers choose theirs."""


class First(NamedTuple):
    """A message that may be repeated: its number, its frame, its IV if that is known, whence and when it
    came."""

    number: int
    frame: int
    iv: bytes | None = None
    source: str = ""
    time: int = 0


class Recent(Generic[K, V]):
    """The entries used last, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def get(self, key: K) -> V | None:
        """The entry, which is now the one used last."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> V:
        """Enter it; the one that was not used longest goes if there is no more room."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self.limit:
            self._entries.popitem(last=False)
        return value

    def oldest(self) -> tuple[K, V]:
        """The entry that was not used longest; there must be one."""
        return next(iter(self._entries.items()))

    def values(self) -> tuple[V, ...]:
        """All, the one used last at the end."""
        return tuple(self._entries.values())


@dataclass(slots=True, eq=False)
class Draft:
    """An `Opened` in the making; see there."""

    number: int
    datagram: Datagram
    octets: bytes
    """The message without non-ESP marker."""
    message: Message | None = None
    kind: ExchangeKind = ExchangeKind.OTHER
    status: Status = Status.CLEAR
    plaintext: Message | None = field(default=None, repr=False)
    plaintext_octets: bytes = field(default=b"", repr=False)
    exchange: str = ""
    step: int = 0
    sender: Sender = Sender.UNKNOWN
    sa: str = ""
    group: str = ""
    member: str = ""
    checks: list[Check] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    esp: ESPContent | None = None
    error: GsakmpError | None = None
    reason: str = ""
    again: bool = False
    """Whether it repeats a message from before: nothing is to be learnt from it."""

    @classmethod
    def of(cls, number: int, datagram: Datagram, message: Message | None) -> Draft:
        """A new one."""
        start = len(NON_ESP_MARKER) if message is not None and message.non_esp_marker else 0
        return cls(number, datagram, datagram.octets[start:], message)

    @property
    def digest(self) -> bytes:
        """By which the very same message is known again."""
        return SHA256.digest(self.octets)

    @property
    def seconds(self) -> float:
        """Its time in seconds since 1970."""
        return self.datagram.time / 1e9

    @property
    def sound(self) -> bool:
        """Whether no check has failed."""
        return not any(check.passed is False for check in self.checks)

    @property
    def first(self) -> First:
        """It, for who may repeat it."""
        return First(self.number, self.datagram.frame, None, self.datagram.source, self.datagram.time)

    def repeats(self, first: First) -> None:
        """It is that message again."""
        self.again = True
        self.events.append(Retransmission(of=first.number, frame=first.frame))

    def fail(self, status: Status, reason: str) -> None:
        """It can't be opened."""
        self.status, self.reason = status, reason

    def done(self) -> Opened:
        """The record."""
        return Opened(
            number=self.number,
            datagram=self.datagram,
            message=self.message,
            plaintext=self.plaintext,
            plaintext_octets=self.plaintext_octets,
            status=self.status,
            kind=self.kind,
            exchange=self.exchange,
            step=self.step,
            sender=self.sender,
            sa=self.sa,
            group=self.group,
            member=self.member,
            checks=tuple(self.checks),
            events=tuple(self.events),
            esp=self.esp,
            error=self.error,
            reason=self.reason,
        )


def identity_text(payload: Identification) -> str:
    """Whom an ID payload names, in text and not without end."""
    try:
        text = Identity.from_payload(payload).to_text()
    except GsakmpError:
        text = f"type-{int(payload.id_type)}:?"
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."


def told(draft: Draft, message: Message, protected: bool) -> None:
    """The notifications of a message, as events."""
    for payload in message.payloads:
        if isinstance(payload, Notification):
            kind = payload.notify_message_type
            name = kind.name if kind.name else str(int(kind))
            draft.events.append(Notified(name=name, error=int(kind) < FIRST_STATUS, protected=protected))
