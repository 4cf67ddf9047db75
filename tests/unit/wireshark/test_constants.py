"""Numbers of registries in the dissector."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from gsakmp.wireshark import dissector
from gsakmp.wireshark.constants import SEEN, constants

RUNTIME = "".join(
    each.read_text(encoding="utf-8")
    for each in files("gsakmp.wireshark").joinpath("runtime").iterdir()
    if each.name.endswith(".lua")
)


@pytest.mark.parametrize("part", ["numbers", "limits", "hashes"])
def test_what_is_there_is_what_is_read(part: str) -> None:
    table = "constants.hashes" if part == "hashes" else part
    read = set(re.findall(rf"\b{re.escape(table)}\.(\w+)", RUNTIME))
    if part == "limits":
        read |= {"attributes", "elements", "payloads"}  # by the names that errors have
    assert read == set(constants()[part])


def test_what_octets_show_of_a_dialect() -> None:
    """What the definitions or the runtime go by, and nothing else."""
    generated = dissector()
    named = set(re.findall(r'(?:swap|reversed|size) = "(\w+)"', generated))
    assert named | {"name", "tek_addresses_reversed", "tek_may_lack_algorithm_key"} == set(SEEN)
    assert set(re.findall(r"\bdialect\.(\w+)", RUNTIME)) <= set(SEEN)
