"""Wireshark with the dissector made from the definitions, beside the library and beside recorded plaintexts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

import gsakmp
from gsakmp.captures import Datagram, read, write
from gsakmp.doi import GDOI, GDOID, GDOID_BIG_ENDIAN, STANDARD, Dialect
from gsakmp.errors import DecodeError
from gsakmp.message import Message
from gsakmp.payloads import (
    Attribute,
    KeyDownload,
    KeyPacket,
    UnknownPayload,
)
from gsakmp.registries import (
    GDOIExchangeType,
    KeyDownloadType,
    OpenEnum,
)
from gsakmp.wire import AttributeTable, variable
from gsakmp.wireshark import dissector
from gsakmp.wireshark.page import USEFUL
from tests.conftest import PCAPS, skip_or_fail
from tests.interop.wireshark_compare import cases, compare, random_messages
from tests.interop.wireshark_fields import expected
from tests.interop.wireshark_pdml import Frame, difference, frames
from tests.interop.wireshark_running import TSHARK, encryption_key, fields, session, written_script

EVERYTHING = {"other_ports": "all", "ikev2": "FALSE"}
OUR_PORTS = (848, 500, 4500)
COLUMNS = ("frame.number", "_ws.col.Protocol", "_ws.col.Info", "frame.protocols", "isakmp.typepayload")


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dissector as a file."""
    return written_script(tmp_path_factory.mktemp("wireshark"))


def dialect_of(path: Path) -> Dialect:
    if path.parent.name not in ("gdoi", "plaintext"):
        return STANDARD
    return GDOID_BIG_ENDIAN if "loopback" in path.name else GDOID


# -- messages made from the definitions ----------------------------------------------------------------


def test_random_messages_are_shown_as_the_library_sees_them(tmp_path: Path) -> None:
    seed = 20260
    found = list(cases(random_messages(300, seed), Random(seed)))
    report = compare(TSHARK, found, tmp_path)
    assert report.differences == []
    assert report.messages == 300
    assert report.fields > 3000
    assert report.decrypted > 5
    assert report.malformed > 20


@pytest.mark.parametrize(("change", "says"), [
    (lambda shown: replace(shown, octets="ff" + shown.octets[2:]), "other octets"),
    (lambda shown: replace(shown, at=shown.at + 1), "another place"),
    (lambda shown: replace(shown, value=(shown.value or 0) + 1), "another value"),
    (lambda shown: replace(shown, text="OTHER (1)"), "another text"),
    (lambda shown: replace(shown, name="gdoi.sak.kek_key_length"), "another name"),
])  # fmt: skip
def test_the_comparison_sees_a_difference(script: Path, change: Any, says: str) -> None:
    """In one field of many."""
    path = PCAPS / "gdoi" / "plaintext" / "gdoi-pull-push-3des-sha1-rsa1024.pcap"
    datagram = list(read(path))[7]
    frame = list(frames(TSHARK, script, path, {"dialect": "gdoid"}))[7]
    wanted = list(expected(parsed(datagram, GDOID), datagram.octets))
    assert difference(wanted, frame) == ""
    place = next(index for index, shown in enumerate(wanted) if shown.name == "gdoi.sak.kek_algorithm")
    assert says in difference([*wanted[:place], change(wanted[place]), *wanted[place + 1 :]], frame)
    assert "not seen by the library" in difference(wanted[:-1], frame)
    assert "not shown" in difference([*wanted, wanted[-1]], frame)


# -- captures ------------------------------------------------------------------------------------------

CAPTURES = sorted(path for path in PCAPS.rglob("*") if path.suffix in (".pcap", ".cap", ".pcapng"))
HALF_FRAMES = 2


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_captures_are_shown_as_the_library_sees_them(script: Path, path: Path) -> None:
    dialect = dialect_of(path)
    shown = {f.number: f for f in frames(TSHARK, script, path, {**EVERYTHING, "dialect": dialect.name})}
    for datagram in datagrams(path):
        frame = shown[datagram.frame]
        assert not frame.faults
        if frame.there:
            assert problem_of(datagram, frame, dialect) == "", f"frame {datagram.frame}"
        elif path.parent.name in ("gdoi", "plaintext", "ikev1"):
            with pytest.raises(DecodeError, match=r"ESP|NAT keepalive"):
                parsed(datagram, dialect)


def datagrams(path: Path) -> list[Datagram]:
    """Those that can be read before the file breaks off."""
    out: list[Datagram] = []
    try:
        out.extend(read(path))
    except gsakmp.GsakmpError:
        assert path.parent.name == "malformed"
    return out


def parsed(datagram: Datagram, dialect: Dialect) -> Message:
    ports = (datagram.destination_port, datagram.source_port)
    port = next((port for port in ports if port in OUR_PORTS), 848)
    return gsakmp.parse(datagram.octets, port=port, dialect=dialect)


def problem_of(datagram: Datagram, frame: Frame, dialect: Dialect) -> str:
    try:
        message = parsed(datagram, dialect)
    except DecodeError as exc:
        return "" if frame.malformed else f"{exc}, and no note says so"
    if frame.malformed:
        return f"sound, but there is a note: {frame.notes}"
    return difference(expected(message, datagram.octets), frame)


# -- decryption ----------------------------------------------------------------------------------------

SESSIONS = sorted((PCAPS / "gdoi").glob("*.json"))


def check_opened(script: Path, path: Path, preferences: dict[str, str], *, all_open: bool = True) -> int:
    """Compare each message with the plaintext that its daemon logged; how many were opened."""
    found, dialect, opened = session(path), dialect_of(path), 0
    capture = path.with_suffix(".pcap")
    shown = list(frames(TSHARK, script, capture, {"dialect": dialect.name, **preferences}))
    for record, frame in zip(found["messages"], shown, strict=True):
        assert not frame.faults
        octets = bytes.fromhex(record["wire"])
        message = gsakmp.parse(octets, dialect=dialect)
        is_open = any(one.get("name") == "gdoi.plaintext" for one in frame.fields)
        if message.encrypted and (all_open or is_open):
            message = message.with_plaintext(bytes.fromhex(record["plaintext_after_header"]))
            opened += 1
        assert difference(expected(message, octets), frame) == "", f"message {record['n']}"
        assert not (message.encrypted and is_open and frame.malformed)
    return opened


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_the_phase_1_key_opens_a_whole_session(script: Path, path: Path, tmp_path: Path) -> None:
    initiator, responder, key = encryption_key(session(path))
    keys = tmp_path / "session.keys"
    keys.write_text(f"gsakmp-keys 1\n# a comment\nencryption_key {initiator}:{responder} {key}\n")
    encrypted = sum(bool(record["plaintext_after_header"]) for record in session(path)["messages"])
    assert check_opened(script, path, {"key_file": str(keys)}) == encrypted


def test_skeyid_e_is_enough(script: Path) -> None:
    path = PCAPS / "gdoi" / "gdoi-pull-gap.json"
    initiator, responder, key = encryption_key(session(path), "SKEYID_e")
    assert check_opened(script, path, {"keys": f"skeyid_e {initiator}:{responder} {key}"}) == 6


def test_the_table_in_the_preferences(script: Path) -> None:
    path = PCAPS / "gdoi" / "gdoi-pull-gap.json"
    initiator, _, key = encryption_key(session(path))
    assert check_opened(script, path, {"keys": f"kek {'00' * 16} 00; {initiator},{key}"}) == 6


def test_wireshark_s_own_table(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = PCAPS / "gdoi" / "gdoi-pull-gap.json"
    initiator, _, key = encryption_key(session(path))
    monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(tmp_path))
    (tmp_path / "ikev1_decryption_table").write_text(f"{initiator},{key}\n")
    assert check_opened(script, path, {}) == 6
    assert check_opened(script, path, {"wireshark_table": "FALSE"}, all_open=False) == 0


@pytest.mark.parametrize(
    "name", ["gdoi-pull-push-3des-sha1-rsa1024", "gdoi-pull-push-aes-cbc-sha256-rsa2048"]
)
def test_a_kek_by_its_spi_opens_the_pushes(script: Path, name: str, tmp_path: Path) -> None:
    """The first KEK alone: it opens its own pushes, and that with the next KEK leads on."""
    path = PCAPS / "gdoi" / f"{name}.json"
    pushes = [record for record in session(path)["messages"] if record["exchange_type"] == 33]
    kek = pushes[0]["kek"]
    keys = tmp_path / "kek.keys"
    spi = f"{pushes[0]['icookie']}:{pushes[0]['rcookie']}"
    keys.write_text(f"gsakmp-keys 1\nkek {spi} {kek_octets(kek)}\n")
    assert check_opened(script, path, {"key_file": str(keys)}, all_open=False) == len(pushes)


def kek_octets(kek: dict[str, str]) -> str:
    return kek["initialized IV"] + kek["key"]


def test_a_wrong_key_is_told(script: Path) -> None:
    path = PCAPS / "gdoi" / "gdoi-pull-gap.json"
    initiator, responder, key = encryption_key(session(path))
    wrong = f"{int(key[:2], 16) ^ 0x10:02x}{key[2:]}"
    preferences = {"keys": f"encryption_key {initiator}:{responder} {wrong}"}
    shown = list(frames(TSHARK, script, path.with_suffix(".pcap"), preferences))
    told = [any("does the key fit" in text for _, text in frame.notes) for frame in shown]
    assert told[4]
    assert not any(told[:4])


@pytest.mark.parametrize(("preferences", "says"), [
    ({"key_file": "/nowhere/to/be/found"}, "cannot be read"), ({"key_file": "/"}, "cannot be read"),
    ({"key_file": os.devnull}, "no key that the dissector can use"),
    ({"keys": "nonsense"}, "an entry that is none"), ({"keys": "kek 00 00"}, "an entry that is none"),
    ({"key_file": "/dev/zero"}, "a line of more than 65536 octets"),
    ({"key_file": "/dev/urandom"}, "more than 16777216 octets|a line of more"),
])  # fmt: skip
def test_trouble_with_keys_is_told_where_it_matters(
    script: Path, preferences: dict[str, str], says: str
) -> None:
    """Also of files that never end."""
    shown = list(frames(TSHARK, script, PCAPS / "gdoi" / "gdoi-pull-gap.pcap", preferences))
    told = [[text for name, text in frame.notes if name == "gdoi.expert.keys"] for frame in shown]
    assert [len(texts) for texts in told] == [0] * 4 + [1] * 6
    assert re.search(says, told[-1][0])
    assert not any(frame.faults for frame in shown)


def test_lines_that_straddle_pieces_of_a_key_file(script: Path, tmp_path: Path) -> None:
    """It is read in pieces of 65,536 octets; the key that counts lies across the end of one."""
    path = PCAPS / "gdoi" / "gdoi-pull-gap.json"
    initiator, responder, key = encryption_key(session(path))
    line = f"encryption_key {initiator}:{responder} {key}"
    keys = tmp_path / "long.keys"
    keys.write_text("gsakmp-keys 1\n" + "# a comment\n" * 5457 + " " * 30 + line)  # without an end
    assert keys.read_text().index(line) < 65_536 < keys.stat().st_size
    assert check_opened(script, path, {"key_file": str(keys)}) == 6


@pytest.mark.parametrize("kind", ["ours", "table"])
def test_key_files_that_an_editor_has_saved(script: Path, kind: str, tmp_path: Path) -> None:
    """A byte order mark, two characters at the ends of lines, blanks and 0x, all of which docs/keys.md allows."""
    path = PCAPS / "gdoi" / "gdoi-pull-gap.json"
    initiator, responder, key = encryption_key(session(path))
    line = f"encryption_key {initiator}:{responder} 0x{key}" if kind == "ours" else f"{initiator} , {key}"
    (tmp_path / "my.keys").write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n")
    shown = list(frames(TSHARK, script, path.with_suffix(".pcap"), {"key_file": str(tmp_path / "my.keys")}))
    assert not any(name == "gdoi.expert.keys" for frame in shown for name, _ in frame.notes)


def changed(source: Path, target: Path, order: Iterable[int]) -> list[int]:
    """A capture with the frames of another in that order, some left out or repeated."""
    there, chosen = list(read(source)), list(order)
    write(target, [there[number - 1] for number in chosen])
    return chosen


def test_retransmissions_and_lost_frames(script: Path, tmp_path: Path) -> None:
    """What is repeated opens again with the IV that it had; of what is lost, nothing else hangs on 12."""
    path, capture = PCAPS / "gdoi" / "gdoi-pull-push-3des-sha1-rsa1024.json", tmp_path / "changed.pcap"
    initiator, _, key = encryption_key(session(path))
    repeated = [1, 1, 2, 3, 4, 3, 5, 5, 6, 5, 7, 7, 8, 7, 8, 9, 10, 9, 10, 10, 11, 13, 11, 14]  # 12 is lost
    order = changed(path.with_suffix(".pcap"), capture, repeated)
    preferences = {"dialect": "gdoid", "keys": f"{initiator},{key}"}
    records = session(path)["messages"]
    for number, frame in zip(order, frames(TSHARK, script, capture, preferences), strict=True):
        octets = bytes.fromhex(records[number - 1]["wire"])
        message = gsakmp.parse(octets, dialect=GDOID)
        if message.encrypted:
            message = message.with_plaintext(bytes.fromhex(records[number - 1]["plaintext_after_header"]))
        assert difference(expected(message, octets), frame) == "", number


def test_the_wrong_iv_in_phase_1_is_told(script: Path, tmp_path: Path) -> None:
    """Nothing of the first block of message 6 is known without message 5."""
    path, capture = PCAPS / "gdoi" / "gdoi-pull-gap.json", tmp_path / "lost.pcap"
    initiator, _, key = encryption_key(session(path))
    changed(path.with_suffix(".pcap"), capture, [1, 2, 3, 4, 6, 7, 8, 9, 10])
    shown = list(frames(TSHARK, script, capture, {"dialect": "gdoid", "keys": f"{initiator},{key}"}))
    told = ["gdoi.expert.keys" in {name for name, _ in frame.notes} for frame in shown]
    assert told == [False] * 4 + [True] + [False] * 4


def test_a_capture_without_phase_1(script: Path, tmp_path: Path) -> None:
    path, capture = PCAPS / "gdoi" / "gdoi-pull-gap.json", tmp_path / "late.pcap"
    initiator, _, key = encryption_key(session(path))
    changed(path.with_suffix(".pcap"), capture, [5, 6, 7])
    shown = list(frames(TSHARK, script, capture, {"keys": f"{initiator},{key}"}))
    assert [[text for _, text in frame.notes] for frame in shown] == [
        ["Expert Info (Note/Decryption): phase 1 is not in the capture"]
    ] * 3


def test_two_passes_show_what_one_shows(script: Path) -> None:
    """As Wireshark itself does it: every frame is dissected again, when the file has been read."""
    path = PCAPS / "gdoi" / "gdoi-pull-push-3des-sha1-rsa1024.json"
    initiator, responder, key = encryption_key(session(path))
    options = ("-o", f"gdoi.keys:encryption_key {initiator}:{responder} {key}", "-o", "gdoi.dialect:gdoid")
    columns = ("frame.number", "gdoi.seq.sequence_number", "gdoi.sak.kek_algorithm", "gdoi.key_packet.spi")
    once = fields(script, path.with_suffix(".pcap"), *options, columns=columns)
    assert fields(script, path.with_suffix(".pcap"), "-2", *options, columns=columns) == once
    assert once[12].split("\t")[1:3] == ["3", "2"]


# -- filters, ports, domains ---------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "count"), [
    ("gdoi.sak.kek_algorithm", 11), ("gdoi.sak.kek_algorithm == 2", 11), ('gdoi.sak.kek_algorithm == "KEK_ALG_3DES"', 11),
    ("gdoi.sak.kek_algorithm == 3", 0), ("gdoi.gap.activation_time_delay == 60", 11),
    ("gdoi.esp_tek.destination_id_data.ipv4 == 239.1.1.1", 8), ("gdoi.group_delete", 1),
    ('gdoi.header.exchange_type == "GROUPKEY_PUSH"', 11), ("gdoi.header.flags.encryption == 1", 0),
    ('gdoi.exchange == "GROUPKEY_PULL"', 4), ('gdoi.domain == "GDOI"', 21), ("gdoi.header.exchange_type == 2", 6),
    ("gdoi.seq.sequence_number > 5", 6), ("gdoi.key_packet.kek_algorithm_key", 11),
])  # fmt: skip
def test_filters(script: Path, wanted: str, count: int) -> None:
    capture = PCAPS / "gdoi" / "plaintext" / "gdoi-pull-push-3des-sha1-rsa1024.pcap"
    assert len(fields(script, capture, "-o", "gdoi.dialect:gdoid", "-Y", wanted)) == count


def on_ports(source: Path, target: Path, port: int) -> None:
    marker = bytes(4) if port == 4500 else b""
    write(target, [
        Datagram(octets=marker + one.octets, source_port=port, destination_port=port,
                 source_address=one.source_address, destination_address=one.destination_address)
        for one in read(source)
    ])  # fmt: skip


@pytest.mark.parametrize("port", [500, 4500])
@pytest.mark.parametrize(("preference", "ours"), [("gdoi", 10), ("nothing", 0), ("all", 10)])
def test_gdoi_on_the_ports_of_ike(
    script: Path, tmp_path: Path, port: int, preference: str, ours: int
) -> None:
    """By the SA payload of phase 1, which names the domain, and then by the cookies."""
    capture = tmp_path / "moved.pcap"
    on_ports(PCAPS / "gdoi" / "gdoi-pull-gap.pcap", capture, port)
    options = ("-o", f"gdoi.other_ports:{preference}")
    assert len(fields(script, capture, *options, "-Y", "gdoi")) == ours
    assert len(fields(script, capture, *options, "-Y", "isakmp")) == 10 - ours
    pull = 'gdoi.header.exchange_type == "GROUPKEY_PULL"'
    assert len(fields(script, capture, *options, "-Y", pull)) == (4 if ours else 0)


def test_ike_stays_with_wireshark_s_own_dissector(script: Path) -> None:
    """ESP, keepalives and IKE of other domains look as if the dissector were not there."""
    for path in [*sorted((PCAPS / "ikev1").iterdir()), *sorted((PCAPS / "ikev2").glob("*.pcap"))]:
        without = fields(None, path, columns=COLUMNS)
        assert passed_on(fields(script, path, columns=COLUMNS)) == without
    version_2 = PCAPS / "ikev2" / "ikev2pI2.pcap"
    without = fields(None, version_2, columns=COLUMNS)
    assert passed_on(fields(script, version_2, "-o", "gdoi.other_ports:all", columns=COLUMNS)) == without


def test_what_wireshark_s_own_dissector_finds_malformed_is_no_error_of_ours(
    script: Path, tmp_path: Path
) -> None:
    """ESP too short for its SPI, and IKE too short for its header, on their own ports."""
    capture = tmp_path / "short.pcap"
    octets = [(4500, b"\xff" * 4), (4500, bytes(8)), (500, bytes(10)), (848, bytes(17) + b"\x20" + bytes(10))]
    write(capture, [
        Datagram(octets=each, source_port=port, destination_port=port,
                 source_address="192.0.2.1", destination_address="192.0.2.2")
        for port, each in octets
    ])  # fmt: skip
    columns = ("_ws.expert.message", "_ws.malformed")
    without = fields(None, capture, columns=columns)
    shown = fields(script, capture, columns=columns)
    assert shown[:3] == without[:3]
    assert any("Malformed" in line for line in shown)
    assert not any("Lua" in line for line in shown)


def passed_on(lines: list[str]) -> list[str]:
    """Without the dissector's own name in the list of protocols, through whose hands the frames went."""
    return [line.replace(":gdoi:", ":") for line in lines]


class MyKeyAttribute(OpenEnum, width=16, source="an example"):
    """Attributes of a key packet of one's own."""

    MY_KEY = 1, "an example", "V"


def test_a_domain_of_one_s_own(tmp_path: Path) -> None:
    """What a table adds appears by itself, under its own name."""
    table = AttributeTable("my key packet", MyKeyAttribute, {1: variable(doc="a key", secret=True)})
    mine = GDOI.extended("GDOI", key_packets={200: table})
    script, capture = tmp_path / "mine.lua", tmp_path / "mine.pcap"
    script.write_text(dissector([gsakmp.ISAKMP, gsakmp.IPSEC, mine]), encoding="utf-8")
    packet = KeyPacket(
        kd_type=KeyDownloadType(200), attributes=(Attribute(MyKeyAttribute.MY_KEY, b"secret"),)
    )
    message = Message(
        exchange_type=GDOIExchangeType.GROUPKEY_PULL, payloads=(KeyDownload(key_packets=(packet,)),), doi=mine
    )
    write(capture, [Datagram(octets=message.build())])
    assert fields(script, capture, columns=["gdoi.key_packet.my_key"]) == [b"secret".hex(":")]


def test_thousands_of_items(script: Path, tmp_path: Path) -> None:
    """The most that a datagram can hold of payloads and of SPIs without octets: notes, not a hang."""
    payloads = tuple(UnknownPayload(200, b"") for _ in range(256))
    many = Message(exchange_type=32, payloads=payloads).build()
    more = many[:24] + (len(many) + 4).to_bytes(4, "big") + many[28:-4] + bytes.fromhex("c8000004 00000004")
    spis = bytes.fromhex("0000000c 00000002 01 00 ffff")
    delete = (
        Message(exchange_type=33).build()[:16] + b"\x0c\x10\x21" + bytes(5) + (40).to_bytes(4, "big") + spis
    )
    capture = tmp_path / "many.pcap"
    write(capture, [Datagram(octets=octets) for octets in (many, more, delete)])
    shown = list(frames(TSHARK, script, capture, {}))
    assert [frame.malformed for frame in shown] == [False, True, True]
    assert not any(frame.faults for frame in shown)


IMPOSSIBLE = bytes(range(16)) + bytes([1, 0x30, 2, 1]) + bytes(range(60))
LONG = bytes(range(16)) + bytes([1, 0x10, 2, 0]) + bytes(range(100, 160))
"""As ESP may look: of version 3, and of version 1 with a length of more than a datagram."""


@pytest.mark.parametrize(("port", "octets", "names", "data"), [
    (848, IMPOSSIBLE, ["version"], 80), (500, IMPOSSIBLE, ["version"], 80),
    (4500, bytes(4) + IMPOSSIBLE, ["version"], 84), (9848, IMPOSSIBLE, ["data"], 80), (9848, LONG, ["data"], 80),
    (9848, LONG[:17] + b"\x20" + LONG[18:], ["data"], 80),
])  # fmt: skip
def test_what_is_no_message(
    script: Path, tmp_path: Path, port: int, octets: bytes, names: list[str], data: int
) -> None:
    """One note, and data. On a port that the preferences add it may be ESP, and is no fault."""
    capture = tmp_path / "no.pcap"
    write(capture, [Datagram(octets=octets, source_port=port, destination_port=port,
                             source_address="192.0.2.1", destination_address="192.0.2.2")])  # fmt: skip
    preferences = {"ports": "848,9848", "other_ports": "all"}
    (frame,) = frames(TSHARK, script, capture, preferences)
    assert [name for name, _ in frame.notes] == [f"gdoi.expert.{name}" for name in names]
    assert (frame.malformed, frame.fields) == (names == ["version"], [])
    options = [part for name, value in preferences.items() for part in ("-o", f"gdoi.{name}:{value}")]
    assert fields(script, capture, *options, columns=["data.len"]) == [str(data)]


def test_the_most_useful_filters(script: Path) -> None:
    """Those at the top of the page find something in the session that docs/wireshark.md opens."""
    path = PCAPS / "gdoi" / "gdoi-pull-push-aes-cbc-sha256-rsa2048.json"
    initiator, responder, key = encryption_key(session(path))
    options = ("-o", f"gdoi.keys:encryption_key {initiator}:{responder} {key}")
    found = {each: len(fields(script, path.with_suffix(".pcap"), *options, "-Y", each)) for each in USEFUL}
    nothing = {"gdoi.ciphertext && !gdoi.plaintext", '_ws.expert.group == "Malformed" && gdoi'}
    assert len(USEFUL) == 10
    assert {each for each, count in found.items() if not count} <= nothing | {
        "gdoi.group_delete || gdoi.delete"
    }
    none = fields(script, path.with_suffix(".pcap"), "-Y", "gdoi.ciphertext && !gdoi.plaintext")
    assert len(none) == 12
    standard = ("-o", "gdoi.dialect:standard", "-Y", '_ws.expert.group == "Malformed" && gdoi')
    assert len(fields(script, path.with_suffix(".pcap"), *options, *standard)) == 4


def test_as_a_plugin(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the folder that `gsakmp wireshark --install` writes to."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    folder = tmp_path / ".local" / "lib" / "wireshark" / "plugins"
    folder.mkdir(parents=True)
    shutil.copy(script, folder / "gdoi.lua")
    command = [TSHARK, "-r", str(PCAPS / "gdoi" / "gdoi-pull-gap.pcap"), "-Y", "gdoi"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
    if done.returncode and "Lua" not in done.stderr:
        skip_or_fail("this tshark loads no plugins for this user")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 10
