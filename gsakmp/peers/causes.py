"""Why datagrams are refused, in words for counting."""

from __future__ import annotations

from typing import Final

from gsakmp.errors import (
    AuthenticationFailed,
    CryptoError,
    DecodeError,
    GsakmpError,
    InvalidHash,
    InvalidSignature,
    LimitExceeded,
    PolicyRefused,
    ReplayDetected,
    UnexpectedMessage,
)

__all__ = ["cause_of"]

BY_CLASS: Final[tuple[tuple[type[GsakmpError], str], ...]] = (
    (LimitExceeded, "limit"),
    (DecodeError, "malformed"),
    (ReplayDetected, "replay"),
    (InvalidHash, "hash"),
    (InvalidSignature, "signature"),
    (AuthenticationFailed, "authentication"),
    (PolicyRefused, "policy"),
    (UnexpectedMessage, "unexpected"),
    (CryptoError, "crypto"),
    (GsakmpError, "local"),
)
"""The more special ones first. Beside them ``queue`` counts what could not be sent."""


def cause_of(error: GsakmpError) -> str:
    """The word for an error."""
    return next(cause for kind, cause in BY_CLASS if isinstance(error, kind))
