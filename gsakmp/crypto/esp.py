"""ESP packets with AES-GCM in user space (RFC 4303; RFC 4106), and the IVs of a group's senders (RFC 6054).

For where the kernel has no ESP, or should not be asked: demonstrations, tests, captures.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from gsakmp.crypto.aead import GCM, GCM_IV_OCTETS
from gsakmp.errors import ConfigurationError, LengthMismatch, Truncated

__all__ = ["ESPPacket", "esp_header", "open_esp", "seal_esp", "sender_iv"]

HEADER: Final = Struct(">4sI")
"""SPI and sequence number (RFC 4303, 2)."""
ALIGNMENT: Final = 4
"""What pad length and next header end at a multiple of (RFC 4303, 2.4)."""


class ESPPacket(NamedTuple):
    """What an ESP packet holds, its ICV checked."""

    spi: bytes
    sequence_number: int
    next_header: int
    """IP protocol of `payload`."""
    payload: bytes


def sender_iv(sender_id: int, bits: int, counter: int) -> bytes:
    """The IV of a sender's packet number `counter`: the sender id in the leftmost `bits`, then the counter
    (RFC 6054, 3). Raises `ConfigurationError` for a number that does not fit: the sender must stop then."""
    left = 8 * GCM_IV_OCTETS - bits
    if not 0 <= sender_id < 1 << bits or not 0 <= counter < 1 << left:
        raise ConfigurationError(f"sender id {sender_id} of {bits} bits with counter {counter} makes no IV")
    return (sender_id << left | counter).to_bytes(GCM_IV_OCTETS, "big")


def seal_esp(
    cipher: GCM, keymat: bytes, spi: bytes, sequence_number: int, iv: bytes, next_header: int, payload: bytes
) -> bytes:
    """An ESP packet: header, IV, then payload and trailer encrypted, then the ICV (RFC 4106, 3 and 5).

    `keymat` is the AES key and the salt. Raises `ConfigurationError` for values that don't fit their fields.
    """
    if len(spi) != 4 or not 0 < sequence_number < 1 << 32 or not 0 <= next_header < 1 << 8:
        raise ConfigurationError(
            "an SPI has 4 octets, a sequence number 32 bits from 1, a next header 8 bits"
        )
    header = HEADER.pack(spi, sequence_number)
    padding = bytes(range(1, 1 + -(len(payload) + 2) % ALIGNMENT))  # 1, 2, 3 (RFC 4303, 2.4)
    plaintext = payload + padding + bytes([len(padding), next_header])
    return header + iv + cipher.encrypt(keymat, iv, plaintext, header)


def esp_header(packet: bytes) -> tuple[bytes, int]:
    """The SPI and sequence number that a packet claims. Raises `Truncated`."""
    if len(packet) < HEADER.size:
        raise Truncated(f"{len(packet)} octets hold no ESP header of {HEADER.size}", "esp")
    spi, number = HEADER.unpack_from(packet)
    return spi, number


def open_esp(cipher: GCM, keymat: bytes, packet: bytes) -> ESPPacket:
    """What a packet holds, once its ICV was checked. Raises `InvalidHash` where that is wrong, `Truncated` or
    `LengthMismatch` for a packet that is none."""
    spi, number = esp_header(packet)
    body = HEADER.size + GCM_IV_OCTETS
    if len(packet) < body:
        raise Truncated(f"{len(packet)} octets hold no IV of {GCM_IV_OCTETS}", "esp.iv", HEADER.size)
    iv, sealed = packet[HEADER.size : body], packet[body:]
    plaintext = cipher.decrypt(keymat, iv, sealed, packet[: HEADER.size])
    if len(plaintext) < 2 or plaintext[-2] > len(plaintext) - 2:
        raise LengthMismatch("the padding is longer than the packet", "esp.pad_length", len(packet))
    return ESPPacket(spi, number, plaintext[-1], plaintext[: len(plaintext) - 2 - plaintext[-2]])
