"""The Sequence Number payload (RFC 6407, 5.7)."""

from typing import Annotated

from gsakmp.registries import PayloadType
from gsakmp.wire import Int32ub, Payload

__all__ = ["SequenceNumber"]


class SequenceNumber(
    Payload, kind=PayloadType.SEQUENCE_NUMBER, spec="RFC 6407, 5.7", title="Sequence Number (SEQ)"
):
    """The number of a GROUPKEY-PUSH, against replay; in GROUPKEY-PULL, the present one."""

    sequence_number: Annotated[int, Int32ub, "grows with every push of a rekey SA, from 1"]
