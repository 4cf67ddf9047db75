"""Sans-I/O engines: a GCKS and a member, each with five verbs.

::

    engine.receive_datagram(data, source, now, local=ours)
    for datagram in engine.datagrams_to_send(now): ...
    while (event := engine.next_event()) is not None: ...
    if engine.next_timeout() <= now: engine.handle_timeout(now)
"""

from __future__ import annotations

from gsakmp.peers.configuration import EndpointConfiguration, GCKSConfiguration, MemberConfiguration
from gsakmp.peers.endpoint import Endpoint
from gsakmp.peers.gcks import GCKS
from gsakmp.peers.member import Member

__all__ = [
    "GCKS",
    "Endpoint",
    "EndpointConfiguration",
    "GCKSConfiguration",
    "Member",
    "MemberConfiguration",
]
