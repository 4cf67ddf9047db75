"""``gsakmp keys``: key files read, put together, and written in other programs' forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from gsakmp.captures.keyfile import key_lines
from gsakmp.captures.keyring import Keyring
from gsakmp.captures.keytables import esp_table_lines, scapy_lines, wireshark_lines
from gsakmp.cli.filters import Filters
from gsakmp.cli.inputs import classified
from gsakmp.cli.options import CapturePorts, Dialect, Domain, Quiet, all_keys, opener_of, reader_of
from gsakmp.cli.sieve import Sieve
from gsakmp.cli.status import SOUND, complain, guarded, paragraphs
from gsakmp.cli.writing import PRIVATE, written

__all__ = ["register"]


class Form(StrEnum):
    """What may be written."""

    GSAKMP = "gsakmp"
    WIRESHARK = "wireshark"
    WIRESHARK_ESP = "wireshark-esp"
    SCAPY = "scapy"


WRITERS: Final[dict[Form, Callable[[Keyring], Iterator[str]]]] = {
    Form.GSAKMP: key_lines,
    Form.WIRESHARK: wireshark_lines,
    Form.WIRESHARK_ESP: esp_table_lines,
    Form.SCAPY: scapy_lines,
}

EXAMPLES: Final = paragraphs(
    "Examples:",
    "[bold]gsakmp keys --as wireshark member.keys > ikev1_decryption_table[/]",
    "[bold]gsakmp keys charon.log -o session.keys[/]  a log of strongSwan",
    "[bold]gsakmp keys psk.keys --capture a.pcap -o all.keys[/]  and all that it brings",
    "Exit status: 0 if all is well, 2 for a file that is none.",
)


def keys(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Key files: ours, Wireshark's ikev1_decryption_table or esp_sa, logs of strongSwan or "
            "libreswan.",
        ),
    ],
    form: Annotated[
        Form,
        typer.Option(
            "--as",
            help="gsakmp: our key file. wireshark: its ikev1_decryption_table. wireshark-esp: its esp_sa. "
            "scapy: Python that makes its SecurityAssociations.",
        ),
    ] = Form.GSAKMP,
    capture: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Open this capture, and add the keys found in it. Repeatable."),
    ] = None,
    port: CapturePorts = None,
    doi: Domain = None,
    dialect: Dialect = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The file to write, for its owner alone; - for standard output.",
        ),
    ] = "-",
    quiet: Quiet = False,
) -> None:
    """Read key files, and write what they hold as one, for us or for other programs.

    Whoever has a key file can read the traffic that it is of.
    """

    def command() -> int:
        keyring = all_keys(files)
        reader = reader_of(port, doi, dialect)
        sieve = Sieve(reader, Filters(), keys=True)
        if capture:
            opener = opener_of(keyring, reader, dialect)
            for name in capture:
                source = classified(name)
                for datagram in source.datagrams(reader.ports, esp=True):
                    sieve.opened(datagram, opener)
                sieve.tally.capture(source.counts)
            keyring.update(opener.learnt)
        with written(output, *(capture or ()), mode=PRIVATE) as file:
            file.writelines(line.encode() for line in WRITERS[form](keyring))
        if capture and not quiet:
            complain(sieve.tally.text())
        return SOUND

    raise typer.Exit(guarded(command))


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(keys)
