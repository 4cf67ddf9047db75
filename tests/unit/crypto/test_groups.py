"""Diffie-Hellman: RFC 5903's vectors, RFC 3526's formula, and peers that send what is no public value."""

from __future__ import annotations

import hashlib
import importlib
import sys
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from gsakmp import crypto
from gsakmp.crypto import groups, modp
from gsakmp.errors import ConfigurationError, CryptoError, DecodeError, PolicyRefused
from gsakmp.registries import GroupDescription
from tests.unit.crypto.vectors import ECP

FORMULA = {  # bits: the constant that makes it prime (RFC 2409, 6.2; RFC 3526, 2 to 5)
    1024: 129093,
    1536: 741804,
    2048: 124476,
    3072: 1690314,
    4096: 240904,
}
PRIMES = {bits: getattr(modp, f"MODP_{bits}") for bits in FORMULA}
SIZES = {2: 128, 5: 192, 14: 256, 15: 384, 16: 512, 19: 64, 20: 96, 21: 132}
MODP = [2, 5, 14, 15, 16]
ALL = list(SIZES)


def group(number: int) -> crypto.Group:
    return crypto.diffie_hellman_group(GroupDescription(number), allow_weak=True)


def recorded(octets: bytes) -> Callable[[int], bytes]:
    def random(count: int) -> bytes:
        assert count == len(octets)
        return octets

    return random


def seeded(seed: str) -> Callable[[int], bytes]:
    return lambda count: hashlib.shake_128(seed.encode()).digest(count)


def shifted_pi(bits: int) -> int:
    """floor(2**bits * pi), in whole numbers: pi = 16 arctan(1/5) - 4 arctan(1/239) (Machin)."""

    def arctan_of_inverse(x: int, one: int) -> int:
        term = total = one // x
        divisor, sign = 3, -1
        while term:
            term //= x * x
            total += sign * (term // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    guard = 64
    one = 1 << (bits + guard)
    return (16 * arctan_of_inverse(5, one) - 4 * arctan_of_inverse(239, one)) >> guard


@pytest.mark.parametrize("bits", FORMULA)
def test_primes_by_the_formula(bits: int) -> None:
    """2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) pi) + k)"""
    made = 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (shifted_pi(bits - 130) + FORMULA[bits])
    assert PRIMES[bits] == made
    assert PRIMES[bits].bit_length() == bits


def number(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


@pytest.mark.parametrize(("name", "vector"), ECP.items())
def test_rfc_5903(name: str, vector: dict[str, str]) -> None:
    curve = crypto.diffie_hellman_group(GroupDescription[name])
    values = {key: number(text) for key, text in vector.items()}
    initiator = curve.generate(recorded(values["i"]))
    responder = curve.key_pair(values["r"])
    assert initiator.public == values["gix"] + values["giy"]
    assert responder.public == values["grx"] + values["gry"]
    assert initiator.shared(responder.public) == responder.shared(initiator.public) == values["girx"]


@pytest.mark.parametrize("which", MODP)
def test_modp_against_whole_numbers(which: int) -> None:
    """Python's pow is right, if not silent about the exponent."""
    one = group(which)
    prime = PRIMES[one.public_size * 8]
    pair, other = one.generate(seeded("one")), one.generate(seeded("other"))
    exponent = int.from_bytes(seeded("one")(one.private_size), "big")
    assert pair.public == pow(2, exponent, prime).to_bytes(one.public_size, "big")
    peer = int.from_bytes(other.public, "big")
    assert pair.shared(other.public) == pow(peer, exponent, prime).to_bytes(one.shared_size, "big")
    assert other.shared(pair.public) == pair.shared(other.public)


@pytest.mark.parametrize("which", ALL)
def test_sizes_and_agreement(which: int) -> None:
    one = group(which)
    assert one.public_size == SIZES[which]
    assert one.shared_size == (SIZES[which] if which in MODP else SIZES[which] // 2)
    pair, other = one.generate(), one.generate()
    assert len(pair.public) == one.public_size
    assert pair.public != other.public
    secret = pair.shared(other.public)
    assert secret == other.shared(pair.public)
    assert len(secret) == one.shared_size


def test_leading_zeros_stay() -> None:
    """RFC 2409, 5: a public value has the length of the group, "if necessary, by pre-pending" zeros."""
    one = group(14)
    prime = PRIMES[2048]
    exponent = next(e for e in range(2048, 9000) if pow(2, e, prime) >> 2040 == 0)
    pair = one.key_pair(exponent.to_bytes(2, "big"))
    assert pair.public[0] == 0
    assert int.from_bytes(pair.public, "big") == pow(2, exponent, prime)
    assert len(one.key_pair(b"\5").shared((2).to_bytes(256, "big"))) == 256


@pytest.mark.parametrize("which", MODP)
def test_modp_values_that_are_none(which: int) -> None:
    one = group(which)
    prime, size = PRIMES[one.public_size * 8], one.public_size
    pair = one.key_pair(b"\7")
    for bad in (0, 1, prime - 1, prime, prime + 1, (1 << 8 * size) - 1):
        with pytest.raises(PolicyRefused, match="no member") as caught:
            pair.shared(bad.to_bytes(size, "big"))
        assert caught.value.notify_type == 17  # INVALID-KEY-INFORMATION
    assert PolicyRefused.notify_type == 14


@pytest.mark.parametrize("which", [19, 20, 21])
def test_points_that_are_none(which: int) -> None:
    one = group(which)
    pair, peer = one.generate(), one.generate().public
    half = one.shared_size
    off_curve = peer[:-1] + bytes([peer[-1] ^ 1])
    too_large = b"\xff" * half + peer[half:]
    for bad in (off_curve, too_large, bytes(2 * half), peer[half:] + peer[:half]):
        with pytest.raises(PolicyRefused, match="no member"):
            pair.shared(bad)


@pytest.mark.parametrize("which", ALL)
@pytest.mark.parametrize("difference", [-1, 1])
def test_wrong_length(which: int, difference: int) -> None:
    one = group(which)
    with pytest.raises(DecodeError) as caught:
        one.generate(seeded("a")).shared(b"\5" * (one.public_size + difference))
    assert caught.value.notify_type == 17
    assert DecodeError.notify_type == 16


@pytest.mark.parametrize("which", ALL)
def test_private_values(which: int) -> None:
    one = group(which)
    with pytest.raises(ConfigurationError):
        one.key_pair(bytes(one.private_size))
    with pytest.raises(ConfigurationError):
        one.key_pair(b"\xff" * (one.public_size + 1))
    if which in MODP:
        with pytest.raises(ConfigurationError):  # its public value would be the generator
            one.key_pair(b"\1")
    with pytest.raises(CryptoError, match="random source"):
        one.generate(bytes)
    with pytest.raises(ConfigurationError, match="random source"):
        one.generate(lambda count: bytes(count - 1))


def test_a_private_value_is_drawn_again() -> None:
    """Above P-256's order, the first draw makes no private value; the second does."""
    draws = iter([b"\xff" * 32, (5).to_bytes(32, "big")])
    pair = group(19).generate(lambda _: next(draws))
    assert pair.public == group(19).key_pair(b"\5").public


def test_every_private_value_below_2_521_can_be_drawn() -> None:
    """The seven bits of the first octet that P-521 has no use for are masked, so few draws miss."""
    octets = bytes.fromhex("fe") + bytes(64) + b"\7"
    assert group(21).generate(recorded(octets)).public == group(21).key_pair(b"\7").public


@pytest.mark.parametrize("which", ALL)
def test_no_secret_in_text(which: int) -> None:
    one = group(which)
    private = seeded("secret")(one.private_size)
    pair = one.generate(recorded(private))
    text = repr(pair)
    assert one.name in text
    assert private.hex() not in text
    assert str(int.from_bytes(private, "big")) not in text
    assert "_agree" not in text


def test_weak_and_unknown() -> None:
    for which in (2, 5):
        with pytest.raises(PolicyRefused, match="is weak"):
            crypto.diffie_hellman_group(GroupDescription(which))
    for which in (14, 15, 16, 19, 20, 21):
        crypto.diffie_hellman_group(GroupDescription(which))
    for which in (0, 1, 3, 17, 18, 22, 24, 27, 99, 40000):
        with pytest.raises(PolicyRefused, match="not supported"):
            crypto.diffie_hellman_group(GroupDescription(which), allow_weak=True)


def test_the_providers_warning_stays_inside() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        group(14).generate().shared((5).to_bytes(256, "big"))
        assert warnings.filters == filters
    assert seen == []


def test_threads_leave_the_warning_filters_alone() -> None:
    filters = list(warnings.filters)
    threads = [threading.Thread(target=group(14).generate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == filters


def test_one_thread_at_a_time_changes_the_filters() -> None:
    thread = threading.Thread(target=group(14).generate)
    with groups._WARNINGS:
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()


def lacking(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> types.ModuleType:
        if name in names:
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(groups.importlib, "import_module", import_module)


DH = "cryptography.hazmat.primitives.asymmetric.dh"


def test_a_provider_without_finite_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    with_provider = group(14).key_pair(b"\x12\x34").public
    lacking(monkeypatch, DH)
    stand_in: Any = types.ModuleType("gmpy2")
    stand_in.powmod_sec = pow
    monkeypatch.setitem(sys.modules, "gmpy2", stand_in)
    assert group(14).key_pair(b"\x12\x34").public == with_provider


def test_no_provider_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch, DH, "gmpy2")
    with pytest.raises(CryptoError, match="ECP"):
        group(14).generate()
    group(19).generate()
