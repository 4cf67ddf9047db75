"""RFC 3706: when to ask, what to ask, whom to answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gsakmp.errors import ConfigurationError, ReplayDetected, UnexpectedMessage
from gsakmp.exchanges.dpd import WINDOW, DeadPeerDetection
from gsakmp.message import Message
from gsakmp.payloads import Notification

COOKIES = bytes(range(16))
R_U_THERE, ACK = 36136, 36137


def fixed(octets: bytes) -> Callable[[int], bytes]:
    return lambda count: octets[:count]


def detection(start: int = 0x01020304, *, retries: int = 2, interval: float = 30) -> DeadPeerDetection:
    return DeadPeerDetection(interval, retries, fixed(start.to_bytes(4, "big")), cookies=COOKIES, now=1000)


def notification(kind: int, sequence: Any, spi: bytes = COOKIES, protocol: int = 1) -> Notification:
    return Notification(
        doi=1, protocol_id=protocol, notify_message_type=kind, spi=spi, notification_data=sequence
    )


def asked(peer: DeadPeerDetection, now: float) -> int:
    """The sequence number of the question that goes out."""
    found = peer.handle_timeout(now)
    assert found is not None
    assert found == notification(R_U_THERE, found.notification_data)
    assert isinstance(found.notification_data, int)
    return found.notification_data


def test_the_layout_on_the_wire() -> None:
    """RFC 3706, 5.3."""
    found = detection().handle_timeout(1030)
    assert found is not None
    expected = (
        (b"\0\0" + (32).to_bytes(2, "big"))
        + (1).to_bytes(4, "big")
        + bytes([1, 16])
        + (36136).to_bytes(2, "big")
        + COOKIES
        + (0x01020305).to_bytes(4, "big")
    )
    assert Message(payloads=(found,)).plaintext() == expected


def test_nobody_asks_before_it_is_time() -> None:
    peer = detection()
    assert peer.next_timeout() == 1030
    assert peer.handle_timeout(1029.9) is None
    peer.heard(1020)
    assert peer.next_timeout() == 1050
    assert peer.handle_timeout(1030) is None
    asked(peer, 1050)


def test_a_peer_that_is_silent_is_dead() -> None:
    peer = detection()
    number = asked(peer, 1030)
    times = [peer.next_timeout()]
    while not peer.dead:
        due = peer.next_timeout()
        assert due is not None
        found = peer.handle_timeout(due)
        times.append(peer.next_timeout())
        if found is not None:
            assert found == notification(R_U_THERE, number), "a repetition is the same question"
    # 2, 3.6 and 6.48 seconds apart
    assert times[-1] is None
    assert times[:-1] == pytest.approx([1032, 1035.6, 1042.08])
    peer.heard(1050)
    assert peer.dead
    assert peer.handle_timeout(1e9) is None
    assert peer.next_timeout() is None


def test_any_sign_of_life_ends_the_questions() -> None:
    peer = detection()
    first = asked(peer, 1030)
    peer.heard(1031)
    assert peer.next_timeout() == 1061
    assert asked(peer, 1061) == first + 1
    # and all of the repetitions are there again
    peer.handle_timeout(1063)
    peer.handle_timeout(1070)
    assert not peer.dead


def test_the_answer_to_the_question() -> None:
    peer = detection()
    number = asked(peer, 1030)
    peer.acknowledged(notification(ACK, number), 1031)
    assert peer.next_timeout() == 1061
    assert not peer.dead


def test_a_late_answer_does_no_harm() -> None:
    peer = detection()
    number = asked(peer, 1030)
    peer.heard(1031)
    peer.acknowledged(notification(ACK, number), 1032)
    assert peer.next_timeout() == 1062


@pytest.mark.parametrize(
    "wrong",
    [
        notification(ACK, 0x01020304),
        notification(ACK, 0x01020306),
        notification(ACK, 0),
    ],
)
def test_an_answer_to_another_question(wrong: Notification) -> None:
    peer = detection()
    asked(peer, 1030)
    due = peer.next_timeout()
    with pytest.raises(ReplayDetected):
        peer.acknowledged(wrong, 1031)
    assert peer.next_timeout() == due


@pytest.mark.parametrize(
    "wrong",
    [
        notification(R_U_THERE, 0x01020305),
        notification(ACK, b"\1\2\3\5"),
        notification(ACK, 0x01020305, bytes(16)),
        notification(ACK, 0x01020305, COOKIES[:8]),
        notification(ACK, 0x01020305, protocol=3),
    ],
)
def test_what_is_no_answer(wrong: Notification) -> None:
    peer = detection()
    asked(peer, 1030)
    with pytest.raises(UnexpectedMessage):
        peer.acknowledged(wrong, 1031)


def test_an_answer_without_a_question() -> None:
    peer = detection()
    with pytest.raises(UnexpectedMessage):
        peer.acknowledged(notification(ACK, 0x01020304), 1001)


def test_we_answer_with_the_same_number() -> None:
    peer = detection()
    assert peer.answer(notification(R_U_THERE, 77), COOKIES) == notification(ACK, 77)
    # the peer has not heard it, and asks again; then goes on
    assert peer.answer(notification(R_U_THERE, 77), COOKIES) == notification(ACK, 77)
    assert peer.answer(notification(R_U_THERE, 78), COOKIES) == notification(ACK, 78)
    ahead = 78 + WINDOW
    assert peer.answer(notification(R_U_THERE, ahead), COOKIES) == notification(ACK, ahead)


def test_some_leave_the_spi_out() -> None:
    assert detection().answer(notification(R_U_THERE, 77, b""), COOKIES) == notification(ACK, 77)


def test_questions_that_get_no_answer() -> None:
    peer = detection()
    peer.answer(notification(R_U_THERE, 1000), COOKIES)
    wrong = [
        notification(R_U_THERE, 999),
        notification(R_U_THERE, 1001 + WINDOW),
        notification(R_U_THERE, b"\0\0\3\xe9"),
        notification(R_U_THERE, 1001, bytes(16)),
        notification(R_U_THERE, 1001, protocol=3),
        notification(ACK, 1001),
    ]
    for question in wrong:
        assert peer.answer(question, COOKIES) is None
    assert peer.answer(notification(R_U_THERE, 1001), COOKIES) is not None, "none of them changed anything"


def test_two_peers_understand_each_other() -> None:
    here, there = detection(5), detection(99)
    now = 1030.0
    for _ in range(20):
        question = here.handle_timeout(now)
        assert question is not None
        answer = there.answer(question, COOKIES)
        there.heard(now)
        assert answer is not None
        here.acknowledged(answer, now + 1)
        now += 31
    assert not here.dead
    assert not there.dead


def test_the_first_number_is_random_and_small_enough_to_grow() -> None:
    """RFC 3706, 6.2: the highest bit is zero at first."""
    assert asked(detection(0xFFFFFFFF - 1), 1030) == 0x7FFFFFFF
    assert asked(detection(0x00000041), 1030) == 0x42


def test_without_an_interval_nothing_is_asked() -> None:
    peer = detection(interval=0)
    assert peer.next_timeout() is None
    peer.heard(1001)
    assert peer.next_timeout() is None
    assert peer.handle_timeout(1e9) is None
    assert peer.answer(notification(R_U_THERE, 5), COOKIES) == notification(ACK, 5)


def test_the_clock_starts_when_it_is_first_asked() -> None:
    peer = DeadPeerDetection(30, 2, fixed(bytes(4)))
    assert peer.next_timeout() == 0
    assert peer.handle_timeout(5000) is None
    assert peer.next_timeout() == 5030
    found = peer.handle_timeout(5030)
    assert found == notification(R_U_THERE, 1, b"")


@pytest.mark.parametrize("wrong", [{"interval": -1}, {"interval": float("nan")}, {"retries": -1}])
def test_what_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        detection(**wrong)
    with pytest.raises(ConfigurationError):
        DeadPeerDetection(30, 2, fixed(bytes(4)), cookies=bytes(8))
