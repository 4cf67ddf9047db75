"""The store as a journal: what it gives back equals what the journal in memory does."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from gsakmp.errors import StateError
from gsakmp.group import records as r
from gsakmp.identities import Identity
from gsakmp.store import SQLStore
from tests.unit.store.examples import (
    ALGORITHMS,
    CHANGES,
    GROUP,
    IDENTITIES,
    KEY,
    SPI,
    data_sa,
    member,
    put_group,
    rekey_sa,
    whole_group,
)

START = [put_group("plant"), put_group("plänt ' \x00")]


class AtomicJournal(r.MemoryJournal):
    """The journal in memory, but a batch that fails leaves nothing behind, and numbers never go back."""

    def commit(self, changes: list[r.Change]) -> None:
        trial = r.MemoryJournal()
        trial.groups, trial.audit = self.load(), list(self.audit)
        for change in changes:
            if isinstance(change, r.PutRekeySA) and change.group in trial.groups:
                held = trial.groups[change.group].rekey_sas.get(change.record.sa.spi)
                if held is not None and change.record.sa.sequence_number < held.sa.sequence_number:
                    raise StateError("a record with an older number")
            try:
                trial.commit([change])
            except KeyError:  # there is no such Rekey SA
                raise StateError("no such Rekey SA") from None
        self.groups, self.audit = trial.groups, trial.audit


def orders(states: dict[str, r.GroupState]) -> list[object]:
    """The order of every table, which comparing dicts does not look at; that of parts within each index."""
    return [
        (
            name,
            *map(list, (s.rekey_sas, s.data_sas, s.members, s.excluded, s.rekey_algorithm)),
            {index: list(parts) for index, parts in s.rekey_parts.items()},
        )
        for name, s in states.items()
    ]


@given(batches=st.lists(st.lists(CHANGES, max_size=8), max_size=8))
def test_it_equals_the_journal_in_memory(batches: list[list[r.Change]]) -> None:
    memory = AtomicJournal()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        with SQLStore(path, KEY) as store:
            for batch in [START, *batches]:
                try:
                    memory.commit(batch)
                except StateError:
                    with pytest.raises(StateError):
                        store.commit(batch)
                else:
                    store.commit(batch)
            states = memory.load()
            assert store.load() == states
            assert store.audit(limit=1000) == tuple(memory.audit)
        with SQLStore(path, KEY) as store:  # and after it was closed
            found = store.load()
            assert found == states
            assert orders(found) == orders(states)


@given(batches=st.lists(st.lists(ALGORITHMS, min_size=1, max_size=6), min_size=1, max_size=4))
def test_states_of_rekey_algorithms_equal_those_in_memory(batches: list[list[r.Change]]) -> None:
    """Many changes of few names, so that they write over one another within a commit and between two."""
    memory = r.MemoryJournal()
    with tempfile.TemporaryDirectory() as folder, SQLStore(Path(folder) / "store", KEY) as store:
        for batch in [START, *batches]:
            memory.commit(batch)
            store.commit(batch)
            found, states = store.load(), memory.load()
            assert found == states
            assert orders(found) == orders(states)


def test_every_field_comes_back(store: SQLStore) -> None:
    state = store.load()[GROUP]
    assert state.identity == IDENTITIES[5]
    assert (state.created_at, state.policy_digest) == (999.5, b"\x01" * 32)
    assert state.rekey_sas == {SPI: rekey_sa(sequence_number=41)}
    assert state.data_sas == {b"\x01\x00\x00\x01\x00": data_sa()}
    assert list(state.members) == [*IDENTITIES, member().identity]
    assert state.members[member().identity] == member()
    assert list(state.excluded.items()) == [
        (identity, 500.5 - place) for place, identity in enumerate(reversed(IDENTITIES))
    ]
    assert state.next_sender_id == 9
    assert state.rekey_algorithm == {1: b"the algorithm's own"}
    assert state.rekey_parts == {1: {b"one": b"1", b"other": b"2"}}


def test_parts_of_a_rekey_algorithm(store: SQLStore) -> None:
    def put(state: bytes = b"whole", *, anew: bool = False, **parts: bytes) -> dict[int, dict[bytes, bytes]]:
        named = {name.encode(): part for name, part in parts.items()}
        store.commit([r.PutRekeyAlgorithm(group=GROUP, policy_index=1, state=state, parts=named, anew=anew)])
        return store.load()[GROUP].rekey_parts

    assert put(one=b"", more=b"3") == {1: {b"other": b"2", b"more": b"3"}}
    assert put(b"again") == {1: {b"other": b"2", b"more": b"3"}}, "others stay"
    assert put(anew=True, last=b"4", gone=b"") == {1: {b"last": b"4"}}
    assert put(anew=True) == {}
    assert put(one=b"1") == {1: {b"one": b"1"}}
    assert put(b"", left=b"5") == {}, "without a state there are no parts"
    assert put() == {}, "they don't come back"
    assert store.load()[GROUP].rekey_algorithm == {1: b"whole"}


def test_parts_keep_their_order(store: SQLStore) -> None:
    def put(*named: tuple[bytes, bytes], anew: bool = False) -> r.Change:
        return r.PutRekeyAlgorithm(group=GROUP, policy_index=1, state=b"1", parts=dict(named), anew=anew)

    def names() -> list[bytes]:
        return list(store.load()[GROUP].rekey_parts[1])

    store.commit([put((b"z", b"1")), put((b"a", b"2"), (b"other", b"3"))])
    assert names() == [b"one", b"other", b"z", b"a"], "one that changes keeps its place"
    store.commit([put((b"one", b"")), put((b"b", b"1")), put((b"one", b"2"))])
    assert names() == [b"other", b"z", b"a", b"b", b"one"], "one that was gone comes last"
    store.commit([put((b"y", b"1")), put((b"a", b"2"), (b"other", b"3"), anew=True), put((b"0", b"1"))])
    assert names() == [b"a", b"other", b"0"]


def test_times_and_registries_come_back_in_their_types(store: SQLStore) -> None:
    state = store.load()[GROUP]
    assert repr(state.rekey_sas[SPI]) == repr(rekey_sa(sequence_number=41))
    assert repr(state.data_sas[b"\x01\x00\x00\x01\x00"]) == repr(data_sa())


REFUSED: dict[str, Any] = {
    "an older sequence number": r.AdvanceSequenceNumber(group=GROUP, spi=SPI, sequence_number=40),
    "the same sequence number": r.AdvanceSequenceNumber(group=GROUP, spi=SPI, sequence_number=41),
    "a number of no Rekey SA": r.AdvanceSequenceNumber(group=GROUP, spi=bytes(16), sequence_number=42),
    "a record with an older number": r.PutRekeySA(group=GROUP, record=rekey_sa(sequence_number=40)),
    "an older sender id": r.AllocateSenderIDs(group=GROUP, next_sender_id=8),
    "no group": r.PutMember(group="nobody's", record=member()),
    "no time": r.PutMember(group=GROUP, record=replace(member(), registered_at=float("nan"))),
    "a number too large": r.AllocateSenderIDs(group=GROUP, next_sender_id=2**63),
    "text that is none": r.PutMember(group=GROUP, record=replace(member(), address="\ud800")),
    "an identity of another form": r.PutMember(
        group=GROUP, record=replace(member(), identity=Identity(2, b"plain.example"))
    ),
    "an identity that can't be built": r.PutMember(
        group=GROUP, record=replace(member(), identity=Identity(1, "no address"))
    ),
    "a rekey algorithm's state in no group": r.PutRekeyAlgorithm(
        group="nobody's", policy_index=0, state=b"1", parts={b"one": b"1"}
    ),
    "its end in no group": r.PutRekeyAlgorithm(group="nobody's", policy_index=0, state=b""),
    "an exclusion in no group": r.Exclude(group="nobody's", identity=IDENTITIES[0], at=1.0),
    "an end of one in no group": r.Readmit(group="nobody's", identity=IDENTITIES[0]),
    "an exclusion at no time": r.Exclude(group=GROUP, identity=IDENTITIES[0], at=float("nan")),
    "an exclusion of nobody": r.Exclude(group=GROUP, identity=Identity(1, "no address"), at=1.0),
    "an identity of no type": r.RemoveMember(group=GROUP, identity=Identity(256, b"")),
    "an object of another class": rekey_sa(),
    "None": None,
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_batch_with_one_refused_change_leaves_nothing(store: SQLStore, what: str) -> None:
    before = store.load()
    batch: list[r.Change] = [
        r.PutMember(group=GROUP, record=member("new.example")),
        r.PutRekeyAlgorithm(group=GROUP, policy_index=1, state=b"another", parts={b"new": b"3"}, anew=True),
        r.RemoveDataSA(group=GROUP, protocol=1, spi=data_sa().sa.spi),
        r.Readmit(group=GROUP, identity=IDENTITIES[3]),
        r.Exclude(group=GROUP, identity=member().identity, at=1.0),
        r.Audit(group=GROUP, at=1.0, kind="joined"),
    ]
    with pytest.raises(StateError) as caught:
        store.commit([*batch, REFUSED[what]])
    assert caught.value.__cause__ is None
    assert store.load() == before
    assert len(store.audit()) == 1
    store.commit([r.AdvanceSequenceNumber(group=GROUP, spi=SPI, sequence_number=42)])  # it goes on


def test_counters_only_move_on_whoever_moved_them(store: SQLStore, path: Path) -> None:
    """Another process that got past the lock moves the numbers: ours, older by then, are refused."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE rekey_sas SET sequence_number = 50")
        other.execute("UPDATE groups SET next_sender_id = 20")
    for change in (
        r.AdvanceSequenceNumber(group=GROUP, spi=SPI, sequence_number=42),
        r.PutRekeySA(group=GROUP, record=rekey_sa(sequence_number=42)),
        r.AllocateSenderIDs(group=GROUP, next_sender_id=12),
    ):
        with pytest.raises(StateError, match="would go back"):
            store.commit([change])
    state = store.load()[GROUP]
    assert state.rekey_sas[SPI].sa.sequence_number == 50
    assert state.next_sender_id == 20
    store.commit([r.ResetSenderIDs(group=GROUP)])
    assert store.load()[GROUP].next_sender_id == 0


def test_changes_of_one_kind_keep_their_order(store: SQLStore) -> None:
    first, second = member("twice.example", b"1"), member("twice.example", b"2")
    store.commit(
        [
            r.PutMember(group=GROUP, record=first),
            r.PutMember(group=GROUP, record=second),
            r.RemoveMember(group=GROUP, identity=member().identity),
            r.PutMember(group=GROUP, record=member()),
            r.RemoveMember(group=GROUP, identity=IDENTITIES[0]),
        ]
    )
    members = store.load()[GROUP].members
    assert members[first.identity] == second
    assert list(members)[-2:] == [first.identity, member().identity]
    assert IDENTITIES[0] not in members


def test_exclusions_begin_change_and_end(store: SQLStore, path: Path) -> None:
    """One that is said again keeps its place; one that ended goes to the end. Membership has no part in it."""
    first, second, third = (Identity.from_text(f"fqdn:x{n}.example") for n in range(3))
    start = [r.Readmit(group=GROUP, identity=identity) for identity in IDENTITIES]
    store.commit([put_group("second"), *start])
    store.commit([r.Exclude(group=GROUP, identity=one, at=1.0) for one in (first, second, first, third)])
    store.commit([r.Exclude(group="second", identity=first, at=7.0)])
    store.commit([r.Exclude(group=GROUP, identity=second, at=2.0)])
    assert list(store.load()[GROUP].excluded.items()) == [(first, 1.0), (second, 2.0), (third, 1.0)]
    store.commit(
        [
            r.Readmit(group=GROUP, identity=first),
            r.Readmit(group=GROUP, identity=member().identity),  # who is not excluded
            r.Exclude(group=GROUP, identity=first, at=3.0),
            r.RemoveMember(group=GROUP, identity=second),
        ]
    )
    store.close()
    with SQLStore(path, KEY) as again:
        states = again.load()
    assert list(states[GROUP].excluded.items()) == [(second, 2.0), (third, 1.0), (first, 3.0)]
    assert states["second"].excluded == {first: 7.0}
    assert member().identity in states[GROUP].members


def test_a_commit_is_one_statement_for_many_members(store: SQLStore) -> None:
    driver = store._driver()
    statements: list[str] = []
    driver.set_trace_callback(statements.append)
    records = [member(f"m{n}.example") for n in range(100)]
    store.commit([r.PutMember(group=GROUP, record=record) for record in records])
    driver.set_trace_callback(None)
    assert len([s for s in statements if s.startswith("BEGIN IMMEDIATE")]) == 1
    assert len([s for s in statements if s == "COMMIT"]) == 1
    assert len([s for s in statements if s.startswith("SELECT")]) == 1, "one look for the group"
    members = store.load()[GROUP].members
    assert [members[record.identity] for record in records] == records


def test_states_of_rekey_algorithms_keep_their_order(store: SQLStore) -> None:
    def put(index: int, state: bytes) -> r.Change:
        return r.PutRekeyAlgorithm(group=GROUP, policy_index=index, state=state)

    store.commit([put(2, b"2"), put(0, b"0"), put(1, b"1")])
    assert list(store.load()[GROUP].rekey_algorithm) == [1, 2, 0]
    store.commit([put(1, b""), put(5, b"5"), put(1, b"again"), put(2, b"changed")])
    found = store.load()[GROUP].rekey_algorithm
    assert list(found.items()) == [(2, b"changed"), (0, b"0"), (5, b"5"), (1, b"again")]


def test_joins_are_few_statements_however_many_they_are(
    store: SQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed: list[str] = []
    execute = Connection.execute

    def counted(self: Connection, statement: Any, *arguments: Any, **options: Any) -> Any:
        executed.append(str(statement))
        return execute(self, statement, *arguments, **options)

    changes: list[r.Change] = []
    for n in range(100):
        name = f"j{n}.example"
        changes += [
            r.PutMember(group=GROUP, record=member(name)),
            r.PutRekeyAlgorithm(
                group=GROUP, policy_index=1, state=b"state %d" % n, parts={name.encode(): b"%d" % n}
            ),
            r.Audit(group=GROUP, at=float(n), kind="joined", member=name),
        ]
    monkeypatch.setattr(Connection, "execute", counted)
    store.commit(changes)
    monkeypatch.undo()
    assert [statement.split()[0] for statement in executed] == ["SELECT", *["INSERT"] * 4, "DELETE"]
    state = store.load()[GROUP]
    assert state.rekey_algorithm == {1: b"state 99"}
    joined = {f"j{n}.example".encode(): b"%d" % n for n in range(100)}
    assert list(state.rekey_parts[1].items()) == [(b"one", b"1"), (b"other", b"2"), *joined.items()]
    assert list(state.members)[-100:] == [member(f"j{n}.example").identity for n in range(100)]
    assert [entry.at for entry in store.audit()[-100:]] == [float(n) for n in range(100)]


def test_no_change_passes_the_one_that_makes_its_group(tmp_path: Path) -> None:
    with SQLStore(tmp_path / "store", KEY) as store:
        with pytest.raises(StateError, match="no group"):
            store.commit(
                [put_group("first"), r.PutMember(group="second", record=member()), put_group("second")]
            )
        assert store.load() == {}
        store.commit(
            [
                put_group("first"),
                r.PutMember(group="first", record=member()),
                put_group("second"),
                put_group("first"),
            ]
        )
        assert list(store.load()) == ["first", "second"]


def test_it_is_durable_when_commit_returns(store: SQLStore) -> None:
    driver = store._driver()
    assert driver.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert driver.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert driver.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert not driver.in_transaction


def test_an_empty_batch_and_an_empty_store(tmp_path: Path) -> None:
    with SQLStore(tmp_path / "store", KEY) as store:
        store.commit([])
        assert store.load() == {}
        assert store.audit() == ()


def test_a_group_made_anew_keeps_what_it_has(store: SQLStore) -> None:
    before = store.load()[GROUP]
    again = r.PutGroup(group=GROUP, identity=IDENTITIES[13], created_at=5.0, policy_digest=b"\x02" * 32)
    store.commit([again])
    assert store.load()[GROUP] == replace(before, identity=IDENTITIES[13], policy_digest=b"\x02" * 32)


def test_threads_wait_for_one_another(store: SQLStore) -> None:
    def work(name: str) -> None:
        for n in range(20):
            store.commit([r.PutMember(group=GROUP, record=member(f"{name}-{n}.example"))])
            store.audit()

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.load()[GROUP].members) == len(IDENTITIES) + 1 + 80


@pytest.mark.slow
def test_a_hundred_thousand_members(tmp_path: Path) -> None:
    expected = [member(f"m{n}.example", os.urandom(32)) for n in range(100_000)]
    with SQLStore(tmp_path / "store", KEY) as store:
        store.commit([put_group()])
        for start in range(0, len(expected), 1000):
            store.commit([r.PutMember(group=GROUP, record=m) for m in expected[start : start + 1000]])
        assert list(store.load()[GROUP].members.values()) == expected


def test_the_whole_group_in_one_batch_or_in_many(tmp_path: Path) -> None:
    with SQLStore(tmp_path / "one", KEY) as one, SQLStore(tmp_path / "many", KEY) as many:
        one.commit(whole_group())
        for change in whole_group():
            many.commit([change])
        assert one.load() == many.load()
