"""NARK: MARKS's keys, whose seeds go to a module beside the receiver, sealed, and never to the receiver
itself.

After Briscoe and Fairman's receiver-based non-repudiation. The module (`gsakmp.group.rekey.nark_module`)
releases the key of one period at a time and signs a receipt for each (`gsakmp.group.rekey.nark_receipts`);
with what the key server granted, the receipts settle a later dispute on what was or was not delivered.

What this is worth without hardware, plainly: nothing against who owns the machine. A module in software is a
process whose memory its owner can read. Whoever does so has the seeds, derives every key of the interval
without a receipt, and can sign receipts that never were. The receipts show what honest software did, and bind
nobody who breaks it. A real card would speak the same requests; then a member has no more than it asked for,
one receipt for each key, and the log is proof. What holds in both cases: nobody but the module's owner can
read the seeds on their way, or forge, change, reorder or leave out receipts of another's module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from struct import Struct
from typing import Final

from gsakmp.crypto import Random
from gsakmp.crypto.sealed import KEY_OCTETS, open_sealed, seal_to
from gsakmp.errors import ConfigurationError, DecodeError
from gsakmp.group.rekey.marks import INTERVALS, PERIODS, SEED_OCTETS, Interval, Seed
from gsakmp.group.sa import DataSA, PeriodSequence
from gsakmp.registries import PeriodConstruction

__all__ = ["Grant", "ModuleIdentity", "NamedSequence", "Opened", "open_grant", "seal_grant"]

NAMED: Final = Struct(">B4sBIIIH")
"""Protocol, SPI, construction, start, seconds, count, intervals."""
PAIR: Final = Struct(">II")
SEED: Final = Struct(f">BI{SEED_OCTETS}s")
LENGTH: Final = Struct(">H")
GRANT: Final = b"gsakmp nark grant\0"
SEQUENCE: Final = b"gsakmp nark sequence\0"
GROUP_OCTETS: Final = 4096
"""Of a group's identity as text."""


@dataclass(frozen=True, slots=True)
class ModuleIdentity:
    """A module's public keys: what seeds are sealed to (X25519), and what verifies its receipts (Ed25519)."""

    sealing: bytes
    signing: bytes

    def to_text(self) -> str:
        """128 hex digits, as a policy has them: both keys, one after the other."""
        return (self.sealing + self.signing).hex()

    @classmethod
    def from_text(cls, text: str) -> ModuleIdentity:
        """Raises `ConfigurationError`."""
        try:
            octets = bytes.fromhex(text)
        except ValueError:
            octets = b""
        if len(octets) != 2 * KEY_OCTETS:
            raise ConfigurationError(
                f"a module's public keys are {4 * KEY_OCTETS} hex digits, as gsakmp nark-module prints them"
            )
        return cls(octets[:KEY_OCTETS], octets[KEY_OCTETS:])


@dataclass(frozen=True, slots=True)
class NamedSequence:
    """A sequence and the data SA that it is for: what a grant and its receipts are about."""

    protocol: int
    spi: bytes
    periods: PeriodSequence

    @classmethod
    def of(cls, sa: DataSA) -> NamedSequence:
        """That of a data SA with periods. Raises `ConfigurationError` for another."""
        if sa.periods is None:
            raise ConfigurationError(f"the data SA {sa.spi.hex()} has no periods")
        return cls(int(sa.protocol), sa.spi, sa.periods)

    def octets(self, intervals: Sequence[Interval]) -> bytes:
        """With a grant's intervals; what the sealing binds."""
        p = self.periods
        head = (self.protocol, self.spi, int(p.construction), p.starts_at, p.seconds, p.count)
        pairs = b"".join(PAIR.pack(interval.first, interval.last) for interval in intervals)
        return NAMED.pack(*head, len(intervals)) + pairs

    def digest(self, group: str) -> bytes:
        """32 octets that name the sequence of one group in receipts: SHA-256 of "gsakmp nark sequence", zero,
        its octets without intervals, and the group's identity as text."""
        return sha256(SEQUENCE + self.octets(()) + group.encode()).digest()

    @classmethod
    def read(cls, octets: bytes) -> tuple[NamedSequence, tuple[Interval, ...]]:
        """What `octets` gave. Raises `DecodeError`."""
        if len(octets) < NAMED.size:
            raise DecodeError("too short for a sequence", "grant")
        protocol, spi, construction, start, seconds, count, number = NAMED.unpack_from(octets)
        if number > INTERVALS or len(octets) != NAMED.size + number * PAIR.size or not seconds or not count:
            raise DecodeError("no sequence and intervals", "grant")
        pairs = PAIR.iter_unpack(octets[NAMED.size :])
        periods = PeriodSequence(
            construction=PeriodConstruction(construction),
            starts_at=start,
            seconds=seconds,
            count=count,
            modules=True,
        )
        return cls(protocol, spi, periods), tuple(Interval(first, last) for first, last in pairs)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key server has granted a member's module: kept in its audit, and held against receipts."""

    sequence: bytes
    """`NamedSequence.digest`."""
    intervals: tuple[Interval, ...]

    def to_text(self) -> str:
        """``<hex>:0-59,70``."""
        return f"{self.sequence.hex()}:{','.join(map(str, self.intervals))}"

    @classmethod
    def from_text(cls, text: str) -> Grant:
        """Raises `ConfigurationError`."""
        digest, _, rest = text.strip().partition(":")
        try:
            sequence = bytes.fromhex(digest)
            ends = [[int(end) for end in piece.split("-")] for piece in rest.split(",")]
        except ValueError:
            sequence, ends = b"", []
        if len(sequence) != sha256().digest_size or not ends or any(len(end) > 2 for end in ends):
            raise ConfigurationError(
                "a grant is the sequence's 64 hex digits, a colon, and periods as 0-59,70"
            )
        intervals = tuple(Interval(end[0], end[-1]) for end in ends)
        last = max(PERIODS.values()) - 1
        if len(intervals) > INTERVALS or any(not 0 <= one.first <= one.last <= last for one in intervals):
            raise ConfigurationError(
                f"a grant has at most {INTERVALS} intervals, of periods from 0 up to {last}"
            )
        return cls(sequence, intervals)


@dataclass(frozen=True, slots=True)
class Opened:
    """A grant as the module has it."""

    group: str
    named: NamedSequence
    intervals: tuple[Interval, ...]
    seeds: tuple[Seed, ...] = field(repr=False)


def seal_grant(
    module: ModuleIdentity,
    group: str,
    named: NamedSequence,
    intervals: Sequence[Interval],
    seeds: Sequence[Seed],
    random: Random,
) -> tuple[bytes, bytes]:
    """Seeds for a module: the public key that is used once, and what is sealed. Sealed are the group's
    identity as text, after its length in 2 octets, then each seed as level (1 octet), index (4) and 32
    octets; bound is "gsakmp nark grant", zero, and `NamedSequence.octets`. Raises `CryptoError` for a public
    key that is none."""
    name = group.encode()
    plain = LENGTH.pack(len(name)) + name
    plain += b"".join(SEED.pack(seed.level, seed.index, seed.octets) for seed in seeds)
    return seal_to(module.sealing, plain, GRANT + named.octets(intervals), random)


def open_grant(private: bytes, bound: bytes, public: bytes, sealed: bytes) -> Opened:
    """What was sealed for this private key; `bound` is `NamedSequence.octets`. Raises `AuthenticationFailed`
    for what is for another module or was changed, `DecodeError` for what is no grant."""
    plain = open_sealed(private, public, sealed, GRANT + bound)
    named, intervals = NamedSequence.read(bound)
    size = LENGTH.unpack_from(plain)[0] if len(plain) >= LENGTH.size else GROUP_OCTETS + 1
    at = LENGTH.size + size
    if size > GROUP_OCTETS or at > len(plain) or (len(plain) - at) % SEED.size:
        raise DecodeError("no group and seeds", "grant")
    try:
        group = plain[LENGTH.size : at].decode()
    except UnicodeDecodeError:
        raise DecodeError("the group's name is not UTF-8", "grant") from None
    return Opened(group, named, intervals, tuple(Seed(*parts) for parts in SEED.iter_unpack(plain[at:])))
