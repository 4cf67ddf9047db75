"""``gsakmp member``: a member's daemon, and what an operator asks and orders of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gsakmp.cli.daemons.asking import AsJSON, LogLevelOption, MemberSocket, Record, answer
from gsakmp.cli.daemons.gcks import checked_level

__all__ = ["app"]

app = typer.Typer(
    help="A member of a group: run it, ask it, order it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
SOCKET: Final = Path("member.sock")


@app.command()
def run(
    configuration: Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file.")],
    record: Record = None,
    log_level: LogLevelOption = None,
) -> None:
    """Run a member until it is stopped (SIGTERM, SIGINT). SIGHUP reads the configuration again."""
    from gsakmp.net.daemon import run_member

    run_member(configuration, record=record, log_level=checked_level(log_level))


@app.command()
def status(socket: MemberSocket = SOCKET, as_json: AsJSON = False) -> None:
    """What the member is doing, and the SAs that it holds."""
    from gsakmp.cli.daemons.panels import show_status

    answer(socket, "status", show_status, as_json)


@app.command()
def rejoin(socket: MemberSocket = SOCKET, as_json: AsJSON = False) -> None:
    """Register anew, from phase 1 on."""
    from gsakmp.cli.daemons.panels import show_status

    answer(socket, "rejoin", show_status, as_json)


@app.command()
def leave(socket: MemberSocket = SOCKET, as_json: AsJSON = False) -> None:
    """Leave the group, and stay out of it until `rejoin`."""
    from gsakmp.cli.daemons.panels import show_status

    answer(socket, "leave", show_status, as_json)


@app.command()
def reload(socket: MemberSocket = SOCKET, as_json: AsJSON = False) -> None:
    """Read the configuration again, as SIGHUP does."""
    from gsakmp.cli.daemons.panels import show_values

    answer(socket, "reload", show_values, as_json)
