"""A capture as long as is wanted, of messages of every sort as they are on the wire: made ones, and those of
the captures here.

Of twenty messages ten are a made session (`capture_file.session`), eight come from `pcaps`, in their order,
and two are encrypted pushes. Addresses and times differ from round to round; after a thousand rounds, or as
many as are asked for, the octets come again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.capture_file import PCAP_HEADER, RECORD, encrypted, frame, session
from gsakmp.captures import PORTS, read
from gsakmp.errors import GsakmpError
from gsakmp.message import parse

__all__ = ["write_varied"]

PCAPS: Final = Path(__file__).resolve().parents[1] / "pcaps"
ROUND: Final = 20
REAL: Final = 8
DISTINCT: Final = 1000
"""Rounds before their octets come again."""

Octets = list[tuple[bytes, int]]
"""Messages, each with its port."""


def real_messages() -> Octets:
    """Every sound message of the captures here, with the port that says what it is."""
    found: Octets = []
    for path in sorted((*PCAPS.glob("gdoi/*.pcap"), *PCAPS.glob("ikev1/*"), *PCAPS.glob("ikev2/*cap"))):
        for datagram in read(path):
            port = next(p for p in (datagram.destination_port, datagram.source_port) if p in PORTS)
            try:
                parse(datagram.octets, port=port)
            except GsakmpError:
                continue
            found.append((datagram.octets, port))
    return found


def rounds(random: Random) -> Iterator[Octets]:
    """Rounds of twenty messages, without an end."""
    real = real_messages()
    at = 0
    while True:
        at = (at + REAL) % len(real)
        pushes = [(encrypted(random, random.randbytes(16), 33), 848) for _ in range(2)]
        yield [*session(random), *(real + real)[at : at + REAL], *pushes]


def write_varied(path: Path, messages: int, distinct: int = DISTINCT, seed: int = 7) -> int:
    """Write a capture of so many messages, rounded up to whole rounds; gives their number. `distinct` rounds
    come before octets come again."""
    random = Random(seed)
    made = rounds(random)
    kept: list[Octets] = []
    written = 0
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        while written < messages:
            number = written // ROUND
            if number < distinct:
                kept.append(next(made))
            ends = random.randbytes(8)
            for octets, port in kept[number % distinct]:
                framed = frame(octets, port, ends, written)
                seconds, rest = divmod(written, 1000)
                file.write(RECORD.pack(1_700_000_000 + seconds, rest * 1000, len(framed), len(framed)))
                file.write(framed)
                written += 1
    return written
