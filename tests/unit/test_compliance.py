"""tools/compliance.py: the page is fresh, and what is wrong with the entries is told and not written."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "compliance.md"
ENTRIES = """\
order = 1
document = "RFC 99999"
title = "Nothing at All"
definitions = ["1"]
covered = ["MUST", "MUST NOT"]
[sections]
"1" = ["MUST"]
"2" = ["MUST", "SHOULD", "MUST NOT"]
"2.1" = ["MUST"]

[[requirement]]
section = "2"
ordinal = 1
keyword = "MUST"
binds = "both"
text = "It is done."
tests = ["tests/unit/test_it.py::test_done[case]", "tests/unit/test_it.py::TestIt::test_more"]

[[requirement]]
section = "2"
ordinal = 3
keyword = "MUST NOT"
binds = "GCKS"
text = "It is not undone."
tests = ["tests/unit/test_it.py::test_later", "tests/unit/test_it.py::TestMachine::runTest"]
note = "Nor done twice."

[[requirement]]
section = "2.1"
ordinal = 1
keyword = "MUST"
binds = "member"
text = "It rests."
reason = "It never does anything."
"""
TESTS = """\
import pytest
@pytest.mark.parametrize("name", ["case"])
def test_done(name): ...
async def test_later(): ...
class TestIt:
    def test_more(self): ...
class Machine: ...
TestMachine = Machine.TestCase
def helper(): ...
"""
TEXT = """\
Request for Comments: 99999                                      Nobody

   The key words "SHALL" come before the first section.

1.  Words

   What MUST means.

2.  Doing

   It MUST be done, and SHOULD be soon, but MUST




Nobody                      Standards Track                     [Page 1]
\f
RFC 99999                        Nothing                     April 2026


   NOT be undone.  A MUSTARD is none, nor must it be.
2.1.  Resting

   It
   MUST rest.
"""


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("tools_compliance", ROOT / "tools" / "compliance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


Checked = Callable[..., tuple[int, str]]


@pytest.fixture
def checked(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Checked:
    """The command in a small checkout of its own, whose entries an edit may have changed."""
    for folder in ("docs", "tests/compliance", "tests/unit"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tests/unit/test_it.py").write_text(TESTS)
    (tmp_path / "tests/unit/it.py").write_text(TESTS)

    def run(*arguments: str, old: str = "", new: str = "") -> tuple[int, str]:
        assert ENTRIES.count(old) == 1 or not old
        text = ENTRIES.replace(old, new) if old else ENTRIES
        (tmp_path / "tests/compliance/rfc.toml").write_text(text)
        capsys.readouterr()
        status = tool.main(["--root", str(tmp_path), *arguments])
        return status, capsys.readouterr().out.strip()

    return run


def test_the_page_is_fresh(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--check"]) == 0, capsys.readouterr().out


def test_every_link_leads_somewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    found = re.findall(r"\]\(([^)]+)\)", text)
    assert len(found) > 200
    for target in found:
        if target.startswith("#"):
            assert target[1:] in headings
        else:
            assert (PAGE.parent / target).resolve().is_file(), target


def test_written_stale_and_fresh(checked: Checked, tmp_path: Path) -> None:
    assert checked("--check") == (1, "stale: docs/compliance.md; python tools/compliance.py writes it")
    assert not (tmp_path / "docs/compliance.md").exists()
    assert checked()[0] == 0
    assert checked("--check") == (0, "docs/compliance.md is fresh")
    text = (tmp_path / "docs/compliance.md").read_text()
    assert "| [RFC 99999](#rfc-99999-nothing-at-all) | MUST | 3 | 2 | 1 |" in text
    assert "2.1, 1 | MUST | member | It rests. | *No test.* It never does anything. |" in text
    assert "[`test_it::TestIt::test_more`](../tests/unit/test_it.py)" in text
    assert checked("--check", old="It rests.", new="It lies.")[0] == 1


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("test_it.py::test_later", "test_it.py::test_never", "99999-2-3: tests/unit/test_it.py::test_never: there is no such test"),
        ("test_it.py::test_later", "test_gone.py::test_later", "there is no such file"),
        ("test_it.py::test_later", "it.py::test_later", "no test file"),
        ("tests/unit/test_it.py::test_later", "../tests/unit/test_it.py::test_later", "no test file"),
        ("test_it.py::test_later", "test_it.py::helper", "there is no such test"),
        ("test_it.py::test_later", "test_it.py::test_later[1]", "it has no parameters"),
        ("TestIt::test_more", "test_more", "there is no such test"),
        ("test_it.py::test_later", "test_it.py::TestMachine::runTest", "99999-2-3: a test twice"),
        ('reason = "It never does anything."', "", "99999-2.1-1: tests or a reason, one of the two"),
        ('note = "Nor done twice."', 'reason = "why"', "99999-2-3: tests or a reason, one of the two"),
        ('binds = "GCKS"', 'binds = "nobody"', "99999-2-3: it binds 'nobody'"),
        ('text = "It rests."', 'text = ""', "99999-2.1-1: no text"),
        ('text = "It rests."', 'text = "a | b"', "99999-2.1-1: no text, or one that breaks the table"),
        ("ordinal = 3", "ordinal = 2", "99999-2-2: MUST NOT, and the section has SHOULD"),
        ("ordinal = 3", "ordinal = 4", "99999-2-4: the section has 3 keywords"),
        ("ordinal = 3", "ordinal = 1", "99999-2-1: twice"),
        ('"2.1" = ["MUST"]', '"2.1" = ["MUST", "MUST NOT"]', "RFC 99999, 2.1: no entry for MUST NOT 2"),
        ('definitions = ["1"]', "definitions = []", "RFC 99999, 1: no entry for MUST 1"),
        ('"2.1" = ["MUST"]', "", "99999-2.1-1: the section has 0 keywords"),
        ('"1" = ["MUST"]\n', '"2.1" = ["MUST"]\n"1" = ["MUST"]\n', "rfc.toml: TOMLDecodeError"),
        ('section = "2.1"', "", "rfc.toml: TypeError"),
        ('reason = "It', 'cause = "It', "rfc.toml: TypeError"),
        ("ordinal = 3", 'ordinal = "3"', "rfc.toml: TypeError: ordinal = '3'"),
        ("order = 1", "", "rfc.toml: KeyError"),
        ('document = "RFC 99999"', "", "rfc.toml: KeyError"),
        ('title = "Nothing', 'subject = "x"\ntitle = "Nothing', "rfc.toml: ValueError: unknown: subject"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(checked: Checked, tmp_path: Path, old: str, new: str, problem: str) -> None:
    status, told = checked(old=old, new=new)
    assert status == 1
    assert problem in told
    assert not (tmp_path / "docs/compliance.md").exists()


def test_entries_stand_in_the_order_of_the_sections(checked: Checked) -> None:
    status, told = checked(old='"2" = ["MUST", "SHOULD", "MUST NOT"]\n"2.1" = ["MUST"]', new=(
        '"2.1" = ["MUST"]\n"2" = ["MUST", "SHOULD", "MUST NOT"]'
    ))  # fmt: skip
    assert (status, told) == (1, "RFC 99999: the entries are not in the order of the sections")


def test_the_keywords_of_a_text_are_counted(checked: Checked, tmp_path: Path) -> None:
    text = tmp_path / "rfc99999.txt"
    text.write_text(TEXT.replace('"SHALL"', "words"))
    assert checked("--rfc", str(text))[0] == 0
    text.write_text(TEXT)
    assert checked("--rfc", str(text)) == (
        1, "RFC 99999, front matter: nothing is recorded, the text has SHALL"
    )  # fmt: skip
    text.write_text(TEXT.replace('"SHALL"', "words").replace("MUST rest", "must rest"))
    assert checked("--rfc", str(text)) == (1, "RFC 99999, 2.1: MUST is recorded, the text has nothing")
    text.write_text(TEXT.replace("99999", "1234"))
    assert checked("--rfc", str(text)) == (1, "rfc99999.txt: the text of none of the documents")


def test_without_entries_there_is_no_page(tool: ModuleType, tmp_path: Path) -> None:
    assert tool.main(["--root", str(tmp_path)]) == 1
