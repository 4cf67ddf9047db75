"""``gsakmp gcks`` and ``gsakmp member``: the daemons, and what an operator asks and orders of them."""

from __future__ import annotations

import typer

from gsakmp.cli.daemons import gcks, member

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add both groups of commands."""
    app.add_typer(gcks.app, name="gcks")
    app.add_typer(member.app, name="member")
