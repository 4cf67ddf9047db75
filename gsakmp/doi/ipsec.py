"""The ISAKMP and IPsec domains of interpretation (RFC 2408; RFC 2407, 2409, 3947)."""

from __future__ import annotations

from typing import Any, Final

from gsakmp.doi.domain import DOI, by_kind
from gsakmp.payloads import (
    SA,
    AHTransform,
    Certificate,
    CertificateRequest,
    ConfigurationAttributes,
    Delete,
    ESPTransform,
    Fragment,
    GroupDelete,
    Hash,
    Identification,
    IKETransform,
    IPCOMPTransform,
    KeyExchange,
    NATDiscovery,
    NATOriginalAddress,
    Nonce,
    Notification,
    OIDIdentity,
    Proposal,
    Signature,
    Transform,
    UnknownSA,
    VendorID,
)
from gsakmp.payloads.isakmp.identification import ID_TYPES
from gsakmp.payloads.isakmp.notification import NOTIFICATION_DATA
from gsakmp.payloads.isakmp.tables import (
    IKE_ATTRIBUTES,
    IPSEC_ATTRIBUTES,
    LIFETIME_ATTRIBUTES,
    MODE_CONFIG_ATTRIBUTES,
)
from gsakmp.registries import (
    DOINumber,
    ExchangeType,
    GDOIIDType,
    IPsecExchangeType,
    PayloadType,
    ProtocolID,
)
from gsakmp.wire import Tables, Variants

__all__ = ["COMMON_PAYLOADS", "COMMON_TABLES", "IPSEC", "ISAKMP"]

SA_BY_DOI: Final = Variants(4, {DOINumber.ISAKMP: SA, DOINumber.IPSEC: SA, DOINumber.GDOI: SA}, UnknownSA)
DELETE_BY_DOI: Final = Variants(4, {DOINumber.GDOI: GroupDelete}, Delete)

COMMON_PAYLOADS: Final[dict[int, Any]] = {
    **by_kind(
        [
            KeyExchange,
            Identification,
            Certificate,
            CertificateRequest,
            Hash,
            Signature,
            Nonce,
            Notification,
            VendorID,
            ConfigurationAttributes,
            Fragment,
        ]
    ),
    PayloadType.SA: SA_BY_DOI,
    PayloadType.DELETE: DELETE_BY_DOI,
    PayloadType.NAT_DISCOVERY: NATDiscovery,
    PayloadType.NAT_DISCOVERY_DRAFT: NATDiscovery,
    PayloadType.NAT_ORIGINAL_ADDRESS: NATOriginalAddress,
    PayloadType.NAT_ORIGINAL_ADDRESS_DRAFT: NATOriginalAddress,
}
"""What every domain here shares; not the draft numbers 15 and 16, which are others' in GDOI."""

COMMON_TABLES: Final = Tables(
    chains={
        "payloads": COMMON_PAYLOADS,
        "proposals": by_kind([Proposal]),
        "transforms": by_kind([Transform]),
        ("transforms", ProtocolID.PROTO_ISAKMP): by_kind([IKETransform]),
        ("transforms", ProtocolID.PROTO_IPSEC_AH): by_kind([AHTransform]),
        ("transforms", ProtocolID.PROTO_IPSEC_ESP): by_kind([ESPTransform]),
        ("transforms", ProtocolID.PROTO_IPCOMP): by_kind([IPCOMPTransform]),
    },
    choices={
        "identification": {**ID_TYPES, GDOIIDType.ID_OID: OIDIdentity},
        "notification": NOTIFICATION_DATA,
    },
    attributes={
        "IKE": IKE_ATTRIBUTES,
        "IPsec": IPSEC_ATTRIBUTES,
        "lifetime": LIFETIME_ATTRIBUTES,
        "mode-config": MODE_CONFIG_ATTRIBUTES,
    },
)

NAT_TABLES: Final = COMMON_TABLES.with_tables(
    chains={"payloads": by_kind([NATDiscovery, NATOriginalAddress])}
)

ISAKMP: Final = DOI(
    number=DOINumber.ISAKMP,
    name="ISAKMP",
    title="ISAKMP",
    exchanges=ExchangeType,
    tables=NAT_TABLES,
    spec="RFC 2408",
)
"""ISAKMP alone."""

IPSEC: Final = DOI(
    number=DOINumber.IPSEC,
    name="IPsec",
    title="IP Security",
    exchanges=IPsecExchangeType,
    tables=NAT_TABLES,
    ports=frozenset({500, 4500}),
    spec="RFC 2407",
)
"""IKE version 1 and the IPsec domain of interpretation."""
