"""What a capture file gives: the datagrams, and the count of everything that was not one."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Counts", "Datagram", "Reason", "Skipped"]


class Datagram(msgspec.Struct, frozen=True, gc=False):
    """One UDP datagram, or where it was asked for, one ESP packet.

    `frame` is the number, from 1, of the frame that completed it (0: not from a file); `time` is in
    nanoseconds since 1970-01-01 00:00 UTC, exact, not rounded (0: the file has none).
    Addresses are text, and empty when nobody knows them (a message given as hex). `octets` is what
    follows the UDP header; `missing` says how many more octets the wire had than the capture kept.
    """

    octets: bytes
    frame: int = 0
    time: int = 0
    source_address: str = ""
    source_port: int = 0
    destination_address: str = ""
    destination_port: int = 0
    missing: int = 0
    protocol: int = 17
    """The IP protocol: 17 is UDP; 50 is ESP, which has no ports, and `octets` begin with the SPI."""

    @property
    def truncated(self) -> bool:
        """Whether `octets` is only the beginning: the frame was captured short."""
        return self.missing > 0

    @property
    def source(self) -> str:
        """The sender as text: ``10.0.0.1:848`` or ``[2001:db8::1]:848``; empty if unknown."""
        return endpoint(self.source_address, self.source_port)

    @property
    def destination(self) -> str:
        """The receiver as text, as `source`."""
        return endpoint(self.destination_address, self.destination_port)


class Reason(StrEnum):
    """Why a frame gave no datagram."""

    NOT_IP = "not IP"
    NOT_UDP = "not UDP"
    OTHER_PORT = "another port"
    CAPTURED_SHORT = "captured too short"
    MALFORMED_LINK = "malformed link header"
    MALFORMED_IP = "malformed IP header"
    MALFORMED_UDP = "malformed UDP header"
    MALFORMED_FRAGMENT = "malformed fragment"
    DUPLICATE_FRAGMENT = "duplicate fragment"
    OVERLAPPING_FRAGMENT = "overlapping fragment"
    TOO_MANY_FRAGMENTS = "too many fragments"


class Counts(msgspec.Struct, kw_only=True):
    """What became of the frames read so far.

    Each frame is in exactly one place: ``frames == datagrams + fragments + sum(skipped.values())``.
    `fragments` are frames that were kept for a datagram and did not complete one; `incomplete`, known
    when the reading ends, is the number of datagrams whose fragments could not all be put together.
    """

    frames: int = 0
    datagrams: int = 0
    fragments: int = 0
    incomplete: int = 0
    skipped: dict[Reason, int] = {}

    def skip(self, reason: Reason) -> None:
        """Count one more frame that gave nothing."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


class Skipped(Exception):
    """This frame gives no datagram. Raised and caught inside this package."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def endpoint(address: str, port: int) -> str:
    """An address and a port as one text; IPv6 in brackets (RFC 3986, 3.2.2)."""
    if not address:
        return ""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
