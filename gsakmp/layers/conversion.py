"""From packets to messages of the library and back."""

from __future__ import annotations

from typing import Any

from scapy.contrib.ikev2 import IKEv2
from scapy.layers.inet import UDP
from scapy.layers.ipsec import NON_ESP
from scapy.packet import Packet

from gsakmp.errors import EncodeError, GsakmpError
from gsakmp.layers.header import Header
from gsakmp.message import NON_ESP_MARKER, Message, build, parse

__all__ = ["message_of", "packet_of"]

IKE_VERSION_2 = 2
UDP_HEADER_OCTETS = 8


def message_of(packet: Packet, *, lenient: bool = False) -> Message:
    """The message in `packet`: a `Header` or scapy's IKEv2, or anything that has one above it.

    DOI and dialect are the header's. Raises `EncodeError` where there is no message or it can't be built,
    `DecodeError` as `gsakmp.parse` does.
    """
    found: Any = packet.getlayer(Header) or packet.getlayer(IKEv2)
    if found is None:
        raise EncodeError(f"no message in {packet.summary()}")
    try:
        octets = bytes(found)[: room_of(found)]
    except GsakmpError:
        raise
    except Exception as exc:  # whatever scapy's fields raise for a value that does not fit
        raise EncodeError(f"{type(exc).__name__}: {exc}") from None
    known: dict[str, Any] = {"port": 500, "lenient": lenient}
    if isinstance(found, Header):
        known |= {"doi": found.doi_in_force(), "dialect": found.dialect_in_force()}
    if isinstance(found.underlayer, NON_ESP):
        return parse(NON_ESP_MARKER + octets, **(known | {"port": 4500}))
    return parse(octets, **known)


def room_of(packet: Packet) -> int | None:
    """The octets that the datagram has for `packet`, which leaves out what pads its frame; None where
    nothing says so."""
    below: Any = packet.underlayer
    marker = len(NON_ESP_MARKER) if isinstance(below, NON_ESP) else 0
    datagram = below.underlayer if marker else below
    said = datagram.getfieldval("len") if isinstance(datagram, UDP) else None
    return None if said is None else max(said - UDP_HEADER_OCTETS - marker, 0)


def packet_of(message: Message) -> Packet:
    """The packet of `message`: a `Header` with its payloads, behind the non-ESP marker if it has one;
    scapy's IKEv2 for version 2. Raises `EncodeError` as `gsakmp.build` does."""
    octets = build(message)
    if message.non_esp_marker:
        octets = octets[len(NON_ESP_MARKER) :]
    if message.major_version == IKE_VERSION_2:
        packet: Packet = IKEv2(octets)
    else:
        packet = Header(octets, doi=message.doi, dialect=message.dialect)
    return NON_ESP() / packet if message.non_esp_marker else packet
