"""The GSA: one group's SAs of categories 2 and 3, as GCKS and member both hold them (RFC 3740).

Category 1, between the GCKS and one member, is `gsakmp.exchanges.isakmp_sa.ISAKMPSA`. Times are seconds on
the clock that the caller gives as `now`. No object shows a key in its text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gsakmp.identities import Identity
from gsakmp.registries import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    KEKAckRequested,
    KEKAlgorithm,
    KEKManagementAlgorithm,
    PeriodConstruction,
    SigAlgorithm,
    SigHashAlgorithm,
    TEKProtocolID,
)

__all__ = ["GSA", "DataSA", "Lifecycle", "PeriodSequence", "RekeySA", "RekeySuite", "TrafficSelector"]

REKEY_SPI_OCTETS: Final = 16
"""A Rekey SA's SPI is the cookie pair of its pushes (RFC 6407, 5.3)."""


class Lifecycle(StrEnum):
    """What an SA may be used for."""

    PENDING = "pending"
    """Installed for receiving; sending waits for ATD."""
    ACTIVE = "active"
    RETIRING = "retiring"
    """Replaced or deleted; receiving goes on until DTD is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeySuite:
    """The algorithms of a Rekey SA, by the KEK attributes that name them (RFC 6407, 5.3.1 to 5.3.8)."""

    encryption: KEKAlgorithm
    key_length: int
    """Bits of the KEK, without its IV."""
    signature: SigAlgorithm
    signature_hash: SigHashAlgorithm
    signature_key_length: int
    """Bits."""
    management: KEKManagementAlgorithm | None = None
    acknowledgement: KEKAckRequested | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeySA:
    """A category 2 SA: the GCKS to all members."""

    policy_index: int = 0
    """Which of the policy's SA2 it is for."""
    spi: bytes
    """16 octets: the initiator's and the responder's cookie of its pushes."""
    suite: RekeySuite
    source: Identity
    source_port: int
    destination: Identity
    destination_port: int
    key: bytes = field(repr=False)
    """KEK_ALGORITHM_KEY: the IV, then the key (RFC 6407, 5.6.2.1)."""
    signature_key: bytes = field(repr=False)
    """The public key that verifies its pushes: SubjectPublicKeyInfo, DER."""
    sequence_number: int = 0
    """That of the last push sent (GCKS) or accepted (member); the first push has 1 (RFC 6407, 5.7)."""
    created_at: float
    lifetime_seconds: int

    @property
    def expires_at(self) -> float:
        """When its KEK must no longer be used."""
        return self.created_at + self.lifetime_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSelector:
    """Which traffic a data SA protects. `source` None: whoever of the group sends (RFC 6407, 5.5.1)."""

    protocol: int
    source: Identity | None
    source_port: int
    destination: Identity
    destination_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodSequence:
    """What makes a data SA the pattern of many, one for each period (`gsakmp.group.rekey.marks_periods`). Its
    SPI is that of period 0, and its `algorithm_key` the root seed: no traffic is protected with that."""

    construction: PeriodConstruction
    starts_at: int
    """When period 0 begins, in seconds since 1970."""
    seconds: int
    """That each period lasts."""
    count: int
    modules: bool = False
    """Whether seeds are given to receivers' modules alone (NARK), and not to the receivers (MARKS)."""

    @property
    def ends_at(self) -> int:
        """When the last period ends."""
        return self.starts_at + self.seconds * self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSA:
    """A category 3 SA: senders to receivers."""

    policy_index: int = 0
    """Which of the policy's SA3 it is for."""
    protocol: TEKProtocolID
    spi: bytes
    """4 octets."""
    selector: TrafficSelector
    transform_id: int
    """Of ESPTransformID or AHTransformID, by `protocol`."""
    key_length: int | None
    """Bits, where the transform has several (KEY_LENGTH)."""
    integrity: AuthenticationAlgorithm | None
    mode: EncapsulationMode
    address_preservation: int | None = None
    """RFC 6407, 5.5.1.1 (RFC 5374, 3.1): 1 none, 2 source only, 3 destination only, 4 both, or not said."""
    direction: int | None = None
    """SA_DIRECTION (RFC 6407, 5.5.1.1): 1 sender only, 2 receiver only, 3 symmetric, or not said."""
    algorithm_key: bytes = field(default=b"", repr=False)
    """TEK_ALGORITHM_KEY, the salt of a counter mode included."""
    integrity_key: bytes = field(default=b"", repr=False)
    created_at: float
    lifetime_seconds: int
    lifetime_kilobytes: int | None = None
    """How much traffic it may protect, beside the time, where the policy says so (RFC 2407, 4.5)."""
    periods: PeriodSequence | None = None
    """Where each period has a data SA of its own, made from this one."""

    @property
    def expires_at(self) -> float:
        """When it must no longer be used."""
        return self.created_at + self.lifetime_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class GSA:
    """A group's SAs at one moment."""

    rekey: tuple[RekeySA, ...] = ()
    data: tuple[DataSA, ...] = ()
