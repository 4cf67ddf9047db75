"""Copies: complete, sealed, and never gone on from with counters of the past."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsakmp.errors import ConfigurationError, StateError
from gsakmp.group import records as r
from gsakmp.group.policy import MemberPolicy
from gsakmp.store import SQLStore
from tests.unit.store.examples import GROUP, IDENTITIES, KEY, SPI, whole_group


@pytest.fixture
def backup(store: SQLStore, tmp_path: Path) -> Path:
    store.put_policy(GROUP, "{}", b"\x01" * 32, 1.0)
    store.put_authorisations(GROUP, [MemberPolicy(identity="fqdn:*.example")], 1.0)
    path = tmp_path / "backup"
    store.backup(path)
    return path


def test_a_backup_is_the_whole_store(store: SQLStore, backup: Path) -> None:
    with SQLStore(backup, KEY, read_only=True) as copy:
        assert copy.load() == store.load()
        assert copy.audit() == store.audit()
        copy.check_integrity()


def test_it_is_made_while_the_store_goes_on(store: SQLStore, backup: Path) -> None:
    store.commit([r.AdvanceSequenceNumber(group=GROUP, spi=SPI, sequence_number=42)])
    with SQLStore(backup, KEY, read_only=True) as copy:
        assert copy.load()[GROUP].rekey_sas[SPI].sa.sequence_number == 41


def test_a_backup_is_not_written_to(backup: Path, key_file: Path) -> None:
    octets = backup.read_bytes()
    for opened in (lambda: SQLStore(backup, KEY), lambda: SQLStore.open(backup, key_file)):
        with pytest.raises(ConfigurationError, match="restore it to a new file"):
            opened()
    assert backup.read_bytes() == octets


def test_nothing_is_written_over(store: SQLStore, backup: Path, path: Path, key_file: Path) -> None:
    octets = backup.read_bytes()
    with pytest.raises(ConfigurationError, match="already"):
        store.backup(backup)
    with pytest.raises(ConfigurationError, match="already"):
        SQLStore.restore(backup, path, key_file, now=5.0)
    assert backup.read_bytes() == octets
    assert store.load()


def test_what_is_restored_begins_without_sas_and_members(
    store: SQLStore, backup: Path, tmp_path: Path, key_file: Path
) -> None:
    with SQLStore.restore(backup, tmp_path / "restored", key_file, now=5.0) as restored:
        excluded = store.load()[GROUP].excluded
        assert len(excluded) == len(IDENTITIES), "who was evicted for good does not come back by a restore"
        expected = r.GroupState(name=GROUP, identity=IDENTITIES[5], created_at=999.5, excluded=excluded)
        assert restored.load() == {GROUP: expected}
        assert restored.policies(GROUP) == store.policies(GROUP)
        assert restored.authorisations(GROUP) == store.authorisations(GROUP)
        entry = r.Audit(group=GROUP, at=5.0, kind="restored", detail="from a backup")
        assert restored.audit() == (*store.audit(), entry)
        restored.commit(whole_group())
    with SQLStore.open(tmp_path / "restored", key_file) as restored:
        assert restored.load() == store.load()


def test_a_restore_that_fails_leaves_nothing(backup: Path, tmp_path: Path, key_file: Path) -> None:
    before = sorted(file.name for file in tmp_path.iterdir())
    key_file.write_text("00" * 32)
    with pytest.raises(ConfigurationError, match="another key"):
        SQLStore.restore(backup, tmp_path / "restored", key_file, now=5.0)
    key_file.write_text(KEY.hex())
    backup.write_bytes(b"something else" * 1000)
    with pytest.raises(ConfigurationError, match=str(backup)):
        SQLStore.restore(backup, tmp_path / "restored", key_file, now=5.0)
    with pytest.raises(ConfigurationError, match="can't be opened"):
        SQLStore.restore(tmp_path / "missing", tmp_path / "restored", key_file, now=5.0)
    assert sorted(file.name for file in tmp_path.iterdir()) == before


def test_a_backup_that_can_not_be_made(store: SQLStore, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="can't be copied"):
        store.backup(tmp_path / "no folder" / "backup")
    store.commit([r.AdvanceSequenceNumber(group=GROUP, spi=SPI, sequence_number=42)])
