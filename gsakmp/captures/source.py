"""The octets of a capture file: opened, inflated, counted, and never short without a word.

The readers that sit on top take a short read for the end of the file. `Source` allows that only
where a record may end; anywhere else it raises, and says at which octet.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import BinaryIO, Final, Protocol

from gsakmp import limits
from gsakmp.errors import CaptureError, LocalError

__all__ = ["Source"]

GZIP: Final = b"\x1f\x8b"
AHEAD: Final = 64 * 1024
"""Octets taken from the file at a time, where it gives what it has without waiting for more."""
PIECE: Final = 16 * 1024
"""Compressed octets taken at a time."""
BURST: Final = 64 * 1024
"""Inflated octets held at a time, so that a small file which inflates hugely stays small here."""


class _Octets(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Source:
    """A counting reader that needs `read` alone, so a pipe does. It never waits for octets that nobody asked
    for: a record that comes through a pipe is given before the next one is there.

    `offset` is where the next octet comes from and `record` where the present record began, both in
    the inflated file. Of that, `held` is what was read already, and begins at octet `before`; its next octet
    is ``held[at]``.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.before = 0
        self.record = 0
        self.held = b""
        self.at = 0
        self._file: _Octets = _Plain(file)
        if self.peek(len(GZIP)) == GZIP:
            self._file = _Inflated(self._file, self.held)
            self.held = b""

    @property
    def offset(self) -> int:
        """Octets taken so far."""
        return self.before + self.at

    def peek(self, size: int) -> bytes:
        """The next `size` octets, or fewer at the end of the file, without taking them."""
        self._fill(size)
        return self.held[self.at : self.at + size]

    def mark(self) -> None:
        """A record starts here; the file may also end here."""
        self.record = self.before + self.at

    def read(self, size: int) -> bytes:
        """Exactly `size` octets, or none at the end of the file.

        Raises `CaptureError` when the file ends inside a record, when it cannot be read, and for
        sizes that only a broken length field gives.
        """
        at = self.at
        stop = at + size
        if at <= stop <= len(self.held):  # nearly always
            self.at = stop
            return self.held[at:stop]
        if size > limits.CAPTURE_BLOCK_OCTETS:
            raise self.broken(f"a length of {size} octets is over {limits.CAPTURE_BLOCK_OCTETS}")
        self._fill(size)
        octets = self.held[self.at : self.at + size]
        inside = self.offset - self.record + len(octets)
        if len(octets) < size and inside:
            raise self.broken(f"the file ends {inside} octets into what starts here")
        self.at += len(octets)
        return octets

    def broken(self, problem: str) -> CaptureError:
        """The error to raise for the present record."""
        return CaptureError(problem, self.name, self.record)

    def _fill(self, size: int) -> None:
        """Hold the next `size` octets, or all that are left."""
        pieces = [self.held[self.at :]]
        lacking = size - len(pieces[0])
        self.before += self.at
        self.at = 0
        try:
            while lacking > 0 and (more := self._file.read(lacking)):
                pieces.append(more)
                lacking -= len(more)
        except (OSError, zlib.error) as error:
            raise self.broken(f"the file cannot be read further: {error}") from error
        except ValueError as error:
            raise LocalError(f"{self.name}: {error}") from error
        finally:
            self.held = b"".join(pieces)


class _Plain:
    """The caller's file, held to what a binary file must give. It may give more than was asked for."""

    def __init__(self, file: BinaryIO) -> None:
        if not callable(getattr(file, "read", None)):
            raise LocalError(f"{type(file).__name__} where a path or a binary file is wanted")
        self._file = file
        self._ready: Callable[[int], object] | None = getattr(file, "read1", None)

    def read(self, size: int, /) -> bytes:
        ready = self._ready
        octets = self._file.read(size) if ready is None else ready(max(size, AHEAD))
        if octets is None:
            raise OSError("it has no octets ready, and does not wait for them")
        if not isinstance(octets, bytes):
            raise LocalError("a capture must be opened in binary mode")
        return octets


class _Inflated:
    """A gzip stream (RFC 1952), member by member.

    Unlike the standard library's reader it first gives every octet that stands before the damage.
    """

    def __init__(self, file: _Octets, head: bytes) -> None:
        self._file = file
        self._input = head
        self._ready = b""
        self._failure: Exception | None = None
        self._member = zlib.decompressobj(wbits=31)

    def read(self, size: int, /) -> bytes:
        while not self._ready:
            if self._failure is not None:
                raise self._failure
            if not self._advance():
                return b""
        octets, self._ready = self._ready, b""
        return octets

    def _advance(self) -> bool:
        """Inflate a little more; False at the end of the stream."""
        if self._member.eof:
            return self._next_member()
        taken = self._input or self._file.read(PIECE)
        if not taken:
            self._failure = OSError("the gzip stream breaks off")
            return True
        before = self._member.copy()
        try:
            self._ready = self._member.decompress(taken, BURST)
            self._input = self._member.unconsumed_tail
        except zlib.error as error:
            self._failure = error
            self._ready = _salvaged(before, taken)
        return True

    def _next_member(self) -> bool:
        rest = self._member.unused_data.lstrip(b"\0")  # RFC 1952 lets zeros pad the last member
        while len(rest) < len(GZIP):
            more = self._file.read(PIECE)
            if not more:
                break
            rest = (rest + more).lstrip(b"\0")
        if not rest:
            return False
        self._input = rest
        self._member = zlib.decompressobj(wbits=31)
        return True


def _salvaged(inflater: zlib._Decompress, octets: bytes) -> bytes:
    """What comes out before the octet that the inflater rejects."""
    pieces = []
    try:
        for at in range(len(octets)):
            pieces.append(inflater.decompress(octets[at : at + 1]))
    except zlib.error:
        pass
    return b"".join(pieces)
