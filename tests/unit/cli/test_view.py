"""``gsakmp view``: where the page goes, who may read it, what is in it."""

from __future__ import annotations

import stat
import struct
from pathlib import Path

import pytest

from tests.conftest import PCAPS
from tests.unit.captures.opening_world import THREE_DES, psk_and_dh
from tests.unit.cli.commands import GAP, MAIN_MODE_1, TRAILING, run
from tests.unit.reports.pages import inside

LONG = PCAPS / "gdoi" / f"{THREE_DES}.pcap"
STATUS = 10


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "some.keys"
    lines = [f"{secret.kind} {secret.name} {secret.octets.hex()}\n" for secret in psk_and_dh(THREE_DES)]
    path.write_text("gsakmp-keys 1\n" + "".join(lines))
    return path


def test_a_page_with_all_that_the_keys_open(keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    result = run("view", LONG, "--keys", keys, "-o", out)
    assert (result.status, result.out) == (0, b"")
    assert result.err.splitlines()[0] == f"gsakmp: {out}: 21 messages, 17 decrypted"
    found = inside(out.read_bytes())
    assert [row[STATUS] for row in found.rows] == ["clear"] * 4 + ["opened"] * 17
    assert found.meta["name"] == LONG.name
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_it_is_called_like_the_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("view", "-q", LONG).status == 0
    assert run("view", "-q", TRAILING).status == 1
    assert run("view", "-q", MAIN_MODE_1).status == 0
    assert run("view", "-q", "-", stdin=LONG.read_bytes()).status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f"{THREE_DES}.html", f"{TRAILING.stem}.html", "message.html", "capture.html"]
    )


def test_what_is_there_is_replaced_and_that_is_said(tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    out.write_text("before")
    assert run("view", LONG, "-o", out).err.startswith(f"gsakmp: {out} (replaced): 21 messages\n")
    assert len(inside(out.read_bytes()).rows) == 21


def test_standard_output() -> None:
    result = run("view", LONG, "-o", "-")
    assert result.err.startswith("gsakmp: standard output: 21 messages\n")
    assert len(inside(result.out).rows) == 21


def test_filters_open_what_they_leave(keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    assert run("view", "-q", LONG, "--keys", keys, "-o", out, "--exchange", "GROUPKEY_PUSH").status == 0
    found = inside(out.read_bytes())
    assert [row[STATUS] for row in found.rows] == ["opened"] * 11
    assert found.meta["notes"] == ["Only messages of exchange GROUPKEY_PUSH are here."]
    assert run("view", "-q", LONG, "-o", out, "--address", "10.0.224.37", "--limit", 3).status == 0
    assert [row[1] for row in inside(out.read_bytes()).rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([LONG, "--limit", "0"], "limit"),
        ([LONG, "--exchange", "NONE_SUCH"], "no exchange"),
        ([LONG, "--keys", LONG], "no key file"),
        (["/nowhere/at/all.pcap"], "neither"),
        ([LONG, "-o", "/nowhere/at/all.html"], "can't be written"),
        ([LONG, "-o", "/dev"], "is a folder"),
    ],
)
def test_wrong_usage(
    arguments: list[object], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("view", *arguments)
    assert result.status == 2
    assert problem in result.err or "not hex" in result.err
    assert "Traceback" not in result.err
    assert list(tmp_path.iterdir()) == []


def test_the_capture_is_not_overwritten(tmp_path: Path) -> None:
    capture = tmp_path / "a.pcap"
    capture.write_bytes(GAP.read_bytes())
    result = run("view", capture, "-o", capture)
    assert (result.status, capture.read_bytes()) == (2, GAP.read_bytes())
    assert "what is read" in result.err


def test_a_capture_that_breaks_off_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    capture, out = tmp_path / "a.pcap", tmp_path / "a.html"
    capture.write_bytes(GAP.read_bytes()[:-30])
    result = run("view", capture, "-o", out)
    assert result.status == 2
    found = inside(out.read_bytes())
    assert len(found.rows) == 9
    assert found.meta["notes"] == ["The capture could not be read to its end."]


def test_no_capture_leaves_what_was_there(tmp_path: Path) -> None:
    capture, out = tmp_path / "a.pcap", tmp_path / "a.html"
    capture.write_bytes(GAP.read_bytes()[:10])
    out.write_text("before")
    result = run("view", capture, "-o", out)
    assert (result.status, out.read_text()) == (2, "before")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.pcap"]


def test_what_is_wrong_shows_in_the_status(tmp_path: Path) -> None:
    out = tmp_path / "a.html"
    result = run("view", PCAPS / "malformed" / "ipsec-ikev1-payload-bad-length.pcap", "-o", out)
    assert result.status == 1
    assert "malformed" in [row[STATUS] for row in inside(out.read_bytes()).rows]


def test_packets_that_stay_closed_are_told(tmp_path: Path) -> None:
    """ESP between others may be much, so it is not in the page; how much is said in the page and beside it."""
    packets = b"".join(
        struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet
        for number in (1, 2)
        for packet in [esp_packet(number)]
    )
    capture, out = tmp_path / "a.pcap", tmp_path / "a.html"
    capture.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + packets)
    result = run("view", capture, "-o", out)
    assert "0 messages, without 2 ESP packets that stay closed" in result.err
    found = inside(out.read_bytes())
    assert (found.rows, found.meta["notes"]) == ([], ["2 ESP packets that could not be opened: left out."])


def esp_packet(number: int) -> bytes:
    """An IPv4 packet (RFC 791, 3.1) with ESP (RFC 4303, 2) under a key that nobody here has."""
    esp = struct.pack("!II", 0x0A0B0C0D, number) + bytes(40)
    addresses = bytes([192, 0, 2, 1, 192, 0, 2, 2])
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(esp), number, 0, 64, 50, 0) + addresses + esp
