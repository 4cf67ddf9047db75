"""The recorded GDOI sessions: every value that the daemon's log has, every ciphertext, hash and signature."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from gsakmp import crypto
from gsakmp.errors import AuthenticationFailed, InvalidHash, InvalidSignature, PolicyRefused
from tests.unit.crypto.replay import Push, Replay, sessions

TRIPLE_DES_KEY = 24
SIGNED = {"gdoi-pull-push-3des-sha1-rsa1024": 11, "gdoi-pull-push-aes-cbc-sha256-rsa2048": 6}


@cache
def replay(path: Path) -> Replay:
    return Replay(path).run()


def pushes() -> list[Push]:
    return [push for path in sessions() for push in replay(path).pushes]


def same(name: str, ours: bytes, theirs: bytes) -> bool:
    """The daemon logs some 3DES keys with the parity bits set right, which the key itself does not need."""
    if name == "key" and len(ours) == TRIPLE_DES_KEY:
        return all((one ^ other) & 0xFE == 0 for one, other in zip(ours, theirs, strict=True))
    return ours == theirs


@pytest.mark.parametrize("path", sessions(), ids=lambda path: path.stem)
def test_every_derived_value(path: Path) -> None:
    ours, theirs = replay(path), {}
    for item in ours.recorded["derived"]:
        theirs.setdefault(item["name"], []).append(bytes.fromhex(item["value"]))
    # The log may end before our computation does (an IV that nobody used), but holds nothing we lack.
    assert set(theirs) == set(ours.values) - ({"computed HASH"} if "aggressive" in path.name else set())
    for name, values in theirs.items():
        if name == "SKEYID_a":
            assert set(values) == set(ours.values[name])
            continue
        assert len(values) <= len(ours.values[name]), name
        for number, (one, other) in enumerate(zip(ours.values[name], values, strict=False)):
            assert same(name, one, other), (name, number)


def test_the_recorded_kek_of_each_push() -> None:
    for path in sessions():
        session = replay(path)
        records = [m for m in session.recorded["messages"] if m["exchange_type"] == 33]
        ours = zip(session.values["key"][1:], session.values["initialized IV"][2:], strict=True)
        for record, (key, iv) in zip(records, ours, strict=True):
            assert same("key", key, bytes.fromhex(record["kek"]["key"]))
            assert iv.hex() == record["kek"]["initialized IV"]


def test_nothing_is_left_out() -> None:
    """71 messages; those with a plaintext were decrypted, and each HASH payload was checked."""
    encrypted = {
        path.stem: sum(m["plaintext_after_header"] is not None for m in replay(path).recorded["messages"])
        for path in sessions()
    }
    assert {path.stem: replay(path).decrypted for path in sessions()} == encrypted
    assert sum(encrypted.values()) == 49
    assert sum(replay(path).hashes for path in sessions()) == 3 + 5 * 6
    assert {path.stem: len(replay(path).pushes) for path in sessions() if replay(path).pushes} == SIGNED


@pytest.mark.parametrize("number", range(sum(SIGNED.values())))
def test_push_signature(number: int) -> None:
    push = pushes()[number]
    algorithm, hash_algorithm = push.scheme
    scheme = crypto.push_signature(algorithm, hash_algorithm, digest_info=False, allow_weak=True)
    assert scheme.hash_function is not None
    assert scheme.hash_function.name.replace("-", "").lower() == push.check["hash"]
    key = crypto.public_key(push.public_key, allow_weak=True)
    assert scheme.size(key) == len(push.signature)
    padded = push.check["header_length_field_hashed"] == "padded"
    length = int.from_bytes(push.wire[24:28], "big") if padded else push.unpadded
    assert length == push.unpadded  # where the recording says "padded", there is no padding
    octets = crypto.push_signed_octets(push.wire[:28], push.signed, length)
    scheme.verify(key, push.signature, octets)

    for wrong in (
        octets[:-1] + bytes([octets[-1] ^ 1]),
        octets.replace(b"rekey", b"REKEY", 1),
        crypto.push_signed_octets(push.wire[:28], push.signed, length + 1),
    ):
        with pytest.raises(InvalidSignature):
            scheme.verify(key, push.signature, wrong)
    with pytest.raises(InvalidSignature):
        scheme.verify(key, push.signature[:-1] + bytes([push.signature[-1] ^ 1]), octets)
    standard = crypto.push_signature(algorithm, hash_algorithm, allow_weak=True)
    with pytest.raises(InvalidSignature):
        standard.verify(key, push.signature, octets)


def test_the_public_key_is_the_recorded_one() -> None:
    for path in sessions():
        session = replay(path)
        if session.pushes:
            assert {p.public_key.hex() for p in session.pushes} == {session.recorded["sig_public_key"]}
            key = crypto.public_key(session.pushes[0].public_key, allow_weak=True)
            assert crypto.public_octets(key) == session.pushes[0].public_key
            assert crypto.key_length(key) == (1024 if "rsa1024" in path.name else 2048)


def test_what_the_recordings_use_is_weak() -> None:
    push = pushes()[0]
    with pytest.raises(PolicyRefused, match="SHA-1 is weak"):
        crypto.push_signature(*push.scheme)
    with pytest.raises(PolicyRefused, match="1024 bits is weak"):
        crypto.public_key(push.public_key)


def test_a_wrong_pre_shared_key_shows_at_the_first_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    right = crypto.skeyid_pre_shared_key
    monkeypatch.setattr(crypto, "skeyid_pre_shared_key", lambda prf, key, i, r: right(prf, key + b"x", i, r))
    aggressive = next(path for path in sessions() if "aggressive" in path.name)
    with pytest.raises(InvalidHash) as caught:
        Replay(aggressive).run()
    assert isinstance(caught.value, AuthenticationFailed)
    assert caught.value.notify_type == 24
