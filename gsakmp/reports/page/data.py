"""The page's data: compact, and nothing in it but text and numbers.

There are two kinds of it. The index has one `Row` for each message: what ladder, filters and search need of
all of them at once. A block has the fields, octets, checks and events of some messages in a row::

    {"strings": [text...],
     "shapes": [[depth, name, path, at, size, doc, flags, bits...]...],   eight numbers a field
     "messages": [[number, time, shape, [text...], [[field, problem]...], [[pane name, hex]...],
                   [[check, 1 | 0 | -1, detail]...], [[event, text, [[name, value]...]]...],
                   error, reason]...]}

Every text is its place in ``strings``. A shape is what messages of one kind have in common: where their
fields stand, and how they are called. A path that starts with ``.`` or ``[`` goes on from its container's.
``flags`` are 1 for a container, 2 for what says nothing of its own, 4 for a key, and the pane from 8 on;
``bits`` is the shift times 256 plus the width, 0 for whole octets. A check is right (1), wrong (0) or can't
be told (-1).

Text comes from peers. Whatever is not printable, control characters and those that turn the direction of
writing among them, is written out before it gets here.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gsakmp.captures.opened import Check, Event, Lost, Notified, Opened, Retransmission
from gsakmp.reports.page.fields import Field, Shown
from gsakmp.reports.words import clean as cleaned
from gsakmp.reports.words import label, payload_words, time_text

__all__ = ["Block", "Row", "row"]

CONTAINER: Final = 1
IMPLIED: Final = 2
SECRET: Final = 4
PANE: Final = 8
VERDICTS: Final = {True: 1, False: 0, None: -1}
LONGEST: Final = 2048
"""Characters of one text on the page; what is cut off is in the octets."""


def clean(text: object) -> str:
    """A text for the page: one line, printable, of a bounded length."""
    return cleaned(text, LONGEST)


def moment(time: int) -> str:
    """A time for people, all nine digits, for captures have them; empty where there is none."""
    return time_text(time).replace("T", " ").replace("Z", " UTC")


def contents(opened: Opened) -> str:
    """The payloads, or of ESP whose packet it is."""
    return payload_words(opened) if opened.esp is None else f"SPI {opened.esp.spi}"


class Row(msgspec.Struct, array_like=True, frozen=True):
    """One message in the index; the page reads the fields by their place."""

    number: int
    frame: int
    time: int
    """Nanoseconds since the first message that has a time; -1 if it has none."""
    source: str
    destination: str
    kind: str
    label: str
    contents: str
    exchange_name: str
    sender: str
    status: str
    failed: bool
    verdicts: tuple[int, int, int]
    """How many checks are right, wrong, and can't be told."""
    repeats: int
    """The number of the message that it repeats, 0 for none."""
    events: tuple[str, ...]
    sa: str
    group: str
    member: str
    exchange: str
    octets: int


def row(opened: Opened, start: int) -> Row:
    """The index's row of a message; `start` is the time of the first one."""
    datagram, message = opened.datagram, opened.message
    passed = [check.passed for check in opened.checks]
    return Row(
        number=opened.number,
        frame=datagram.frame,
        time=datagram.time - start if datagram.time else -1,
        source=clean(datagram.source),
        destination=clean(datagram.destination),
        kind=str(opened.kind),
        label=clean(label(opened)),
        contents=clean(contents(opened)),
        exchange_name="" if message is None else clean(f"{message.doi.name} {message.exchange_name}"),
        sender=str(opened.sender),
        status=str(opened.status),
        failed=opened.failed,
        verdicts=(passed.count(True), passed.count(False), passed.count(None)),
        repeats=opened.retransmission_of,
        events=tuple(dict.fromkeys(event_tag(event) for event in opened.events)),
        sa=clean(opened.sa),
        group=clean(opened.group),
        member=clean(opened.member),
        exchange=clean(opened.exchange),
        octets=len(datagram.octets),
    )


def event_tag(event: Event) -> str:
    """The event's name; an error that a peer tells has its own."""
    if isinstance(event, Notified) and event.error:
        return "error"
    return str(type(event).__struct_config__.tag)


class Block:
    """Some messages in a row. Texts and shapes that they share are in it once."""

    def __init__(self) -> None:
        self.strings: dict[str, int] = {}
        self.known: dict[str, int] = {}
        self.shapes: dict[tuple[int, ...], int] = {}
        self.messages: list[list[Any]] = []
        self.size = 0

    def __len__(self) -> int:
        return len(self.messages)

    def string(self, text: str) -> int:
        """The place of a text; as most come again and again, of one before it was cleaned, too."""
        place = self.known.get(text)
        if place is None:
            place = self.known[text] = self.strings.setdefault(clean(text), len(self.strings))
        return place

    def add(self, opened: Opened, seen: Shown) -> None:
        """One more message."""
        fields = seen.fields
        problems = [[i, self.string(f.span.problem)] for i, f in enumerate(fields) if f.span.problem]
        self.messages.append(
            [
                opened.number,
                self.string(moment(opened.datagram.time)),
                self.shape(fields),
                [self.string(field.span.text) for field in fields],
                problems,
                [[self.string(pane.name), pane.octets.hex()] for pane in seen.panes],
                [self.check(check) for check in opened.checks],
                [self.event(event) for event in opened.events],
                self.string("" if opened.error is None else f"{type(opened.error).__name__}: {opened.error}"),
                self.string(opened.reason),
            ]
        )
        self.size += len(fields) + sum(len(pane.octets) for pane in seen.panes)

    def shape(self, fields: list[Field]) -> int:
        """The place of the shape that these fields have."""
        out: list[int] = []
        above: list[str] = []
        for span, pane in fields:
            del above[span.depth :]
            holder = above[-1] if above else ""
            path = span.path.removeprefix(holder) if holder and goes_on(span.path, holder) else span.path
            above += [span.path] * (span.depth + 1 - len(above))
            flags = CONTAINER * span.container + IMPLIED * span.implied + SECRET * span.secret + PANE * pane
            bits = 0 if span.bits is None else span.bits[0] * 256 + span.bits[1]
            name, doc = self.string(span.name), self.string(span.doc)
            out += (span.depth, name, self.string(path), span.at, span.size, doc, flags, bits)
        return self.shapes.setdefault(tuple(out), len(self.shapes))

    def check(self, check: Check) -> list[int]:
        """Name, verdict, detail."""
        return [self.string(check.name), VERDICTS[check.passed], self.string(check.detail)]

    def event(self, event: Event) -> list[Any]:
        """Name, text, and what the text does not say."""
        more = [] if isinstance(event, Retransmission | Lost | Notified) else details(event)
        pairs = [[self.string(name), self.string(value)] for name, value in more]
        return [self.string(event_tag(event)), self.string(str(event)), pairs]

    def json(self) -> bytes:
        """The block as JSON."""
        plain = {"strings": list(self.strings), "shapes": list(self.shapes), "messages": self.messages}
        return msgspec.json.encode(plain)


def goes_on(path: str, holder: str) -> bool:
    """Whether a path is its container's with something behind it."""
    return path.startswith(holder) and path[len(holder) : len(holder) + 1] in (".", "[")


def details(event: Event) -> list[tuple[str, str]]:
    """What an event says beside its text, what is empty left out."""
    out = []
    for name in event.__struct_fields__:
        value = getattr(event, name)
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
        if text not in ("", None):
            out.append((name.replace("_", " "), str(text)))
    return out
