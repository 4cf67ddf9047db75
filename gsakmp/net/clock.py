"""The clock of a daemon: wall time that never jumps."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock", "steady_clock"]

Clock = Callable[[], float]
"""Gives seconds since 1970."""


def steady_clock() -> Clock:
    """Wall time as it is now, going on with the monotonic clock: setting the system's time later neither ends
    nor prolongs a key. Where the system has a clock that also counts while it sleeps, that one is used."""
    source = getattr(time, "CLOCK_BOOTTIME", None)

    def elapsed() -> float:
        return time.monotonic() if source is None else time.clock_gettime(source)

    start = time.time() - elapsed()
    return lambda: start + elapsed()
