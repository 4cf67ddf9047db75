"""``gsakmp rekey tree``: real algorithms, drawn."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.cli.commands import Result, process, run


def tree(*arguments: object) -> Result:
    return run("rekey", "tree", *arguments)


def scenes(text: str) -> list[list[str]]:
    return [part.splitlines() for part in text.strip().split("\n\n")]


def test_the_path_of_who_leaves_is_new() -> None:
    result = tree("--members", 16, "--leave", 5)
    assert result.status == 0
    before, after = scenes(result.text)
    assert before[0] == "lkh: 16 members"
    assert not any("new key" in line for line in before)
    # kd - 1 = 7 wraps, and both nodes above the leaf (RFC 2627, 5.4.1)
    assert after[0] == "After member-5 left: 2 new keys, 7 wraps, 1 push"
    assert sum("* new key" in line for line in after) == 2
    assert sum("vacant" in line for line in after) == 1
    assert "member-5" in "\n".join(before)
    assert "member-5" not in "\n".join(after[1:])


@pytest.mark.parametrize("algorithm", ["lkh", "oft", "flat"])
def test_every_algorithm_with_a_tree(algorithm: str) -> None:
    drawn = scenes(
        tree("--members", 9, "--leave", 0, "--leave", 3, "--join", 3, "--algorithm", algorithm).text
    )
    assert len(drawn) == 3
    assert drawn[1][0].startswith("After member-0 and member-3 left: ")
    assert drawn[2][0].startswith("After member-9, member-10 and member-11 joined: ")
    assert all("member-11" not in line for line in drawn[1])
    for who in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11):
        assert sum(f"member-{who}" in line.split() for line in drawn[2][1:]) == 1


def test_who_leaves_a_big_group_is_still_seen() -> None:
    before, after = scenes(tree("--members", 5000, "--leave", 4321).text)
    assert any("member-4321" in line for line in before)
    assert any("vacant" in line for line in after)
    assert len(after) < 60


def test_an_image(tmp_path: Path) -> None:
    file = tmp_path / "tree.svg"
    assert tree("--members", 10, "--leave", 3, "--svg", file).status == 0
    written = [
        element.text or ""
        for element in ElementTree.parse(file).getroot().iter("{http://www.w3.org/2000/svg}text")
    ]
    assert "member-9" in written
    assert any(text.startswith("After member-3 left: ") for text in written)


def test_plain_where_there_are_no_such_letters() -> None:
    result = process("rekey", "tree", "--members", "3", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert result.status == 0
    assert result.out.isascii()
    assert b"`-- " in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--members", "0"], "1 to 100,000 members"),
        (["--members", "100001"], "1 to 100,000 members"),
        (["--members", "4", "--leave", "4"], "no member 4"),
        (["--members", "4", "--leave", "-1"], "no member -1"),
        (["--members", "4", "--join", "-1"], "may join"),
        (["--algorithm", "marks"], "'marks' is no rekey algorithm"),
        (["--algorithm", "nothing"], "'nothing' is no rekey algorithm"),
        (["--degree", "9"], "2 to 8"),
        (["--trees", "0"], "tree"),
        (["--members", "90000", "--degree", "4"], "room for"),
        (["--svg", "/nonexistent/tree.svg"], "/nonexistent/tree.svg: No such file"),
        (["--svg", "/"], "/: Is a directory"),
    ],
)
def test_wrong_usage_ends_with_status_2(arguments: list[str], said: str) -> None:
    result = tree(*arguments)
    assert result.status == 2
    assert said in result.err
    assert not result.out
    assert "Traceback" not in result.err


def test_one_member_is_no_members() -> None:
    assert tree("--members", 1).text.startswith("lkh: 1 member\n")
    assert tree("--members", 2).text.startswith("lkh: 2 members\n")


def test_a_batch_that_repeats_a_member_counts_it_once() -> None:
    once = tree("--members", 16, "--leave", 5).text
    assert tree("--members", 16, "--leave", 5, "--leave", 5).text == once
