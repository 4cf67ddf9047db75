"""A coverage-guided target, for whoever has atheris: ``python tests/fuzz/atheris_target.py [-runs=N]``.

The first octet picks how the rest is read. A finding belongs into ``tests/fuzz/corpus/``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gsakmp.doi import GDOI, GDOID, GDOID_BIG_ENDIAN, IPSEC, ISAKMP
from tests.fuzz.judge import Context, judge

CONTEXTS = (
    Context(),
    Context(500),
    Context(4500),
    Context(848, GDOI, GDOID),
    Context(848, GDOI, GDOID_BIG_ENDIAN),
    Context(500, IPSEC),
    Context(500, ISAKMP),
)


def one(data: bytes) -> None:
    """Judge one input."""
    if data:
        judge(data[1:], CONTEXTS[data[0] % len(CONTEXTS)])


def main() -> int:
    """Fuzz, if atheris is there."""
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed; tests/fuzz/run.py needs nothing more")
        return 0
    atheris = importlib.import_module("atheris")
    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
