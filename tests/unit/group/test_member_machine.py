"""Any interleaving of pulls, pushes (in order, with gaps, repeated, late) and time, against a GCKS that keeps
its own books: which keys an SPI has, when an SA ends, which sender id was ever used with which SA."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gsakmp.errors import PolicyRefused, ReplayDetected, StateError, UnexpectedMessage
from gsakmp.group.member import Acceptance, ConsideredPolicy, GroupMember
from gsakmp.group.payloads import delete_payloads, group_sa
from gsakmp.group.sa import GSA, DataSA, Lifecycle, RekeySA
from gsakmp.payloads import GroupDelete
from tests.unit.group.member_world import GCM, Pull, Push, data, half, keys_of, rekey

TRAFFIC = ("ipv4:239.1.1.1", "ipv4:239.1.1.2")
ATD, DTD = 5, 12
KEK_SECONDS, TEK_SECONDS = 4_000, 900


class MemberMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 10_000.0
        self.member = GroupMember(Acceptance(), random=half)
        self.serial = 0
        self.rekeys: dict[bytes, RekeySA] = {}  # every SA ever made
        self.datas: dict[bytes, DataSA] = {}
        self.current: dict[str, DataSA] = {}
        self.kek: RekeySA | None = None
        self.sequence: dict[bytes, int] = {}
        self.next_sender_id = 0
        self.pending: tuple[ConsideredPolicy, Pull] | None = None
        self.waiting: list[Push] = []
        self.sent: list[Push] = []
        self.accepted: dict[bytes, int] = {}
        self.nonces: dict[
            tuple[bytes, int], int
        ] = {}  # SPI and sender id: the registration that they came by
        self.registration = 0
        self.first_seen: dict[bytes, float] = {}

    # -- the GCKS ----------------------------------------------------------------------------------------

    def number(self) -> int:
        self.serial += 1
        return self.serial % 250 + 1

    def new_kek(self) -> RekeySA:
        self.serial += 1
        # SPIs never repeat, so the serial number is part of them
        spi = self.serial.to_bytes(4, "big") * 4
        sa = rekey(self.number(), at=self.now, lifetime=KEK_SECONDS, spi=spi)
        self.rekeys[spi], self.sequence[spi] = sa, 0
        return sa

    def new_data(self, to: str) -> DataSA:
        self.serial += 1
        sa = data(self.number(), at=self.now, lifetime=TEK_SECONDS, to=to, transform=GCM)
        sa = replace(sa, spi=(1_000 + self.serial).to_bytes(4, "big"))
        self.datas[sa.spi] = self.current[to] = sa
        return sa

    def send(
        self,
        *,
        rekey: RekeySA | None = None,
        sas: tuple[DataSA, ...] = (),
        deletes: tuple[GroupDelete, ...] = (),
    ) -> None:
        assert self.kek is not None
        spi = self.kek.spi
        self.sequence[spi] += 1
        gsa = GSA(rekey=(rekey,) if rekey else (), data=sas)
        policy = keys = None
        if rekey or sas:
            policy = group_sa(gsa, activation_delay=ATD, deactivation_delay=DTD, now=self.now, push=True)
            keys = keys_of(gsa)
        self.waiting.append(Push(spi, self.sequence[spi], deletes, policy, keys))

    @initialize()
    def start(self) -> None:
        self.kek = self.new_kek()
        for to in TRAFFIC:
            self.new_data(to)

    @rule(which=st.sampled_from([TRAFFIC[:1], TRAFFIC[1:], TRAFFIC]))
    def rekey_data(self, which: tuple[str, ...]) -> None:
        self.send(sas=tuple(self.new_data(to) for to in which))

    @rule()
    def rekey_kek(self) -> None:
        new = self.new_kek()
        self.send(rekey=new)
        self.kek = new

    @rule(to=st.sampled_from(TRAFFIC))
    def replace_by_delete(self, to: str) -> None:
        old = self.current[to]
        self.send(deletes=delete_payloads(data=[old]), sas=(self.new_data(to),))

    @rule()
    def start_over(self) -> None:
        """Everything deleted, new SAs, and the sender ids begin again (RFC 6407, 3.5)."""
        self.send(deletes=delete_payloads(everything=True))
        self.kek = self.new_kek()
        self.next_sender_id = 0
        for to in TRAFFIC:
            self.new_data(to)

    # -- the way to the member ---------------------------------------------------------------------------

    @precondition(lambda self: self.waiting)
    @rule(late=st.integers(0, 3))
    def deliver(self, late: int) -> None:
        self.apply(self.waiting.pop(min(late, len(self.waiting) - 1)))

    @precondition(lambda self: self.waiting)
    @rule()
    def lose(self) -> None:
        self.sent.append(self.waiting.pop(0))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 1_000))
    def repeat(self, which: int) -> None:
        self.apply(self.sent[which % len(self.sent)])

    @rule(number=st.integers(1, 5))
    def junk(self, number: int) -> None:
        self.member.unknown_spi(self.now)
        before = self.member.gsa
        try:
            self.member.apply(Push(bytes([number]) * 16, number), self.now)
        except UnexpectedMessage:
            assert self.member.gsa == before
        else:
            raise AssertionError("taken")

    def apply(self, push: Push) -> None:
        self.sent.append(push)
        self.member.handle_timeout(self.now)
        before = self.member.gsa, self.member.sender_ids
        held = self.member.rekey_sa(push.spi)
        last = self.accepted.get(push.spi, 0)
        try:
            self.member.apply(push, self.now)
        except (UnexpectedMessage, ReplayDetected, PolicyRefused) as error:
            assert (self.member.gsa, self.member.sender_ids) == before
            if isinstance(error, ReplayDetected):
                assert push.sequence_number <= last
            elif isinstance(error, UnexpectedMessage):
                # unknown; or it brings a Rekey SA under one that was replaced
                assert held is None or push.policy is not None
        else:
            assert held is not None
            assert push.sequence_number > last
            self.accepted[push.spi] = push.sequence_number
            self.register_nonces()

    # -- registration ------------------------------------------------------------------------------------

    @rule(data_too=st.booleans())
    def ask(self, data_too: bool) -> None:
        """Messages 1 to 4 as the GCKS sees them; message 4 is under way."""
        assert self.kek is not None
        live = [sa for sa in self.current.values() if sa.expires_at > self.now + 1]
        if self.kek.expires_at <= self.now + 1:
            self.kek = self.new_kek()
        gsa = GSA(rekey=(self.kek,), data=tuple(live) if data_too else ())
        considered = self.member.consider(
            group_sa(gsa, activation_delay=ATD, deactivation_delay=DTD, now=self.now), self.now
        )
        sender_id, self.next_sender_id = self.next_sender_id, self.next_sender_id + 1
        download = Pull(self.sequence[self.kek.spi], keys_of(gsa, [sender_id]))
        self.pending = considered, download

    @precondition(lambda self: self.pending)
    @rule()
    def install(self) -> None:
        assert self.pending is not None
        (considered, download), self.pending = self.pending, None
        self.member.handle_timeout(self.now)
        before = self.member.gsa, self.member.sender_ids
        try:
            self.member.install(download, considered, self.now)
        except (StateError, PolicyRefused):  # overtaken, or too late
            assert (self.member.gsa, self.member.sender_ids) == before
            return
        self.registration += 1
        assert self.member.wants_registration(self.now) is None
        (offered,) = considered.offered.gsa.rekey
        assert download.sequence_number is not None
        self.accepted[offered.spi] = max(self.accepted.get(offered.spi, 0), download.sequence_number)
        self.register_nonces()

    def register_nonces(self) -> None:
        """A data plane would begin to count from zero for each SA and sender id that are new together."""
        for one in self.member.data_sas:
            if one.sends and one.lifecycle != Lifecycle.RETIRING:
                assert self.member.sender_ids
                for sender_id in self.member.sender_ids:
                    came_by = self.nonces.setdefault((one.sa.spi, sender_id), self.registration)
                    assert came_by == self.registration, "nonces repeat"

    @rule()
    def leave(self) -> None:
        self.member.clear()
        assert self.member.gsa == GSA()
        # What it held and sent with is forgotten, so the books are closed too: a member that comes back gets
        # new sender ids.
        self.next_sender_id = max(self.next_sender_id, 1 + max((n for _, n in self.nonces), default=0))
        self.accepted.clear()
        self.first_seen.clear()

    # -- time ----------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.0, 0.5, 4.0, 5.0, 12.0, 60.0, 300.0, 900.0]))
    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(1_000):
            due = self.member.next_timeout()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.member.handle_timeout(self.now)
            following = self.member.next_timeout()
            assert following is None or following > self.now
        else:
            raise AssertionError("timers without end")
        self.now = end

    @rule()
    def be_forgotten(self) -> None:
        """No push ever again: a member notices before it has been without SAs for long."""
        registered = self.member.status(self.now).registered_at is not None
        for _ in range(6):
            self.pass_time(900.0)
        if registered:
            assert self.member.wants_registration(self.now) is not None

    # -- always ----------------------------------------------------------------------------------------------

    @invariant()
    def no_sa_without_its_keys(self) -> None:
        for sa in self.member.gsa.data:
            made = self.datas[sa.spi]
            assert (sa.algorithm_key, sa.integrity_key) == (made.algorithm_key, made.integrity_key)
            assert len(sa.algorithm_key) == 20
        for kek in self.member.gsa.rekey:
            assert kek.key == self.rekeys[kek.spi].key
            assert kek.signature_key

    @invariant()
    def sequence_numbers_only_grow(self) -> None:
        for kek in self.member.gsa.rekey:
            assert kek.sequence_number == self.accepted.get(kek.spi, 0)

    @invariant()
    def nothing_outlives_itself(self) -> None:
        """A lifetime on the wire is what is left of it, so it counts from when the message came."""
        self.member.handle_timeout(self.now)
        for one in self.member.data_sas:
            seen = self.first_seen.setdefault(one.sa.spi, self.now)
            assert self.now < one.ends_at <= seen + TEK_SECONDS
        for kek in self.member.status(self.now).rekey:
            seen = self.first_seen.setdefault(bytes.fromhex(kek.spi), self.now)
            assert 0 < kek.remaining_seconds <= seen + KEK_SECONDS - self.now

    @invariant()
    def timers_are_ahead(self) -> None:
        self.member.handle_timeout(self.now)
        due = self.member.next_timeout()
        assert due is None or due > self.now

    @invariant()
    def one_rekey_sa_in_force_and_one_sender_per_traffic(self) -> None:
        rekeys = self.member.status(self.now).rekey
        assert sum(kek.lifecycle == "active" for kek in rekeys) <= 1
        active = [
            one.sa.selector for one in self.member.data_sas if one.lifecycle == Lifecycle.ACTIVE and one.sends
        ]
        assert len(set(active)) == len(active)


MemberMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMemberMachine = MemberMachine.TestCase
