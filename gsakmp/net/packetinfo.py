"""To which of our addresses a datagram came, and from which one an answer leaves (RFC 3542, 6; ip(7)).

A socket that is bound to the unspecified address would answer from whatever address the routes suggest; a
peer that asked another one would not know the answer, and NAT detection (RFC 3947, 3.2) would see a NAT.
"""

from __future__ import annotations

import socket
import struct
import sys
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

__all__ = ["ANCILLARY_OCTETS", "destination_of", "host_of", "source_control", "want_packet_info"]

Host = IPv4Address | IPv6Address
Ancillary = list[tuple[int, int, bytes]]

LINUX: Final = sys.platform == "linux"
IP_PKTINFO: Final = getattr(socket, "IP_PKTINFO", 8 if LINUX else None)  # Python names it from 3.14 on
IPV6_PKTINFO: Final = getattr(socket, "IPV6_PKTINFO", None)
IPV6_RECVPKTINFO: Final = getattr(socket, "IPV6_RECVPKTINFO", None)

IN_PKTINFO: Final = struct.Struct("@i4s4s")
"""struct in_pktinfo: interface, local address, the header's destination."""
IN6_PKTINFO: Final = struct.Struct("@16sI")
"""struct in6_pktinfo: address, interface."""
ANCILLARY_OCTETS: Final = 128
"""Room for one of them."""
HOSTS: Final = 65_536
"""Addresses whose object is kept ready."""


def want_packet_info(sock: socket.socket) -> bool:
    """Ask the system to say with each datagram where it came to; False where it can't."""
    try:
        if sock.family == socket.AF_INET and IP_PKTINFO is not None and hasattr(sock, "recvmsg"):
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            return True
        if sock.family == socket.AF_INET6 and IPV6_RECVPKTINFO is not None and hasattr(sock, "recvmsg"):
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
            return True
    except OSError:
        pass
    return False


def destination_of(ancillary: Ancillary) -> Host | None:
    """The destination address of a datagram's header, if the system said it."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO and len(data) >= IN_PKTINFO.size:
            return IPv4Address(IN_PKTINFO.unpack_from(data)[2])
        if level == socket.IPPROTO_IPV6 and kind == IPV6_PKTINFO and len(data) >= IN6_PKTINFO.size:
            octets, index = IN6_PKTINFO.unpack_from(data)
            address = IPv6Address(octets)
            return scoped(address, index)
    return None


def source_control(source: Host) -> Ancillary:
    """The ancillary data that has a datagram leave from `source`; empty where the system can't do that."""
    if source.is_unspecified or source.is_multicast:
        return []
    if isinstance(source, IPv4Address):
        if IP_PKTINFO is None:
            return []
        return [(socket.IPPROTO_IP, IP_PKTINFO, IN_PKTINFO.pack(0, source.packed, bytes(4)))]
    if IPV6_PKTINFO is None:
        return []
    index = int(source.scope_id) if source.scope_id and source.scope_id.isdigit() else 0
    return [(socket.IPPROTO_IPV6, IPV6_PKTINFO, IN6_PKTINFO.pack(source.packed, index))]


def host_of(sockaddr: tuple[Any, ...]) -> Host:
    """The address in what `socket.recvmsg` gives as the source."""
    return known_host(sockaddr[0], sockaddr[3] if len(sockaddr) > 3 else 0)


@lru_cache(maxsize=HOSTS)
def known_host(text: str, scope: int) -> Host:
    if ":" not in text:
        return IPv4Address(text)
    return scoped(IPv6Address(text.partition("%")[0]), scope)


def scoped(address: IPv6Address, index: int) -> IPv6Address:
    """A link-local address means something on one link alone (RFC 4007, 6)."""
    return IPv6Address(f"{address}%{index}") if index and address.is_link_local else address
