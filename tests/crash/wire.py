"""A bystander on the multicast groups, who has none of the project's code: sockets, and AES to look at SEQ."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HEADER = 28
"""Octets of the ISAKMP header (RFC 2408, 3.1), which a push has in the clear (RFC 6407, 4)."""
GROUPKEY_PUSH = 33
"""RFC 6407, 4.2."""
SEQ = 18
"""RFC 6407, 5."""
BLOCK = 16
BUFFER = 8 * 1024 * 1024


class Bystander:
    """Hears what is sent to one multicast group on the loopback interface. `heard` gets each datagram."""

    def __init__(self, group: str, port: int, heard: Callable[[bytes], None]) -> None:
        self.heard = heard
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.socket.bind((group, port))
        # struct ip_mreqn, ip(7): group, any address, the interface
        request = struct.pack("@4s4si", socket.inet_aton(group), bytes(4), socket.if_nametoindex("lo"))
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        asyncio.get_running_loop().add_reader(self.socket, self.listen)

    def listen(self) -> None:
        """Take all that has come."""
        while True:
            try:
                datagram = self.socket.recv(65_535)
            except BlockingIOError:
                return
            self.heard(datagram)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


def spi_of(push: bytes) -> bytes:
    """The Rekey SA's SPI: both cookies (RFC 6407, 5.3). Raises `ValueError` for what is no push."""
    if len(push) <= HEADER or push[18] != GROUPKEY_PUSH or push[16] != SEQ:
        raise ValueError(f"no push that begins with SEQ: {push[:HEADER].hex()}")
    return push[:16]


def sequence_number_of(push: bytes, key: bytes) -> int:
    """What SEQ says, its first payload. `key` is the IV and then the key, of AES in CBC mode (RFC 6407,
    5.6.2.1). Raises `ValueError` where the key does not fit."""
    decryptor = Cipher(algorithms.AES(key[BLOCK:]), modes.CBC(key[:BLOCK])).decryptor()
    plain = decryptor.update(push[HEADER : HEADER + BLOCK])
    length, number = struct.unpack_from("!xxHI", plain)
    if plain[1] or length != 8:
        raise ValueError("the KEK in the store does not open a push that was sent under its SPI")
    return int(number)
