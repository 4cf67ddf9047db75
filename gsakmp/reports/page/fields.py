"""The fields of an opened message, and the octets that each of them stands in.

A message has up to three panes of octets: those of the wire, those that the encryption hid, and, where a
datagram completes a fragmented message, the whole message. A field belongs to one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from gsakmp.captures.opened import ESPContent, Opened
from gsakmp.errors import GsakmpError
from gsakmp.message import Message, build
from gsakmp.payloads import Fragment
from gsakmp.views import Span, message_spans, octet_spans
from gsakmp.wire.spans import octets_text

__all__ = ["Field", "Pane", "Shown", "shown"]

WIRE: Final = "wire"
PLAINTEXT: Final = "plaintext"
WHOLE: Final = "reassembled"
ESP_SPI: Final = 4
ESP_HEADER: Final = 8


class Pane(NamedTuple):
    """Octets to look at, and what they are."""

    name: str
    octets: bytes


class Field(NamedTuple):
    """A span, and the number of the pane that its offsets count in."""

    span: Span
    pane: int


class Shown(NamedTuple):
    """All of one message that the tree and the octets show."""

    panes: list[Pane]
    fields: list[Field]

    @property
    def secret(self) -> bool:
        """Whether there are keys in it that anybody can read here."""
        return any(field.span.secret for field in self.fields)


def shown(opened: Opened) -> Shown:
    """What there is to see of one message. Each field lies within its pane, whatever the message is."""
    out = Shown([Pane(WIRE, opened.datagram.octets)], [])
    if opened.esp is not None:
        esp(out, opened.datagram.octets, opened.esp)
    elif opened.message is None:
        add(out, octet_spans(opened.datagram.octets), 0)
    elif fragmented(opened) and opened.plaintext is not None:
        add(out, spans_of(opened.message, opened.datagram.octets), 0)
        out.panes.append(Pane(WHOLE, built(opened.plaintext)))
        message(out, opened, opened.plaintext, 1)
    else:
        message(out, opened, opened.plaintext or opened.message, 0)
    return out


def fragmented(opened: Opened) -> bool:
    """Whether the datagram is a piece of a longer message ([MS-IKEE], 2.2)."""
    found = opened.message
    return found is not None and bool(found.payloads) and isinstance(found.payloads[0], Fragment)


def message(out: Shown, opened: Opened, found: Message, pane: int) -> None:
    """The fields of a message whose octets are `pane`, and behind them what the encryption hid."""
    spans = list(spans_of(found, out.panes[pane].octets))
    add(out, (span for span in spans if not span.plaintext), pane)
    octets = opened.plaintext_octets
    if not octets:
        return
    out.panes.append(Pane(PLAINTEXT, octets))
    inside = [span for span in spans if span.plaintext]
    add(out, inside or [bare(octets)], len(out.panes) - 1)


def bare(octets: bytes) -> Span:
    """The plaintext where no payloads could be made out."""
    doc = "what the ciphertext hides; no payloads could be made out"
    return Span(
        depth=0, path="plaintext", name="plaintext", at=0, size=len(octets), text=octets_text(octets),
        doc=doc, plaintext=True,
    )  # fmt: skip


def spans_of(found: Message, octets: bytes) -> Iterator[Span]:
    """The message's spans, or one for all octets if it is so damaged that it can't be built again."""
    try:
        spans = list(message_spans(found))
    except GsakmpError:
        spans = list(octet_spans(octets))
    yield from spans


def built(found: Message) -> bytes:
    try:
        return build(found)
    except GsakmpError:
        return b""


def add(out: Shown, spans: Iterator[Span] | list[Span], pane: int) -> None:
    """The spans as fields, none of which reaches beyond its pane."""
    size = len(out.panes[pane].octets)
    for span in spans:
        at = min(span.at, size)
        out.fields.append(Field(clipped(span, at, min(span.size, size - at)), pane))


def clipped(span: Span, at: int, size: int) -> Span:
    if (at, size) == (span.at, span.size):
        return span
    return msgspec.structs.replace(span, at=at, size=size)


# -- ESP -----------------------------------------------------------------------------------------------------


def esp(out: Shown, octets: bytes, content: ESPContent) -> None:
    """An ESP packet (RFC 4303, 2) and, if it was opened, what it carries."""
    add(out, esp_spans(octets, content), 0)
    if content.payload is not None:
        out.panes.append(Pane(PLAINTEXT, content.payload))
        add(out, [carried(content, content.payload)], 1)


def esp_spans(octets: bytes, content: ESPContent) -> Iterator[Span]:
    rest = len(octets) - ESP_HEADER
    yield Span(depth=0, path="esp", name="ESP", at=0, size=len(octets), doc="RFC 4303, 2", container=True)
    yield Span(depth=1, path="esp.spi", name="spi", at=0, size=ESP_SPI, text=content.spi, doc="RFC 4303, 2.1")
    yield Span(
        depth=1, path="esp.sequence_number", name="sequence_number", at=ESP_SPI, size=ESP_SPI,
        text=str(content.sequence_number), doc="RFC 4303, 2.2",
    )  # fmt: skip
    if rest > 0:
        yield Span(
            depth=1, path="esp.ciphertext", name="ciphertext", at=ESP_HEADER, size=rest,
            text=octets_text(octets[ESP_HEADER:]), doc="payload, padding and ICV (RFC 4303, 2.3 to 2.8)",
        )  # fmt: skip


def carried(content: ESPContent, payload: bytes) -> Span:
    doc = "" if content.next_header is None else f"IP protocol {content.next_header} (RFC 4303, 2.6)"
    return Span(
        depth=0, path="plaintext", name="payload", at=0, size=len(payload), text=octets_text(payload),
        doc=doc, plaintext=True,
    )  # fmt: skip
