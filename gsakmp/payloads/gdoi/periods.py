"""The values of a MARKS or NARK key packet: keys by period of time, and who has which (gsakmp, private use).

`gsakmp.group.rekey.marks` defines the keys. No standard has these: RFC 6407 leaves numbers to private use.
"""

from typing import Annotated, Final

from gsakmp.registries import ModuleSealing, PeriodConstruction
from gsakmp.wire import (
    AUTO,
    SECRET,
    Auto,
    Bytes,
    Code,
    Element,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Rebuild,
    Shares,
    len_,
    this,
)

__all__ = ["PeriodInterval", "PeriodSeed", "PeriodSeeds", "PeriodSequence", "SealedSeeds"]

SPEC: Final = "gsakmp, private use"


class PeriodSequence(Element, spec=SPEC, title="Period Sequence"):
    """A sequence of keys, one for each period: spans of equal length, one right after the other."""

    period_version: Annotated[int, Int8ub, "1"] = 1
    construction: Annotated[
        PeriodConstruction, Code(Int8ub, PeriodConstruction), "how keys follow from seeds"
    ] = PeriodConstruction.BINARY_HASH_TREE
    reserved: Annotated[int, Int16ub, "zero"] = 0
    first_start: Annotated[int, Int32ub, "when period 0 begins, in seconds since 1970 in UTC"] = 0
    period_seconds: Annotated[int, Int32ub, "seconds that a period lasts"] = 0
    period_count: Annotated[int, Int32ub, "periods of the sequence"] = 0


class PeriodInterval(Element, spec=SPEC, title="Period Interval"):
    """Periods, one after the other, whose keys a member is given."""

    first_period: Annotated[int, Int32ub, "the first of them"] = 0
    last_period: Annotated[int, Int32ub, "the last, which is one of them"] = 0


class PeriodSeed(Element, spec=SPEC, title="Period Seed"):
    """What the keys of several periods follow from."""

    level: Annotated[
        int, Int8ub, "binary hash tree: below the root; hash chain: 0 for the forward one, 1 for the backward"
    ] = 0
    reserved: Annotated[int, Int8ub, "zero"] = 0
    reserved2: Annotated[int, Int16ub, "zero"] = 0
    seed_index: Annotated[int, Int32ub, "which node of that level, or value of that chain"] = 0
    seed: Annotated[bytes, GreedyBytes, "the seed, 32 octets", SECRET] = b""


class PeriodSeeds(Element, spec=SPEC, title="Period Seeds"):
    """All the seeds that a member is given."""

    seed_count: Annotated[Auto, Rebuild(Int16ub, len_(this.seeds)), "seeds that follow"] = AUTO
    reserved: Annotated[int, Int16ub, "zero"] = 0
    seeds: Annotated[tuple[PeriodSeed, ...], Shares(PeriodSeed, this.seed_count), "by their periods"] = ()


class SealedSeeds(Element, spec=SPEC, title="Sealed Seeds"):
    """Seeds that a receiver's module alone can open (NARK)."""

    sealing: Annotated[ModuleSealing, Code(Int8ub, ModuleSealing), "how they are sealed"] = (
        ModuleSealing.X25519_HKDF_SHA256_AES_256_GCM
    )
    reserved: Annotated[int, Int8ub, "zero"] = 0
    public_size: Annotated[Auto, Rebuild(Int16ub, len_(this.public_value)), "octets"] = AUTO
    public_value: Annotated[bytes, Bytes(this.public_size), "a public key that is used once"] = b""
    sealed: Annotated[bytes, GreedyBytes, "the seeds, encrypted, and a tag of 16 octets"] = b""
