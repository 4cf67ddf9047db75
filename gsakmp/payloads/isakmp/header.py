"""The ISAKMP header (RFC 2408, 3.1)."""

from typing import Annotated

from gsakmp.registries import HeaderFlag, PayloadType
from gsakmp.wire import Bits, Bytes, Code, Element, Flags, Int8ub, Int32ub

__all__ = ["Header"]


class Header(Element, spec="RFC 2408, 3.1", title="ISAKMP Header"):
    """What every message starts with. Which exchange a type stands for depends on the domain of
    interpretation, which the header does not name."""

    initiator_cookie: Annotated[bytes, Bytes(8), "chosen by who started the SA"]
    responder_cookie: Annotated[bytes, Bytes(8), "chosen by who answered; zero in the first message"]
    next_payload: Annotated[PayloadType, Code(Int8ub, PayloadType), "type of the first payload"]
    major_version: Annotated[int, Bits(4), "1"]
    minor_version: Annotated[int, Bits(4), "0"]
    exchange_type: Annotated[int, Int8ub, "the exchange, by the DOI from 32 on"]
    flags: Annotated[int, Flags(Int8ub, HeaderFlag), "encryption, commit, authentication only"]
    message_id: Annotated[int, Int32ub, "zero in phase 1"]
    message_length: Annotated[int, Int32ub, "octets of header and payloads"]
