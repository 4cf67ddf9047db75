"""Key files of other programs, read as they are: Wireshark's tables, strongSwan's and libreswan's logs.

What each has, as its own output shows:

- Wireshark's ``ikev1_decryption_table`` has the initiator's cookie and the encryption key, with a comma
  between; strongSwan's save-keys plugin writes the same. Its ``esp_sa`` has a line for each direction of an
  ESP SA.
- charon, with ``ike`` at level 4 in its log, dumps g^xy, SKEYID, its children and the encryption key of each
  ISAKMP SA. The cookies stand in no line about those; they lead the NAT detection of the same SA
  (``natd_chunk``), which the same thread makes shortly before or after. Where there is none the secrets get a
  label, and are tried on every SA.
- pluto of today's libreswan logs no IKEv1 key but the pre-shared key itself, with the identities that it is
  for; its older releases, and Openswan, dump SKEYID, its children and the encryption key, too.

The readers pass over everything else, so that a whole log can be given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gsakmp.captures.keyring import Kind, Secret
from gsakmp.errors import ConfigurationError

__all__ = [
    "ESP_LINE",
    "LIBRESWAN_LINE",
    "STRONGSWAN_LINE",
    "TABLE_LINE",
    "libreswan",
    "strongswan",
    "wireshark",
]

Numbered = tuple[int, str]
Found = Iterator[tuple[int, Secret]]

TABLE_LINE: Final = re.compile(r'"?([0-9a-fA-F]{16})"?\s*,\s*"?((?:[0-9a-fA-F]{2})+)"?')
ESP_LINE: Final = re.compile(r'"(?:Any|IPv4|IPv6)","[^"]*","[^"]*","')
ESP_FIELDS: Final = 8
COOKIE: Final = 8


# -- Wireshark -------------------------------------------------------------------------------------------


def wireshark(lines: Iterable[Numbered], name: str) -> Found:
    """``ikev1_decryption_table`` or ``esp_sa``. Raises `ConfigurationError` for a line that is neither."""
    for number, text in lines:
        stripped = text.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            yield from ((number, secret) for secret in _table_line(stripped))
        except ConfigurationError as error:
            raise ConfigurationError(f"{name}, line {number}: {error}") from None


def _table_line(text: str) -> Iterator[Secret]:
    found = TABLE_LINE.fullmatch(text)
    if found:
        yield Secret(Kind.ENCRYPTION_KEY, found[1].lower(), bytes.fromhex(found[2]))
        return
    if not ESP_LINE.match(text):
        raise ConfigurationError("neither an initiator's cookie and a key nor an ESP SA")
    fields = re.findall(r'"([^"]*)"', text)
    if len(fields) != ESP_FIELDS or not re.fullmatch(r"0x[0-9a-fA-F]{8}", fields[3]):
        raise ConfigurationError(f"an ESP SA has {ESP_FIELDS} fields, the fourth an SPI with 8 hex digits")
    for kind, key in ((Kind.TEK, fields[5]), (Kind.TEK_INTEGRITY, fields[7])):
        if not re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*|", key):
            raise ConfigurationError("a key that is not hexadecimal behind 0x")
        if len(key) > len("0x"):
            yield Secret(kind, fields[3][2:].lower(), bytes.fromhex(key[2:]))


# -- strongSwan ------------------------------------------------------------------------------------------

STRONGSWAN_LINE: Final = re.compile(
    r"(?:^|\s)(\d+)\[IKE\]\s+(?:<[^<>]*>\s+)?"
    r"(shared Diffie Hellman secret|SKEYID(?:_[dae])?|encryption key Ka|natd_chunk) => (\d+) bytes"
)
DUMP_LINE: Final = re.compile(
    r"(?:^|\s)(\d+)\[IKE\]\s+(?:<[^<>]*>\s+)?\d+: ((?:[0-9A-F]{2} ){0,15}[0-9A-F]{2})(?:\s|$)"
)
CHARON_KINDS: Final = {
    "shared Diffie Hellman secret": Kind.DH_SHARED,
    "SKEYID": Kind.SKEYID,
    "SKEYID_d": Kind.SKEYID_D,
    "SKEYID_a": Kind.SKEYID_A,
    "SKEYID_e": Kind.SKEYID_E,
    "encryption key Ka": Kind.ENCRYPTION_KEY,
}
LONGEST_DUMP: Final = 4096
SIZE_DIGITS: Final = len(str(LONGEST_DUMP)) + 1
"""Digits of a dump's size that are read; with so many it is too long, however many follow."""
THREADS: Final = 1024
"""Threads of charon; it has 16 unless it is told to have more."""
WAITING: Final = 64
"""Keys of one thread that wait for their cookies; an SA has six."""


@dataclass(slots=True)
class Thread:
    """What one of charon's threads is about."""

    what: str = ""
    """The dump that is under way, empty for none."""
    missing: int = 0
    octets: bytearray = field(default_factory=bytearray)
    cookies: str = ""
    """Those of the last NAT detection that no keys have used."""
    used: str = ""
    """Those of the last keys."""
    waiting: list[tuple[int, Kind, bytes]] = field(default_factory=list)
    """Keys that wait for their cookies."""


def strongswan(lines: Iterable[Numbered], name: str) -> Found:
    """charon's log with ``ike`` at level 4."""
    threads: dict[str, Thread] = {}
    labels = 0
    for number, text in lines:
        found = STRONGSWAN_LINE.search(text)
        if found:
            thread = threads.setdefault(found[1], Thread())
            if len(threads) > THREADS:
                raise ConfigurationError(f"{name}, line {number}: more than {THREADS} threads")
            size = int(found[3][:SIZE_DIGITS])
            thread.what = found[2] if size <= LONGEST_DUMP else ""
            thread.missing, thread.octets = size, bytearray()
            begins = found[2] == "shared Diffie Hellman secret" and thread.waiting
            if begins or len(thread.waiting) >= WAITING:
                labels += 1
                yield from _named(thread, f"*strongswan{labels}")
            continue
        dump = DUMP_LINE.search(text)
        thread = threads.get(dump[1], Thread()) if dump else Thread()
        if not dump or not thread.what:
            continue
        thread.octets += bytes.fromhex(dump[2])
        if len(thread.octets) >= thread.missing:
            yield from _dumped(thread, number)
    for thread in threads.values():
        labels += 1
        yield from _named(thread, f"*strongswan{labels}")


def _dumped(thread: Thread, number: int) -> Found:
    """A dump is whole."""
    what, octets = thread.what, bytes(thread.octets[: thread.missing])
    thread.what = ""
    if what != "natd_chunk":
        thread.waiting.append((number, CHARON_KINDS[what], octets))
        if what == "encryption key Ka" and thread.cookies:
            yield from _named(thread, thread.cookies)
        return
    cookies = f"{octets[:COOKIE].hex()}:{octets[COOKIE : 2 * COOKIE].hex()}"
    if len(octets) < 2 * COOKIE or cookies == thread.used or not any(octets[COOKIE : 2 * COOKIE]):
        return
    thread.cookies = cookies
    if any(kind is Kind.ENCRYPTION_KEY for _, kind, _ in thread.waiting):
        yield from _named(thread, cookies)


def _named(thread: Thread, name: str) -> Found:
    for number, kind, octets in thread.waiting:
        yield from _secret(number, kind, name, octets)
    thread.waiting.clear()
    thread.used, thread.cookies = name, ""


# -- libreswan -------------------------------------------------------------------------------------------

PREFIX: Final = r"(?:^|\s|: )\| "
LIBRESWAN_LINE: Final = re.compile(
    PREFIX + r"(?:(?:PreShared Key|[Ss]keyid(?:_[dae])?:|enc key:|DH shared[- ]secret:?)\s*$"
    r"|\*\*parse ISAKMP Message|lsw_get_secret\(\) using IDs)"
)
TITLE: Final = re.compile(PREFIX + r"(PreShared Key|[Ss]keyid(?:_[dae])?|enc key|DH shared[- ]secret):?\s*$")
IDENTITIES: Final = re.compile(PREFIX + r"lsw_get_secret\(\) using IDs for (\S+)->(\S+) of kind")
SPI_LINE: Final = re.compile(PREFIX + r"\s*(initiator|responder) SPI:\s+((?:[0-9a-f]{2}\s+){7}[0-9a-f]{2})")
OLD_COOKIE: Final = re.compile(PREFIX + r"\s*([IR])(?:COOKIE|-COOKIE):\s+((?:[0-9a-f]{2}\s+){7}[0-9a-f]{2})")
OCTETS_LINE: Final = re.compile(PREFIX + r" +((?:[0-9a-f]{2}\s{1,2}){0,15}[0-9a-f]{2})(?:\s{3}|\s*$)")
PLUTO_KINDS: Final = {
    "skeyid": Kind.SKEYID,
    "skeyid_d": Kind.SKEYID_D,
    "skeyid_a": Kind.SKEYID_A,
    "skeyid_e": Kind.SKEYID_E,
    "enc key": Kind.ENCRYPTION_KEY,
    "dh shared secret": Kind.DH_SHARED,
}


def libreswan(lines: Iterable[Numbered], name: str) -> Found:
    """pluto's log."""
    cookies = {"i": "", "r": ""}
    peer, title, octets, began = "*", "", bytearray(), 0
    for number, text in lines:
        dump = OCTETS_LINE.search(text) if title else None
        if dump:
            octets += bytes.fromhex(dump[1])
            continue
        if title:
            yield from _pluto(began, title, bytes(octets), peer, cookies)
            title = ""
        if found := TITLE.search(text):
            title, octets, began = found[1].lower().replace("-", " "), bytearray(), number
        elif found := IDENTITIES.search(text):
            peer = _identity(found[2])
        elif found := SPI_LINE.search(text) or OLD_COOKIE.search(text):
            cookies[found[1][0].lower()] = "".join(found[2].split())
    if title:
        yield from _pluto(began, title, bytes(octets), peer, cookies)


def _pluto(number: int, title: str, octets: bytes, peer: str, cookies: dict[str, str]) -> Found:
    if not octets or len(octets) > LONGEST_DUMP:
        return
    if title == "preshared key":
        yield from _secret(number, Kind.PSK, peer, octets)
        return
    # Before it has answered, the responder's cookie is not in what it has parsed.
    initiator, responder = cookies["i"], cookies["r"]
    whole = initiator and responder.strip("0")
    name = f"{initiator}:{responder}" if whole else initiator or "*libreswan"
    yield from _secret(number, PLUTO_KINDS[title], name, octets)


def _identity(text: str) -> str:
    """pluto's identity as ours: ``@name``, ``user@name``, an address, or any."""
    if re.fullmatch(r"@[^@\s]{1,255}", text):
        return f"fqdn:{text[1:]}"
    if re.fullmatch(r"[^@\s]{1,255}@[^@\s]{1,255}", text):
        return f"user-fqdn:{text}"
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", text):
        return f"ipv4:{text}"
    return f"ipv6:{text}" if re.fullmatch(r"[0-9a-f:]{2,39}", text) else "*"


# -- both ------------------------------------------------------------------------------------------------


def _secret(number: int, kind: Kind, name: str, octets: bytes) -> Found:
    """What a log shows as a secret; nothing if it can't be one, for the rest of the log is as good."""
    try:
        secret = Secret(kind, name, octets)
    except ConfigurationError:
        return
    yield number, secret
