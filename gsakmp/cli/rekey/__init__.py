"""``gsakmp rekey``: what rekey algorithms there are, what they cost, and what they do to a tree."""

from __future__ import annotations

import typer

from gsakmp.cli.rekey import commands

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(commands.app, name="rekey")
