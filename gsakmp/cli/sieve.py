"""From datagrams to the records that are wanted, with the count of all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gsakmp.captures import Datagram
from gsakmp.cli.filters import Filters
from gsakmp.cli.records import NAT_TRAVERSAL, Reader, Record, exchange_text, line_text, other_traffic
from gsakmp.cli.tally import Tally
from gsakmp.doi import STANDARD
from gsakmp.message.quick import quick_text

if TYPE_CHECKING:
    from gsakmp.captures.opening import Opener

__all__ = ["Sieve"]


class Sieve:
    """What a run does with each datagram, whatever form its output has."""

    def __init__(
        self, reader: Reader, filters: Filters, opener: Opener | None = None, tally: Tally | None = None
    ) -> None:
        self.reader, self.filters, self.opener = reader, filters, opener
        self.tally = Tally() if tally is None else tally
        self.filtering = bool(filters.exchanges or filters.cookies or filters.networks)
        self.quick = not self.filtering and opener is None and reader.dialect is STANDARD

    def line(self, datagram: Datagram, name: str) -> str:
        """The record as a line of JSON, empty if it is not wanted. `name` is that of its file, if there are
        several."""
        if self.quick and not datagram.missing:
            reader = self.reader
            octets = datagram.octets
            hexed = octets.hex()
            found = quick_text(octets, hexed, reader.port(datagram), reader.doi)
            if found is not None:
                doi, exchange, text = found
                self.tally.messages += 1
                return line_text(datagram, name, hexed, exchange_text(doi, exchange), text)
        record = self.record(datagram)
        return "" if record is None else record.json(name)

    def record(self, datagram: Datagram) -> Record | None:
        """The record of a datagram; None if it is not wanted or no message."""
        if self.opener is not None:
            return self.opened(datagram, self.opener)
        reader, filters, tally = self.reader, self.filters, self.tally
        port = reader.port(datagram)
        if port == NAT_TRAVERSAL and (other := other_traffic(datagram.octets, port)):
            tally.other[other] += 1
            return None
        if self.filtering and not filters.datagram(datagram, port == NAT_TRAVERSAL):
            tally.unwanted += 1
            return None
        record = reader.record(datagram, port)
        if self.filtering and not filters.message(record.message):
            tally.unwanted += 1
            return None
        tally.messages += 1
        tally.malformed += record.error is not None
        return record

    def opened(self, datagram: Datagram, opener: Opener) -> Record | None:
        """The same, opened. What is not wanted is opened all the same: others may need what it says."""
        from gsakmp.captures.opened import Status

        reader, filters, tally = self.reader, self.filters, self.tally
        port, opened = reader.port(datagram), opener.feed(datagram)
        if opened.message is None and opened.error is None and opened.esp is None:
            tally.other["NAT keepalive"] += 1
            return None
        if not filters.datagram(datagram, port == NAT_TRAVERSAL) or not filters.message(opened.shown):
            tally.unwanted += 1
            return None
        record = Record(datagram, port, opened.shown, opened.error, reader.lenient, opened)
        if opened.esp is None or opened.status is Status.OPENED:
            tally.record(record)
            return record
        tally.other["ESP"] += 1
        return None
