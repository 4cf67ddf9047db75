"""What was accepted before, by its hash."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from gsakmp.crypto.hashes import SHA256
from gsakmp.errors import ReplayDetected
from gsakmp.message import Message

__all__ = ["RecentMessages"]

RECENT: Final = 1024
"""Messages that are remembered, 32 octets each; older ones fail by their sequence number."""


class RecentMessages:
    """The hashes of messages that were accepted: a duplicate is known before it costs any cryptography of its
    own (RFC 6407, 7.2.5 and 7.3.4; RFC 8263, 5). The oldest is forgotten first."""

    def __init__(self, limit: int = RECENT) -> None:
        self._limit = limit
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def check(self, message: Message, origin: str = "") -> bytes:
        """The message's hash, for `remember`. Raises `ReplayDetected` for one that is remembered. `origin`
        tells apart who may send the very same octets: members behind one address acknowledge alike."""
        digest = SHA256.digest(message.replace(non_esp_marker=False).build(), origin.encode())
        if digest in self._seen:
            raise ReplayDetected("this very message was accepted before")
        return digest

    def remember(self, digest: bytes) -> None:
        """A message with this hash was accepted."""
        self._seen[digest] = None
        if len(self._seen) > self._limit:
            self._seen.popitem(last=False)
