"""Whom a certificate is for, and what bounds the search for a path."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from asn1crypto import x509 as asn1
from asn1crypto.core import OctetBitString
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gsakmp.errors import AuthenticationFailed
from gsakmp.exchanges.certificates import RECEIVED, SIGNATURES, Chains
from gsakmp.exchanges.credentials import Credentials
from gsakmp.identities import Identity
from gsakmp.registries import AuthenticationMethod as Method
from gsakmp.registries import GDOIIDType
from tests.unit.exchanges.authorities import (
    DAY,
    DEEP,
    FQDN,
    HOST,
    MEMBER,
    METHOD,
    MIDDLE,
    NOW,
    ROOT,
    Case,
    Party,
    issue,
    name_of,
    peer,
)

# -- identities ----------------------------------------------------------------------------------------------

SUBJECT = MEMBER.certificate.subject.public_bytes()
NAMELESS = peer(ROOT, subject=x509.Name([]))


@pytest.mark.parametrize(
    "identity",
    [
        f"fqdn:{HOST}",
        "fqdn:MEMBER.Example",
        "user-fqdn:member@example.org",
        "user-fqdn:Member@Example.org",
        "ipv4:192.0.2.7",
        "ipv6:2001:db8::7",
        "dn:CN=member,O=Example",
    ],
)
def test_identities_of_the_certificate(identity: str) -> None:
    Case(MEMBER, identity=Identity.from_text(identity)).verify()


@pytest.mark.parametrize(
    "identity",
    [
        "fqdn:other.example",
        "fqdn:example",
        "fqdn:*.example",
        "fqdn:*",
        "fqdn:member.example.",
        "fqdn:member@example.org",
        "user-fqdn:member.example",
        "user-fqdn:other@example.org",
        "ipv4:192.0.2.8",
        "ipv6:2001:db8::8",
        "ipv4-subnet:192.0.2.0/24",
        "ipv4-range:192.0.2.7-192.0.2.7",
        "key-id:member.example",
        "dn:CN=member",
        "dn:O=Example,CN=member",
        "dn:CN=Member,O=Example",
    ],
)
def test_identities_of_somebody_else(identity: str) -> None:
    with pytest.raises(AuthenticationFailed, match="none of 1 certificates"):
        Case(MEMBER, identity=Identity.from_text(identity)).verify()


@pytest.mark.parametrize("name", ["member.example\0", b"member.example\0"])
def test_a_name_with_an_end_in_it_is_another_name(name: str | bytes) -> None:
    with pytest.raises(AuthenticationFailed, match="none of 1 certificates"):
        Case(MEMBER, identity=Identity(GDOIIDType.ID_FQDN, name)).verify()


def test_a_subject_in_another_encoding_is_another_name() -> None:
    printable = x509.Name(
        x509.NameAttribute(attribute.oid, str(attribute.value), x509.name._ASN1Type.PrintableString)
        for attribute in name_of("member")
    )
    other = peer(ROOT, subject=printable)
    identity = Identity(9, printable.public_bytes())
    assert printable.public_bytes() != SUBJECT
    Case(other, identity=identity).verify()
    with pytest.raises(AuthenticationFailed):
        Case(MEMBER, identity=identity).verify()


def test_an_empty_subject_names_nobody() -> None:
    with pytest.raises(AuthenticationFailed, match="none of"):
        Case(NAMELESS, identity=Identity(9, x509.Name([]).public_bytes())).verify()
    Case(NAMELESS).verify()


def test_a_wildcard_in_a_certificate_stands_for_nothing() -> None:
    wild = peer(ROOT, names=[x509.DNSName("*.example")])
    with pytest.raises(AuthenticationFailed, match="none of"):
        Case(wild).verify()
    with pytest.raises(AuthenticationFailed, match="none of"):
        Case(wild, identity=Identity.from_text("fqdn:*.example")).verify()


def test_a_letter_that_is_another_in_lower_case() -> None:
    kiosk = peer(ROOT, names=[x509.DNSName("kiosk.example")])
    Case(kiosk, identity=Identity.from_text("fqdn:KIOSK.example")).verify()
    with pytest.raises(AuthenticationFailed, match="none of"):
        Case(kiosk, identity=Identity(GDOIIDType.ID_FQDN, "\N{KELVIN SIGN}iosk.example")).verify()


def test_version_1() -> None:
    """RFC 4945, 5.1.1: such a certificate has no extension that could say what its key is for."""
    plain = peer(ROOT, names=(), key_usage=None)
    structure = asn1.Certificate.load(plain.der)
    structure["tbs_certificate"]["version"] = "v1"
    structure["signature_value"] = OctetBitString(
        ROOT.key.sign(structure["tbs_certificate"].dump(force=True), ec.ECDSA(hashes.SHA256()))
    )
    old = Party(x509.load_der_x509_certificate(structure.dump(force=True)), plain.key)
    identity = Identity(9, SUBJECT)
    Case(plain, identity=identity).verify()
    with pytest.raises(AuthenticationFailed, match="not of version 3"):
        Case(old, identity=identity).verify()


def test_no_subject_alternative_name() -> None:
    with pytest.raises(AuthenticationFailed, match="none of"):
        Case(peer(ROOT, names=())).verify()


def test_the_name_in_a_subject_is_no_host() -> None:
    with pytest.raises(AuthenticationFailed, match="none of"):
        Case(peer(ROOT, name=HOST, names=())).verify()


# -- bounds, and what is no certificate ----------------------------------------------------------------------


def test_order_does_not_matter() -> None:
    chains = Chains([ROOT.certificate], now=NOW)
    for sent in ([MIDDLE.der, DEEP.der], [DEEP.der, MIDDLE.der]):
        assert chains.verify(FQDN, sent, lambda key: True)[1] == DEEP.certificate


def test_the_certificate_whose_key_fits() -> None:
    rsa_one = peer(ROOT, name="rsa member", kind="rsa2048")
    case = Case(MEMBER, (rsa_one,), method=Method.RSA_SIGNATURES)
    assert case.verify()[1] == rsa_one.certificate


@pytest.mark.parametrize(
    "junk", [b"", b"\0", b"0" * 5000, b"\x30\x82\xff\xff", MEMBER.der[:-1], bytes(20_000)]
)
def test_junk_is_passed_over(junk: bytes) -> None:
    chains = Chains([ROOT.certificate], now=NOW)
    assert chains.verify(FQDN, [junk, MEMBER.der], lambda key: True)[1] == MEMBER.certificate
    with pytest.raises(AuthenticationFailed, match="none of 0 certificates"):
        chains.verify(FQDN, [junk], lambda key: True)


def test_every_changed_octet_is_refused() -> None:
    """A certificate with any octet changed is not accepted, and gives rise to no other error."""
    for at in range(0, len(MEMBER.der), 3):
        octets = bytearray(MEMBER.der)
        octets[at] ^= 0x41
        with pytest.raises(AuthenticationFailed):
            Chains([ROOT.certificate], now=NOW).verify(FQDN, [bytes(octets)], lambda key: True)


def test_too_many_certificates() -> None:
    with pytest.raises(AuthenticationFailed, match=f"at most {RECEIVED}"):
        Chains([ROOT.certificate], now=NOW).verify(FQDN, [MEMBER.der] * (RECEIVED + 1), lambda key: True)


def test_authorities_of_one_name_cost_a_bounded_number_of_signatures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of fourteen authorities of one name may have issued each other one."""
    name = name_of("maze")
    first = issue("maze 0", None, [(x509.BasicConstraints(True, None), True)], subject=name)
    maze = [
        issue(f"maze {number}", first, [(x509.BasicConstraints(True, None), True)], subject=name, signer=first.key, kind="p256")
        for number in range(RECEIVED - 2)
    ]  # fmt: skip
    checked = []
    weak = Chains._weak

    def counted(self: Chains, *arguments: Any) -> bool:
        checked.append(arguments)
        return weak(self, *arguments)

    monkeypatch.setattr(Chains, "_weak", counted)
    member = peer(first)
    with pytest.raises(AuthenticationFailed):
        Case(member, tuple(maze), roots=(ROOT,)).verify()
    assert 0 < len(checked) <= SIGNATURES


def test_a_key_of_a_kind_that_nobody_has() -> None:
    odd = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateBuilder().subject_name(name_of("odd")).issuer_name(ROOT.certificate.subject)
    builder = builder.public_key(odd.public_key()).serial_number(5)
    builder = builder.not_valid_before(MEMBER.certificate.not_valid_before_utc)
    builder = builder.not_valid_after(MEMBER.certificate.not_valid_after_utc)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), False)
    party = Party(builder.sign(ROOT.key, hashes.SHA256()), odd)
    with pytest.raises(AuthenticationFailed, match="neither RSA nor"):
        Case(party).verify()


def test_an_address_must_be_where_the_peer_is() -> None:
    credentials = Credentials(authorities=(ROOT.certificate,))
    identity = Identity.from_text("ipv4:192.0.2.7")
    credentials.verify(identity, [MEMBER.der], METHOD, NOW, ip_address("192.0.2.7"))
    with pytest.raises(AuthenticationFailed, match="comes from"):
        credentials.verify(identity, [MEMBER.der], METHOD, NOW, ip_address("192.0.2.8"))
    credentials.verify(FQDN, [MEMBER.der], METHOD, NOW, ip_address("192.0.2.8"))


def test_the_last_second_counts() -> None:
    Case(MEMBER, now=NOW + DAY).verify()
    Case(MEMBER, now=NOW - DAY).verify()
    with pytest.raises(AuthenticationFailed, match="expired"):
        Case(MEMBER, now=NOW + DAY + 1).verify()
