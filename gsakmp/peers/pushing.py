"""A group's pushes on their way out: what a GCKS keeps at hand to build them, and where they go."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address

from gsakmp.crypto import PrivateKey, private_key
from gsakmp.doi import Dialect
from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.exchanges.push import PushBuilder
from gsakmp.group.records import RekeySARecord
from gsakmp.group.server_types import Push
from gsakmp.identities import Identity
from gsakmp.message import NON_ESP_MARKER
from gsakmp.peers.phase1 import NAT_PORT

__all__ = ["PushBuilders", "push_datagrams"]


class PushBuilders:
    """Builders of one group's pushes. One is kept, as a rekey of a large group makes many pushes under one
    Rekey SA."""

    def __init__(self) -> None:
        self._keys: dict[bytes, PrivateKey] = {}
        self._last: tuple[tuple[object, ...], PushBuilder] | None = None
        self._spi = b""

    def build(self, push: Push, dialect: Dialect, *, allow_weak: bool) -> bytes:
        """The octets of a push. Raises what `PushBuilder` raises."""
        wanted = (push.sa.spi, push.sa.key, push.sa.suite, push.signing_key, dialect, allow_weak)
        if self._last is None or self._last[0] != wanted:
            key = self._signing_key(push.signing_key)
            self._last = wanted, PushBuilder(push.sa, key, dialect=dialect, allow_weak=allow_weak)
            self._spi = push.sa.spi
        return self._last[1].build(push.sequence_number, push.payloads)

    def forget_all_but(self, records: Mapping[bytes, RekeySARecord]) -> None:
        """No key is kept here for longer than by the group, which has these Rekey SAs."""
        if self._spi not in records:
            self._last = None
        if self._keys:
            for gone in self._keys.keys() - {record.signing_key for record in records.values()}:
                del self._keys[gone]

    def _signing_key(self, octets: bytes) -> PrivateKey:
        """The key that signs a group's pushes: parsing and checking it takes longer than signing."""
        known = self._keys.get(octets)
        if known is None:
            known = self._keys[octets] = private_key(octets, allow_weak=True)
        return known


def push_datagrams(push: Push, octets: bytes) -> tuple[Datagram, ...]:
    """The push to all that it goes to: the Rekey SA's multicast address, or each member's own. Raises
    `ConfigurationError`."""
    source = address_of(push.sa.source, push.sa.source_port)
    if not push.destinations:
        return (push_datagram(octets, address_of(push.sa.destination, push.sa.destination_port), source),)
    return tuple(push_datagram(octets, Address.from_text(text), source) for text in push.destinations)


def address_of(identity: Identity, port: int) -> Address:
    """Where pushes come from or go to, by the Rekey SA's identity for it. Raises `ConfigurationError`."""
    if not isinstance(identity.data, IPv4Address | IPv6Address):
        raise ConfigurationError(f"{identity} is no address")
    return Address(identity.data, port)


def push_datagram(octets: bytes, destination: Address, source: Address) -> Datagram:
    """A push on its way. To a member that registered from port 4500 the way through its NAT is from our port
    4500, where a non-ESP marker goes first (RFC 3948, 2.2)."""
    if destination.port == NAT_PORT:
        return Datagram(NON_ESP_MARKER + octets, destination, source._replace(port=NAT_PORT))
    return Datagram(octets, destination, source)
