"""Which policy a member takes from its GCKS, and what it says to one that it does not (RFC 6407, 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, Literal

import msgspec

from gsakmp.errors import ConfigurationError, PolicyRefused
from gsakmp.group.sa import GSA, DataSA, RekeySA
from gsakmp.group.strengths import data_strength, rekey_strength
from gsakmp.group.suites import DATA_CIPHERS, DATA_INTEGRITY, KEK_CIPHERS, SIGNATURES
from gsakmp.identities import Identity
from gsakmp.registries import SADirection, TEKProtocolID
from gsakmp.wire import AddressRange, Subnet

__all__ = ["Acceptance"]

Network = IPv4Network | IPv6Network

LEAST_BITS: Final = 112
"""Bits of strength below which nothing is taken unless weak algorithms are allowed: what RSA with 2,048 bits
is worth (RFC 5114, 4), the least that RFC 6407, 6.1 asks of a Rekey SA."""
LEAST_TAG: Final = 64
"""Bits of the shortest tag that a combined mode has (RFC 4106, 6). Forging is no work that can be done in
advance or offline, so it may be less than the other."""
PROTOCOLS: Final = {
    TEKProtocolID.GDOI_PROTO_IPSEC_ESP: "esp",
    TEKProtocolID.GDOI_PROTO_IPSEC_AH: "ah",
}
PRESENT: Final = {"optional": (False, True), "required": (True,), "forbidden": (False,)}
"""Whether there may be a Rekey SA, by `Acceptance.rekey`."""


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The least that a member asks of a group's policy. An empty tuple leaves the choice to the GCKS.

    Raises `ConfigurationError` for a name, a network or an identity that is none.
    """

    kek_strength: int | None = None
    """Bits of confidentiality that a Rekey SA must have. None: 112, or 0 with `allow_weak`; so in the next
    two."""
    signature_strength: int | None = None
    """Bits, of the signature on pushes."""
    tek_strength: int | None = None
    """Bits of confidentiality of each data SA that hides anything. One that does not, AH or ESP with a NULL
    cipher, is taken unless this is set above 0 or `data_ciphers` leaves it out."""
    integrity_strength: int | None = None
    """Bits, of the integrity check of each data SA, its tag's length included; 0 allows none at all. None:
    64, or 0 with `allow_weak`."""
    kek_ciphers: tuple[str, ...] = ()
    """By their names in `gsakmp.group.suites.KEK_CIPHERS`."""
    signatures: tuple[str, ...] = ()
    """`gsakmp.group.suites.SIGNATURES`."""
    data_ciphers: tuple[str, ...] = ()
    """`gsakmp.group.suites.DATA_CIPHERS`, for ESP."""
    data_integrity: tuple[str, ...] = ()
    """`gsakmp.group.suites.DATA_INTEGRITY`, where an SA has such an algorithm."""
    protocols: tuple[Literal["esp", "ah"], ...] = ("esp", "ah")
    longest_kek_lifetime: int = 30 * 86_400
    """Seconds."""
    longest_tek_lifetime: int = 7 * 86_400
    """Seconds."""
    destinations: tuple[str, ...] = ()
    """Networks (``239.192.0.0/16``), in one of which each data SA's destination must lie."""
    rekey_destinations: tuple[str, ...] = ()
    """Networks, in one of which the address of the pushes must lie."""
    rekey: Literal["required", "optional", "forbidden"] = "optional"
    """Whether registration must bring a Rekey SA."""
    sender: bool = True
    """Whether the member sends. A sender must have sender ids for counter modes (RFC 6407, 4.4)."""
    sources: tuple[str, ...] = ()
    """As whom it sends, identities in text: for data SAs that have one sender each."""
    allow_weak: bool = False
    """DES, 3DES, MD5, SHA-1, RSA below 2,048 bits."""

    def __post_init__(self) -> None:
        for names, table in (
            (self.kek_ciphers, KEK_CIPHERS),
            (self.signatures, SIGNATURES),
            (self.data_ciphers, DATA_CIPHERS),
            (self.data_integrity, DATA_INTEGRITY),
        ):
            if unknown := [name for name in names if name not in table]:
                raise ConfigurationError(f"{unknown[0]!r} is none of {', '.join(table)}")
        networks(self.destinations)
        networks(self.rekey_destinations)
        for source in self.sources:
            Identity.from_text(source)

    def check(self, offered: GSA, *, registering: bool) -> None:
        """Raises `PolicyRefused` for policy that is not to be taken; `registering` for what a pull offers,
        which is all of the group's policy."""
        if registering and bool(offered.rekey) not in PRESENT[self.rekey]:
            raise PolicyRefused(f"{'a' if offered.rekey else 'no'} Rekey SA, which is {self.rekey} here")
        for rekey in offered.rekey:
            self._check_rekey(rekey)
        for data in offered.data:
            self._check_data(data)

    def check_successor(self, present: RekeySA, successor: RekeySA) -> None:
        """Raises `PolicyRefused` for a Rekey SA, come by push, that is weaker than the one it came under: who
        had broken into that would have the next one weakened at leisure."""
        old = rekey_strength(present.suite)
        new = rekey_strength(successor.suite)
        if new.confidentiality < old.confidentiality or new.signature < old.signature:
            raise PolicyRefused(
                f"the new Rekey SA ({new.cipher}, {new.signature_name}) is weaker than "
                f"the present one ({old.cipher}, {old.signature_name})"
            )

    def sends(self, sa: DataSA) -> bool:
        """Whether the member is a sender with this SA: with a common one, or with one of its own."""
        if not self.sender or sa.direction == SADirection.RECEIVER_ONLY:
            return False
        source = sa.selector.source
        if source is None or sa.direction == SADirection.SENDER_ONLY:
            return True
        return any(Identity.from_text(own) == source for own in self.sources)

    def _check_rekey(self, sa: RekeySA) -> None:
        strength = rekey_strength(sa.suite)
        where = "the Rekey SA"
        self._at_least(strength.confidentiality, self.kek_strength, f"{where}'s {strength.cipher}")
        self._at_least(strength.signature, self.signature_strength, f"{where}'s {strength.signature_name}")
        among(strength.cipher, self.kek_ciphers, where)
        among(strength.signature_name, self.signatures, where)
        lasts(sa.lifetime_seconds, self.longest_kek_lifetime, where)
        within(sa.destination, self.rekey_destinations, where)

    def _check_data(self, sa: DataSA) -> None:
        strength = data_strength(sa)
        where = f"data SA {sa.spi.hex()}"
        protocol = PROTOCOLS.get(sa.protocol)
        if protocol not in self.protocols:
            raise PolicyRefused(
                f"{where} is of protocol {protocol or int(sa.protocol)}, not one of those taken"
            )
        if strength.confidentiality or self.tek_strength is not None:
            self._at_least(
                strength.confidentiality, self.tek_strength, f"{where}'s {strength.cipher or 'AH'}"
            )
        checked_by = strength.integrity_name or strength.cipher
        self._at_least(
            strength.integrity, self.integrity_strength, f"{where}'s integrity ({checked_by})", LEAST_TAG
        )
        if protocol == "esp":
            among(strength.cipher, self.data_ciphers, where)
        if strength.integrity_name:
            among(strength.integrity_name, self.data_integrity, where)
        lasts(sa.lifetime_seconds, self.longest_tek_lifetime, where)
        within(sa.selector.destination, self.destinations, where)

    def _at_least(self, bits: int, wanted: int | None, what: str, least: int = LEAST_BITS) -> None:
        if wanted is None:
            wanted = 0 if self.allow_weak else least
        if bits < wanted:
            raise PolicyRefused(f"{what} is worth {bits} bits, at least {wanted} are wanted")


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of a configuration. Raises `ConfigurationError`."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError as error:
            raise ConfigurationError(f"{text!r} is no network: {error}") from None
    return tuple(found)


def among(name: str, allowed: Sequence[str], where: str) -> None:
    """Raises `PolicyRefused` unless `name` is allowed, or everything is."""
    if allowed and name not in allowed:
        raise PolicyRefused(f"{where} uses {name}; taken are {', '.join(allowed)}")


def lasts(seconds: int, longest: int, where: str) -> None:
    """Raises `PolicyRefused` for a lifetime that is over already, or too long."""
    if seconds <= 0:
        raise PolicyRefused(f"the lifetime of {where} is over")
    if seconds > longest:
        raise PolicyRefused(f"{where} is to last {seconds} seconds, at most {longest} are taken")


def within(destination: Identity, allowed: Sequence[str], where: str) -> None:
    """Raises `PolicyRefused` unless all addresses of `destination` are in one of the networks."""
    if not allowed:
        return
    ends = address_ends(destination)
    if ends and any(all(end in network for end in ends) for network in networks(allowed)):
        return
    raise PolicyRefused(f"{where} is for {destination}; taken are {', '.join(allowed)}")


def address_ends(identity: Identity) -> tuple[IPv4Address | IPv6Address, ...]:
    """The first and the last address that an identity names; empty where it names no such span."""
    data = identity.data
    if isinstance(data, IPv4Address | IPv6Address):
        return (data, data)
    if isinstance(data, AddressRange):
        return (data.first, data.last)
    return subnet_ends(data) if isinstance(data, Subnet) else ()


def subnet_ends(subnet: Subnet) -> tuple[IPv4Address | IPv6Address, ...]:
    """The ends of a subnet with a contiguous mask; empty for another."""
    mask, family = int(subnet.mask), type(subnet.address)
    width = subnet.mask.max_prefixlen
    hosts = mask ^ ((1 << width) - 1)
    if hosts & (hosts + 1):
        return ()
    first = int(subnet.address) & mask
    return (family(first), family(first | hosts))
