"""Versions of the schema: an old file becomes a new one whole, or stays as it was."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from gsakmp.errors import ConfigurationError, StateError
from gsakmp.group.policy import MemberPolicy
from gsakmp.group.records import MemoryJournal
from gsakmp.store import SQLStore, migrations
from gsakmp.store.schema import APPLICATION_ID
from tests.unit.store.examples import GROUP, KEY, member, whole_group

VERSION_1 = Path(__file__).with_name("version_1.sql")
"""A store of version 1 with `whole_group` in it, sealed under `KEY`: what ``sqlite3.Connection.iterdump`` gave
of it. It must stay readable for good, and is never made anew. The dump has no ``application_id``, which is in
the file's header."""


@pytest.fixture
def version_1(path: Path) -> Path:
    path.touch(0o600)
    with closing(sqlite3.connect(path)) as file:
        file.executescript(VERSION_1.read_text())
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return path


def tables_of(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as file:
        found = file.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name"
        ).fetchall()
    return [(name, re.sub(r'[\s"]+', " ", sql).strip()) for name, sql in found]


def add_a_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE groups ADD COLUMN note TEXT NOT NULL DEFAULT 'none'"))


def fill_it(connection: Connection) -> None:
    connection.execute(text("UPDATE groups SET note = 'of ' || name"))


def break_off(connection: Connection) -> None:
    connection.execute(text("DELETE FROM members"))
    connection.execute(text("SELECT * FROM no_such_table"))


def test_a_file_of_version_1_is_read(version_1: Path) -> None:
    expected = MemoryJournal()
    expected.commit(whole_group())
    with SQLStore(version_1, KEY) as store:
        assert store.load() == expected.load()
        assert store.audit() == tuple(expected.audit)
        store.check_integrity()
        assert store.schema_version == migrations.newest()


def test_version_2_keeps_whom_version_1_let_in(version_1: Path) -> None:
    """Version 1 did not record periods and modules."""
    with closing(sqlite3.connect(version_1)) as file:
        for row in [
            (1, GROUP, 1.5, 'fqdn:"a".example', "", 1),
            (3, "other", 2.5, "", "CN=*, O=ü", 0),
            (4, GROUP, 1.5, "fqdn:b.example", "", 0),
        ]:
            file.execute("INSERT INTO authorisations VALUES (?, ?, ?, ?, ?, ?)", row)
        file.commit()
    with SQLStore(version_1, KEY) as store:
        assert store.authorisations(GROUP) == (
            MemberPolicy(identity='fqdn:"a".example'),
            MemberPolicy(identity="fqdn:b.example", sender=False),
        )
        assert store.authorisations("other") == (MemberPolicy(certificate="CN=*, O=ü", sender=False),)
    with closing(sqlite3.connect(version_1)) as file:
        assert file.execute("SELECT id, loaded_at FROM authorisations").fetchall() == [
            (1, 1.5),
            (3, 2.5),
            (4, 1.5),
        ]


def test_a_migrated_file_has_the_tables_of_a_new_one(version_1: Path, tmp_path: Path) -> None:
    with SQLStore(version_1, KEY), SQLStore(tmp_path / "new", KEY):
        pass
    assert tables_of(version_1) == tables_of(tmp_path / "new")


def test_migrations_run_in_order_and_once(version_1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "MIGRATIONS", [add_a_column])
    with SQLStore(version_1, KEY) as store:
        assert store.schema_version == 2
    monkeypatch.setattr(migrations, "MIGRATIONS", [add_a_column, fill_it, fill_it])
    for _ in range(2):
        with SQLStore(version_1, KEY) as store:
            assert store.schema_version == 4
            assert member().identity in store.load()[GROUP].members
    with closing(sqlite3.connect(version_1)) as file:
        assert file.execute("SELECT note FROM groups").fetchall() == [(f"of {GROUP}",)]
        assert [row[0] for row in file.execute("SELECT version FROM schema_version")] == [1, 2, 3, 4]


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    version_1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tables_of(version_1)
    monkeypatch.setattr(migrations, "MIGRATIONS", [add_a_column, break_off])
    with pytest.raises(ConfigurationError, match=re.escape(str(version_1))):
        SQLStore(version_1, KEY)
    monkeypatch.undo()
    assert tables_of(version_1) == before
    with SQLStore(version_1, KEY) as store:
        assert store.schema_version == migrations.newest()
        assert member().identity in store.load()[GROUP].members


def test_a_wrong_key_migrates_nothing(version_1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tables_of(version_1)
    monkeypatch.setattr(migrations, "MIGRATIONS", [add_a_column])
    with pytest.raises(ConfigurationError, match="another key"):
        SQLStore(version_1, bytes(32))
    assert tables_of(version_1) == before


def test_a_reader_does_not_migrate(version_1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "MIGRATIONS", [add_a_column])
    with pytest.raises(ConfigurationError, match="open it for writing"):
        SQLStore(version_1, KEY, read_only=True)


def test_a_newer_file_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = migrations.newest()
    monkeypatch.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, fill_it])
    with SQLStore(path, KEY) as store:
        assert store.schema_version == known + 1
    monkeypatch.undo()
    with pytest.raises(ConfigurationError, match=rf"version {known + 1}; .* up to {known} only"):
        SQLStore(path, KEY)


def test_a_file_without_a_version_is_refused(store: SQLStore, path: Path) -> None:
    store._driver().execute("DELETE FROM schema_version")
    store.close()
    with pytest.raises(ConfigurationError, match="does not say"):
        SQLStore(path, KEY)


def test_a_refused_file_can_be_opened_at_once_by_who_may(store: SQLStore, path: Path) -> None:
    """A constructor that raises holds neither the lock nor the file."""
    store.close()
    for _ in range(3):
        with pytest.raises((ConfigurationError, StateError)):
            SQLStore(path, bytes(32))
    with SQLStore(path, KEY) as again:
        assert again.load()
