"""Mutations: a sound message in, one that may be anything out.

Some edits keep the lengths around them right, so that the damage is found deep inside and not in the
header; the rest leave them wrong.
"""

from __future__ import annotations

from random import Random

__all__ = ["mutated"]

INTERESTING = (0, 1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 22, 0x1F, 0x7F, 0x80, 0x81, 0xFE, 0xFF)
HEADER_OCTETS = 28
SA, PROPOSAL, KEY_DOWNLOAD = 1, 2, 17
LONGEST = 480
"""Octets of a mutated message: construct takes about a microsecond for each."""

Extent = tuple[int, int, int]
"""A length field: its offset, and where what it measures starts and ends."""


def mutated(octets: bytes, others: list[bytes], random: Random) -> bytes:
    """`octets` with one to four edits."""
    out = bytearray(octets)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        edit(out, others, random)
    del out[LONGEST:]
    if len(out) >= HEADER_OCTETS and random.random() < 0.9:
        out[24:28] = len(out).to_bytes(4, "big")
    return bytes(out)


def edit(out: bytearray, others: list[bytes], random: Random) -> None:
    if not out:
        out += bytes(random.randrange(64))
        return
    at, choice = place(out, random), random.random()
    if choice < 0.2:
        out[at] ^= 1 << random.randrange(8)
    elif choice < 0.4:
        out[at] = random.choice(INTERESTING)
    elif choice < 0.5:
        word = int.from_bytes(out[at : at + 2], "big") + random.randint(-5, 5)
        out[at : at + 2] = (word & 0xFFFF).to_bytes(2, "big")
    elif choice < 0.56:
        del out[random.randrange(len(out)) :]
    elif choice < 0.6:
        other = random.choice(others)
        out[at:] = other[random.randrange(len(other)) :]
    else:
        resize(out, at, random, honest=random.random() < 0.7)


def place(out: bytearray, random: Random) -> int:
    """Anywhere, the header less often than its size would have it."""
    if len(out) > HEADER_OCTETS and random.random() < 0.85:
        return random.randrange(HEADER_OCTETS, len(out))
    return random.randrange(len(out))


def resize(out: bytearray, at: int, random: Random, honest: bool) -> None:
    """Cut or insert octets at `at`; `honest` corrects every length around them."""
    around = extents(out) if honest else []
    size = random.choice((1, 1, 2, 3, 4, 4, 8, 12, 20))
    if random.random() < 0.5:
        size = min(size, len(out) - at)
        del out[at : at + size]
        change = -size
    else:
        source = random.randrange(len(out))
        piece = bytes(out[source : source + size]) if random.random() < 0.5 else random.randbytes(size)
        out[at:at] = piece
        change = len(piece)
    for field, start, end in around:
        if start <= at < end and field + 2 <= at:
            length = int.from_bytes(out[field : field + 2], "big") + change
            out[field : field + 2] = (length & 0xFFFF).to_bytes(2, "big")


def extents(octets: bytes | bytearray) -> list[Extent]:
    """The length fields of payloads, of what SA, proposal and KD hold, as far as they can be followed."""
    out: list[Extent] = []
    if len(octets) > HEADER_OCTETS:
        chain(octets, octets[16], HEADER_OCTETS, len(octets), out)
    return out


def chain(octets: bytes | bytearray, kind: int, at: int, end: int, out: list[Extent]) -> None:
    while kind and at + 4 <= end:
        stop = at + int.from_bytes(octets[at + 2 : at + 4], "big")
        if stop < at + 4 or stop > end:
            return
        out.append((at + 2, at, stop))
        if kind == SA and octets[18] >= 32 and stop >= at + 16:
            chain(octets, octets[at + 13], at + 16, stop, out)
        elif kind == SA:
            chain(octets, PROPOSAL, at + 12, stop, out)
        elif kind == PROPOSAL and stop > at + 8:
            chain(octets, 3, at + 8 + octets[at + 6], stop, out)
        elif kind == KEY_DOWNLOAD:
            packets(octets, at + 8, stop, out)
        kind, at = octets[at], stop


def packets(octets: bytes | bytearray, at: int, end: int, out: list[Extent]) -> None:
    while at + 5 <= end:
        stop = at + int.from_bytes(octets[at + 2 : at + 4], "big")
        if stop < at + 5 or stop > end:
            return
        out.append((at + 2, at, stop))
        at = stop
