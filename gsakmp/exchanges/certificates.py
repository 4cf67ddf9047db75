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

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from gsakmp.crypto import PublicKey, accepted_public_key, public_octets
from gsakmp.errors import AuthenticationFailed, ConfigurationError, PolicyRefused, shortened
from gsakmp.identities import Identity
from gsakmp.registries import GDOIIDType

__all__ = ["Chains", "certified_octets", "octets_of", "subject_octets"]

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
UNDERSTOOD: Final = frozenset(
    {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.SubjectAlternativeName.oid,
        x509.ExtendedKeyUsage.oid,
    }
)
"""Extensions that may be critical, because they are checked (RFC 4945, 5.1.3)."""
PARTIAL: Final = frozenset({x509.DeltaCRLIndicator.oid, x509.IssuingDistributionPoint.oid})
"""What tells that a revocation list does not speak of all certificates (RFC 4945, 5.2.2.4 and 5.2.2.5)."""
WEAK_HASHES: Final = frozenset({"md5", "sha1"})
EMPTY_NAME: Final = b"\x30\x00"
"""A subject without any attribute, which names nobody (RFC 4945, 3.1.5)."""

# What the provider raises for a certificate that is odd, at whichever of its properties.
ODD: Final = (
    *(ValueError, TypeError, KeyError, OverflowError, RecursionError, UnsupportedAlgorithm, Warning),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)


@dataclass(frozen=True, slots=True)
class Examined:
    """What a certificate says, read once."""

    certificate: x509.Certificate
    subject: bytes
    """DER, the very octets."""
    issuer: bytes
    not_before: float
    not_after: float
    """Seconds since 1970."""
    authority: bool
    path_length: int | None
    key_usage: x509.KeyUsage | None
    names: x509.SubjectAlternativeName | None
    purposes: frozenset[str]
    constrained: bool
    """Whether it holds name constraints."""
    not_understood: str
    """A critical extension that is none of ours, or nothing."""

    @property
    def name(self) -> str:
        """The subject, for an error's text."""
        return repr(shortened(self.certificate.subject.rfc4514_string()))

    @property
    def self_issued(self) -> bool:
        """Such a certificate does not count for a path's length (RFC 5280, 4.2.1.9)."""
        return self.subject == self.issuer


def octets_of(certificate: x509.Certificate) -> bytes:
    """Its DER."""
    return certificate.public_bytes(Encoding.DER)


def subject_octets(certificate: x509.Certificate) -> bytes:
    """The DER of its subject, octet for octet as it stands there (RFC 4945, 3.1.5 and 3.2.7.1).

    Raises `ConfigurationError` for a certificate that can't be read.
    """
    try:
        return _names_of(certificate)[0]
    except ODD as error:
        raise ConfigurationError(f"a certificate that can't be read: {type(error).__name__}") from None


def certified_octets(certificate: x509.Certificate) -> bytes:
    """The SubjectPublicKeyInfo of the key that it certifies. Raises `ConfigurationError` for one that is
    neither RSA nor on a curve of RFC 4754."""
    try:
        return public_octets(accepted_public_key(certificate.public_key(), allow_weak=True))
    except (PolicyRefused, *ODD) as error:
        raise ConfigurationError(f"a certificate with a key that is not supported: {error}") from None


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
            self._check_hash(found, found.certificate.signature_hash_algorithm)
            found.certificate.verify_directly_issued_by(issuer.certificate)
        except InvalidSignature:
            raise _failed(found, f"its signature is not that of {issuer.name}") from None
        except ODD as error:
            raise _failed(found, f"its signature can't be checked: {error}") from None

    def _check_hash(self, found: Examined, hash_algorithm: HashAlgorithm | None) -> None:
        name = "no hash" if hash_algorithm is None else hash_algorithm.name
        if name in WEAK_HASHES and not self.allow_weak:
            raise _failed(found, f"a signature with {name}, which is weak")

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
            self._check_hash(issuer, given.signature_hash_algorithm)
            return given.is_signature_valid(self._key(issuer))
        except (AuthenticationFailed, *ODD):
            return False


def names_identity(found: Examined, identity: Identity) -> bool:
    """Whether the certificate is for that identity (RFC 4945, 3.1): the subject for a distinguished name,
    else a subjectAltName. No wildcards; letters of hosts and users are compared without regard to case."""
    data, names = identity.data, found.names
    if identity.id_type == GDOIIDType.ID_DER_ASN1_DN:
        return data == found.subject != EMPTY_NAME
    if names is None:
        return False
    if identity.id_type in (GDOIIDType.ID_IPV4_ADDR, GDOIIDType.ID_IPV6_ADDR):
        return data in names.get_values_for_type(x509.IPAddress)
    if not isinstance(data, str) or not data or not data.isascii() or "*" in data:
        return False
    if identity.id_type == GDOIIDType.ID_FQDN:
        return data.lower() in {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    if identity.id_type == GDOIIDType.ID_USER_FQDN:
        return data.lower() in {name.lower() for name in names.get_values_for_type(x509.RFC822Name)}
    return False


def examined(certificate: x509.Certificate) -> Examined:
    """Raises one of `ODD` for a certificate that can't be read."""
    subject, issuer = _names_of(certificate)
    by_oid = {extension.oid: extension for extension in certificate.extensions}
    values = {oid: extension.value for oid, extension in by_oid.items()}
    basic = values.get(x509.BasicConstraints.oid)
    usage = values.get(x509.KeyUsage.oid)
    names = values.get(x509.SubjectAlternativeName.oid)
    purposes = values.get(x509.ExtendedKeyUsage.oid)
    unknown = [oid for oid, extension in by_oid.items() if extension.critical and oid not in UNDERSTOOD]
    constraints = x509.NameConstraints.oid
    return Examined(
        certificate=certificate,
        subject=subject,
        issuer=issuer,
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
        authority=isinstance(basic, x509.BasicConstraints) and basic.ca,
        path_length=basic.path_length if isinstance(basic, x509.BasicConstraints) else None,
        key_usage=usage if isinstance(usage, x509.KeyUsage) else None,
        names=names if isinstance(names, x509.SubjectAlternativeName) else None,
        purposes=frozenset(oid.dotted_string for oid in purposes)
        if isinstance(purposes, x509.ExtendedKeyUsage)
        else frozenset(),
        constrained=constraints in by_oid,
        not_understood=next((oid.dotted_string for oid in unknown if oid != constraints), ""),
    )


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


def _names_of(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """DER of subject and issuer as they stand in the certificate; the provider would write them anew."""
    fields = asn1.Certificate.load(octets_of(certificate))["tbs_certificate"]
    return bytes(fields["subject"].dump()), bytes(fields["issuer"].dump())


def _failed(found: Examined, problem: str) -> AuthenticationFailed:
    return AuthenticationFailed(f"the certificate of {found.name}: {problem}")
