"""What must not happen: a file lost, a run ended by one message, a complaint about a stream that is closed."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest

import gsakmp
from gsakmp.cli import main
from gsakmp.payloads import ESPTEK, SATEK, GroupSA
from gsakmp.registries import GDOIExchangeType, GDOIIDType, IPProtocol, TEKProtocolID

BARE = "0000000000000001000000000000000000100500000000000000001c"
NO_TRANSFORMS = BARE[:32] + "0110020000000000000000300000001400000001000000010000000801010000"
TV_OCTETS = BARE[:32] + "0e10060000000000000000280000000c01000000c08a0005"


@pytest.mark.parametrize("octets", [BARE, NO_TRANSFORMS, TV_OCTETS])
@pytest.mark.parametrize("view", [[], ["--all"], ["--hex"], ["--json"], ["--lenient"]])
def test_what_is_sound_can_be_shown(octets: str, view: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    port = ["--port", "500"] if octets == TV_OCTETS else []
    assert gsakmp.parse(bytes.fromhex(octets), port=500).build().hex() == octets
    assert main(["decode", *view, *port, octets]) == 0
    assert "bug" not in capsys.readouterr().err


def record() -> str:
    return gsakmp.parse(bytes.fromhex(BARE)).to_json() + "\n"


def test_a_capture_survives_an_encoding_that_fails(tmp_path: Path) -> None:
    source, target = tmp_path / "messages.json", tmp_path / "kept.pcap"
    source.write_text(record())
    assert main(["encode", str(source), "-o", str(target)]) == 0
    kept = target.read_bytes()
    assert len(kept) > 24
    (tmp_path / "bad.json").write_text("not json\n")
    assert main(["encode", str(tmp_path / "bad.json"), "-o", str(target)]) == 1
    assert main(["encode", str(tmp_path / "absent.json"), "-o", str(target)]) == 2
    assert target.read_bytes() == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.json", "kept.pcap", "messages.json"]


def test_the_input_is_not_written_over(tmp_path: Path) -> None:
    source = tmp_path / "messages.json"
    source.write_text(record())
    assert main(["encode", str(source), "-o", str(source)]) == 2
    assert source.read_text() == record()


@pytest.mark.parametrize("closed", ["0<&-", "2>&-"])
def test_closed_streams(closed: str) -> None:
    command = f'"{sys.executable}" -m gsakmp decode {BARE} {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "INFORMATIONAL" in done.stdout
    assert "bug" not in done.stdout + done.stderr


@pytest.mark.parametrize("source", [b"", bytes(3)])
def test_a_tek_of_all_senders(source: bytes) -> None:
    """RFC 6407, 5.5.1: SRC Identification Data is "set to 3 octets or zero" where senders share a TEK."""
    tek = ESPTEK(
        IPProtocol.ANY,
        GDOIIDType.ID_IPV4_ADDR,
        source_id_data=source,
        destination_id_data=IPv4Address("239.0.0.1"),
    )
    sa = GroupSA(sa_attributes=(SATEK(TEKProtocolID.GDOI_PROTO_IPSEC_ESP, tek),))
    message = gsakmp.Message(exchange_type=GDOIExchangeType.GROUPKEY_PULL, payloads=(sa,))
    assert gsakmp.parse(message.build()) == message
    assert gsakmp.Message.from_json(message.to_json()) == message
