"""tshark's decryption of IKEv1 and ESP beside ours, with the tables that we write for it.

It knows the encryption key alone, so it decrypts and checks nothing; and of a phase 1 whose SA payload has GDOI's
domain it reads no transform, so it decrypts nothing at all.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from gsakmp import captures
from gsakmp.captures import Datagram, read
from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.keytables import esp_table_lines, wireshark_lines
from gsakmp.captures.opened import ExchangeKind, Opened
from gsakmp.captures.opening import Opener
from gsakmp.crypto import gcm
from gsakmp.crypto.esp import seal_esp, sender_iv
from gsakmp.registries import ESPTransformID
from tests.unit.captures.opening_world import LOGS

DATA_SOURCE = re.compile(r"^(\S.*) \(\d+ bytes\):$")
DUMPED = re.compile(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ){1,16})", re.MULTILINE)


def decrypted(tshark: str, path: Path, source: str, *options: str) -> dict[int, bytes]:
    """By frame: the octets that tshark has made a data source of that name of."""
    done = subprocess.run(
        [tshark, "-r", str(path), "-x", *options], capture_output=True, text=True, timeout=60, check=True
    )
    found: dict[int, bytes] = {}
    frame, name = 0, ""
    for line in done.stdout.splitlines():
        if heading := DATA_SOURCE.match(line):
            name = heading[1]
            frame += name == "Frame"
        elif not line:
            name = name if name != "Frame" else ""
        elif name == source and (dump := DUMPED.match(line)):
            found[frame] = found.get(frame, b"") + bytes.fromhex(dump[1])
        elif line.startswith("0000 ") and not name:  # a frame with a single source has no heading
            frame += 1
    return found


def table(opener: Opener) -> list[str]:
    (line,) = wireshark_lines(opener.learnt)
    return ["-o", f"uat:ikev1_decryption_table:{line.strip()}"]


def ours(found: list[Opened]) -> dict[int, bytes]:
    return {
        each.datagram.frame: each.plaintext_octets
        for each in found
        if each.plaintext_octets and each.kind is not ExchangeKind.PUSH
    }


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_strongswans_captures(tshark: str, mode: str) -> None:
    path = LOGS / f"strongswan-{mode}.pcap"
    opener = Opener(read_keys(LOGS / f"strongswan-{mode}.log"))
    found = list(opener.feed_all(read(path)))
    theirs = decrypted(tshark, path, "Decrypted IKE", *table(opener))
    assert theirs == ours(found)
    assert len(theirs) >= 2


def test_esp(tshark: str, tmp_path: Path) -> None:
    spi, key = b"\x0a\x0b\x0c\x0d", bytes(range(20))
    keyring = Keyring([Secret(Kind.TEK, "0a0b0c0d/ESP_AES_GCM_16", key)])
    packet = seal_esp(
        gcm(ESPTransformID.ESP_AES_GCM_16, 128), key, spi, 1, sender_iv(1, 16, 1), 59, b"a payload"
    )
    path = tmp_path / "esp.pcap"
    captures.write(path, [Datagram(packet, source_address="192.0.2.1", protocol=50)])
    (datagram,) = read(path, esp=True)
    assert (datagram.protocol, datagram.octets) == (50, packet)
    lines = [option for line in esp_table_lines(keyring) for option in ("-o", f"uat:esp_sa:{line.strip()}")]
    done = subprocess.run(
        [
            *(tshark, "-r", str(path), "-o", "esp.enable_encryption_decode:TRUE", *lines),
            *("-T", "fields", "-e", "esp.contained_data"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = Opener(keyring).feed(datagram)
    assert done.stdout.strip() == found.plaintext_octets.hex() == b"a payload".hex()
