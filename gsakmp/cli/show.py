"""Records for people: lines of a tree, lines of annotated octets. Terminal or not is `screen`'s affair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from gsakmp.cli.records import Record, error_plain, time_text
from gsakmp.message import Message
from gsakmp.payloads import Fragment
from gsakmp.views import Span, message_spans, octet_spans
from gsakmp.wire.spans import number_text, printable

__all__ = ["Line", "Style", "head_lines", "hex_lines", "tree_lines"]

WIDEST: Final = 34
"""Characters to which names are filled up so that the values stand in a column."""
ROW: Final = 8
"""Octets in a row of the hex view."""


class Style:
    """What a piece of text is; the screen decides how that looks."""

    HEAD = "head"
    ADDRESS = "address"
    TITLE = "title"
    NAME = "name"
    VALUE = "value"
    NOTE = "note"
    SECRET = "secret"
    OCTETS = "octets"
    PROBLEM = "problem"


class Line(NamedTuple):
    """Pieces of text with their styles, `depth` levels down."""

    depth: int
    pieces: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The line without styles."""
        return "".join(text for text, _ in self.pieces).rstrip()


# -- the head of a record ----------------------------------------------------------------------------


def head_lines(record: Record) -> Iterator[Line]:
    """When, from where to where, what; then cookies and message id; then what is wrong."""
    datagram, message = record.datagram, record.message
    when = time_text(datagram.time).removesuffix("000Z").removesuffix("Z").replace("T", " ")
    pieces = [(f"#{datagram.frame}  ", Style.HEAD)] if datagram.frame else []
    pieces += [(f"{when} UTC  ", Style.NOTE)] if when else []
    if datagram.source:
        pieces.append((f"{datagram.source} > {datagram.destination}  ", Style.ADDRESS))
    name = "not a readable message" if message is None else f"{message.doi.name} {message.exchange_name}"
    if record.opened is not None and record.opened.esp is not None:
        name = f"ESP {record.opened.esp.spi}"
    pieces += [(name, Style.HEAD), (f"  {len(datagram.octets)} octets", Style.NOTE)]
    yield Line(0, tuple(pieces))
    if message is not None:
        yield Line(1, tuple(header_pieces(message)))
        yield from fragment_lines(message)
    if record.error is not None:
        plain = error_plain(record.error)
        text = printable(f"{plain['type']}: {record.error}")
        yield Line(1, ((text, Style.PROBLEM),))


def header_pieces(message: Message) -> Iterator[tuple[str, str]]:
    yield "cookies ", Style.NAME
    yield f"{message.initiator_cookie.hex()} {message.responder_cookie.hex()}", Style.VALUE
    yield "  message id ", Style.NAME
    yield f"{message.message_id:08x}", Style.VALUE
    if message.flags:
        from gsakmp.registries import HeaderFlag

        registry: Any = HeaderFlag if message.major_version == 1 else None
        flags = number_text(message.flags, registry, flags=True) if registry else f"0x{message.flags:x}"
        yield "  flags ", Style.NAME
        yield flags, Style.VALUE
    if (message.major_version, message.minor_version) != (1, 0):
        yield "  version ", Style.NAME
        yield f"{message.major_version}.{message.minor_version}", Style.VALUE


def fragment_lines(message: Message) -> Iterator[Line]:
    for payload in message.payloads:
        if isinstance(payload, Fragment):
            last = ", the last" if payload.last_fragment else ""
            text = f"IKEv1 fragment {payload.fragment_number} of message {payload.fragment_id}{last}"
            yield Line(1, ((text, Style.TITLE),))


# -- the tree ----------------------------------------------------------------------------------------


def tree_lines(message: Message, *, everything: bool = False) -> Iterator[Line]:
    """A line for each field; without `everything`, only for those that say something of their own."""
    spans = [span for span in message_spans(message) if everything or tells(span)]
    widths = column_widths(spans)
    for span, width in zip(spans, widths, strict=True):
        yield Line(span.depth + 1, tuple(field_pieces(span, width)))


def tells(span: Span) -> bool:
    """Whether the head has not said it yet, and no other field implies it."""
    header = span.path == "header" or (span.depth == 1 and "." not in span.path and not span.plaintext)
    return bool(span.problem) or not (span.implied or header)


def column_widths(spans: Sequence[Span]) -> list[int]:
    """For each span, the width of the names beside it: those with values in the same container."""
    widest: dict[str, int] = {}
    for span in spans:
        if span.text:
            parent = parent_of(span)
            widest[parent] = max(widest.get(parent, 0), min(len(span.name), WIDEST))
    return [widest.get(parent_of(span), 0) for span in spans]


def parent_of(span: Span) -> str:
    """The path of the container: without the last name, and without the place in a list."""
    return f"{span.depth}{span.path.rpartition('.')[0]}"


def field_pieces(span: Span, width: int) -> Iterator[tuple[str, str]]:
    if span.container and not span.text:
        yield span.name, Style.TITLE
        yield (f"  {span.doc}" if span.doc else ""), Style.NOTE
    else:
        yield span.name.ljust(width), Style.NAME
        yield "  ", Style.NOTE
        yield span.text, (Style.SECRET if span.secret else Style.VALUE)
        if span.container and span.doc:  # an attribute: its unit is not in its name
            yield f"  [{span.doc}]", Style.NOTE
    if span.problem:
        yield f"  !! {span.problem}", Style.PROBLEM


# -- octets with their fields ------------------------------------------------------------------------


def hex_lines(record: Record) -> Iterator[Line]:
    """Offset, octets and field, line by line; every octet of the datagram once, in order."""
    message, octets = record.shown, record.datagram.octets
    spans = list(octet_spans(octets) if message is None else message_spans(message))
    last = 0
    for span in spans:
        if span.plaintext:
            continue
        again = span.container or (span.bits is not None and span.at < last)
        mine = b"" if again else octets[span.at : span.at + span.size]
        last = max(last, span.at + len(mine))
        yield from rows(span, mine)


def rows(span: Span, octets: bytes) -> Iterator[Line]:
    first, rest = octets[:ROW], octets[ROW:]
    yield Line(1, (*row_pieces(span.at, first), *annotation(span)))
    for start in range(0, len(rest), ROW):
        yield Line(1, tuple(row_pieces(span.at + ROW + start, rest[start : start + ROW])))


def row_pieces(at: int, octets: bytes) -> Iterator[tuple[str, str]]:
    yield f"{at:04x}  ", Style.NOTE
    yield octets.hex(" ").ljust(3 * ROW + 1), Style.OCTETS


def annotation(span: Span) -> Iterator[tuple[str, str]]:
    yield "  " * span.depth, Style.NOTE
    yield span.name, (Style.TITLE if span.container else Style.NAME)
    if span.bits is not None:
        shift, width = span.bits
        high = shift + width - 1
        yield (f" (bit {shift})" if width == 1 else f" (bits {high}-{shift})"), Style.NOTE
    if span.text:
        yield f"  {span.text}", (Style.SECRET if span.secret else Style.VALUE)
    if span.container:
        yield f"  {span.size} octets", Style.NOTE
    if span.problem:
        yield f"  !! {span.problem}", Style.PROBLEM
