"""Leaves in flat arrays, against a dictionary."""

from __future__ import annotations

import random as standard_random
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsakmp.errors import EncodeError, StateError
from gsakmp.group.rekey.slots import DIGEST_OCTETS, PAGE, Slots
from gsakmp.identities import Identity


def member(number: int) -> Identity:
    return Identity.from_text(f"fqdn:m{number}.example")


def members(*numbers: int) -> list[Identity]:
    return [member(number) for number in numbers]


def filled(count: int) -> Slots:
    slots = Slots()
    slots.put(members(*range(count)), slots.free(count))
    return slots


def pages(slots: Slots) -> dict[int, bytes]:
    found = {number: slots.page(number) for number in range(slots.end // PAGE + 2)}
    return {number: octets for number, octets in found.items() if octets}


def loaded(saved: dict[int, bytes]) -> Slots:
    slots = Slots()
    slots.load_all(saved.items())
    return slots


def loaded_singly(saved: dict[int, bytes]) -> Slots:
    slots = Slots()
    for number in sorted(saved, reverse=True):
        slots.load(number, saved[number])
    return slots


def test_leaves_are_given_in_order_and_found_again() -> None:
    slots = filled(1000)
    assert len(slots) == slots.end == 1000
    assert [slots.leaf(member(number)) for number in range(1000)] == list(range(1000))
    assert member(7) in slots
    assert member(1000) not in slots
    assert "fqdn:m7.example" not in slots
    assert slots.find(member(1000)) is None
    with pytest.raises(StateError, match="m1000"):
        slots.leaf(member(1000))


def test_vacated_leaves_are_given_again_lowest_first() -> None:
    slots = filled(10)
    slots.vacate([7, 2, 4])
    assert [slots.occupied(leaf) for leaf in (-1, 1, 2, 4, 7, 9, 10)] == [0, 1, 0, 0, 0, 1, 0]
    assert slots.free(2) == [2, 4]
    assert slots.free(5) == [2, 4, 7, 10, 11]
    slots.put(members(20, 21), slots.free(2))
    assert slots.leaf(member(21)) == 4
    assert slots.free(2) == [7, 10]


def test_the_end_is_given_up() -> None:
    slots = filled(10)
    slots.vacate([5, 8])
    slots.vacate([9])
    assert slots.end == 8
    assert slots.free(2) == [5, 8]
    slots.vacate([leaf for leaf in range(8) if leaf != 5])
    assert (slots.end, len(slots), slots.free(1)) == (0, 0, [0])


def test_a_page_holds_the_digests_that_hashlib_makes() -> None:
    slots = filled(PAGE + 2)
    digests = [sha256(member(number).body()).digest()[:DIGEST_OCTETS] for number in range(PAGE + 2)]
    assert slots.page(0) == b"".join(digests[:PAGE])
    assert slots.page(1) == b"".join(digests[PAGE:])
    assert slots.page(2) == b""
    slots.vacate([0, PAGE - 1])
    assert slots.page(0) == bytes(DIGEST_OCTETS) + b"".join(digests[1 : PAGE - 1])
    assert Slots.pages_of([0, PAGE - 1, PAGE, 5 * PAGE]) == {0, 1, 5}


def test_others_are_all_who_are_not_named() -> None:
    slots = filled(6)
    slots.vacate([2])
    assert slots.others(members(0, 2, 5, 99)) == [1, 3, 4]
    assert slots.others(()) == [0, 1, 3, 4, 5]


@pytest.mark.parametrize(
    ("who", "leaves"),
    [
        ((1, 2), (5, 5)),
        ((1, 2), (5,)),
        ((1,), (0,)),
        ((1,), (-1,)),
        ((1,), (64,)),
        ((1, 1), (5, 6)),
        ((0,), (5,)),
    ],
)
def test_put_refuses_and_changes_nothing(who: tuple[int, ...], leaves: tuple[int, ...]) -> None:
    slots = Slots(64)
    slots.put(members(0), [0])
    with pytest.raises(StateError):
        slots.put(members(*who), leaves)
    assert (len(slots), slots.end, member(1) in slots) == (1, 1, False)


def test_an_identity_without_octets_changes_nothing() -> None:
    slots = filled(1)
    with pytest.raises(EncodeError):
        slots.put([member(1), Identity(1, "no address")], [1, 2])
    assert (len(slots), slots.end) == (1, 1)


def test_vacating_what_nobody_has_changes_nothing() -> None:
    slots = filled(3)
    for leaf in (3, -1):
        with pytest.raises(StateError):
            slots.vacate([1, leaf])
    assert slots.occupied(1)


def test_there_is_no_room_beyond_the_capacity() -> None:
    slots = Slots(4)
    assert slots.free(4) == [0, 1, 2, 3]
    with pytest.raises(StateError, match="4 members"):
        slots.free(5)


@pytest.mark.parametrize(
    "damage",
    [
        lambda octets: octets[:-1],
        lambda octets: octets + bytes(DIGEST_OCTETS),
        lambda octets: octets + octets[:DIGEST_OCTETS],
        lambda octets: b"",
        lambda octets: 33 * octets[:DIGEST_OCTETS],
    ],
)
def test_a_damaged_page_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(StateError):
        Slots().load(0, damage(filled(3).page(0)))


@pytest.mark.parametrize("number", [-1, 2, 1 << 40])
def test_a_page_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(StateError):
        Slots(64).load(number, filled(3).page(0))


def test_a_page_or_a_member_comes_once() -> None:
    octets = filled(3).page(0)
    slots = Slots()
    slots.load(1, octets)
    for number in (0, 1):
        with pytest.raises(StateError, match="twice"):
            slots.load(number, octets)
    with pytest.raises(StateError, match="twice"):
        Slots().load_all([(0, octets), (1, octets)])


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 40))
def test_any_history_is_that_of_a_dictionary(seed: int, steps: int) -> None:
    chance = standard_random.Random(seed)
    slots, model, saved = Slots(), dict[int, int](), dict[int, bytes]()
    for _ in range(steps):
        if chance.random() < 0.5:
            who = [number for number in chance.sample(range(200), 30) if number not in model]
            taken = set(model.values())
            vacant = [leaf for leaf in range(300) if leaf not in taken]
            leaves = slots.free(len(who))
            assert leaves == vacant[: len(who)]
            slots.put(members(*who), leaves)
            model |= dict(zip(who, leaves, strict=True))
        else:
            who = chance.sample(sorted(model), chance.randint(0, len(model)))
            leaves = [model.pop(number) for number in who]
            slots.vacate(leaves)
        saved |= {number: slots.page(number) for number in Slots.pages_of(leaves)}
    saved = {number: octets for number, octets in saved.items() if octets}
    for each in (slots, loaded(saved), loaded_singly(saved)):
        assert {number: each.find(member(number)) for number in range(200)} == {
            number: model.get(number) for number in range(200)
        }
        assert (len(each), each.end) == (len(model), max(model.values(), default=-1) + 1)
        assert pages(each) == pages(slots)
        assert each.free(5) == slots.free(5)
