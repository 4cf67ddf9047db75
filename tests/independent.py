"""A second reading of ISAKMP and GDOI octets, written from the RFC texts alone.

It shares nothing with the library: no import, no table, no generated code. It is slow and obvious on
purpose, so that a test which compares the two compares two independent readings of the standards:
RFC 2408 section 3, RFC 2407 section 4.6, RFC 3947, RFC 6407 section 5, RFC 8052 section 2, RFC 8263,
and RFC 3547 section 5.7 for POP.

Numbers come back as `int`; everything else as lowercase hexadecimal text, so that a result prints and
compares as JSON does. Every payload is a dict with `type`, `reserved`, `length` and the fields of its
body under their RFC names in snake_case. Bad octets raise `ValueError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Payload = dict[str, Any]

GDOI = 2
GROUPKEY_PULL, GROUPKEY_PUSH = 32, 33  # RFC 6407, sections 3 and 4


class Cursor:
    """A position in octets: numbers in network order, or hexadecimal text, taken from the front."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.octets) - self.at

    def raw(self, size: int) -> bytes:
        if size > self.left:
            raise ValueError(f"{size} octets wanted at {self.at}, {self.left} left")
        self.at += size
        return self.octets[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.raw(size), "big")

    def hex(self, size: int) -> str:
        return self.raw(size).hex()

    def rest(self) -> str:
        return self.hex(self.left)


def read_message(octets: bytes, doi: int, daemon: bool = False) -> Payload:
    """The ISAKMP header (RFC 2408, 3.1) and, unless the E bit is set, the payloads behind it.

    `payloads` holds the chain, `leftover` what follows it inside Length (padding), `encrypted` the
    octets that the E bit hides. Octets beyond Length are an error.
    """
    cursor = Cursor(octets)
    message: Payload = {
        "initiator_cookie": cursor.hex(8),
        "responder_cookie": cursor.hex(8),
        "next_payload": cursor.number(1),
    }
    version = cursor.number(1)
    message["major_version"] = version // 16
    message["minor_version"] = version % 16
    message["exchange_type"] = cursor.number(1)
    message["flags"] = cursor.number(1)
    message["message_id"] = cursor.number(4)
    message["length"] = cursor.number(4)
    if message["length"] != len(octets):
        raise ValueError(f"header says {message['length']} octets, there are {len(octets)}")
    body = cursor.raw(cursor.left)
    message["payloads"], message["leftover"], message["encrypted"] = [], "", ""
    if message["flags"] & 1:
        message["encrypted"] = body.hex()
        return message
    payloads, leftover = read_chain(message["next_payload"], body, doi, message["exchange_type"], daemon)
    message["payloads"], message["leftover"] = payloads, leftover.hex()
    return message


def read_chain(
    first_payload_type: int, octets: bytes, doi: int, exchange: int, daemon: bool = False
) -> tuple[list[Payload], bytes]:
    """Follow next-payload links until one is zero (RFC 2408, 3.2); also return the octets behind it.

    `doi` is the DOI of the exchange and decides what types 15 to 22 mean; `exchange` with it decides
    the form of the SA payload. `daemon` undoes what the open GDOI daemon does differently on a
    little-endian host: 6 reserved octets behind the SAK's SPI, SAT IPv4 addresses and masks and the
    group identifier in host order; and reads its early encoding of IEC 61850-90-5 (codes 161 and 192).
    Its SAT ports are right. (Its release of 2003 has the addresses right and the SAT ports reversed.)
    """
    payloads: list[Payload] = []
    cursor = Cursor(octets)
    payload_type = first_payload_type
    while payload_type != 0:
        next_payload = cursor.number(1)
        payload: Payload = {"type": payload_type, "reserved": cursor.number(1), "length": cursor.number(2)}
        if payload["length"] < 4:
            raise ValueError(f"payload length {payload['length']} is shorter than its own header")
        body = Cursor(cursor.raw(payload["length"] - 4))
        read_body(payload, body, doi, exchange, daemon)
        if body.left:
            raise ValueError(f"{body.left} octets left over in payload {payload_type}")
        payloads.append(payload)
        payload_type = next_payload
    return payloads, cursor.raw(cursor.left)


def read_body(payload: Payload, body: Cursor, doi: int, exchange: int, daemon: bool) -> None:
    """Add the fields of one payload's body. An unknown type keeps its octets under `data`."""
    kind = payload["type"]
    if kind == 1 and doi == GDOI and exchange in (GROUPKEY_PULL, GROUPKEY_PUSH):
        read_gdoi_sa(payload, body, doi, exchange, daemon)
    elif kind == 1:
        read_sa(payload, body, doi, exchange)
    elif kind == 2:
        read_proposal(payload, body, doi, exchange)
    elif kind == 5:
        read_id(payload, body, doi, daemon)
    elif kind in SIMPLE:
        SIMPLE[kind](payload, body)
    elif doi == GDOI and kind in GDOI_BODIES:
        GDOI_BODIES[kind](payload, body, daemon)
    else:
        payload["data"] = body.rest()


def read_attributes(body: Cursor) -> list[Payload]:
    """Data attributes to the end (RFC 2408, 3.3): AF 1 has a value of 2 octets, AF 0 a length and a value."""
    attributes = []
    while body.left:
        first = body.number(2)
        attribute: Payload = {"af": first >> 15, "type": first & 0x7FFF}
        attribute["value"] = body.number(2) if attribute["af"] else body.hex(body.number(2))
        attributes.append(attribute)
    return attributes


# RFC 2408 and 2407: negotiation


def read_sa(payload: Payload, body: Cursor, doi: int, exchange: int) -> None:
    """RFC 2408, 3.4 with the situation of RFC 2407, 4.6.1."""
    payload["doi"] = body.number(4)
    payload["situation"] = body.number(4)
    if payload["doi"] == 1 and payload["situation"] & 0x06:  # SIT_SECRECY, SIT_INTEGRITY
        payload["labeled_domain_identifier"] = body.number(4)
        for name in ("secrecy", "integrity"):
            if payload["situation"] & {"secrecy": 0x02, "integrity": 0x04}[name]:
                read_label(payload, body, name)
    payload["proposals"], leftover = read_chain(2, body.raw(body.left), doi, exchange)
    expect_only(payload["proposals"], 2)
    if leftover:
        raise ValueError(f"{len(leftover)} octets behind the last proposal")


def read_label(payload: Payload, body: Cursor, name: str) -> None:
    """A level (length in octets) and a category bitmap (length in bits), each padded to 32 bits."""
    for part, bits_each in ((f"{name}_level", 8), (f"{name}_category_bitmap", 1)):
        length_name = part.replace("_level", "_length").replace("_bitmap", "_length")
        payload[length_name] = body.number(2)
        payload[f"{part}_reserved"] = body.number(2)
        octets = (payload[length_name] * bits_each + 7) // 8
        payload[part] = body.hex(octets)
        payload[f"{part}_padding"] = body.hex(-octets % 4)


def read_proposal(payload: Payload, body: Cursor, doi: int, exchange: int) -> None:
    """RFC 2408, 3.5: the transforms are inside the proposal's length and are counted."""
    payload["proposal_number"] = body.number(1)
    payload["protocol_id"] = body.number(1)
    payload["spi_size"] = body.number(1)
    payload["number_of_transforms"] = body.number(1)
    payload["spi"] = body.hex(payload["spi_size"])
    inner = body.raw(body.left)
    payload["transforms"], leftover = read_chain(3, inner, doi, exchange) if inner else ([], b"")
    expect_only(payload["transforms"], 3)
    if leftover or len(payload["transforms"]) != payload["number_of_transforms"]:
        raise ValueError(f"not {payload['number_of_transforms']} transforms exactly")


def expect_only(payloads: list[Payload], kind: int) -> None:
    if any(payload["type"] != kind for payload in payloads):
        raise ValueError(f"a payload other than {kind} in this place")


def read_transform(payload: Payload, body: Cursor) -> None:
    """RFC 2408, 3.6."""
    payload["transform_number"] = body.number(1)
    payload["transform_id"] = body.number(1)
    payload["reserved2"] = body.number(2)
    payload["attributes"] = read_attributes(body)


# RFC 2408, 3.7 to 3.16 and RFC 3947: bodies that need no context


def read_opaque(name: str) -> Callable[[Payload, Cursor], None]:
    def read(payload: Payload, body: Cursor) -> None:
        payload[name] = body.rest()

    return read


def read_certificate(payload: Payload, body: Cursor) -> None:
    payload["cert_encoding"] = body.number(1)
    payload["certificate_data"] = body.rest()


def read_certificate_request(payload: Payload, body: Cursor) -> None:
    payload["cert_type"] = body.number(1)
    payload["certificate_authority"] = body.rest()


def read_notification(payload: Payload, body: Cursor) -> None:
    """RFC 2408, 3.14."""
    payload["doi"] = body.number(4)
    payload["protocol_id"] = body.number(1)
    payload["spi_size"] = body.number(1)
    payload["notify_message_type"] = body.number(2)
    payload["spi"] = body.hex(payload["spi_size"])
    payload["notification_data"] = body.rest()


def read_delete(payload: Payload, body: Cursor) -> None:
    """RFC 2408, 3.15."""
    payload["doi"] = body.number(4)
    payload["protocol_id"] = body.number(1)
    payload["spi_size"] = body.number(1)
    payload["number_of_spis"] = body.number(2)
    payload["spis"] = [body.hex(payload["spi_size"]) for _ in range(payload["number_of_spis"])]


def read_nat_oa(payload: Payload, body: Cursor) -> None:
    """RFC 3947, 5.2: two reserved fields, of 1 and 2 octets, then an address of the ID type's size."""
    payload["id_type"] = body.number(1)
    payload["reserved2"] = body.number(1)
    payload["reserved3"] = body.number(2)
    payload["address"] = body.hex({1: 4, 5: 16}.get(payload["id_type"], body.left))


SIMPLE: dict[int, Callable[[Payload, Cursor], None]] = {
    3: read_transform,
    4: read_opaque("key_exchange_data"),
    6: read_certificate,
    7: read_certificate_request,
    8: read_opaque("hash_data"),
    9: read_opaque("signature_data"),
    10: read_opaque("nonce_data"),
    11: read_notification,
    12: read_delete,
    13: read_opaque("vendor_id"),
    20: read_opaque("hash"),
    21: read_nat_oa,
}


# Identification: RFC 2407, 4.6.2; RFC 6407, 5.1; RFC 8052, 2.1

ID_PARTS = {
    1: (("address", 4),),
    4: (("address", 4), ("mask", 4)),
    5: (("address", 16),),
    6: (("address", 16), ("mask", 16)),
    7: (("first_address", 4), ("last_address", 4)),
    8: (("first_address", 16), ("last_address", 16)),
}


def read_id(payload: Payload, body: Cursor, doi: int, daemon: bool) -> None:
    """The three octets behind ID Type are given both ways: one field (2408), protocol and port (2407)."""
    payload["id_type"] = body.number(1)
    specific = body.raw(3)
    payload["doi_specific_id_data"] = specific.hex()
    payload["protocol_id"] = specific[0]
    payload["port"] = int.from_bytes(specific[1:], "big")
    data = body.raw(body.left)
    payload["identification_data"] = data.hex()
    parts = Cursor(data)
    for name, size in ID_PARTS.get(payload["id_type"], ()):
        payload[name] = parts.hex(size)
    if payload["id_type"] in (2, 3):
        payload["name"] = data.decode("ascii", "backslashreplace")
        return
    if payload["id_type"] == 11 and doi == GDOI and len(data) == 4:
        # The daemon copies its integer as it stands in memory.
        payload["group_identifier"] = int.from_bytes(data, "little" if daemon else "big")
    if payload["id_type"] == 13:
        read_oid(payload, parts)
    elif payload["id_type"] == 161 and daemon:
        read_early_id(payload, parts)
    elif payload["id_type"] not in ID_PARTS:
        return
    if parts.left:
        raise ValueError(f"{parts.left} octets left over in an ID of type {payload['id_type']}")


def read_oid(fields: Payload, body: Cursor) -> None:
    """The selector that RFC 8052's ID (figure 2) and SA TEK (figure 4) share."""
    fields["oid_length"] = body.number(1)
    fields["oid"] = body.hex(fields["oid_length"])
    fields["oid_specific_payload_length"] = body.number(2)
    fields["oid_specific_payload"] = body.hex(fields["oid_specific_payload_length"])


def read_early_id(payload: Payload, body: Cursor) -> None:
    """The daemon's draft of IEC 61850-90-5: one tag, a length over everything, a dotted OID in ASCII."""
    payload["early_id"] = body.number(1)
    payload["early_payload_length"] = body.number(2)
    if payload["early_payload_length"] != len(body.octets):
        raise ValueError(f"inner length {payload['early_payload_length']}, data {len(body.octets)}")
    payload["early_tag"] = body.number(1)
    payload["early_oid"] = body.raw(body.number(1)).decode("ascii")


# RFC 6407, section 5: the group's SA and its attribute payloads


def read_gdoi_sa(payload: Payload, body: Cursor, doi: int, exchange: int, daemon: bool) -> None:
    """RFC 6407, 5.2: a chain of SAK, GAP and SAT payloads, named by a next-payload field of 2 octets."""
    payload["doi"] = body.number(4)
    payload["situation"] = body.number(4)
    payload["sa_attribute_next_payload"] = body.number(2)
    payload["reserved2"] = body.number(2)
    inner = body.raw(body.left)
    payload["sa_attributes"], leftover = read_chain(
        payload["sa_attribute_next_payload"], inner, doi, exchange, daemon
    )
    if any(attribute["type"] not in (15, 16, 22) for attribute in payload["sa_attributes"]):
        raise ValueError("a payload among the SA attributes that is none of SAK, SAT and GAP")
    if leftover:
        raise ValueError(f"{len(leftover)} octets behind the last SA attribute payload")


def read_selectors(payload: Payload, body: Cursor, host_order: bool = False) -> None:
    """Protocol, source and destination as figures 5 and 8 draw them (errata 3598: no DST ID Prot)."""
    payload["protocol"] = body.number(1)
    for end in ("src", "dst"):
        payload[f"{end}_id_type"] = body.number(1)
        payload[f"{end}_id_port"] = body.number(2)
        data = body.raw(body.number(1))
        if host_order and payload[f"{end}_id_type"] in (1, 4, 7):
            data = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
        payload[f"{end}_id_data"] = data.hex()


def read_sak(payload: Payload, body: Cursor, daemon: bool) -> None:
    """RFC 6407, 5.3."""
    read_selectors(payload, body)
    payload["spi"] = body.hex(16)
    payload["reserved2"] = body.number(6 if daemon else 4)
    payload["attributes"] = read_attributes(body)


def read_gap(payload: Payload, body: Cursor, daemon: bool) -> None:
    """RFC 6407, 5.4."""
    payload["attributes"] = read_attributes(body)


def read_sat(payload: Payload, body: Cursor, daemon: bool) -> None:
    """RFC 6407, 5.5; protocol 3 is RFC 8052, 2.2."""
    payload["protocol_id"] = body.number(1)
    if payload["protocol_id"] in (1, 2):
        read_selectors(payload, body, host_order=daemon)
        payload["transform_id"] = body.number(1)
        payload["spi"] = body.hex(4)
        payload["attributes"] = read_attributes(body)
    elif payload["protocol_id"] == 3:
        read_oid(payload, body)
        payload["spi"] = body.hex(4)
        payload["auth_alg"] = body.number(2)
        payload["enc_alg"] = body.number(2)
        payload["remaining_lifetime_value"] = body.number(4)
        payload["attributes"] = read_attributes(body)
    elif payload["protocol_id"] == 161 and daemon:
        payload["early_tag"] = body.number(1)
        payload["early_oid"] = body.raw(body.number(2)).decode("ascii")
        payload["spi"] = body.hex(1)
        read_early_policy(payload, body, reserved_octets=1)
    else:
        payload["protocol_specific_payload"] = body.rest()


def read_early_policy(fields: Payload, body: Cursor, reserved_octets: int) -> None:
    """Lifetime and authentication as the draft had them, in its SAT and again in its KD attribute."""
    fields["lifetime_id"] = body.number(1)
    fields["lifetime_v"] = body.number(1)
    fields["lifetime_reserved"] = body.number(reserved_octets)
    fields["lifetime"] = body.number(4)
    fields["auth_alg_id"] = body.number(1)
    fields["auth_alg"] = body.number(2)
    fields["key_length"] = body.number(2)


# RFC 6407, 5.6 and 5.7: keys and the sequence number


def read_kd(payload: Payload, body: Cursor, daemon: bool) -> None:
    """RFC 6407, 5.6: a counted list of key packets, each with a length of its own."""
    payload["number_of_key_packets"] = body.number(2)
    payload["reserved2"] = body.number(2)
    payload["key_packets"] = [read_key_packet(body, daemon) for _ in range(payload["number_of_key_packets"])]


def read_key_packet(body: Cursor, daemon: bool) -> Payload:
    packet: Payload = {"type": body.number(1), "reserved": body.number(1), "length": body.number(2)}
    if packet["length"] < 5:
        raise ValueError(f"key packet length {packet['length']} is shorter than its own header")
    inner = Cursor(body.raw(packet["length"] - 4))
    packet["spi_size"] = inner.number(1)
    packet["spi"] = inner.hex(packet["spi_size"])
    packet["attributes"] = read_attributes(inner)
    for attribute in packet["attributes"]:
        if packet["type"] == 3 and attribute["af"] == 0 and attribute["type"] in (1, 2):
            attribute["lkh"] = read_lkh(attribute["value"], update=attribute["type"] == 2)
        if packet["type"] == 1 and attribute["type"] == 192 and daemon:
            attribute["early"] = read_early_key(attribute["value"])
    return packet


def read_lkh(value: str, update: bool) -> Payload:
    """RFC 6407, 5.6.3.1 and 5.6.3.2. No key has a length: what follows is shared equally by the count."""
    body = Cursor(bytes.fromhex(value))
    lkh: Payload = {
        "lkh_version": body.number(1),
        "number_of_lkh_keys": body.number(2),
        "reserved": body.number(1),
    }
    if update:
        lkh["lkh_id"], lkh["reserved2"], lkh["key_handle"] = body.number(2), body.number(2), body.number(4)
    count = lkh["number_of_lkh_keys"]
    if body.left % count if count else body.left:
        raise ValueError(f"{body.left} octets can't be {count} LKH keys of one length")
    size = body.left // count if count else 0
    lkh["lkh_keys"] = [read_lkh_key(Cursor(body.raw(size))) for _ in range(count)]
    return lkh


def read_lkh_key(body: Cursor) -> Payload:
    return {
        "lkh_id": body.number(2),
        "key_type": body.number(1),
        "reserved": body.number(1),
        "key_creation_date": body.number(4),
        "key_expiration_date": body.number(4),
        "key_handle": body.number(4),
        "key_data": body.rest(),
    }


def read_early_key(value: str) -> Payload:
    body = Cursor(bytes.fromhex(value))
    fields: Payload = {}
    read_early_policy(fields, body, reserved_octets=2)
    fields["key"] = body.hex(fields["key_length"])
    if body.left:
        raise ValueError(f"{body.left} octets behind the key")
    return fields


def read_sequence_number(payload: Payload, body: Cursor, daemon: bool) -> None:
    """RFC 6407, 5.7: the length MUST be 8."""
    payload["sequence_number"] = body.number(4)


def read_pop(payload: Payload, body: Cursor, daemon: bool) -> None:
    """RFC 3547, 5.7: the form of a Signature payload."""
    payload["signature_data"] = body.rest()


GDOI_BODIES: dict[int, Callable[[Payload, Cursor, bool], None]] = {
    15: read_sak,
    16: read_sat,
    17: read_kd,
    18: read_sequence_number,
    19: read_pop,
    22: read_gap,
}
