"""IP datagrams put together again from their fragments, within bounds.

Fragments may come in any order. One that repeats another exactly is ignored, for captures often see
a frame twice. One that overlaps another in any other way spoils the whole datagram, as RFC 8200, 4.5
demands for IPv6, and here for IPv4 too: which of the two the receiver kept can't be known from
a capture, and to show one of them would be a guess.
"""

from __future__ import annotations

from gsakmp import limits
from gsakmp.captures.datagram import Reason, Skipped
from gsakmp.captures.packets import LONGEST, Fragment

__all__ = ["Reassembler"]


class _Pending:
    """The fragments so far of one datagram; `spoiled` says why later ones are refused."""

    __slots__ = ("octets", "pieces", "protocol", "since", "spoiled", "total")

    def __init__(self, since: int) -> None:
        self.since = since
        self.pieces: dict[int, bytes] = {}
        self.octets = 0
        self.total: int | None = None
        self.protocol = 0
        self.spoiled: Reason | None = None


class Reassembler:
    """What waits for fragments: bounded in datagrams, octets and capture time.

    `incomplete` counts the datagrams that were given up.
    """

    def __init__(self) -> None:
        self.incomplete = 0
        self._pending: dict[tuple[object, ...], _Pending] = {}
        self._octets = 0

    @property
    def waiting(self) -> int:
        """Datagrams that still lack fragments."""
        return sum(1 for state in self._pending.values() if state.spoiled is None)

    def add(self, fragment: Fragment, protocol: int, octets: bytes, time: int) -> tuple[int, bytes] | None:
        """Take a fragment: the protocol and octets of the datagram that it completes, or None.

        `time` is in nanoseconds. Raises `Skipped` for a fragment that can't be used.
        """
        end = fragment.offset + len(octets)
        if not octets or end > LONGEST or (fragment.more and len(octets) % 8):
            raise Skipped(Reason.MALFORMED_FRAGMENT)
        state = self._state(fragment.key, time)
        if state.spoiled is not None:
            raise Skipped(state.spoiled)
        problem = _conflict(state, fragment, octets, end)
        if problem is not None:
            if problem is not Reason.DUPLICATE_FRAGMENT:
                self._spoil(state, problem)
            raise Skipped(problem)
        state.pieces[fragment.offset] = octets
        state.octets += len(octets)
        self._octets += len(octets)
        if not fragment.more:
            state.total = end
        if fragment.offset == 0:
            state.protocol = protocol
        if state.octets == state.total:
            return self._whole(fragment.key, state)
        while self._octets > limits.PENDING_OCTETS:
            self._give_up(next(iter(self._pending)))
        return None

    def refuse(self, key: tuple[object, ...], time: int, reason: Reason) -> None:
        """Refuse whatever else comes of a datagram that can't be completed."""
        state = self._state(key, time)
        if state.spoiled is None:
            self._spoil(state, reason)

    def _state(self, key: tuple[object, ...], time: int) -> _Pending:
        state = self._pending.get(key)
        if state is not None and time - state.since > limits.FRAGMENT_SECONDS * 1_000_000_000:
            self._give_up(key)
            state = None
        if state is None:
            if len(self._pending) >= limits.PENDING_DATAGRAMS:
                self._give_up(next(iter(self._pending)))
            state = self._pending[key] = _Pending(time)
        return state

    def _whole(self, key: tuple[object, ...], state: _Pending) -> tuple[int, bytes]:
        del self._pending[key]
        self._octets -= state.octets
        return state.protocol, b"".join(state.pieces[offset] for offset in sorted(state.pieces))

    def _give_up(self, key: tuple[object, ...]) -> None:
        state = self._pending.pop(key)
        self._octets -= state.octets
        if state.spoiled is None:
            self.incomplete += 1

    def _spoil(self, state: _Pending, reason: Reason) -> None:
        self._octets -= state.octets
        state.octets = 0
        state.pieces.clear()
        state.spoiled = reason
        self.incomplete += 1


def _conflict(state: _Pending, fragment: Fragment, octets: bytes, end: int) -> Reason | None:
    """Why a fragment can't join those that are there; None if it can."""
    if state.pieces.get(fragment.offset) == octets and fragment.more == (end != state.total):
        return Reason.DUPLICATE_FRAGMENT
    if len(state.pieces) >= limits.FRAGMENTS_PER_DATAGRAM:
        return Reason.TOO_MANY_FRAGMENTS
    if any(at < end and fragment.offset < at + len(piece) for at, piece in state.pieces.items()):
        return Reason.OVERLAPPING_FRAGMENT
    if fragment.more:
        beyond = state.total is not None and end > state.total
    else:  # the end: there is one only, and nothing lies behind it
        beyond = state.total is not None or any(at >= end for at in state.pieces)
    return Reason.OVERLAPPING_FRAGMENT if beyond else None
