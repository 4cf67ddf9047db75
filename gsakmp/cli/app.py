"""The command line as typer sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from gsakmp import __version__
from gsakmp.cli import (
    daemons,
    decode,
    decrypt,
    demo,
    describe,
    diff,
    encode,
    explain,
    keys,
    ladder,
    nark,
    rekey,
    view,
    wireshark,
)
from gsakmp.cli.status import UNUSABLE, guarded, paragraphs

__all__ = ["app", "run"]

app = typer.Typer(
    name="gsakmp",
    help="Group key management over ISAKMP, IKEv1 and GDOI: key servers, members, and what they say.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def version(wanted: bool) -> None:
    if wanted:
        print(f"gsakmp {__version__}")
        raise typer.Exit


@app.callback(
    epilog=paragraphs(
        "Examples:",
        "[bold]gsakmp demo[/]  a key server and members at work, on this host",
        "[bold]gsakmp gcks init plant[/]  a key server's configuration, to begin with",
        "[bold]gsakmp decode capture.pcap[/]  every message of a capture as a tree",
        "[bold]gsakmp decode --json capture.pcap | gsakmp encode -o copy.pcap[/]  into JSON and back",
        "[bold]gsakmp view --keys group.keys capture.pcap[/]  a page: ladder, fields, octets",
        "[bold]gsakmp describe SA[/]  how a payload is laid out",
    )
)
def top(
    show_version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=version, is_eager=True)
    ] = False,
) -> None:
    """Group key management over ISAKMP, IKEv1 and GDOI: key servers, members, and what they say."""


decode.register(app)
view.register(app)
encode.register(app)
decrypt.register(app)
describe.register(app)
keys.register(app)
ladder.register(app)
explain.register(app)
diff.register(app)
demo.register(app)
daemons.register(app)
wireshark.register(app)
nark.register(app)
rekey.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return the exit status, whatever happens."""
    return guarded(lambda: dispatched(arguments))


def dispatched(arguments: Sequence[str]) -> int:
    try:
        app(args=list(arguments), prog_name="gsakmp")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else UNUSABLE if exc.code else 0
    return 0
