"""Responder cookies that need no state for each initiator (RFC 2408, 2.5.3).

IKEv1's responder needs the initiator's first message once more when the third arrives, as HASH_I and HASH_R
cover its SA payload. The members of a group all offer the same, so what follows the initiator's cookie is
kept once for all of them, in a table of fixed size. The cookie that they get is that table's slot, two
octets, and six octets of an HMAC over the offer, the initiator's cookie and its address, under a secret that
changes with time.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from gsakmp.crypto import Random, random_octets
from gsakmp.crypto.hashes import SHA256
from gsakmp.errors import ConfigurationError, LimitExceeded, Truncated, UnexpectedMessage
from gsakmp.exchanges.address import Address
from gsakmp.message import HEADER_OCTETS

__all__ = ["CookieJar"]

COOKIE: Final = 8
NO_COOKIE: Final = bytes(COOKIE)
SECRET: Final = 32
SLOT: Final = 2
"""Octets of a cookie that say where the offer is; the rest says that we have made it."""
PROMOTED_SHARE: Final = 16
"""One in so many of the places for offers in use may be taken anew in one period. Who has an address of its
own and comes back with offers of its own making needs as many periods to push out what members use, while
each member that registers moves its offer to the front again."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A first message without its initiator's cookie."""

    octets: bytes
    digest: bytes


class CookieJar:
    """The cookies that a responder hands out, and the first messages that they stand for.

    `offers` different messages of at most `offer_octets` are kept, half of the places for those that some
    initiator has come back with. A cookie is good for `seconds` and up to as long again. Raises
    `ConfigurationError`.
    """

    def __init__(
        self, random: Random, *, offers: int = 1024, offer_octets: int = 4096, seconds: float = 60
    ) -> None:
        if not 2 <= offers <= 1 << 8 * SLOT or offer_octets < HEADER_OCTETS or seconds <= 0:
            raise ConfigurationError("a cookie jar: 2 to 65536 offers, 28 octets or more, above 0 seconds")
        self._random = random
        self._offer_octets = offer_octets
        self._seconds = seconds
        self._used_room = offers // 2
        self._slots: list[Offer | None] = [None] * offers
        self._by_digest: dict[bytes, int] = {}
        self._fresh: list[int] = []  # slots of offers that nobody has come back with
        self._used: OrderedDict[int, None] = OrderedDict()  # slots of the others, the last used one last
        self._free = list(range(offers - 1, -1, -1))
        self._promotions_left = self._promotions
        self._secret = random_octets(random, SECRET)
        self._earlier_secret: bytes | None = None
        self._since: float | None = None

    @property
    def _promotions(self) -> int:
        return max(1, self._used_room // PROMOTED_SHARE)

    def cookie(self, message_1: bytes, source: Address, now: float) -> bytes:
        """The responder's cookie for the whole of message 1, which came from `source`; never zero.

        The same message from the same place gets the same cookie until the secret changes. Raises
        `Truncated`, `LimitExceeded` for a message that is too long, and `UnexpectedMessage` for one that has
        a responder's cookie already, or none of its initiator's.
        """
        if len(message_1) < HEADER_OCTETS:
            raise Truncated(f"a header has {HEADER_OCTETS} octets, {len(message_1)} are left", "header")
        if len(message_1) > self._offer_octets:
            raise LimitExceeded(f"an offer of {len(message_1)} octets, at most {self._offer_octets}")
        initiator, responder = message_1[:COOKIE], message_1[COOKIE : 2 * COOKIE]
        if responder != NO_COOKIE or initiator == NO_COOKIE:
            raise UnexpectedMessage("cookies that a first message can't have")
        self._turn(now)
        slot = self._slot_of(message_1[COOKIE:])
        return self._made(self._secret, slot, initiator, source)

    def recall(
        self, initiator_cookie: bytes, responder_cookie: bytes, source: Address, now: float
    ) -> bytes | None:
        """Message 1 of the initiator that has come back with our cookie; None if it is not ours, is another's
        or too old, or if the offer had to give way."""
        if len(initiator_cookie) != COOKIE or len(responder_cookie) != COOKIE:
            return None
        self._turn(now)
        slot = int.from_bytes(responder_cookie[:SLOT], "big")
        offer = self._slots[slot] if slot < len(self._slots) else None
        if offer is None:
            return None
        secrets = {self._secret, self._earlier_secret or self._secret}
        made = [self._made(secret, slot, initiator_cookie, source) for secret in secrets]
        if not any(compare_digest(one, responder_cookie) for one in made):
            return None
        self._promote(slot)
        return initiator_cookie + offer.octets

    def _made(self, secret: bytes, slot: int, initiator_cookie: bytes, source: Address) -> bytes:
        """Slot and HMAC. Each part of what the HMAC covers has a fixed length, but for the address, whose
        length follows from all."""
        offer = self._slots[slot]
        digest = offer.digest if offer is not None else b""
        place = source.port.to_bytes(2, "big") + source.host.packed
        proof = SHA256.prf(secret, digest, initiator_cookie, place)[: COOKIE - SLOT]
        made = slot.to_bytes(SLOT, "big") + proof
        return made if made != NO_COOKIE else bytes(COOKIE - 1) + b"\1"

    def _turn(self, now: float) -> None:
        """Take a new secret when it is time; the one before still counts, older ones don't."""
        if self._since is None or now < self._since:  # the first call, or a clock that was set back
            self._since = now
        elapsed = now - self._since
        if elapsed < self._seconds:
            return
        self._earlier_secret = self._secret if elapsed < 2 * self._seconds else None
        self._secret = random_octets(self._random, SECRET)
        self._since = now - elapsed % self._seconds
        self._promotions_left = self._promotions

    def _slot_of(self, octets: bytes) -> int:
        """Where the offer is, or is put: into a free slot, or else in the place of any that nobody has come
        back with. Chance picks that one, so that no flood is sure to push out an honest offer in time."""
        digest = SHA256.digest(octets)
        slot = self._by_digest.get(digest)
        if slot is not None:
            return slot
        if self._free:
            slot = self._free.pop()
            self._fresh.append(slot)
        else:
            pick = int.from_bytes(random_octets(self._random, 4), "big") % len(self._fresh)
            slot = self._fresh[pick]
            if (before := self._slots[slot]) is not None:
                del self._by_digest[before.digest]
        self._slots[slot] = Offer(octets, digest)
        self._by_digest[digest] = slot
        return slot

    def _promote(self, slot: int) -> None:
        """An initiator has come back, so its address is real: what it offers is kept before others."""
        if slot in self._used:
            self._used.move_to_end(slot)
            return
        if not self._promotions_left:
            return
        self._promotions_left -= 1
        self._fresh.remove(slot)
        self._used[slot] = None
        if len(self._used) > self._used_room:
            demoted, _ = self._used.popitem(last=False)
            self._fresh.append(demoted)
