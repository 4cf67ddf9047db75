"""A message as spans: what stands where in its datagram. Every view for people is made from these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gsakmp.errors import EncodeError, GsakmpError
from gsakmp.message import NON_ESP_MARKER, Message, build
from gsakmp.payloads import Header
from gsakmp.registries import IKEv2PayloadType, PayloadType
from gsakmp.wire import AUTO
from gsakmp.wire.spans import Span, SpanWriter, number_text, octets_text

__all__ = ["Span", "message_spans", "octet_spans"]

IKEV2: Final = 2
FIELD_NAMES: Final = {"message_length": "length"}
"""What `Message` calls a field of the header otherwise than `Header` does."""


def message_spans(message: Message) -> Iterator[Span]:
    """Every field of `message`, in the order of its octets, containers before what they hold.

    Of an encrypted message that was given its plaintext, first all that is on the wire (header, ciphertext),
    then a container `plaintext` whose spans are marked so: their offsets count from its start.

    Raises `EncodeError` for a message that can't be built.
    """
    if not isinstance(message, Message):
        raise EncodeError(f"{type(message).__name__} where a Message is wanted")
    octets = build(message)
    try:
        found = list(_message(message, octets))
    except GsakmpError:
        raise
    except (AttributeError, TypeError, ValueError, KeyError, IndexError, OverflowError) as exc:
        raise EncodeError(f"{type(exc).__name__}: {exc}") from None
    problems = {problem.path: problem.problem for problem in message.problems()}
    for span in found:
        problem = problems.get(span.path, "")
        yield msgspec.structs.replace(span, problem=problem) if problem and not span.problem else span


def octet_spans(octets: bytes) -> Iterator[Span]:
    """One span for octets that are no message."""
    yield Span(depth=0, path="", name="octets", at=0, size=len(octets), text=octets_text(octets))


def _message(message: Message, octets: bytes) -> Iterator[Span]:
    kinds: Any = IKEv2PayloadType if message.major_version == IKEV2 else PayloadType
    writer = SpanWriter(octets, message.rules, kinds=kinds)
    if message.non_esp_marker:
        size = len(NON_ESP_MARKER)
        yield writer.octets("non_esp_marker", "non_esp_marker", 0, size, doc="RFC 3948, 2.2", implied=True)
    yield from _header(message, writer, kinds)
    if message.ciphertext:
        yield writer.octets("ciphertext", "ciphertext", 0, len(message.ciphertext))
    else:
        yield from _body(message, writer, 0)
    if message.trailing:
        yield writer.octets("trailing", "trailing", 0, len(message.trailing))
    if message.ciphertext and (message.payloads or message.padding):
        inner = SpanWriter(message.plaintext(), message.rules, kinds=kinds, plaintext=True)
        inside = list(_body(message, inner, 1))
        yield from inner.holder(0, inside, "Plaintext", "plaintext", 0, doc="what the ciphertext hides")


def _header(message: Message, writer: SpanWriter, kinds: Any) -> Iterator[Span]:
    """The ISAKMP header (RFC 2408, 3.1), with names where its own definition can only give numbers."""
    start = writer.at
    kind = writer.buf[start + 16]
    exchanges = type(message.doi.exchange(message.exchange_type))
    texts = {
        "next_payload": writer.kind_text(kind, message.rules.chain_table("payloads").entries),
        "exchange_type": number_text(message.exchange_type, exchanges),
        "message_id": f"{message.message_id:08x}",
    }
    header = Header(
        initiator_cookie=message.initiator_cookie,
        responder_cookie=message.responder_cookie,
        next_payload=kinds(kind),
        major_version=message.major_version,
        minor_version=message.minor_version,
        exchange_type=int(message.exchange_type),
        flags=message.flags,
        message_id=message.message_id,
        message_length=int.from_bytes(writer.buf[start + 24 : start + 28], "big"),
    )
    implied = {"next_payload": message.next_payload is AUTO, "length": message.length is AUTO}
    inside = []
    for span in writer.element(header, "", 1):
        name = FIELD_NAMES.get(span.name, span.name)
        text = texts.get(name, span.text)
        inside.append(
            msgspec.structs.replace(span, name=name, path=name, text=text, implied=implied.get(name, False))
        )
    layout = Header.layout
    yield from writer.holder(start, inside, layout.title, "header", 0, doc=layout.spec)


def _body(message: Message, writer: SpanWriter, depth: int) -> Iterator[Span]:
    entries = message.rules.chain_table("payloads").entries
    yield from writer.chain(message.payloads, entries, "payloads", depth)
    if message.padding:
        implied = not any(message.padding)
        yield writer.octets("padding", "padding", depth, len(message.padding), implied=implied)
