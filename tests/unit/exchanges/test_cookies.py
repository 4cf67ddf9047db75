"""Cookies without state for each initiator (RFC 2408, 2.5.3), under floods and across time."""

from __future__ import annotations

import hashlib
import hmac
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from gsakmp.errors import ConfigurationError, LimitExceeded, Truncated, UnexpectedMessage
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.cookies import CookieJar

HERE = Address.from_text("192.0.2.7:848")
INITIATOR = bytes(range(1, 9))
START = 1000.0


def stream(seed: str) -> Callable[[int], bytes]:
    """Octets that are the same in every run."""
    count = 0

    def random(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_128(f"{seed} {count}".encode()).digest(size)

    return random


def message(body: bytes = b"the members' offer", cookie: bytes = INITIATOR) -> bytes:
    """The first message of an exchange."""
    header = cookie + bytes(8) + bytes([1, 0x10, 2, 0]) + bytes(4) + (28 + len(body)).to_bytes(4, "big")
    return header + body


def jar(**changes: Any) -> CookieJar:
    return CookieJar(stream("jar"), **changes)


def recalled(
    kept: CookieJar, octets: bytes, cookie: bytes, source: Address = HERE, now: float = START
) -> bytes | None:
    return kept.recall(octets[:8], cookie, source, now)


def test_the_message_comes_back() -> None:
    kept = jar()
    cookie = kept.cookie(message(), HERE, START)
    assert len(cookie) == 8
    assert cookie != bytes(8)
    assert recalled(kept, message(), cookie) == message()


def test_the_cookie_is_an_hmac_of_who_and_what() -> None:
    kept = jar()
    secret = stream("jar")(32)
    octets = message()
    covered = hashlib.sha256(octets[8:]).digest() + INITIATOR + (848).to_bytes(2, "big") + HERE.host.packed
    proof = hmac.digest(secret, covered, "sha256")[:6]
    assert kept.cookie(octets, HERE, START) == b"\0\0" + proof


def test_a_retransmission_gets_the_same_cookie() -> None:
    kept = jar(seconds=60)
    cookies = {kept.cookie(message(), HERE, START + second) for second in range(60)}
    assert len(cookies) == 1
    assert kept.cookie(message(), HERE, START + 60) not in cookies


def test_members_share_a_place_and_have_cookies_of_their_own() -> None:
    kept = jar(offers=2)
    seen = set()
    for number in range(1, 500):
        octets = message(cookie=number.to_bytes(8, "big"))
        cookie = kept.cookie(octets, HERE, START)
        assert recalled(kept, octets, cookie) == octets
        seen.add(cookie)
    assert len(seen) == 499


@pytest.mark.parametrize("source", ["192.0.2.8:848", "192.0.2.7:849", "[2001:db8::7]:848"])
def test_another_source(source: str) -> None:
    kept = jar()
    cookie = kept.cookie(message(), HERE, START)
    assert recalled(kept, message(), cookie, Address.from_text(source)) is None
    assert kept.cookie(message(), Address.from_text(source), START) != cookie


def test_another_cookie() -> None:
    kept = jar()
    cookie = kept.cookie(message(), HERE, START)
    for bit in range(64):
        wrong = (int.from_bytes(cookie, "big") ^ 1 << bit).to_bytes(8, "big")
        assert recalled(kept, message(), wrong) is None
    assert kept.recall(INITIATOR[:-1] + b"\xff", cookie, HERE, START) is None
    for odd in (b"", cookie[:7], cookie + b"\0", bytes(8), b"\xff" * 8):
        assert recalled(kept, message(), odd) is None
    assert kept.recall(b"", cookie, HERE, START) is None


def test_another_jar() -> None:
    cookie = jar().cookie(message(), HERE, START)
    other = CookieJar(stream("another"))
    other.cookie(message(), HERE, START)
    assert recalled(other, message(), cookie) is None


def test_a_cookie_of_another_offer() -> None:
    kept = jar()
    first = kept.cookie(message(b"one"), HERE, START)
    second = kept.cookie(message(b"two"), HERE, START)
    assert recalled(kept, message(), first) == message(b"one")
    assert recalled(kept, message(), second) == message(b"two")
    assert recalled(kept, message(), first[:2] + second[2:]) is None


def test_an_old_secret() -> None:
    kept = jar(seconds=60)
    cookie = kept.cookie(message(), HERE, START)
    assert recalled(kept, message(), cookie, now=START + 59) == message()
    assert recalled(kept, message(), cookie, now=START + 119) == message()
    assert recalled(kept, message(), cookie, now=START + 121) is None
    # and after a time in which nobody asked
    cookie = kept.cookie(message(), HERE, START + 200)
    assert recalled(kept, message(), cookie, now=START + 10_000) is None


def test_a_clock_that_was_set_back() -> None:
    kept = jar(seconds=60)
    kept.cookie(message(), HERE, START)
    cookie = kept.cookie(message(), HERE, 0)
    assert recalled(kept, message(), cookie, now=1) == message()
    assert recalled(kept, message(), cookie, now=121) is None


def test_junk_does_not_push_out_what_members_use() -> None:
    kept = jar(offers=64, offer_octets=256)
    octets = message()
    recalled(kept, octets, kept.cookie(octets, HERE, START))
    cookie = kept.cookie(octets, HERE, START)
    tracemalloc.start()
    try:
        for number in range(500):  # until every place is taken
            kept.cookie(message(number.to_bytes(200, "big")), HERE, START)
        before = tracemalloc.get_traced_memory()[0]
        for number in range(500, 10_500):
            source = Address(HERE.host + number, 848)
            kept.cookie(message(number.to_bytes(200, "big")), source, START)
            if number % 1000 == 0:
                assert recalled(kept, octets, cookie) == octets
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 4096, "memory grows with the junk"
    assert kept.cookie(octets, HERE, START) == cookie
    assert recalled(kept, octets, cookie) == octets


def test_an_offer_that_nobody_came_back_with_gives_way() -> None:
    kept = jar(offers=4)
    cookie = kept.cookie(message(), HERE, START)
    for number in range(200):
        kept.cookie(message(b"junk %d" % number), HERE, START)
    assert recalled(kept, message(), cookie) is None


def test_chance_leaves_an_honest_newcomer_its_place_for_a_while() -> None:
    """With 64 places, as many junk offers leave some newcomers their place: first in, first out would not."""
    came_back = 0
    for seed in range(40):
        kept = CookieJar(stream(f"newcomer {seed}"), offers=64)
        for number in range(64):
            kept.cookie(message(b"junk %d" % number), HERE, START)
        cookie = kept.cookie(message(), HERE, START)
        for number in range(64, 128):
            kept.cookie(message(b"junk %d" % number), HERE, START)
        came_back += recalled(kept, message(), cookie) is not None
    assert 5 <= came_back <= 30  # about 40 times 1/e


def test_who_comes_back_with_many_offers_takes_few_places() -> None:
    kept = jar(offers=64, seconds=60)
    octets = message()
    recalled(kept, octets, kept.cookie(octets, HERE, START))
    for number in range(1000):
        junk = message(b"mine %d" % number)
        recalled(kept, junk, kept.cookie(junk, HERE, START))
    cookie = kept.cookie(octets, HERE, START)
    for number in range(1000):
        kept.cookie(message(b"spoofed %d" % number), HERE, START)
    assert recalled(kept, octets, cookie) == octets


def test_what_is_not_used_gives_way_in_time() -> None:
    kept = jar(offers=64, seconds=60)
    now = START
    recalled(kept, message(), kept.cookie(message(), HERE, now), now=now)
    for period in range(40):
        now += 60
        for number in range(10):
            octets = message(b"new members %d %d" % (period, number))
            recalled(kept, octets, kept.cookie(octets, HERE, now), now=now)
    cookie = kept.cookie(message(), HERE, now)
    for number in range(1000):
        kept.cookie(message(b"junk %d" % number), HERE, now)
    assert recalled(kept, message(), cookie, now=now) is None


def test_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    from gsakmp.crypto.hashes import HashFunction

    monkeypatch.setattr(HashFunction, "prf", lambda self, key, *parts: bytes(32))
    kept = jar()
    cookie = kept.cookie(message(), HERE, START)
    assert cookie != bytes(8)
    assert recalled(kept, message(), cookie) == message()


def test_what_is_no_first_message() -> None:
    kept = jar(offer_octets=100)
    with pytest.raises(Truncated):
        kept.cookie(message()[:27], HERE, START)
    with pytest.raises(LimitExceeded):
        kept.cookie(message(bytes(73)), HERE, START)
    kept.cookie(message(bytes(72)), HERE, START)
    with pytest.raises(UnexpectedMessage):
        kept.cookie(message(cookie=bytes(8)), HERE, START)
    with pytest.raises(UnexpectedMessage):
        kept.cookie(INITIATOR * 2 + message()[16:], HERE, START)


@pytest.mark.parametrize("wrong", [{"offers": 1}, {"offers": 65_537}, {"offer_octets": 27}, {"seconds": 0}])
def test_a_jar_without_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        jar(**wrong)


def test_its_text_shows_no_secret() -> None:
    assert stream("jar")(32).hex() not in repr(jar())
