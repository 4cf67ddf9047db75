"""Messages as JSON text, at once: what `gsakmp.message.plain` gives as dicts and lists, encoded.

For messages as `parse` gives them. The text is the same, octet for octet, as that of `Message.to_json`, which
takes the values of any message and checks them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from gsakmp.doi import DOI, STANDARD
from gsakmp.message.header import HEADER_OCTETS, NON_ESP_MARKER
from gsakmp.registries import HeaderFlag
from gsakmp.wire import AUTO
from gsakmp.wire.plain import number_plain
from gsakmp.wire.text import elements_text, json_text, numbers

if TYPE_CHECKING:
    from gsakmp.message.model import Message

__all__ = ["message_text"]

FLAGS: Final = numbers(HeaderFlag, True)
BODY: Final = 2 * HEADER_OCTETS
"""Hex digits before the body."""


@cache
def names_of(doi: DOI) -> tuple[str, tuple[str, ...]]:
    """The name of a domain, and those of its exchanges by number, as JSON text."""
    exchanges = [number_plain(member, type(member)) for member in doi.exchange_types]
    return json_text(doi.name), tuple(map(json_text, exchanges))


def message_text(message: Message, octets: str | None = None) -> str:
    """A message that `parse` gave, with its plaintext or without, as JSON text. `octets` is its datagram in
    hex, if the caller has that already."""
    doi, names = names_of(message.doi)
    rest = end = ""
    if message.dialect is not STANDARD and message.dialect != STANDARD:
        rest = f',"dialect":{json_text(message.dialect.name)}'
    if message.next_payload is not AUTO:
        rest += f',"next_payload":{message.next_payload:d}'
    if message.length is not AUTO:
        rest += f',"length":{message.length:d}'
    payloads, ciphertext = message.payloads, message.ciphertext
    at = 2 * len(NON_ESP_MARKER) if message.non_esp_marker else 0
    if octets is None:
        octets = (bytes(at // 2) + header_octets(message)).hex()
        hexed = ciphertext.hex()
    else:
        hexed = octets[at + BODY : at + BODY + 2 * len(ciphertext)]
    if ciphertext:
        end = f',"ciphertext":"{hexed}"'
    if message.padding:
        end += f',"padding":"{message.padding.hex()}"'
    if message.trailing:
        end += f',"trailing":"{message.trailing.hex()}"'
    if at:
        end += ',"non_esp_marker":true'
    return (
        f'{{"doi":{doi},"initiator_cookie":"{octets[at : at + 16]}",'
        f'"responder_cookie":"{octets[at + 16 : at + 32]}",'
        f'"version":"{message.major_version}.{message.minor_version}",'
        f'"exchange_type":{names[message.exchange_type]},"flags":{FLAGS[message.flags]},'
        f'"message_id":"{octets[at + 40 : at + 48]}"{rest},'
        f'"payloads":{elements_text(payloads, message.rules) if payloads else "[]"}{end}}}'
    )


def header_octets(message: Message) -> bytes:
    """The header with what of it is copied: cookies and message ID (RFC 2408, 3.1)."""
    cookies = message.initiator_cookie + message.responder_cookie
    return cookies + bytes(4) + message.message_id.to_bytes(4, "big")
