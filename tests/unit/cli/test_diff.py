"""``gsakmp diff --ignore``: the words for what is new in every run, and what the summary counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gsakmp.captures import Datagram
from gsakmp.captures.keyfile import key_lines
from gsakmp.message import Message, build
from gsakmp.payloads import Delete, NATDiscovery, Nonce
from gsakmp.registries import DOINumber, ExchangeType, ProtocolID
from gsakmp.wire import Payload
from tests.conftest import PCAPS
from tests.unit.captures.opening_world import LONG, datagrams, psk_and_dh
from tests.unit.cli.commands import FLOATED, Result, capture, run

SESSION = PCAPS / "gdoi" / f"{LONG}.pcap"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "session.keys"
    path.write_text("".join(key_lines(psk_and_dh(LONG))))
    return path


def hexed(*payloads: Payload) -> str:
    message = Message(
        initiator_cookie=b"I" * 8,
        responder_cookie=b"R" * 8,
        exchange_type=ExchangeType.IDENTITY_PROTECTION,
        payloads=payloads,
    )
    return build(message).hex()


def paths(result: Result) -> list[str]:
    return [change["path"] for record in result.records for change in record["changes"]]


def test_random_has_the_hashes_of_nat_discovery() -> None:
    one, other = (
        hexed(Nonce(nonce_data=bytes([n]) * 8), NATDiscovery(address_and_port_hash=bytes([n]) * 20))
        for n in (1, 2)
    )
    found = run("diff", "--json", one, other)
    assert paths(found) == ["payloads[0].nonce_data", "payloads[1].address_and_port_hash"]
    assert run("diff", one, other, "--ignore", "random").status == 0


def test_spis() -> None:
    def delete(spi: bytes) -> str:
        payload = Delete(doi=DOINumber.IPSEC, protocol_id=ProtocolID.PROTO_IPSEC_ESP, spis=(spi,))
        return hexed(payload)

    assert run("diff", delete(bytes(4)), delete(b"abcd"), "--ignore", "random").status == 1
    assert run("diff", delete(bytes(4)), delete(b"abcd"), "--ignore", "spis").status == 0


def test_keys_and_spis_are_what_two_pushes_differ_in(keys: Path) -> None:
    two = ["diff", SESSION, SESSION, "--keys", keys, "--frame", "14:15", "--ignore", "random", "--json"]
    found = paths(run(*two))
    assert any(path.endswith("spi") for path in found)
    assert any("attributes" in path for path in found)
    assert paths(run(*two, "--ignore", "spis", "--ignore", "keys")) == ["payloads[0].sequence_number"]
    assert not [path for path in paths(run(*two, "--ignore", "spis")) if path.endswith("spi")]
    named = paths(run(*two, "--ignore", "spis", "--ignore", "TEK_INTEGRITY_KEY"))
    assert named == ["payloads[0].sequence_number"]


def test_keys_of_every_sort() -> None:
    """Every field and attribute that the definitions hold to be secret, and the public keys beside them."""
    from gsakmp.payloads.gdoi import tables
    from gsakmp.reports.difference import IGNORABLE

    for table in (tables.TEK_KEY_ATTRIBUTES, tables.KEK_KEY_ATTRIBUTES, tables.LKH_KEY_ATTRIBUTES):
        for number, kind in table:
            name = table.registry(number).name
            if kind.secret or name == "SIG_ALGORITHM_KEY":
                assert name in IGNORABLE["keys"]


def renewed() -> Iterator[Datagram]:
    """The session with other cookies."""
    for each in datagrams(LONG):
        octets = bytes(octet ^ 0x55 for octet in each.octets[:8]) + each.octets[8:]
        yield msgspec.structs.replace(each, octets=octets)


def test_packets_are_no_messages(tmp_path: Path) -> None:
    result = run("diff", FLOATED, FLOATED)
    assert result.err == "gsakmp: 15 pairs of messages and 8 pairs of ESP packets: none different\n"
    other = capture(tmp_path / "x.pcap", *renewed())
    assert run("diff", SESSION, other, "--ignore", "cookies").err.startswith("gsakmp: 16 pairs of messages: ")


def test_json_is_a_line_for_each_pair() -> None:
    result = run("diff", SESSION, SESSION, "--frame", "1:2", "--json")
    (record,) = result.records
    assert len(record["changes"]) > 1
    told = " ".join(run("diff", "--help").text.split())
    assert "each pair that differs" in told.replace(" │ │ ", " ")
