"""One capture file read by several processes: the frames are taken from the file in one, and made into
datagrams in others.

IP fragments are the only frames that need others, so they stay with the process that has all of them, in
their order. Nothing else of a frame depends on those before it::

    batches = BatchReader(path)
    for batch in batches.batches():          # here
        for item in BatchDatagrams().of(batch):  # anywhere
            ...                              # a datagram, or the place of a fragment
            batches.complete(batch, place)   # here, in the file's order
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Iterator
from typing import BinaryIO, Final, NamedTuple

from gsakmp.captures.datagram import Counts, Datagram, Skipped
from gsakmp.captures.links import LINKS
from gsakmp.captures.packets import Fragment, Packet, Payload
from gsakmp.captures.reader import PORTS, Capture, _name, unknown_link
from gsakmp.captures.records import Record, records
from gsakmp.captures.source import Source
from gsakmp.errors import GsakmpError

__all__ = ["BATCH_OCTETS", "Batch", "BatchDatagrams", "BatchReader"]

BATCH_OCTETS: Final = 256 * 1024
BATCH_FRAMES: Final = 1024
"""A batch ends with the frame that brings it to so many octets, or so many frames."""

Plain = tuple[int, int, bytes, bool, int]
"""A `Record` as a tuple: pickled several times as fast."""


class Batch(NamedTuple):
    """Frames that stand together in a file; `first` is the number of the first of them."""

    first: int
    frames: list[Plain]


class BatchReader(Capture):
    """A `Capture` that gives its frames in batches. `counts` has those frames that `complete` was given, and
    what is known at the end; the other counts come from who reads the batches, and are to be added."""

    def __init__(
        self, source: str | os.PathLike[str] | BinaryIO, ports: Collection[int] | None = PORTS
    ) -> None:
        super().__init__(source, ports)

    def batches(self) -> Generator[Batch, None, None]:
        """The frames. Raises as iterating a `Capture` does, after the batch with all that stands before."""
        batch, octets, frames = Batch(1, []), 0, 0
        try:
            with self._opened() as file:
                source = Source(file, _name(self._source))
                for record in records(source):
                    frames += 1
                    if record.link_type not in LINKS:
                        self.counts.frames += 1
                        raise unknown_link(record, source)
                    batch.frames.append(
                        (record.time, record.link_type, record.octets, record.short, record.wire)
                    )
                    octets += len(record.octets)
                    if octets >= BATCH_OCTETS or len(batch.frames) >= BATCH_FRAMES:
                        yield batch
                        batch, octets = Batch(frames + 1, []), 0
        except GsakmpError:
            if batch.frames:
                yield batch
            raise
        if batch.frames:
            yield batch

    def complete(self, batch: Batch, place: int) -> Datagram | None:
        """What the fragment at `place` of the batch completes, if anything. They must come in the file's
        order, all of them."""
        counts = self.counts
        try:
            datagram = self._frame(Record(*batch.frames[place]), batch.first + place)
        except Skipped as skipped:
            counts.skip(skipped.reason)
            datagram = None
        else:
            counts.datagrams += datagram is not None
            counts.fragments += datagram is None
        counts.incomplete = self._fragments.incomplete + self._fragments.waiting
        return datagram


class Held(Exception):
    """This frame is a fragment. Raised and caught here."""


class BatchDatagrams(Capture):
    """The datagrams of batches, without the file; `counts` is what became of all frames but fragments."""

    def __init__(self, ports: Collection[int] | None = PORTS) -> None:
        super().__init__("", ports)

    def of(self, batch: Batch) -> Iterator[Datagram | int]:
        """The datagrams of a batch; the place of each fragment."""
        counts = self.counts
        for place, frame in enumerate(batch.frames):
            counts.frames += 1
            try:
                datagram = self._frame(Record(*frame), batch.first + place)
            except Skipped as skipped:
                counts.skip(skipped.reason)
            except Held:
                yield place
            else:
                assert datagram is not None
                counts.datagrams += 1
                yield datagram

    def taken(self) -> Counts:
        """The counts since this was last asked."""
        counts, self.counts = self.counts, Counts()
        return counts

    def _whole(self, packet: Packet, fragment: Fragment, time: int) -> Payload | None:
        raise Held
