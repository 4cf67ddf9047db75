"""Names of algorithms: their numbers and strengths, typed from the documents, and what does not go together."""

from __future__ import annotations

from typing import Any

import pytest

from gsakmp.crypto import kek_cipher, push_signature
from gsakmp.errors import ConfigurationError
from gsakmp.group.policy import DataPolicy, RekeyPolicy, Selector
from gsakmp.group.suites import (
    DATA_CIPHERS,
    DATA_INTEGRITY,
    KEK_CIPHERS,
    SIGNATURES,
    data_selectors,
    data_suite,
    encapsulation,
    rekey_suite,
)
from gsakmp.identities import Identity
from gsakmp.registries import KEKManagementAlgorithm
from tests.unit.group.samples import suite_of, suites


def data_policy(**fields: Any) -> DataPolicy:
    return DataPolicy(selector=Selector(destination="ipv4:239.1.1.1"), **fields)


@pytest.mark.parametrize(
    ("protocol", "encryption", "integrity", "numbers", "sizes", "strengths", "counter_mode"),
    [
        # protocol, transform, KEY_LENGTH, AUTHENTICATION_ALGORITHM; octets of both keys; bits
        ("esp", "aes-gcm-128", "", (1, 20, 128, None), (20, 0), (128, 128), True),  # RFC 4106, 8.1
        ("esp", "aes-gcm-256", "", (1, 20, 256, None), (36, 0), (256, 128), True),
        ("esp", "aes-gcm-192-icv8", "", (1, 18, 192, None), (28, 0), (192, 64), True),
        ("esp", "aes-ccm-128-icv12", "", (1, 15, 128, None), (19, 0), (128, 96), True),  # RFC 4309, 7.1
        ("esp", "aes-gmac-256", "", (1, 23, 256, None), (36, 0), (0, 128), True),  # RFC 4543, 5.4
        ("esp", "aes-cbc-256", "hmac-sha512", (1, 12, 256, 7), (32, 64), (256, 256), False),
        ("esp", "aes-cbc-128", "hmac-sha384", (1, 12, 128, 6), (16, 48), (128, 192), False),
        ("esp", "aes-cbc-128", "hmac-sha256", (1, 12, 128, 5), (16, 32), (128, 128), False),
        ("esp", "aes-cbc-128", "aes-xcbc", (1, 12, 128, 9), (16, 16), (128, 96), False),
        ("esp", "aes-cbc-128", "", (1, 12, 128, None), (16, 0), (128, 0), False),
        ("esp", "aes-ctr-128", "hmac-sha256", (1, 13, 128, 5), (20, 32), (128, 128), True),  # RFC 3686, 5.1
        ("esp", "null", "hmac-sha256", (1, 11, None, 5), (0, 32), (0, 128), False),
        ("esp", "3des-cbc", "hmac-sha1", (1, 3, None, 2), (24, 20), (112, 96), False),
        ("ah", "", "hmac-sha256", (2, 5, None, 5), (0, 32), (0, 128), False),
        ("ah", "", "aes-gmac-192", (2, 12, None, 12), (0, 28), (0, 128), True),
        ("ah", "aes-gcm-256", "hmac-md5", (2, 2, None, 1), (0, 16), (0, 96), False),
    ],
)
def test_data_suites(
    protocol: str,
    encryption: str,
    integrity: str,
    numbers: tuple[Any, ...],
    sizes: tuple[int, int],
    strengths: tuple[int, int],
    counter_mode: bool,
) -> None:
    suite = suite_of(protocol, encryption, integrity)
    assert (suite.protocol, suite.transform_id, suite.key_length, suite.integrity) == numbers
    assert (suite.sizes.algorithm, suite.sizes.integrity) == sizes
    assert (suite.confidentiality, suite.authentication) == strengths
    assert suite.counter_mode is counter_mode


def test_every_name_is_of_use() -> None:
    used = {suite.transform_id for suite in suites() if suite.protocol == 1}
    assert used == {cipher.transform for cipher in DATA_CIPHERS.values()}
    for name, cipher in KEK_CIPHERS.items():
        made = kek_cipher(cipher.algorithm, cipher.key_length, allow_weak=True)
        assert made.name.lower() == name
        assert 8 * made.key_size == cipher.key_length >= cipher.strength
    for signature in SIGNATURES.values():
        push_signature(signature.algorithm, signature.hash_algorithm, allow_weak=True)


@pytest.mark.parametrize(
    ("name", "numbers", "strength"),
    [  # SIG_ALGORITHM, SIG_HASH_ALGORITHM, SIG_KEY_LENGTH (RFC 6407, 5.3); bits of RFC 5114, 4
        ("ecdsa-256-sha256", (4, 3, 256), 128),
        ("ecdsa-384-sha384", (5, 4, 384), 192),
        ("ecdsa-521-sha512", (6, 5, 521), 256),
        ("rsa-2048-sha256", (1, 3, 2048), 112),
        ("rsa-3072-sha512", (1, 5, 3072), 128),
        ("rsa-4096-sha256", (1, 3, 4096), 128),
        ("rsa-8192-sha256", (1, 3, 8192), 128),  # the hash is the weaker of the two
        ("rsa-8192-sha384", (1, 4, 8192), 192),
        ("rsa-2048-sha1", (1, 2, 2048), 80),
        ("rsa-1024-sha256", (1, 3, 1024), 80),
    ],
)
def test_signatures(name: str, numbers: tuple[int, int, int], strength: int) -> None:
    suite = rekey_suite(RekeyPolicy(signature=name), allow_weak=True)
    assert (suite.signature, suite.signature_hash, suite.signature_key_length) == numbers
    assert SIGNATURES[name].strength == strength


def test_acknowledgements() -> None:
    """RFC 8263, 2.1 to 2.4: from the KEK, or with LKH from each member's own key."""
    lkh = KEKManagementAlgorithm.LKH
    for kind, management, number in (
        *(("none", None, None), ("sha256", None, 1), ("sha512", None, 3)),
        *(("none", lkh, None), ("sha256", lkh, 2), ("sha512", lkh, 4)),
    ):
        suite = rekey_suite(RekeyPolicy(acknowledgement=kind), management)
        assert (suite.acknowledgement, suite.management) == (number, management)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"encryption": "aes-512-cbc"}, "'aes-512-cbc' is no cipher of a KEK; there are aes-128-cbc, "),
        ({"encryption": "3des-cbc"}, "weak"),
        ({"signature": "dsa"}, "'dsa' is no signature of a rekey SA; there are ecdsa-256-sha256, "),
        ({"signature": "rsa-2048-sha1"}, "weak"),
        ({"signature": "rsa-1024-sha256"}, "RSA with 1024 bits is weak"),
    ],
)
def test_refused_rekey_suites(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        rekey_suite(RekeyPolicy(**fields))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"encryption": "rot13"}, "'rot13' is no cipher of a data SA; there are aes-gcm-128, "),
        ({"encryption": "aes-cbc-128", "integrity": "crc"}, "'crc' is no integrity algorithm; there are "),
        ({"encryption": "aes-cbc-128", "integrity": "hmac-md5"}, "weak"),
        ({"encryption": "3des-cbc", "integrity": "hmac-sha256"}, "weak"),
        ({"encryption": "aes-gcm-128", "integrity": "hmac-sha256"}, "checks integrity itself"),
        ({"encryption": "aes-cbc-128", "integrity": "aes-gmac-128"}, "must not be used with ESP"),
        ({"encryption": "null"}, "protects nothing"),
        ({"protocol": "ah"}, "AH needs an integrity algorithm"),
        ({"protocol": "ah", "integrity": "hmac-sha1"}, "weak"),
    ],
)
def test_refused_data_suites(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        data_suite(data_policy(**fields))


def test_encapsulation() -> None:
    """RFC 6407, 5.5.1.1.1; ENCAPSULATION_MODE of RFC 2407, 4.5."""
    found = {
        mode: encapsulation(data_policy(mode=mode)) for mode in ("tunnel", "tunnel-preserved", "transport")
    }
    assert found == {"tunnel": (1, 1), "tunnel-preserved": (1, 4), "transport": (2, None)}


def test_selectors() -> None:
    assert [s.source for s in data_selectors(data_policy())] == [None]
    each = data_selectors(data_policy(senders=("ipv4:192.0.2.1", "ipv4:192.0.2.2")))
    assert [str(s.source) for s in each] == ["ipv4:192.0.2.1", "ipv4:192.0.2.2"]
    assert {s.destination for s in each} == {Identity.from_text("ipv4:239.1.1.1")}
    one = Selector(protocol=17, source="ipv4-subnet:10.0.0.0/8", source_port=5, destination="ipv4:239.1.1.1")
    (selector,) = data_selectors(DataPolicy(selector=one))
    assert (selector.protocol, selector.source_port, selector.destination_port) == (17, 5, 0)
    with pytest.raises(ConfigurationError, match="no identity"):
        data_selectors(data_policy(senders=("192.0.2.1",)))


def test_integrity_is_named_for_both_protocols() -> None:
    for check in DATA_INTEGRITY.values():
        assert check.algorithm.name.replace("HMAC_", "") in check.transform.name.replace("AH_SHA", "AH_SHA")
