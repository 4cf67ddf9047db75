"""``gsakmp wireshark``: a dissector for Wireshark, one file in Lua."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from gsakmp.cli.status import SOUND, complain, guarded, paragraphs
from gsakmp.cli.writing import written
from gsakmp.errors import ConfigurationError, LocalError

__all__ = ["register"]

NAME: Final = "gsakmp.lua"
EXAMPLES = paragraphs(
    "Examples:",
    "[bold]gsakmp wireshark --install[/]  into Wireshark's folder for your own plugins",
    "[bold]gsakmp wireshark -o gsakmp.lua[/]  into a file",
    "[bold]tshark -X lua_script:gsakmp.lua -o gdoi.key_file:my.keys -r capture.pcap[/]  without installing",
    "[bold]gsakmp wireshark --filters[/]  the fields that one can filter by, as a page in Markdown",
    "It shows GDOI on UDP 848 field by field, and decrypts with the keys that the preferences name "
    "(Preferences, Protocols, GDOI). docs/wireshark.md tells more.",
    "Exit status: 0 if all is well, 2 for wrong usage or a file that can't be written.",
)


def wireshark(
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to; - is standard output, as without -o if that is no terminal.",
        ),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Write it into Wireshark's folder for your own plugins.")
    ] = False,
    list_filters: Annotated[
        bool, typer.Option("--filters", help="Write the list of fields instead of the dissector.")
    ] = False,
) -> None:
    """Write a dissector for Wireshark, made from the same definitions as everything else."""

    def command() -> int:
        if install and (output is not None or list_filters):
            raise ConfigurationError("--install goes with neither -o nor --filters")
        if output is None and not install and not list_filters and sys.stdout.isatty():
            raise ConfigurationError(
                "-o FILE says where to, --install is for Wireshark's own folder, -o - for this terminal"
            )
        from gsakmp.wireshark import dissector
        from gsakmp.wireshark.page import filters_page

        text = filters_page() if list_filters else dissector()
        target = str(made(plugin_folder()) / NAME) if install else output or "-"
        with written(target) as file:
            file.write(text.encode())
        if install:
            complain(f"written to {target}; Wireshark reads it when it starts, or by Reload Lua Plugins")
        return SOUND

    raise typer.Exit(guarded(command))


def plugin_folder() -> Path:
    """Where Wireshark looks for plugins of the user's own."""
    if sys.platform == "win32":
        roaming = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
        return roaming / "Wireshark" / "plugins"
    return Path.home() / ".local" / "lib" / "wireshark" / "plugins"


def made(folder: Path) -> Path:
    """The folder, which is there now. Raises `LocalError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise LocalError(f"{folder} can't be made: {exc.strerror}") from None
    return folder


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES)(wireshark)
