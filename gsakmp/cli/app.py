"""The command line as typer sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from inspect import cleandoc
from typing import Annotated, Final

import typer

from gsakmp import __version__
from gsakmp.cli.status import UNUSABLE, guarded, paragraphs

__all__ = ["COMMANDS", "run"]

COMMANDS: Final = {
    "decode": "decode",
    "view": "view",
    "encode": "encode",
    "decrypt": "decrypt",
    "describe": "describe",
    "keys": "keys",
    "ladder": "ladder",
    "explain": "explain",
    "diff": "diff",
    "demo": "demo",
    "gcks": "daemons",
    "member": "daemons",
    "wireshark": "wireshark",
    "nark-module": "nark",
    "receipts": "nark",
    "rekey": "rekey",
}
"""The module of each command, in the order of the help. Its ``register`` adds what it has."""


def version(wanted: bool) -> None:
    if wanted:
        print(f"gsakmp {__version__}")
        raise typer.Exit


EXAMPLES: Final = paragraphs(
    "Examples:",
    "[bold]gsakmp demo[/]  a key server and members at work, on this host",
    "[bold]gsakmp gcks init plant[/]  a key server's configuration, to begin with",
    "[bold]gsakmp decode capture.pcap[/]  every message of a capture as a tree",
    "[bold]gsakmp decode --json capture.pcap | gsakmp encode -o copy.pcap[/]  and back",
    "[bold]gsakmp view --keys group.keys capture.pcap[/]  a page: ladder, fields, octets",
    "[bold]gsakmp describe SA[/]  how a payload is laid out",
)


def top(
    show_version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=version, is_eager=True)
    ] = False,
) -> None:
    """Group key management over ISAKMP, IKEv1 and GDOI: key servers, members, and what they say."""


def application(modules: Iterable[str]) -> typer.Typer:
    """The program, with the commands of these modules."""
    app = typer.Typer(
        name="gsakmp",
        help="Group key management over ISAKMP, IKEv1 and GDOI: key servers, members, and what they say.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(epilog=EXAMPLES)(top)
    for module in modules:
        import_module(f"gsakmp.cli.{module}").register(app)
    flow(app)
    return app


def flow(app: typer.Typer) -> None:
    """Let every command's help take the terminal's width: lines of a docstring end where the source does."""
    for command in app.registered_commands:
        text = command.help or getattr(command.callback, "__doc__", None) or ""
        command.help = "\n\n".join(" ".join(part.split()) for part in cleandoc(text).split("\n\n"))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            flow(group.typer_instance)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return the exit status, whatever happens."""
    return guarded(lambda: dispatched(arguments))


def dispatched(arguments: Sequence[str]) -> int:
    """Run the command. If its name comes first it is imported alone, since all of them take long. Otherwise
    they are all there: for the help, for completion, for what resembles a mistyped name."""
    asked = COMMANDS.get(arguments[0]) if arguments else None
    app = application(dict.fromkeys(COMMANDS.values()) if asked is None else [asked])
    try:
        app(args=list(arguments), prog_name="gsakmp")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else UNUSABLE if exc.code else 0
    return 0
