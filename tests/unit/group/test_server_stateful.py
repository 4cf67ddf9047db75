"""Any order of verbs, timers and crashes: what must never happen does not (DESIGN.md, 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gsakmp.errors import StateError
from gsakmp.group.policy import GroupPolicy
from gsakmp.group.records import (
    AdvanceSequenceNumber,
    AllocateSenderIDs,
    Change,
    MemoryJournal,
    PutDataSA,
    PutRekeySA,
    ResetSenderIDs,
)
from gsakmp.group.server import GroupServer
from gsakmp.group.server_types import Offer, Push
from gsakmp.identities import Identity
from tests.unit.group.server_rig import DATA, REKEY, Rig, Watcher, address, changed, data_spis, member, policy

NAMES = "abcdef"
ALGORITHMS: dict[str, dict[str, Any]] = {
    "own-keys": {"eviction": "own-keys"},
    "re-pull": {"eviction": "re-pull"},
    "lkh": {"management": "lkh"},
    "lkh of degree 2": {"management": "lkh", "degree": 2},
    "lkh, two trees": {"management": "lkh", "degree": 3, "trees": 2},
}
ENDINGS = st.sampled_from(["sent"] * 8 + ["crash before commit", "crash after commit"])


class StrictJournal(MemoryJournal):
    """Refuses what must never become durable: a number that comes twice, ids given twice."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: Counter[tuple[bytes, int]] = Counter()
        self.spis: Counter[bytes] = Counter()
        self.next_sender_id = 0

    def commit(self, changes: Sequence[Change]) -> None:
        seen: set[bytes] = set()
        for change in changes:
            match change:
                case AdvanceSequenceNumber(spi=spi, sequence_number=number):
                    self.numbers[spi, number] += 1
                    assert self.numbers[spi, number] == 1
                case PutRekeySA(record=record) if record.retired_at is None and record.sa.spi not in seen:
                    seen.add(record.sa.spi)
                    self.spis[record.sa.spi] += 1
                    assert self.spis[record.sa.spi] == 1, "an SPI came twice"
                case PutDataSA(record=data) if data.retired_at is None:
                    self.spis[data.sa.spi] += 1
                    assert self.spis[data.sa.spi] == 1, "an SPI came twice"
                case AllocateSenderIDs(next_sender_id=following):
                    assert following > self.next_sender_id
                    self.next_sender_id = following
                case ResetSenderIDs():
                    kept = {r.sa.spi for r in self.groups["plant"].data_sas.values() if r.retired_at is None}
                    gone = {
                        c.record.sa.spi for c in changes if isinstance(c, PutDataSA) and c.record.retired_at
                    }
                    assert kept <= gone, "ids start again while a data SA that had them lives on"
                    self.next_sender_id = 0
        super().commit(changes)


class Groups(RuleBasedStateMachine):
    """A group whose server crashes now and then."""

    @initialize(
        algorithm=st.sampled_from(sorted(ALGORITHMS)),
        backward=st.sampled_from(["off", "new-data-keys", "new-kek"]),
        hide=st.booleans(),
        several=st.booleans(),
        acknowledged=st.booleans(),
        interval=st.sampled_from([0.0, 0.0, 8.0, 200.0]),
    )
    def start(
        self, algorithm: str, backward: str, hide: bool, several: bool, acknowledged: bool, interval: float
    ) -> None:
        rekey = changed(
            REKEY,
            **ALGORITHMS[algorithm],
            acknowledgement="sha256" if acknowledged else "none",
            drop_silent=acknowledged,
        )
        rekeys = (rekey, changed(rekey, destination="239.2.2.2")) if several else (rekey,)
        self.using: GroupPolicy = policy(
            rekey=rekeys,
            backward_rekey=backward,
            hide_policy_from_leaver=hide,
            batch_interval=interval,
        )
        self.rig = Rig(self.using, StrictJournal())
        self.out: set[Identity] = set()
        """Who was put out, durably, and has not come back."""
        self.leaving: set[Identity] = set()
        """Who was put out in the interval that has not ended."""
        self.uses: dict[bytes, dict[int, tuple[Identity, int]]] = {}
        """Which registration uses which sender id under which TEK."""
        self.registrations: Counter[Identity] = Counter()
        self.offers: dict[str, Offer] = {}
        for name in NAMES[:4]:
            self.admit_on(self.rig.server.offer(member(name), self.rig.now, address=address(name)), 0, "sent")

    # -- how each step ends ----------------------------------------------------------------------------

    def finish(self, ending: str) -> bool:
        """Whether the step became durable."""
        rig, committed = self.rig, ending != "crash before commit"
        if ending == "sent":
            self.check_pushes(rig.settle())
            return True
        if committed:
            rig.settle(send=False)
        before = rig.durable
        self.check_pushes(rig.crash())
        assert before.members.keys() >= rig.state.members.keys()
        assert rig.state.next_sender_id in (0, before.next_sender_id)
        self.offers.clear()
        return committed

    def check_pushes(self, pushes: list[Push]) -> None:
        """Forward rekey: nobody who is out reads a new TEK in any of them."""
        if self.rig.server._core.batch_at is None:
            self.out |= self.leaving
            self.leaving.clear()
        for push in pushes:
            for name in self.out:
                held = self.rig.watchers.get(name, Watcher()).keks
                assert not (data_spis(push) and held.get(push.sa.spi) == push.sa.key)

    def change(self, verb: Callable[[GroupServer], None], ending: str) -> bool:
        try:
            verb(self.rig.server)
        except StateError:
            ending = "sent"
        return self.finish(ending)

    # -- the steps -------------------------------------------------------------------------------------

    @rule(
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), ids=st.integers(0, 32), ending=ENDINGS
    )
    def join(self, names: list[str], ids: int, ending: str) -> None:
        for name in names:
            self.admit_on(
                self.rig.server.offer(member(name), self.rig.now, address=address(name)), ids, ending
            )

    @rule(name=st.sampled_from(NAMES))
    def offer(self, name: str) -> None:
        """One that is taken up later, when much may have happened."""
        self.offers[name] = self.rig.server.offer(member(name), self.rig.now, address=address(name))
        assert self.rig.server.take_changes() == []

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), ids=st.integers(0, 32), ending=ENDINGS)
    def admit(self, data: st.DataObject, ids: int, ending: str) -> None:
        self.admit_on(self.offers.pop(data.draw(st.sampled_from(sorted(self.offers)))), ids, ending)

    def admit_on(self, offer: Offer, ids: int, ending: str) -> None:
        rig, identity = self.rig, offer.member
        place = address(str(identity.data).partition(".")[0])
        try:
            admission = rig.server.admit(offer, identity, place, ids, "", rig.now)
        except StateError:
            self.finish("sent")
            return
        if not self.finish(ending):
            return
        self.out.discard(identity)
        self.leaving.discard(identity)
        if ending == "sent":  # else message 4 never left
            watcher = rig.watchers.setdefault(identity, Watcher())
            watcher.register(offer.policy, admission)
            self.registrations[identity] += 1
            # its new ids are for the TEKs that it has from here on
            watcher.teks = {sa.spi: watcher.teks[sa.spi] for sa in offer.data}
            watcher.sender_ids = list(admission.sender_ids)

    @precondition(lambda self: self.rig.state.members)
    @rule(data=st.data(), ending=ENDINGS, kind=st.sampled_from(["evicted", "left"]))
    def evict(self, data: st.DataObject, ending: str, kind: str) -> None:
        identity = data.draw(st.sampled_from(sorted(self.rig.state.members, key=str)))
        self.rig.server.evict(identity, self.rig.now, kind)
        if ending != "crash before commit":
            self.leaving.add(identity)
        self.finish(ending)

    @rule(kek=st.booleans(), data=st.booleans(), ending=ENDINGS)
    def rekey(self, kek: bool, data: bool, ending: str) -> None:
        self.change(lambda server: server.rekey(self.rig.now, kek=kek, data=data), ending)

    @rule(ending=ENDINGS)
    def start_over(self, ending: str) -> None:
        self.change(lambda server: server.start_over(self.rig.now), ending)

    @rule(seconds=st.sampled_from([0.5, 3, 15, 400, 3600]))
    def time(self, seconds: float) -> None:
        self.check_pushes(self.rig.at(self.rig.now + seconds))

    @rule(seconds=st.sampled_from([1, 5000, 20_000]), ending=ENDINGS)
    def downtime(self, seconds: float, ending: str) -> None:
        self.rig.now += seconds
        self.finish("crash after commit" if ending == "sent" else ending)

    @rule(ending=ENDINGS, lifetime=st.sampled_from([3600, 1800]), cipher=st.booleans())
    def reload(self, ending: str, lifetime: int, cipher: bool) -> None:
        data = changed(DATA, lifetime=lifetime, encryption="aes-gcm-128" if cipher else "aes-ccm-128")
        using = changed(self.using, data=(data,))
        self.rig.server.reload(using, self.rig.now)
        self.rig.policy = using
        self.finish(ending)

    @precondition(lambda self: self.rig.sent)
    @rule(name=st.sampled_from(NAMES))
    def acknowledge(self, name: str) -> None:
        push = self.rig.sent[-1]
        known = self.rig.server.rekey_sa(push.sa.spi)
        if known is None or known.suite.acknowledgement is None or member(name) not in self.rig.state.members:
            return
        self.rig.server.acknowledge(push.sa.spi, push.sequence_number, member(name))
        self.rig.settle()

    # -- what always holds -----------------------------------------------------------------------------

    @invariant()
    def memory_is_what_the_journal_has(self) -> None:
        assert self.rig.durable == self.rig.state

    @invariant()
    def whoever_is_out_reads_nothing(self) -> None:
        for identity in self.out:
            keys = self.rig.watchers.get(identity, Watcher()).teks
            assert not set(self.rig.active_data()) & keys.keys()

    @invariant()
    def no_sender_id_has_two_users_under_one_key(self) -> None:
        for identity, watcher in self.rig.watchers.items():
            user = (identity, self.registrations[identity])
            for spi in watcher.teks:
                holders = self.uses.setdefault(spi, {})
                for number in watcher.sender_ids:
                    assert holders.setdefault(number, user) == user

    @invariant()
    def there_is_one_of_each(self) -> None:
        assert len(self.rig.active_rekey()) == len(self.using.rekey)
        assert len(self.rig.active_data()) == 1


Groups.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestGroups = Groups.TestCase
