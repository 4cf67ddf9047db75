"""What opening a message with keys has found, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gsakmp.captures.opened import Check, Opened, Status
from gsakmp.cli.records import Record
from gsakmp.cli.show import ROW, Line, Style, row_pieces, rows
from gsakmp.views import message_spans
from gsakmp.wire.spans import printable

__all__ = ["opened_lines", "plaintext_lines"]

VERDICTS: Final = {True: ("right", Style.VALUE), False: ("WRONG", Style.PROBLEM), None: ("?", Style.NOTE)}
LONGEST_PAYLOAD: Final = 64
"""Octets of an ESP packet's payload that the tree shows."""


def opened_lines(record: Record) -> Iterator[Line]:
    """Which message of which exchange it is, what was checked, and what has happened by it."""
    opened = record.opened
    if opened is None:
        return
    place = [(f"{opened.kind}", Style.TITLE)]
    place += [(f" {opened.step}", Style.TITLE)] if opened.step else []
    place += [(f" from the {opened.sender}", Style.NOTE)] if opened.sender else []
    shown = opened.status not in (Status.CLEAR, Status.MALFORMED)
    place += [(f"  {opened.status}", Style.NOTE if opened.plaintext or opened.esp else Style.PROBLEM)] * shown
    place += [(f": {opened.reason}", Style.NOTE)] if opened.reason else []
    yield Line(1, tuple(place))
    for check in opened.checks:
        yield Line(1, tuple(check_pieces(check)))
    for event in opened.events:
        yield Line(1, (("* ", Style.TITLE), (printable(str(event)), Style.VALUE)))
    yield from payload_lines(opened)


def check_pieces(check: Check) -> Iterator[tuple[str, str]]:
    verdict, style = VERDICTS[check.passed]
    yield f"{check.name} ", Style.NAME
    yield verdict, style
    if check.detail:
        yield f"  {printable(check.detail)}", Style.NOTE


def payload_lines(opened: Opened) -> Iterator[Line]:
    """What an ESP packet holds."""
    esp = opened.esp
    if esp is None:
        return
    yield Line(1, (("sequence_number  ", Style.NAME), (str(esp.sequence_number), Style.VALUE)))
    if esp.payload is not None:
        more = f"... ({len(esp.payload)} octets)" if len(esp.payload) > LONGEST_PAYLOAD else ""
        yield Line(1, (("next_header      ", Style.NAME), (str(esp.next_header), Style.VALUE)))
        text = f"{esp.payload[:LONGEST_PAYLOAD].hex()}{more}"
        yield Line(1, (("payload          ", Style.NAME), (text, Style.VALUE)))


def plaintext_lines(record: Record) -> Iterator[Line]:
    """The decrypted octets with their fields, offsets from the start of what was encrypted; all of them once
    and in order."""
    opened, message = record.opened, record.shown
    if opened is None or not opened.plaintext_octets:
        return
    octets = opened.plaintext_octets
    yield Line(1, (("plaintext", Style.TITLE),))
    if message is None or opened.plaintext is None:
        yield from bare_rows(octets)
        return
    last = 0
    for span in message_spans(message):
        if not span.plaintext:
            continue
        again = span.container or (span.bits is not None and span.at < last)
        mine = b"" if again else octets[span.at : span.at + span.size]
        last = max(last, span.at + len(mine))
        yield from rows(span, mine)


def bare_rows(octets: bytes) -> Iterator[Line]:
    for start in range(0, len(octets), ROW):
        yield Line(1, tuple(row_pieces(start, octets[start : start + ROW])))
