"""The key structures that are measured, and who is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gsakmp.crypto import CBCCipher, kek_cipher
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.rekey import RekeyAlgorithm, RekeySettings, rekey_algorithm
from gsakmp.group.rekey.flat import NODES
from gsakmp.group.rekey.lkh import trees_for
from gsakmp.group.suites import rekey_suite
from gsakmp.identities import Identity
from gsakmp.registries import GDOIIDType

__all__ = ["CASES", "CIPHER", "FLAT", "SPARE", "Case", "group_policy", "member"]

SPARE: Final = 4_000
"""Leaves beyond those of the members that there are at first, for who joins while it is measured."""
FLAT: Final = "flat own-keys"
"""What all others are compared with."""


@dataclass(frozen=True, slots=True)
class Case:
    """One algorithm with its settings."""

    name: str
    management: str
    degree: int = 4
    eviction: str = "re-pull"

    @property
    def linear(self) -> bool:
        """Whether a leave is a wrap for each who stays, however many leave."""
        return self.eviction == "own-keys"

    def settings(self, members: int) -> RekeySettings:
        """With room for so many, and `SPARE` more."""
        room, trees = members + SPARE, 1
        if self.management == "lkh":
            trees = trees_for(self.degree, room)
        elif self.eviction == "own-keys":
            trees = -(-room // NODES)
        return RekeySettings(eviction=self.eviction, degree=self.degree, trees=trees)

    def algorithm(self, members: int) -> RekeyAlgorithm:
        """The algorithm as a group of so many has it; nobody is in it yet."""
        return rekey_algorithm(self.management, CIPHER, self.settings(members))


CASES: Final = (
    Case(FLAT, "flat", eviction="own-keys"),
    Case("flat re-pull", "flat"),
    Case("lkh, degree 2", "lkh", degree=2),
    Case("lkh, degree 3", "lkh", degree=3),
    Case("lkh, degree 4", "lkh", degree=4),
    Case("lkh, degree 8", "lkh", degree=8),
    Case("oft", "oft"),
)


def group_policy(signature: str, **more: Any) -> RekeyPolicy:
    """An SA2 by multicast, else as the defaults are: AES of 128 bits."""
    return RekeyPolicy(source="192.0.2.1", destination="239.192.0.1", signature=signature, **more)


def _cipher() -> CBCCipher:
    suite = rekey_suite(group_policy("ecdsa-256-sha256"), None)
    return kek_cipher(suite.encryption, suite.key_length)


CIPHER: Final = _cipher()


def member(number: int) -> Identity:
    """Each number is another member's."""
    return Identity(GDOIIDType.ID_FQDN, f"member{number}.example")
