"""The dissector finds out by itself in which dialect peers speak, as the library does; what its preferences take."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Collection
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from gsakmp.captures import PORTS, Datagram, read, write
from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.opening.opener import Opener
from gsakmp.crypto import KEK, kek_cipher
from gsakmp.doi import GDOI, GDOID, STANDARD, Dialect
from gsakmp.message import Message
from gsakmp.payloads import ESPTEK, SATEK, Attribute, GroupSA, SequenceNumber, Signature
from gsakmp.registries import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    ESPTransformID,
    GDOIExchangeType,
    GDOIIDType,
    HeaderFlag,
    IPProtocol,
    IPsecAttribute,
    KEKAlgorithm,
    TEKProtocolID,
)
from tests.conftest import PCAPS, ROOT
from tests.interop.wireshark_fields import expected
from tests.interop.wireshark_pdml import difference, frames
from tests.interop.wireshark_running import TSHARK, encryption_key, fields, session, written_script
from tests.unit.cli.commands import process

SESSIONS = sorted((PCAPS / "gdoi").glob("*.json"))


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dissector as a file."""
    return written_script(tmp_path_factory.mktemp("wireshark"))


# -- what tells a dialect -------------------------------------------------------------------------------


def compare_with_opener(
    script: Path, capture: Path, opener: Opener, preferences: dict[str, str], ports: Collection[int] = PORTS
) -> dict[str, int]:
    """Compare with what the library opens; how many decrypted messages there are of each dialect."""
    found: dict[str, int] = {}
    shown = {frame.number: frame for frame in frames(TSHARK, script, capture, preferences)}
    for opened in opener.feed_all(read(capture, ports)):
        frame, datagram = shown[opened.datagram.frame], opened.datagram
        if opened.shown is None:  # ESP
            assert [name for name, _ in frame.notes] == ["gdoi.expert.data"]
            continue
        assert difference(expected(opened.shown, datagram.octets), frame) == "", f"frame {datagram.frame}"
        assert not frame.malformed
        if opened.plaintext is not None:
            name = opened.plaintext.dialect.name
            found[name] = found.get(name, 0) + 1
    return found


DIALECTS_FOUND = {
    "gdoi-aggressive-mode": {"standard": 2}, "gdoi-loopback-ks": {"standard": 6},
    "gdoi-pull-gap": {"standard": 3, "gdoid": 3}, "gdoi-pull-iec90-5-predraft": {"standard": 6},
    "gdoi-pull-push-3des-sha1-rsa1024": {"standard": 3, "gdoid": 14},
    "gdoi-pull-push-aes-cbc-sha256-rsa2048": {"standard": 3, "gdoid": 9},
}  # fmt: skip
"""Phase 1, whose octets no dialect changes, counts as the standard's."""


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_the_dialect_is_found_as_the_library_finds_it(script: Path, path: Path) -> None:
    """With the preferences as they are at first, both decrypt and choose by themselves."""
    initiator, responder, key = encryption_key(session(path))
    preferences = {"keys": f"encryption_key {initiator}:{responder} {key}"}
    opener = Opener(read_keys(path.with_suffix(".keys")))
    found = compare_with_opener(script, path.with_suffix(".pcap"), opener, preferences)
    assert found == DIALECTS_FOUND[path.stem]


SPI, KEK_AES = bytes(range(0xA0, 0xB0)), bytes(range(32))


def push(number: int, destination: str, dialect: Dialect, key_length: int = 128) -> Datagram:
    """A push with a TEK alone, whose addresses and key length are all that tells its dialect."""
    attributes = (
        Attribute(IPsecAttribute.ENCAPSULATION_MODE, EncapsulationMode.TUNNEL),
        Attribute(IPsecAttribute.KEY_LENGTH, key_length),
        Attribute(IPsecAttribute.AUTHENTICATION_ALGORITHM, AuthenticationAlgorithm.HMAC_SHA),
    )
    tek = ESPTEK(
        protocol=IPProtocol.ANY,
        source_id_type=GDOIIDType.ID_IPV4_ADDR, source_id_port=0, source_id_data=IPv4Address("10.0.0.1"),
        destination_id_type=GDOIIDType.ID_IPV4_ADDR, destination_id_port=0, destination_id_data=IPv4Address(destination),
        transform_id=ESPTransformID.ESP_AES_CBC, spi=bytes([1, 2, 3, number]), attributes=attributes,
    )  # fmt: skip
    sat = SATEK(protocol_id=TEKProtocolID.GDOI_PROTO_IPSEC_ESP, tek=tek)
    payloads = (SequenceNumber(number), GroupSA(sa_attributes=(sat,)), Signature(bytes(128)))
    message = Message(exchange_type=GDOIExchangeType.GROUPKEY_PUSH, initiator_cookie=SPI[:8],
                      responder_cookie=SPI[8:], payloads=payloads, dialect=dialect, doi=GDOI)  # fmt: skip
    octets = message.build()
    kek = KEK.parse(kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128), KEK_AES)
    ciphertext = kek.encrypt(octets[28:])
    head = octets[:19] + bytes([HeaderFlag.ENCRYPTION]) + octets[20:24]
    return Datagram(octets=head + (28 + len(ciphertext)).to_bytes(4, "big") + ciphertext)


@pytest.mark.parametrize(("dialect", "sent", "key_length", "shown", "found"), [
    (STANDARD, ["239.192.1.1", "10.1.2.3"], 128, ["239.192.1.1", "10.1.2.3"], "standard"),
    (GDOID, ["239.192.1.1", "10.1.2.3"], 128, ["239.192.1.1", "10.1.2.3"], "gdoid"),
    (GDOID, ["10.1.2.3"], 0, ["10.1.2.3"], "gdoid"),  # a key length of 0, which only gdoid sends
    (STANDARD, ["10.1.2.3"], 128, ["10.1.2.3"], "standard"),
    (GDOID, ["10.1.2.3"], 128, ["3.2.1.10"], "standard"),  # from which nothing can be told
])  # fmt: skip
def test_a_rekey_sa_keeps_its_dialect(
    script: Path, tmp_path: Path, dialect: Dialect, sent: list[str], key_length: int, shown: list[str],
    found: str,
) -> None:  # fmt: skip
    """A multicast address tells it, for the pushes that follow, too."""
    capture, keys = tmp_path / "pushes.pcap", tmp_path / "kek.keys"
    write(capture, [push(n, each, dialect, key_length) for n, each in enumerate(sent, 1)])
    keys.write_text(f"gsakmp-keys 1\nkek {SPI[:8].hex()}:{SPI[8:].hex()} {KEK_AES.hex()}\n")
    counts = compare_with_opener(script, capture, Opener(read_keys(keys)), {"key_file": str(keys)})
    assert counts == {found: len(sent)}
    name = "gdoi.esp_tek.destination_id_data.ipv4"
    for passes in ((), ("-2",)):
        assert fields(script, capture, *passes, "-o", f"gdoi.key_file:{keys}", columns=[name]) == shown


@pytest.mark.parametrize(("preferences", "says"), [
    ({"dialect": "auto"}, "gdoi.dialect is 'auto', none of automatic, standard, gdoid"),
    ({"other_ports": "500"}, "gdoi.other_ports is '500', none of gdoi, nothing, all"),
])  # fmt: skip
def test_a_word_that_a_preference_does_not_know(script: Path, preferences: dict[str, str], says: str) -> None:
    """A note, a word on standard error, and the default."""
    capture = PCAPS / "gdoi" / "gdoi-pull-gap.pcap"
    shown = list(frames(TSHARK, script, capture, preferences))
    assert all(frame.notes[0][0] == "gdoi.expert.preference" for frame in shown)
    assert all(says in frame.notes[0][1] for frame in shown)
    name, value = next(iter(preferences.items()))
    command = [TSHARK, "-X", f"lua_script:{script}", "-r", str(capture), "-o", f"gdoi.{name}:{value}"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True, text=True)
    assert done.stderr.count(says) == 1


@pytest.mark.parametrize("word", ["automatic", " GDOID ", "", "gdoid-big-endian"])
def test_words_that_a_preference_knows(script: Path, word: str) -> None:
    shown = frames(TSHARK, script, PCAPS / "gdoi" / "gdoi-pull-gap.pcap", {"dialect": word})
    assert not any(name == "gdoi.expert.preference" for frame in shown for name, _ in frame.notes)


@pytest.mark.slow
def test_the_demo_opens_with_one_member_s_key(script: Path, tmp_path: Path) -> None:
    """LKH: the arrays are followed along the path of one member; an evicted one's path ends."""
    output = tmp_path / "demo.pcap"  # ours, of the standard's dialect
    done = process("demo", "--output", output, "--port", 21_960)
    assert done.status == 0, done.err
    keys = output.with_suffix(".keys").read_text().splitlines()
    phase_1 = [line for line in keys if line.startswith("encryption_key ")]
    options = ("-o", "gdoi.ports:848,21960-21961", "-Y", 'gdoi.exchange == "GROUPKEY_PUSH"')
    opened = []
    for line in phase_1[:3]:  # alice, bob, carol
        columns = ("frame.number", "gdoi.seq.sequence_number", "gdoi.lkh_update_array.lkh_id")
        rows = fields(script, output, *options, "-o", f"gdoi.keys:{line}", columns=columns)
        opened.append([row.split("\t")[1] != "" for row in rows])
    assert len(opened[0]) >= 5
    assert any(all(one) for one in opened)  # who was there from the beginning
    assert sorted(one[-1] for one in opened) == [False, True, True]  # carol is evicted, and could read before
    assert all(any(one) for one in opened)
    preferences = {"ports": "848,21960-21961", "keys": ";".join(phase_1)}
    ports = (21_960, 21_961)
    opener = Opener(read_keys(output.with_suffix(".keys")), ports=ports)
    assert compare_with_opener(script, output, opener, preferences, ports).keys() == {"standard"}


def test_the_session_that_the_guide_opens(tmp_path: Path) -> None:
    """Every command of the first example under "Keys" in docs/wireshark.md, and what it prints."""
    guide = (ROOT / "docs" / "wireshark.md").read_text(encoding="utf-8")
    example = guide.partition("## Keys")[2].partition("```console\n")[2].partition("```")[0].splitlines()
    (tmp_path / "pcaps").symlink_to(PCAPS)
    programs = {"gsakmp": [sys.executable, "-m", "gsakmp"], "tshark": [TSHARK], "cp": ["cp"]}
    printed: list[str] = []
    for line in example:
        if line.startswith("$ "):
            name, *arguments = shlex.split(line[2:])
            command = [*programs[name], *arguments]
            done = subprocess.run(
                command, cwd=tmp_path, capture_output=True, timeout=60, check=True, text=True
            )
            printed += [line, *done.stdout.splitlines()]
    assert len(printed) == 5 + 6
    assert [" ".join(line.split()) for line in printed] == [" ".join(line.split()) for line in example]
