"""Numbers of this library's own for one-way function trees. No standard has them."""

from __future__ import annotations

from typing import Final

from gsakmp.registries._open import OpenEnum

__all__ = ["OFTKeyAttribute", "OFTValueType"]

OWN: Final = "gsakmp, private use"


class OFTKeyAttribute(
    OpenEnum, width=16, source=OWN, private=((128, 255),), reserved=((0, 0),), extra=range(1, 4)
):
    """The attributes of an OFT key packet: type 240 of `KeyDownloadType`. They are numbered as those of an
    LKH key packet are (RFC 6407, 5.6.3)."""

    OFT_DOWNLOAD_ARRAY = 1, OWN, "V"
    OFT_UPDATE_ARRAY = 2, OWN, "V"
    SIG_ALGORITHM_KEY = 3, OWN, "V"


class OFTValueType(
    OpenEnum, width=8, source=OWN, private=((128, 255),), reserved=((0, 0),), extra=range(1, 4)
):
    """What an OFT key says of its node (`gsakmp.group.rekey.oft`)."""

    LEAF_SECRET = 1, OWN
    BLINDED_SECRET = 2, OWN
    VACANT = 3, OWN
