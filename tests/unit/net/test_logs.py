"""Logs: exchanges can be followed, keys never show, and nobody outside can flood or forge lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net.logs import EventLog, Logs, message_fields
from gsakmp.net.options import LogOptions
from gsakmp.net.udp import Received
from gsakmp.peers import events

SOURCE = Address.from_text("192.0.2.7")
LOCAL = Address.from_text("192.0.2.1")
REFUSED = events.DatagramRefused(
    source=SOURCE,
    cause="hash",
    problem="HASH is wrong",
    initiator_cookie="00112233445566aa",
    responder_cookie="8899aabbccddeeff",
    message_id=0x1234,
)


def json_log(path: Path, **options: Any) -> Logs:
    return Logs(LogOptions(format="json", file=path, **options), role="gcks")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_exchange_can_be_followed(tmp_path: Path) -> None:
    logs = json_log(tmp_path / "log")
    log = EventLog(logs.logger)
    log.happened(REFUSED, 0.0)
    log.happened(
        events.RekeySent(group="plant", spi="ab", sequence_number=7, reason="lifetime", octets=9), 0.0
    )
    log.happened(
        events.MemberAcknowledged(group="plant", member="fqdn:a", spi="0a", sequence_number=7), 0.0
    )  # debug
    refused, rekey = lines(tmp_path / "log")
    assert refused["event"] == "DatagramRefused"
    assert refused["source"] == "192.0.2.7:848"
    assert refused["initiator_cookie"] == "00112233445566aa"
    assert refused["message_id"] == "00001234"
    assert (refused["role"], refused["level"]) == ("gcks", "info")
    assert refused["timestamp"].endswith("Z")
    assert (rekey["event"], rekey["sequence_number"], rekey["group"]) == ("RekeySent", 7, "plant")
    logs.close()


def test_a_group_that_is_new_is_no_warning(tmp_path: Path) -> None:
    logs = json_log(tmp_path / "log")
    for reason in ("created", "policy"):
        EventLog(logs.logger).happened(events.GroupRestarted(group="plant", reason=reason), 0.0)
    assert [line["level"] for line in lines(tmp_path / "log")] == ["info", "warning"]
    logs.close()


def test_each_message_is_there_when_debugging(tmp_path: Path) -> None:
    message = bytes(range(8)) + bytes(range(8, 16)) + b"\x08\x10\x20\x01\0\0\x12\x34\0\0\0\x1c"
    assert len(message) == 28
    logs = json_log(tmp_path / "log", level="debug")
    log = EventLog(logs.logger)
    log.received([Received(message, SOURCE, LOCAL), Received(bytes(4) + message, SOURCE, LOCAL)], 0.0)
    log.sent([Datagram(b"\xff", SOURCE)], 0.0)
    first, marked, short = lines(tmp_path / "log")
    assert first["initiator_cookie"] == "0001020304050607"
    assert (first["exchange_type"], first["message_id"], first["octets"]) == (32, "00001234", 28)
    assert (first["local"], first["source"]) == ("192.0.2.1:848", "192.0.2.7:848")
    assert marked["message_id"] == first["message_id"]
    assert (short["event"], short["octets"]) == ("sent", 1)
    logs.close()
    assert message_fields(b"") == {"octets": 0}


@pytest.mark.parametrize("kind", ["console", "json"])
def test_octets_never_show(tmp_path: Path, kind: Any) -> None:
    secret = bytes(range(0x40, 0x60))
    logs = Logs(LogOptions(format=kind, file=tmp_path / "log"), role="gcks")
    logs.logger.error("bug", key=secret, more={"inside": [bytearray(secret), memoryview(secret)]})
    logs.close()
    text = (tmp_path / "log").read_text()
    assert text.count("(32 octets)") == 3
    for form in (secret.hex(), secret.decode(), repr(secret)[2:-1]):
        assert form not in text


def test_a_traceback_shows_no_variables(tmp_path: Path) -> None:
    def fail() -> None:
        key = "a secret " + "in a variable"
        raise ValueError(len(key))

    for kind in ("console", "json"):
        logs = Logs(LogOptions(format=kind, file=tmp_path / kind), role="gcks")
        try:
            fail()
        except ValueError:
            logs.logger.error("bug", exc_info=True)
        logs.close()
        text = (tmp_path / kind).read_text()
        assert "bug" in text
        assert "secret in" not in text


@pytest.mark.parametrize("kind", ["console", "json"])
def test_a_peer_cannot_steer_a_terminal_or_forge_a_line(tmp_path: Path, kind: Any) -> None:
    logs = Logs(LogOptions(format=kind, file=tmp_path / "log"), role="gcks")
    evil = "fqdn:a\n2026-01-01 [info] MemberRegistered\x1b[2J\r" + "x" * 10_000
    EventLog(logs.logger).happened(events.MemberLeft(group="plant", member=evil), 0.0)
    logs.close()
    text = (tmp_path / "log").read_text()
    assert text.count("\n") == 1
    assert "\x1b[2J" not in text
    assert "\r" not in text
    assert len(text) < 1000


def test_junk_from_outside_does_not_fill_the_disk(tmp_path: Path) -> None:
    logs = json_log(tmp_path / "log")
    log = EventLog(logs.logger)
    for number in range(10_000):  # in one second
        log.happened(REFUSED, number / 10_000)
    assert 50 <= len(lines(tmp_path / "log")) <= 75
    log.happened(events.MemberLeft(group="plant", member="fqdn:a"), 1.0)  # what is no junk is never left out
    log.happened(REFUSED, 100.0)
    *early, left, rest, last = lines(tmp_path / "log")
    assert (left["event"], last["event"]) == ("MemberLeft", "DatagramRefused")
    told = sum(line.get("lines", 0) for line in [*early, rest])
    shown = sum(line["event"] == "DatagramRefused" for line in early)
    assert told + shown == 10_000
    logs.close()


def test_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logs = json_log(path)
    logs.logger.info("one")
    path.rename(tmp_path / "old")
    logs.logger.info("two")
    logs.reopen()
    logs.logger.info("three")
    assert [line["event"] for line in lines(tmp_path / "old")] == ["one", "two"]
    assert [line["event"] for line in lines(path)] == ["three"]
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigurationError, match=r"the log file .* can't be written"):
        logs.reopen()
    logs.logger.info("four")
    logs.close()
    logs.logger.info("five")  # goes nowhere, and fails nobody


def test_a_full_disk_stops_nothing() -> None:
    logs = Logs(LogOptions(file=Path("/dev/full")), role="gcks")
    for _ in range(10_000):
        logs.logger.info("x" * 100)
    logs.close()


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    logs = Logs(LogOptions(), role="member")
    logs.logger.warning("something", group="plant")
    logs.reopen()
    logs.close()
    text = capsys.readouterr().err
    assert "something" in text
    assert "group=plant" in text
    assert "\x1b" not in text  # no terminal, no colours
    print("still open", file=sys.stderr)
