"""Signatures and keys: RFC 4754's vectors, the encodings of RFC 2409 and RFC 6407, and what is refused."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa

from gsakmp import crypto
from gsakmp.crypto.hashes import SHA256, SHA384, SHA512
from gsakmp.errors import (
    AuthenticationFailed,
    ConfigurationError,
    DecodeError,
    InvalidSignature,
    LimitExceeded,
    PolicyRefused,
)
from gsakmp.registries import AuthenticationMethod, SigAlgorithm, SigHashAlgorithm
from tests.unit.crypto.vectors import ECDSA

CURVES = {"ECDSA-256": ec.SECP256R1(), "ECDSA-384": ec.SECP384R1(), "ECDSA-521": ec.SECP521R1()}
METHODS = {
    "ECDSA-256": AuthenticationMethod.ECDSA_SHA256_P256,
    "ECDSA-384": AuthenticationMethod.ECDSA_SHA384_P384,
    "ECDSA-521": AuthenticationMethod.ECDSA_SHA512_P521,
}
ALGORITHMS = {
    "ECDSA-256": SigAlgorithm.SIG_ALG_ECDSA_256,
    "ECDSA-384": SigAlgorithm.SIG_ALG_ECDSA_384,
    "ECDSA-521": SigAlgorithm.SIG_ALG_ECDSA_521,
}
HASHES = {"ECDSA-256": SHA256, "ECDSA-384": SHA384, "ECDSA-521": SHA512}
# DigestInfo of EMSA-PKCS1-v1_5 with SHA-256 (RFC 3447, 9.2, note 1)
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    key = crypto.generate_private_key(SigAlgorithm.SIG_ALG_RSA)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@cache
def ecdsa_key(name: str) -> crypto.PrivateKey:
    return crypto.generate_private_key(ALGORITHMS[name])


def number(text: str) -> int:
    return int(text.replace(" ", ""), 16)


def opened(signature: bytes) -> bytes:
    """What an RSA signature holds: the number that it is a root of."""
    numbers = rsa_key().public_key().public_numbers()
    return pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(256, "big")


def padded(value: bytes) -> bytes:
    """Block type 1 of PKCS #1 v1.5 (RFC 3447, 9.2)."""
    return b"\0\1" + b"\xff" * (256 - 3 - len(value)) + b"\0" + value


@pytest.mark.parametrize(("name", "vector"), ECDSA.items())
def test_rfc_4754(name: str, vector: dict[str, str]) -> None:
    key = ec.EllipticCurvePublicNumbers(
        number(vector["gwx"]), number(vector["gwy"]), CURVES[name]
    ).public_key()
    signature = bytes.fromhex((vector["r"] + vector["s"]).replace(" ", ""))
    push = crypto.push_signature(ALGORITHMS[name])
    assert push.size(key) == len(signature) == {"ECDSA-256": 64, "ECDSA-384": 96, "ECDSA-521": 132}[name]
    push.verify(key, signature, b"abc")
    phase_1 = crypto.phase1_signature(METHODS[name])
    assert phase_1.hash_function == HASHES[name]
    phase_1.verify(key, signature, HASHES[name].digest(b"abc"))

    private = ec.derive_private_key(number(vector["w"]), CURVES[name])
    assert private.public_key() == key
    for scheme, octets in ((push, b"abc"), (phase_1, HASHES[name].digest(b"abc"))):
        ours = scheme.sign(private, octets)
        assert len(ours) == len(signature)
        scheme.verify(key, ours, octets)

    half = len(signature) // 2
    wide = signature[:half] + b"\0" + signature[half:]  # the same numbers, s an octet wider
    for bad in (signature[:-1], signature + b"\0", wide, bytes(len(signature)), b"", signature[::-1]):
        with pytest.raises(InvalidSignature):
            push.verify(key, bad, b"abc")
    with pytest.raises(InvalidSignature):
        push.verify(key, signature, b"abd")
    with pytest.raises(InvalidSignature):
        phase_1.verify(key, signature, HASHES[name].digest(b"abd"))
    with pytest.raises(ConfigurationError):
        phase_1.sign(private, b"abc")


def test_r_and_s_keep_their_zeros() -> None:
    """One signature in 128 has an r or s whose first octet is zero; the width stays."""
    scheme, key = crypto.push_signature(SigAlgorithm.SIG_ALG_ECDSA_256), ecdsa_key("ECDSA-256")
    found = next(s for s in (scheme.sign(key, b"m") for _ in range(5000)) if s[0] == 0)
    assert len(found) == 64
    scheme.verify(key.public_key(), found, b"m")


def test_rsa_in_phase_1_is_bare() -> None:
    """RFC 2409, 5.1: "a private key encryption in PKCS #1 format", with no OID inside."""
    scheme, hash_i = (
        crypto.phase1_signature(AuthenticationMethod.RSA_SIGNATURES),
        hashlib.sha1(b"HASH_I").digest(),
    )
    assert scheme.hash_function is None  # HASH_I is made with the negotiated PRF
    signature = scheme.sign(rsa_key(), hash_i)
    assert opened(signature) == padded(hash_i)
    scheme.verify(rsa_key().public_key(), signature, hash_i)
    with_oid = rsa_key().sign(b"HASH_I", padding.PKCS1v15(), hashes.SHA1())
    for bad, octets in (
        (signature, hashlib.sha1(b"HASH_R").digest()),
        (with_oid, hash_i),
        (signature[1:], hash_i),
    ):
        with pytest.raises(InvalidSignature):
            scheme.verify(rsa_key().public_key(), bad, octets)


def test_a_bare_signature_over_nearly_the_same() -> None:
    scheme, hash_i = crypto.phase1_signature(AuthenticationMethod.RSA_SIGNATURES), bytes(range(20))
    for near in (hash_i[:-1], hash_i + b"\0", hash_i[:-1] + b"\0", b"\0" + hash_i, b""):
        with pytest.raises(InvalidSignature):
            scheme.verify(rsa_key().public_key(), scheme.sign(rsa_key(), near), hash_i)


def test_an_rsa_signature_keeps_its_zeros() -> None:
    """One in 256 starts with a zero; without it, it is the same number, and no signature."""
    key = rsa.generate_private_key(65537, 1024)
    scheme = crypto.phase1_signature(AuthenticationMethod.RSA_SIGNATURES)
    values = (number.to_bytes(20, "big") for number in range(10_000))
    value, signature = next((v, s) for v, s in ((v, scheme.sign(key, v)) for v in values) if s[0] == 0)
    scheme.verify(key.public_key(), signature, value)
    for bad in (signature[1:], b"\0" + signature):
        with pytest.raises(InvalidSignature):
            scheme.verify(key.public_key(), bad, value)


def test_rsa_under_a_push() -> None:
    standard = crypto.push_signature(SigAlgorithm.SIG_ALG_RSA, SigHashAlgorithm.SIG_HASH_SHA256)
    daemon = crypto.push_signature(
        SigAlgorithm.SIG_ALG_RSA, SigHashAlgorithm.SIG_HASH_SHA256, digest_info=False
    )
    digest = hashlib.sha256(b"octets").digest()
    signature, bare = standard.sign(rsa_key(), b"octets"), daemon.sign(rsa_key(), b"octets")
    assert opened(signature) == padded(DIGEST_INFO + digest)
    assert opened(bare) == padded(digest)
    key = rsa_key().public_key()
    standard.verify(key, signature, b"octets")
    daemon.verify(key, bare, b"octets")
    for scheme, bad in ((standard, bare), (daemon, signature), (daemon, bytes(256)), (standard, b"")):
        with pytest.raises(InvalidSignature):
            scheme.verify(key, bad, b"octets")


def test_each_key_to_its_scheme() -> None:
    """A peer's key of another kind is a wrong signature; our own is a wrong configuration."""
    ecdsa = crypto.push_signature(SigAlgorithm.SIG_ALG_ECDSA_256)
    plain = crypto.push_signature(SigAlgorithm.SIG_ALG_RSA, SigHashAlgorithm.SIG_HASH_SHA256)
    with pytest.raises(InvalidSignature) as caught:
        ecdsa.verify(rsa_key().public_key(), bytes(64), b"")
    assert isinstance(caught.value, AuthenticationFailed)
    with pytest.raises(InvalidSignature):
        ecdsa.verify(ecdsa_key("ECDSA-384").public_key(), bytes(64), b"")
    with pytest.raises(InvalidSignature):
        plain.verify(ecdsa_key("ECDSA-256").public_key(), bytes(256), b"")
    with pytest.raises(ConfigurationError):
        ecdsa.sign(rsa_key(), b"")
    with pytest.raises(ConfigurationError):
        ecdsa.sign(ecdsa_key("ECDSA-384"), b"")
    with pytest.raises(ConfigurationError):
        plain.sign(ecdsa_key("ECDSA-256"), b"")


def test_what_a_push_refuses() -> None:
    rsa_, sha1 = SigAlgorithm.SIG_ALG_RSA, SigHashAlgorithm.SIG_HASH_SHA1
    for algorithm in (
        SigAlgorithm.SIG_ALG_DSS,
        SigAlgorithm.SIG_ALG_ECDSS,
        SigAlgorithm(0),
        SigAlgorithm(200),
    ):
        with pytest.raises(PolicyRefused, match="not supported"):
            crypto.push_signature(algorithm, SigHashAlgorithm.SIG_HASH_SHA256, allow_weak=True)
    with pytest.raises(PolicyRefused, match="needs"):
        crypto.push_signature(rsa_)
    for weak in (sha1, SigHashAlgorithm.SIG_HASH_MD5):
        with pytest.raises(PolicyRefused, match="is weak"):
            crypto.push_signature(rsa_, weak)
        crypto.push_signature(rsa_, weak, allow_weak=True)
    with pytest.raises(PolicyRefused, match="of its own"):
        crypto.push_signature(SigAlgorithm.SIG_ALG_ECDSA_256, SigHashAlgorithm.SIG_HASH_SHA384)
    crypto.push_signature(SigAlgorithm.SIG_ALG_ECDSA_521, SigHashAlgorithm.SIG_HASH_SHA512)


@pytest.mark.parametrize("number", [1, 2, 4, 5, 8, 65005, 99])
def test_methods_that_are_no_signature(number: int) -> None:
    with pytest.raises(PolicyRefused):
        crypto.phase1_signature(AuthenticationMethod(number))


@pytest.mark.parametrize("algorithm", [SigAlgorithm.SIG_ALG_RSA, *ALGORITHMS.values()])
def test_keys_there_and_back(algorithm: SigAlgorithm) -> None:
    key = crypto.generate_private_key(algorithm)
    again = crypto.private_key(crypto.private_octets(key))
    assert again.private_numbers() == key.private_numbers()
    public = crypto.public_key(crypto.public_octets(key))
    assert public == key.public_key()
    assert crypto.public_octets(public) == crypto.public_octets(key)
    assert crypto.key_length(public) == {1: 2048, 4: 256, 5: 384, 6: 521}[algorithm]


def pem(key: crypto.PrivateKey, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
    )


def test_private_keys_from_files() -> None:
    key = ecdsa_key("ECDSA-256")
    assert crypto.private_key(pem(key)).private_numbers() == key.private_numbers()
    assert crypto.private_key(pem(key, b"pass"), b"pass").private_numbers() == key.private_numbers()
    secret = pem(key).splitlines()[1]
    for octets, password in ((pem(key, b"pass"), b"wrong"), (pem(key, b"pass"), None), (pem(key)[:-40], None),
                             (pem(key), b"none needed"), (b"", None), (b"0\x82", None)):  # fmt: skip
        with pytest.raises(ConfigurationError, match="no private key") as caught:
            crypto.private_key(octets, password)
        assert secret.decode() not in str(caught.value)
    other: Any = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(ConfigurationError, match="neither RSA"):
        crypto.private_key(pem(other))
    short = rsa.generate_private_key(65537, 1024)
    with pytest.raises(ConfigurationError, match="1024 bits is weak"):
        crypto.private_key(pem(short))
    crypto.private_key(pem(short), allow_weak=True)


def spki(key: Any) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    octets: bytes = key.public_bytes(serialization.Encoding.DER, form)
    return octets


def test_public_keys_that_are_refused() -> None:
    good = spki(rsa_key().public_key())
    for bad in (b"", b"\0", good[:-1], good + b"\0", b"0" * 100, good[30:]):
        with pytest.raises(DecodeError):
            crypto.public_key(bad)
    with pytest.raises(LimitExceeded):
        crypto.public_key(bytes(5000))
    others = (
        ed25519.Ed25519PrivateKey.generate().public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        rsa.RSAPublicNumbers(65537, (1 << 8199) + 1).public_key(),
    )
    for other in others:
        with pytest.raises(PolicyRefused):
            crypto.public_key(spki(other), allow_weak=True)
    # A DSA key, as SIG_ALG_DSS would have it; the parameters need not be sound to be refused.
    parameters = dsa.DSAParameterNumbers(p=(1 << 2047) + 9, q=(1 << 255) + 95, g=4)
    with pytest.raises(PolicyRefused):
        crypto.public_key(spki(dsa.DSAPublicNumbers(16, parameters).public_key()))


def test_generating_what_is_refused() -> None:
    with pytest.raises(PolicyRefused):
        crypto.generate_private_key(SigAlgorithm.SIG_ALG_DSS)
    with pytest.raises(PolicyRefused, match="is weak"):
        crypto.generate_private_key(SigAlgorithm.SIG_ALG_RSA, 1024)
    with pytest.raises(PolicyRefused, match="at most"):
        crypto.generate_private_key(SigAlgorithm.SIG_ALG_RSA, 65536)
