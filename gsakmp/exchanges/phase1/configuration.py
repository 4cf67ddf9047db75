"""What one side brings to phase 1: who it is, how it proves that, and what it offers or accepts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from gsakmp.doi import DOI, GDOI, STANDARD, Dialect
from gsakmp.errors import ConfigurationError
from gsakmp.group.phase1_suites import PhaseOneSuite
from gsakmp.identities import Identity
from gsakmp.registries import AuthenticationMethod, DOINumber, IPsecSituation

if TYPE_CHECKING:
    from gsakmp.exchanges.credentials import Credentials

__all__ = ["METHODS", "PhaseOneConfiguration"]

METHODS: Final = (
    AuthenticationMethod.PRE_SHARED_KEY,
    AuthenticationMethod.RSA_SIGNATURES,
    AuthenticationMethod.ECDSA_SHA256_P256,
    AuthenticationMethod.ECDSA_SHA384_P384,
    AuthenticationMethod.ECDSA_SHA512_P521,
)
"""The ways to prove who one is that are spoken here (RFC 2409, 5.1 and 5.4; RFC 4754)."""

OFFERS: Final = 255
"""Transforms in one proposal: their number is one octet (RFC 2408, 3.5)."""
LONGEST_LIFETIME: Final = (1 << 32) - 1
"""Seconds: LIFE_DURATION is sent with four octets."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PhaseOneConfiguration:
    """One side's part in every phase 1 that it takes part in. Raises `ConfigurationError` when it is made of
    things that contradict each other.

    Of `methods`, those count for which `credentials` have a key: see `usable_methods`.
    """

    identity: Identity
    """Ours."""
    credentials: Credentials
    suites: tuple[PhaseOneSuite, ...]
    """The preferred one first."""
    methods: tuple[AuthenticationMethod, ...] = METHODS
    """The preferred one first."""
    peer_identity: Identity | None = None
    """Whom the peer must be; None for whoever can prove to be what it says."""
    doi: DOI = GDOI
    """The domain that the exchanges under the SA belong to."""
    sa_doi: DOINumber = DOINumber.GDOI
    """What stands in the SA payload; GDOI's for GDOI (RFC 6407, 2.1)."""
    situation: int | None = None
    """The SA payload's. None: SIT_IDENTITY_ONLY in the IPsec DOI (RFC 2407, 4.2.1), else 0."""
    lifetime_seconds: int = 86_400
    """The ISAKMP SA's; a peer that wants less gets less."""
    nat_traversal: bool = True
    dead_peer_detection: bool = True
    fragmentation: bool = True
    initial_contact: bool = False
    """Whether to say that all older SAs with the peer are lost (RFC 2407, 4.6.3.3)."""
    dialect: Dialect = STANDARD
    allow_weak: bool = False
    aggressive_responder: bool = False
    """Whether to answer in Aggressive Mode, which shows identities, and with a pre-shared key lets everybody
    who asks try keys at leisure."""

    def __post_init__(self) -> None:
        self._check_suites()
        if unknown := [method for method in self.methods if method not in METHODS]:
            raise ConfigurationError(f"authentication method {unknown[0]!r} is not supported")
        if not self.usable_methods:
            names = ", ".join(method.name for method in self.methods) or "none"
            raise ConfigurationError(f"there is no key for any of the authentication methods: {names}")
        if len(self.suites) * len(self.usable_methods) > OFFERS:
            raise ConfigurationError(f"more than {OFFERS} suites with their authentication methods")
        if not 0 < self.lifetime_seconds <= LONGEST_LIFETIME:
            raise ConfigurationError(f"a lifetime of {self.lifetime_seconds} seconds")
        if self.sa_doi not in (DOINumber.IPSEC, DOINumber.GDOI):
            raise ConfigurationError(f"the SA payload's DOI is IPSEC or GDOI, not {self.sa_doi!r}")

    def _check_suites(self) -> None:
        if not self.suites or len(set(self.suites)) != len(self.suites):
            raise ConfigurationError("phase 1 needs a suite, and each one once")
        weak = [suite.name for suite in self.suites if suite.weak]
        if weak and not self.allow_weak:
            raise ConfigurationError(f"{weak[0]} is weak, and weak algorithms are not allowed")

    @cached_property
    def usable_methods(self) -> tuple[AuthenticationMethod, ...]:
        """Those of `methods` for which there is a key."""
        return tuple(method for method in self.methods if self._has_key(method))

    def _has_key(self, method: AuthenticationMethod) -> bool:
        if method == AuthenticationMethod.PRE_SHARED_KEY:
            return bool(self.credentials.shared_keys)
        try:
            self.credentials.signing_key(method)
        except ConfigurationError:
            return False
        return True

    @cached_property
    def identity_body(self) -> bytes:
        """The body of our ID payload, which HASH_I or HASH_R covers."""
        return self.identity.body()

    @property
    def sa_situation(self) -> int:
        """The situation as the SA payload has it."""
        if self.situation is not None:
            return self.situation
        return int(IPsecSituation.SIT_IDENTITY_ONLY) if self.sa_doi == DOINumber.IPSEC else 0
