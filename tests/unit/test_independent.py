"""The second reader (tests/independent.py) against the captures' own account and against RFC figures.

The captures' JSON names each payload and counts the padding; those lists come from the daemon's log, not
from either reader. The figures are typed from the RFC's text.
"""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.handwritten import captured_messages, parse_message
from benchmarks.handwritten_objects import build_message
from tests.independent import Payload, read_chain, read_message

CAPTURES = Path(__file__).resolve().parents[2] / "pcaps" / "gdoi"
NAMES = {1: "SA", 4: "KE", 5: "ID", 8: "HASH", 9: "SIG", 10: "NONCE", 11: "N", 12: "D", 13: "VID"}
NAMES |= {15: "SAK", 16: "SAT", 17: "KD", 18: "SEQ", 22: "GAP"}


def load(name: str) -> dict[str, Any]:
    capture: dict[str, Any] = json.loads((CAPTURES / f"{name}.json").read_text())
    return capture


def read_plaintext(message: dict[str, Any], daemon: bool) -> tuple[list[Payload], bytes]:
    header = read_message(bytes.fromhex(message["wire"]), 2, daemon)
    if message["plaintext_after_header"] is None:
        return header["payloads"], bytes.fromhex(header["leftover"])
    plaintext = bytes.fromhex(message["plaintext_after_header"])
    return read_chain(header["next_payload"], plaintext, 2, header["exchange_type"], daemon)


def names_of(payloads: list[Payload]) -> list[str]:
    return [NAMES[payload["type"]] for payload in payloads]


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("gdoi-aggressive-mode", 4),
        ("gdoi-pull-gap", 10),
        ("gdoi-pull-iec90-5-predraft", 10),
        ("gdoi-pull-push-3des-sha1-rsa1024", 21),
        ("gdoi-pull-push-aes-cbc-sha256-rsa2048", 16),
    ],
)
def test_chain_and_padding_of_every_captured_message(name: str, messages: int) -> None:
    capture = load(name)
    assert len(capture["messages"]) == messages
    for message in capture["messages"]:
        payloads, leftover = read_plaintext(message, daemon=True)
        assert names_of(payloads) == message["payloads"], message["n"]
        assert leftover == bytes(message["pad_octets"]), message["n"]
        inner = [names_of(p["sa_attributes"]) for p in payloads if "sa_attributes" in p]
        expected = [message["sa_attribute_payloads"]] if "sa_attribute_payloads" in message else []
        assert inner == expected, message["n"]


def test_header_fields_agree_with_the_captures_account() -> None:
    for message in load("gdoi-pull-push-3des-sha1-rsa1024")["messages"]:
        header = read_message(bytes.fromhex(message["wire"]), 2)
        assert header["initiator_cookie"] == message["icookie"]
        assert header["responder_cookie"] == message["rcookie"]
        assert header["exchange_type"] == message["exchange_type"]
        assert header["flags"] == message["flags"]
        assert f"{header['message_id']:08x}" == message["message_id"]
        assert (header["major_version"], header["minor_version"]) == (1, 0)


def test_loopback_log_is_plain_rfc_except_for_the_ports() -> None:
    """The log prints its configuration: 172.19.137.42, 239.192.1.1 and .2, ports 1024 and 512."""
    messages = load("gdoi-loopback-ks")["messages"]
    chains = [read_plaintext(message, daemon=False)[0] for message in messages]
    expected = ["SA", "SA", "KE NONCE", "KE NONCE", "ID HASH N", "ID HASH N"]
    expected += ["HASH NONCE ID", "HASH NONCE SA", "HASH", "HASH KD"]
    assert [" ".join(names_of(chain)) for chain in chains] == expected
    assert chains[6][2]["group_identifier"] == 1234
    first, second = chains[7][2]["sa_attributes"]
    assert (first["src_id_data"], first["dst_id_data"]) == ("ac13892a", "efc00101")
    assert (second["src_id_data"], second["dst_id_data"]) == ("ac13892a", "efc00102")
    assert (first["spi"], second["spi"]) == (f"{287484603:08x}", f"{860146909:08x}")
    assert first["src_id_port"] == int.from_bytes((1024).to_bytes(2, "little"), "big")
    assert second["dst_id_port"] == int.from_bytes((512).to_bytes(2, "little"), "big")
    keys = [packet["attributes"] for packet in chains[9][1]["key_packets"]]
    assert bytes.fromhex(keys[0][0]["value"]) == b"ABCDEFGHIJKLMNOPQRSTUVWX"
    assert bytes.fromhex(keys[0][1]["value"]) == b"12345678901234567890"
    assert bytes.fromhex(keys[1][0]["value"]) == b"FEDCBA11LKJIHG22RQPONM33"


def test_daemon_on_a_little_endian_host() -> None:
    """Configured: source 172.19.137.42, destination 239.192.1.1, ports 1024, group 1234, delays 60 and 90."""
    messages = load("gdoi-pull-gap")["messages"]
    assert read_plaintext(messages[6], daemon=True)[0][2]["group_identifier"] == 1234
    gap, sat = read_plaintext(messages[7], daemon=True)[0][2]["sa_attributes"]
    assert gap["attributes"] == [{"af": 1, "type": 1, "value": 60}, {"af": 1, "type": 2, "value": 90}]
    assert (sat["src_id_data"], sat["dst_id_data"]) == ("ac13892a", "efc00101")
    assert (sat["src_id_port"], sat["dst_id_port"]) == (1024, 1024)
    assert read_plaintext(messages[7], daemon=False)[0][2]["sa_attributes"][1]["src_id_data"] == "2a8913ac"


def test_rekey_sa_names_the_cookies_and_port_of_the_pushes() -> None:
    messages = load("gdoi-pull-push-3des-sha1-rsa1024")["messages"]
    sak = read_plaintext(messages[7], daemon=True)[0][2]["sa_attributes"][0]
    push = messages[10]
    assert sak["spi"] == push["icookie"] + push["rcookie"]
    assert (sak["protocol"], sak["dst_id_port"], sak["reserved2"]) == (17, 848, 0)
    address = ".".join(str(octet) for octet in bytes.fromhex(sak["dst_id_data"]))
    assert push["dst"] == f"{address}:{sak['dst_id_port']}"
    with pytest.raises(ValueError, match="octets"):  # two octets early, the attributes don't end at the end
        read_plaintext(messages[7], daemon=False)


def test_early_iec_61850_encoding() -> None:
    messages = load("gdoi-pull-iec90-5-predraft")["messages"]
    group = read_plaintext(messages[6], daemon=True)[0][2]
    sat = read_plaintext(messages[7], daemon=True)[0][2]["sa_attributes"][0]
    packet = read_plaintext(messages[9], daemon=True)[0][1]["key_packets"][0]
    assert group["early_oid"] == sat["early_oid"] == "1.2.840.10070.61850.8.1.2"
    assert sat["spi"] == packet["spi"]
    early = packet["attributes"][0]["early"]
    assert sat["lifetime"] == early["lifetime"] == 3600
    assert len(bytes.fromhex(early["key"])) == sat["key_length"] == early["key_length"] == 20
    plain = read_plaintext(messages[7], daemon=False)[0][2]["sa_attributes"][0]
    assert bytes.fromhex(plain["protocol_specific_payload"])[3:28] == b"1.2.840.10070.61850.8.1.2"


# Another program's reading


def tshark_rows(tshark: str, path: Path, *fields: str) -> list[list[str]]:
    """One row per unencrypted ISAKMP message: the UDP payload in hexadecimal, then `fields`."""
    command = [tshark, "-r", str(path), "-d", "udp.port==848,isakmp", "-T", "fields"]
    command += ["-Y", "isakmp && isakmp.flag_e == 0 && isakmp.version == 0x10", "-e", "udp.payload"]
    command += [part for field in fields for part in ("-e", field)]
    printed = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    return [line.split("\t") for line in printed.splitlines()]


def flattened(payloads: list[Payload]) -> list[Payload]:
    """The payloads with what they hold, in the order of the octets."""
    found = []
    for payload in payloads:
        inner = payload.get("proposals", []) + payload.get("transforms", [])
        found += [payload, *flattened(inner)]
    return found


@pytest.mark.parametrize(
    ("path", "doi", "messages"),
    [
        ("ikev1/ISAKMP_sa_setup.pcap", 1, 4),
        ("ikev1/ipsec-ikev1-isakmp-aggressive-mode.pcap", 1, 2),
        ("ikev1/ipsec.cap", 1, 6),
        ("ikev1/isakmp4500.pcap", 1, 4),
        ("gdoi/gdoi-loopback-ks.plaintext.pcap", 2, 10),
    ],
)
def test_types_and_lengths_agree_with_tshark(tshark: str, path: str, doi: int, messages: int) -> None:
    """Where tshark 4.0 is sound: it takes every SA of DOI 2 for a GROUPKEY one, reads SRC ID Data Len as
    two octets there, and stops at a draft NAT-D (15), which it takes for an SA KEK."""
    rows = tshark_rows(
        tshark, CAPTURES.parent / path, "isakmp.typepayload", "isakmp.payloadlength", "isakmp.length"
    )
    assert len(rows) == messages
    for payload, types, lengths, length in rows:
        octets = bytes.fromhex(payload).removeprefix(bytes(4))  # RFC 3948, 2.2: the non-ESP marker
        message = read_message(octets, doi)
        inside = flattened(message["payloads"]) if doi == 1 else message["payloads"]
        ours = [(str(p["type"]), str(p["length"])) for p in inside]
        theirs = list(zip(types.split(","), lengths.split(","), strict=False))
        seen = min(len(ours), len(theirs))
        assert str(message["length"]) == length
        assert ours[:seen] == theirs[:seen]
        assert len(ours) == len(types.split(",")) or types.split(",")[-1] in ("15", "16")


def test_key_download_agrees_with_tshark(tshark: str) -> None:
    rows = tshark_rows(
        tshark,
        CAPTURES / "gdoi-loopback-ks.plaintext.pcap",
        "isakmp.kd.payload.length",
        "isakmp.kd.payload.spi",
        "isakmp.key_download.attr.value",
        "isakmp.extradata",
    )
    payload, lengths, spis, values, extra = rows[-1]
    message = read_message(bytes.fromhex(payload), 2)
    packets = message["payloads"][1]["key_packets"]
    assert ",".join(str(packet["length"]) for packet in packets) == lengths
    assert ",".join(packet["spi"] for packet in packets) == spis
    assert ",".join(a["value"] for packet in packets for a in packet["attributes"]) == values
    assert message["leftover"] == extra


# Figures typed from the RFCs

GOOSE_OID = bytes.fromhex("060B2A8648CE5683E31A080102")  # RFC 8052, figures 7 and 8
SELECTOR = bytes.fromhex("8004E9FC0001")  # "<DER for 233.252.0.1>": some DER; 8052 leaves it to 62351-6


def generic(next_payload: int, body: bytes) -> bytes:
    return struct.pack(">BBH", next_payload, 0, 4 + len(body)) + body


def test_rfc8052_figure_7() -> None:
    body = b"\x0d\x00\x00\x00" + b"\x0d" + GOOSE_OID + b"\x00\x06" + SELECTOR
    (group,), leftover = read_chain(5, generic(0, body), 2, 32)
    assert leftover == b""
    assert group["length"] == 4 + 4 + 1 + 13 + 2 + 6
    assert (group["id_type"], group["doi_specific_id_data"]) == (13, "000000")
    assert (group["oid_length"], group["oid"]) == (13, GOOSE_OID.hex())
    assert (group["oid_specific_payload_length"], group["oid_specific_payload"]) == (6, SELECTOR.hex())


def test_rfc8052_figure_8() -> None:
    """Without the row "SA Attr NP" that the figure draws between the SATs: no text defines it there."""
    selectors = b"\x0d" + GOOSE_OID + b"\x00\x06" + SELECTOR
    first = generic(16, b"\x03" + selectors + bytes.fromhex("00000001 0001 0002 00000E10"))
    second = generic(0, b"\x03" + selectors + bytes.fromhex("00000002 0000 0004 0000A8C0 0001 0004 00000CE4"))
    body = bytes.fromhex("00000002 00000000 0010 0000") + first + second
    (group_sa,), _ = read_chain(1, generic(0, body), 2, 32)
    assert (group_sa["doi"], group_sa["situation"], group_sa["sa_attribute_next_payload"]) == (2, 0, 16)
    now, later = group_sa["sa_attributes"]
    assert (now["spi"], now["auth_alg"], now["enc_alg"]) == ("00000001", 1, 2)
    assert (now["remaining_lifetime_value"], now["attributes"]) == (3600, [])
    assert (later["spi"], later["auth_alg"], later["enc_alg"]) == ("00000002", 0, 4)
    assert later["remaining_lifetime_value"] == 12 * 3600
    assert later["attributes"] == [{"af": 0, "type": 1, "value": f"{3300:08x}"}]


def test_rfc8052_figure_9() -> None:
    hmac, cbc, gcm = bytes(range(32)), bytes(range(16)), bytes(range(20))
    attributes = b"\x00\x02\x00\x20" + hmac + b"\x00\x01\x00\x10" + cbc
    first = b"\x01\x00" + struct.pack(">H", 9 + len(attributes)) + b"\x04\x00\x00\x00\x01" + attributes
    second = b"\x01\x00\x00\x21\x04\x00\x00\x00\x02\x00\x01\x00\x14" + gcm
    (kd,), _ = read_chain(17, generic(0, b"\x00\x02\x00\x00" + first + second), 2, 32)
    assert kd["number_of_key_packets"] == 2
    one, two = kd["key_packets"]
    assert (one["type"], one["length"], one["spi_size"], one["spi"]) == (1, 65, 4, "00000001")
    assert [(a["type"], a["value"]) for a in one["attributes"]] == [(2, hmac.hex()), (1, cbc.hex())]
    assert two["attributes"] == [{"af": 0, "type": 1, "value": gcm.hex()}]


def test_rfc6407_figures_11_to_13() -> None:
    """An update array of two 3DES keys (8 octets of IV, 24 of key), and a download array of one."""
    first = bytes.fromhex("0003 02 00 00000000 7FFFFFFF 000000AA") + bytes([1]) * 32
    second = bytes.fromhex("0001 02 00 00000000 00000000 000000BB") + bytes([2]) * 32
    update = bytes.fromhex("01 0002 00 0007 0000 000000CC") + first + second
    download = bytes.fromhex("01 0001 00") + first
    attributes = b"".join(struct.pack(">HH", n, len(v)) + v for n, v in ((1, download), (2, update)))
    packet = b"\x03\x00" + struct.pack(">H", 21 + len(attributes)) + b"\x10" + bytes(16) + attributes
    (kd,), _ = read_chain(17, generic(0, b"\x00\x01\x00\x00" + packet), 2, 33)
    one, two = (attribute["lkh"] for attribute in kd["key_packets"][0]["attributes"])
    assert [key["lkh_id"] for key in one["lkh_keys"]] == [3]
    assert (two["lkh_version"], two["number_of_lkh_keys"]) == (1, 2)
    assert (two["lkh_id"], two["key_handle"]) == (7, 0xCC)
    assert [(k["lkh_id"], k["key_type"], k["key_handle"]) for k in two["lkh_keys"]] == [
        (3, 2, 0xAA),
        (1, 2, 0xBB),
    ]
    assert two["lkh_keys"][0]["key_expiration_date"] == 0x7FFFFFFF
    assert two["lkh_keys"][1]["key_data"] == "02" * 32


def test_rfc8263_figure_3() -> None:
    seq = generic(5, b"\x00\x00\x00\x2a")
    body = generic(18, bytes(32)) + seq + generic(0, bytes.fromhex("01000000 0A000001"))
    header = bytes(range(16)) + bytes([8, 0x10, 35, 0]) + bytes(4) + struct.pack(">I", 28 + len(body))
    message = read_message(header + body, 2)
    assert [payload["type"] for payload in message["payloads"]] == [8, 18, 5]
    assert message["payloads"][1]["sequence_number"] == 42
    assert message["payloads"][2]["address"] == "0a000001"


def test_rfc2407_labels() -> None:
    """Section 4.6.1: secrecy level of 3 octets padded to 4, categories of 9 bits padded to 32."""
    labels = bytes.fromhex("00000001 00000003 00000000 0003 0000 AABBCC00 0009 0000 FF800000")
    proposal = generic(0, bytes.fromhex("01 01 00 01") + generic(0, bytes.fromhex("01 01 0000 80010005")))
    (sa,), _ = read_chain(1, generic(0, labels + proposal), 1, 2)
    assert (sa["secrecy_length"], sa["secrecy_level"]) == (3, "aabbcc")
    assert (sa["secrecy_category_length"], sa["secrecy_category_bitmap"]) == (9, "ff80")
    assert sa["proposals"][0]["transforms"][0]["attributes"] == [{"af": 1, "type": 1, "value": 5}]


@pytest.mark.parametrize(
    ("first", "octets", "doi", "match"),
    [
        (10, "000000", 1, "wanted"),
        (10, "00000003", 1, "shorter"),
        (10, "0000000900", 1, "wanted"),
        (12, "00000010 00000001 03040002 11223344", 1, "wanted"),
        (12, "00000014 00000001 03040001 11223344 55667788", 1, "left over"),
        (18, "0000000a 00000001 0000", 2, "left over"),
        (1, "00000018 00000001 00000001 0000000c 01010002 01020304", 1, "wanted|transforms"),
        (17, "0000000c 00010000 01000004", 2, "shorter"),
    ],
)
def test_bad_octets_are_refused(first: int, octets: str, doi: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        read_chain(first, bytes.fromhex(octets), doi, 32 if first == 17 else 2)


def test_draft_nat_d_is_not_an_sa_kek() -> None:
    """Type 15 outside GDOI stays opaque: the DOI decides (see captures of draft NAT-D)."""
    (payload,), _ = read_chain(15, generic(0, bytes(20)), 1, 2)
    assert payload == {"type": 15, "reserved": 0, "length": 24, "data": "00" * 20}


def test_the_handwritten_peer_reads_what_this_reader_reads() -> None:
    """A benchmark against a wrong parser would mean nothing: rebuild every capture, refuse every cut."""
    for octets in captured_messages(CAPTURES):
        ours = read_message(octets, 2, daemon=True)
        theirs = parse_message(octets, gdoi=True, sak_reserved_octets=6)
        assert build_message(theirs) == octets
        assert [payload["type"] for payload in ours["payloads"]] == [p.type for p in theirs.payloads]
        assert ours["leftover"] == theirs.rest.hex()
        with pytest.raises(ValueError, match="octets"):
            parse_message(octets[:-1], gdoi=True, sak_reserved_octets=6)
