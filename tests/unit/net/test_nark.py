"""A module in a process of its own: its folder, its pipes, and what happens when either breaks."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from gsakmp.crypto import system_random
from gsakmp.errors import AuthenticationFailed, ConfigurationError, StateError
from gsakmp.group.rekey.marks import Interval, KeySequence
from gsakmp.group.rekey.nark import NamedSequence, seal_grant
from gsakmp.group.rekey.nark_module import MESSAGE_OCTETS, ModuleClient, ModuleKeys
from gsakmp.group.rekey.nark_receipts import ReceiptLog
from gsakmp.group.sa import PeriodSequence
from gsakmp.net.nark import ModuleFolder, ModuleProcess, module_process
from gsakmp.registries import PeriodConstruction

PERIODS = PeriodSequence(
    construction=PeriodConstruction.BINARY_HASH_TREE, starts_at=1000, seconds=60, count=16, modules=True
)
NAMED = NamedSequence(1, b"\1\2\3\0", PERIODS)
SEQUENCE = KeySequence(PERIODS.construction, PERIODS.count, bytes(32))
INTERVALS = (Interval(2, 5),)


def loaded(client: ModuleClient) -> ModuleKeys:
    box = seal_grant(
        client.identify(), "fqdn:video", NAMED, INTERVALS, SEQUENCE.seeds(INTERVALS), system_random
    )
    return client.load(NAMED.octets(INTERVALS), *box)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ModuleFolder.create(tmp_path / "module").close()
    return tmp_path / "module"


def fill(folder: Path) -> None:
    """Four receipts."""
    with ModuleFolder(folder) as files:
        keys = loaded(ModuleClient(files.module.handle))
        for period in (2, 3, 4):
            assert keys.key(period) == SEQUENCE.key(period)


# -- the folder --------------------------------------------------------------------------------------------


def test_receipts_go_on_over_restarts(folder: Path) -> None:
    fill(folder)
    fill(folder)
    with ModuleFolder(folder) as files:
        assert files.module.head[0] == 8
        lines = (folder / "receipts.jsonl").read_bytes().splitlines(keepends=True)
        ReceiptLog.read(lines).verify(files.module.identity.signing)


def test_nobody_else_may_read_it(folder: Path) -> None:
    fill(folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o022 == 0 for path in folder.iterdir())
    (folder / "module.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        ModuleFolder(folder)


def test_one_process_has_it(folder: Path) -> None:
    with ModuleFolder(folder), pytest.raises(ConfigurationError, match="in use"):
        ModuleFolder(folder)
    with pytest.raises(ConfigurationError, match="already"):
        ModuleFolder.create(folder)
    with pytest.raises(ConfigurationError, match="no module"):
        ModuleFolder(folder.parent)


def test_a_line_that_a_crash_broke_off_was_never_released(folder: Path) -> None:
    fill(folder)
    log = folder / "receipts.jsonl"
    log.write_bytes(log.read_bytes() + b'{"kind":"rel')
    with ModuleFolder(folder) as files:
        assert files.module.head[0] == 4
    fill(folder)


def test_a_receipt_that_was_written_just_before_a_crash_counts(folder: Path) -> None:
    fill(folder)
    head = (folder / "receipts.head").read_bytes()
    fill(folder)
    (folder / "receipts.head").write_bytes(head)
    with ModuleFolder(folder) as files:
        assert files.module.head[0] == 8


def test_a_log_that_was_cut_or_changed_is_noticed(folder: Path) -> None:
    fill(folder)
    log = folder / "receipts.jsonl"
    whole = log.read_bytes()
    for octets in (b"", whole[: whole.index(b"\n") + 1]):
        log.write_bytes(octets)
        with pytest.raises(ConfigurationError, match="cut or replaced"):
            ModuleFolder(folder)
    log.write_bytes(whole.replace(b'"period":3', b'"period":4'))
    with pytest.raises(AuthenticationFailed, match="receipt"):
        ModuleFolder(folder)
    log.write_bytes(whole)
    ModuleFolder(folder).close()


# -- the process -------------------------------------------------------------------------------------------


def test_a_module_in_a_child(folder: Path) -> None:
    process = ModuleProcess(folder)
    try:
        keys = loaded(ModuleClient(process.request))
        assert keys.key(4) == SEQUENCE.key(4)
        with pytest.raises(StateError, match="refuses"):
            keys.key(6)
        child = process._child
        assert child is not None
        child.kill()  # our own child
        child.wait()
        with pytest.raises(StateError, match="no seeds"):  # a new one has to be given them again
            keys.key(4)
        assert loaded(ModuleClient(process.request)).key(4) == SEQUENCE.key(4)
    finally:
        process.close()
    log = ReceiptLog.read((folder / "receipts.jsonl").read_bytes().splitlines(keepends=True))
    assert [receipt.kind for receipt in log.receipts] == ["given", "released", "given", "released"]


CHILDREN = {
    "silent": "import time; time.sleep(60)",
    "gone": "pass",
    "too long": "import sys; sys.stdout.buffer.write(bytes([255] * 4)); sys.stdout.flush(); input()",
    "breaks off": "import sys; sys.stdout.buffer.write(bytes([0, 0, 0, 9, 1])); sys.stdout.flush()",
}


@pytest.mark.parametrize("how", CHILDREN)
def test_a_child_that_misbehaves_is_ended(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsakmp.net.nark.START_SECONDS", 1.0)
    process = ModuleProcess(tmp_path, command=(sys.executable, "-c", CHILDREN[how]))
    started = time.monotonic()
    with pytest.raises(StateError, match="does not answer"):
        process.request(b"x")
    assert time.monotonic() - started < 10
    assert process._child is None


def test_what_can_not_be_started_or_asked(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="can't be started"):
        ModuleProcess(tmp_path, command=(str(tmp_path / "nothing"),)).request(b"x")
    with pytest.raises(StateError, match="longer than any"):
        ModuleProcess(tmp_path).request(bytes(MESSAGE_OCTETS + 1))


def test_a_folder_has_one_process(tmp_path: Path) -> None:
    assert module_process(tmp_path) is module_process(tmp_path)
    assert os.fspath(tmp_path) == str(module_process(tmp_path).folder)
