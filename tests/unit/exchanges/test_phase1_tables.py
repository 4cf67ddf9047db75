"""The machines and the grammars of phase 1 as tables, against what was agreed on."""

from __future__ import annotations

import pytest

from gsakmp.exchanges.phase1 import grammar
from gsakmp.exchanges.phase1.aggressive import AggressiveModeInitiator, AggressiveModeResponder
from gsakmp.exchanges.phase1.main import MainModeInitiator, MainModeResponder
from gsakmp.registries import AuthenticationMethod
from tests.unit.exchanges.gdoi import snapshot

MACHINES = {
    "main_mode_initiator": MainModeInitiator,
    "main_mode_responder": MainModeResponder,
    "aggressive_mode_initiator": AggressiveModeInitiator,
    "aggressive_mode_responder": AggressiveModeResponder,
}


@pytest.mark.parametrize("name", MACHINES)
def test_machines(name: str) -> None:
    table = MACHINES[name].table
    snapshot(f"{name}.txt", table.matrix() + "\n" + table.diagram())


def test_messages() -> None:
    tables = [grammar.MAIN_1, grammar.MAIN_2, grammar.MAIN_3, grammar.MAIN_4, grammar.AGGRESSIVE_1]
    for method in (AuthenticationMethod.PRE_SHARED_KEY, AuthenticationMethod.RSA_SIGNATURES):
        tables += [grammar.main_5(method), grammar.main_6(method), grammar.aggressive_2(method)]
        tables += [grammar.aggressive_3(method, True), grammar.aggressive_3(method, False)]
    lines = sorted(f"{table.name} ({table.source}): {table.to_text()}\n" for table in tables)
    snapshot("phase1_messages.txt", "".join(lines))
