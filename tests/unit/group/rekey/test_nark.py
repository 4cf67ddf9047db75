"""NARK: sealed seeds, a module that gives out one key for one receipt, and what receipts settle."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from struct import pack
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature as ProviderInvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from gsakmp.crypto import system_random
from gsakmp.errors import AuthenticationFailed, ConfigurationError, DecodeError, StateError
from gsakmp.group.rekey.marks import Interval, KeySequence
from gsakmp.group.rekey.nark import Grant, ModuleIdentity, NamedSequence, open_grant, seal_grant
from gsakmp.group.rekey.nark_module import ModuleClient, ModuleKeys, SoftwareModule
from gsakmp.group.rekey.nark_receipts import Head, Receipt, ReceiptLog
from gsakmp.group.sa import PeriodSequence
from gsakmp.registries import PeriodConstruction

KEYS = bytes(range(64))
ROOT = bytes(32)
GROUP = "key-id:0x000004d2"
INTERVALS = (Interval(2, 5), Interval(9, 9))
PERIODS = PeriodSequence(
    construction=PeriodConstruction.BINARY_HASH_TREE, starts_at=1000, seconds=60, count=16, modules=True
)
NAMED = NamedSequence(1, b"\1\2\3\0", PERIODS)
SEQUENCE = KeySequence(PERIODS.construction, PERIODS.count, ROOT)
GRANT = Grant(NAMED.digest(GROUP), INTERVALS)


@dataclass
class Desk:
    """A module whose clock a test moves, and its member's end."""

    now: float = 1000.0
    lines: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.module = SoftwareModule(KEYS, self.lines.append, clock=lambda: self.now)
        self.client = ModuleClient(self.module.handle)

    @property
    def signing(self) -> bytes:
        return self.module.identity.signing

    def load(self, intervals: tuple[Interval, ...] = INTERVALS) -> ModuleKeys:
        return self.client.load(NAMED.octets(intervals), *sealed(self.module.identity, intervals))

    def log(self) -> ReceiptLog:
        return ReceiptLog.read(self.lines)


def sealed(module: ModuleIdentity, intervals: tuple[Interval, ...] = INTERVALS) -> tuple[bytes, bytes]:
    return seal_grant(module, GROUP, NAMED, intervals, SEQUENCE.seeds(intervals), system_random)


def used() -> Desk:
    """Given periods 2 to 5 and 9; 2, 3 and 9 released, 3 twice."""
    desk = Desk()
    keys = desk.load()
    for period in (2, 3, 3, 9):
        desk.now = 1000.0 + 60 * period
        keys.key(period)
    return desk


# -- sealing ---------------------------------------------------------------------------------------------


def test_the_sealing_is_what_its_text_says() -> None:
    """Opened with the provider alone."""
    identity = Desk().module.identity
    public, box = sealed(identity)
    private = X25519PrivateKey.from_private_bytes(KEYS[:32])
    shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    info = b"gsakmp nark seal\0" + public + identity.sealing
    derived = HKDF(algorithm=SHA256(), length=44, salt=None, info=info).derive(shared)
    bound = b"gsakmp nark grant\0" + pack(">B4sBIIIH", 1, b"\1\2\3\0", 1, 1000, 60, 16, 2)
    bound += pack(">IIII", 2, 5, 9, 9)
    plain = AESGCM(derived[:32]).decrypt(derived[32:], box, bound)
    seeds = SEQUENCE.seeds(INTERVALS)
    assert plain == pack(">H", len(GROUP)) + GROUP.encode() + b"".join(
        pack(">BI", seed.level, seed.index) + seed.octets for seed in seeds
    )


def test_what_is_sealed_opens_for_its_module_and_grant_alone() -> None:
    identity = Desk().module.identity
    public, box = sealed(identity)
    bound = NAMED.octets(INTERVALS)
    opened = open_grant(KEYS[:32], bound, public, box)
    assert (opened.group, opened.named, opened.intervals) == (GROUP, NAMED, INTERVALS)
    assert opened.seeds == SEQUENCE.seeds(INTERVALS)
    wider = NAMED.octets((Interval(2, 9),))
    for private, about, once, octets in (
        (bytes(32), bound, public, box),
        (KEYS[:32], wider, public, box),
        (KEYS[:32], bound, bytes(32), box),
        (KEYS[:32], bound, b"short", box),
        (KEYS[:32], bound, public, box[:-1]),
        (KEYS[:32], bound, public, b""),
        (KEYS[:32], bound, public, bytes([box[0] ^ 1]) + box[1:]),
    ):
        with pytest.raises(AuthenticationFailed):
            open_grant(private, about, once, octets)


def test_texts() -> None:
    identity = Desk().module.identity
    assert ModuleIdentity.from_text(identity.to_text()) == identity
    assert Grant.from_text(GRANT.to_text()) == GRANT
    for text in ("", "00", "zz" * 64, "00" * 65):
        with pytest.raises(ConfigurationError):
            ModuleIdentity.from_text(text)
    for text in ("", "00:1", f"{bytes(32).hex()}", f"{bytes(32).hex()}:1-2-3", f"{bytes(32).hex()}:a"):
        with pytest.raises(ConfigurationError):
            Grant.from_text(text)


@pytest.mark.parametrize("periods", ["5-3", "0-1048576", "0-99999999999", ",".join(["1"] * 17), "-1"])
def test_a_grant_of_periods_that_no_sequence_has(periods: str) -> None:
    """What settles a dispute looks at each of them."""
    with pytest.raises(ConfigurationError):
        Grant.from_text(f"{bytes(32).hex()}:{periods}")
    assert Grant.from_text(f"{bytes(32).hex()}:0-1048575").intervals == (Interval(0, 1_048_575),)


# -- the module --------------------------------------------------------------------------------------------


def test_one_key_for_one_receipt() -> None:
    desk = used()
    assert [(r.kind, r.period, r.counter) for r in desk.log().receipts] == [
        *(("given", 0, 1), ("released", 2, 2), ("released", 3, 3), ("released", 3, 4), ("released", 9, 5)),
    ]
    assert desk.log().receipts[0].intervals == ((2, 5), (9, 9))
    keys = ModuleKeys(desk.client, NAMED.digest(GROUP), INTERVALS)
    assert [keys.key(p) for p in (2, 5, 9)] == [SEQUENCE.key(p) for p in (2, 5, 9)]


def test_what_is_not_released() -> None:
    desk = Desk()
    keys = desk.load()
    desk.now = 1000.0 + 9 * 60
    for period in (1, 6, 15, 16):
        with pytest.raises(StateError, match="refuses"):
            keys.key(period)
    with pytest.raises(StateError, match="no seeds"):
        desk.client.release(bytes(32), 3)
    desk.now = 1000.0 + 3 * 60 - 1
    with pytest.raises(StateError, match="not yet"):
        keys.key(5)
    assert len(desk.lines) == 1, "a refusal is no receipt"


def test_nothing_is_released_without_a_durable_receipt() -> None:
    desk = Desk()
    keys = desk.load()
    desk.now += 600

    def full(line: bytes) -> None:
        raise StateError("no space")

    desk.module._append = full
    with pytest.raises(StateError, match="no space"):
        keys.key(2)
    desk.module._append = desk.lines.append
    keys.key(2)
    desk.log().verify(desk.signing)
    assert [r.counter for r in desk.log().receipts] == [1, 2]


def test_seeds_for_another_module_or_other_intervals() -> None:
    desk = Desk()
    other = SoftwareModule(bytes(64), lambda line: None)
    with pytest.raises(StateError, match="another module"):
        desk.client.load(NAMED.octets(INTERVALS), *sealed(other.identity))
    cheating = seal_grant(
        desk.module.identity, GROUP, NAMED, INTERVALS, SEQUENCE.seeds((Interval(0, 15),)), system_random
    )
    with pytest.raises(StateError, match="not for the intervals"):
        desk.client.load(NAMED.octets(INTERVALS), *cheating)
    assert not desk.lines


@given(st.binary(max_size=200))
def test_any_octets_are_answered(octets: bytes) -> None:
    answer = msgspec.msgpack.decode(Desk().module.handle(octets))
    assert answer["type"] in {"Refused", "Identified", "Attested"}


def test_answers_that_are_none() -> None:
    def answering(octets: bytes) -> Callable[[bytes], bytes]:
        return lambda request: octets

    short = msgspec.msgpack.encode({"type": "Released", "key": b"short", "counter": 1})
    for octets in (b"", b"\xff", msgspec.msgpack.encode({"type": "Loaded"}), short):
        with pytest.raises(StateError):
            ModuleClient(answering(octets)).release(bytes(32), 1)


def test_a_module_goes_on_from_its_log() -> None:
    desk = used()
    again = SoftwareModule(KEYS, desk.lines.append, log=desk.log(), clock=lambda: 2000.0)
    assert again.head == desk.module.head
    keys = ModuleClient(again.handle).load(NAMED.octets(INTERVALS), *sealed(again.identity))
    keys.key(4)
    ReceiptLog.read(desk.lines).verify(desk.signing)
    with pytest.raises(AuthenticationFailed):
        SoftwareModule(bytes(64), desk.lines.append, log=desk.log())


# -- receipts ----------------------------------------------------------------------------------------------


def test_receipts_are_what_their_text_says() -> None:
    """Parsed as JSON, verified with the provider alone, chained with hashlib."""
    desk = used()
    key = Ed25519PublicKey.from_public_bytes(desk.signing)
    before = bytes(32)
    for number, line in enumerate(desk.lines, 1):
        said = json.loads(line)
        pairs = b"".join(pack(">II", *pair) for pair in said["intervals"]) if "intervals" in said else b""
        octets = b"gsakmp nark receipt 1\0"
        octets += pack(">BQQ", {"given": 1, "released": 2}[said["kind"]], number, said["at"])
        octets += before + bytes.fromhex(said["sequence"])
        octets += pack(">IH", said.get("period", 0), len(pairs) // 8) + pairs + GROUP.encode()
        signature = bytes.fromhex(said["signature"])
        key.verify(signature, octets)
        before = sha256(octets + signature).digest()
    named = b"gsakmp nark sequence\0" + pack(">B4sBIIIH", 1, b"\1\2\3\0", 1, 1000, 60, 16, 0)
    assert said["sequence"] == sha256(named + GROUP.encode()).hexdigest()


def test_a_dispute_is_settled() -> None:
    desk = used()
    settled = desk.log().settle(desk.signing, GRANT)
    assert settled.released == (2, 3, 9)
    assert settled.withheld == (4, 5)
    assert settled.beyond == ()
    assert settled.given == INTERVALS
    assert settled.consistent
    assert settled.first_at == {2: 1_120_000, 3: 1_180_000, 9: 1_540_000}


def test_a_grant_that_never_came() -> None:
    desk = used()
    settled = desk.log().settle(desk.signing, replace(GRANT, sequence=bytes(32)))
    assert not settled.given
    assert not settled.released
    assert settled.withheld == (2, 3, 4, 5, 9)


def test_more_released_than_was_granted() -> None:
    desk = used()
    settled = desk.log().settle(desk.signing, replace(GRANT, intervals=(Interval(2, 2),)))
    assert settled.beyond == (3, 9)
    assert not settled.consistent


def changed(line: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(line), **fields}, separators=(",", ":")).encode() + b"\n"


def forged(desk: Desk) -> dict[str, list[bytes]]:
    a, b, c, d, e = desk.lines
    stranger = msgspec.json.decode(c, type=Receipt).signed(bytes(32)).line()
    return {
        "another period": [a, b, changed(c, period=4), d, e],
        "another time": [a, b, changed(c, at=1), d, e],
        "another group": [changed(a, group="fqdn:x"), b, c, d, e],
        "wider intervals": [changed(a, intervals=[[0, 15]]), b, c, d, e],
        "left out": [a, b, d, e],
        "the first left out": [b, c, d, e],
        "reordered": [a, b, d, c, e],
        "twice": [a, b, b, c, d, e],
        "renumbered": [a, b, changed(d, counter=3), changed(e, counter=4)],
        "another key's": [a, b, stranger, d, e],
        "a signature of another": [a, b, changed(c, signature=json.loads(d)["signature"]), d, e],
    }


@pytest.mark.parametrize("how", forged(used()))
@pytest.mark.parametrize("each", [True, False])
def test_tampering_is_found(how: str, each: bool) -> None:
    desk = used()
    log = ReceiptLog.read(forged(desk)[how])
    with pytest.raises(AuthenticationFailed, match=r"receipt [1-5]"):
        log.verify(desk.signing, each=each)
    with pytest.raises(AuthenticationFailed):
        log.settle(desk.signing, GRANT)


def test_a_log_that_was_cut_is_found_with_the_modules_word() -> None:
    desk = used()
    cut = ReceiptLog.read(desk.lines[:3])
    cut.verify(desk.signing)  # nothing in it says that there is more
    head = desk.client.attest(b"now")
    head.verify(desk.signing, b"now")
    desk.log().verify(desk.signing, head)
    with pytest.raises(AuthenticationFailed, match="its end is missing"):
        cut.verify(desk.signing, head)
    with pytest.raises(AuthenticationFailed):
        head.verify(desk.signing, b"then")
    with pytest.raises(AuthenticationFailed):
        msgspec.structs.replace(head, counter=3).verify(desk.signing, b"now")
    with pytest.raises(AuthenticationFailed):
        head.verify(bytes(32), b"now")


def test_a_receipt_is_no_head() -> None:
    """What is signed as the one can't pass for the other."""
    desk = used()
    receipt = desk.log().receipts[1]
    head = Head(counter=2, at=receipt.at, last=receipt.previous, challenge="", signature=receipt.signature)
    with pytest.raises(AuthenticationFailed):
        head.verify(desk.signing, b"")
    with pytest.raises(ProviderInvalidSignature):
        Ed25519PublicKey.from_public_bytes(desk.signing).verify(
            bytes.fromhex(receipt.signature), receipt.signed_octets() + b"x"
        )


@pytest.mark.parametrize(
    "lines",
    [
        [b"no JSON\n"],
        [b"{}\n"],
        [b"[" * 100_000 + b"\n"],
        [used().lines[0][:-1]],
        [used().lines[0][:-9] + b"\n"],
        [changed(used().lines[0], more=1)],
        [changed(used().lines[0], signature="00")],
        [changed(used().lines[0], period=-1)],
        [b"\xff\n"],
        [],
    ],
)
def test_logs_that_are_none(lines: list[bytes]) -> None:
    if not lines:
        ReceiptLog.read(lines).verify(bytes(32))
        return
    with pytest.raises(DecodeError, match="line 1"):
        ReceiptLog.read(lines)


def test_no_secret_is_shown() -> None:
    desk = used()
    public, box = sealed(desk.module.identity)
    opened = open_grant(KEYS[:32], NAMED.octets(INTERVALS), public, box)
    text = repr(opened) + repr(desk.module._held) + repr(desk.load())
    assert not any(repr(seed.octets)[2:-1] in text for seed in opened.seeds)
