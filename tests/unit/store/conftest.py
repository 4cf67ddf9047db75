"""A store with its key file, and everything that a group can hold in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gsakmp.store import SQLStore
from tests.unit.store.examples import KEY, whole_group


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "store.key"
    path.write_text(KEY.hex())
    path.chmod(0o600)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a store?#% ü.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLStore]:
    with SQLStore(path, KEY) as store:
        store.commit(whole_group())
        yield store
