"""Who is admitted: patterns for identities and for certificates."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gsakmp.errors import PolicyRefused
from gsakmp.group.authorisation import admitted, matches
from gsakmp.group.policy import GroupPolicy, MemberPolicy
from gsakmp.identities import Identity

KEY = ec.generate_private_key(ec.SECP256R1())
START = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(subject: str, names: Any = (), raw: bytes | None = None) -> x509.Certificate:
    name = x509.Name.from_rfc4514_string(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if raw is not None:
        oid = x509.ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, raw), critical=False)
    return builder.sign(KEY, SHA256())


def policy(*members: MemberPolicy) -> GroupPolicy:
    return GroupPolicy(name="video", identity="key-id:1", data=(), members=members)


def fits(member: MemberPolicy, identity: str, shown: x509.Certificate | None = None) -> bool:
    try:
        return admitted(policy(member), Identity.from_text(identity), shown) is member
    except PolicyRefused as error:
        assert identity in str(error)
        assert "'video'" in str(error)
        return False


@pytest.mark.parametrize(
    ("pattern", "identity", "expected"),
    [
        ("fqdn:a.plant.example", "fqdn:a.plant.example", True),
        ("fqdn:a.plant.example", "fqdn:A.Plant.Example", True),
        ("fqdn:a.plant.example", "fqdn:b.plant.example", False),
        ("fqdn:*.plant.example", "fqdn:a.b.plant.example", True),
        ("fqdn:*.plant.example", "fqdn:plant.example", False),
        ("fqdn:*.plant.example", "fqdn:a.plant.example.evil.example", False),
        ("fqdn:*.plant.example", "user-fqdn:a@x.plant.example", False),
        ("fqdn:*", "fqdn:anybody", True),
        ("fqdn:*", "ipv4:192.0.2.1", False),
        ("fqdn:a.b", "fqdn:axb", False),  # a dot is a dot
        ("fqdn:[ab].example", "fqdn:a.example", False),
        ("fqdn:?.example", "fqdn:a.example", False),
        ("user-fqdn:*@plant.example", "user-fqdn:ann@PLANT.example", True),
        ("ipv4:192.0.2.1", "ipv4:192.0.2.1", True),
        ("ipv4:192.0.2.*", "ipv4:192.0.2.77", True),
        ("ipv4:192.0.2.*", "ipv4:192.0.20.1", False),
        ("ipv6:2001:DB8:0::1", "ipv6:2001:db8::1", True),
        ("key-id:0x000a", "key-id:0x000A", True),
        ("key-id:plant", "key-id:0x706c616e74", True),
        ("dn:CN=a,O=Plant", "dn:CN=a,O=Plant", True),
        ("dn:*,O=Plant", "dn:CN=a,OU=x,O=Plant", True),
        ("dn:*,O=Plant", "dn:CN=a,O=Plant2", False),
        ("*", "fqdn:anybody", False),
        ("", "fqdn:anybody", False),
    ],
)
def test_identities(pattern: str, identity: str, expected: bool) -> None:
    assert fits(MemberPolicy(identity=pattern), identity) is expected


def test_octets_that_are_no_name() -> None:
    """A name with a zero inside is hexadecimal in text, and fits no pattern for names."""
    odd = Identity(2, b"a\0.plant.example")
    with pytest.raises(PolicyRefused):
        admitted(policy(MemberPolicy(identity="fqdn:*")), odd, None)


SHOWN = certificate(
    "CN=meter 7,O=Plant",
    [
        x509.DNSName("m7.plant.example"),
        x509.RFC822Name("ops@plant.example"),
        x509.IPAddress(ip_address("192.0.2.7")),
        x509.UniformResourceIdentifier("urn:meter:7"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    ],
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("CN=meter 7,O=Plant", True),
        ("CN=*,O=Plant", True),
        ("CN=meter 8,O=Plant", False),
        ("*O=Plant", True),
        ("M7.plant.example", True),
        ("*.plant.example", True),
        ("*@plant.example", True),
        ("192.0.2.7", True),
        ("urn:meter:*", True),
        ("1.2.3", False),
        ("meter 7", False),
        ("*.evil.example", False),
    ],
)
def test_certificates(pattern: str, expected: bool) -> None:
    assert fits(MemberPolicy(certificate=pattern), "fqdn:any", SHOWN) is expected
    assert not fits(MemberPolicy(certificate=pattern), "fqdn:any")


def test_a_star_stays_in_its_sort_of_name() -> None:
    """A pattern for DNS names is not met by a common name that ends alike."""
    assert not fits(
        MemberPolicy(certificate="*.plant.example"), "fqdn:any", certificate("CN=x.plant.example")
    )


def test_broken_alternative_names() -> None:
    for raw in (b"", b"\x30\x05", b"junk"):
        shown = certificate("CN=a", raw=raw)
        assert not fits(MemberPolicy(certificate="*"), "fqdn:any", shown)


def test_both_patterns_have_to_fit() -> None:
    both = MemberPolicy(identity="fqdn:*.plant.example", certificate="*O=Plant")
    assert fits(both, "fqdn:a.plant.example", SHOWN)
    assert not fits(both, "fqdn:a.plant.example", certificate("O=Other"))
    assert not fits(both, "fqdn:a.evil.example", SHOWN)
    assert not fits(both, "fqdn:a.plant.example")


def test_the_first_entry_counts() -> None:
    watcher = MemberPolicy(identity="fqdn:tv.example", sender=False)
    anybody = MemberPolicy(identity="fqdn:*.example")
    found = admitted(policy(watcher, anybody), Identity.from_text("fqdn:tv.example"), None)
    assert found is watcher
    assert admitted(policy(watcher, anybody), Identity.from_text("fqdn:b.example"), None) is anybody
    with pytest.raises(PolicyRefused):
        admitted(policy(), Identity.from_text("fqdn:b.example"), None)


@settings(max_examples=1000)
@given(pattern=st.text("ab*", max_size=6), text=st.text("ab", max_size=4))
@example(pattern="*a*a*", text="a")
@example(pattern="a*a", text="a")
@example(pattern="*ab*b", text="ab")
def test_matches_as_the_shell_does(pattern: str, text: str) -> None:
    assert matches(pattern, text) == fnmatchcase(text, pattern)


def test_matches_in_a_short_time() -> None:
    began = time.process_time()
    assert not matches("*a" * 500 + "b", "a" * 1000)
    assert time.process_time() - began < 1
