"""How some peers differ from the standards on the wire."""

from __future__ import annotations

from typing import Final

import msgspec

from gsakmp.errors import ConfigurationError

__all__ = ["DIALECTS", "GDOID", "GDOID_BIG_ENDIAN", "STANDARD", "Dialect", "dialect_named"]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """The differences of one sort of peer, each named; what the standards say is the default."""

    name: str
    sa_kek_reserved_octets: int = 4
    """Octets of RESERVED2 after the SPI of an SA KEK payload: 4 (RFC 6407, 5.3)."""
    tek_addresses_reversed: bool = False
    """IPv4 addresses and masks of an SA TEK payload have their four octets in reverse order."""
    tek_ports_reversed: bool = False
    """Ports of an SA TEK payload have their two octets in reverse order."""
    push_signature_digest_info: bool = True
    """An RSA signature of a PUSH has its hash in a DigestInfo (RFC 6407, 5.3.6.1), not bare."""
    tek_may_lack_algorithm_key: bool = False
    """An SA TEK of ESP with AES-CBC may say KEY_LENGTH 0; its key packet then has no TEK_ALGORITHM_KEY."""
    kd_may_name_old_spi: bool = False
    """The key packet for a new Rekey SA may name the SPI of another one, that which it replaces (RFC 6407,
    5.6 has the new one's)."""
    sequence_number_goes_on: bool = False
    """Pushes under a new Rekey SA go on counting where the old one ended; by RFC 6407, 3.2 and 5.7 they begin
    with 1."""
    kek_grace_seconds: int = 0
    """Seconds after KEK_KEY_LIFETIME in which the push with the next KEK is still taken under the old one,
    which is valid until then at most (RFC 6407, 5.3.4)."""


STANDARD: Final = Dialect(name="standard")
"""As the RFCs say."""

GDOID: Final = Dialect(
    name="gdoid",
    sa_kek_reserved_octets=6,
    tek_addresses_reversed=True,
    push_signature_digest_info=False,
    tek_may_lack_algorithm_key=True,
    kd_may_name_old_spi=True,
    sequence_number_goes_on=True,
    kek_grace_seconds=2,
)
"""Cisco's open GDOI daemon on a little-endian machine. It sends RFC 3547's POP key length after four octets
of its own, an SA TEK's addresses as they lie in memory, RSA signatures over the bare hash, no key for
AES-CBC, and with a new KEK the old one's SPI. It sends that when the lifetime of the old KEK is over, and
counts on under the new one."""

GDOID_BIG_ENDIAN: Final = msgspec.structs.replace(
    GDOID, name="gdoid-big-endian", tek_addresses_reversed=False, tek_ports_reversed=True
)
"""The same daemon on a big-endian machine, as in its published log: there the ports come out reversed."""

DIALECTS: Final = {dialect.name: dialect for dialect in (STANDARD, GDOID, GDOID_BIG_ENDIAN)}
"""By name."""


def dialect_named(name: str) -> Dialect:
    """The dialect of that name. Raises `ConfigurationError`."""
    try:
        return DIALECTS[name]
    except KeyError:
        raise ConfigurationError(f"no dialect {name!r}; there are {', '.join(DIALECTS)}") from None
