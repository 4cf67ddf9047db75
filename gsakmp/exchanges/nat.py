"""Vendor ids of the extensions, and how a NAT is found (RFC 3947, 3; RFC 3948, 2.3 and 4).

Both sides send the hash of each address and port as they know it. Where the peer's hash of our address is
not ours, somebody on the way has changed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gsakmp.crypto import HashFunction, nat_discovery_hash
from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.grammar import refused
from gsakmp.exchanges.isakmp_sa import Extensions
from gsakmp.payloads import NATDiscovery, VendorID

__all__ = [
    "DEAD_PEER_DETECTION",
    "FRAGMENTATION",
    "NAT_TRAVERSAL",
    "detect",
    "discovery_payloads",
    "extensions_offered",
    "vendor_ids",
]

NAT_TRAVERSAL: Final = bytes.fromhex("4a131c81070358455c5728f20e95452f")
"""RFC 3947, 3.1."""
DEAD_PEER_DETECTION: Final = bytes.fromhex("afcad71368a1f1c96b8696fc7757" + "0100")
"""RFC 3706, 5.1: fourteen octets, then the version, 1.0."""
FRAGMENTATION: Final = bytes.fromhex("4048b7d56ebce88525e7de7f00d6c2d3")
"""MD5 of ``FRAGMENTATION`` ([MS-IKEE], 1.7). Some append four octets of flags."""

MAJOR_VERSION_END: Final = 15
"""Octets of the id for dead peer detection up to its major version; a minor one changes nothing."""
COOKIES: Final = 16
"""Octets of CKY-I and CKY-R."""


def vendor_ids(nat: bool, dpd: bool, fragmentation: bool) -> tuple[VendorID, ...]:
    """The payloads that say which extensions we know."""
    offered = ((nat, NAT_TRAVERSAL), (dpd, DEAD_PEER_DETECTION), (fragmentation, FRAGMENTATION))
    return tuple(VendorID(vendor_id) for wanted, vendor_id in offered if wanted)


def extensions_offered(vendor_ids: Sequence[VendorID]) -> Extensions:
    """Which extensions the peer knows, by its vendor ids; unknown ones are passed over (RFC 2408, 3.16)."""
    octets = [payload.vendor_id for payload in vendor_ids]
    version = DEAD_PEER_DETECTION[:MAJOR_VERSION_END]
    return Extensions(
        nat_traversal=NAT_TRAVERSAL in octets,
        dead_peer_detection=any(
            len(found) == len(DEAD_PEER_DETECTION) and found.startswith(version) for found in octets
        ),
        fragmentation=any(found.startswith(FRAGMENTATION) for found in octets),
    )


def discovery_payloads(
    hash_function: HashFunction, cookies: bytes, local: Address, remote: Address
) -> tuple[NATDiscovery, ...]:
    """The NAT-D payloads of a message that goes from `local` to `remote`: the destination's hash first, then
    the source's (RFC 3947, 3.2). `cookies` are CKY-I | CKY-R. Raises `ConfigurationError`."""
    return tuple(
        NATDiscovery(address_and_port_hash=_hash(hash_function, cookies, address))
        for address in (remote, local)
    )


def detect(
    payloads: Sequence[NATDiscovery],
    hash_function: HashFunction,
    cookies: bytes,
    local: Address,
    remote: Address,
) -> tuple[bool, bool]:
    """Whether a NAT stands before us, and whether one stands before the peer (RFC 3947, 3.2).

    `payloads` are the peer's, in their order; `local` and `remote` are where its message came to and from.
    Without payloads there is nothing to find. Of an unspecified `local` address nothing can be said, so it
    counts as no NAT. Raises `UnexpectedMessage` for a single payload: the source's is missing.
    """
    if not payloads:
        return False, False
    if len(payloads) == 1:
        raise refused("one NAT-D payload, at least two are wanted (RFC 3947, 3.2)")
    received = [payload.address_and_port_hash for payload in payloads]
    local_nat = received[0] != _hash(hash_function, cookies, local) and not local.host.is_unspecified
    remote_nat = _hash(hash_function, cookies, remote) not in received[1:]
    return local_nat, remote_nat


def _hash(hash_function: HashFunction, cookies: bytes, address: Address) -> bytes:
    if len(cookies) != COOKIES:
        raise ConfigurationError(f"{len(cookies)} octets of cookies, {COOKIES} are wanted")
    half = COOKIES // 2
    return nat_discovery_hash(hash_function, cookies[:half], cookies[half:], address.host, address.port)
