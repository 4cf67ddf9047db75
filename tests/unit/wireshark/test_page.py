"""The page with the dissector's fields."""

from __future__ import annotations

import re

from gsakmp.wireshark.page import filters_page
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


def test_every_filter_that_the_guide_names_exists() -> None:
    guide = (ROOT / "docs" / "wireshark.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(gdoi\.[a-z0-9_.]+)`", filters_page()))
    preferences = {
        "gdoi.key_file",
        "gdoi.keys",
        "gdoi.dialect",
        "gdoi.other_ports",
        "gdoi.ikev2",
        "gdoi.ports",
    }
    preferences |= {"gdoi.wireshark_table"}
    named = set(re.findall(r"\bgdoi\.[a-z0-9_]+(?:\.[a-z0-9_]+)*", guide))
    notes = {name for name in named if name.startswith("gdoi.expert.")}
    assert named - listed - preferences - notes == set()
    assert len(named) > 15
