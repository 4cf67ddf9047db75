"""What a GCKS keeps at hand for a group's pushes: parsed signing keys, and the last Rekey SA's builder."""

from __future__ import annotations

from collections.abc import Mapping

from gsakmp.crypto import PrivateKey, private_key
from gsakmp.doi import Dialect
from gsakmp.exchanges.push import PushBuilder
from gsakmp.group.records import RekeySARecord
from gsakmp.group.server_types import Push

__all__ = ["PushBuilders"]


class PushBuilders:
    """Builders of one group's pushes. One is kept, as a rekey of a large group makes many pushes under one
    Rekey SA."""

    def __init__(self) -> None:
        self._keys: dict[bytes, PrivateKey] = {}
        self._last: tuple[tuple[object, ...], PushBuilder] | None = None
        self._spi = b""

    def build(self, push: Push, dialect: Dialect, *, allow_weak: bool) -> bytes:
        """The octets of a push. Raises what `PushBuilder` raises."""
        wanted = (push.sa.spi, push.sa.key, push.sa.suite, push.signing_key, dialect, allow_weak)
        if self._last is None or self._last[0] != wanted:
            key = self._signing_key(push.signing_key)
            self._last = wanted, PushBuilder(push.sa, key, dialect=dialect, allow_weak=allow_weak)
            self._spi = push.sa.spi
        return self._last[1].build(push.sequence_number, push.payloads)

    def forget_all_but(self, records: Mapping[bytes, RekeySARecord]) -> None:
        """No key is kept here for longer than by the group, which has these Rekey SAs."""
        if self._spi not in records:
            self._last = None
        if self._keys:
            for gone in self._keys.keys() - {record.signing_key for record in records.values()}:
                del self._keys[gone]

    def _signing_key(self, octets: bytes) -> PrivateKey:
        """The key that signs a group's pushes: parsing and checking it takes longer than signing."""
        known = self._keys.get(octets)
        if known is None:
            known = self._keys[octets] = private_key(octets, allow_weak=True)
        return known
