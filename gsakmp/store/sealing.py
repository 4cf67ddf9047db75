"""Keys at rest: AES-256-GCM (NIST SP 800-38D) under keys derived from a file that the operator gives.

A sealed value is a salt, a nonce, and the ciphertext with its tag. Every process draws a salt of its own and
derives a key with it (HKDF with SHA-256, RFC 5869), so that however long a store lives, the number of random
nonces under one key stays far below the 2**32 that SP 800-38D, 8.3 allows. What surrounds the value (the
store, table, column, group and all that the row says) is authenticated with it, so no row can be moved or
changed.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gsakmp.crypto import Random, random_octets, system_random
from gsakmp.errors import ConfigurationError, StateError
from gsakmp.store.failures import problem_of
from gsakmp.store.files import absolute, check_mode, make_private

__all__ = ["KEY_OCTETS", "Sealer", "generate_key_file", "read_key_file"]

KEY_OCTETS: Final = 32
"""Of the sealing key, and of the AES keys derived from it."""
SALT_OCTETS: Final = 16
NONCE_OCTETS: Final = 12
"""The 96 bits that SP 800-38D, 8.2.2 wants of a random nonce at least."""
TAG_OCTETS: Final = 16
SEALINGS_PER_SALT: Final = 1 << 30
"""After so many values, a new salt: a quarter of what SP 800-38D, 8.3 allows under one key."""
SALTS: Final = 1024
"""Derived keys that are kept; a store has a salt for each time that it was opened for writing."""
INFO: Final = b"gsakmp store, sealing, 1"
KEY_FILE_OCTETS: Final = 4096
"""A key file longer than this is some other file."""
NOT_FOR_OTHERS: Final = 0o077


class Sealer:
    """Seals and unseals values of one store. `store_id` is bound into each."""

    def __init__(self, key: bytes, store_id: bytes = b"", random: Random = system_random) -> None:
        """Raises `ConfigurationError` for a key that is not 32 octets."""
        given: object = key
        if not isinstance(given, bytes) or len(given) != KEY_OCTETS:
            raise ConfigurationError(f"a sealing key has {KEY_OCTETS} octets")
        self._random = random
        self._store = framed(store_id)
        self._derived = lru_cache(maxsize=SALTS)(lambda salt: AESGCM(derive(key, salt)))
        self._salt = b""
        self._left = 0

    def seal(self, octets: bytes, *place: str | bytes) -> bytes:
        """`octets`, readable only with the key and for the same `place`: table, column, group, row."""
        if self._left <= 0:
            self._salt, self._left = random_octets(self._random, SALT_OCTETS), SEALINGS_PER_SALT
        self._left -= 1
        nonce = random_octets(self._random, NONCE_OCTETS)
        sealed = self._derived(self._salt).encrypt(nonce, octets, self._bound(place))
        return self._salt + nonce + sealed

    def unseal(self, sealed: bytes, *place: str | bytes) -> bytes:
        """What was sealed for `place`. Raises `StateError` for what was changed or moved."""
        head = SALT_OCTETS + NONCE_OCTETS
        try:
            if len(sealed) < head + TAG_OCTETS:
                raise InvalidTag
            cipher = self._derived(sealed[:SALT_OCTETS])
            return cipher.decrypt(sealed[SALT_OCTETS:head], sealed[head:], self._bound(place))
        except InvalidTag:
            where = ".".join(part for part in place[:2] if isinstance(part, str))
            raise StateError(
                f"a sealed value of {where} was changed, moved, or sealed under another key"
            ) from None

    def _bound(self, place: tuple[str | bytes, ...]) -> bytes:
        parts = [framed_text(part) if isinstance(part, str) else framed(part) for part in place]
        return self._store + b"".join(parts)


@lru_cache(maxsize=1024)
def framed_text(text: str) -> bytes:
    """As `framed`: names of tables, columns and groups come again with every row."""
    return framed(text.encode())


def framed(octets: bytes) -> bytes:
    """With its length in front, so that pieces that follow one another can't be cut otherwise."""
    return len(octets).to_bytes(4, "big") + octets


def derive(key: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_OCTETS, salt=salt, info=INFO).derive(key)


def generate_key_file(path: str | os.PathLike[str]) -> None:
    """Make a key file: 32 octets of the operating system's randomness in hex, for its owner alone.

    Raises `ConfigurationError` if there is such a file already, or none can be made. Without this file a
    store's keys are lost: keep a copy of it, and not beside the store's backups.
    """
    file = absolute(path)
    try:
        make_private(file, system_random(KEY_OCTETS).hex().encode() + b"\n")
    except FileExistsError:
        raise ConfigurationError(f"there is a file {file} already; it is left as it is") from None
    except OSError as error:
        raise ConfigurationError(f"the key file {file} can't be made: {problem_of(error)}") from None


def read_key_file(path: str | os.PathLike[str]) -> bytes:
    """The 32 octets of a key file. Raises `ConfigurationError`, also where others may read it."""
    file = absolute(path)
    try:
        check_mode(file, NOT_FOR_OTHERS, "key file", "600")
        text = read_start(file)
    except OSError as error:
        raise ConfigurationError(f"the key file {file} can't be read: {problem_of(error)}") from None
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_OCTETS:
        raise ConfigurationError(f"the key file {file} does not hold {2 * KEY_OCTETS} hexadecimal digits")
    return key


def read_start(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(KEY_FILE_OCTETS).strip()
