"""What the demo records: its times tell no more than its clock does."""

from __future__ import annotations

from gsakmp.cli.demo.parts import Tape
from gsakmp.exchanges.address import Address, Datagram

HERE, THERE = Address.from_text("127.0.0.1", 18480), Address.from_text("239.192.84.1", 18480)


def test_times_are_microseconds() -> None:
    """A float of seconds since 1970 has steps of 238 nanoseconds: digits below a microsecond are made up."""
    tape = Tape()
    tape.take(Datagram(b"octets", THERE), HERE, 1_795_458_239.961221)
    tape.take(Datagram(b"octets", THERE), HERE, 1_795_458_239.9999999)
    assert [frame.time for frame in tape.frames] == [1_795_458_239_961_221_000, 1_795_458_240_000_000_000]
    assert tape.frames[0].source == "127.0.0.1:18480"
