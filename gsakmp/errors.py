"""The exceptions: one tree, so that ``except GsakmpError`` is enough around any public call.

What the caller asked for wrongly is a `LocalError`; what the other side's octets or behaviour
break is a `RemoteError`; a failing cryptographic provider is a `CryptoError`; anything else is a
bug here and surfaces as an `InternalError`.
"""

from __future__ import annotations

__all__ = [
    "AuthenticationFailed",
    "CaptureError",
    "ConfigurationError",
    "CryptoError",
    "DecodeError",
    "EncodeError",
    "GsakmpError",
    "InternalError",
    "InvalidHash",
    "InvalidSignature",
    "LengthMismatch",
    "LimitExceeded",
    "LocalError",
    "PolicyRefused",
    "RemoteError",
    "ReplayDetected",
    "StateError",
    "TrailingOctets",
    "Truncated",
    "UnexpectedMessage",
]


LONGEST_PROBLEM = 500
"""Characters of an error's text: what a peer or a caller gave is quoted in it only so far."""


def shortened(problem: str) -> str:
    return problem if len(problem) <= LONGEST_PROBLEM else problem[:LONGEST_PROBLEM] + "..."


class GsakmpError(Exception):
    """The root of every exception that a public call raises."""


class LocalError(GsakmpError):
    """You asked for something impossible."""


class EncodeError(LocalError):
    """A value does not fit the layout that it is to be built into.

    `path` names the field, outermost first: ``payloads[0].proposals[1].spi``.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        problem = shortened(problem)
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    def within(self, place: str) -> EncodeError:
        """The same error, seen from one level further out."""
        return type(self)(self.problem, joined(place, self.path))

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class StateError(LocalError):
    """The call does not fit the state that the object is in."""


class ConfigurationError(LocalError):
    """A configuration, a policy or a set of arguments contradicts itself."""


class RemoteError(GsakmpError):
    """The peer's octets or behaviour; `notify_type` is what to answer on the wire (RFC 2408, 3.14.1)."""

    notify_type: int | None = None


class DecodeError(RemoteError):
    """Octets that break their layout.

    `path` names the field, outermost first; `offset` counts octets from the start of what was
    given to the parser.
    """

    notify_type: int | None = 16  # PAYLOAD-MALFORMED

    def __init__(self, problem: str, path: str = "", offset: int = 0) -> None:
        super().__init__(problem, path, offset)
        self.problem = problem
        self.path = path
        self.offset = offset

    def within(self, place: str) -> DecodeError:
        """The same error, seen from one level further out."""
        return type(self)(self.problem, joined(place, self.path), self.offset)

    def __str__(self) -> str:
        where = f"{self.path} at octet {self.offset}" if self.path else f"octet {self.offset}"
        return f"{where}: {self.problem}"


class Truncated(DecodeError):
    """The octets end before the field does."""


class TrailingOctets(DecodeError):
    """Octets are left over after the last field."""


class LengthMismatch(DecodeError):
    """A length or count contradicts the octets that it speaks of."""

    notify_type: int | None = 30  # UNEQUAL-PAYLOAD-LENGTHS


class LimitExceeded(DecodeError):
    """More than `gsakmp.limits` allows from an untrusted peer."""


class CaptureError(DecodeError):
    """A capture file that breaks off or contradicts its own format; `path` is the file's."""


class UnexpectedMessage(RemoteError):
    """A well-formed message that has no place in the exchange's present state."""


class PolicyRefused(RemoteError):
    """The peer asks for, or offers, what policy does not allow."""

    notify_type: int | None = 14  # NO-PROPOSAL-CHOSEN


class AuthenticationFailed(RemoteError):
    """The message is not from whom it claims to be, or not fresh."""

    notify_type: int | None = 24  # AUTHENTICATION-FAILED


class InvalidSignature(AuthenticationFailed):
    """The signature is not that of the key it must be."""


class InvalidHash(AuthenticationFailed):
    """The keyed hash is not that of the key it must be."""


class ReplayDetected(AuthenticationFailed):
    """The sequence number or nonce was seen before."""


class CryptoError(GsakmpError):
    """The cryptographic provider failed or lacks what is needed."""


class InternalError(GsakmpError):
    """A bug here. Please report it with the octets that show it."""


def joined(outer: str, inner: str) -> str:
    """Two pieces of a path as one: ``a`` and ``b`` give ``a.b``, ``a`` and ``[1]`` give ``a[1]``."""
    if not inner or not outer or inner.startswith("["):
        return outer + inner
    return f"{outer}.{inner}"
