"""SAs made of a policy, with fresh keys and SPIs."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Final

from gsakmp.crypto import Random, generate_private_key, private_octets, public_octets, random_octets
from gsakmp.errors import InternalError
from gsakmp.group.policy import DataPolicy, GroupPolicy, RekeyPolicy
from gsakmp.group.sa import REKEY_SPI_OCTETS, DataSA, RekeySA, RekeySuite, TrafficSelector
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
    policy: GroupPolicy, index: int, taken: Iterable[bytes], *, random: Random, now: float
) -> list[DataSA]:
    """The data SAs of the policy's SA3 number `index`: one for each sender, or one for all. Each has keys of
    its own (RFC 6407, 3.5). `taken` are keys of `GroupState.data_sas`."""
    data, used, made = policy.data[index], set(taken), []
    for selector in data_selectors(data):
        sa = _data_sa(data, index, selector, used, policy.allow_weak, random, now)
        used.add(data_key(sa))
        made.append(sa)
    return made


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
