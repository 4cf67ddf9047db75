"""GROUPKEY-PUSH: built and opened, against a GCKS written from the RFC, and everything wrong with it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gsakmp.crypto.signatures import ECDSAScheme
from gsakmp.doi import GDOID
from gsakmp.errors import (
    ConfigurationError,
    EncodeError,
    InvalidSignature,
    PolicyRefused,
    RemoteError,
    ReplayDetected,
    StateError,
    UnexpectedMessage,
)
from gsakmp.exchanges.push import DELETION, PUSH, PushBuilder, PushReceiver, VerifiedPush, build_push
from gsakmp.exchanges.recent import RecentMessages
from gsakmp.payloads import (
    Attribute,
    GroupAssociatedPolicy,
    GroupDelete,
    GroupSA,
    KeyDownload,
    KeyPacket,
    Payload,
    VendorID,
)
from gsakmp.registries import DOINumber, SigAlgorithm, SigHashAlgorithm, TEKProtocolID
from tests.unit.exchanges.gdoi import (
    ECDSA_KEY,
    KD,
    KEK_KEY,
    KEK_PACKET,
    KEYS,
    OTHER_ECDSA_KEY,
    POLICY,
    REKEY_SPI,
    RSA_KEY,
    SA,
    SA_GAP,
    SA_KEK,
    SA_TEK,
    SEQ,
    SID_PACKET,
    SIG,
    TEK_PACKET,
    TEK_SPI,
    Chain,
    D,
    aes_cbc,
    body,
    chained,
    header,
    parsed,
    rekey_sa,
    snapshot,
    unchained,
)

SA2 = rekey_sa()
DELETE = GroupDelete(
    doi=DOINumber.GDOI, protocol_id=TEKProtocolID.GDOI_PROTO_IPSEC_ESP, spis=(TEK_SPI, b"\1\2\3\4")
)
DELETE_KEK = GroupDelete(doi=DOINumber.GDOI, protocol_id=TEKProtocolID(0), spis=(REKEY_SPI,))
CONTENT: tuple[Payload, ...] = (DELETE, POLICY, KEYS)
IV, KEY = KEK_KEY[:16], KEK_KEY[16:]


def signed_by_hand(
    payloads: Chain, key: Any = ECDSA_KEY, label: bytes = b"rekey", length: int | None = None
) -> bytes:
    """SIG over "rekey" | HDR | payloads (RFC 6407, 4), HDR's Length counting SIG but no padding."""
    sig_size = 64 if isinstance(key, ec.EllipticCurvePrivateKey) else key.key_size // 8
    before = chained([*payloads, (SIG, bytes(sig_size))])[: -4 - sig_size]
    size = 28 + len(before) + 4 + sig_size if length is None else length
    octets = label + header(payloads[0][0], 33, 0, size, cookies=REKEY_SPI) + before
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return bytes(key.sign(octets, PKCS1v15(), hashes.SHA256()))


def sealed_by_hand(payloads: Chain, padding: int | None = None, fill: bytes = b"\0", **fields: Any) -> bytes:
    """A push of these payloads, whatever they are, under the KEK."""
    plain = chained(payloads)
    plain += fill * (-len(plain) % 16 if padding is None else padding)
    ciphertext = aes_cbc(KEY, IV, plain)
    return header(payloads[0][0], 33, 0, 28 + len(ciphertext), cookies=REKEY_SPI, **fields) + ciphertext


def by_hand(payloads: Chain, key: Any = ECDSA_KEY, **fields: Any) -> bytes:
    return sealed_by_hand([*payloads, (SIG, signed_by_hand(payloads, key))], **fields)


def opened(octets: bytes, sa: Any = SA2, **options: Any) -> VerifiedPush:
    return PushReceiver().open(parsed(octets), sa, **options)


def push(number: int = 5, payloads: tuple[Payload, ...] = CONTENT, key: Any = ECDSA_KEY) -> bytes:
    return build_push(rekey_sa(key), key, number, payloads)


def number(value: int) -> tuple[int, bytes]:
    return SEQ, value.to_bytes(4, "big")


RIGHT: Chain = [number(5), (D, body(DELETE)), (SA, body(POLICY, 33)), (KD, body(KEYS))]


# -- right -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [ECDSA_KEY, RSA_KEY], ids=["ecdsa", "rsa"])
def test_built_and_opened(key: Any) -> None:
    found = opened(push(key=key), rekey_sa(key))
    assert (found.spi, found.sequence_number, found.deletes) == (REKEY_SPI, 5, (DELETE,))
    assert (found.policy, found.key_download) == (POLICY, KEYS)


@pytest.mark.parametrize("key", [ECDSA_KEY, RSA_KEY], ids=["ecdsa", "rsa"])
def test_what_is_built_is_what_the_rfc_says(key: Any) -> None:
    octets = push(key=key)
    assert octets[:28] == header(SEQ, 33, 0, len(octets), cookies=REKEY_SPI)
    payloads, padding = unchained(SEQ, aes_cbc(KEY, IV, octets[28:], decrypt=True))
    assert padding == bytes(len(padding))
    assert len(padding) < 16
    assert payloads[:-1] == RIGHT
    kind, signature = payloads[-1]
    assert kind == SIG
    length = len(octets) - len(padding)
    covered = b"rekey" + header(SEQ, 33, 0, length, cookies=REKEY_SPI)
    covered += chained(payloads)[: -4 - len(signature)]
    if key is RSA_KEY:
        key.public_key().verify(signature, covered, PKCS1v15(), hashes.SHA256())
    else:
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.public_key().verify(encode_dss_signature(r, s), covered, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("key", [ECDSA_KEY, RSA_KEY], ids=["ecdsa", "rsa"])
def test_from_an_independent_gcks(key: Any) -> None:
    found = opened(by_hand(RIGHT, key), rekey_sa(key))
    assert (found.sequence_number, found.deletes, found.policy) == (5, (DELETE,), POLICY)


def test_deletion_alone() -> None:
    """SEQ, D, SIG: as the captures have it (RFC 6407, 5.9)."""
    found = opened(push(payloads=(DELETE, DELETE_KEK)))
    assert (found.deletes, found.policy, found.key_download) == ((DELETE, DELETE_KEK), None, None)
    assert opened(by_hand([number(6), (D, body(DELETE))])).deletes == (DELETE,)


def test_without_deletion() -> None:
    assert opened(push(payloads=(POLICY, KEYS))).deletes == ()


def test_private_payloads_pass() -> None:
    assert opened(by_hand([*RIGHT, (200, b"private")])).policy == POLICY


def test_the_domain_is_the_callers() -> None:
    """On port 4500 the parser takes a message for IPsec's."""
    message = parsed(bytes(4) + push(), port=4500)
    assert message.doi.name == "IPsec"
    assert PushReceiver().open(message, SA2).policy == POLICY


def test_tables() -> None:
    snapshot("push.txt", "".join(f"{g.name} ({g.source}): {g.to_text()}\n" for g in (PUSH, DELETION)))


# -- wrong -------------------------------------------------------------------------------------------


def test_any_altered_octet() -> None:
    """The last block holds enough of the signature that no change of it can pass by chance."""
    delete = GroupDelete(doi=DOINumber.GDOI, protocol_id=DELETE.protocol_id, spis=(TEK_SPI,) * 4)
    receiver, right = PushReceiver(), push(payloads=(delete, POLICY, KEYS))
    padding = unchained(SEQ, aes_cbc(KEY, IV, right[28:], decrypt=True))[1]
    assert len(padding) <= 8
    for at in range(len(right)):
        for bit in (0x01, 0x80):
            wrong = right[:at] + bytes([right[at] ^ bit]) + right[at + 1 :]
            with pytest.raises(RemoteError):
                receiver.open(parsed(wrong), SA2)
    assert receiver.open(parsed(right), SA2).sequence_number == 5


@pytest.mark.parametrize(
    ("at", "what"),
    [
        (0, "cookies"),
        (15, "cookies"),
        (17, "version"),
        (18, "has no place"),
        (19, "flags"),
        (20, "message id"),
        (23, "message id"),
    ],
)
def test_header(at: int, what: str) -> None:
    """RFC 6407, 4.2."""
    wrong = bytearray(push())
    wrong[at] ^= 2
    with pytest.raises(UnexpectedMessage, match=what):
        opened(bytes(wrong))


def test_not_encrypted() -> None:
    plain = chained([*RIGHT, (SIG, signed_by_hand(RIGHT))])
    octets = header(SEQ, 33, 0, 28 + len(plain), flags=0, cookies=REKEY_SPI) + plain
    with pytest.raises(UnexpectedMessage, match="flags"):
        opened(octets)


def test_another_kek() -> None:
    for key in (bytes(16) + KEY, IV + bytes(16)):
        with pytest.raises(RemoteError):
            opened(push(), dataclasses.replace(SA2, key=key))
    with pytest.raises(UnexpectedMessage, match="cookies"):
        opened(push(), dataclasses.replace(SA2, spi=bytes(16)))


def test_another_signing_key() -> None:
    with pytest.raises(InvalidSignature):
        opened(by_hand(RIGHT, OTHER_ECDSA_KEY))
    with pytest.raises(InvalidSignature):
        opened(by_hand(RIGHT, RSA_KEY))
    with pytest.raises(InvalidSignature):
        opened(by_hand(RIGHT), rekey_sa(RSA_KEY))


def test_what_the_signature_covers() -> None:
    """The label, the header and every payload; not the padding, nor a Length that counts it."""
    right = signed_by_hand(RIGHT)
    assert opened(sealed_by_hand([*RIGHT, (SIG, right)])).sequence_number == 5
    padded = len(sealed_by_hand([*RIGHT, (SIG, right)]))
    assert padded != 28 + len(chained([*RIGHT, (SIG, right)]))
    for wrong in (
        signed_by_hand(RIGHT, label=b""),
        signed_by_hand(RIGHT, label=b"pushy"),
        signed_by_hand(RIGHT, length=padded),
        signed_by_hand([number(6), *RIGHT[1:]]),
        signed_by_hand(RIGHT[:1] + RIGHT[2:]),
        bytes(64),
        right[:-1],
        right + b"\0",
    ):
        with pytest.raises(InvalidSignature):
            opened(sealed_by_hand([*RIGHT, (SIG, wrong)]))


def test_replays_come_before_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6407, 7.3.5: a number that is not greater costs no signature, whoever made the message."""
    verified: list[bytes] = []
    right = ECDSAScheme.verify

    def counted(self: ECDSAScheme, key: Any, signature: bytes, octets: bytes) -> None:
        verified.append(signature)
        right(self, key, signature, octets)

    monkeypatch.setattr(ECDSAScheme, "verify", counted)
    for old in (0, 1, 3, 4):
        for key in (ECDSA_KEY, OTHER_ECDSA_KEY):
            with pytest.raises(ReplayDetected, match="sequence number"):
                opened(by_hand([number(old), *RIGHT[1:]], key))
    assert not verified
    assert opened(by_hand([number((1 << 32) - 1), *RIGHT[1:]])).sequence_number == (1 << 32) - 1
    assert len(verified) == 1
    with pytest.raises(InvalidSignature):
        opened(by_hand(RIGHT, OTHER_ECDSA_KEY))
    assert len(verified) == 2


def test_duplicates_come_before_the_decryption() -> None:
    """RFC 6407, 7.3.4. What was refused is not remembered: it is nobody's message."""
    receiver, octets = PushReceiver(), push()
    with pytest.raises(RemoteError):
        receiver.open(parsed(octets), dataclasses.replace(SA2, key=bytes(32)))
    assert receiver.open(parsed(octets), SA2).sequence_number == 5
    for sa in (SA2, dataclasses.replace(SA2, key=bytes(32))):
        with pytest.raises(ReplayDetected, match="this very message"):
            receiver.open(parsed(octets), sa)
    with pytest.raises(ReplayDetected, match="this very message"):
        receiver.open(parsed(bytes(4) + octets, port=4500), SA2)
    assert receiver.open(parsed(push(6)), SA2).sequence_number == 6
    later = dataclasses.replace(SA2, sequence_number=6)
    with pytest.raises(ReplayDetected, match="sequence number 5"):
        PushReceiver().open(parsed(octets), later)


def test_the_record_is_bounded() -> None:
    recent = RecentMessages(limit=3)
    messages = [parsed(push(n)) for n in range(1, 6)]
    for message in messages:
        recent.remember(recent.check(message))
    for message in messages[:2]:
        recent.check(message)
    for message in messages[2:]:
        with pytest.raises(ReplayDetected):
            recent.check(message)


def wrong_key_download(*packets: KeyPacket) -> tuple[int, bytes]:
    return KD, body(KeyDownload(key_packets=packets))


def wrong_policy(**fields: Any) -> tuple[int, bytes]:
    return SA, body(GroupSA(**fields), 33)


SA_PAYLOAD, KD_PAYLOAD, D_PAYLOAD = RIGHT[2], RIGHT[3], RIGHT[1]
WRONG: dict[str, Chain] = {
    "nothing but a number": [number(5)],
    "no number": RIGHT[1:],
    "two numbers": [number(5), *RIGHT],
    "the number later": [D_PAYLOAD, number(5), SA_PAYLOAD, KD_PAYLOAD],
    "no KD": [number(5), SA_PAYLOAD],
    "no KD, but a Delete": [number(5), D_PAYLOAD, SA_PAYLOAD],
    "no SA": [number(5), KD_PAYLOAD],
    "KD before SA": [number(5), KD_PAYLOAD, SA_PAYLOAD],
    "a Delete after SA": [number(5), SA_PAYLOAD, D_PAYLOAD, KD_PAYLOAD],
    "a Delete at the end": [number(5), SA_PAYLOAD, KD_PAYLOAD, D_PAYLOAD],
    "two SAs": [number(5), SA_PAYLOAD, SA_PAYLOAD, KD_PAYLOAD],
    "two KDs": [number(5), SA_PAYLOAD, KD_PAYLOAD, KD_PAYLOAD],
    "a hash": [number(5), (8, bytes(32)), SA_PAYLOAD, KD_PAYLOAD],
    "a vendor id": [*RIGHT, (13, bytes(16))],
    "a GAP beside the SA": [number(5), SA_PAYLOAD, KD_PAYLOAD, (22, b"")],
    "two signatures": [*RIGHT, (SIG, bytes(64))],
    "sender ids": [number(5), SA_PAYLOAD, wrong_key_download(KEK_PACKET, SID_PACKET)],
    "two KEKs": [number(5), SA_PAYLOAD, wrong_key_download(KEK_PACKET, KEK_PACKET)],
    "no keys": [number(5), SA_PAYLOAD, wrong_key_download()],
    "a situation": [number(5), wrong_policy(situation=1, sa_attributes=(SA_KEK,)), KD_PAYLOAD],
    "another domain": [number(5), wrong_policy(doi=DOINumber.IPSEC, sa_attributes=(SA_KEK,)), KD_PAYLOAD],
    "an SA of nothing": [number(5), wrong_policy(), KD_PAYLOAD],
    "an SA of a GAP": [number(5), wrong_policy(sa_attributes=(SA_GAP,)), KD_PAYLOAD],
    "SA TEK before SA KEK": [number(5), wrong_policy(sa_attributes=(SA_TEK, SA_KEK)), KD_PAYLOAD],
    "a request for sender ids": [
        number(5),
        wrong_policy(sa_attributes=(SA_KEK, GroupAssociatedPolicy(attributes=(Attribute(3, 1),)))),
        KD_PAYLOAD,
    ],
    "a Delete of nothing": [
        number(5), (D, bytes.fromhex("00000002" "01" "04" "0000")),
    ],
    "a Delete of another domain": [number(5), (D, bytes.fromhex("00000001" "01" "04" "0001" "01020304"))],
    "65 Deletes": [number(5), *[D_PAYLOAD] * 65],
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_push(name: str) -> None:
    """Signed and sealed as it must be, and no push all the same."""
    with pytest.raises(RemoteError) as caught:
        opened(by_hand(WRONG[name]))
    assert not isinstance(caught.value, InvalidSignature)


def test_signature_in_another_place() -> None:
    for payloads in ([(SIG, bytes(64)), *RIGHT], [*RIGHT, (SIG, bytes(64)), D_PAYLOAD], RIGHT):
        with pytest.raises(UnexpectedMessage):
            opened(sealed_by_hand(payloads))


def test_padding() -> None:
    """Zero octets to a block are what is sent (RFC 2409, appendix B); any up to a block are taken."""
    payloads = [*RIGHT, (SIG, signed_by_hand(RIGHT))]
    rest = -len(chained(payloads)) % 16
    assert 0 < rest <= 16
    assert opened(sealed_by_hand(payloads, fill=b"\xa5")).sequence_number == 5
    with pytest.raises(UnexpectedMessage, match="padding"):
        opened(sealed_by_hand(payloads, padding=rest + 16))


def test_cut() -> None:
    right = push()
    for size in range(28, len(right)):
        with pytest.raises(RemoteError):
            opened(right[:24] + size.to_bytes(4, "big") + right[28:size])


# -- what cannot be built ----------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [0, -1, 1 << 32])
def test_sequence_numbers(wrong: int) -> None:
    with pytest.raises(EncodeError, match="sequence number"):
        push(wrong)


@pytest.mark.parametrize(
    "payloads",
    [
        (), (POLICY,), (KEYS,), (KEYS, POLICY), (POLICY, DELETE, KEYS), (POLICY, KEYS, VendorID(vendor_id=b"x")),
        (GroupSA(sa_attributes=(SA_GAP,)), KEYS), (POLICY, KeyDownload(key_packets=(SID_PACKET,))),
        (GroupDelete(doi=DOINumber.GDOI, protocol_id=TEKProtocolID(0)),), (POLICY, KeyDownload()),
    ],
)  # fmt: skip
def test_payloads_that_are_no_push(payloads: tuple[Payload, ...]) -> None:
    with pytest.raises(EncodeError):
        push(payloads=payloads)


def test_the_largest_push() -> None:
    """65,507 octets fit into a UDP datagram (RFC 768, RFC 791), if they are a header and whole blocks."""

    def keys(size: int) -> KeyDownload:
        packets = [
            KeyPacket(kd_type=1, spi=TEK_SPI, attributes=(Attribute(1, bytes(n)),)) for n in (20_000, size)
        ]
        return KeyDownload(key_packets=tuple(packets))

    small = len(push(payloads=(POLICY, keys(0))))
    fits = [size for size in range(65_480 - small, 65_540 - small) if built(keys(size))]
    octets = push(payloads=(POLICY, keys(fits[-1])))
    assert len(octets) == 28 + (65_507 - 28) // 16 * 16
    assert opened(octets).key_download == keys(fits[-1])
    assert fits == list(range(fits[0], fits[-1] + 1))
    with pytest.raises(EncodeError, match="a datagram holds 65507"):
        push(payloads=(POLICY, keys(fits[-1] + 1)))


def built(keys: KeyDownload) -> bool:
    try:
        push(payloads=(POLICY, keys))
    except EncodeError:
        return False
    return True


def test_one_builder_makes_many_pushes() -> None:
    """What it remembers of one push does not show in another; RSA signs alike each time."""
    sa, other = rekey_sa(RSA_KEY), POLICY.replace(sa_attributes=POLICY.sa_attributes[:1])
    builder = PushBuilder(sa, RSA_KEY)
    bodies: list[tuple[Payload, ...]] = [CONTENT, (POLICY, KEYS), (DELETE,), (other, KEYS), CONTENT]
    bodies.append((POLICY.replace(next_payload=None), KEYS))  # equal, and not the same object
    made = [builder.build(number, body) for number, body in enumerate(bodies, 5)]
    assert made == [build_push(sa, RSA_KEY, number, body) for number, body in enumerate(bodies, 5)]
    found = [opened(octets, sa) for octets in made]
    assert [one.policy for one in found] == [POLICY, POLICY, None, other, POLICY, POLICY]
    with pytest.raises(EncodeError):
        builder.build(20, (KEYS, POLICY))
    wrong = POLICY.replace(situation=1)
    for _ in range(2):
        with pytest.raises(EncodeError, match="situation 1"):
            builder.build(20, (wrong, KEYS))


def test_the_signing_key_is_the_one_announced() -> None:
    for key in (OTHER_ECDSA_KEY, RSA_KEY):
        with pytest.raises(ConfigurationError, match="the members"):
            build_push(SA2, key, 5, CONTENT)
    mixed = dataclasses.replace(rekey_sa(RSA_KEY), suite=SA2.suite)
    with pytest.raises(ConfigurationError):
        build_push(mixed, RSA_KEY, 5, CONTENT)


def test_weak_algorithms() -> None:
    weak = dataclasses.replace(
        rekey_sa(RSA_KEY),
        suite=dataclasses.replace(rekey_sa(RSA_KEY).suite, signature_hash=SigHashAlgorithm.SIG_HASH_SHA1),
    )
    with pytest.raises(PolicyRefused, match="weak"):
        build_push(weak, RSA_KEY, 5, CONTENT)
    octets = build_push(weak, RSA_KEY, 5, CONTENT, allow_weak=True)
    with pytest.raises(PolicyRefused, match="weak"):
        opened(octets, weak)
    assert opened(octets, weak, allow_weak=True).policy == POLICY
    dss = dataclasses.replace(SA2, suite=dataclasses.replace(SA2.suite, signature=SigAlgorithm.SIG_ALG_DSS))
    with pytest.raises(PolicyRefused):
        opened(push(), dss)


def test_the_daemons_signature() -> None:
    """Without DigestInfo in its dialect, with it in the standard: neither takes the other's."""
    sa = rekey_sa(RSA_KEY)
    theirs = build_push(sa, RSA_KEY, 5, CONTENT, dialect=GDOID)
    assert opened(theirs, sa, dialect=GDOID).key_download == KEYS
    delete = build_push(sa, RSA_KEY, 5, (DELETE,), dialect=GDOID)  # the same layout in either dialect
    with pytest.raises(InvalidSignature):
        opened(delete, sa)
    with pytest.raises(InvalidSignature):
        opened(build_push(sa, RSA_KEY, 5, (DELETE,)), sa, dialect=GDOID)


def test_only_a_push_makes_verified_values() -> None:
    found = opened(push())
    with pytest.raises(StateError, match="verified exchange alone"):
        VerifiedPush(spi=REKEY_SPI, sequence_number=5)
    with pytest.raises(StateError):
        dataclasses.replace(found, sequence_number=6)
    assert "key_download" not in repr(found)


def test_key_packets_are_kept_as_they_are() -> None:
    """An LKH packet, of which nothing here knows anything."""
    packet = KeyPacket(kd_type=3, spi=REKEY_SPI, attributes=(Attribute(3, b"key"),))
    keys = KeyDownload(key_packets=(packet, TEK_PACKET))
    assert opened(push(payloads=(POLICY, keys))).key_download == keys
