"""The recorded GDOI sessions, met by our machines: as the member, as the GCKS, and at the end of every push.

The daemon's log gives SKEYID and its children, nonces and message ids come from the messages, so each of our
messages must be the recorded one, octet for octet, and each recorded message must be accepted.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

import gsakmp
from gsakmp.crypto import PhaseOneKeys, hash_function, phase1_cipher
from gsakmp.crypto.ciphers import CBCCipher
from gsakmp.crypto.derivation import encryption_key
from gsakmp.crypto.signatures import RSAScheme
from gsakmp.doi import GDOI, GDOID, GDOID_BIG_ENDIAN, STANDARD, Dialect
from gsakmp.errors import InvalidHash, InvalidSignature, PolicyRefused, RemoteError, ReplayDetected
from gsakmp.exchanges import isakmp_sa as isakmp_sa_module
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, Peer, Role
from gsakmp.exchanges.pull import InitiatorState, PullInitiator, PullResponder, ResponderState
from gsakmp.exchanges.push import PushReceiver, VerifiedPush
from gsakmp.group.sa import RekeySA, RekeySuite
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import SAKEK, GroupSA, Identification, KeyDownload, Nonce, Payload, SequenceNumber
from gsakmp.registries import (
    AuthenticationMethod,
    EncryptionAlgorithm,
    HashAlgorithm,
    IKEAttribute,
    KEKAttribute,
    KEKKeyAttribute,
    KeyDownloadType,
)
from tests.conftest import PCAPS
from tests.unit.exchanges.gdoi import everything, scripted

PULL, PUSH = 32, 33
SESSIONS = sorted((PCAPS / "gdoi").glob("*.json"))
WHOLE = [path for path in SESSIONS if "aggressive" not in path.name]
REKEYED = [path for path in SESSIONS if "push" in path.name]
NAMES = [path.stem for path in SESSIONS]


@dataclass
class Session:
    """One recording: what phase 1 left behind, and the messages after it."""

    path: Path
    recorded: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.recorded = json.loads(self.path.read_text())
        self.dialect = GDOID_BIG_ENDIAN if "loopback" in self.path.name else GDOID

    def wires(self, exchange: int) -> list[bytes]:
        return [bytes.fromhex(m["wire"]) for m in self.recorded["messages"] if m["exchange_type"] == exchange]

    def payloads(self, number: int) -> tuple[Payload, ...]:
        """The payloads of a PULL message after HASH, read from the recorded plaintext."""
        found = [m for m in self.recorded["messages"] if m["exchange_type"] == PULL][number - 1]
        message = gsakmp.parse(bytes.fromhex(found["wire"]), dialect=self.dialect)
        return message.with_plaintext(bytes.fromhex(found["plaintext_after_header"])).payloads[1:]

    def one(self, number: int, kind: type[Any]) -> Any:
        return next(payload for payload in self.payloads(number) if isinstance(payload, kind))

    def logged(self, name: str) -> bytes:
        """A value of the daemon's log; that of phase 1 is the first of its name."""
        return next(bytes.fromhex(d["value"]) for d in self.recorded["derived"] if d["name"] == name)

    def sa(self, role: Role, dialect: Dialect | None = None) -> ISAKMPSA:
        phase_1 = [bytes.fromhex(m["wire"]) for m in self.recorded["messages"] if m["exchange_type"] < PULL]
        answer = gsakmp.parse(phase_1[1], dialect=self.dialect)
        (proposal,) = answer.payloads[0].proposals
        chosen = {a.type: a.value for a in proposal.transforms[0].attributes}
        prf = hash_function(HashAlgorithm(chosen[IKEAttribute.HASH_ALGORITHM]), allow_weak=True)
        cipher = phase1_cipher(
            EncryptionAlgorithm(chosen[IKEAttribute.ENCRYPTION_ALGORITHM]),
            chosen.get(IKEAttribute.KEY_LENGTH),
            allow_weak=True,
        )
        keys = PhaseOneKeys(
            hash_function=prf,
            cipher=cipher,
            initiator_cookie=phase_1[1][:8],
            responder_cookie=phase_1[1][8:16],
            skeyid=self.logged("SKEYID"),
            skeyid_d=self.logged("SKEYID_d"),
            skeyid_a=self.logged("SKEYID_a"),
            skeyid_e=self.logged("SKEYID_e"),
            key=encryption_key(prf, cipher, self.logged("SKEYID_e")),
        )
        assert phase_1[-1][19] & 1
        return ISAKMPSA(
            keys=keys,
            role=role,
            local_identity=Identity.from_text("key-id:local"),
            peer=Peer(
                identity=Identity.from_text("key-id:remote"), method=AuthenticationMethod.PRE_SHARED_KEY
            ),
            suite="recorded",
            strength=80,
            doi=GDOI,
            dialect=dialect or self.dialect,
            last_block=phase_1[-1][-cipher.block_size :],
            established_at=0.0,
            lifetime_seconds=86_400,
        )

    def initiator(self, **options: Any) -> PullInitiator:
        nonce = self.one(1, Nonce).nonce_data
        return PullInitiator(
            self.sa(Role.INITIATOR, **options),
            Identity.from_payload(self.one(1, Identification)),
            random=scripted(nonce),
            message_id=int.from_bytes(self.wires(PULL)[0][20:24], "big"),
            nonce_size=len(nonce),
        )

    def responder(self) -> PullResponder:
        nonce = self.one(2, Nonce).nonce_data if len(self.wires(PULL)) > 1 else bytes(16)
        first = parsed(self.wires(PULL)[0])
        return PullResponder(self.sa(Role.RESPONDER), first, random=scripted(nonce), nonce_size=len(nonce))

    def registered(self) -> PullInitiator:
        """Our member, after all that the recorded GCKS said."""
        wires, member = self.wires(PULL), self.initiator()
        assert member.start().send == (wires[0],)
        member.receive(parsed(wires[1]))
        assert member.accept().send == (wires[2],)
        member.receive(parsed(wires[3]))
        return member

    def served(self) -> PullResponder:
        """Our GCKS, after all that the recorded member said; it answers as the recorded one did."""
        wires, gcks = self.wires(PULL), self.responder()
        gcks.receive(parsed(wires[0]))
        if len(wires) == 1:
            return gcks
        assert gcks.offer(self.one(2, GroupSA)).send == (wires[1],)
        gcks.receive(parsed(wires[2]))
        sequence = [p.sequence_number for p in self.payloads(4) if isinstance(p, SequenceNumber)]
        sent = gcks.download(sequence[0] if sequence else None, self.one(4, KeyDownload)).send
        assert sent == (wires[3],)
        return gcks

    def rekeyed(
        self, receiver: PushReceiver | None = None, **options: Any
    ) -> list[tuple[bytes, RekeySA, VerifiedPush]]:
        """Every push in turn, with the Rekey SA that it came under."""
        member, receiver = self.registered(), receiver or PushReceiver()
        assert member.verified is not None
        options = {"dialect": self.dialect, "allow_weak": True, **options}
        policy, keys = member.verified.policy, member.verified.key_download
        sa = rekey_sa(policy, keys, member.verified.sequence_number or 0)
        out = []
        for wire in self.wires(PUSH):
            found = receiver.open(parsed(wire), sa, **options)
            out.append((wire, sa, found))
            sa = replace(sa, sequence_number=found.sequence_number)
            if found.policy is not None and found.key_download is not None:
                sa = rekey_sa(found.policy, found.key_download, 0)
        return out


@cache
def session(path: Path) -> Session:
    return Session(path)


def parsed(wire: bytes) -> Message:
    """As an engine parses it, which knows no dialect yet."""
    return gsakmp.parse(wire)


def rekey_sa(policy: GroupSA, keys: KeyDownload, sequence_number: int) -> RekeySA:
    """The Rekey SA that an SA KEK and its key packet make."""
    sa_kek = next(a for a in policy.sa_attributes if isinstance(a, SAKEK))
    said: dict[Any, Any] = {a.type: a.value for a in sa_kek.attributes}
    packet = next(p for p in keys.key_packets if p.kd_type == KeyDownloadType.KEK)
    given: dict[Any, Any] = {a.type: a.value for a in packet.attributes}
    return RekeySA(
        spi=sa_kek.spi,
        suite=RekeySuite(
            encryption=said[KEKAttribute.KEK_ALGORITHM],
            key_length=said.get(KEKAttribute.KEK_KEY_LENGTH, 192),
            signature=said[KEKAttribute.SIG_ALGORITHM],
            signature_hash=said[KEKAttribute.SIG_HASH_ALGORITHM],
            signature_key_length=said[KEKAttribute.SIG_KEY_LENGTH],
        ),
        source=Identity(sa_kek.source_id_type, sa_kek.source_id_data),
        source_port=sa_kek.source_id_port,
        destination=Identity(sa_kek.destination_id_type, sa_kek.destination_id_data),
        destination_port=sa_kek.destination_id_port,
        key=given[KEKKeyAttribute.KEK_ALGORITHM_KEY],
        signature_key=given[KEKKeyAttribute.SIG_ALGORITHM_KEY],
        sequence_number=sequence_number,
        created_at=0.0,
        lifetime_seconds=said[KEKAttribute.KEK_KEY_LIFETIME],
    )


# -- GROUPKEY-PULL -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_our_member_with_the_recorded_gcks(path: Path) -> None:
    found = session(path)
    member = found.registered()
    assert member.state == InitiatorState.REGISTERED
    assert member.verified is not None
    assert member.verified.policy == found.one(2, GroupSA)
    assert member.verified.key_download == found.one(4, KeyDownload)
    assert member.verified.sequence_number == (0 if path in REKEYED else None)


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_our_gcks_with_the_recorded_member(path: Path) -> None:
    gcks = session(path).served()
    assert gcks.group == Identity.from_payload(session(path).one(1, Identification))
    assert gcks.state == (ResponderState.DOWNLOADED if path in WHOLE else ResponderState.EXPECT_OFFER)
    assert gcks.gap is None


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_altered_recordings(path: Path) -> None:
    """Any octet of message 2 and 4 changed: refused, and the member waits on."""
    found, wires = session(path), session(path).wires(PULL)
    member = found.initiator()
    member.start()
    for number in (2, 4):
        before = everything(member)
        for at in range(len(wires[number - 1])):
            wrong = bytearray(wires[number - 1])
            wrong[at] ^= 0x40
            with pytest.raises(RemoteError):
                member.receive(parsed(bytes(wrong)))
            assert everything(member) == before
        member.receive(parsed(wires[number - 1]))
        if number == 2:
            member.accept()
    assert member.verified is not None


@pytest.mark.parametrize("path", REKEYED, ids=lambda path: path.stem)
def test_a_pull_in_the_wrong_dialect(path: Path) -> None:
    """The daemon's SA KEK has two octets more than the standard's."""
    found = session(path)
    member = found.initiator(dialect=STANDARD)
    member.start()
    with pytest.raises(RemoteError):
        member.receive(parsed(found.wires(PULL)[1]))
    assert member.offered is None


def test_one_session_does_not_pass_for_another() -> None:
    one, other = (session(path) for path in WHOLE[1:3])
    member = one.initiator()
    member.start()
    with pytest.raises(RemoteError):
        member.receive(parsed(other.wires(PULL)[1]))
    wrong = replace(one.sa(Role.INITIATOR).keys, skeyid_a=other.logged("SKEYID_a"))
    member = one.initiator()
    member.start()
    member.sa = replace(member.sa, keys=wrong)
    with pytest.raises(InvalidHash):
        member.receive(parsed(one.wires(PULL)[1]))


# -- GROUPKEY-PUSH -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", REKEYED, ids=lambda path: path.stem)
def test_every_push(path: Path) -> None:
    pushes = session(path).rekeyed()
    numbers = [found.sequence_number for _, _, found in pushes]
    assert numbers == list(range(1, len(session(path).wires(PUSH)) + 1))
    *rekeys, last = [found for _, _, found in pushes]
    assert all(found.policy and found.key_download and not found.deletes for found in rekeys)
    assert (last.policy, last.key_download, len(last.deletes)) == (None, None, 1)
    sizes = {"gdoi-pull-push-3des-sha1-rsa1024": 16, "gdoi-pull-push-aes-cbc-sha256-rsa2048": 10}
    assert len(last.deletes[0].spis) == sizes[path.stem]


@pytest.mark.parametrize("path", REKEYED, ids=lambda path: path.stem)
def test_pushes_that_are_refused(path: Path) -> None:
    """Again, late, altered anywhere, under another KEK, or in another dialect."""
    receiver = PushReceiver()
    pushes = session(path).rekeyed(receiver)
    options: dict[str, Any] = {"dialect": session(path).dialect, "allow_weak": True}
    for wire, sa, found in pushes:
        with pytest.raises(ReplayDetected, match="this very message"):
            receiver.open(parsed(wire), sa, **options)
        with pytest.raises(ReplayDetected, match="sequence number"):
            PushReceiver().open(parsed(wire), replace(sa, sequence_number=found.sequence_number), **options)
        other = next(other for _, other, _ in pushes if other.spi != sa.spi)
        with pytest.raises(RemoteError):
            PushReceiver().open(parsed(wire), other, **options)
        with pytest.raises(RemoteError):
            PushReceiver().open(parsed(wire), replace(sa, key=other.key), **options)
        with pytest.raises(RemoteError):
            PushReceiver().open(parsed(wire), sa, **{**options, "dialect": STANDARD})
        with_digest_info = msgspec.structs.replace(session(path).dialect, push_signature_digest_info=True)
        with pytest.raises(InvalidSignature):
            PushReceiver().open(parsed(wire), sa, **{**options, "dialect": with_digest_info})
    wire, sa, _ = pushes[-1]
    for at in range(len(wire)):
        wrong = bytearray(wire)
        wrong[at] ^= 0x40
        with pytest.raises(RemoteError):
            PushReceiver().open(parsed(bytes(wrong)), sa, **options)


def test_weak_recordings_are_refused_unless_allowed() -> None:
    path = next(path for path in REKEYED if "3des" in path.name)
    with pytest.raises(PolicyRefused, match="weak"):
        session(path).rekeyed(allow_weak=False)


# -- all of it ---------------------------------------------------------------------------------------


def test_nothing_is_left_unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every message after phase 1 is decrypted, every HASH and every signature is checked, and all are right."""
    count: Counter[str] = Counter()
    check_hash, verify, decrypt = isakmp_sa_module.check_hash, RSAScheme.verify, CBCCipher.decrypt

    def counted_hash(expected: bytes, received: bytes) -> None:
        check_hash(expected, received)
        count["hashes"] += 1

    def counted_signature(self: RSAScheme, key: Any, signature: bytes, octets: bytes) -> None:
        verify(self, key, signature, octets)
        count["signatures"] += 1

    def counted_cipher(self: CBCCipher, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
        count["ciphers"] += 1
        return decrypt(self, key, iv, ciphertext)

    monkeypatch.setattr(isakmp_sa_module, "check_hash", counted_hash)
    monkeypatch.setattr(RSAScheme, "verify", counted_signature)
    monkeypatch.setattr(CBCCipher, "decrypt", counted_cipher)
    recorded: Counter[str] = Counter()
    for path in SESSIONS:
        found = session(path)
        found.served()
        if path in REKEYED:
            found.rekeyed()
        elif path in WHOLE:
            found.registered()
        pulls, pushes = len(found.wires(PULL)), len(found.wires(PUSH))
        recorded += Counter(hashes=pulls, ciphers=pulls + pushes, signatures=pushes)
    print(f"verified {dict(count)} of {dict(recorded)}")
    assert count == recorded == Counter(hashes=21, ciphers=38, signatures=17)
