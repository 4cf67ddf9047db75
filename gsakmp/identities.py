"""Who a peer is, and which group is meant: an Identification payload's type and data as one value.

In text an identity is its type and its data, as configuration and commands have it: ``fqdn:gcks.example``,
``ipv4:192.0.2.1``, ``key-id:0x000004d2``, ``dn:CN=gcks,O=Example``.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final

from gsakmp.errors import ConfigurationError
from gsakmp.message import Message
from gsakmp.payloads import Identification
from gsakmp.payloads.isakmp.identification import Identity as IdentificationData
from gsakmp.registries import GDOIIDType, IPProtocol
from gsakmp.wire import AddressRange, Subnet

__all__ = ["Identity"]

NAMES: Final[dict[str, GDOIIDType]] = {
    "ipv4": GDOIIDType.ID_IPV4_ADDR,
    "ipv6": GDOIIDType.ID_IPV6_ADDR,
    "fqdn": GDOIIDType.ID_FQDN,
    "user-fqdn": GDOIIDType.ID_USER_FQDN,
    "ipv4-subnet": GDOIIDType.ID_IPV4_ADDR_SUBNET,
    "ipv6-subnet": GDOIIDType.ID_IPV6_ADDR_SUBNET,
    "ipv4-range": GDOIIDType.ID_IPV4_ADDR_RANGE,
    "ipv6-range": GDOIIDType.ID_IPV6_ADDR_RANGE,
    "dn": GDOIIDType.ID_DER_ASN1_DN,
    "key-id": GDOIIDType.ID_KEY_ID,
}
"""What each type is called in text."""
BY_TYPE: Final = {int(id_type): name for name, id_type in NAMES.items()}
WITHOUT_CASE: Final = frozenset({GDOIIDType.ID_FQDN, GDOIIDType.ID_USER_FQDN})
"""Types in which upper and lower case are one."""
LONGEST: Final = 1024
"""Octets of identification data that is a name; no certificate's subject comes near it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity (RFC 2407, 4.6.2): `data` is what `Identification.identification_data` is for the type."""

    id_type: int
    data: IdentificationData

    @classmethod
    def from_text(cls, text: str) -> Identity:
        """The identity that ``type:data`` names. Raises `ConfigurationError`."""
        name, colon, rest = text.partition(":")
        if not colon or name not in NAMES:
            types = ", ".join(NAMES)
            raise ConfigurationError(f"{text!r} is no identity: one is type:data, a type is {types}")
        try:
            return cls(NAMES[name], _data(name, rest))
        except (ValueError, KeyError) as error:
            raise ConfigurationError(f"{text!r} is no identity: {error}") from None

    @classmethod
    def of_address(cls, address: IPv4Address | IPv6Address) -> Identity:
        """The identity that an address is."""
        return cls(NAMES["ipv4" if address.version == 4 else "ipv6"], address)

    @classmethod
    def from_payload(cls, payload: Identification) -> Identity:
        """Who an Identification payload names; its protocol and port are not part of that."""
        return cls(payload.id_type, payload.identification_data)

    def to_text(self) -> str:
        """The identity as `from_text` takes it; a type without a name there as ``type-N:0x...``."""
        name = BY_TYPE.get(self.id_type)
        data = self.data
        if data.__class__ is str and name:
            return f"{name}:{data}"
        if isinstance(data, bytes):
            if name == "dn":
                return f"dn:{distinguished_name_text(data)}"
            return f"{name or f'type-{int(self.id_type)}'}:0x{data.hex()}"
        if isinstance(data, str | IPv4Address | IPv6Address | Subnet | AddressRange):
            return f"{name or f'type-{int(self.id_type)}'}:{data}"
        return f"type-{int(self.id_type)}:0x{self.body()[4:].hex()}"

    __str__ = to_text

    def folded(self) -> Identity:
        """The same for all spellings of one identity: names of DNS are one in upper and lower case."""
        if self.id_type in WITHOUT_CASE and isinstance(self.data, str) and self.data != self.data.lower():
            return Identity(self.id_type, self.data.lower())
        return self

    def payload(self, protocol: int = 0, port: int = 0) -> Identification:
        """The Identification payload that names it."""
        return Identification(
            id_type=GDOIIDType(self.id_type),
            protocol_id=IPProtocol(protocol),
            port=port,
            identification_data=self.data,
        )

    def body(self, protocol: int = 0, port: int = 0) -> bytes:
        """The body of that payload, without its generic header: ``IDii_b`` (RFC 2409, 3.2).

        Raises `EncodeError` for data that is not of the type's kind.
        """
        data = self.data
        plain = isinstance(data, str) and self.id_type in WITHOUT_CASE and not (protocol or port)
        if plain and isinstance(data, str) and data.isascii() and len(data) <= LONGEST:
            return bytes((self.id_type, 0, 0, 0)) + data.encode()  # a key tree asks a million members
        return Message(payloads=(self.payload(protocol, port),)).plaintext()[4:]


def _data(name: str, text: str) -> Any:
    """Raises `ValueError` for text that is none of the type's."""
    if not text:
        raise ValueError("no data")
    if len(text) > 2 * LONGEST:
        raise ValueError(f"{len(text)} characters")
    match name:
        case "ipv4":
            return IPv4Address(text)
        case "ipv6":
            if "%" in text:
                raise ValueError("an address in an identity has no zone")
            return IPv6Address(text)
        case "ipv4-subnet" | "ipv6-subnet":
            network = (IPv4Network if name[3] == "4" else IPv6Network)(text)
            return Subnet(network.network_address, network.netmask)
        case "ipv4-range" | "ipv6-range":
            family = IPv4Address if name[3] == "4" else IPv6Address
            first, _, last = text.partition("-")
            found = AddressRange(family(first), family(last))
            if int(found.first) > int(found.last):
                raise ValueError("the range ends before it begins")
            return found
        case "dn":
            return distinguished_name(text)
        case "key-id":
            return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()
    if not (text.isascii() and text.isprintable()):  # the wire holds it as text or not at all
        raise ValueError("a name is printable ASCII; others are written in punycode (RFC 3492)")
    return text


def distinguished_name(text: str) -> bytes:
    """The DER of a name in text (RFC 4514). Raises `ValueError`."""
    from cryptography import x509  # slow to import

    return x509.Name.from_rfc4514_string(text).public_bytes()


def distinguished_name_text(der: bytes) -> str:
    """The text (RFC 4514) of a name in DER, its octets in hex where it is none."""
    from asn1crypto.x509 import Name  # slow to import
    from cryptography import x509

    try:
        if len(der) > LONGEST:
            raise ValueError
        parts = [
            x509.RelativeDistinguishedName(
                x509.NameAttribute(x509.ObjectIdentifier(item["type"].dotted), str(item["value"].native))
                for item in part
            )
            for part in Name.load(der, strict=True).chosen
        ]
        return x509.Name(parts).rfc4514_string()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return f"0x{der.hex()}"
