"""Paths of certificates: each reason to refuse one, alone; and OpenSSL's verdict on the same ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gsakmp.errors import AuthenticationFailed
from gsakmp.exchanges.certificates import PATH
from gsakmp.registries import AuthenticationMethod as Method
from tests.conftest import require_tool
from tests.unit.exchanges.authorities import (
    DEEP,
    IKE_PURPOSE,
    MEMBER,
    MIDDLE,
    NOW,
    ROOT,
    SERVER_PURPOSE,
    Case,
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

UNKNOWN_OID = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
UNKNOWN = x509.UnrecognizedExtension(UNKNOWN_OID, b"\x05\x00")
CONSTRAINTS = x509.NameConstraints([x509.DNSName("example")], None)


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
ROLLED = authority(
    "new key",
    SHORT,
    subject=name_of("short"),
    more=[  # without these OpenSSL takes it for self-signed
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(SHORT.key.public_key()), False),
        (x509.SubjectKeyIdentifier.from_public_key(key("new key").public_key()), False),
    ],
)
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
    "a list with an unknown critical extension": (
        Case(MEMBER, lists=(revocation_list(ROOT, more=[(UNKNOWN, True)]),)),
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
