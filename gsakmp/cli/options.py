"""Options that several commands have, and what their values mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gsakmp.captures import PORTS
from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Keyring
from gsakmp.cli.filters import exchange_names
from gsakmp.cli.records import GDOI_PORT, Reader
from gsakmp.cli.screen import MOST_WIDTH
from gsakmp.doi import DIALECTS, DOI, DOIS, IKEV2, STANDARD, dialect_named
from gsakmp.errors import ConfigurationError
from gsakmp.reports.tables import LEAST_WIDTH

if TYPE_CHECKING:
    from gsakmp.captures.opening import Opener

__all__ = [
    "Address",
    "CapturePorts",
    "Cookie",
    "Dialect",
    "Domain",
    "Exchange",
    "Keys",
    "Ports",
    "Quiet",
    "Source",
    "Width",
    "all_keys",
    "doi_named",
    "opener_of",
    "reader_of",
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


def reader_of(
    port: Sequence[int] | None, doi: str | None, dialect: str | None, *, lenient: bool = False
) -> Reader:
    """What reads as the options say. Raises `ConfigurationError`."""
    ports = tuple(port or ())
    return Reader(
        ports=PORTS | frozenset(ports),
        default_port=ports[0] if ports else GDOI_PORT,
        doi=doi_named(doi),
        dialect=dialect_named(dialect or STANDARD.name),
        lenient=lenient,
    )


def opener_of(keyring: Keyring, reader: Reader, dialect: str | None) -> Opener:
    """What opens what `reader` reads; a dialect that nobody names is found out."""
    from gsakmp.captures.opening import Opener  # slow to import

    return Opener(
        keyring,
        doi=reader.doi,
        dialect=None if dialect is None else reader.dialect,
        ports=reader.ports,
        default_port=reader.default_port,
    )


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
        help="Only this exchange: GROUPKEY_PULL, GROUPKEY_PUSH, GROUPKEY_PUSH_ACK, IDENTITY_PROTECTION (Main "
        "Mode), AGGRESSIVE, INFORMATIONAL, QUICK_MODE, any other that decode shows, or its number. "
        "Repeatable.",
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
ANY_PORT: Final = "One more UDP port to look at, for GDOI unless it is one of IKE's."
CapturePorts = Annotated[
    list[int] | None,
    typer.Option("--port", min=1, max=65535, metavar="PORT", help=f"{ANY_PORT} Repeatable."),
]
Ports = Annotated[
    list[int] | None,
    typer.Option(
        min=1,
        max=65535,
        metavar="PORT",
        help=f"{ANY_PORT} For hex, the port that it was sent to (848 unless given). Repeatable.",
    ),
]
Domain = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Take this domain of interpretation, whatever port and SA say: isakmp, ipsec, gdoi or ikev2.",
        autocompletion=starting(lambda: list(all_dois())),
    ),
]
Dialect = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How the peers differ from the standards: standard, gdoid (as Cisco's open GDOI implementation "
        "does, pcaps/README.md says where), gdoid-big-endian. Not given, the first two are told apart where "
        "messages are opened, and else it is the standard.",
        autocompletion=starting(lambda: list(DIALECTS)),
    ),
]
Width = Annotated[
    int | None,
    typer.Option(min=LEAST_WIDTH, max=MOST_WIDTH, help="Characters of a line; else the terminal's."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No summary on standard error.")]
