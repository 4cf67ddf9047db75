"""Options that several commands have, and what their values mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Keyring
from gsakmp.cli.filters import exchange_names
from gsakmp.doi import DIALECTS, DOI, DOIS, IKEV2
from gsakmp.errors import ConfigurationError

__all__ = [
    "Address",
    "Cookie",
    "Dialect",
    "Domain",
    "Exchange",
    "Keys",
    "Ports",
    "Quiet",
    "Source",
    "all_keys",
    "doi_named",
    "starting",
]


def all_dois() -> dict[str, DOI]:
    """Every domain of interpretation by its name."""
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


Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A capture (pcap, pcapng, gzipped or not), a file of hex lines, or - for standard input.",
    ),
]
Keys = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Open the messages with the secrets of this file, and check them: a key file of ours, "
        "Wireshark's ikev1_decryption_table, or a log of strongSwan or libreswan. Repeatable.",
    ),
]
Exchange = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|NUMBER",
        help="Only this exchange. Repeatable.",
        autocompletion=starting(exchange_names),
    ),
]
Cookie = Annotated[
    list[str] | None,
    typer.Option(metavar="HEX", help="Only messages with a cookie that starts so. Repeatable."),
]
Address = Annotated[
    list[str] | None,
    typer.Option(metavar="ADDR[/PREFIX]", help="Only from or to this address or network. Repeatable."),
]
Ports = Annotated[
    list[int] | None,
    typer.Option(
        min=1,
        max=65535,
        metavar="PORT",
        help="One more UDP port to look at. For hex, the port that it was sent to (848 unless given). "
        "Repeatable.",
    ),
]
Domain = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Take this domain of interpretation, whatever port and SA say.",
        autocompletion=starting(lambda: list(all_dois())),
    ),
]
Dialect = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"How the peer differs on the wire: {', '.join(DIALECTS)}. Not given, the first two are told "
        "apart where messages are opened, and else it is the standard.",
        autocompletion=starting(lambda: list(DIALECTS)),
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No summary on standard error.")]
