"""The demo's story of viewers who paid for some time: keys by periods (MARKS), no message at its end."""

from __future__ import annotations

import asyncio
from typing import Final

from gsakmp.cli.demo.parts import BOUGHT, PERIOD_SECONDS, PERIODS, Player
from gsakmp.cli.demo.stage import Stage, begin

__all__ = ["PayPerView"]

GSA: Final = """\
A group's keys form a GSA, a group security association: SAs of three categories.
  SA1  registration  one for each member, with the key server alone; brings the keys
  SA2  rekey         declared null: this group never needs a message about keys
  SA3  data          what the studio protects and viewers read, by multicast; a new key every second
The keys of SA3 are the leaves of a tree of seeds (MARKS): a seed gives those below it, and no other."""
SHOWN: Final = range(2, 8)
"""Periods of the story: they leave a moment for registering, and end with one that nobody bought."""
STARTED: Final = 0.3
"""How far into a period its frame is sent, as a share of the period."""


class PayPerView(Stage):
    """A key server, a studio, and two viewers whose time begins and ends."""

    async def play(self) -> None:
        """See `Stage.play`."""
        self.teller.section("gsakmp demo: pay per view in the group 'video', on loopback", GSA)
        begin(self.gcks)
        bought = " and ".join(f"{name} periods {periods}" for name, periods in BOUGHT.items())
        self.teller.section(
            "1. The studio and two viewers register",
            f"Each gets the seeds of its periods alone (GROUPKEY-PULL): the studio all {PERIODS}, {bought}.",
        )
        for name in ("studio", *BOUGHT):
            await self._join(name)
        sent = len(self.tape.frames)
        self.teller.section(
            "2. The studio sends, each period under the next key",
            "Viewers compute each key from their seeds as its period comes. Nobody is told when a viewer's "
            "time is over: it has no seed for what follows.",
        )
        for period in SHOWN:
            await self._in_period(period)
            await self._frame("studio", f"period {period}")
        others = len(self.tape.frames) - sent - len(SHOWN)
        self.teller.line("gcks", f"has sent nothing since they registered ({others} datagrams)")

    def _registered(self, player: Player) -> None:
        """See `Stage._registered`."""
        (held,) = player.member.group.status(self.cast.clock()).periods
        self.teller.line(player.name, f"SA3 {held.spi} and up, {held.sequence}: periods {held.intervals}")

    def _has_data(self, player: Player) -> bool:
        """See `Stage._has_data`."""
        return bool(player.member.group.patterns)

    async def _in_period(self, period: int) -> None:
        """Wait until a period has begun for the studio."""
        studio = self.members["studio"].member.group
        wanted = int.from_bytes(studio.patterns[0].spi) + period
        await self._until(
            f"period {period}",
            lambda: any(held.sends and int.from_bytes(held.sa.spi) == wanted for held in studio.data_sas),
        )
        await asyncio.sleep(STARTED * PERIOD_SECONDS)
