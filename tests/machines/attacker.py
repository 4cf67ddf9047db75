"""Somebody on the wire: sees all datagrams, and makes others of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random as Chance

from hypothesis import strategies as st

HEADER = 28
FIELDS = {
    "initiator cookie": slice(0, 8),
    "responder cookie": slice(8, 16),
    "both cookies": slice(0, 16),
    "next payload": slice(16, 17),
    "version": slice(17, 18),
    "exchange type": slice(18, 19),
    "flags": slice(19, 20),
    "message id": slice(20, 24),
    "length": slice(24, 28),
    "body": slice(28, None),
}
"""RFC 2408, 3.1."""
EXCHANGES = (1, 2, 3, 4, 5, 6, 32, 33, 34, 35, 243)
"""Of ISAKMP, IKE, GDOI, and some that are nobody's."""


@dataclass(frozen=True)
class Alteration:
    """What is done to a datagram; `other` is one whose parts may be put into it."""

    kind: str
    place: int = 0
    value: int = 0
    name: str = "body"

    def __call__(self, data: bytes, other: bytes) -> bytes:
        if not data:
            return bytes([self.value & 0xFF])
        at = self.place % len(data)
        match self.kind:
            case "bit":
                return data[:at] + bytes([data[at] ^ (1 << self.value % 8)]) + data[at + 1 :]
            case "octet":
                return data[:at] + bytes([self.value & 0xFF]) + data[at + 1 :]
            case "cut":
                return data[:at]
            case "cut, length mended":
                return mended(data[: max(at, HEADER)])
            case "longer":
                return data + bytes(self.place % 64)
            case "longer, length mended":
                return mended(data + bytes(self.place % 64))
            case "swap":
                field = FIELDS[self.name]
                taken = data[: field.start] + other[field] + (data[field.stop :] if field.stop else b"")
                return mended(taken) if self.name == "body" else taken
            case "exchange":
                return data[:18] + bytes([EXCHANGES[self.value % len(EXCHANGES)]]) + data[19:]
            case "message id 0":
                return data[:20] + bytes(4) + data[24:]
            case "no responder cookie":
                return data[:8] + bytes(8) + data[16:]
            case "marker":
                return bytes(4) + data
        raise ValueError(self.kind)


def mended(data: bytes) -> bytes:
    """With the length that it has in its header."""
    return data[:24] + len(data).to_bytes(4, "big") + data[28:] if len(data) >= HEADER else data


KINDS = (
    *("bit", "bit", "bit", "octet", "cut", "cut, length mended", "longer", "longer, length mended"),
    *("swap", "swap", "swap", "exchange", "message id 0", "no responder cookie", "marker"),
)
ALTERATIONS = st.builds(
    Alteration,
    st.sampled_from(KINDS),
    st.integers(0, 600),
    st.integers(0, 255),
    st.sampled_from(sorted(FIELDS)),
)


def by_chance(chance: Chance, data: bytes, wire: Sequence[bytes]) -> bytes:
    """An alteration, or another datagram in the place of this one."""
    other = chance.choice(wire[-40:]) if wire else data
    if chance.random() < 0.2:
        return other
    alteration = Alteration(
        chance.choice(KINDS), chance.randrange(600), chance.randrange(256), chance.choice(sorted(FIELDS))
    )
    return alteration(data, other)


@st.composite
def inventions(draw: st.DrawFn) -> bytes:
    """Datagrams of nobody's making: octets, or a header with a body after it."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=80))
    body = draw(st.binary(max_size=120))
    header = (
        draw(st.sampled_from([bytes(8), b"\1" * 8, b"initiato"]))
        + draw(st.sampled_from([bytes(8), b"\2" * 8]))
        + bytes([draw(st.sampled_from([0, 1, 4, 5, 8, 10, 11, 12, 13, 15, 16, 17, 20, 130, 132]))])
        + bytes([draw(st.sampled_from([0x10, 0x20, 0x00, 0x1F]))])
        + bytes([draw(st.sampled_from(EXCHANGES))])
        + bytes([draw(st.sampled_from([0, 1, 2, 4, 7]))])
        + draw(st.sampled_from([bytes(4), b"\0\0\0\1", b"\xff\xff\xff\xff"]))
        + bytes(4)
    )
    return mended(header + body)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
