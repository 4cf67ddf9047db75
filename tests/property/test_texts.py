"""JSON text made at once, from messages and from octets, beside msgspec's encoding of the plain data."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gsakmp
from gsakmp.captures import PORTS, read
from gsakmp.doi import DOI, GDOI, IKEV2, IPSEC, ISAKMP, STANDARD, Dialect
from gsakmp.errors import GsakmpError
from gsakmp.message import Message
from gsakmp.message.quick import quick_text
from gsakmp.message.text import message_text
from gsakmp.wire.quick import KEPT, KEPT_OCTETS
from gsakmp.wire.text import WRITERS
from tests.conftest import PCAPS
from tests.strategies import messages

CAPTURES = sorted(p for p in PCAPS.rglob("*") if p.suffix in (".pcap", ".cap", ".pcapng"))

USUAL = st.tuples(
    st.sampled_from([GDOI, IPSEC, ISAKMP]), st.sampled_from([2, 4, 5, 32, 33]), st.just(STANDARD)
)


def usual(draw_from: tuple[DOI, int, Dialect]) -> st.SearchStrategy[Message]:
    return messages(draw_from).map(lambda m: m.replace(minor_version=0))


def encoded(message: Message) -> str:
    return msgspec.json.encode(message.to_builtins()).decode()


def agrees(octets: bytes, port: int, doi: DOI | None = None) -> bool:
    """Whether `quick_text` did it; what it says must be what the parser and msgspec say."""
    found = quick_text(octets, octets.hex(), port, doi)
    if found is None:
        return False
    message = gsakmp.parse(octets, port=port, doi=doi)
    assert found == (message.doi, message.exchange_type, encoded(message))
    return True


@settings(max_examples=400)
@given(messages())
def test_text_of_a_message(message: Message) -> None:
    octets = message.build()
    for lenient in (False, True):
        parsed = gsakmp.parse(octets, doi=message.doi, dialect=message.dialect, lenient=lenient)
        assert message_text(parsed) == message_text(parsed, octets.hex()) == encoded(parsed)


@settings(max_examples=200)
@given(messages(), st.data())
def test_text_of_a_damaged_message(message: Message, data: st.DataObject) -> None:
    octets = bytearray(message.build())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        kept = gsakmp.parse(bytes(octets), doi=message.doi, dialect=message.dialect, lenient=True)
    except GsakmpError:
        return
    assert message_text(kept) == message_text(kept, octets.hex()) == encoded(kept)
    agrees(bytes(octets), 848, message.doi)


@settings(max_examples=400)
@given(USUAL.flatmap(usual), st.data())
def test_text_of_octets(message: Message, data: st.DataObject) -> None:
    octets = message.build()
    done = agrees(octets, 848, message.doi)
    # reserved octets of a generic header are rare on the wire, and for the parser
    assert done or b"reserved" in encoded(message).encode()
    cut = octets[: data.draw(st.integers(0, len(octets)))]
    agrees(cut, 848, message.doi)
    at = data.draw(st.integers(0, len(octets) - 1))
    agrees(octets[:at] + data.draw(st.binary(min_size=1, max_size=1)) + octets[at + 1 :], 848, message.doi)


@settings(max_examples=100)
@given(st.binary(max_size=100), st.sampled_from(sorted(PORTS)))
def test_text_of_any_octets(octets: bytes, port: int) -> None:
    agrees(octets, port)
    agrees(bytes(17) + b"\x10" + octets, port)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.name)
def test_text_of_captures(path: object) -> None:
    """Octet for octet; and what is on the wire is nearly always usual."""
    sound = quick = 0
    try:
        for datagram in read(str(path)):
            port = next(p for p in (datagram.destination_port, datagram.source_port) if p in PORTS)
            quick += agrees(datagram.octets, port)
            try:
                message = gsakmp.parse(datagram.octets, port=port)
            except GsakmpError:
                continue
            text = encoded(message)
            assert message_text(message, datagram.octets.hex()) == text
            sound += '"reserved":' not in text
    except gsakmp.DecodeError:
        pass  # a broken file
    assert quick >= sound or "malformed" in str(path)


@pytest.mark.parametrize(("kind", "exchange", "doi"), [(13, 4, IPSEC), (43, 34, IKEV2)])
def test_payloads_that_are_kept(kind: int, exchange: int, doi: DOI) -> None:
    """More of them than are kept, long ones and empty ones, each twice in a row and then all once more: the text
    is always that of its own octets, and of its own reserved octet."""
    bodies = [number.to_bytes(4, "big") * (number % 9) for number in range(3 * KEPT)]
    bodies += [bytes(KEPT_OCTETS), bytes(KEPT_OCTETS + 1)]
    version = b"\x20" if doi is IKEV2 else b"\x10"
    for body in [body for body in bodies for _ in range(2)] + bodies:
        for reserved in (0, 1):
            payload = bytes([0, reserved]) + (4 + len(body)).to_bytes(2, "big") + body
            header = bytes(range(1, 17)) + bytes([kind]) + version + bytes([exchange, 0]) + bytes(4)
            octets = header + (28 + len(payload)).to_bytes(4, "big") + payload
            assert agrees(octets, 500, doi) is not bool(reserved)


def test_values_that_are_kept_are_those_of_their_table() -> None:
    """The same octets of an attribute mean one thing in an IKE transform and another in an SA KEK."""
    sizes = [len(WRITERS)]
    for exchange, doi in ((2, IPSEC), (32, GDOI)):
        rules = doi.standard_rules[exchange]
        for table in rules.attribute_tables.values():
            for number, text in list(table.words.items()):
                shared = table.cache[number]
                assert table.texts.get(id(shared), text) == text
            assert len(table.texts) <= gsakmp.limits.CACHED_ATTRIBUTES
    assert len(WRITERS) == sizes[0]
