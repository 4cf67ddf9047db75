"""The key file: one secret a line, for opening captures. `docs/keys.md` describes it for users.

::

    gsakmp-keys 1
    # whoever has this file can read the traffic
    psk fqdn:alice.example "a text, in its UTF-8 octets"
    psk ipv4:192.0.2.1 6d656b6d697461736469676f6174
    dh_private 0011223344556677:8899aabbccddeeff 5f0c...
    skeyid 0011223344556677:8899aabbccddeeff 77ab...
    kek 1021324354657687:98a9bacbdcedfe0f 10ff...
    tek 0a0b0c0d/ESP_AES_GCM_16 77ab...

The first line that is neither empty nor a comment names the version; it may stand again further down, so
that files can be put one behind the other. Fields are kind, name and value, with blanks between them; a name
with blanks or quotes is put in double quotes, in which ``\\"`` and ``\\\\`` stand for those two. A value is
hexadecimal, and may be a text in double quotes for ``psk``. See `gsakmp.captures.keyring.Kind`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from itertools import chain, islice
from typing import BinaryIO, Final

from gsakmp import limits
from gsakmp.captures import keylogs
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import sa_name
from gsakmp.errors import ConfigurationError, GsakmpError, LocalError

__all__ = ["HEADER", "Form", "engine_secret", "key_line", "key_lines", "read_keys"]

HEADER: Final = "gsakmp-keys 1"
LINES: Final = 1 << 22
"""Lines of one file, comments too: what never ends is refused."""
WORD: Final = "gsakmp-keys"
FIELD: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"(?=\s|$)|([^\s"]+)(?=\s|$)')
PEEKED: Final = 4096
"""Lines of a log that are looked at to tell whose it is."""
PEEKED_CHARACTERS: Final = 1 << 20
"""And how much of it, for lines can be long."""


class Form(StrEnum):
    """The forms that key files come in."""

    GSAKMP = "gsakmp"
    WIRESHARK = "wireshark"
    """``ikev1_decryption_table``, as Wireshark and strongSwan's save-keys plugin write it, or ``esp_sa``."""
    STRONGSWAN = "strongswan"
    """charon's log with the level of ``ike`` at 4."""
    LIBRESWAN = "libreswan"
    """pluto's log with ``plutodebug=all,private`` or the like."""


def read_keys(
    source: str | os.PathLike[str] | BinaryIO, form: Form | None = None, *, name: str = ""
) -> Keyring:
    """The secrets of a key file; without `form` it is told from the first lines.

    `source` is a path or a binary file, `name` what to call it in an error. Raises `ConfigurationError` with
    the number of the line that is wrong, and without anything of it that could be a secret; `LocalError` for
    a file that can't be read.
    """
    called = name or (os.fsdecode(source) if isinstance(source, str | os.PathLike) else "keys")
    with _opened(source, called) as file:
        lines = _lines(file, called)
        if form is None:
            first = list(_peeked(lines))
            form, lines = _told(first, called), chain(first, lines)
        keyring = Keyring()
        for number, secret in _read(form, lines, called):
            try:
                keyring.add(secret)
            except GsakmpError as error:
                raise ConfigurationError(f"{called}, line {number}: {error}") from None
    return keyring


def key_lines(secrets: Iterable[Secret]) -> Iterator[str]:
    """The lines of a key file, header first, each with its end."""
    yield f"{HEADER}\n"
    yield from map(key_line, secrets)


def key_line(secret: Secret) -> str:
    """One line, with its end."""
    return f"{secret.kind} {_quoted(secret.name)} {secret.octets.hex()}\n"


def engine_secret(kind: str, name: bytes, octets: bytes) -> Secret | None:
    """What an engine tells as a secret (`gsakmp.peers`): kind, the SA's cookies or SPI, value. None for what
    is none of the kinds that a key file has, or is empty."""
    if not octets or kind not in frozenset(map(str, Kind)):
        return None
    try:
        return Secret(Kind(kind), sa_name(name), octets)
    except ConfigurationError:
        return None


# -- lines ---------------------------------------------------------------------------------------------------

Numbered = tuple[int, str]


def _opened(source: str | os.PathLike[str] | BinaryIO, name: str) -> AbstractContextManager[BinaryIO]:
    if not isinstance(source, str | os.PathLike):
        if not callable(getattr(source, "readline", None)):
            raise LocalError(f"{name}: {type(source).__name__} where a path or a binary file is wanted")
        return nullcontext(source)  # whoever opened it closes it
    try:
        return open(source, "rb")
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, error: Exception) -> LocalError:
    problem = getattr(error, "strerror", None) or "that is no file that can be read"
    return LocalError(f"{name}: {problem}")


def _lines(file: BinaryIO, name: str) -> Iterator[Numbered]:
    number = 0
    while True:
        try:
            line = file.readline(limits.KEY_LINE_OCTETS + 1)
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from None
        if not isinstance(line, bytes):
            raise LocalError(f"{name}: a key file must be opened in binary mode")
        if not line:
            return
        number += 1
        if number > LINES:
            raise ConfigurationError(f"{name}: more than {LINES:,} lines")
        if len(line) > limits.KEY_LINE_OCTETS:
            raise ConfigurationError(
                f"{name}, line {number}: over limits.KEY_LINE_OCTETS ({limits.KEY_LINE_OCTETS})"
            )
        # Editors on Windows put a byte order mark before the first line.
        yield number, line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").rstrip("\r\n")


def _peeked(lines: Iterator[Numbered]) -> Iterator[Numbered]:
    """The lines by which a file is told."""
    characters = 0
    for numbered in islice(lines, PEEKED):
        yield numbered
        characters += len(numbered[1])
        if characters >= PEEKED_CHARACTERS:
            return


def _told(first: list[Numbered], name: str) -> Form:
    """Whose file it is."""
    texts = [text.strip() for _, text in first]
    start = next((text for text in texts if text and not text.startswith("#")), "")
    if start.split()[:1] == [WORD]:
        return Form.GSAKMP
    if keylogs.TABLE_LINE.fullmatch(start) or keylogs.ESP_LINE.match(start):
        return Form.WIRESHARK
    if any(keylogs.STRONGSWAN_LINE.search(text) for text in texts):
        return Form.STRONGSWAN
    if any(keylogs.LIBRESWAN_LINE.search(text) for text in texts):
        return Form.LIBRESWAN
    if not start:
        return Form.GSAKMP
    raise ConfigurationError(
        f"{name}: no key file: neither ours, whose first line is {HEADER!r}, nor Wireshark's "
        "ikev1_decryption_table, nor a log of strongSwan or libreswan"
    )


def _read(form: Form, lines: Iterable[Numbered], name: str) -> Iterator[tuple[int, Secret]]:
    if form is Form.GSAKMP:
        return _ours(lines, name)
    read = {
        Form.WIRESHARK: keylogs.wireshark,
        Form.STRONGSWAN: keylogs.strongswan,
        Form.LIBRESWAN: keylogs.libreswan,
    }[form]
    return read(lines, name)


def _ours(lines: Iterable[Numbered], name: str) -> Iterator[tuple[int, Secret]]:
    begun = False
    for number, text in lines:
        stripped = text.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            fields = _fields(stripped)
            if fields[0][0] == WORD:
                _check_version(fields)
                begun = True
                continue
            if not begun:
                raise ConfigurationError(f"the first line must be {HEADER!r}")
            yield number, _secret(fields)
        except ConfigurationError as error:
            raise ConfigurationError(f"{name}, line {number}: {error}") from None


Field = tuple[str, bool]
"""The text, and whether it stood in quotes."""


def _fields(text: str) -> list[Field]:
    fields: list[Field] = []
    at = 0
    while at < len(text):
        found = FIELD.match(text, at)
        if found is None:
            raise ConfigurationError("a quote that does not end, or has something behind it")
        quoted = found[1] is not None
        fields.append((re.sub(r"\\(.)", r"\1", found[1]) if quoted else found[2], quoted))
        at = found.end() + len(text[found.end() :]) - len(text[found.end() :].lstrip())
    return fields


def _check_version(fields: list[Field]) -> None:
    if [text for text, _ in fields] != HEADER.split():
        raise ConfigurationError(f"of another version than {HEADER!r}")


def _secret(fields: list[Field]) -> Secret:
    kinds = frozenset(map(str, Kind))
    if fields[0][0] not in kinds:
        raise ConfigurationError(f"no kind of secret that is known; there are {', '.join(Kind)}")
    kind = Kind(fields[0][0])
    if len(fields) != 3:
        raise ConfigurationError(f"{kind}: kind, name and value are wanted, not {len(fields)} fields")
    (name, _), (value, quoted) = fields[1:]
    if quoted and kind is not Kind.PSK:
        raise ConfigurationError(f"{kind}: the value must be hexadecimal; only a psk may be a text")
    octets = value.encode() if quoted else _octets(kind, value)
    if kind is not Kind.PSK:
        name = _folded(name)
    return Secret(kind, name, octets)


def _folded(name: str) -> str:
    """Cookies and SPIs in lower case, a Rekey SA's also without the colon; the transform as it is."""
    spi, slash, transform = name.partition("/")
    spi = spi.lower()
    if re.fullmatch(r"[0-9a-f]{32}", spi):
        spi = f"{spi[:16]}:{spi[16:]}"
    return spi + slash + transform


def _octets(kind: Kind, value: str) -> bytes:
    digits = value.removeprefix("0x")
    if len(digits) % 2 or not re.fullmatch(r"[0-9a-fA-F]*", digits):
        raise ConfigurationError(f"{kind}: the value is not hexadecimal with two digits an octet")
    return bytes.fromhex(digits)


def _quoted(name: str) -> str:
    if FIELD.fullmatch(name) and not name.startswith(("#", '"')):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
