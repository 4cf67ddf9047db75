"""What the demo's stories are made of: players who join, pushes, frames of video, files at the end."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from gsakmp import captures
from gsakmp.captures.keyfile import engine_secret, key_lines
from gsakmp.cli.demo.parts import Cast, Player, Tape
from gsakmp.cli.demo.telling import Teller
from gsakmp.errors import ConfigurationError
from gsakmp.net.clock import steady_clock
from gsakmp.peers import GCKS, events

__all__ = ["Stage", "short", "spis"]

PATIENCE: Final = 10.0
"""Seconds that a step may take; on loopback each takes a fraction of one."""
GLANCE: Final = 0.01
NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
"""So that a link that somebody left in a folder of all does not lead the keys elsewhere."""


class Stage(ABC):
    """A key server and the members that a story brings. Writes `output` and the keys beside it. Raises
    `ConfigurationError` where those can't be written."""

    def __init__(self, teller: Teller, output: Path, port: int, rekey: str) -> None:
        check_output(output)
        self.teller = teller
        self.output = output
        self.rekey = rekey
        self.tape = Tape()
        self.cast = Cast(port, steady_clock(), self.tape, rekey)
        self.gcks = self.cast.gcks()
        self.members: dict[str, Player] = {}
        self._seen: list[list[str]] = []

    async def tell(self) -> None:
        """All of it. Raises `ConfigurationError` where sockets or files can't be had."""
        try:
            await self.play()
            self._summary()
        finally:
            await self._end()
        self._write()

    @abstractmethod
    async def play(self) -> None:
        """The story's own steps."""

    def _summary(self) -> None:
        names = list(self.members)
        rows = [row + [""] * (2 + len(names) - len(row)) for row in self._seen]
        self.teller.table("Who could read what", ["", "SA3", *names], rows)

    @property
    def _server(self) -> GCKS:
        assert isinstance(self.gcks.engine, GCKS)
        return self.gcks.engine

    async def _join(self, name: str) -> None:
        player = self.cast.member(name)
        self.members[name] = player
        begin(player)
        player.runner.call(player.member.register)
        await self._until(
            f"{name} registers", lambda: player.member.state == "registered" and self._has_data(player)
        )
        established = first(player, events.ISAKMPSAEstablished)
        method = established.method.lower().replace("_", "-")
        self.teller.line(name, f"SA1 {established.suite}, {method}, with {established.peer}")
        self._registered(player)

    def _registered(self, player: Player) -> None:
        """Say what a registration has brought."""
        gsa = player.member.group
        rekey, data = gsa.gsa.rekey[-1], gsa.data_sas[-1].sa
        self.teller.line(
            player.name,
            f"SA2 {short(rekey.spi)} to {rekey.destination}, sequence number {rekey.sequence_number}",
        )
        self.teller.line(
            player.name,
            f"SA3 {data.spi.hex()} for {data.selector.destination}, sender id {gsa.sender_ids[0]}",
        )

    def _has_data(self, player: Player) -> bool:
        """Whether a member that has registered can take part."""
        return bool(player.member.group.data_sas)

    async def _pushes(self, what: str, order: Callable[[float], None], followers: Iterable[Player]) -> None:
        players = list(followers)
        before = len(self.gcks.events)
        old = {sa.spi for player in players for sa in player.member.group.gsa.data}
        self.gcks.runner.call(order)
        pushes = [event for event in self.gcks.events[before:] if isinstance(event, events.RekeySent)]
        for push in pushes:
            self.teller.line(
                "gcks",
                f"push {push.sequence_number} under SA2 {push.spi[:8]}, {push.octets} octets, for {what}",
            )
        await self._until(what, lambda: all(has_new(player, old) for player in players))
        for player in players:
            gsa = player.member.group.gsa
            self.teller.line(
                player.name, f"follows: SA2 {short(gsa.rekey[-1].spi)}, SA3 {gsa.data[-1].spi.hex()}"
            )
        sent = {(push.spi, push.sequence_number) for push in pushes}
        wanted = len(players) * len(sent)
        await self._until("the acknowledgements", lambda: acknowledged(self.gcks, before, sent) >= wanted)
        self.teller.line("gcks", f"{acknowledged(self.gcks, before, sent)} acknowledgements")

    async def _frame(self, sender: str, text: str) -> None:
        """One packet to the group: who reads it, and who only hears it."""
        traffic = self.members[sender].traffic
        assert traffic is not None
        counts = {name: len(player.traffic.heard) for name, player in self.members.items() if player.traffic}
        spi = traffic.send(text)
        await self._until(
            text,
            lambda: all(
                len(player.traffic.heard) > counts[name]
                for name, player in self.members.items()
                if player.traffic
            ),
        )
        row, reading = [text, spi.hex()], []
        for name, player in self.members.items():
            assert player.traffic is not None
            read = player.traffic.read(player.traffic.heard[-1]) == text
            row.append("sends" if name == sender else "reads" if read else "can't")
            reading += [name] if read and name != sender else []
        self._seen.append(row)
        self.teller.line(
            sender, f"sends {text!r} under SA3 {spi.hex()}; read by {', '.join(reading) or 'nobody'}"
        )

    async def _until(self, what: str, done: Callable[[], bool]) -> None:
        for _ in range(int(PATIENCE / GLANCE)):
            if done():
                return
            await asyncio.sleep(GLANCE)
        trouble = [player.trouble for player in (*self.members.values(), self.gcks) if player.trouble]
        seen = f" ({trouble[0]})" if trouble else ""
        raise ConfigurationError(
            f"{what}: nothing came of it in {PATIENCE:.0f} seconds{seen}; is the loopback interface up, and "
            "does multicast work there?"
        )

    async def _end(self) -> None:
        for player in (*self.members.values(), self.gcks):
            if player.traffic is not None:
                player.traffic.close()
            await player.runner.stop(player.engine.stop)

    def _write(self) -> None:
        keys = self.output.with_suffix(".keys")
        found = (engine_secret(*told) for told in self.tape.secrets)
        lines = list(key_lines(secret for secret in found if secret is not None))
        try:
            captures.write(self.output, sorted(self.tape.frames, key=lambda datagram: datagram.time))
            with open(
                os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NO_FOLLOW, 0o600), "w", encoding="ascii"
            ) as file:
                os.fchmod(file.fileno(), 0o600)  # one that was there before keeps its mode else
                file.writelines(lines)
        except OSError as error:
            raise ConfigurationError(f"{error.filename or self.output}: {error.strerror}") from None
        self.teller.section(f"{len(self.tape.frames)} datagrams are in {self.output}, their keys in {keys}")
        capture = shlex.quote(str(self.output))
        key_file = shlex.quote(str(keys))
        ports = f"--port {self.cast.port} --port {self.cast.port + 1}"
        self.teller.command(f"{program()} decode --keys {key_file} {ports} {capture}")


def check_output(output: Path) -> None:
    """Raises `ConfigurationError` for a file that can't be written, before seconds are spent on it."""
    if output.suffix == ".keys" or not output.name or output.is_dir():
        raise ConfigurationError(
            f"--output {output}: a file for the capture is wanted, such as demo.pcap; the keys go beside it"
        )
    for path in (output, output.with_suffix(".keys")):
        if not output.parent.is_dir() or not os.access(path if path.exists() else output.parent, os.W_OK):
            raise ConfigurationError(f"--output {output}: {path} can't be written")


def begin(player: Player) -> None:
    """Open a player's sockets. Raises `ConfigurationError`."""
    try:
        player.runner.start((player.address,))
        if player.traffic is not None:
            player.traffic.open()
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; --port chooses other ports") from None


def program() -> str:
    """How the reader calls us: as they did just now, unless we are found by name."""
    called = sys.argv[0]
    return called if Path(called).name == "gsakmp" and not shutil.which("gsakmp") else "gsakmp"


def first(player: Player, kind: type[events.ISAKMPSAEstablished]) -> events.ISAKMPSAEstablished:
    return next(event for event in player.events if isinstance(event, kind))


def has_new(player: Player, old: set[bytes]) -> bool:
    return any(held.sa.spi not in old for held in player.member.group.data_sas)


def acknowledged(gcks: Player, since: int, pushes: set[tuple[str, int]]) -> int:
    """How often these pushes, by SPI and sequence number, were acknowledged: an acknowledgement of the push
    before, when somebody joined, may come late."""
    heard = [event for event in gcks.events[since:] if isinstance(event, events.MemberAcknowledged)]
    return sum((event.spi, event.sequence_number) in pushes for event in heard)


def short(spi: bytes) -> str:
    """The start of a Rekey SA's SPI, which is enough to tell them apart."""
    return spi[:4].hex()


def spis(held: set[bytes]) -> str:
    """Data SAs by name."""
    return "SA3 " + ", ".join(sorted(spi.hex() for spi in held)) if held else "no SA3"
