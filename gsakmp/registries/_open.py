"""Open registries: enumerations of what is assigned that also take every number that is not.

A peer may send any number that fits its field, so a registry here never refuses one: a number that
nobody assigned becomes a member of the same class, named after its range (``UNASSIGNED_77``,
``PRIVATE_USE_200``, ``RESERVED_0``), made anew each time and never stored.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import ClassVar, Final, Literal, Protocol, Self, TypeVar

from gsakmp.errors import EncodeError

__all__ = ["Form", "Lookup", "OpenEnum", "OpenFlag", "Ranges"]

Form = Literal["B", "V"]
"""How an attribute may be written: ``B`` (basic) is type/value, ``V`` (variable) is type/length/value."""

Ranges = tuple[tuple[int, int], ...]
"""First and last number of each range, both included."""

PREFIXES: Final = ("UNASSIGNED_", "PRIVATE_USE_", "RESERVED_")
"""What the names of members that nobody declared start with; the number follows."""

OCTET: Final = 8
"""Bits of an octet."""

TEXT_LENGTH: Final = 100
"""Characters of a name or number that `OpenEnum.from_text` looks at; the longest name has about 50."""

_M = TypeVar("_M", bound=enum.IntEnum | enum.IntFlag)
_M_co = TypeVar("_M_co", bound=enum.IntEnum | enum.IntFlag, covariant=True)


class Lookup(Protocol[_M_co]):
    """What `OpenEnum.lookup` is: ``lookup[value]`` equals ``Class(value)`` for a number off the wire."""

    def __getitem__(self, value: int, /) -> _M_co: ...


class _Table(dict[int, _M]):
    """The members by number. What is missing is made by the class and not kept, so memory is bounded."""

    def __init__(self, owner: type[_M]) -> None:
        super().__init__((value, owner(value)) for value in owner._value2member_map_)
        self._owner = owner

    def __missing__(self, value: int) -> _M:
        return self._owner(value)


class _LookupField:
    """Makes the table of a class when it is first asked for, and puts it in its own place."""

    def __get__(self, member: object, owner: type[_M]) -> Lookup[_M]:
        width: int | None = getattr(owner, "width", None)
        if width is None:
            raise AttributeError(f"{owner.__name__} is a base class and has no numbers")
        table: Lookup[_M] = tuple(map(owner, range(1 << OCTET))) if width == OCTET else _Table(owner)
        type.__setattr__(owner, "lookup", table)
        return table


class _Registry:
    """What enumerations of numbers and of bits share: where they stand, and how wide the field is."""

    width: ClassVar[int]
    """Bits of the field on the wire: 8, 16 or 32. An attribute type shares its 16 with the AF bit."""
    source: ClassVar[str]
    """Where the numbers stand: RFC sections and the IANA registry."""
    private: ClassVar[Ranges]
    """The ranges that are left to private use; of a bitmap, the bits, each as a range of one."""
    iana: ClassVar[tuple[str, ...]]
    """The IANA registries that this class claims to hold, each as ``file/registry id``."""

    lookup = _LookupField()
    """``Class.lookup[n]`` equals ``Class(n)`` for a number off the wire, and is several times faster."""


class OpenEnum(_Registry, enum.IntEnum):
    """A registry of numbers; a base class that is told about its field by class keywords.

    ::

        class KEKAttribute(OpenEnum, width=16, source="RFC 6407, 5.3; ...", private=((128, 255),)):
            KEK_KEY_LIFETIME = 4, "RFC 3547", "V"

    A member is its number, then the document that assigns it, then for attributes the form. Members
    are ints in every respect. ``Class(n)`` works for each ``n`` that fits the field, and raises
    ValueError for what does not: a negative number, one too large, or no number at all.
    """

    _value_: int
    reference: str
    """The document that assigns the number, such as ``RFC 6407``; empty where nobody does."""
    form: Form | None
    """``B`` or ``V`` in a registry of attributes, else None."""

    reserved: ClassVar[Ranges]
    """The ranges that the registry reserves, assigned to nothing."""
    extra: ClassVar[frozenset[int]]
    """Members that those registries lack; `reference` of each says where it comes from."""

    def __new__(cls, value: int, reference: str = "", form: Form | None = None) -> Self:
        """Called for each member while the class is declared, never afterwards."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.reference = reference
        member.form = form
        return member

    def __init_subclass__(
        cls,
        *,
        width: int,
        source: str,
        private: Ranges = (),
        reserved: Ranges = (),
        iana: tuple[str, ...] = (),
        extra: Iterable[int] = (),
    ) -> None:
        super().__init_subclass__()
        cls.width = width
        cls.source = source
        cls.private = private
        cls.reserved = reserved
        cls.iana = iana
        cls.extra = frozenset(extra)

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or not 0 <= value < 1 << cls.width:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"{_prefix(value, cls.private, cls.reserved)}{int(value)}"
        member._value_ = int(value)
        member.reference = ""
        member.form = None
        return member

    def __reduce_ex__(self, protocol: object) -> tuple[type[Self], tuple[int]]:
        return type(self), (self._value_,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def named(self) -> bool:
        """Whether the number has a name here: IANA's, an RFC's, or of a draft that peers use."""
        return self._value_ in type(self)._value2member_map_

    @property
    def assigned(self) -> bool:
        """Whether IANA or an RFC assigns the number; false for what only a draft or a vendor uses."""
        if self._value_ in type(self).extra:
            return self.reference.startswith("RFC ")
        return self.named and self.reference != ""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The member that a name or a number stands for.

        Takes a name in either case with ``_``, ``-`` or a space between its words, a name such as
        ``UNASSIGNED_77``, and a number in decimal or in hexadecimal after ``0x``. Anything else
        raises `gsakmp.errors.EncodeError`.
        """
        word = _word(text)
        named = cls.__members__.get(word)
        if named is not None:
            return named
        value = _number(word)
        if value is None or value >= 1 << cls.width:
            raise _unknown(cls, text, cls.width)
        return cls(value)

    @classmethod
    def to_text(cls, value: int) -> str:
        """The name of a number, such as that `from_text` takes it back; EncodeError if it does not fit."""
        try:
            return cls(value).name
        except ValueError:
            raise _unknown(cls, value, cls.width) from None


class OpenFlag(_Registry, enum.IntFlag):
    """A registry of bits; unknown ones are kept. Class keywords as for `OpenEnum`.

    ``Class(n)`` takes what fits the field and raises ValueError for anything else. As everywhere in
    Python, a negative `n` means the bits that ``~n`` has not.
    """

    _value_: int
    reference: ClassVar[str]
    """The document that assigns every bit."""

    def __init_subclass__(
        cls, *, width: int, source: str, reference: str, private: Ranges = (), iana: tuple[str, ...] = ()
    ) -> None:
        super().__init_subclass__()
        cls.width = width
        cls.source = source
        cls.reference = reference
        cls.private = private
        cls.iana = iana

    @classmethod
    def _missing_(cls, value: object) -> Self:
        room = 1 << cls.width
        if not isinstance(value, int) or not -room <= value < room:
            raise ValueError(f"{value!r} is not a valid {cls.__name__}: it has {cls.width} bits")
        if value < 0:  # what ~flag asks for: the other bits of the field
            return cls(value + room)
        member: Self = super()._missing_(value)
        # The standard library keeps every combination that it ever made; a peer picks from 2**32.
        cls._value2member_map_.pop(value, None)
        return member

    @property
    def named(self) -> bool:
        """Whether every bit that is set has a name."""
        known = 0
        for member in type(self):
            known |= member._value_
        return self._value_ & ~known == 0

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The bits that names joined with ``|``, or a number, stand for; EncodeError for anything else."""
        value = 0
        given: object = text
        if isinstance(given, str) and len(given) > TEXT_LENGTH * cls.width:
            raise _unknown(cls, text[:TEXT_LENGTH], cls.width)
        for piece in _pieces(text):
            word = _word(piece)
            named = cls.__members__.get(word)
            number = _number(word) if named is None else named._value_
            if number is None or number >= 1 << cls.width:
                raise _unknown(cls, piece, cls.width)
            value |= number
        return cls(value)

    @classmethod
    def to_text(cls, value: int) -> str:
        """The names of the bits joined with ``|``, unknown ones as one number, ``0`` for none."""
        if not _fits(value, cls.width):
            raise _unknown(cls, value, cls.width)
        left = int(value)
        names = [member.name or "" for member in cls if member._value_ & left]
        for member in cls:
            left &= ~member._value_
        return "|".join([*names, f"0x{left:x}"] if left else names) or "0"


def _prefix(value: int, private: Ranges, reserved: Ranges) -> str:
    unassigned, private_use, kept = PREFIXES
    if any(first <= value <= last for first, last in private):
        return private_use
    return kept if any(first <= value <= last for first, last in reserved) else unassigned


def _fits(value: object, width: int) -> bool:
    return isinstance(value, int) and 0 <= value < 1 << width


def _pieces(text: object) -> list[object]:
    return [*text.split("|")] if isinstance(text, str) else [text]


def _word(text: object) -> str:
    """A text as the names are written; nothing at all for what cannot be one."""
    if not isinstance(text, str) or len(text) > TEXT_LENGTH:
        return ""
    return text.strip().upper().replace("-", "_").replace(" ", "_")


def _number(word: str) -> int | None:
    """The number that a word ends in or is; None where it is neither."""
    prefix = next(filter(word.startswith, PREFIXES), "")
    word = word.removeprefix(prefix)
    digits, base = (word[2:], 16) if word.startswith("0X") else (word, 10)
    if not digits.isascii() or not digits.isalnum():
        return None
    try:
        return int(digits, base)
    except ValueError:
        return None


def _unknown(cls: type[OpenEnum] | type[OpenFlag], value: object, width: int) -> EncodeError:
    names = ", ".join(cls.__members__)
    shown = hex(value) if isinstance(value, int) else repr(value)  # decimal refuses thousands of digits
    shown = shown if len(shown) <= TEXT_LENGTH else shown[:TEXT_LENGTH] + "..."
    return EncodeError(
        f"{shown} is no {cls.__name__}: a name ({names}) or a number from 0 to {(1 << width) - 1}"
    )
