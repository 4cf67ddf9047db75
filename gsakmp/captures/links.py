"""Link layers: what a frame carries, and where it begins.

Each function takes a frame and gives the EtherType and the offset of the packet. The numbers are
those that capture files use for link types and IEEE 802 for EtherTypes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gsakmp.captures.datagram import Reason, Skipped

__all__ = ["IPV4", "IPV6", "LINKS", "RAW"]

IPV4: Final = 0x0800
IPV6: Final = 0x86DD
RAW: Final = 101
"""The link type of frames that are bare IP packets; IPv4 and IPv6 may be mixed."""

VLAN: Final = frozenset({0x8100, 0x88A8, 0x9100})  # 802.1Q, 802.1ad, and what preceded 802.1ad
INET: Final = 2
INET6: Final = frozenset({10, 24, 28, 30})  # Linux, NetBSD and OpenBSD, FreeBSD, Darwin
PPP_PROTOCOLS: Final = {0x0021: IPV4, 0x0057: IPV6}  # RFC 1332 and RFC 5072

Link = Callable[[bytes], tuple[int, int]]


def _word(frame: bytes, at: int) -> int:
    if len(frame) < at + 2:
        raise Skipped(Reason.MALFORMED_LINK)
    return frame[at] << 8 | frame[at + 1]


def _untagged(frame: bytes, at: int) -> tuple[int, int]:
    """The EtherType at `at`, or the one behind the VLAN tags that it announces."""
    kind = _word(frame, at)
    while kind in VLAN:
        at += 4
        kind = _word(frame, at)
    return kind, at + 2


def ethernet(frame: bytes) -> tuple[int, int]:
    """Ethernet, with any number of VLAN tags."""
    return _untagged(frame, 12)


def cooked(frame: bytes) -> tuple[int, int]:
    """Linux cooked capture, version 1: 16 octets that end with the EtherType."""
    return _untagged(frame, 14)


def cooked_2(frame: bytes) -> tuple[int, int]:
    """Linux cooked capture, version 2: 20 octets that begin with the EtherType."""
    kind = _word(frame, 0)
    return _untagged(frame, 20 + 2) if kind in VLAN else (kind, 20)


def loopback(frame: bytes) -> tuple[int, int]:
    """BSD loopback: an address family in 4 octets, in the byte order of the machine that captured."""
    if len(frame) < 4:
        raise Skipped(Reason.MALFORMED_LINK)
    # A family is below 256, so that only one of the two orders leaves a small number.
    family = min(int.from_bytes(frame[:4], "big"), int.from_bytes(frame[:4], "little"))
    if family == INET:
        return IPV4, 4
    return (IPV6, 4) if family in INET6 else (0, 4)


def raw(frame: bytes) -> tuple[int, int]:
    """No link layer: the version in the first octet says which IP it is."""
    if not frame:
        raise Skipped(Reason.MALFORMED_LINK)
    version = frame[0] >> 4
    if version == 4:
        return IPV4, 0
    return (IPV6, 0) if version == 6 else (0, 0)


def ppp(frame: bytes) -> tuple[int, int]:
    """PPP (RFC 1661), with or without the address and control octets of RFC 1662."""
    at = 2 if frame[:2] == b"\xff\x03" else 0
    return PPP_PROTOCOLS.get(_word(frame, at), 0), at + 2


LINKS: Final[dict[int, Link]] = {
    0: loopback,
    1: ethernet,
    9: ppp,
    12: raw,
    14: raw,
    RAW: raw,
    108: loopback,
    113: cooked,
    228: raw,
    229: raw,
    276: cooked_2,
}
"""By link type. 12, 14 and 101 are raw IP on different systems; 228 and 229 are IPv4 and IPv6 alone."""
