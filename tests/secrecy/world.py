"""A group under a rekey algorithm, without engines: verbs, plans, members, and a record of all that happened.

The record is what a model of attackers reads: every key packet that was ever sent, everything that anybody was
ever given, and the octets that the random source gave, by which a key is told from noise. Nothing in it is
the algorithm's word.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gsakmp.crypto import CBCCipher
from gsakmp.group.rekey import MemberKeys, RekeyAlgorithm, RekeyPlan, member_keys
from gsakmp.identities import Identity
from gsakmp.message import Message, parse
from gsakmp.payloads import KeyDownload, KeyPacket

Packets = tuple[KeyPacket, ...]

KNOWN = {2, 3, 240}
"""KD types that a model reads: KEK and LKH (RFC 6407, 5.6), and OFT's private one."""


class Broken(AssertionError):
    """What a definition rules out has happened."""


def member(number: int) -> Identity:
    return Identity.from_text(f"fqdn:m{number}.example")


def spi(number: int) -> bytes:
    return number.to_bytes(16, "big")


def over_the_wire(packets: Packets) -> Packets:
    """What is read of the octets that a KD with these packets has."""
    message = Message(exchange_type=32, payloads=(KeyDownload(key_packets=packets),))
    (payload,) = parse(message.build()).payloads
    if not isinstance(payload, KeyDownload):
        raise Broken("a KD is read as something else")
    return payload.key_packets


@dataclass(frozen=True, slots=True)
class Sent:
    """One push. `kek` encrypted it."""

    clock: int
    kek: bytes
    packets: Packets


@dataclass(frozen=True, slots=True)
class Gift:
    """What a registration gave: the KEK of that time, and key packets."""

    clock: int
    kek: bytes
    packets: Packets


@dataclass(frozen=True, slots=True)
class Epoch:
    """A KEK's time, from `clock` until the next one's."""

    clock: int
    kek: bytes


@dataclass(eq=False, slots=True)
class Stint:
    """One membership, from the epoch `first` until before the epoch `end`, None while it lasts."""

    who: int
    first: int
    backward: bool
    """Whether the KEK was renewed when it began."""
    end: int | None = None
    gifts: list[Gift] = field(default_factory=list)
    owed: bool = True
    """Whether it must know each KEK as soon as that is in force. With engines a KEK may have to wait for the
    next registration."""

    def within(self, epoch: int) -> bool:
        return self.first <= epoch and (self.end is None or epoch < self.end)

    def __repr__(self) -> str:
        return f"m{self.who}[{self.first}:{'' if self.end is None else self.end}]"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What each member would be given if it registered then: the truth on the keys in use. Nobody has it."""

    epoch: int
    given: dict[int, Packets]


@dataclass(slots=True)
class Record:
    """All that happened, in time: `clock` counts the verbs."""

    cipher: CBCCipher
    clock: int = 0
    draws: list[tuple[int, bytes]] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    stints: list[Stint] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    """One for each epoch's beginning, and one for the end."""
    steps: list[str] = field(default_factory=list)

    @property
    def now(self) -> int:
        return len(self.epochs) - 1

    def story(self) -> str:
        return "; ".join(self.steps)

    def epoch_at(self, clock: int) -> int:
        """The epoch in force when the verb of that time was through."""
        return max(number for number, epoch in enumerate(self.epochs) if epoch.clock <= clock)


@dataclass(slots=True)
class Held:
    """A member as the library has it."""

    keys: MemberKeys
    kek: bytes
    lost: bool = False
    """Whether it has lost a push since it registered."""


class World:
    """`make` gives the algorithm anew, as a start of the process does; `seed` decides all chances. Members of
    the library's own follow what is sent if `listening`."""

    def __init__(
        self, make: Callable[[], RekeyAlgorithm], cipher: CBCCipher, seed: int = 0, *, listening: bool = True
    ) -> None:
        self.listening = listening
        self.make = make
        self.chance = random.Random(seed)
        self.record = Record(cipher)
        self.algorithm = make()
        self.members: dict[int, Held] = {}
        self.stints: dict[int, Stint] = {}
        self.state = b""
        self.parts: dict[bytes, bytes] = {}
        self.spis = 0
        self.largest_plan = 0

    @property
    def kek(self) -> bytes:
        """The one in force."""
        return self.record.epochs[-1].kek if self.record.epochs else b""

    def random(self, count: int) -> bytes:
        octets = self.chance.randbytes(count)
        self.record.draws.append((self.record.clock, octets))
        return octets

    # -- the verbs -------------------------------------------------------------------------------------

    def start(self, who: Sequence[int] = ()) -> None:
        """Also once more: everybody registers again, then."""
        self._next(f"start {list(who)}")
        for one in sorted(self.members.keys() - set(who)):
            self._left(one)
        plan = self.algorithm.start([member(one) for one in who], self.random)
        if plan.group_key is None or plan.key_packets:
            raise Broken("a start gives a KEK, and has nobody to send to")
        self._take(plan)
        for one in who:
            self._joined(one, True)

    def join(self, who: Sequence[int], backward: bool) -> None:
        """Those who are there already register again, without more."""
        self._next(f"join {list(who)}{' new key' if backward else ''}")
        plan = self.algorithm.add([member(one) for one in who], self._spi(), backward, self.random)
        if (plan.group_key is not None) != backward or (plan.key_packets and not backward):
            raise Broken("a new KEK and pushes if, and only if, backward rekey wants them")
        if backward:
            self._renewed(plan)
        else:
            self._take(plan)
        for one in who:
            self._joined(one, backward)

    def leave(self, who: Sequence[int]) -> None:
        self._next(f"leave {list(who)}")
        for one in who:
            self._left(one)
        self._renewed(self.algorithm.remove([member(one) for one in who], self._spi(), self.random))

    def retain(self, who: Sequence[int]) -> None:
        self._next(f"retain {list(who)}")
        for one in sorted(self.members.keys() - set(who)):
            self._left(one)
        self._renewed(self.algorithm.retain([member(one) for one in who], self._spi(), self.random))

    def renew(self) -> None:
        self._next("renew")
        self._renewed(self.algorithm.renew(self._spi(), self.random))

    def pull(self, who: int) -> None:
        """A member registers once more; the key server changes nothing."""
        self._next(f"pull {who}")
        self._register(who)

    def restore(self) -> None:
        """The key server dies and goes on from what plans said to persist."""
        self._next("restore")
        self.algorithm = self.make()
        self.algorithm.restore(self.state, dict(self.parts))
        self._same_members()

    # -- what they have in common ----------------------------------------------------------------------

    def _next(self, step: str) -> None:
        if self.record.epochs and (
            not self.record.snapshots or self.record.snapshots[-1].epoch != self.record.now
        ):
            self._snapshot()
        self.record.clock += 1
        self.record.steps.append(step)

    def _spi(self) -> bytes:
        self.spis += 1
        return spi(self.spis)

    def _joined(self, who: int, backward: bool) -> None:
        if who not in self.stints:
            self.stints[who] = Stint(who, self.record.now, backward)
            self.record.stints.append(self.stints[who])
        self._register(who)

    def _left(self, who: int) -> None:
        """It can't read the KEK that is made now."""
        if who in self.stints:
            self.stints.pop(who).end = self.record.now + 1
            del self.members[who]

    def _register(self, who: int) -> None:
        packets = over_the_wire(self.algorithm.download(member(who)))
        self.stints[who].gifts.append(Gift(self.record.clock, self.kek, packets))
        keys = member_keys(self.record.cipher, packets=packets)
        keys.install(packets)
        self.members[who] = Held(keys, self.kek)

    def _renewed(self, plan: RekeyPlan) -> None:
        """A new KEK, and how those who were there before come to it."""
        if plan.group_key is None:
            raise Broken("no new KEK")
        pushes = self._take(plan)
        if plan.re_pull:
            for who in self.members:
                self._register(who)
        elif self.members and self.listening:
            self._deliver(pushes)

    def _take(self, plan: RekeyPlan) -> list[Packets]:
        """What the key server does with a plan: persist it, and send its pushes, which are returned."""
        parts = plan.parts if plan.anew else self.parts | plan.parts
        self.parts = {name: part for name, part in parts.items() if part}
        self.state = plan.state
        pushes = [over_the_wire(packets) for packets in plan.key_packets]
        self.largest_plan = max(self.largest_plan, len(pushes))
        if any(packet.spi != spi(self.spis) for packets in pushes for packet in packets):
            raise Broken("a key packet of another Rekey SA than the new one")
        if any(packet.kd_type not in KNOWN for packets in pushes for packet in packets):
            raise Broken("a key packet that the model can't read")
        if pushes and plan.group_key is None:
            raise Broken("a push without a new KEK")
        if plan.group_key is not None:
            old, new = self.kek, plan.group_key.build()
            if any(epoch.kek == new for epoch in self.record.epochs):
                raise Broken("a KEK comes twice")
            self.record.epochs.append(Epoch(self.record.clock, new))
            self.record.sent += [Sent(self.record.clock, old, packets) for packets in pushes]
        return pushes

    def _deliver(self, pushes: list[Packets]) -> None:
        """To each member in an order of chance. Now and then one loses a push and does not know; it registers
        again when it is left behind."""
        losing = self.chance.choice(sorted(self.members)) if self.chance.random() < 0.2 else None
        for who, held in self.members.items():
            order = self.chance.sample(pushes, len(pushes))
            if who == losing and order:
                order.pop()
                held.lost = True
            for packets in order:
                found = held.keys.follow(packets, self.record.cipher)
                held.kek = held.kek if found is None else found.build()
            if held.kek != self.kek:
                if not held.lost:
                    raise Broken(f"m{who} is not led to the new KEK")
                self._register(who)

    def _same_members(self) -> None:
        if len(self.algorithm) != len(self.members):
            raise Broken(f"{len(self.algorithm)} members instead of {len(self.members)}")
        for who in self.members:
            if member(who) not in self.algorithm:
                raise Broken(f"m{who} is not in the structure")

    def finish(self) -> Record:
        self._same_members()
        self._snapshot()
        return self.record

    def _snapshot(self) -> None:
        given = {who: self.algorithm.download(member(who)) for who in self.members}
        self.record.snapshots.append(Snapshot(self.record.now, given))
