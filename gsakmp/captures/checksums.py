"""The Internet checksum (RFC 1071), and UDP's over it."""

from __future__ import annotations

import struct

from gsakmp.captures.packets import UDP

__all__ = ["internet_checksum", "udp_checksum"]


def internet_checksum(octets: bytes) -> int:
    """The complement of the sum in ones' complement of 16-bit words.

    2**16 is 1 modulo 65,535, so the sum of the words is the whole number's remainder.
    """
    padded = octets + b"\0" * (len(octets) % 2)
    remainder = int.from_bytes(padded, "big") % 0xFFFF
    return 0xFFFF - remainder if remainder or not any(padded) else 0


def udp_checksum(addresses: bytes, segment: bytes) -> int:
    """The checksum of a UDP header and payload whose checksum field is 0, between `addresses`: source, then
    destination, of either IP version (RFC 768; RFC 8200, 8.1). Never 0, which stands for none."""
    pseudo = struct.pack(">II", len(segment), UDP) + addresses
    return internet_checksum(pseudo + segment) or 0xFFFF
