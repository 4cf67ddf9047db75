"""The Notification payload (RFC 2408, 3.14; RFC 2407, 4.6.3; RFC 3706, 5.3)."""

from typing import Annotated, Any, Final

from gsakmp.registries import DOINumber, NotifyType, PayloadType, ProtocolID
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
    Int32ub,
    Payload,
    Rebuild,
    len_,
    this,
)
from gsakmp.wire.values import INTEGER32, NOTHING

__all__ = ["NOTIFICATION_DATA", "Notification", "ResponderLifetime"]


class ResponderLifetime(Element, spec="RFC 2407, 4.6.3.1", title="RESPONDER-LIFETIME Notification Data"):
    """The lifetimes that the responder will keep to."""

    attributes: Annotated[tuple[Attribute, ...], Attributes("lifetime"), "life types and durations"] = ()


NOTIFICATION_DATA: Final[dict[int, Any]] = {
    NotifyType.RESPONDER_LIFETIME: ResponderLifetime,
    NotifyType.REPLAY_STATUS: INTEGER32,
    NotifyType.INITIAL_CONTACT: NOTHING,
    NotifyType.R_U_THERE: INTEGER32,
    NotifyType.R_U_THERE_ACK: INTEGER32,
}
"""What the data of a type is (RFC 2407, 4.6.3; RFC 3706, 5.3); of all others, octets."""


class Notification(Payload, kind=PayloadType.NOTIFICATION, spec="RFC 2408, 3.14"):
    """Something to tell the peer: an error, or a status."""

    doi: Annotated[DOINumber, Code(Int32ub, DOINumber), "domain of interpretation"]
    protocol_id: Annotated[ProtocolID, Code(Int8ub, ProtocolID), "the protocol that it is about"]
    spi_size: Annotated[Auto, Rebuild(Int8ub, len_(this.spi)), "octets"] = AUTO
    notify_message_type: Annotated[NotifyType, Code(Int16ub, NotifyType), "what it says"] = NotifyType(0)
    spi: Annotated[bytes, Bytes(this.spi_size), "the SA that it is about"] = b""
    notification_data: Annotated[
        int | ResponderLifetime | Element | bytes | None,
        Choice("notification", this.notify_message_type),
        "more, by the type",
    ] = b""
