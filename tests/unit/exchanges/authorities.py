"""Certificates for tests, made with the provider's builders: each function makes one that is right, and takes
changes that make it wrong."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1
from asn1crypto.core import Null, OctetBitString
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from gsakmp.exchanges.credentials import Credentials
from gsakmp.identities import Identity
from gsakmp.registries import AuthenticationMethod as Method

NOW = 1_700_000_000.0
DAY = 86_400.0
HOST = "member.example"
IKE_PURPOSE = "1.3.6.1.5.5.7.3.17"
SERVER_PURPOSE = "1.3.6.1.5.5.7.3.1"


@cache
def key(name: str, kind: str = "p256") -> Any:
    """A private key; the same one for the same name."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    curve = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1(), "k1": ec.SECP256K1()}
    return ec.generate_private_key(curve[kind])


@dataclass(frozen=True)
class Party:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def name_of(common_name: str) -> x509.Name:
    attributes = [
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name),
    ]
    return x509.Name(attributes)


def usage(*names: str) -> x509.KeyUsage:
    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: name in names for name in every})


def issue(
    name: str,
    issuer: Party | None,
    extensions: Iterable[tuple[x509.ExtensionType, bool]],
    *,
    subject: x509.Name | None = None,
    kind: str = "p256",
    begins: float = NOW - DAY,
    ends: float = NOW + DAY,
    hash_algorithm: Any = None,
    signer: Any = None,
    serial: int | None = None,
) -> Party:
    """A certificate for `name`, self-signed without `issuer`; `signer` signs in its place."""
    own = key(name, kind)
    subject = name_of(name) if subject is None else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(moment(begins))
        .not_valid_after(moment(ends))
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    signer = signer or (issuer.key if issuer else own)
    return Party(builder.sign(signer, hash_algorithm or SHA256()), own)


def authority(
    name: str = "root",
    issuer: Party | None = None,
    *,
    path_length: int | None = None,
    ca: bool = True,
    basic: bool = True,
    key_usage: x509.KeyUsage | None = usage("key_cert_sign", "crl_sign"),  # noqa: B008  # it never changes
    more: Iterable[tuple[x509.ExtensionType, bool]] = (),
    **changes: Any,
) -> Party:
    extensions: list[tuple[x509.ExtensionType, bool]] = list(more)
    if basic:
        extensions.append((x509.BasicConstraints(ca, path_length if ca else None), True))
    if key_usage is not None:
        extensions.append((key_usage, True))
    return issue(name, issuer, extensions, **changes)


def peer(
    issuer: Party | None,
    *,
    name: str = "member",
    names: Iterable[x509.GeneralName] | None = None,
    key_usage: x509.KeyUsage | None = usage("digital_signature"),  # noqa: B008  # it never changes
    purposes: Iterable[str] = (),
    more: Iterable[tuple[x509.ExtensionType, bool]] = (),
    **changes: Any,
) -> Party:
    """A peer's, for all of its identities: host, user and both addresses."""
    if names is None:
        names = (
            x509.DNSName(HOST),
            x509.RFC822Name("Member@Example.org"),
            x509.IPAddress(ip_address("192.0.2.7")),
            x509.IPAddress(ip_address("2001:db8::7")),
        )
    extensions: list[tuple[x509.ExtensionType, bool]] = list(more)
    if names:
        extensions.append((x509.SubjectAlternativeName(names), False))
    if key_usage is not None:
        extensions.append((key_usage, True))
    if purposes:
        extensions.append((x509.ExtendedKeyUsage(x509.ObjectIdentifier(oid) for oid in purposes), False))
    return issue(name, issuer, extensions, **changes)


def revocation_list(
    issuer: Party,
    *revoked: x509.Certificate,
    begins: float = NOW - DAY,
    ends: float = NOW + DAY,
    signer: Any = None,
    hash_algorithm: Any = None,
    more: Iterable[tuple[x509.ExtensionType, bool]] = (),
) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(moment(begins))
        .next_update(moment(ends))
        .add_extension(x509.CRLNumber(1), False)
    )
    for value, critical in more:
        builder = builder.add_extension(value, critical)
    for certificate in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(moment(begins)).build())
    return builder.sign(signer or issuer.key, hash_algorithm or SHA256())


def with_sha1(octets: bytes, signer: rsa.RSAPrivateKey, part: str) -> bytes:
    """The same certificate (`part` is ``tbs_certificate``) or list (``tbs_cert_list``) signed with RSA and
    SHA-1, which the provider's builders make no more."""
    structure: Any = (asn1.Certificate if part == "tbs_certificate" else asn1_crl.CertificateList).load(
        octets
    )
    structure[part]["signature"]["algorithm"] = "sha1_rsa"
    structure["signature_algorithm"]["algorithm"] = "sha1_rsa"
    structure["signature_algorithm"]["parameters"] = structure[part]["signature"]["parameters"] = Null()
    covered = structure[part].dump(force=True)
    structure["signature" if part == "tbs_cert_list" else "signature_value"] = OctetBitString(
        signer.sign(covered, PKCS1v15(), SHA1())
    )
    made: bytes = structure.dump(force=True)
    return made


def sha1_party(party: Party, signer: rsa.RSAPrivateKey) -> Party:
    octets = with_sha1(party.der, signer, "tbs_certificate")
    return Party(x509.load_der_x509_certificate(octets), party.key)


def sha1_list(
    given: x509.CertificateRevocationList, signer: rsa.RSAPrivateKey
) -> x509.CertificateRevocationList:
    octets = with_sha1(given.public_bytes(Encoding.DER), signer, "tbs_cert_list")
    return x509.load_der_x509_crl(octets)


ROOT = authority()
MIDDLE = authority("middle", ROOT)
MEMBER = peer(ROOT)
DEEP = peer(MIDDLE)
FQDN = Identity.from_text(f"fqdn:{HOST}")
METHOD = Method.ECDSA_SHA256_P256


@dataclass
class Case:
    """What a peer sends, and whom we believe."""

    member: Party
    chain: tuple[Party, ...] = ()
    roots: tuple[Party, ...] = (ROOT,)
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    identity: Identity = FQDN
    method: Method = METHOD
    now: float = NOW
    changes: dict[str, Any] = field(default_factory=dict)

    def verify(self) -> tuple[Any, x509.Certificate]:
        credentials = Credentials(
            authorities=tuple(root.certificate for root in self.roots),
            revocation_lists=self.lists,
            **self.changes,
        )
        sent = [self.member.der, *(party.der for party in self.chain)]
        return credentials.verify(self.identity, sent, self.method, self.now)
