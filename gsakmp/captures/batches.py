"""One capture file read by several processes: the frames are taken from the file in one, and made into
datagrams in others.

IP fragments are the only frames that need others, so they stay with the process that has all of them, in
their order. Nothing else of a frame depends on those before it::

    batches = BatchReader(path)
    for batch in batches.batches():              # here
        for item in BatchDatagrams().of(batch):  # anywhere
            ...                                  # a datagram, or a fragment
            batches.complete(fragment)           # here, in the file's order
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

from gsakmp.captures.datagram import Counts, Datagram, Skipped
from gsakmp.captures.links import LINKS
from gsakmp.captures.packets import Fragment, Packet, Payload
from gsakmp.captures.reader import PORTS, Capture, _name, unknown_link
from gsakmp.captures.records import Layout, Record, is_pcap, pcap_layout, pcap_pieces, pcap_records, records
from gsakmp.captures.source import Source
from gsakmp.errors import GsakmpError

__all__ = ["BATCH_OCTETS", "Batch", "BatchDatagrams", "BatchReader", "Held"]

BATCH_OCTETS: Final = 256 * 1024
BATCH_FRAMES: Final = 1024
"""A batch ends with the frame that brings it to so many octets, or so many frames."""

Plain = tuple[int, int, bytes, bool, int]
"""A `Record` as a tuple: pickled several times as fast."""


class Batch(NamedTuple):
    """Frames that stand together in a file; `first` is the number of the first of them. Those of a pcap file
    are octets as they stand in it, which has a `layout`: taking them apart is for who reads them."""

    first: int
    frames: list[Plain] | bytes
    layout: Layout | None = None

    def records(self) -> Iterator[Record]:
        """The frames."""
        if isinstance(self.frames, bytes):
            assert self.layout is not None
            return pcap_records(self.frames, self.layout)
        return (Record(*frame) for frame in self.frames)


class Held(NamedTuple):
    """A frame that is a fragment, with its number."""

    number: int
    frame: Plain


class BatchReader(Capture):
    """A `Capture` that gives its frames in batches. `counts` has those frames that `complete` was given, and
    what is known at the end; the other counts come from who reads the batches, and are to be added."""

    def batches(self) -> Generator[Batch, None, None]:
        """The frames. Raises as iterating a `Capture` does, after the batch with all that stands before."""
        with self._opened() as file:
            source = Source(file, _name(self._source))
            if is_pcap(source):
                layout = pcap_layout(source)
                for first, pieces in gathered(self._pieces(source, layout)):
                    yield Batch(first, b"".join(pieces), layout)
            else:
                for first, frames in gathered(self._frames(source)):
                    yield Batch(first, frames)

    def _pieces(self, source: Source, layout: Layout) -> Iterator[tuple[int, int, bytes]]:
        """The frames of a pcap file: how many at a time, of how many octets, and as they stand there."""
        for number, octets in pcap_pieces(source, layout, BATCH_FRAMES):
            if layout.link_type not in LINKS:
                self.counts.frames += 1
                raise unknown_link(layout.link_type, source)
            yield number, len(octets), octets

    def _frames(self, source: Source) -> Iterator[tuple[int, int, Plain]]:
        """The frames of any other file, one at a time."""
        for record in records(source):
            if record.link_type not in LINKS:
                self.counts.frames += 1
                raise unknown_link(record.link_type, source)
            yield 1, len(record.octets), plain(record)

    def complete(self, held: Held) -> Datagram | None:
        """What a fragment completes, if anything. They must come in the file's order, all of them."""
        datagram = self._counted(Record(*held.frame), held.number)
        self.counts.incomplete = self._fragments.incomplete + self._fragments.waiting
        return datagram


Item = TypeVar("Item")


def gathered(items: Iterable[tuple[int, int, Item]]) -> Iterator[tuple[int, list[Item]]]:
    """Items that make a batch each time, with the number of its first frame. They come with their frames and
    octets. What they raise is raised after the batch with those before."""
    held, first, frames, octets, problem = list[Item](), 1, 0, 0, None
    try:
        for number, size, item in items:
            held.append(item)
            frames += number
            octets += size
            if octets >= BATCH_OCTETS or frames >= BATCH_FRAMES:
                yield first, held
                held, first, frames, octets = [], first + frames, 0, 0
    except GsakmpError as exc:
        problem = exc
    if held:
        yield first, held
    if problem is not None:
        raise problem


def plain(record: Record) -> Plain:
    """The record, to be sent."""
    return record.time, record.link_type, record.octets, record.short, record.wire


class NotWhole(Exception):
    """This frame is a fragment. Raised and caught here."""


class BatchDatagrams(Capture):
    """The datagrams of batches, without the file; `counts` is what became of all frames but fragments."""

    def __init__(self, ports: Collection[int] | None = PORTS) -> None:
        super().__init__("", ports)

    def of(self, batch: Batch) -> Iterator[Datagram | Held]:
        """The datagrams of a batch, and its fragments."""
        counts = self.counts
        for number, record in enumerate(batch.records(), batch.first):
            counts.frames += 1
            try:
                datagram = self._frame(record, number)
            except Skipped as skipped:
                counts.skip(skipped.reason)
            except NotWhole:
                yield Held(number, plain(record))
            else:
                assert datagram is not None
                counts.datagrams += 1
                yield datagram

    def taken(self) -> Counts:
        """The counts since this was last asked."""
        counts, self.counts = self.counts, Counts()
        return counts

    def _whole(self, packet: Packet, fragment: Fragment, time: int) -> Payload | None:
        raise NotWhole
