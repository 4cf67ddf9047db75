"""Where the provider's exceptions become ours."""

from __future__ import annotations

from types import TracebackType
from typing import Final

from cryptography.exceptions import InternalError, UnsupportedAlgorithm

from gsakmp.errors import CryptoError

__all__ = ["PROVIDER", "PROVIDER_FAILURES", "failed"]

# Values are checked before they are handed over, so what the provider still refuses is its own limit. A
# warning is an exception where the caller's filters say so.
PROVIDER_FAILURES: Final = (
    *(UnsupportedAlgorithm, InternalError, ValueError, TypeError, OverflowError, Warning),
)


def failed(error: BaseException) -> CryptoError:
    """What a failure of the provider leaves as, where the calls are many and small and `PROVIDER` would take
    as long as they do."""
    return CryptoError(f"the cryptographic provider failed: {error}")


class _Provider:
    """``with PROVIDER:`` around a call of the provider; what it fails with leaves as `CryptoError`.

    It keeps no state, so one object serves every thread.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is not None and isinstance(error, PROVIDER_FAILURES):
            raise failed(error) from error


PROVIDER: Final = _Provider()
