"""Numbers of this library's own, for keys by period: MARKS and NARK. No standard has them."""

from __future__ import annotations

from typing import Final

from gsakmp.registries._open import OpenEnum

__all__ = ["MARKSAttribute", "ModuleSealing", "PeriodConstruction"]

OWN: Final = "gsakmp, private use"


class MARKSAttribute(
    OpenEnum, width=16, source=OWN, private=((128, 255),), reserved=((0, 0),), extra=range(1, 5)
):
    """The attributes of a MARKS or NARK key packet: types 241 and 242 of `KeyDownloadType`."""

    PERIOD_SEQUENCE = 1, OWN, "V"
    PERIOD_INTERVAL = 2, OWN, "V"
    PERIOD_SEEDS = 3, OWN, "V"
    SEALED_SEEDS = 4, OWN, "V"


class PeriodConstruction(
    OpenEnum, width=8, source=OWN, private=((128, 255),), reserved=((0, 0),), extra=range(1, 3)
):
    """How the keys of a sequence follow from its seeds (`gsakmp.group.rekey.marks`)."""

    BINARY_HASH_TREE = 1, OWN
    BIDIRECTIONAL_HASH_CHAIN = 2, OWN


class ModuleSealing(
    OpenEnum, width=8, source=OWN, private=((128, 255),), reserved=((0, 0),), extra=range(1, 2)
):
    """How seeds are sealed to a receiver's module (`gsakmp.crypto.sealed`)."""

    X25519_HKDF_SHA256_AES_256_GCM = 1, OWN
