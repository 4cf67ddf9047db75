"""No check drops out unseen: what is not there skips a test, or fails it where all are asked for."""

from __future__ import annotations

import re

import pytest

from tests import conftest
from tests.conftest import ROOT, require_path, require_tool, skip_or_fail

UNSEEN = re.compile(r"pytest\.(?:skip\(|importorskip|mark\.skip\b|mark\.skipif\((?!sys\.platform|os\.name))")
"""Ways past `skip_or_fail`. What one system alone has, a mark may leave out on others."""


@pytest.mark.parametrize("all_asked_for", [False, True])
def test_what_is_missing_skips_or_fails(monkeypatch: pytest.MonkeyPatch, all_asked_for: bool) -> None:
    monkeypatch.setattr(conftest, "REQUIRE_ALL", all_asked_for)
    expected = pytest.fail.Exception if all_asked_for else pytest.skip.Exception
    with pytest.raises(expected, match="no luck"):
        skip_or_fail("no luck")
    with pytest.raises(expected, match="no-such-tool is not installed"):
        require_tool("no-such-tool")
    with pytest.raises(expected, match="no /no/such/file here"):
        require_path("/no/such/file")


def test_nothing_is_skipped_in_another_way() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if UNSEEN.search(path.read_text())
    ]
    assert found == ["tests/conftest.py"]
