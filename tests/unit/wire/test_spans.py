"""Spans: they cover the octets, say what stands there, and lead to the object that holds it."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from ipaddress import IPv4Address
from itertools import groupby, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

import gsakmp
from gsakmp.captures import read
from gsakmp.errors import CaptureError, EncodeError, GsakmpError
from gsakmp.payloads import Certificate, GroupSA, Header, Notification, OIDIdentity, VendorID
from gsakmp.registries import CertificateEncoding, DOINumber, GDOIExchangeType, ProtocolID
from gsakmp.views import message_spans, octet_spans
from gsakmp.wire import Attribute, Element, UnknownPayload, Unlinked
from gsakmp.wire.spans import Span, number_text, octets_text, printable, spans
from tests.conftest import PCAPS
from tests.independent import read_message

CAPTURES = sorted(p for p in PCAPS.rglob("*") if p.suffix in (".pcap", ".cap", ".pcapng"))
SESSIONS = sorted((PCAPS / "gdoi").glob("*.json"))
NUMBER = re.compile(r"\((?:0x([0-9a-f]+)|(\d+))\)$|^(\d+)(?: \(.*\))?$")


def datagrams(path: Path) -> list[Any]:
    found = []
    with suppress(CaptureError):
        found.extend(read(path))
    return found


def messages(path: Path, lenient: bool) -> list[tuple[bytes, gsakmp.Message]]:
    out = []
    for datagram in datagrams(path):
        port = next(
            (p for p in (datagram.destination_port, datagram.source_port) if p in (500, 848, 4500)), 848
        )
        try:
            out.append((datagram.octets, gsakmp.parse(datagram.octets, port=port, lenient=lenient)))
        except GsakmpError:
            continue
    return out


def plaintexts(path: Path) -> list[tuple[dict[str, Any], gsakmp.Message]]:
    dialect = gsakmp.GDOID_BIG_ENDIAN if "loopback" in path.name else gsakmp.GDOID
    out = []
    for item in json.loads(path.read_text())["messages"]:
        if item["plaintext_after_header"] is None:
            continue
        message = gsakmp.parse(bytes.fromhex(item["wire"]), port=848, dialect=dialect)
        out.append((item, message.with_plaintext(bytes.fromhex(item["plaintext_after_header"]))))
    return out


# -- the properties that hold of any spans -----------------------------------------------------------


def check_cover(leaves: list[Span], size: int) -> None:
    """In order, each octet once; bits of one word, each bit once."""
    at = 0
    for (start, octets, shares), group in groupby(leaves, key=lambda s: (s.at, s.size, s.bits is not None)):
        found = list(group)
        assert start == at, f"{found[0].path} starts at {start}, the one before ends at {at}"
        if shares:
            bits = [bit for span in found for bit in range(span.bits[0], span.bits[0] + span.bits[1])]
            assert sorted(bits) == list(range(8 * octets))
        else:
            assert octets == 0 or len(found) == 1
        at += octets
    assert at == size


def check_containers(found: list[Span]) -> None:
    """A container begins with the first thing in it and ends with the last."""
    for index, span in enumerate(found):
        inside = []
        for later in found[index + 1 :]:
            if later.depth <= span.depth:
                break
            inside.append(later)
        if span.container:
            ends = [s.at + s.size for s in inside]
            assert span.at == min((s.at for s in inside), default=span.at)
            assert span.at + span.size == max(ends, default=span.at)
        else:
            assert not inside
    assert all(after.depth <= before.depth + 1 for before, after in pairwise(found))


def check_numbers(leaves: list[Span], octets: bytes) -> None:
    """A number's text says the number that the octets hold."""
    for span in leaves:
        here = octets[span.at : span.at + span.size]
        text, found = span.text, NUMBER.search(span.text)
        if span.name == "message_id":
            assert text == here.hex()
        elif span.bits is not None:
            shift, width = span.bits
            value = int.from_bytes(here, "big") >> shift & (1 << width) - 1
            assert str(value) in re.findall(r"\d+", text)
        elif 0 < span.size <= 4 and found and not re.fullmatch(r"[0-9a-f]+", text):
            digits = found[1] or found[2] or found[3]
            said = int(digits, 16 if found[1] else 10)
            assert said == int.from_bytes(here, "big"), span
        elif re.match(r"[0-9a-f]{2,}( \(|$)", text) and not text.isdecimal():
            assert text.split(" ")[0].rstrip(":") == here.hex(), span


def reached(message: gsakmp.Message, path: str) -> Any:
    place: Any = message
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", path):
        place = getattr(place, name) if name else place[int(index)]
    return place


def check_objects(message: gsakmp.Message, found: list[Span], octets: bytes) -> None:
    """A container's path leads to an element, and its octets parse to just that element."""
    for span in found:
        if not span.container or span.path in ("header", "plaintext"):
            continue
        element = reached(message, span.path)
        assert isinstance(element, Element)
        if isinstance(element, Attribute | UnknownPayload):
            continue
        start = span.at + (4 if hasattr(element, "kinds") else 0)
        again = message.rules.parser(type(element))(octets, start, span.at + span.size, message.rules)
        assert again.replace(**links(element)) == element


def links(element: Any) -> dict[str, Any]:
    """What only the header or the chain says of a payload."""
    names = [n for n in ("reserved", "next_payload", "length", "kind") if n in element.__struct_fields__]
    return {name: getattr(element, name) for name in names} if hasattr(element, "kinds") else {}


def check(message: gsakmp.Message, octets: bytes, found: list[Span]) -> None:
    leaves = [span for span in found if not span.container]
    check_cover(leaves, len(octets))
    check_containers(found)
    check_numbers(leaves, octets)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.name)
@pytest.mark.parametrize("lenient", [False, True])
def test_every_capture(path: Path, lenient: bool) -> None:
    for octets, message in messages(path, lenient):
        found = list(message_spans(message))
        assert not any(span.plaintext for span in found)
        check(message, octets, found)
        if not message.problems():
            check_objects(message, found, octets)


def test_damaged_messages() -> None:
    """Whatever a lenient parse makes of damage, its spans still cover every octet."""
    random = Random(2408)
    seen = 0
    for path in CAPTURES:
        for octets, message in messages(path, lenient=True)[:12]:
            for _ in range(6):
                damaged = bytearray(octets)
                for _ in range(random.randint(1, 4)):
                    damaged[random.randrange(16, len(damaged))] = random.choice(
                        (0, 1, 2, 3, 4, 5, 8, 127, 255)
                    )
                try:
                    again = gsakmp.parse(bytes(damaged), doi=message.doi, lenient=True)
                except GsakmpError:
                    continue
                seen += 1
                found = list(message_spans(again))
                check_cover([span for span in found if not span.container], len(damaged))
                check_containers(found)
    assert seen > 500


@pytest.mark.parametrize("path", SESSIONS, ids=lambda p: p.name)
def test_decrypted_messages(path: Path) -> None:
    for item, message in plaintexts(path):
        found = list(message_spans(message))
        wire = [span for span in found if not span.plaintext]
        plain = [span for span in found if span.plaintext]
        assert found == wire + plain
        octets = bytes.fromhex(item["wire"])
        check_cover([span for span in wire if not span.container], len(octets))
        assert [span.name for span in wire if span.depth == 0] == ["ISAKMP Header", "ciphertext"]
        body = bytes.fromhex(item["plaintext_after_header"])
        check_cover([span for span in plain if not span.container], len(body))
        check_containers(plain)
        check_objects(message, plain, body)


def test_lenient_captures_say_what_is_wrong() -> None:
    """The malformed captures that can be read at all have their fault at the field."""
    faults = {}
    for path in CAPTURES:
        for _, message in messages(path, lenient=True):
            for span in message_spans(message):
                if span.problem:
                    faults.setdefault(path.name, []).append((span.path, span.at))
    assert ("length", 24) in faults["ipsec-ikev1-zero-length.pcap"]
    assert ("payloads[1].length", 90) in faults["ipsec-ikev1-payload-bad-length.pcap"]
    assert ("trailing", 84) in faults["isakmp-no-none-np.pcapng"]


@pytest.mark.parametrize("path", SESSIONS, ids=lambda p: p.name)
def test_fields_agree_with_the_independent_reading(path: Path) -> None:
    """Number by number: what an independent reader finds in the header and the first level."""
    for item in json.loads(path.read_text())["messages"]:
        octets = bytes.fromhex(item["wire"])
        expected = read_message(octets, doi=2, daemon="loopback" not in path.name)
        header = {s.path: s for s in message_spans(gsakmp.parse(octets, port=848, dialect=gsakmp.GDOID))}
        for name in ("initiator_cookie", "responder_cookie"):
            assert header[name].text == expected[name]
        assert header["message_id"].text == item["message_id"]
        assert header["length"].text == str(len(octets))
        assert header["exchange_type"].text.endswith(f"({item['exchange_type']})")


# -- single spans ------------------------------------------------------------------------------------


def by_path(found: Any) -> dict[str, Span]:
    return {span.path: span for span in found}


RULES = gsakmp.GDOI.rules(GDOIExchangeType.GROUPKEY_PULL)


def test_a_payload_alone_starts_where_it_is_put() -> None:
    payload = Notification(DOINumber.GDOI, ProtocolID.PROTO_ISAKMP, spi=bytes(16))
    found = list(spans(payload, gsakmp.GDOI.rules(5), at=100, path="payloads[2]"))
    assert (found[0].path, found[0].at, found[0].size) == ("payloads[2]", 100, 28)
    assert by_path(found)["payloads[2].spi"].at == 112
    assert by_path(found)["payloads[2].spi_size"].text == "16"
    assert by_path(found)["payloads[2].length"].text == "28"
    assert by_path(found)["payloads[2].next_payload"].text == "none (0)"


def test_computed_fields_are_implied_and_given_ones_not() -> None:
    payload = Notification(DOINumber.GDOI, ProtocolID.PROTO_ISAKMP, spi=b"ab")
    found = by_path(spans(payload, gsakmp.GDOI.rules(5)))
    assert found["spi_size"].implied
    assert found["spi_size"].text == "2"
    wrong = by_path(spans(payload.replace(spi_size=2, length=99), gsakmp.GDOI.rules(5)))
    assert not wrong["spi_size"].implied
    assert (wrong[".length"].text, wrong[".length"].implied) == ("99", False)


def test_element_without_a_header() -> None:
    header = Header(b"i" * 8, b"r" * 8, 1, 1, 0, 32, 1, 7, 28)
    found = by_path(spans(header, RULES))
    assert (found["flags"].text, found["flags"].at) == ("ENCRYPTION (0x1)", 19)
    assert (found["major_version"].bits, found["minor_version"].bits) == ((4, 4), (0, 4))
    assert found["major_version"].at == found["minor_version"].at == 17


def test_readings_are_appended() -> None:
    vendor = VendorID(bytes.fromhex("afcad71368a1f1c96b8696fc77570100"))
    assert by_path(spans(vendor, RULES))["vendor_id"].text.endswith(": Dead peer detection (RFC 3706)")
    oid = OIDIdentity(oid=bytes.fromhex("060a2b0601040182370a0303"))
    assert "1.3.6.1.4.1.311.10.3.3" in by_path(spans(oid, RULES))["oid"].text


def test_what_a_peer_says_cannot_steer_the_terminal() -> None:
    bad = Certificate(CertificateEncoding.X509_SIGNATURE, b"\x1b]0;x\x07")
    assert all(span.text.isprintable() for span in spans(bad, RULES))
    assert printable("a\x1b[31m\u202e\ud800\n") == r"a\x1b[31m\u202e\ud800\n"
    assert printable("Zürich") == "Zürich"


def test_keys_are_marked() -> None:
    marked = []
    for _, message in plaintexts(PCAPS / "gdoi" / "gdoi-pull-push-aes-cbc-sha256-rsa2048.json"):
        marked += [span.name for span in message_spans(message) if span.secret and span.container]
    assert any(name.startswith("TEK_INTEGRITY_KEY") for name in marked)
    assert any(name.startswith("KEK_ALGORITHM_KEY") for name in marked)
    assert not any("SIG_ALGORITHM_KEY" in name for name in marked)


def test_addresses_are_text_in_the_dialect() -> None:
    path = PCAPS / "gdoi" / "gdoi-pull-gap.json"
    (message,) = [m for i, m in plaintexts(path) if "SA" in i["payloads"]]
    body = next(i for i, _ in plaintexts(path) if "SA" in i["payloads"])["plaintext_after_header"]
    span = next(s for s in message_spans(message) if s.path.endswith("tek.destination_id_data"))
    octets = bytes.fromhex(body)[span.at : span.at + span.size]
    assert span.text == str(IPv4Address(octets[:4][::-1]))


def test_unlinked_unknown_and_marker() -> None:
    unknown = UnknownPayload(kind=200, octets=b"\x01\x02")
    message = gsakmp.Message(payloads=(unknown, Unlinked(octets=b"\xff" * 3)), non_esp_marker=True)
    found = by_path(message_spans(message))
    assert (found["non_esp_marker"].at, found["header"].at) == (0, 4)
    assert found["payloads[0]"].name == "Payload 200 (private use)"
    assert (found["payloads[0].octets"].at, found["payloads[0].octets"].text) == (36, "0102")
    assert (found["payloads[1]"].at, found["payloads[1]"].size) == (38, 3)
    assert found["payloads[1]"].problem
    assert found["next_payload"].text == "200 (private use)"


def test_a_payload_that_lenient_parsing_gave_up_says_why() -> None:
    message = gsakmp.Message(payloads=(UnknownPayload(kind=1, octets=b"", problem="no\x1bgood"),))
    assert by_path(message_spans(message))["payloads[0]"].problem == r"no\x1bgood"


def test_what_cannot_be_built_is_an_encode_error() -> None:
    with pytest.raises(EncodeError):
        list(message_spans(gsakmp.Message(initiator_cookie=b"short")))
    text: Any = "no message"
    with pytest.raises(EncodeError):
        list(message_spans(text))
    with pytest.raises(EncodeError):
        list(spans(GroupSA(situation=-1), RULES))


def test_texts() -> None:
    assert octets_text(b"") == "(empty)"
    assert octets_text(bytes(8)) == "00" * 8
    assert octets_text(bytes(9)) == "00" * 9 + " (9 octets)"
    assert octets_text(bytes(25)) == "00" * 16 + "... (25 octets)"
    assert number_text(2, DOINumber) == "GDOI (2)"
    assert number_text(77, DOINumber) == "77 (unassigned)"
    assert number_text(1 << 80) == "0100000000000000000000 (11 octets)"
    (span,) = octet_spans(b"\x01\x02")
    assert (span.size, span.text) == (2, "0102")
