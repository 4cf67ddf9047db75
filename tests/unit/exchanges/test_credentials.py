"""Whose key a peer's is, what we send for ours, and that no text shows a secret."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from asn1crypto import x509 as asn1

from gsakmp.errors import AuthenticationFailed, ConfigurationError
from gsakmp.exchanges.credentials import REQUESTS, Credentials, SharedKey
from gsakmp.identities import Identity
from gsakmp.payloads import Certificate, CertificateRequest
from gsakmp.registries import AuthenticationMethod as Method
from gsakmp.registries import GDOIIDType
from tests.unit.exchanges.authorities import authority, key, peer

HOST = ip_address("192.0.2.7")
FQDN = Identity.from_text("fqdn:member.example")
ROOT = authority()
MIDDLE = authority("middle", ROOT)
MEMBER = peer(MIDDLE)


def chosen(keys: list[SharedKey], identity: Identity | None = FQDN, host: str = "192.0.2.7") -> bytes:
    return Credentials(shared_keys=tuple(keys)).pre_shared_key(identity, ip_address(host))


@pytest.mark.parametrize(
    "shared",
    [
        SharedKey(b"k"),
        SharedKey(b"k", address="192.0.2.7"),
        SharedKey(b"k", address="192.0.2.0/24"),
        SharedKey(b"k", identity="fqdn:member.example"),
        SharedKey(b"k", identity="fqdn:MEMBER.EXAMPLE"),
        SharedKey(b"k", identity="fqdn:*.example"),
        SharedKey(b"k", identity="fqdn:*"),
        SharedKey(b"k", identity="fqdn:*", address="192.0.0.0/16"),
    ],
)
def test_keys_that_are_the_peers(shared: SharedKey) -> None:
    assert chosen([shared]) == b"k"


@pytest.mark.parametrize(
    "shared",
    [
        SharedKey(b"k", address="192.0.2.8"),
        SharedKey(b"k", address="192.0.3.0/24"),
        SharedKey(b"k", address="2001:db8::/32"),
        SharedKey(b"k", identity="fqdn:other.example"),
        SharedKey(b"k", identity="fqdn:member"),
        SharedKey(b"k", identity="fqdn:membe?.example"),
        SharedKey(b"k", identity="fqdn:membe[r].example"),
        SharedKey(b"k", identity="user-fqdn:*"),
        SharedKey(b"k", identity="fqdn:member.example", address="192.0.2.8"),
    ],
)
def test_keys_of_others(shared: SharedKey) -> None:
    with pytest.raises(AuthenticationFailed, match=r"no pre-shared key for 'fqdn:member\.example'"):
        chosen([shared])


def test_the_narrowest_address_and_the_closest_identity() -> None:
    keys = [
        SharedKey(b"any"),
        SharedKey(b"network", address="192.0.2.0/24"),
        SharedKey(b"host", address="192.0.2.7"),
        SharedKey(b"pattern", identity="fqdn:*", address="192.0.2.0/24"),
        SharedKey(b"name", identity="fqdn:member.example", address="192.0.2.0/24"),
        SharedKey(b"last", address="192.0.2.0/24"),
    ]
    for order in (keys, keys[::-1]):
        assert chosen(order) == b"host"
        assert chosen(order, host="192.0.2.9") == b"name"
        assert chosen(order, Identity.from_text("fqdn:x"), "192.0.2.9") == b"pattern"
        assert chosen(order, host="198.51.100.1") == b"any"
    assert chosen(keys, Identity.from_text("key-id:x"), "192.0.2.9") == b"network"
    assert chosen(keys[::-1], Identity.from_text("key-id:x"), "192.0.2.9") == b"last"


def test_main_mode_knows_the_address_alone() -> None:
    """RFC 2409, 5.4."""
    by_name = SharedKey(b"by name", identity="fqdn:member.example")
    with pytest.raises(AuthenticationFailed, match="a peer yet unnamed"):
        chosen([by_name], None)
    at_host = SharedKey(b"at host", identity="fqdn:member.example", address="192.0.2.7")
    assert chosen([by_name, at_host], None) == b"at host"
    assert chosen([by_name, at_host, SharedKey(b"any")], None) == b"at host"
    assert chosen([by_name, SharedKey(b"any")], None) == b"any"
    # and the one found so must still be the peer's when it is named
    with pytest.raises(AuthenticationFailed):
        chosen([at_host], Identity.from_text("fqdn:thief.example"))


def test_addresses_of_both_families() -> None:
    keys = [SharedKey(b"4", address="0.0.0.0/0"), SharedKey(b"6", address="::/0")]
    assert chosen(keys, host="203.0.113.1") == b"4"
    assert chosen(keys, host="2001:db8::1") == b"6"


@pytest.mark.parametrize("name", ["a" * 5000, "a\nb\x1b[31m"])
def test_what_a_peer_calls_itself_is_quoted_and_cut(name: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        chosen([], Identity(GDOIIDType.ID_FQDN, name))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": b""},
        {"key": b"k", "address": "192.0.2"},
        {"key": b"k", "address": "192.0.2.7/24"},
        {"key": b"k", "address": "member.example"},
        {"key": b"k", "identity": "member.example"},
    ],
)
def test_keys_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        SharedKey(**wrong)


def test_a_pattern_costs_little() -> None:
    """One of many stars against a long name must not take long: a peer chooses the name."""
    shared = SharedKey(b"k", identity="fqdn:" + "*a" * 30 + "b")
    with pytest.raises(AuthenticationFailed):
        chosen([shared], Identity(GDOIIDType.ID_FQDN, "a" * 20_000))


# -- signatures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("rsa2048", Method.RSA_SIGNATURES),
        ("p256", Method.ECDSA_SHA256_P256),
        ("p384", Method.ECDSA_SHA384_P384),
        ("p521", Method.ECDSA_SHA512_P521),
    ],
)
def test_a_key_for_its_method_alone(kind: str, method: Method) -> None:
    own = key("own", kind)
    credentials = Credentials(private_key=own)
    assert credentials.signing_key(method) is own
    for other in set(Method) - {method}:
        with pytest.raises(ConfigurationError, match="of another kind"):
            credentials.signing_key(other)


def test_no_key() -> None:
    with pytest.raises(ConfigurationError, match="there is none"):
        Credentials().signing_key(Method.RSA_SIGNATURES)


def test_a_certificate_of_another_key() -> None:
    with pytest.raises(ConfigurationError, match="not that of the private key"):
        Credentials(private_key=key("other"), certificates=(MEMBER.certificate,))
    Credentials(private_key=MEMBER.key, certificates=(MEMBER.certificate,))


def test_what_is_sent() -> None:
    chain = (MEMBER.certificate, MIDDLE.certificate, ROOT.certificate, MIDDLE.certificate)
    payloads = Credentials(private_key=MEMBER.key, certificates=chain).certificate_payloads()
    assert payloads == tuple(
        Certificate(certificate_encoding=4, certificate_data=party.der) for party in (MEMBER, MIDDLE)
    )
    assert Credentials().certificate_payloads() == ()


def test_a_self_signed_certificate_of_our_own_is_sent() -> None:
    alone = peer(None)
    payloads = Credentials(certificates=(alone.certificate,)).certificate_payloads()
    assert [payload.certificate_data for payload in payloads] == [alone.der]


def test_what_is_asked_for() -> None:
    payloads = Credentials(authorities=(ROOT.certificate, ROOT.certificate)).request_payloads()
    subject = asn1.Certificate.load(ROOT.der).subject.dump()
    assert payloads == (CertificateRequest(certificate_type=4, certificate_authority=subject),)
    assert Credentials().request_payloads() == ()


def test_many_authorities_are_not_named() -> None:
    several = tuple(authority(f"root {number}").certificate for number in range(REQUESTS + 1))
    assert len(Credentials(authorities=several[:-1]).request_payloads()) == REQUESTS
    anyone = CertificateRequest(certificate_type=4, certificate_authority=b"")
    assert Credentials(authorities=several).request_payloads() == (anyone,)


def test_no_text_shows_a_secret() -> None:
    secret = b"correct horse"
    shared = SharedKey(secret, identity="fqdn:*.example")
    credentials = Credentials(shared_keys=(shared,), private_key=MEMBER.key)
    for text in (repr(shared), str(shared), repr(credentials), str(credentials)):
        assert "horse" not in text
        assert secret.hex() not in text
        assert "PrivateKey" not in text
        assert hex(MEMBER.key.private_numbers().private_value)[2:] not in text
