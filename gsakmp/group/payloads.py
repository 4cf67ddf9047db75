"""A GSA as GDOI's payloads: SA KEK, GAP, SA TEK, key packets, deletes (RFC 6407, 5.2 to 5.6 and 5.9).

This module builds; `gsakmp.group.offers` and `gsakmp.group.downloads` read and are re-exported here, so that
both directions have one address. Lifetimes on the wire are what is left of them at `now`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from gsakmp.errors import ConfigurationError
from gsakmp.group.downloads import Downloaded, read_key_download
from gsakmp.group.offers import OfferedGSA, effective_direction, effective_preservation, read_group_sa
from gsakmp.group.sa import GSA, DataSA, RekeySA
from gsakmp.payloads import (
    AHTEK,
    ESPTEK,
    SAKEK,
    SATEK,
    Attribute,
    GroupAssociatedPolicy,
    GroupDelete,
    GroupSA,
    IPsecTEK,
    KeyPacket,
    Payload,
)
from gsakmp.registries import (
    AHTransformID,
    DOINumber,
    ESPTransformID,
    GAPAttribute,
    GDOIIDType,
    IPProtocol,
    IPsecAttribute,
    IPsecLifeType,
    KEKAttribute,
    KEKKeyAttribute,
    KeyDownloadType,
    SIDAttribute,
    TEKKeyAttribute,
    TEKProtocolID,
)

__all__ = [
    "Downloaded",
    "OfferedGSA",
    "data_key_packet",
    "delete_payloads",
    "effective_direction",
    "effective_preservation",
    "group_sa",
    "read_group_sa",
    "read_key_download",
    "rekey_key_packet",
    "sa_kek",
    "sa_tek",
    "sender_id_packet",
    "with_signature_key",
]

BASIC_LIMIT: Final = 0xFFFF
"""Largest value of a TV attribute (RFC 2408, 3.3)."""
REKEY_SPI: Final = bytes(16)
DATA_SPI: Final = bytes(4)
"""An SPI of zero in a Delete: all SAs of the protocol (RFC 6407, 5.9)."""


def remaining(expires_at: float, now: float) -> int:
    """Whole seconds that are left, at least one: what has run out is on its way out of the group, and zero
    would mean nothing to a peer."""
    return max(1, int(expires_at - now))


def data_lifetime(sa: DataSA, now: float) -> int:
    """What the SA TEK says of a data SA's lifetime: what is left; of a pattern for periods, that of one."""
    return remaining(sa.expires_at, now) if sa.periods is None else sa.periods.seconds


def sa_kek(sa: RekeySA, *, lifetime_seconds: int | None = None, push: bool = False) -> SAKEK:
    """The SA KEK of a Rekey SA (RFC 6407, 5.3). `lifetime_seconds` replaces the SA's own.

    KEK_MANAGEMENT_ALGORITHM stands in it only for a push: it MUST NOT be in a GROUPKEY-PULL (5.3).
    """
    suite = sa.suite
    lifetime = sa.lifetime_seconds if lifetime_seconds is None else lifetime_seconds
    values = [
        (KEKAttribute.KEK_MANAGEMENT_ALGORITHM, suite.management if push else None),
        (KEKAttribute.KEK_ALGORITHM, suite.encryption),
        (KEKAttribute.KEK_KEY_LENGTH, suite.key_length),
        (KEKAttribute.KEK_KEY_LIFETIME, lifetime),
        (KEKAttribute.SIG_HASH_ALGORITHM, suite.signature_hash),
        (KEKAttribute.SIG_ALGORITHM, suite.signature),
        (KEKAttribute.SIG_KEY_LENGTH, suite.signature_key_length or None),
        (KEKAttribute.KEK_ACK_REQUESTED, suite.acknowledgement),
    ]
    return SAKEK(
        protocol=IPProtocol.UDP,
        source_id_type=GDOIIDType(sa.source.id_type),
        source_id_port=sa.source_port,
        source_id_data=sa.source.data,
        destination_id_type=GDOIIDType(sa.destination.id_type),
        destination_id_port=sa.destination_port,
        destination_id_data=sa.destination.data,
        spi=sa.spi,
        attributes=attributes(values),
    )


def sa_tek(sa: DataSA, *, lifetime_seconds: int | None = None) -> SATEK:
    """The SA TEK of a data SA (RFC 6407, 5.5.1). `lifetime_seconds` replaces the SA's own.

    A selector without a source becomes the empty source of a common SA; its type, which then says nothing, is
    the destination's. Raises `ConfigurationError` for another protocol than ESP or AH.
    """
    lifetime = sa.lifetime_seconds if lifetime_seconds is None else lifetime_seconds
    values = [
        (IPsecAttribute.SA_LIFE_TYPE, IPsecLifeType.SECONDS),
        (IPsecAttribute.SA_LIFE_DURATION, lifetime),
    ]
    if sa.lifetime_kilobytes is not None:
        values += [
            (IPsecAttribute.SA_LIFE_TYPE, IPsecLifeType.KILOBYTES),
            (IPsecAttribute.SA_LIFE_DURATION, sa.lifetime_kilobytes),
        ]
    more = [
        (IPsecAttribute.ENCAPSULATION_MODE, sa.mode),
        (IPsecAttribute.AUTHENTICATION_ALGORITHM, sa.integrity),
        (IPsecAttribute.KEY_LENGTH, sa.key_length),
        (IPsecAttribute.ADDRESS_PRESERVATION, sa.address_preservation),
        (IPsecAttribute.SA_DIRECTION, sa.direction),
    ]
    esp = sa.protocol == TEKProtocolID.GDOI_PROTO_IPSEC_ESP
    if not esp and sa.protocol != TEKProtocolID.GDOI_PROTO_IPSEC_AH:
        raise ConfigurationError(f"a data SA is of ESP or AH, not of {sa.protocol!r}")
    selector = sa.selector
    source, destination = selector.source, selector.destination
    tek = IPsecTEK(
        protocol=IPProtocol(selector.protocol),
        source_id_type=GDOIIDType(destination.id_type if source is None else source.id_type),
        source_id_port=selector.source_port,
        source_id_data=b"" if source is None else source.data,
        destination_id_type=GDOIIDType(destination.id_type),
        destination_id_port=selector.destination_port,
        destination_id_data=destination.data,
        spi=sa.spi,
        attributes=attributes([*values, *more]),
    )
    fields = msgspec.structs.asdict(tek)
    fields["transform_id"] = (ESPTransformID if esp else AHTransformID)(sa.transform_id)
    return SATEK(protocol_id=sa.protocol, tek=(ESPTEK if esp else AHTEK)(**fields))


def group_sa(
    gsa: GSA, *, activation_delay: int = 0, deactivation_delay: int = 0, now: float, push: bool = False
) -> GroupSA:
    """The SA payload of message 2 of a pull, or of a push: SA KEK, GAP, SA TEKs in that order (RFC 6407,
    5.2.1). Without any delay there is no GAP. Delays are seconds.

    Raises `ConfigurationError` for more than one Rekey SA, no SA at all, or a delay beyond 16 bits.
    """
    if len(gsa.rekey) > 1:
        raise ConfigurationError(
            f"an SA payload holds one SA KEK at most (RFC 6407, 5.2.1), not {len(gsa.rekey)}"
        )
    if not gsa.rekey and not gsa.data:
        raise ConfigurationError("an SA payload holds an SA KEK or an SA TEK at least (RFC 6407, 5.2.1)")
    delays = [
        (GAPAttribute.ACTIVATION_TIME_DELAY, activation_delay or None),
        (GAPAttribute.DEACTIVATION_TIME_DELAY, deactivation_delay or None),
    ]
    for name, seconds in delays:
        if seconds is not None and not 0 < seconds <= BASIC_LIMIT:
            raise ConfigurationError(f"{name.name} has 16 bits, and {seconds} seconds are none of them")
    chain: list[Payload] = [
        sa_kek(sa, lifetime_seconds=remaining(sa.expires_at, now), push=push) for sa in gsa.rekey
    ]
    if activation_delay or deactivation_delay:
        chain.append(GroupAssociatedPolicy(attributes=attributes(delays)))
    chain += [sa_tek(sa, lifetime_seconds=data_lifetime(sa, now)) for sa in gsa.data]
    return GroupSA(sa_attributes=tuple(chain))


def rekey_key_packet(sa: RekeySA) -> KeyPacket:
    """The KEK and the public key that verifies pushes, for a KD (RFC 6407, 5.6.2)."""
    return KeyPacket(
        kd_type=KeyDownloadType.KEK,
        spi=sa.spi,
        attributes=(
            Attribute(KEKKeyAttribute.KEK_ALGORITHM_KEY, sa.key),
            Attribute(KEKKeyAttribute.SIG_ALGORITHM_KEY, sa.signature_key),
        ),
    )


def with_signature_key(packet: KeyPacket, signature_key: bytes) -> KeyPacket:
    """A rekey algorithm's KEK packet with the public key (SubjectPublicKeyInfo, DER) that belongs in it
    (RFC 6407, 5.6.2); any other packet, and one that has it, as it is."""
    number = KEKKeyAttribute.SIG_ALGORITHM_KEY
    if packet.kd_type != KeyDownloadType.KEK or any(part.type == number for part in packet.attributes):
        return packet
    return packet.replace(attributes=(*packet.attributes, Attribute(number, signature_key)))


def data_key_packet(sa: DataSA) -> KeyPacket:
    """The keys of a data SA, for a KD: those that it has (RFC 6407, 5.6.1)."""
    keys = [
        (TEKKeyAttribute.TEK_ALGORITHM_KEY, sa.algorithm_key or None),
        (TEKKeyAttribute.TEK_INTEGRITY_KEY, sa.integrity_key or None),
    ]
    return KeyPacket(kd_type=KeyDownloadType.TEK, spi=sa.spi, attributes=attributes(keys))


def sender_id_packet(bits: int, sender_ids: Sequence[int]) -> KeyPacket:
    """A member's sender ids, each of `bits` bits, for the KD of its own pull and of no push (RFC 6407,
    5.6.4). A value takes as many whole octets as the bits need.

    Raises `ConfigurationError` for no id, an id that does not fit, or one that is there twice.
    """
    if not sender_ids or len(set(sender_ids)) != len(sender_ids):
        raise ConfigurationError("sender ids: at least one, and none twice (RFC 6407, 5.6.4)")
    if any(not 0 <= number < 1 << bits for number in sender_ids):
        raise ConfigurationError(f"a sender id that does not fit in {bits} bits")
    values = tuple(Attribute(SIDAttribute.SID_VALUE, number, length=-(-bits // 8)) for number in sender_ids)
    return KeyPacket(
        kd_type=KeyDownloadType.SID,
        attributes=(Attribute(SIDAttribute.NUMBER_OF_SID_BITS, bits), *values),
    )


def delete_payloads(
    *, rekey: Iterable[bytes] = (), data: Iterable[DataSA] = (), everything: bool = False
) -> tuple[GroupDelete, ...]:
    """The Delete payloads of a push: one for each protocol of `data`, then one for the SPIs of Rekey SAs
    (RFC 6407, 5.9). `everything` deletes all there is of ESP and AH, and the Rekey SA, with SPIs of zero."""
    if everything:
        protocols = (TEKProtocolID.GDOI_PROTO_IPSEC_ESP, TEKProtocolID.GDOI_PROTO_IPSEC_AH)
        deletes = [_delete(protocol, [DATA_SPI]) for protocol in protocols]
        return (*deletes, _delete(TEKProtocolID(0), [REKEY_SPI]))
    by_protocol: dict[TEKProtocolID, list[bytes]] = {}
    for sa in data:
        by_protocol.setdefault(sa.protocol, []).append(sa.spi)
    deletes = [_delete(protocol, spis) for protocol, spis in sorted(by_protocol.items())]
    if rekey_spis := list(rekey):
        deletes.append(_delete(TEKProtocolID(0), rekey_spis))
    return tuple(deletes)


def _delete(protocol: TEKProtocolID, spis: Sequence[bytes]) -> GroupDelete:
    return GroupDelete(doi=DOINumber.GDOI, protocol_id=protocol, spis=tuple(dict.fromkeys(spis)))


def attributes(values: Iterable[tuple[int, int | bytes | None]]) -> tuple[Attribute, ...]:
    """Those that have a value."""
    return tuple(Attribute(number, value) for number, value in values if value is not None)
