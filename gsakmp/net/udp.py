"""One UDP socket: datagrams in with the address they came to, datagrams out without ever waiting."""

from __future__ import annotations

import errno
import socket
from collections import deque
from typing import Final, NamedTuple

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net.multicast import join, prepare_sending
from gsakmp.net.options import MulticastOptions
from gsakmp.net.packetinfo import (
    ANCILLARY_OCTETS,
    destination_of,
    host_of,
    source_control,
    want_packet_info,
)

__all__ = ["Received", "UDPSocket"]

DATAGRAM_OCTETS: Final = 65_535
"""RFC 768: the length field has 16 bits, so nothing is cut off."""
BUFFER_OCTETS: Final = 4 * 1024 * 1024
"""Asked of the kernel for each direction: when a push makes thousands of members acknowledge."""
QUEUED_DATAGRAMS: Final = 8192
"""Datagrams that wait for a socket; what comes on top is dropped, as a router would."""
QUEUED_OCTETS: Final = 16 * 1024 * 1024
"""And their octets."""
PASSING: Final = {errno.EAGAIN, errno.EWOULDBLOCK}
NO_SUCH_SOURCE: Final = {errno.EINVAL, errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENETUNREACH}
"""What Linux may say when it is to send from an address that it does not have, or no longer has."""


class Received(NamedTuple):
    """A datagram from outside. `local` is where it came to: for multicast, the group."""

    data: bytes
    source: Address
    local: Address


class UDPSocket:
    """A bound, non-blocking UDP socket."""

    def __init__(self, sock: socket.socket) -> None:
        """Takes over `sock`, which is bound."""
        self.socket = sock
        host = host_of(sock.getsockname())
        self.address = Address(host, sock.getsockname()[1])
        self.queue: deque[Datagram] = deque()
        self.queued_octets = 0
        self._told = want_packet_info(sock)

    @classmethod
    def bound(cls, address: Address, options: MulticastOptions) -> UDPSocket:
        """A socket at an address of ours, which sends multicast, too. Raises `ConfigurationError`."""
        try:
            sock = socket.socket(
                socket.AF_INET if address.host.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM
            )
        except OSError as error:
            raise ConfigurationError(f"no socket for {address}: {error.strerror}") from None
        try:
            sock.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_OCTETS)
            if address.host.version == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(sockaddr(address))
            if address.host.is_unspecified:
                # After the bind, so that a second daemon on this port is still noticed; without it, the port
                # could not be bound for a multicast group any more.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            prepare_sending(sock, options)
            return cls(sock)
        except OSError as error:
            sock.close()
            raise ConfigurationError(f"{address} can't be listened on: {why(error, address)}") from None
        except ConfigurationError:
            sock.close()
            raise

    @classmethod
    def joined(cls, group: Address, options: MulticastOptions) -> UDPSocket:
        """A socket that gets what is sent to a multicast group. Raises `ConfigurationError`."""
        return cls(join(group, options))

    def receive(self, limit: int) -> list[Received]:
        """What has come, `limit` datagrams at most."""
        out: list[Received] = []
        while len(out) < limit:
            try:
                if self._told:
                    data, ancillary, _, source = self.socket.recvmsg(DATAGRAM_OCTETS, ANCILLARY_OCTETS)
                    host = destination_of(ancillary) or self.address.host
                else:
                    data, source = self.socket.recvfrom(DATAGRAM_OCTETS)
                    host = self.address.host
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # an ICMP error about something sent earlier; there may be more behind it
                limit -= 1
                continue
            if source[1]:  # port 0 can't be answered (RFC 768)
                out.append(
                    Received(data, Address(host_of(source), source[1]), Address(host, self.address.port))
                )
            else:
                limit -= 1
        return out

    def send(self, datagram: Datagram) -> int:
        """Send now, or queue if the system has no room. Gives 0, or the number of the error for which the
        datagram was dropped; `errno.ENOBUFS` where the queue is full."""
        if not self.queue:
            problem = self._send_now(datagram)
            if problem not in PASSING:
                return problem
        if len(self.queue) >= QUEUED_DATAGRAMS or self.queued_octets + len(datagram.data) > QUEUED_OCTETS:
            return errno.ENOBUFS
        self.queue.append(datagram)
        self.queued_octets += len(datagram.data)
        return 0

    def flush(self) -> list[tuple[Datagram, int]]:
        """Send what is queued, as far as there is room; gives those that were dropped, with the error."""
        dropped = []
        while self.queue:
            problem = self._send_now(self.queue[0])
            if problem in PASSING:
                break
            datagram = self.queue.popleft()
            self.queued_octets -= len(datagram.data)
            if problem:
                dropped.append((datagram, problem))
        return dropped

    def close(self) -> None:
        """Leave every group, and give the port back."""
        self.queue.clear()
        self.socket.close()

    def _send_now(self, datagram: Datagram) -> int:
        destination = sockaddr(datagram.destination)
        control = source_control(datagram.source.host) if self._told and datagram.source is not None else []
        try:
            if control:
                try:
                    self.socket.sendmsg([datagram.data], control, 0, destination)
                    return 0
                except OSError as error:
                    if error.errno not in NO_SUCH_SOURCE:
                        raise
            self.socket.sendto(datagram.data, destination)
        except OSError as error:
            return error.errno or errno.EIO
        return 0


def sockaddr(address: Address) -> tuple[str, int] | tuple[str, int, int, int]:
    """An address as the socket module wants it."""
    host = address.host
    if host.version == 4:
        return str(host), address.port
    scope = host.scope_id or ""
    if scope.isdigit():
        index = int(scope)
    else:
        try:
            index = socket.if_nametoindex(scope) if scope else 0
        except OSError:
            index = 0
    return str(host).partition("%")[0], address.port, 0, index


def why(error: OSError, address: Address) -> str:
    """In words, with what to do about the two that everybody meets."""
    if error.errno == errno.EACCES:
        return f"{error.strerror} (ports below 1024 want root, or the capability CAP_NET_BIND_SERVICE)"
    if error.errno == errno.EADDRINUSE:
        return f"{error.strerror} (another program has UDP port {address.port})"
    return error.strerror or str(error)
