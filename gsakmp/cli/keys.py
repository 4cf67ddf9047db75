"""``gsakmp keys``: key files read, put together, and written in other programs' forms."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from gsakmp.captures import PORTS
from gsakmp.captures.keyfile import key_lines, read_keys
from gsakmp.captures.keyring import Keyring
from gsakmp.captures.keytables import esp_table_lines, scapy_lines, wireshark_lines
from gsakmp.captures.opening import Opener
from gsakmp.cli.inputs import classified
from gsakmp.cli.status import SOUND, guarded, paragraphs
from gsakmp.cli.viewing import check_target, written
from gsakmp.doi import dialect_named
from gsakmp.errors import LocalError

__all__ = ["register"]

PRIVATE: Final = 0o600


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
    "[bold]gsakmp keys --as wireshark member.keys > ikev1_decryption_table[/]  for Wireshark's profile",
    "[bold]gsakmp keys charon.log -o session.keys[/]  what a log of strongSwan has, as a key file",
    "[bold]gsakmp keys psk.keys --capture a.pcap -o all.keys[/]  and every key that the capture brings",
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
    port: Annotated[
        list[int] | None,
        typer.Option(min=1, max=65535, metavar="PORT", help="One more UDP port of the captures. Repeatable."),
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(metavar="NAME", help="How the captures' peers differ on the wire.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write, for its owner alone; else standard output."),
    ] = None,
) -> None:
    """Read key files, and write what they hold as one, for us or for other programs.

    Whoever has a key file can read the traffic that it is of.
    """

    def command() -> int:
        keyring = Keyring()
        for path in files:
            keyring.update(read_keys(path))
        if capture:
            chosen = None if dialect is None else dialect_named(dialect)
            ports = PORTS | frozenset(port or ())
            opener = Opener(keyring, dialect=chosen, ports=ports)
            for name in capture:
                for datagram in classified(name).datagrams(ports, esp=True):
                    opener.feed(datagram)
            keyring.update(opener.learnt)
        text = "".join(WRITERS[form](keyring))
        if output is None:
            sys.stdout.write(text)
        else:
            write(output, text, capture or ())
        return SOUND

    raise typer.Exit(guarded(command))


def write(path: Path, text: str, captures: Sequence[str]) -> None:
    """The file, for its owner alone, also where there was one before; none of the captures is written over.

    Raises `ConfigurationError`, `LocalError`.
    """
    for name in captures:
        check_target(path, name)
    with written(os.fspath(path), mode=PRIVATE) as file:
        try:
            file.write(text.encode())
        except BrokenPipeError:
            raise
        except OSError as error:
            raise LocalError(f"{path} can't be written: {error.strerror}") from None


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(keys)
