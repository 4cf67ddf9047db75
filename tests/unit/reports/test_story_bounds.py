"""A story that is told by a hostile peer: what is kept of it has a bound, and its names are made harmless."""

from __future__ import annotations

import msgspec
import pytest

from gsakmp import limits
from gsakmp.captures.opened import (
    Acknowledged,
    ExchangeKind,
    GroupRequested,
    KeysFollowed,
    RolledOver,
    Status,
)
from gsakmp.reports.story import Teller
from tests.unit.reports.test_story import GROUP, Group, data_sa, rekey_sa, text, told


def test_it_keeps_no_more_than_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORY_ENTRIES", 3)
    monkeypatch.setattr(limits, "STORY_MEMBERS", 4)
    monkeypatch.setattr(limits, "STORY_HOLDINGS", 8)
    group = Group()
    for number in range(20):
        name = f"{number:02d}"
        group.say(ExchangeKind.PULL, GroupRequested(member=name, group=GROUP), step=1)
        group.join(name, f"r{name}", first=True)
        group.push(f"r{name}", 1, data_sa(f"d{name}", name, f"other {name}"))
        group.say(ExchangeKind.MAIN, status=Status.SEALED, sa=f"s{name}", reason="no key")
        group.say(ExchangeKind.PUSH, status=Status.MALFORMED)
    story = told(group.found)
    for listed in (story.rekey_sas, story.data_sas, story.pushes, story.problems):
        assert len(listed) == 3
    assert len(story.members) == 4
    assert len(story.sealed) == 4  # the last one is of all further SAs
    assert sum(each.messages for each in story.sealed) == 20
    assert sum(len(sa.holders) for sa in (*story.rekey_sas, *story.data_sas)) <= 8
    assert story.untold["rekey_sas"] == 17
    assert "Too many to keep" in text(story)


def size_of(value: object) -> int:
    """Entries of all tables in a teller, however deep."""
    if isinstance(value, dict):
        return len(value) + sum(map(size_of, value.values()))
    if isinstance(value, list | set | tuple):
        return len(value) + sum(map(size_of, value))
    return 0


@pytest.mark.parametrize("kind", ["joined", "acknowledged", "led"])
def test_what_comes_again_and_again_takes_no_room(kind: str) -> None:
    """A member that joins anew, answers to pushes that nobody saw, successors that nobody knows."""
    sizes = []
    for number in (20, 200):
        group = Group()
        for step in range(1, number):
            if kind == "joined":
                group.join("fqdn:a", "r1", first=step == 1)
            elif kind == "acknowledged":
                group.say(
                    ExchangeKind.ACK, Acknowledged(member="fqdn:a", sa="r1", sequence_number=step), sa="r1"
                )
            else:
                event = RolledOver(
                    group=GROUP, old="r1", new=f"n{step}", followed=(), left_behind=(), by="KEK"
                )
                group.say(ExchangeKind.PUSH, event, sa="r1", status=Status.CLEAR)
        teller = Teller()
        for each in group.found:
            teller.add(each)
        sizes.append(sum(size_of(value) for value in vars(teller).values()))
    assert sizes[0] == sizes[1]


def test_who_joins_twice_before_a_push_is_named_once() -> None:
    group = Group()
    for first in (True, False):
        group.join("fqdn:a", "r1", first=first)
    group.push("r1", 1, data_sa("d1", "fqdn:a"))
    assert told(group.found).pushes[0].reasons == ["after fqdn:a joined"]


def test_a_name_that_is_not_printable_is_one_name_everywhere() -> None:
    """In a group whose name is none either, what the events say of one member comes together."""
    name, shown = "fqdn:a\x1b[2J\u202e", "fqdn:a\\x1b[2J\\u202e"
    group = Group()
    group.join(name, "r1", "d1", first=True)
    group.push("r1", 1, data_sa("d1", name))
    group.push(
        "r1", 2, rekey_sa("r2", name), KeysFollowed(member=name, sa="r2", keys=2),
        RolledOver(group=GROUP, old="r1", new="r2", followed=(name,), left_behind=("fqdn:b\x00",), by="LKH"),
    )  # fmt: skip
    strange = [msgspec.structs.replace(each, group="g\x00") for each in group.found]
    for each in strange:
        events = tuple(
            msgspec.structs.replace(event, group="g\x00") if hasattr(event, "group") else event
            for event in each.events
        )
        strange[each.number - 1] = msgspec.structs.replace(each, events=events)
    story = told(strange)
    assert story.groups == ["g\\x00"]
    assert [member.member for member in story.members] == [shown]
    for sa in (*story.rekey_sas, *story.data_sas):
        assert [holder.member for holder in sa.holders] == [shown]
    assert story.pushes[0].reasons == [f"after {shown} joined"]
    assert story.pushes[1].led == [shown]
    assert story.pushes[1].left_behind == story.rekey_sas[0].left_behind == ["fqdn:b\\x00"]
