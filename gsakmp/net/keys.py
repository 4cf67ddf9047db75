"""Credentials out of the files that a configuration names: keys only from files that are kept secret."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509

from gsakmp.crypto import PrivateKey, private_key
from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.net.files import open_to_others, read_file
from gsakmp.net.schema import CredentialsTable, SharedKeyTable
from gsakmp.net.toml import Document

__all__ = ["read_credentials"]

T = TypeVar("T")

KEY: Final = "credentials"
SHARED_KEY_OCTETS: Final = 4096
"""Of a pre-shared key's file."""
CERTIFICATES: Final = 1024
"""In one file: a bundle of every public authority has some 150."""


def read_credentials(table: CredentialsTable, document: Document, *, allow_weak: bool) -> Credentials:
    """The credentials of a configuration. Raises `ConfigurationError` that names the key and the file."""
    certificates = read_all(table.certificates, "certificates", document, x509.load_pem_x509_certificates)
    authorities = read_all(table.authorities, "authorities", document, x509.load_pem_x509_certificates)
    lists = read_all(
        table.revocation_lists, "revocation_lists", document, lambda octets: [x509.load_pem_x509_crl(octets)]
    )
    if table.certificates and table.private_key is None:
        raise document.error(
            f"{KEY}.private_key", "this key is missing; certificates are of no use without it"
        )
    if table.private_key is not None and not certificates:
        raise document.error(
            f"{KEY}.certificates",
            "this key is missing; nobody believes a private key without its certificate",
        )
    if table.private_key is not None and not authorities:
        raise document.error(
            f"{KEY}.authorities", "this key is missing; it names whom to believe about peers' certificates"
        )
    own = read_private_key(table, document, allow_weak)
    shared = tuple(
        read_shared_key(entry, f"{KEY}.shared_keys[{index}]", document)
        for index, entry in enumerate(table.shared_keys)
    )
    if own is None and not shared:
        raise document.error(KEY, "there is neither a private_key with certificates nor any of shared_keys")
    with document.at(KEY):
        return Credentials(
            shared_keys=shared,
            private_key=own,
            certificates=certificates,
            authorities=authorities,
            revocation_lists=lists,
            allow_weak=allow_weak,
        )


def read_private_key(table: CredentialsTable, document: Document, allow_weak: bool) -> PrivateKey | None:
    if table.private_key is None:
        if table.passphrase_file is not None:
            raise document.error(f"{KEY}.passphrase_file", "there is no private_key that it could open")
        return None
    passphrase = None
    if table.passphrase_file is not None:
        with document.at(f"{KEY}.passphrase_file"):
            path = document.file(table.passphrase_file)
            passphrase = first_line(read_file(path, "passphrase", limit=SHARED_KEY_OCTETS, secret=True))
    with document.at(f"{KEY}.private_key"):
        path = document.file(table.private_key)
        octets = read_file(path, "private key", secret=True)
        try:
            return private_key(octets, passphrase, allow_weak=allow_weak)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error}") from None


def read_shared_key(table: SharedKeyTable, key: str, document: Document) -> SharedKey:
    """One pre-shared key. An inline one makes the configuration a secret itself."""
    if (table.file is None) == (table.key is None):
        raise document.error(key, "a shared key has either file or key")
    if table.file is not None:
        with document.at(f"{key}.file"):
            path = document.file(table.file)
            octets = shared_octets(read_file(path, "shared key", limit=SHARED_KEY_OCTETS, secret=True))
    else:
        if not kept_secret(document.path):
            raise document.error(
                f"{key}.key",
                f"a key stands here, and others may read this file: run chmod 600 {document.path}, or "
                "put the key into a file of its own and name that with file",
            )
        with document.at(f"{key}.key"):
            octets = shared_octets((table.key or "").encode())
    with document.at(key):
        return SharedKey(octets, identity=table.identity, address=table.address)


def kept_secret(path: Path) -> bool:
    try:
        return not open_to_others(path.stat())
    except OSError:
        return False


def shared_octets(text: bytes) -> bytes:
    """A pre-shared key from text: ``0x`` and hexadecimal digits, or else the text itself, without the end of
    its line. Raises `ConfigurationError`."""
    line = first_line(text)
    if not line:
        raise ConfigurationError("the key is empty")
    if not line.startswith(b"0x"):
        return line
    try:
        octets = bytes.fromhex(line[2:].decode("ascii"))
    except ValueError:
        octets = b""
    if not octets:
        raise ConfigurationError("what follows 0x is no even number of hexadecimal digits")
    return octets


def first_line(octets: bytes) -> bytes:
    return octets.removesuffix(b"\n").removesuffix(b"\r")


def read_all(
    names: Sequence[str], key: str, document: Document, load: Callable[[bytes], list[T]]
) -> tuple[T, ...]:
    """What is in PEM files, in their order. Raises `ConfigurationError`."""
    found: list[T] = []
    for index, name in enumerate(names):
        with document.at(f"{KEY}.{key}[{index}]"):
            path = document.file(name)
            octets = read_file(path, key.replace("_", " "))
            try:
                found += load(octets)
            except (ValueError, TypeError, Warning):
                raise ConfigurationError(f"the file {path} is not in PEM, or holds something else") from None
            if len(found) > CERTIFICATES:
                raise ConfigurationError(f"more than {CERTIFICATES} of them")
    return tuple(found)
