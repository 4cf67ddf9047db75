"""What the fuzzer starts from: captured messages, with their encryption undone, and messages made from the
definitions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from gsakmp.captures import read
from gsakmp.doi import GDOID, GDOID_BIG_ENDIAN
from gsakmp.message import Message
from tests.fuzz.judge import Context
from tests.independent import read_chain
from tests.strategies import messages

__all__ = ["CORPUS", "Seed", "captured", "corpus", "generated"]

ROOT = Path(__file__).resolve().parents[2]
PCAPS = ROOT / "pcaps"
CORPUS = Path(__file__).resolve().parent / "corpus"

Seed = tuple[bytes, Context]


def cleared(wire: bytes, plaintext: bytes) -> bytes:
    """The message with its encryption undone: the flag cleared, the length that of the plaintext."""
    length = 28 + len(plaintext)
    return wire[:19] + bytes([wire[19] & 0xFE]) + wire[20:24] + length.to_bytes(4, "big") + plaintext


def captured() -> list[Seed]:
    """The messages of the shipped captures."""
    out: list[Seed] = []
    for path in sorted((PCAPS / "gdoi").glob("*.json")):
        context = Context(848, None, GDOID_BIG_ENDIAN if "loopback" in path.name else GDOID)
        for message in json.loads(path.read_text())["messages"]:
            wire = bytes.fromhex(message["wire"])
            if message["plaintext_after_header"]:
                plaintext = bytes.fromhex(message["plaintext_after_header"])
                _, padding = read_chain(wire[16], plaintext, 2, wire[18], daemon="loopback" not in path.name)
                wire = cleared(wire, plaintext[: len(plaintext) - len(padding)])
            out.append((wire, context))
    for path in sorted((PCAPS / "ikev1").iterdir()):
        out += [(d.octets, Context(500)) for d in read(path) if d.source_port == 500]
    return [(octets, context) for octets, context in out if len(octets) <= 400]


def generated(count: int) -> list[Seed]:
    """Messages made from the definitions, the same ones each time."""
    out: list[Seed] = []

    @settings(max_examples=count, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(messages())
    def collect(message: Message) -> None:
        octets = message.build()
        if 40 < len(octets) <= 300:
            out.append((octets, Context(848, message.doi, message.dialect)))

    collect()
    return out


def corpus() -> list[tuple[Path, Seed]]:
    """The files of `corpus/`: a line that says how to read the message, then the message in hex."""
    out: list[tuple[Path, Any]] = []
    for path in sorted(CORPUS.glob("*.txt")):
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        out.append((path, (bytes.fromhex("".join(lines[1:])), Context.from_text(lines[0]))))
    return out
