"""Attribute lists read strictly, and errors that say where: shared by what reads SA and KD payloads.

"A GDOI implementation MUST abort if it encounters an attribute or capability that it does not understand"
(RFC 6407, 5.3.2 and 5.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from gsakmp.errors import DecodeError, PolicyRefused
from gsakmp.payloads import Attribute
from gsakmp.registries import LKHKeyAttribute, NotifyType

__all__ = ["read_number", "read_octets", "read_values", "refused", "type_name", "unsupported", "within"]

BASIC: Final = 0xFFFF
"""The largest value of a TV attribute (RFC 2408, 3.3)."""
LARGEST: Final = 0xFFFF_FFFF
"""No number of a group's policy has more than four octets (RFC 6407, 5.3.4)."""


def read_values(
    attributes: Iterable[Attribute],
    registry: Any,
    path: str,
    unwanted: Iterable[int] = (),
    *,
    octets: bool = False,
    wide: int | None = None,
) -> dict[int, Any]:
    """The values by type: numbers of 16 bits, that of type `wide` of 32; or octets, where `octets` says
    so; in an LKH key packet whatever there is.

    Raises `PolicyRefused` for types that are unknown or `unwanted`, `DecodeError` for one that is
    there twice.
    """
    known = {int(member) for member in registry} - set(unwanted)
    values: dict[int, Any] = {}
    for attribute in attributes:
        place = f"{path}.{type_name(registry, attribute.type)}"
        if attribute.type not in known:
            raise refused(place, "the attribute is not supported", NotifyType.ATTRIBUTES_NOT_SUPPORTED)
        if attribute.type in values:
            raise DecodeError("the attribute is there twice", place)
        value = attribute.value
        if octets:
            value = read_octets(value, place)
        elif registry is not LKHKeyAttribute:
            value = read_number(value, LARGEST if attribute.type == wide else BASIC, place)
        values[attribute.type] = value
    return values


def read_number(value: object, largest: int, path: str) -> int:
    """A number from 0 to `largest`. Raises `DecodeError`."""
    if not isinstance(value, int) or not 0 <= value <= largest:
        raise DecodeError(f"a number from 0 to {largest} is needed", path)
    return int(value)


def read_octets(value: object, path: str) -> bytes:
    """Raises `DecodeError` for what is no octets (an attribute in TV form)."""
    if not isinstance(value, bytes):
        raise DecodeError("octets are needed", path)
    return value


def type_name(registry: Any, number: int) -> str:
    """An attribute type by its registry's name."""
    return str(registry(number).name)


def refused(path: str, problem: str, notify_type: int | None = None) -> PolicyRefused:
    """The error for what stands at `path`."""
    error = PolicyRefused(f"{path}: {problem}")
    if notify_type is not None:
        error.notify_type = notify_type
    return error


def unsupported(problem: str) -> PolicyRefused:
    """For the value of an attribute that is not supported (RFC 2407, 4.5.3)."""
    error = PolicyRefused(problem)
    error.notify_type = NotifyType.ATTRIBUTES_NOT_SUPPORTED
    return error


@contextmanager
def within(path: str) -> Iterator[None]:
    """Puts the place in front of what is refused inside."""
    try:
        yield
    except DecodeError as error:
        raise error.within(path) from None
    except PolicyRefused as error:
        raise refused(path, str(error), error.notify_type) from None
