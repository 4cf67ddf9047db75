"""What the group's payloads must look like, whichever exchange carries them (RFC 6407, 5).

Which payloads a message has is its `Grammar`; this is about what is inside an SA, KD, GAP and ID. What it all
means, and whether it is acceptable, is the business of `gsakmp.group`.
"""

from __future__ import annotations

from typing import Final

from gsakmp.doi import DOI
from gsakmp.exchanges.grammar import PRIVATE, refused
from gsakmp.identities import Identity
from gsakmp.payloads import (
    SAKEK,
    SATEK,
    GroupAssociatedPolicy,
    GroupDelete,
    GroupSA,
    Identification,
    KeyDownload,
)
from gsakmp.registries import GAPAttribute, GDOIIDType, KeyDownloadType, NotifyType
from gsakmp.wire import Payload

__all__ = [
    "check_delete",
    "check_group_policy",
    "check_group_sa",
    "check_key_download",
    "group_identity",
    "has_rekey_sa",
    "requested_sender_ids",
]

GROUP_ID_OCTETS: Final = 4
"""A group identifier of type ID_KEY_ID has them (RFC 6407, 5.1)."""
ORDER: Final[dict[type[Payload], int]] = {SAKEK: 0, GroupAssociatedPolicy: 1, SATEK: 2}
"""How SA attribute payloads follow one another (RFC 6407, 5.2.1)."""


def group_identity(payload: Identification) -> Identity:
    """The group that an Identification payload asks for. Raises `UnexpectedMessage` where protocol or port
    are not zero, or a key id has not four octets (RFC 6407, 5.1)."""
    if payload.protocol_id or payload.port:
        raise refused("protocol and port of a group's identity are zero", NotifyType.INVALID_ID_INFORMATION)
    data = payload.identification_data
    if payload.id_type == GDOIIDType.ID_KEY_ID and (
        not isinstance(data, bytes) or len(data) != GROUP_ID_OCTETS
    ):
        raise refused("a group identifier has four octets", NotifyType.INVALID_ID_INFORMATION)
    return Identity.from_payload(payload)


def check_group_sa(policy: GroupSA, doi: DOI) -> None:
    """The SA payload is a group's: its domain, situation 0, and SAK, GAP and SATs in that order, with at most
    one of the former two and a SAK or a SAT (RFC 6407, 5.2 and 5.2.1). Raises `UnexpectedMessage`."""
    if policy.doi != doi.number:
        raise refused(f"an SA of domain {int(policy.doi)}, not {doi.name}", NotifyType.DOI_NOT_SUPPORTED)
    if policy.situation:
        raise refused(f"situation {policy.situation}, not 0", NotifyType.SITUATION_NOT_SUPPORTED)
    places = []
    for attribute in policy.sa_attributes:
        place = ORDER.get(type(attribute))
        if place is None and attribute.kind >= PRIVATE:
            continue
        if place is None:
            raise refused(
                f"{type(attribute).__name__} has no place in an SA", NotifyType.INVALID_PAYLOAD_TYPE
            )
        places.append(place)
        if isinstance(attribute, GroupAssociatedPolicy):
            check_group_policy(attribute, doi, request=False)
    if places != sorted(places) or places.count(0) > 1 or places.count(1) > 1:
        raise refused("an SA has at most one SA KEK, at most one GAP and SA TEKs, in that order")
    if not places or places == [1]:
        raise refused("an SA with neither SA KEK nor SA TEK")


def has_rekey_sa(policy: GroupSA) -> bool:
    """Whether the policy has a Rekey SA, without which there is no sequence number (RFC 6407, 3.2)."""
    return any(isinstance(attribute, SAKEK) for attribute in policy.sa_attributes)


def check_group_policy(policy: GroupAssociatedPolicy, doi: DOI, *, request: bool) -> None:
    """Every attribute is understood ("MUST abort", RFC 6407, 5.4) and there once; a request for sender ids is
    there in message 3 of GROUPKEY-PULL alone, `request` (5.4.2). Raises `UnexpectedMessage`."""
    known = doi.tables.attributes["GAP"].kinds
    seen = [attribute.type for attribute in policy.attributes]
    for number in seen:
        if number not in known:
            raise refused(f"GAP attribute {int(number)} is unknown", NotifyType.ATTRIBUTES_NOT_SUPPORTED)
    if len(set(seen)) != len(seen):
        raise refused("a GAP attribute twice")
    if not request and GAPAttribute.SENDER_ID_REQUEST in seen:
        raise refused("a request for sender ids from the GCKS")


def requested_sender_ids(policy: GroupAssociatedPolicy | None) -> int:
    """How many sender ids a member asks for in message 3, 0 where it does not ask (RFC 6407, 5.4.2)."""
    for attribute in policy.attributes if policy else ():
        if attribute.type == GAPAttribute.SENDER_ID_REQUEST:
            return int(attribute.value)
    return 0


def check_key_download(key_download: KeyDownload, *, push: bool) -> None:
    """There is key material, at most one packet for a KEK and one for LKH (RFC 6407, 5.6.2 and 5.6.3), an SPI
    for everything but sender ids, and no sender ids in a push (5.6.4). Raises `UnexpectedMessage`."""
    kinds = [packet.kd_type for packet in key_download.key_packets]
    if not kinds:
        raise refused("a KD without key material")
    for kind in (KeyDownloadType.KEK, KeyDownloadType.LKH):
        if kinds.count(kind) > 1:
            raise refused(f"more than one {kind.name} in a KD")
    if push and KeyDownloadType.SID in kinds:
        raise refused("sender ids in a push, for all members alike")
    for packet in key_download.key_packets:
        if bool(packet.spi) == (packet.kd_type == KeyDownloadType.SID):
            raise refused(
                f"a key packet of type {int(packet.kd_type)} with an SPI of {len(packet.spi)} octets"
            )


def check_delete(delete: GroupDelete, doi: DOI) -> None:
    """The Delete payload is of this domain and deletes something (RFC 6407, 5.9). Raises
    `UnexpectedMessage`."""
    if delete.doi != doi.number:
        raise refused(f"a Delete of domain {int(delete.doi)}", NotifyType.DOI_NOT_SUPPORTED)
    if not delete.spis:
        raise refused("a Delete of nothing")
