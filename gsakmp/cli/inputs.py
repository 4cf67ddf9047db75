"""What a user may give to decode: capture files, files of hex lines, hex itself, standard input."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from gsakmp import limits
from gsakmp.captures import Counts, Datagram, read
from gsakmp.captures.batches import Batch, BatchReader, Held
from gsakmp.errors import CaptureError, LocalError
from gsakmp.wire.spans import printable

__all__ = ["Input", "classified", "octets_of_hex"]

PEEKED: Final = 4
MAGIC: Final = (
    b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1",  # pcap
    b"\n\r\r\n",  # pcapng
    b"\x1f\x8b",  # gzip
)  # fmt: skip
HEX: Final = frozenset("0123456789abcdefABCDEF")
BETWEEN: Final = str.maketrans("", "", ": \t\r\n")
"""What may stand between hex digits."""


@dataclass
class Input:
    """One thing to decode: a file, standard input, or the octets of one message given as hex.

    `counts` says what became of a capture's frames, as far as it has been read.
    """

    name: str
    octets: bytes | None = None
    counts: Counts = field(default_factory=Counts)
    position: BinaryIO | None = None
    """The file while it is read, to see how far the reading is."""
    reader: BatchReader | None = None

    @property
    def label(self) -> str:
        """What to call it to people."""
        return "standard input" if self.name == "-" else printable(self.name)

    @property
    def size(self) -> int | None:
        """Octets of the file, None where nobody knows."""
        if self.octets is not None or self.name == "-":
            return None
        try:
            return Path(self.name).stat().st_size or None
        except OSError:
            return None

    def datagrams(self, ports: Collection[int], *, esp: bool = False) -> Iterator[Datagram]:
        """The datagrams, one at a time; with `esp` ESP packets, too.

        Raises `CaptureError` where a file breaks off or makes no sense, `LocalError` if it can't be opened.
        """
        if self.octets is not None:
            yield Datagram(octets=self.octets)
            return
        with self.content() as source:
            if source.capture:
                capture = read(source, ports, esp=esp)  # type: ignore[arg-type]  # `read` is all that a capture needs
                self.counts = capture.counts
                yield from capture
            else:
                yield from hex_lines(source, self.label)

    def pieces(self, ports: Collection[int]) -> Iterator[Batch | Datagram]:
        """The same, where a capture's frames are for other processes: in batches.

        `completed` gives the datagrams of its fragments. Raises as `datagrams` does.
        """
        if self.octets is not None:
            yield Datagram(octets=self.octets)
            return
        with self.content() as source:
            if source.capture:
                self.reader = BatchReader(source, ports)  # type: ignore[arg-type]  # as above
                self.counts = self.reader.counts
                yield from self.reader.batches()
            else:
                yield from hex_lines(source, self.label)

    def completed(self, held: Held) -> Datagram | None:
        """The datagram that a fragment of a batch completes, if any. They must come in their order."""
        return None if self.reader is None else self.reader.complete(held)

    @contextmanager
    def content(self) -> Iterator[Rejoined]:
        """The file, opened. Raises `LocalError`."""
        with opened(self.name) as file:
            self.position = file
            yield Rejoined(file, self.label)


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """The file of that name, or standard input for ``-``. Raises `LocalError`."""
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115  # closed below; errors in the body are not about opening
    except (OSError, ValueError) as exc:
        problem = getattr(exc, "strerror", None) or exc
        raise LocalError(f"{name or repr(name)} cannot be opened: {problem}") from None
    with file:
        yield file


class Rejoined:
    """A file whose first octets were looked at, without seeking: a pipe can't."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file, self.name = file, name
        self.head = b""
        with suppress(OSError):  # whoever reads on gets the same error, with its place
            while len(self.head) < PEEKED and (more := file.read(PEEKED - len(self.head))):
                self.head += more

    @property
    def capture(self) -> bool:
        """Whether it begins as a capture does. An empty one is a capture without its head."""
        return self.head.startswith(MAGIC) or not self.head

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` octets, those first that were looked at."""
        if self.head:
            octets, self.head = self.head[:size], self.head[size:]
            return octets
        return self.file.read(size)

    def read1(self, size: int, /) -> bytes:
        """The same, as much as is there without waiting for more."""
        if self.head:
            return self.read(size)
        ready = getattr(self.file, "read1", None)
        octets: bytes = self.file.read(size) if ready is None else ready(size)
        return octets

    def line(self, most: int) -> bytes:
        """The next line, or its first `most` octets."""
        octets, self.head = self.head, b""
        if b"\n" in octets:
            end = octets.index(b"\n") + 1
            self.head = octets[end:]
            return octets[:end]
        return octets + self.file.readline(most - len(octets))


def hex_lines(source: Rejoined, name: str) -> Iterator[Datagram]:
    """One message a line, in hex; empty lines and what follows ``#`` are left out."""
    number = 0
    while True:
        number += 1
        try:
            line = source.line(limits.HEX_LINE_OCTETS + 1)
        except OSError as exc:
            raise LocalError(f"{name} cannot be read further: {exc}") from None
        if not line:
            return
        if len(line) > limits.HEX_LINE_OCTETS:
            raise LocalError(f"{name}, line {number}: over limits.HEX_LINE_OCTETS ({limits.HEX_LINE_OCTETS})")
        try:
            text = line.split(b"#", 1)[0].decode("ascii")
            if text.strip():
                yield Datagram(octets=octets_of_hex(text))
        except ValueError as exc:
            if number == 1 and not hexlike(line.decode("latin-1")):
                raise CaptureError("this is neither pcap, pcapng nor lines of hex", name, 0) from None
            problem = "no text" if isinstance(exc, UnicodeDecodeError) else exc
            raise LocalError(f"{name}, line {number}: {problem}") from None


def octets_of_hex(text: str) -> bytes:
    """The octets that a text of hex digits stands for, with colons or spaces between them or without.

    ValueError says what is wrong.
    """
    if not hexlike(text):
        raise ValueError("there is something other than hex digits")
    digits = text.translate(BETWEEN).removeprefix("0x")
    if len(digits) % 2:
        raise ValueError(f"{len(digits)} hex digits: an octet has two")
    return bytes.fromhex(digits)


def hexlike(text: str) -> bool:
    """Whether there is nothing but hex digits and what may stand between them."""
    return set(text.translate(BETWEEN).removeprefix("0x")) <= HEX


def classified(argument: str) -> Input:
    """What an argument means: a path that is there is a file, `-` is standard input, the rest is hex.

    Raises `LocalError` for what is none of these.
    """
    if argument == "-":
        return Input("-")
    with suppress(OSError, ValueError):
        if Path(argument).exists():
            return Input(argument)
    shown = argument if len(argument) <= 60 else argument[:60] + "..."
    if len(argument) > limits.HEX_LINE_OCTETS:
        raise LocalError(f"{shown}: over limits.HEX_LINE_OCTETS ({limits.HEX_LINE_OCTETS})")
    if not argument.translate(BETWEEN):
        raise LocalError(f"{shown!r} is neither a file nor octets in hex")
    try:
        return Input("hex", octets_of_hex(argument))
    except ValueError as exc:
        problem = f"and as hex: {exc}" if hexlike(argument) else "and not hex either"
        raise LocalError(f"{shown}: no such file, {problem}") from None
