"""Pictures of key trees, against trees made here without any algorithm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from gsakmp.errors import StateError
from gsakmp.group.rekey.drawing import Item, lines, pruned, to_text
from gsakmp.group.rekey.drawing_svg import to_svg
from gsakmp.group.rekey.interface import Place, TreeNode

SVG = "{http://www.w3.org/2000/svg}"


def nodes(leaves: int, degree: int, vacant: tuple[int, ...] = ()) -> Iterator[TreeNode]:
    """A tree that is filled from the left, numbered level by level from the root on."""
    top, number = 1, 0
    while degree**top < leaves:
        top += 1
    for level in range(top, -1, -1):
        for index in range(-(-leaves // degree**level)):
            place, parent = (level, index), (level + 1, index // degree)
            if level == top:
                yield TreeNode(place, None, "root")
            elif level:
                yield TreeNode(place, parent, "inner", wire_id=number, handle=1)
            else:
                yield TreeNode(place, parent, "vacant" if index in vacant else "leaf", wire_id=number)
            number += 1


def path(leaf: int, degree: int, levels: int) -> set[Place]:
    return {(level, leaf // degree**level) for level in range(1, levels + 1)}


def items(item: Item) -> Iterator[Item]:
    yield item
    for child in item.children:
        yield from items(child)


def picture(leaves: int, degree: int, **options: Any) -> Item:
    drawn = pruned(nodes(leaves, degree), **options)
    assert drawn is not None
    return drawn


def test_a_small_tree_as_text() -> None:
    labels = {(0, leaf): f"m{leaf}" for leaf in range(5)}
    drawn = pruned(nodes(5, 2, vacant=(3,)), labels=labels, changed=path(3, 2, 3))
    assert drawn is not None
    assert (
        to_text(drawn)
        == """\
KEK  * new key
├── 1  * new key
│   ├── 3
│   │   ├── 6 m0
│   │   └── 7 m1
│   └── 4  * new key
│       ├── 8 m2
│       └── 9 vacant
└── 2
    └── 5
        └── 10 m4"""
    )


def test_text_for_terminals_that_have_no_such_letters() -> None:
    text = to_text(picture(3, 4), ascii_only=True)
    assert text.isascii()
    assert text.splitlines()[1:] == ["|-- 1", "|-- 2", "`-- 3"]


def test_an_algorithm_without_a_tree_has_no_picture() -> None:
    assert pruned(()) is None


def test_what_has_changed_is_shown_however_big_the_tree() -> None:
    drawn = picture(4096, 4, changed=path(1234, 4, 6), labels={(0, 1234): "the one"})
    shown = list(items(drawn))
    assert len(shown) < 40
    assert sum(item.changed for item in shown) == 6
    assert any(item.label == "the one" for item in shown)


@pytest.mark.parametrize(("leaves", "degree"), [(16, 4), (1000, 2), (1000, 8), (1000, 1000), (5000, 3)])
@pytest.mark.parametrize("leaf", [None, 0, 777])
def test_no_member_is_lost(leaves: int, degree: int, leaf: int | None) -> None:
    """Drawn leaves, and those that are said to be left out, are all that there are."""
    around = () if leaf is None or leaf >= leaves else [(0, leaf)]
    shown = list(items(picture(leaves, degree, around=around)))
    assert sum(item.leaves or item.kind == "leaf" for item in shown) == leaves
    assert len(shown) <= 130


def test_a_star_shows_whose_key_is_new_among_thousands() -> None:
    drawn = picture(60_000, 60_000, changed={(1, 0), (0, 54_321)})
    assert [item.name for item in drawn.children if item.changed] == ["54322"]
    assert drawn.children[-1].kind == "more"
    assert to_text(drawn).splitlines()[-1] == "└── and 59,977 more"


def test_lines_have_what_text_has() -> None:
    drawn = picture(9, 3)
    assert [line.guides + line.item.text for line in lines(drawn)] == to_text(drawn).splitlines()


@pytest.mark.parametrize(
    "broken",
    [
        [TreeNode((1, 0), None, "root"), TreeNode((1, 0), None, "root")],
        [TreeNode((1, 0), None, "root"), TreeNode((1, 1), None, "root")],
        [TreeNode((0, 0), (1, 0), "leaf")],
        [TreeNode((1, 0), None, "root"), TreeNode((0, 0), (2, 0), "leaf")],
        [TreeNode((1, 0), None, "root"), TreeNode((1, 1), (1, 0), "inner")],
        [TreeNode((1, 0), None, "root"), TreeNode((2, 1), (1, 0), "inner")],
    ],
)
def test_what_is_no_tree_is_refused(broken: list[TreeNode]) -> None:
    with pytest.raises(StateError):
        pruned(broken)


# -- SVG ---------------------------------------------------------------------------------------------


def parsed(*panels: tuple[str, Item]) -> ElementTree.Element:
    return ElementTree.fromstring(to_svg(panels))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_an_image_has_every_item_and_marks_what_is_new() -> None:
    labels = {(0, leaf): f"m{leaf}" for leaf in range(16)}
    drawn = picture(16, 4, labels=labels, changed=path(5, 4, 2))
    root = parsed(("after", drawn))
    written = texts(root)
    assert {"after", "KEK", *labels.values(), *map(str, range(1, 21))} <= set(written)
    new = [group for group in root.iter(f"{SVG}g") if group.get("class") == "new"]
    assert [texts(group)[0] for group in new] == ["KEK", "2", "id"]  # the last is the legend's
    assert sum("new" in (edge.get("class") or "") for edge in root.iter(f"{SVG}path")) == 1


def test_nothing_is_outside_the_image_or_on_top_of_another() -> None:
    for leaves, degree in ((16, 4), (64, 2), (1, 2), (1000, 4)):
        root = parsed(
            (
                "a title that is rather long, for what it is",
                picture(leaves, degree, changed=path(0, degree, 2)),
            )
        )
        _, _, width, height = map(float, (root.get("viewBox") or "").split())
        boxes = [
            tuple(float(rect.get(name) or 0) for name in ("x", "y", "width", "height"))
            for rect in root.iter(f"{SVG}rect")
            if rect.get("class")
        ]
        assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in boxes)
        for at, (x, y, w, _) in enumerate(boxes):
            assert all(y != b or x + w <= a or a + c <= x for a, b, c, _ in boxes[at + 1 :])


def test_text_is_escaped() -> None:
    evil = '<script>&"\x1b'
    drawn = picture(2, 2, labels={(0, 0): evil})
    image = to_svg([(evil.replace("\x1b", ""), drawn)])
    assert "<script" not in image
    assert "\x1b" not in image
    assert '<script>&"?' in texts(ElementTree.fromstring(image))
    assert "\x1b" not in to_text(drawn)


def test_an_image_has_colours_for_light_and_dark_pages() -> None:
    image = to_svg([("t", picture(2, 2))])
    assert "prefers-color-scheme: dark" in image
    body = image.split("</style>")[1]
    assert not re.search(r"#[0-9a-f]{3,6}\b", body)  # all colours are variables


def test_a_long_label_is_cut() -> None:
    drawn = picture(1, 2, labels={(0, 0): "x" * 5000})
    assert max(map(len, to_text(drawn).splitlines())) < 100
