"""Value types: octets that are read as something better than octets, without loss either way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

import msgspec

from gsakmp.errors import EncodeError

__all__ = [
    "ADDRESS_VALUES",
    "INTEGER32",
    "IPV4_ADDRESS",
    "IPV4_RANGE",
    "IPV4_SUBNET",
    "IPV6_ADDRESS",
    "IPV6_RANGE",
    "IPV6_SUBNET",
    "NOTHING",
    "OCTETS",
    "TEXT",
    "AddressRange",
    "Subnet",
    "ValueType",
    "optional",
    "or_common",
]

Address = IPv4Address | IPv6Address


class Subnet(msgspec.Struct, frozen=True, gc=False):
    """An address and a mask, as they are on the wire: the mask need not be contiguous."""

    address: Address
    mask: Address

    def __str__(self) -> str:
        return f"{self.address}/{prefix_or_mask(self.mask)}"


class AddressRange(msgspec.Struct, frozen=True, gc=False):
    """The addresses from `first` to `last`, both included."""

    first: Address
    last: Address

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def prefix_or_mask(mask: Address) -> str:
    """The prefix length of a contiguous mask, else the mask."""
    bits, width = int(mask), mask.max_prefixlen
    ones = bits.bit_count()
    return str(ones) if bits == ((1 << ones) - 1) << (width - ones) else str(mask)


def mask_from_text(text: str, version: type[Address]) -> Address:
    if not text.isdecimal():
        return version(text)
    width = version(0).max_prefixlen
    ones = int(text) if len(text) < 4 else width + 1
    if ones > width:
        raise ValueError(f"/{text}: a prefix has at most {width} bits")
    return version(((1 << ones) - 1) << (width - ones))


@dataclass(frozen=True, slots=True, eq=False)
class ValueType:
    """How octets are read as a value and back.

    `decode` raises ValueError for octets that are no such value; `encode` for a value that has no
    octets. `size` is the octets of every value, None where they vary. `to_text` and `from_text` carry
    the value through JSON and the terminal. `unit` is the stride in which a dialect that reverses
    addresses does so (0: it leaves this type alone).
    """

    name: str
    type: Any
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]
    to_text: Callable[[Any], Any]
    from_text: Callable[[Any], Any]
    size: int | None = None
    unit: int = 0

    def reverse(self, octets: bytes) -> bytes:
        """Each `unit` octets in reverse order."""
        step = self.unit
        if not step or len(octets) % step:
            return octets
        return b"".join(octets[i : i + step][::-1] for i in range(0, len(octets), step))

    def decode_reversed(self, octets: bytes) -> Any:
        """`decode`, of octets that a peer sent in reverse order."""
        return self.decode(self.reverse(octets))

    def octets_of(self, value: Any) -> bytes:
        """`encode`, with an `EncodeError` for what has no octets."""
        if isinstance(value, bytes):
            return value
        try:
            return self.encode(value)
        except (ValueError, TypeError, AttributeError, OverflowError) as exc:
            raise EncodeError(f"{type(value).__name__} is no {self.name}: {exc}") from None


def exactly(octets: bytes, size: int, what: str) -> bytes:
    if len(octets) != size:
        raise ValueError(f"{what} has {size} octets, not {len(octets)}")
    return octets


def address_type(name: str, version: type[Address]) -> ValueType:
    width = version(0).max_prefixlen // 8

    def decode(octets: bytes) -> Address:
        if len(octets) != width:
            raise ValueError(f"{name} has {width} octets, not {len(octets)}")
        return version(int.from_bytes(octets, "big"))

    def encode(value: Address) -> bytes:
        if not isinstance(value, version):
            raise TypeError(f"not an {version.__name__}")
        return value.packed

    return ValueType(
        name,
        version,
        decode,
        encode,
        str,
        version,
        width,
        4 if width == 4 else 0,
    )


def pair_type(name: str, version: type[Address], pair: Any, parse: Callable[[str], Any]) -> ValueType:
    width = version(0).max_prefixlen // 8

    def decode(octets: bytes) -> Any:
        exactly(octets, 2 * width, name)
        return pair(version(octets[:width]), version(octets[width:]))

    def encode(value: Any) -> bytes:
        if not isinstance(value, pair):
            raise TypeError(f"not a {pair.__name__}")
        first, second = (getattr(value, field) for field in pair.__struct_fields__)
        if not (isinstance(first, version) and isinstance(second, version)):
            raise TypeError(f"not two of {version.__name__}")
        return bytes(first.packed + second.packed)

    return ValueType(name, pair, decode, encode, str, parse, 2 * width, 4 if width == 4 else 0)


def subnet_from(version: type[Address]) -> Callable[[str], Subnet]:
    def parse(text: str) -> Subnet:
        address, _, mask = text.partition("/")
        return Subnet(version(address), mask_from_text(mask, version))

    return parse


def range_from(version: type[Address]) -> Callable[[str], AddressRange]:
    def parse(text: str) -> AddressRange:
        first, _, last = text.partition("-")
        return AddressRange(version(first), version(last))

    return parse


def text_decode(octets: bytes) -> str | bytes:
    """Printable ASCII as text; anything else stays octets, so that nothing is lost."""
    if octets and octets.isascii() and (text := octets.decode("ascii")).isprintable():
        return text
    return octets


IPV4_ADDRESS: Final = address_type("IPv4 address", IPv4Address)
IPV6_ADDRESS: Final = address_type("IPv6 address", IPv6Address)
IPV4_SUBNET: Final = pair_type("IPv4 subnet", IPv4Address, Subnet, subnet_from(IPv4Address))
IPV6_SUBNET: Final = pair_type("IPv6 subnet", IPv6Address, Subnet, subnet_from(IPv6Address))
IPV4_RANGE: Final = pair_type("IPv4 address range", IPv4Address, AddressRange, range_from(IPv4Address))
IPV6_RANGE: Final = pair_type("IPv6 address range", IPv6Address, AddressRange, range_from(IPv6Address))

TEXT: Final = ValueType("text", str | bytes, text_decode, lambda text: text.encode("ascii"), str, str)
"""Text where the octets are printable ASCII, else the octets themselves."""

OCTETS: Final = ValueType("octets", bytes, bytes, bytes, bytes.hex, bytes.fromhex)
"""Octets as they are."""


def no_octets(octets: bytes) -> bytes:
    if octets:
        raise ValueError(f"{len(octets)} octets where there are none")
    return b""


NOTHING: Final = ValueType("nothing", bytes, no_octets, no_octets, bytes.hex, bytes.fromhex, 0)
"""A field that is always empty."""


def optional(value_type: ValueType) -> ValueType:
    """As `value_type`, where no octets at all are allowed too (a request without a value)."""
    return replace(value_type, decode=lambda octets: value_type.decode(octets) if octets else b"", size=None)


def or_common(value_type: ValueType) -> ValueType:
    """As `value_type`, or three octets or none: a source that stands for all senders (RFC 6407, 5.5.1)."""

    def decode(octets: bytes) -> Any:
        return octets if len(octets) in (0, 3) else value_type.decode(octets)

    return replace(value_type, decode=decode, size=None)


INTEGER32: Final = ValueType(
    "4-octet integer",
    int,
    lambda octets: int.from_bytes(exactly(octets, 4, "the integer"), "big"),
    lambda value: value.to_bytes(4, "big"),
    int,
    int,
    4,
)
"""An unsigned integer of 4 octets."""

ADDRESS_VALUES: Final = (IPV4_ADDRESS, IPV6_ADDRESS, IPV4_SUBNET, IPV6_SUBNET, IPV4_RANGE, IPV6_RANGE)
