"""`gsakmp encode`: JSON lines into hex and captures."""

from __future__ import annotations

import json
from pathlib import Path

import dpkt
import pytest

from gsakmp.captures import read
from tests.conftest import PCAPS
from tests.unit.cli.commands import CAPTURES, FLOATED, GAP, MAIN_MODE_1, TRAILING, run


def test_a_message_alone() -> None:
    message = run("decode", "--json", MAIN_MODE_1).records[0]["message"]
    assert run("encode", stdin=json.dumps(message).encode()).text == MAIN_MODE_1 + "\n"


def test_a_message_made_by_hand() -> None:
    """Octets counted by hand: a header of 28 and a nonce payload of 4 + 8."""
    message = {
        "doi": "GDOI",
        "initiator_cookie": "0102030405060708",
        "exchange_type": "GROUPKEY_PULL",
        "message_id": "00000009",
        "payloads": [{"payload": "Nonce", "nonce_data": "a1a2a3a4a5a6a7a8"}],
    }
    expected = (
        "0102030405060708" + "00" * 8 + "0a102000" + "00000009" + "00000028" + "0000000c" + "a1a2a3a4a5a6a7a8"
    )
    assert run("encode", stdin=json.dumps(message).encode()).text == expected + "\n"


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(run("decode", "--json", GAP).out)
    known = [message["wire"] for message in json.loads(GAP.with_suffix(".json").read_text())["messages"]]
    assert run("encode", "--hex", path).text.split() == known


@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.name)
def test_into_a_capture(path: Path, tmp_path: Path) -> None:
    decoded = run("decode", "--json", "--lenient", path)
    wanted = [record for record in decoded.records if record["message"]]
    target = tmp_path / "x.pcap"
    assert run("encode", "-o", target, stdin=decoded.out).status == 0
    again = list(read(target, None))
    assert [datagram.octets.hex() for datagram in again] == [record["octets"] for record in wanted]
    assert [(d.source, d.destination) for d in again] == [(r["source"], r["destination"]) for r in wanted]
    same = run("decode", "--json", "--lenient", target).records
    keys = ("time", "source", "octets", "message")
    if not any(record["error"] and "capture kept" in record["error"]["problem"] for record in wanted):
        assert [[r[k] for k in keys] for r in same] == [[r[k] for k in keys] for r in wanted]


def test_times_for_another_reader(tmp_path: Path) -> None:
    target = tmp_path / "x.pcap"
    run("encode", "-o", target, stdin=run("decode", "--json", GAP).out)
    with GAP.open("rb") as before, target.open("rb") as after:
        times = [[f"{time:.6f}" for time, _ in dpkt.pcap.Reader(file)] for file in (before, after)]
    assert times[0] == times[1]


def test_to_standard_output() -> None:
    decoded = run("decode", "--json", GAP).out
    out = run("encode", "-o", "-", stdin=decoded).out
    assert [r["octets"] for r in run("decode", "--json", "-", stdin=out).records] == [
        r["octets"] for r in map(json.loads, decoded.splitlines())
    ]


def test_hex_and_capture_at_once(tmp_path: Path) -> None:
    target = tmp_path / "x.pcap"
    done = run("encode", "--hex", "-o", target, stdin=run("decode", "--json", GAP).out)
    assert done.text.split() == [datagram.octets.hex() for datagram in read(target)]


def test_usual_ports_where_none_are_said(tmp_path: Path) -> None:
    target = tmp_path / "x.pcap"
    lines = b"".join(
        run("decode", "--json", "--port", port, text).out
        for port, text in ((848, MAIN_MODE_1), (500, IPSEC), (4500, "00000000" + IPSEC))
    )
    assert run("encode", "-o", target, stdin=lines).status == 0
    assert [datagram.destination_port for datagram in read(target)] == [848, 500, 4500]


IPSEC = "11" * 16 + "00100500" + "00000001" + "0000001c"


def test_records_without_a_message_are_counted() -> None:
    done = run("encode", stdin=run("decode", "--json", TRAILING, GAP).out)
    assert (len(done.text.split()), done.status) == (10, 0)
    assert done.err == "gsakmp: 1 record without a message left out\n"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"time": "yesterday"}, "time: a time is"),
        ({"time": 3}, "time: a time is text"),
        ({"time": "9999-01-01T00:00:00.000000000Z"}, "time: a pcap file holds"),
        ({"time": "2026-13-01T00:00:00Z"}, "time: "),
        ({"source": "10.0.0.1"}, "source: "),
        ({"source": "10.0.0.1:65536"}, "source: "),
        ({"source": 5}, "source: "),
        ({"destination": "[::1]:500"}, "destination: one address is IPv4"),
        ({"message": 5}, "message: "),
        ({"message": {"payloads": [{"payload": "Nonce"}]}}, "message.payloads[0]"),
        ({"message": {"payloads": [{"payload": "Nobody"}]}}, "message.payloads[0]"),
        ({"message": {"initiator_cookie": "zz"}}, "message.initiator_cookie"),
        ({"message": {"initiator_cookie": "00"}}, "message.initiator_cookie"),
    ],
    ids=str,
)
def test_errors_name_line_and_path(change: dict[str, object], problem: str) -> None:
    record = run("decode", "--json", GAP).records[0]
    lines = [json.dumps(record), json.dumps({**record, **change}), json.dumps(record)]
    done = run("encode", stdin="\n".join(lines).encode())
    assert (done.text.split(), done.status) == ([record["octets"]] * 2, 1)
    assert done.err.startswith("gsakmp: line 2: ")
    assert problem in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"5", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"payloads": 5}', b"{}x"]
)
def test_lines_that_are_no_records(line: bytes) -> None:
    done = run("encode", stdin=line + b"\n")
    assert (done.status, done.out) == (1, b"")
    assert done.err.startswith("gsakmp: line 1: ")


def test_lines_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    good = run("decode", "--json", MAIN_MODE_1).out
    monkeypatch.setattr("gsakmp.limits.JSON_LINE_OCTETS", len(good) + 10)
    done = run("encode", stdin=good + b" " * 5000 + b"\n" + good)
    assert done.text.split() == [MAIN_MODE_1] * 2
    assert done.status == 1
    assert "line 2: longer than limits.JSON_LINE_OCTETS" in done.err


def test_wrong_usage(tmp_path: Path) -> None:
    assert run("encode", tmp_path / "none").status == 2
    assert run("encode", tmp_path).status == 2
    assert run("encode", "-o", tmp_path, stdin=b"").status == 2
    assert run("encode", "-o", "-", "--hex", stdin=b"").status == 2
    assert run("encode", "--no-such-option").status == 2


def test_nothing_in_nothing_out() -> None:
    done = run("encode", stdin=b"\n\n")
    assert (done.status, done.out, done.err) == (0, b"", "")


def test_dialects_come_back() -> None:
    plain = json.loads((PCAPS / "gdoi" / "gdoi-pull-gap.json").read_text())["messages"][0]["wire"]
    decoded = run("decode", "--json", "--dialect", "gdoid", plain)
    assert decoded.records[0]["message"]["dialect"] == "gdoid"
    assert run("encode", stdin=decoded.out).text.strip() == plain


def test_the_marker_of_port_4500_stays() -> None:
    decoded = run("decode", "--json", FLOATED)
    marked = [record for record in decoded.records if record["message"].get("non_esp_marker")]
    assert marked
    assert all(record["octets"].startswith("00000000") for record in marked)
