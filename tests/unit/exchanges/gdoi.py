"""What the tests of GDOI's exchanges share: SAs, payloads, and a peer that is written from the RFCs alone.

`WirePeer` uses `hashlib`, `hmac` and the provider's ciphers, none of the library's own code, so that what it
makes and what it accepts says something about ours. It makes wrong messages as readily as right ones.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

import gsakmp
from gsakmp.crypto import PhaseOneKeys, generate_private_key, public_octets
from gsakmp.crypto.ciphers import AES_128_CBC
from gsakmp.crypto.hashes import SHA256, HashFunction
from gsakmp.doi import GDOI
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, Peer, Role
from gsakmp.exchanges.machine import Machine
from gsakmp.group.sa import RekeySA, RekeySuite
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import (
    ESPTEK,
    SAKEK,
    SATEK,
    Attribute,
    GroupAssociatedPolicy,
    GroupSA,
    KeyDownload,
    KeyPacket,
)
from gsakmp.registries import (
    AuthenticationMethod,
    KEKAckRequested,
    KEKAlgorithm,
    SigAlgorithm,
    SigHashAlgorithm,
)

COOKIES = bytes(range(0x10, 0x20))
LAST_BLOCK = bytes(range(0x40, 0x50))
GROUP = Identity.from_text("key-id:0x000004d2")
GROUP_BODY = bytes.fromhex("0b000000000004d2")
REKEY_SPI = bytes(range(0xA0, 0xB0))
TEK_SPI = bytes.fromhex("00001001")
KEK_KEY = bytes(range(1, 33))
SNAPSHOTS = Path(__file__).parent / "snapshots"

HASH, ID, NONCE, SA, KD, SEQ, GAP, SIG, D, N = 8, 5, 10, 1, 17, 18, 22, 9, 12, 11

ECDSA_KEY = generate_private_key(SigAlgorithm.SIG_ALG_ECDSA_256)
OTHER_ECDSA_KEY = generate_private_key(SigAlgorithm.SIG_ALG_ECDSA_256)
RSA_KEY = generate_private_key(SigAlgorithm.SIG_ALG_RSA, 2048)


def snapshot(name: str, text: str) -> None:
    """`text` is what the file `name` has. ``GSAKMP_UPDATE_SNAPSHOTS=1`` writes it."""
    path = SNAPSHOTS / name
    if os.environ.get("GSAKMP_UPDATE_SNAPSHOTS") == "1":
        path.write_text(text)
    assert path.read_text() == text


def stream(seed: str) -> Callable[[int], bytes]:
    """A random source that gives the same octets in every run."""
    at = 0

    def random(count: int) -> bytes:
        nonlocal at
        octets = hashlib.shake_128(seed.encode()).digest(at + count)[at:]
        at += count
        return octets

    return random


def scripted(*chunks: bytes) -> Callable[[int], bytes]:
    """A random source that gives these octets, each for a request of its length, and nothing more."""
    left = list(chunks)

    def random(count: int) -> bytes:
        chunk = left.pop(0)
        assert len(chunk) == count
        return chunk

    return random


def isakmp_sa(
    role: Role, secret: bytes = b"g^xy", hash_function: HashFunction = SHA256, **changes: Any
) -> ISAKMPSA:
    """One side of an established ISAKMP SA; both sides have the same keys."""
    keys = PhaseOneKeys.derive(
        hash_function=hash_function,
        cipher=AES_128_CBC,
        skeyid=bytes(range(32)),
        shared_secret=secret,
        initiator_cookie=COOKIES[:8],
        responder_cookie=COOKIES[8:],
    )
    values: dict[str, Any] = {
        "keys": keys,
        "role": role,
        "local_identity": Identity.from_text("fqdn:here.example"),
        "peer": Peer(
            identity=Identity.from_text("fqdn:there.example"), method=AuthenticationMethod.PRE_SHARED_KEY
        ),
        "suite": "aes-128-sha256-group19",
        "strength": 128,
        "doi": GDOI,
        "last_block": LAST_BLOCK,
        "established_at": 0.0,
        "lifetime_seconds": 86_400,
        **changes,
    }
    return ISAKMPSA(**values)


MEMBER_SA, GCKS_SA = isakmp_sa(Role.INITIATOR), isakmp_sa(Role.RESPONDER)

SA_KEK = SAKEK(
    protocol=17,
    source_id_type=1,
    source_id_port=848,
    source_id_data=IPv4Address("192.0.2.1"),
    destination_id_type=1,
    destination_id_port=848,
    destination_id_data=IPv4Address("239.192.1.1"),
    spi=REKEY_SPI,
    attributes=(Attribute(2, 3), Attribute(3, 128), Attribute(4, 86400), Attribute(5, 3), Attribute(6, 4)),
)
SA_GAP = GroupAssociatedPolicy(attributes=(Attribute(1, 5), Attribute(2, 10)))
SA_TEK = SATEK(
    protocol_id=1,
    tek=ESPTEK(
        protocol=17,
        source_id_type=1,
        source_id_data=IPv4Address("0.0.0.0"),
        destination_id_type=1,
        destination_id_data=IPv4Address("239.192.1.2"),
        transform_id=20,
        spi=TEK_SPI,
        attributes=(Attribute(1, 1), Attribute(2, 3600), Attribute(4, 1), Attribute(6, 128)),
    ),
)
POLICY = GroupSA(sa_attributes=(SA_KEK, SA_GAP, SA_TEK))
POLICY_WITHOUT_REKEY = GroupSA(sa_attributes=(SA_TEK,))
KEK_PACKET = KeyPacket(kd_type=2, spi=REKEY_SPI, attributes=(Attribute(1, KEK_KEY), Attribute(2, b"key")))
TEK_PACKET = KeyPacket(kd_type=1, spi=TEK_SPI, attributes=(Attribute(1, bytes(20)),))
SID_PACKET = KeyPacket(kd_type=4, attributes=(Attribute(1, 16), Attribute(2, 7)))
KEYS = KeyDownload(key_packets=(KEK_PACKET, TEK_PACKET))
TEKS = KeyDownload(key_packets=(TEK_PACKET,))


def rekey_sa(key: Any = None, **changes: Any) -> RekeySA:
    """A Rekey SA with AES-128 and the signature of `key`, ECDSA-256 by default."""
    key = key or ECDSA_KEY
    rsa = hasattr(key, "private_numbers") and hasattr(key.private_numbers(), "d")
    suite = {
        "encryption": KEKAlgorithm.KEK_ALG_AES,
        "key_length": 128,
        "signature": SigAlgorithm.SIG_ALG_RSA if rsa else SigAlgorithm.SIG_ALG_ECDSA_256,
        "signature_hash": SigHashAlgorithm.SIG_HASH_SHA256,
        "signature_key_length": key.key_size,
        "acknowledgement": KEKAckRequested.REKEY_ACK_KEK_SHA256,
        **changes.pop("suite", {}),
    }
    values: dict[str, Any] = {
        "spi": REKEY_SPI,
        "suite": RekeySuite(**suite),
        "source": Identity.from_text("ipv4:192.0.2.1"),
        "source_port": 848,
        "destination": Identity.from_text("ipv4:239.192.1.1"),
        "destination_port": 848,
        "key": KEK_KEY,
        "signature_key": public_octets(key),
        "sequence_number": 4,
        "created_at": 0.0,
        "lifetime_seconds": 3600,
        **changes,
    }
    return RekeySA(**values)


# -- the independent peer ----------------------------------------------------------------------------

Chain = list[tuple[int, bytes]]
"""Payload types and bodies."""


def chained(payloads: Chain) -> bytes:
    """The payloads with their generic headers (RFC 2408, 3.2)."""
    out = b""
    for index, (_, body) in enumerate(payloads):
        after = payloads[index + 1][0] if index + 1 < len(payloads) else 0
        out += bytes([after, 0]) + (4 + len(body)).to_bytes(2, "big") + body
    return out


def unchained(first: int, octets: bytes) -> tuple[Chain, bytes]:
    """The payloads, and the padding behind them."""
    out, at = [], 0
    while first:
        size = int.from_bytes(octets[at + 2 : at + 4], "big")
        assert 4 <= size <= len(octets) - at
        out.append((first, octets[at + 4 : at + size]))
        first, at = octets[at], at + size
    return out, octets[at:]


def header(
    first: int, exchange: int, message_id: int, length: int, flags: int = 1, cookies: bytes = COOKIES
) -> bytes:
    """An ISAKMP header (RFC 2408, 3.1)."""
    numbers = bytes([first, 0x10, exchange, flags]) + message_id.to_bytes(4, "big")
    return cookies + numbers + length.to_bytes(4, "big")


def aes_cbc(key: bytes, iv: bytes, octets: bytes, *, decrypt: bool = False) -> bytes:
    cipher = Cipher(AES(key), CBC(iv))
    context = cipher.decryptor() if decrypt else cipher.encryptor()
    return context.update(octets) + context.finalize()


class WirePeer:
    """One exchange under the ISAKMP SA of `isakmp_sa`, from either side."""

    def __init__(self, message_id: int, exchange: int = 32, sa: ISAKMPSA = GCKS_SA) -> None:
        self.sa, self.exchange, self.message_id = sa, exchange, message_id
        self.mid = message_id.to_bytes(4, "big")
        # RFC 2409, appendix B
        self.iv = hashlib.sha256(sa.last_block + self.mid).digest()[:16]

    def hash(self, nonces: bytes, rest: bytes) -> bytes:
        return hmac.digest(self.sa.keys.skeyid_a, self.mid + nonces + rest, "sha256")

    def seal(
        self,
        payloads: Chain,
        nonces: bytes = b"",
        *,
        wrong_hash: bytes | None = None,
        lead: Chain | None = None,
    ) -> bytes:
        """A message of HASH and `payloads`, HASH being over M-ID, `nonces` and `payloads`. `lead` stands in
        for the HASH payload."""
        rest = chained(payloads)
        hash_data = self.hash(nonces, rest) if wrong_hash is None else wrong_hash
        every = (lead if lead is not None else [(HASH, hash_data)]) + payloads
        plain = chained(every)
        plain += bytes(-len(plain) % 16)
        ciphertext = aes_cbc(self.sa.keys.key, self.iv, plain)
        self.iv = ciphertext[-16:]
        return header(every[0][0], self.exchange, self.message_id, 28 + len(ciphertext)) + ciphertext

    def open(self, octets: bytes, nonces: bytes = b"") -> Chain:
        """The payloads after HASH, which is checked."""
        assert octets[:28] == header(HASH, self.exchange, self.message_id, len(octets))
        plain = aes_cbc(self.sa.keys.key, self.iv, octets[28:], decrypt=True)
        self.iv = octets[-16:]
        payloads, padding = unchained(HASH, plain)
        assert padding == bytes(len(padding))
        assert len(padding) < 16
        size = len(plain) - len(padding)
        assert payloads[0] == (HASH, self.hash(nonces, plain[36:size]))
        return payloads[1:]


def parsed(octets: bytes, **options: Any) -> Message:
    return gsakmp.parse(octets, **options)


def body(payload: Any, exchange: int = 32) -> bytes:
    """The body of one of our payloads."""
    return Message(payloads=(payload,), exchange_type=exchange).plaintext()[4:]


def everything(machine: Machine) -> dict[str, Any]:
    """All that a machine holds, to see whether it has changed."""
    values = dict(vars(machine))
    values["iv"] = values.pop("_exchange")._iv
    return values
