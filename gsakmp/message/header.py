"""The header of a message and what surrounds it: where a message starts and ends, and what it belongs to."""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

from gsakmp import limits
from gsakmp.doi import DOI, DOIS, IKEV2
from gsakmp.errors import DecodeError, EncodeError, LengthMismatch, LimitExceeded, TrailingOctets, Truncated
from gsakmp.registries import HeaderFlag, PayloadType
from gsakmp.wire import AUTO, Auto

__all__ = [
    "ENCRYPTED",
    "FIRST_OWN_EXCHANGE",
    "HEADER",
    "HEADER_OCTETS",
    "NAT_KEEPALIVE",
    "NAT_TRAVERSAL_PORT",
    "NON_ESP_MARKER",
    "SA",
    "VERSION_1_0",
    "after_marker",
    "doi_of_sa",
    "doi_of_version",
    "extent",
    "has_header",
    "misfit",
    "octets_argument",
]

HEADER: Final = Struct(">8s8sBBBBII")
"""The layout of `gsakmp.payloads.Header`, version in one octet."""
HEADER_OCTETS: Final = HEADER.size
"""28 (RFC 2408, 3.1)."""
VERSION_1_0: Final = 0x10
ENCRYPTED: Final = int(HeaderFlag.ENCRYPTION)
SA: Final = int(PayloadType.SA)
FIRST_OWN_EXCHANGE: Final = 32
"""From here on, exchange types are the DOI's own (RFC 2408, 3.1)."""

NON_ESP_MARKER: Final = bytes(4)
"""What tells a message from ESP on port 4500 (RFC 3948, 2.2)."""
NAT_KEEPALIVE: Final = b"\xff"
"""The datagram that keeps a NAT's mapping alive (RFC 3948, 2.3)."""
NAT_TRAVERSAL_PORT: Final = 4500


def octets_argument(octets: Any) -> bytes:
    """What a caller gave as octets. Raises `EncodeError` for what is none, `LimitExceeded` for too many."""
    if not isinstance(octets, bytes | bytearray | memoryview):
        raise EncodeError(f"{type(octets).__name__} where octets (bytes) are wanted")
    try:
        octets = bytes(octets) if memoryview(octets).nbytes <= 2 * limits.MESSAGE_OCTETS else octets
    except (ValueError, TypeError):
        raise EncodeError("a buffer that was released, or is no plain octets") from None
    if memoryview(octets).nbytes > limits.MESSAGE_OCTETS + len(NON_ESP_MARKER):
        raise LimitExceeded(
            f"{len(octets)} octets, more than limits.MESSAGE_OCTETS ({limits.MESSAGE_OCTETS})"
        )
    return bytes(octets)


def doi_of_version(major: int, doi: DOI | None, at: int, lenient: bool) -> DOI | None:
    """The domain in force, where the major version has a say. Raises `DecodeError` for an unknown one."""
    if major == 2:
        return IKEV2  # RFC 7296, 3.1
    if major != 1 and not lenient:
        raise DecodeError(f"major version {major}, neither 1 nor 2", "major_version", at + 17)
    return doi


def after_marker(octets: bytes) -> int:
    """Where the message starts on port 4500 (RFC 3948, 2)."""
    if octets[:4] == NON_ESP_MARKER:
        return 4
    if octets == NAT_KEEPALIVE:
        raise DecodeError("a NAT keepalive (RFC 3948, 2.3), no message", "", 0)
    if len(octets) < len(NON_ESP_MARKER):
        raise Truncated("too short for the non-ESP marker (RFC 3948, 2.2)", "non_esp_marker", 0)
    raise DecodeError("ESP (RFC 3948, 2.1), no message", "non_esp_marker", 0)


def has_header(octets: bytes) -> bool:
    """Whether octets may begin with a header, by what is at random where ESP's ciphertext is: a major version
    of 1 or 2 (RFC 2408, 3.1; RFC 7296, 3.1), a length that a datagram can have. Too few of them may, too."""
    return len(octets) < HEADER_OCTETS or (0x10 <= octets[17] < 0x30 and octets[24:26] == bytes(2))


def doi_of_sa(octets: bytes, at: int, otherwise: DOI) -> DOI:
    """The domain that the SA payload at the start names, where it is one that is known."""
    place = at + HEADER_OCTETS + 4
    if len(octets) < place + 4:
        return otherwise
    return DOIS.get(int.from_bytes(octets[place : place + 4], "big"), otherwise)


def extent(length: int, at: int, end: int, lenient: bool) -> tuple[int, Auto]:
    """Where the message ends, and what its length field says where that is not so."""
    if lenient:
        sound = HEADER_OCTETS <= length <= end - at
        return (at + length if sound else end), (AUTO if sound else length)
    if length < HEADER_OCTETS:
        raise LengthMismatch(f"says {length}, at least {HEADER_OCTETS}", "length", at + 24)
    if at + length > end:
        raise Truncated(f"{length} octets said, {end - at} there", "length", at + 24)
    raise TrailingOctets(f"{end - at - length} octets after the message", "", at + length)


def misfit(message: Any, kind: int, length: int) -> EncodeError:
    """The error for a header that could not be built: which field, and why."""
    for name in ("initiator_cookie", "responder_cookie"):
        value = getattr(message, name)
        if not isinstance(value, bytes) or len(value) != 8:
            return EncodeError("a cookie has 8 octets", name)
    numbers: dict[str, tuple[Any, int]] = {
        "next_payload": (kind, 8),
        "major_version": (message.major_version, 4),
        "minor_version": (message.minor_version, 4),
        "exchange_type": (message.exchange_type, 8),
        "flags": (message.flags, 8),
        "message_id": (message.message_id, 32),
        "length": (length, 32),
    }
    for name, (value, bits) in numbers.items():
        if not isinstance(value, int) or not 0 <= value < 1 << bits:
            return EncodeError(f"{value} is no number of {bits} bits", name)
    return EncodeError("the header can't be built")
