"""Receipts of a NARK module: a chain of signed lines, and what they say of a dispute.

A log is a file of lines, each a receipt as JSON. Receipts are numbered from 1 without gaps, and each has the
digest of the one before, SHA-256 of its signed octets and its signature; the first has 32 zeros. Signed, with
Ed25519, is "gsakmp nark receipt 1", zero, then

    kind (1 octet: 1 given, 2 released), counter (8), milliseconds since 1970 (8), digest before (32),
    sequence (32), period or 0 (4), number of intervals (2), first and last period of each (4, 4),
    the group's identity as text

``given`` says that the module was given seeds for these intervals, ``released`` that it gave out one period's
key. The time is the module's own, and worth what its clock is. A chain alone does not show that lines are
missing at its end: for that a `Head` is needed, which the module signs over a challenge of the verifier's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from struct import Struct
from typing import Annotated, Final, Literal

import msgspec

from gsakmp.crypto.sealed import SIGNATURE_OCTETS, signature, verify_signature
from gsakmp.errors import AuthenticationFailed, DecodeError, InvalidSignature
from gsakmp.group.rekey.marks import INTERVALS, Interval
from gsakmp.group.rekey.nark import Grant

__all__ = ["FIRST_DIGEST", "Head", "Receipt", "ReceiptLog", "Settlement"]

FIRST_DIGEST: Final = bytes(32)
LINE_OCTETS: Final = 8192
LINES: Final = 250_000
"""Receipts of one log: one a minute for half a year. They take some 250 megabytes of memory."""
SIGNED: Final = b"gsakmp nark receipt 1\0"
HEAD: Final = b"gsakmp nark head 1\0"
PARTS: Final = Struct(">BQQ32s32sIH")
PAIR: Final = Struct(">II")
HEAD_PARTS: Final = Struct(">QQ32s")
KINDS: Final = {"given": 1, "released": 2}

Number = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
Long = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Signature = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{128}$")]


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a log."""

    kind: Literal["given", "released"]
    counter: Long
    at: Long
    """Milliseconds since 1970, by the module's clock."""
    group: Annotated[str, msgspec.Meta(max_length=4096)]
    sequence: Digest
    """`NamedSequence.digest`, in hex."""
    period: Number = 0
    intervals: Annotated[tuple[tuple[Number, Number], ...], msgspec.Meta(max_length=INTERVALS)] = ()
    previous: Digest
    signature: Signature = "0" * 2 * SIGNATURE_OCTETS

    def signed_octets(self) -> bytes:
        """What the signature is over."""
        parts = PARTS.pack(
            KINDS[self.kind],
            self.counter,
            self.at,
            bytes.fromhex(self.previous),
            bytes.fromhex(self.sequence),
            self.period,
            len(self.intervals),
        )
        return SIGNED + parts + b"".join(PAIR.pack(*pair) for pair in self.intervals) + self.group.encode()

    def digest(self) -> bytes:
        """What the next receipt has as `previous`."""
        return sha256(self.signed_octets() + bytes.fromhex(self.signature)).digest()

    def signed(self, private: bytes) -> Receipt:
        """With the module's signature."""
        made = signature(private, self.signed_octets()).hex()
        return msgspec.structs.replace(self, signature=made)

    def line(self) -> bytes:
        """As a log has it, with the end of the line."""
        return msgspec.json.encode(self) + b"\n"


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A module's word on how long its log is: signed over the verifier's challenge, so that it is fresh."""

    counter: Long
    at: Long
    last: Digest
    """The digest of the last receipt."""
    challenge: Annotated[str, msgspec.Meta(max_length=128)]
    """In hex."""
    signature: Signature = "0" * 2 * SIGNATURE_OCTETS

    def signed_octets(self) -> bytes:
        """What the signature is over."""
        parts = HEAD_PARTS.pack(self.counter, self.at, bytes.fromhex(self.last))
        return HEAD + parts + self.challenge.encode()

    def signed(self, private: bytes) -> Head:
        """With the module's signature."""
        return msgspec.structs.replace(self, signature=signature(private, self.signed_octets()).hex())

    def verify(self, signing: bytes, challenge: bytes) -> None:
        """Raises `AuthenticationFailed` for another challenge, `InvalidSignature`."""
        if self.challenge != challenge.hex():
            raise AuthenticationFailed("the module's word is on another challenge")
        verify_signature(signing, bytes.fromhex(self.signature), self.signed_octets())


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified log says of one grant, in periods."""

    given: tuple[Interval, ...]
    """What the module says it was given: nothing, if the grant never came to it."""
    released: tuple[int, ...]
    """Granted, and the key was released: delivered."""
    withheld: tuple[int, ...]
    """Granted, and no receipt shows that the key was ever asked for."""
    beyond: tuple[int, ...]
    """Released without having been granted: the module, or the grant, is not what it seems."""
    first_at: dict[int, int]
    """When each of the released keys was released first: milliseconds since 1970."""

    @property
    def consistent(self) -> bool:
        """Whether nothing was released that was not granted."""
        return not self.beyond


class ReceiptLog:
    """Receipts in order. It holds nothing against them until `verify`."""

    def __init__(self, receipts: Iterable[Receipt] = ()) -> None:
        self.receipts: list[Receipt] = list(receipts)

    @classmethod
    def read(cls, lines: Iterable[bytes]) -> ReceiptLog:
        """The lines of a file. Raises `DecodeError`, with the line's number as its place."""
        decoder = msgspec.json.Decoder(Receipt)
        log = cls()
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                raise DecodeError("the line breaks off", f"line {number}")
            if len(line) > LINE_OCTETS or number > LINES:
                raise DecodeError("longer than any log", f"line {number}")
            try:
                log.receipts.append(decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                raise DecodeError(f"no receipt: {error}", f"line {number}") from None
        return log

    def verify(self, signing: bytes, head: Head | None = None, *, each: bool = True) -> None:
        """Every receipt is the module's, and none was changed, left out, put in or moved; with a `head`,
        whose own check is the caller's, none is missing at the end either. Without `each` only the last
        signature is looked at: it answers for all before it, since it is over the digest of the one before,
        and so on.

        Raises `InvalidSignature`, and `AuthenticationFailed` for a chain that does not hold; both name the
        receipt.
        """
        before, number = FIRST_DIGEST, 0
        for number, receipt in enumerate(self.receipts, 1):
            if each or number == len(self.receipts):
                try:
                    verify_signature(signing, bytes.fromhex(receipt.signature), receipt.signed_octets())
                except InvalidSignature:
                    raise InvalidSignature(f"receipt {number}: its signature is not the module's") from None
            if receipt.counter != number or receipt.previous != before.hex():
                raise AuthenticationFailed(
                    f"receipt {number} says that it is number {receipt.counter}, or follows another than "
                    "the one before it: receipts are missing, changed or out of order"
                )
            before = receipt.digest()
        if head is not None and (head.counter, head.last) != (number, before.hex()):
            raise AuthenticationFailed(
                f"the log ends with receipt {number}, the module has made {head.counter}: its end is missing"
            )

    def settle(self, signing: bytes, grant: Grant, head: Head | None = None) -> Settlement:
        """What was delivered of a grant. Raises as `verify`, which it does first."""
        self.verify(signing, head)
        ours = [receipt for receipt in self.receipts if receipt.sequence == grant.sequence.hex()]
        first_at: dict[int, int] = {}
        for receipt in ours:
            if receipt.kind == "released":
                first_at.setdefault(receipt.period, receipt.at)
        given = [Interval(*pair) for receipt in ours for pair in receipt.intervals]
        return Settlement(
            given=tuple(dict.fromkeys(given)),
            released=tuple(p for p in sorted(first_at) if _among(p, grant.intervals)),
            withheld=tuple(
                period
                for interval in grant.intervals
                for period in range(interval.first, interval.last + 1)
                if period not in first_at
            ),
            beyond=tuple(p for p in sorted(first_at) if not _among(p, grant.intervals)),
            first_at=first_at,
        )


def _among(period: int, intervals: Sequence[Interval]) -> bool:
    return any(period in interval for interval in intervals)
