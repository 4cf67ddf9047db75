"""The SA TEK payload (RFC 6407, 5.5): how a group's traffic is protected."""

from typing import Annotated

from gsakmp.payloads.gdoi.tek_iec61850 import IEC61850TEK
from gsakmp.payloads.gdoi.tek_ipsec import AHTEK, ESPTEK
from gsakmp.registries import PayloadType, TEKProtocolID
from gsakmp.wire import Choice, Code, Element, Int8ub, Payload, this

__all__ = ["SATEK"]


class SATEK(Payload, kind=PayloadType.SA_TEK, spec="RFC 6407, 5.5", title="SA TEK (SAT)"):
    """One data-security SA. The protocol decides what the rest is: `ESPTEK`, `AHTEK`, `IEC61850TEK`, or
    octets for a protocol that the domain of interpretation does not know."""

    protocol_id: Annotated[TEKProtocolID, Code(Int8ub, TEKProtocolID), "the security protocol"]
    tek: Annotated[
        ESPTEK | AHTEK | IEC61850TEK | Element | bytes,
        Choice("TEK protocol", this.protocol_id),
        "the TEK protocol-specific payload",
    ]
