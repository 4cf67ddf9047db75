"""What the reports call things: messages, payloads by the letters of the RFCs, times; and safe text.

Text comes from peers: identities, names of notifications, errors that quote them. Whatever is not printable
(control characters, those that turn the direction of writing) is written out before it is shown.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from gsakmp.captures.opened import Event, ExchangeKind, Opened, Status
from gsakmp.message import Message
from gsakmp.payloads import (
    SAKEK,
    SATEK,
    Delete,
    Fragment,
    GroupAssociatedPolicy,
    GroupDelete,
    GroupSA,
    KeyDownload,
    NATDiscovery,
    NATOriginalAddress,
    Notification,
)
from gsakmp.registries import IKEv2PayloadType, PayloadType
from gsakmp.wire.spans import printable

__all__ = [
    "LABELS",
    "NOTHING",
    "SECOND",
    "Piece",
    "Row",
    "amount",
    "clean",
    "clock",
    "counted",
    "duration",
    "interval",
    "kind_name",
    "label",
    "payload_words",
    "safe",
    "short",
    "time_text",
]

Piece = tuple[str, str]
"""Text, and the name of its style: head, title, name, value, note, address, problem, or empty."""
Row = tuple[Piece, ...]
"""One line."""

LABELS: Final[dict[str, str]] = {
    ExchangeKind.MAIN: "Main Mode",
    ExchangeKind.AGGRESSIVE: "Aggressive Mode",
    ExchangeKind.QUICK: "Quick Mode",
    ExchangeKind.INFORMATIONAL: "Informational",
    ExchangeKind.PULL: "Pull",
    ExchangeKind.PUSH: "Push",
    ExchangeKind.ACK: "Push ACK",
}
LETTERS: Final = {
    PayloadType.SA: "SA",
    PayloadType.KEY_EXCHANGE: "KE",
    PayloadType.IDENTIFICATION: "ID",
    PayloadType.CERTIFICATE: "CERT",
    PayloadType.CERTIFICATE_REQUEST: "CR",
    PayloadType.HASH: "HASH",
    PayloadType.SIGNATURE: "SIG",
    PayloadType.NONCE: "NONCE",
    PayloadType.NOTIFICATION: "N",
    PayloadType.DELETE: "D",
    PayloadType.VENDOR_ID: "VID",
    PayloadType.KEY_DOWNLOAD: "KD",
    PayloadType.SEQUENCE_NUMBER: "SEQ",
    PayloadType.PROOF_OF_POSSESSION: "POP",
    PayloadType.NAT_DISCOVERY: "NAT-D",
    PayloadType.NAT_ORIGINAL_ADDRESS: "NAT-OA",
}
"""Short, after the notation of RFC 2408, 2409, 3947 and 6407; VID and CR are every IKE program's words."""

DRAFT_LETTERS: Final[dict[type, str]] = {NATDiscovery: "NAT-D", NATOriginalAddress: "NAT-OA"}
"""Payloads that drafts gave other numbers, among them 15 and 16, which in GDOI are SA KEK and SA TEK."""

IKEV2_LETTERS: Final = {
    IKEv2PayloadType.SECURITY_ASSOCIATION: "SA",
    IKEv2PayloadType.KEY_EXCHANGE: "KE",
    IKEv2PayloadType.IDENTIFICATION_INITIATOR: "IDi",
    IKEv2PayloadType.IDENTIFICATION_RESPONDER: "IDr",
    IKEv2PayloadType.CERTIFICATE: "CERT",
    IKEv2PayloadType.CERTIFICATE_REQUEST: "CERTREQ",
    IKEv2PayloadType.AUTHENTICATION: "AUTH",
    IKEv2PayloadType.NONCE: "NONCE",
    IKEv2PayloadType.NOTIFY: "N",
    IKEv2PayloadType.DELETE: "D",
    IKEv2PayloadType.VENDOR_ID: "V",
    IKEv2PayloadType.TRAFFIC_SELECTOR_INITIATOR: "TSi",
    IKEv2PayloadType.TRAFFIC_SELECTOR_RESPONDER: "TSr",
    IKEv2PayloadType.ENCRYPTED_AND_AUTHENTICATED: "SK",
}
"""As RFC 7296, 1.2 abbreviates them."""

NUMBERED: Final = frozenset(
    {ExchangeKind.MAIN, ExchangeKind.AGGRESSIVE, ExchangeKind.QUICK, ExchangeKind.PULL}
)
"""Exchanges whose messages go by their place; an Informational has one."""
UNDER_REKEY: Final = frozenset({ExchangeKind.PUSH, ExchangeKind.ACK})
"""Those that go by their SEQ and the Rekey SA, each of which counts anew."""
SHORT: Final = 8
MOST_PAYLOADS: Final = 12
"""Payloads that a label names."""
LONGEST: Final = 200
"""Characters of a text from outside in a report."""
NOTHING: Final = "There is no message in it."
"""What a report of an empty capture says."""
VERSION_1: Final = 1
SECOND: Final = 1_000_000_000
"""Nanoseconds."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def clean(text: object, most: int = LONGEST) -> str:
    """A text from outside in one line, printable, and no longer than `most` characters."""
    shown = printable(str(text)[: most + 1])
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def safe(event: Event) -> Event:
    """An event with all its texts made so. Names of SAs are hex, and stay what they are."""
    changes = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, str):
            shown: object = clean(value)
        elif isinstance(value, tuple):
            shown = tuple(clean(each) if isinstance(each, str) else each for each in value)
        else:
            continue
        if shown != value:
            changes[name] = shown
    return msgspec.structs.replace(event, **changes) if changes else event


def counted(number: int, what: str, plural: str = "") -> str:
    """``1 frame``, ``2 frames``."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def amount(messages: int, packets: int) -> str:
    """``98 messages and 4 ESP packets``, without what there is none of."""
    parts = [counted(messages, "message")] if messages or not packets else []
    return " and ".join([*parts, counted(packets, "ESP packet")] if packets else parts)


def short(sa: str) -> str:
    """The start of an SA's name, which is enough to tell them apart."""
    return sa if sa == "*" else clean(sa[:SHORT])


# -- messages ----------------------------------------------------------------------------------------------


def label(opened: Opened) -> str:
    """What a message is, in a few words: ``Pull 2``, ``Push 4 under c07672c8``."""
    esp, message = opened.esp, opened.shown
    if esp is not None:
        return f"ESP {esp.sequence_number}"
    name = LABELS.get(opened.kind)
    if name is None:
        return clean(opened.reason or "not a message") if message is None else exchange_words(message)
    if opened.step and (opened.kind in NUMBERED or opened.kind in UNDER_REKEY):
        name = f"{name} {opened.step}"
    return f"{name} under {short(opened.sa)}" if opened.kind in UNDER_REKEY and opened.sa else name


def kind_name(opened: Opened) -> str:
    """What a message counts as: its kind, or of those without one its exchange."""
    if opened.kind is ExchangeKind.OTHER and opened.shown is not None:
        return clean(opened.shown.exchange_name)
    return str(opened.kind)


def exchange_words(message: Message) -> str:
    """An exchange by its number's name: ``IKE SA INIT``."""
    return clean(message.exchange_name.replace("_", " "))


def payload_words(opened: Opened) -> str:
    """The payloads in their order: ``HASH, NONCE, SA(KEK, TEK)``; empty where they are not known.

    A star before them says that they came encrypted, as RFC 2409, 3.2 has it.
    """
    if opened.esp is not None:
        return ""
    message = opened.shown
    if message is None or not message.payloads:
        return "* sealed" if message is not None and message.ciphertext else ""
    named = [payload_word(payload, message.major_version) for payload in message.payloads[:MOST_PAYLOADS]]
    more = len(message.payloads) - len(named)
    text = ", ".join(folded(named)) + (f" and {more} more" if more else "")
    return f"* {text}" if opened.status in (Status.OPENED, Status.PARTLY) else text


def folded(words: list[str]) -> list[str]:
    """The same word several times in a row as one, with its number: ``4 VID``."""
    out: list[str] = []
    index = 0
    while index < len(words):
        end = index
        while end < len(words) and words[end] == words[index]:
            end += 1
        out.append(words[index] if end - index == 1 else f"{end - index} {words[index]}")
        index = end
    return out


def payload_word(payload: Any, version: int) -> str:
    """One payload by its letters, with what it says in a word."""
    kind = getattr(payload, "kind", None)
    if kind is None:
        return "unlinked octets"
    registry: Any = PayloadType if version == VERSION_1 else IKEv2PayloadType
    number = registry(int(kind)) if 0 <= int(kind) <= 0xFF else kind
    letters = DRAFT_LETTERS.get(type(payload))
    if letters is None:
        letters = LETTERS.get(number) if version == VERSION_1 else IKEV2_LETTERS.get(number)
    if letters is None:
        named = getattr(number, "named", False)
        letters = clean(number.name).replace("_", " ") if named else f"payload {int(kind)}"
    inside = payload_detail(payload)
    return f"{letters}({inside})" if inside else letters


def payload_detail(payload: Any) -> str:
    """What is worth saying of a payload in a word or two."""
    match payload:
        case Fragment():
            return f"{payload.fragment_number}{' last' if payload.last_fragment else ''}"
        case Notification():
            kind = payload.notify_message_type
            return clean(kind.name if kind.name else int(kind), 40)
        case Delete() | GroupDelete():
            return counted(len(payload.spis), "SPI")
        case GroupSA():
            words = [policy_word(each) for each in payload.sa_attributes]
            return ", ".join(folded(words))
        case KeyDownload():
            words = [f"{packet_word(packet)}" for packet in payload.key_packets]
            return ", ".join(folded(words))
    return ""


def policy_word(attribute: Any) -> str:
    """What a GDOI SA payload holds (RFC 6407, 5.2.1)."""
    if isinstance(attribute, SAKEK):
        return "KEK"
    if isinstance(attribute, SATEK):
        return "TEK"
    return "GAP" if isinstance(attribute, GroupAssociatedPolicy) else "?"


def packet_word(packet: Any) -> str:
    """A key packet by its type (RFC 6407, 5.6)."""
    kind = packet.kd_type
    return clean(kind.name if kind.name else int(kind), 20)


# -- times -------------------------------------------------------------------------------------------------


def moment(time: int) -> tuple[datetime, int] | None:
    """Whole seconds as a date, and the nanoseconds; None for 0, which is no time, and beyond the calendar."""
    seconds, nanoseconds = divmod(time, SECOND)
    try:
        return (EPOCH + timedelta(seconds=seconds), nanoseconds) if time else None
    except OverflowError:
        return None


def time_text(time: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 in UTC, all nine digits; empty where there is no time."""
    found = moment(time)
    return f"{found[0]:%Y-%m-%dT%H:%M:%S}.{found[1]:09d}Z" if found else ""


def clock(time: int, *, date: bool = True) -> str:
    """The same for people, to the microsecond: ``2026-11-23 07:59:10.168977``."""
    found = moment(time)
    if not found:
        return ""
    return f"{found[0]:{'%Y-%m-%d %H:%M:%S' if date else '%H:%M:%S'}}.{found[1] // 1000:06d}"


def interval(nanoseconds: int) -> str:
    """How much later something came, in at most 9 characters: ``+601 µs``, ``+1.25 s``, ``-3.00 ms``."""
    sign, size = ("-" if nanoseconds < 0 else "+"), abs(nanoseconds)
    for unit, name in ((SECOND, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if size >= unit:
            if name == "s" and size >= 1000 * SECOND:
                return sign + duration(size)
            value = size / unit
            digits = 2 if value < 10 and name != "µs" else 1 if value < 100 and name != "µs" else 0
            return f"{sign}{value:.{digits}f} {name}"
    return f"{sign}{size} ns" if size else "+0"


def duration(nanoseconds: int) -> str:
    """A length of time in words: ``7 s``, ``2 min 5 s``, ``3 h 10 min``, ``2 d 4 h``."""
    seconds = nanoseconds / SECOND
    if seconds < 100:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"
    whole = round(seconds)
    parts = []
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, whole = divmod(whole, unit)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
