"""SAs of a group for the tests: fixed ones, and Hypothesis strategies."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import strategies as st

from gsakmp.crypto import generate_private_key, kek_cipher, public_octets
from gsakmp.group.policy import DataPolicy, RekeyPolicy, Selector
from gsakmp.group.sa import GSA, DataSA, RekeySA, TrafficSelector
from gsakmp.group.suites import (
    DATA_CIPHERS,
    DATA_INTEGRITY,
    SIGNATURES,
    DataSuite,
    data_suite,
    rekey_suite,
)
from gsakmp.identities import Identity
from gsakmp.registries import EncapsulationMode, KEKManagementAlgorithm

NOW = 1_000_000.0
DESTINATION = Identity.from_text("ipv4:239.1.1.1")


@cache
def public_key_of(signature: str) -> bytes:
    entry = SIGNATURES[signature]
    return public_octets(generate_private_key(entry.algorithm, entry.key_length, allow_weak=True))


def rekey_sa(
    *,
    encryption: str = "aes-128-cbc",
    signature: str = "ecdsa-256-sha256",
    acknowledgement: str = "none",
    management: KEKManagementAlgorithm | None = None,
    **fields: Any,
) -> RekeySA:
    policy = RekeyPolicy(encryption=encryption, signature=signature, acknowledgement=acknowledgement)
    suite = rekey_suite(policy, management, allow_weak=True)
    cipher = kek_cipher(suite.encryption, suite.key_length, allow_weak=True)
    sa = RekeySA(
        spi=bytes(range(1, 17)),
        suite=suite,
        source=Identity.from_text("ipv4:192.0.2.1"),
        source_port=848,
        destination=Identity.from_text("ipv4:239.192.1.1"),
        destination_port=848,
        key=bytes(range(cipher.block_size + cipher.key_size)),
        signature_key=public_key_of(signature),
        created_at=NOW,
        lifetime_seconds=86_400,
    )
    return replace(sa, **fields)


def suite_of(protocol: str = "esp", encryption: str = "aes-gcm-128", integrity: str = "") -> DataSuite:
    policy = DataPolicy(
        selector=Selector(destination="ipv4:239.1.1.1"),
        protocol=protocol,
        encryption=encryption,
        integrity=integrity,
    )
    return data_suite(policy, allow_weak=True)


def data_sa(
    *, protocol: str = "esp", encryption: str = "aes-gcm-128", integrity: str = "", **fields: Any
) -> DataSA:
    suite = suite_of(protocol, encryption, integrity)
    sa = DataSA(
        protocol=suite.protocol,
        spi=b"\0\1\2\3",
        selector=TrafficSelector(
            protocol=0, source=None, source_port=0, destination=DESTINATION, destination_port=0
        ),
        transform_id=suite.transform_id,
        key_length=suite.key_length,
        integrity=suite.integrity,
        mode=EncapsulationMode.TUNNEL,
        algorithm_key=bytes(suite.sizes.algorithm),
        integrity_key=bytes(suite.sizes.integrity),
        created_at=NOW,
        lifetime_seconds=3600,
    )
    return replace(sa, **fields)


# -- strategies ----------------------------------------------------------------------------------------

PORTS = st.integers(0, 65_535)
LIFETIMES = st.integers(1, 2**32 - 1)
ADDRESSES = st.one_of(
    st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)
).map(Identity.of_address)
IDENTITIES = ADDRESSES | st.sampled_from(
    [
        Identity.from_text(text)
        for text in (
            *("fqdn:a.example", "key-id:0x00000000", "ipv4-subnet:10.0.0.0/8", "dn:CN=a,O=b"),
            *("ipv6-range:2001:db8::1-2001:db8::9", "user-fqdn:a@b.example"),
        )
    ]
)
SIGNATURE_NAMES = [name for name in SIGNATURES if "8192" not in name and "4096" not in name]
ENCRYPTIONS = ["aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "3des-cbc", "des-cbc"]


@st.composite
def rekey_sas(draw: Any, push: bool = False) -> RekeySA:
    management = draw(st.sampled_from([None, KEKManagementAlgorithm.LKH])) if push else None
    sa = rekey_sa(
        encryption=draw(st.sampled_from(ENCRYPTIONS)),
        signature=draw(st.sampled_from(SIGNATURE_NAMES)),
        acknowledgement=draw(st.sampled_from(["none", "sha256", "sha512"])),
        management=management,
    )
    return replace(
        sa,
        spi=draw(st.binary(min_size=16, max_size=16).filter(any)),
        source=draw(ADDRESSES),
        source_port=draw(PORTS),
        destination=draw(ADDRESSES),
        destination_port=draw(PORTS),
        key=draw(st.binary(min_size=len(sa.key), max_size=len(sa.key))),
        lifetime_seconds=draw(LIFETIMES),
    )


def suites() -> list[DataSuite]:
    """Every pair of algorithms that goes together."""
    esp_checks = [name for name in DATA_INTEGRITY if not name.startswith("aes-gmac")]
    found = [suite_of("ah", "", name) for name in DATA_INTEGRITY]
    for name, cipher in DATA_CIPHERS.items():
        checks = [""] if cipher.tag else esp_checks
        found += [suite_of("esp", name, check) for check in checks]
    found += [suite_of("esp", name) for name in ("aes-cbc-128", "3des-cbc")]
    return found


@st.composite
def data_sas(draw: Any, spi: bytes | None = None) -> DataSA:
    suite = draw(st.sampled_from(suites()))
    selector = TrafficSelector(
        protocol=draw(st.integers(0, 255)),
        source=draw(st.none() | IDENTITIES),
        source_port=draw(PORTS),
        destination=draw(IDENTITIES),
        destination_port=draw(PORTS),
    )
    return DataSA(
        protocol=suite.protocol,
        spi=spi or draw(st.integers(256, 2**32 - 1)).to_bytes(4, "big"),
        selector=selector,
        transform_id=suite.transform_id,
        key_length=suite.key_length,
        integrity=suite.integrity,
        mode=draw(st.sampled_from([EncapsulationMode.TUNNEL, EncapsulationMode.TRANSPORT])),
        address_preservation=draw(st.none() | st.integers(1, 4)),
        direction=draw(st.none() | st.integers(1, 3)),
        algorithm_key=draw(st.binary(min_size=suite.sizes.algorithm, max_size=suite.sizes.algorithm)),
        integrity_key=draw(st.binary(min_size=suite.sizes.integrity, max_size=suite.sizes.integrity)),
        created_at=NOW,
        lifetime_seconds=draw(LIFETIMES),
        lifetime_kilobytes=draw(st.none() | LIFETIMES),
    )


@st.composite
def gsas(draw: Any, push: bool = False) -> GSA:
    rekey = draw(st.lists(rekey_sas(push), max_size=1))
    data = draw(st.lists(data_sas(), min_size=0 if rekey else 1, max_size=4, unique_by=lambda sa: sa.spi))
    return GSA(rekey=tuple(rekey), data=tuple(data))
