"""Diffie-Hellman groups: MODP 2, 5, 14, 15, 16 (RFC 2409, RFC 3526) and ECP 19, 20, 21 (RFC 5903).

Groups 2 and 5 are weak: refused unless `allow_weak` is set.

The provider stays behind this module. For MODP it has finite-field Diffie-Hellman, which works in a time
that does not depend on the secret but is deprecated and announced to go. Python's own `pow` is no way out:
its time tells about the exponent. So one function, `_power`, asks the provider, with its warning turned off
there and nowhere else, and once the provider lacks it asks gmpy2's `powmod_sec`, if that is installed.
"""

from __future__ import annotations

import importlib
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

from gsakmp.crypto import modp
from gsakmp.crypto._provider import PROVIDER
from gsakmp.crypto.hashes import refuse_weak
from gsakmp.crypto.randomness import Random, random_octets, system_random
from gsakmp.errors import ConfigurationError, CryptoError, DecodeError, PolicyRefused
from gsakmp.registries import GroupDescription, NotifyType

__all__ = ["Group", "KeyPair", "diffie_hellman_group"]

DRAWS: Final = 100
"""How often a private value is drawn anew. The worst group misses once in 2**32 draws, so a source that
misses this often is broken."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyPair:
    """One side of one exchange. `public` is the body of the KE payload; the private value stays inside."""

    group: Group
    public: bytes
    _agree: Callable[[bytes], bytes] = field(repr=False)

    def shared(self, public: bytes) -> bytes:
        """g^xy with the peer's `public` value: `group.shared_size` octets, leading zeros included.

        Raises `DecodeError` for a value of another length than the group's (RFC 2409, 5; RFC 5903, 7),
        `PolicyRefused` for one that is no member of the group, both with the notify type
        INVALID-KEY-INFORMATION (RFC 2408, 5.7).
        """
        group = self.group
        if len(public) != group.public_size:
            wrong = DecodeError(
                f"a public value of {len(public)} octets, {group.name} has {group.public_size}",
                "key_exchange",
            )
            wrong.notify_type = NotifyType.INVALID_KEY_INFORMATION
            raise wrong
        return self._agree(public)


class Group(ABC):
    """A group. `public_size` and `shared_size` are octets of the KE payload's body and of g^xy."""

    number: GroupDescription
    weak: bool
    public_size: int
    shared_size: int
    private_size: int
    """Octets that `generate` asks its random source for, each time it draws."""

    @property
    def name(self) -> str:
        """The registry's name, such as ``ECP_256``."""
        return self.number.name

    def __repr__(self) -> str:
        return f"<Group {int(self.number)}, {self.name}>"

    def generate(self, random: Random = system_random) -> KeyPair:
        """A fresh key pair. Raises `CryptoError` if `random` gives no private value in many draws, or the
        provider lacks the group."""
        if random is system_random and (fresh := self._fresh()) is not None:
            return fresh
        for _ in range(DRAWS):
            private = self._private(random_octets(random, self.private_size))
            if private is not None:
                return self._pair(private)
        raise CryptoError(f"the random source gives no private value for {self.name}")

    def key_pair(self, private: bytes) -> KeyPair:
        """The key pair of a recorded private value, a number with the most significant octet first.

        Raises `ConfigurationError` if it is none of the group's.
        """
        value = int.from_bytes(private, "big")
        if not self._in_range(value):
            raise ConfigurationError(f"this is no private value of {self.name}")
        return self._pair(value)

    def _fresh(self) -> KeyPair | None:
        """A key pair out of the provider's own generator, where it makes both values at once."""
        return None

    @abstractmethod
    def _private(self, octets: bytes) -> int | None:
        """The private value that random octets make, None where they make none."""

    @abstractmethod
    def _in_range(self, private: int) -> bool: ...

    @abstractmethod
    def _pair(self, private: int) -> KeyPair: ...


class _MODP(Group):
    """Exponentiation modulo a prime p for which (p - 1) / 2 is prime too."""

    def __init__(self, number: GroupDescription, prime: int, exponent_bits: int, weak: bool = False) -> None:
        self.number = number
        self.weak = weak
        self._prime = prime
        self.public_size = self.shared_size = prime.bit_length() // 8
        self.private_size = -(-exponent_bits // 8)

    def _private(self, octets: bytes) -> int | None:
        value = int.from_bytes(octets, "big")
        return value if self._in_range(value) else None

    def _in_range(self, private: int) -> bool:
        return 1 < private < self._prime - 1

    def _pair(self, private: int) -> KeyPair:
        size, prime = self.public_size, self._prime

        def agree(public: bytes) -> bytes:
            value = int.from_bytes(public, "big")
            if not 1 < value < prime - 1:  # 0, 1 and p - 1 would make the secret known
                raise _no_member(self)
            return _power(value, private, prime).to_bytes(size, "big")

        return KeyPair(self, _power(modp.GENERATOR, private, prime).to_bytes(size, "big"), agree)


class _ECP(Group):
    """A curve: public values are x and then y, the secret is x alone (RFC 5903, 7)."""

    def __init__(self, number: GroupDescription, curve: ec.EllipticCurve, order: int) -> None:
        self.number = number
        self.weak = False
        self._curve = curve
        self._order = order
        self.private_size = self.shared_size = -(-order.bit_length() // 8)
        self.public_size = 2 * self.shared_size

    def _private(self, octets: bytes) -> int | None:
        excess = 8 * self.private_size - self._order.bit_length()
        value = int.from_bytes(octets, "big") & ((1 << 8 * self.private_size - excess) - 1)
        return value if self._in_range(value) else None

    def _in_range(self, private: int) -> bool:
        return 0 < private < self._order

    def _pair(self, private: int) -> KeyPair:
        with PROVIDER:
            return self._pair_of(ec.derive_private_key(private, self._curve))

    def _fresh(self) -> KeyPair:
        with PROVIDER:
            return self._pair_of(ec.generate_private_key(self._curve))

    def _pair_of(self, key: ec.EllipticCurvePrivateKey) -> KeyPair:
        """x and y follow an octet of 4, where both are there (SEC 1, 2.3.3)."""
        own = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

        def agree(public: bytes) -> bytes:
            try:
                peer = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, b"\4" + public)
            except ValueError:  # not on the curve
                raise _no_member(self) from None
            with PROVIDER:
                return key.exchange(ec.ECDH(), peer)

        return KeyPair(self, own[1:], agree)


def _number(text: str) -> int:
    return int(text.replace(" ", ""), 16)


# Group orders: RFC 5903, 3.1 to 3.3.
_P256: Final = _number("FFFFFFFF 00000000 FFFFFFFF FFFFFFFF BCE6FAAD A7179E84 F3B9CAC2 FC632551")
_P384: Final = _number(
    "FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF C7634D81 F4372DDF"
    "581A0DB2 48B0A77A ECEC196A CCC52973"
)
_P521: Final = _number(
    "01FFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF"
    "FFFA5186 8783BF2F 966B7FCC 0148F709 A5D03BB5 C9B8899C 47AEBB6F B71E9138"
    "6409"
)

# The bits of the exponents are the larger estimates of RFC 3526, 8. It has none for group 2, which gets
# group 5's.
_GROUPS: Final[dict[GroupDescription, Group]] = {
    group.number: group
    for group in (
        _MODP(GroupDescription.MODP_1024, modp.MODP_1024, 240, weak=True),
        _MODP(GroupDescription.MODP_1536, modp.MODP_1536, 240, weak=True),
        _MODP(GroupDescription.MODP_2048, modp.MODP_2048, 320),
        _MODP(GroupDescription.MODP_3072, modp.MODP_3072, 420),
        _MODP(GroupDescription.MODP_4096, modp.MODP_4096, 480),
        _ECP(GroupDescription.ECP_256, ec.SECP256R1(), _P256),
        _ECP(GroupDescription.ECP_384, ec.SECP384R1(), _P384),
        _ECP(GroupDescription.ECP_521, ec.SECP521R1(), _P521),
    )
}


def diffie_hellman_group(number: GroupDescription, *, allow_weak: bool = False) -> Group:
    """The group that GROUP_DESCRIPTION names. Raises `PolicyRefused` for one that is unknown, or weak and
    not allowed."""
    group = _GROUPS.get(number)
    if group is None:
        raise PolicyRefused(f"GroupDescription {number!r} is not supported")
    refuse_weak(group.name, group.weak, allow_weak)
    return group


def _no_member(group: Group) -> PolicyRefused:
    error = PolicyRefused(f"the peer's public value is no member of {group.name}")
    error.notify_type = NotifyType.INVALID_KEY_INFORMATION
    return error


_WARNINGS: Final = threading.Lock()
"""`warnings.catch_warnings` changes what all threads see; one at a time leaves it as it was."""


def _power(base: int, exponent: int, prime: int) -> int:
    """``base ** exponent % prime`` in a time that does not depend on the exponent.

    Raises `CryptoError` where neither provider is there.
    """
    try:
        dh: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.dh")
    except ImportError:
        return _power_without_provider(base, exponent, prime)
    with PROVIDER, _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        parameters = dh.DHParameterNumbers(prime, modp.GENERATOR)
        # A private key wants its public value, and only to hand it out again: any member will do.
        own = dh.DHPublicNumbers(modp.GENERATOR, parameters)
        key = dh.DHPrivateNumbers(exponent, own).private_key()
        peer = dh.DHPublicNumbers(base, parameters).public_key()
        return int.from_bytes(key.exchange(peer), "big")


def _power_without_provider(base: int, exponent: int, prime: int) -> int:
    try:
        gmpy2: Any = importlib.import_module("gmpy2")
    except ImportError:
        raise CryptoError(
            "the provider has no finite-field Diffie-Hellman, and gmpy2 is not installed; use an ECP group"
        ) from None
    return int(gmpy2.powmod_sec(base, exponent, prime))
