"""From datagrams to the records that are wanted, with the count of all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gsakmp.captures import Datagram
from gsakmp.cli.filters import Filters
from gsakmp.cli.records import NAT_TRAVERSAL, Reader, Record, exchange_text, line_text
from gsakmp.cli.tally import Tally
from gsakmp.doi import STANDARD
from gsakmp.message.quick import quick_text

if TYPE_CHECKING:
    from gsakmp.captures.opened import Opened
    from gsakmp.captures.opening import Opener

__all__ = ["Sieve"]


class Sieve:
    """What a run does with each datagram, whatever form its output has."""

    def __init__(
        self, reader: Reader, filters: Filters, opener: Opener | None = None, *, keys: bool = False
    ) -> None:
        """`keys` says whether the user gave any, and so wants to know what became of them."""
        self.reader, self.filters, self.opener = reader, filters, opener
        self.tally = Tally(keys=keys)
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
            return self.opened_record(datagram, self.opener)
        reader, filters, tally = self.reader, self.filters, self.tally
        port = reader.port(datagram)
        if (port == NAT_TRAVERSAL or reader.others) and (other := reader.other_traffic(datagram, port)):
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

    def opened_record(self, datagram: Datagram, opener: Opener) -> Record | None:
        """The same, opened. Of ESP there are records of what could be opened or is wrong; others may have
        much of it."""
        opened = self.opened(datagram, opener)
        if opened is None or (opened.esp is not None and opened.esp.payload is None and not opened.failed):
            return None
        reader = self.reader
        return Record(datagram, reader.port(datagram), opened.shown, opened.error, reader.lenient, opened)

    def opened(self, datagram: Datagram, opener: Opener) -> Opened | None:
        """A datagram, opened; None if it is not wanted or nothing. What is not wanted is opened all the same:
        others may need what it says."""
        opened, filters, tally = opener.feed(datagram), self.filters, self.tally
        message = opened.message
        if message is None and opened.error is None and opened.esp is None:
            tally.other["NAT keepalive"] += 1
            return None
        marker = message is not None and message.non_esp_marker
        if self.filtering and not (filters.datagram(datagram, marker) and filters.message(opened.shown)):
            tally.unwanted += 1
            return None
        tally.count(opened)
        return opened
