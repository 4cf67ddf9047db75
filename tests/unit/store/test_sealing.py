"""Keys at rest: what is sealed opens only in its own place and under its own key, and nothing else shows it."""

from __future__ import annotations

import hmac
import logging
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gsakmp.errors import ConfigurationError, StateError
from gsakmp.group import records as r
from gsakmp.store import SQLStore, generate_key_file, read_key_file
from gsakmp.store import sealing as module
from gsakmp.store.sealing import Sealer
from tests.unit.store.examples import GROUP, KEY, data_sa, member, put_group, rekey_sa, whole_group

PLACE = ("members", "key", "plant", b"row")


def framed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def derived(salt: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869, 2.2 and 2.3), one block, written out."""
    extracted = hmac.digest(salt, KEY, "sha256")
    return hmac.digest(extracted, b"gsakmp store, sealing, 1\x01", "sha256")


def test_a_sealed_value_is_what_the_module_says() -> None:
    sealed = Sealer(KEY, b"the store").seal(b"secret", *PLACE)
    salt, nonce, rest = sealed[:16], sealed[16:28], sealed[28:]
    bound = framed(b"the store", b"members", b"key", b"plant", b"row")
    assert AESGCM(derived(salt)).decrypt(nonce, rest, bound) == b"secret"


@pytest.mark.parametrize("octets", [b"", b"x", os.urandom(5000)])
def test_what_is_sealed_opens_again_elsewhere(octets: bytes) -> None:
    assert Sealer(KEY, b"id").unseal(Sealer(KEY, b"id").seal(octets, *PLACE), *PLACE) == octets


@pytest.mark.parametrize(
    "other",
    [
        ("members", "key", "plant", b"rov"),
        ("members", "key", "plan", b"trow"),
        ("members", "keyplant", "", b"row"),
        ("member", "skey", "plant", b"row"),
        ("members", "key", "plant"),
    ],
)
def test_another_place_is_refused(other: tuple[str | bytes, ...]) -> None:
    sealed = Sealer(KEY).seal(b"secret", *PLACE)
    with pytest.raises(StateError, match=r"sealed value of member"):
        Sealer(KEY).unseal(sealed, *other)


def test_every_changed_or_missing_octet_is_refused() -> None:
    sealer = Sealer(KEY, b"id")
    sealed = sealer.seal(b"secret", *PLACE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        for wrong in (bytes(changed), sealed[:place]):
            with pytest.raises(StateError):
                sealer.unseal(wrong, *PLACE)
    for other in (Sealer(KEY, b"ie"), Sealer(bytes(32), b"id")):
        with pytest.raises(StateError):
            other.unseal(sealed, *PLACE)


def test_nonces_are_fresh_and_salts_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEALINGS_PER_SALT", 100)
    sealer = Sealer(KEY)
    sealed = [sealer.seal(b"", *PLACE) for _ in range(1000)]
    assert len({value[16:28] for value in sealed}) == 1000
    assert [len({value[:16] for value in sealed[n : n + 100]}) for n in range(0, 1000, 100)] == [1] * 10
    assert len({value[:16] for value in sealed}) == 10


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33), "0" * 32, None])
def test_a_key_has_32_octets(key: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="32 octets"):
        SQLStore(tmp_path / "store", key)
    assert not list(tmp_path.iterdir())


# -- the key file --------------------------------------------------------------------------------------


def test_a_key_file_is_made_once_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "key"
    generate_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    key = read_key_file(path)
    assert len(key) == 32
    with pytest.raises(ConfigurationError, match="already"):
        generate_key_file(path)
    assert read_key_file(path) == key
    generate_key_file(tmp_path / "other")
    assert read_key_file(tmp_path / "other") != key
    with pytest.raises(ConfigurationError, match="can't be made"):
        generate_key_file(tmp_path / "no folder" / "key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_a_key_file_that_others_may_read_is_refused(key_file: Path, path: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {key_file}"):
        SQLStore.create(path, key_file)
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "zz" * 32, "00" * 31, "00" * 33, "\xff" * 32, "00" * 5000])
def test_a_key_file_with_something_else(key_file: Path, text: str) -> None:
    key_file.write_text(text)
    with pytest.raises(ConfigurationError, match="hexadecimal"):
        read_key_file(key_file)


@pytest.mark.parametrize("name", ["missing", "folder", "", "nul\0"])
def test_a_key_file_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigurationError):
        read_key_file(tmp_path / name if name else "")


def test_a_wrong_key_is_told_at_once(path: Path, store: SQLStore) -> None:
    store.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(ConfigurationError, match="another key"):
            SQLStore(path, bytes(32), read_only=read_only)
    assert path.read_bytes() == before
    with SQLStore(path, KEY) as again:
        assert again.load()


# -- rows that somebody changes, moves or puts in ------------------------------------------------------

TAMPERED = {
    "another member's key": "UPDATE members SET key = (SELECT key FROM members WHERE id = 1) WHERE id = 2",
    "keys of two members changed about": (
        "UPDATE members SET identity_data = CASE id WHEN 3 THEN x'6D31' ELSE x'6D32' END,"
        " identity_type = 2 WHERE id IN (3, 4)"
    ),
    "a member's address": "UPDATE members SET address = '192.0.2.66:848' WHERE id = 1",
    "a member's sender ids": "UPDATE members SET sender_ids = '1' WHERE id = 1",
    "a member in another group": "UPDATE members SET group_id = 2 WHERE id = 1",
    "a key taken away": "UPDATE members SET key = x'' WHERE id = 1",
    "the public key of the pushes": "UPDATE rekey_sas SET signature_key = x'00'",
    "a weaker signature": "UPDATE rekey_sas SET signature_hash = 1",
    "a longer life": "UPDATE rekey_sas SET lifetime_seconds = 2000000",
    "more traffic of a data SA": "UPDATE data_sas SET lifetime_kilobytes = 2000000",
    "any traffic of a data SA": "UPDATE data_sas SET lifetime_kilobytes = NULL",
    "a retired data SA": "UPDATE data_sas SET retired_at = NULL",
    "an exclusion of nobody": "UPDATE exclusions SET identity_type = 1, identity_data = x'01' WHERE id = 1",
    "an exclusion at no time": "UPDATE exclusions SET excluded_at = 'soon' WHERE id = 1",
    "a retired Rekey SA": "UPDATE rekey_sas SET retired_at = NULL",
    "another SPI": "UPDATE rekey_sas SET spi = zeroblob(16)",
    "KEK and signing key": "UPDATE rekey_sas SET key = signing_key",
    "the two keys of a data SA": "UPDATE data_sas SET algorithm_key = integrity_key",
    "another destination": "UPDATE data_sas SET destination_data = x'C0000242'",
    "a data SA of another group": "UPDATE data_sas SET group_id = 2",
    "another protocol": "UPDATE data_sas SET protocol = 2",
    "another policy index": "UPDATE rekey_algorithms SET policy_index = 3",
    "an algorithm's state of another group": "UPDATE rekey_algorithms SET group_id = 2",
    "a member's place given to another": "UPDATE rekey_parts SET name = x'00' WHERE id = 1",
    "a part of another group": "UPDATE rekey_parts SET group_id = 2 WHERE id = 1",
    "a part in the place of another": "UPDATE rekey_parts SET part = (SELECT part FROM rekey_parts WHERE id = 2) WHERE id = 1",
    "a part in the clear": "UPDATE rekey_parts SET part = x'00' WHERE id = 1",
    "a place in another structure": "UPDATE rekey_parts SET policy_index = 3 WHERE id = 1",
    "a group's name": "UPDATE groups SET name = 'other' WHERE id = 1",
    "an identity that is none": "UPDATE groups SET identity_type = 1, identity_data = x'01'",
    "an identity's type": "UPDATE groups SET identity_type = 70000",
    "text in the place of octets": "UPDATE members SET key = 'text' WHERE id = 1",
    "text in the place of a number": "UPDATE rekey_sas SET encryption = 'none'",
    "nothing in the place of an address": "UPDATE groups SET identity_data = ''",
    "the store's own number": "UPDATE meta SET value = zeroblob(16) WHERE name = 'store_id'",
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_changed_or_moved_is_refused(store: SQLStore, path: Path, what: str) -> None:
    store.commit([put_group("second")])
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(TAMPERED[what])
        assert other.execute("SELECT changes()").fetchone()[0]
    refusals = (StateError, ConfigurationError)  # the latter where the check of the key fails
    with pytest.raises(refusals, match=r"sealed|can't be read"), SQLStore(path, KEY) as again:
        again.load()
    with pytest.raises(refusals), SQLStore(path, KEY) as again:
        again.check_integrity()


def test_rows_of_another_store_are_refused(store: SQLStore, path: Path, tmp_path: Path) -> None:
    """The same key and the same group, but not the same store."""
    store.close()
    with SQLStore(tmp_path / "other", KEY) as other:
        other.commit([put_group()])
    with closing(sqlite3.connect(tmp_path / "other", isolation_level=None)) as raw:
        raw.execute("ATTACH ? AS first", (str(path),))
        raw.execute("INSERT INTO members SELECT * FROM first.members")
    with SQLStore(tmp_path / "other", KEY) as other, pytest.raises(StateError, match=r"members\.key"):
        other.load()


# -- no key anywhere in the clear ----------------------------------------------------------------------


def secrets_of(changes: list[r.Change]) -> list[bytes]:
    found = []
    for change in changes:
        match change:
            case r.PutRekeySA(record=rekey):
                found += [rekey.sa.key, rekey.signing_key]
            case r.PutDataSA(record=data):
                found += [data.sa.algorithm_key, data.sa.integrity_key]
            case r.PutMember(record=one):
                found += [one.key]
            case r.PutRekeyAlgorithm(state=state, parts=parts):
                found += [state, *parts.values()]
    return found


def random_group() -> list[r.Change]:
    rekey = rekey_sa(sequence_number=41, key=os.urandom(32))
    data = data_sa(key=os.urandom(20))
    return [
        r.PutRekeySA(group=GROUP, record=replace(rekey, signing_key=os.urandom(48))),
        r.PutDataSA(group=GROUP, record=replace(data, sa=replace(data.sa, integrity_key=os.urandom(32)))),
        *(r.PutMember(group=GROUP, record=member(f"m{n}.example", os.urandom(32))) for n in range(50)),
        r.PutRekeyAlgorithm(
            group=GROUP,
            policy_index=1,
            state=os.urandom(64),
            parts={b"a": os.urandom(48), b"b": os.urandom(48)},
        ),
    ]


def test_no_file_and_no_text_holds_a_key(
    tmp_path: Path, key_file: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    key_file = key_file.rename(tmp_path.parent / f"{tmp_path.name}.key")
    sealing = read_key_file(key_file)
    path, secrets, texts = tmp_path / "store", [sealing, sealing.hex().encode()], []
    with caplog.at_level(logging.DEBUG, "sqlalchemy"), SQLStore.create(path, key_file) as store:
        store.commit(whole_group())
        for _ in range(3):  # what is replaced must not be left in the clear either
            changes = random_group()
            store.commit(changes)
            secrets += secrets_of(changes)
        store.backup(tmp_path / "backup")
        bad = [*random_group(), r.RemoveDataSA(group="none", protocol=1, spi=b"")]
        secrets += secrets_of(bad)
        with pytest.raises(StateError) as caught:
            store.commit(bad)
        texts += [repr(store), str(store), repr(caught.value), repr(vars(store))]
        files = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    files |= {f"{file.name}, closed": file.read_bytes() for file in tmp_path.iterdir()}
    assert {"store", "store-wal", "store, closed", "backup"} <= files.keys()
    out, err = capfd.readouterr()
    files["texts"] = "\n".join([*texts, caplog.text, out, err]).encode()
    assert "INSERT INTO members" in caplog.text, "SQLAlchemy's log was looked at"
    assert b"a public key of the group" in files["store, closed"], "the search finds what is in the clear"
    for name, octets in files.items():
        for secret in secrets:
            for form in (secret, secret.hex().encode(), repr(secret)[2:-1].encode()):
                assert form not in octets, f"a key is in {name}"


def test_what_is_removed_does_not_stay(store: SQLStore, path: Path) -> None:
    """Sealed as it is: who gets the key file later shall not read the keys of the past from free pages."""
    sealed = store._driver().execute("SELECT signing_key FROM rekey_sas").fetchone()[0]
    store.commit([r.RemoveRekeySA(group=GROUP, spi=rekey_sa().sa.spi)])
    store.close()
    assert sealed not in path.read_bytes()


def test_what_is_bound_does_not_change(store: SQLStore) -> None:
    """The layout of what a member's sealing binds, written out: stores on disk depend on it."""
    row = (
        store._driver()
        .execute(
            "SELECT identity_type, identity_data, registered_at, address, sender_ids, acknowledged,"
            " silent_rekeys, certificate, key FROM members WHERE address != ''"
        )
        .fetchone()
    )
    store_id = store._driver().execute("SELECT value FROM meta WHERE name = 'store_id'").fetchone()[0]
    bound = framed(store_id, b"members", b"key", GROUP.encode(), msgspec.msgpack.encode(list(row[:-1])))
    sealed = row[-1]
    assert AESGCM(derived(sealed[:16])).decrypt(sealed[16:28], sealed[28:], bound) == member().key
