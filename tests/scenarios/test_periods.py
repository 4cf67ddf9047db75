"""Keys by periods between a key server and its members: each reads exactly what it was given (MARKS, NARK)."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

import pytest

from gsakmp.group.policy import DataPolicy, MemberPolicy, PeriodPolicy, RekeyPolicy, Selector
from gsakmp.group.rekey.nark import Grant
from gsakmp.group.rekey.nark_module import SoftwareModule
from gsakmp.group.rekey.nark_receipts import ReceiptLog
from gsakmp.group.sa import DataSA, Lifecycle
from gsakmp.identities import Identity
from gsakmp.peers import events
from gsakmp.peers.member import Member
from tests.world import START, World, group_policy

SECONDS = 60


class Cinema(World):
    """A group with 16 periods of a minute, whose first begins at `START`."""

    def __init__(
        self, members: dict[int, str], *, modules: dict[int, str] | None = None, **changes: Any
    ) -> None:
        periods: dict[str, Any] = {"seconds": SECONDS, "count": 16, **changes}
        listed = tuple(
            MemberPolicy(
                identity=f"fqdn:member{number}.example", periods=text, module=(modules or {}).get(number, "")
            )
            for number, text in members.items()
        )
        data = DataPolicy(selector=Selector(destination="ipv4:239.192.0.2"), periods=PeriodPolicy(**periods))
        super().__init__(
            policy=group_policy(members=listed, rekey=(RekeyPolicy(transport="null"),), data=(data,))
        )
        self.sequence = self.sequences()[0]

    def sequences(self) -> list[DataSA]:
        return [record.sa for record in self.gcks.group("video").state.data_sas.values()]

    def periods_of(self, number: int) -> list[int]:
        """Which periods of the first sequence a member has had SAs of."""
        base = int.from_bytes(self.sequence.spi, "big")
        told = [e for e in self.network.events(f"member{number}") if isinstance(e, events.KeysInstalled)]
        found = [int(spi, 16) - base for event in told for spi in event.data_spis]
        return [period for period in found if 0 <= period < 16]

    def key(self, period: int) -> bytes:
        """That of the policy's sequence, from the definition alone."""
        octets = self.sequence.algorithm_key
        for bit in format(period, "04b"):
            label = b"gsakmp marks bht right\0" if bit == "1" else b"gsakmp marks bht left\0"
            octets = sha256(label + octets).digest()
        return octets


def expanded(key: bytes, info: bytes, count: int) -> bytes:
    """HKDF-Expand of RFC 5869, 2.3, for up to 32 octets."""
    return hmac.new(key, info + b"\1", sha256).digest()[:count]


def active(member: Member) -> list[DataSA]:
    return [held.sa for held in member.group.data_sas if held.lifecycle == Lifecycle.ACTIVE]


def test_each_member_has_exactly_its_periods() -> None:
    world = Cinema({0: "all", 1: "3-5", 2: "7", 3: "2,4", 4: "14-"})
    members = [world.member(number) for number in range(5)]
    world.run(16 * SECONDS + 30)
    assert [world.periods_of(number) for number in range(5)] == [
        list(range(16)),
        [3, 4, 5],
        [7],
        [2, 4],
        [14, 15],
    ]
    assert not active(members[1])
    assert not any(member.group.gsa.rekey for member in members)


def test_the_keys_are_those_of_the_definition() -> None:
    world = Cinema({0: "all"})
    member = world.member(0)
    world.run(5.5 * SECONDS)
    (sa,) = active(member)
    assert int.from_bytes(sa.spi, "big") == int.from_bytes(world.sequence.spi, "big") + 5
    assert world.sequence.spi[3] & 0x0F == 0
    info = b"gsakmp period encryption\0" + b"\1" + sa.spi  # ESP is protocol 1 (RFC 6407, 5.5)
    assert sa.algorithm_key == expanded(world.key(5), info, 20)
    assert sa.integrity_key == b""


def test_members_go_from_one_period_to_the_next_together() -> None:
    world = Cinema({0: "all", 1: "all"})
    members = [world.member(number) for number in range(2)]
    world.run(30)
    for period in range(1, 8):
        world.run(START + period * SECONDS - 1 - world.network.now)
        before = active(members[0])
        ahead = [held.sa for held in members[1].group.data_sas if held.lifecycle == Lifecycle.PENDING]
        world.run(2)
        (now,) = active(members[0])
        assert ahead == [now], "who receives has the next key before anybody sends with it"
        kept = [held.sa for held in members[1].group.data_sas if held.lifecycle == Lifecycle.RETIRING]
        assert kept == before, "what is under way can still be read"
        assert active(members[1]) == [now]


def test_the_end_is_silent() -> None:
    """No message, no registration, and the key server has nothing to do."""
    world = Cinema({0: "0-2"})
    world.member(0)
    world.run(2 * SECONDS)
    sent = len(world.network.sent)
    world.run(600)
    assert world.network.events("member0", events.PeriodsEnded) == [
        events.PeriodsEnded(group="key-id:0x000004d2", spi=world.sequence.spi.hex(), last_period=2)
    ]
    assert not world.network.events("member0", events.RegistrationScheduled)
    assert not world.network.events("gcks", events.RekeySent)
    keepalives = [each for each in world.network.sent[sent:] if each.data[18:19] != b"\x05"]
    assert not keepalives, "nothing but RFC 3706's informational exchanges"


def test_a_late_joiner_reads_nothing_of_before() -> None:
    world = Cinema({0: "", 1: "all"})
    world.run(6 * SECONDS + 10)
    late, full = world.member(0), world.member(1)
    world.run(5)
    assert world.periods_of(0) == [6]
    (granted,) = late.group.status(world.network.now).periods
    assert granted.intervals == "6-15"
    (granted,) = full.group.status(world.network.now).periods
    assert granted.intervals == "0-15"


def test_periods_that_are_to_come_are_given_in_advance() -> None:
    world = Cinema({0: "10-11"})
    member = world.member(0)
    world.run(9 * SECONDS)
    assert member.state == "registered"
    assert not member.group.gsa.data
    world.run(7 * SECONDS)
    assert world.periods_of(0) == [10, 11]


def test_who_comes_after_its_periods_is_refused() -> None:
    world = Cinema({0: "0-2"})
    world.run(4 * SECONDS)
    world.member(0)
    world.run(20)
    refusals = [e for e in world.network.events("gcks") if isinstance(e, events.RegistrationRefused)]
    assert 0 < len(refusals) < 5
    assert all("are over" in refusal.problem for refusal in refusals)
    assert not world.periods_of(0)


def test_absolute_times() -> None:
    """`START` is 2023-11-14T22:13:20Z; the periods are those of which some is between the times."""
    world = Cinema({0: "2023-11-14T22:16:00Z/2023-11-14T22:18:20Z"})
    world.member(0)
    world.run(15 * SECONDS)
    assert world.periods_of(0) == [2, 3, 4]


@pytest.mark.parametrize("construction", ["binary-hash-tree", "hash-chain"])
def test_a_key_server_that_restarts_goes_on(construction: str) -> None:
    world = Cinema({0: "all", 1: ""}, construction=construction, allow_collusion=True)
    first = world.member(0)
    world.run(3 * SECONDS + 20)
    world.start_gcks()
    assert world.sequences() == [world.sequence]
    second = world.member(1)
    world.run(2 * SECONDS)
    assert active(first)
    assert active(first) == active(second)


def test_a_member_that_restarts_has_its_periods_again() -> None:
    world = Cinema({0: "2-9", 1: "all"})
    world.member(0)
    other = world.member(1)
    world.run(4 * SECONDS + 20)
    again = world.member(0)
    world.run(2 * SECONDS)
    assert active(again) == active(other)
    assert not {*again.group.sender_ids} & {*other.group.sender_ids}


def test_one_sequence_follows_another() -> None:
    """Who has the last period looks for the next sequence, whose numbers begin again; there is no gap."""
    world = Cinema({0: "all", 1: "0-2"})
    members = [world.member(number) for number in range(2)]
    holes = 0
    for _ in range(40 * SECONDS // 10):
        world.run(10)
        holes += not active(members[0])
    assert holes == 0
    assert not active(members[1])
    assert len(world.sequences()) in (1, 2)
    assert world.sequence.spi not in {sa.spi for sa in world.sequences()}
    joined = [e for e in world.network.events("gcks") if isinstance(e, events.MemberRegistered)]
    assert sum(event.member == "fqdn:member1.example" for event in joined) == 1


def test_leaving_and_eviction() -> None:
    """Who is put out does not come back; until its last period it goes on reading, as MARKS has it."""
    world = Cinema({0: "all", 1: "5-8"})
    members = [world.member(number) for number in range(2)]
    world.run(30)
    members[1].leave(world.network.now)
    world.run(5)
    assert world.network.events("gcks", events.MemberLeft)
    assert not members[1].group.patterns
    world.gcks.evict("video", Identity.from_text("fqdn:member0.example"), world.network.now)
    world.run(SECONDS)
    assert active(members[0])
    members[0].rejoin(world.network.now)
    world.run(5)
    assert world.network.events("gcks", events.RegistrationRefused)


def test_a_hash_chain_gives_one_interval() -> None:
    world = Cinema({0: "3-6", 1: "all"}, construction="hash-chain", allow_collusion=True)
    world.member(0)
    world.member(1)
    world.run(9 * SECONDS)
    assert world.periods_of(0) == [3, 4, 5, 6]
    assert world.periods_of(1)[:9] == list(range(9))


def test_modules_release_the_keys_and_keep_receipts() -> None:
    lines: list[bytes] = []
    world: list[Cinema] = []
    module = SoftwareModule(bytes(range(64)), lines.append, clock=lambda: world[0].network.now)
    world.append(Cinema({0: "2-4"}, modules={0: module.identity.to_text()}, keys="nark"))
    cinema = world[0]
    member = cinema.member(0, module=module.handle)
    cinema.run(6 * SECONDS)
    assert cinema.periods_of(0) == [2, 3, 4]
    assert member.state == "registered"
    log = ReceiptLog.read(lines)
    assert [(r.kind, r.period) for r in log.receipts] == [
        *(("given", 0), ("released", 2), ("released", 3), ("released", 4)),
    ]
    details = [entry.detail for entry in cinema.journal.audit if entry.kind == "granted"]
    grant = Grant.from_text(details[0].rpartition(" ")[2])
    settled = log.settle(module.identity.signing, grant)
    assert settled.released == (2, 3, 4)
    assert not settled.withheld
    assert settled.consistent
    assert all(abs(at / 1000 - (START + p * SECONDS)) <= SECONDS for p, at in settled.first_at.items())


def test_no_receipt_is_signed_for_what_was_over_when_the_seeds_came() -> None:
    lines: list[bytes] = []
    world: list[Cinema] = []
    module = SoftwareModule(bytes(range(64)), lines.append, clock=lambda: world[0].network.now)
    world.append(Cinema({0: "0-3"}, modules={0: module.identity.to_text()}, keys="nark"))
    cinema = world[0]
    cinema.run(2 * SECONDS + 1)  # period 1 may still be received, by who was there
    cinema.member(0, module=module.handle)
    cinema.run(3 * SECONDS)
    assert cinema.periods_of(0) == [2, 3]
    assert [r.period for r in ReceiptLog.read(lines).receipts if r.kind == "released"] == [2, 3]


def test_a_member_without_the_module_gets_nothing() -> None:
    owner = SoftwareModule(bytes(range(64)), lambda line: None)
    for module in (None, SoftwareModule(bytes(64), lambda line: None).handle):
        cinema = Cinema({0: "all"}, modules={0: owner.identity.to_text()}, keys="nark")
        member = cinema.member(0, module=module)
        cinema.run(20)
        assert member.state != "registered"
        assert not member.group.gsa.data


def test_a_module_that_fails_is_asked_again() -> None:
    world: list[Cinema] = []
    module = SoftwareModule(bytes(range(64)), lambda line: None, clock=lambda: world[0].network.now)
    broken = [False]

    def request(octets: bytes) -> bytes:
        return b"" if broken[0] else module.handle(octets)

    world.append(Cinema({0: "all"}, modules={0: module.identity.to_text()}, keys="nark"))
    cinema = world[0]
    member = cinema.member(0, module=request)
    cinema.run(30)
    broken[0] = True
    cinema.run(SECONDS)
    assert not active(member)
    missing = cinema.network.events("member0", events.PeriodKeyMissing)
    assert 1 < len(missing) < 12
    broken[0] = False
    cinema.run(10)
    assert active(member)


def test_the_seeds_are_for_the_module_alone() -> None:
    module = SoftwareModule(bytes(range(64)), lambda line: None)
    cinema = Cinema({0: "all"}, modules={0: module.identity.to_text()}, keys="nark")
    member = cinema.member(0, module=SoftwareModule(bytes(range(64)), lambda line: None).handle)
    cinema.run(5)
    (held,) = member.group._changes.periods._held.values()
    assert held.granted.keys is None
    assert cinema.sequence.algorithm_key not in held.granted.sealed.sealed
