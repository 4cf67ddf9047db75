"""X.509 certificates of peers: from one that fits an identity to an authority (RFC 4945, 3 and 5).

A path is searched among the certificates that the peer has sent and the authorities that we have; nothing is
fetched. What is not understood is refused: critical extensions that are not named here, name constraints,
partitioned and delta revocation lists. Names are compared octet for octet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from gsakmp.crypto import PublicKey, accepted_public_key
from gsakmp.errors import AuthenticationFailed, PolicyRefused, shortened
from gsakmp.exchanges.certificate_contents import ODD, Examined, examined, names_identity
from gsakmp.identities import Identity

__all__ = ["Chains"]

RECEIVED: Final = 16
"""Certificates that a peer may send; duplicates and irrelevant ones are to be expected (RFC 4945, 3.3.10)."""
CERTIFICATE_OCTETS: Final = 16_384
"""Octets of one of them: several times what the longest RSA keys and many names need."""
PATH: Final = 6
"""Certificates of a path, the peer's and the authority's included."""
SIGNATURES: Final = 24
"""Signatures that are checked for one peer, so that certificates of many authorities with one name can't
keep us busy."""

IKE_PURPOSES: Final = frozenset({"1.3.6.1.5.5.7.3.17", "2.5.29.37.0"})
"""id-kp-ipsecIKE and anyExtendedKeyUsage: one of them must be there if any is (RFC 4945, 5.1.3.12)."""
PARTIAL: Final = frozenset({x509.DeltaCRLIndicator.oid, x509.IssuingDistributionPoint.oid})
"""What tells that a revocation list does not speak of all certificates (RFC 4945, 5.2.2.4 and 5.2.2.5)."""
WEAK_HASHES: Final = frozenset({"md5", "sha1"})


Signed = x509.Certificate | x509.CertificateRevocationList


@dataclass
class Chains:
    """The search for a path from a peer's certificate to one of `authorities`, at the time `now`."""

    authorities: Sequence[x509.Certificate]
    revocation_lists: Sequence[x509.CertificateRevocationList] = ()
    allow_weak: bool = False
    now: float = 0.0
    """Seconds since 1970."""
    _signatures_left: int = field(default=SIGNATURES, init=False)

    def verify(
        self, identity: Identity, certificates: Sequence[bytes], fits: Callable[[PublicKey], bool]
    ) -> tuple[PublicKey, x509.Certificate]:
        """The key and the certificate of the peer that calls itself `identity`; `fits` tells whether a key
        can be the one wanted. Raises `AuthenticationFailed` with the first thing that is wrong."""
        if len(certificates) > RECEIVED:
            raise AuthenticationFailed(f"{len(certificates)} certificates, at most {RECEIVED} are taken")
        received = list(_readable(certificates))
        mine = [found for found in received if names_identity(found, identity)]
        if not mine:
            raise AuthenticationFailed(
                f"none of {len(received)} certificates is that of {shortened(str(identity))!r}"
            )
        trusted = list(_trusted(self.authorities))
        problems: list[str] = []
        for found in mine:
            try:
                key = self._key(found)
                if not fits(key):
                    raise _failed(found, "its key is of another kind than the method's")
                self._check_end_entity(found)
                self._check_path([found], received, trusted)
            except AuthenticationFailed as error:
                problems.append(str(error))
            else:
                return key, found.certificate
        raise AuthenticationFailed(problems[0])

    def _check_path(
        self, path: list[Examined], received: Sequence[Examined], trusted: Sequence[Examined]
    ) -> None:
        """Whether the last one of `path`, and so its first, leads to an authority."""
        last = path[-1]
        problems: list[str] = []
        for issuers, ends in ((trusted, True), (received, False)):
            for issuer in issuers:
                if issuer.subject != last.issuer or (issuer in path and not ends):
                    continue
                try:
                    self._check_step(path, issuer)
                    if not ends:
                        self._check_path([*path, issuer], received, trusted)
                except AuthenticationFailed as error:
                    problems.append(str(error))
                else:
                    return
        if problems:
            raise AuthenticationFailed(problems[0])
        raise _failed(last, "no authority is known that has issued it")

    def _check_step(self, path: Sequence[Examined], issuer: Examined) -> None:
        """`issuer` may have issued the last certificate of `path`, and has. What is cheap comes first."""
        if len(path) + 1 > PATH:
            raise _failed(issuer, f"a path of more than {PATH} certificates")
        self._check_common(issuer)
        if not issuer.authority:
            raise _failed(issuer, "it is no authority's (basicConstraints)")
        between = sum(not passed.self_issued for passed in path[1:])
        if issuer.path_length is not None and between > issuer.path_length:
            raise _failed(issuer, f"{between} authorities below it, it allows {issuer.path_length}")
        if issuer.key_usage is not None and not issuer.key_usage.key_cert_sign:
            raise _failed(issuer, "its key does not sign certificates (keyUsage)")
        self._check_signature(path[-1], issuer)
        self._check_revocation(path[-1], issuer)

    def _check_end_entity(self, found: Examined) -> None:
        """RFC 4945, 5.1.3.2."""
        self._check_common(found)
        usage = found.key_usage
        if usage is not None and not (usage.digital_signature or usage.content_commitment):
            raise _failed(found, "its key does not sign messages (keyUsage)")

    def _check_common(self, found: Examined) -> None:
        """What every certificate of a path must keep to, an authority's own too."""
        if found.certificate.version is not x509.Version.v3:
            raise _failed(found, "it is not of version 3")
        if not self.now >= found.not_before:
            raise _failed(found, "it is not valid yet")
        if not self.now <= found.not_after:
            raise _failed(found, "it has expired")
        if found.not_understood:
            raise _failed(found, f"a critical extension that is not understood: {found.not_understood}")
        if found.constrained:
            raise _failed(found, "name constraints, which are not supported")
        if found.purposes and not found.purposes & IKE_PURPOSES:
            raise _failed(found, "its key is not for IKE (extendedKeyUsage)")
        self._key(found)

    def _key(self, found: Examined) -> PublicKey:
        try:
            return accepted_public_key(found.certificate.public_key(), allow_weak=self.allow_weak)
        except (PolicyRefused, *ODD) as error:
            raise _failed(found, str(error)) from None

    def _check_signature(self, found: Examined, issuer: Examined) -> None:
        self._spend(found)
        try:
            if self._weak(found, found.certificate):
                _verify_weak(found.certificate, found.certificate.tbs_certificate_bytes, self._key(issuer))
            else:
                found.certificate.verify_directly_issued_by(issuer.certificate)
        except InvalidSignature:
            raise _failed(found, f"its signature is not that of {issuer.name}") from None
        except ODD as error:
            raise _failed(found, f"its signature can't be checked: {error}") from None

    def _weak(self, found: Examined, signed: Signed) -> bool:
        """Whether the signature is with a weak hash. Raises `AuthenticationFailed` if that is not allowed."""
        hash_algorithm = signed.signature_hash_algorithm
        weak = hash_algorithm is not None and hash_algorithm.name in WEAK_HASHES
        if weak and not self.allow_weak:
            raise _failed(found, "a signature with MD5 or SHA-1, which are weak")
        return weak

    def _spend(self, found: Examined) -> None:
        if not self._signatures_left:
            raise _failed(found, f"more than {SIGNATURES} signatures to check")
        self._signatures_left -= 1

    # -- revocation --------------------------------------------------------------------------------------

    def _check_revocation(self, found: Examined, issuer: Examined) -> None:
        """By the newest list of the issuer's that is sound and in force; without any list of its, nothing is
        known, and nothing is held against `found`."""
        lists = [given for given in self.revocation_lists if given.issuer == issuer.certificate.subject]
        if not lists:
            return
        if issuer.key_usage is not None and not issuer.key_usage.crl_sign:
            raise _failed(issuer, "its key does not sign revocation lists (keyUsage)")
        for given in sorted(lists, key=lambda given: given.last_update_utc, reverse=True):
            if self._in_force(given, issuer):
                entry = given.get_revoked_certificate_by_serial_number(found.certificate.serial_number)
                if entry is not None:
                    raise _failed(found, "it is revoked")
                return
        raise _failed(found, f"no revocation list of {issuer.name} is sound and in force")

    def _in_force(self, given: x509.CertificateRevocationList, issuer: Examined) -> bool:
        """A list that does not say when the next one comes is never in force, nor is one with a critical
        extension."""
        self._spend(issuer)
        try:
            until = given.next_update_utc
            if until is None or not given.last_update_utc.timestamp() <= self.now <= until.timestamp():
                return False
            if any(extension.critical or extension.oid in PARTIAL for extension in given.extensions):
                return False
            key = self._key(issuer)
            if self._weak(issuer, given):
                _verify_weak(given, given.tbs_certlist_bytes, key)
                return True
            return given.is_signature_valid(key)
        except (AuthenticationFailed, InvalidSignature, *ODD):
            return False


_kept = lru_cache(maxsize=256)(examined)
"""For authorities: they are the same for every peer."""


def _readable(certificates: Iterable[bytes]) -> Iterable[Examined]:
    """The certificates among what a peer has sent, each once; the rest may be passed over (RFC 4945,
    3.3.10.2)."""
    for octets in dict.fromkeys(certificates):
        if len(octets) <= CERTIFICATE_OCTETS:
            with suppress(*ODD):
                yield examined(x509.load_der_x509_certificate(octets))


def _trusted(certificates: Iterable[x509.Certificate]) -> Iterable[Examined]:
    for certificate in certificates:
        with suppress(*ODD):
            yield _kept(certificate)


def _verify_weak(signed: Signed, octets: bytes, key: PublicKey) -> None:
    """What the provider does itself for better hashes. Raises `InvalidSignature`."""
    parameters, hash_algorithm = signed.signature_algorithm_parameters, signed.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey) and isinstance(parameters, PKCS1v15) and hash_algorithm is not None:
        key.verify(signed.signature, octets, parameters, hash_algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
        key.verify(signed.signature, octets, parameters)
    else:
        raise InvalidSignature


def _failed(found: Examined, problem: str) -> AuthenticationFailed:
    return AuthenticationFailed(f"the certificate of {found.name}: {problem}")
