"""The TEK protocol-specific payloads of ESP and AH (RFC 6407, 5.5.1; errata 3598 and 3599: there is no
DST ID Prot field)."""

from typing import Annotated

from gsakmp.payloads.isakmp.identification import Identity
from gsakmp.registries import AHTransformID, ESPTransformID, GDOIIDType, IPProtocol
from gsakmp.wire import (
    AUTO,
    Attribute,
    Attributes,
    Auto,
    Bytes,
    Choice,
    Code,
    Element,
    Int8ub,
    Int16ub,
    SizeOf,
    Swapped,
    this,
)

__all__ = ["AHTEK", "ESPTEK", "IPsecTEK"]

ADDRESSES = "tek_addresses_reversed"
PORTS = "tek_ports_reversed"
SOURCE = Choice("TEK source", this.source_id_type, size=this.source_id_data_length, reversed_by=ADDRESSES)
DESTINATION = Choice(
    "identification", this.destination_id_type, size=this.destination_id_data_length, reversed_by=ADDRESSES
)


class IPsecTEK(Element, spec="RFC 6407, 5.5.1", title="ESP/AH TEK"):
    """An IPsec SA of the group: the traffic that it protects, its transform, SPI and attributes.

    A common TEK of several senders has no source data, or three octets (RFC 6407, 5.5.1).
    """

    protocol: Annotated[IPProtocol, Code(Int8ub, IPProtocol), "IP protocol of the traffic, 0 for any"]
    source_id_type: Annotated[GDOIIDType, Code(Int8ub, GDOIIDType), "what the source is"]
    source_id_port: Annotated[int, Swapped(Int16ub, PORTS), "port of the source, 0 for any"] = 0
    source_id_data_length: Annotated[Auto, SizeOf(Int8ub, "source_id_data", SOURCE), "octets"] = AUTO
    source_id_data: Annotated[Identity, SOURCE, "who sends"] = b""
    destination_id_type: Annotated[GDOIIDType, Code(Int8ub, GDOIIDType), "what the destination is"] = (
        GDOIIDType.ID_IPV4_ADDR
    )
    destination_id_port: Annotated[int, Swapped(Int16ub, PORTS), "port of the destination, 0 for any"] = 0
    destination_id_data_length: Annotated[
        Auto, SizeOf(Int8ub, "destination_id_data", DESTINATION), "octets"
    ] = AUTO
    destination_id_data: Annotated[Identity, DESTINATION, "who receives"] = b""
    transform_id: Annotated[int, Int8ub, "the transform"] = 0
    spi: Annotated[bytes, Bytes(4), "the SPI of the group's SA"] = bytes(4)
    attributes: Annotated[tuple[Attribute, ...], Attributes("IPsec"), "IPsec SA attributes"] = ()


class ESPTEK(IPsecTEK, spec="RFC 6407, 5.5.1", title="ESP TEK"):
    """An ESP SA of the group."""

    transform_id: Annotated[ESPTransformID, Code(Int8ub, ESPTransformID), "the cipher"] = ESPTransformID(0)


class AHTEK(IPsecTEK, spec="RFC 6407, 5.5.1", title="AH TEK"):
    """An AH SA of the group."""

    transform_id: Annotated[AHTransformID, Code(Int8ub, AHTransformID), "the integrity algorithm"] = (
        AHTransformID(0)
    )
