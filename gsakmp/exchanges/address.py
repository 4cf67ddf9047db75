"""Where a datagram comes from and goes to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from gsakmp.errors import ConfigurationError

__all__ = ["Address", "Datagram"]


class Address(NamedTuple):
    """An IP address and a UDP port."""

    host: IPv4Address | IPv6Address
    port: int

    @classmethod
    def from_text(cls, text: str, port: int = 848) -> Address:
        """``192.0.2.1``, ``192.0.2.1:500``, ``2001:db8::1`` or ``[2001:db8::1]:500``. Raises
        `ConfigurationError`."""
        host, given = text, str(port)
        if text.startswith("["):
            host, bracket, rest = text[1:].partition("]")
            given = rest[1:] if rest.startswith(":") else given
            if not bracket or (rest and not rest.startswith(":")):
                raise ConfigurationError(f"{text!r} is no address and port")
        elif text.count(":") == 1:
            host, _, given = text.partition(":")
        if not (given.isascii() and given.isdigit() and int(given) < 1 << 16):
            raise ConfigurationError(f"{text!r}: {given!r} is no UDP port")
        try:
            return cls(ip_address(host), int(given))
        except ValueError:
            raise ConfigurationError(f"{text!r} is no IP address") from None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.host.version == 6 else f"{self.host}:{self.port}"


class Datagram(NamedTuple):
    """What an engine wants sent: the whole UDP payload, to where, and from which of its own ports.

    `source` None leaves the choice of address to the system; a port of its own matters on 4500.
    """

    data: bytes
    destination: Address
    source: Address | None = None
