"""The page with the dissector's fields."""

from __future__ import annotations

import re

from gsakmp.wireshark import filters
from gsakmp.wireshark.notes import NOTES
from gsakmp.wireshark.page import USEFUL, anchor, filters_page
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "wireshark-filters.md"


def test_the_page_is_fresh() -> None:
    """`gsakmp wireshark --filters -o docs/wireshark-filters.md` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == filters_page()


def test_every_registry_that_it_links_to_is_described() -> None:
    there = (ROOT / "docs" / "wire" / "registries.md").read_text(encoding="utf-8")
    found = set(re.findall(r"\[(\w+)\]\(wire/registries\.md#", filters_page()))
    assert len(found) > 30
    assert {name for name in found if f"\n## {name}\n" not in there} == set()


PREFERENCES = {"dialect", "ikev2", "key_file", "keys", "other_ports", "ports", "wireshark_table"}


def named_in(text: str) -> set[str]:
    return set(re.findall(r"\bgdoi\.[a-z0-9_]+(?:\.[a-z0-9_]+)*", text))


def test_every_filter_that_the_guide_names_exists() -> None:
    named = named_in((ROOT / "docs" / "wireshark.md").read_text(encoding="utf-8"))
    there = {field.name for field in filters()} | {note.filter for note in NOTES}
    assert named - there - {f"gdoi.{name}" for name in PREFERENCES} - {"gdoi.expert"} == set()
    assert {f"gdoi.{name}" for name in PREFERENCES} <= named
    assert {note.filter for note in NOTES} - named <= {"gdoi.expert.bug"}
    assert len(named) > 30


def test_every_filter_is_listed() -> None:
    """By its name; a form of an identity by the name of the whole and its ending."""
    page = filters_page()
    listed = set(re.findall(r"^\| `(gdoi\.[a-z0-9_.]+)` \|", page, re.MULTILINE))
    marked = set(re.findall(r"^\| `(gdoi\.[a-z0-9_.]+)` \| bytes, \[and its forms\]", page, re.MULTILINE))
    endings = re.findall(r"^\| `(\.[a-z0-9_.]+)` \|", page, re.MULTILINE)
    assert len(marked) == 8
    assert len(endings) == 15
    every = {field.name for field in filters()}
    missing = every - listed - {whole + ending for whole in marked for ending in endings}
    assert {name.rpartition(".")[2] for name in missing} <= {"number", "octets"}
    assert {whole + ending for whole in marked for ending in endings} <= every
    assert {note.filter for note in NOTES} <= listed


def test_its_links_lead_somewhere() -> None:
    page = filters_page()
    heads = re.findall(r"^## (.+)$", page, re.MULTILINE)
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert {anchor(head) for head in heads} == links
    assert anchor("gdoi.sak: SA KEK (SAK)") == "gdoisak-sa-kek-sak"
    assert len(heads) == len(set(heads)) > 50


def test_the_most_useful_ones_come_first() -> None:
    page = filters_page()
    assert len(USEFUL) == 10
    first = page.index("## gdoi.")
    assert all(page.index(each.replace("|", "\\|")) < first for each in USEFUL)
    there = {field.name for field in filters()}
    assert all(named_in(each) <= there for each in USEFUL)
