"""tshark's reading of captured and built messages beside the library's.

It is taken as the oracle where it is sound: headers, framing, IKEv1's payloads with transforms and attributes,
phase-1 payloads of GDOI, the framing of KD and the attributes of key packets, SEQ. It is not (4.0) for:
SA KEK attributes; the SA TEK, whose SRC ID Data Len it takes for two octets; the names of KD attributes but the
TEK's; an SA with a GAP; the phase-1 SA of DOI 2, which it takes for a group's; the NAT-D of a draft under number
15, which it takes for an SA KEK and then gives up. Those are left out by `unsound`.
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

import gsakmp
from gsakmp.captures import Datagram, read, write
from gsakmp.doi import GDOI, IPSEC
from gsakmp.message import Message
from gsakmp.payloads import (
    SA,
    AddressRange,
    AHTransform,
    Attribute,
    Certificate,
    CertificateRequest,
    Delete,
    ESPTransform,
    GroupDelete,
    GroupSA,
    Hash,
    Identification,
    IKETransform,
    IPCOMPTransform,
    KeyDownload,
    KeyExchange,
    KeyPacket,
    LKHDownloadArray,
    LKHKey,
    NATDiscovery,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SequenceNumber,
    Signature,
    Subnet,
    Transform,
    VendorID,
)
from gsakmp.wire import Rules, codec
from tests.conftest import PCAPS, require_tool
from tests.fuzz.seeds import captured
from tests.interop.agree import octets_of

TSHARK = require_tool("tshark")
SA_KEK = 15

Node = dict[str, Any]

LEAVES = {
    4: ["key_exchange.data"],
    5: ["id.type", "id.protoid", "id.port"],
    8: ["hash"],
    9: ["sig"],
    10: ["nonce"],
    11: ["notify.doi", "notify.protoid", "spisize", "notify.msgtype", "spi"],
    12: ["delete.doi", "delete.protoid", "spisize", "spinum", "delete.spi"],
    13: ["vid_bytes"],
    1: ["sa.doi", "sa.situation"],
    2: ["prop.number", "prop.protoid", "spisize", "prop.transforms", "spi"],
    3: ["trans.number", "trans.id"],
    17: ["kd.num_pkt"],
    18: ["seq.seq"],
    20: ["ike.nat_hash"],
    6: ["cert.encoding"],
    7: ["certreq.type"],
}
"""The fields that are compared, by payload type and tshark's name; each as its octets in hex."""


# -- tshark's reading --------------------------------------------------------------------------------


def dissected(path: Path) -> list[ET.Element]:
    """The `isakmp` element of each frame that has one."""
    command = [TSHARK, "-r", str(path), "-d", "udp.port==848,isakmp", "-T", "pdml"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    return [proto for proto in ET.fromstring(done.stdout).iter("proto") if proto.get("name") == "isakmp"]


def name_of(element: ET.Element) -> str:
    return (element.get("name") or "").removeprefix("isakmp.")


def theirs_of(parent: ET.Element) -> list[Node]:
    return [their_payload(child) for child in parent if name_of(child) == "typepayload"]


def their_payload(element: ET.Element) -> Node:
    kind = int(element.get("show") or "0")
    node: Node = {"type": kind, "inner": theirs_of(element)}
    for child in element:
        name, value = name_of(child), child.get("value") or ""
        if name in ("nextpayload", "reserved", "payloadlength") and name not in node:
            node[name] = value
        elif name in LEAVES.get(kind, ()):
            node.setdefault(name, []).append(value)
        elif name in ("ike.attr", "ipsec.attr"):
            node.setdefault("attributes", []).append(their_attribute(child))
        elif name == "kd.payload":
            node.setdefault("packets", []).append(their_packet(child))
    return node


def their_attribute(element: ET.Element) -> tuple[str, str]:
    """Type (with the AF bit) and value, in hex."""
    found = {name_of(child).rpartition(".")[2]: child for child in element}
    return found["format"].get("unmaskedvalue") or "", (
        found["value"].get("value") or ""
    ) if "value" in found else ""


def their_packet(element: ET.Element) -> Node:
    found = {name_of(child): child.get("value") for child in element}
    attributes = [their_attribute(child) for child in element if name_of(child) == "key_download.attr"]
    return {
        "type": found["kd.payload.type"],
        "length": found["kd.payload.length"],
        "spi_size": found["kd.payload.spi_size"],
        "spi": found.get("kd.payload.spi", ""),
        "attributes": attributes,
    }


# -- the library's reading, in the same words --------------------------------------------------------


def ours_of(payloads: Iterable[Payload], rules: Rules) -> list[Node]:
    listed = list(payloads)
    after = [*(int(payload.kind) for payload in listed[1:]), 0]
    return [our_payload(payload, n, rules) for payload, n in zip(listed, after, strict=False)]


def our_payload(payload: Any, after: int, rules: Rules) -> Node:
    out = bytearray()
    codec(type(payload)).build(payload, out, rules)
    inner: Any = payload.proposals if isinstance(payload, SA) else getattr(payload, "transforms", ())
    node: Node = {
        "type": int(payload.kind),
        "inner": ours_of(inner, rules),
        "nextpayload": f"{after:02x}",
        "reserved": f"{payload.reserved:02x}",
        "payloadlength": f"{len(out) + 4:04x}",
    }
    node |= {name: value if isinstance(value, list) else [value] for name, value in leaves(payload).items()}
    if isinstance(payload, Transform) and payload.attributes:
        node["attributes"] = [our_attribute(item) for item in payload.attributes]
    if isinstance(payload, KeyDownload):
        node["packets"] = [our_packet(packet, rules) for packet in payload.key_packets]
    return node


def leaves(payload: Any) -> Node:
    match payload:
        case KeyExchange():
            return {"key_exchange.data": payload.key_exchange_data.hex()}
        case Identification():
            return {"id.type": f"{payload.id_type:02x}", "id.protoid": f"{payload.protocol_id:02x}",
                    "id.port": f"{payload.port:04x}"}  # fmt: skip
        case Hash():
            return {"hash": payload.hash_data.hex()}
        case Signature():
            return {"sig": payload.signature_data.hex()}
        case Nonce():
            return {"nonce": payload.nonce_data.hex()}
        case VendorID():
            return {"vid_bytes": payload.vendor_id.hex()}
        case NATDiscovery():
            return {"ike.nat_hash": payload.address_and_port_hash.hex()}
        case Notification():
            spi = {"spi": payload.spi.hex()} if payload.spi else {}
            return {"notify.doi": f"{payload.doi:08x}", "notify.protoid": f"{payload.protocol_id:02x}",
                    "spisize": f"{len(payload.spi):02x}", "notify.msgtype": f"{payload.notify_message_type:04x}",
                    **spi}  # fmt: skip
        case Delete():
            spis = {"delete.spi": [spi.hex() for spi in payload.spis]} if payload.spis else {}
            return {"delete.doi": f"{payload.doi:08x}", "delete.protoid": f"{payload.protocol_id:02x}",
                    "spisize": f"{len(payload.spis[0]) if payload.spis else 0:02x}",
                    "spinum": f"{len(payload.spis):04x}", **spis}  # fmt: skip
        case SA():
            return {"sa.doi": f"{payload.doi:08x}", "sa.situation": f"{payload.situation:08x}"}
        case Proposal():
            spi = {"spi": payload.spi.hex()} if payload.spi else {}
            return {"prop.number": f"{payload.proposal_number:02x}", "prop.protoid": f"{payload.protocol_id:02x}",
                    "spisize": f"{len(payload.spi):02x}", "prop.transforms": f"{len(payload.transforms):02x}",
                    **spi}  # fmt: skip
        case Transform():
            return {
                "trans.number": f"{payload.transform_number:02x}",
                "trans.id": f"{payload.transform_id:02x}",
            }
        case KeyDownload():
            return {"kd.num_pkt": f"{len(payload.key_packets):04x}"}
        case SequenceNumber():
            return {"seq.seq": f"{payload.sequence_number:08x}"}
        case Certificate():
            return {"cert.encoding": f"{payload.certificate_encoding:02x}"}
        case CertificateRequest():
            return {"certreq.type": f"{payload.certificate_type:02x}"}
    return {}


TV = {"LIFE_DURATION": False, "SA_LIFE_DURATION": False, "SID_VALUE": False}
"""By the RFCs' tables: basic are all here but the lifetimes, the keys and the LKH arrays."""


def our_attribute(item: Attribute) -> tuple[str, str]:
    kind: Any = item.type  # a member of the table's registry
    value, name = item.value, kind.name
    octets = value if isinstance(value, bytes) else None
    if item.basic if item.basic is not None else octets is None and TV.get(name, True):
        return f"{item.type | 0x8000:04x}", f"{int(value):04x}"
    text = octets.hex() if octets is not None else int(value).to_bytes(item.length or 4, "big").hex()
    return f"{item.type:04x}", text


def our_packet(packet: KeyPacket, rules: Rules) -> Node:
    out = bytearray()
    codec(KeyPacket).build(packet, out, rules)
    flat = [lkh_as_octets(item, rules) for item in packet.attributes]
    return {
        "type": f"{packet.kd_type:02x}",
        "length": f"{len(out):04x}",
        "spi_size": f"{len(packet.spi):02x}",
        "spi": packet.spi.hex(),
        "attributes": [our_attribute(item) for item in flat],
    }


def lkh_as_octets(item: Attribute, rules: Rules) -> Attribute:
    if not isinstance(item.value, LKHDownloadArray):
        return item
    out = bytearray()
    codec(LKHDownloadArray).build(item.value, out, rules)
    return item.replace(value=bytes(out))


# -- comparing ---------------------------------------------------------------------------------------


def unsound(payload: Payload) -> bool:
    """Whether tshark reads this payload wrong; then it, and what is in it, counts for nothing."""
    return isinstance(payload, GroupSA) or (isinstance(payload, SA) and payload.doi == GDOI.number)


def check(message: Message, proto: ET.Element) -> int:
    """Hold both readings of a message together. The number of payloads compared."""
    found = {name_of(child): child.get("value") for child in proto}
    assert found["ispi"] == message.initiator_cookie.hex()
    assert found["rspi"] == message.responder_cookie.hex()
    assert found["version"] == "10"
    assert found["exchangetype"] == f"{message.exchange_type:02x}"
    assert found["flags"] == f"{message.flags:02x}"
    assert found["messageid"] == f"{message.message_id:08x}"
    assert found["length"] == f"{len(message.build()) - 4 * message.non_esp_marker:08x}"
    if message.encrypted:
        (hidden,) = (child for child in proto if name_of(child) == "enc.data")
        assert int(hidden.get("size") or 0) == len(message.ciphertext)
        return 0
    first = int(message.payloads[0].kind) if message.payloads else 0
    assert found["nextpayload"] == f"{first:02x}"
    theirs, ours = theirs_of(proto), ours_of(message.payloads, message.rules)
    if SA_KEK in [payload.kind for payload in message.payloads]:  # a draft's NAT-D: it stops there
        last = [int(payload.kind) for payload in message.payloads].index(SA_KEK)
        theirs, ours = theirs[:last], ours[:last]
    assert len(theirs) == len(ours)
    compared = 0
    for payload, one, other in zip(message.payloads, ours, theirs, strict=False):
        if unsound(payload):
            assert [one[k] for k in ("type", "nextpayload", "payloadlength")] == [
                other[k] for k in ("type", "nextpayload", "payloadlength")
            ]
            continue
        assert one == other
        compared += 1
    return compared


@pytest.mark.parametrize(
    ("name", "payloads"),
    [
        ("ISAKMP_sa_setup.pcap", 18),
        ("ipsec-ikev1-isakmp-aggressive-mode.pcap", 23),
        ("ipsec.cap", 31),
        ("isakmp4500.pcap", 19),
    ],
)
def test_ikev1_captures(name: str, payloads: int) -> None:
    path = PCAPS / "ikev1" / name
    messages = []
    for datagram in read(path):
        port = 4500 if datagram.destination_port == 4500 else 500
        if port == 500 or datagram.octets[:4] == bytes(4):
            messages.append(gsakmp.parse(datagram.octets, port=port))
    protos = dissected(path)
    assert len(protos) == len(messages)
    assert sum(check(*pair) for pair in zip(messages, protos, strict=True)) == payloads


def on_the_wire(path: Path, octets: Iterable[bytes], port: int) -> list[ET.Element]:
    """tshark's reading of messages put into a capture file."""
    ends = {"source_address": "10.0.0.1", "destination_address": "10.0.0.2"}
    write(path, [Datagram(octets=o, source_port=port, destination_port=port, **ends) for o in octets])
    return dissected(path)


def test_gdoi_captures_in_the_clear(tmp_path: Path) -> None:
    """Phase 1, HASH, NONCE, ID, N, KD, SEQ, SIG and D of the GDOI sessions, their encryption undone."""
    found = [(octets, context) for octets, context in captured() if context.port == 848]
    messages = [gsakmp.parse(octets, dialect=context.dialect) for octets, context in found]
    protos = on_the_wire(tmp_path / "gdoi.pcap", (octets for octets, _ in found), 848)
    assert len(protos) == len(messages)
    compared = sum(check(*pair) for pair in zip(messages, protos, strict=True))
    assert compared > 100
    kinds = {type(p) for m in messages for p in m.payloads if not unsound(p)}
    assert {KeyDownload, SequenceNumber, Signature, GroupDelete, Nonce, Hash} <= kinds


IDENTITIES = [
    (1, IPv4Address("192.0.2.1"), 17, 500),
    (2, "host.example", 0, 0),
    (3, "user@example.net", 0, 0),
    (4, Subnet(IPv4Address("192.0.2.0"), IPv4Address("255.255.255.0")), 6, 80),
    (5, IPv6Address("2001:db8::1"), 0, 0),
    (6, Subnet(IPv6Address("2001:db8::"), IPv6Address("ffff:ffff::")), 0, 0),
    (7, AddressRange(IPv4Address("192.0.2.1"), IPv4Address("192.0.2.9")), 0, 0),
    (8, AddressRange(IPv6Address("2001:db8::1"), IPv6Address("2001:db8::9")), 0, 0),
    (11, b"\0\0\x04\xd2", 0, 0),
]


def quick_mode() -> Message:
    """Proposals for ESP with AH and IPCOMP, every attribute form, all ID types, notify, delete, certificates."""
    esp = tuple(
        ESPTransform(transform_number=n, transform_id=n, attributes=(
            Attribute(IPSEC.rules(32).attribute_table("IPsec").registry(1), 1),
            Attribute(IPSEC.rules(32).attribute_table("IPsec").registry(2), 28800 * n),
            Attribute(IPSEC.rules(32).attribute_table("IPsec").registry(4), 1),
            Attribute(IPSEC.rules(32).attribute_table("IPsec").registry(5), 2),
        ))
        for n in (3, 12)
    )  # fmt: skip
    proposals = (
        Proposal(proposal_number=1, protocol_id=3, spi=b"\x11\x22\x33\x44", transforms=esp),
        Proposal(proposal_number=1, protocol_id=2, spi=b"\x55\x66\x77\x88",
                 transforms=(AHTransform(transform_number=1, transform_id=3),)),
        Proposal(proposal_number=2, protocol_id=4, spi=b"\x12\x34",
                 transforms=(IPCOMPTransform(transform_number=1, transform_id=2),)),
    )  # fmt: skip
    identities = [
        Identification(id_type=kind, identification_data=value, protocol_id=protocol, port=port)
        for kind, value, protocol, port in IDENTITIES
    ]
    return Message(
        initiator_cookie=b"initiate",
        responder_cookie=b"response",
        exchange_type=32,
        message_id=0x01020304,
        doi=IPSEC,
        payloads=(
            Hash(bytes(range(20))),
            SA(doi=1, situation=1, proposals=proposals),
            Nonce(bytes(range(16))),
            KeyExchange(bytes(range(128))),
            *identities,
            Notification(
                doi=1, protocol_id=3, notify_message_type=24577, spi=b"\1\2\3\4", notification_data=1
            ),
            Delete(doi=1, protocol_id=3, spis=(b"abcd", b"efgh")),
            CertificateRequest(certificate_type=4),
            Signature(b"signature"),
            NATDiscovery(kind=20, address_and_port_hash=bytes(20)),
        ),
    )


def test_a_built_quick_mode(tmp_path: Path) -> None:
    message = quick_mode()
    (proto,) = on_the_wire(tmp_path / "quick.pcap", [message.build()], 500)
    parsed = gsakmp.parse(message.build(), port=500)
    assert check(parsed, proto) == len(parsed.payloads)
    data = [child for child in proto.iter("field") if name_of(child).startswith("id.data.")]
    shown = "".join((field.get("value") or "") for field in data)
    for kind, value, _, _ in IDENTITIES:
        assert kind == 11 or octets_of(value) in shown


def test_a_built_key_download(tmp_path: Path) -> None:
    """TEK, KEK, LKH and SID key packets: framing and attributes (their names are read wrong)."""
    table = GDOI.rules(33)
    keys = tuple(LKHKey(lkh_id=n, key_type=3, key_data=bytes(16)) for n in (7, 3, 1))
    packets = (
        KeyPacket(kd_type=1, spi=b"\1\2\3\4", attributes=(
            Attribute(table.attribute_table("key packet", 1).registry(1), bytes(range(16))),
            Attribute(table.attribute_table("key packet", 1).registry(2), bytes(range(20))))),
        KeyPacket(kd_type=2, spi=bytes(range(16)), attributes=(
            Attribute(table.attribute_table("key packet", 2).registry(1), bytes(range(32))),)),
        KeyPacket(kd_type=3, spi=bytes(range(16)), attributes=(
            Attribute(table.attribute_table("key packet", 3).registry(1), LKHDownloadArray(lkh_keys=keys)),)),
        KeyPacket(kd_type=4, attributes=(
            Attribute(table.attribute_table("key packet", 4).registry(1), 8),
            Attribute(table.attribute_table("key packet", 4).registry(2), 5))),
    )  # fmt: skip
    message = Message(
        exchange_type=33,
        doi=GDOI,
        payloads=(SequenceNumber(sequence_number=77), KeyDownload(key_packets=packets)),
    )
    (proto,) = on_the_wire(tmp_path / "kd.pcap", [message.build()], 848)
    assert check(gsakmp.parse(message.build()), proto) == 2


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    message = quick_mode()
    (proto,) = on_the_wire(tmp_path / "quick.pcap", [message.build()], 500)
    sa = message.payloads[1]
    assert isinstance(sa, SA)
    other = sa.replace(proposals=(sa.proposals[0].replace(transforms=(IKETransform(
        transform_number=3, transform_id=3),)),))  # fmt: skip
    with pytest.raises(AssertionError):
        check(message.replace(payloads=(message.payloads[0], other, *message.payloads[2:])), proto)
    with pytest.raises(AssertionError):
        check(message.replace(payloads=(Hash(bytes(20)), *message.payloads[1:])), proto)
