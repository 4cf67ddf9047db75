"""``--port``: a port that a user names is GDOI's, and what is no message there is ESP (RFC 6407, 2.2)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gsakmp.captures import Datagram
from gsakmp.captures.keyfile import key_lines
from gsakmp.message import parse
from tests.conftest import PCAPS
from tests.unit.captures.opening_world import LONG, datagrams, psk_and_dh
from tests.unit.cli.commands import MAIN_MODE_1, Result, capture, run

SESSION = PCAPS / "gdoi" / f"{LONG}.pcap"
PORT, DATA = 18480, 18481
PORTS = ["--port", PORT, "--port", DATA]
QUICK = "11" * 16 + "00102000" + "00000001" + "0000001c"
"""A header of exchange 32: GROUPKEY-PULL, or Quick Mode."""
FROM: dict[str, Any] = {
    "source_address": "10.0.0.1",
    "destination_address": "239.1.1.1",
    "source_port": 40000,
}


def packet(octets: bytes) -> Datagram:
    return Datagram(octets=octets, destination_port=DATA, **FROM)


PACKETS = [
    packet(bytes.fromhex("1cf0e1a500000001") + bytes(range(0xC0, 0xE8))),  # "major version 13"
    packet(bytes.fromhex("1cf0e1a500000002") + bytes(9) + b"\x10" + b"\xaa" * 30),  # "version 1.0"
    packet(bytes.fromhex("1cf0e1a500000003") + bytes(9) + b"\x20" + b"\xbb" * 30),
]


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """A session and its data on ports of their own."""
    there = [
        msgspec.structs.replace(
            each, source_port=PORT + 10 * (each.source_port != 848), destination_port=PORT
        )
        for each in datagrams(LONG)
    ]
    return capture(tmp_path / "moved.pcap", *there, *PACKETS)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "session.keys"
    path.write_text("".join(key_lines(psk_and_dh(LONG))))
    return path


def kinds(result: Result) -> list[tuple[str, str]]:
    return [(record["protocol"], record["exchange"]) for record in result.records]


@pytest.mark.parametrize("jobs", [1, 2])
def test_without_keys_it_is_what_it_is_on_848(jobs: int, moved: Path) -> None:
    there = run("decode", "--json", "--jobs", jobs, *PORTS, moved)
    assert there.status == 0
    assert kinds(there) == kinds(run("decode", "--json", SESSION))
    assert ("GDOI", "GROUPKEY_PUSH") in kinds(there)
    assert there.err == "gsakmp: 19 frames: 16 messages and 3 ESP packets\n"


def test_the_quick_way_says_the_same(moved: Path) -> None:
    """A filter that lets all pass makes records by way of messages, else octets become text directly."""
    quick = run("decode", "--json", *PORTS, moved)
    assert run("decode", "--json", "--address", "0.0.0.0/0", *PORTS, moved).out == quick.out
    assert [record["message"] for record in quick.records] == [
        json.loads(parse(each.octets, port=848).to_json()) for each in datagrams(LONG)
    ]


def test_with_keys_it_is_as_before(moved: Path, keys: Path) -> None:
    there = run("decode", "--json", "--keys", keys, *PORTS, moved)
    assert there.status == 0
    assert kinds(there) == kinds(run("decode", "--json", "--keys", keys, SESSION))
    counted = "16 messages and 3 ESP packets, 12 opened, 3 closed, 18 checks right, 0 wrong"
    assert there.err == f"gsakmp: 19 frames: {counted}\n"


def test_a_ladder_and_a_story_without_keys(moved: Path) -> None:
    drawn = run("ladder", *PORTS, moved)
    assert drawn.status == 0
    assert drawn.text.count("Push") == 6
    assert drawn.text.splitlines()[-1].startswith("#17")
    told = run("explain", *PORTS, moved)
    assert told.status == 0
    assert "6 Main Mode, 4 Pull, 6 Push, 3 ESP" in told.text
    advice = told.text.partition("What could not be opened")[2]
    found = re.findall(r"- 3 (Push|ESP) of SA (?:.*\n)+?      (.*)", advice)
    more = "what opens the registration of a member that has this Rekey SA"
    assert found[0] == ("Push", f"kek; or {more}")
    assert found[-1] == ("ESP", "tek; or what opens the registration or the push that brings this SA")
    assert "no message of" not in advice


def test_an_sa_payload_still_says_what_it_is_of() -> None:
    """Octets 28 to 36 are the SA payload's head and its domain (RFC 2408, 3.4)."""
    assert MAIN_MODE_1[64:72] == "00000002"
    ipsec = MAIN_MODE_1[:64] + "00000001" + MAIN_MODE_1[72:]
    assert run("decode", "--json", "--port", PORT, ipsec).records[0]["protocol"] == "IPsec"
    assert run("decode", "--json", "--port", 500, MAIN_MODE_1).records[0]["protocol"] == "GDOI"


def test_ports_that_mean_something_keep_it() -> None:
    for port, exchange in ((848, "GROUPKEY_PULL"), (PORT, "GROUPKEY_PULL"), (500, "QUICK_MODE")):
        assert run("decode", "--json", "--port", port, QUICK).records[0]["exchange"] == exchange
    record = run("decode", "--json", "--port", PORT, "--doi", "ipsec", QUICK).records[0]
    assert record["exchange"] == "QUICK_MODE"


def test_what_is_given_as_hex_is_a_message_in_any_case() -> None:
    for more in ([], ["--lenient"]):
        result = run("decode", "--json", "--port", DATA, PACKETS[0].octets.hex(), *more)
        assert (result.status, len(result.records)) == (1, 1)


@pytest.mark.parametrize("port", [848, PORT])
def test_a_message_with_a_wrong_length_is_malformed_not_esp(port: int, tmp_path: Path) -> None:
    octets = bytes.fromhex(MAIN_MODE_1)[:-1]
    path = capture(tmp_path / "x.pcap", Datagram(octets=octets, destination_port=port, **FROM))
    for command in ("decode", "ladder"):
        result = run(command, "--port", PORT, path)
        assert result.status == 1
        assert "1 message, 1 malformed" in result.err


def test_on_848_it_is_no_esp(tmp_path: Path) -> None:
    path = capture(
        tmp_path / "x.pcap", *(msgspec.structs.replace(each, destination_port=848) for each in PACKETS)
    )
    assert "3 malformed" in run("decode", "--port", PORT, path).err
