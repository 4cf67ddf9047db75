"""Where the provider's exceptions become ours."""

from __future__ import annotations

from types import TracebackType
from typing import Final

from cryptography.exceptions import InternalError, UnsupportedAlgorithm

from gsakmp.errors import CryptoError

__all__ = ["PROVIDER"]

# Values are checked before they are handed over, so what the provider still refuses is its own limit. A
# warning is an exception where the caller's filters say so.
_FAILURES: Final = (UnsupportedAlgorithm, InternalError, ValueError, TypeError, OverflowError, Warning)


class _Provider:
    """``with PROVIDER:`` around a call of the provider; what it fails with leaves as `CryptoError`.

    It keeps no state, so one object serves every thread.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if isinstance(error, _FAILURES):
            raise CryptoError(f"the cryptographic provider failed: {error}") from error


PROVIDER: Final = _Provider()
