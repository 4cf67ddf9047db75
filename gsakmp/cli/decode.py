"""``gsakmp decode``: captures and hex into messages, as a tree, as JSON lines, as annotated octets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from gsakmp.captures import PORTS
from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Keyring
from gsakmp.cli.decoding import Decoding, usual_jobs
from gsakmp.cli.filters import Filters, exchange_names
from gsakmp.cli.inputs import classified
from gsakmp.cli.jobs import MOST
from gsakmp.cli.outputs import Form
from gsakmp.cli.records import Reader
from gsakmp.cli.sieve import Sieve
from gsakmp.cli.status import complain, guarded, paragraphs
from gsakmp.doi import DIALECTS, DOI, DOIS, GDOI, IKEV2, STANDARD, dialect_named
from gsakmp.errors import ConfigurationError

__all__ = ["register"]

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
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=MOST,
            metavar="N",
            help="JSON without --keys: by so many processes; the lines and their order are the same. Not "
            "given, it is one for each processor if the files are large, one for what comes through a pipe.",
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
            from gsakmp.captures.opening import Opener  # slow to import

            opener = Opener(
                all_keys(keys),
                doi=reader.doi,
                dialect=None if dialect is None else reader.dialect,
                ports=reader.ports,
                default_port=reader.default_port,
            )
        filters = Filters.of(exchange or (), cookie or (), address or ())
        form = Form.JSON if as_json else Form.HEX if as_hex else Form.TREE
        inputs = [classified(source) for source in sources]
        sieve = Sieve(reader, filters, opener)
        run = Decoding(inputs, sieve, form, everything, usual_jobs(inputs) if jobs is None else jobs)
        status = run.status()
        if not quiet and run.tally.notable:
            complain(run.tally.text())
        return status

    raise typer.Exit(guarded(command))


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(decode)
