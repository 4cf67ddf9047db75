"""What an X.509 certificate says, read once, and whether it is for an identity (RFC 4945, 3.1 and 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from gsakmp.crypto import accepted_public_key, public_octets
from gsakmp.errors import ConfigurationError, PolicyRefused, shortened
from gsakmp.identities import Identity
from gsakmp.registries import GDOIIDType

__all__ = [
    "ODD",
    "Examined",
    "certified_octets",
    "examined",
    "names_identity",
    "octets_of",
    "subject_octets",
]

UNDERSTOOD: Final = frozenset(
    {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.SubjectAlternativeName.oid,
        x509.ExtendedKeyUsage.oid,
    }
)
"""Extensions that may be critical, because they are checked (RFC 4945, 5.1.3)."""
VERSION_TAG: Final = 0xA0
LONG_FORM: Final = 0x80
TBS_FIELDS: Final = 6
"""Of a TBSCertificate, at least: serial number to subjectPublicKeyInfo (RFC 5280, 4.1)."""
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


def _names_of(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """DER of subject and issuer as they stand in the certificate; the provider would write them anew."""
    fields = _elements(certificate.tbs_certificate_bytes)
    at = fields[0][0] == VERSION_TAG  # the version may be absent (RFC 5280, 4.1)
    return fields[at + 4], fields[at + 2]


def _elements(octets: bytes) -> list[bytes]:
    """What a SEQUENCE in DER consists of, each element whole. The provider has parsed it before, so tags are
    one octet and lengths fit. Raises `ValueError` where that is not so."""
    at, end = _extent(octets, 0)
    found = []
    while at < end:
        stop = _extent(octets, at)[1]
        found.append(octets[at:stop])
        at = stop
    if at != end or len(found) < TBS_FIELDS:
        raise ValueError("no TBSCertificate")
    return found


def _extent(octets: bytes, at: int) -> tuple[int, int]:
    """Where the contents of the element at `at` begin and end (X.690, 8.1.3)."""
    size = int.from_bytes(octets[at + 1 : at + 2], "big")
    start = at + 2
    if size >= LONG_FORM:
        start += size - LONG_FORM
        size = int.from_bytes(octets[at + 2 : start], "big")
    if start + size > len(octets):
        raise ValueError("an element that is cut off")
    return start, start + size
