"""What a GCKS keeps at hand for its pushes: parsed signing keys, and the last Rekey SA's builder."""

from __future__ import annotations

from typing import Final

from gsakmp.crypto import PrivateKey, private_key
from gsakmp.doi import Dialect
from gsakmp.exchanges.push import PushBuilder
from gsakmp.group.server_types import Push

__all__ = ["PushBuilders"]

SIGNING_KEYS: Final = 256
"""Keys that are kept parsed; a group has one for each of its Rekey SAs."""


class PushBuilders:
    """Builders of pushes. One is kept, as a rekey of a large group makes many pushes under one Rekey SA."""

    def __init__(self) -> None:
        self._keys: dict[bytes, PrivateKey] = {}
        self._last: tuple[tuple[object, ...], PushBuilder] | None = None

    def build(self, push: Push, dialect: Dialect, *, allow_weak: bool) -> bytes:
        """The octets of a push. Raises what `PushBuilder` raises."""
        wanted = (push.sa.spi, push.sa.key, push.sa.suite, push.signing_key, dialect, allow_weak)
        if self._last is None or self._last[0] != wanted:
            key = self._signing_key(push.signing_key)
            self._last = wanted, PushBuilder(push.sa, key, dialect=dialect, allow_weak=allow_weak)
        return self._last[1].build(push.sequence_number, push.payloads)

    def _signing_key(self, octets: bytes) -> PrivateKey:
        """The key that signs a group's pushes: parsing and checking it takes longer than signing."""
        known = self._keys.get(octets)
        if known is None:
            if len(self._keys) >= SIGNING_KEYS:
                self._keys.clear()
            known = self._keys[octets] = private_key(octets, allow_weak=True)
        return known
