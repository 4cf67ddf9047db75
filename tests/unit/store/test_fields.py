"""No field of a record, and no kind of change, is forgotten by the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from gsakmp.group import records as r
from gsakmp.group.sa import DataSA, PeriodSequence, RekeySA, RekeySuite, TrafficSelector
from gsakmp.store import SQLStore, writing
from tests.unit.store.examples import (
    GROUP,
    IDENTITIES,
    KEY,
    data_sa,
    member,
    put_group,
    rekey_sa,
    whole_group,
)

STORED = (
    *(RekeySA, RekeySuite, DataSA, PeriodSequence, TrafficSelector),
    *(r.MemberRecord, r.RekeySARecord, r.DataSARecord, r.GroupState),
)


def default_of(field: Field[Any]) -> object:
    """What a field has if nobody says anything; None, which says nothing either, where that is refused."""
    if field.default is not MISSING:
        return field.default
    return None if field.default_factory is MISSING else field.default_factory()


def given() -> r.GroupState:
    """A group whose every field, at every depth, differs from its default; built without the store."""
    rekey, data, person = rekey_sa(sequence_number=41), data_sa(), member()
    return r.GroupState(
        name=GROUP,
        identity=IDENTITIES[5],
        created_at=999.5,
        policy_digest=b"\x01" * 32,
        rekey_sas={rekey.sa.spi: rekey},
        data_sas={bytes([data.sa.protocol]) + data.sa.spi: data},
        members={person.identity: person},
        excluded={IDENTITIES[2]: 12.5},
        next_sender_id=9,
        rekey_algorithm={1: b"the algorithm's own"},
        rekey_parts={1: {b"one": b"its place"}},
    )


def fields_in(value: Any) -> Iterator[tuple[type, Field[Any], object]]:
    """Class, field and value of every field of `STORED` classes in `value`, at every depth."""
    if isinstance(value, dict):
        for one in value.values():
            yield from fields_in(one)
    elif is_dataclass(value) and type(value) in STORED:
        for field in fields(value):
            held = getattr(value, field.name)
            yield type(value), field, held
            yield from fields_in(held)


@pytest.fixture
def found(path: Path) -> r.GroupState:
    """`given`, through the file."""
    state = given()
    with SQLStore(path, KEY) as store:
        store.commit(
            [
                put_group(),
                *(r.PutRekeySA(group=GROUP, record=record) for record in state.rekey_sas.values()),
                *(r.PutDataSA(group=GROUP, record=record) for record in state.data_sas.values()),
                *(r.PutMember(group=GROUP, record=record) for record in state.members.values()),
                *(r.Exclude(group=GROUP, identity=one, at=at) for one, at in state.excluded.items()),
                r.AllocateSenderIDs(group=GROUP, next_sender_id=state.next_sender_id),
                *(
                    r.PutRekeyAlgorithm(
                        group=GROUP, policy_index=index, state=octets, parts=state.rekey_parts[index]
                    )
                    for index, octets in state.rekey_algorithm.items()
                ),
            ]
        )
    with SQLStore(path, KEY) as store:
        return store.load()[GROUP]


@pytest.mark.parametrize("kind", STORED)
def test_every_field_is_stored(found: r.GroupState, kind: type) -> None:
    """A field added to `kind` fails here until `given` sets it, and then until the store keeps it."""
    before = {field.name: (field, value) for owner, field, value in fields_in(given()) if owner is kind}
    after = {field.name: value for owner, field, value in fields_in(found) if owner is kind}
    assert before.keys() == after.keys() == {field.name for field in fields(kind)}
    for name, (field, value) in before.items():
        assert value != default_of(field), f"the example says nothing of {kind.__name__}.{name}"
        assert after[name] == value, f"{kind.__name__}.{name} was not stored"


def test_every_dataclass_of_a_group_is_looked_at() -> None:
    """The fields' values are of `STORED` classes, or end there: an identity, a number, octets."""
    values = [value for _, _, value in fields_in(given())]
    inner = {
        type(one) for value in values for one in (value.values() if isinstance(value, dict) else [value])
    }
    assert {kind for kind in inner if is_dataclass(kind)} == {*STORED, type(IDENTITIES[0])} - {r.GroupState}


def test_every_change_has_its_statement() -> None:
    assert set(get_args(r.Change)) == set(writing.HANDLERS)


def test_the_whole_group_has_every_change_that_puts_something() -> None:
    """`whole_group` is what backups, migrations and sealing are tried on."""
    putting = {
        kind for kind in get_args(r.Change) if not kind.__name__.startswith(("Remove", "Reset", "Readmit"))
    }
    assert {type(change) for change in whole_group()} == putting
