"""`gsakmp decode`: inputs, filters, records and statuses."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import dpkt
import pytest

from gsakmp.captures import Datagram
from tests.conftest import PCAPS
from tests.unit.cli.commands import (
    CAPTURES,
    FLOATED,
    GAP,
    MAIN_MODE_1,
    TRAILING,
    capture,
    fragment,
    many,
    run,
)

KEYS = ["frame", "time", "source", "destination", "protocol", "exchange", "octets", "message", "error"]
SESSIONS = sorted((PCAPS / "gdoi").glob("*.json"))


@pytest.mark.parametrize("lenient", [[], ["--lenient"]], ids=["strict", "lenient"])
@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.name)
def test_every_capture_there_and_back(path: Path, lenient: list[str]) -> None:
    decoded = run("decode", "--json", *lenient, path)
    assert decoded.status in (0, 1)
    assert all(list(record) == KEYS for record in decoded.records)
    wanted = [record["octets"] for record in decoded.records if record["message"] is not None]
    assert decoded.status == any(record["error"] for record in decoded.records)
    encoded = run("encode", "--hex", stdin=decoded.out)
    assert encoded.text.split() == wanted
    assert encoded.status == 0


@pytest.mark.parametrize("form", [[], ["--all"], ["--hex"], ["--hex", "--lenient"], ["--lenient"]], ids=str)
@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.name)
def test_every_capture_for_people(path: Path, form: list[str]) -> None:
    shown = run("decode", *form, path)
    assert shown.status in (0, 1)
    assert shown.text.isascii()
    assert "\x1b" not in shown.text
    messages = [line for line in shown.text.splitlines() if line.startswith("#")]
    assert len(messages) == len(run("decode", "--json", path).records)


@pytest.mark.parametrize("path", SESSIONS, ids=lambda p: p.name)
def test_records_say_what_the_session_file_says(path: Path) -> None:
    records = run("decode", "--json", path.with_suffix(".pcap")).records
    expected = json.loads(path.read_text())["messages"]
    assert len(records) == len(expected)
    for record, known in zip(records, expected, strict=True):
        assert record["frame"] == known["n"]
        assert (record["source"], record["destination"]) == (known["src"], known["dst"])
        assert record["octets"] == known["wire"]
        assert record["message"]["message_id"] == known["message_id"]
        assert record["message"]["responder_cookie"] == known["rcookie"]
        assert record["protocol"] == "GDOI"


def test_times_are_those_of_another_reader() -> None:
    with GAP.open("rb") as file:
        seconds = [time for time, _ in dpkt.pcap.Reader(file)]
    for record, time in zip(run("decode", "--json", GAP).records, seconds, strict=True):
        assert record["time"].endswith("Z")
        assert len(record["time"]) == len("2026-01-01T00:00:00.000000000Z")
        assert record["time"][20:26] == f"{time:.6f}".partition(".")[2]


def test_a_time_of_zero_is_none(tmp_path: Path) -> None:
    path = capture(tmp_path / "x.pcap", Datagram(octets=bytes.fromhex(MAIN_MODE_1)))
    assert run("decode", "--json", path).records[0]["time"] is None


# -- inputs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        MAIN_MODE_1,
        MAIN_MODE_1.upper(),
        bytes.fromhex(MAIN_MODE_1).hex(":"),
        bytes.fromhex(MAIN_MODE_1).hex(" "),
    ],
)
def test_hex(text: str) -> None:
    done = run("decode", "--json", text)
    (record,) = done.records
    assert (done.status, done.err) == (0, "")
    assert [record[key] for key in ("frame", "time", "source", "destination")] == [None] * 4
    assert record["octets"] == MAIN_MODE_1
    assert record["exchange"] == "IDENTITY_PROTECTION"


def test_the_port_says_what_hex_means() -> None:
    quick = "11" * 16 + "05102000" + "00000001" + "0000001c"
    quick = quick[:32] + "00" + quick[34:]
    assert run("decode", "--json", quick).records[0]["exchange"] == "GROUPKEY_PULL"
    assert run("decode", "--json", "--port", 500, quick).records[0]["exchange"] == "QUICK_MODE"
    assert run("decode", "--json", "--doi", "ipsec", quick).records[0]["exchange"] == "QUICK_MODE"
    marked = run("decode", "--json", "--port", 4500, "00000000" + quick).records[0]
    assert marked["message"]["non_esp_marker"] is True


def test_standard_input_as_a_capture_zipped_or_not() -> None:
    expected = run("decode", "--json", GAP).records
    assert run("decode", "--json", "-", stdin=GAP.read_bytes()).records == expected
    assert run("decode", "--json", "-", stdin=gzip.compress(GAP.read_bytes())).records == expected


def test_standard_input_as_lines_of_hex() -> None:
    text = f"# two messages\n{MAIN_MODE_1}\n\n  {MAIN_MODE_1}  # again\n"
    done = run("decode", "--json", "-", stdin=text.encode())
    assert [record["octets"] for record in done.records] == [MAIN_MODE_1] * 2
    assert done.status == 0


@pytest.mark.parametrize("head", ["\n", "a", "ab\n", "abc"])
def test_short_first_lines(head: str) -> None:
    """The four octets that are looked at for a capture's magic number may hold more than a line, or less."""
    done = run("decode", "--json", "-", stdin=head.encode())
    assert done.status == {"\n": 0, "a": 2, "ab\n": 1, "abc": 2}[head]


def test_zipped_file_and_file_of_hex(tmp_path: Path) -> None:
    zipped = tmp_path / "x.pcap.gz"
    zipped.write_bytes(gzip.compress(GAP.read_bytes()))
    assert run("decode", "--json", zipped).records == run("decode", "--json", GAP).records
    lines = tmp_path / "x.hex"
    lines.write_text("".join(record["octets"] + "\n" for record in run("decode", "--json", GAP).records))
    again = run("decode", "--json", lines).records
    assert [r["octets"] for r in again] == [r["octets"] for r in run("decode", "--json", GAP).records]


def test_several_files_are_named_in_order() -> None:
    done = run("decode", "--json", FLOATED, GAP)
    assert [record["file"] for record in done.records] == [str(FLOATED)] * 15 + [str(GAP)] * 10
    assert list(done.records[0]) == ["file", *KEYS]
    heads = [line for line in run("decode", FLOATED, GAP).text.splitlines() if line.endswith(":")]
    assert heads == [f"{FLOATED}:", f"{GAP}:"]


def test_a_path_wins_over_hex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beef").write_bytes(GAP.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert len(run("decode", "--json", "beef").records) == 10
    assert run("decode", "--json", "beefbeef").status == 1


def test_another_port(tmp_path: Path) -> None:
    octets = bytes.fromhex(MAIN_MODE_1)
    datagram = Datagram(
        octets=octets,
        source_address="10.0.0.1",
        source_port=9,
        destination_address="10.0.0.2",
        destination_port=9848,
    )
    path = capture(tmp_path / "x.pcap", datagram)
    without = run("decode", "--json", path)
    assert (without.out, without.status) == (b"", 0)
    assert "1 another port (--port names one)" in without.err
    assert len(run("decode", "--json", "--port", 9848, path).records) == 1


def test_dialect() -> None:
    pushed = PCAPS / "gdoi" / "gdoi-pull-gap.json"
    message = next(
        m for m in json.loads(pushed.read_text())["messages"] if "SA" in m["payloads"] and m["n"] > 2
    )
    clear = message["wire"][:38] + "00" + message["wire"][40:48]
    body = message["plaintext_after_header"]
    body = body[: len(body) - 2 * message["pad_octets"]]
    octets = clear + (28 + len(body) // 2).to_bytes(4, "big").hex() + body
    tek = run("decode", "--json", "--dialect", "gdoid", octets).text
    assert '"dialect":"gdoid"' in tek
    # pcaps/README.md: the octets 2a 89 13 ac are this address.
    assert '"172.19.137.42"' in tek
    assert '"42.137.19.172"' in run("decode", "--json", octets).text


# -- filters -----------------------------------------------------------------------------------------


def frames(*arguments: object) -> list[int]:
    return [record["frame"] for record in run("decode", "--json", *arguments, GAP).records]


def test_filter_by_exchange() -> None:
    assert frames("--exchange", "groupkey-pull") == [7, 8, 9, 10]
    assert frames("--exchange", "32") == frames("--exchange", "0x20") == [7, 8, 9, 10]
    assert frames("--exchange", "identity_protection", "--exchange", "GROUPKEY_PULL") == list(range(1, 11))
    assert frames("--exchange", "QUICK_MODE") == []


def test_filter_by_cookie() -> None:
    known = json.loads(GAP.with_suffix(".json").read_text())["messages"]
    responder = known[1]["rcookie"]
    assert frames("--cookie", responder) == frames("--cookie", responder[:3].upper()) == list(range(2, 11))
    assert frames("--cookie", known[0]["icookie"]) == list(range(1, 11))
    assert frames("--cookie", "ffffffffffffffff") == []
    floated = run("decode", "--json", FLOATED).records[-1]
    found = run("decode", "--json", "--cookie", floated["message"]["initiator_cookie"], FLOATED)
    assert floated in found.records


def test_filter_by_address() -> None:
    assert frames("--address", "10.0.224.37") == list(range(1, 11))
    assert frames("--address", "10.0.0.0/8") == list(range(1, 11))
    assert frames("--address", "10.0.224.38", "--address", "2001:db8::/32") == []
    assert frames("--address", "10.0.224.37", "--exchange", "32", "--cookie", "00ff") == []
    assert "10 filtered out" in run("decode", "--address", "192.0.2.1", GAP).err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--exchange", "NO_SUCH"],
        ["--exchange", "256"],
        ["--cookie", "xyz"],
        ["--cookie", "0" * 17],
        ["--address", "10.0.0.300"],
        ["--port", "0"],
        ["--port", "65536"],
        ["--doi", "nobody"],
        ["--dialect", "nobody"],
        ["--json", "--hex"],
        ["--no-such-option"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str]) -> None:
    done = run("decode", *arguments, GAP)
    assert (done.status, done.out) == (2, b"")
    assert done.err


# -- what is not sound -------------------------------------------------------------------------------


def test_malformed_messages_are_records_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = bytes.fromhex(MAIN_MODE_1)
    path = capture(
        tmp_path / "x.pcap", *(Datagram(octets=octets) for octets in (good, good[:-1], good[:10], b"", good))
    )
    done = run("decode", "--json", path)
    assert done.status == 1
    assert [record["error"] and record["error"]["type"] for record in done.records] == [
        None, "Truncated", "Truncated", "Truncated", None,
    ]  # fmt: skip
    error = done.records[1]["error"]
    assert (error["path"], error["offset"]) == ("length", 24)
    assert done.records[1]["exchange"] == "IDENTITY_PROTECTION"
    assert done.records[2]["exchange"] is None
    assert "5 messages, 3 malformed" in done.err


def test_lenient_gives_message_and_error() -> None:
    strict, lenient = (run("decode", "--json", *flag, TRAILING).records[0] for flag in ([], ["--lenient"]))
    assert strict["message"] is None
    assert strict["error"] == lenient["error"]
    assert lenient["message"]["trailing"]
    assert run("decode", "--lenient", TRAILING).status == 1


def test_captured_short(tmp_path: Path) -> None:
    octets = bytes.fromhex(MAIN_MODE_1)
    path = capture(tmp_path / "x.pcap", Datagram(octets=octets, missing=5), Datagram(octets=octets))
    done = run("decode", "--json", path)
    assert [bool(record["error"]) for record in done.records] == [True, False]
    error = done.records[0]["error"]
    assert (error["type"], error["offset"]) == ("Truncated", len(octets))
    assert "the capture kept" in error["problem"]


def test_esp_and_keepalives_are_counted_not_shown() -> None:
    done = run("decode", "--json", FLOATED)
    assert (len(done.records), done.status) == (15, 0)
    assert (
        done.err == "gsakmp: 35 frames: 15 messages and 8 ESP packets, 4 NAT keepalives; skipped: 8 not IP\n"
    )
    assert run("decode", "--json", "--quiet", FLOATED).err == ""


def test_a_broken_off_file_gives_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(GAP.read_bytes()[:-7])
    done = run("decode", "--json", path, GAP)
    assert (len(done.records), done.status) == (9 + 10, 2)
    assert str(path) in done.err.splitlines()[0]
    assert "octet" in done.err


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01garbage\xff" * 99, b"no hex here\n", MAIN_MODE_1[:-1].encode()]
)
def test_unreadable_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    done = run("decode", path)
    assert (done.status, done.out) == (2, b"")
    assert len(done.err.splitlines()) == 1


def test_a_bad_line_ends_a_file_of_hex(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(f"{MAIN_MODE_1}\nnonsense\n{MAIN_MODE_1}\n")
    done = run("decode", "--json", path)
    assert (len(done.records), done.status) == (1, 2)
    assert "line 2" in done.err


@pytest.mark.parametrize("argument", ["no/such/file", "abc", "xyz", "", " ", ":", "nul\0l", "a" * 5000])
def test_neither_file_nor_hex(argument: str) -> None:
    done = run("decode", argument)
    assert done.status == (1 if argument == "a" * 5000 else 2)
    assert done.err.startswith("gsakmp: ")


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    assert run("decode", tmp_path).status == 2


def test_bounded_hex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsakmp.limits.HEX_LINE_OCTETS", 100)
    assert "HEX_LINE_OCTETS" in run("decode", MAIN_MODE_1).err
    assert "line 1: over limits.HEX_LINE_OCTETS" in run("decode", "-", stdin=MAIN_MODE_1.encode()).err


def test_ikev1_fragments_are_shown_as_such() -> None:
    shown = run("decode", "--port", 500, fragment(1, 0).hex(), fragment(2, 1).hex())
    assert "IKEv1 fragment 1 of message 7\n" in shown.text
    assert "IKEv1 fragment 2 of message 7, the last\n" in shown.text
    assert shown.status == 0


def test_many_messages_are_not_kept(tmp_path: Path) -> None:
    done = run("decode", "--json", many(tmp_path / "x.pcap", 2000))
    assert len(done.records) == 2000
    assert done.records[-1]["frame"] == 2000
