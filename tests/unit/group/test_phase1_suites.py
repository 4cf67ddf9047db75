"""Phase-1 suites: their names, numbers and strengths."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gsakmp.crypto import diffie_hellman_group, hash_function, phase1_cipher
from gsakmp.errors import ConfigurationError, PolicyRefused
from gsakmp.group.phase1_suites import (
    CIPHERS,
    GROUPS,
    HASHES,
    PhaseOneSuite,
    key_strength,
    known_suite,
    phase1_suite,
)
from gsakmp.group.policy import RegistrationPolicy

ALL = [phase1_suite(f"{c}-{h}-{g}") for c in CIPHERS for h in HASHES for g in GROUPS]


@pytest.mark.parametrize(
    ("name", "numbers", "strength"),
    [
        # RFC 2409, appendix A; RFC 5903, 3; strengths of RFC 5903, 4, RFC 3526, 8 and RFC 5114, 4.
        ("aes-128-sha256-group19", (7, 128, 4, 19), 128),
        ("aes-256-sha384-group20", (7, 256, 5, 20), 192),
        ("aes-256-sha512-group21", (7, 256, 6, 21), 256),
        ("aes-192-sha256-group21", (7, 192, 4, 21), 192),
        ("aes-128-sha256-group14", (7, 128, 4, 14), 112),
        ("aes-256-sha256-group16", (7, 256, 4, 16), 150),
        ("aes-256-sha1-group21", (7, 256, 2, 21), 160),
        ("aes-256-md5-group21", (7, 256, 1, 21), 128),
        ("aes-256-sha256-group5", (7, 256, 4, 5), 90),
        ("3des-sha1-group2", (5, None, 2, 2), 80),
        ("3des-sha256-group19", (5, None, 4, 19), 112),
    ],
)
def test_names(name: str, numbers: tuple[int | None, ...], strength: int) -> None:
    suite = phase1_suite(name)
    assert (suite.encryption, suite.key_length, suite.hash, suite.group) == numbers
    assert suite.strength == strength
    assert str(suite) == suite.name == name


def test_every_suite_can_be_made_and_is_known_by_its_numbers() -> None:
    assert len({suite.name for suite in ALL}) == len(ALL) == 4 * 5 * 8
    for suite in ALL:
        assert known_suite(suite.encryption, suite.key_length, suite.hash, suite.group) is suite
        assert made(suite, allow_weak=True)
        assert made(suite, allow_weak=False) == (not suite.weak)


def made(suite: PhaseOneSuite, allow_weak: bool) -> bool:
    """Whether the cryptography takes all parts: what is weak, it decides by itself."""
    try:
        phase1_cipher(suite.encryption, suite.key_length, allow_weak=allow_weak)
        hash_function(suite.hash, allow_weak=allow_weak)
        diffie_hellman_group(suite.group, allow_weak=allow_weak)
    except PolicyRefused:
        return False
    return True


def test_the_policys_defaults_are_strong() -> None:
    for name in RegistrationPolicy().proposals:
        assert not phase1_suite(name).weak
        assert phase1_suite(name).strength >= 128


@pytest.mark.parametrize(
    "name", ["", "aes", "aes-128-sha256", "AES-128-SHA256-GROUP19", "aes-128-sha256-group1"]
)
def test_unknown_names_are_told_what_there_is(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"aes-256.*3des.*sha256.*md5.*group14.*group21"):
        phase1_suite(name)


@pytest.mark.parametrize(
    "numbers",
    [(7, None, 4, 19), (5, 192, 4, 19), (1, None, 2, 2), (7, 128, 3, 19), (7, 128, 4, 1 << 70), (None,) * 4],
)
def test_unknown_numbers(numbers: tuple[int | None, ...]) -> None:
    assert known_suite(*numbers) is None


@pytest.mark.parametrize(("bits", "strength"), [(1024, 80), (2048, 112), (3072, 128)])
def test_rsa_keys(bits: int, strength: int) -> None:
    """RFC 5114, 4."""
    assert key_strength(rsa.generate_private_key(65537, bits)) == strength


@pytest.mark.parametrize(
    ("curve", "strength"), [(ec.SECP256R1(), 128), (ec.SECP384R1(), 192), (ec.SECP521R1(), 256)]
)
def test_curves(curve: ec.EllipticCurve, strength: int) -> None:
    key = ec.generate_private_key(curve)
    assert key_strength(key) == key_strength(key.public_key()) == strength
