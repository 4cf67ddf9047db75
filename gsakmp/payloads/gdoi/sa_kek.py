"""The SA KEK payload (RFC 6407, 5.3): how the group is rekeyed."""

from typing import Annotated

from gsakmp.payloads.isakmp.identification import Identity
from gsakmp.registries import GDOIIDType, IPProtocol, PayloadType
from gsakmp.wire import (
    AUTO,
    Attribute,
    Attributes,
    Auto,
    Bytes,
    Choice,
    Code,
    Int8ub,
    Int16ub,
    Payload,
    Reserved,
    SizeOf,
    option,
    this,
)

__all__ = ["SAKEK"]

SOURCE = Choice("identification", this.source_id_type, size=this.source_id_data_length)
DESTINATION = Choice("identification", this.destination_id_type, size=this.destination_id_data_length)


class SAKEK(Payload, kind=PayloadType.SA_KEK, spec="RFC 6407, 5.3", title="SA KEK (SAK)"):
    """The rekey SA: which datagrams carry a GROUPKEY-PUSH, its SPI (the cookies of the push) and algorithms.

    Where RFC 6407 has four reserved octets, RFC 3547 had the POP algorithm and key length (two octets each).
    """

    protocol: Annotated[IPProtocol, Code(Int8ub, IPProtocol), "IP protocol of the push: UDP"]
    source_id_type: Annotated[GDOIIDType, Code(Int8ub, GDOIIDType), "what the source is"]
    source_id_port: Annotated[int, Int16ub, "port of the source, 0 for any"] = 0
    source_id_data_length: Annotated[Auto, SizeOf(Int8ub, "source_id_data", SOURCE), "octets"] = AUTO
    source_id_data: Annotated[Identity, SOURCE, "who sends the push"] = b""
    destination_id_type: Annotated[GDOIIDType, Code(Int8ub, GDOIIDType), "what the destination is"] = (
        GDOIIDType.ID_IPV4_ADDR
    )
    destination_id_port: Annotated[int, Int16ub, "port of the destination"] = 0
    destination_id_data_length: Annotated[
        Auto, SizeOf(Int8ub, "destination_id_data", DESTINATION), "octets"
    ] = AUTO
    destination_id_data: Annotated[Identity, DESTINATION, "where the push goes"] = b""
    spi: Annotated[bytes, Bytes(16), "the cookie pair of the push: initiator's, then responder's"] = bytes(16)
    reserved2: Annotated[bytes | None, Reserved(option("sa_kek_reserved_octets")), "zero"] = AUTO
    attributes: Annotated[tuple[Attribute, ...], Attributes("SA KEK"), "KEK attributes"] = ()
