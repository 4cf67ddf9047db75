"""Identities as text, as payloads and as octets (RFC 2407, 4.6.2)."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from gsakmp.errors import ConfigurationError
from gsakmp.identities import Identity

SOUND = {
    # text: ID type, protocol and port of zero, then the data, by hand from RFC 2407, 4.6.2.2 to 4.6.2.12
    "ipv4:192.0.2.1": "01 00 0000 c0000201",
    "fqdn:gcks.example": "02 00 0000" + b"gcks.example".hex(),
    "user-fqdn:a@b.example": "03 00 0000" + b"a@b.example".hex(),
    "ipv4-subnet:10.0.0.0/8": "04 00 0000 0a000000 ff000000",
    "ipv6:2001:db8::1": "05 00 0000 20010db8 00000000 00000000 00000001",
    "ipv6-subnet:2001:db8::/32": "06 00 0000 20010db8" + "00" * 12 + "ffffffff" + "00" * 12,
    "ipv4-range:10.0.0.1-10.0.0.9": "07 00 0000 0a000001 0a000009",
    "key-id:0x000004d2": "0b 00 0000 000004d2",
}


@pytest.mark.parametrize(("text", "octets"), SOUND.items())
def test_text_octets_and_payload(text: str, octets: str) -> None:
    identity = Identity.from_text(text)
    assert identity.body() == bytes.fromhex(octets)
    assert identity.to_text() == str(identity) == text
    assert Identity.from_payload(identity.payload()) == identity


@pytest.mark.parametrize("name", ["CN=gcks,O=Example\\, Inc", "CN=pump 7,OU=plant,C=DE"])
def test_a_distinguished_name_is_the_providers(name: str) -> None:
    identity = Identity.from_text(f"dn:{name}")
    assert identity.body()[4:] == x509.Name.from_rfc4514_string(name).public_bytes()
    assert identity.to_text() == f"dn:{name}"


@pytest.mark.parametrize(
    "text",
    [
        *("", "fqdn", "fqdn:", "nothing:x", "ipv4:192.0.2", "ipv4:2001:db8::1", "ipv4-subnet:10.0.0.1/8"),
        *("ipv4-range:10.0.0.9-10.0.0.1", "ipv4-range:10.0.0.1", "key-id:0xzz", "dn:nothing", "fqdn:é"),
        *("fqdn:a\n", "ipv6:fe80::1%3"),
    ],
)
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Identity.from_text(text)


@given(
    st.text(max_size=40), st.sampled_from(["", "ipv4:", "ipv6:", "dn:", "key-id:", "ipv4-range:", "fqdn:"])
)
def test_any_text_is_an_identity_or_a_clear_error(text: str, kind: str) -> None:
    try:
        identity = Identity.from_text(kind + text)
    except ConfigurationError:
        return
    assert Identity.from_text(identity.to_text()) == identity
    assert Identity.from_payload(identity.payload()) == identity
