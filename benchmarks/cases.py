"""What is measured: five sorts of messages, each as batches that vary, and their octets from the library.

No two messages are equal: cookies, nonces, keys, lifetimes, key lengths, SPIs and addresses differ, so that
what is measured is reading, not remembering. What messages have in common in real traffic (algorithms,
groups, whole minutes as lifetime) they have in common here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from random import Random
from typing import Final

from gsakmp import Message
from gsakmp.doi import GDOI, IPSEC
from gsakmp.payloads import (
    ESPTEK,
    SA,
    SAKEK,
    SATEK,
    GroupAssociatedPolicy,
    GroupSA,
    IKETransform,
    KeyDownload,
    KeyExchange,
    KeyPacket,
    Nonce,
    Proposal,
    SequenceNumber,
    Signature,
)
from gsakmp.payloads.gdoi.lkh import LKHDownloadArray, LKHKey
from gsakmp.registries import (
    ESPTransformID,
    GDOIIDType,
    IPProtocol,
    ISAKMPTransformID,
    KEKAlgorithm,
    KeyDownloadType,
    ProtocolID,
    TEKProtocolID,
)
from gsakmp.wire import Attribute

__all__ = ["CASES", "Case", "main_mode_1", "main_mode_3"]

LKH_KEYS: Final = 20
SCAPY_SHORTEST: Final = 1 << 24
"""scapy rebuilds a variable-length integer in as few octets as it needs: below this they are not four."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row: `make` gives a message of it, `nested` those with payloads in payloads, `scapy` those that
    scapy's layer covers."""

    name: str
    make: Callable[[Random], Message]
    port: int
    nested: bool
    scapy: bool

    def batches(self, batches: int, messages: int, seed: int = 2408) -> list[list[bytes]]:
        """The octets of so many batches of so many messages, the same ones every time."""
        random = Random(f"{self.name} {seed}")
        return [[self.make(random).build() for _ in range(messages)] for _ in range(batches)]


def phase_1(random: Random, *payloads: object, responder: bool) -> Message:
    cookie = random.randbytes(8) if responder else bytes(8)
    return Message(random.randbytes(8), cookie, IPSEC.exchange(2), 0, 0, payloads, doi=IPSEC)  # type: ignore[arg-type]


def group_exchange(random: Random, exchange: int, *payloads: object) -> Message:
    cookies = random.randbytes(8), random.randbytes(8)
    message_id = random.getrandbits(32) if exchange == 32 else 0
    return Message(*cookies, GDOI.exchange(exchange), 0, message_id, payloads, doi=GDOI)  # type: ignore[arg-type]


def ike_transform(random: Random, number: int) -> IKETransform:
    """Cipher, hash, method, group, life type and life duration, and for half of them a key length (RFC 2409,
    appendix A). Seconds are whole minutes in TV, kilobytes any number in TLV."""
    aes = number % 2 == 1
    cipher, method = 7 if aes else 5, random.choice((1, 3))
    numbers = cipher, random.choice((2, 4, 5, 6)), method, random.randint(1, 21)
    attributes = [Attribute(kind, value) for kind, value in enumerate(numbers, 1)]
    if number % 4 < 2:
        duration = Attribute(12, random.randrange(600, 1 << 16, 60), True)
        attributes += [Attribute(11, 1), duration]
    else:
        attributes += [Attribute(11, 2), Attribute(12, random.randrange(SCAPY_SHORTEST, 1 << 32))]
    if aes:
        attributes.append(Attribute(14, random.choice((128, 192, 256))))
    return IKETransform(number, ISAKMPTransformID.KEY_IKE, 0, tuple(attributes))


def main_mode_1(random: Random, transforms: int = 8) -> Message:
    offered = tuple(ike_transform(random, number) for number in range(1, transforms + 1))
    proposal = Proposal(1, ProtocolID.PROTO_ISAKMP, transforms=offered)
    return phase_1(random, SA(1, 1, proposals=(proposal,)), responder=False)  # type: ignore[arg-type]


def main_mode_3(random: Random) -> Message:
    nonce = Nonce(random.randbytes(random.randrange(16, 65)))
    return phase_1(random, KeyExchange(random.randbytes(256)), nonce, responder=True)


def address(random: Random) -> IPv4Address:
    return IPv4Address(random.getrandbits(32))


def sa_kek(random: Random) -> SAKEK:
    """The rekey SA: AES, RSA, SHA-256, with every attribute that RFC 6407, 5.3 asks for."""
    attributes = (
        Attribute(2, 3),
        Attribute(3, random.choice((128, 192, 256))),
        Attribute(4, random.randrange(600, 1 << 32)),
        Attribute(5, 3),
        Attribute(6, 1),
        Attribute(7, random.choice((1024, 2048, 3072))),
    )
    kind = GDOIIDType.ID_IPV4_ADDR
    return SAKEK(
        protocol=IPProtocol.UDP,
        source_id_type=kind,
        source_id_port=848,
        source_id_data=address(random),
        destination_id_type=kind,
        destination_id_port=848,
        destination_id_data=address(random),
        spi=random.randbytes(16),
        attributes=attributes,
    )


def sa_tek(random: Random) -> SATEK:
    kind = GDOIIDType.ID_IPV4_ADDR
    attributes = (
        Attribute(1, 1),
        Attribute(2, random.randrange(600, 1 << 32)),
        Attribute(4, 1),
        Attribute(5, 5),
        Attribute(6, random.choice((128, 192, 256))),
    )
    tek = ESPTEK(
        protocol=IPProtocol(0),
        source_id_type=kind,
        source_id_data=address(random),
        destination_id_type=kind,
        destination_id_port=random.randrange(1024, 1 << 16),
        destination_id_data=address(random),
        transform_id=ESPTransformID.ESP_AES_CBC,
        spi=random.randbytes(4),
        attributes=attributes,
    )
    return SATEK(TEKProtocolID.GDOI_PROTO_IPSEC_ESP, tek)


def pull_sa(random: Random) -> Message:
    delays = Attribute(1, random.randrange(1, 600)), Attribute(2, random.randrange(1, 600))
    policy = sa_kek(random), GroupAssociatedPolicy(delays), sa_tek(random), sa_tek(random)
    return group_exchange(random, 32, GroupSA(sa_attributes=policy))


def lkh_key(random: Random) -> LKHKey:
    created = random.getrandbits(31)
    return LKHKey(
        lkh_id=random.getrandbits(16),
        key_type=KEKAlgorithm(3),
        key_creation_date=created,
        key_expiration_date=created + 86400,
        key_handle=random.getrandbits(32),
        key_data=random.randbytes(32),
    )


def key_download_lkh(random: Random) -> Message:
    array = LKHDownloadArray(lkh_keys=tuple(lkh_key(random) for _ in range(LKH_KEYS)))
    packet = KeyPacket(KeyDownloadType.LKH, spi=random.randbytes(16), attributes=(Attribute(1, array),))
    return group_exchange(random, 32, KeyDownload(key_packets=(packet,)))


def push(random: Random) -> Message:
    """GROUPKEY-PUSH (RFC 6407, 4.1) as it is before encryption: SEQ, SA, KD, SIG."""
    tek = KeyPacket(
        KeyDownloadType.TEK,
        spi=random.randbytes(4),
        attributes=(Attribute(1, random.randbytes(32)), Attribute(2, random.randbytes(32))),
    )
    key = Attribute(1, random.randbytes(48))
    kek = KeyPacket(KeyDownloadType.KEK, spi=random.randbytes(16), attributes=(key,))
    return group_exchange(
        random,
        33,
        SequenceNumber(random.getrandbits(32)),
        GroupSA(sa_attributes=(sa_kek(random), sa_tek(random))),
        KeyDownload(key_packets=(tek, kek)),
        Signature(random.randbytes(256)),
    )


CASES: Final = (
    Case("Main Mode 1", main_mode_1, 500, nested=True, scapy=True),
    Case("Main Mode 3", main_mode_3, 500, nested=False, scapy=True),
    Case("PULL SA", pull_sa, 848, nested=True, scapy=False),
    Case("KD LKH", key_download_lkh, 848, nested=True, scapy=False),
    Case("PUSH", push, 848, nested=True, scapy=False),
)
