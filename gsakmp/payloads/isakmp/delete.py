"""The Delete payload (RFC 2408, 3.15; RFC 6407, 5.9)."""

from typing import Annotated

from gsakmp.registries import DOINumber, PayloadType, ProtocolID, TEKProtocolID
from gsakmp.wire import (
    AUTO,
    Array,
    Auto,
    Code,
    Int8ub,
    Int16ub,
    Int32ub,
    Payload,
    Rebuild,
    Suggested,
    first_size_,
    len_,
    this,
)

__all__ = ["Delete", "GroupDelete"]


class Delete(Payload, kind=PayloadType.DELETE, spec="RFC 2408, 3.15"):
    """SAs that the sender has deleted."""

    doi: Annotated[DOINumber, Code(Int32ub, DOINumber), "domain of interpretation"]
    protocol_id: Annotated[
        ProtocolID | TEKProtocolID, Code(Int8ub, ProtocolID), "the protocol of all the SPIs"
    ]
    spi_size: Annotated[Auto, Suggested(Int8ub, first_size_(this.spis)), "octets of each"] = AUTO
    spi_count: Annotated[Auto, Rebuild(Int16ub, len_(this.spis)), "SPIs that follow"] = AUTO
    spis: Annotated[tuple[bytes, ...], Array(this.spi_count, this.spi_size), "what is deleted"] = ()


class GroupDelete(Delete, kind=PayloadType.DELETE, spec="RFC 6407, 5.9"):
    """SAs of a group that are to be deleted. Protocol 0 means the rekey SA; an SPI of zero, all of them."""

    protocol_id: Annotated[
        TEKProtocolID, Code(Int8ub, TEKProtocolID), "the TEK protocol of all the SPIs, 0 for the KEK"
    ]
