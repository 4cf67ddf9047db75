"""What a programmer would write by hand for speed: ISAKMP and GDOI octets to objects and back.

The peer for the benchmarks. It shares nothing with the library: precompiled `struct.Struct`, slotted
classes with a plain `__init__` (as `dataclass` writes it), one function per payload, codes left as
integers. It checks what a careful author checks: truncation, octets left over, payload lengths, counts.
Bad octets raise `ValueError`. Layouts: RFC 2408 section 3, RFC 2407 section 4.6.2, RFC 6407 section 5.

`python -m benchmarks.handwritten` parses and rebuilds the shipped GDOI captures and says how many came
out equal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.handwritten_objects import (
    ATTRIBUTE,
    ENCRYPTION,
    ENDPOINT,
    GAP,
    GENERIC,
    GROUP_SA_FIXED,
    HEADER,
    ID_FIXED,
    KD_FIXED,
    KEY_PACKET,
    LKH_FIXED,
    LKH_KEY,
    LKH_UPDATE,
    NOTIFICATION_FIXED,
    PROPOSAL_FIXED,
    SA,
    SA_FIXED,
    SAK,
    SAT,
    TRANSFORM_FIXED,
    TRANSFORM_SPI,
    WORD,
    Attribute,
    Delete,
    Endpoint,
    GroupSA,
    Hash,
    Header,
    Identification,
    KeyDownload,
    KeyExchange,
    KeyPacket,
    LKHArray,
    LKHKey,
    Message,
    Nonce,
    Notification,
    Opaque,
    Payload,
    Proposal,
    SequenceNumber,
    Signature,
    Transform,
    Unknown,
    VendorID,
    build_message,
)

__all__ = ["build_message", "captured_messages", "parse_message"]

GROUPKEY = frozenset((32, 33))

# octets, where the body starts, where it ends, the generic header's reserved octet
Parser = Callable[[bytes, int, int, int], Payload]


def parse_attributes(octets: bytes, at: int, end: int) -> list[Attribute]:
    attributes = []
    while at < end:
        value_at = at + 4
        if value_at > end:
            raise ValueError(f"attribute truncated at {at}")
        head, value = ATTRIBUTE.unpack_from(octets, at)
        if head & 0x8000:
            attributes.append(Attribute(1, head & 0x7FFF, value))
            at = value_at
        else:
            at = value_at + value
            if at > end:
                raise ValueError(f"attribute value truncated at {value_at}")
            attributes.append(Attribute(0, head, octets[value_at:at]))
    return attributes


def parse_chain(
    octets: bytes, at: int, end: int, kind: int, parsers: dict[int, Parser]
) -> tuple[list[Payload], int]:
    payloads: list[Payload] = []
    while kind:
        body_at = at + 4
        if body_at > end:
            raise ValueError(f"generic header truncated at {at}")
        following, reserved, length = GENERIC.unpack_from(octets, at)
        stop = at + length
        if length < 4 or stop > end:
            raise ValueError(f"payload length {length} at {at} is impossible")
        if opaque := OPAQUE.get(kind):
            payloads.append(opaque(octets[body_at:stop], reserved))
        elif parse := parsers.get(kind):
            payloads.append(parse(octets, body_at, stop, reserved))
        else:
            payloads.append(Unknown(kind, octets[body_at:stop], reserved))
        at, kind = stop, following
    return payloads, at


def need(at: int, size: int, end: int) -> int:
    """Where a field of `size` octets at `at` ends."""
    stop = at + size
    if stop > end:
        raise ValueError(f"{size} octets wanted at {at}, {end - at} left")
    return stop


def parse_transforms(octets: bytes, at: int, end: int, count: int) -> list[Transform]:
    transforms = []
    for left in range(count, 0, -1):
        need(at, 8, end)
        following, reserved, length = GENERIC.unpack_from(octets, at)
        stop = at + length
        if length < 8 or stop > end or following != (3 if left > 1 else 0):
            raise ValueError(f"transform at {at} has a wrong length or link")
        number, transform_id, reserved2 = TRANSFORM_FIXED.unpack_from(octets, at + 4)
        attributes = parse_attributes(octets, at + 8, stop)
        transforms.append(Transform(number, transform_id, reserved2, attributes, reserved))
        at = stop
    if at != end:
        raise ValueError(f"{end - at} octets behind {count} transforms")
    return transforms


def parse_sa(octets: bytes, at: int, end: int, reserved: int) -> SA:
    following, at = 2, need(at, 8, end)
    doi, situation = SA_FIXED.unpack_from(octets, at - 8)
    proposals = []
    while following:
        need(at, 8, end)
        following, proposal_reserved, length = GENERIC.unpack_from(octets, at)
        stop = at + length
        if length < 8 or stop > end or following not in (0, 2):
            raise ValueError(f"proposal at {at} has a wrong length or link")
        number, protocol_id, spi_size, count = PROPOSAL_FIXED.unpack_from(octets, at + 4)
        transforms_at = need(at + 8, spi_size, stop)
        transforms = parse_transforms(octets, transforms_at, stop, count)
        spi = octets[at + 8 : transforms_at]
        proposals.append(Proposal(number, protocol_id, spi, transforms, proposal_reserved))
        at = stop
    if at != end:
        raise ValueError(f"{end - at} octets behind the last proposal")
    return SA(doi, situation, proposals, reserved)


def parse_identification(octets: bytes, at: int, end: int, reserved: int) -> Identification:
    data_at = need(at, 4, end)
    id_type, protocol_id, port = ID_FIXED.unpack_from(octets, at)
    return Identification(id_type, protocol_id, port, octets[data_at:end], reserved)


def parse_notification(octets: bytes, at: int, end: int, reserved: int) -> Notification:
    spi_at = need(at, 8, end)
    doi, protocol_id, spi_size, message_type = NOTIFICATION_FIXED.unpack_from(octets, at)
    data_at = need(spi_at, spi_size, end)
    return Notification(doi, protocol_id, message_type, octets[spi_at:data_at], octets[data_at:end], reserved)


def parse_delete(octets: bytes, at: int, end: int, reserved: int) -> Delete:
    spi_at = need(at, 8, end)
    doi, protocol_id, size, count = NOTIFICATION_FIXED.unpack_from(octets, at)
    if spi_at + size * count != end or (count and not size):
        raise ValueError(f"{count} SPIs of {size} octets don't fill {end - spi_at}")
    spis = [octets[start : start + size] for start in range(spi_at, end, size)] if size else []
    return Delete(doi, protocol_id, size, spis, reserved)


def parse_endpoint(octets: bytes, at: int, end: int) -> tuple[Endpoint, int]:
    data_at = need(at, 4, end)
    id_type, port, size = ENDPOINT.unpack_from(octets, at)
    stop = need(data_at, size, end)
    return Endpoint(id_type, port, octets[data_at:stop]), stop


def parse_sak(reserved_octets: int, octets: bytes, at: int, end: int, reserved: int) -> SAK:
    source_at = need(at, 1, end)
    source, destination_at = parse_endpoint(octets, source_at, end)
    destination, spi_at = parse_endpoint(octets, destination_at, end)
    attributes_at = need(spi_at, 16 + reserved_octets, end)
    return SAK(
        octets[at],
        source,
        destination,
        octets[spi_at : spi_at + 16],
        octets[spi_at + 16 : attributes_at],
        parse_attributes(octets, attributes_at, end),
        reserved,
    )


def parse_sat(octets: bytes, at: int, end: int, reserved: int) -> Payload:
    source_at = need(at, 1, end) + 1
    protocol_id = octets[at]
    if protocol_id not in (1, 2):
        return Unknown(16, octets[at:end], reserved)
    need(at, 2, end)
    source, destination_at = parse_endpoint(octets, source_at, end)
    destination, transform_at = parse_endpoint(octets, destination_at, end)
    attributes_at = need(transform_at, 5, end)
    transform_id, spi = TRANSFORM_SPI.unpack_from(octets, transform_at)
    attributes = parse_attributes(octets, attributes_at, end)
    return SAT(protocol_id, octets[at + 1], source, destination, transform_id, spi, attributes, reserved)


def parse_gap(octets: bytes, at: int, end: int, reserved: int) -> GAP:
    return GAP(parse_attributes(octets, at, end), reserved)


def parse_group_sa(inner: dict[int, Parser], octets: bytes, at: int, end: int, reserved: int) -> GroupSA:
    attributes_at = need(at, 12, end)
    doi, situation, first, reserved2 = GROUP_SA_FIXED.unpack_from(octets, at)
    sa_attributes, stop = parse_chain(octets, attributes_at, end, first, inner)
    if stop != end:
        raise ValueError(f"{end - stop} octets behind the last SA attribute payload")
    return GroupSA(doi, situation, reserved2, sa_attributes, reserved)


def parse_key_download(octets: bytes, at: int, end: int, reserved: int) -> KeyDownload:
    packet_at = need(at, 4, end)
    count, reserved2 = KD_FIXED.unpack_from(octets, at)
    packets = []
    for _ in range(count):
        spi_at = need(packet_at, 5, end)
        kind, packet_reserved, length, spi_size = KEY_PACKET.unpack_from(octets, packet_at)
        stop, attributes_at = packet_at + length, spi_at + spi_size
        if attributes_at > stop or stop > end:
            raise ValueError(f"key packet at {packet_at} has a wrong length")
        attributes = parse_attributes(octets, attributes_at, stop)
        if kind == 3:
            parse_lkh_arrays(attributes)
        packets.append(KeyPacket(kind, packet_reserved, octets[spi_at:attributes_at], attributes))
        packet_at = stop
    if packet_at != end:
        raise ValueError(f"{end - packet_at} octets behind {count} key packets")
    return KeyDownload(reserved2, packets, reserved)


def parse_lkh_arrays(attributes: list[Attribute]) -> None:
    """Put an object in place of the octets of each LKH_DOWNLOAD_ARRAY (1) and LKH_UPDATE_ARRAY (2)."""
    for attribute in attributes:
        if isinstance(attribute.value, bytes) and attribute.type in (1, 2):
            attribute.value = parse_lkh_array(attribute.value, attribute.type == 2)


def parse_lkh_array(octets: bytes, is_update: bool) -> LKHArray:
    end = len(octets)
    at = need(0, 12 if is_update else 4, end)
    version, count, reserved = LKH_FIXED.unpack_from(octets)
    update = LKH_UPDATE.unpack_from(octets, 4) if is_update else None
    size, over = divmod(end - at, count) if count else (16, end - at)
    if over or size < 16:
        raise ValueError(f"{end - at} octets can't be {count} LKH keys of one length")
    keys = []
    for start in range(at, end, size):
        lkh_id, kind, key_reserved, created, expires, handle = LKH_KEY.unpack_from(octets, start)
        data = octets[start + 16 : start + size]
        keys.append(LKHKey(lkh_id, kind, key_reserved, created, expires, handle, data))
    return LKHArray(version, reserved, update, keys)


def parse_sequence_number(octets: bytes, at: int, end: int, reserved: int) -> SequenceNumber:
    if end - at != 4:
        raise ValueError(f"SEQ of {end - at} octets")
    (sequence_number,) = WORD.unpack_from(octets, at)
    return SequenceNumber(sequence_number, reserved)


OPAQUE: dict[int, type[Opaque]] = {c.type: c for c in (KeyExchange, Hash, Signature, Nonce, VendorID)}
ISAKMP: dict[int, Parser] = {
    1: parse_sa,
    5: parse_identification,
    11: parse_notification,
    12: parse_delete,
}
GDOI: dict[int, Parser] = ISAKMP | {17: parse_key_download, 18: parse_sequence_number, 22: parse_gap}
GDOI_GROUPKEY: dict[int, dict[int, Parser]] = {
    octets: GDOI
    | {1: partial(parse_group_sa, {15: partial(parse_sak, octets), 16: parse_sat, 22: parse_gap})}
    for octets in (4, 6)  # 4 is RFC 6407; the captured daemon sends 6
}


def parse_message(octets: bytes, gdoi: bool = False, sak_reserved_octets: int = 4) -> Message:
    """The message in `octets`; with `gdoi`, exchanges 32 and 33 carry RFC 6407's SA and payloads."""
    end = len(octets)
    header = Header(*HEADER.unpack_from(octets, need(0, HEADER.size, end) - HEADER.size))
    if header.length != end:
        raise ValueError(f"header says {header.length} octets, there are {end}")
    if header.flags & ENCRYPTION:
        return Message(header, [], octets[HEADER.size :])
    parsers = ISAKMP
    if gdoi:
        parsers = GDOI_GROUPKEY[sak_reserved_octets] if header.exchange_type in GROUPKEY else GDOI
    payloads, at = parse_chain(octets, HEADER.size, end, header.next_payload, parsers)
    return Message(header, payloads, octets[at:])


def captured_messages(folder: Path) -> list[bytes]:
    """Every captured GDOI message with its encryption undone and its E bit cleared."""
    messages = []
    for path in sorted(folder.glob("*.json")):
        for message in json.loads(path.read_text())["messages"]:
            octets = bytearray.fromhex(message["wire"])
            if message["plaintext_after_header"] is not None:
                octets[28:] = bytes.fromhex(message["plaintext_after_header"])
                octets[19] &= ~ENCRYPTION
                octets[24:28] = WORD.pack(len(octets))
            messages.append(bytes(octets))
    return messages


def main() -> int:
    messages = captured_messages(Path(__file__).resolve().parents[1] / "pcaps" / "gdoi")
    equal = sum(build_message(parse_message(octets, True, 6)) == octets for octets in messages)
    print(f"{equal} of {len(messages)} captured messages rebuilt octet by octet")
    return 0 if messages and equal == len(messages) else 1


if __name__ == "__main__":
    sys.exit(main())
