"""Which messages a user wants to see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from gsakmp.captures import Datagram
from gsakmp.doi import DOIS, IKEV2
from gsakmp.errors import ConfigurationError
from gsakmp.message import NON_ESP_MARKER, Message
from gsakmp.registries import ExchangeType

__all__ = ["Filters", "exchange_names"]

COOKIES: Final = 16
COOKIE: Final = 8

Network = IPv4Network | IPv6Network


def exchange_names() -> list[str]:
    """Every exchange's name, of all domains of interpretation."""
    registries = [ExchangeType, *(doi.exchanges for doi in (*DOIS.values(), IKEV2))]
    return list(dict.fromkeys(member.name for registry in registries for member in registry))


@dataclass(frozen=True)
class Filters:
    """All given sorts must fit; of several values of one sort, one."""

    exchanges: frozenset[str | int] = frozenset()
    cookies: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(
        cls,
        exchanges: Iterable[str] | None = None,
        cookies: Iterable[str] | None = None,
        addresses: Iterable[str] | None = None,
    ) -> Filters:
        """From what the user typed; of a sort that is None, all. Raises `ConfigurationError`."""
        return cls(
            frozenset(exchange(text) for text in exchanges or ()),
            tuple(cookie(text) for text in cookies or ()),
            tuple(network(text) for text in addresses or ()),
        )

    def datagram(self, datagram: Datagram, marker: bool) -> bool:
        """Whether addresses and cookies fit, which can be told without parsing."""
        if self.networks and not (
            within(datagram.source_address, self.networks)
            or within(datagram.destination_address, self.networks)
        ):
            return False
        if not self.cookies:
            return True
        at = len(NON_ESP_MARKER) if marker else 0
        octets = datagram.octets[at : at + COOKIES]
        both = octets[:COOKIE].hex(), octets[COOKIE:].hex()
        return any(text.startswith(self.cookies) for text in both)

    def message(self, message: Message | None) -> bool:
        """Whether the exchange fits; what has no readable header fits only if all are wanted."""
        if not self.exchanges:
            return True
        if message is None:
            return False
        return int(message.exchange_type) in self.exchanges or message.exchange_name in self.exchanges


def exchange(text: str) -> str | int:
    word = text.strip().upper().replace("-", "_").replace(" ", "_")
    try:
        number = int(word, 16 if word.startswith("0X") else 10)
    except ValueError:
        names = exchange_names()
        if word in names:
            return word
        raise ConfigurationError(f"no exchange {text!r}: a number, or one of {', '.join(names)}") from None
    if not 0 <= number <= 0xFF:
        raise ConfigurationError(f"exchange {number} does not fit in an octet")
    return number


def cookie(text: str) -> str:
    digits = text.strip().lower().removeprefix("0x").replace(":", "").replace(" ", "")
    if not digits or len(digits) > 2 * COOKIE or not set(digits) <= set("0123456789abcdef"):
        raise ConfigurationError(f"{text!r} is no cookie: up to {2 * COOKIE} hex digits")
    return digits


def network(text: str) -> Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as exc:
        raise ConfigurationError(f"no address or network: {exc}") from None


@lru_cache(maxsize=4096)
def within(address: str, networks: tuple[Network, ...]) -> bool:
    return bool(address) and any(ip_address(address) in network for network in networks)
