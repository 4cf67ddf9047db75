"""What the commands share: which daemon is meant, and how its answer is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["AsJSON", "GCKSSocket", "LogLevelOption", "MemberSocket", "Record", "answer"]

GCKSSocket = Annotated[
    Path,
    typer.Option(
        "--socket",
        "-s",
        envvar="GSAKMP_GCKS_SOCKET",
        help="The key server's control socket, as its configuration has it.",
    ),
]
MemberSocket = Annotated[
    Path,
    typer.Option(
        "--socket",
        "-s",
        envvar="GSAKMP_MEMBER_SOCKET",
        help="The member's control socket, as its configuration has it.",
    ),
]
AsJSON = Annotated[bool, typer.Option("--json", help="The answer as JSON, for programs.")]
Record = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="FOR DEBUGGING ALONE: write all traffic, and the keys that open it, to files in this folder.",
    ),
]
LogLevelOption = Annotated[
    str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
]


def answer(socket: Path, command: str, show: Callable[[Any], None], as_json: bool, **arguments: Any) -> None:
    """Ask the daemon, and show what it says. Raises `StateError`."""
    from gsakmp.net.client import ask

    result = ask(socket, command, **arguments)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        show(result)
