"""What every test may use: where the captures are, which outside tools there are, how hard to search."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
PCAPS = ROOT / "pcaps"

REQUIRE_ALL = os.environ.get("GSAKMP_REQUIRE_ALL") == "1"
"""Set by .ci/run: there a missing tool is a failure, so that no check can drop out unseen."""

# A deadline per example measures the machine, not the code. A run that decides about a change must
# give the same answer twice, so it is derandomized; elsewhere each run looks at new examples.
settings.register_profile("default", deadline=None)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", deadline=None, max_examples=20)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if REQUIRE_ALL or os.environ.get("CI") else "default")
)


def skip_or_fail(reason: str) -> NoReturn:
    """What a test needs is not there: skip it, or the whole module.

    Under ``GSAKMP_REQUIRE_ALL=1`` fail instead. Call it in a test, in a fixture, or at the top of a module
    whose tests all need the same.
    """
    if REQUIRE_ALL:
        pytest.fail(f"{reason}, and GSAKMP_REQUIRE_ALL=1 asks for every test", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def require_tool(name: str) -> str:
    """The path of the program `name`; see `skip_or_fail`."""
    path = shutil.which(name)
    if path is None:
        skip_or_fail(f"{name} is not installed")
    return path


def require_path(path: str) -> Path:
    """A file that not every system has, as ``/dev/full``; see `skip_or_fail`."""
    if not Path(path).exists():
        skip_or_fail(f"no {path} here")
    return Path(path)


@pytest.fixture(scope="session")
def pcaps() -> Path:
    """The folder of captures that the project ships."""
    return PCAPS


@pytest.fixture(scope="session")
def tshark() -> str:
    """The path of tshark, which some tests take as their oracle."""
    return require_tool("tshark")
