"""``gsakmp decode``: captures and hex into messages, as a tree, as JSON lines, as annotated octets."""

from __future__ import annotations

from typing import Annotated

import typer

from gsakmp.captures import PORTS
from gsakmp.cli.decoding import Decoding, usual_jobs
from gsakmp.cli.filters import Filters
from gsakmp.cli.inputs import classified
from gsakmp.cli.jobs import MOST
from gsakmp.cli.options import (
    Address,
    Cookie,
    Dialect,
    Domain,
    Exchange,
    Keys,
    Ports,
    Quiet,
    all_keys,
    doi_named,
)
from gsakmp.cli.outputs import Form
from gsakmp.cli.records import Reader
from gsakmp.cli.sieve import Sieve
from gsakmp.cli.status import complain, guarded, paragraphs
from gsakmp.doi import GDOI, STANDARD, dialect_named
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
    exchange: Exchange = None,
    cookie: Cookie = None,
    address: Address = None,
    port: Ports = None,
    doi: Domain = None,
    dialect: Dialect = None,
    keys: Keys = None,
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
    quiet: Quiet = False,
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
