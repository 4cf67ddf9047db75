"""Random octets: from the operating system, unless a recorded exchange is to be replayed."""

from __future__ import annotations

import os
from collections.abc import Callable

from gsakmp.errors import ConfigurationError, CryptoError

__all__ = ["Random", "random_octets", "system_random"]

Random = Callable[[int], bytes]
"""Gives as many random octets as it is asked for. What is recorded can stand in for it in a replay."""


def system_random(count: int) -> bytes:
    """`count` octets of the operating system's generator. Raises `CryptoError` where there is none."""
    try:
        return os.urandom(count)
    except (NotImplementedError, OSError) as error:
        raise CryptoError(f"the operating system gives no random octets: {error}") from error


def random_octets(random: Random, count: int) -> bytes:
    """`count` octets of `random`. Raises `ConfigurationError` if it gives fewer or more."""
    octets = random(count)
    if len(octets) != count:
        raise ConfigurationError(f"the random source does not give the {count} octets that it is asked for")
    return octets
