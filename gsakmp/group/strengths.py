"""How strong an SA is that came over the wire: the numbers in it, found again in the tables of
`gsakmp.group.suites`, whose names errors can then use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gsakmp.crypto.keys import RSA_BITS
from gsakmp.errors import PolicyRefused
from gsakmp.group.sa import DataSA, RekeySuite
from gsakmp.group.suites import DATA_CIPHERS, DATA_INTEGRITY, KEK_CIPHERS, SIGNATURES, PushSignature
from gsakmp.registries import ESPTransformID, SigAlgorithm, TEKProtocolID

__all__ = ["DataStrength", "RekeyStrength", "counter_mode", "data_strength", "rekey_strength"]


LONGEST: Final = RSA_BITS[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeyStrength:
    """A Rekey SA's algorithms: names, and bits."""

    cipher: str
    confidentiality: int
    signature_name: str
    signature: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataStrength:
    """A data SA's algorithms: names, empty where there is none, and bits."""

    cipher: str
    confidentiality: int
    integrity_name: str
    integrity: int
    counter_mode: bool


def rekey_strength(suite: RekeySuite) -> RekeyStrength:
    """Raises `PolicyRefused` for algorithms that have no name here."""
    cipher, kek = next(
        (
            (name, entry)
            for name, entry in KEK_CIPHERS.items()
            if entry.algorithm == suite.encryption and suite.key_length in (0, entry.key_length)
        ),
        (None, None),
    )
    if cipher is None or kek is None:
        raise PolicyRefused(f"a KEK for {suite.encryption!r} with {suite.key_length} bits is not supported")
    signature_name, signature = push_signature_named(suite)
    return RekeyStrength(
        cipher=cipher,
        confidentiality=kek.strength,
        signature_name=signature_name,
        signature=signature.strength,
    )


def push_signature_named(suite: RekeySuite) -> tuple[str, PushSignature]:
    """The signature and its name. An RSA key of a length between two counts as the shorter, one of a length
    that is not said (0) as the longest until the key is there; SIG_KEY_LENGTH says nothing about a curve that
    the algorithm itself names."""
    bits = suite.signature_key_length or LONGEST
    found = [
        (name, entry)
        for name, entry in SIGNATURES.items()
        if (entry.algorithm, entry.hash_algorithm) == (suite.signature, suite.signature_hash)
        and (suite.signature != SigAlgorithm.SIG_ALG_RSA or entry.key_length <= bits)
    ]
    if not found:
        raise PolicyRefused(
            f"pushes signed with {suite.signature!r} of {suite.signature_key_length} bits over "
            f"{suite.signature_hash!r} are not supported"
        )
    return max(found, key=lambda item: item[1].key_length)


def data_strength(sa: DataSA) -> DataStrength:
    """Raises `PolicyRefused` for algorithms that have no name here."""
    check_name, check = next(
        ((name, entry) for name, entry in DATA_INTEGRITY.items() if entry.algorithm == sa.integrity),
        ("", None),
    )
    if sa.integrity is not None and check is None:
        raise PolicyRefused(f"data SA {sa.spi.hex()}: {sa.integrity!r} is not supported")
    if sa.protocol == TEKProtocolID.GDOI_PROTO_IPSEC_AH and check is not None:
        return DataStrength(
            cipher="",
            confidentiality=0,
            integrity_name=check_name,
            integrity=check.strength,
            counter_mode=check.counter_mode,
        )
    if sa.transform_id == ESPTransformID.ESP_AES_CBC and sa.key_length == 0 and check is not None:
        # `Dialect.tek_may_lack_algorithm_key`: it has an integrity key alone.
        return DataStrength(
            cipher="null",
            confidentiality=0,
            integrity_name=check_name,
            integrity=check.strength,
            counter_mode=False,
        )
    for name, entry in DATA_CIPHERS.items():
        if entry.transform == sa.transform_id and entry.key_length in (None, sa.key_length):
            return DataStrength(
                cipher=name,
                confidentiality=entry.strength,
                integrity_name=check_name,
                integrity=check.strength if check else entry.authentication_strength,
                counter_mode=entry.counter_mode,
            )
    raise PolicyRefused(
        f"data SA {sa.spi.hex()}: transform {sa.transform_id} of protocol {int(sa.protocol)} is not supported"
    )


def counter_mode(sa: DataSA) -> bool:
    """Whether its senders need sender ids (RFC 6407, 3.5). Raises as `data_strength`."""
    return data_strength(sa).counter_mode
