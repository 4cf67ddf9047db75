"""What ``import gsakmp`` gives, and what it does not import yet."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gsakmp


def test_every_public_name_is_there() -> None:
    for name in gsakmp.__all__:
        assert hasattr(gsakmp, name)
    assert set(gsakmp.__all__) <= set(dir(gsakmp))
    assert set(gsakmp.LATER) <= set(gsakmp.__all__)


def test_engines_are_imported_only_when_asked_for() -> None:
    source = (
        "import sys, gsakmp; assert not {'gsakmp.peers', 'gsakmp.exchanges', 'scapy'} & set(sys.modules);"
        "gsakmp.Member; assert 'gsakmp.peers' in sys.modules and 'scapy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", source], check=True, timeout=60)


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = gsakmp.Nothing
