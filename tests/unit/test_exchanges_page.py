"""docs/exchanges.md is fresh, and leaves no machine or message out."""

from __future__ import annotations

import importlib
import pkgutil

import gsakmp.exchanges
from gsakmp.exchanges.grammar import Grammar
from gsakmp.exchanges.machine import Machine
from tools import exchanges


def modules() -> list[object]:
    return [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(gsakmp.exchanges.__path__, "gsakmp.exchanges.")
    ]


def test_it_is_fresh() -> None:
    assert exchanges.main(["--check"]) == 0


def test_no_machine_is_left_out() -> None:
    made = {
        value
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Machine) and "table" in vars(value)
    }
    assert made == {machine for _, machine in exchanges.machines()}


def test_no_message_is_left_out() -> None:
    said = {grammar.name for _, grammars in exchanges.grammars() for grammar in grammars}
    made = {
        value.name for module in modules() for value in vars(module).values() if isinstance(value, Grammar)
    }
    assert made <= said
