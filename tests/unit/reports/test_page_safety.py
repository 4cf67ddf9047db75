"""The page as a document: nothing of a capture becomes markup, nothing leaves it, everybody can read it."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest

from gsakmp.reports.page.writer import SCRIPTS
from tests.unit.reports.pages import HOSTILE, hostile, inside, longest, made

PLACE = files("gsakmp.reports.page")
STYLE = PLACE.joinpath("page.css").read_text("utf-8")


class Document(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.texts.setdefault(self.elements[-1][0], []).append(data)

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    def policy(self) -> dict[str, list[str]]:
        content = next(
            attrs["content"] for tag, attrs in self.elements
            if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
        )  # fmt: skip
        assert content is not None
        return {words[0]: words[1:] for words in (part.split() for part in content.split(";"))}


def test_a_hostile_capture_adds_no_element() -> None:
    one = Document(made(hostile()).decode())
    other = Document(made(longest()[:2]).decode())
    assert one.tags() == other.tags()
    assert HOSTILE not in made(hostile()).decode()


def test_a_hostile_file_name() -> None:
    name = "</title><script>alert(1)</script>\u202e\udcff.pcap"
    page = made(longest()[:2], name=name, notes=[name])
    assert Document(page.decode()).tags() == Document(made(longest()[:2]).decode()).tags()
    found = inside(page)
    assert found.meta["name"] == "</title><script>alert(1)</script>\\u202e\\udcff.pcap"


def strings(plain: Any) -> list[str]:
    if isinstance(plain, str):
        return [plain]
    if isinstance(plain, dict):
        return [text for pair in plain.items() for item in pair for text in strings(item)]
    if isinstance(plain, list):
        return [text for item in plain for text in strings(item)]
    return []


def test_no_control_character_is_in_the_data() -> None:
    found = inside(made(hostile()))
    texts = strings([found.rows, found.meta, [block for _, block in found.blocks]])
    assert all(text.isprintable() for text in texts)
    shown = HOSTILE.replace("\u202e", "\\u202e").replace("\u2066", "\\u2066")
    shown = shown.replace("\x1b", "\\x1b").replace("\x00", "\\x00")
    assert shown in texts


def test_a_text_has_an_end() -> None:
    import msgspec

    record = msgspec.structs.replace(longest()[0], reason="x" * 100_000)
    assert len(made([record])) < len(made(longest()[:1])) + 4000
    assert max(map(len, strings([block for _, block in inside(made([record])).blocks]))) < 3000


# -- nothing leaves it ---------------------------------------------------------------------------------------


def source_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_the_script_and_the_style_and_nothing_else() -> None:
    page = made(longest()).decode()
    policy = Document(page).policy()
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(style) == len(script) == 1
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == [source_hash(script[0])]
    assert policy["style-src"] == [source_hash(style[0])]
    assert policy["img-src"] == ["data:"]
    assert policy["base-uri"] == policy["form-action"] == policy["trusted-types"] == ["'none'"]
    assert policy["require-trusted-types-for"] == ["'script'"]


def test_nothing_refers_to_anything_outside() -> None:
    document = Document(made(longest()).decode())
    for tag, attrs in document.elements:
        assert "src" not in attrs
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        if tag == "link":
            assert attrs["href"] == "data:,"
        elif tag != "a":
            assert "href" not in attrs
    assert "url(" not in STYLE
    assert "@import" not in STYLE


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_make_no_markup_of_text(script: str) -> None:
    text = PLACE.joinpath("scripts", script).read_text("utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
                 "fetch(", "XMLHttpRequest", "WebSocket", "import(", '"style"', "</script"):  # fmt: skip
        assert word not in text
    assert len(text.splitlines()) < 500


# -- everybody can read it -----------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE
    )
}
ON_PAPER = (
    "ink", "quiet", "accent", "right", "wrong", "secret", "phase1", "pull", "push", "ack", "esp", "plain",
)  # fmt: skip
PAIRS = [
    *((name, ground) for name in ON_PAPER for ground in ("paper", "raised", "current")),
    ("marked-ink", "marked"), ("caution-ink", "caution"), ("ink", "hit"), ("quiet", "hit"), ("ink", "around"),
]  # fmt: skip


def test_contrast_is_measured_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_stands_out(ink: str, ground: str, theme: int) -> None:
    assert contrast(COLOURS[ink][theme], COLOURS[ground][theme]) >= 4.5  # WCAG 2.2, 1.4.3


def test_what_can_be_operated_has_a_name() -> None:
    document = Document(made(longest()[:1]).decode())
    labels = ("aria-label", "aria-labelledby")
    for tag, attrs in document.elements:
        named = any(attrs.get(label) for label in labels)
        if (
            attrs.get("tabindex") == "0"
            or tag == "select"
            or (tag == "input" and attrs.get("type") == "search")
        ):
            assert named, (tag, attrs)
        if attrs.get("role") in ("tree", "grid", "listbox", "tablist", "separator"):
            assert named, (tag, attrs)
