"""A whole capture file: generated, and read by the library, by dpkt with the hand-written parser, by tshark.

Each reader is a process of its own, started for the purpose, and its start-up counts: that is what whoever
runs it waits for. Run as a module, this is the first two readers: ``python -m benchmarks.capture_file
library FILE`` prints how many messages, payloads and transforms it made.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from random import Random
from typing import Any, Final

__all__ = ["FIELDS", "READERS", "counts_by_dpkt", "counts_by_library", "write_capture"]

PCAP_HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)
RECORD: Final = struct.Struct("<IIII")
FRAME: Final = struct.Struct(">6s6sH BBHHHBBH4s4s HHHH")

FIELDS: Final = ("isakmp.ispi", "isakmp.rspi", "isakmp.exchangetype", "isakmp.flags", "isakmp.length")
"""What tshark is asked for: the header's fields alone, the least that it can be asked."""


def frame(octets: bytes, port: int, ends: bytes, identification: int) -> bytes:
    """Ethernet, IPv4 and UDP around a message (RFC 791, RFC 768; no UDP checksum)."""
    length = 8 + len(octets)
    ip = [0x45, 0, 20 + length, identification & 0xFFFF, 0, 64, 17, 0, ends[:4], ends[4:]]
    packed = struct.pack(">BBHHHBBH4s4s", *ip)
    ip[7] = 0xFFFF - int.from_bytes(packed, "big") % 0xFFFF
    head = FRAME.pack(b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", 0x0800, *ip, port, port, length, 0)
    return head + octets


def encrypted(random: Random, cookies: bytes, exchange: int) -> bytes:
    """A message with its E bit set and a body of so many blocks of ciphertext."""
    body = random.randbytes(16 * random.randrange(4, 40))
    fixed = struct.pack(">BBBBII", 8, 0x10, exchange, 1, random.getrandbits(32), 28 + len(body))
    return cookies + fixed + body


def session(random: Random) -> list[tuple[bytes, int]]:
    """Ten messages and their ports: Main Mode 1 to 4, then what is encrypted: its last two, a PULL or Quick
    Mode, and two informational ones."""
    from benchmarks.cases import main_mode_1, main_mode_3

    port = random.choice((500, 848))
    plain = [main_mode_1(random), main_mode_1(random, 1), main_mode_3(random), main_mode_3(random)]
    octets = [message.build() for message in plain]
    cookies = octets[-1][:16]
    octets += [encrypted(random, cookies, 2) for _ in range(2)]
    octets += [encrypted(random, cookies, exchange) for exchange in (32, 32, 32, 5)]
    return [(message, port) for message in octets]


def write_capture(path: Path, messages: int, distinct: int = 2000) -> list[bytes]:
    """Write a capture of about so many messages; gives them. `distinct` sessions come again and again."""
    random = Random(6407)
    kept = max(1, min(messages // 10, distinct))
    sessions = [(random.randbytes(8), session(random)) for _ in range(kept)]
    written: list[bytes] = []
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        while len(written) < messages:
            ends, exchanged = sessions[len(written) // 10 % kept]
            for octets, port in exchanged:
                framed = frame(octets, port, ends, len(written))
                seconds, rest = divmod(len(written), 1000)
                file.write(RECORD.pack(1_700_000_000 + seconds, rest * 1000, len(framed), len(framed)))
                file.write(framed)
                written.append(octets)
    return written


def counts_by_library(path: str) -> tuple[int, int, int]:
    """Messages, payloads and transforms in the file, read with `gsakmp`."""
    import gsakmp
    from gsakmp.captures import read
    from gsakmp.payloads import SA

    messages = payloads = transforms = 0
    for datagram in read(path):
        message = gsakmp.parse(datagram.octets, port=datagram.destination_port)
        messages += 1
        payloads += len(message.payloads)
        if message.payloads and isinstance(first := message.payloads[0], SA):
            transforms += len(first.proposals[0].transforms)
    return messages, payloads, transforms


def counts_by_dpkt(path: str) -> tuple[int, int, int]:
    """The same with dpkt for the file and its layers up to UDP, and the hand-written parser above."""
    import dpkt

    from benchmarks.handwritten import parse_message
    from benchmarks.handwritten_objects import SA

    messages = payloads = transforms = 0
    with Path(path).open("rb") as file:
        for _, octets in dpkt.pcap.Reader(file):
            udp: Any = dpkt.ethernet.Ethernet(octets).data.data
            message = parse_message(udp.data, udp.dport == 848)
            messages += 1
            payloads += len(message.payloads)
            if message.payloads and isinstance(first := message.payloads[0], SA):
                transforms += len(first.proposals[0].transforms)
    return messages, payloads, transforms


READERS: Final = {"library": counts_by_library, "dpkt": counts_by_dpkt}

if __name__ == "__main__":
    print(*READERS[sys.argv[1]](sys.argv[2]))
