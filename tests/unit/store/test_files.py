"""The file: who may open it, and what becomes of one that is damaged, full, locked or not ours."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gsakmp.errors import ConfigurationError, GsakmpError, StateError
from gsakmp.group import records as r
from gsakmp.store import SQLStore
from tests.conftest import require_tool
from tests.unit.store.examples import GROUP, KEY, member, put_group, whole_group

MANY: list[r.Change] = [r.PutMember(group=GROUP, record=member(f"m{n}.example")) for n in range(500)]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_files_are_their_owners_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        with SQLStore(path, KEY) as store:
            store.commit(whole_group())
            store.backup(path.with_name("backup"))
            files = sorted(path.parent.iterdir())
            assert {file.name for file in files} > {
                path.name,
                f"{path.name}-wal",
                f"{path.name}.lock",
                "backup",
            }
            assert {mode(file) for file in files} == {0o600}
    finally:
        os.umask(before)


@pytest.mark.parametrize("others", [0o602, 0o604, 0o620, 0o666, 0o644])
def test_a_store_that_others_may_change_is_refused(store: SQLStore, path: Path, others: int) -> None:
    store.close()
    path.chmod(others)
    for read_only in (False, True):
        with pytest.raises(ConfigurationError, match="chmod 600"):
            SQLStore(path, KEY, read_only=read_only)


def test_its_group_may_read_it(store: SQLStore, path: Path) -> None:
    store.close()
    path.chmod(0o640)
    with SQLStore(path, KEY) as again:
        assert again.load()


def test_create_and_open(path: Path, key_file: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no store"):
        SQLStore.open(path, key_file)
    with pytest.raises(ConfigurationError, match="there is no store"):
        SQLStore(path, KEY, read_only=True)
    assert not path.exists()
    with SQLStore.create(path, key_file) as store:
        store.commit([put_group()])
    with pytest.raises(ConfigurationError, match="already"):
        SQLStore.create(path, key_file)
    with SQLStore.open(path, key_file) as store:
        assert list(store.load()) == [GROUP]


def test_a_creation_that_was_broken_off_is_made_good(path: Path, key_file: Path) -> None:
    path.touch(0o600)
    with pytest.raises(ConfigurationError, match="is empty"):
        SQLStore.open(path, key_file)
    with SQLStore.create(path, key_file) as store:
        store.commit(whole_group())


@pytest.mark.parametrize("name", ["", "missing/store", "folder", "nul\0", None])
def test_no_path_of_a_file(tmp_path: Path, name: Any) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigurationError):
        SQLStore(f"{tmp_path}/{name}" if name else name, KEY)


# -- one writer ----------------------------------------------------------------------------------------


def test_a_second_writer_is_refused(store: SQLStore, path: Path, key_file: Path) -> None:
    for _ in range(2):
        with pytest.raises(StateError, match=f"in use by process {os.getpid()} on .*only one key server"):
            SQLStore(path, KEY)
        with pytest.raises(StateError, match="in use"):
            SQLStore.create(path, key_file)
    store.commit(MANY)
    store.close()
    with SQLStore(path, KEY) as again:
        assert len(again.load()[GROUP].members) > len(MANY)


OPEN = """
import sys
from gsakmp.errors import GsakmpError
from gsakmp.store import SQLStore
try:
    store = SQLStore(sys.argv[1], bytes.fromhex(sys.argv[2]))
except GsakmpError as error:
    print(type(error).__name__, error)
else:
    print("opened", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_refused_until_the_first_is_gone(store: SQLStore, path: Path) -> None:
    command = [sys.executable, "-c", OPEN, str(path), KEY.hex()]

    def said() -> str:
        run = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=True)
        return run.stdout

    assert said().startswith("StateError")
    assert f"process {os.getpid()}" in said()
    store.close()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "opened\n"
        with pytest.raises(StateError, match=f"in use by process {other.pid}"):
            SQLStore(path, KEY)
        with SQLStore(path, KEY, read_only=True) as reader:
            assert reader.load()
        other.kill()
        other.wait()
    with SQLStore(path, KEY) as again:  # a killed one leaves no lock behind
        assert again.load()


def test_a_reader_sees_commits_and_changes_nothing(store: SQLStore, path: Path, key_file: Path) -> None:
    with SQLStore.open(path, key_file, read_only=True) as reader:
        assert reader.load() == store.load()
        store.commit(MANY)
        assert reader.load() == store.load()
        for change in (
            lambda: reader.commit(MANY),
            lambda: reader.put_policy(GROUP, "{}", b"", 1.0),
            lambda: reader.put_authorisations(GROUP, [], 1.0),
        ):
            with pytest.raises(StateError, match="for reading only"):
                change()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._driver().execute("DELETE FROM members")
        assert "read-only" in repr(reader)
    store.commit([r.RemoveMember(group=GROUP, identity=member().identity)])


def test_a_closed_store(store: SQLStore) -> None:
    store.close()
    store.close()
    for call in (
        lambda: store.commit([]),
        store.load,
        store.audit,
        store.check_integrity,
        lambda: store.schema_version,
        lambda: store.backup("elsewhere"),
        lambda: store.policies(GROUP),
        lambda: store.authorisations(GROUP),
    ):
        with pytest.raises(StateError, match="is closed"):
            call()
    assert "closed" in repr(store)


# -- files that are not right --------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [b"some text\n" * 1000, b"SQLite format 3\0" + b"\xff" * 5000, b"x"])
def test_a_file_that_is_no_database(path: Path, octets: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(octets)
    with pytest.raises(ConfigurationError, match="damaged or no store"):
        SQLStore(path, KEY)
    assert path.read_bytes() == octets


def test_a_database_of_another_program(path: Path) -> None:
    path.touch(0o600)
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE meta (name, value)")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="is no store of gsakmp"):
        SQLStore(path, KEY)
    assert path.read_bytes() == before, "not even its journal mode"


def test_every_damaged_page_is_noticed_or_harmless(path: Path) -> None:
    """A page of noise anywhere: an error of ours, or the very state that was there."""
    with SQLStore(path, KEY) as store:
        store.commit([*whole_group(), *MANY])
        expected = store.load()
    sound, noticed = path.read_bytes(), 0
    for start in range(0, len(sound), 4096):
        path.write_bytes(sound[:start] + b"\xa5" * 4096 + sound[start + 4096 :])
        try:
            with SQLStore(path, KEY) as store:
                assert store.load() == expected
                store.check_integrity()
        except (StateError, ConfigurationError) as error:
            assert str(path) in str(error) or GROUP in str(error)
            noticed += 1
    assert noticed > len(sound) // 4096 // 2


@pytest.mark.parametrize("kept", [100, 4096, 20_000])
def test_a_file_cut_short(path: Path, kept: int) -> None:
    with SQLStore(path, KEY) as store:
        store.commit([*whole_group(), *MANY])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises((StateError, ConfigurationError)), SQLStore(path, KEY) as store:
        store.load()


def test_a_full_disk(store: SQLStore) -> None:
    before = store.load()
    pages = store._driver().execute("PRAGMA page_count").fetchone()[0]
    store._driver().execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match="the disk is full"):
        store.commit(MANY)
    assert store.load() == before
    store._driver().execute("PRAGMA max_page_count = 100000")
    store.commit(MANY)
    assert len(store.load()[GROUP].members) > len(MANY)


def test_a_locked_file(store: SQLStore, path: Path) -> None:
    store._driver().execute("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="locked by another program"):
            store.commit(MANY)
        other.execute("ROLLBACK")
    store.commit(MANY)


def test_a_file_that_turns_read_only(store: SQLStore, path: Path) -> None:
    store._driver().execute("PRAGMA query_only = ON")
    with pytest.raises(StateError, match="read-only") as caught:
        store.commit(MANY)
    assert str(path) in str(caught.value)
    store._driver().execute("PRAGMA query_only = OFF")


def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    """In a process of its own: the superuser may write everywhere, unless it is without that capability."""
    source = (
        "import sys; from gsakmp.store import SQLStore; from gsakmp.errors import ConfigurationError\n"
        "try: SQLStore(sys.argv[1], bytes(32))\n"
        "except ConfigurationError as error: print(error)\n"
    )
    command = [sys.executable, "-c", source, str(tmp_path / "store")]
    if os.geteuid() == 0:
        command = [require_tool("setpriv"), "--bounding-set", "-dac_override,-dac_read_search", *command]
    tmp_path.chmod(0o500)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    finally:
        tmp_path.chmod(0o700)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path) in done.stdout
    assert not list(tmp_path.iterdir())


def test_after_a_disk_error_nothing_more_is_written(
    store: SQLStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the last commit is on disk is not known then, so no number may be taken from memory."""

    def failing(*_: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("gsakmp.store.sql.write", failing)
        with pytest.raises(StateError, match="the disk gave an error"):
            store.commit(MANY)
    with pytest.raises(StateError, match="failed before"):
        store.commit(MANY)
    store.close()
    with SQLStore(path, KEY) as again:
        again.commit(MANY)


def test_an_error_names_the_file_and_no_statement(store: SQLStore, path: Path) -> None:
    store._driver().execute("DROP TABLE members")
    with pytest.raises(GsakmpError) as caught:
        store.commit(MANY)
    assert str(path) in str(caught.value)
    assert "INSERT" not in str(caught.value)
    with pytest.raises(StateError):
        store.load()
