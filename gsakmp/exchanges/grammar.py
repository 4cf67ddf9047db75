"""Which payloads a message of an exchange has: a table, checked before any handler sees the message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from gsakmp.errors import UnexpectedMessage
from gsakmp.message import Message
from gsakmp.payloads import CertificateRequest, Nonce, Notification, VendorID
from gsakmp.registries import NotifyType
from gsakmp.wire import Payload

__all__ = ["ANYWHERE", "Grammar", "Payloads", "Slot", "check_header", "nonce_octets", "refused"]

P = TypeVar("P", bound=Payload)
PRIVATE: Final = 128
"""From here on payload types are private (RFC 2408, 3.1): not ours to judge, and passed over."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One kind of payload, and how many of it there may be."""

    payload: type[Payload]
    minimum: int = 1
    maximum: int = 1


ANYWHERE: Final = (Slot(VendorID, 0, 32), Slot(Notification, 0, 8), Slot(CertificateRequest, 0, 16))
"""What phase 1 may have in any message (RFC 2408, 3.10, 3.14 and 3.16)."""
SHAPES: Final = 64
"""Sequences of payload types that a grammar remembers as its own; what is there twice is judged once."""


@dataclass(frozen=True, slots=True)
class Payloads:
    """The payloads of a message that keeps to its grammar."""

    payloads: tuple[Payload, ...]

    def one(self, kind: type[P]) -> P:
        """The payload of this kind, of which the grammar wants one."""
        return next(payload for payload in self.payloads if isinstance(payload, kind))

    def maybe(self, kind: type[P]) -> P | None:
        """The payload of this kind, if there is one."""
        return next((payload for payload in self.payloads if isinstance(payload, kind)), None)

    def all(self, kind: type[P]) -> tuple[P, ...]:
        """All payloads of this kind, in order."""
        return tuple(payload for payload in self.payloads if isinstance(payload, kind))


@dataclass(frozen=True, slots=True)
class Grammar:
    """The payloads of one message: `first` lead in this order, `last` end it, `others` are in any order."""

    name: str
    """The exchange and the message in it: ``GROUPKEY-PULL message 1``."""
    source: str
    """RFC and section."""
    first: tuple[Slot, ...] = ()
    others: tuple[Slot, ...] = ()
    last: tuple[Slot, ...] = ()
    encrypted: bool = False
    _shapes: set[tuple[type[Payload], ...]] = field(
        default_factory=set, init=False, repr=False, compare=False
    )

    def check(self, message: Message) -> Payloads:
        """The message's payloads (of an encrypted one, after `Message.with_plaintext`).

        Raises `UnexpectedMessage` for an encryption bit that is wrong, a payload too many, too few, unknown,
        or out of its place.
        """
        if message.encrypted != self.encrypted:
            raise refused(f"{self.name}: {'not ' * self.encrypted}encrypted", NotifyType.INVALID_FLAGS)
        shape = tuple(map(type, message.payloads))
        if shape not in self._shapes:
            judged = self._check_payloads(message.payloads)
            if judged and len(self._shapes) < SHAPES:
                self._shapes.add(shape)
        return Payloads(message.payloads)

    def _check_payloads(self, left: Sequence[Payload]) -> bool:
        """Whether the classes of the payloads alone make them right: none was passed over."""
        judged = True
        for slot in self.first:
            found = _leading(slot.payload, left)
            self._judge(slot, found, " in its place")
            left = left[found:]
        for slot in reversed(self.last):
            found = _leading(slot.payload, left[::-1])
            self._judge(slot, found, " in its place")
            left = left[: len(left) - found]
        counts = [0] * len(self.others)
        for payload in left:
            place = next((n for n, slot in enumerate(self.others) if isinstance(payload, slot.payload)), None)
            if place is not None:
                counts[place] += 1
            elif payload.kind < PRIVATE:
                raise refused(
                    f"{self.name}: {type(payload).__name__} (payload type {payload.kind}) has no place there",
                    NotifyType.INVALID_PAYLOAD_TYPE,
                )
            else:
                judged = False
        for slot, found in zip(self.others, counts, strict=True):
            self._judge(slot, found)
        return judged

    def _judge(self, slot: Slot, found: int, place: str = "") -> None:
        if not slot.minimum <= found <= slot.maximum:
            raise refused(
                f"{self.name}: {found} of {slot.payload.__name__}{place}, "
                f"{slot.minimum} to {slot.maximum} wanted"
            )

    def to_text(self) -> str:
        """One line, as the RFCs draw messages: ``HDR*, Hash, Nonce, Identification, [VendorID...]``."""
        parts = ["HDR*" if self.encrypted else "HDR"]
        for slot in (*self.first, *self.others, *self.last):
            text = slot.payload.__name__ + ("..." if slot.maximum > 1 else "")
            parts.append(text if slot.minimum else f"[{text}]")
        return ", ".join(parts)


def _leading(kind: type[Payload], payloads: Sequence[Payload]) -> int:
    """How many payloads of this kind come first."""
    other = (index for index, payload in enumerate(payloads) if not isinstance(payload, kind))
    return next(other, len(payloads))


def refused(problem: str, notify_type: int = NotifyType.PAYLOAD_MALFORMED) -> UnexpectedMessage:
    """The error for a message that has no place, with what to answer on the wire (RFC 2408, 3.14.1)."""
    error = UnexpectedMessage(problem)
    error.notify_type = notify_type
    return error


def check_header(
    message: Message, *, cookies: bytes, exchange_type: int, message_id: int, flags: int
) -> None:
    """Every field of the header is what it must be; Next Payload and Length are the parser's business.

    `cookies` are CKY-I | CKY-R. Raises `UnexpectedMessage`. RFC 2408, 5.2; RFC 6407, 4.2.
    """
    if message.initiator_cookie + message.responder_cookie != cookies:
        raise refused("the cookies are those of another SA", NotifyType.INVALID_COOKIE)
    if message.major_version != 1:
        raise refused(f"major version {message.major_version}", NotifyType.INVALID_MAJOR_VERSION)
    if message.minor_version:
        raise refused(f"minor version {message.minor_version}", NotifyType.INVALID_MINOR_VERSION)
    if message.exchange_type != exchange_type:
        raise refused(f"{message.exchange_name} has no place here", NotifyType.INVALID_EXCHANGE_TYPE)
    if message.flags != flags:
        raise refused(f"flags {int(message.flags):#04x}, not {flags:#04x}", NotifyType.INVALID_FLAGS)
    if message.message_id != message_id:
        raise refused(f"message id {message.message_id:#010x}", NotifyType.INVALID_MESSAGE_ID)


def nonce_octets(nonce: Nonce, longest: int = 256) -> bytes:
    """The nonce's value: 8 octets to `longest`, which is 256 in IKE (RFC 2409, 5) and 128 in GDOI (RFC 6407,
    5.8). Raises `UnexpectedMessage` for one that is too short or too long."""
    if not 8 <= len(nonce.nonce_data) <= longest:
        raise refused(f"a nonce of {len(nonce.nonce_data)} octets, 8 to {longest} are allowed")
    return nonce.nonce_data
