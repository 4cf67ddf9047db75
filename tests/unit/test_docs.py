"""tools/docs.py: the pages are fresh, and ``--check`` sees it when they are not."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gsakmp import payloads, registries
from gsakmp.wire import Element
from tests.conftest import ROOT

WIRE = ROOT / "docs" / "wire"
NO_PAGE = {"Attribute", "Payload", "UnknownPayload", "Unlinked", "IPsecTEK"}
"""Classes that are no layout of their own: bases, what is kept unread, and the attribute itself."""


@pytest.fixture(scope="module")
def docs() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("tools_docs", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def wanted(docs: ModuleType) -> dict[str, str]:
    pages: dict[str, str] = docs.pages()
    return pages


@pytest.fixture
def folder(wanted: dict[str, str], tmp_path: Path) -> Path:
    """A fresh copy of the pages."""
    for name, text in wanted.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_pages_are_fresh(docs: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--check"]) == 0, capsys.readouterr().out


def test_check_names_what_is_stale_missing_or_orphaned(
    docs: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--check", "--folder", str(folder)]
    assert docs.main(arguments) == 0
    (folder / "SA.md").write_text("old", encoding="utf-8")
    (folder / "SAKEK.md").unlink()
    (folder / "Gone.md").write_text("of a class that is gone", encoding="utf-8")
    capsys.readouterr()
    assert docs.main(arguments) == 1
    assert capsys.readouterr().out.splitlines() == ["orphaned: Gone.md", "stale: SA.md", "missing: SAKEK.md"]
    assert not (folder / "SAKEK.md").exists()


def test_writing_mends_all_three(docs: ModuleType, folder: Path) -> None:
    (folder / "SA.md").write_text("old", encoding="utf-8")
    (folder / "SAKEK.md").unlink()
    (folder / "Gone.md").write_text("of a class that is gone", encoding="utf-8")
    assert docs.main(["--folder", str(folder)]) == 0
    assert docs.main(["--check", "--folder", str(folder)]) == 0
    assert not (folder / "Gone.md").exists()


def test_the_pages_are_the_same_each_time(docs: ModuleType, wanted: dict[str, str]) -> None:
    assert docs.pages() == wanted


def test_every_definition_has_a_page(wanted: dict[str, str]) -> None:
    defined = {
        name
        for name, cls in vars(payloads).items()
        if isinstance(cls, type) and issubclass(cls, Element) and name not in NO_PAGE
    }
    assert defined == {name.removesuffix(".md") for name in wanted} - {"README", "registries"}


def test_every_link_leads_somewhere(wanted: dict[str, str]) -> None:
    anchors = {found.lower() for found in re.findall(r"^## (\w+)$", wanted["registries.md"], re.MULTILINE)}
    for name, text in wanted.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            page, _, anchor = target.partition("#")
            assert page in wanted, f"{name} links to {target}"
            assert not anchor or anchor in anchors, f"{name} links to {target}"


def test_every_registry_is_listed_with_all_its_numbers(wanted: dict[str, str]) -> None:
    sections = dict(
        re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", wanted["registries.md"], re.DOTALL | re.MULTILINE)
    )
    for registry in registries.ALL:
        rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", sections[registry.__name__], re.MULTILINE)
        assert sorted((int(number), name) for number, name in rows) == sorted(
            (int(member), member.name) for member in registry
        )


def test_examples_hold_the_octets_of_the_captures(wanted: dict[str, str]) -> None:
    # The SAK of message 8, whose plaintext the session's JSON gives.
    shown = "".join(
        re.findall(r"^(?: *\d+|    )  ((?:[0-9a-f]{2} )*[0-9a-f]{2})", wanted["SAKEK.md"], re.MULTILINE)
    )
    text = (ROOT / "pcaps" / "gdoi" / "gdoi-pull-push-3des-sha1-rsa1024.json").read_text(encoding="utf-8")
    octets = shown.replace(" ", "")
    assert octets.startswith("1600003f1101")
    assert len(octets) == 2 * 63
    assert octets in text


def test_no_page_is_out_of_place() -> None:
    assert {path.suffix for path in WIRE.iterdir()} == {".md"}
