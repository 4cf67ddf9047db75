"""``gsakmp decode``: captures and hex into messages, as a tree, as JSON lines, as annotated octets."""

from __future__ import annotations

from typing import Annotated

import typer

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
    opener_of,
    reader_of,
)
from gsakmp.cli.outputs import Form
from gsakmp.cli.sieve import Sieve
from gsakmp.cli.status import STATUSES, complain, guarded, paragraphs
from gsakmp.errors import ConfigurationError

__all__ = ["register"]

EXAMPLES = paragraphs(
    "Examples:",
    "[bold]gsakmp decode capture.pcap[/]  every message as a tree",
    "[bold]gsakmp decode --json a.pcapng.gz b.pcap | jq .exchange[/]  one JSON object a line",
    "[bold]tcpdump -U -w - udp port 848 | gsakmp decode -[/]  as they come",
    "[bold]gsakmp decode --hex --exchange GROUPKEY_PULL capture.pcap[/]  as octets",
    "[bold]gsakmp decode --address 10.0.0.0/8 --cookie 037ab8 capture.pcap[/]  some of it",
    "[bold]gsakmp decode --port 500 037ab81ed179b895...[/]  a message as hex",
    "[bold]gsakmp decode --keys member.keys member.pcap[/]  decrypted and checked",
    STATUSES,
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
        bool,
        typer.Option(
            "--lenient",
            help="Show malformed messages too, as far as they can be read; --keys opens none of them.",
        ),
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
        reader = reader_of(port, doi, dialect, lenient=lenient)
        opener = opener_of(all_keys(keys), reader, dialect) if keys else None
        filters = Filters.of(exchange, cookie, address)
        form = Form.JSON if as_json else Form.HEX if as_hex else Form.TREE
        inputs = [classified(source) for source in sources]
        sieve = Sieve(reader, filters, opener, keys=opener is not None)
        run = Decoding(inputs, sieve, form, everything, usual_jobs(inputs) if jobs is None else jobs)
        status = run.status()
        if not quiet and (run.tally.notable or (run.tally.nothing and not run.unusable)):
            complain(run.tally.text())
        return status

    raise typer.Exit(guarded(command))


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(decode)
