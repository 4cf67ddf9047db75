"""``gsakmp demo``: a key server and its members on loopback, from the first key to the last."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gsakmp.cli.status import paragraphs

__all__ = ["demo", "register"]


class Rekey(StrEnum):
    """How the demo's group is rekeyed."""

    LKH = "lkh"
    OFT = "oft"
    FLAT = "flat"
    MARKS = "marks"


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the capture goes; the keys beside it, as .keys.")
    ] = Path("demo.pcap"),
    port: Annotated[
        int,
        typer.Option(min=1024, max=65_000, help="UDP port of the key server; a few above it are used, too."),
    ] = 18_480,
    rekey: Annotated[
        Rekey,
        typer.Option(
            help="The rekey algorithm: a key tree (lkh), a one-way function tree (oft), a key for each "
            "member (flat), or pay per view without any rekey message (marks)."
        ),
    ] = Rekey.LKH,
) -> None:
    """Show a group live: a key server and members on loopback, with multicast.

    Three members register, the group is rekeyed, one member is evicted and can't follow, a latecomer joins.
    No root and no configuration is needed; everything runs in this process and ends in a few seconds.
    """
    from gsakmp.cli.demo.pay_per_view import PayPerView
    from gsakmp.cli.demo.story import Story
    from gsakmp.cli.demo.telling import Teller

    chosen = PayPerView if rekey is Rekey.MARKS else Story

    async def live() -> None:
        await chosen(Teller(), output, port, rekey.value).tell()

    asyncio.run(live())


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=paragraphs(
            "Afterwards:",
            "[bold]gsakmp decode --keys demo.keys --port 18480 --port 18481 demo.pcap[/]  what was said",
        )
    )(demo)
