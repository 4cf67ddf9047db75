"""A module in a process of its own: its folder, its pipes, and what happens when either breaks."""

from __future__ import annotations

import errno
import os
import resource
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
from tests.conftest import skip_or_fail

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


def failing(patched: pytest.MonkeyPatch, verb: str, names: str, times: int = 1_000) -> None:
    """A system call that fails for a file, so often, as it does on a full disk."""
    real, left = getattr(os, verb), [times]

    def fails(what: object, *more: object) -> object:
        path = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else str(what)
        if path.endswith(names) and left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(what, *more)

    patched.setattr(os, verb, fails)


@pytest.mark.parametrize(
    ("verb", "names"),
    [("fsync", "receipts.jsonl"), ("fsync", "receipts.head.new"), ("replace", "receipts.head.new")],
)
def test_a_receipt_that_can_not_be_made_durable_leaves_the_log_as_it_was(
    verb: str, names: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModuleFolder(folder) as files:
        keys = loaded(ModuleClient(files.module.handle))
        before = (folder / "receipts.jsonl").read_bytes()
        for _ in range(2):
            with monkeypatch.context() as patched:
                failing(patched, verb, names, times=1)
                with pytest.raises(StateError, match="no receipt can be written"):
                    keys.key(2)
            assert (folder / "receipts.jsonl").read_bytes() == before
        assert keys.key(2) == SEQUENCE.key(2)
    fill(folder)


def test_a_log_that_can_not_be_mended_gets_no_more_receipts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModuleFolder(folder) as files:
        keys = loaded(ModuleClient(files.module.handle))
        with monkeypatch.context() as patched:
            failing(patched, "fsync", "receipts.jsonl")
            failing(patched, "ftruncate", "receipts.jsonl")
            with pytest.raises(StateError, match="no receipt can be written"):
                keys.key(2)
        with pytest.raises(StateError, match="start again"):
            keys.key(2)
    fill(folder)


def test_a_log_ends_where_it_could_not_be_read_any_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder)
    monkeypatch.setattr("gsakmp.net.nark.LINES", 5)
    with ModuleFolder(folder) as files:
        keys = loaded(ModuleClient(files.module.handle))
        with pytest.raises(StateError, match="used up"):
            keys.key(2)
    ModuleFolder(folder).close()


def test_a_grant_whose_receipt_no_log_could_hold_is_refused(folder: Path) -> None:
    """A key server's group may have any name of 4,096 octets; as JSON each of these has six."""
    with ModuleFolder(folder) as files:
        client = ModuleClient(files.module.handle)
        box = seal_grant(
            client.identify(), "\0" * 4096, NAMED, INTERVALS, SEQUENCE.seeds(INTERVALS), system_random
        )
        with pytest.raises(StateError, match="refuses"):
            client.load(NAMED.octets(INTERVALS), *box)
        assert loaded(client).key(2) == SEQUENCE.key(2)
    fill(folder)


@pytest.mark.parametrize("octets", [b'{"counter":0,"last":"\xff"}', b"", b"[" * 1000])
def test_a_head_that_is_none(octets: bytes, folder: Path) -> None:
    (folder / "receipts.head").write_bytes(octets)
    with pytest.raises(ConfigurationError, match=r"receipts\.head"):
        ModuleFolder(folder)


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


def test_a_member_with_many_files_open_reaches_its_module(folder: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] != resource.RLIM_INFINITY and limits[1] < 2048:
        skip_or_fail("no more than 1,024 files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(2048, limits[0]), limits[1]))
    process = ModuleProcess(folder)
    opened: list[int] = []
    try:
        while not opened or opened[-1] < 1024:
            opened.append(os.open(os.devnull, os.O_RDONLY))
        assert len(process.identity().signing) == 32
    finally:
        process.close()
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


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
