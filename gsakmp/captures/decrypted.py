"""Frames with plaintext in the place of what was encrypted, so that any tool can read it.

Of a changed frame all headers stay as they were but for what has to change: lengths, checksums, the
encryption flag (RFC 2408, 3.1), and where an ESP packet gives way to what it held, the IP protocol. Nothing
here makes up a header that was not there, and no key is written but those that the messages carry.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final, NamedTuple

from gsakmp.captures.checksums import internet_checksum, udp_checksum
from gsakmp.captures.frames import Frame
from gsakmp.captures.links import IPV4, LINKS, RAW
from gsakmp.captures.opened import Opened, Status
from gsakmp.captures.packets import EXTENSIONS, FRAGMENT, IPV6_HEADER, LONGEST, UDP, UDP_HEADER
from gsakmp.errors import EncodeError, GsakmpError
from gsakmp.message import Message
from gsakmp.payloads import Fragment
from gsakmp.registries import HeaderFlag
from gsakmp.wire import AUTO

__all__ = ["Plain", "plain_frame"]

IP_IN_IP: Final = {4: 4, 41: 6}
"""IP protocols of a packet in a packet (tunnel mode), and the version of the inner one."""


class Plain(NamedTuple):
    """A frame to write in the place of another, and what was done to it."""

    link_type: int
    octets: bytes
    comment: str


def plain_frame(frame: Frame, opened: Opened) -> Plain | None:
    """The frame with its message in plain; None where there is nothing to change: it was in the clear, or it
    was not opened, or in plain it is too long for a datagram."""
    try:
        if opened.esp is not None:
            return _esp(frame, opened)
        message = opened.plaintext
        if message is None or opened.status not in (Status.CLEAR, Status.OPENED, Status.PARTLY):
            return None
        octets = plain_message(message).build()
        plain = replaced(frame, UDP, _segment(frame, opened, octets))
    except GsakmpError:
        return None
    return Plain(frame.link_type, plain, _comment(opened, message))


def plain_message(message: Message) -> Message:
    """The message as if it had never been encrypted: without flag and padding. Hashes and signatures in it
    are those of the original."""
    return message.replace(
        flags=message.flags & ~int(HeaderFlag.ENCRYPTION),
        ciphertext=b"",
        padding=b"",
        next_payload=AUTO,
        length=AUTO,
    )


def _comment(opened: Opened, message: Message) -> str:
    parts = [f"gsakmp: {message.exchange_name}"]
    if message.ciphertext:
        parts = [f"gsakmp: decrypted {message.exchange_name}, encryption flag cleared"]
        parts += [f"{len(message.padding)} octets of padding left out"] if message.padding else []
    given = opened.message.payloads if opened.message is not None else ()
    if given and isinstance(given[0], Fragment):
        parts.append("the whole of what came in IKE fragments")
    parts += ["its first block could not be decrypted"] if opened.status is Status.PARTLY else []
    return "; ".join([*parts, *map(str, opened.checks)])


# -- UDP ---------------------------------------------------------------------------------------------------


def _segment(frame: Frame, opened: Opened, octets: bytes) -> bytes:
    """UDP header and payload. A datagram that went without a checksum over IPv4 still does."""
    datagram = opened.datagram
    size = UDP_HEADER.size + len(octets)
    if size > LONGEST:
        raise EncodeError("too long for a datagram", "octets")
    plain = UDP_HEADER.pack(datagram.source_port, datagram.destination_port, size, 0) + octets
    place = _place(frame)
    none = not place.later and place.version == 4 and not any(frame.octets[place.transport + 6 :][:2])
    if none:
        return plain
    addresses = ip_address(datagram.source_address).packed + ip_address(datagram.destination_address).packed
    return plain[:6] + udp_checksum(addresses, plain).to_bytes(2, "big") + plain[8:]


# -- ESP ---------------------------------------------------------------------------------------------------


def _esp(frame: Frame, opened: Opened) -> Plain | None:
    """In tunnel mode the inner packet; in transport mode what was protected, behind the IP header."""
    esp = opened.esp
    if esp is None or esp.payload is None or esp.next_header is None or opened.status is not Status.OPENED:
        return None
    comment = f"gsakmp: ESP {esp.spi} opened, sequence number {esp.sequence_number}"
    comment = "; ".join([comment, *map(str, opened.checks)])
    version = IP_IN_IP.get(esp.next_header)
    if version is not None and esp.payload[:1] and esp.payload[0] >> 4 == version:
        place = _place(frame)
        if place.version == version:
            return Plain(frame.link_type, frame.octets[: place.start] + esp.payload, comment)
        return Plain(RAW, esp.payload, f"{comment}; link header left out, the IP version is another")
    return Plain(frame.link_type, replaced(frame, esp.next_header, esp.payload), comment)


# -- IP ----------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """Where things are in a frame: the IP header, the field that names the next header, what comes behind.

    `kept` is where the headers end that stay, `later` whether it is a fragment but not the first.
    """

    version: int
    start: int
    kind: int
    kept: int
    transport: int
    later: bool


def replaced(frame: Frame, protocol: int, payload: bytes) -> bytes:
    """The frame with another payload behind its IP headers, as one packet without fragments.

    Raises `EncodeError` if it is too long for one.
    """
    place = _place(frame)
    head = bytearray(frame.octets[place.start : place.kept])
    size = len(head) + len(payload) - (0 if place.version == 4 else IPV6_HEADER.size)
    if size > LONGEST:
        raise EncodeError("too long for a packet", "octets")
    head[place.kind - place.start] = protocol
    if place.version == 4:
        head[2:4] = size.to_bytes(2, "big")
        head[6] &= 0xC0  # "more fragments" and the offset's high bits (RFC 791, 3.1)
        head[7] = 0
        head[10:12] = bytes(2)
        head[10:12] = internet_checksum(bytes(head)).to_bytes(2, "big")
    else:
        head[4:6] = size.to_bytes(2, "big")
    return frame.octets[: place.start] + bytes(head) + payload


def _place(frame: Frame) -> _Place:
    """Of a frame that has given a datagram, so that its headers are known to be sound."""
    octets = frame.octets
    kind, start = LINKS[frame.link_type](octets)
    if kind == IPV4:
        end = start + (octets[start] & 15) * 4
        later = bool(int.from_bytes(octets[start + 6 : start + 8], "big") & 0x1FFF)
        return _Place(4, start, start + 9, end, end, later)
    named, at = start + 6, start + IPV6_HEADER.size
    kept, later = 0, False
    while octets[named] in EXTENSIONS or octets[named] == FRAGMENT:
        if octets[named] == FRAGMENT:
            kept = kept or at  # what follows is the fragments' own; the packet goes without their header
            later = bool(int.from_bytes(octets[at + 2 : at + 4], "big") & 0xFFF8)
            if later:
                return _Place(6, start, _namer(octets, start, kept), kept, at + 8, later)
            named, at = at, at + 8
        else:
            named, at = at, at + (octets[at + 1] + 1) * 8
    end = kept or at
    return _Place(6, start, _namer(octets, start, end), end, at, later)


def _namer(octets: bytes, start: int, end: int) -> int:
    """Where in an IPv6 packet the next-header field is that speaks of what begins at `end`."""
    named, at = start + 6, start + IPV6_HEADER.size
    while at < end:
        named, at = at, at + (octets[at + 1] + 1) * 8
    return named
