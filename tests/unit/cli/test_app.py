"""The commands, each imported when it is asked for."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

import typer

from gsakmp import cli
from gsakmp.cli.app import COMMANDS


def names_of(module: str) -> set[str]:
    """The commands that a module really registers."""
    app = typer.Typer()
    app.callback()(lambda: None)
    import_module(f"gsakmp.cli.{module}").register(app)
    return set(typer.main.get_group(app).commands)


def test_the_table_has_every_command_of_every_module() -> None:
    found = {
        name: module.name
        for module in pkgutil.iter_modules(cli.__path__)
        if hasattr(import_module(f"gsakmp.cli.{module.name}"), "register")
        for name in names_of(module.name)
    }
    assert found == COMMANDS


def imported(*arguments: str) -> set[str]:
    """Modules that the program has imported when it ends."""
    said = "import sys; from gsakmp.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", said, *arguments], capture_output=True, check=True, text=True
    )
    return set(done.stderr.split())


def test_a_command_comes_alone() -> None:
    assert "gsakmp.cli.describe" in imported("describe", "SA")
    assert not {"gsakmp.cli.demo", "gsakmp.net", "cryptography"} & imported("describe", "SA")
    assert {"gsakmp.cli.demo", "gsakmp.cli.describe"} <= imported("--help")
