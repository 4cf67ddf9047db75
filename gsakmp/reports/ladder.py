"""A sequence diagram's data: who takes part, and what went from whom to whom.

`Ladder` takes opened messages as they come; `drawing` is what the three forms (text, SVG, Mermaid) draw.
What it keeps is bounded by `gsakmp.limits.LADDER_MESSAGES`: later messages are counted and not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final

from gsakmp import limits
from gsakmp.captures.datagram import endpoint
from gsakmp.captures.opened import ExchangeKind, GroupJoined, ISAKMPSAEstablished, Opened, Sender, Status
from gsakmp.reports.ladder_notes import Note, notes_of
from gsakmp.reports.words import SECOND, amount, clean, clock, interval, label, payload_words

__all__ = ["Arrow", "Column", "Drawing", "Ladder", "timed"]

USUAL_PORTS: Final = frozenset({0, 500, 848, 4500})
"""A host goes by its address alone where it uses these; 0 is ESP without UDP."""
SIDES: Final = {Sender.INITIATOR: True, Sender.MEMBER: True, Sender.RESPONDER: False, Sender.GCKS: False}
UNICAST: Final = frozenset(
    {
        ExchangeKind.MAIN, ExchangeKind.AGGRESSIVE, ExchangeKind.QUICK, ExchangeKind.INFORMATIONAL,
        ExchangeKind.PULL,
    }
)  # fmt: skip
PAUSE: Final = 60 * SECOND
"""After this much silence the absolute time is said again."""
OTHERS: Final = "others"
FOR_SEVERAL: Final = 4
CHECKS: Final = {"sequence number": "SEQ"}
"""What some checks are called on an arrow, where there is little room."""


@dataclass(slots=True)
class Column:
    """A host or a multicast group. `rank` orders the columns: hosts, key servers, groups."""

    key: str
    order: int
    name: str = ""
    """Identity or group; empty if unknown."""
    detail: str = ""
    """Address, and the port if it is an unusual one."""
    messages: int = 0
    gcks: bool = False
    group: bool = False
    rekey: bool = False
    """Of a group: whether pushes go to it,"""
    data: bool = False
    """and whether ESP does."""
    hidden: int = 0
    """How many hosts and groups share this column; 0 for one of its own."""

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Where it stands."""
        return (self.group, self.gcks, self.order)

    @property
    def weight(self) -> int:
        """How much it has to say; what a group hears, several do."""
        return self.messages * (FOR_SEVERAL if self.group else 1)

    @property
    def title(self) -> str:
        """The first line above it."""
        return self.name or self.detail

    @property
    def part(self) -> str:
        """What it is, as far as that is to be said."""
        if self.group and self.rekey != self.data:
            return "rekey group" if self.rekey else "data group"
        return "group" if self.group else "key server" if self.gcks else ""

    @property
    def rows(self) -> list[str]:
        """What a picture says above it: the title, its address, its part, as far as there is more to say."""
        return [self.title, *filter(None, (self.detail if self.name and not self.hidden else "", self.part))]


@dataclass(slots=True)
class Arrow:
    """One message, or a run of ESP packets of one SA. `source` and `target` are places in `Drawing.columns`.

    `time` is in nanoseconds since 1970, 0 if unknown; `count` how many packets it stands for.
    """

    number: int
    frame: int
    time: int
    source: int
    target: int
    label: str
    payloads: str
    again: bool
    """A retransmission."""
    failed: bool
    sealed: bool
    checks: tuple[tuple[bool | None, str], ...]
    notes: tuple[Note, ...]
    run: str = ""
    """The SPI, of ESP packets that may be drawn as one."""
    first: int = 0
    last: int = 0
    count: int = 1
    esp: bool = False

    @property
    def shown_number(self) -> int:
        """The frame, or the message where there is none."""
        return self.frame or self.number

    @property
    def text(self) -> str:
        """Label and payloads."""
        return f"{self.label}  {self.payloads}" if self.payloads else self.label


@dataclass(slots=True)
class Drawing:
    """What is to be drawn; `more` messages were too many."""

    columns: list[Column] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    more: int = 0

    @property
    def amount(self) -> str:
        """What is drawn, counted in words."""
        packets = sum(arrow.count for arrow in self.arrows if arrow.esp)
        return amount(sum(not arrow.esp for arrow in self.arrows), packets)


class Ladder:
    """Gathers a drawing."""

    def __init__(self, most: int | None = None) -> None:
        self._most = limits.LADDER_MESSAGES if most is None else most
        self._columns: dict[str, Column] = {}
        self._sides: dict[tuple[str, bool, str], str] = {}
        self._arrows: list[Arrow] = []
        self._by_order: list[Column] = []
        self._at_address: dict[str, list[str]] = {}
        """The columns of each address."""
        self._said: set[tuple[str, str]] = set()
        """Of which SA it was said why its messages stay sealed; once is enough."""
        self._more = 0

    def add(self, opened: Opened) -> None:
        """One more message."""
        if self._joined(opened):
            return
        if len(self._arrows) >= self._most:
            self._more += 1
            return
        source, target = self._ends(opened)
        source.messages += 1
        target.messages += 1
        self._learn(opened, source, target)
        esp = opened.esp
        self._arrows.append(
            Arrow(
                number=opened.number,
                frame=opened.datagram.frame,
                time=opened.datagram.time,
                source=source.order,
                target=target.order,
                label=label(opened) if esp is None else f"ESP {esp.spi}",
                payloads=payload_words(opened) if esp is None else f"{esp.sequence_number}",
                again=bool(opened.retransmission_of),
                failed=opened.failed,
                sealed=opened.status in (Status.SEALED, Status.WRONG_KEY),
                checks=tuple(
                    (check.passed, CHECKS.get(check.name) or clean(check.name)) for check in opened.checks
                ),
                notes=tuple(notes_of(opened, sealed=self._first_time(opened))),
                run=esp.spi if esp is not None and not opened.failed else "",
                first=0 if esp is None else esp.sequence_number,
                last=0 if esp is None else esp.sequence_number,
                esp=esp is not None,
            )
        )

    def drawing(self, most_columns: int = limits.LADDER_COLUMNS) -> Drawing:
        """All so far, in at most `most_columns` columns: of more, those that talk least share the last."""
        shown = sorted(self._by_order, key=lambda column: column.rank)
        if len(shown) > max(2, most_columns):
            loudest = sorted(shown, key=lambda column: (not column.gcks, -column.weight, column.order))
            kept = {column.order for column in loudest[: max(2, most_columns) - 1]}
            rest = [column for column in shown if column.order not in kept]
            shared = Column(OTHERS, -1, f"{len(rest)} others", hidden=len(rest))
            shared.messages = sum(column.messages for column in rest)
            shown = [column for column in shown if column.order in kept]
            shown.append(shared)
        places = {column.order: place for place, column in enumerate(shown)}
        last = len(shown) - 1
        arrows = [
            replace(arrow, source=places.get(arrow.source, last), target=places.get(arrow.target, last))
            for arrow in self._arrows
        ]
        return Drawing(shown, arrows, self._more)

    def _first_time(self, opened: Opened) -> bool:
        """Whether it has not been said yet why the messages of an SA stay sealed."""
        key = opened.sa, opened.reason
        known = key in self._said
        self._said.add(key)
        return not known

    # -- ESP ---------------------------------------------------------------------------------------------

    def _joined(self, opened: Opened) -> bool:
        """Whether it was added to the run of ESP packets that it continues."""
        esp = opened.esp
        before = self._arrows[-1] if self._arrows else None
        if esp is None or before is None or before.run != esp.spi or opened.failed:
            return False
        if before.sealed != (opened.status is Status.SEALED) or self._more:
            return False
        source, target = self._ends(opened)
        if (source.order, target.order) != (before.source, before.target):
            return False
        before.count += 1
        before.first = min(before.first, esp.sequence_number)
        before.last = max(before.last, esp.sequence_number)
        before.payloads = f"{before.first} to {before.last}, {before.count:,} packets"
        before.notes = ()
        return True

    # -- columns -----------------------------------------------------------------------------------------

    def _ends(self, opened: Opened) -> tuple[Column, Column]:
        datagram = opened.datagram
        if not datagram.source_address:
            initiator = SIDES.get(opened.sender, True)
            names = ("initiator", "responder") if opened.sender else ("sender", "receiver")
            ends = names if initiator else names[::-1]
            return self._column(ends[0], ends[0]), self._column(ends[1], ends[1])
        if opened.esp is not None:
            return (
                self._data_host(datagram.source_address, datagram.source_port),
                self._data_host(datagram.destination_address, datagram.destination_port),
            )
        initiates = SIDES.get(opened.sender) if opened.kind in UNICAST else None
        return (
            self._host(opened.sa, initiates, datagram.source_address, datagram.source_port),
            self._host(
                opened.sa,
                None if initiates is None else not initiates,
                datagram.destination_address,
                datagram.destination_port,
            ),
        )

    def _host(self, sa: str, initiates: bool | None, address: str, port: int) -> Column:
        """The column of an endpoint. One side of an ISAKMP SA stays one host when it changes its port, as it
        does in NAT traversal (RFC 3947, 4)."""
        group = multicast(address)
        key = address if port in USUAL_PORTS or group else endpoint(address, port)
        if sa and not group:
            key = self._side(sa, initiates, address, key)
        return self._of_group(self._column(key, key, address), group)

    def _data_host(self, address: str, port: int) -> Column:
        """The column of who sends or receives ESP. Data has ports of its own, so it is what is known of that
        address, if that is one host; else all of the address is one."""
        group = multicast(address)
        key = address if port in USUAL_PORTS or group else endpoint(address, port)
        if key not in self._columns and not group:
            known = self._at_address.get(address, ())
            key = known[0] if len(known) == 1 else address
        return self._of_group(self._column(key, key, address), group)

    @staticmethod
    def _of_group(column: Column, group: bool) -> Column:
        column.group = group
        return column

    def _side(self, sa: str, initiates: bool | None, address: str, key: str) -> str:
        """What a side of an SA goes by: as when it was first seen. Where nobody knows which side it is, its
        address must do."""
        if initiates is None:
            sides = [self._sides.get((sa, side, address)) for side in (True, False)]
            known = [each for each in sides if each is not None]
            return known[0] if len(known) == 1 else key
        if len(self._sides) >= 2 * limits.OPENED_PHASES_1:
            self._sides.clear()
        return self._sides.setdefault((sa, initiates, address), key)

    def _column(self, key: str, detail: str, address: str = "") -> Column:
        found = self._columns.get(key)
        if found is None:
            found = self._columns[key] = Column(key, len(self._by_order), detail=clean(detail, 80))
            self._by_order.append(found)
            self._at_address.setdefault(address, []).append(key)
        return found

    def _learn(self, opened: Opened, source: Column, target: Column) -> None:
        """Names and parts of the two."""
        if opened.sender is Sender.GCKS:
            source.gcks = True
        elif opened.kind is ExchangeKind.PULL and opened.sender is Sender.MEMBER:
            target.gcks = True
        if target.group:
            target.name = target.name or clean(opened.group, 80)
            target.rekey |= opened.kind is ExchangeKind.PUSH
            target.data |= opened.esp is not None
        for event in opened.events:
            if isinstance(event, ISAKMPSAEstablished):
                last_by_initiator = SIDES.get(opened.sender, False)
                ends = (source, target) if last_by_initiator else (target, source)
                name(ends[0], event.initiator)
                name(ends[1], event.responder)
            elif isinstance(event, GroupJoined):
                name(target if opened.sender is Sender.GCKS else source, event.member)


def timed(arrows: Sequence[Arrow]) -> Iterator[tuple[Arrow, str, str]]:
    """Each arrow with its time, where that is to be said: at first, after a pause, and where it is earlier
    than the one before; else with how much later it is."""
    before = 0
    for arrow in arrows:
        time = arrow.time
        if not time:
            yield arrow, "", ""
        elif not before or not 0 <= time - before < PAUSE:
            yield arrow, f"{clock(time)} UTC", ""
        else:
            yield arrow, "", interval(time - before)
        before = time or before


def name(column: Column, identity: str) -> None:
    """Give a host its name, the first that it has shown; its bare address is none."""
    bare = identity.partition(":")[2]
    if not column.name and not column.group and bare != column.detail:
        column.name = clean(identity, 80)


def multicast(address: str) -> bool:
    """Whether an address is one of many."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return found.is_multicast or address == "255.255.255.255"
