"""What is kept for the record: the audit, policies, authorisations."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsakmp.errors import StateError
from gsakmp.group import records as r
from gsakmp.group.policy import MemberPolicy
from gsakmp.store import PolicyRecord, SQLStore
from tests.unit.store.examples import GROUP, KEY, put_group

ENTRIES = [
    r.Audit(group="plant" if n % 3 else "other", at=float(n), kind="joined", member=f"m{n}", detail="d")
    for n in range(30)
]


@pytest.fixture
def audited(path: Path) -> SQLStore:
    store = SQLStore(path, KEY)
    for entry in ENTRIES:
        store.commit([entry])
    return store


def test_the_audit_of_a_group_since_and_up_to(audited: SQLStore) -> None:
    with audited:
        assert audited.audit() == tuple(ENTRIES)
        assert audited.audit("plant") == tuple(e for e in ENTRIES if e.group == "plant")
        assert audited.audit(since=20.0) == tuple(ENTRIES[20:])
        assert audited.audit("other", 10.0, 2) == (ENTRIES[24], ENTRIES[27])
        assert audited.audit("nobody's") == ()
        for limit in (0, -1):
            assert audited.audit(limit=limit) == ()
        assert len(audited.audit(limit=10**30)) == 30


def test_a_group_is_not_needed_for_an_entry(path: Path) -> None:
    entry = r.Audit(group="not yet", at=1.0, kind="refused")
    with SQLStore(path, KEY) as store:
        store.commit([entry])
        assert store.audit() == (entry,)


def test_the_oldest_entries_go(path: Path) -> None:
    with SQLStore(path, KEY, audit_entries=10) as store:
        for start in range(0, 30, 3):
            store.commit(ENTRIES[start : start + 3])
            assert store.audit() == tuple(ENTRIES[: start + 3][-10:])


def test_policies_are_kept_in_order(path: Path) -> None:
    with SQLStore(path, KEY) as store:
        for at, text in enumerate(["a", "a", "b", "a"]):
            store.put_policy(GROUP, f'"{text}"', text.encode() * 32, float(at))
        store.put_policy("other", '"c"', b"c" * 32, 9.0)
        expected = [("a", 0.0), ("b", 2.0), ("a", 3.0)]
        assert store.policies(GROUP) == tuple(
            PolicyRecord(group=GROUP, text=f'"{text}"', digest=text.encode() * 32, loaded_at=at)
            for text, at in expected
        )
        assert store.policies("nobody's") == ()


def test_authorisations_are_those_last_loaded(path: Path) -> None:
    first = [MemberPolicy(identity=f"fqdn:m{n}.example", sender=bool(n % 2)) for n in range(5)]
    second = [MemberPolicy(certificate="CN=*"), first[3]]
    with SQLStore(path, KEY) as store:
        store.put_authorisations(GROUP, first, 1.0)
        store.put_authorisations("other", first[:1], 1.0)
        assert store.authorisations(GROUP) == tuple(first)
        store.put_authorisations(GROUP, second, 2.0)
    with SQLStore(path, KEY) as store:
        assert store.authorisations(GROUP) == tuple(second)
        store.put_authorisations(GROUP, [], 3.0)
        assert store.authorisations(GROUP) == ()
        assert store.authorisations("other") == tuple(first[:1])


def test_an_authorisation_comes_back_with_all_that_it_says(path: Path) -> None:
    entries = tuple(
        MemberPolicy(**{name: False if name == "sender" else f"{name} \0 ü"})
        for name in MemberPolicy.__struct_fields__
    )
    with SQLStore(path, KEY) as store:
        store.put_authorisations(GROUP, entries, 1.0)
        assert store.authorisations(GROUP) == entries


@pytest.mark.parametrize("entry", ["null", "{}x", '{"identity": 5}', '{"nobody": ""}', b"\xff"])
def test_an_authorisation_that_somebody_else_wrote_is_refused(path: Path, entry: str | bytes) -> None:
    with SQLStore(path, KEY) as store:
        store.put_authorisations(GROUP, [MemberPolicy()], 1.0)
        store._driver().execute("UPDATE authorisations SET entry = ?", (entry,))
        with pytest.raises(StateError):
            store.authorisations(GROUP)


@pytest.mark.parametrize("at", [float("nan"), "soon", None])
def test_what_is_no_record_is_refused(path: Path, at: object) -> None:
    with SQLStore(path, KEY) as store:
        store.commit([put_group()])
        for call in (
            lambda: store.put_policy(GROUP, "{}", b"", at),
            lambda: store.put_authorisations(GROUP, [MemberPolicy()], at),
            lambda: store.put_authorisations(GROUP, [None], 1.0),
            lambda: store.put_authorisations(GROUP, [MemberPolicy(identity=5)], 1.0),
            lambda: store.put_authorisations(GROUP, [MemberPolicy(periods="\ud800")], 1.0),
            lambda: store.commit([r.Audit(group=GROUP, at=at, kind="joined")]),
        ):
            with pytest.raises(StateError):
                call()
        assert store.policies(GROUP) == ()
        assert store.authorisations(GROUP) == ()
        assert store.audit() == ()
