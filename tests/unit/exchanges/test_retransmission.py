"""RFC 2408, 5.1: timers that grow, and the same octets for a peer that asks again."""

from __future__ import annotations

from typing import Any

import pytest

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.retransmission import EARLIER, REPEATS, Conversation, RetransmissionPolicy

POLICY = RetransmissionPolicy(first=2, factor=2, tries=3, maximum=10)
MESSAGE = (b"message 1",)


def waiting(policy: RetransmissionPolicy = POLICY) -> Conversation:
    conversation = Conversation(policy)
    conversation.sent(MESSAGE, True, 100.0)
    return conversation


def times_of(conversation: Conversation) -> list[float]:
    """When messages go out again, and last when the peer is given up."""
    times = []
    while (due := conversation.next_timeout()) is not None:
        times.append(due)
        assert conversation.handle_timeout(due) == (() if conversation.exhausted else MESSAGE)
    return times


def test_intervals_grow_and_end() -> None:
    conversation = waiting()
    # after 2, 4, 8 seconds, and 10 where 16 would be too many
    assert times_of(conversation) == [102, 106, 114, 124]
    assert conversation.exhausted
    assert conversation.retransmissions == 3
    assert conversation.handle_timeout(1e9) == ()


def test_nothing_goes_out_before_its_time() -> None:
    conversation = waiting()
    assert conversation.handle_timeout(101.999) == ()
    assert conversation.next_timeout() == 102
    assert conversation.handle_timeout(102) == MESSAGE


def test_after_a_long_sleep_one_repetition_is_enough() -> None:
    conversation = waiting()
    assert conversation.handle_timeout(5000) == MESSAGE
    assert conversation.next_timeout() == 5004


def test_an_answer_stops_the_timer() -> None:
    conversation = waiting()
    conversation.handle_timeout(102)
    conversation.answered(b"message 2")
    assert conversation.next_timeout() is None
    assert conversation.handle_timeout(1e9) == ()
    assert not conversation.exhausted


def test_no_timer_without_an_answer_to_come() -> None:
    conversation = Conversation(POLICY)
    assert conversation.next_timeout() is None
    conversation.sent((b"the last message",), False, 0)
    assert conversation.next_timeout() is None
    conversation.sent((), True, 0)
    assert conversation.next_timeout() is None


def test_each_message_begins_anew() -> None:
    conversation = waiting()
    conversation.handle_timeout(102)
    conversation.answered(b"message 2")
    conversation.sent((b"message 3",), True, 200)
    assert conversation.next_timeout() == 202


def test_a_slow_path_is_given_more_time() -> None:
    conversation = waiting()
    conversation.answered(b"message 2", 101.5)
    conversation.sent((b"message 3",), True, 200)
    assert conversation.next_timeout() == 203
    conversation = waiting()
    conversation.handle_timeout(102)  # which of the two is answered can't be told
    conversation.answered(b"message 2", 109)
    conversation.sent((b"message 3",), True, 200)
    assert conversation.next_timeout() == 202


def test_a_repeated_request_gets_the_same_octets() -> None:
    conversation = Conversation(POLICY)
    assert conversation.repeated(b"message 1") is None
    conversation.answered(b"message 1")
    assert conversation.repeated(b"message 1") == ()  # no answer yet
    conversation.sent((b"answer", b"in two parts"), True, 0)
    assert conversation.repeated(b"message 1") == (b"answer", b"in two parts")
    assert conversation.repeated(b"message 3") is None
    assert conversation.retransmissions == 2


def test_earlier_requests_are_met_with_silence() -> None:
    conversation = Conversation(POLICY)
    for number in range(EARLIER + 3):
        conversation.answered(b"request %d" % number)
        conversation.sent((b"answer %d" % number,), True, number)
    assert conversation.repeated(b"request %d" % (EARLIER + 2)) == (b"answer %d" % (EARLIER + 2),)
    assert conversation.repeated(b"request %d" % (EARLIER + 1)) == ()
    assert conversation.repeated(b"request 2") == ()
    assert conversation.repeated(b"request 1") is None  # forgotten: what is kept is bounded


def test_repetitions_are_bounded() -> None:
    conversation = Conversation(POLICY)
    conversation.answered(b"request")
    conversation.sent((b"answer",), False, 0)
    given = [conversation.repeated(b"request") for _ in range(1000)]
    assert sum(map(bool, given)) == REPEATS
    assert given[-1] == ()
    conversation.answered(b"the next")
    conversation.sent((b"another answer",), False, 0)
    assert conversation.repeated(b"the next") == (b"another answer",)


def test_repetitions_keep_a_distance_in_time() -> None:
    conversation = Conversation(POLICY)
    conversation.answered(b"request")
    conversation.sent((b"answer",), False, 0)
    assert conversation.repeated(b"request", 10.0) == (b"answer",)
    assert conversation.repeated(b"request", 10.05) == ()
    assert conversation.repeated(b"request", 10.2) == (b"answer",)
    assert conversation.repeated(b"request", 3.0) == (b"answer",)  # a clock that was set back


@pytest.mark.parametrize(
    "changes",
    [
        {"first": 0},
        {"first": -1},
        {"first": 31},
        {"first": float("nan")},
        {"maximum": float("inf")},
        {"factor": 0.9},
        {"tries": -1},
        {"tries": 101},
    ],
)
def test_a_policy_without_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RetransmissionPolicy(**changes)


def test_no_tries() -> None:
    conversation = waiting(RetransmissionPolicy(tries=0))
    assert times_of(conversation) == [102]
    assert conversation.retransmissions == 0
