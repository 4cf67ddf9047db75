"""From the octets of a datagram straight to a message's JSON text, where nothing about it is unusual."""

from __future__ import annotations

from functools import cache
from typing import Final

from gsakmp.doi import BY_PORT, DOI, IKEV2, IPSEC
from gsakmp.message.header import (
    ENCRYPTED,
    FIRST_OWN_EXCHANGE,
    HEADER,
    HEADER_OCTETS,
    NAT_TRAVERSAL_PORT,
    NON_ESP_MARKER,
    SA,
    VERSION_1_0,
    doi_of_sa,
)
from gsakmp.message.text import FLAGS, names_of
from gsakmp.wire.quick import QuickRules, read_chain
from gsakmp.wire.rules import Rules

__all__ = ["quick_text"]

unpack = HEADER.unpack_from

VERSION_2_0: Final = 0x20
ALIKE: Final = frozenset({1, 13, 33, 43})
"""Security Association and Vendor ID in IKEv1 (RFC 2408, 3.1) and IKEv2 (RFC 7296, 3.2): a peer proposes and
claims the same in every session."""


@cache
def quick_rules(rules: Rules) -> QuickRules:
    return QuickRules(rules, ALIKE)


def quick_text(octets: bytes, hexed: str, port: int, doi: DOI | None = None) -> tuple[DOI, int, str] | None:
    """The domain, the exchange type and the JSON text of a message: what `message_text` gives of what `parse`
    gives of the same, in the standard dialect. None for whatever is malformed or unusual: ask them.

    `hexed` is `octets` in hex; `port` and `doi` are as for `parse`.
    """
    at, end, rest = 0, len(octets), ""
    if port == NAT_TRAVERSAL_PORT:
        if octets[: len(NON_ESP_MARKER)] != NON_ESP_MARKER:
            return None
        at, rest = len(NON_ESP_MARKER), ',"non_esp_marker":true'
    if end - at < HEADER_OCTETS:
        return None
    _, _, kind, version, exchange, flags, _, length = unpack(octets, at)
    if at + length != end:
        return None
    if version == VERSION_2_0:
        doi, sealed = IKEV2, 0
    elif version == VERSION_1_0:
        sealed = flags & ENCRYPTED
    else:
        return None
    if doi is None:
        doi = BY_PORT.get(port, IPSEC)
        if kind == SA and not sealed and exchange < FIRST_OWN_EXCHANGE:
            doi = doi_of_sa(octets, at, doi)
    link, payloads, digits = "", "", 2 * at
    body = digits + 2 * HEADER_OCTETS
    if sealed:
        link = f',"next_payload":{kind}'
        rest = f',"ciphertext":"{hexed[body:]}"{rest}' if len(hexed) > body else rest
    elif kind:
        rules = quick_rules(doi.standard_rules[exchange])
        try:
            items, place = read_chain(
                "payloads", kind, rules.chains["payloads"], octets, at + HEADER_OCTETS, end, rules
            )
        except Exception:  # whatever it is, the parser says it better
            return None
        if place != end:
            return None
        payloads = ",".join(items)
    elif at + HEADER_OCTETS != end:
        return None
    name, exchanges = names_of(doi)
    return doi, exchange, (
        f'{{"doi":{name},"initiator_cookie":"{hexed[digits : digits + 16]}",'
        f'"responder_cookie":"{hexed[digits + 16 : digits + 32]}","version":"{version >> 4}.0",'
        f'"exchange_type":{exchanges[exchange]},"flags":{FLAGS[flags]},'
        f'"message_id":"{hexed[digits + 40 : digits + 48]}"{link},"payloads":[{payloads}]{rest}}}'
    )  # fmt: skip
