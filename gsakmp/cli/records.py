"""Records: what became of one datagram, and the same as a line of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gsakmp import limits
from gsakmp.captures import PORTS, Datagram
from gsakmp.captures.datagram import endpoint
from gsakmp.doi import DOI, STANDARD, Dialect
from gsakmp.errors import EncodeError, GsakmpError, Truncated
from gsakmp.message import NAT_KEEPALIVE, NON_ESP_MARKER, Message, parse
from gsakmp.message.header import has_header
from gsakmp.message.text import message_text
from gsakmp.wire.text import json_text

if TYPE_CHECKING:
    from gsakmp.captures.opened import Opened  # imports the keys' cryptography

__all__ = ["Reader", "Record", "datagram_from", "time_from_text", "time_text"]

NAT_TRAVERSAL: Final = 4500
GDOI_PORT: Final = 848
ISAKMP_PORT: Final = 500
ESP_OCTETS: Final = 8
"""SPI and sequence number, the least that ESP has (RFC 4303, 2)."""
SECOND: Final = 1_000_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Record(msgspec.Struct):
    """One datagram with its message, or with what is wrong with it.

    Of a malformed one, `message` is what can be read all the same: for filters and heads. It is shown and
    given away only where `lenient`.
    """

    datagram: Datagram
    port: int
    message: Message | None
    error: GsakmpError | None = None
    lenient: bool = False
    opened: Opened | None = None
    """What opening it with keys has found; None without ``--keys``."""

    @property
    def shown(self) -> Message | None:
        """The message that a user gets."""
        return self.message if self.error is None or self.lenient else None

    def builtins(self, file: str = "") -> dict[str, Any]:
        """The record as JSON has it; `file` is named first, if there are several."""
        datagram, message, shown = self.datagram, self.message, self.shown
        return {
            **({"file": file} if file else {}),
            "frame": datagram.frame or None,
            "time": time_text(datagram.time) or None,
            "source": datagram.source or None,
            "destination": datagram.destination or None,
            "protocol": None if message is None else message.doi.name,
            "exchange": None if message is None else message.exchange_name,
            "octets": datagram.octets.hex(),
            "message": None if shown is None else shown.to_builtins(),
            "error": None if self.error is None else error_plain(self.error),
            **({} if self.opened is None else {"opened": self.opened.to_builtins()}),
        }

    def json(self, file: str = "") -> str:
        """One line, with its end: `builtins`, encoded, but made without them."""
        message, shown = self.message, self.shown
        octets = self.datagram.octets.hex()
        names = text = ""
        if message is not None:
            names = exchange_text(message.doi, message.exchange_type)
        if shown is not None:
            text = message_text(shown, octets if self.opened is None else None)
        error = "null" if self.error is None else json_text(error_plain(self.error))
        opened = "" if self.opened is None else f',"opened":{json_text(self.opened.to_builtins())}'
        return line_text(self.datagram, file, octets, names, text or "null", f"{error}{opened}")


def line_text(
    datagram: Datagram, file: str, octets: str, names: str, message: str, error: str = "null"
) -> str:
    """A record as a line of JSON, of texts that are JSON. `octets` is the datagram in hex, `names` the
    protocol and exchange, empty if nobody knows."""
    name = f'"file":{json_text(file)},' if file else ""
    time = f'"{text}"' if (text := time_text(datagram.time)) else "null"
    ends = ends_text(
        datagram.source_address, datagram.source_port, datagram.destination_address, datagram.destination_port
    )
    return (
        f'{{{name}"frame":{datagram.frame or "null"},"time":{time},{ends},'
        f'{names or NAMELESS},"octets":"{octets}","message":{message},"error":{error}}}\n'
    )


NAMELESS: Final = '"protocol":null,"exchange":null'


@lru_cache(maxsize=4096)
def exchange_text(doi: DOI, exchange: int) -> str:
    """The protocol and the exchange by their names, as JSON text."""
    return f'"protocol":{json_text(doi.name)},"exchange":{json_text(str(doi.exchange(exchange).name))}'


@lru_cache(maxsize=4096)
def ends_text(source: str, source_port: int, destination: str, destination_port: int) -> str:
    """Both ends as JSON text."""
    ends = endpoint(source, source_port) or None, endpoint(destination, destination_port) or None
    return f'"source":{json_text(ends[0])},"destination":{json_text(ends[1])}'


def error_plain(error: GsakmpError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "path": getattr(error, "path", ""),
        "offset": getattr(error, "offset", None),
        "problem": getattr(error, "problem", str(error)),
    }


@dataclass
class Reader:
    """Datagrams in, records out. `default_port` gives a meaning to octets that came without a port.

    Of `ports`, those that are not of `PORTS` are GDOI's, which may use any (RFC 6407, 2.2), and may carry its
    data, too. (`Opener` holds it the same way.)
    """

    ports: frozenset[int] = PORTS
    default_port: int = GDOI_PORT
    doi: DOI | None = None
    dialect: Dialect = STANDARD
    lenient: bool = False

    def __post_init__(self) -> None:
        self.others = self.ports - PORTS
        self.meanings = {port: GDOI_PORT if port in self.others else port for port in self.ports}
        self.otherwise = self.meanings.get(self.default_port, self.default_port)

    def port(self, datagram: Datagram) -> int:
        """The port that says what the datagram is: the receiver's if it is one of ours, else the sender's."""
        meanings = self.meanings
        if datagram.destination_port in meanings:
            return meanings[datagram.destination_port]
        return meanings.get(datagram.source_port, self.otherwise)

    def other_traffic(self, datagram: Datagram, port: int) -> str:
        """What a datagram is instead of a message: on port 4500 (RFC 3948, 2), or beside messages on a port
        that has no meaning of its own. Or nothing."""
        octets = datagram.octets
        if port == NAT_TRAVERSAL:
            if octets == NAT_KEEPALIVE:
                return "NAT keepalive"
            return "ESP" if len(octets) >= ESP_OCTETS and octets[:4] != NON_ESP_MARKER else ""
        ours = datagram.destination_port if datagram.destination_port in self.ports else datagram.source_port
        return "ESP" if ours in self.others and not has_header(octets) else ""

    def record(self, datagram: Datagram, port: int) -> Record:
        """Parse. What is malformed becomes a record with its error; nothing is raised for it."""
        octets, error, message = datagram.octets, None, None
        try:
            if datagram.missing:
                raise Truncated(f"the capture kept only the first {len(octets)} octets", "", len(octets))
            message = parse(octets, port=port, doi=self.doi, dialect=self.dialect)
        except GsakmpError as exc:
            error = exc
            message = self.readable(octets, port)
        return Record(datagram, port, message, error, self.lenient)

    def readable(self, octets: bytes, port: int) -> Message | None:
        """What a lenient parse gives, None where not even a header is there."""
        try:
            return parse(octets, port=port, doi=self.doi, dialect=self.dialect, lenient=True)
        except GsakmpError:
            return None


# -- times -------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def second_text(seconds: int) -> str:
    """All but the fraction; empty for what can't be said."""
    try:
        return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    except OverflowError:  # a time that no calendar has: the file is odd, its messages need not be
        return ""


def time_text(time: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 in UTC, all nine digits; empty for 0 (no time is known)."""
    if not time:
        return ""
    seconds, nanoseconds = divmod(time, SECOND)
    text = second_text(seconds)
    return f"{text}.{nanoseconds:09d}Z" if text else ""


TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)", re.ASCII)


def time_from_text(text: str) -> int:
    """What `time_text` gave. Raises `EncodeError`."""
    found = TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError("a time is 2026-01-31T12:00:00.000000000Z")
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00") - EPOCH
    except ValueError as exc:
        raise EncodeError(str(exc), "time") from None
    whole = moment.days * 86400 + moment.seconds
    return whole * SECOND + int((found[3] or "0").ljust(9, "0"))


# -- back to datagrams -------------------------------------------------------------------------------


def datagram_from(plain: Mapping[str, Any], message: Message, octets: bytes) -> Datagram:
    """A datagram of `octets` with a record's time and addresses, as far as it has them.

    Raises `EncodeError` for what no capture file can hold.
    """
    usual = NAT_TRAVERSAL if message.non_esp_marker else min(message.doi.ports, default=ISAKMP_PORT)
    source = endpoint_from(plain.get("source"), "source", usual)
    destination = endpoint_from(plain.get("destination"), "destination", usual)
    if source[0] and destination[0] and ip_address(source[0]).version != ip_address(destination[0]).version:
        raise EncodeError("one address is IPv4, the other IPv6", "destination")
    time = plain.get("time")
    if time is not None and not isinstance(time, str):
        raise EncodeError("a time is text", "time")
    nanoseconds = time_from_text(time) if time else 0
    if not 0 <= nanoseconds < SECOND << 32:
        raise EncodeError("a pcap file holds the times from 1970 to 2106", "time")
    if len(octets) > limits.MESSAGE_OCTETS - 28:
        raise EncodeError(f"{len(octets)} octets are too many for one datagram (RFC 768)")
    return Datagram(
        octets=octets, time=nanoseconds, source_address=source[0], source_port=source[1],
        destination_address=destination[0], destination_port=destination[1],
    )  # fmt: skip


def endpoint_from(plain: Any, name: str, port: int) -> tuple[str, int]:
    """``10.0.0.1:848`` or ``[2001:db8::1]:848`` as address and port; no address where nobody knows it."""
    if plain is None:
        return "", port
    if not isinstance(plain, str):
        raise EncodeError("an address and a port are text: 192.0.2.1:848", name)
    return endpoint_of(plain, name)


@lru_cache(maxsize=4096)
def endpoint_of(plain: str, name: str) -> tuple[str, int]:
    address, _, number = plain.rpartition(":")
    try:
        found = ip_address(address[1:-1] if address[:1] == "[" and address[-1:] == "]" else address)
        if not number.isascii() or not number.isdecimal() or int(number[:6]) > 0xFFFF:
            raise ValueError(f"{number[:6]!r} is no port")
    except ValueError as exc:
        raise EncodeError(str(exc), name) from None
    return str(found), int(number)
