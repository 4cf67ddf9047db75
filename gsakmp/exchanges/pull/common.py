"""What both sides of GROUPKEY-PULL have: its messages' grammar, nonces and hashes (RFC 6407, 3.2)."""

from __future__ import annotations

from typing import Final

from gsakmp.crypto import Random, hash_1, hash_2, pull_hash_3, pull_hash_4, random_octets
from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.grammar import Grammar, Payloads, Slot
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, Opened, ProtectedExchange
from gsakmp.exchanges.machine import Machine
from gsakmp.message import Message
from gsakmp.payloads import (
    GroupAssociatedPolicy,
    GroupSA,
    Hash,
    Identification,
    KeyDownload,
    Nonce,
    Notification,
    SequenceNumber,
)
from gsakmp.registries import GDOIExchangeType

__all__ = ["MESSAGES", "NONCE_OCTETS", "OWN_NONCE", "Pull"]

NONCE_OCTETS: Final = (8, 128)
"""The shortest and the longest nonce (RFC 6407, 5.8)."""
OWN_NONCE: Final = 32
"""Octets of our nonces: as many as the longest PRF that is in common use gives."""

_SAID: Final = (Slot(Notification, 0, 8),)
_RFC: Final = "RFC 6407, 3.2"
MESSAGES: Final = (
    Grammar("GROUPKEY-PULL message 1", _RFC, (Slot(Hash), Slot(Nonce), Slot(Identification)), encrypted=True),
    Grammar("GROUPKEY-PULL message 2", _RFC, (Slot(Hash), Slot(Nonce), Slot(GroupSA)), _SAID, encrypted=True),
    Grammar("GROUPKEY-PULL message 3", _RFC, (Slot(Hash), Slot(GroupAssociatedPolicy, 0)), encrypted=True),
    Grammar(
        "GROUPKEY-PULL message 4",
        _RFC,
        (Slot(Hash), Slot(SequenceNumber, 0), Slot(KeyDownload)),
        _SAID,
        encrypted=True,
    ),
)
"""What the four messages have; the GCKS may add notifications."""


class Pull(Machine):
    """What both sides have: the exchange, its nonces and its hashes."""

    def __init__(self, sa: ISAKMPSA, message_id: int, random: Random, nonce_size: int) -> None:
        super().__init__()
        shortest, longest = NONCE_OCTETS
        if not shortest <= nonce_size <= longest:
            raise ConfigurationError(f"a nonce has {shortest} to {longest} octets, not {nonce_size}")
        self.sa = sa
        self.message_id = message_id
        self._exchange = ProtectedExchange(sa, GDOIExchangeType.GROUPKEY_PULL, message_id)
        self._random = random
        self._nonce_size = nonce_size
        self._initiator_nonce = b""
        self._responder_nonce = b""

    def _fresh_nonce(self) -> bytes:
        return random_octets(self._random, self._nonce_size)

    def _opened(self, message: Message, number: int) -> tuple[Opened, Payloads]:
        """The message and its payloads, neither verified yet."""
        opened = self._exchange.open(message)
        return opened, MESSAGES[number - 1].check(opened.message)

    def _hash_1(self, covered: bytes) -> bytes:
        return hash_1(self.sa.keys, self.message_id, covered)

    def _hash_2(self, covered: bytes) -> bytes:
        return hash_2(self.sa.keys, self.message_id, self._initiator_nonce, covered)

    def _hash_3(self, covered: bytes) -> bytes:
        nonces = self._initiator_nonce, self._responder_nonce
        return pull_hash_3(self.sa.keys, self.message_id, *nonces, covered)

    def _hash_4(self, covered: bytes) -> bytes:
        nonces = self._initiator_nonce, self._responder_nonce
        return pull_hash_4(self.sa.keys, self.message_id, *nonces, covered)
