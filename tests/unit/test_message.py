"""Messages: the header, the public calls, and what is wrong with arguments."""

from __future__ import annotations

from typing import Any

import pytest

import gsakmp
from gsakmp import limits
from gsakmp.errors import (
    DecodeError,
    EncodeError,
    GsakmpError,
    LengthMismatch,
    LimitExceeded,
    TrailingOctets,
    Truncated,
)
from gsakmp.message import Message
from gsakmp.payloads import (
    Attribute,
    Hash,
    KeyDownload,
    KeyPacket,
    LKHDownloadArray,
    LKHKey,
    Nonce,
    UnknownPayload,
    Unlinked,
    VendorID,
)

OCTETS = bytes.fromhex(
    "0102030405060708" "1112131415161718" "0a10050021222324" "00000028" "0000000c" "6162636465666768"
)  # fmt: skip
MESSAGE = Message(
    initiator_cookie=bytes(range(1, 9)),
    responder_cookie=bytes(range(0x11, 0x19)),
    exchange_type=5,
    message_id=0x21222324,
    payloads=(Nonce(b"abcdefgh"),),
)


def test_the_two_calls() -> None:
    assert gsakmp.parse(OCTETS, port=848) == MESSAGE
    assert gsakmp.build(MESSAGE) == OCTETS
    assert MESSAGE.build() == OCTETS


def with_octet(place: int, value: int) -> bytes:
    return OCTETS[:place] + bytes([value]) + OCTETS[place + 1 :]


@pytest.mark.parametrize(
    ("octets", "error", "path", "offset"),
    [
        (b"", Truncated, "header", 0),
        (OCTETS[:27], Truncated, "header", 0),
        (OCTETS[:28], Truncated, "length", 24),
        (OCTETS[:39], Truncated, "length", 24),
        (OCTETS + b"\0", TrailingOctets, "", 40),
        (with_octet(27, 27), LengthMismatch, "length", 24),
        (with_octet(27, 0), LengthMismatch, "length", 24),
        (with_octet(24, 255), Truncated, "length", 24),
        (with_octet(17, 0x30), DecodeError, "major_version", 17),
        (with_octet(17, 0x00), DecodeError, "major_version", 17),
        (with_octet(16, 0), TrailingOctets, "payloads", 28),
        (with_octet(28, 13), Truncated, "payloads[1]", 40),
        (with_octet(31, 3), LengthMismatch, "payloads[0].length", 30),
        (with_octet(31, 13), Truncated, "payloads[0].length", 30),
        (with_octet(31, 11), TrailingOctets, "payloads", 39),
    ],
)
def test_three_errors_with_place_and_offset(octets: bytes, error: Any, path: str, offset: int) -> None:
    """Short, left over and impossible lengths are different errors (DESIGN.md, 3)."""
    with pytest.raises(DecodeError) as caught:
        gsakmp.parse(octets)
    assert type(caught.value) is error
    assert (caught.value.path, caught.value.offset) == (path, offset)
    assert caught.value.notify_type in (16, 30)
    if len(octets) < 28:
        with pytest.raises(Truncated):
            gsakmp.parse(octets, lenient=True)
        return
    kept = gsakmp.parse(octets, lenient=True)
    assert kept.build() == octets
    assert kept.problems()
    assert all(str(problem) for problem in kept.problems())
    assert Message.from_json(kept.to_json()) == kept


def test_offsets_count_from_the_start_of_the_datagram() -> None:
    with pytest.raises(LengthMismatch) as caught:
        gsakmp.parse(bytes(4) + with_octet(31, 3), port=4500)
    assert caught.value.offset == 34


def test_port_4500() -> None:
    """RFC 3948, 2.2: four zero octets tell it from ESP."""
    message = gsakmp.parse(bytes(4) + OCTETS, port=4500)
    assert message.non_esp_marker
    assert message.build() == bytes(4) + OCTETS
    assert message.payloads == MESSAGE.payloads
    assert Message.from_json(message.to_json()) == message
    assert message.replace(non_esp_marker=False).build() == OCTETS
    kept = gsakmp.parse(bytes(4) + OCTETS + b"\0", port=4500, lenient=True)
    assert kept.trailing == b"\0"
    assert kept.build() == bytes(4) + OCTETS + b"\0"
    with pytest.raises(DecodeError):
        gsakmp.parse(OCTETS, port=4500)


def test_an_empty_message() -> None:
    empty = Message()
    assert gsakmp.parse(empty.build()) == empty
    assert empty.build() == bytes(17) + b"\x10" + bytes(6 + 3) + b"\x1c"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"initiator_cookie": b"short"}, "initiator_cookie"),
        ({"responder_cookie": bytes(9)}, "responder_cookie"),
        ({"responder_cookie": "12345678"}, "responder_cookie"),
        ({"exchange_type": 256}, "exchange_type"),
        ({"exchange_type": -1}, "exchange_type"),
        ({"flags": 256}, "flags"),
        ({"message_id": 1 << 32}, "message_id"),
        ({"message_id": "0"}, "message_id"),
        ({"major_version": 16}, "version"),
        ({"minor_version": -1}, "version"),
        ({"next_payload": 256}, "next_payload"),
        ({"length": 1 << 32}, "length"),
        ({"length": "1"}, "length"),
        ({"payloads": 5}, ""),
        ({"payloads": None}, ""),
        ({"ciphertext": "text"}, ""),
        ({"padding": 5}, ""),
        ({"trailing": None}, ""),
        ({"doi": None}, ""),
    ],
)
def test_header_fields_that_do_not_fit(changes: dict[str, Any], path: str) -> None:
    message = MESSAGE.replace(**changes)
    with pytest.raises(EncodeError) as caught:
        message.build()
    assert path in caught.value.path
    for call in (message.to_json, message.problems, message.plaintext):
        try:
            call()
        except GsakmpError:
            pass


def test_too_long_to_be_sent() -> None:
    """UDP carries 65,535 octets; a payload's length field no more either."""
    half = UnknownPayload(99, bytes(40_000))
    with pytest.raises(EncodeError):
        MESSAGE.replace(payloads=(UnknownPayload(99, bytes(65_532)),)).build()
    try:
        octets = MESSAGE.replace(payloads=(half, half)).build()
    except EncodeError:
        return
    with pytest.raises(LimitExceeded):
        gsakmp.parse(octets)
    assert len(octets) > limits.MESSAGE_OCTETS


@pytest.mark.parametrize("wrong", [None, 5, b"octets", Nonce(b""), "text"])
def test_building_what_is_no_message(wrong: Any) -> None:
    with pytest.raises(EncodeError):
        gsakmp.build(wrong)


@pytest.mark.parametrize("wrong", [None, 5, "text", object()])
def test_plaintext_of_the_wrong_type(wrong: Any) -> None:
    encrypted = gsakmp.parse(with_octet(19, 1))
    for lenient in (False, True):
        with pytest.raises(GsakmpError):
            encrypted.with_plaintext(wrong, lenient=lenient)


def test_fields_that_there_are_not() -> None:
    with pytest.raises(EncodeError):
        MESSAGE.replace(nothing=1)
    with pytest.raises(EncodeError):
        MESSAGE.payloads[0].replace(nothing=1)


def test_values() -> None:
    assert hash(gsakmp.parse(OCTETS)) == hash(MESSAGE)
    assert {MESSAGE: 1}[gsakmp.parse(OCTETS)] == 1
    message: Any = MESSAGE
    with pytest.raises(AttributeError):
        message.flags = 1
    assert "INFORMATIONAL" in repr(MESSAGE)
    assert "Nonce" in repr(MESSAGE)


def test_what_follows_the_last_payload_leniently() -> None:
    octets = OCTETS[:27] + b"\x2b" + OCTETS[28:] + b"xyz"
    kept = gsakmp.parse(octets, lenient=True)
    assert kept.payloads[1] == Unlinked(b"xyz")
    assert kept.build() == octets
    assert [problem.path for problem in kept.problems()] == ["payloads[1]"]


def test_ciphertext_and_payloads_together() -> None:
    """`build` gives what was on the wire, `plaintext` what is to be encrypted."""
    encrypted = gsakmp.parse(with_octet(19, 1))
    assert (encrypted.encrypted, encrypted.ciphertext) == (True, OCTETS[28:])
    opened = encrypted.with_plaintext(bytes.fromhex("0000000c") + b"12345678" + bytes(3))
    assert opened.payloads == (Nonce(b"12345678"),)
    assert opened.padding == bytes(3)
    assert opened.build() == encrypted.build()
    changed = opened.replace(
        payloads=(Hash(b"h"), VendorID(b"v")), ciphertext=b"", padding=b"", next_payload=None
    )
    assert changed.plaintext() == bytes.fromhex("0d000005") + b"h" + bytes.fromhex("00000005") + b"v"
    with pytest.raises(EncodeError, match="in the clear"):
        changed.build()
    assert changed.replace(flags=0).build()[28:] == changed.plaintext()


def test_encrypted_padding_may_be_anything() -> None:
    """RFC 2409, 5.4 and appendix B: what follows the last payload is padding."""
    encrypted = gsakmp.parse(with_octet(19, 1))
    opened = encrypted.with_plaintext(bytes.fromhex("0000000c") + b"12345678" + b"\xff\0\xaa\7")
    assert opened.padding == b"\xff\0\xaa\7"
    assert Message.from_json(opened.to_json()) == opened


def test_secrets_do_not_show() -> None:
    secret = b"squeamish-ossifrage"
    keys = KeyDownload(
        key_packets=(
            KeyPacket(kd_type=1, attributes=(Attribute(1, secret),)),
            KeyPacket(
                kd_type=3,
                attributes=(Attribute(1, LKHDownloadArray(lkh_keys=(LKHKey(1, 3, key_data=secret),))),),
            ),
        )
    )
    message = gsakmp.parse(Message(exchange_type=33, payloads=(keys,)).build())
    for shown in (
        repr(message),
        str(message),
        f"{message}",
        repr(message.payloads),
        repr(message.problems()),
    ):
        assert "ossifrage" not in shown
        assert secret.hex() not in shown
    assert secret.hex() in message.to_json()
    kept = gsakmp.parse(
        Message(exchange_type=33, payloads=(keys.replace(key_packet_count=9),)).build(), lenient=True
    )
    assert "ossifrage" not in repr(kept)
    with pytest.raises(DecodeError) as caught:
        gsakmp.parse(kept.build())
    assert "ossifrage" not in str(caught.value)
