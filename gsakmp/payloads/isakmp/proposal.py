"""The Proposal payload (RFC 2408, 3.5)."""

from typing import Annotated

from gsakmp.payloads.isakmp.transform import Transform
from gsakmp.registries import PayloadType, ProtocolID
from gsakmp.wire import AUTO, Auto, Bytes, Chain, Code, Int8ub, Payload, Rebuild, len_, this

__all__ = ["Proposal"]


class Proposal(Payload, kind=PayloadType.PROPOSAL, spec="RFC 2408, 3.5"):
    """One way to protect the traffic: a protocol, an SPI and the transforms offered for it."""

    proposal_number: Annotated[int, Int8ub, "equal numbers mean AND, different ones OR"]
    protocol_id: Annotated[ProtocolID, Code(Int8ub, ProtocolID), "the protocol that the SA is for"]
    spi_size: Annotated[Auto, Rebuild(Int8ub, len_(this.spi)), "octets"] = AUTO
    transform_count: Annotated[Auto, Rebuild(Int8ub, len_(this.transforms)), "transforms that follow"] = AUTO
    spi: Annotated[bytes, Bytes(this.spi_size), "the sender's SPI"] = b""
    transforms: Annotated[
        tuple[Transform, ...],
        Chain(PayloadType.TRANSFORM, "transforms", key=this.protocol_id),
        "in order of preference",
    ] = ()
