"""The malformed captures: which message is refused, with which error, where; and what is kept of it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

import gsakmp
from gsakmp.captures import read
from gsakmp.errors import CaptureError, DecodeError, LengthMismatch, TrailingOctets, Truncated
from gsakmp.message import Message
from gsakmp.payloads import Identification
from tests.conftest import PCAPS


class Expected(NamedTuple):
    """What a strict parse says of a frame, and the paths of the problems that a lenient one keeps."""

    error: type[DecodeError] | None
    path: str
    offset: int
    payloads: str
    problems: tuple[str, ...]


EXPECTED: dict[str, dict[int, Expected]] = {
    "ipsec-ikev1-payload-bad-length.pcap": {
        # 28 + 60 octets of SA, then a vendor ID that says 3: RFC 2408, 3.2 has 4 at least
        1: Expected(LengthMismatch, "payloads[1].length", 90, "SA VendorID VendorID",
                    ("payloads[1].length", "payloads[2].length", "payloads[2].next_payload")),
    },
    "ipsec-ikev1-zero-length.pcap": {
        1: Expected(LengthMismatch, "length", 24, "SA VendorID VendorID VendorID VendorID", ("length",)),
    },
    "isakmp-pointer-loop.pcap": {
        1: Expected(LengthMismatch, "length", 24, "Unlinked", ("length", "next_payload", "payloads[0]")),
    },
    "isakmp-delete-segfault.pcap": {},
    "isakmp-identification-segfault.pcap": {1: Expected(None, "", 0, "Identification", ())},
    "isakmp-no-none-np.pcapng": {
        1: Expected(TrailingOctets, "", 84, "Notification Notification",
                    ("trailing", "payloads[1].next_payload")),
    },
    "isakmpv1-attr-oobr.pcap": {
        1: Expected(Truncated, "length", 24, "UnknownPayload Unlinked", ("length", "payloads[1]")),
    },
    "ikev1_id_ipv6_addr_subnet-oobr.pcap": {
        1: Expected(Truncated, "length", 24, "Identification UnknownPayload",
                    ("length", "payloads[0].identification_data", "payloads[1].length", "payloads[1].next_payload")),
    },
    "isakmp-ikev1_n_print-oobr.pcap": {
        1: Expected(Truncated, "length", 24, "UnknownPayload UnknownPayload", ("length", "payloads[1].length")),
        3: Expected(Truncated, "length", 24, "UnknownPayload UnknownPayload", ("length", "payloads[1].length")),
    },
    "isakmp-various-oobr.pcap": {
        1: Expected(Truncated, "length", 24, "UnknownPayload", ("length", "payloads[0].next_payload")),
    },
    "isakmp-rfc3948-oobr.pcap": {},
    "isakmp-3948-oobr-2.pcap": {},
    "ikev2-id-short.pcap": {
        1: Expected(TrailingOctets, "payloads", 33, "UnknownPayload Unlinked", ("payloads[1]",)),
    },
    "ikev2pI2-segfault.pcapng": {
        1: Expected(Truncated, "payloads[1].length", 274, "UnknownPayload UnknownPayload",
                    ("payloads[1].length", "payloads[1].next_payload")),
    },
}  # fmt: skip
"""File, frame, outcome. A file without frames holds no datagram to these ports."""

CASES = [(name, frame) for name, frames in EXPECTED.items() for frame in frames]


def datagrams(name: str) -> dict[int, bytes]:
    """The datagrams of a file by frame, as far as it can be read."""
    out: dict[int, bytes] = {}
    try:
        for datagram in read(PCAPS / "malformed" / name):
            out[datagram.frame] = datagram.octets
    except CaptureError:
        pass
    return out


def test_every_file_is_expected() -> None:
    assert {path.name for path in (PCAPS / "malformed").iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_messages_of_each_file(name: str) -> None:
    assert set(datagrams(name)) == set(EXPECTED[name])


@pytest.mark.parametrize(("name", "frame"), CASES)
def test_strict(name: str, frame: int) -> None:
    octets, expected = datagrams(name)[frame], EXPECTED[name][frame]
    if expected.error is None:
        assert gsakmp.parse(octets, port=500).build() == octets
        return
    with pytest.raises(DecodeError) as caught:
        gsakmp.parse(octets, port=500)
    assert type(caught.value) is expected.error
    assert (caught.value.path, caught.value.offset) == (expected.path, expected.offset)


@pytest.mark.parametrize(("name", "frame"), CASES)
def test_lenient(name: str, frame: int) -> None:
    octets, expected = datagrams(name)[frame], EXPECTED[name][frame]
    message = gsakmp.parse(octets, port=500, lenient=True)
    assert message.build() == octets
    assert " ".join(type(payload).__name__ for payload in message.payloads) == expected.payloads
    assert tuple(problem.path for problem in message.problems()) == expected.problems
    assert Message.from_json(message.to_json()) == message


def test_a_name_of_248_zero_octets_is_no_text() -> None:
    octets = datagrams("isakmp-identification-segfault.pcap")[1]
    (identity,) = gsakmp.parse(octets, port=500).payloads
    assert isinstance(identity, Identification)
    assert identity.identification_data == bytes(248)
