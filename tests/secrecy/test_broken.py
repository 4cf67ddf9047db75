"""The model catches every broken variant of every algorithm."""

from __future__ import annotations

import pytest

from tests.secrecy.broken import VARIANTS, Variant, hunted

HISTORIES = range(1, 120)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: f"{one.algorithm}: {one.name}")
def test_broken_variant_is_caught(variant: Variant) -> None:
    at, _said = hunted(variant, HISTORIES)
    assert at is not None


@pytest.mark.parametrize("algorithm", sorted({one.algorithm for one in VARIANTS}))
def test_each_algorithm_is_broken_in_several_ways(algorithm: str) -> None:
    assert sum(one.algorithm == algorithm for one in VARIANTS) >= 3
