"""GDOI's SA payload, read as a GSA: strictly, since a member acts on what it says (RFC 6407, 5.2 to 5.5).

"A GDOI implementation MUST abort if it encounters an attribute or capability that it does not understand"
(5.3.2, 5.4), so whatever is unknown, twice, missing, out of place or not asked for is refused, and the error
says where it stands. `gsakmp.group.payloads` has the other direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gsakmp.crypto import (
    TEKSizes,
    ah_key_sizes,
    esp_key_sizes,
    kek_cipher,
    push_signature,
)
from gsakmp.crypto.keys import RSA_BITS
from gsakmp.doi import GDOI, STANDARD, Dialect
from gsakmp.errors import DecodeError, PolicyRefused
from gsakmp.group.attribute_values import (
    LARGEST,
    read_number,
    read_values,
    refused,
    type_name,
    unsupported,
    within,
)
from gsakmp.group.rekey import is_management
from gsakmp.group.sa import GSA, DataSA, RekeySA, RekeySuite, TrafficSelector
from gsakmp.identities import Identity
from gsakmp.payloads import (
    SAKEK,
    SATEK,
    Attribute,
    GroupAssociatedPolicy,
    GroupSA,
    IPsecTEK,
)
from gsakmp.registries import (
    AddressPreservation,
    AHTransformID,
    AuthenticationAlgorithm,
    EncapsulationMode,
    ESPTransformID,
    GAPAttribute,
    IPProtocol,
    IPsecAttribute,
    IPsecLifeType,
    KEKAckRequested,
    KEKAlgorithm,
    KEKAttribute,
    KEKManagementAlgorithm,
    NotifyType,
    SADirection,
    SigAlgorithm,
    SigHashAlgorithm,
    TEKProtocolID,
)

__all__ = [
    "OfferedGSA",
    "effective_direction",
    "effective_preservation",
    "read_group_sa",
]

DEFAULT_SECONDS: Final = 28_800
"""Lifetime of a data SA that says none (RFC 2407, 4.5)."""
NO_END: Final = 0xFFFF_FFFF
"""Lifetime of a KEK without KEK_KEY_LIFETIME, which has no default (RFC 6407, 5.3.4): the longest that the
attribute could say."""
FIRST_SPI: Final = 256
"""Below it SPIs are reserved (RFC 4303, 2.1)."""

_OWN_HASH: Final = {  # RFC 6407, 5.3.5: implicit
    SigAlgorithm.SIG_ALG_ECDSA_256: SigHashAlgorithm.SIG_HASH_SHA256,
    SigAlgorithm.SIG_ALG_ECDSA_384: SigHashAlgorithm.SIG_HASH_SHA384,
    SigAlgorithm.SIG_ALG_ECDSA_521: SigHashAlgorithm.SIG_HASH_SHA512,
}
_CURVE_BITS: Final = {
    SigAlgorithm.SIG_ALG_ECDSA_256: 256,
    SigAlgorithm.SIG_ALG_ECDSA_384: 384,
    SigAlgorithm.SIG_ALG_ECDSA_521: 521,
}
_SA_ATTRIBUTES: Final[tuple[type, ...]] = (SAKEK, GroupAssociatedPolicy, SATEK)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedGSA:
    """What an SA payload says: SAs without keys, which `read_key_download` brings."""

    gsa: GSA
    activation_delay: int = 0
    """ATD in seconds; 0 where the payload says none."""
    deactivation_delay: int = 0
    """DTD in seconds."""
    allow_weak: bool = False
    """As it was read, which holds for the keys as well."""
    dialect: Dialect = STANDARD


def effective_preservation(sa: DataSA) -> AddressPreservation | None:
    """Which addresses a tunnel's outer header takes over: both, where the SA does not say (RFC 6407,
    5.5.1.1.1). None in transport mode, which has no outer header."""
    if sa.mode == EncapsulationMode.TRANSPORT:
        return None
    said = sa.address_preservation
    return AddressPreservation.SOURCE_AND_DESTINATION if said is None else AddressPreservation(said)


def effective_direction(sa: DataSA) -> SADirection:
    """Symmetric, where the SA does not say (RFC 6407, 5.5.1.1.2)."""
    return SADirection.SYMMETRIC if sa.direction is None else SADirection(sa.direction)


# -- the SA payload ------------------------------------------------------------------------------------


def read_group_sa(
    payload: GroupSA,
    now: float,
    *,
    allow_weak: bool = False,
    dialect: Dialect = STANDARD,
    push: bool = False,
) -> OfferedGSA:
    """The SAs of a pull's message 2, or of a push. KEK_MANAGEMENT_ALGORITHM counts in a push alone: in a pull
    it "MUST be ignored if present" (5.3).

    Raises `PolicyRefused` for what is not to be accepted, `DecodeError` for what contradicts itself; the text
    of both starts with the place.
    """
    if payload.doi != GDOI.number or payload.situation != 0:
        problem = f"DOI {int(payload.doi)} and situation {payload.situation}, not 2 and 0 (RFC 6407, 5.2)"
        raise refused("group_sa", problem, NotifyType.DOI_NOT_SUPPORTED)
    _check_order(payload.sa_attributes)
    rekey: list[RekeySA] = []
    data: list[DataSA] = []
    delays = (0, 0)
    for index, part in enumerate(payload.sa_attributes):
        path = f"sa_attributes[{index}]"
        if isinstance(part, SAKEK):
            rekey.append(_rekey_sa(part, path, now, allow_weak, push))
        elif isinstance(part, GroupAssociatedPolicy):
            delays = _delays(part, path)
        elif isinstance(part, SATEK):
            data.append(_data_sa(part, path, now, allow_weak, dialect))
    spis = [sa.spi for sa in data]
    if len(set(spis)) != len(spis):
        # A key packet names its SA by the SPI alone, whatever the protocol (5.6).
        raise DecodeError("two SA TEKs have one SPI", "sa_attributes")
    return OfferedGSA(
        gsa=GSA(rekey=tuple(rekey), data=tuple(data)),
        activation_delay=delays[0],
        deactivation_delay=delays[1],
        allow_weak=allow_weak,
        dialect=dialect,
    )


def _check_order(parts: Sequence[object]) -> None:
    """SAK, GAP, SATs in that order, at most one of the first two, an SAK or an SAT at least (5.2.1)."""
    last = -1
    for index, part in enumerate(parts):
        place = next((n for n, cls in enumerate(_SA_ATTRIBUTES) if isinstance(part, cls)), None)
        path = f"sa_attributes[{index}]"
        if place is None:
            raise refused(path, f"{type(part).__name__} is no SA attribute payload of GDOI")
        if place < last or (place == last and place < 2):
            raise DecodeError("SA attributes are one SAK, one GAP, and SATs (RFC 6407, 5.2.1)", path)
        last = place
    if not any(isinstance(part, SAKEK | SATEK) for part in parts):
        raise DecodeError("neither SAK nor SAT (RFC 6407, 5.2.1)", "sa_attributes")


def _rekey_sa(part: SAKEK, path: str, now: float, allow_weak: bool, push: bool) -> RekeySA:
    if part.protocol != IPProtocol.UDP:
        raise refused(f"{path}.protocol", "a push comes by UDP")
    if not any(part.spi):
        raise DecodeError("an SPI of zero names no SA", f"{path}.spi")
    lifetime = KEKAttribute.KEK_KEY_LIFETIME
    values = read_values(
        part.attributes,
        KEKAttribute,
        f"{path}.attributes",
        {KEKAttribute.KE_OAKLEY_GROUP},  # RFC 6407, 5.3 reserves it
        wide=lifetime,
    )
    seconds = values.get(lifetime, NO_END)
    if not seconds:
        raise DecodeError("a lifetime of no seconds", f"{path}.attributes.KEK_KEY_LIFETIME")
    with within(f"{path}.attributes"):
        suite = _rekey_suite(values, allow_weak, push)
    return RekeySA(
        spi=part.spi,
        suite=suite,
        source=Identity(part.source_id_type, part.source_id_data),
        source_port=part.source_id_port,
        destination=Identity(part.destination_id_type, part.destination_id_data),
        destination_port=part.destination_id_port,
        key=b"",
        signature_key=b"",
        created_at=now,
        lifetime_seconds=seconds,
    )


def _rekey_suite(values: dict[int, Any], allow_weak: bool, push: bool) -> RekeySuite:
    """Raises `PolicyRefused`."""
    for number in (KEKAttribute.KEK_ALGORITHM, KEKAttribute.SIG_ALGORITHM):
        if number not in values:
            raise PolicyRefused(f"no {number.name} (RFC 6407, 5.3)")
    encryption = KEKAlgorithm(values[KEKAttribute.KEK_ALGORITHM])
    cipher = kek_cipher(encryption, values.get(KEKAttribute.KEK_KEY_LENGTH), allow_weak=allow_weak)
    signature = SigAlgorithm(values[KEKAttribute.SIG_ALGORITHM])
    said = values.get(KEKAttribute.SIG_HASH_ALGORITHM)
    hash_ = _OWN_HASH.get(signature) if said is None else SigHashAlgorithm(said)
    push_signature(signature, hash_, allow_weak=allow_weak)
    if hash_ is None:  # which push_signature has refused
        raise PolicyRefused("no SIG_HASH_ALGORITHM (RFC 6407, 5.3.5)")
    bits = values.get(KEKAttribute.SIG_KEY_LENGTH, _CURVE_BITS.get(signature, 0))
    _check_signature_bits(signature, bits, allow_weak)
    management = values.get(KEKAttribute.KEK_MANAGEMENT_ALGORITHM) if push else None
    if management is not None and not is_management(management):
        raise unsupported(f"KEK_MANAGEMENT_ALGORITHM {management!r} is not supported")
    acknowledgement = values.get(KEKAttribute.KEK_ACK_REQUESTED)
    return RekeySuite(
        encryption=encryption,
        key_length=8 * cipher.key_size,
        signature=signature,
        signature_hash=hash_,
        signature_key_length=bits,
        management=None if management is None else KEKManagementAlgorithm(management),
        # Who can't answer in the requested way takes part all the same (RFC 8263, 4).
        acknowledgement=KEKAckRequested(acknowledgement) if acknowledgement in _ACKNOWLEDGEMENTS else None,
    )


_ACKNOWLEDGEMENTS: Final = frozenset(int(kind) for kind in KEKAckRequested)


def _check_signature_bits(signature: SigAlgorithm, bits: int, allow_weak: bool) -> None:
    curve = _CURVE_BITS.get(signature)
    if curve is not None and bits != curve:
        raise PolicyRefused(f"SIG_KEY_LENGTH {bits}, and {signature.name} has {curve} bits")
    shortest, longest = RSA_BITS
    if curve is None and bits and (bits > longest or (bits < shortest and not allow_weak)):
        raise PolicyRefused(f"RSA with {bits} bits: from {shortest} to {longest} are taken")


def _delays(part: GroupAssociatedPolicy, path: str) -> tuple[int, int]:
    # A sender id request goes from the member to the GCKS (5.4.2).
    unwanted = {GAPAttribute.SENDER_ID_REQUEST}
    values = read_values(part.attributes, GAPAttribute, f"{path}.attributes", unwanted)
    return (
        values.get(GAPAttribute.ACTIVATION_TIME_DELAY, 0),
        values.get(GAPAttribute.DEACTIVATION_TIME_DELAY, 0),
    )


def _data_sa(part: SATEK, path: str, now: float, allow_weak: bool, dialect: Dialect) -> DataSA:
    tek = part.tek
    protocol = TEKProtocolID(part.protocol_id)
    if protocol not in _PROTOCOLS or not isinstance(tek, IPsecTEK):
        raise refused(f"{path}.protocol_id", f"{protocol!r} is not supported")
    if int.from_bytes(tek.spi, "big") < FIRST_SPI:
        raise DecodeError("a reserved SPI", f"{path}.tek.spi")
    path = f"{path}.tek.attributes"
    lifetimes = {IPsecAttribute.SA_LIFE_TYPE, IPsecAttribute.SA_LIFE_DURATION}
    rest = [a for a in tek.attributes if a.type not in {*lifetimes, IPsecAttribute.GROUP_DESCRIPTION}]
    values = read_values(rest, IPsecAttribute, path, _UNSUPPORTED)
    seconds, kilobytes = _lifetimes([a for a in tek.attributes if a.type in lifetimes], path)
    integrity = values.get(IPsecAttribute.AUTHENTICATION_ALGORITHM)
    sa = DataSA(
        protocol=protocol,
        spi=tek.spi,
        selector=_selector(tek),
        transform_id=tek.transform_id,
        key_length=values.get(IPsecAttribute.KEY_LENGTH),
        integrity=None if integrity is None else AuthenticationAlgorithm(integrity),
        # Without the attribute it is the host's affair (RFC 2407, 4.5). Group traffic goes through tunnels.
        mode=EncapsulationMode(values.get(IPsecAttribute.ENCAPSULATION_MODE, EncapsulationMode.TUNNEL)),
        address_preservation=values.get(IPsecAttribute.ADDRESS_PRESERVATION),
        direction=values.get(IPsecAttribute.SA_DIRECTION),
        created_at=now,
        lifetime_seconds=seconds,
        lifetime_kilobytes=kilobytes,
    )
    with within(path):
        _check_values(sa)
        _check_key_length(sa, dialect)
        key_sizes(sa, allow_weak)
    return sa


_PROTOCOLS: Final = frozenset({TEKProtocolID.GDOI_PROTO_IPSEC_ESP, TEKProtocolID.GDOI_PROTO_IPSEC_AH})
_UNSUPPORTED: Final = frozenset[int](IPsecAttribute) - {
    IPsecAttribute.ENCAPSULATION_MODE,
    IPsecAttribute.AUTHENTICATION_ALGORITHM,
    IPsecAttribute.KEY_LENGTH,
    IPsecAttribute.ADDRESS_PRESERVATION,
    IPsecAttribute.SA_DIRECTION,
}
"""Attributes that mean nothing a `DataSA` could hold. GROUP_DESCRIPTION is ignored before (5.5.1)."""


def _check_values(sa: DataSA) -> None:
    """Raises `PolicyRefused` for numbers that are not defined, or not for groups."""
    if sa.mode not in (EncapsulationMode.TUNNEL, EncapsulationMode.TRANSPORT):
        raise unsupported(f"ENCAPSULATION_MODE {sa.mode!r} is not supported")
    if sa.address_preservation is not None and sa.address_preservation not in set(AddressPreservation):
        raise unsupported(f"ADDRESS_PRESERVATION {sa.address_preservation} is not defined")
    if sa.direction is not None and sa.direction not in set(SADirection):
        raise unsupported(f"SA_DIRECTION {sa.direction} is not defined")


def _check_key_length(sa: DataSA, dialect: Dialect) -> None:
    """KEY_LENGTH MUST NOT be sent for ciphers with a fixed key (RFC 2407, 4.5), and never with AH."""
    if sa.key_length is None:
        return
    if dialect.tek_may_lack_algorithm_key and without_algorithm_key(sa):
        return
    fixed = sa.protocol == TEKProtocolID.GDOI_PROTO_IPSEC_AH or sa.transform_id in _FIXED
    if fixed or sa.key_length == 0:
        raise PolicyRefused(f"KEY_LENGTH {sa.key_length} for transform {sa.transform_id} (RFC 2407, 4.5)")


_FIXED: Final = frozenset({ESPTransformID.ESP_DES, ESPTransformID.ESP_3DES, ESPTransformID.ESP_NULL})


def without_algorithm_key(sa: DataSA) -> bool:
    """Whether a data SA has an integrity key alone: see `Dialect.tek_may_lack_algorithm_key`."""
    aes_cbc = sa.protocol == TEKProtocolID.GDOI_PROTO_IPSEC_ESP and sa.transform_id == _AES_CBC
    return aes_cbc and sa.key_length == 0 and sa.integrity is not None


_AES_CBC: Final = ESPTransformID.ESP_AES_CBC


def key_sizes(sa: DataSA, allow_weak: bool) -> TEKSizes:
    """Octets of a data SA's keys. Raises `PolicyRefused`."""
    if sa.protocol == TEKProtocolID.GDOI_PROTO_IPSEC_AH:
        if sa.integrity is None:
            raise PolicyRefused("AH without AUTHENTICATION_ALGORITHM (RFC 2407, 4.4.3)")
        return ah_key_sizes(AHTransformID(sa.transform_id), sa.integrity, allow_weak=allow_weak)
    transform = ESPTransformID(sa.transform_id)
    if without_algorithm_key(sa):
        # Only `Dialect.tek_may_lack_algorithm_key` gets here: such a TEK has an integrity key alone.
        return replace(esp_key_sizes(transform, sa.integrity, 128, allow_weak=allow_weak), algorithm=0)
    length = None if transform in _FIXED else sa.key_length
    return esp_key_sizes(transform, sa.integrity, length, allow_weak=allow_weak)


def _selector(tek: IPsecTEK) -> TrafficSelector:
    source = tek.source_id_data
    common = isinstance(source, bytes) and len(source) in (0, 3)  # RFC 6407, 5.5.1
    return TrafficSelector(
        protocol=int(tek.protocol),
        source=None if common else Identity(tek.source_id_type, source),
        source_port=tek.source_id_port,
        destination=Identity(tek.destination_id_type, tek.destination_id_data),
        destination_port=tek.destination_id_port,
    )


def _lifetimes(attributes: Sequence[Attribute], path: str) -> tuple[int, int | None]:
    """Seconds and kilobytes: each SA_LIFE_DURATION follows the SA_LIFE_TYPE that says its unit (RFC 2407,
    4.5), and both may be there, once each or without conflict (4.5.2)."""
    found: dict[IPsecLifeType, int] = {}
    unit: IPsecLifeType | None = None
    for attribute in attributes:
        value = read_number(attribute.value, LARGEST, f"{path}.{type_name(IPsecAttribute, attribute.type)}")
        if attribute.type == IPsecAttribute.SA_LIFE_TYPE:
            if unit is not None or value not in set(IPsecLifeType):
                raise DecodeError(f"SA_LIFE_TYPE {value} out of place or not defined", path)
            unit = IPsecLifeType(value)
            continue
        if unit is None or not value or found.get(unit, value) != value:
            raise DecodeError("an SA_LIFE_DURATION without a type, of nothing, or a second one", path)
        found[unit], unit = value, None
    if unit is not None:
        raise DecodeError("an SA_LIFE_TYPE without a duration (RFC 2407, 4.5)", path)
    return found.get(IPsecLifeType.SECONDS, DEFAULT_SECONDS), found.get(IPsecLifeType.KILOBYTES)
