"""Paths of certificates: each reason to refuse one, alone; and OpenSSL's verdict on the same ones."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from gsakmp.errors import AuthenticationFailed
from gsakmp.exchanges.certificates import PATH, RECEIVED, SIGNATURES, Chains
from gsakmp.exchanges.credentials import Credentials
from gsakmp.identities import Identity
from gsakmp.registries import AuthenticationMethod as Method
from tests.conftest import require_tool
from tests.unit.exchanges.authorities import (
    DAY,
    HOST,
    IKE_PURPOSE,
    NOW,
    SERVER_PURPOSE,
    Party,
    authority,
    issue,
    key,
    name_of,
    peer,
    revocation_list,
    sha1_list,
    sha1_party,
    usage,
)

FQDN = Identity.from_text(f"fqdn:{HOST}")
METHOD = Method.ECDSA_SHA256_P256
ROOT = authority()
MIDDLE = authority("middle", ROOT)
MEMBER = peer(ROOT)
DEEP = peer(MIDDLE)
UNKNOWN_OID = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
UNKNOWN = x509.UnrecognizedExtension(UNKNOWN_OID, b"\x05\x00")
CONSTRAINTS = x509.NameConstraints([x509.DNSName("example")], None)


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


def long_path(count: int) -> tuple[Party, ...]:
    """So many authorities below the root, the lowest last."""
    found = [ROOT]
    for number in range(count):
        found.append(authority(f"level {number}", found[-1]))
    return tuple(found[1:])


LONG, TOO_LONG = long_path(PATH - 2), long_path(PATH - 1)
NARROW = authority("narrow", path_length=0)
BELOW_NARROW = authority("below narrow", NARROW)
# self-issued: the authority's new key, certified by its old one, which does not count for a path's length
SHORT = authority("short", ROOT, path_length=0)
ROLLED = authority("new key", SHORT, subject=name_of("short"))
OLD_ROOT = authority(ends=NOW - 1)
RSA_ROOT = authority("rsa root", kind="rsa2048")
WEAK_ROOT = authority("weak root", kind="rsa1024")
ANY_PURPOSE = "2.5.29.37.0"
LATER = revocation_list(ROOT, begins=NOW - 10)

SOUND = {
    "one authority": Case(MEMBER),
    "an authority between": Case(DEEP, (MIDDLE,)),
    "the root sent along": Case(DEEP, (ROOT, MIDDLE)),
    "the longest path": Case(peer(LONG[-1]), LONG),
    "a path as long as allowed": Case(peer(NARROW), roots=(NARROW,)),
    "one that signs itself between": Case(peer(ROLLED), (ROLLED, SHORT)),
    "an authority below the root is believed": Case(DEEP, roots=(MIDDLE,)),
    "sent twice, and others' too": Case(DEEP, (DEEP, MIDDLE, MIDDLE, peer(ROOT, name="other", names=()))),
    "no keyUsage": Case(peer(ROOT, key_usage=None)),
    "nonRepudiation": Case(peer(ROOT, key_usage=usage("content_commitment"))),
    "an authority without keyUsage": Case(
        peer(bare := authority("bare", key_usage=None)), roots=(bare,)
    ),
    "purpose IKE": Case(peer(ROOT, purposes=[SERVER_PURPOSE, IKE_PURPOSE])),
    "any purpose": Case(peer(ROOT, purposes=[ANY_PURPOSE])),
    "an unknown extension that is not critical": Case(peer(ROOT, more=[(UNKNOWN, False)])),
    "RSA": Case(peer(RSA_ROOT, kind="rsa2048"), roots=(RSA_ROOT,), method=Method.RSA_SIGNATURES),
    "P-384": Case(peer(ROOT, kind="p384"), method=Method.ECDSA_SHA384_P384),
    "P-521": Case(peer(ROOT, kind="p521"), method=Method.ECDSA_SHA512_P521),
    "a root with an old certificate, too": Case(MEMBER, roots=(OLD_ROOT, ROOT)),
    "weak, and allowed": Case(
        sha1_party(peer(WEAK_ROOT, kind="rsa1024"), WEAK_ROOT.key),
        roots=(WEAK_ROOT,),
        method=Method.RSA_SIGNATURES,
        changes={"allow_weak": True},
    ),
    "a list with a weak signature, and allowed": Case(
        peer(RSA_ROOT),
        roots=(RSA_ROOT,),
        lists=(sha1_list(revocation_list(RSA_ROOT), RSA_ROOT.key),),
        changes={"allow_weak": True},
    ),
    "a list that names others": Case(MEMBER, lists=(revocation_list(ROOT, DEEP.certificate),)),
    "a list of an authority that is none of the path": Case(
        MEMBER, lists=(revocation_list(MIDDLE, MEMBER.certificate),)
    ),
    "a newer list than the one that names it": Case(
        MEMBER, lists=(revocation_list(ROOT, MEMBER.certificate), LATER)
    ),
    "an old list beside one in force": Case(
        MEMBER, lists=(revocation_list(ROOT, MEMBER.certificate, ends=NOW - 1), LATER)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound(name: str) -> None:
    case = SOUND[name]
    found, certificate = case.verify()
    assert found == case.member.key.public_key()
    assert certificate == case.member.certificate


OTHER_ROOT = authority("other root")
IMPOSTOR = issue(
    "impostor", None, [(x509.BasicConstraints(True, None), True)], subject=ROOT.certificate.subject
)
ATTACKER = peer(ROOT, name="attacker", names=[x509.DNSName("attacker.example")])
NOT_CA = authority("not ca", ROOT, ca=False)
NO_BASIC = authority("no basic", ROOT, basic=False)
NO_SIGN = authority("no sign", ROOT, key_usage=usage("crl_sign", "digital_signature"))
NO_CRL = authority("no crl", key_usage=usage("key_cert_sign"))
EXPIRED = authority("expired", ROOT, ends=NOW - 1)
FUTURE = authority("future", ROOT, begins=NOW + 1)
CRITICAL = authority("critical", ROOT, more=[(UNKNOWN, True)])
CONSTRAINED = authority("constrained", ROOT, more=[(CONSTRAINTS, True)])
MILDLY = authority("mildly", ROOT, more=[(CONSTRAINTS, False)])
CONSTRAINED_ROOT = authority("constrained root", more=[(CONSTRAINTS, True)])
TLS_ONLY = authority(
    "tls only", ROOT, more=[(x509.ExtendedKeyUsage([x509.ObjectIdentifier(SERVER_PURPOSE)]), False)]
)
WEAK_MIDDLE = authority("weak middle", ROOT, kind="rsa1024")
POLICY = x509.PolicyConstraints(0, None)

REFUSED: dict[str, tuple[Case, str]] = {
    "no authority": (Case(MEMBER, roots=()), "no authority"),
    "another authority": (Case(MEMBER, roots=(OTHER_ROOT,)), "no authority"),
    "an authority between is missing": (Case(DEEP), "no authority"),
    "an authority that the peer brings": (Case(peer(OTHER_ROOT), (OTHER_ROOT,)), "no authority"),
    "self-signed": (Case(peer(None)), "no authority"),
    "signed by another key": (Case(peer(ROOT, signer=key("thief"))), "signature"),
    "an authority signed by another key": (
        Case(peer(bad := authority("bad", ROOT, signer=key("thief"))), (bad,)),
        "signature",
    ),
    "an impostor of the root": (Case(peer(IMPOSTOR), (IMPOSTOR,)), "signature"),
    "another peer as an authority": (Case(peer(ATTACKER), (ATTACKER,)), "basicConstraints"),
    "no authority by its basicConstraints": (Case(peer(NOT_CA), (NOT_CA,)), "basicConstraints"),
    "an authority without basicConstraints": (Case(peer(NO_BASIC), (NO_BASIC,)), "basicConstraints"),
    "a root without basicConstraints": (
        Case(peer(plain := authority("plain", basic=False)), roots=(plain,)),
        "basicConstraints",
    ),
    "a path longer than the authority allows": (
        Case(peer(BELOW_NARROW), (BELOW_NARROW,), roots=(NARROW,)),
        "it allows 0",
    ),
    "a path longer than we look": (Case(peer(TOO_LONG[-1]), TOO_LONG), f"more than {PATH}"),
    "an authority whose key does not sign": (Case(peer(NO_SIGN), (NO_SIGN,)), "keyUsage"),
    "a key that does not sign": (Case(peer(ROOT, key_usage=usage("key_agreement"))), "keyUsage"),
    "expired": (Case(peer(ROOT, ends=NOW - 1)), "expired"),
    "not valid yet": (Case(peer(ROOT, begins=NOW + 1)), "not valid yet"),
    "an expired authority": (Case(peer(EXPIRED), (EXPIRED,)), "expired"),
    "an authority of the future": (Case(peer(FUTURE), (FUTURE,)), "not valid yet"),
    "an expired root": (Case(peer(OLD_ROOT), roots=(OLD_ROOT,)), "expired"),
    "no time": (Case(MEMBER, now=float("nan")), "valid"),
    "an unknown critical extension": (Case(peer(ROOT, more=[(UNKNOWN, True)])), UNKNOWN_OID.dotted_string),
    "an unknown critical extension above": (Case(peer(CRITICAL), (CRITICAL,)), UNKNOWN_OID.dotted_string),
    "policy constraints": (Case(peer(ROOT, more=[(POLICY, True)])), POLICY.oid.dotted_string),
    "name constraints": (Case(peer(CONSTRAINED), (CONSTRAINED,)), "name constraints"),
    "name constraints that are not critical": (Case(peer(MILDLY), (MILDLY,)), "name constraints"),
    "name constraints of the root": (
        Case(peer(CONSTRAINED_ROOT), roots=(CONSTRAINED_ROOT,)),
        "name constraints",
    ),
    "another purpose": (Case(peer(ROOT, purposes=[SERVER_PURPOSE])), "extendedKeyUsage"),
    "an authority for another purpose": (Case(peer(TLS_ONLY), (TLS_ONLY,)), "extendedKeyUsage"),
    "RSA of 1024 bits": (
        Case(peer(ROOT, kind="rsa1024"), method=Method.RSA_SIGNATURES),
        "weak",
    ),
    "an authority with RSA of 1024 bits": (Case(peer(WEAK_MIDDLE), (WEAK_MIDDLE,)), "weak"),
    "SHA-1": (
        Case(sha1_party(peer(RSA_ROOT), RSA_ROOT.key), roots=(RSA_ROOT,)),
        "SHA-1",
    ),
    "a curve that has no method": (Case(peer(ROOT, kind="k1")), "neither RSA nor"),
    "a key of another kind": (Case(MEMBER, method=Method.RSA_SIGNATURES), "of another kind"),
    "a key on another curve": (Case(MEMBER, method=Method.ECDSA_SHA384_P384), "of another kind"),
    "a method without signatures": (Case(MEMBER, method=Method.PRE_SHARED_KEY), "of another kind"),
    "revoked": (Case(MEMBER, lists=(revocation_list(ROOT, MEMBER.certificate),)), "revoked"),
    "an authority revoked": (
        Case(DEEP, (MIDDLE,), lists=(revocation_list(ROOT, MIDDLE.certificate),)),
        "revoked",
    ),
    "revoked, by the newest list": (
        Case(MEMBER, lists=(revocation_list(ROOT, MEMBER.certificate, begins=NOW - 5), LATER)),
        "revoked",
    ),
    "an old list": (Case(MEMBER, lists=(revocation_list(ROOT, ends=NOW - 1),)), "in force"),
    "a list of the future": (Case(MEMBER, lists=(revocation_list(ROOT, begins=NOW + 1),)), "in force"),
    "a list that another has signed": (
        Case(MEMBER, lists=(revocation_list(ROOT, signer=key("thief")),)),
        "in force",
    ),
    "a delta list": (
        Case(MEMBER, lists=(revocation_list(ROOT, more=[(x509.DeltaCRLIndicator(1), True)]),)),
        "in force",
    ),
    "a list of a part": (
        Case(
            MEMBER,
            lists=(
                revocation_list(
                    ROOT,
                    more=[
                        (
                            x509.IssuingDistributionPoint(None, None, False, True, None, False, False),
                            False,
                        )
                    ],
                ),
            ),
        ),
        "in force",
    ),
    "a list with SHA-1": (
        Case(
            peer(RSA_ROOT),
            roots=(RSA_ROOT,),
            lists=(sha1_list(revocation_list(RSA_ROOT), RSA_ROOT.key),),
        ),
        "in force",
    ),
    "SHA-1 with another's key": (
        Case(
            sha1_party(peer(RSA_ROOT), key("thief", "rsa2048")),
            roots=(RSA_ROOT,),
            changes={"allow_weak": True},
        ),
        "signature is not that of",
    ),
    "a list with SHA-1 with another's key": (
        Case(
            peer(RSA_ROOT),
            roots=(RSA_ROOT,),
            lists=(sha1_list(revocation_list(RSA_ROOT), key("thief", "rsa2048")),),
            changes={"allow_weak": True},
        ),
        "in force",
    ),
    "a list of one that signs none": (
        Case(peer(NO_CRL), roots=(NO_CRL,), lists=(revocation_list(NO_CRL),)),
        "revocation lists (keyUsage)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    case, reason = REFUSED[name]
    with pytest.raises(AuthenticationFailed) as caught:
        case.verify()
    assert reason in str(caught.value)
    assert caught.value.notify_type == 24


OPENSSL_KNOWS = {
    # OpenSSL has no purpose for IKE and none of our limits, and it checks name constraints and policies.
    "no authority", "another authority", "an authority between is missing", "an authority that the peer brings",
    "self-signed", "signed by another key", "an authority signed by another key", "an impostor of the root",
    "another peer as an authority", "no authority by its basicConstraints", "a path longer than the authority allows",
    "an authority whose key does not sign", "expired", "not valid yet", "an expired authority",
    "an authority of the future", "an expired root", "an unknown critical extension",
    "an unknown critical extension above", "revoked", "an authority revoked", "revoked, by the newest list",
    "an old list", "a list of the future", "a list that another has signed",
}  # fmt: skip


def openssl_accepts(case: Case, tmp_path: Path) -> bool:
    """The verdict of ``openssl verify`` on the same certificates at the same time."""
    files = {
        "member": case.member.pem,
        "chain": b"".join(party.pem for party in case.chain),
        "roots": b"".join(party.pem for party in case.roots),
        "lists": b"".join(given.public_bytes(Encoding.PEM) for given in case.lists),
    }
    for name, octets in files.items():
        (tmp_path / name).write_bytes(octets)
    arguments = ["verify", "-attime", str(int(case.now)), "-no-CAfile", "-no-CApath", "-no-CAstore"]
    arguments += ["-auth_level", "0" if case.changes.get("allow_weak") else "2"]
    arguments += ["-partial_chain"]  # whom we believe need not be a root
    if case.roots:
        arguments += ["-CAfile", str(tmp_path / "roots")]
    if case.chain:
        arguments += ["-untrusted", str(tmp_path / "chain")]
    if case.lists:
        issuers = {given.issuer for given in case.lists}
        every = len(case.chain) and all(p.certificate.issuer in issuers for p in (case.member, *case.chain))
        arguments += ["-CRLfile", str(tmp_path / "lists"), "-crl_check_all" if every else "-crl_check"]
    done = subprocess.run(
        [require_tool("openssl"), *arguments, str(tmp_path / "member")],
        capture_output=True,
        check=False,
        timeout=30,
    )
    return done.returncode == 0


@pytest.mark.parametrize("name", [name for name in SOUND if not SOUND[name].lists])
def test_openssl_accepts_what_we_accept(name: str, tmp_path: Path) -> None:
    assert openssl_accepts(SOUND[name], tmp_path)


@pytest.mark.parametrize("name", sorted(OPENSSL_KNOWS))
def test_openssl_refuses_it_too(name: str, tmp_path: Path) -> None:
    case = REFUSED[name][0]
    if name == "an authority revoked":
        # it wants a list of each authority if it is to look at more than the last certificate
        case = Case(case.member, case.chain, lists=(*case.lists, revocation_list(MIDDLE)))
        with pytest.raises(AuthenticationFailed):
            case.verify()
    assert not openssl_accepts(case, tmp_path)


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
        "fqdn:member.example\0",
        "fqdn:\u212aember.example",
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
    with pytest.raises(AuthenticationFailed, match="comes from 192.0.2.8"):
        credentials.verify(identity, [MEMBER.der], METHOD, NOW, ip_address("192.0.2.8"))
    credentials.verify(FQDN, [MEMBER.der], METHOD, NOW, ip_address("192.0.2.8"))


def test_the_last_second_counts() -> None:
    Case(MEMBER, now=NOW + DAY).verify()
    Case(MEMBER, now=NOW - DAY).verify()
    with pytest.raises(AuthenticationFailed, match="expired"):
        Case(MEMBER, now=NOW + DAY + 1).verify()
