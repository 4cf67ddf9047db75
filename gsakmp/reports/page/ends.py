"""Who is behind the addresses of a capture: what peers call themselves, and which member a data packet is of.

Members send data from ports of their own choice. Where several of them share one address (a test on one
host), nothing says whose such a port is but the packet itself: under a counter mode its IV begins with its
sender's id (RFC 6054, 3), and the registration has said which member has which (RFC 6407, 5.6.4). Else it is
the one member that has registered from that address, if there is but one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gsakmp.captures.opened import DataSALearnt, ESPContent, GroupJoined, ISAKMPSAEstablished, Opened
from gsakmp.payloads import KeyDownload
from gsakmp.registries import ESPTransformID, KeyDownloadType, SIDAttribute
from gsakmp.reports.words import clean

__all__ = ["Ends"]

MOST: Final = 4096
"""Of each kind that are kept."""
ESP_HEADER: Final = 8
IV: Final = 8
"""Octets of the IV in a packet under a counter mode (3.1 of RFC 3686, RFC 4106, RFC 4309 and RFC 4543)."""
COUNTER_MODES: Final = frozenset(
    ESPTransformID(number).name
    for number in (
        ESPTransformID.ESP_AES_CTR, ESPTransformID.ESP_AES_CCM_8, ESPTransformID.ESP_AES_CCM_12,
        ESPTransformID.ESP_AES_CCM_16, ESPTransformID.ESP_AES_GCM_8, ESPTransformID.ESP_AES_GCM_12,
        ESPTransformID.ESP_AES_GCM_16, ESPTransformID.ESP_NULL_AUTH_AES_GMAC,
    )
)  # fmt: skip


class Ends:
    """Learns from messages as they come. Endpoints are as `Datagram.source` has them."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        """Endpoint to identity, the first that it has shown."""
        self._counting: set[str] = set()
        """SPIs of data SAs under a counter mode."""
        self._ids: dict[tuple[str, int, int], str] = {}
        """Group, bits and value of a sender id to the endpoint that its member registered from."""
        self._widths: dict[str, set[int]] = {}
        """Group to the bits of its sender ids, one number unless its policy has changed."""
        self._members: dict[tuple[str, str], set[str]] = {}
        """Group and address to the endpoints that have registered from there."""
        self._sent: dict[str, tuple[str, set[str]]] = {}
        """Endpoint that has sent data to its group, and the members whose sender ids were in the packets."""

    def learn(self, opened: Opened) -> None:
        """One more message."""
        for event in opened.events:
            if isinstance(event, ISAKMPSAEstablished):
                self._name(event.initiator_address, event.initiator)
                self._name(event.responder_address, event.responder)
            elif isinstance(event, GroupJoined):
                self._name(event.address, event.member)
                self._joined(event, sender_id_bits(opened))
            elif isinstance(event, DataSALearnt):
                self._keyed(event)
        if opened.esp is not None and opened.esp.payload is not None:
            self._packet(opened, opened.esp)

    def senders(self) -> dict[str, str]:
        """Endpoints that only send data, each with the endpoint that its member has registered from."""
        out = {}
        for endpoint, (group, found) in self._sent.items():
            members = found or self._members.get((group, host(endpoint)), set())
            if len(members) == 1 and endpoint not in members:
                out[clean(endpoint)] = clean(next(iter(members)))
        return out

    def _name(self, address: str, identity: str) -> None:
        if address and not identity.startswith("address:") and len(self.names) < MOST:
            self.names.setdefault(clean(address), clean(identity))

    def _joined(self, event: GroupJoined, bits: int) -> None:
        if not event.address or len(self._members) >= MOST or len(self._ids) >= MOST:
            return
        here = self._members.setdefault((event.group, host(event.address)), set())
        if len(here) < MOST:
            here.add(event.address)
        for value in event.sender_ids if bits else ():
            self._widths.setdefault(event.group, set()).add(bits)
            self._ids[event.group, bits, value] = event.address

    def _keyed(self, event: DataSALearnt) -> None:
        if event.transform in COUNTER_MODES and len(self._counting) < MOST:
            self._counting.add(event.sa)

    def _packet(self, opened: Opened, esp: ESPContent) -> None:
        source = opened.datagram.source
        if not source or (source not in self._sent and len(self._sent) >= MOST):
            return
        found = self._sent.setdefault(source, (esp.group, set()))[1]
        iv = opened.datagram.octets[ESP_HEADER : ESP_HEADER + IV]
        if esp.spi in self._counting and len(iv) == IV and len(found) <= 1:
            found |= set(self._by_id(esp.group, int.from_bytes(iv, "big")))

    def _by_id(self, group: str, iv: int) -> Iterator[str]:
        """The members whose id the leftmost bits of an IV are."""
        for bits in self._widths.get(group, ()):
            member = self._ids.get((group, bits, iv >> (8 * IV - bits)))
            if member is not None:
                yield member


def sender_id_bits(opened: Opened) -> int:
    """NUMBER_OF_SID_BITS of a registration (RFC 6407, 5.6.4.1); 0 if there is none."""
    message = opened.shown
    for payload in () if message is None else message.payloads:
        for packet in payload.key_packets if isinstance(payload, KeyDownload) else ():
            for attribute in packet.attributes if packet.kd_type == KeyDownloadType.SID else ():
                if attribute.type == SIDAttribute.NUMBER_OF_SID_BITS and isinstance(attribute.value, int):
                    return attribute.value if 0 < attribute.value <= 8 * IV else 0
    return 0


def host(endpoint: str) -> str:
    """An endpoint's address."""
    return endpoint.rpartition(":")[0]
