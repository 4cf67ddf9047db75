"""What several tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.ports import free_block
from tests.unit.cli.commands import Result, process


@dataclass(frozen=True)
class Demo:
    """What `gsakmp demo` printed, and its capture."""

    result: Result
    output: Path
    port: int

    @property
    def ports(self) -> tuple[int, int]:
        """Of messages, and of the ESP packets."""
        return self.port, self.port + 1

    def arguments(self, keys: Path | None = None) -> list[object]:
        """For the commands that open it: with all its secrets, or with those of a file."""
        ports = (argument for port in self.ports for argument in ("--port", port))
        return [self.output, "--keys", keys or self.output.with_suffix(".keys"), *ports]


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Demo]:
    """`gsakmp demo` with a rekey algorithm, played once for all."""

    @cache
    def play(algorithm: str) -> Demo:
        output, port = tmp_path_factory.mktemp(f"demo-{algorithm}") / "demo.pcap", free_block()
        output.with_suffix(".keys").touch(mode=0o644)  # of a demo before, and open to all
        chosen = () if algorithm == "lkh" else ("--rekey", algorithm)
        return Demo(process("demo", *chosen, "--output", output, "--port", port), output, port)

    return play
