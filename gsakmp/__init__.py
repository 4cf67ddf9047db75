"""Group key management over ISAKMP and IKE: GDOI, IKEv1 and what they stand on.

::

    message = gsakmp.parse(octets, port=848)
    gsakmp.build(message) == octets
"""

from __future__ import annotations

from gsakmp.doi import (
    DOI,
    GDOI,
    GDOID,
    GDOID_BIG_ENDIAN,
    IPSEC,
    ISAKMP,
    STANDARD,
    Dialect,
)
from gsakmp.errors import (
    DecodeError,
    EncodeError,
    GsakmpError,
    LengthMismatch,
    LimitExceeded,
    LocalError,
    RemoteError,
    TrailingOctets,
    Truncated,
)
from gsakmp.message import Message, Problem, build, parse
from gsakmp.wire import AUTO

__version__ = "0.1.0"

__all__ = [
    "AUTO",
    "DOI",
    "GDOI",
    "GDOID",
    "GDOID_BIG_ENDIAN",
    "IPSEC",
    "ISAKMP",
    "STANDARD",
    "DecodeError",
    "Dialect",
    "EncodeError",
    "GsakmpError",
    "LengthMismatch",
    "LimitExceeded",
    "LocalError",
    "Message",
    "Problem",
    "RemoteError",
    "TrailingOctets",
    "Truncated",
    "__version__",
    "build",
    "parse",
]
