"""The Identification payload (RFC 2408, 3.8; RFC 2407, 4.6.2; RFC 8052, 2.1)."""

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Final

from gsakmp.payloads.asn1 import name_text, names_text, oid_text
from gsakmp.registries import GDOIIDType, IPProtocol, PayloadType
from gsakmp.wire import (
    AUTO,
    AddressRange,
    Auto,
    Bytes,
    Choice,
    Code,
    Element,
    Int8ub,
    Int16ub,
    Payload,
    Rebuild,
    Subnet,
    len_,
    this,
)
from gsakmp.wire.values import (
    IPV4_ADDRESS,
    IPV4_RANGE,
    IPV4_SUBNET,
    IPV6_ADDRESS,
    IPV6_RANGE,
    IPV6_SUBNET,
    OCTETS,
    TEXT,
)

__all__ = ["ID_TYPES", "Identification", "Identity", "OIDIdentity"]


class OIDIdentity(Element, spec="RFC 8052, 2.1", title="ID_OID Identification Data"):
    """An object identifier that names a kind of traffic, with a selector of its own."""

    oid_length: Annotated[Auto, Rebuild(Int8ub, len_(this.oid)), "octets"] = AUTO
    oid: Annotated[bytes, Bytes(this.oid_length), "ObjectIdentifier in DER"] = b""
    oid_payload_length: Annotated[Auto, Rebuild(Int16ub, len_(this.oid_payload)), "octets"] = AUTO
    oid_payload: Annotated[bytes, Bytes(this.oid_payload_length), "the OID's own selector, in DER"] = b""

    def readings(self) -> dict[str, str]:
        """The OID in dotted form."""
        return {"oid": oid_text(self.oid)}


Identity = IPv4Address | IPv6Address | Subnet | AddressRange | OIDIdentity | str | bytes
"""What identification data is, by the type: octets where the type is unknown or opaque."""

ID_TYPES: Final[dict[int, Any]] = {
    GDOIIDType.ID_IPV4_ADDR: IPV4_ADDRESS,
    GDOIIDType.ID_FQDN: TEXT,
    GDOIIDType.ID_USER_FQDN: TEXT,
    GDOIIDType.ID_IPV4_ADDR_SUBNET: IPV4_SUBNET,
    GDOIIDType.ID_IPV6_ADDR: IPV6_ADDRESS,
    GDOIIDType.ID_IPV6_ADDR_SUBNET: IPV6_SUBNET,
    GDOIIDType.ID_IPV4_ADDR_RANGE: IPV4_RANGE,
    GDOIIDType.ID_IPV6_ADDR_RANGE: IPV6_RANGE,
    GDOIIDType.ID_DER_ASN1_DN: OCTETS,
    GDOIIDType.ID_DER_ASN1_GN: OCTETS,
    GDOIIDType.ID_KEY_ID: OCTETS,
    GDOIIDType.ID_LIST: OCTETS,
}
"""How identification data is read, by ID type (RFC 2407, 4.6.2.1)."""


class Identification(Payload, kind=PayloadType.IDENTIFICATION, spec="RFC 2408, 3.8; RFC 2407, 4.6.2"):
    """Who somebody is, which traffic is meant, or (in GROUPKEY-PULL) which group is asked for.

    The registry of types is GDOI's (RFC 8052, 4): that of the IPsec DOI, and ID_OID. In GDOI protocol and
    port are zero (RFC 6407, 5.1).
    """

    id_type: Annotated[GDOIIDType, Code(Int8ub, GDOIIDType), "what the identification data is"]
    protocol_id: Annotated[IPProtocol, Code(Int8ub, IPProtocol), "IP protocol, 0 for any"] = IPProtocol(0)
    port: Annotated[int, Int16ub, "UDP or TCP port, 0 for any"] = 0
    identification_data: Annotated[
        Identity,
        Choice("identification", this.id_type),
        "address, subnet, range, name or key id, by the type",
    ] = b""

    def readings(self) -> dict[str, str]:
        """A distinguished or general name as text."""
        data = self.identification_data
        if isinstance(data, bytes) and self.id_type == GDOIIDType.ID_DER_ASN1_DN:
            return {"identification_data": name_text(data)}
        if isinstance(data, bytes) and self.id_type == GDOIIDType.ID_DER_ASN1_GN:
            return {"identification_data": names_text(data)}
        return {}
