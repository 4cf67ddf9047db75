"""The secrets that open a capture, whatever file they came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gsakmp import limits
from gsakmp.errors import ConfigurationError, LimitExceeded

__all__ = ["PHASE_1", "Keyring", "Kind", "Secret"]


class Kind(StrEnum):
    """What a secret is; the word is the one that a key file has."""

    PSK = "psk"
    """A pre-shared key, by the peer's identity in text; ``*`` in it stands for anything."""
    DH_PRIVATE = "dh_private"
    """Either side's private value, a number with the most significant octet first."""
    DH_SHARED = "dh_shared"
    """g^xy (RFC 2409, 5)."""
    SKEYID = "skeyid"
    SKEYID_D = "skeyid_d"
    SKEYID_A = "skeyid_a"
    SKEYID_E = "skeyid_e"
    ENCRYPTION_KEY = "encryption_key"
    """The key of the ISAKMP SA's cipher, made of SKEYID_e (RFC 2409, appendix B)."""
    KEK = "kek"
    """KEK_ALGORITHM_KEY: IV, then key (RFC 6407, 5.6.2.1), by the Rekey SA's SPI."""
    SIGNATURE_KEY = "signature_key"
    """SIG_ALGORITHM_KEY: a SubjectPublicKeyInfo in DER, by the Rekey SA's SPI. It is no secret."""
    TEK = "tek"
    """TEK_ALGORITHM_KEY, salts included (RFC 6407, 5.6.1.1), by the data SA's SPI."""
    TEK_INTEGRITY = "tek_integrity"
    """TEK_INTEGRITY_KEY (RFC 6407, 5.6.1.2)."""


PHASE_1: Final = frozenset(
    {
        *(Kind.DH_PRIVATE, Kind.DH_SHARED, Kind.SKEYID, Kind.SKEYID_D, Kind.SKEYID_A, Kind.SKEYID_E),
        Kind.ENCRYPTION_KEY,
    }
)
"""The kinds that belong to one ISAKMP SA."""
GROUP: Final = frozenset({Kind.KEK, Kind.SIGNATURE_KEY})
DATA: Final = frozenset({Kind.TEK, Kind.TEK_INTEGRITY})

COOKIES: Final = re.compile(r"[0-9a-f]{16}(:[0-9a-f]{16})?")
LABEL: Final = re.compile(r"\*[0-9a-z_-]{1,32}")
DATA_SPI: Final = re.compile(r"[0-9a-f]{8}(/[A-Z0-9_]{1,40})?")
LONGEST: Final = {Kind.SIGNATURE_KEY: 4096, Kind.PSK: 4096, Kind.DH_PRIVATE: 1024, Kind.DH_SHARED: 1024}
"""Octets; the widest group has 1,024 (MODP 8192). Any other secret is a key or what a hash gives."""
USUAL_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret and what it belongs to. Its text does not show it.

    `name` says which, by `kind`: of phase 1 ``icookie:rcookie`` in hex, or the initiator's cookie alone, or
    ``*label`` where nobody knows (secrets with one label belong together, and are tried on every SA); of a
    Rekey SA its SPI as ``icookie:rcookie``; of a data SA the SPI, 8 digits, and where it is known ``/`` and
    the name of the transform or the integrity algorithm; of a pre-shared key an identity, or ``*``.

    Raises `ConfigurationError` for a name or a length that the kind can't have.
    """

    kind: Kind
    name: str
    octets: bytes = field(repr=False)

    def __post_init__(self) -> None:
        problem = name_problem(self.kind, self.name)
        if problem:
            raise ConfigurationError(f"{self.kind}: {problem}")
        if not 0 < len(self.octets) <= LONGEST.get(self.kind, USUAL_LONGEST):
            raise ConfigurationError(f"{self.kind}: a value of {len(self.octets)} octets")


def name_problem(kind: Kind, name: str) -> str:
    """What is wrong with a secret's name, empty if nothing is. The name is not quoted: who has mixed up the
    fields of a line has a secret there."""
    if kind in PHASE_1 and not (COOKIES.fullmatch(name) or LABEL.fullmatch(name)):
        return "the name is no pair of cookies: icookie:rcookie, icookie, or *label"
    if kind in GROUP and not (COOKIES.fullmatch(name) and ":" in name):
        return "the name is no SPI of a Rekey SA: two cookies, icookie:rcookie"
    if kind in DATA and not DATA_SPI.fullmatch(name):
        return "the name is no SPI of a data SA: 8 hex digits"
    if kind is Kind.PSK and (not name or len(name) > 1024 or not name.isprintable()):
        return "the name is no identity"
    if kind is Kind.PSK and name != "*" and ":" not in name:
        return "the name is no identity: one is type:data, or *"
    return ""


class Keyring:
    """Secrets, by kind and name, each once and in the order in which they came. Its text shows none.

    Raises `LimitExceeded` for more than `gsakmp.limits.SECRETS`.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._secrets: dict[Secret, None] = {}
        self._by_name: dict[tuple[Kind, str], list[tuple[str, bytes]]] = {}
        self._labels: dict[str, None] = {}
        for secret in secrets:
            self.add(secret)

    def __repr__(self) -> str:
        return f"Keyring({len(self)} secrets)"

    def __len__(self) -> int:
        return len(self._secrets)

    def __iter__(self) -> Iterator[Secret]:
        return iter(self._secrets)

    def add(self, secret: Secret) -> None:
        """One more."""
        if secret in self._secrets:
            return
        if len(self._secrets) >= limits.SECRETS:
            raise LimitExceeded(f"more than limits.SECRETS ({limits.SECRETS}) secrets", "keys")
        self._secrets[secret] = None
        name, algorithm = secret.name, ""
        if secret.kind in DATA:
            name, _, algorithm = name.partition("/")
        self._by_name.setdefault((secret.kind, name), []).append((algorithm, secret.octets))
        if secret.kind in PHASE_1 and name.startswith("*"):
            self._labels[name] = None

    def update(self, other: Iterable[Secret]) -> None:
        """All of another's."""
        for secret in other:
            self.add(secret)

    def of(self, kind: Kind, name: str) -> tuple[bytes, ...]:
        """The secrets of that kind and name; for a data SA by its SPI alone."""
        return tuple([octets for _, octets in self._by_name.get((kind, name), ())])

    def of_data(self, kind: Kind, spi: str) -> tuple[tuple[str, bytes], ...]:
        """The secrets of that kind for a data SA, each with the algorithm that its name says; empty if it
        says none."""
        return tuple(self._by_name.get((kind, spi), ()))

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of phase-1 secrets whose cookies nobody knows."""
        return tuple(self._labels)

    def pre_shared_keys(self) -> Iterator[tuple[str, bytes]]:
        """Each with the identity that it is for."""
        for secret in self._secrets:
            if secret.kind is Kind.PSK:
                yield secret.name, secret.octets
