"""Decrypting on trial: a key or an IV is right if sensible payloads come out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from gsakmp.captures.opened import Status
from gsakmp.captures.opening.state import ISAKMPState
from gsakmp.crypto import PhaseOneKeys
from gsakmp.doi import DOI, GDOID, STANDARD, Dialect
from gsakmp.errors import GsakmpError
from gsakmp.exchanges.phase1.common import GENERIC_HEADER
from gsakmp.message import Message
from gsakmp.payloads import Hash

__all__ = ["GENERIC_HEADER", "LONGEST_BLOCK", "Reading", "blocks", "first_block", "readings"]

LONGEST_BLOCK: Final = 16
"""Octets of a block of the widest cipher."""


class Reading(NamedTuple):
    """A message, decrypted."""

    message: Message
    plaintext: bytes
    """Payloads and padding."""
    iv: bytes | None
    """None where the first block was made up."""
    status: Status = Status.OPENED

    def __repr__(self) -> str:
        return f"Reading({self.message.exchange_name}, {self.status})"

    @property
    def covered(self) -> bytes:
        """The octets behind the HASH payload, without padding: what HASH(1) and its like cover."""
        first = self.message.payloads[0]
        size = GENERIC_HEADER + len(first.hash_data) if isinstance(first, Hash) else 0
        return self.plaintext[size : len(self.plaintext) - len(self.message.padding)]

    @property
    def hash_data(self) -> bytes:
        """The body of the HASH payload that leads it; empty without."""
        first = self.message.payloads[0]
        return first.hash_data if isinstance(first, Hash) else b""


def blocks(keys: PhaseOneKeys, message: Message) -> int:
    """How many blocks the ciphertext fills; 0 if it does not fill them."""
    whole, rest = divmod(len(message.ciphertext), keys.cipher.block_size)
    return 0 if rest else whole


def readings(
    keys: PhaseOneKeys,
    message: Message,
    ivs: Iterable[bytes],
    *,
    doi: DOI,
    dialects: tuple[Dialect, ...] = (STANDARD, GDOID),
) -> Iterator[Reading]:
    """What the ciphertext says under each of the IVs, as far as that makes payloads with little padding."""
    size = keys.cipher.block_size
    for iv in dict.fromkeys(iv[-size:] for iv in ivs if len(iv) >= size):
        try:
            plaintext = keys.decrypt(iv, message.ciphertext)
        except GsakmpError:
            return
        for found in parsed(message, plaintext, doi, dialects, size):
            yield Reading(found, plaintext, iv)


def parsed(
    message: Message, plaintext: bytes, doi: DOI, dialects: tuple[Dialect, ...], block: int
) -> Iterator[Message]:
    """The payloads in each dialect in which they can be read. Padding fills at most a block: RFC 2409,
    appendix B wants less, and some peers add a whole one."""
    for dialect in dialects:
        try:
            opened = message.replace(doi=doi, dialect=dialect).with_plaintext(plaintext)
        except GsakmpError:
            continue
        if opened.payloads and len(opened.padding) <= block:
            yield opened


def first_block(
    keys: PhaseOneKeys, message: Message, state: ISAKMPState, dialects: tuple[Dialect, ...]
) -> Iterator[Reading]:
    """The message where the IV of its first block is lost.

    That block has the generic header of HASH and the beginning of the hash: all but the type of what
    follows HASH is known, and there are not many. What is unknown of the hash is left zero, for the caller to
    put in what it computes.
    """
    size = keys.cipher.block_size
    if blocks(keys, message) < 2:
        return
    rest = keys.decrypt(bytes(size), message.ciphertext)[size:]
    length = (GENERIC_HEADER + keys.hash_function.size).to_bytes(2, "big")
    for following in FOLLOWING:
        if not may_follow(following, rest[GENERIC_HEADER + keys.hash_function.size - size :], size):
            continue
        start = bytes([following, 0]) + length + bytes(size - GENERIC_HEADER)
        for found in parsed(message, start + rest, state.doi, dialects, size):
            if isinstance(found.payloads[0], Hash):
                yield Reading(found, start + rest, None, Status.PARTLY)


def may_follow(following: int, octets: bytes, block: int) -> bool:
    """Whether a payload of that type may begin the octets behind HASH: a look at its length, before the
    whole is read. Type 0 stands for none, and then they are padding."""
    if following == 0:
        return len(octets) <= block
    return GENERIC_HEADER <= int.from_bytes(octets[2:GENERIC_HEADER], "big") <= len(octets)


FOLLOWING: Final = (10, 1, 18, 17, 22, 12, 11, 14, 0)
"""Types of what may follow HASH: Nonce, SA, SEQ, KD, GAP, Delete, Notification, attributes, nothing
(RFC 2408, 3.1; RFC 6407, 3.2)."""
