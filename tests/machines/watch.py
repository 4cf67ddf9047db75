"""What an onlooker of a whole group may say, without trusting the engines.

The journal tells which keys a GCKS ever made and who was let in or put out; the wire tells what was pushed
under which number; and members show what they hold. Each is held against the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gsakmp.errors import StateError
from gsakmp.group.records import (
    AdvanceSequenceNumber,
    AllocateSenderIDs,
    Change,
    Exclude,
    MemoryJournal,
    PutDataSA,
    PutMember,
    PutRekeySA,
    Readmit,
    RemoveMember,
    ResetSenderIDs,
)
from gsakmp.peers import GCKS, Member, events
from gsakmp.peers.endpoint import Endpoint
from gsakmp.peers.engine import QUEUED
from gsakmp.peers.gcks import REPEATS
from gsakmp.peers.network import Travelling

PUSH: Final = 33
"""Exchange type of GROUPKEY-PUSH (RFC 6407, 4.3)."""
NAT_PORT: Final = 4500
NON_ESP_MARKER: Final = bytes(4)
"""What distinguishes a message from ESP there (RFC 3948, 2.2)."""
BLOCK: Final = 16
FOREVER: Final = 1 << 60
TIMERS: Final = 400
"""More than these few members, their sessions and exchanges can ever need."""

Key = tuple[str, str, bytes]
"""Group, ``kek`` or the protocol's number, SPI."""


@dataclass(slots=True)
class Made:
    """An SA that the journal has made durable: how many were before it, and its secrets."""

    order: int
    secrets: tuple[bytes, ...] = field(repr=False)


class WatchedJournal(MemoryJournal):
    """A journal that remembers all it was ever told, and refuses what must never be durable."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[Key, Made] = {}
        self.numbers: dict[bytes, int] = {}
        """The highest sequence number that is durable, by SPI."""
        self.generation: dict[str, int] = {}
        """How often sender ids began again, by group."""
        self.admitted: dict[str, set[str]] = {}
        """Whom the policy in force lets in, by group; the test keeps it."""
        self.banned: dict[str, set[str]] = {}
        """Who was evicted for good, by group."""
        self.reach: dict[tuple[str, str], int] = {}
        """By group and member: SAs made before so many others are the most that it may hold."""
        self.failing = False

    def commit(self, changes: Sequence[Change]) -> None:
        if self.failing:
            raise StateError("the disk is full")
        for change in changes:
            self._take(change)
        super().commit(changes)

    def _take(self, change: Change) -> None:
        match change:
            case PutRekeySA(group=group, record=rekey):
                self._make((group, "kek", rekey.sa.spi), (rekey.sa.key, rekey.sa.signature_key))
            case PutDataSA(group=group, record=data):
                secrets = (data.sa.algorithm_key, data.sa.integrity_key)
                self._make((group, str(int(data.sa.protocol)), data.sa.spi), secrets)
            case AdvanceSequenceNumber(spi=spi, sequence_number=number):
                assert number > self.numbers.get(spi, 0), "a sequence number comes twice"
                self.numbers[spi] = number
            case PutMember(group=group, record=record):
                name = record.identity.to_text()
                assert name in self.admitted[group], f"{name} is let into {group}, whose policy excludes it"
                assert name not in self.banned.get(group, ()), f"{name} is let in, and was evicted for good"
                self.reach[group, name] = FOREVER
            case RemoveMember(group=group, identity=identity):
                self.reach[group, identity.to_text()] = len(self.made)
            case Exclude(group=group, identity=identity):
                self.banned.setdefault(group, set()).add(identity.to_text())
            case Readmit(group=group, identity=identity):
                self.banned[group].discard(identity.to_text())
            case ResetSenderIDs(group=group):
                self.generation[group] = self.generation.get(group, 0) + 1
            case AllocateSenderIDs(group=group, next_sender_id=following):
                assert following > self.groups[group].next_sender_id, "sender ids go back"
            case _:
                pass

    def _make(self, key: Key, secrets: tuple[bytes, ...]) -> None:
        before = self.made.setdefault(key, Made(len(self.made), secrets))
        assert before.secrets == secrets, f"{key[0]} has two SAs {key[2].hex()} with different keys"

    def exclude(self, group: str, member: str) -> None:
        """The policy no longer has it: nothing that is made from now on may reach it."""
        if (group, member) in self.reach:
            self.reach[group, member] = min(self.reach[group, member], len(self.made))

    def current(self, group: str) -> tuple[set[bytes], set[bytes]]:
        """KEKs and TEKs in force."""
        state = self.groups[group]
        rekeys = {record.sa.key for record in state.rekey_sas.values() if record.retired_at is None}
        data = {record.sa.algorithm_key for record in state.data_sas.values() if record.retired_at is None}
        return rekeys, data


class Watch:
    """Looks at everything; raises `AssertionError` for what must never be."""

    def __init__(self, journal: WatchedJournal) -> None:
        self.journal = journal
        self.pushes: dict[tuple[bytes, int], bytes] = {}
        self._last: dict[bytes, int] = {}
        self._accepted: dict[tuple[int, bytes], int] = {}
        self._nonces: dict[tuple[str, int, bytes, int], int] = {}
        self._given: set[tuple[str, int, int]] = set()
        self._kept: list[Endpoint] = []  # so that no two engines ever have the same id()

    def meet(self, engine: Endpoint) -> None:
        """An engine that will be looked at."""
        self._kept.append(engine)

    # -- what a GCKS sends ---------------------------------------------------------------------------------

    def saw(self, travelling: Travelling) -> None:
        """A datagram that a GCKS has sent."""
        data = travelling.data
        if travelling.source.port == NAT_PORT:
            data = data[len(NON_ESP_MARKER) :]
        if len(data) < 28 or data[18] != PUSH:
            return
        spi = data[:16]
        number = self.number_of(data)
        assert number <= self.journal.numbers.get(spi, 0), "a push left before its number was durable"
        assert self.pushes.setdefault((spi, number), data) == data, "a number was used for two pushes"
        if number != self._last.get(spi):
            assert self.pushes[spi, number] == data
        self._last[spi] = max(number, self._last.get(spi, 0))

    def number_of(self, push: bytes) -> int:
        """SEQ, which a push begins with (RFC 6407, 4.3), decrypted with the KEK as the journal has it."""
        spi = push[:16]
        found = (m.secrets[0] for (_, kind, s), m in self.journal.made.items() if (kind, s) == ("kek", spi))
        key = next(found, None)
        assert key is not None, "a push under a Rekey SA that is not durable"
        decryptor = Cipher(algorithms.AES(key[BLOCK:]), modes.CBC(key[:BLOCK])).decryptor()
        return int.from_bytes(decryptor.update(push[28 : 28 + BLOCK])[4:8], "big")

    # -- what a GCKS tells -----------------------------------------------------------------------------------

    def told(self, event: events.Event) -> None:
        """Sender ids are given once."""
        if isinstance(event, events.MemberRegistered):
            generation = self.journal.generation.get(event.group, 0)
            for number in event.sender_ids:
                given = (event.group, generation, number)
                assert given not in self._given, f"sender id {number} was given twice"
                self._given.add(given)

    # -- what members hold -----------------------------------------------------------------------------------

    def look(self, member: Member, group: str) -> None:
        """What a member of `group`, as it was configured, has."""
        gsa, name = member.group.gsa, member.endpoint_configuration.phase1.identity.to_text()
        for rekey in gsa.rekey:
            self._hold(name, (group, "kek", rekey.spi), (rekey.key, rekey.signature_key))
            at = (id(member), rekey.spi)
            assert rekey.sequence_number >= self._accepted.get(at, 0), "a sequence number went back"
            assert rekey.sequence_number <= self.journal.numbers.get(rekey.spi, 0), "a number of nobody's"
            self._accepted[at] = rekey.sequence_number
        for data in gsa.data:
            key = (group, str(int(data.protocol)), data.spi)
            self._hold(name, key, (data.algorithm_key, data.integrity_key))
        for held in member.group.data_sas:
            if held.sends and held.counter_mode:
                self._nonce(member, group, int(held.sa.protocol), held.sa.spi)

    def _hold(self, name: str, key: Key, secrets: tuple[bytes, ...]) -> None:
        made = self.journal.made.get(key)
        assert made is not None, f"{name} holds an SA of {key[0]} that nobody made"
        assert made.secrets == secrets, f"{name} holds other keys than were made"
        reach = self.journal.reach.get((key[0], name))
        assert reach is not None, f"{name} holds keys of {key[0]}, which it was never let into"
        assert made.order < reach, f"{name} holds keys that were made after it was put out"

    def _nonce(self, member: Member, group: str, protocol: int, spi: bytes) -> None:
        for number in member.group.sender_ids:
            owner = self._nonces.setdefault((group, protocol, spi, number), id(member))
            assert owner == id(member), f"two senders use sender id {number} with one data SA"


def bounded(engine: Any) -> None:
    """No table of an engine grows beyond its bound."""
    configuration = engine.endpoint_configuration
    assert len(engine.sessions) <= configuration.isakmp_sas
    assert len(engine._phase1) <= configuration.half_open
    assert len(engine._phase1._begun) <= configuration.half_open
    assert engine._phase1._by_host.total() <= configuration.half_open
    assert all(len(session.exchanges) <= 8 for session in engine.sessions.values())
    assert all(len(session.informational_ids) <= 256 for session in engine.sessions.values())
    assert engine._reassembler.waiting <= 128
    assert len(engine._queue) <= QUEUED
    repeats = len(engine._repeats) if isinstance(engine, GCKS) else 0
    assert repeats <= REPEATS
    assert len(engine._timers._due) <= TIMERS + repeats
    assert len(engine._timers._queue) <= 3 * (TIMERS + repeats)
