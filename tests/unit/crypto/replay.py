"""A recorded GDOI session worked through once more with the library's cryptography.

The JSON beside each capture gives the messages and g^xy; everything else is computed here, message by
message, and put into `Replay.values` under the names that the recording uses.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gsakmp
from gsakmp import crypto
from gsakmp.crypto.ciphers import CBCCipher
from gsakmp.doi import GDOID, GDOID_BIG_ENDIAN
from gsakmp.payloads import SA, SAKEK, GroupSA, IKETransform, KeyDownload
from gsakmp.registries import (
    EncryptionAlgorithm,
    HashAlgorithm,
    IKEAttribute,
    KEKAttribute,
    KEKKeyAttribute,
    KeyDownloadType,
    PayloadType,
)
from tests.conftest import PCAPS

AGGRESSIVE, PULL, PUSH = 4, 32, 33


def sessions() -> list[Path]:
    return sorted((PCAPS / "gdoi").glob("*.json"))


def split(first: int, octets: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The payloads, each with its generic header (RFC 2408, 3.2), and the padding."""
    out, at = [], 0
    while first:
        size = int.from_bytes(octets[at + 2 : at + 4], "big")
        assert 4 <= size <= len(octets) - at
        out.append((first, octets[at : at + size]))
        first, at = octets[at], at + size
    return out, octets[at:]


def body(payloads: list[tuple[int, bytes]], kind: PayloadType) -> bytes:
    """The body of the one payload of this kind."""
    (found,) = [octets[4:] for number, octets in payloads if number == kind]
    return found


def after_hash(payloads: list[tuple[int, bytes]]) -> bytes:
    assert payloads[0][0] == PayloadType.HASH
    return b"".join(octets for _, octets in payloads[1:])


@dataclass
class Push:
    """A PUSH, decrypted, with what its signature needs."""

    wire: bytes
    payloads: list[tuple[int, bytes]]
    padding: bytes
    scheme: tuple[Any, Any]
    """SIG_ALGORITHM and SIG_HASH_ALGORITHM."""
    public_key: bytes
    check: dict[str, Any]

    @property
    def signature(self) -> bytes:
        return body(self.payloads, PayloadType.SIGNATURE)

    @property
    def signed(self) -> bytes:
        return b"".join(octets for kind, octets in self.payloads if kind != PayloadType.SIGNATURE)

    @property
    def unpadded(self) -> int:
        return 28 + sum(len(octets) for _, octets in self.payloads)


@dataclass
class Replay:
    """One session; `run` works through it. `decrypted` counts the messages whose plaintext came out as
    recorded, `hashes` the HASH payloads that were right."""

    path: Path
    values: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    pushes: list[Push] = field(default_factory=list)
    decrypted: int = 0
    hashes: int = 0

    def run(self) -> Replay:
        self.recorded = json.loads(self.path.read_text())
        self.dialect = GDOID_BIG_ENDIAN if "loopback" in self.path.name else GDOID
        self.shared = next(bytes.fromhex(d["value"]) for d in self.recorded["derived"] if d["name"] == "g^xy")
        self.iv = b""
        self.keks: dict[bytes, tuple[crypto.KEK, tuple[Any, Any], bytes]] = {}
        self.sa_kek: SAKEK | None = None
        phase_1: list[list[tuple[int, bytes]]] = []
        pull: list[list[tuple[int, bytes]]] = []
        for record in self.recorded["messages"]:
            wire = bytes.fromhex(record["wire"])
            if record["exchange_type"] == PUSH:
                self.push(record, wire)
            elif record["exchange_type"] == PULL:
                pull.append(self.opened(record, wire, first=not pull))
                self.pull(record, wire, pull)
            else:
                phase_1.append(self.opened(record, wire))
                self.phase_1(record, wire, phase_1)
        return self

    def opened(self, record: dict[str, Any], wire: bytes, first: bool = False) -> list[tuple[int, bytes]]:
        """The payloads of a message, decrypted; `first` is the first one of a phase 2 exchange."""
        if not wire[19] & 1:
            return split(wire[16], wire[28:])[0]
        if first:
            self.last_block = self.iv
            self.iv = self.keys.message_iv(self.last_block, int.from_bytes(wire[20:24], "big"))
            self.values["initialized IV"].append(self.iv)
        plaintext = self.keys.decrypt(self.iv, wire[28:])
        payloads, padding = split(wire[16], plaintext)
        self.same(plaintext, record)
        assert self.keys.encrypt(self.iv, plaintext[: len(plaintext) - len(padding)]) == wire[28:]
        self.iv = self.keys.cipher.next_iv(wire[28:])
        self.values["updated IV"].append(self.iv)
        return payloads

    def same(self, plaintext: bytes, record: dict[str, Any]) -> None:
        assert plaintext.hex() == record["plaintext_after_header"]
        self.decrypted += 1

    def checked(self, name: str, expected: bytes, payloads: list[tuple[int, bytes]]) -> None:
        """`expected` must be what the message's HASH payload has."""
        self.values[name].append(expected)
        crypto.check_hash(expected, body(payloads, PayloadType.HASH))
        self.hashes += 1

    def phase_1(self, record: dict[str, Any], wire: bytes, messages: list[list[tuple[int, bytes]]]) -> None:
        aggressive = record["exchange_type"] == AGGRESSIVE
        count = len(messages)
        if count == (2 if aggressive else 4):
            self.derive(messages[0], *messages[-2:], responder_cookie=wire[8:16])
        arguments = (self.public_i, self.public_r, self.sa) if hasattr(self, "keys") else ()
        if count == (3 if aggressive else 5):
            identity = body(messages[0] if aggressive else messages[4], PayloadType.IDENTIFICATION)
            self.checked("HASH_I", self.keys.hash_i(*arguments, identity), messages[-1])
        if count == (2 if aggressive else 6):
            identity = body(messages[-1], PayloadType.IDENTIFICATION)
            self.checked("HASH_R", self.keys.hash_r(*arguments, identity), messages[-1])

    def derive(
        self,
        offer: list[tuple[int, bytes]],
        initiator: list[tuple[int, bytes]],
        responder: list[tuple[int, bytes]],
        responder_cookie: bytes,
    ) -> None:
        hash_function, cipher = self.chosen()
        self.sa = body(offer, PayloadType.SA)
        self.public_i, self.public_r = (body(m, PayloadType.KEY_EXCHANGE) for m in (initiator, responder))
        nonces = [body(m, PayloadType.NONCE) for m in (initiator, responder)]
        skeyid = crypto.skeyid_pre_shared_key(hash_function, self.recorded["psk"].encode(), *nonces)
        self.keys = crypto.PhaseOneKeys.derive(
            hash_function=hash_function,
            cipher=cipher,
            skeyid=skeyid,
            shared_secret=self.shared,
            initiator_cookie=bytes.fromhex(self.recorded["messages"][0]["icookie"]),
            responder_cookie=responder_cookie,
        )
        self.iv = self.keys.first_iv(self.public_i, self.public_r)
        for name, value in {
            "g^xi": self.public_i,
            "g^xr": self.public_r,
            "g^xy": self.shared,
            "NONCE_i": nonces[0],
            "NONCE_r": nonces[1],
            "SKEYID": skeyid,
            "SKEYID_d": self.keys.skeyid_d,
            "SKEYID_a": self.keys.skeyid_a,
            "SKEYID_e": self.keys.skeyid_e,
            "key": self.keys.key,
            "initialized IV": self.iv,
        }.items():
            self.values[name].append(value)

    def chosen(self) -> tuple[crypto.HashFunction, CBCCipher]:
        """The algorithms of the responder's SA."""
        message = gsakmp.parse(bytes.fromhex(self.recorded["messages"][1]["wire"]), dialect=self.dialect)
        sa = message.payloads[0]
        assert isinstance(sa, SA)
        transform = sa.proposals[0].transforms[0]
        assert isinstance(transform, IKETransform)
        found = {a.type: a.value for a in transform.attributes}
        return (
            crypto.hash_function(HashAlgorithm(found[IKEAttribute.HASH_ALGORITHM]), allow_weak=True),
            crypto.phase1_cipher(
                EncryptionAlgorithm(found[IKEAttribute.ENCRYPTION_ALGORITHM]),
                found.get(IKEAttribute.KEY_LENGTH),
                allow_weak=True,
            ),
        )

    def pull(self, record: dict[str, Any], wire: bytes, messages: list[list[tuple[int, bytes]]]) -> None:
        number, latest = len(messages), messages[-1]
        message_id, rest = int(record["message_id"], 16), after_hash(latest)
        if number == 1:
            self.nonce_i = body(latest, PayloadType.NONCE)
            self.values["NONCE_i"].append(self.nonce_i)
            self.checked("computed HASH", crypto.hash_1(self.keys, message_id, rest), latest)
        elif number == 2:
            self.nonce_r = body(latest, PayloadType.NONCE)
            self.values["NONCE_r"].append(self.nonce_r)
            self.checked("HASH", crypto.hash_2(self.keys, message_id, self.nonce_i, rest), latest)
        else:
            name = "computed HASH" if number == 3 else "HASH"
            function = crypto.pull_hash_3 if number == 3 else crypto.pull_hash_4
            self.checked(name, function(self.keys, message_id, self.nonce_i, self.nonce_r, rest), latest)
        self.values["SKEYID_a"].append(self.keys.skeyid_a)
        self.learn(wire, bytes.fromhex(record["plaintext_after_header"]))

    def push(self, record: dict[str, Any], wire: bytes) -> None:
        kek, scheme, public_key = self.keks[wire[:16]]
        self.values["key"].append(kek.key)
        self.values["initialized IV"].append(kek.iv)
        plaintext = kek.decrypt(wire[28:])
        payloads, padding = split(wire[16], plaintext)
        self.same(plaintext, record)
        assert kek.encrypt(plaintext[: len(plaintext) - len(padding)]) == wire[28:]
        self.pushes.append(Push(wire, payloads, padding, scheme, public_key, record["signature_check"]))
        self.learn(wire, plaintext)

    def learn(self, wire: bytes, plaintext: bytes) -> None:
        """Take the KEK that a message brings."""
        message = gsakmp.parse(wire, dialect=self.dialect).with_plaintext(plaintext)
        for payload in message.payloads:
            if isinstance(payload, GroupSA):
                self.sa_kek = next((p for p in payload.sa_attributes if isinstance(p, SAKEK)), None)
            if isinstance(payload, KeyDownload):
                for packet in payload.key_packets:
                    if packet.kd_type == KeyDownloadType.KEK:
                        # For a new KEK, the daemon's KD names the old one's SPI; its SA KEK is right.
                        assert self.sa_kek is not None
                        assert packet.spi in (self.sa_kek.spi, wire[:16])
                        self.take(self.sa_kek, {a.type: a.value for a in packet.attributes})

    def take(self, sa_kek: SAKEK, keys: dict[Any, Any]) -> None:
        policy: dict[Any, Any] = {a.type: a.value for a in sa_kek.attributes}
        cipher = crypto.kek_cipher(
            policy[KEKAttribute.KEK_ALGORITHM], policy.get(KEKAttribute.KEK_KEY_LENGTH), allow_weak=True
        )
        kek = crypto.KEK.parse(cipher, keys[KEKKeyAttribute.KEK_ALGORITHM_KEY])
        scheme = policy[KEKAttribute.SIG_ALGORITHM], policy.get(KEKAttribute.SIG_HASH_ALGORITHM)
        self.keks[sa_kek.spi] = kek, scheme, keys[KEKKeyAttribute.SIG_ALGORITHM_KEY]
