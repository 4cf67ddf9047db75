"""Recordings: dpkt reads back what was sent and received, and the key file has each secret once."""

from __future__ import annotations

import socket
import stat
import struct
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import dpkt
import pytest

from gsakmp import captures
from gsakmp.captures.keyfile import read_keys
from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net import recorder as module
from gsakmp.net.clock import steady_clock
from gsakmp.net.recorder import Recorder
from gsakmp.net.runner import Runner
from gsakmp.net.udp import Received
from tests.unit.net.engines import LOCALHOST, LOOPBACK, Echo, client, run, until

GCKS = Address.from_text("192.0.2.1")
MEMBER = Address.from_text("192.0.2.7:1000")
GCKS_6 = Address.from_text("2001:db8::1")
COOKIES = bytes(range(16))


def recorder_in(folder: Path) -> Recorder:
    return Recorder(folder, "gcks", on_trouble=pytest.fail)


def packets(path: Path) -> list[tuple[float, dpkt.Packet]]:
    with path.open("rb") as file:
        reader = dpkt.pcap.Reader(file)
        assert reader.datalink() == 101  # bare IP
        return [
            (float(time), (dpkt.ip.IP if octets[0] >> 4 == 4 else dpkt.ip6.IP6)(octets))
            for time, octets in reader
        ]


def test_what_goes_in_either_direction(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    recorder.received([Received(b"one", MEMBER, GCKS)], 1000.25)
    recorder.sent([Datagram(b"two", MEMBER, GCKS), Datagram(b"odd", GCKS_6, GCKS_6)], 1001.5)
    recorder.close()
    (at, first), (_, second), (_, third) = packets(recorder.capture_file)
    assert at == 1000.25
    for packet, data, source, destination in (
        (first, b"one", MEMBER, GCKS),
        (second, b"two", GCKS, MEMBER),
        (third, b"odd", GCKS_6, GCKS_6),
    ):
        family = socket.AF_INET if source.host.version == 4 else socket.AF_INET6
        assert socket.inet_ntop(family, packet.src) == str(source.host)
        assert socket.inet_ntop(family, packet.dst) == str(destination.host)
        datagram = packet.data
        assert (datagram.sport, datagram.dport, datagram.data) == (source.port, destination.port, data)
        pseudo = packet.src + packet.dst + struct.pack(">HH", 17, len(bytes(datagram)))
        assert datagram.sum
        assert dpkt.in_cksum(pseudo + bytes(datagram)) == 0  # RFC 768


def test_link_local_and_unknown_addresses(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    recorder.received([Received(b"x", Address(IPv6Address("fe80::1%2"), 848), GCKS_6)], 1.0)
    recorder.sent([Datagram(b"y", MEMBER), Datagram(b"z", GCKS_6, GCKS)], 2.0)
    recorder.close()
    (_, first), (_, second), (_, third) = packets(recorder.capture_file)
    assert first.src == IPv6Address("fe80::1").packed
    assert second.src == bytes(4)
    assert third.src == bytes(16)


def test_secrets_stand_in_the_key_file_once(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    for _ in range(2):
        recorder.secret("skeyid", COOKIES, b"\x11" * 4)
        recorder.secret("kek", COOKIES, b"\x22" * 4)
        recorder.secret("tek", b"\x0a\x0b\x0c\x0d", b"\x33" * 4)
        recorder.secret("tek_integrity", b"\x0a\x0b\x0c\x0d", b"")
        recorder.secret("not a kind:\n", b"", b"\x44")
    recorder.close()
    header, comment, *lines = recorder.key_file.read_text().splitlines()
    assert header == "gsakmp-keys 1"
    assert comment.startswith("#")
    assert lines == [
        "skeyid 0001020304050607:08090a0b0c0d0e0f 11111111",
        "kek 0001020304050607:08090a0b0c0d0e0f 22222222",
        "tek 0a0b0c0d 33333333",
    ]
    assert [secret.octets for secret in read_keys(recorder.key_file)] == [
        b"\x11" * 4,
        b"\x22" * 4,
        b"\x33" * 4,
    ]


def test_the_files_are_their_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    recorder = recorder_in(folder)
    for path in (recorder.capture_file, recorder.key_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    recorder.close()
    recorder.close()
    recorder.secret("kek", COOKIES, b"late")  # nothing happens
    recorder.sent([Datagram(b"late", MEMBER, GCKS)], 1.0)
    assert packets(recorder.capture_file) == []
    for path in folder.iterdir():
        path.chmod(0o400)
    with pytest.raises(ConfigurationError, match="nothing can be recorded"):
        Recorder(tmp_path / "recordings" / recorder.key_file.name, "gcks", on_trouble=pytest.fail)


def test_it_ends_when_it_is_too_long_or_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_FILE", 5000)
    troubles: list[str] = []
    recorder = Recorder(tmp_path, "gcks", on_trouble=troubles.append)
    for _ in range(100):
        recorder.received([Received(bytes(1000), MEMBER, GCKS)], 1.0)
    (trouble,) = troubles
    assert trouble.startswith(f"the recording {recorder.capture_file} ends: ")
    assert len(packets(recorder.capture_file)) == 5
    full = Recorder(tmp_path / "full", "gcks", on_trouble=troubles.append)
    assert full._capture is not None
    full._capture.close()
    full._capture = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
    for _ in range(2):
        full.received([Received(b"x", MEMBER, GCKS)], 1.0)
    assert len(troubles) == 2
    assert "No space left on device" in troubles[1]


def test_a_runner_records_the_address_that_a_datagram_leaves_from(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorder = recorder_in(tmp_path)
        engine = Echo(answers=False)
        runner = Runner(engine, LOOPBACK, clock=steady_clock(), observers=[recorder])
        recorder.from_where = runner.transport.from_where
        runner.start([Address(IPv4Address(0), 0)])
        port = runner.transport.addresses[0].port
        with client() as sock:
            peer = Address(LOCALHOST, sock.getsockname()[1])
            sock.sendto(b"ask", ("127.0.0.1", port))
            await until(lambda: engine.heard)
            runner.call(lambda now: engine.queue.append(Datagram(b"tell", peer)))
        await runner.stop()
        recorder.close()
        asked, told = captures.read(recorder.capture_file, ports=None)
        assert (asked.octets, asked.source, asked.destination) == (b"ask", str(peer), f"127.0.0.1:{port}")
        assert (told.octets, told.source, told.destination) == (b"tell", f"127.0.0.1:{port}", str(peer))

    run(scenario())
