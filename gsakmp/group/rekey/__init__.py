"""Rekey algorithms: who gets which key when membership changes, behind one interface.

An algorithm has a name, which `RekeyPolicy.management` says; `register` adds one of your own. What a member
needs follows from KEK_MANAGEMENT_ALGORITHM, since it knows no name: `register_member_keys` adds to that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gsakmp.crypto import CBCCipher
from gsakmp.errors import ConfigurationError
from gsakmp.group.rekey.flat import FlatRekey
from gsakmp.group.rekey.interface import MemberKeys, RekeyAlgorithm, RekeyPlan
from gsakmp.group.rekey.paths import PathKeys
from gsakmp.registries import KEKManagementAlgorithm

__all__ = [
    "FlatRekey",
    "MemberKeys",
    "PathKeys",
    "RekeyAlgorithm",
    "RekeyPlan",
    "member_keys",
    "register",
    "register_member_keys",
    "rekey_algorithm",
    "rekey_algorithms",
]

Factory = Callable[[CBCCipher, str], RekeyAlgorithm]
"""Makes an algorithm for a Rekey SA whose KEK is for the cipher, with the policy's `eviction`."""
MemberFactory = Callable[[CBCCipher], MemberKeys]

_ALGORITHMS: Final[dict[str, Factory]] = {}
_MEMBER_KEYS: Final[dict[int, MemberFactory]] = {KEKManagementAlgorithm.LKH: PathKeys}


def register(name: str, factory: Factory) -> None:
    """Give an algorithm its name. Raises `ConfigurationError` for one that is taken, or empty."""
    if not name or name in _ALGORITHMS:
        raise ConfigurationError(f"a rekey algorithm can't be called {name!r}: that name is taken or empty")
    _ALGORITHMS[name] = factory


def register_member_keys(management: int, factory: MemberFactory) -> None:
    """What a member holds under a KEK_MANAGEMENT_ALGORITHM, of its private range perhaps (RFC 6407, 5.3.1).
    Raises `ConfigurationError` for a number that is taken."""
    if management in _MEMBER_KEYS:
        raise ConfigurationError(f"KEK_MANAGEMENT_ALGORITHM {management} has member keys already")
    _MEMBER_KEYS[management] = factory


def rekey_algorithms() -> tuple[str, ...]:
    """The names that there are."""
    return tuple(_ALGORITHMS)


def rekey_algorithm(name: str, cipher: CBCCipher, *, eviction: str = "re-pull") -> RekeyAlgorithm:
    """The algorithm of that name, `RekeyPolicy.management`; `eviction` is the policy's, too.

    Raises `ConfigurationError` for a name that there is not.
    """
    factory = _ALGORITHMS.get(name)
    if factory is None:
        raise ConfigurationError(f"{name!r} is no rekey algorithm; there are {', '.join(_ALGORITHMS)}")
    return factory(cipher, eviction)


def member_keys(cipher: CBCCipher, management: KEKManagementAlgorithm | None = None) -> MemberKeys:
    """What a member holds beside the KEK. Without a KEK_MANAGEMENT_ALGORITHM, which a pull never has
    (RFC 6407, 5.3), it understands LKH.

    Raises `ConfigurationError` for a number that nothing is registered for.
    """
    number = KEKManagementAlgorithm.LKH if management is None else management
    factory = _MEMBER_KEYS.get(number)
    if factory is None:
        raise ConfigurationError(f"KEK_MANAGEMENT_ALGORITHM {number!r} is not supported")
    return factory(cipher)


def _flat(cipher: CBCCipher, eviction: str) -> RekeyAlgorithm:
    if eviction not in ("own-keys", "re-pull"):
        raise ConfigurationError(f"flat: eviction is own-keys or re-pull, not {eviction!r}")
    return FlatRekey(cipher, own_keys=eviction == "own-keys")


register("flat", _flat)
