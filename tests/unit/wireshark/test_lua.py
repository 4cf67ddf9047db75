"""Python values and expressions as Lua source."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from gsakmp.errors import ConfigurationError
from gsakmp.wire import members as m
from gsakmp.wireshark import dissector
from gsakmp.wireshark.constants import hashes
from gsakmp.wireshark.lua import Raw, condition_source, expression_source, literal


@pytest.mark.parametrize(("value", "source"), [
    (1, "1"), (True, "true"), (None, "nil"), ("a\"b\\c\n", '"a\\"b\\\\c\\010"'), ("é", '"\\195\\169"'),
    (b"\0a", '"\\000\\097"'), ([1, "x"], '{1, "x"}'), ({"a": 1, 2: None, 3: []}, "{a = 1, [3] = {}}"),
    ({"end": 1, "a b": 2}, '{["end"] = 1, ["a b"] = 2}'), (Raw("f()"), "f()"), ((None, 1), "{false, 1}"),
])  # fmt: skip
def test_literals(value: Any, source: str) -> None:
    assert literal(value) == source


def test_long_tables_take_several_lines() -> None:
    lines = literal({"numbers": list(range(200))}).splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= 112


def test_what_has_no_form() -> None:
    with pytest.raises(ConfigurationError, match="float has no form"):
        literal(1.5)


@pytest.mark.parametrize(("template", "names", "source"), [
    ("len({spi})", ("spi",), "#v.spi"),
    ("({a} + 3) // 4 * 4", ("a",), "(floor((v.a + 3) / 4) * 4)"),
    ("{a} & 6", ("a",), "band(v.a, 6)"),
    ("first_kind({items_})", ("items_",), "first_kind(v.items_)"),
])  # fmt: skip
def test_expressions(template: str, names: tuple[str, ...], source: str) -> None:
    assert expression_source(m.Expression(template, names)) == source


@pytest.mark.parametrize(("template", "source"), [
    ("({a} & 6)", "(band(v.a, 6) ~= 0)"), ("{a} == 1", "(v.a == 1)"), ("not {a}", "(not (v.a ~= 0))"),
    ("{a} > 1 and {a} < 4", "((v.a > 1) and (v.a < 4))"),
])  # fmt: skip
def test_conditions(template: str, source: str) -> None:
    """In Lua, 0 is true."""
    assert condition_source(m.Expression(template, ("a",))) == source


@pytest.mark.parametrize("template", ["{a} ** 2", "max({a}, 1)", "{a}.real", "other"])
def test_expressions_that_have_no_form(template: str) -> None:
    with pytest.raises(ConfigurationError, match="has no form in Lua"):
        expression_source(m.Expression(template, ("a",)))


def test_the_constants_of_the_hashes() -> None:
    """The first ones as RFC 6234, 5.1, 5.2 and 6.1 print them."""
    found = hashes()
    assert [high for high, _ in found["sha2_k"][:3]] == [0x428A2F98, 0x71374491, 0xB5C0FBCF]
    assert found["sha2_k"][79] == [0x6C44198C, 0x4A475817]
    assert found["sha512_h"][0] == [0x6A09E667, 0xF3BCC908]
    assert found["sha384_h"][7] == [0x47B5481D, 0xBEFA4FA4]


def test_the_file_is_the_same_each_time() -> None:
    first, second = dissector(), dissector()
    assert hashlib.sha256(first.encode()).digest() == hashlib.sha256(second.encode()).digest()
    assert first.isascii()
