"""Timers of an engine: each key has at most one time; asking for the next is cheap with many keys."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from itertools import count
from typing import Final

__all__ = ["Timers"]

STALE: Final = 64
"""Entries that may be out of date before the queue is built anew, beside as many as there are timers."""


class Timers:
    """Keys and the times at which they are due, seconds."""

    def __init__(self) -> None:
        self._due: dict[Hashable, float] = {}
        self._queue: list[tuple[float, int, Hashable]] = []
        self._order = count()  # equal times come in the order in which they were set

    def set(self, key: Hashable, when: float | None) -> None:
        """`key` is due at `when`, and no longer at another time; None for never."""
        if when is None:
            self._due.pop(key, None)
            return
        if self._due.get(key) == when:
            return
        self._due[key] = when
        heapq.heappush(self._queue, (when, next(self._order), key))
        if len(self._queue) > 2 * len(self._due) + STALE:
            self._queue = [(due, next(self._order), held) for held, due in self._due.items()]
            heapq.heapify(self._queue)

    def next_timeout(self) -> float | None:
        """When the first key is due, None if none is."""
        self._drop_stale()
        return self._queue[0][0] if self._queue else None

    def due(self, now: float) -> Iterator[Hashable]:
        """The keys whose time has come, each once; what is set meanwhile waits for the next call."""
        ready = []
        while True:
            self._drop_stale()
            if not self._queue or self._queue[0][0] > now:
                break
            _, _, key = heapq.heappop(self._queue)
            del self._due[key]
            ready.append(key)
        yield from ready

    def _drop_stale(self) -> None:
        while self._queue and self._due.get(self._queue[0][2]) != self._queue[0][0]:
            heapq.heappop(self._queue)
