"""The demo's story, step by step; each step waits until what it announces has happened."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from gsakmp import captures
from gsakmp.captures.keyfile import engine_secret, key_lines
from gsakmp.cli.demo.parts import Cast, Player, Tape
from gsakmp.cli.demo.telling import Teller
from gsakmp.errors import ConfigurationError
from gsakmp.identities import Identity
from gsakmp.net.clock import steady_clock
from gsakmp.peers import GCKS, events

__all__ = ["Story"]

PATIENCE: Final = 10.0
"""Seconds that a step may take; on loopback each takes a fraction of one."""
GLANCE: Final = 0.01
NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
"""So that a link that somebody left in a folder of all does not lead the keys elsewhere."""

GSA: Final = """\
A group's keys form a GSA, a group security association: SAs of three categories.
  SA1  registration  one for each member, with the key server alone; brings the other two
  SA2  rekey         from the key server to all members at once, by multicast: brings new keys
  SA3  data          what senders protect and receivers read, by multicast
An SA goes by its SPI, a number that stands in each packet under it: here in hexadecimal."""


class Story:
    """A key server, alice, bob and carol; later dave. Writes `output` and the keys beside it. Raises
    `ConfigurationError` where those can't be written."""

    def __init__(self, teller: Teller, output: Path, port: int) -> None:
        check_output(output)
        self.teller = teller
        self.output = output
        self.tape = Tape()
        self.cast = Cast(port, steady_clock(), self.tape)
        self.gcks = self.cast.gcks()
        self.members: dict[str, Player] = {}
        self._seen: list[list[str]] = []

    async def tell(self) -> None:
        """All of it. Raises `ConfigurationError` where sockets or files can't be had."""
        say = self.teller
        say.section("gsakmp demo: the group 'video', on loopback", GSA)
        try:
            begin(self.gcks)
            await self._registration()
            await self._rekey()
            await self._eviction()
            await self._latecomer()
            self._summary()
        finally:
            await self._end()
        self._write()

    # -- the steps -----------------------------------------------------------------------------------------

    async def _registration(self) -> None:
        self.teller.section(
            "1. Three members register",
            "Each proves who it is and agrees on SA1 (IKEv1 phase 1), and under SA1 pulls the group's policy "
            "and keys: SA2 and SA3 (GROUPKEY-PULL). A sender id of its own keeps its packets distinct from "
            "others' under the one key of SA3. With each that joins, this group replaces SA3 for all (see "
            "4): so only the last one counts.",
        )
        for name in ("alice", "bob", "carol"):
            await self._join(name)
        await self._frame("alice", "frame 1")

    async def _rekey(self) -> None:
        self.teller.section(
            "2. The group is rekeyed",
            "Nobody registers again: the key server multicasts two signed messages (GROUPKEY-PUSH). The "
            "first, under the old SA2, replaces SA2; the second, under the new one, replaces SA3. Members "
            "acknowledge.",
        )
        await self._pushes("the rekey", lambda now: self._server.rekey("video", now), self.members.values())
        await self._frame("alice", "frame 2")

    async def _eviction(self) -> None:
        self.teller.section(
            "3. carol is evicted (forward rekey)",
            "She must not read what follows, but holds the present SA2 and hears every multicast. So the "
            "new SA2 goes to each remaining "
            "member under that member's own key, and the new SA3 under the new SA2: carol hears both and "
            "opens neither.",
        )
        carol = Identity.from_text("fqdn:carol.demo")
        staying = [player for name, player in self.members.items() if name != "carol"]
        await self._pushes("carol's eviction", lambda now: self._server.evict("video", carol, now), staying)
        held = {sa.spi for sa in self.members["carol"].member.group.gsa.data}
        self.teller.line(
            "carol", f"hears the pushes, holds only {spis(held)} still, and can't register again"
        )
        await self._frame("bob", "frame 3")

    async def _latecomer(self) -> None:
        self.teller.section(
            "4. dave joins late (backward rekey)",
            "He must not read what went before. So he is given SA2 alone, and then a push replaces SA3 for "
            "all.",
        )
        recorded = self.members["bob"].traffic.heard[-1] if self.members["bob"].traffic else b""
        await self._join("dave")
        await self._frame("dave", "frame 4")
        traffic = self.members["dave"].traffic
        if traffic is not None and traffic.read(recorded) is None:
            self._seen[-2].append("can't")
            self.teller.line(
                "dave", "has recorded frame 3 as it went by, and can't read it with what he holds"
            )

    def _summary(self) -> None:
        names = list(self.members)
        rows = [row + [""] * (2 + len(names) - len(row)) for row in self._seen]
        self.teller.table("Who could read what", ["", "SA3", *names], rows)

    # -- what they are made of -----------------------------------------------------------------------------

    @property
    def _server(self) -> GCKS:
        assert isinstance(self.gcks.engine, GCKS)
        return self.gcks.engine

    async def _join(self, name: str) -> None:
        player = self.cast.member(name)
        self.members[name] = player
        begin(player)
        player.runner.call(player.member.register)
        gsa = player.member.group
        await self._until(
            f"{name} registers", lambda: player.member.state == "registered" and bool(gsa.data_sas)
        )
        established = first(player, events.ISAKMPSAEstablished)
        method = established.method.lower().replace("_", "-")
        self.teller.line(name, f"SA1 {established.suite}, {method}, with {established.peer}")
        rekey, data = gsa.gsa.rekey[-1], gsa.data_sas[-1].sa
        self.teller.line(
            name,
            f"SA2 {short(rekey.spi)} to {rekey.destination}, sequence number {rekey.sequence_number}",
        )
        self.teller.line(
            name, f"SA3 {data.spi.hex()} for {data.selector.destination}, sender id {gsa.sender_ids[0]}"
        )

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
        sent = {push.sequence_number for push in pushes}
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


def acknowledged(gcks: Player, since: int, pushes: set[int]) -> int:
    """How often pushes with these sequence numbers were acknowledged: an acknowledgement of the push before,
    when somebody joined, may come late."""
    heard = [event for event in gcks.events[since:] if isinstance(event, events.MemberAcknowledged)]
    return sum(event.sequence_number in pushes for event in heard)


def short(spi: bytes) -> str:
    """The start of a Rekey SA's SPI, which is enough to tell them apart."""
    return spi[:4].hex()


def spis(held: set[bytes]) -> str:
    return "SA3 " + ", ".join(sorted(spi.hex() for spi in held)) if held else "no SA3"
