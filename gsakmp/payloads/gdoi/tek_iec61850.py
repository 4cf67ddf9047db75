"""The TEK protocol-specific payload of IEC 61850 (RFC 8052, 2.2)."""

from typing import Annotated

from gsakmp.payloads.asn1 import oid_text
from gsakmp.registries import IEC62351Authentication, IEC62351Confidentiality
from gsakmp.wire import (
    AUTO,
    Attribute,
    Attributes,
    Auto,
    Bytes,
    Code,
    Element,
    Int8ub,
    Int16ub,
    Int32ub,
    Rebuild,
    len_,
    this,
)

__all__ = ["IEC61850TEK"]


class IEC61850TEK(Element, spec="RFC 8052, 2.2", title="IEC 61850 TEK"):
    """Keys and policy for GOOSE or sampled values in a substation."""

    oid_length: Annotated[Auto, Rebuild(Int8ub, len_(this.oid)), "octets"] = AUTO
    oid: Annotated[bytes, Bytes(this.oid_length), "the kind of message, an ObjectIdentifier in DER"] = b""
    oid_payload_length: Annotated[Auto, Rebuild(Int16ub, len_(this.oid_payload)), "octets"] = AUTO
    oid_payload: Annotated[bytes, Bytes(this.oid_payload_length), "the traffic selector, in DER"] = b""
    spi: Annotated[bytes, Bytes(4), "identifier of the current key"] = bytes(4)
    authentication_algorithm: Annotated[
        IEC62351Authentication, Code(Int16ub, IEC62351Authentication), "the MAC"
    ] = IEC62351Authentication.NONE
    confidentiality_algorithm: Annotated[
        IEC62351Confidentiality, Code(Int16ub, IEC62351Confidentiality), "the cipher"
    ] = IEC62351Confidentiality.NONE
    remaining_lifetime: Annotated[int, Int32ub, "seconds, 0 for no end"] = 0
    attributes: Annotated[tuple[Attribute, ...], Attributes("SA TEK"), "SA data attributes"] = ()

    def readings(self) -> dict[str, str]:
        """The OID in dotted form."""
        return {"oid": oid_text(self.oid)}
