"""The recorded GDOI sessions, read without the library: `tests.independent` reads the octets, the JSON beside
each capture gives plaintexts, keys and the order of things."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.conftest import PCAPS
from tests.independent import Payload, read_chain, read_message

GDOI: Final = 2
PULL, PUSH = 32, 33
AGGRESSIVE: Final = 4
SA, HASH, SIGNATURE, NONCE, DELETE, SAK, SAT, KD, KE = 1, 8, 9, 10, 12, 15, 16, 17, 4
"""Payload types (RFC 2408, 3.1; RFC 6407, 5)."""
KEY, SECOND_KEY = 1, 2
"""In a key packet: TEK_ALGORITHM_KEY and TEK_INTEGRITY_KEY (RFC 6407, 5.6.1), KEK_ALGORITHM_KEY and
SIG_ALGORITHM_KEY (5.6.2)."""
TEK_PACKET, KEK_PACKET = 1, 2


@dataclass(frozen=True)
class RecordedMessage:
    """One message: header fields as the JSON has them, payloads as the second reader has them."""

    number: int
    at: float
    source: str
    destination: str
    exchange: int
    message_id: int
    wire: bytes
    plaintext: bytes | None
    payloads: list[Payload] = field(repr=False)
    kek: dict[str, str] | None = field(repr=False)
    """Key and IV by which the daemon says that it made a push."""

    def one(self, kind: int) -> Payload:
        """The one payload of that type."""
        (found,) = self.all(kind)
        return found

    def all(self, kind: int) -> list[Payload]:
        """The payloads of that type."""
        return [payload for payload in self.payloads if payload["type"] == kind]


class RecordedSession:
    """A session. `messages` in the order of the capture; the member is who sends the first."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.stem
        self.recorded: dict[str, Any] = json.loads(path.read_text())
        self.big_endian = "loopback" in path.name
        self.messages = [self._message(m) for m in self.recorded["messages"]]
        self.member, self.gcks = self.messages[0].source, self.messages[0].destination
        self.aggressive = self.messages[0].exchange == AGGRESSIVE

    def _message(self, found: dict[str, Any]) -> RecordedMessage:
        wire = bytes.fromhex(found["wire"])
        plaintext, daemon = found["plaintext_after_header"], not self.big_endian
        whole = read_message(wire, GDOI, daemon)
        payloads, exchange = whole["payloads"], found["exchange_type"]
        if plaintext is not None:
            octets = bytes.fromhex(plaintext)
            payloads, _ = read_chain(whole["next_payload"], octets, GDOI, exchange, daemon)
        return RecordedMessage(
            number=found["n"],
            at=float(found["time"]),
            source=found["src"],
            destination=found["dst"],
            exchange=exchange,
            message_id=int(found["message_id"], 16),
            wire=wire,
            plaintext=None if plaintext is None else bytes.fromhex(plaintext),
            payloads=payloads,
            kek=found.get("kek"),
        )

    def of(self, exchange: int) -> list[RecordedMessage]:
        """All messages of one exchange type."""
        return [m for m in self.messages if m.exchange == exchange]

    def logged(self, name: str) -> bytes:
        """The first value of that name in the daemon's log."""
        return next(bytes.fromhex(d["value"]) for d in self.recorded["derived"] if d["name"] == name)


@dataclass
class RecordedKeys:
    """What a member must hold, by SPI: KEK_ALGORITHM_KEY, and both keys of each TEK, all hexadecimal."""

    keks: dict[str, str] = field(default_factory=dict)
    teks: dict[str, tuple[str, str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    signature_keys: set[str] = field(default_factory=set)
    fresh: list[str] = field(default_factory=list)
    """TEKs that the last message was the first to bring."""

    def take(self, message: RecordedMessage) -> None:
        """Learn what a message of a pull or a push brings."""
        self.fresh = []
        offered = [part for sa in message.all(SA) for part in sa.get("sa_attributes", ())]
        (new_kek,) = [part["spi"] for part in offered if part["type"] == SAK] or [""]
        packets = [packet for kd in message.all(KD) for packet in kd["key_packets"]]
        for packet in packets:
            given = {a["type"]: a["value"] for a in packet["attributes"]}
            if packet["type"] == KEK_PACKET:
                # a pull's SA is in the message before
                self.keks.setdefault(new_kek or packet["spi"], given[KEY])
                self.signature_keys.add(given[SECOND_KEY])
            elif packet["spi"] not in self.teks:
                self.fresh.append(packet["spi"])
                self.teks[packet["spi"]] = given.get(KEY, ""), given.get(SECOND_KEY, "")
        for delete in message.all(DELETE):
            self.deleted.update(delete["spis"])

    @property
    def kek(self) -> str:
        """The SPI of the Rekey SA that came last; empty without."""
        return next(reversed(self.keks), "")


def without_parity(key: str) -> bytes:
    """A DES key of any number of parts without the lowest bit of each octet, which is parity."""
    return bytes(octet & 0xFE for octet in bytes.fromhex(key))


def sessions() -> list[Path]:
    """The JSON of each capture."""
    return sorted((PCAPS / "gdoi").glob("*.json"))
