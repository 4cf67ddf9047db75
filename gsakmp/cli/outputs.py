"""What is made of datagrams: lines of JSON, trees, or octets with their fields."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, Protocol

from gsakmp.captures import Datagram
from gsakmp.cli.openings import opened_lines, plaintext_lines
from gsakmp.cli.records import Record
from gsakmp.cli.screen import screen
from gsakmp.cli.show import Line, Style, head_lines, hex_lines, tree_lines
from gsakmp.cli.sieve import Sieve

__all__ = ["Form", "JSONOutput", "Output", "ViewOutput"]

HELD: Final = 64 * 1024
"""Characters of JSON that wait to be written at once."""

END: Final = Line(0, ())
"""What separates records."""


class Form(StrEnum):
    """What the output looks like."""

    TREE = "tree"
    JSON = "json"
    HEX = "hex"


class Output(Protocol):
    """What takes datagrams and shows those that are wanted. `name` is that of their file: empty where there
    is only one."""

    def take(self, datagram: Datagram, name: str) -> None:
        """One more."""

    def flush(self) -> None:
        """Let all be seen so far."""


class JSONOutput:
    """Lines of JSON, written many at a time."""

    def __init__(self, sieve: Sieve) -> None:
        self.line = sieve.line
        self.out = sys.stdout.buffer
        self.held: list[str] = []
        self.size = 0

    def take(self, datagram: Datagram, name: str) -> None:
        """Keep a line, and write all when there are many."""
        text = self.line(datagram, name)
        self.held.append(text)
        self.size += len(text)
        if self.size >= HELD:
            self.write()

    def write(self, more: bytes = b"") -> None:
        """Write all lines that are kept, and `more`."""
        octets = "".join(self.held).encode()
        self.held.clear()  # first, so that nothing is written twice where writing fails
        self.size = 0
        self.out.write(octets)
        self.out.write(more)

    def flush(self) -> None:
        """Let all be seen so far."""
        self.write()
        self.out.flush()


class ViewOutput:
    """For people: trees, or octets."""

    def __init__(self, sieve: Sieve, form: Form, everything: bool) -> None:
        self.sieve, self.form, self.everything = sieve, form, everything
        self.show, self.named = screen(), ""

    def take(self, datagram: Datagram, name: str) -> None:
        """Show it, if it is wanted."""
        record = self.sieve.record(datagram)
        if record is None:
            return
        show = self.show
        if name != self.named:
            self.named = name
            show.rows([Line(0, ((f"{name}:", Style.TITLE),))])
        if self.form is Form.HEX:
            octets = (*hex_lines(record), *plaintext_lines(record))
            show.rows([*head_lines(record), *opened_lines(record), *octets, END])
        else:
            show.tree([*head_lines(record), *opened_lines(record), *self.body(record)])
            show.rows([END])

    def body(self, record: Record) -> Iterator[Line]:
        """The message as a tree."""
        message = record.shown
        if message is not None:
            yield from tree_lines(message, everything=self.everything)
        elif record.error is not None and record.message is not None:
            yield Line(1, (("--lenient shows what can be read", Style.NOTE),))

    def flush(self) -> None:
        """Let all be seen so far."""
        sys.stdout.flush()
