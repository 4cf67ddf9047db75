"""Hashes and ciphers of the dissector, run by tshark's own Lua, beside hashlib and pyca/cryptography."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
from pathlib import Path
from random import Random

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from gsakmp.wireshark.constants import constants
from gsakmp.wireshark.dissector import assigned, part
from tests.conftest import PCAPS, require_tool

TSHARK = require_tool("tshark")
HASHES = ("md5", "sha1", "sha256", "sha384", "sha512")
SIZES = (0, 1, 3, 55, 56, 57, 63, 64, 65, 111, 112, 113, 119, 120, 127, 128, 129, 200, 1000)
"""Octets around the ends of blocks, where padding takes another turn."""
CIPHERS = (("aes", 16), ("aes", 24), ("aes", 32), ("3des", 24), ("des", 8))


def printed(lines: list[str], folder: Path) -> list[str]:
    """What the runtime's own code answers, a line a question."""
    source = "local G = {}\n" + assigned("constants", constants())
    source += "".join(part(name) for name in ("bits", "hashes", "ciphers"))
    source += "".join(f'print("answer " .. {line})\n' for line in lines)
    script = folder / "crypto.lua"
    script.write_text(source, encoding="ascii")
    capture = PCAPS / "gdoi" / "gdoi-pull-gap.pcap"
    command = [TSHARK, "-X", f"lua_script:{script}", "-r", str(capture), "-c", "1"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True, text=True)
    assert "Lua" not in done.stderr, done.stderr
    return [line.removeprefix("answer ") for line in done.stdout.splitlines() if line.startswith("answer ")]


def octets(value: bytes) -> str:
    return f'G.unhex("{value.hex()}")'


def test_hashes_and_hmac(tmp_path: Path) -> None:
    random, lines, wanted = Random(1), [], []
    for size in SIZES:
        data, key = random.randbytes(size), random.randbytes(random.choice((0, 20, 64, 65, 128, 129)))
        for name in HASHES:
            lines.append(f"G.hex(G.hashes.{name}({octets(data)}))")
            wanted.append(hashlib.new(name, data).hexdigest())
            lines.append(f'G.hex(G.hmac("{name}", {octets(key)}, {octets(data)}))')
            wanted.append(hmac.new(key, data, name).hexdigest())
    assert printed(lines, tmp_path) == wanted


def test_ciphers(tmp_path: Path) -> None:
    random, lines, wanted = Random(2), [], []
    for turn in range(100):
        name, size = CIPHERS[turn % len(CIPHERS)]
        block = 16 if name == "aes" else 8
        key, iv, plain = (
            random.randbytes(size),
            random.randbytes(block),
            random.randbytes(block * random.randint(1, 9)),
        )
        cipher = AES(key) if name == "aes" else TripleDES(key if size == 24 else 3 * key)
        context = Cipher(cipher, CBC(iv)).encryptor()
        ciphertext = context.update(plain) + context.finalize()
        lines.append(f'G.hex(G.decrypt("{name}", {octets(key)}, {octets(iv)}, {octets(ciphertext)}))')
        wanted.append(plain.hex())
    assert printed(lines, tmp_path) == wanted


def test_sizes_that_do_not_fit(tmp_path: Path) -> None:
    lines = [f'tostring(G.decrypt({name}, {octets(bytes(key))}, {octets(bytes(iv))}, {octets(bytes(text))}))'
             for name, key, iv, text in (('"aes"', 15, 16, 16), ('"aes"', 16, 8, 16), ('"aes"', 16, 16, 17),
                                         ('"3des"', 16, 8, 8), ('"rot13"', 16, 16, 16), ("nil", 16, 16, 16))]  # fmt: skip
    assert printed(lines, tmp_path) == ["nil"] * 6
