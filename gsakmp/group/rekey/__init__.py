"""Rekey algorithms: who gets which key when membership changes, behind one interface.

An algorithm has a name, which `RekeyPolicy.management` says; `register` adds one of your own. A member knows
no name, and KEK_MANAGEMENT_ALGORITHM must not be in a pull (RFC 6407, 5.3): what it holds follows from the KD
type of the key packets that it is given there. `register_member_keys` adds to that, and says which
KEK_MANAGEMENT_ALGORITHM pushes then have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from gsakmp.crypto import CBCCipher
from gsakmp.errors import ConfigurationError
from gsakmp.group.rekey.flat import FlatRekey
from gsakmp.group.rekey.interface import (
    Exhausted,
    MemberKeys,
    Place,
    RekeyAlgorithm,
    RekeyPlan,
    RekeySettings,
    TreeNode,
)
from gsakmp.group.rekey.lkh import LKHRekey
from gsakmp.group.rekey.oft import OFTRekey
from gsakmp.group.rekey.oft_member import OFTKeys
from gsakmp.group.rekey.paths import PathKeys
from gsakmp.limits import GROUP_MEMBERS
from gsakmp.payloads import KeyPacket
from gsakmp.registries import KEKManagementAlgorithm, KeyDownloadType

__all__ = [
    "Exhausted",
    "FlatRekey",
    "LKHRekey",
    "MemberKeys",
    "OFTKeys",
    "OFTRekey",
    "PathKeys",
    "Place",
    "RekeyAlgorithm",
    "RekeyPlan",
    "RekeySettings",
    "TreeNode",
    "download_types",
    "is_management",
    "management_of",
    "member_keys",
    "register",
    "register_member_keys",
    "rekey_algorithm",
    "rekey_algorithms",
]

Factory = Callable[[CBCCipher, RekeySettings], RekeyAlgorithm]
"""Makes an algorithm for a Rekey SA whose KEK is for the cipher. Raises `ConfigurationError` for settings
that it can't work with."""
MemberFactory = Callable[[CBCCipher], MemberKeys]


class _MemberSide(NamedTuple):
    management: KEKManagementAlgorithm
    factory: MemberFactory


_ALGORITHMS: Final[dict[str, Factory]] = {}
_OF_DATA: Final = ("marks", "nark")
"""What is told beside the algorithms, and rekeys no SA2: `gsakmp.group.policy.PeriodPolicy`."""
_MEMBER_SIDES: Final[dict[int, _MemberSide]] = {}
"""By the KD type of an algorithm's key packets."""


def register(name: str, factory: Factory) -> None:
    """Give an algorithm its name. Raises `ConfigurationError` for one that is taken, or empty."""
    if not name or name in _ALGORITHMS:
        raise ConfigurationError(f"a rekey algorithm can't be called {name!r}: that name is taken or empty")
    _ALGORITHMS[name] = factory


def register_member_keys(management: int, kd_type: int, factory: MemberFactory) -> None:
    """What a member holds that is given key packets of a KD type, and the KEK_MANAGEMENT_ALGORITHM that
    pushes then have. Private numbers are 128 to 255 for both (RFC 6407, 5.3.1 and 5.6).

    Raises `ConfigurationError` for a number that is taken, one that KD or the attribute has no room for, and
    a KD type that stands for something else.
    """
    taken = {*_MEMBER_SIDES, KeyDownloadType.TEK, KeyDownloadType.KEK, KeyDownloadType.SID}
    if kd_type in taken or any(side.management == management for side in _MEMBER_SIDES.values()):
        raise ConfigurationError(
            f"KEK_MANAGEMENT_ALGORITHM {management} or the KD type {kd_type} has member keys already"
        )
    if not 0 < management <= 0xFFFF or not 0 < kd_type <= 0xFF:
        raise ConfigurationError("a KEK_MANAGEMENT_ALGORITHM has 16 bits and a KD type 8, and none is zero")
    _MEMBER_SIDES[int(kd_type)] = _MemberSide(KEKManagementAlgorithm(management), factory)


def rekey_algorithms() -> tuple[str, ...]:
    """The names that there are."""
    return tuple(_ALGORITHMS)


def rekey_algorithm(
    name: str,
    cipher: CBCCipher,
    settings: RekeySettings = RekeySettings(),  # noqa: B008  (it is frozen)
) -> RekeyAlgorithm:
    """The algorithm of that name, `RekeyPolicy.management`.

    Raises `ConfigurationError` for a name that there is not, and for settings that are none of its.
    """
    factory = _ALGORITHMS.get(name)
    if factory is None:
        instead = " (it makes data keys: groups.data.periods)" if name in _OF_DATA else ""
        known = ", ".join(_ALGORITHMS)
        raise ConfigurationError(f"{name!r} is no rekey algorithm{instead}; there are {known}")
    return factory(cipher, settings)


def download_types() -> frozenset[int]:
    """The KD types of key packets that are a rekey algorithm's."""
    return frozenset(_MEMBER_SIDES)


def is_management(number: int) -> bool:
    """Whether members here understand a KEK_MANAGEMENT_ALGORITHM."""
    return any(side.management == number for side in _MEMBER_SIDES.values())


def management_of(packets: Iterable[KeyPacket]) -> KEKManagementAlgorithm:
    """The KEK_MANAGEMENT_ALGORITHM of a member that is given these key packets; LKH, which alone has a
    standard, where none is an algorithm's."""
    return _side(packets).management


def member_keys(cipher: CBCCipher, packets: Iterable[KeyPacket] = ()) -> MemberKeys:
    """What a member holds beside the KEK, that is given these key packets by a pull. Nothing is in it yet.

    Raises `ConfigurationError` for packets of two algorithms.
    """
    return _side(packets).factory(cipher)


def _side(packets: Iterable[KeyPacket]) -> _MemberSide:
    found = {int(packet.kd_type) for packet in packets} & _MEMBER_SIDES.keys()
    if len(found) > 1:
        raise ConfigurationError(f"key packets of several rekey algorithms: KD types {sorted(found)}")
    return _MEMBER_SIDES[found.pop() if found else KeyDownloadType.LKH]


def _flat(cipher: CBCCipher, settings: RekeySettings) -> RekeyAlgorithm:
    if settings.eviction not in ("own-keys", "re-pull"):
        raise ConfigurationError(f"flat: eviction is own-keys or re-pull, not {settings.eviction!r}")
    if settings.trees < 1:
        raise ConfigurationError(f"flat: there is a tree at least, not {settings.trees}")
    return FlatRekey(cipher, own_keys=settings.eviction == "own-keys", trees=settings.trees)


def _lkh(cipher: CBCCipher, settings: RekeySettings) -> RekeyAlgorithm:
    return LKHRekey(cipher, degree=settings.degree, trees=settings.trees)


def _oft(cipher: CBCCipher, _settings: RekeySettings) -> RekeyAlgorithm:
    return OFTRekey(cipher, capacity=GROUP_MEMBERS)


register("flat", _flat)
register("lkh", _lkh)
register("oft", _oft)
register_member_keys(KEKManagementAlgorithm.LKH, KeyDownloadType.LKH, PathKeys)
register_member_keys(KEKManagementAlgorithm.OFT, KeyDownloadType.OFT, OFTKeys)
