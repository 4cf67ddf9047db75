"""GROUPKEY-PUSH ACK (RFC 8263): built and opened, against an HMAC written from the RFC."""

from __future__ import annotations

import dataclasses
import hmac
from typing import Any

import pytest

from gsakmp.errors import (
    ConfigurationError,
    InvalidHash,
    LengthMismatch,
    PolicyRefused,
    RemoteError,
    ReplayDetected,
    StateError,
    UnexpectedMessage,
)
from gsakmp.exchanges.ack import ACK, VerifiedAck, build_ack, open_ack
from gsakmp.exchanges.push import PushReceiver, VerifiedPush, build_push
from gsakmp.exchanges.recent import RecentMessages
from gsakmp.group.acknowledgement_keys import acknowledgement_base_key
from gsakmp.identities import Identity
from gsakmp.payloads import GroupDelete, OIDIdentity
from gsakmp.registries import DOINumber, GDOIIDType, KEKAckRequested, KEKAlgorithm, TEKProtocolID
from tests.unit.exchanges.gdoi import (
    ECDSA_KEY,
    GROUP_BODY,
    HASH,
    ID,
    KEK_KEY,
    REKEY_SPI,
    SEQ,
    Chain,
    chained,
    header,
    parsed,
    rekey_sa,
    snapshot,
)

MEMBER = Identity.from_text("ipv4:192.0.2.7")
MEMBER_BODY = bytes.fromhex("01000000c0000207")
OTHER = Identity.from_text("ipv4:192.0.2.8")
LEAF = bytes(range(200, 232))
KINDS = {
    kind: rekey_sa(suite={"acknowledgement": kind}, sequence_number=9)
    for kind in map(KEKAckRequested, range(1, 5))
}
SA2 = KINDS[KEKAckRequested(1)]
DELETE = GroupDelete(doi=DOINumber.GDOI, protocol_id=TEKProtocolID(0), spis=(REKEY_SPI,))


def verified_push(number: int = 5) -> VerifiedPush:
    sa = dataclasses.replace(SA2, sequence_number=0)
    return PushReceiver().open(parsed(build_push(sa, ECDSA_KEY, number, (DELETE,))), sa)


PUSHED = verified_push()


def base_key_of(sa: Any = SA2, leaf: bytes = LEAF) -> Any:
    """What the GCKS knows: the base key of MEMBER and of nobody else."""

    def found(identity: Identity) -> bytes:
        if identity != MEMBER:
            raise PolicyRefused(f"{identity} is no member")
        return acknowledgement_base_key(sa, leaf)

    return found


def ack(sa: Any = SA2, identity: Identity = MEMBER, leaf: bytes = LEAF) -> bytes:
    return build_ack(PUSHED, sa, acknowledgement_base_key(sa, leaf), identity)


def opened(octets: bytes, sa: Any = SA2, **options: Any) -> VerifiedAck:
    return open_ack(parsed(octets), sa, base_key_of(sa), **options)


def hash_by_hand(kind: int, rest: bytes, spi: bytes = REKEY_SPI) -> bytes:
    """ack_key = prf(base_key, "GROUPKEY-PUSH ACK" | SPI | L), HASH = prf(ack_key, SEQ | ID)."""
    name, bits = ("sha256", 512) if kind in (1, 2) else ("sha512", 1024)
    base = (KEK_KEY if kind in (1, 3) else LEAF)[16:]
    key = hmac.digest(base, b"GROUPKEY-PUSH ACK\0" + spi + bits.to_bytes(2, "big"), name)
    return hmac.digest(key, rest, name)


def by_hand(payloads: Chain, kind: int = 1, **fields: Any) -> bytes:
    every = [(HASH, hash_by_hand(kind, chained(payloads))), *payloads]
    octets = chained(every)
    return header(every[0][0], 35, 0, 28 + len(octets), flags=0, cookies=REKEY_SPI, **fields) + octets


def number(value: int = 5) -> tuple[int, bytes]:
    return SEQ, value.to_bytes(4, "big")


@pytest.mark.parametrize("kind", KINDS)
def test_built_and_opened(kind: KEKAckRequested) -> None:
    found = opened(ack(KINDS[kind]), KINDS[kind])
    assert (found.spi, found.sequence_number, found.identity) == (REKEY_SPI, 5, MEMBER)


@pytest.mark.parametrize("kind", KINDS)
def test_the_octets_are_the_rfcs(kind: KEKAckRequested) -> None:
    assert ack(KINDS[kind]) == by_hand([number(), (ID, MEMBER_BODY)], kind)


def test_base_key() -> None:
    """The KEK or the leaf's key, either without its IV (RFC 8263, 2.1 and 2.2)."""
    assert acknowledgement_base_key(KINDS[KEKAckRequested(1)]) == KEK_KEY[16:]
    assert acknowledgement_base_key(KINDS[KEKAckRequested(3)], LEAF) == KEK_KEY[16:]
    assert acknowledgement_base_key(KINDS[KEKAckRequested(2)], LEAF) == LEAF[16:]
    assert acknowledgement_base_key(KINDS[KEKAckRequested(4)], LEAF) == LEAF[16:]
    weak = rekey_sa(suite={"encryption": KEKAlgorithm.KEK_ALG_3DES, "key_length": 192}, key=ECDSA_KEY)
    assert acknowledgement_base_key(dataclasses.replace(weak, key=bytes(range(32)))) == bytes(range(8, 32))
    with pytest.raises(StateError, match="own key"):
        acknowledgement_base_key(KINDS[KEKAckRequested(2)])
    with pytest.raises(LengthMismatch):
        acknowledgement_base_key(KINDS[KEKAckRequested(2)], LEAF[:-1])
    with pytest.raises(StateError, match="no acknowledgement"):
        acknowledgement_base_key(rekey_sa(suite={"acknowledgement": None}))


def test_other_identities() -> None:
    """RFC 8263, 3.4."""
    oid = Identity(GDOIIDType.ID_OID, OIDIdentity(oid=bytes.fromhex("06032a0304"), oid_payload=b""))
    for identity in (Identity.from_text("ipv6:2001:db8::7"), oid):
        octets = ack(identity=identity)
        assert open_ack(parsed(octets), SA2, lambda _: KEK_KEY[16:]).identity == identity
    for text in ("fqdn:member.example", "key-id:0x000004d2", "ipv4-subnet:192.0.2.0/24"):
        with pytest.raises(ConfigurationError, match="no address"):
            ack(identity=Identity.from_text(text))


def test_table() -> None:
    snapshot("ack.txt", f"{ACK.name} ({ACK.source}): {ACK.to_text()}\n")


@pytest.mark.parametrize("kind", [KEKAckRequested(1), KEKAckRequested(4)])
def test_any_altered_octet(kind: KEKAckRequested) -> None:
    sa = KINDS[kind]
    recent, right = RecentMessages(), ack(sa)
    for at in range(len(right)):
        for bit in (0x01, 0x80):
            wrong = right[:at] + bytes([right[at] ^ bit]) + right[at + 1 :]
            with pytest.raises(RemoteError):
                open_ack(parsed(wrong), sa, lambda _: acknowledgement_base_key(sa, LEAF), recent=recent)
    assert opened(right, sa, recent=recent).sequence_number == 5


@pytest.mark.parametrize(
    ("at", "what"),
    [
        (0, "cookies"),
        (15, "cookies"),
        (17, "version"),
        (18, "has no place"),
        (19, "flags"),
        (23, "message id"),
    ],
)
def test_header(at: int, what: str) -> None:
    wrong = bytearray(ack())
    wrong[at] ^= 2
    with pytest.raises(UnexpectedMessage, match=what):
        opened(bytes(wrong))


WRONG: dict[str, Chain] = {
    "no number": [(ID, MEMBER_BODY)],
    "no identity": [number()],
    "the other way round": [(ID, MEMBER_BODY), number()],
    "two numbers": [number(), number(), (ID, MEMBER_BODY)],
    "two identities": [number(), (ID, MEMBER_BODY), (ID, MEMBER_BODY)],
    "two hashes": [(HASH, bytes(32)), number(), (ID, MEMBER_BODY)],
    "a vendor id": [number(), (ID, MEMBER_BODY), (13, bytes(16))],
    "a protocol": [number(), (ID, b"\1\x11" + MEMBER_BODY[2:])],
    "a port": [number(), (ID, b"\1\0\3\x50" + MEMBER_BODY[4:])],
    "a key id": [number(), (ID, GROUP_BODY)],
    "number 0": [number(0), (ID, MEMBER_BODY)],
    "a push that was never sent": [number(10), (ID, MEMBER_BODY)],
    "somebody else": [number(), (ID, bytes.fromhex("01000000c0000208"))],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_with_the_right_hash(name: str) -> None:
    recent = RecentMessages()
    octets = by_hand(WRONG[name])
    with pytest.raises(PolicyRefused if name == "somebody else" else UnexpectedMessage):
        opened(octets, recent=recent)
    recent.check(parsed(octets))  # what was refused is not remembered


def test_private_payloads_are_covered_too() -> None:
    assert opened(by_hand([number(), (ID, MEMBER_BODY), (200, b"private")])).sequence_number == 5
    cut = by_hand([number(), (ID, MEMBER_BODY)])
    plain = bytearray(cut + bytes.fromhex("0000000c") + b"private!")
    plain[24:28] = len(plain).to_bytes(4, "big")
    plain[28 + 36 + 8] = 200
    with pytest.raises(InvalidHash):
        opened(bytes(plain))


def test_wrong_keys() -> None:
    with pytest.raises(InvalidHash):
        open_ack(parsed(ack()), SA2, lambda _: bytes(16))
    with pytest.raises(InvalidHash):
        opened(ack(KINDS[KEKAckRequested(3)]))
    with pytest.raises(InvalidHash):
        opened(ack(KINDS[KEKAckRequested(2)], leaf=bytes(32)), KINDS[KEKAckRequested(2)])
    other = hash_by_hand(1, chained([number(), (ID, MEMBER_BODY)]), spi=bytes(16))
    octets = chained([(HASH, other), number(), (ID, MEMBER_BODY)])
    with pytest.raises(InvalidHash):
        opened(header(HASH, 35, 0, 28 + len(octets), flags=0, cookies=REKEY_SPI) + octets)
    with pytest.raises(PolicyRefused, match="no member"):
        opened(ack(identity=OTHER))


def test_nobody_asked() -> None:
    silent = rekey_sa(suite={"acknowledgement": None}, sequence_number=9)
    with pytest.raises(UnexpectedMessage, match="asks for no"):
        opened(ack(), silent)
    with pytest.raises(StateError, match="asks for no"):
        build_ack(PUSHED, silent, KEK_KEY[16:], MEMBER)
    with pytest.raises(StateError, match="another Rekey SA"):
        build_ack(PUSHED, dataclasses.replace(SA2, spi=bytes(16)), KEK_KEY[16:], MEMBER)
    strange = rekey_sa(suite={"acknowledgement": KEKAckRequested(200)}, sequence_number=9)
    with pytest.raises(PolicyRefused):
        build_ack(PUSHED, strange, KEK_KEY[16:], MEMBER)


def test_duplicates_come_before_any_cryptography() -> None:
    """RFC 8263, 5."""
    recent, asked = RecentMessages(), []

    def base_key(identity: Identity) -> bytes:
        asked.append(identity)
        return KEK_KEY[16:]

    octets = ack()
    with pytest.raises(InvalidHash):
        open_ack(parsed(octets), SA2, lambda _: bytes(16), recent=recent)
    open_ack(parsed(octets), SA2, base_key, recent=recent)
    with pytest.raises(ReplayDetected):
        open_ack(parsed(octets), SA2, base_key, recent=recent)
    assert asked == [MEMBER]


def test_the_domain_is_the_callers() -> None:
    """On port 4500 the parser takes a message for IPsec's."""
    message = parsed(bytes(4) + ack(), port=4500)
    assert message.doi.name == "IPsec"
    assert open_ack(message, SA2, base_key_of()).identity == MEMBER


def test_only_an_ack_makes_verified_values() -> None:
    found = opened(ack())
    with pytest.raises(StateError, match="verified exchange alone"):
        VerifiedAck(spi=REKEY_SPI, sequence_number=5, identity=MEMBER)
    with pytest.raises(StateError):
        dataclasses.replace(found, identity=OTHER)
