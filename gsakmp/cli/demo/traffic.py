"""The demo's data: ESP packets under the group's data SAs, by multicast (RFC 4106; RFC 6054).

They travel in UDP (RFC 3948 would be the nearest standard), so that no root is needed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from gsakmp.crypto import GCM, gcm
from gsakmp.crypto.esp import esp_header, open_esp, seal_esp, sender_iv
from gsakmp.errors import GsakmpError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.group.sa import DataSA, Lifecycle
from gsakmp.net.clock import Clock
from gsakmp.net.options import MulticastOptions
from gsakmp.net.udp import UDPSocket
from gsakmp.peers import Member
from gsakmp.registries import ESPTransformID

if TYPE_CHECKING:
    from gsakmp.cli.demo.parts import Tape

__all__ = ["Traffic"]

NO_NEXT_HEADER: Final = 59
"""The payload is no IP packet: a text (the IP protocol number for "no next header", RFC 4303, 2.6)."""
BATCH: Final = 64


class Traffic:
    """What a member sends to the group, and what of the group's it can read."""

    def __init__(
        self,
        member: Member,
        address: Address,
        target: Address,
        options: MulticastOptions,
        tape: Tape,
        clock: Clock,
    ) -> None:
        self.heard: list[bytes] = []
        """Packets as they came, readable or not."""
        self._member = member
        self._address = address
        self._target = target
        self._options = options
        self._tape = tape
        self._clock = clock
        self._sent = 0
        self._receiver: UDPSocket | None = None
        self._sender: UDPSocket | None = None

    def open(self) -> None:
        """Listen to the group. Raises `ConfigurationError`."""
        self._receiver = UDPSocket.joined(self._target, self._options)
        self._sender = UDPSocket.bound(self._address._replace(port=0), self._options)
        asyncio.get_running_loop().add_reader(self._receiver.socket, self._readable)

    def close(self) -> None:
        """Stop listening."""
        if self._receiver is not None and self._sender is not None:
            asyncio.get_running_loop().remove_reader(self._receiver.socket)
            self._receiver.close()
            self._sender.close()

    def send(self, text: str) -> bytes:
        """Send a text to the group under the newest data SA that may be sent with; its SPI."""
        sa = next(
            held.sa
            for held in reversed(self._member.group.data_sas)
            if held.lifecycle == Lifecycle.ACTIVE and held.sends
        )
        self._sent += 1
        group = self._member.group
        iv = sender_iv(group.sender_ids[0], group.sender_id_bits, self._sent)
        packet = seal_esp(
            cipher_of(sa), sa.algorithm_key, sa.spi, self._sent, iv, NO_NEXT_HEADER, text.encode()
        )
        datagram = Datagram(packet, self._target)
        if self._sender is not None:
            self._sender.send(datagram)
            self._tape.take(datagram, self._sender.address, self._clock())
        return sa.spi

    def read(self, packet: bytes) -> str | None:
        """The text in a packet; None where this member has no key for it."""
        spi, _ = esp_header(packet)
        for held in self._member.group.data_sas:
            if held.sa.spi == spi:
                try:
                    return open_esp(cipher_of(held.sa), held.sa.algorithm_key, packet).payload.decode()
                except GsakmpError:
                    return None
        return None

    def _readable(self) -> None:
        if self._receiver is not None:
            self.heard += [received.data for received in self._receiver.receive(BATCH)]


def cipher_of(sa: DataSA) -> GCM:
    return gcm(ESPTransformID(sa.transform_id), sa.key_length)
