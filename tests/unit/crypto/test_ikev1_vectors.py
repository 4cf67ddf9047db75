"""The vectors of pcaps/vectors/ikev1_vectors.json, and RFC 2409's derivations against a second writing."""

from __future__ import annotations

import hashlib
import hmac
import json
from ipaddress import ip_address
from typing import Any

import pytest

from gsakmp import crypto
from gsakmp.crypto.ciphers import (
    AES_128_CBC,
    AES_192_CBC,
    AES_256_CBC,
    DES_CBC,
    TRIPLE_DES_CBC,
)
from gsakmp.crypto.derivation import encryption_key, expanded
from gsakmp.crypto.hashes import MD5, SHA1, SHA256, SHA512, HashFunction
from gsakmp.errors import ConfigurationError
from gsakmp.registries import ProtocolID
from tests.conftest import PCAPS

HASHES = {"md5": MD5, "sha1": SHA1}
VECTORS = json.loads((PCAPS / "vectors" / "ikev1_vectors.json").read_text())
VERIFIED = [v for v in VECTORS if v["verified"]]
COOKIES = bytes.fromhex("0102030405060708"), bytes.fromhex("1112131415161718")


def octets(vector: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


def derived(hash_function: HashFunction, skeyid: bytes, shared: bytes = b"g^xy") -> crypto.PhaseOneKeys:
    return crypto.PhaseOneKeys.derive(
        hash_function=hash_function,
        cipher=AES_128_CBC,
        skeyid=skeyid,
        shared_secret=shared,
        initiator_cookie=COOKIES[0],
        responder_cookie=COOKIES[1],
    )


def test_all_vectors_are_used_but_those_without_a_key() -> None:
    """The other two are of an exchange whose pre-shared key nobody published: SKEYID can't be made."""
    assert len(VECTORS) == 12
    assert len(VERIFIED) == 10
    assert [v["psk"] for v in VECTORS if not v["verified"]] == [None, None]


@pytest.mark.parametrize("vector", [v for v in VERIFIED if "SKEYID" in v], ids=lambda v: v["kind"])
def test_skeyid(vector: dict[str, Any]) -> None:
    hash_function = HASHES[vector["hash"]]
    ni, nr, shared, cky_i, cky_r = octets(vector, "Ni", "Nr", "g^xy", "CKY_I", "CKY_R")
    if vector["kind"] == "ikev1-skeyid-psk":
        (psk,) = octets(vector, "pre-shared-key")
        skeyid = crypto.skeyid_pre_shared_key(hash_function, psk, ni, nr)
    else:
        skeyid = crypto.skeyid_signatures(hash_function, ni, nr, shared)
    keys = crypto.PhaseOneKeys.derive(
        hash_function=hash_function,
        cipher=TRIPLE_DES_CBC,
        skeyid=skeyid,
        shared_secret=shared,
        initiator_cookie=cky_i,
        responder_cookie=cky_r,
    )
    ours = {
        "SKEYID": keys.skeyid,
        "SKEYID_d": keys.skeyid_d,
        "SKEYID_a": keys.skeyid_a,
        "SKEYID_e": keys.skeyid_e,
    }
    assert {name: value.hex() for name, value in ours.items()} == {name: vector[name] for name in ours}


@pytest.mark.parametrize(
    "vector", [v for v in VERIFIED if "hash_r" in v], ids=lambda v: v["source"][:24] + v["hash"]
)
def test_hash_r(vector: dict[str, Any]) -> None:
    hash_function = HASHES[vector["hash"]]
    psk = vector["psk"].encode()
    if vector["nortel_user"]:  # Nortel's clients mix the user into the group's password
        psk = hmac.digest(hashlib.sha1(psk).digest(), vector["nortel_user"].encode(), "sha1")
    skeyid = crypto.skeyid_pre_shared_key(hash_function, psk, *octets(vector, "ni_b", "nr_b"))
    assert skeyid.hex() == vector["skeyid"]
    cky_i, cky_r = octets(vector, "cky_i", "cky_r")
    keys = crypto.PhaseOneKeys.derive(
        hash_function=hash_function,
        cipher=TRIPLE_DES_CBC,
        skeyid=skeyid,
        shared_secret=b"",
        initiator_cookie=cky_i,
        responder_cookie=cky_r,
    )
    arguments = octets(vector, "g_xi", "g_xr", "sai_b", "idir_b")
    crypto.check_hash(keys.hash_r(*arguments), bytes.fromhex(vector["hash_r"]))
    assert keys.hash_i(*arguments).hex() != vector["hash_r"]


def test_skeyid_of_public_key_encryption() -> None:
    """prf(hash(Ni_b | Nr_b), CKY-I | CKY-R), with the standard library's functions."""
    ours = crypto.skeyid_public_key_encryption(SHA256, b"initiator", b"responder", *COOKIES)
    key = hashlib.sha256(b"initiatorresponder").digest()
    assert ours == hmac.digest(key, COOKIES[0] + COOKIES[1], "sha256")


def test_expansion_as_appendix_b_has_it() -> None:
    """Ka = K1 | K2 | K3; K1 = prf(SKEYID_e, 0), K2 = prf(SKEYID_e, K1), K3 = prf(SKEYID_e, K2)."""
    e = b"e" * 16
    k1 = hmac.digest(e, b"\0", "md5")
    k2 = hmac.digest(e, k1, "md5")
    k3 = hmac.digest(e, k2, "md5")
    assert expanded(MD5, e, 40) == (k1 + k2 + k3)[:40]
    assert encryption_key(MD5, TRIPLE_DES_CBC, e) == (k1 + k2)[:24]
    assert encryption_key(MD5, AES_256_CBC, e) == k1 + k2
    assert encryption_key(MD5, AES_128_CBC, e) == e
    assert (
        encryption_key(SHA1, AES_192_CBC, b"f" * 20)
        == (
            hmac.digest(b"f" * 20, b"\0", "sha1")
            + hmac.digest(b"f" * 20, hmac.digest(b"f" * 20, b"\0", "sha1"), "sha1")
        )[:24]
    )
    assert encryption_key(SHA512, AES_256_CBC, bytes(range(64))) == bytes(range(32))


def test_a_weak_des_key_is_passed_over() -> None:
    weak, good = bytes.fromhex("01FE01FE01FE01FE"), b"12345678"
    assert encryption_key(SHA1, DES_CBC, good + weak + b"rest") == good
    assert encryption_key(SHA1, DES_CBC, weak + good + b"rest") == good
    other_parity = bytes(octet ^ 1 for octet in weak)
    assert encryption_key(SHA1, DES_CBC, other_parity + good + b"rest") == good
    nothing_good = weak * 2
    assert encryption_key(MD5, DES_CBC, nothing_good) == hmac.digest(nothing_good, b"\0", "md5")[:8]


def test_quick_mode() -> None:
    keys = derived(SHA256, b"skeyid")
    m_id = bytes.fromhex("00c0ffee")
    a, d = keys.skeyid_a, keys.skeyid_d
    assert crypto.hash_1(keys, 0xC0FFEE, b"SA Ni") == hmac.digest(a, m_id + b"SA Ni", "sha256")
    assert crypto.hash_2(keys, 0xC0FFEE, b"Ni", b"SA Nr") == hmac.digest(a, m_id + b"NiSA Nr", "sha256")
    assert crypto.quick_mode_hash_3(keys, 0xC0FFEE, b"Ni", b"Nr") == hmac.digest(
        a, b"\0" + m_id + b"NiNr", "sha256"
    )
    assert crypto.pull_hash_3(keys, 0xC0FFEE, b"Ni", b"Nr") == hmac.digest(a, m_id + b"NiNr", "sha256")
    assert crypto.pull_hash_3(keys, 0xC0FFEE, b"Ni", b"Nr", b"G") == hmac.digest(a, m_id + b"NiNrG", "sha256")
    seed = b"\x03" + b"spi!" + b"Ni" + b"Nr"
    k1 = hmac.digest(d, seed, "sha256")
    k2 = hmac.digest(d, k1 + seed, "sha256")
    esp = ProtocolID.PROTO_IPSEC_ESP
    assert crypto.quick_mode_keymat(keys, esp, b"spi!", b"Ni", b"Nr", 52) == (k1 + k2)[:52]
    with_secret = crypto.quick_mode_keymat(keys, esp, b"spi!", b"Ni", b"Nr", 32, b"qm")
    assert with_secret == hmac.digest(d, b"qm" + seed, "sha256")
    with pytest.raises(ConfigurationError):
        crypto.quick_mode_keymat(keys, esp, b"spi!", b"Ni", b"Nr", 0)


def test_a_signature_may_bring_its_own_hash() -> None:
    keys = derived(SHA1, b"skeyid")
    parts = b"xi" + b"xr" + COOKIES[0] + COOKIES[1] + b"sa" + b"id"
    assert keys.hash_i(b"xi", b"xr", b"sa", b"id", SHA256) == hmac.digest(b"skeyid", parts, "sha256")
    assert keys.hash_i(b"xi", b"xr", b"sa", b"id") == hmac.digest(b"skeyid", parts, "sha1")
    parts = b"xr" + b"xi" + COOKIES[1] + COOKIES[0] + b"sa" + b"id"
    assert keys.hash_r(b"xi", b"xr", b"sa", b"id", SHA512) == hmac.digest(b"skeyid", parts, "sha512")


def test_ivs_and_messages() -> None:
    keys = derived(SHA256, b"skeyid")
    iv = keys.first_iv(b"xi", b"xr")
    assert iv == hashlib.sha256(b"xixr").digest()[:16]
    ciphertext = keys.encrypt(iv, b"17 octets of text")
    assert keys.decrypt(iv, ciphertext) == b"17 octets of text" + bytes(15)
    assert len(keys.encrypt(iv, bytes(32))) == 32  # full blocks get no padding
    last = keys.cipher.next_iv(ciphertext)
    assert last == ciphertext[16:]
    assert keys.message_iv(last, 7) == hashlib.sha256(last + b"\0\0\0\7").digest()[:16]


@pytest.mark.parametrize(
    ("address", "packed"), [("192.0.2.1", "c0000201"), ("2001:db8::1", "20010db8" + "0" * 23 + "1")]
)
def test_nat_discovery(address: str, packed: str) -> None:
    ours = crypto.nat_discovery_hash(SHA1, *COOKIES, ip_address(address), 4500)
    assert ours == hashlib.sha1(COOKIES[0] + COOKIES[1] + bytes.fromhex(packed) + b"\x11\x94").digest()


def test_arguments_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        crypto.skeyid_pre_shared_key(SHA256, b"", b"i" * 8, b"r" * 8)
    with pytest.raises(ConfigurationError, match="message id"):
        crypto.hash_1(derived(SHA256, b"s"), 1 << 32, b"")
    with pytest.raises(ConfigurationError, match="UDP port"):
        crypto.nat_discovery_hash(SHA1, *COOKIES, ip_address("192.0.2.1"), 65536)
    with pytest.raises(ConfigurationError, match="cookie"):
        crypto.PhaseOneKeys.derive(
            hash_function=SHA256,
            cipher=AES_128_CBC,
            skeyid=b"s",
            shared_secret=b"g",
            initiator_cookie=b"short",
            responder_cookie=COOKIES[1],
        )
