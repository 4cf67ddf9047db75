"""The GDOI captures, field by field against a second reading, and against what their JSON lists.

The daemon's log names the payloads (the JSON's `payloads`, `sa_attribute_payloads`, `pad_octets`); the values
come from `tests.independent`, which shares nothing with the library.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import gsakmp
from gsakmp.doi import GDOI, GDOID, GDOID_BIG_ENDIAN, STANDARD, Dialect
from gsakmp.message import Message
from gsakmp.payloads import ESPTEK, SAKEK, SATEK, GroupSA
from gsakmp.registries import PayloadType
from tests.conftest import PCAPS
from tests.fuzz.seeds import cleared
from tests.independent import read_chain, read_message
from tests.interop.agree import disagreements
from tests.vectors.check import check_message

SHORT_NAMES = {
    PayloadType.SA: "SA",
    PayloadType.KEY_EXCHANGE: "KE",
    PayloadType.IDENTIFICATION: "ID",
    PayloadType.HASH: "HASH",
    PayloadType.SIGNATURE: "SIG",
    PayloadType.NONCE: "NONCE",
    PayloadType.NOTIFICATION: "N",
    PayloadType.DELETE: "D",
    PayloadType.VENDOR_ID: "VID",
    PayloadType.SA_KEK: "SAK",
    PayloadType.SA_TEK: "SAT",
    PayloadType.KEY_DOWNLOAD: "KD",
    PayloadType.SEQUENCE_NUMBER: "SEQ",
    PayloadType.GROUP_ASSOCIATED_POLICY: "GAP",
}

LOOPBACK = ["SA", "SA", "KE NONCE", "KE NONCE", "ID HASH N", "ID HASH N"]
LOOPBACK += ["HASH NONCE ID", "HASH NONCE SA", "HASH", "HASH KD"]
LOOPBACK_PADDING = [0, 0, 0, 0, 0, 0, 0, 6, 0, 6]
"""Of `gdoi-loopback-ks.json`, which lacks the lists: 24 + 20 + 102 of 152 octets, 24 + 130 of 160."""


def sessions() -> list[Path]:
    return sorted((PCAPS / "gdoi").glob("*.json"))


def cases() -> list[Any]:
    out = []
    for path in sessions():
        for index, message in enumerate(json.loads(path.read_text())["messages"]):
            out.append(pytest.param(path.stem, index, message, id=f"{path.stem}-{message['n']}"))
    return out


def dialect_of(name: str) -> Dialect:
    return GDOID_BIG_ENDIAN if "loopback" in name else GDOID


def opened(case: dict[str, Any], dialect: Dialect) -> Message:
    """The message with its payloads, decrypted if it was encrypted."""
    message = gsakmp.parse(bytes.fromhex(case["wire"]), dialect=dialect)
    if case["plaintext_after_header"] is None:
        return message
    assert message.payloads == ()
    return message.with_plaintext(bytes.fromhex(case["plaintext_after_header"]))


def names(payloads: Any) -> list[str]:
    return [SHORT_NAMES[PayloadType(payload.kind)] for payload in payloads]


def test_all_sessions_are_here() -> None:
    assert len(cases()) == 71


@pytest.mark.parametrize(("name", "index", "case"), cases())
def test_payload_chain_and_padding(name: str, index: int, case: dict[str, Any]) -> None:
    message = opened(case, dialect_of(name))
    loopback = "payloads" not in case
    assert names(message.payloads) == (LOOPBACK[index].split() if loopback else case["payloads"])
    assert message.padding == bytes(LOOPBACK_PADDING[index] if loopback else case["pad_octets"])
    inner = [names(p.sa_attributes) for p in message.payloads if isinstance(p, GroupSA)]
    if loopback:
        assert inner == ([["SAT", "SAT"]] if index == 7 else [])
    else:
        assert inner == ([case["sa_attribute_payloads"]] if "sa_attribute_payloads" in case else [])


@pytest.mark.parametrize(("name", "index", "case"), cases())
def test_every_field_as_the_second_reader_has_it(name: str, index: int, case: dict[str, Any]) -> None:
    dialect = dialect_of(name)
    message, wire = opened(case, dialect), bytes.fromhex(case["wire"])
    daemon = dialect is GDOID
    header = read_message(wire, 2, daemon)
    assert message.initiator_cookie.hex() == header["initiator_cookie"] == case["icookie"]
    assert message.responder_cookie.hex() == header["responder_cookie"] == case["rcookie"]
    assert message.exchange_type == header["exchange_type"] == case["exchange_type"]
    assert message.flags == header["flags"] == case["flags"]
    assert f"{message.message_id:08x}" == f"{header['message_id']:08x}" == case["message_id"]
    assert (message.major_version, message.minor_version) == (1, 0)
    assert message.ciphertext.hex() == header["encrypted"]
    expected = header["payloads"]
    if case["plaintext_after_header"] is not None:
        plaintext = bytes.fromhex(case["plaintext_after_header"])
        expected, _ = read_chain(header["next_payload"], plaintext, 2, case["exchange_type"], daemon)
    assert disagreements(message.payloads, expected, message.rules, swapped_ports=not daemon) == []


@pytest.mark.parametrize(("name", "index", "case"), cases())
def test_rebuilt_octet_for_octet(name: str, index: int, case: dict[str, Any]) -> None:
    message, wire = opened(case, dialect_of(name)), bytes.fromhex(case["wire"])
    assert message.build() == wire
    if case["plaintext_after_header"] is None:
        return
    plaintext = bytes.fromhex(case["plaintext_after_header"])
    assert message.plaintext() == plaintext
    bare = message.replace(ciphertext=b"", flags=message.flags & ~1, next_payload=None, padding=b"")
    octets = cleared(wire, plaintext[: len(plaintext) - len(message.padding)])
    assert bare.build() == octets
    assert gsakmp.parse(octets, dialect=message.dialect).payloads == message.payloads


@pytest.mark.parametrize("number", [0, 2, 7])
@pytest.mark.parametrize("path", sessions(), ids=lambda path: path.stem)
def test_every_form_and_every_length(path: Path, number: int) -> None:
    messages, dialect = json.loads(path.read_text())["messages"], dialect_of(path.stem)
    opened_ = opened(messages[min(number, len(messages) - 1)], dialect)
    if opened_.encrypted:
        opened_ = opened_.replace(ciphertext=b"", flags=0, next_payload=None, padding=b"")
    check_message(opened_.build(), dialect=dialect)


def test_the_dialect_is_needed() -> None:
    """The daemon's SA KEK has two octets more, and its SA TEK's addresses are reversed."""
    path = PCAPS / "gdoi" / "gdoi-pull-push-3des-sha1-rsa1024.json"
    case = next(
        m for m in json.loads(path.read_text())["messages"] if "SAK" in m.get("sa_attribute_payloads", ())
    )
    right = opened(case, GDOID)
    wrong = gsakmp.parse(bytes.fromhex(case["wire"]), dialect=STANDARD)
    plaintext = bytes.fromhex(case["plaintext_after_header"])
    sa = next(p for p in right.payloads if isinstance(p, GroupSA))
    kek, teks = sa.sa_attributes[0], sa.sa_attributes[2:]
    assert isinstance(kek, SAKEK)
    assert str(kek.source_id_data) == "10.0.224.44"
    bodies = [tek.tek for tek in teks if isinstance(tek, SATEK)]
    assert {str(esp.source_id_data) for esp in bodies if isinstance(esp, ESPTEK)} >= {"10.0.224.37"}
    with pytest.raises(gsakmp.DecodeError):
        wrong.with_plaintext(plaintext)
    assert right.doi is GDOI
