"""Writing pcapng files: frames of any link type, exact times, and comments.

Written here and not with scapy's writer because that one keeps times in a float, which has no nanoseconds,
and takes nothing but a file's name.
"""

from __future__ import annotations

from struct import Struct
from typing import BinaryIO, Final

from gsakmp.errors import EncodeError, LocalError

__all__ = ["PcapngWriter"]

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
PACKET: Final = 6
BYTE_ORDER: Final = 0x1A2B3C4D
ANY_LENGTH: Final = -1

END, COMMENT, APPLICATION, RESOLUTION = 0, 1, 4, 9  # options; the last two of a section and an interface
NANOSECONDS: Final = b"\x09"
"""if_tsresol: 10**-9 seconds."""
LONGEST_OPTION: Final = 0xFFFF

HEAD: Final = Struct("<II")
TAIL: Final = Struct("<I")
OPTION: Final = Struct("<HH")
SECTION_BODY: Final = Struct("<IHHq")
INTERFACE_BODY: Final = Struct("<HHI")
PACKET_BODY: Final = Struct("<IIIII")


class PcapngWriter:
    """Writes blocks to a binary file as frames come; the caller closes it.

    Raises `LocalError` where the file can't be written.
    """

    def __init__(self, file: BinaryIO, *, application: str = "", comment: str = "") -> None:
        self._file = file
        self._interfaces: dict[int, int] = {}
        options = _option(COMMENT, comment) + _option(APPLICATION, application)
        self._block(SECTION, SECTION_BODY.pack(BYTE_ORDER, 1, 0, ANY_LENGTH), options)

    def write(
        self, time: int, link_type: int, octets: bytes, wire_octets: int = 0, comment: str = ""
    ) -> None:
        """One frame. `time` is in nanoseconds since 1970, `wire_octets` more than there are `octets` if it
        was captured short. Raises `EncodeError` for a time that the format does not have."""
        interface = self._interface(link_type)
        if not 0 <= time < 1 << 64:
            raise EncodeError("pcapng has no times before 1970", "time")
        size = len(octets)
        body = PACKET_BODY.pack(interface, time >> 32, time & 0xFFFFFFFF, size, max(size, wire_octets))
        self._block(PACKET, body + _padded(octets), _option(COMMENT, comment))

    def _interface(self, link_type: int) -> int:
        number = self._interfaces.get(link_type)
        if number is None:
            number = self._interfaces[link_type] = len(self._interfaces)
            self._block(
                INTERFACE, INTERFACE_BODY.pack(link_type & 0xFFFF, 0, 0), _option(RESOLUTION, NANOSECONDS)
            )
        return number

    def _block(self, kind: int, body: bytes, options: bytes) -> None:
        if options:
            options += OPTION.pack(END, 0)
        total = HEAD.size + len(body) + len(options) + TAIL.size
        try:
            self._file.write(HEAD.pack(kind, total) + body + options + TAIL.pack(total))
        except BrokenPipeError:  # whoever reads our output went away: the caller's affair
            raise
        except (OSError, ValueError) as error:
            raise LocalError(f"the capture cannot be written: {error}") from None


def _option(kind: int, value: str | bytes) -> bytes:
    octets = value.encode("utf-8", "replace") if isinstance(value, str) else value
    if not octets:
        return b""
    octets = octets[:LONGEST_OPTION].decode("utf-8", "ignore").encode() if kind == COMMENT else octets
    return OPTION.pack(kind, len(octets)) + _padded(octets)


def _padded(octets: bytes) -> bytes:
    """Blocks and options end on 32 bits."""
    return octets + bytes(-len(octets) % 4)
