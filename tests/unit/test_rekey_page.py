"""docs/rekey.md and its images are fresh, and the tool would tell if they were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import rekey


def test_it_is_fresh() -> None:
    assert rekey.main(["--check"]) == 0


@pytest.mark.parametrize("name", ["PAGE", "PLOT", "TREE"])
def test_what_is_not_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    was: Path = getattr(rekey, name)
    text = was.read_text(encoding="utf-8")
    for at, changed in enumerate((text.replace("lkh", "khl"), text.replace("member-5", "member-6"), "")):
        if changed == text:
            continue
        file = tmp_path / f"{at}-{was.name}"
        file.write_text(changed, encoding="utf-8")
        monkeypatch.setattr(rekey, name, file)
        assert rekey.stale() == [file.name]


def test_no_time_of_any_machine_is_in_it() -> None:
    assert not [line for line in rekey.tables() if " ms " in line or " us " in line or "measured" in line]
