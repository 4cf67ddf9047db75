"""The whole protocol, in any order: honest peers that crash and come back, and an attacker who owns the wire.

Whatever happens, nobody gets keys that it should not have, no number or sender id is used twice, nothing
grows without bound; and when the attacker goes, everybody comes together again (DESIGN.md, 4).

``GSAKMP_MACHINE_EXAMPLES`` is how many runs are made.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gsakmp.errors import StateError
from gsakmp.identities import Identity
from gsakmp.peers.network import Travelling
from tests.machines.arena import (
    ALGORITHMS,
    GROUPS,
    LONGEST,
    MEMBERS,
    OUTSIDE,
    Arena,
    Choices,
    Weather,
    name_of,
)
from tests.machines.attacker import ALTERATIONS, Alteration, inventions
from tests.world import GCKS_ADDRESS

EXAMPLES = int(os.environ.get("GSAKMP_MACHINE_EXAMPLES", "0"))

NUMBERS = st.sampled_from(list(MEMBERS))
GROUP_NAMES = st.sampled_from(sorted(GROUPS))
CAPTURED = st.tuples(st.booleans(), st.integers(0, 10_000))
"""Which datagram of those on the wire: one of the last, or any."""
PATIENCE = 12_000
"""Seconds in which all come together: several lifetimes of KEK and TEK, beside the longest wait between two
attempts to register."""


@cache
def other_session() -> tuple[Travelling, ...]:
    """What was on the wire of another GCKS with the same groups, peers and addresses."""
    arena = Arena(seed=77)
    for number in MEMBERS:
        arena.begin(number)
    arena.run(30)
    arena.gcks.rekey("video", arena.network.now)
    arena.run(5)
    return tuple(arena.wire)


class Protocol(RuleBasedStateMachine):
    """One run."""

    arena: Arena
    broken = False

    @initialize(
        seed=st.integers(0, 1000),
        aggressive=st.booleans(),
        choices=st.builds(
            Choices,
            transport=st.sampled_from(["multicast", "unicast"]),
            eviction=st.sampled_from(sorted(ALGORITHMS)),
            acknowledgement=st.sampled_from(["none", "sha256"]),
            backward=st.sampled_from(["off", "new-data-keys", "new-kek"]),
            hide=st.booleans(),
            sender_id_bits=st.sampled_from([8, 16]),
        ),
        members=st.integers(0, 4),
        nat=st.booleans(),
        forged=st.sampled_from([0.0, 0.0, 0.5, 1.0]),
    )
    def begin(
        self, seed: int, aggressive: bool, choices: Choices, members: int, nat: bool, forged: float
    ) -> None:
        self.arena = Arena(choices, seed=seed, aggressive=aggressive)
        self.arena.weather.forged = forged
        for number in range(members):
            self.arena.begin(number, nat=nat and number % 2 == 0)
        self.arena.run(2)

    # -- honest peers ----------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.015, 0.1, 1, 5, 5, 30, 30, 120, 700]))
    def time_passes(self, seconds: float) -> None:
        self.arena.run(seconds)

    @rule(number=NUMBERS, group=GROUP_NAMES, nat=st.booleans(), ids=st.sampled_from([0, 1, 32, 40]))
    def a_member_starts(self, number: int, group: str, nat: bool, ids: int) -> None:
        """Perhaps one that runs already: then it has crashed."""
        self.arena.begin(number, group, nat=nat, sender_ids=min(ids, 32))
        self.arena.network.flush()

    @rule(number=NUMBERS)
    def a_member_crashes(self, number: int) -> None:
        if number in self.arena.runners:
            self.arena.crash(number)

    @rule(number=NUMBERS, order=st.sampled_from(["leave", "rejoin", "register", "stop"]))
    def a_member_is_told(self, number: int, order: str) -> None:
        runner = self.arena.runners.get(number)
        if runner is not None:
            runner.wanted = order in {"rejoin", "register"}
            getattr(runner.engine, order)(self.arena.network.now)
            self.arena.network.flush()

    @precondition(lambda self: self.arena.serving)
    @rule(group=GROUP_NAMES)
    def a_rekey_is_ordered(self, group: str) -> None:
        self.arena.gcks.rekey(group, self.arena.network.now)
        self.arena.network.flush()

    @precondition(lambda self: self.arena.serving)
    @rule(group=GROUP_NAMES, number=NUMBERS)
    def a_member_is_evicted(self, group: str, number: int) -> None:
        """For good: the policy may say what it likes."""
        self.arena.gcks.evict(group, Identity.from_text(name_of(number)), self.arena.network.now)
        self.arena.watch.journal.exclude(group, name_of(number))
        self.arena.network.flush()

    @precondition(lambda self: self.arena.serving)
    @rule(group=GROUP_NAMES, number=NUMBERS)
    def a_member_is_let_in_again(self, group: str, number: int) -> None:
        identity = Identity.from_text(name_of(number))
        evicted = name_of(number) in self.arena.watch.journal.banned.get(group, set())
        try:
            self.arena.gcks.readmit(group, identity, self.arena.network.now)
        except StateError:
            assert not evicted
        else:
            assert evicted
        self.arena.network.flush()

    @rule(video=st.frozensets(NUMBERS), audio=st.frozensets(NUMBERS))
    def the_members_of_the_policy_change(self, video: frozenset[int], audio: frozenset[int]) -> None:
        self.arena.choose(replace(self.arena.choices, video=video, audio=audio))
        self.arena.network.flush()

    @rule(
        cipher=st.sampled_from(["aes-gcm-128", "aes-gcm-128", "aes-cbc-128"]),
        eviction=st.sampled_from(sorted(ALGORITHMS)),
        transport=st.sampled_from(["multicast", "unicast"]),
        everybody=st.booleans(),
    )
    def the_policy_changes(self, cipher: str, eviction: str, transport: str, everybody: bool) -> None:
        choices = replace(self.arena.choices, cipher=cipher, eviction=eviction, transport=transport)
        if everybody:
            choices = replace(choices, video=frozenset(MEMBERS), audio=frozenset(MEMBERS))
        self.arena.choose(choices)
        self.arena.network.flush()

    @rule(when=st.sampled_from(["now", "rekeyed, not committed", "rekeyed, committed, not sent", "long"]))
    def the_gcks_crashes(self, when: str) -> None:
        arena = self.arena
        if arena.serving and when.startswith("rekeyed"):
            arena.gcks.rekey("video", arena.network.now)
            if when.endswith("not sent"):
                arena.gcks.datagrams_to_send(arena.network.now)
        if when == "long":
            if "gcks" in arena.network.hosts:
                arena.network.remove("gcks")
            arena.run(100)
        self._start()

    @precondition(lambda self: self.arena.serving)
    @rule(excluded=NUMBERS, committed=st.booleans())
    def the_gcks_crashes_at_a_reload(self, excluded: int, committed: bool) -> None:
        arena = self.arena
        arena.choose(replace(arena.choices, video=arena.choices.video - {excluded}))
        if committed:
            arena.gcks.datagrams_to_send(arena.network.now)
        self._start()

    @precondition(lambda self: self.arena.serving)
    @rule()
    def the_journal_fails(self) -> None:
        """Nothing is sent that depends on what is not durable, then or later."""
        arena = self.arena
        arena.network.flush()
        arena.watch.journal.failing = True
        arena.gcks.rekey("video", arena.network.now)
        before = len(arena.network.sent)
        arena.network.flush()
        assert not arena.serving
        arena.run(5)
        arena.watch.journal.failing = False
        arena.gcks.handle_timeout(arena.network.now)
        try:
            late = arena.gcks.datagrams_to_send(arena.network.now)
        except StateError:
            late = []
        assert not late
        assert not any(t.source.host == GCKS_ADDRESS.host for t in arena.network.sent[before:])

    @precondition(lambda self: not self.arena.serving)
    @rule()
    def the_gcks_comes_back(self) -> None:
        self._start()

    def _start(self) -> None:
        self.arena.watch.journal.failing = False
        self.arena.start_gcks()
        self.arena.network.flush()

    # -- the network -------------------------------------------------------------------------------------------

    @rule(
        loss=st.sampled_from([0.0, 0.2, 0.9]),
        repeat=st.sampled_from([0.0, 0.3]),
        corrupt=st.sampled_from([0.0, 0.1]),
        jitter=st.sampled_from([0.0, 0.5, 5.0]),
        forged=st.sampled_from([0.0, 0.3, 1.0]),
    )
    def the_weather_changes(
        self, loss: float, repeat: float, corrupt: float, jitter: float, forged: float
    ) -> None:
        self.arena.weather = Weather(loss, repeat, corrupt, jitter, forged)

    @rule()
    def the_weather_clears(self) -> None:
        self.arena.weather = Weather()

    # -- the attacker ------------------------------------------------------------------------------------------

    @rule(count=st.integers(1, 8))
    def datagrams_are_held_back(self, count: int) -> None:
        self.arena.holding = count

    @precondition(lambda self: self.arena.held)
    @rule(place=st.integers(0, 100), alteration=st.none() | ALTERATIONS, which=CAPTURED)
    def one_held_back_is_delivered(
        self, place: int, alteration: Alteration | None, which: tuple[bool, int]
    ) -> None:
        travelling = self.arena.held.pop(place % len(self.arena.held))
        data = travelling.data
        if alteration is not None:
            data = alteration(data, self._captured(which).data)
        for name in self.arena.receivers(travelling):
            self.arena.inject(data, travelling.source, name, travelling.destination.port)

    @precondition(lambda self: self.arena.wire)
    @rule(which=CAPTURED, times=st.sampled_from([1, 1, 3]))
    def one_is_replayed(self, which: tuple[bool, int], times: int) -> None:
        travelling = self._captured(which)
        for _ in range(times):
            for name in self.arena.receivers(travelling):
                self.arena.inject(travelling.data, travelling.source, name, travelling.destination.port)

    @precondition(lambda self: self.arena.wire)
    @rule(which=CAPTURED, alteration=ALTERATIONS, other=CAPTURED, elsewhere=st.booleans())
    def one_is_altered(
        self, which: tuple[bool, int], alteration: Alteration, other: tuple[bool, int], elsewhere: bool
    ) -> None:
        travelling = self._captured(which)
        data = alteration(travelling.data, self._captured(other).data)
        source = OUTSIDE if elsewhere else travelling.source
        for name in self.arena.receivers(travelling):
            count, octets = self.arena.inject(data, source, name, travelling.destination.port)
            # if not all of it is authenticated it may be taken: the end of phase 1, and a pull begins
            assert count <= 2
            assert octets <= LONGEST

    @precondition(lambda self: self.arena.wire)
    @rule(which=CAPTURED, name=st.sampled_from(["gcks", *(f"member{n}" for n in MEMBERS)]), to=CAPTURED)
    def one_is_redirected(self, which: tuple[bool, int], name: str, to: tuple[bool, int]) -> None:
        """To another peer, or back to its sender; from another address than it came from."""
        source = self._captured(to).source
        self.arena.inject(self._captured(which).data, source, name)

    @rule(place=st.integers(0, 10_000))
    def one_of_another_session_is_replayed(self, place: int) -> None:
        travelling = other_session()[place % len(other_session())]
        for name in self.arena.receivers(travelling):
            self.arena.inject(travelling.data, travelling.source, name, travelling.destination.port)

    @rule(
        data=inventions(),
        name=st.sampled_from(["gcks", *(f"member{n}" for n in MEMBERS)]),
        port=st.sampled_from([848, 4500]),
    )
    def one_is_invented(self, data: bytes, name: str, port: int) -> None:
        count, octets = self.arena.inject(data, OUTSIDE, name, port)
        assert count <= 1
        assert octets <= 3 * len(data)

    def _captured(self, which: tuple[bool, int]) -> Travelling:
        recent, place = which
        wire = self.arena.wire
        return wire[-1 - place % min(len(wire), 30)] if recent else wire[place % len(wire)]

    # -- always ------------------------------------------------------------------------------------------------

    @invariant()
    def nobody_has_what_it_should_not(self) -> None:
        if hasattr(self, "arena"):
            try:
                self.arena.look()
                self.arena.bounded()
            except AssertionError:
                self.broken = True
                raise

    def teardown(self) -> None:
        """The attacker goes, the network heals, the GCKS runs: all come together."""
        if self.broken or not hasattr(self, "arena"):
            return
        arena = self.arena
        arena.weather, arena.holding = Weather(), 0
        if not arena.serving:
            self._start()
        come_together(arena)
        del self.arena  # whoever keeps the machine need not keep all that was on the wire


def come_together(arena: Arena) -> None:
    arena.run(60)
    assert arena.run(PATIENCE, arena.settled), f"peers do not come together: {arena.unsettled()}"
    for group in GROUPS:
        arena.gcks.rekey(group, arena.network.now)
    arena.run(5)
    assert arena.run(PATIENCE, arena.settled), f"peers do not follow a rekey: {arena.unsettled()}"
    arena.bounded()


Protocol.TestCase.settings = settings(
    max_examples=EXAMPLES or 80,
    stateful_step_count=60 if EXAMPLES else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestProtocol = Protocol.TestCase
