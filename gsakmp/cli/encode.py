"""``gsakmp encode``: the JSON lines that decode wrote back into octets, as hex or as a capture."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from gsakmp import limits
from gsakmp.captures import Datagram, write
from gsakmp.cli.inputs import opened
from gsakmp.cli.records import datagram_from
from gsakmp.cli.status import MALFORMED, SOUND, complain, guarded, paragraphs
from gsakmp.cli.writing import written
from gsakmp.errors import ConfigurationError, EncodeError, LocalError
from gsakmp.message import Message, build
from gsakmp.reports.words import counted

__all__ = ["register"]

EXAMPLES = paragraphs(
    "Examples:",
    "[bold]gsakmp decode --json capture.pcap | gsakmp encode[/]  hex, a line each",
    "[bold]gsakmp decode --json a.pcap | sed s/TUNNEL/TRANSPORT/ | gsakmp encode -o b[/]",
    "[bold]gsakmp encode messages.json[/]  a file of JSON lines",
    "A line is a record as decode writes it, or a message alone. Records without a message are left out and "
    "counted.",
    "Exit status: 0 if all is well, 1 if some lines could not be encoded, 2 for wrong usage or a file that "
    "can't be read or written.",
)


def encode(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON lines; - is standard input.")] = "-",
    as_hex: Annotated[bool, typer.Option("--hex", help="One line of hex a message. The default.")] = False,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write a pcap file; - is standard output."),
    ] = None,
) -> None:
    """Turn messages in JSON back into octets."""

    def command() -> int:
        if output == "-" and as_hex:
            raise ConfigurationError("--hex and -o - both want standard output")
        if output == "-" and sys.stdout.isatty():
            raise ConfigurationError("a capture is nothing for a terminal")
        run = Encoding(source)
        if output is None:
            run.print(hex_of(datagram) for datagram in run.datagrams())
        else:
            datagrams = run.printed() if as_hex else run.datagrams()
            if output == "-":
                write(sys.stdout.buffer, datagrams)
            else:
                run.save(output, datagrams)
        if run.skipped:
            complain(f"{counted(run.skipped, 'record')} without a message left out")
        return MALFORMED if run.failed else SOUND

    raise typer.Exit(guarded(command))


class NothingGood(Exception):
    """There are only lines that can't be encoded. Raised and caught here."""


class Encoding:
    """One run: `skipped` counts records without a message, `failed` the lines that are none or don't fit."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.skipped = self.failed = 0

    def datagrams(self) -> Iterator[Datagram]:
        """The datagram of each good line; of each other one, a line on standard error."""
        with opened(self.source) as file:
            for number, line in enumerate(lines(file, self.source), 1):
                if len(line) <= limits.JSON_LINE_OCTETS and not line.strip():
                    continue
                try:
                    datagram = datagram_of(line)
                except EncodeError as exc:
                    self.failed += 1
                    sys.stdout.flush()
                    complain(f"line {number}: {exc}")
                    continue
                if datagram is None:
                    self.skipped += 1
                else:
                    yield datagram

    def printed(self) -> Iterator[Datagram]:
        """As `datagrams`, each printed on the way."""
        for datagram in self.datagrams():
            sys.stdout.write(hex_of(datagram))
            yield datagram

    def save(self, output: str, datagrams: Iterator[Datagram]) -> None:
        """Write a capture file. One that is there stays as it is until the new one is whole, and for good
        where there is nothing but bad lines."""
        with suppress(NothingGood), written(output, self.source) as file:
            if not write(file, datagrams) and self.failed:
                raise NothingGood

    def print(self, texts: Iterator[str]) -> None:
        """Print."""
        sys.stdout.writelines(texts)


def hex_of(datagram: Datagram) -> str:
    return datagram.octets.hex() + "\n"


def datagram_of(line: bytes) -> Datagram | None:
    """The datagram of one line, None for a record without a message. Raises `EncodeError`."""
    if len(line) > limits.JSON_LINE_OCTETS:
        raise EncodeError(f"longer than limits.JSON_LINE_OCTETS ({limits.JSON_LINE_OCTETS})")
    try:
        plain = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        raise EncodeError(f"no JSON: {exc}") from None
    if not isinstance(plain, Mapping):
        raise EncodeError("a record or a message is a JSON object")
    if not is_record(plain):
        message = Message.from_builtins(plain)
        return datagram_from({}, message, build(message))
    if plain.get("message") is None:
        return None
    try:
        message = Message.from_builtins(plain["message"])
        octets = build(message)
    except EncodeError as exc:
        raise exc.within("message") from None
    return datagram_from(plain, message, octets)


def is_record(plain: Mapping[str, Any]) -> bool:
    """Whether it is what decode writes; a message alone has neither key."""
    return "message" in plain or "error" in plain


def lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, the beginning, which is still too long."""
    longest = limits.JSON_LINE_OCTETS + 1
    while True:
        try:
            line = file.readline(longest)
            rest = line
            while len(rest) == longest and rest[-1:] != b"\n":
                rest = file.readline(longest)
        except OSError as exc:
            raise LocalError(f"{name} cannot be read: {exc}") from None
        if not line:
            return
        yield line


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES)(encode)
