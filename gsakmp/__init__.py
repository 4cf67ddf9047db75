"""Group key management over ISAKMP and IKE: GDOI, IKEv1 and what they stand on.

::

    message = gsakmp.parse(octets, port=848)
    gsakmp.build(message) == octets

    member = gsakmp.Member(configuration, now=now)
    member.register(now)

The engines and what belongs to them are imported when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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

if TYPE_CHECKING:
    from gsakmp.exchanges.address import Address, Datagram
    from gsakmp.group.policy import GroupPolicy
    from gsakmp.identities import Identity
    from gsakmp.peers import GCKS, GCKSConfiguration, Member, MemberConfiguration

__version__ = "0.1.0"

__all__ = [
    "AUTO",
    "DOI",
    "GCKS",
    "GDOI",
    "GDOID",
    "GDOID_BIG_ENDIAN",
    "IPSEC",
    "ISAKMP",
    "STANDARD",
    "Address",
    "Datagram",
    "DecodeError",
    "Dialect",
    "EncodeError",
    "GCKSConfiguration",
    "GroupPolicy",
    "GsakmpError",
    "Identity",
    "LengthMismatch",
    "LimitExceeded",
    "LocalError",
    "Member",
    "MemberConfiguration",
    "Message",
    "Problem",
    "RemoteError",
    "TrailingOctets",
    "Truncated",
    "__version__",
    "build",
    "parse",
]

LATER: Final = {
    "Address": "gsakmp.exchanges.address",
    "Datagram": "gsakmp.exchanges.address",
    "GCKS": "gsakmp.peers",
    "GCKSConfiguration": "gsakmp.peers",
    "GroupPolicy": "gsakmp.group.policy",
    "Identity": "gsakmp.identities",
    "Member": "gsakmp.peers",
    "MemberConfiguration": "gsakmp.peers",
}
"""Public names whose modules take a while to import, and that who only parses messages does not need."""


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module 'gsakmp' has no attribute {name!r}")
    return globals().setdefault(name, getattr(import_module(LATER[name]), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
