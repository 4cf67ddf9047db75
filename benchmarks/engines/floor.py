"""What a registration would cost if there were nothing but its cryptography.

One registration's calls of the hash, the PRF and the cipher are recorded as the key server makes them; what
is timed are the same operations on octets of the same sizes, called straight on pyca/cryptography, with the
key exchange and the signatures beside them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.engines.world import Rig
from gsakmp.crypto.ciphers import CBCCipher
from gsakmp.crypto.hashes import HashFunction

__all__ = ["Operation", "described", "floor_of", "recorded"]

Operation = tuple[str, int, int]
"""``hash``, ``prf``, ``encrypt`` or ``decrypt``, octets of the key, and of what it works on."""
Call = Callable[[], object]

NONCES: Final = (32, 32)
"""Octets drawn: our nonces of phase 1 and of the pull."""


def recorded(method: str) -> list[Operation]:
    """What the key server does in one registration, the second: the first fills memories."""
    rig, found = Rig(method), []

    def watch(owner: type, name: str, kind: str, sizes: Callable[..., tuple[int, int]]) -> Any:
        real = getattr(owner, name)

        def watched(self: Any, *given: bytes) -> Any:
            found.append((kind, *sizes(*given)))
            return real(self, *given)

        return mock.patch.object(owner, name, watched)

    @contextmanager
    def watching() -> Iterator[None]:
        with (
            watch(HashFunction, "digest", "hash", lambda *parts: (0, sum(map(len, parts)))),
            watch(HashFunction, "prf", "prf", lambda key, *parts: (len(key), sum(map(len, parts)))),
            watch(CBCCipher, "encrypt", "encrypt", lambda key, iv, octets: (len(key), len(octets))),
            watch(CBCCipher, "decrypt", "decrypt", lambda key, iv, octets: (len(key), len(octets))),
        ):
            yield

    rig.register(1)
    current: list[Any] = []

    def before() -> None:
        current.append(watching())
        current[-1].__enter__()

    rig.before, rig.after = before, lambda: current.pop().__exit__(None, None, None)
    rig.register(1)
    return found


def described(operations: Sequence[Operation], method: str) -> str:
    """In words, for the table's notes."""
    count = Counter(kind for kind, _, _ in operations)
    octets = sum(size for kind, _, size in operations if kind in ("encrypt", "decrypt"))
    signatures = "" if method == "PSK" else "; a signature, and two verified"
    return (
        f"{method}: a key pair and an agreement, {count['prf']} HMACs, {count['hash']} hashes, "
        f"{count['encrypt'] + count['decrypt']} AES-CBC over {octets} octets{signatures}"
    )


def floor_of(operations: Sequence[Operation], method: str) -> Call:
    """A function that does all of them once."""
    calls = [key_exchange(), *(map(drawn, NONCES)), *map(call_of, operations)]
    if method != "PSK":
        calls += signatures(method)

    def run() -> None:
        for call in calls:
            call()

    return run


def key_exchange() -> Call:
    curve, exchange = ec.SECP256R1(), ec.ECDH()
    generate, of_point = ec.generate_private_key, ec.EllipticCurvePublicKey.from_encoded_point
    place = Encoding.X962, PublicFormat.UncompressedPoint
    peer = generate(curve).public_key().public_bytes(*place)

    def call() -> bytes:
        key = generate(curve)
        key.public_key().public_bytes(*place)
        return key.exchange(exchange, of_point(curve, peer))

    return call


def drawn(size: int) -> Call:
    return lambda: os.urandom(size)


def call_of(operation: Operation) -> Call:
    kind, key_size, size = operation
    key, octets, iv, sha256 = os.urandom(key_size), os.urandom(size), os.urandom(16), hashes.SHA256()

    def digest() -> bytes:
        context = hashes.Hash(sha256)
        context.update(octets)
        return context.finalize()

    def prf() -> bytes:
        context = hmac.HMAC(key, sha256)
        context.update(octets)
        return context.finalize()

    def encrypt() -> bytes:
        context = Cipher(AES(key), CBC(iv)).encryptor()
        return context.update(octets) + context.finalize()

    def decrypt() -> bytes:
        context = Cipher(AES(key), CBC(iv)).decryptor()
        return context.update(octets) + context.finalize()

    return {"hash": digest, "prf": prf, "encrypt": encrypt, "decrypt": decrypt}[kind]


def signatures(method: str) -> list[Call]:
    """Ours, and the peer's and its certificate's."""
    sign, verify = signer(method, b"a message")
    return [sign, verify, verify]


def signer(method: str, message: bytes) -> tuple[Call, Call]:
    """A signature of `message`, and its verification."""
    sha256 = hashes.SHA256()
    if method == "RSA 3072":
        rsa_key, scheme = rsa.generate_private_key(65537, 3072), padding.PKCS1v15()
        rsa_public, rsa_made = rsa_key.public_key(), rsa_key.sign(message, scheme, sha256)
        return (
            lambda: rsa_key.sign(message, scheme, sha256),
            lambda: rsa_public.verify(rsa_made, message, scheme, sha256),
        )
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(sha256)
    public, made = key.public_key(), key.sign(message, algorithm)
    return lambda: key.sign(message, algorithm), lambda: public.verify(made, message, algorithm)
