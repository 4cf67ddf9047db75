"""The fragment payload of IKEv1 peers ([MS-IKEE], 2.2; no RFC)."""

from typing import Annotated

from gsakmp.registries import PayloadType
from gsakmp.wire import GreedyBytes, Int8ub, Int16ub, Payload

__all__ = ["Fragment"]


class Fragment(Payload, kind=PayloadType.FRAGMENT, spec="[MS-IKEE], 2.2", title="Fragment"):
    """A piece of a message that was too long for one datagram. The pieces, joined, are the message."""

    fragment_id: Annotated[int, Int16ub, "the same in all pieces of a message"]
    fragment_number: Annotated[int, Int8ub, "from 1"]
    last_fragment: Annotated[int, Int8ub, "1 in the last piece, else 0"] = 0
    fragment_data: Annotated[bytes, GreedyBytes, "the piece"] = b""
