"""The same model on the wire: a `GroupServer` and `GroupMember`s, and the octets of every GROUPKEY-PUSH.

Eavesdroppers have all pushes. They read of them what a KEK that they have opens, and beside that, whatever KEK
it is under, every array of wrapped keys: the attackers of `tests.secrecy.wraps` and `oneway` don't need the
KEKs for those. So data keys and plain KEKs cost a KEK, and nothing else does.

The definition (RFC 6407, 7.4): with forward rekey, all who are out together know no data key that is made once
they are shut out: at once, or at the end of the policy's interval. With backward rekey ``new-kek``, all who join
later together know no data key that was made before. With ``new-data-keys`` a joiner is given none, and no KEK
but the present one: under that, and those that the algorithm's definition lets it read for its sake, it can
read stored pushes; this is the exception. Past and future together: as the algorithm's definition says.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec

from gsakmp.crypto import kek_cipher, private_key
from gsakmp.doi import GDOI
from gsakmp.errors import StateError
from gsakmp.exchanges.push import PushReceiver, build_push
from gsakmp.group.member import Acceptance, GroupMember
from gsakmp.group.payloads import data_key_packet, group_sa
from gsakmp.group.policy import GroupPolicy
from gsakmp.group.records import MemoryJournal
from gsakmp.group.rekey import RekeyAlgorithm, RekeyPlan
from gsakmp.group.sa import GSA, DataSA
from gsakmp.group.server import GroupServer
from gsakmp.group.server_core import ServerCore
from gsakmp.group.server_types import Push
from gsakmp.message import Message, parse
from gsakmp.payloads import GroupSA, KeyDownload, KeyPacket, Payload
from gsakmp.registries import KEKAlgorithm
from tests.secrecy import oneway, wraps
from tests.secrecy.opening import Ciphertexts
from tests.secrecy.world import Broken, Epoch, Gift, Record, Sent, Snapshot, Stint, member
from tests.unit.group.member_world import Pull
from tests.unit.group.server_rig import START, policy
from tests.unit.group.test_member_with_server import over_the_wire

TEK, KEK = 1, 2
"""KD types (RFC 6407, 5.6)."""
HEADER = 28
PEOPLE = range(14)
SETTLED = 120.0
"""Seconds until who has to register again has done so."""


class Node:
    """A member's host."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self.member = GroupMember(Acceptance(), random=draw, spread=5.0)
        self.receiver = PushReceiver()


class Engines:
    """A group's server, its members, and all that attackers have of them."""

    def __init__(self, using: GroupPolicy, seed: int) -> None:
        self.policy = using
        self.chance = random.Random(seed)
        self.record = Record(kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128))
        self.now = START
        self.journal = MemoryJournal()
        self.nodes: dict[int, Node] = {}
        self.stints: dict[int, Stint] = {}
        self.leaving: dict[int, tuple[Stint, float]] = {}
        """Who is out, and when it is to be shut out."""
        self.out: dict[int, str] = {}
        self.spans: dict[Stint, list[int | None]] = {}
        """Clocks of a membership's beginning, and of its being shut out."""
        self.made: dict[bytes, int] = {}
        """Data keys, and the clock by which each was there."""
        self.given: dict[Stint, set[bytes]] = {}
        self.under: dict[bytes, set[bytes]] = {}
        """Data keys in pushes, by the KEK of the push."""
        self.server = GroupServer(using, None, random=self.random, now=self.now)
        self.settle()

    def random(self, count: int) -> bytes:
        octets = self.chance.randbytes(count)
        self.record.draws.append((self.record.clock, octets))
        return octets

    # -- what happens ----------------------------------------------------------------------------------

    def planned(self, core: ServerCore, plan: Callable[..., RekeyPlan], *given: Any) -> RekeyPlan:
        """Around each of the server's changes of the rekey algorithm."""
        self.record.clock += 1
        made = plan(core, *given)
        algorithm = core.algorithms[given[0]]
        if made.group_key is not None:
            self.record.epochs.append(Epoch(self.record.clock, made.group_key.build()))
            self.shut_out(algorithm, len(self.record.epochs) - 1)
            self.snapshot(algorithm)
        return made

    def shut_out(self, algorithm: RekeyAlgorithm, epoch: int) -> None:
        """Those who are out and not in the structure any longer can't read KEKs from `epoch` on."""
        for who, (stint, _) in list(self.leaving.items()):
            if member(who) not in algorithm:
                stint.end = epoch
                self.spans[stint][1] = self.record.clock
                del self.leaving[who]

    def snapshot(self, algorithm: RekeyAlgorithm) -> None:
        here = [who for who in PEOPLE if member(who) in algorithm]
        given = {who: algorithm.download(member(who)) for who in here}
        self.record.snapshots.append(Snapshot(len(self.record.epochs) - 1, given))

    def settle(self) -> None:
        """Commit, send, and let members register who want to."""
        for _ in range(20):
            if changes := self.server.take_changes():
                self.journal.commit(changes)
            self.record.clock += 1
            for held in self.server.state.data_sas.values():
                self.made.setdefault(held.sa.algorithm_key, self.record.clock)
            for push in self.server.take_pushes():
                self.send(push)
            again = [who for who, node in self.nodes.items() if node.member.wants_registration(self.now)]
            if not again:
                break
            for who in again:
                self.register(who)
        else:
            raise Broken("members don't come to rest")
        late = [who for who, (_, due) in self.leaving.items() if due <= self.now]
        if late and self.policy.forward_rekey:
            raise Broken(f"{late} are not shut out in time")

    def send(self, push: Push) -> None:
        key = private_key(push.signing_key)
        octets = build_push(push.sa, key, push.sequence_number, push.payloads)
        self.overhear(octets, push.sa.key)
        for who in self.chance.sample(sorted(self.nodes), len(self.nodes)):
            node = self.nodes[who]
            sa = node.member.rekey_sa(push.sa.spi)
            if sa is None:
                node.member.unknown_spi(self.now)
            else:
                node.member.apply(node.receiver.open(parse(octets), sa), self.now)

    def overhear(self, octets: bytes, kek: bytes) -> None:
        """What is in a push, by the provider's cipher."""
        ((_, plain),) = Ciphertexts([octets[HEADER:]]).opened(kek)
        message: Message = parse(octets).replace(doi=GDOI).with_plaintext(plain)
        packets = packets_of(message.payloads)
        self.record.sent.append(Sent(self.record.clock, kek, tuple(p for p in packets if p.kd_type != TEK)))
        self.under.setdefault(kek, set()).update(data_keys(packets))

    def register(self, who: int) -> None:
        """As often as it takes."""
        node, identity = self.nodes[who], member(who)
        for _ in range(5):
            offer = self.server.offer(identity, self.now)
            (offered,) = over_the_wire(offer.policy)
            assert isinstance(offered, GroupSA)
            considered = node.member.consider(offered, self.now)
            try:
                admission = self.server.admit(
                    offer, identity, "192.0.2.1:848", considered.sender_ids, "", self.now
                )
                break
            except StateError:
                self.journal.commit(self.server.take_changes())
                for push in self.server.take_pushes():
                    self.send(push)
        else:
            raise Broken(f"m{who} is never admitted")
        (download,) = over_the_wire(admission.key_download)
        assert isinstance(download, KeyDownload)
        node.member.install(Pull(admission.sequence_number, download), considered, self.now)
        self.note(who, download.key_packets)

    def note(self, who: int, packets: tuple[KeyPacket, ...]) -> None:
        """What a registration gave."""
        if who not in self.stints:
            strict = self.policy.backward_rekey == "new-kek"
            stint = Stint(who, len(self.record.epochs) - 1, strict, owed=False)
            self.stints[who] = stint
            self.record.stints.append(stint)
            self.spans[stint] = [self.record.clock, None]
            if self.policy.backward_rekey != "off" and any(data_keys(packets)):
                raise Broken(f"m{who} is given data keys of the time before it came")
        stint = self.stints[who]
        (kek,) = wraps.plain_keks(packets)
        own = tuple(packet for packet in packets if packet.kd_type not in (TEK, KEK))
        stint.gifts.append(Gift(self.record.clock, kek, own))
        self.given.setdefault(stint, set()).update(data_keys(packets))

    # -- verbs -----------------------------------------------------------------------------------------

    def join(self, who: int) -> None:
        self.record.steps.append(f"{self.now - START:.0f}: join {who}")
        kind = self.out.get(who)
        if who in self.leaving and not (kind == "evicted" and self.policy.forward_rekey):
            self.stints[who], _ = self.leaving.pop(who)  # it may have its place and keys again
        self.nodes[who] = Node(self.random)
        self.register(who)
        self.settle()

    def leave(self, who: int) -> None:
        kind = self.chance.choice(("left", "evicted"))
        self.record.steps.append(f"{self.now - START:.0f}: {kind} {who}")
        self.out[who] = kind
        del self.nodes[who]
        self.leaving[who] = self.stints.pop(who), self.now + self.policy.batch_interval
        (self.server.leave if kind == "left" else self.server.evict)(member(who), self.now)
        # who has not registered since all was deleted is not in the structure
        self.shut_out(self.server._core.algorithms[0], len(self.record.epochs))
        self.settle()

    def rekey(self) -> None:
        kek, data = self.chance.choice(((True, True), (True, False), (False, True)))
        self.record.steps.append(f"{self.now - START:.0f}: rekey{' kek' * kek}{' data' * data}")
        self.server.rekey(self.now, kek=kek, data=data)
        self.settle()

    def crash(self) -> None:
        self.record.steps.append(f"{self.now - START:.0f}: crash")
        state = self.journal.load()[self.policy.name]
        self.server = GroupServer(self.policy, state, random=self.random, now=self.now)
        self.settle()

    def wait(self, seconds: float) -> None:
        """All timers, in their order."""
        end = self.now + seconds
        for _ in range(2_000):
            due = [self.server.next_timeout(), *(node.member.next_timeout() for node in self.nodes.values())]
            next_due = min((when for when in due if when is not None), default=end)
            if next_due > end:
                break
            self.now = max(self.now, next_due)
            self.server.handle_timeout(self.now)
            for node in self.nodes.values():
                node.member.handle_timeout(self.now)
            self.settle()
        else:
            raise Broken("the timers don't come to rest")
        self.now = end


def packets_of(payloads: Any) -> tuple[KeyPacket, ...]:
    return tuple(one for part in payloads if isinstance(part, KeyDownload) for one in part.key_packets)


def data_payloads(sas: tuple[DataSA, ...], now: float) -> list[Payload]:
    """What brings data SAs to members."""
    packets = tuple(data_key_packet(sa) for sa in sas)
    return [group_sa(GSA(data=sas), now=now, push=True), KeyDownload(key_packets=packets)]


def data_keys(packets: tuple[KeyPacket, ...]) -> Iterator[bytes]:
    """TEK_ALGORITHM_KEY (RFC 6407, 5.6.1)."""
    for packet in packets:
        if packet.kd_type == TEK:
            yield from (part.value for part in packet.attributes if part.type == 1)


# -- the model ---------------------------------------------------------------------------------------------


def audit(world: Engines) -> None:
    """KEKs by the algorithm's model, and data keys by what these open."""
    record = world.record
    if any(packet.kd_type == 240 for stint in record.stints for g in stint.gifts for packet in g.packets):
        oneway.audit(record)
        secrets = oneway.Secrets(record)

        def reach(stints: list[Stint]) -> set[bytes]:
            coalition = oneway.Coalition(secrets)
            for stint in stints:
                coalition.learn(item for item, _ in secrets.given(stint))
            return {one.kek for number, one in enumerate(record.epochs) if coalition.knows_kek(number)}
    else:
        wraps.audit(record)
        model = wraps.Wraps(record)

        def reach(stints: list[Stint]) -> set[bytes]:
            return set(model.known(gift for stint in stints for gift in wraps.gifts_of(stint)))

    check_members(world, reach)
    for key, made in world.made.items():
        if world.policy.forward_rekey:
            past = [s for s, (_, end) in world.spans.items() if end is not None and end <= made]
            if key in data_keys_of(world, past, reach):
                raise Broken("past members know a data key that was made after they left")
        if world.policy.backward_rekey == "new-kek":
            future = [s for s, (begin, _) in world.spans.items() if begin > made]
            if key in data_keys_of(world, future, reach):
                raise Broken("future members know a data key that was made before they came")


def data_keys_of(
    world: Engines, stints: list[Stint], reach: Callable[[list[Stint]], set[bytes]]
) -> set[bytes]:
    known = set().union(*(world.given[stint] for stint in stints))
    return known.union(*(world.under.get(kek, ()) for kek in reach(stints) if stints))


def check_members(world: Engines, reach: Callable[[list[Stint]], set[bytes]]) -> None:
    """Each member has the data keys in force, and so has the model of it."""
    active = {r.sa.algorithm_key for r in world.server.state.data_sas.values() if r.retired_at is None}
    for who, node in world.nodes.items():
        held = {one.sa.algorithm_key for one in node.member.data_sas}
        if not active <= held:
            raise Broken(f"m{who} lacks data keys in force")
        if not active <= data_keys_of(world, [world.stints[who]], reach):
            raise Broken(f"m{who} has data keys that the model can't explain")


# -- histories ---------------------------------------------------------------------------------------------


def some_policy(management: str, chance: random.Random) -> GroupPolicy:
    base = policy()
    rekey = msgspec.structs.replace(
        base.rekey[0],
        management=management,
        eviction=chance.choice(("own-keys", "own-keys", "re-pull")) if management == "flat" else "re-pull",
        retransmissions=0,
    )
    if management == "lkh":
        rekey = msgspec.structs.replace(rekey, degree=chance.randint(2, 8))
    forward = chance.random() < 0.85
    backward = chance.choice(("off", "new-data-keys", "new-kek", "new-kek"))
    return msgspec.structs.replace(
        base,
        rekey=(rekey,),
        forward_rekey=forward,
        backward_rekey=backward,
        hide_policy_from_leaver=forward and chance.random() < 0.2,
        batch_interval=chance.choice((0.0, 0.0, 30.0)) if forward or backward != "off" else 0.0,
    )


@contextmanager
def watched(using: GroupPolicy, seed: int) -> Iterator[Engines]:
    """Engines whose server's plans are seen as they are made."""
    world = Engines.__new__(Engines)
    plan = ServerCore.plan
    with patch.object(ServerCore, "plan", lambda core, *given: world.planned(core, plan, *given)):
        world.__init__(using, seed)
        yield world


def history(management: str, seed: int, operations: int = 14) -> Engines:
    """Raises `Broken`, which tells the history."""
    chance = random.Random(seed)
    using = some_policy(management, chance)
    with watched(using, seed) as world:
        try:
            for _ in range(operations):
                step(world, chance)
            world.wait(SETTLED)
            world.snapshot(world.server._core.algorithms[0])
            audit(world)
        except Exception as error:
            told = f"{using.backward_rekey}, forward {using.forward_rekey}, {using.batch_interval:.0f} s"
            raise Broken(f"{type(error).__name__}: {error} after ({told}) {world.record.story()}") from error
    return world


def step(world: Engines, chance: random.Random) -> None:
    present = sorted(world.nodes)
    match chance.choice(("join", "join", "join", "leave", "leave", "rekey", "wait", "crash")):
        case "leave" if present:
            world.leave(chance.choice(present))
        case "rekey":
            world.rekey()
        case "wait":
            world.wait(chance.choice((1.0, 10.0, 40.0, 4_000.0)))
        case "crash":
            world.crash()
        case _:
            world.join(chance.choice([one for one in PEOPLE if one not in world.nodes] or [0]))
    world.wait(chance.choice((0.0, 0.5, 2.0)))
