"""What a policy says to its rekey algorithm, and whether the two fit."""

from __future__ import annotations

from math import ceil
from typing import Final

from msgspec.structs import fields

from gsakmp.crypto import CBCCipher
from gsakmp.errors import ConfigurationError
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.rekey import RekeyAlgorithm, RekeySettings, rekey_algorithm
from gsakmp.group.rekey.flat import NODES
from gsakmp.group.rekey.lkh import trees_for
from gsakmp.limits import GROUP_MEMBERS

__all__ = ["check_rekey_algorithm", "settings_of"]

_OF: Final = {
    "eviction": ("flat",),
    "degree": ("lkh",),
    "trees": ("lkh", "flat"),
}
"""Which of the algorithms here have a setting; those of others may have any."""
_HERE: Final = ("flat", "lkh", "oft")
_DEFAULTS: Final = {part.name: part.default for part in fields(RekeyPolicy)}


def settings_of(rekey: RekeyPolicy) -> RekeySettings:
    """What the policy says to the algorithm."""
    return RekeySettings(eviction=rekey.eviction, degree=rekey.degree, trees=rekey.trees)


def check_rekey_algorithm(rekey: RekeyPolicy, cipher: CBCCipher) -> None:
    """Raises `ConfigurationError` for an algorithm that there is not, for a setting that is not its, and for
    more members than it has room for."""
    algorithm = rekey_algorithm(rekey.management, cipher, settings_of(rekey))
    for setting, names in _OF.items():
        given = getattr(rekey, setting) != _DEFAULTS[setting]
        if given and rekey.management in _HERE and rekey.management not in names:
            raise ConfigurationError(
                f"{setting} is for {' and '.join(names)}, and management is {rekey.management!r}"
            )
    if rekey.management == "flat" and rekey.eviction == "re-pull" and rekey.trees != _DEFAULTS["trees"]:
        raise ConfigurationError("trees is for lkh and flat with own keys, and eviction is 're-pull'")
    if rekey.capacity < 0:
        raise ConfigurationError(
            f"capacity is a number of members, or 0 for as many as fit, not {rekey.capacity}"
        )
    if rekey.capacity > GROUP_MEMBERS:
        raise ConfigurationError(f"capacity {rekey.capacity}: a group has at most {GROUP_MEMBERS} members")
    if rekey.capacity > algorithm.capacity:
        raise ConfigurationError(_no_room(rekey, algorithm))


def _no_room(rekey: RekeyPolicy, algorithm: RekeyAlgorithm) -> str:
    """Who has too little room, why, and what would do."""
    trees = _trees(rekey)
    if not trees:
        return f"capacity {rekey.capacity}: {rekey.management} has room for {algorithm.capacity} members"
    return (
        f"capacity {rekey.capacity}: LKH ids have 16 bits (RFC 6407, 5.6.3.1), which is room for "
        f"{algorithm.capacity} members with trees = {rekey.trees}; trees = {trees} would do, or several "
        "rekey SAs"
    )


def _trees(rekey: RekeyPolicy) -> int:
    """With how many trees there is room enough; 0 where trees are not what is missing."""
    if rekey.management == "lkh":
        return trees_for(rekey.degree, rekey.capacity)
    if rekey.management == "flat" and rekey.eviction == "own-keys":
        return ceil(rekey.capacity / NODES)
    return 0
