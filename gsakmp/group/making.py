"""SAs made of a policy, with fresh keys and SPIs."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from math import ceil
from typing import Final

from gsakmp.crypto import Random, generate_private_key, private_octets, public_octets, random_octets
from gsakmp.errors import InternalError
from gsakmp.group.periods import CONSTRUCTIONS, sequence_at
from gsakmp.group.policy import DataPolicy, GroupPolicy, PeriodPolicy, RekeyPolicy
from gsakmp.group.records import DataSARecord
from gsakmp.group.rekey.marks import SEED_OCTETS
from gsakmp.group.rekey.marks_periods import spi_bits
from gsakmp.group.sa import REKEY_SPI_OCTETS, DataSA, PeriodSequence, RekeySA, RekeySuite, TrafficSelector
from gsakmp.group.suites import data_selectors, data_suite, encapsulation
from gsakmp.identities import Identity

__all__ = [
    "DATA_SAS",
    "data_key",
    "new_data_sas",
    "new_rekey_sa",
    "new_rekey_spi",
    "signing_key_pair",
]

DATA_SAS: Final = 200
"""Data SAs of a group: all of them go into one message 2 of a pull, of at most 256 payloads in a chain
(`gsakmp.limits`) and 65,535 octets."""

FIRST_SPI: Final = 256
"""SPIs 1 to 255 are reserved, and 0 is for local use (RFC 4303, 2.1; RFC 4302 says the same of AH)."""

DRAWS: Final = 64
"""Attempts at an SPI. Fewer than 2,000 of 2^32 are ever in use, so the second is as good as certain; a random
source that repeats itself must not hang us."""


def new_rekey_spi(random: Random, taken: Container[bytes]) -> bytes:
    """Both cookies of a Rekey SA's pushes, neither of them zero (RFC 2408, 2.5.3), and not in `taken`."""
    half = REKEY_SPI_OCTETS // 2
    return _drawn(
        lambda: random_octets(random, REKEY_SPI_OCTETS),
        lambda spi: any(spi[:half]) and any(spi[half:]) and spi not in taken,
    )


def signing_key_pair(suite: RekeySuite, *, allow_weak: bool) -> tuple[bytes, bytes]:
    """A new private key (PKCS #8, DER) for a Rekey SA's pushes and its public half (SubjectPublicKeyInfo):
    a key of its own, which authenticates nothing else (RFC 6407, 4.1)."""
    key = generate_private_key(suite.signature, suite.signature_key_length, allow_weak=allow_weak)
    return private_octets(key), public_octets(key)


def new_rekey_sa(
    policy: RekeyPolicy, index: int, suite: RekeySuite, *, spi: bytes, key: bytes, public: bytes, now: float
) -> RekeySA:
    """The Rekey SA of the policy's SA2 number `index`. Raises `ConfigurationError` for addresses that are
    none."""
    source = _address(policy.source)
    unicast = policy.transport == "unicast"
    if unicast:  # each member's own address, so the SA KEK says: any
        destination = Identity.from_text("ipv6:::" if source.to_text().startswith("ipv6") else "ipv4:0.0.0.0")
    else:
        destination = _address(policy.destination)
    return RekeySA(
        policy_index=index,
        spi=spi,
        suite=suite,
        source=source,
        source_port=policy.source_port,
        destination=destination,
        destination_port=policy.destination_port,
        key=key,
        signature_key=public,
        created_at=now,
        lifetime_seconds=policy.lifetime,
    )


def new_data_sas(
    policy: GroupPolicy,
    index: int,
    taken: Mapping[bytes, DataSARecord],
    *,
    random: Random,
    now: float,
    starts_at: int | None = None,
) -> list[DataSA]:
    """The data SAs of the policy's SA3 number `index`: one for each sender, or one for all. Each has keys of
    its own (RFC 6407, 3.5). `taken` is `GroupState.data_sas`; where keys go by periods the first begins at
    `starts_at`, or when the policy says."""
    data, used, made = policy.data[index], _Taken(taken), []
    for selector in data_selectors(data):
        sa = _data_sa(data, index, selector, used, policy.allow_weak, random, now)
        if data.periods is not None:
            begin = sequence_at(data.periods, now) if starts_at is None else starts_at
            sa = _sequence(sa, data.periods, begin, used, random)
        used.add(sa)
        made.append(sa)
    return made


class _Taken(Container[bytes]):
    """The SPIs in use, behind their protocol's octet: of sequences, those of all periods."""

    def __init__(self, taken: Mapping[bytes, DataSARecord]) -> None:
        self.spis = set(taken)
        self.sequences: list[tuple[int, int, int]] = []
        for record in taken.values():
            self.add(record.sa)

    def add(self, sa: DataSA) -> None:
        self.spis.add(data_key(sa))
        if sa.periods is not None:
            first = int.from_bytes(sa.spi, "big")
            self.sequences.append((sa.protocol, first, first + sa.periods.count - 1))

    def __contains__(self, key: object) -> bool:
        return key in self.spis or (isinstance(key, bytes) and self._within(key, 1))

    def holds(self, key: bytes, count: int) -> bool:
        """Whether one of `count` SPIs from this one on is in use."""
        end = key[:1] + (int.from_bytes(key[1:], "big") + count - 1).to_bytes(4, "big")
        return self._within(key, count) or any(key <= spi <= end for spi in self.spis)

    def _within(self, key: bytes, count: int) -> bool:
        protocol, first = key[0], int.from_bytes(key[1:], "big")
        return any(
            kind == protocol and one <= first + count - 1 and first <= other
            for kind, one, other in self.sequences
        )


def _sequence(sa: DataSA, periods: PeriodPolicy, starts_at: int, taken: _Taken, random: Random) -> DataSA:
    """The data SA as the pattern of its periods: its low bits are theirs, its key is the root seed."""
    mask = (1 << spi_bits(periods.count)) - 1
    prefix = bytes([sa.protocol])
    spi = _drawn(
        lambda: (int.from_bytes(random_octets(random, 4), "big") & ~mask).to_bytes(4, "big"),
        lambda octets: (
            int.from_bytes(octets, "big") >= FIRST_SPI and not taken.holds(prefix + octets, periods.count)
        ),
    )
    sequence = PeriodSequence(
        construction=CONSTRUCTIONS[periods.construction],
        starts_at=starts_at,
        seconds=periods.seconds,
        count=periods.count,
        modules=periods.keys == "nark",
    )
    return replace(
        sa,
        spi=spi,
        algorithm_key=random_octets(random, SEED_OCTETS),
        integrity_key=b"",
        lifetime_seconds=max(1, ceil(sequence.ends_at - sa.created_at)),
        periods=sequence,
    )


def data_key(sa: DataSA) -> bytes:
    """Under which a data SA stands in `GroupState.data_sas`."""
    return bytes([sa.protocol]) + sa.spi


def _data_sa(
    data: DataPolicy,
    index: int,
    selector: TrafficSelector,
    taken: Container[bytes],
    allow_weak: bool,
    random: Random,
    now: float,
) -> DataSA:
    suite = data_suite(data, allow_weak=allow_weak)
    mode, preservation = encapsulation(data)
    prefix = bytes([suite.protocol])
    spi = _drawn(
        lambda: random_octets(random, 4),
        lambda octets: int.from_bytes(octets, "big") >= FIRST_SPI and prefix + octets not in taken,
    )
    return DataSA(
        policy_index=index,
        protocol=suite.protocol,
        spi=spi,
        selector=selector,
        transform_id=suite.transform_id,
        key_length=suite.key_length,
        integrity=suite.integrity,
        mode=mode,
        address_preservation=preservation,
        algorithm_key=random_octets(random, suite.sizes.algorithm),
        integrity_key=random_octets(random, suite.sizes.integrity),
        created_at=now,
        lifetime_seconds=data.lifetime,
    )


def _address(text: str) -> Identity:
    family = "ipv6" if ":" in text else "ipv4"
    return Identity.from_text(f"{family}:{text}")


def _drawn(draw: Callable[[], bytes], fits: Callable[[bytes], bool]) -> bytes:
    for _ in range(DRAWS):
        if fits(octets := draw()):
            return octets
    raise InternalError(f"the random source gave no SPI that is free in {DRAWS} draws")
