"""A rekey algorithm that is none of ours, under private numbers, from the policy to members on a network.

Members sit in cells of four. A cell has a key, which its members have beside one of their own: whoever leaves
costs the three neighbours a wrap each and each cell one, so about the square root of what a star costs if
cells grew. It is here to show that nothing but the interface is needed; it has no use beyond this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from gsakmp.crypto import KEK, CBCCipher, Random, kek_cipher, system_random
from gsakmp.doi import GDOI
from gsakmp.errors import ConfigurationError, DecodeError, StateError
from gsakmp.group import rekey
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.rekey import RekeyPlan, RekeySettings, TreeNode, rekey_algorithm
from gsakmp.identities import Identity
from gsakmp.message import Message, parse
from gsakmp.payloads import SAKEK, Attribute, GroupSA, KeyDownload, KeyPacket
from gsakmp.peers import Member
from gsakmp.registries import KEKAlgorithm, KEKManagementAlgorithm, KeyDownloadType, OpenEnum
from gsakmp.wire import AttributeTable, variable
from tests.world import PUSHES, World, group_policy

CELLS = KEKManagementAlgorithm(200)
"""Private (RFC 6407, 5.3.1)."""
CELL_KEYS = KeyDownloadType(250)
"""Private (RFC 6407, 5.6)."""
HELD, WRAPPED = 1, 2
"""Attributes of its key packets: a member's keys, and wrapped keys."""
SIZE = 4
GROUP = 0
"""The serial number of every KEK; other keys have one each."""


@dataclass
class Key:
    serial: int
    key: KEK


@dataclass
class Cell:
    key: Key
    seats: dict[Identity, Key] = field(default_factory=dict)


class CellRekey:
    """See `gsakmp.group.rekey.RekeyAlgorithm`; of its demands nothing is left out but a tree."""

    management = CELLS
    re_pull = False
    joins_look_back = True  # a cell's key is older than the KEK

    def __init__(self, cipher: CBCCipher, capacity: int = 40) -> None:
        self.cipher = cipher
        self.capacity = capacity
        self.cells: list[Cell] = []
        self.group_key: KEK | None = None
        self.serial = 1

    def __len__(self) -> int:
        return sum(len(cell.seats) for cell in self.cells)

    def __contains__(self, member: object) -> bool:
        return any(member in cell.seats for cell in self.cells)

    def start(self, members: Sequence[Identity], random: Random) -> RekeyPlan:
        draft = self._draft()
        draft.cells, draft.group_key = [], KEK.generate(self.cipher, random)
        draft._seat(members, random)
        return replace(self._become(draft, set(range(len(draft.cells)))), anew=True, group_key=self.group_key)

    def add(self, members: Sequence[Identity], spi: bytes, new_group_key: bool, random: Random) -> RekeyPlan:
        draft, was = self._draft(), len(self)
        touched = draft._seat(members, random)
        if not new_group_key:
            return self._become(draft, touched)
        draft.group_key = KEK.generate(self.cipher, random)
        plain = KeyPacket(
            kd_type=KeyDownloadType.KEK, spi=spi, attributes=(Attribute(1, draft.group_key.build()),)
        )
        plan = self._become(draft, touched)
        return replace(plan, group_key=self.group_key, key_packets=((plain,),) if was else ())

    def remove(self, members: Sequence[Identity], spi: bytes, random: Random) -> RekeyPlan:
        draft, touched, wrapped = self._draft(), set(), []
        draft.group_key = KEK.generate(self.cipher, random)
        for number, cell in enumerate(draft.cells):
            gone = [member for member in cell.seats if member in members]
            if gone:
                touched.add(number)
                cell.seats = {who: key for who, key in cell.seats.items() if who not in gone}
                cell.key = draft._key(random)
                wrapped += [wrap(own, cell.key.serial, cell.key.key) for own in cell.seats.values()]
        wrapped += [wrap(cell.key, GROUP, draft.group_key) for cell in draft.cells if cell.seats]
        packets = [(packet(WRAPPED, [each], spi),) for each in wrapped]  # several pushes, as it is a test
        plan = self._become(draft, touched)
        return replace(plan, group_key=self.group_key, key_packets=tuple(packets), wraps=len(wrapped))

    def renew(self, spi: bytes, random: Random) -> RekeyPlan:
        return self.remove((), spi, random)

    def retain(self, members: Iterable[Identity], spi: bytes, random: Random) -> RekeyPlan:
        staying = set(members)
        gone = [who for cell in self.cells for who in cell.seats if who not in staying]
        return self.remove(gone, spi, random)

    def download(self, member: Identity) -> tuple[KeyPacket, ...]:
        cell = self._cell(member)
        held = [(own.serial, own.key.build()) for own in (cell.seats[member], cell.key)]
        return (packet(HELD, held),)

    def leaf_of(self, member: Identity) -> int:
        cell = self._cell(member)
        return SIZE * self.cells.index(cell) + list(cell.seats).index(member)

    def tree(self) -> Iterator[TreeNode]:
        return iter(())

    def restore(self, state: bytes, parts: Mapping[bytes, bytes]) -> None:
        try:
            self.serial, group_key, count = msgspec.msgpack.decode(state, type=tuple[int, bytes, int])
            cells = [msgspec.msgpack.decode(parts[b"%d" % n]) for n in range(count)]
        except (msgspec.MsgspecError, KeyError):
            raise StateError("no state of cells") from None
        self.group_key = KEK.parse(self.cipher, group_key)
        self.cells = [
            Cell(
                Key(serial, KEK.parse(self.cipher, key)),
                {Identity.from_text(who): Key(n, KEK.parse(self.cipher, own)) for who, n, own in seats},
            )
            for serial, key, seats in cells
        ]

    # -- of its own ------------------------------------------------------------------------------------

    def _draft(self) -> CellRekey:
        """A copy to change, so that nothing has changed where something raises."""
        draft = CellRekey(self.cipher, self.capacity)
        draft.cells = [Cell(cell.key, dict(cell.seats)) for cell in self.cells]
        draft.group_key, draft.serial = self.group_key, self.serial
        return draft

    def _become(self, draft: CellRekey, touched: set[int]) -> RekeyPlan:
        self.cells, self.group_key, self.serial = draft.cells, draft.group_key, draft.serial
        assert self.group_key is not None
        parts = {
            b"%d" % n: msgspec.msgpack.encode(
                (
                    self.cells[n].key.serial,
                    self.cells[n].key.key.build(),
                    [
                        (who.to_text(), own.serial, own.key.build())
                        for who, own in self.cells[n].seats.items()
                    ],
                )
            )
            for n in touched
        }
        state = msgspec.msgpack.encode((self.serial, self.group_key.build(), len(self.cells)))
        return RekeyPlan(group_key=None, state=state, parts=parts)

    def _seat(self, members: Sequence[Identity], random: Random) -> set[int]:
        touched = set()
        for member in members:
            if member in self:
                continue
            if len(self) >= self.capacity:
                raise StateError(f"cells for {self.capacity}")
            number = next((n for n, cell in enumerate(self.cells) if len(cell.seats) < SIZE), len(self.cells))
            if number == len(self.cells):
                self.cells.append(Cell(self._key(random)))
            self.cells[number].seats[member] = self._key(random)
            touched.add(number)
        return touched

    def _key(self, random: Random) -> Key:
        self.serial += 1
        return Key(self.serial, KEK.generate(self.cipher, random))

    def _cell(self, member: Identity) -> Cell:
        for cell in self.cells:
            if member in cell.seats:
                return cell
        raise StateError(f"{member} sits nowhere")


class CellKeys:
    """See `gsakmp.group.rekey.MemberKeys`."""

    def __init__(self, cipher: CBCCipher) -> None:
        self.cipher = cipher
        self.held: dict[int, KEK] = {}
        self.waiting: list[tuple[int, int, bytes]] = []

    def install(self, packets: Sequence[KeyPacket]) -> None:
        found = [value for kind, value in contents(packets) if kind == HELD]
        if len(found) != 1:
            raise DecodeError("a cell's keys once", "key_packets")
        self.held = {serial: KEK.parse(self.cipher, octets) for serial, octets in found[0]}

    def follow(self, packets: Sequence[KeyPacket], cipher: CBCCipher) -> KEK | None:
        for each in packets:
            if each.kd_type == KeyDownloadType.KEK:
                return KEK.parse(cipher, bytes(each.attributes[0].value))
        self.waiting += [
            tuple(entry) for kind, value in contents(packets) if kind == WRAPPED for entry in value
        ]
        kek = None
        for under, serial, octets in self.waiting:
            if under in self.held:
                opened = KEK.parse(cipher, self.held[under].decrypt(octets))
                if serial == GROUP:
                    kek = opened
                else:
                    self.held[serial] = opened
        self.waiting = [] if kek else self.waiting
        return kek


def wrap(under: Key, serial: int, key: KEK) -> tuple[int, int, bytes]:
    return under.serial, serial, under.key.encrypt(key.build())


def packet(kind: int, value: object, spi: bytes = b"") -> KeyPacket:
    """Engines speak GDOI as it is, in which a private KD type has no table: values are octets to them."""
    return KeyPacket(kd_type=CELL_KEYS, spi=spi, attributes=(Attribute(kind, msgspec.msgpack.encode(value)),))


def contents(packets: Sequence[KeyPacket]) -> Iterator[tuple[int, list[tuple[int, int, bytes]]]]:
    for each in packets:
        for part in each.attributes if each.kd_type == CELL_KEYS else ():
            try:
                yield part.type, msgspec.msgpack.decode(part.value)
            except (msgspec.MsgspecError, TypeError):
                raise DecodeError("no keys of cells", "key_packets") from None


# -- the tests -----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekey, "_ALGORITHMS", dict(rekey._ALGORITHMS))
    monkeypatch.setattr(rekey, "_MEMBER_SIDES", dict(rekey._MEMBER_SIDES))
    rekey.register("cells", lambda cipher, settings: CellRekey(cipher))
    rekey.register_member_keys(CELLS, CELL_KEYS, CellKeys)


def world(**changes: object) -> World:
    sa2 = RekeyPolicy(source="192.0.2.1", destination=PUSHES, management="cells")
    return World(policy=group_policy(rekey=(sa2,), **changes))


def joined(network: World, count: int) -> list[Member]:
    members = [network.member(number) for number in range(count)]
    assert network.run(60, lambda: all(member.state == "registered" for member in members))
    return members


def in_force(network: World) -> tuple[bytes, bytes]:
    """The KEK and the TEK."""
    state = network.journal.groups["video"]
    (kek,) = (r.sa.key for r in state.rekey_sas.values() if r.retired_at is None)
    (tek,) = (r.sa.algorithm_key for r in state.data_sas.values() if r.retired_at is None)
    return kek, tek


def held(member: Member) -> set[bytes]:
    gsa = member.group.gsa
    return {sa.key for sa in gsa.rekey} | {sa.algorithm_key for sa in gsa.data}


def test_it_runs_from_end_to_end() -> None:
    network = world(backward_rekey="new-kek")
    members = joined(network, 9)
    network.run(30)
    assert all(set(in_force(network)) <= held(member) for member in members)
    gone = members.pop(5)
    network.gcks.evict("video", Identity.from_text("fqdn:member5.example"), network.network.now)
    network.run(30)
    assert all(set(in_force(network)) <= held(member) for member in members)
    assert not set(in_force(network)) & held(gone)
    network.run(90)  # what was replaced is forgotten
    network.start_gcks()  # and goes on from what was persisted
    network.run(1)
    before = in_force(network)
    network.gcks.rekey("video", network.network.now)
    network.run(30)
    assert before != in_force(network)
    assert all(set(in_force(network)) <= held(member) for member in members)
    asked_again = [
        n for n in (*range(5), *range(6, 9)) if "RegistrationScheduled" in network.kinds(f"member{n}")
    ]
    assert not asked_again
    structure = network.gcks.group("video").status(network.network.now).structures[0]
    assert (structure.algorithm, structure.members, structure.capacity, structure.depth) == (
        "cells",
        8,
        40,
        0,
    )


def test_its_pushes_say_its_numbers_and_pulls_do_not() -> None:
    """RFC 6407, 5.3: KEK_MANAGEMENT_ALGORITHM MUST NOT be in a GROUPKEY-PULL."""
    network = world()
    joined(network, 5)
    server = network.gcks.group("video")
    offer = server.offer(Identity.from_text("fqdn:late.example"), network.network.now)
    assert management(offer.policy) is None
    server.evict(Identity.from_text("fqdn:member0.example"), network.network.now)
    pushes = [push for push in server.take_pushes() if push.reason == "evicted"]
    policies = [part for push in pushes[:-1] for part in push.payloads if isinstance(part, GroupSA)]
    assert len(pushes) == 3 + 2 + 1  # the neighbours, the cells, and the data SAs
    assert [management(policy) for policy in policies] == [CELLS] * 5
    parts = [part for push in pushes[:-1] for part in push.payloads]
    downloads = [part for part in parts if isinstance(part, KeyDownload)]
    kinds = {packet.kd_type for download in downloads for packet in download.key_packets}
    assert kinds == {CELL_KEYS}


def management(policy: GroupSA) -> int | None:
    (kek,) = (part for part in policy.sa_attributes if isinstance(part, SAKEK))
    return next((int(part.value) for part in kek.attributes if part.type == 1), None)


def test_a_full_group_is_refused_and_a_policy_that_plans_too_much() -> None:
    from gsakmp.errors import PolicyRefused
    from gsakmp.group.checks import check_policy

    network = world()
    server = network.gcks.group("video")
    server._core.algorithms[0].capacity = 2
    joined(network, 2)
    with pytest.raises(PolicyRefused, match=r"full: rekey\[0\] has 2 members"):
        server.offer(Identity.from_text("fqdn:late.example"), network.network.now)
    sa2 = network.policy.rekey[0]
    check_policy(group_policy(rekey=(msgspec.structs.replace(sa2, capacity=40),)))
    with pytest.raises(ConfigurationError, match="capacity 41: cells has room for 40 members"):
        check_policy(group_policy(rekey=(msgspec.structs.replace(sa2, capacity=41),)))


def test_a_domain_of_ones_own_reads_its_packets() -> None:
    """`DOI.extended` gives a private KD type its table, for `gsakmp decode` and the like."""

    class CellAttribute(OpenEnum, width=16, source="cells, 1"):
        CELL_HELD = HELD, "cells", "V"
        CELL_WRAPPED = WRAPPED, "cells", "V"

    table = AttributeTable("cell key packet", CellAttribute, {1: variable(doc="keys", secret=True)})
    mine = GDOI.extended("cells", key_packets={CELL_KEYS: table})
    algorithm = rekey_algorithm("cells", kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128), RekeySettings())
    who = Identity.from_text("fqdn:a.example")
    algorithm.start([who], system_random)
    message = Message(
        exchange_type=32, doi=mine, payloads=(KeyDownload(key_packets=algorithm.download(who)),)
    )
    (payload,) = parse(message.build(), doi=mine).payloads
    assert isinstance(payload, KeyDownload)
    (part,) = payload.key_packets[0].attributes
    assert part.type == CellAttribute.CELL_HELD
    assert "CELL_HELD" in str(message.to_builtins())
