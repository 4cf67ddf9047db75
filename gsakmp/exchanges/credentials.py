"""With what we prove who we are, and by what we believe a peer (RFC 2409, 5.1 and 5.4; RFC 4945, 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gsakmp.crypto import PrivateKey, PublicKey, public_octets
from gsakmp.errors import AuthenticationFailed, ConfigurationError, shortened
from gsakmp.identities import Identity
from gsakmp.payloads import Certificate as CertificatePayload
from gsakmp.payloads import CertificateRequest
from gsakmp.registries import AuthenticationMethod, CertificateEncoding, GDOIIDType

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

__all__ = ["Credentials", "SharedKey"]

REQUESTS: Final = 16
"""Certificate Requests in a message; with more authorities, one that names none (RFC 4945, 3.2.7.2)."""
CURVES: Final = {
    AuthenticationMethod.ECDSA_SHA256_P256: "secp256r1",
    AuthenticationMethod.ECDSA_SHA384_P384: "secp384r1",
    AuthenticationMethod.ECDSA_SHA512_P521: "secp521r1",
}
"""The curve that an authentication method's key is on (RFC 4754, 3)."""
WILDCARD_FREE: Final = str.maketrans({"?": "[?]", "[": "[[]"})
"""``*`` is the only character of a pattern that stands for others."""


@dataclass(frozen=True)
class SharedKey:
    """A pre-shared key, and the peers that it is shared with. Its text does not show it.

    Raises `ConfigurationError` for an empty key, or an address that is none.
    """

    key: bytes = field(repr=False)
    identity: str = ""
    """The peer's identity as text; ``*`` in it stands for anything. Empty for any."""
    address: str = ""
    """The peer's address, or a network that holds it. Empty for any."""

    def __post_init__(self) -> None:
        if not self.key:
            raise ConfigurationError("an empty pre-shared key")
        if self.identity and ":" not in self.identity:
            raise ConfigurationError(f"{self.identity!r} is no identity: one is type:data")
        _ = self._network  # refused here and not in the middle of phase 1

    @cached_property
    def _network(self) -> IPv4Network | IPv6Network | None:
        try:
            return ip_network(self.address) if self.address else None
        except ValueError:
            raise ConfigurationError(f"{self.address!r} is no address and no network") from None

    @property
    def peer(self) -> IPv4Address | IPv6Address | str:
        """The one address, or else the one identity in lower case where that makes no difference, that it can
        be for; ``*`` where it may be for several."""
        network = self._network
        if network is not None:
            return network.network_address if network.num_addresses == 1 else "*"
        return _folded(self.identity) if self.identity and "*" not in self.identity else "*"

    def fits(self, identity: Identity | None, host: IPv4Address | IPv6Address) -> tuple[int, int] | None:
        """How closely it is meant for that peer: by its address, then by its identity. None if it is not.

        Where the peer's identity is not known yet, a key that names an identity must name an address, too.
        """
        network = self._network
        if network is not None and host not in network:
            return None
        by_address = -1 if network is None else network.prefixlen
        if not self.identity:
            return by_address, 0
        if identity is None:
            return None if network is None else (by_address, -1)
        pattern = self.identity.translate(WILDCARD_FREE)
        if not fnmatchcase(_folded(identity.to_text()), _folded(pattern)):
            return None
        return by_address, 1 if "*" in self.identity else 2


@dataclass(frozen=True)
class Credentials:
    """Keys and certificates: ours, and those by which peers are believed. Their text shows no secret.

    Raises `ConfigurationError` for a certificate that is not the private key's.
    """

    shared_keys: tuple[SharedKey, ...] = ()
    private_key: PrivateKey | None = field(default=None, repr=False)
    certificates: tuple[Certificate, ...] = ()
    """Our own first, then those that lead from it to an authority that the peer knows."""
    authorities: tuple[Certificate, ...] = ()
    """Whom we believe."""
    revocation_lists: tuple[CertificateRevocationList, ...] = ()
    """An authority that one of these is from vouches for nobody without a list that is sound and in force."""
    allow_weak: bool = False
    """Whether RSA below 2048 bits and signatures with MD5 or SHA-1 count in certificates."""

    def __post_init__(self) -> None:
        if self.certificates and self.private_key is not None:
            from gsakmp.exchanges.certificate_contents import certified_octets

            if certified_octets(self.certificates[0]) != public_octets(self.private_key):
                raise ConfigurationError("the first certificate is not that of the private key")

    def pre_shared_key(self, identity: Identity | None, host: IPv4Address | IPv6Address) -> bytes:
        """The key shared with the peer at `host`; `identity` is None in Main Mode, where the key is needed
        before it is known (RFC 2409, 5.4).

        The key with the narrowest address is taken, then the one with the closest identity, then the first.
        Once Main Mode knows the identity, ask again: another key, or none, means that the peer is not who
        it says. Raises `AuthenticationFailed` if there is none.
        """
        best: tuple[tuple[int, int], bytes] | None = None
        text = None if identity is None else _folded(identity.to_text())
        for shared in (*self._keys.get(host, ()), *self._keys.get(text, ()), *self._keys.get("*", ())):
            rank = shared.fits(identity, host)
            if rank is not None and (best is None or rank > best[0]):
                best = rank, shared.key
        if best is None:
            raise AuthenticationFailed(f"no pre-shared key for {_named(identity)} at {host}")
        return best[1]

    @cached_property
    def _keys(self) -> dict[IPv4Address | IPv6Address | str | None, list[SharedKey]]:
        """The pre-shared keys by the one address, or else the one identity, that each is for, and ``*`` for
        the others: with a key for each of many members, most are not looked at."""
        keys: dict[IPv4Address | IPv6Address | str | None, list[SharedKey]] = {}
        for shared in self.shared_keys:
            keys.setdefault(shared.peer, []).append(shared)
        return keys

    def signing_key(self, method: AuthenticationMethod) -> PrivateKey:
        """Our key for signatures of that method. Raises `ConfigurationError` if there is none."""
        key = self.private_key
        if key is None:
            raise ConfigurationError(f"{method.name} needs a private key, and there is none")
        if not fits_method(key, method):
            raise ConfigurationError(f"{method.name} needs a private key of another kind")
        return key

    def certificate_payloads(self) -> tuple[CertificatePayload, ...]:
        """Our certificate and those after it, but no authority's own, which the peer must know by itself
        (RFC 4945, 3.3), nor any twice (3.3.11.1)."""
        return self._certificate_payloads

    @cached_property
    def _certificate_payloads(self) -> tuple[CertificatePayload, ...]:
        from gsakmp.exchanges.certificate_contents import octets_of

        own, rest = self.certificates[:1], self.certificates[1:]
        chain = [*own, *(found for found in rest if found.subject != found.issuer)]
        return tuple(
            CertificatePayload(
                certificate_encoding=CertificateEncoding.X509_SIGNATURE, certificate_data=octets
            )
            for octets in dict.fromkeys(octets_of(found) for found in chain)
        )

    def request_payloads(self) -> tuple[CertificateRequest, ...]:
        """A request for each authority, by its subject's octets (RFC 4945, 3.2.7.1)."""
        return self._request_payloads

    @cached_property
    def _request_payloads(self) -> tuple[CertificateRequest, ...]:
        from gsakmp.exchanges.certificate_contents import subject_octets

        names = list(dict.fromkeys(subject_octets(found) for found in self.authorities))
        return tuple(
            CertificateRequest(
                certificate_type=CertificateEncoding.X509_SIGNATURE, certificate_authority=name
            )
            for name in (names if len(names) <= REQUESTS else [b""])
        )

    def verify(
        self,
        identity: Identity,
        certificates: Sequence[bytes],
        method: AuthenticationMethod,
        now: float,
        host: IPv4Address | IPv6Address | None = None,
    ) -> tuple[PublicKey, Certificate]:
        """The peer's key and certificate, as an authority of ours has certified them.

        `certificates` are DER, as received, in any order (RFC 4945, 3.3.10). `now` is seconds since 1970.
        With `host`, an identity that is an address must be that one (RFC 4945, 3.1.1). Raises
        `AuthenticationFailed` and says why; the peer is to be told no more than that.
        """
        from gsakmp.exchanges.certificates import Chains

        address = identity.id_type in (GDOIIDType.ID_IPV4_ADDR, GDOIIDType.ID_IPV6_ADDR)
        if host is not None and address and identity.data != host:
            raise AuthenticationFailed(f"the peer calls itself {_named(identity)} and comes from {host}")
        chains = Chains(self.authorities, self.revocation_lists, allow_weak=self.allow_weak, now=now)
        return chains.verify(identity, certificates, lambda key: fits_method(key, method))


def fits_method(key: PrivateKey | PublicKey, method: AuthenticationMethod) -> bool:
    """Whether signatures of that method are made with keys of this kind (RFC 2409, 5.1; RFC 4754, 3)."""
    if method == AuthenticationMethod.RSA_SIGNATURES:
        return isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey)
    if not isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return False
    return key.curve.name == CURVES.get(method)


def _folded(text: str) -> str:
    """A name of a host or a user without regard to case; no other identity has letters that matter."""
    kind = text.partition(":")[0]
    return text.lower() if kind in ("fqdn", "user-fqdn") else text


def _named(identity: Identity | None) -> str:
    """For an error's text: a peer chooses its identity."""
    return "a peer yet unnamed" if identity is None else repr(shortened(identity.to_text()))
