"""What several tests of commands share."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.unit.cli.commands import Result, process

DEMO_PORTS = {"lkh": 21_840, "oft": 21_860, "marks": 21_880, "flat": 21_900}


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Result, Path]]:
    """`gsakmp demo` with a rekey algorithm, played once for all: what it printed, and its capture. Test
    processes side by side take turns, for its ports are the same."""
    turns = tmp_path_factory.getbasetemp().parent / "demo-turns"

    @cache
    def play(algorithm: str) -> tuple[Result, Path]:
        output = tmp_path_factory.mktemp(f"demo-{algorithm}") / "demo.pcap"
        output.with_suffix(".keys").touch(mode=0o644)  # of a demo before, and open to all
        chosen = () if algorithm == "lkh" else ("--rekey", algorithm)
        with turns.open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            return process("demo", *chosen, "--output", output, "--port", DEMO_PORTS[algorithm]), output

    return play
