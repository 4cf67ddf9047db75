"""``gsakmp decode``: captures and hex into messages, as a tree, as JSON lines, as annotated octets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from gsakmp.captures import PORTS
from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Keyring
from gsakmp.captures.opened import Status
from gsakmp.captures.opening import Opener
from gsakmp.cli.filters import Filters, exchange_names
from gsakmp.cli.inputs import Input, classified
from gsakmp.cli.openings import opened_lines, plaintext_lines
from gsakmp.cli.records import NAT_TRAVERSAL, Reader, Record, other_traffic
from gsakmp.cli.report import Tally, progress
from gsakmp.cli.screen import screen
from gsakmp.cli.show import Line, Style, head_lines, hex_lines, tree_lines
from gsakmp.cli.status import MALFORMED, SOUND, UNUSABLE, complain, guarded, paragraphs
from gsakmp.doi import DIALECTS, DOI, DOIS, GDOI, IKEV2, STANDARD, dialect_named
from gsakmp.errors import ConfigurationError, GsakmpError

__all__ = ["register"]

END = Line(0, ())
"""What separates records."""

EXAMPLES = paragraphs(
    "Examples:",
    "[bold]gsakmp decode capture.pcap[/]  every message as a tree",
    "[bold]gsakmp decode --json a.pcapng.gz b.pcap | jq .exchange[/]  one JSON object a line",
    "[bold]tcpdump -U -w - udp port 848 | gsakmp decode -[/]  as they come",
    "[bold]gsakmp decode --hex --exchange GROUPKEY_PULL capture.pcap[/]  octets with their fields",
    "[bold]gsakmp decode --address 10.0.0.0/8 --cookie 037ab8 capture.pcap[/]  only some of them",
    "[bold]gsakmp decode --port 500 037ab81ed179b895...[/]  a message as hex",
    "[bold]gsakmp decode --keys member.keys member.pcap[/]  decrypted, with every hash and signature checked",
    "Exit status: 0 if all is well, 1 if a message was malformed, 2 for wrong usage or a file that can't be "
    "read to its end.",
)


class Form(StrEnum):
    """What the output looks like."""

    TREE = "tree"
    JSON = "json"
    HEX = "hex"


def all_dois() -> dict[str, DOI]:
    return {doi.name: doi for doi in (*DOIS.values(), IKEV2)}


def doi_named(name: str | None) -> DOI | None:
    """By name in either case, None for none. Raises `ConfigurationError`."""
    if name is None:
        return None
    for known, doi in all_dois().items():
        if known.lower() == name.strip().lower():
            return doi
    raise ConfigurationError(f"no domain of interpretation {name!r}; there are {', '.join(all_dois())}")


def all_keys(files: Sequence[Path]) -> Keyring:
    """The secrets of all files. Raises `ConfigurationError`, `LocalError`."""
    keyring = Keyring()
    for path in files:
        keyring.update(read_keys(path))
    return keyring


def starting(names: Callable[[], Sequence[str]]) -> Callable[[str], list[str]]:
    """What completes a word on the command line."""
    return lambda incomplete: [name for name in names() if name.lower().startswith(incomplete.lower())]


def decode(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|HEX|-",
            help="Capture files (pcap, pcapng, gzipped or not), files of hex lines, a message in hex, or - "
            "for standard input.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    as_hex: Annotated[bool, typer.Option("--hex", help="Octets, each with the field that it is.")] = False,
    exchange: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|NUMBER",
            help="Only this exchange. Repeatable.",
            autocompletion=starting(exchange_names),
        ),
    ] = None,
    cookie: Annotated[
        list[str] | None,
        typer.Option(metavar="HEX", help="Only messages with a cookie that starts so. Repeatable."),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDR[/PREFIX]", help="Only from or to this address or network. Repeatable."),
    ] = None,
    port: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            max=65535,
            metavar="PORT",
            help="One more UDP port to look at. For hex, the port that it was sent to (848 unless given). "
            "Repeatable.",
        ),
    ] = None,
    doi: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take this domain of interpretation, whatever port and SA say.",
            autocompletion=starting(lambda: list(all_dois())),
        ),
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"How the peer differs on the wire: {', '.join(DIALECTS)}. Not given, it is the standard, "
            "and with --keys the first two are told apart.",
            autocompletion=starting(lambda: list(DIALECTS)),
        ),
    ] = None,
    keys: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Open the messages with the secrets of this file, and check them: a key file of ours, "
            "Wireshark's ikev1_decryption_table, or a log of strongSwan or libreswan. Repeatable.",
        ),
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Show malformed messages too, as far as they can be read.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Tree: also lengths, links, reserved fields and the header.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary on standard error.")] = False,
) -> None:
    """Read captures, or messages in hex, and show every ISAKMP, IKEv1 and GDOI message in them."""

    def command() -> int:
        if as_json and as_hex:
            raise ConfigurationError("--json and --hex exclude each other")
        ports = tuple(port or ())
        reader = Reader(
            ports=PORTS | frozenset(ports),
            default_port=ports[0] if ports else next(iter(GDOI.ports)),
            doi=doi_named(doi),
            dialect=dialect_named(dialect or STANDARD.name),
            lenient=lenient,
        )
        opener = None
        if keys is not None:
            opener = Opener(
                all_keys(keys),
                doi=reader.doi,
                dialect=None if dialect is None else reader.dialect,
                ports=reader.ports,
                default_port=reader.default_port,
            )
        filters = Filters.of(exchange or (), cookie or (), address or ())
        form = Form.JSON if as_json else Form.HEX if as_hex else Form.TREE
        run = Decoding([classified(source) for source in sources], reader, filters, form, everything, opener)
        status = run.status()
        if not quiet and run.tally.notable:
            complain(run.tally.text())
        return status

    raise typer.Exit(guarded(command))


class Decoding:
    """One run over all inputs."""

    def __init__(
        self,
        inputs: Sequence[Input],
        reader: Reader,
        filters: Filters,
        form: Form,
        everything: bool,
        opener: Opener | None = None,
    ) -> None:
        self.inputs, self.reader, self.filters = inputs, reader, filters
        self.form, self.everything, self.opener = form, everything, opener
        self.tally = Tally()

    def status(self) -> int:
        """Decode everything; the exit status. What is wrong with one file does not stop the next."""
        unusable = False
        give = self.output()
        for source in self.inputs:
            name = source.label if len(self.inputs) > 1 else ""
            flush = source.name == "-" or sys.stdout.isatty()
            try:
                with progress(source) as bar:
                    for record in self.records(source, bar.step):
                        give(record, name)
                        if flush:
                            sys.stdout.flush()
            except GsakmpError as exc:
                unusable = True
                sys.stdout.flush()  # what came before stands before what is said about it
                complain(str(exc))
            finally:
                self.tally.capture(source.counts)
        return UNUSABLE if unusable else MALFORMED if self.tally.malformed else SOUND

    def records(self, source: Input, step: Callable[[], None]) -> Iterator[Record]:
        """The records that are wanted."""
        reader, filters, tally = self.reader, self.filters, self.tally
        if self.opener is not None:
            yield from self.opened_records(source, self.opener, step)
            return
        for datagram in source.datagrams(reader.ports):
            step()
            port = reader.port(datagram)
            other = other_traffic(datagram.octets, port)
            if other:
                tally.other[other] += 1
                continue
            if not filters.datagram(datagram, port == NAT_TRAVERSAL):
                tally.unwanted += 1
                continue
            record = reader.record(datagram, port)
            if not filters.message(record.message):
                tally.unwanted += 1
                continue
            tally.record(record)
            yield record

    def opened_records(self, source: Input, opener: Opener, step: Callable[[], None]) -> Iterator[Record]:
        """The same, opened. What is not wanted is opened all the same: others may need what it says."""
        reader, filters, tally = self.reader, self.filters, self.tally
        for datagram in source.datagrams(reader.ports, esp=True):
            step()
            port, opened = reader.port(datagram), opener.feed(datagram)
            if opened.message is None and opened.error is None and opened.esp is None:
                tally.other["NAT keepalive"] += 1
                continue
            if not filters.datagram(datagram, port == NAT_TRAVERSAL) or not filters.message(opened.shown):
                tally.unwanted += 1
                continue
            record = Record(datagram, port, opened.shown, opened.error, reader.lenient, opened)
            if opened.esp is None or opened.status is Status.OPENED:
                tally.record(record)
                yield record
            else:
                tally.other["ESP"] += 1

    def output(self) -> Callable[[Record, str], None]:
        """What takes a record and the name of its file, empty where there is only one."""
        if self.form is Form.JSON:
            return json_output(sys.stdout.buffer)
        show, named = screen(), ""

        def give(record: Record, name: str) -> None:
            nonlocal named
            if name != named:
                named = name
                show.rows([Line(0, ((f"{name}:", Style.TITLE),))])
            if self.form is Form.HEX:
                octets = (*hex_lines(record), *plaintext_lines(record))
                show.rows([*head_lines(record), *opened_lines(record), *octets, END])
            else:
                show.tree([*head_lines(record), *opened_lines(record), *self.body(record)])
                show.rows([END])

        return give

    def body(self, record: Record) -> Iterator[Line]:
        message = record.shown
        if message is not None:
            yield from tree_lines(message, everything=self.everything)
        elif record.error is not None and record.message is not None:
            yield Line(1, (("--lenient shows what can be read", Style.NOTE),))


def json_output(out: BinaryIO) -> Callable[[Record, str], None]:
    def give(record: Record, name: str) -> None:
        out.write(record.json(name))

    return give


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(decode)
