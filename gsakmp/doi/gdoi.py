"""The group domain of interpretation (RFC 6407, 8052, 8263)."""

from __future__ import annotations

from typing import Final

from gsakmp.doi.domain import DOI, by_kind
from gsakmp.doi.ipsec import COMMON_TABLES
from gsakmp.payloads import (
    AHTEK,
    ESPTEK,
    IEC61850TEK,
    SAKEK,
    SATEK,
    GroupAssociatedPolicy,
    GroupSA,
    KeyDownload,
    ProofOfPossession,
    SequenceNumber,
)
from gsakmp.payloads.gdoi import tables
from gsakmp.payloads.isakmp.identification import ID_TYPES
from gsakmp.registries import DOINumber, GDOIExchangeType, KeyDownloadType, TEKProtocolID
from gsakmp.wire import Tables
from gsakmp.wire.values import or_common

__all__ = ["GDOI"]

SA_ATTRIBUTES: Final = by_kind([SAKEK, GroupAssociatedPolicy, SATEK])

GDOI_TABLES: Final = COMMON_TABLES.with_tables(
    chains={
        "payloads": {
            **SA_ATTRIBUTES,
            **by_kind([KeyDownload, SequenceNumber, ProofOfPossession]),
        },
        "SA attributes": SA_ATTRIBUTES,
    },
    choices={
        "TEK source": {
            number: or_common(content) if content.size else content for number, content in ID_TYPES.items()
        },
        "TEK protocol": {
            TEKProtocolID.GDOI_PROTO_IPSEC_ESP: ESPTEK,
            TEKProtocolID.GDOI_PROTO_IPSEC_AH: AHTEK,
            TEKProtocolID.GDOI_PROTO_IEC_61850: IEC61850TEK,
        },
    },
    attributes={
        "SA KEK": tables.KEK_ATTRIBUTES,
        "GAP": tables.GAP_ATTRIBUTES,
        "SA TEK": tables.IEC61850_ATTRIBUTES,
        ("key packet", KeyDownloadType.TEK): tables.TEK_KEY_ATTRIBUTES,
        ("key packet", KeyDownloadType.KEK): tables.KEK_KEY_ATTRIBUTES,
        ("key packet", KeyDownloadType.LKH): tables.LKH_KEY_ATTRIBUTES,
        ("key packet", KeyDownloadType.SID): tables.SID_ATTRIBUTES,
        ("key packet", KeyDownloadType.OFT): tables.OFT_KEY_ATTRIBUTES,
        ("key packet", KeyDownloadType.MARKS): tables.MARKS_ATTRIBUTES,
        ("key packet", KeyDownloadType.NARK): tables.MARKS_ATTRIBUTES,
    },
)

GROUP_SA: Final = Tables(chains={"payloads": by_kind([GroupSA])})

GDOI: Final = DOI(
    number=DOINumber.GDOI,
    name="GDOI",
    title="Group Domain of Interpretation",
    exchanges=GDOIExchangeType,
    tables=GDOI_TABLES,
    # In GDOI's own exchanges an SA payload holds the group's policy; in phase 1 it holds proposals.
    exchange_tables={
        GDOIExchangeType.GROUPKEY_PULL: GROUP_SA,
        GDOIExchangeType.GROUPKEY_PUSH: GROUP_SA,
        GDOIExchangeType.GROUPKEY_PUSH_ACK: GROUP_SA,
    },
    ports=frozenset({848}),
    spec="RFC 6407",
)
"""GDOI."""
