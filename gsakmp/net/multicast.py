"""Multicast, IPv4 and IPv6: on which interface, how far, and joining groups (RFC 1112; RFC 3493, 5.2)."""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress
from typing import Final

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address
from gsakmp.net.options import MulticastOptions

__all__ = ["interface_index", "join", "prepare_sending"]

IP_MREQN: Final = struct.Struct("@4s4si")
"""struct ip_mreqn: group, local address, interface."""
IPV6_MREQ: Final = struct.Struct("@16sI")
"""struct ipv6_mreq: group, interface."""

LINUX: Final = sys.platform == "linux"
IP_MULTICAST_ALL: Final = 49
IPV6_MULTICAST_ALL: Final = 29
"""Linux, linux/in.h and linux/in6.h: whether a socket also gets what others on this host have joined."""


def interface_index(interface: str | int) -> int:
    """The index of an interface by name or index; 0, any, for an empty name. Raises `ConfigurationError`."""
    if interface == "":
        return 0
    try:
        if isinstance(interface, int):
            socket.if_indextoname(interface)
            return interface
        return socket.if_nametoindex(interface)
    except (OSError, OverflowError, ValueError):
        there = ", ".join(f"{name} ({index})" for index, name in interfaces())
        raise ConfigurationError(f"there is no interface {interface!r}; there are {there}") from None


def interfaces() -> list[tuple[int, str]]:
    try:
        return socket.if_nameindex()
    except OSError:
        return []


def prepare_sending(sock: socket.socket, options: MulticastOptions) -> None:
    """Let multicast that a socket sends leave as the options say. Raises `ConfigurationError`."""
    index = interface_index(options.interface)
    if sock.family == socket.AF_INET:
        level, ttl, loop, where = (
            socket.IPPROTO_IP,
            socket.IP_MULTICAST_TTL,
            socket.IP_MULTICAST_LOOP,
            socket.IP_MULTICAST_IF,
        )
        interface: bytes | int = IP_MREQN.pack(bytes(4), bytes(4), index)
    else:
        level, ttl, loop, where = (
            socket.IPPROTO_IPV6,
            socket.IPV6_MULTICAST_HOPS,
            socket.IPV6_MULTICAST_LOOP,
            socket.IPV6_MULTICAST_IF,
        )
        interface = index
    only_joined(sock)
    try:
        sock.setsockopt(level, ttl, options.ttl)
        sock.setsockopt(level, loop, int(options.loop))
        if index:
            sock.setsockopt(level, where, interface)
    except OSError as error:
        raise ConfigurationError(
            f"multicast can't be sent on interface {options.interface!r}: {error.strerror}"
        ) from None


def join(group: Address, options: MulticastOptions) -> socket.socket:
    """A non-blocking socket that gets what is sent to a group and port on the chosen interface.

    It is bound to the group's address, so nothing else comes, and shares it with every other such socket on
    the machine. Raises `ConfigurationError`.
    """
    index = interface_index(options.interface)
    four = group.host.version == 4
    sock = socket.socket(socket.AF_INET if four else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not LINUX and hasattr(socket, "SO_REUSEPORT"):  # BSD shares a multicast address by this one
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        (join_4 if four else join_6)(sock, group, index)
    except OSError as error:
        sock.close()
        raise ConfigurationError(
            f"the group {group} can't be joined on interface {options.interface!r}: {error.strerror}"
        ) from None
    return sock


def join_4(sock: socket.socket, group: Address, index: int) -> None:
    sock.bind((str(group.host), group.port))
    only_joined(sock)
    request = IP_MREQN.pack(group.host.packed, bytes(4), index)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)


def join_6(sock: socket.socket, group: Address, index: int) -> None:
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((str(group.host), group.port, 0, index))  # the index tells which link a narrow scope means
    only_joined(sock)
    request = IPV6_MREQ.pack(group.host.packed, index)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)


def only_joined(sock: socket.socket) -> None:
    """Unless told, Linux gives a socket all multicast to its port that anybody on the machine has joined."""
    if LINUX:
        four = sock.family == socket.AF_INET
        with suppress(OSError):  # a kernel before 4.20 has none for IPv6
            sock.setsockopt(
                socket.IPPROTO_IP if four else socket.IPPROTO_IPV6,
                IP_MULTICAST_ALL if four else IPV6_MULTICAST_ALL,
                0,
            )
