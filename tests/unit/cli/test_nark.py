"""``gsakmp nark-module`` and ``gsakmp receipts``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gsakmp.cli import main
from gsakmp.crypto import system_random
from gsakmp.group.rekey.marks import Interval, KeySequence
from gsakmp.group.rekey.nark import Grant, NamedSequence, seal_grant
from gsakmp.group.rekey.nark_module import ModuleClient
from gsakmp.group.sa import PeriodSequence
from gsakmp.net.nark import ModuleFolder
from gsakmp.registries import PeriodConstruction

PERIODS = PeriodSequence(
    construction=PeriodConstruction.BINARY_HASH_TREE, starts_at=1000, seconds=60, count=16, modules=True
)
NAMED = NamedSequence(1, b"\1\2\3\0", PERIODS)
GRANT = Grant(NAMED.digest("fqdn:video"), (Interval(2, 5),))


@pytest.fixture
def used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """A module that was given periods 2 to 5 and has released 2 and 3; its folder and public keys."""
    folder = tmp_path / "module"
    assert main(["nark-module", "init", str(folder)]) == 0
    keys = capsys.readouterr().out.strip()
    with ModuleFolder(folder) as files:
        client = ModuleClient(files.module.handle)
        seeds = KeySequence(PERIODS.construction, 16, bytes(32)).seeds(GRANT.intervals)
        box = seal_grant(client.identify(), "fqdn:video", NAMED, GRANT.intervals, seeds, system_random)
        held = client.load(NAMED.octets(GRANT.intervals), *box)
        held.key(2)
        held.key(3)
    return folder, keys


def test_a_log_is_verified_and_settled(
    used: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, keys = used
    log = str(folder / "receipts.jsonl")
    assert main(["receipts", log, "--module-key", keys]) == 0
    assert "3 receipts" in capsys.readouterr().out
    assert main(["nark-module", "attest", str(folder), "c0de"]) == 0
    head = tmp_path / "head.json"
    head.write_text(capsys.readouterr().out)
    more = ["--grant", GRANT.to_text(), "--head", str(head), "--challenge", "c0de"]
    assert main(["receipts", log, "--module-key", keys, *more]) == 0
    told = capsys.readouterr().out
    assert "none missing at the end" in told
    assert "delivered    2-3\n" in told
    assert "not asked    4-5\n" in told
    assert main(["receipts", log, "--module-key", keys, *more, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["receipts"], said["complete"], said["settlement"]["released"]) == (3, True, [2, 3])


def test_status_of_what_is_wrong(
    used: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, keys = used
    log = folder / "receipts.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    narrow = Grant(GRANT.sequence, (Interval(2, 2),)).to_text()
    assert main(["receipts", str(log), "--module-key", keys, "--grant", narrow]) == 1
    assert "not granted  3\n" in capsys.readouterr().out
    cut = tmp_path / "cut.jsonl"
    for octets in (b"".join(lines[1:]), lines[0] + lines[1].replace(b'"period":2', b'"period":4'), b"x\n"):
        cut.write_bytes(octets)
        assert main(["receipts", str(cut), "--module-key", keys]) == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["receipts", str(log), "--module-key", "00" * 64]) == 1
    assert main(["receipts", str(tmp_path / "nothing"), "--module-key", keys]) == 2
    assert main(["receipts", str(log), "--module-key", "short"]) == 2
    assert main(["receipts", str(log), "--module-key", keys, "--grant", "x"]) == 2
    assert main(["nark-module", "init", str(folder)]) == 2
    assert main(["nark-module", "show", str(tmp_path)]) == 2
    assert main(["nark-module", "attest", str(folder), "no hex"]) == 2


def test_the_cut_end_of_a_log_shows_with_the_modules_word(
    used: tuple[Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, keys = used
    assert main(["nark-module", "attest", str(folder), "c0de"]) == 0
    head = tmp_path / "head.json"
    head.write_text(capsys.readouterr().out)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join((folder / "receipts.jsonl").read_bytes().splitlines(keepends=True)[:2]))
    asked = ["receipts", str(cut), "--module-key", keys]
    assert main(asked) == 0
    assert main([*asked, "--head", str(head), "--challenge", "c0de"]) == 1
    assert "its end is missing" in capsys.readouterr().err
    assert main([*asked, "--head", str(head), "--challenge", "beef"]) == 1
    assert main([*asked, "--head", str(head)]) == 2
    for octets in (b"", b"no JSON", b'{"last":"\xff"}'):
        head.write_bytes(octets)
        capsys.readouterr()
        assert main([*asked, "--head", str(head), "--challenge", "c0de"]) == 1
        assert "no head" in capsys.readouterr().err
