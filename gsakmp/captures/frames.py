"""Every frame of a capture file, with the datagram that it completes: for what writes a capture anew."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from gsakmp.captures.datagram import Datagram
from gsakmp.captures.links import LINKS
from gsakmp.captures.reader import Capture, _name, unknown_link
from gsakmp.captures.records import records
from gsakmp.captures.source import Source

__all__ = ["Frame", "FrameCapture"]


class Frame(NamedTuple):
    """One frame as it is in the file; `time` in nanoseconds since 1970, 0 if the file has none.

    `wire_octets` is how many octets it had on the wire: more than `octets` has where it was captured short.
    `datagram` is what it completes, None if it holds none that is wanted.
    """

    number: int
    time: int
    link_type: int
    octets: bytes
    wire_octets: int
    datagram: Datagram | None


class FrameCapture(Capture):
    """A `Capture` that can give its frames instead of its datagrams."""

    def frames(self) -> Generator[Frame, None, None]:
        """Every frame, in the file's order. Raises as iterating a `Capture` does."""
        counts = self.counts
        try:
            with self._opened() as file:
                source = Source(file, _name(self._source))
                for record in records(source):
                    counts.frames += 1
                    if record.link_type not in LINKS:
                        raise unknown_link(record.link_type, source)
                    datagram = self._counted(record, counts.frames)
                    yield Frame(
                        counts.frames, record.time, record.link_type, record.octets, record.wire, datagram
                    )
        finally:
            counts.incomplete = self._fragments.incomplete + self._fragments.waiting
