"""Timers against the plainest thing that does the same: a dict that is searched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gsakmp.peers.timers import Timers

TIMES = st.one_of(st.none(), st.integers(0, 20).map(float))


@given(st.lists(st.tuples(st.sampled_from("abcd"), TIMES, st.booleans()), max_size=300))
def test_as_a_dict_has_it(steps: list[tuple[str, float | None, bool]]) -> None:
    timers, model = Timers(), {}
    for key, when, advance in steps:
        timers.set(key, when)
        model.pop(key, None)
        if when is not None:
            model[key] = when
        assert timers.next_timeout() == min(model.values(), default=None)
        if advance and model:
            now = sorted(model.values())[len(model) // 2]
            due = list(timers.due(now))
            assert sorted(due) == sorted(key for key, when in model.items() if when <= now)
            assert [model[key] for key in due] == sorted(model[key] for key in due)
            for gone in due:
                del model[gone]


def test_a_key_set_while_due_keys_are_worked_on_waits() -> None:
    timers = Timers()
    timers.set("a", 1.0)
    timers.set("b", 1.0)
    seen = []
    for key in timers.due(1.0):
        seen.append(key)
        timers.set(key, 1.0)
    assert seen == ["a", "b"]
    assert timers.next_timeout() == 1.0


def test_moving_one_key_for_ever_takes_no_memory() -> None:
    timers = Timers()
    for number in range(100_000):
        timers.set("a", float(number))
    assert len(timers._queue) < 200
