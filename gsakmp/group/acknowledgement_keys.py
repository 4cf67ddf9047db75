"""The base key of acknowledgements of pushes (RFC 8263, 2.1 to 2.4): the KEK's, or a member's own."""

from __future__ import annotations

from typing import Final

from gsakmp.crypto import KEK, kek_cipher
from gsakmp.errors import StateError
from gsakmp.group.sa import RekeySA
from gsakmp.registries import KEKAckRequested

__all__ = ["WITH_LEAF_KEY", "acknowledgement_base_key"]

WITH_LEAF_KEY: Final = frozenset({KEKAckRequested.REKEY_ACK_LKH_SHA256, KEKAckRequested.REKEY_ACK_LKH_SHA512})
"""The kinds whose base key is the member's own, not the KEK that all have (RFC 8263, 2.2 and 2.4)."""


def acknowledgement_base_key(sa: RekeySA, leaf_key: bytes = b"") -> bytes:
    """The base key of the ACKs that `sa` asks for, without IV (RFC 8263, 2.1 to 2.4): of the KEK, or of
    `leaf_key`, the Key Data (IV, then key) of the first key of the member's LKH_DOWNLOAD_ARRAY.

    Raises `StateError` where the SA asks for none, or for a leaf key that there is not, and `LengthMismatch`
    for one of the wrong size.
    """
    requested = sa.suite.acknowledgement
    if requested is None:
        raise StateError("this Rekey SA asks for no acknowledgement")
    if requested in WITH_LEAF_KEY and not leaf_key:
        raise StateError(f"{requested.name} needs the member's own key, and there is none")
    cipher = kek_cipher(sa.suite.encryption, sa.suite.key_length, allow_weak=True)  # whoever made `sa` agreed
    return KEK.parse(cipher, leaf_key if requested in WITH_LEAF_KEY else sa.key).key
